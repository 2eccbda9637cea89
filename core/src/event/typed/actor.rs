//! The questions a gate asks of any event: who, in which chat, about which message.

use super::people::Ids;
use super::{Typed, fields};
use crate::event::Event;
use crate::wire::json::Str;

/// Who caused an event.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    /// The app, known for reactions of apps only.
    pub app_id: Option<Str<'a>>,
    /// The person's or app's ids.
    pub ids: Ids<'a>,
    /// Person or app.
    pub kind: ActorKind<'a>,
}

impl<'a> Actor<'a> {
    fn person(ids: Ids<'a>) -> Self {
        Self { app_id: None, ids, kind: ActorKind::User }
    }
}

/// What caused an event.
#[derive(Clone, Copy, Debug)]
pub enum ActorKind<'a> {
    /// `app`: a bot, maybe this one.
    App,
    /// A value of the future, or `None` where the event does not tell.
    Unknown(Option<Str<'a>>),
    /// `user`: a person.
    User,
}

impl<'a> ActorKind<'a> {
    fn of(text: Option<Str<'a>>) -> Self {
        match text {
            Some(text) if text == "app" => Self::App,
            Some(text) if text == "user" => Self::User,
            text => Self::Unknown(text),
        }
    }
}

impl<'a> Event<'a> {
    /// Who acted: the sender of a message, who reacted, who used a card, a menu or a link, who commented, who opened the
    /// chat. The ids may be unknown, all of them. `None` for events that are no act towards the bot (messages read or
    /// recalled, changes of chats), and for [`Typed::Other`].
    pub fn actor(&self) -> Option<Actor<'a>> {
        Some(match self.typed() {
            Typed::BotMenu(menu) => Actor::person(menu.operator_id()),
            Typed::CardAction(action) => Actor::person(action.operator()),
            Typed::DriveComment(comment) => Actor::person(comment.from_user_id()),
            Typed::Message(message) => {
                let sender = message.sender();
                let ids = Ids { open_id: sender.open_id(), union_id: sender.union_id(), user_id: sender.user_id() };
                // Envelope v1 knows people only.
                let kind = if message.is_legacy() { ActorKind::User } else { ActorKind::of(sender.sender_type()) };
                Actor { app_id: None, ids, kind }
            }
            Typed::P2pChatEntered(entered) => Actor::person(entered.operator_id()),
            Typed::ReactionCreated(reaction) | Typed::ReactionDeleted(reaction) => Actor {
                app_id: reaction.app_id(),
                ids: reaction.user_id(),
                kind: ActorKind::of(reaction.operator_type()),
            },
            Typed::UrlPreview(preview) => Actor::person(preview.operator()),
            _ => return None,
        })
    }

    /// `oc_…`, the chat it happened in. `None` where the event does not tell, such as reactions, and for
    /// [`Typed::Other`].
    pub fn chat_id(&self) -> Option<Str<'a>> {
        match self.typed() {
            Typed::BotMenu(_) | Typed::DriveComment(_) | Typed::MessageRead(_) | Typed::Other => None,
            Typed::CardAction(action) => action.open_chat_id(),
            Typed::Message(message) => message.chat_id(),
            Typed::UrlPreview(preview) => preview.open_chat_id(),
            _ => self.name("chat_id"),
        }
    }

    /// `om_…`, the message it is about: the new one, the one reacted to, recalled, used as a card, or with a link. `None`
    /// where there is none or several, and for [`Typed::Other`].
    pub fn message_id(&self) -> Option<Str<'a>> {
        match self.typed() {
            Typed::CardAction(action) => action.open_message_id(),
            Typed::Message(message) => message.message_id(),
            Typed::MessageRecalled(_) | Typed::ReactionCreated(_) | Typed::ReactionDeleted(_) => {
                self.name("message_id")
            }
            Typed::UrlPreview(preview) => preview.open_message_id(),
            _ => None,
        }
    }

    fn name(&self, member: &str) -> Option<Str<'a>> {
        <Str<'a> as fields::Part<'a>>::part(fields::find(self.body(), &[member])?)
    }
}
