//! Which envelope a payload is, and where its fields lie in it (protocol sections 11.1 to 11.3).
//!
//! Members may come in any order, any may be missing, null or of another type; of a repeated member the last wins, so
//! that what is checked is what is used.

use super::Envelope;
use super::members::{Field, KEPT, Kept, Places, read, read_legacy_message};
use super::typed::Kind;
use crate::time::UnixMillis;
use crate::wire::json::{self, Sort, Span, Str, Value};

/// Where the fields of an envelope lie in its text: 260 bytes, opaque, kept beside a copied event.
///
/// A message of envelope v1 has its `text` where others have `content`, its `text_without_at_bot` where others have
/// `mentions`.
#[derive(Clone, Debug)]
pub struct Layout {
    pub(crate) envelope: Envelope,
    pub(crate) kind: Kind,
    pub(crate) legacy_is_mention: Option<bool>,
    pub(crate) callback: bool,
    pub(crate) is_message: bool,
    places: Kept,
}

impl Layout {
    /// Of no event, all zero: what an unused place for an event holds.
    pub const EMPTY: Self = Self {
        envelope: Envelope::Card,
        kind: Kind::BotAdded,
        legacy_is_mention: Some(false),
        callback: false,
        is_message: false,
        places: [Span::NONE; KEPT],
    };

    /// The layout of an event's [`json`](super::Event::json) that was kept without it, in flash, say: one pass over the
    /// text. `None` when it is none.
    pub fn read(json: &str) -> Option<Self> {
        parse(json.as_bytes()).ok().filter(|(read, _)| read.len() == json.len()).map(|(_, layout)| layout)
    }

    /// A kept field, as it stands in `json`.
    #[inline]
    pub(crate) fn str<'a>(&self, field: Field, json: &'a str) -> Option<Str<'a>> {
        self.span(field).str(json)
    }

    /// An array or object that was kept, empty where there is none.
    pub(crate) fn text<'a>(&self, field: Field, json: &'a str) -> &'a str {
        self.span(field).text(json)
    }

    /// When the event happened.
    pub(crate) fn event_time(&self, json: &str) -> Option<UnixMillis> {
        let text = self.str(Field::EventTime, json)?;
        if self.envelope == Envelope::V1 { seconds(text) } else { time(text) }
    }

    /// When the message was written.
    pub(crate) fn message_time(&self, json: &str) -> Option<UnixMillis> {
        time(self.str(Field::MessageTime, json)?)
    }

    fn span(&self, field: Field) -> Span {
        self.places.get(field.kept()).copied().unwrap_or(Span::NONE)
    }

    fn set(&mut self, field: Field, span: Span) {
        if let Some(place) = self.places.get_mut(field.kept()) {
            *place = span;
        }
    }
}

fn time(text: Str<'_>) -> Option<UnixMillis> {
    UnixMillis::from_platform(Value::String(text).as_i64()?)
}

/// The `ts` of envelope v1: seconds, possibly with a fraction.
fn seconds(text: Str<'_>) -> Option<UnixMillis> {
    let text = text.plain()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut ms = UnixMillis::from_platform(whole.parse().ok()?)?.0;
    for (digit, unit) in fraction.bytes().zip([100, 10, 1]) {
        let digit = char::from(digit).to_digit(10)?;
        ms = ms.saturating_add(u64::from(digit).saturating_mul(unit));
    }
    Some(UnixMillis(ms))
}

/// The payload is no event: broken JSON, or none of the known envelopes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed;

impl From<json::Error> for Malformed {
    fn from(_: json::Error) -> Self {
        Self
    }
}

/// The envelope's text: the payload without a leading byte order mark, which SDKs stumble over.
pub(crate) fn text(payload: &[u8]) -> &[u8] {
    payload.strip_prefix("\u{feff}".as_bytes()).unwrap_or(payload)
}

/// Reads an envelope; the text the spans refer to is [`text`] of the payload. What it takes of a board's stack is given back
/// before the event is looked at.
#[inline(never)]
pub(crate) fn parse(payload: &[u8]) -> Result<(&str, Layout), Malformed> {
    let outline = read(payload)?;
    Ok((outline.text, outline.layout()?))
}

/// What one pass has found, before it is known to be an event.
pub(crate) struct Outline<'a> {
    pub(crate) text: &'a str,
    pub(crate) places: Places,
}

impl Outline<'_> {
    /// Which envelope it is; `None` when it is none of the known ones.
    pub(crate) fn envelope(&self) -> Option<Envelope> {
        if self.places.get(Field::Schema).says_something() || self.places.get(Field::EventType).known {
            Some(Envelope::V2)
        } else if self.places.get(Field::Uuid).known {
            Some(Envelope::V1)
        } else {
            let is_card = self.places.get(Field::Action).known && self.places.get(Field::OpenMessageId).known;
            is_card.then_some(Envelope::Card)
        }
    }

    /// Where the fields of the event lie.
    pub(crate) fn layout(&self) -> Result<Layout, Malformed> {
        let envelope = self.envelope().ok_or(Malformed)?;
        let mut layout = Layout { envelope, places: *self.places.kept(), ..Layout::EMPTY };
        layout.legacy_is_mention = None;
        // An array is kept as it stands, without fields.
        if !matches!(self.places.get(Field::Event).sort, Sort::Array | Sort::Object) {
            layout.set(Field::Event, Span::NONE);
        }
        layout.kind = match envelope {
            Envelope::V2 => Kind::of(&Kind::V2, layout.str(Field::EventType, self.text)),
            Envelope::V1 => {
                for (field, lies_at) in [
                    (Field::EventType, Field::BodyType),
                    (Field::EventId, Field::Uuid),
                    (Field::AppId, Field::BodyAppId),
                    (Field::TenantKey, Field::BodyTenantKey),
                    (Field::EventTime, Field::Ts),
                ] {
                    layout.set(field, self.places.get(lies_at));
                }
                Kind::of(&Kind::V1, layout.str(Field::EventType, self.text))
            }
            Envelope::Card => Kind::CardAction,
        };
        layout.callback = matches!(layout.kind, Kind::CardAction | Kind::UrlPreview);
        layout.is_message = layout.kind == Kind::Message;
        if layout.is_message && envelope == Envelope::V1 {
            self.read_legacy_message(&mut layout)?;
        }
        Ok(layout)
    }

    // Its places are needed on the stack by old messages alone.
    #[inline(never)]
    fn read_legacy_message(&self, layout: &mut Layout) -> Result<(), Malformed> {
        let mut places = Places::NONE;
        read_legacy_message(self.text, &mut places)?;
        let is_mention = places.get(Field::IsMention).str(self.text);
        layout.legacy_is_mention = is_mention.and_then(|text| Value::String(text).as_bool());
        let of_message = Field::ChatId.kept()..=Field::UserId.kept();
        let (to, from) = (layout.places.get_mut(of_message.clone()), places.kept().get(of_message));
        if let (Some(to), Some(from)) = (to, from) {
            to.copy_from_slice(from);
        }
        Ok(())
    }
}
