//! The members of an envelope, by name: one pass over a payload (protocol sections 11.1 to 11.4).

use super::envelope::{Malformed, Outline, text};
use crate::wire::json::record::{self, Level, Place};
use crate::wire::json::{Name, Reader, Span};
use crate::wire::scan;

/// What an envelope is read by: the number of its place. Members of one object stand side by side, so that a repeated
/// object begins anew; from `EventId` to `UserId` they are [kept](Places::kept).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Field {
    HeaderToken,
    EventId,
    EventType,
    AppId,
    TenantKey,
    EventTime,
    Event,
    ChatId,
    ChatType,
    Content,
    MessageTime,
    Mentions,
    MessageId,
    MessageType,
    ParentId,
    RootId,
    ThreadId,
    SenderTenantKey,
    SenderType,
    OpenId,
    UnionId,
    UserId,
    BodyType,
    BodyAppId,
    BodyTenantKey,
    IsMention,
    Schema,
    Header,
    Uuid,
    Ts,
    Action,
    OpenMessageId,
    Token,
    Type,
    Challenge,
    Encrypt,
    /// It is known, so that the one after it is expected, and read by nobody.
    Elsewhere,
}

/// How many fields there are, and how many of them a layout keeps.
const FIELDS: usize = Field::Elsewhere as usize + 1;
pub(super) const KEPT: usize = Field::UserId as usize;

/// Where the kept fields lie in the text.
pub(crate) type Kept = [Span; KEPT];

static NOTHING_KEPT: Kept = [Span::NONE; KEPT];

impl Field {
    /// Its place in [`Kept`], if it has one.
    #[inline]
    pub(crate) const fn kept(self) -> usize {
        (self as usize).wrapping_sub(Self::EventId as usize)
    }
}

/// Where the fields lie that were found.
pub(crate) struct Places([Span; FIELDS]);

impl Places {
    pub(super) const NONE: Self = Self([Span::NONE; FIELDS]);

    #[inline]
    pub(crate) fn get(&self, field: Field) -> Span {
        self.0.get(field as usize).copied().unwrap_or(Span::NONE)
    }

    pub(crate) fn kept(&self) -> &Kept {
        self.0.get(Field::EventId as usize..).and_then(|fields| fields.first_chunk()).unwrap_or(&NOTHING_KEPT)
    }
}

const HEADER: u8 = 1;
const EVENT: u8 = 2;
const MESSAGE: u8 = 3;
const SENDER: u8 = 4;
const SENDER_ID: u8 = 5;

/// An envelope; the names of each level in the order in which the platform writes them.
static LEVELS: [Level; 6] = [
    Level {
        names: &[
            any("schema", Field::Schema),
            object("header", Field::Header, HEADER),
            object("event", Field::Event, EVENT),
            id("uuid", Field::Uuid),
            any("token", Field::Token),
            id("ts", Field::Ts),
            any("type", Field::Type),
            Name::object("action", Field::Action as u8),
            id("open_message_id", Field::OpenMessageId),
            any("challenge", Field::Challenge),
            any("encrypt", Field::Encrypt),
        ],
        first: Field::HeaderToken as u8,
        last: Field::Elsewhere as u8,
    },
    Level {
        names: &[
            id("event_id", Field::EventId),
            any("token", Field::HeaderToken),
            id("create_time", Field::EventTime),
            id("event_type", Field::EventType),
            id("tenant_key", Field::TenantKey),
            id("app_id", Field::AppId),
        ],
        first: Field::HeaderToken as u8,
        last: Field::EventTime as u8,
    },
    Level {
        names: &[
            object("message", Field::Elsewhere, MESSAGE),
            object("sender", Field::Elsewhere, SENDER),
            id("type", Field::BodyType),
            id("app_id", Field::BodyAppId),
            id("tenant_key", Field::BodyTenantKey),
        ],
        first: Field::ChatId as u8,
        last: Field::IsMention as u8,
    },
    Level {
        names: &[
            id("chat_id", Field::ChatId),
            id("chat_type", Field::ChatType),
            id("content", Field::Content),
            id("create_time", Field::MessageTime),
            Name::array("mentions", Field::Mentions as u8),
            id("message_id", Field::MessageId),
            id("message_type", Field::MessageType),
            id("update_time", Field::Elsewhere),
            id("parent_id", Field::ParentId),
            id("root_id", Field::RootId),
            id("thread_id", Field::ThreadId),
        ],
        first: Field::ChatId as u8,
        last: Field::ThreadId as u8,
    },
    Level {
        names: &[
            object("sender_id", Field::Elsewhere, SENDER_ID),
            id("sender_type", Field::SenderType),
            id("tenant_key", Field::SenderTenantKey),
        ],
        first: Field::SenderTenantKey as u8,
        last: Field::UserId as u8,
    },
    Level {
        names: &[id("open_id", Field::OpenId), id("union_id", Field::UnionId), id("user_id", Field::UserId)],
        first: Field::OpenId as u8,
        last: Field::UserId as u8,
    },
];

/// A message of envelope v1: its fields lie in `event` itself, its text under two names (protocol section 11.4).
static LEGACY: [Level; 2] = [
    Level { names: &[object("event", Field::Event, 1)], first: Field::HeaderToken as u8, last: Field::Elsewhere as u8 },
    Level {
        names: &[
            id("open_id", Field::OpenId),
            id("union_id", Field::UnionId),
            id("employee_id", Field::UserId),
            id("open_chat_id", Field::ChatId),
            id("chat_type", Field::ChatType),
            any("is_mention", Field::IsMention),
            id("root_id", Field::RootId),
            id("parent_id", Field::ParentId),
            id("open_message_id", Field::MessageId),
            id("msg_type", Field::MessageType),
            id("text", Field::Content),
            id("text_without_at_bot", Field::Mentions),
        ],
        first: Field::ChatId as u8,
        last: Field::IsMention as u8,
    },
];

const fn id(name: &'static str, field: Field) -> Name<Place> {
    Name::id(name, field as u8)
}

const fn any(name: &'static str, field: Field) -> Name<Place> {
    Name::any(name, field as u8)
}

const fn object(name: &'static str, field: Field, level: u8) -> Name<Place> {
    Name::level(name, field as u8, level)
}

/// Reads a JSON object once.
pub(crate) fn read(payload: &[u8]) -> Result<Outline<'_>, Malformed> {
    let text = scan::utf8(text(payload)).ok_or(Malformed)?;
    let mut outline = Outline { text, places: Places::NONE };
    find_places(text, &LEVELS, &mut outline.places)?;
    Ok(outline)
}

/// Where the fields of a message of envelope v1 lie.
pub(super) fn read_legacy_message(text: &str, places: &mut Places) -> Result<(), Malformed> {
    find_places(text, &LEGACY, places)
}

/// In place: a board has its half a kilobyte on the stack once.
fn find_places(text: &str, levels: &[Level], places: &mut Places) -> Result<(), Malformed> {
    let mut reader = Reader::new(text);
    if !reader.enter_object()? {
        return Err(Malformed);
    }
    record::read(&mut reader, levels, &mut places.0)?;
    Ok(reader.finish()?)
}

#[cfg(test)]
mod tests {
    use super::{FIELDS, Field, LEGACY, LEVELS};
    use crate::wire::json::record;

    #[test]
    fn an_object_that_begins_anew_forgets_what_is_in_it_and_nothing_else() {
        record::assert_sound(&LEVELS, FIELDS, Some(Field::Elsewhere as u8));
        record::assert_sound(&LEGACY, FIELDS, Some(Field::Elsewhere as u8));
    }
}
