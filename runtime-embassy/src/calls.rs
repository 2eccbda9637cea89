//! The calls a bot makes most, in a word each. Everything else goes through [`Client::call`].

use larkwire_core as core_api;
use larkwire_core::fault::{CallError, Misuse};
use larkwire_core::outgoing::{Chunk, split_markdown};
use larkwire_core::wire::json::Str;
use larkwire_core::{Body, Call, ReceiveIdType, ResponseId, Short};

use crate::client::Client;
use crate::event::Event;
use crate::pieces;

impl Client<'_> {
    /// Answers a message with a text, and returns once the platform has taken it. A text that does not fit one request
    /// ([`Resources::text_room`](crate::Resources::text_room)) goes out as several answers, one after the other, without
    /// those in which there would be nothing to see; what comes back is the first one's.
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
    pub async fn react(&self, message_id: &str, emoji_type: &str) -> Result<Short<128>, CallError> {
        let reaction_id = |answer: &core_api::CallAnswer<'_>, _| {
            let id = answer.field("reaction_id").and_then(|value| value.as_str());
            id.map(|id| Short::from_chars(id.chars())).unwrap_or_default()
        };
        self.monitor.call(Call::AddReaction { message_id, emoji_type }, reaction_id).await
    }

    /// Takes a reaction of the bot's own away; one that is gone already counts as done.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn unreact(&self, message_id: &str, reaction_id: &str) -> CallResult {
        self.call(Call::DeleteReaction { message_id, reaction_id }).await
    }

    /// What a chat is, in [`data`](CallData::data), which is put into `room`.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn chat_info<'r>(&self, chat_id: &str, room: &'r mut [u8]) -> Result<CallData<'r>, CallError> {
        self.call_into(Call::ChatInfo { chat_id }, room).await
    }

    /// Who the bot is, in [`data`](CallData::data), which is put into `room`.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn bot_info<'r>(&self, room: &'r mut [u8]) -> Result<CallData<'r>, CallError> {
        self.call_into(Call::BotInfo, room).await
    }

    /// Answers a callback (a card's button, a link's preview) with a JSON object such as
    /// `{"toast":{"type":"success","content":"saved"}}`. It must come within 2.5 s of the callback; what is not answered
    /// by then gets `{}`.
    ///
    /// # Errors
    /// [`Misuse::Late`] when the callback was answered `{}` already, be it because as many callbacks as
    /// [`Buffers`](crate::Buffers) keeps, one, waited before it: change the card with [`Call::UpdateCard`] then.
    /// [`Misuse::Field`] when the event is no callback or `body` is no JSON object. [`Misuse::TooLong`] beyond some 340
    /// bytes: answer with less, or `{}` and [`Call::UpdateCard`].
    pub fn respond<const N: usize>(&self, event: &Event<N>, body: &str) -> Result<(), Misuse> {
        let id = event.response_id().ok_or(Misuse::Field("event"))?;
        self.respond_to(id, body)
    }

    /// As [`respond`](Self::respond), for an event that is gone.
    ///
    /// # Errors
    /// As [`respond`](Self::respond).
    pub fn respond_to(&self, id: ResponseId, body: &str) -> Result<(), Misuse> {
        self.monitor.change(|bot, now| bot.respond(now, id, body.as_bytes()))
    }

    /// Makes a call and waits for its result; while the outbox is full it waits for a place. A call that was accepted is
    /// made even when this future is dropped.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn call(&self, call: Call<'_>) -> CallResult {
        self.monitor.call(call, CallAnswer::new).await
    }

    /// As [`call`](Self::call), with all that was answered: its JSON is put into `room`.
    ///
    /// # Errors
    /// [`CallError`] says what to do.
    pub async fn call_into<'r>(&self, call: Call<'_>, room: &'r mut [u8]) -> Result<CallData<'r>, CallError> {
        let keep = |answer: &core_api::CallAnswer<'_>, log_id| {
            let data = answer.data.as_bytes();
            let place = room.get_mut(..data.len());
            let len = place.map_or(0, |place| {
                place.copy_from_slice(data);
                place.len()
            });
            (CallAnswer::new(answer, log_id), len)
        };
        let (answer, len) = self.monitor.call(call, keep).await?;
        // It was text when it was copied; without unsafe code the check is the price of saying so.
        let data = core::str::from_utf8(room.get(..len).unwrap_or_default()).unwrap_or_default();
        Ok(CallData { answer, data })
    }

    async fn send_pieces(&self, receive_id: &str, receive_id_type: Option<ReceiveIdType>, text: &str) -> CallResult {
        self.in_pieces(text, |piece| Call::Send { receive_id, receive_id_type, body: Body::Chunk(piece), uuid: None })
            .await
    }

    /// One call a piece; the next one is made when the one before was taken, so that they arrive in their order.
    async fn in_pieces<'t>(&self, text: &'t str, call: impl Fn(Chunk<'t>) -> Call<'t>) -> CallResult {
        let limit = pieces::limit(text, self.monitor.text_room);
        let mut first = None;
        for piece in split_markdown(text, limit).filter(|piece| !piece.is_blank()) {
            let answer = self.call(call(piece)).await?;
            first.get_or_insert(answer);
        }
        match first {
            Some(answer) => Ok(answer),
            // Nothing to see in it: core and platform say what is wrong with that.
            None => self.call(call(Chunk::from(text))).await,
        }
    }
}

/// What came of a call.
pub type CallResult = Result<CallAnswer, CallError>;

/// What the platform answered to a call, as far as everybody wants it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CallAnswer {
    /// `om_…` of the message that was sent; empty for calls that send none.
    pub message_id: Short<64>,
    /// The platform's log id, for questions to its support.
    pub log_id: Short<48>,
}

impl CallAnswer {
    fn new(answer: &core_api::CallAnswer<'_>, log_id: Short<48>) -> Self {
        Self { message_id: Short::new(answer.message_id), log_id }
    }
}

/// All of what the platform answered to a call.
#[derive(Clone, Copy)]
pub struct CallData<'r> {
    /// The usual part.
    pub answer: CallAnswer,
    /// The `data` object (`bot` for [`Call::BotInfo`]) as JSON text; empty where there was none, or where it does not fit
    /// the room given for it. As many bytes as the `HTTP` of [`Buffers`](crate::Buffers) are always enough.
    pub data: &'r str,
}

impl<'r> CallData<'r> {
    /// A text among the members of [`data`](Self::data), such as `name` or `open_id`.
    pub fn field(&self, name: &str) -> Option<Str<'r>> {
        let answer = core_api::CallAnswer { message_id: "", data: self.data };
        answer.field(name)?.as_str()
    }
}

impl core::fmt::Debug for CallData<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // What people write is not for logs.
        write!(f, "CallData({}, {} bytes)", self.answer.message_id, self.data.len())
    }
}
