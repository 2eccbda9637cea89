//! The members of an envelope, by name: one pass over a payload (protocol sections 11.1 to 11.4).

use super::envelope::{Body, Header, Layout, Malformed, MessageSpans, Outline, Place, SenderSpans, Span, text};
use crate::time::UnixMillis;
use crate::wire::json::{self, Member, Name, Reader, Sort, Value};
use crate::wire::scan;

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
    let is_object = members(&mut reader, &TOP, &mut |reader, member| {
        match member.means {
            Some(Field::Header) => {
                other(Place::Top, b"header", Value::Null);
                outline.header = Header::default();
                return if member.is_text() { Ok(()) } else { read_header(reader, &mut outline.header, other) };
            }
            Some(Field::Event) => {
                other(Place::Top, b"event", Value::Null);
                outline.body = Body::default();
                return if member.is_text() { Ok(()) } else { read_body(reader, &mut outline.body) };
            }
            _ => {}
        }
        let item = member.item(reader)?;
        match member.means {
            // Of a string only an empty one says nothing.
            Some(Field::Schema) => outline.schema = item.sort != Sort::Null && item.start < item.end,
            Some(Field::Uuid) => outline.uuid = Span::name(item),
            Some(Field::Ts) => outline.ts = seconds(reader.value_of(item)),
            Some(Field::Action) => outline.action = item.sort == Sort::Object,
            Some(Field::OpenMessageId) => outline.open_message = Span::name(item).known,
            _ => other(Place::Top, reader.name(member.key, &mut [0; 24]), reader.value_of(item)),
        }
        Ok(())
    })?;
    if !is_object {
        return Err(Malformed);
    }
    reader.finish()?;
    Ok(outline)
}

/// What the names stand for that an envelope is read by, wherever they stand in it.
#[derive(Clone, Copy)]
enum Field {
    Action,
    AppId,
    ChatId,
    ChatType,
    Content,
    CreateTime,
    /// It has its place, but not here.
    Elsewhere,
    Event,
    EventId,
    EventType,
    Header,
    IsMention,
    Mentions,
    Message,
    MessageId,
    MessageType,
    OpenId,
    OpenMessageId,
    ParentId,
    RootId,
    Schema,
    Sender,
    SenderId,
    SenderType,
    TenantKey,
    ThreadId,
    Ts,
    UnionId,
    UserId,
    Uuid,
}

// Each in the order in which the platform writes them.
const TOP: [Name<Field>; 7] = [
    Name::new("schema", Field::Schema),
    Name::new("header", Field::Header),
    Name::new("event", Field::Event),
    Name::new("uuid", Field::Uuid),
    Name::new("ts", Field::Ts),
    Name::new("action", Field::Action),
    Name::new("open_message_id", Field::OpenMessageId),
];
const HEADER: [Name<Field>; 6] = [
    Name::new("event_id", Field::EventId),
    Name::new("token", Field::Elsewhere),
    Name::new("create_time", Field::CreateTime),
    Name::new("event_type", Field::EventType),
    Name::new("tenant_key", Field::TenantKey),
    Name::new("app_id", Field::AppId),
];
const BODY: [Name<Field>; 5] = [
    Name::new("message", Field::Message),
    Name::new("sender", Field::Sender),
    Name::new("type", Field::EventType),
    Name::new("app_id", Field::AppId),
    Name::new("tenant_key", Field::TenantKey),
];
const MESSAGE: [Name<Field>; 11] = [
    Name::new("chat_id", Field::ChatId),
    Name::new("chat_type", Field::ChatType),
    Name::new("content", Field::Content),
    Name::new("create_time", Field::CreateTime),
    Name::new("mentions", Field::Mentions),
    Name::new("message_id", Field::MessageId),
    Name::new("message_type", Field::MessageType),
    Name::new("update_time", Field::Elsewhere),
    Name::new("parent_id", Field::ParentId),
    Name::new("root_id", Field::RootId),
    Name::new("thread_id", Field::ThreadId),
];
const SENDER: [Name<Field>; 3] = [
    Name::new("sender_id", Field::SenderId),
    Name::new("sender_type", Field::SenderType),
    Name::new("tenant_key", Field::TenantKey),
];
const IDS: [Name<Field>; 3] =
    [Name::new("open_id", Field::OpenId), Name::new("union_id", Field::UnionId), Name::new("user_id", Field::UserId)];
/// A message of envelope v1, its text under two names (protocol section 11.4).
const LEGACY: [Name<Field>; 12] = [
    Name::new("open_id", Field::OpenId),
    Name::new("union_id", Field::UnionId),
    Name::new("employee_id", Field::UserId),
    Name::new("open_chat_id", Field::ChatId),
    Name::new("chat_type", Field::ChatType),
    Name::new("is_mention", Field::IsMention),
    Name::new("root_id", Field::RootId),
    Name::new("parent_id", Field::ParentId),
    Name::new("open_message_id", Field::MessageId),
    Name::new("msg_type", Field::MessageType),
    Name::new("text", Field::Content),
    Name::new("text_without_at_bot", Field::Mentions),
];

/// Reads the value of a member.
type Take<'t, 'a> = dyn FnMut(&mut Reader<'a>, Member<Field>) -> Result<(), json::Error> + 't;

/// Shows each member of the object that is the next value; `take` reads those that are not [read](Member::is_text) yet.
/// `false`: it was something else.
fn members<'a>(reader: &mut Reader<'a>, names: &[Name<Field>], take: &mut Take<'_, 'a>) -> Result<bool, json::Error> {
    if !reader.enter_object()? {
        return Ok(false);
    }
    let mut expected = 0;
    while let Some(member) = reader.member(names, &mut expected)? {
        take(reader, member)?;
    }
    Ok(true)
}

