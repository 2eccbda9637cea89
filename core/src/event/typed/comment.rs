//! Comments in documents.

use super::fields::view;
use super::people::Ids;
use crate::time::UnixMillis;
use crate::wire::json::Str;

view! {
    /// A comment or a reply in a document: `drive.notice.comment_add_v1`. The fields have moved over time; each is read
    /// from where it is found.
    DriveComment {
        /// The comment.
        comment_id: Option<Str<'a>> = "comment_id" | "notice_meta"."comment_id";
        /// `doc`, `docx`, `sheet`, `bitable`, `slides`, `file` or a value of the future.
        file_type: Option<Str<'a>> = "file_type" | "notice_meta"."file_type";
        /// The document.
        file_token: Option<Str<'a>> = "file_token" | "notice_meta"."file_token";
        /// Who wrote it.
        from_user_id: Ids<'a> = "notice_meta"."from_user_id" | "user_id";
        /// Whether the bot was mentioned.
        is_mentioned: Option<bool> = "is_mentioned" | "notice_meta"."is_mentioned" | "is_mention";
        /// `add_comment`, `add_reply` or a value of the future.
        notice_type: Option<Str<'a>> = "notice_meta"."notice_type";
        /// The reply, when it is one.
        reply_id: Option<Str<'a>> = "reply_id" | "notice_meta"."reply_id";
        /// When; if unknown, [`Event::create_time`](crate::Event::create_time) is close.
        timestamp: Option<UnixMillis> = "create_time" | "notice_meta"."timestamp" | "action_time";
        /// Who is told.
        to_user_id: Ids<'a> = "notice_meta"."to_user_id";
    }
}

impl DriveComment<'_> {
    /// Whether there is enough to answer it: document, file type, comment and the writer's open_id.
    pub fn is_complete(&self) -> bool {
        self.file_token().is_some()
            && self.file_type().is_some()
            && self.comment_id().is_some()
            && self.from_user_id().open_id.is_some()
    }
}
