//! The event types that have a view, by name.

use crate::wire::json::Str;

/// Which of the events with a view of their own it is, so that a name is compared once (protocol section 11.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Kind {
    BotAdded,
    BotDeleted,
    BotMenu,
    CardAction,
    ChatDisbanded,
    ChatUpdated,
    DriveComment,
    Message,
    MessageRead,
    MessageRecalled,
    Other,
    P2pChatEntered,
    ReactionCreated,
    ReactionDeleted,
    UrlPreview,
    UserAdded,
    UserDeleted,
    UserWithdrawn,
}

impl Kind {
    pub(crate) const V2: [(&str, Self); 17] = [
        ("application.bot.menu_v6", Self::BotMenu),
        ("card.action.trigger", Self::CardAction),
        ("drive.notice.comment_add_v1", Self::DriveComment),
        ("im.chat.access_event.bot_p2p_chat_entered_v1", Self::P2pChatEntered),
        ("im.chat.disbanded_v1", Self::ChatDisbanded),
        ("im.chat.member.bot.added_v1", Self::BotAdded),
        ("im.chat.member.bot.deleted_v1", Self::BotDeleted),
        ("im.chat.member.user.added_v1", Self::UserAdded),
        ("im.chat.member.user.deleted_v1", Self::UserDeleted),
        ("im.chat.member.user.withdrawn_v1", Self::UserWithdrawn),
        ("im.chat.updated_v1", Self::ChatUpdated),
        ("im.message.message_read_v1", Self::MessageRead),
        ("im.message.reaction.created_v1", Self::ReactionCreated),
        ("im.message.reaction.deleted_v1", Self::ReactionDeleted),
        ("im.message.recalled_v1", Self::MessageRecalled),
        ("im.message.receive_v1", Self::Message),
        ("url.preview.get", Self::UrlPreview),
    ];
    /// Comments came in both envelopes, hence their fields of two generations.
    pub(crate) const V1: [(&str, Self); 2] =
        [("drive.notice.comment_add_v1", Self::DriveComment), ("message", Self::Message)];

    pub(crate) fn of(names: &[(&str, Self)], event_type: Option<Str<'_>>) -> Self {
        let Some(event_type) = event_type else { return Self::Other };
        let found = match event_type.plain() {
            // Lengths tell most apart.
            Some(plain) => names.iter().find(|(name, _)| name.len() == plain.len() && *name == plain),
            None => names.iter().find(|(name, _)| event_type == *name),
        };
        found.map_or(Self::Other, |(_, kind)| *kind)
    }
}
