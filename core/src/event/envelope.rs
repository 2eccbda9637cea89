//! Which envelope a payload is, and where its fields lie in it (protocol sections 11.1 to 11.3).
//!
//! Members may come in any order, any may be missing, null or of another type; of a repeated member the last wins, so
//! that what is checked is what is used.

use super::Envelope;
use super::members::{read, read_legacy_message};
use super::typed::Kind;
use crate::time::UnixMillis;
use crate::wire::json::{self, Item, Sort, Str};

/// Where a value lies in the envelope's text: 12 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    start: u32,
    len: u32,
    escaped: bool,
    pub(super) known: bool,
}

impl Span {
    pub(super) const NONE: Self = Self { start: 0, len: 0, escaped: false, known: false };

    pub(super) fn of(start: usize, end: usize, escaped: bool) -> Self {
        match (u32::try_from(start), u32::try_from(end.saturating_sub(start))) {
            (Ok(start), Ok(len)) => Self { start, len, escaped, known: true },
            _ => Self::NONE,
        }
    }

    /// An id or name: a non-empty string, or a number as it is written.
    #[inline]
    pub(super) fn name(item: Item) -> Self {
        match item.sort {
            Sort::Plain | Sort::Escaped | Sort::Number if item.start < item.end => {
                Self::of(item.start, item.end, item.sort == Sort::Escaped)
            }
            _ => Self::NONE,
        }
    }

    pub(super) fn array(item: Item) -> Self {
        if item.sort == Sort::Array { Self::of(item.start, item.end, false) } else { Self::NONE }
    }

    pub(crate) fn text<'a>(&self, outer: &'a str) -> &'a str {
        let start = self.start as usize;
        outer.get(start..start.saturating_add(self.len as usize)).unwrap_or_default()
    }

    pub(crate) fn str<'a>(&self, outer: &'a str) -> Option<Str<'a>> {
        self.known.then(|| Str::from_raw(self.text(outer), self.escaped))
    }
}

/// Where the fields of an envelope lie in its text: 272 bytes, opaque, kept beside a copied event.
///
/// A message of envelope v1 has its `text` where others have `content`, its `text_without_at_bot` where others have
/// `mentions`.
#[derive(Clone, Debug)]
pub struct Layout {
    pub(crate) envelope: Envelope,
    pub(crate) kind: Kind,
    pub(crate) legacy_is_mention: Option<bool>,
    pub(crate) event_type: Span,
    pub(crate) event_id: Span,
    pub(crate) app_id: Span,
    pub(crate) tenant_key: Span,
    pub(crate) body: Span,
    pub(crate) create_time: Option<UnixMillis>,
    pub(crate) callback: bool,
    pub(crate) is_message: bool,
    pub(crate) message: MessageSpans,
    pub(crate) sender: SenderSpans,
}

