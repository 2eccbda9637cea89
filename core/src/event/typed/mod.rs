//! Typed events: a borrowed view for each event type of protocol section 11.3. A field is looked up when it is asked for.
//!
//! ```text
//! Event ── typed() ─► Typed ── one variant per event type ─► Reaction, CardAction, … over Event::body()
//!   ├──── actor() ──► Actor (who acted), chat_id(), message_id()          `view!` makes them: fields.rs
//!   └──── field() ──► Value (what has no name here)
//! ```
//!
//! All views read leniently (protocol section 11.2): absent, `null` and `""` are `None`; numbers and booleans count as
//! strings, too; a missing object is an empty view, a missing array an empty iterator; of a repeated member the last
//! wins. A view is as small as a `&str`; each look-up passes over the whole object, so take a field once.

mod actor;
mod chat;
mod comment;
mod fields;
mod interaction;
mod kind;
mod message;
mod people;

pub use actor::{Actor, ActorKind};
pub use chat::{Chat, ChatEvent, ChatUpdated, RestrictedMode};
pub use comment::DriveComment;
pub use interaction::{BotMenu, CardAction, UrlPreview};
pub use message::{MessageRead, MessageRecalled, P2pChatEntered, Reaction};
pub use people::{I18n, Ids, User};

pub(super) use kind::Kind;

use super::{Event, Message};
use crate::wire::json::Value;

/// An event by its type, from [`Event::typed`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Typed<'a> {
    /// `im.chat.member.bot.added_v1`
    BotAdded(ChatEvent<'a>),
    /// `im.chat.member.bot.deleted_v1`
    BotDeleted(ChatEvent<'a>),
    /// `application.bot.menu_v6`
    BotMenu(BotMenu<'a>),
    /// `card.action.trigger`, and the old card callback, whose [`envelope`](Event::envelope) is
    /// [`Card`](super::Envelope::Card).
    CardAction(CardAction<'a>),
    /// `im.chat.disbanded_v1`
    ChatDisbanded(ChatEvent<'a>),
    /// `im.chat.updated_v1`
    ChatUpdated(ChatUpdated<'a>),
    /// `drive.notice.comment_add_v1`
    DriveComment(DriveComment<'a>),
    /// `im.message.receive_v1`, and the `message` of envelope v1.
    Message(Message<'a>),
    /// `im.message.message_read_v1`
    MessageRead(MessageRead<'a>),
    /// `im.message.recalled_v1`
    MessageRecalled(MessageRecalled<'a>),
    /// Any other type: see [`Event::event_type`], [`Event::field`].
    Other,
    /// `im.chat.access_event.bot_p2p_chat_entered_v1`
    P2pChatEntered(P2pChatEntered<'a>),
    /// `im.message.reaction.created_v1`
    ReactionCreated(Reaction<'a>),
    /// `im.message.reaction.deleted_v1`
    ReactionDeleted(Reaction<'a>),
    /// `url.preview.get`
    UrlPreview(UrlPreview<'a>),
    /// `im.chat.member.user.added_v1`
    UserAdded(ChatEvent<'a>),
    /// `im.chat.member.user.deleted_v1`
    UserDeleted(ChatEvent<'a>),
    /// `im.chat.member.user.withdrawn_v1`: an invitation was taken back.
    UserWithdrawn(ChatEvent<'a>),
}

impl<'a> Event<'a> {
    /// The event by its type.
    ///
    /// ```
    /// use larkwire_core::{Event, Typed};
    /// fn greeting(event: &Event<'_>) -> Option<String> {
    ///     match event.typed() {
    ///         Typed::UserAdded(added) => Some(format!("welcome, {}!", added.users().next()?.name()?)),
    ///         Typed::ReactionCreated(reaction) => Some(format!("{} to you, too", reaction.emoji_type()?)),
    ///         _ => None,
    ///     }
    /// }
    /// ```
    pub fn typed(&self) -> Typed<'a> {
        let json = self.body();
        match self.spans.kind {
            Kind::BotAdded => Typed::BotAdded(ChatEvent { json }),
            Kind::BotDeleted => Typed::BotDeleted(ChatEvent { json }),
            Kind::BotMenu => Typed::BotMenu(BotMenu { json }),
            Kind::CardAction => Typed::CardAction(CardAction { json }),
            Kind::ChatDisbanded => Typed::ChatDisbanded(ChatEvent { json }),
            Kind::ChatUpdated => Typed::ChatUpdated(ChatUpdated { json }),
            Kind::DriveComment => Typed::DriveComment(DriveComment { json }),
            Kind::Message => Typed::Message(Message { json: self.json, spans: self.spans, own: self.own }),
            Kind::MessageRead => Typed::MessageRead(MessageRead { json }),
            Kind::MessageRecalled => Typed::MessageRecalled(MessageRecalled { json }),
            Kind::Other => Typed::Other,
            Kind::P2pChatEntered => Typed::P2pChatEntered(P2pChatEntered { json }),
            Kind::ReactionCreated => Typed::ReactionCreated(Reaction { json }),
            Kind::ReactionDeleted => Typed::ReactionDeleted(Reaction { json }),
            Kind::UrlPreview => Typed::UrlPreview(UrlPreview { json }),
            Kind::UserAdded => Typed::UserAdded(ChatEvent { json }),
            Kind::UserDeleted => Typed::UserDeleted(ChatEvent { json }),
            Kind::UserWithdrawn => Typed::UserWithdrawn(ChatEvent { json }),
        }
    }

    /// Any field of any event: the value at the end of `path`, which names members of objects from the `event` object
    /// on (from the top for an old card callback). `null` is a value; an empty path is the whole object.
    ///
    /// ```
    /// use larkwire_core::Event;
    /// fn topic(meeting: &Event<'_>) -> Option<String> {
    ///     Some(meeting.field(&["meeting", "topic"])?.as_str()?.to_string())
    /// }
    /// ```
    pub fn field(&self, path: &[&str]) -> Option<Value<'a>> {
        fields::find(self.body(), path)
    }
}
