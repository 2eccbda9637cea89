//! What can be asked of the open platform, and the requests it becomes (protocol sections 16.1, 16.2).

use crate::fault::Misuse;
use crate::wire::http::percent_encode;
use crate::wire::json::{write_str, write_str_escaped_inner};
use crate::wire::writer::Writer;

const PATH: &str = "/open-apis/im/v1/messages";

/// What to ask of the open platform.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Call<'a> {
    /// Answers a message with a text (`POST …/messages/:id/reply`).
    ReplyText {
        /// `om_…`, the message to answer.
        message_id: &'a str,
        /// At most 150 KB; a mention is `<at user_id="ou_…">name</at>`.
        text: &'a str,
        /// 1 to 50 characters; the platform sends a message with the same value at most once an hour. `None`: a random
        /// one.
        uuid: Option<&'a str>,
    },
    /// Sends a text (`POST …/messages`).
    SendText {
        /// A chat, a person or an e-mail address.
        receive_id: &'a str,
        /// What `receive_id` is; `None`: told from its form.
        receive_id_type: Option<ReceiveIdType>,
        /// At most 150 KB; a mention is `<at user_id="ou_…">name</at>`.
        text: &'a str,
        /// As for [`ReplyText`](Call::ReplyText).
        uuid: Option<&'a str>,
    },
}

impl core::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // What people write is not for logs.
        match self {
            Self::ReplyText { message_id, .. } => write!(f, "ReplyText({message_id})"),
            Self::SendText { receive_id, .. } => write!(f, "SendText({receive_id})"),
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
    let (id, id_name, text, uuid) = match *call {
        Call::ReplyText { message_id, text, uuid } => (message_id, "message_id", text, uuid),
        Call::SendText { receive_id, text, uuid, .. } => (receive_id, "receive_id", text, uuid),
    };
    if id.is_empty() || id.chars().any(char::is_control) || id == "." || id == ".." {
        return Err(Misuse::Field(id_name));
    }
    if text.is_empty() {
        return Err(Misuse::Field("text"));
    }
    if uuid.is_some_and(|uuid| uuid.is_empty() || uuid.chars().count() > 50) {
        return Err(Misuse::Field("uuid"));
    }
    Ok(())
}

/// Writes path and JSON body, one behind the other; the length of the path.
pub(super) fn write_call(w: &mut Writer<'_>, call: &Call<'_>, random: &str) -> usize {
    w.bytes(PATH.as_bytes());
    let (text, uuid, receive_id) = match *call {
        Call::ReplyText { message_id, text, uuid } => {
            w.bytes(b"/");
            percent_encode(w, message_id);
            w.bytes(b"/reply");
            (text, uuid, None)
        }
        Call::SendText { receive_id, receive_id_type, text, uuid } => {
            let kind = receive_id_type.unwrap_or_else(|| ReceiveIdType::of(receive_id));
            w.bytes(b"?receive_id_type=");
            w.bytes(kind.as_str().as_bytes());
            (text, uuid, Some(receive_id))
        }
    };
    let path_len = w.len();
    w.bytes(b"{");
    if let Some(receive_id) = receive_id {
        w.bytes(br#""receive_id":"#);
        write_str(w, receive_id);
        w.bytes(b",");
    }
    w.bytes(br#""msg_type":"text","content":"{\"text\":\""#);
    write_nested(w, text);
    w.bytes(br#"\"}","uuid":"#);
    write_str(w, uuid.unwrap_or(random));
    w.bytes(b"}");
    path_len
}

/// Writes a text escaped twice: `content` is JSON inside a JSON string.
fn write_nested(w: &mut Writer<'_>, text: &str) {
    for ch in text.chars() {
        let mut utf8 = [0; 4];
        let mut escaped = [0; 12];
        let mut inner = Writer::new(&mut escaped);
        write_str_escaped_inner(&mut inner, ch.encode_utf8(&mut utf8));
        let len = inner.len();
        let piece = escaped.get(..len).and_then(|piece| core::str::from_utf8(piece).ok());
        write_str_escaped_inner(w, piece.unwrap_or_default());
    }
}
