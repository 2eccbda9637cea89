//! Which kind of message it is.

use crate::wire::json::Str;

/// The kind of a message, from its `message_type` (protocol section 12.1).
///
/// ```
/// use larkwire_core::content::Kind;
/// assert_eq!(Kind::from("video"), Kind::Media);
/// assert_eq!(Kind::from("of the future"), Kind::Unknown);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// A voice message.
    Audio,
    /// An invitation: `calendar`, `general_calendar`, `share_calendar_event`.
    Calendar,
    /// A file.
    File,
    /// A folder; what is in it cannot be downloaded.
    Folder,
    /// A red envelope.
    Hongbao,
    /// A picture.
    Image,
    /// A card.
    Interactive,
    /// A place.
    Location,
    /// A video: `media`, also `video`.
    Media,
    /// Several messages forwarded as one; they must be asked for.
    MergeForward,
    /// Rich text.
    Post,
    /// A chat's business card.
    ShareChat,
    /// A person's business card.
    ShareUser,
    /// A sticker.
    Sticker,
    /// What the platform says about the chat.
    System,
    /// Text.
    Text,
    /// A task.
    Todo,
    /// A type of the future, or none.
    Unknown,
    /// A meeting.
    VideoChat,
    /// A vote.
    Vote,
}

impl From<&str> for Kind {
    fn from(message_type: &str) -> Self {
        match message_type {
            "audio" => Self::Audio,
            "calendar" | "general_calendar" | "share_calendar_event" => Self::Calendar,
            "file" => Self::File,
            "folder" => Self::Folder,
            "hongbao" => Self::Hongbao,
            "image" => Self::Image,
            "interactive" => Self::Interactive,
            "location" => Self::Location,
            "media" | "video" => Self::Media,
            "merge_forward" => Self::MergeForward,
            "post" => Self::Post,
            "share_chat" => Self::ShareChat,
            "share_user" => Self::ShareUser,
            "sticker" => Self::Sticker,
            "system" => Self::System,
            "text" => Self::Text,
            "todo" => Self::Todo,
            "video_chat" => Self::VideoChat,
            "vote" => Self::Vote,
            _ => Self::Unknown,
        }
    }
}

impl From<Str<'_>> for Kind {
    fn from(message_type: Str<'_>) -> Self {
        // The longest known name has 20 bytes.
        message_type.unescape(&mut [0; 24]).map_or(Self::Unknown, Self::from)
    }
}
