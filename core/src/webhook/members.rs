//! The members of a body that say who sent it and what it is for, read in the same pass as the event.

use crate::event::{self, Field, Malformed, Outline};
use crate::wire::json::Str;

/// A token as it stands in a body.
#[derive(Clone, Copy)]
pub(super) enum Token<'a> {
    Missing,
    /// Of another type, or empty.
    Unusable,
    Text(Str<'a>),
}

/// A body that was read once. Of repeated members the last one counts, as it does in the event.
pub(super) struct Body<'a>(pub(super) Outline<'a>);

impl<'a> Body<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        event::read(body).map(Self)
    }

    /// `token` at the top.
    pub(super) fn token(&self) -> Token<'a> {
        self.token_of(Field::Token)
    }

    /// `token` of `header`.
    pub(super) fn header_token(&self) -> Token<'a> {
        self.token_of(Field::HeaderToken)
    }

    pub(super) fn challenge(&self) -> Option<Str<'a>> {
        self.string(Field::Challenge)
    }

    /// What is encrypted; `Err` where that is no string.
    pub(super) fn encrypt(&self) -> Option<Result<Str<'a>, NotText>> {
        self.has(Field::Encrypt).then(|| self.string(Field::Encrypt).ok_or(NotText))
    }

    /// Whether it is the verification of the request URL, and nothing that could be an event as well.
    pub(super) fn is_verification(&self) -> bool {
        self.string(Field::Type).is_some_and(|text| text == "url_verification")
            && !self.has(Field::Header)
            && !self.has(Field::Event)
            && self.0.envelope().is_none()
    }

    fn token_of(&self, field: Field) -> Token<'a> {
        match self.string(field) {
            Some(text) if !text.is_empty() => Token::Text(text),
            _ if self.has(field) => Token::Unusable,
            _ => Token::Missing,
        }
    }

    fn has(&self, field: Field) -> bool {
        self.0.places.get(field).known
    }

    fn string(&self, field: Field) -> Option<Str<'a>> {
        self.0.places.get(field).string(self.0.text)
    }
}

/// A member that must be text is something else.
pub(super) struct NotText;
