//! The calls a bot makes most, in a word each. Everything else goes through [`Client::call`].

use larkwire_core::fault::{CallError, Misuse};
use larkwire_core::outgoing::Chunk;
use larkwire_core::{Body, Call, ReceiveIdType, ResponseId};

use crate::client::{CallResult, Client};
use crate::event::Event;

/// Most of what is said to a person at once before it is split: what the platform's own channel takes.
pub(crate) const SPLIT_AT: usize = 3500;

impl Client {
    /// Answers a message with a text. A text longer than
    /// [`Settings::split_text_at`](crate::Settings::split_text_at) goes out as several answers, one after the other;
    /// what comes back is the first one's.
    ///
    /// # Errors
    /// [`CallError`] says what to do. When a later piece fails, the earlier ones were sent.
    pub async fn reply_text(&self, message_id: &str, text: &str) -> CallResult {
        self.in_pieces(text, |piece| Call::Reply { message_id, body: Body::Chunk(piece), in_thread: false, uuid: None })
            .await
    }

    /// As [`reply_text`](Self::reply_text), in the topic that the message starts.
    ///
    /// # Errors
    /// As [`reply_text`](Self::reply_text).
    pub async fn reply_text_in_thread(&self, message_id: &str, text: &str) -> CallResult {
        self.in_pieces(text, |piece| Call::Reply { message_id, body: Body::Chunk(piece), in_thread: true, uuid: None })
            .await
    }

    /// Answers a message with a text, post or card.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn reply(&self, message_id: &str, body: Body<'_>) -> CallResult {
        self.call(Call::Reply { message_id, body, in_thread: false, uuid: None }).await
    }

    /// Sends a text to a chat, a person or an e-mail address; what `receive_id` is shows in its form. Long texts are
    /// split as by [`reply_text`](Self::reply_text).
    ///
    /// # Errors
    /// As [`reply_text`](Self::reply_text).
    pub async fn send_text(&self, receive_id: &str, text: &str) -> CallResult {
        self.send_pieces(receive_id, None, text).await
    }

    /// As [`send_text`](Self::send_text), for a receiver whose kind does not show.
    ///
    /// # Errors
    /// As [`reply_text`](Self::reply_text).
    pub async fn send_text_to(&self, receive_id: &str, kind: ReceiveIdType, text: &str) -> CallResult {
        self.send_pieces(receive_id, Some(kind), text).await
    }

    /// Sends a text, post or card; what `receive_id` is shows in its form.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn send(&self, receive_id: &str, body: Body<'_>) -> CallResult {
        self.call(Call::Send { receive_id, receive_id_type: None, body, uuid: None }).await
    }

    /// Replaces a text or post of the bot's own.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn edit(&self, message_id: &str, body: Body<'_>) -> CallResult {
        self.call(Call::Edit { message_id, body }).await
    }

    /// Takes a message of the bot's own back.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn recall(&self, message_id: &str) -> CallResult {
        self.call(Call::Recall { message_id }).await
    }

    /// Replaces a card of the bot's own.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn patch_card(&self, message_id: &str, card: &str) -> CallResult {
        self.call(Call::PatchCard { message_id, card }).await
    }

    /// Adds a reaction; its id, for [`unreact`](Self::unreact).
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn react(&self, message_id: &str, emoji_type: &str) -> Result<String, CallError> {
        let answer = self.call(Call::AddReaction { message_id, emoji_type }).await?;
        Ok(answer.field("reaction_id").unwrap_or_default())
    }

    /// Takes a reaction of the bot's own away; one that is gone already counts as done.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn unreact(&self, message_id: &str, reaction_id: &str) -> CallResult {
        self.call(Call::DeleteReaction { message_id, reaction_id }).await
    }

    /// What a chat is, in `data`.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn chat_info(&self, chat_id: &str) -> CallResult {
        self.call(Call::ChatInfo { chat_id }).await
    }

    /// Who the bot is, in `data`.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn bot_info(&self) -> CallResult {
        self.call(Call::BotInfo).await
    }

    /// Answers a callback (a card's button, a link's preview) with a JSON object such as
    /// `{"toast":{"type":"success","content":"saved"}}`. It must come within 2.5 s of the callback.
    ///
    /// # Errors
    /// [`Misuse::Late`] when the callback was answered `{}` already: change the card with
    /// [`Call::UpdateCard`] then. [`Misuse::Field`] when the event is no callback or `body` is no JSON object.
    pub fn respond(&self, event: &Event, body: &str) -> Result<(), Misuse> {
        let id = event.response_id().ok_or(Misuse::Field("event"))?;
        self.respond_to(id, body)
    }

    /// As [`respond`](Self::respond), for an event that is gone.
    ///
    /// # Errors
    /// As [`respond`](Self::respond).
    pub fn respond_to(&self, id: ResponseId, body: &str) -> Result<(), Misuse> {
        self.change(|bot, now| bot.respond(now, id, body.as_bytes()))
    }

    async fn send_pieces(&self, receive_id: &str, receive_id_type: Option<ReceiveIdType>, text: &str) -> CallResult {
        self.in_pieces(text, |piece| Call::Send { receive_id, receive_id_type, body: Body::Chunk(piece), uuid: None })
            .await
    }

    /// One call a piece; the next one is made when the one before was taken, so that they arrive in their order.
    async fn in_pieces<'t>(&self, text: &'t str, call: impl Fn(Chunk<'t>) -> Call<'t>) -> CallResult {
        let mut first = None;
        // A piece of white space would be refused, and nobody would miss it.
        let pieces = larkwire_core::outgoing::split_markdown(text, self.split_text_at());
        for piece in pieces.filter(|piece| !piece.is_blank()) {
            let answer = self.call(call(piece)).await?;
            first.get_or_insert(answer);
        }
        match first {
            Some(answer) => Ok(answer),
            // A blank text has no pieces; the core, or the platform, says what is wrong with it.
            None => self.call(call(Chunk::from(text))).await,
        }
    }
}
