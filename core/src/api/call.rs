//! What can be asked of the open platform, and the requests it becomes (protocol sections 14.1, 16.1 to 16.3).

use super::body::{Body, write_card_content};
use crate::fault::Misuse;
use crate::wire::http::{Method, percent_encode};
use crate::wire::json::{Reader, write_str};
use crate::wire::writer::Writer;

const API: &[u8] = b"/open-apis";
const MESSAGES: &[u8] = b"/open-apis/im/v1/messages";

/// What to ask of the open platform.
///
/// A `uuid` has 1 to 50 characters; the platform sends a message with the same value at most once an hour, so that a
/// retried call does not speak twice. `None` takes a random one, which is kept over the retries of this call.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Call<'a> {
    /// Adds a reaction (`POST …/messages/:id/reactions`); the answer's `reaction_id` takes it away again.
    AddReaction {
        /// `om_…`
        message_id: &'a str,
        /// One of the platform's names, such as `THUMBSUP`; case counts, translations are refused (231001).
        emoji_type: &'a str,
    },
    /// Who the bot is (`GET /bot/v3/info`): the answer is the `bot` object.
    BotInfo,
    /// What a chat is (`GET …/chats/:id`).
    ChatInfo {
        /// `oc_…`
        chat_id: &'a str,
    },
    /// Takes a reaction of the bot's own away; one that is gone already counts as done.
    DeleteReaction {
        /// `om_…`
        message_id: &'a str,
        /// As [`AddReaction`](Call::AddReaction) was answered.
        reaction_id: &'a str,
    },
    /// Replaces a text or post of the bot's own, at most 20 times (`PUT …/messages/:id`).
    Edit {
        /// `om_…`
        message_id: &'a str,
        /// [`Text`](Body::Text) or [`Post`](Body::Post).
        body: Body<'a>,
    },
    /// Reads a message (`GET …/messages/:id`): the answer's `items`, with those of a merged forward behind it.
    GetMessage {
        /// `om_…`
        message_id: &'a str,
    },
    /// Replaces a card of the bot's own that is at most 14 days old (`PATCH …/messages/:id`); both need
    /// `config.update_multi`.
    PatchCard {
        /// `om_…`
        message_id: &'a str,
        /// The new card, a JSON object of at most 30 KB.
        card: &'a str,
    },
    /// Takes a message of the bot's own back (`DELETE …/messages/:id`).
    Recall {
        /// `om_…`
        message_id: &'a str,
    },
    /// Answers a message (`POST …/messages/:id/reply`).
    Reply {
        /// `om_…`, the message to answer.
        message_id: &'a str,
        /// What to say.
        body: Body<'a>,
        /// Starts a topic from the message; an answer in a topic stays there either way.
        in_thread: bool,
        /// See [`Call`].
        uuid: Option<&'a str>,
    },
    /// Sends a message (`POST …/messages`).
    Send {
        /// A chat, a person or an e-mail address.
        receive_id: &'a str,
        /// What `receive_id` is; `None`: told from its form.
        receive_id_type: Option<ReceiveIdType>,
        /// What to say.
        body: Body<'a>,
        /// See [`Call`].
        uuid: Option<&'a str>,
    },
    /// Replaces a card after its callback was answered, within 30 minutes and at most twice
    /// (`POST /interactive/v1/card/update`).
    UpdateCard {
        /// `c-…`, from the callback.
        token: &'a str,
        /// The new card, a JSON object.
        card: &'a str,
    },
}

impl<'a> Call<'a> {
    /// Answers a message with a text.
    pub const fn reply_text(message_id: &'a str, text: &'a str) -> Self {
        Self::Reply { message_id, body: Body::text(text), in_thread: false, uuid: None }
    }

    /// Sends a text; what `receive_id` is shows in its form.
    pub const fn send_text(receive_id: &'a str, text: &'a str) -> Self {
        Self::Send { receive_id, receive_id_type: None, body: Body::text(text), uuid: None }
    }

    pub(super) const fn method(&self) -> Method {
        match self {
            Self::AddReaction { .. } | Self::Reply { .. } | Self::Send { .. } | Self::UpdateCard { .. } => Method::Post,
            Self::BotInfo | Self::ChatInfo { .. } | Self::GetMessage { .. } => Method::Get,
            Self::DeleteReaction { .. } | Self::Recall { .. } => Method::Delete,
            Self::Edit { .. } => Method::Put,
            Self::PatchCard { .. } => Method::Patch,
        }
    }

