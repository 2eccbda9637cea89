//! One pass over a payload: which envelope, and where its fields lie (protocol sections 11.1 to 11.3).
//!
//! Members may come in any order, any may be missing, null or of another type; of a repeated member the last wins, so
//! that what is checked is what is used.

use super::Envelope;
use super::typed::Kind;
use crate::time::UnixMillis;
use crate::wire::json::{self, Reader, Str, Value, range_in};

/// Where a value lies in the envelope's text: 12 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Span {
    start: u32,
    len: u32,
    escaped: bool,
    known: bool,
}

impl Span {
    const NONE: Self = Self { start: 0, len: 0, escaped: false, known: false };

    fn of(outer: &str, inner: &str, escaped: bool) -> Self {
        range_in(outer, inner)
            .and_then(|range| {
                let len = u32::try_from(range.len()).ok()?;
                Some(Self { start: u32::try_from(range.start).ok()?, len, escaped, known: true })
            })
            .unwrap_or_default()
    }

    /// An id or name: a non-empty string, or a number as it is written.
    fn name(outer: &str, value: Value<'_>) -> Self {
        match value {
            Value::String(text) if !text.is_empty() => Self::of(outer, text.raw(), text.has_escapes()),
            Value::Number(number) => Self::of(outer, number.raw(), false),
            _ => Self::default(),
        }
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
struct Header {
    event_id: Span,
    event_type: Span,
    app_id: Span,
    tenant_key: Span,
    create_time: Option<UnixMillis>,
}

#[derive(Default)]
struct Body {
    raw: Span,
    event_type: Span,
    app_id: Span,
    tenant_key: Span,
    message: MessageSpans,
    sender: SenderSpans,
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
    schema: bool,
    action: bool,
    open_message: bool,
    uuid: Span,
    ts: Option<UnixMillis>,
    header: Header,
    body: Body,
}

/// Reads a JSON object once. `other` is shown the members that a layout has no place for, and `header` and `event`, as
/// null, before their members: a repeated one begins anew.
pub(crate) fn read<'a>(
    payload: &'a [u8],
    other: &mut dyn FnMut(Place, Str<'a>, Value<'a>),
) -> Result<Outline<'a>, Malformed> {
    let outer = core::str::from_utf8(text(payload)).map_err(|_| Malformed)?;
    let mut reader = Reader::new(outer);
    let mut outline = Outline {
        text: outer,
        schema: false,
        action: false,
        open_message: false,
        uuid: Span::default(),
        ts: None,
        header: Header::default(),
        body: Body::default(),
    };
    if !reader.enter_object()? {
        return Err(Malformed);
    }
    while let Some(key) = reader.next_key()? {
        if key == "header" {
            other(Place::Top, key, Value::Null);
            outline.header = read_header(outer, &mut reader, other)?;
        } else if key == "event" {
            other(Place::Top, key, Value::Null);
            outline.body = read_body(outer, &mut reader)?;
        } else {
            let value = reader.value()?;
            if key == "schema" {
                outline.schema = !value.is_null() && value.as_str().is_none_or(|text| !text.is_empty());
            } else if key == "uuid" {
                outline.uuid = Span::name(outer, value);
            } else if key == "ts" {
                outline.ts = seconds(value);
            } else if key == "action" {
                outline.action = matches!(value, Value::Object(_));
            } else if key == "open_message_id" {
                outline.open_message = Span::name(outer, value).known;
            } else {
                other(Place::Top, key, value);
            }
        }
    }
    reader.finish()?;
    Ok(outline)
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

/// A message of envelope v1: its fields lie in `event` itself, under other names (protocol section 11.4).
fn read_legacy_message(outer: &str, spans: &mut Layout) -> Result<(), json::Error> {
    (spans.message, spans.sender) = Default::default();
    let mut reader = Reader::new(spans.body.text(outer));
    let (message, sender) = (&mut spans.message, &mut spans.sender);
    let mut places = [
        ("chat_type", &mut message.chat_type),
        ("employee_id", &mut sender.user_id),
        ("msg_type", &mut message.message_type),
        ("open_chat_id", &mut message.chat_id),
        ("open_id", &mut sender.open_id),
        ("open_message_id", &mut message.message_id),
        ("parent_id", &mut message.parent_id),
        ("root_id", &mut message.root_id),
        ("text", &mut message.content),
        ("text_without_at_bot", &mut message.mentions),
        ("union_id", &mut sender.union_id),
    ];
    read_members(outer, &mut reader, &mut places, &mut |key, value| {
        if key == "is_mention" {
            spans.legacy_is_mention = value.as_bool();
        }
    })
}

/// Where the values of an object's members go, by name; the others are shown to `other`.
fn read_members<'a>(
    outer: &'a str,
    reader: &mut Reader<'a>,
    places: &mut [(&str, &mut Span)],
    other: &mut dyn FnMut(Str<'a>, Value<'a>),
) -> Result<(), json::Error> {
    if reader.enter_object()? {
        while let Some(key) = reader.next_key()? {
            let value = reader.value()?;
            match places.iter_mut().find(|(name, _)| key == *name) {
                Some((_, place)) => **place = Span::name(outer, value),
                None => other(key, value),
            }
        }
    }
    Ok(())
}

