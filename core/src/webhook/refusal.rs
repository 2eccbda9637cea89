//! Why a request is refused, and what it is answered: the same words for all, so that they tell nothing.

use core::fmt;

/// What an HTTP response says: a status, a body, and whether the connection ends with it.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Reply<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The body, always JSON ([`CONTENT_TYPE`](super::CONTENT_TYPE)).
    pub body: &'a [u8],
    /// Whether to close the connection, with `Connection: close`: what follows on it may be anything.
    pub close: bool,
}

impl fmt::Debug for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a program answers to a click is not for logs.
        f.debug_struct("Reply").field("status", &self.status).field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

impl Reply<'static> {
    /// The event is in the inbox, or was before, or is dropped: it need not come again.
    pub(crate) const SUCCESS: Self = Self { status: 200, body: br#"{"msg":"success"}"#, close: false };
    /// A callback's default answer.
    pub(crate) const EMPTY_OBJECT: Self = Self { status: 200, body: b"{}", close: false };
}

/// Why a request is refused. Only counters and notices tell it apart: every refusal has the same body, and everything that
/// concerns signatures, decryption and tokens the same status, 401.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// No clock is known, so that the age of a signed request is not. 503: the platform sends it again. Next step: tell
    /// the bot the time of day, or choose another [`Freshness`](super::Freshness).
    ClockUnknown,
    /// The body is not `application/json`. 415.
    ContentType,
    /// The bot does not know its own `open_id` yet, and who is meant depends on it. 503: the platform sends it again. Next
    /// step: none, if it comes right after the start; else see [`Notice::IdentityFailed`](crate::Notice::IdentityFailed).
    IdentityUnknown,
    /// No more room for what was verified, or the bot is ending. 503: the platform sends it again. Next step: take events
    /// faster, or give more room.
    InboxFull,
    /// Not `POST`. 405.
    Method,
    /// The text is no JSON object. 401.
    NotJson,
    /// No such path. 404. Next step: compare the request URL in the developer console with the path that is served.
    Path,
    /// A header that is signed, or the signature, stands twice. 401.
    SignatureRepeated,
    /// No signature, and it is no verification of the request URL. 401. Next step: set the same Encrypt Key here and in
    /// the developer console.
    SignatureMissing,
    /// The signature is not that of this body. 401. Next step: compare the Encrypt Key with the developer console's; a
    /// proxy in between must not change the body.
    SignatureWrong,
    /// The body took too long. 408.
    Slow,
    /// Its timestamp is no number, or further from now than [`Freshness`](super::Freshness) allows. 401. Next step: check
    /// this machine's clock.
    Stale,
    /// The Verification Token is missing. 401. Next step: see
    /// [`allow_missing_token`](super::WebhookRules::allow_missing_token).
    TokenMissing,
    /// Another Verification Token. 401. Next step: compare it with the developer console's.
    TokenWrong,
    /// The body is longer than the limit. 413. Next step: raise [`max_body`](super::WebhookRules::max_body).
    TooBig,
    /// Too many unfinished bodies, or too many requests of strangers. 429.
    TooMany,
    /// It cannot be decrypted. 401. Next step: compare the Encrypt Key with the developer console's.
    Undecryptable,
}

impl Refusal {
    /// Every refusal, in the order of the counters.
    pub const ALL: [Self; 17] = [
        Self::ClockUnknown,
        Self::ContentType,
        Self::IdentityUnknown,
        Self::InboxFull,
        Self::Method,
        Self::NotJson,
        Self::Path,
        Self::SignatureRepeated,
        Self::SignatureMissing,
        Self::SignatureWrong,
        Self::Slow,
        Self::Stale,
        Self::TokenMissing,
        Self::TokenWrong,
        Self::TooBig,
        Self::TooMany,
        Self::Undecryptable,
    ];

    /// What it is answered.
    pub const fn reply(self) -> Reply<'static> {
        let status = match self {
            Self::ClockUnknown | Self::IdentityUnknown | Self::InboxFull => 503,
            Self::ContentType => 415,
            Self::Method => 405,
            Self::Path => 404,
            Self::Slow => 408,
            Self::TooBig => 413,
            Self::TooMany => 429,
            Self::NotJson
            | Self::SignatureRepeated
            | Self::SignatureMissing
            | Self::SignatureWrong
            | Self::Stale
            | Self::TokenMissing
            | Self::TokenWrong
            | Self::Undecryptable => 401,
        };
        // Where the body was not read to its end, its rest must not be taken for the next request.
        let close =
            matches!(self, Self::ContentType | Self::Method | Self::Path | Self::Slow | Self::TooBig | Self::TooMany);
        Reply { status, body: br#"{"msg":"refused"}"#, close }
    }

    /// The reason as one word, for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClockUnknown => "clock_unknown",
            Self::ContentType => "content_type",
            Self::IdentityUnknown => "identity_unknown",
            Self::InboxFull => "inbox_full",
            Self::Method => "method",
            Self::NotJson => "not_json",
            Self::Path => "path",
            Self::SignatureRepeated => "signature_repeated",
            Self::SignatureMissing => "signature_missing",
            Self::SignatureWrong => "signature_wrong",
            Self::Slow => "slow",
            Self::Stale => "stale",
            Self::TokenMissing => "token_missing",
            Self::TokenWrong => "token_wrong",
            Self::TooBig => "too_big",
            Self::TooMany => "too_many",
            Self::Undecryptable => "undecryptable",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClockUnknown => "no clock is known to judge its age by",
            Self::ContentType => "it is not application/json",
            Self::IdentityUnknown => "the bot does not know its own open_id yet",
            Self::InboxFull => "the inbox is full",
            Self::Method => "it is not a POST",
            Self::NotJson => "it is no JSON object",
            Self::Path => "nothing is served at its path",
            Self::SignatureRepeated => "a signed header stands twice",
            Self::SignatureMissing => "it is not signed: is the same Encrypt Key set in the developer console?",
            Self::SignatureWrong => "its signature is wrong: compare the Encrypt Key with the developer console's",
            Self::Slow => "its body took too long",
            Self::Stale => "its timestamp is too far from now: is this machine's clock right?",
            Self::TokenMissing => "it has no Verification Token",
            Self::TokenWrong => "another Verification Token: compare it with the developer console's",
            Self::TooBig => "its body is too big",
            Self::TooMany => "too many unfinished or unsigned requests",
            Self::Undecryptable => "it cannot be decrypted: compare the Encrypt Key with the developer console's",
        })
    }
}

impl core::error::Error for Refusal {}