/// A message of envelope v1: its fields lie in `event` itself, under other names (protocol section 11.4).
pub(super) fn read_legacy_message(outer: &str, spans: &mut Layout) -> Result<(), json::Error> {
    // From the start of the text, so that places are places in all of it.
    let mut reader = Reader::new(outer);
    members(&mut reader, &TOP, &mut |reader, member| match member.means {
        Some(Field::Event) if !member.is_text() => read_legacy_members(reader, spans),
        _ => member.item(reader).map(|_| ()),
    })?;
    Ok(())
}

fn read_legacy_members(reader: &mut Reader<'_>, spans: &mut Layout) -> Result<(), json::Error> {
    (spans.message, spans.sender, spans.legacy_is_mention) = Default::default();
    members(reader, &LEGACY, &mut |reader, member| {
        let item = member.item(reader)?;
        let (message, sender) = (&mut spans.message, &mut spans.sender);
        let place = match member.means {
            Some(Field::ChatId) => &mut message.chat_id,
            Some(Field::ChatType) => &mut message.chat_type,
            Some(Field::Content) => &mut message.content,
            Some(Field::IsMention) => {
                spans.legacy_is_mention = reader.value_of(item).as_bool();
                return Ok(());
            }
            Some(Field::Mentions) => &mut message.mentions,
            Some(Field::MessageId) => &mut message.message_id,
            Some(Field::MessageType) => &mut message.message_type,
            Some(Field::OpenId) => &mut sender.open_id,
            Some(Field::ParentId) => &mut message.parent_id,
            Some(Field::RootId) => &mut message.root_id,
            Some(Field::UnionId) => &mut sender.union_id,
            Some(Field::UserId) => &mut sender.user_id,
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
    members(reader, &HEADER, &mut |reader, member| {
        let item = member.item(reader)?;
        match member.means {
            Some(Field::AppId) => header.app_id = Span::name(item),
            Some(Field::CreateTime) => header.create_time = time(reader.value_of(item)),
            Some(Field::EventId) => header.event_id = Span::name(item),
            Some(Field::EventType) => header.event_type = Span::name(item),
            Some(Field::TenantKey) => header.tenant_key = Span::name(item),
            _ => other(Place::Header, reader.name(member.key, &mut [0; 24]), reader.value_of(item)),
        }
        Ok(())
    })?;
    Ok(())
}

fn read_body(reader: &mut Reader<'_>, body: &mut Body) -> Result<(), json::Error> {
    // The reader stands before the value: white space may be between.
    let mut probe = reader.clone();
    let is_object = members(reader, &BODY, &mut |reader, member| {
        match member.means {
            Some(Field::Message) => {
                body.message = MessageSpans::default();
                return if member.is_text() { Ok(()) } else { read_message(reader, &mut body.message) };
            }
            Some(Field::Sender) => {
                body.sender = SenderSpans::default();
                return if member.is_text() { Ok(()) } else { read_sender(reader, &mut body.sender) };
            }
            _ => {}
        }
        let item = member.item(reader)?;
        match member.means {
            Some(Field::AppId) => body.app_id = Span::name(item),
            Some(Field::EventType) => body.event_type = Span::name(item),
            Some(Field::TenantKey) => body.tenant_key = Span::name(item),
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
    members(reader, &MESSAGE, &mut |reader, member| {
        let item = member.item(reader)?;
        match member.means {
            Some(Field::ChatId) => message.chat_id = Span::name(item),
            Some(Field::ChatType) => message.chat_type = Span::name(item),
            Some(Field::Content) => message.content = Span::name(item),
            Some(Field::CreateTime) => message.create_time = time(reader.value_of(item)),
            Some(Field::Mentions) => message.mentions = Span::array(item),
            Some(Field::MessageId) => message.message_id = Span::name(item),
            Some(Field::MessageType) => message.message_type = Span::name(item),
            Some(Field::ParentId) => message.parent_id = Span::name(item),
            Some(Field::RootId) => message.root_id = Span::name(item),
            Some(Field::ThreadId) => message.thread_id = Span::name(item),
            _ => {}
        }
        Ok(())
    })?;
    Ok(())
}

fn read_sender(reader: &mut Reader<'_>, sender: &mut SenderSpans) -> Result<(), json::Error> {
    members(reader, &SENDER, &mut |reader, member| {
        if let Some(Field::SenderId) = member.means {
            (sender.open_id, sender.union_id, sender.user_id) = Default::default();
            return if member.is_text() { Ok(()) } else { read_ids(reader, sender) };
        }
        let item = member.item(reader)?;
        match member.means {
            Some(Field::SenderType) => sender.sender_type = Span::name(item),
            Some(Field::TenantKey) => sender.tenant_key = Span::name(item),
            _ => {}
        }
        Ok(())
    })?;
    Ok(())
}

fn read_ids(reader: &mut Reader<'_>, sender: &mut SenderSpans) -> Result<(), json::Error> {
    members(reader, &IDS, &mut |reader, member| {
        let item = member.item(reader)?;
        match member.means {
            Some(Field::OpenId) => sender.open_id = Span::name(item),
            Some(Field::UnionId) => sender.union_id = Span::name(item),
            Some(Field::UserId) => sender.user_id = Span::name(item),
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
