//! What happens to messages, and what a [`Message`] has besides its envelope's spans.

use super::fields::{Field as _, elements, find, view};
use super::people::Ids;
use crate::event::{Envelope, Field, Message};
use crate::time::UnixMillis;
use crate::wire::json::Str;

impl<'a> Message<'a> {
    /// Whether it is a private chat with the bot: `p2p`, or `private` in envelope v1. Everything else is a group, unknown
    /// values and none included, so that a group's rules are never by-passed.
    pub fn is_p2p(&self) -> bool {
        self.chat_type().is_some_and(|chat_type| chat_type == "p2p" || chat_type == "private")
    }

    /// Whether it came in envelope v1: with [`legacy_text`](Self::legacy_text), without [`content`](Self::content),
    /// mentions, topic, sender type and times.
    pub fn is_legacy(&self) -> bool {
        self.spans.envelope == Envelope::V1
    }

    /// `is_mention` of envelope v1: whether the bot was mentioned. `None` for other messages.
    pub fn legacy_is_mention(&self) -> Option<bool> {
        self.spans.legacy_is_mention
    }

    /// `text` of envelope v1, mentions as `<at …>` tags. `None` for other messages.
    pub fn legacy_text(&self) -> Option<Str<'a>> {
        if self.is_legacy() { self.spans.str(Field::Content, self.json) } else { None }
    }

    /// `text_without_at_bot` of envelope v1. `None` for other messages.
    pub fn legacy_text_without_at_bot(&self) -> Option<Str<'a>> {
        if self.is_legacy() { self.spans.str(Field::Mentions, self.json) } else { None }
    }

    /// The chat the sender looked at when writing to the bot's assistant window.
    pub fn active_chat_id(&self) -> Option<Str<'a>> {
        Option::field(self.body(), &[&["message", "lark_agent_context", "active_chat_id"]])
    }

    /// When it was last edited; [`create_time`](Self::create_time) if never.
    pub fn update_time(&self) -> Option<UnixMillis> {
        Option::field(self.body(), &[&["message", "update_time"]])
    }

    /// What it was written with.
    pub fn user_agent(&self) -> Option<Str<'a>> {
        Option::field(self.body(), &[&["message", "user_agent"]])
    }

    fn body(&self) -> &'a str {
        self.spans.text(Field::Event, self.json)
    }
}

impl core::fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // What people write is not for logs.
        write!(f, "Message({} bytes)", self.body().len())
    }
}

view! {
    /// Messages of the bot were read: `im.message.message_read_v1`.
    MessageRead {
        /// When.
        read_time: Option<UnixMillis> = "reader"."read_time";
        /// By whom.
        reader_id: Ids<'a> = "reader"."reader_id";
        /// The reader's organisation.
        tenant_key: Option<Str<'a>> = "reader"."tenant_key";
    }
}

impl<'a> MessageRead<'a> {
    /// `om_…`, each.
    pub fn message_id_list(&self) -> impl Iterator<Item = Str<'a>> + Clone + use<'a> {
        elements(find(self.json, &["message_id_list"]))
    }
}

view! {
    /// A message was taken back: `im.message.recalled_v1`.
    MessageRecalled {
        /// `oc_…`
        chat_id: Option<Str<'a>>;
        /// `om_…`
        message_id: Option<Str<'a>>;
        /// When.
        recall_time: Option<UnixMillis>;
        /// By whom: `message_owner`, `group_owner`, `group_manager`, `enterprise_manager` or a value of the future.
        recall_type: Option<Str<'a>>;
    }
}

view! {
    /// A reaction was added or taken away. It tells no chat; those of the bot itself come, too.
    Reaction {
        /// When.
        action_time: Option<UnixMillis>;
        /// Which app, when an app reacted.
        app_id: Option<Str<'a>>;
        /// Such as `THUMBSUP` (protocol section 14.4).
        emoji_type: Option<Str<'a>> = "reaction_type"."emoji_type";
        /// `om_…`
        message_id: Option<Str<'a>>;
        /// `user`, `app` or a value of the future.
        operator_type: Option<Str<'a>>;
        /// Who, when a person reacted.
        user_id: Ids<'a>;
    }
}

view! {
    /// Somebody opened the private chat with the bot: `im.chat.access_event.bot_p2p_chat_entered_v1`.
    P2pChatEntered {
        /// `oc_…`
        chat_id: Option<Str<'a>>;
        /// When the last message in it was written.
        last_message_create_time: Option<UnixMillis>;
        /// The last message in it.
        last_message_id: Option<Str<'a>>;
        /// Who.
        operator_id: Ids<'a>;
    }
}