impl Layout {
    /// The layout of an event's [`json`](super::Event::json) that was kept without it, in flash, say: one pass over the
    /// text. `None` when it is none.
    pub fn read(json: &str) -> Option<Self> {
        parse(json.as_bytes()).ok().filter(|(read, _)| read.len() == json.len()).map(|(_, layout)| layout)
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct MessageSpans {
    pub(crate) chat_id: Span,
    pub(crate) chat_type: Span,
    pub(crate) content: Span,
    pub(crate) create_time: Option<UnixMillis>,
    pub(crate) mentions: Span,
    pub(crate) message_id: Span,
    pub(crate) message_type: Span,
    pub(crate) parent_id: Span,
    pub(crate) root_id: Span,
    pub(crate) thread_id: Span,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct SenderSpans {
    pub(crate) open_id: Span,
    pub(crate) sender_type: Span,
    pub(crate) tenant_key: Span,
    pub(crate) union_id: Span,
    pub(crate) user_id: Span,
}

impl Layout {
    /// Of no event, all zero: what an unused place for an event holds.
    pub const EMPTY: Self = Self {
        envelope: Envelope::Card,
        kind: Kind::BotAdded,
        legacy_is_mention: Some(false),
        event_type: Span::NONE,
        event_id: Span::NONE,
        app_id: Span::NONE,
        tenant_key: Span::NONE,
        body: Span::NONE,
        create_time: None,
        callback: false,
        is_message: false,
        message: MessageSpans {
            chat_id: Span::NONE,
            chat_type: Span::NONE,
            content: Span::NONE,
            create_time: None,
            mentions: Span::NONE,
            message_id: Span::NONE,
            message_type: Span::NONE,
            parent_id: Span::NONE,
            root_id: Span::NONE,
            thread_id: Span::NONE,
        },
        sender: SenderSpans {
            open_id: Span::NONE,
            sender_type: Span::NONE,
            tenant_key: Span::NONE,
            union_id: Span::NONE,
            user_id: Span::NONE,
        },
    };
}

/// The payload is no event: broken JSON, or none of the known envelopes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed;

impl From<json::Error> for Malformed {
    fn from(_: json::Error) -> Self {
        Self
    }
}

#[derive(Default)]
pub(super) struct Header {
    pub(super) event_id: Span,
    pub(super) event_type: Span,
    pub(super) app_id: Span,
    pub(super) tenant_key: Span,
    pub(super) create_time: Option<UnixMillis>,
}

#[derive(Default)]
pub(super) struct Body {
    pub(super) raw: Span,
    pub(super) event_type: Span,
    pub(super) app_id: Span,
    pub(super) tenant_key: Span,
    pub(super) message: MessageSpans,
    pub(super) sender: SenderSpans,
}

/// The envelope's text: the payload without a leading byte order mark, which SDKs stumble over.
pub(crate) fn text(payload: &[u8]) -> &[u8] {
    payload.strip_prefix("\u{feff}".as_bytes()).unwrap_or(payload)
}

/// Reads an envelope; the text the spans refer to is [`text`] of the payload.
pub(crate) fn parse(payload: &[u8]) -> Result<(&str, Layout), Malformed> {
    let outline = read(payload, &mut |_, _, _| {})?;
    let text = outline.text;
    Ok((text, outline.layout()?))
}

/// Where a member stands that the envelope's layout has no place for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    Header,
    Top,
}

/// What one pass has found, before it is known to be an event.
pub(crate) struct Outline<'a> {
    pub(crate) text: &'a str,
    pub(super) schema: bool,
    pub(super) action: bool,
    pub(super) open_message: bool,
    pub(super) uuid: Span,
    pub(super) ts: Option<UnixMillis>,
    pub(super) header: Header,
    pub(super) body: Body,
}

impl Outline<'_> {
    /// Which envelope it is; `None` when it is none of the known ones.
    pub(crate) fn envelope(&self) -> Option<Envelope> {
        if self.schema || self.header.event_type.known {
            Some(Envelope::V2)
        } else if self.uuid.known {
            Some(Envelope::V1)
        } else {
            (self.action && self.open_message).then_some(Envelope::Card)
        }
    }

    /// Where the fields of the event lie.
    pub(crate) fn layout(self) -> Result<Layout, Malformed> {
        let envelope = self.envelope().ok_or(Malformed)?;
        let (outer, header, body) = (self.text, self.header, self.body);
        let mut spans = Layout {
            envelope,
            kind: Kind::Other,
            legacy_is_mention: None,
            event_type: header.event_type,
            event_id: header.event_id,
            app_id: header.app_id,
            tenant_key: header.tenant_key,
            body: body.raw,
            create_time: header.create_time,
            callback: false,
            is_message: false,
            message: body.message,
            sender: body.sender,
        };
        match envelope {
            Envelope::V2 => spans.kind = Kind::of(&Kind::V2, header.event_type.str(outer)),
            Envelope::V1 => {
                spans.event_type = body.event_type;
                spans.event_id = self.uuid;
                spans.app_id = body.app_id;
                spans.tenant_key = body.tenant_key;
                spans.create_time = self.ts;
                spans.kind = Kind::of(&Kind::V1, body.event_type.str(outer));
                if spans.kind == Kind::Message {
                    read_legacy_message(outer, &mut spans)?;
                }
            }
            Envelope::Card => spans.kind = Kind::CardAction,
        }
        spans.callback = matches!(spans.kind, Kind::CardAction | Kind::UrlPreview);
        spans.is_message = spans.kind == Kind::Message;
        Ok(spans)
    }
}
