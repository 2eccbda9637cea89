//! One pass over a payload: which envelope, and where its fields lie (protocol sections 11.1 to 11.3).
//!
//! Members may come in any order, any may be missing, null or of another type; of a repeated member the last wins, so
//! that what is checked is what is used.

use super::Envelope;
use super::typed::Kind;
use crate::time::UnixMillis;
use crate::wire::json::{self, Item, Reader, Sort, Str, Value};
use crate::wire::scan;

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

    fn of(start: usize, end: usize, escaped: bool) -> Self {
        match (u32::try_from(start), u32::try_from(end.saturating_sub(start))) {
            (Ok(start), Ok(len)) => Self { start, len, escaped, known: true },
            _ => Self::NONE,
        }
    }

    /// An id or name: a non-empty string, or a number as it is written.
    #[inline]
    fn name(item: Item) -> Self {
        match item.sort {
            Sort::Plain | Sort::Escaped | Sort::Number if item.start < item.end => {
                Self::of(item.start, item.end, item.sort == Sort::Escaped)
            }
            _ => Self::NONE,
        }
    }

    fn array(item: Item) -> Self {
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
/// null, before their members: a repeated one begins anew. Names with escapes and longer than 24 bytes are shown empty.
pub(crate) fn read<'a>(
    payload: &'a [u8],
    other: &mut dyn FnMut(Place, &[u8], Value<'a>),
) -> Result<Outline<'a>, Malformed> {
    let outer = scan::utf8(text(payload)).ok_or(Malformed)?;
    let mut reader = Reader::new(outer);
    let mut outline = Outline {
        text: outer,
        schema: false,
        action: false,
        open_message: false,
        uuid: Span::NONE,
        ts: None,
        header: Header::default(),
        body: Body::default(),
    };
    let is_object = members(&mut reader, &mut |reader, name| {
        match name {
            b"header" => {
                other(Place::Top, name, Value::Null);
                return read_header(reader, &mut outline.header, other);
            }
            b"event" => {
                other(Place::Top, name, Value::Null);
                return read_body(reader, &mut outline.body);
            }
            _ => {}
        }
        let item = reader.item()?;
        match name {
            // Of a string only an empty one says nothing.
            b"schema" => outline.schema = item.sort != Sort::Null && item.start < item.end,
            b"uuid" => outline.uuid = Span::name(item),
            b"ts" => outline.ts = seconds(reader.value_of(item)),
            b"action" => outline.action = item.sort == Sort::Object,
            b"open_message_id" => outline.open_message = Span::name(item).known,
            _ => other(Place::Top, name, reader.value_of(item)),
        }
        Ok(())
    })?;
    if !is_object {
        return Err(Malformed);
    }
    reader.finish()?;
    Ok(outline)
}

/// Shows the name of each member of the object that is the next value; `take` reads the value. `false`: it was something
/// else.
fn members<'a>(
    reader: &mut Reader<'a>,
    take: &mut dyn FnMut(&mut Reader<'a>, &[u8]) -> Result<(), json::Error>,
) -> Result<bool, json::Error> {
    if !reader.enter_object()? {
        return Ok(false);
    }
    let mut room = [0; 24];
    while let Some(key) = reader.key()? {
        let name = reader.name(key, &mut room);
        take(reader, name)?;
    }
    Ok(true)
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
    // From the start of the text, so that places are places in all of it.
    let mut reader = Reader::new(outer);
    members(&mut reader, &mut |reader, name| match name {
        b"event" => read_legacy_members(reader, spans),
        _ => reader.skip(),
    })?;
    Ok(())
}

fn read_legacy_members(reader: &mut Reader<'_>, spans: &mut Layout) -> Result<(), json::Error> {
    (spans.message, spans.sender, spans.legacy_is_mention) = Default::default();
    members(reader, &mut |reader, name| {
        let item = reader.item()?;
        let (message, sender) = (&mut spans.message, &mut spans.sender);
        let place = match name {
            b"chat_type" => &mut message.chat_type,
            b"employee_id" => &mut sender.user_id,
            b"is_mention" => {
                spans.legacy_is_mention = reader.value_of(item).as_bool();
                return Ok(());
            }
            b"msg_type" => &mut message.message_type,
            b"open_chat_id" => &mut message.chat_id,
            b"open_id" => &mut sender.open_id,
            b"open_message_id" => &mut message.message_id,
            b"parent_id" => &mut message.parent_id,
            b"root_id" => &mut message.root_id,
            b"text" => &mut message.content,
            b"text_without_at_bot" => &mut message.mentions,
            b"union_id" => &mut sender.union_id,
            _ => return Ok(()),
        };
        *place = Span::name(item);
        Ok(())
    })?;
    Ok(())
}

