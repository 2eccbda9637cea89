//! Events that the platform posts (protocol section 17, feature `webhook`).
//!
//! ```text
//! head ─► RequestHead ─► Webhook::admit ─► (body) ─► Webhook::check ─► Refusal ──────────────► reply
//!                          method, type,               │  ▲
//!                          size                        ▼  signature, age, decryption, token
//!                                             Checked::Challenge ─► write ─────────────► reply
//!                                             Checked::Posted ─► Bot::handle_posted ─┬─► reply at once
//!                                                                gate, dedup, inbox   └─► Bot::poll_posted ─► reply
//! ```
//! [`Webhook`] is pure and shared: no clock, no memory, nothing to lock. What must be remembered stands in the
//! [`Bot`](crate::Bot), behind the same gate and the same inbox as the long connection's events: the answer is 200 once an
//! event was accepted, 503 when there is no room, so that the platform sends it again.
//!
//! **It fails closed.** Without an Encrypt Key and a Verification Token there is no [`Webhook`]. Signatures are checked
//! over the bytes as they came, in constant time, before anything is parsed or decrypted. Only the verification of the
//! request URL may come unsigned, as the platform sends it so, and it is answered only if it knows the token.
//!
//! ```
//! use larkwire_core::webhook::{Checked, Freshness, RequestHead, Webhook, WebhookRules};
//! use larkwire_core::{Region, Secret, UnixMillis};
//!
//! let mut room = [0; 128];
//! let rules = WebhookRules::new(Secret::new("encrypt key"), Secret::new("token"), Freshness::Within { seconds: 3600 });
//! let webhook = Webhook::new(&rules, Region::fixed(&mut room))?;
//!
//! // The URL is being verified.
//! let mut body = *br#"{"type":"url_verification","token":"token","challenge":"c \"1\""}"#;
//! let head = RequestHead::new("POST", [("Content-Type", b"application/json".as_slice())]);
//! let Ok(Checked::Challenge(challenge)) = webhook.check(&head, &mut body, Some(UnixMillis(0))) else { panic!() };
//! let mut out = [0; 64];
//! assert_eq!(challenge.reply(&mut out).unwrap().body, br#"{"challenge":"c \"1\""}"#);
//!
//! // Anything else must be signed.
//! let mut body = *br#"{"schema":"2.0","header":{"event_type":"x","token":"token"},"event":{}}"#;
//! let refusal = webhook.check(&head, &mut body, Some(UnixMillis(0))).unwrap_err();
//! assert_eq!((refusal.as_str(), refusal.reply().status), ("signature_missing", 401));
//! # Ok::<(), larkwire_core::config::ConfigError>(())
//! ```
//! A verified event goes to the bot, whose answer is known at once, or as soon as the application has decided:
//!
//! ```
//! use larkwire_core::webhook::{Checked, PostAnswer, Posting, Refusal, RequestHead, Webhook};
//! use larkwire_core::{Bot, Instant};
//!
//! /// What is known at once: a status and a body. Else [`answered`] will tell.
//! fn request(bot: &mut Bot<'_>, webhook: &Webhook<'_>, now: Instant, head: &RequestHead<'_>, body: &mut [u8]) -> Option<u16> {
//!     let checked = webhook.check(head, body, bot.time_of_day(now));
//!     match checked {
//!         Ok(Checked::Posted(posted)) => match bot.handle_posted(now, &posted) {
//!             Posting::Answered(reply) => Some(reply.status),
//!             Posting::Waiting(_) => None,
//!         },
//!         Ok(Checked::Challenge(_)) => {
//!             bot.handle_challenged(now);
//!             Some(200)
//!         }
//!         Err(refusal) => {
//!             bot.handle_refused(now, refusal);
//!             Some(refusal.reply().status)
//!         }
//!     }
//! }
//!
//! /// After any other fact: whoever waits for `id` gets this.
//! fn answered(bot: &mut Bot<'_>, now: Instant, answer: impl Fn(PostAnswer<'_>)) {
//!     while let Some(ready) = bot.poll_posted() {
//!         let id = ready.id;
//!         answer(ready);
//!         bot.handle_answered(now, id);
//!     }
//! }
//! ```
//! Before the first, [`Bot::accept_posts`](crate::Bot::accept_posts) makes room for them. A redelivery that the platform
//! signs with its first timestamp, an hour and more after it, is older than [`Freshness`] allows by default; whether it does
//! is not known.

mod check;
mod desk;
pub mod http;
mod members;
#[cfg(test)]
mod order;
mod quota;
mod refusal;
mod request;
mod seal;

pub use check::{Challenge, Checked, Posted};
pub(crate) use desk::Desk;
pub use desk::{PostAnswer, PostId, PostSlot, Posting};
pub use quota::{Quota, QuotaEntry};
pub use refusal::{Refusal, Reply};
pub use request::RequestHead;
use seal::SecretHash;

use core::fmt;

use crate::config::ConfigError;
use crate::secret::Secret;
use crate::shared::{TextRef, Texts};
use crate::storage::Region;

/// The content type of every answer.
pub const CONTENT_TYPE: &str = "application/json; charset=utf-8";
/// Milliseconds that a body may take from its head to its last byte (protocol section 17.3).
pub const BODY_MS: u64 = 5000;
/// How many bodies that are not verified yet may be waited for at once (protocol section 17.3).
pub const MAX_OPEN_BODIES: usize = 64;
/// The longest body, unless said otherwise: a text of 150 KB, escaped, encrypted and in base64, fits (protocol section
/// 17.3).
pub const MAX_BODY: usize = 512 * 1024;

