//! The members of a body that say who sent it and what it is for, read in the same pass as the event.

use crate::event::{self, Malformed, Outline, Place};
use crate::wire::json::{Str, Value};

/// A token as it stands in a body.
#[derive(Clone, Copy, Default)]
pub(super) enum Token<'a> {
    #[default]
    Missing,
    /// Of another type, or empty.
    Unusable,
    Text(Str<'a>),
}

impl<'a> Token<'a> {
    fn of(value: Value<'a>) -> Self {
        match value {
            Value::String(text) if !text.is_empty() => Self::Text(text),
            _ => Self::Unusable,
        }
    }
}

/// What stands beside the event.
#[derive(Default)]
pub(super) struct Members<'a> {
    /// `token` at the top.
    pub(super) token: Token<'a>,
    /// `token` of `header`.
    pub(super) header_token: Token<'a>,
    /// `type` at the top says `url_verification`.
    says_verification: bool,
    /// `header` or `event` stands at the top.
    is_enveloped: bool,
    pub(super) challenge: Option<Str<'a>>,
    pub(super) encrypt: Option<Value<'a>>,
}

impl<'a> Members<'a> {
    /// Reads a body once. Of repeated members the last one counts, as it does in the event.
    pub(super) fn read(body: &'a [u8]) -> Result<(Self, Outline<'a>), Malformed> {
        let mut members = Self::default();
        let outline = event::read(body, &mut |place, name, value| members.take(place, name, value))?;
        Ok((members, outline))
    }

    fn take(&mut self, place: Place, name: &[u8], value: Value<'a>) {
        match place {
            Place::Header if name == b"token" => self.header_token = Token::of(value),
            Place::Header => {}
            Place::Top if name == b"token" => self.token = Token::of(value),
            Place::Top if name == b"type" => {
                self.says_verification = value.as_str().is_some_and(|text| text == "url_verification");
            }
            Place::Top if name == b"challenge" => self.challenge = value.as_str(),
            Place::Top if name == b"encrypt" => self.encrypt = Some(value),
            Place::Top if name == b"header" => {
                self.is_enveloped = true;
                self.header_token = Token::Missing;
            }
            Place::Top => self.is_enveloped |= name == b"event",
        }
    }

    /// Whether it is the verification of the request URL, and nothing that could be an event as well.
    pub(super) fn is_verification(&self, outline: &Outline<'_>) -> bool {
        self.says_verification && !self.is_enveloped && outline.envelope().is_none()
    }
}
