//! The order of checks (protocol section 17.3): nothing is parsed before its signature, nothing decrypted that cannot be
//! meant for us, nothing used that was not checked.

use super::members::{Body, Token};
use super::refusal::{Refusal, Reply};
use super::request::RequestHead;
use super::{Freshness, SecretHash, Webhook, seal};
use crate::event::{Envelope, Layout};
use crate::text::Short;
use crate::time::UnixMillis;
use crate::wire::json::{Str, range_in, write_str_escaped_inner};
use crate::wire::writer::{TooSmall, Writer};

/// The longest body without a signature: verifying a URL takes some 200 bytes.
const MAX_UNSIGNED: usize = 4096;

/// What a signature has proved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Proof {
    /// Nothing: there was none, or no key to check it with.
    None,
    /// Whoever sent it knows the Encrypt Key.
    Signed([u8; 32]),
    /// Whoever sent it knows the Verification Token: good for an old card callback only.
    OldCard([u8; 20]),
}

/// A request that was verified.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is no heap to put the larger one on")]
pub enum Checked<'b> {
    /// The request URL is being verified.
    Challenge(Challenge<'b>),
    /// An event or callback: see [`Bot::handle_posted`](crate::Bot::handle_posted).
    Posted(Posted<'b>),
}

/// The verification of the request URL, to be answered within 1 s.
pub struct Challenge<'b>(Str<'b>);

impl core::fmt::Debug for Challenge<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Challenge")
    }
}

impl Challenge<'_> {
    /// Writes the answer.
    ///
    /// # Errors
    /// [`TooSmall`] says how many bytes `out` needs.
    pub fn reply<'o>(&self, out: &'o mut [u8]) -> Result<Reply<'o>, TooSmall> {
        let mut w = Writer::new(out);
        w.bytes(br#"{"challenge":""#);
        for ch in self.0.chars() {
            write_str_escaped_inner(&mut w, ch.encode_utf8(&mut [0; 4]));
        }
        w.bytes(br#""}"#);
        let len = w.finish()?;
        Ok(Reply { status: 200, body: out.get(..len).unwrap_or_default(), close: false })
    }
}

/// A verified event or callback, decrypted where it lay.
pub struct Posted<'b> {
    pub(super) json: &'b str,
    /// `None` when it is no event that we know.
    pub(super) layout: Option<Layout>,
    /// What makes a copy of this very request recognisable.
    pub(super) digest: Option<[u8; 20]>,
    pub(super) request_id: Short<48>,
}

impl core::fmt::Debug for Posted<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // What people write is not for logs.
        f.debug_struct("Posted").field("bytes", &self.json.len()).field("request_id", &self.request_id).finish()
    }
}

impl<'b> Posted<'b> {
    /// The envelope as JSON text.
    pub fn json(&self) -> &'b str {
        self.json
    }

    /// Where its fields lie: what [`Event::view`](crate::Event::view) takes. `None` when it is no event.
    pub fn layout(&self) -> Option<&Layout> {
        self.layout.as_ref()
    }
}

