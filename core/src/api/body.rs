//! What a message says, as it is sent: `msg_type` and `content` (protocol section 16.2).

use super::call::check_object;
use crate::fault::Misuse;
use crate::outgoing::Chunk;
use crate::wire::json::{write_str, write_str_escaped_inner};
use crate::wire::writer::Writer;

/// The body of a message to send.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Body<'a> {
    /// One piece of a text that was [split](crate::outgoing::split_markdown).
    Chunk(Chunk<'a>),
    /// A card: a JSON object such as `{"schema":"2.0","body":{"elements":[…]}}`, `{"type":"template",…}` or
    /// `{"type":"card","data":{"card_id":…}}`, at most 30 KB.
    Interactive(&'a str),
    /// A rich text: a JSON object such as `{"zh_cn":{"title":…,"content":[[…]]}}`, at most 30 KB.
    Post(&'a str),
    /// A text of at most 150 KB; a mention is `<at user_id="ou_…">name</at>`.
    Text(&'a str),
}

impl<'a> Body<'a> {
    /// A text.
    pub const fn text(text: &'a str) -> Self {
        Self::Text(text)
    }

    pub(super) fn is_card(&self) -> bool {
        matches!(self, Self::Interactive(_))
    }

    pub(super) fn check(&self) -> Result<(), Misuse> {
        match self {
            Self::Interactive(card) => check_object("card", card),
            Self::Post(post) => check_object("post", post),
            Self::Chunk(chunk) if chunk.is_empty() => Err(Misuse::Field("text")),
            Self::Text("") => Err(Misuse::Field("text")),
            Self::Chunk(_) | Self::Text(_) => Ok(()),
        }
    }

    /// Writes the members `msg_type` and `content`.
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        match self {
            Self::Interactive(card) => {
                w.bytes(br#""msg_type":"interactive","#);
                write_card_content(w, card);
            }
            Self::Post(post) => {
                w.bytes(br#""msg_type":"post","content":"#);
                write_str(w, post);
            }
            Self::Chunk(chunk) => write_text(w, chunk.chars()),
            Self::Text(text) => write_text(w, text.chars()),
        }
    }
}

impl core::fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // What people write is not for logs.
        match self {
            Self::Interactive(card) => write!(f, "Interactive({} bytes)", card.len()),
            Self::Post(post) => write!(f, "Post({} bytes)", post.len()),
            Self::Chunk(chunk) => write!(f, "Chunk({} bytes)", chunk.len()),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
        }
    }
}

/// Writes the member `content` of a card: JSON inside a JSON string.
pub(super) fn write_card_content(w: &mut Writer<'_>, card: &str) {
    w.bytes(br#""content":"#);
    write_str(w, card);
}

/// Writes the members of a text, escaped twice: `content` is JSON inside a JSON string.
fn write_text(w: &mut Writer<'_>, text: impl Iterator<Item = char>) {
    w.bytes(br#""msg_type":"text","content":"{\"text\":\""#);
    for ch in text {
        let mut utf8 = [0; 4];
        let mut escaped = [0; 12];
        let mut inner = Writer::new(&mut escaped);
        write_str_escaped_inner(&mut inner, ch.encode_utf8(&mut utf8));
        let len = inner.len();
        let piece = escaped.get(..len).and_then(|piece| core::str::from_utf8(piece).ok());
        write_str_escaped_inner(w, piece.unwrap_or_default());
    }
    w.bytes(br#"\"}""#);
}