    /// Whether a target that is gone is what was asked for.
    pub(super) const fn is_done_when_gone(&self) -> bool {
        matches!(self, Self::DeleteReaction { .. })
    }
}

impl core::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // What people write is not for logs, and a card's token is a secret.
        match self {
            Self::AddReaction { message_id, emoji_type } => write!(f, "AddReaction({message_id}, {emoji_type})"),
            Self::BotInfo => f.write_str("BotInfo"),
            Self::ChatInfo { chat_id } => write!(f, "ChatInfo({chat_id})"),
            Self::DeleteReaction { message_id, .. } => write!(f, "DeleteReaction({message_id})"),
            Self::Edit { message_id, .. } => write!(f, "Edit({message_id})"),
            Self::GetMessage { message_id } => write!(f, "GetMessage({message_id})"),
            Self::PatchCard { message_id, .. } => write!(f, "PatchCard({message_id})"),
            Self::Recall { message_id } => write!(f, "Recall({message_id})"),
            Self::Reply { message_id, .. } => write!(f, "Reply({message_id})"),
            Self::Send { receive_id, .. } => write!(f, "Send({receive_id})"),
            Self::UpdateCard { .. } => f.write_str("UpdateCard([redacted])"),
        }
    }
}

/// The kinds of receivers (protocol section 16.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReceiveIdType {
    /// `oc_…`
    ChatId,
    /// An address with `@`.
    Email,
    /// `ou_…`
    OpenId,
    /// `on_…`
    UnionId,
    /// Anything else.
    UserId,
}

impl ReceiveIdType {
    /// The platform's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChatId => "chat_id",
            Self::Email => "email",
            Self::OpenId => "open_id",
            Self::UnionId => "union_id",
            Self::UserId => "user_id",
        }
    }

    /// What the form of an id says (protocol section 16.2).
    pub fn of(receive_id: &str) -> Self {
        match receive_id.get(..3) {
            _ if receive_id.contains('@') => Self::Email,
            Some("oc_") => Self::ChatId,
            Some("ou_") => Self::OpenId,
            Some("on_") => Self::UnionId,
            _ => Self::UserId,
        }
    }
}

/// Refuses what the platform would refuse anyway, before anything is sent.
pub(super) fn check(call: &Call<'_>) -> Result<(), Misuse> {
    match *call {
        Call::AddReaction { message_id, emoji_type } => {
            check_id("message_id", message_id)?;
            check_word("emoji_type", emoji_type)
        }
        Call::BotInfo => Ok(()),
        Call::ChatInfo { chat_id } => check_id("chat_id", chat_id),
        Call::DeleteReaction { message_id, reaction_id } => {
            check_id("message_id", message_id)?;
            check_id("reaction_id", reaction_id)
        }
        Call::Edit { message_id, body } => {
            check_id("message_id", message_id)?;
            body.check()?;
            if body.is_card() { Err(Misuse::Field("body")) } else { Ok(()) }
        }
        Call::GetMessage { message_id } | Call::Recall { message_id } => check_id("message_id", message_id),
        Call::PatchCard { message_id, card } => {
            check_id("message_id", message_id)?;
            check_object("card", card)
        }
        Call::Reply { message_id, body, uuid, .. } => {
            check_id("message_id", message_id)?;
            body.check()?;
            check_uuid(uuid)
        }
        Call::Send { receive_id, body, uuid, .. } => {
            check_id("receive_id", receive_id)?;
            body.check()?;
            check_uuid(uuid)
        }
        Call::UpdateCard { token, card } => {
            check_word("token", token)?;
            check_object("card", card)
        }
    }
}

/// An id becomes a segment of a path: it must not become a way up.
fn check_id(name: &'static str, id: &str) -> Result<(), Misuse> {
    let blank = id.trim().is_empty();
    if blank || id.chars().any(char::is_control) || id == "." || id == ".." { Err(Misuse::Field(name)) } else { Ok(()) }
}