impl Webhook<'_> {
    /// Looks at the head, before the body is read.
    ///
    /// # Errors
    /// [`Refusal`]: there is no need to read the body.
    pub fn admit(&self, head: &RequestHead<'_>, content_length: Option<u64>) -> Result<(), Refusal> {
        if head.method != "POST" {
            return Err(Refusal::Method);
        }
        if !head.is_json() {
            return Err(Refusal::ContentType);
        }
        // Not as `usize`: what does not fit one is too big all the same.
        if content_length.is_some_and(|length| length > self.max_body as u64) {
            return Err(Refusal::TooBig);
        }
        Ok(())
    }

    /// Whether requests must be signed: always, but for
    /// [`dangerously_allow_missing_keys`](super::WebhookRules::dangerously_allow_missing_keys).
    pub fn needs_signature(&self) -> bool {
        self.encrypt_key().is_some()
    }

    /// Judges a whole request at the time of day `unix`; `body` is decrypted where it lies.
    ///
    /// # Errors
    /// [`Refusal`]: answer with its [`reply`](Refusal::reply), and tell the bot ([`Bot::handle_refused`]) so that it is
    /// counted.
    ///
    /// [`Bot::handle_refused`]: crate::Bot::handle_refused
    pub fn check<'b>(
        &self,
        head: &RequestHead<'_>,
        body: &'b mut [u8],
        unix: Option<UnixMillis>,
    ) -> Result<Checked<'b>, Refusal> {
        self.admit(head, Some(body.len() as u64))?;
        // Only now: whatever is refused before the body was read ends the connection, and this is answered as any wrong
        // signature is.
        if head.is_ambiguous() {
            return Err(Refusal::SignatureRepeated);
        }
        let proof = self.prove(head, body)?;
        if proof == Proof::None && self.needs_signature() && body.len() > MAX_UNSIGNED {
            return Err(Refusal::SignatureMissing);
        }
        if proof != Proof::None {
            self.check_age(head, unix)?;
        }
        let (text, is_padded) = self.open(body)?;
        let read = Body::read(text);
        if !is_padded {
            return Err(Refusal::Undecryptable);
        }
        let read = read.map_err(|_| Refusal::NotJson)?;
        if read.is_verification() {
            self.check_token(read.token(), Proof::None)?;
            return Ok(Checked::Challenge(Challenge(read.challenge().ok_or(Refusal::NotJson)?)));
        }
        if proof == Proof::None && self.needs_signature() {
            return Err(Refusal::SignatureMissing);
        }
        let header_token = read.header_token();
        let token = match read.0.envelope() {
            // Its own token is for updating the card; that it knows ours is what the signature says.
            Some(Envelope::Card) => {
                // With a key it would have been signed.
                if proof == Proof::None && self.verification_token().is_some() {
                    return Err(Refusal::SignatureMissing);
                }
                if !self.old_cards {
                    return Err(Refusal::SignatureWrong);
                }
                None
            }
            Some(Envelope::V1) => Some(read.token()),
            Some(Envelope::V2) => Some(header_token),
            None if matches!(header_token, Token::Missing) => Some(read.token()),
            None => Some(header_token),
        };
        if let Some(token) = token {
            if matches!(proof, Proof::OldCard(_)) {
                return Err(Refusal::SignatureWrong);
            }
            self.check_token(token, proof)?;
        }
        let digest = match proof {
            Proof::None => None,
            Proof::Signed(digest) => digest.first_chunk().copied(),
            Proof::OldCard(digest) => Some(digest),
        };
        let request_id = Short::from_bytes(head.request_id());
        Ok(Checked::Posted(Posted { json: read.0.text, layout: read.0.layout().ok(), digest, request_id }))
    }

    /// What the signature proves. Nothing but the bytes as they came is looked at.
    fn prove(&self, head: &RequestHead<'_>, body: &[u8]) -> Result<Proof, Refusal> {
        let Some([timestamp, nonce, signature]) = head.signed_parts() else { return Ok(Proof::None) };
        if let Some(token) = self.verification_token().filter(|_| self.old_cards && signature.len() == 40) {
            let digest = seal::card_digest(timestamp, nonce, token.as_bytes(), body);
            return if seal::says(signature, &digest) {
                Ok(Proof::OldCard(digest))
            } else {
                Err(Refusal::SignatureWrong)
            };
        }
        let Some(key) = self.encrypt_key() else { return Ok(Proof::None) };
        let digest = seal::event_digest(timestamp, nonce, key.as_bytes(), body);
        if seal::says(signature, &digest) { Ok(Proof::Signed(digest)) } else { Err(Refusal::SignatureWrong) }
    }

    fn check_age(&self, head: &RequestHead<'_>, unix: Option<UnixMillis>) -> Result<(), Refusal> {
        let stamp = head.timestamp.get().and_then(seconds).ok_or(Refusal::Stale)?;
        match (unix, self.freshness) {
            (Some(UnixMillis(now)), freshness) => {
                let apart = now.abs_diff(stamp.saturating_mul(1000));
                if apart <= freshness.window_ms() { Ok(()) } else { Err(Refusal::Stale) }
            }
            (None, Freshness::Within { .. }) => Err(Refusal::ClockUnknown),
            (None, Freshness::WithinOnceClockKnown { .. }) => Ok(()),
        }
    }

    /// The text of a body, decrypted if it is encrypted, and whether that went well. What stands beside `encrypt` is not
    /// looked at.
    fn open<'b>(&self, body: &'b mut [u8]) -> Result<(&'b [u8], bool), Refusal> {
        let read = Body::read(body).map_err(|_| Refusal::NotJson)?;
        let Some(encrypt) = read.encrypt() else { return Ok((body, true)) };
        let Ok(base64) = encrypt else { return Err(Refusal::Undecryptable) };
        // A byte order mark may stand before the text.
        let skipped = body.len().saturating_sub(read.0.text.len());
        let range = range_in(read.0.text, base64.raw()).ok_or(Refusal::Undecryptable)?;
        let escaped = base64.has_escapes();
        if self.encrypt_key().is_none() {
            return Err(Refusal::Undecryptable);
        }
        let sealed = body.get_mut(skipped..).and_then(|body| body.get_mut(range)).ok_or(Refusal::Undecryptable)?;
        let len = if escaped { seal::unescape(sealed).ok_or(Refusal::Undecryptable)? } else { sealed.len() };
        let opened = sealed.get_mut(..len).and_then(|sealed| seal::open(&self.aes_key, sealed));
        let opened = opened.ok_or(Refusal::Undecryptable)?;
        Ok((opened.text, opened.is_padded.into()))
    }

    fn check_token(&self, token: Token<'_>, proof: Proof) -> Result<(), Refusal> {
        if self.verification_token().is_none() {
            return Ok(());
        }
        match token {
            Token::Text(text) if self.token_hash.is_same(&SecretHash::of_chars(text.chars())) => Ok(()),
            Token::Text(_) | Token::Unusable => Err(Refusal::TokenWrong),
            Token::Missing if self.allow_missing_token && matches!(proof, Proof::Signed(_)) => Ok(()),
            Token::Missing => Err(Refusal::TokenMissing),
        }
    }
}

/// A timestamp of the platform: seconds, digits only.
fn seconds(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(text).ok()?.parse().ok()
}