fn read_header<'a>(
    reader: &mut Reader<'a>,
    header: &mut Header,
    other: &mut dyn FnMut(Place, &[u8], Value<'a>),
) -> Result<(), json::Error> {
    *header = Header::default();
    members(reader, &mut |reader, name| {
        let item = reader.item()?;
        match name {
            b"app_id" => header.app_id = Span::name(item),
            b"create_time" => header.create_time = time(reader.value_of(item)),
            b"event_id" => header.event_id = Span::name(item),
            b"event_type" => header.event_type = Span::name(item),
            b"tenant_key" => header.tenant_key = Span::name(item),
            _ => other(Place::Header, name, reader.value_of(item)),
        }
        Ok(())
    })?;
    Ok(())
}

fn read_body(reader: &mut Reader<'_>, body: &mut Body) -> Result<(), json::Error> {
    *body = Body::default();
    // The reader stands before the value: white space may be between.
    let mut probe = reader.clone();
    let is_object = members(reader, &mut |reader, name| {
        match name {
            b"message" => return read_message(reader, &mut body.message),
            b"sender" => return read_sender(reader, &mut body.sender),
            _ => {}
        }
        let item = reader.item()?;
        match name {
            b"type" => body.event_type = Span::name(item),
            b"app_id" => body.app_id = Span::name(item),
            b"tenant_key" => body.tenant_key = Span::name(item),
            _ => {}
        }
        Ok(())
    })?;
    // An array is kept as it stands, without fields.
    body.raw = if is_object {
        Span::of(probe.start_of_value()?, reader.position(), false)
    } else {
        Span::array(probe.item()?)
    };
    Ok(())
}

fn read_message(reader: &mut Reader<'_>, message: &mut MessageSpans) -> Result<(), json::Error> {
    *message = MessageSpans::default();
    members(reader, &mut |reader, name| {
        let item = reader.item()?;
        match name {
            b"chat_id" => message.chat_id = Span::name(item),
            b"chat_type" => message.chat_type = Span::name(item),
            b"content" => message.content = Span::name(item),
            b"create_time" => message.create_time = time(reader.value_of(item)),
            b"mentions" => message.mentions = Span::array(item),
            b"message_id" => message.message_id = Span::name(item),
            b"message_type" => message.message_type = Span::name(item),
            b"parent_id" => message.parent_id = Span::name(item),
            b"root_id" => message.root_id = Span::name(item),
            b"thread_id" => message.thread_id = Span::name(item),
            _ => {}
        }
        Ok(())
    })?;
    Ok(())
}

fn read_sender(reader: &mut Reader<'_>, sender: &mut SenderSpans) -> Result<(), json::Error> {
    *sender = SenderSpans::default();
    members(reader, &mut |reader, name| {
        if name == b"sender_id" {
            return read_ids(reader, sender);
        }
        let item = reader.item()?;
        match name {
            b"sender_type" => sender.sender_type = Span::name(item),
            b"tenant_key" => sender.tenant_key = Span::name(item),
            _ => {}
        }
        Ok(())
    })?;
    Ok(())
}

fn read_ids(reader: &mut Reader<'_>, sender: &mut SenderSpans) -> Result<(), json::Error> {
    (sender.open_id, sender.union_id, sender.user_id) = Default::default();
    members(reader, &mut |reader, name| {
        let item = reader.item()?;
        match name {
            b"open_id" => sender.open_id = Span::name(item),
            b"union_id" => sender.union_id = Span::name(item),
            b"user_id" => sender.user_id = Span::name(item),
            _ => {}
        }
        Ok(())
    })?;
    Ok(())
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