fn check_word(name: &'static str, word: &str) -> Result<(), Misuse> {
    let sound = !word.is_empty() && !word.chars().any(|ch| ch.is_control() || ch.is_whitespace());
    if sound { Ok(()) } else { Err(Misuse::Field(name)) }
}

fn check_uuid(uuid: Option<&str>) -> Result<(), Misuse> {
    let wrong = |uuid: &str| uuid.is_empty() || uuid.chars().count() > 50;
    if uuid.is_some_and(wrong) { Err(Misuse::Field("uuid")) } else { Ok(()) }
}

/// A JSON object, whole and nothing else.
pub(crate) fn check_object(name: &'static str, json: &str) -> Result<(), Misuse> {
    let read = || {
        let mut reader = Reader::new(json);
        let object = json.trim_start().starts_with('{');
        reader.skip()?;
        reader.finish()?;
        Ok::<bool, crate::wire::json::Error>(object)
    };
    if read() == Ok(true) { Ok(()) } else { Err(Misuse::Field(name)) }
}

/// Writes path and JSON body, one behind the other; the length of the path.
pub(super) fn write_call(w: &mut Writer<'_>, call: &Call<'_>, random: &str) -> usize {
    match *call {
        Call::AddReaction { message_id, emoji_type } => {
            write_message_path(w, message_id, b"/reactions");
            let path_len = w.len();
            write_reaction(w, emoji_type);
            path_len
        }
        Call::BotInfo => {
            w.bytes(API);
            w.bytes(b"/bot/v3/info");
            w.len()
        }
        Call::ChatInfo { chat_id } => {
            w.bytes(API);
            w.bytes(b"/im/v1/chats/");
            percent_encode(w, chat_id);
            w.len()
        }
        Call::DeleteReaction { message_id, reaction_id } => {
            write_message_path(w, message_id, b"/reactions/");
            percent_encode(w, reaction_id);
            w.len()
        }
        Call::Edit { message_id, body } => {
            write_message_path(w, message_id, b"");
            let path_len = w.len();
            w.byte(b'{');
            body.write(w);
            w.byte(b'}');
            path_len
        }
        Call::GetMessage { message_id } | Call::Recall { message_id } => {
            write_message_path(w, message_id, b"");
            w.len()
        }
        Call::PatchCard { message_id, card } => {
            write_message_path(w, message_id, b"");
            let path_len = w.len();
            w.byte(b'{');
            write_card_content(w, card);
            w.byte(b'}');
            path_len
        }
        Call::Reply { message_id, body, in_thread, uuid } => {
            write_message_path(w, message_id, b"/reply");
            let path_len = w.len();
            w.byte(b'{');
            body.write(w);
            if in_thread {
                w.bytes(br#","reply_in_thread":true"#);
            }
            write_uuid(w, uuid.unwrap_or(random));
            path_len
        }
        Call::Send { receive_id, receive_id_type, body, uuid } => {
            w.bytes(MESSAGES);
            w.bytes(b"?receive_id_type=");
            w.bytes(receive_id_type.unwrap_or_else(|| ReceiveIdType::of(receive_id)).as_str().as_bytes());
            let path_len = w.len();
            w.bytes(br#"{"receive_id":"#);
            write_str(w, receive_id);
            w.byte(b',');
            body.write(w);
            write_uuid(w, uuid.unwrap_or(random));
            path_len
        }
        Call::UpdateCard { token, card } => {
            w.bytes(API);
            w.bytes(b"/interactive/v1/card/update");
            let path_len = w.len();
            w.bytes(br#"{"token":"#);
            write_str(w, token);
            w.bytes(br#","card":"#);
            w.bytes(card.as_bytes());
            w.byte(b'}');
            path_len
        }
    }
}

pub(super) fn write_message_path(w: &mut Writer<'_>, message_id: &str, rest: &[u8]) {
    w.bytes(MESSAGES);
    w.byte(b'/');
    percent_encode(w, message_id);
    w.bytes(rest);
}

pub(super) fn write_reaction(w: &mut Writer<'_>, emoji_type: &str) {
    w.bytes(br#"{"reaction_type":{"emoji_type":"#);
    write_str(w, emoji_type);
    w.bytes(b"}}");
}

fn write_uuid(w: &mut Writer<'_>, uuid: &str) {
    w.bytes(br#","uuid":"#);
    write_str(w, uuid);
    w.byte(b'}');
}