fn read_header<'a>(
    outer: &'a str,
    reader: &mut Reader<'a>,
    other: &mut dyn FnMut(Place, Str<'a>, Value<'a>),
) -> Result<Header, json::Error> {
    let mut header = Header::default();
    let mut places = [
        ("app_id", &mut header.app_id),
        ("event_id", &mut header.event_id),
        ("event_type", &mut header.event_type),
        ("tenant_key", &mut header.tenant_key),
    ];
    read_members(outer, reader, &mut places, &mut |key, value| {
        if key == "create_time" {
            header.create_time = time(value);
        } else {
            other(Place::Header, key, value);
        }
    })?;
    Ok(header)
}

fn read_body<'a>(outer: &'a str, reader: &mut Reader<'a>) -> Result<Body, json::Error> {
    let mut body = Body::default();
    let mut probe = reader.clone();
    if !reader.enter_object()? {
        // Something else than an object: kept as it stands, without fields.
        if let Value::Array(raw) = probe.value()? {
            body.raw = Span::of(outer, raw, false);
        }
        return Ok(body);
    }
    // The reader stands behind the brace.
    let start = reader.position().saturating_sub(1);
    while let Some(key) = reader.next_key()? {
        if key == "message" {
            body.message = read_message(outer, reader)?;
        } else if key == "sender" {
            body.sender = read_sender(outer, reader)?;
        } else {
            let value = reader.value()?;
            if key == "type" {
                body.event_type = Span::name(outer, value);
            } else if key == "app_id" {
                body.app_id = Span::name(outer, value);
            } else if key == "tenant_key" {
                body.tenant_key = Span::name(outer, value);
            }
        }
    }
    body.raw = Span::of(outer, outer.get(start..reader.position()).unwrap_or_default(), false);
    Ok(body)
}

fn read_message<'a>(outer: &'a str, reader: &mut Reader<'a>) -> Result<MessageSpans, json::Error> {
    let mut message = MessageSpans::default();
    let mut places = [
        ("chat_id", &mut message.chat_id),
        ("chat_type", &mut message.chat_type),
        ("content", &mut message.content),
        ("message_id", &mut message.message_id),
        ("message_type", &mut message.message_type),
        ("parent_id", &mut message.parent_id),
        ("root_id", &mut message.root_id),
        ("thread_id", &mut message.thread_id),
    ];
    read_members(outer, reader, &mut places, &mut |key, value| {
        if key == "create_time" {
            message.create_time = time(value);
        } else if key == "mentions" {
            message.mentions = match value {
                Value::Array(raw) => Span::of(outer, raw, false),
                _ => Span::default(),
            };
        }
    })?;
    Ok(message)
}

fn read_sender<'a>(outer: &'a str, reader: &mut Reader<'a>) -> Result<SenderSpans, json::Error> {
    let mut sender = SenderSpans::default();
    if !reader.enter_object()? {
        return Ok(sender);
    }
    while let Some(key) = reader.next_key()? {
        if key == "sender_id" {
            let ids = read_ids(outer, reader)?;
            (sender.open_id, sender.union_id, sender.user_id) = ids;
            continue;
        }
        let value = reader.value()?;
        if key == "sender_type" {
            sender.sender_type = Span::name(outer, value);
        } else if key == "tenant_key" {
            sender.tenant_key = Span::name(outer, value);
        }
    }
    Ok(sender)
}

fn read_ids<'a>(outer: &'a str, reader: &mut Reader<'a>) -> Result<(Span, Span, Span), json::Error> {
    let (mut open_id, mut union_id, mut user_id) = Default::default();
    let mut places = [("open_id", &mut open_id), ("union_id", &mut union_id), ("user_id", &mut user_id)];
    read_members(outer, reader, &mut places, &mut |_, _| {})?;
    Ok((open_id, union_id, user_id))
}

fn time(value: Value<'_>) -> Option<UnixMillis> {
    UnixMillis::from_platform(value.as_i64()?)
}

/// The `ts` of envelope v1: seconds, possibly with a fraction.
fn seconds(value: Value<'_>) -> Option<UnixMillis> {
    let text = match value {
        Value::Number(number) => number.raw(),
        Value::String(text) => text.plain()?,
        _ => return None,
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut ms = UnixMillis::from_platform(whole.parse().ok()?)?.0;
    let mut unit = 100;
    for digit in fraction.bytes().take(3) {
        let digit = char::from(digit).to_digit(10)?;
        ms = ms.saturating_add(u64::from(digit).saturating_mul(unit));
        unit /= 10;
    }
    Some(UnixMillis(ms))
}