/// How old a signed request may be. There is no default: a board without a clock must choose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Freshness {
    /// At most so many seconds before or after now; 3600 is usual. While no clock is known, signed requests are refused
    /// with 503, so that the platform sends them again. After a restart a request of that time passes once more, unless
    /// the ids of delivered events outlive it ([`Bot::write_seen`](crate::Bot::write_seen)).
    Within {
        /// How many.
        seconds: u32,
    },
    /// The same, but while no clock is known the age is not looked at: until then a recorded request passes once more
    /// after every restart, unless the ids of delivered events outlive it ([`Bot::write_seen`](crate::Bot::write_seen)).
    WithinOnceClockKnown {
        /// How many.
        seconds: u32,
    },
}

impl Freshness {
    /// How far from now a timestamp may lie, in milliseconds.
    pub(crate) fn window_ms(self) -> u64 {
        let (Self::Within { seconds } | Self::WithinOnceClockKnown { seconds }) = self;
        u64::from(seconds).saturating_mul(1000)
    }
}

/// What a webhook is told at construction.
#[derive(Clone, Copy)]
pub struct WebhookRules<'a> {
    /// The Encrypt Key of the app's event configuration. Required.
    pub encrypt_key: Secret<'a>,
    /// The Verification Token of the app's event configuration. Required.
    pub verification_token: Secret<'a>,
    /// How old a signed request may be.
    pub freshness: Freshness,
    /// Bytes of the longest body.
    pub max_body: usize,
    /// Whether old card callbacks are taken, which are signed with SHA-1 and the Verification Token (protocol section
    /// 17.6).
    pub old_cards: bool,
    /// Whether a rightly signed event without any token passes.
    pub allow_missing_token: bool,
    /// For tests on one's own machine only: a blank key or token is taken as "none", and what it would prove is not
    /// checked. **Whoever reaches such a webhook can make the bot do anything.**
    pub dangerously_allow_missing_keys: bool,
}

impl<'a> WebhookRules<'a> {
    /// The usual rules: both keys, nothing that is older than told, no old card callbacks.
    pub fn new(encrypt_key: Secret<'a>, verification_token: Secret<'a>, freshness: Freshness) -> Self {
        Self {
            encrypt_key,
            verification_token,
            freshness,
            max_body: MAX_BODY,
            old_cards: false,
            allow_missing_token: false,
            dangerously_allow_missing_keys: false,
        }
    }
}

impl fmt::Debug for WebhookRules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookRules")
            .field("encrypt_key", &"[redacted]")
            .field("verification_token", &"[redacted]")
            .field("freshness", &self.freshness)
            .finish_non_exhaustive()
    }
}

/// Judges requests: from their bytes to a verified event, or a refusal.
pub struct Webhook<'s> {
    texts: Texts<'s>,
    /// Empty where there is none.
    encrypt_key: TextRef,
    verification_token: TextRef,
    /// The AES key: the hash of the Encrypt Key.
    aes_key: SecretHash,
    token_hash: SecretHash,
    freshness: Freshness,
    max_body: usize,
    old_cards: bool,
    allow_missing_token: bool,
}

impl fmt::Debug for Webhook<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("keys", &"[redacted]").finish_non_exhaustive()
    }
}

impl Drop for Webhook<'_> {
    fn drop(&mut self) {
        self.texts.wipe(&self.encrypt_key);
        self.texts.wipe(&self.verification_token);
    }
}

impl<'s> Webhook<'s> {
    /// A webhook that trusts the holders of both keys and nobody else. `texts` holds copies of the keys.
    ///
    /// # Errors
    /// [`ConfigError::Empty`] names the key that is blank, [`ConfigError::Storage`] says how many bytes `texts` needs.
    pub fn new(rules: &WebhookRules<'_>, texts: Region<'s>) -> Result<Self, ConfigError> {
        let mut keys =
            [("encrypt_key", rules.encrypt_key.expose()), ("verification_token", rules.verification_token.expose())];
        for (name, key) in &mut keys {
            if key.trim().is_empty() {
                if !rules.dangerously_allow_missing_keys {
                    return Err(ConfigError::Empty(name));
                }
                *key = "";
            }
        }
        let [(_, encrypt_key), (_, verification_token)] = keys;
        let mut texts = Texts::new(texts);
        let needed = encrypt_key.len().saturating_add(verification_token.len());
        let too_small = ConfigError::Storage { name: "webhook texts", needed };
        if texts.cap() < needed {
            return Err(too_small);
        }
        Ok(Self {
            encrypt_key: texts.add(encrypt_key).ok_or(too_small)?,
            verification_token: texts.add(verification_token).ok_or(too_small)?,
            aes_key: SecretHash::of(encrypt_key.as_bytes()),
            token_hash: SecretHash::of(verification_token.as_bytes()),
            texts,
            freshness: rules.freshness,
            max_body: rules.max_body,
            old_cards: rules.old_cards,
            allow_missing_token: rules.allow_missing_token,
        })
    }

    /// How old a signed request may be.
    pub fn freshness(&self) -> Freshness {
        self.freshness
    }

    /// Bytes of the longest body.
    pub fn max_body(&self) -> usize {
        self.max_body
    }

    fn encrypt_key(&self) -> Option<&str> {
        Some(self.texts.get(&self.encrypt_key)).filter(|key| !key.is_empty())
    }

    fn verification_token(&self) -> Option<&str> {
        Some(self.texts.get(&self.verification_token)).filter(|token| !token.is_empty())
    }
}
