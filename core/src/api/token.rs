//! The tenant access token of a self-built app: fetched once, kept until shortly before its end (protocol section 15).

use core::fmt;

use super::exchange::Answer;
use crate::fault::{CallFault, CallFaultKind};
use crate::rng::Rng;
use crate::shared::Account;
use crate::storage::{Region, SecretRegion};
use crate::text::Short;
use crate::time::Instant;
use crate::wire::http::{self, HttpError, Method};
use crate::wire::json::{self, Reader, Str, write_str};
use crate::wire::writer::Writer;

/// A lifetime that is missing or makes no sense.
const DEFAULT_SECS: i64 = 60;
/// Longer lifetimes are not believed.
const LONGEST_SECS: i64 = 24 * 60 * 60;
const MARGIN_MS: u64 = 3 * 60 * 1000;
/// The token is stored behind this, ready to be sent.
const BEARER: &[u8] = b"Bearer ";

pub(crate) struct Token<'s> {
    region: SecretRegion<'s>,
    len: usize,
    /// Counts tokens, so that a late refusal of an old one does not cost a new one.
    serial: u32,
    refresh_at: Instant,
    expires_at: Instant,
    /// No fetch before this.
    pub(super) brake: Instant,
    failures: u32,
    /// Why the last fetch failed, for calls that waited in vain.
    refused: Option<Refused>,
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("text", &"[redacted]").field("serial", &self.serial).finish_non_exhaustive()
    }
}

/// Why the platform gave no token.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Refused {
    pub(super) code: i64,
    pub(super) message: Short<96>,
    /// Trying again would not help.
    pub(super) credentials: bool,
}

impl<'s> Token<'s> {
    pub(super) fn new(region: Region<'s>) -> Self {
        Self {
            region: SecretRegion::new(region),
            len: 0,
            serial: 0,
            refresh_at: Instant::ZERO,
            expires_at: Instant::ZERO,
            brake: Instant::ZERO,
            failures: 0,
            refused: None,
        }
    }

    pub(super) fn cap(&self) -> usize {
        self.region.cap()
    }

    pub(super) fn serial(&self) -> u32 {
        self.serial
    }

    /// The value of an `Authorization` header.
    pub(super) fn authorization(&self) -> &str {
        core::str::from_utf8(self.region.slice(0, self.len)).unwrap_or_default()
    }

    pub(super) fn is_valid(&self, now: Instant) -> bool {
        self.len > 0 && now < self.expires_at
    }

    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        self.len > 0 && now < self.refresh_at
    }

    /// The platform does not take the token number `serial` any more.
    pub(super) fn invalidate(&mut self, serial: u32) {
        if serial == self.serial {
            self.forget();
        }
    }

    pub(super) fn forget(&mut self) {
        self.region.wipe();
        self.len = 0;
    }

    pub(super) fn store(&mut self, token: Str<'_>, expire: Option<i64>, now: Instant) -> Result<(), Refused> {
        let len = token.unescaped_len();
        // A header value: anything else would be refused when the call is written.
        let sound = len > 0 && token.chars().all(|ch| ch.is_ascii_graphic());
        let all = BEARER.len().saturating_add(len);
        if !sound || all > self.region.cap() {
            let message = if sound { "the token is longer than its storage" } else { "the token is not readable" };
            return Err(Refused { message: Short::new(message), ..Refused::default() });
        }
        self.forget();
        self.region.ensure(all);
        if let Some((bearer, room)) = self.region.bytes_mut().split_at_mut_checked(BEARER.len()) {
            bearer.copy_from_slice(BEARER);
            self.len = token.unescape(room).map_or(0, |token| BEARER.len().saturating_add(token.len()));
        }
        self.serial = self.serial.wrapping_add(1);
        self.failures = 0;
        self.refused = None;
        self.brake = Instant::ZERO;
        let secs = expire.filter(|secs| *secs > 0).unwrap_or(DEFAULT_SECS).min(LONGEST_SECS);
        let life = u64::try_from(secs).unwrap_or_default().saturating_mul(1000);
        let margin = MARGIN_MS.max(life / 10).min(life / 2);
        self.expires_at = now.after(life);
        self.refresh_at = now.after(life.saturating_sub(margin));
        Ok(())
    }

    /// What a call is told that waited for a token in vain.
    pub(super) fn refusal(&self) -> Option<CallFault> {
        // Without a word from the platform it was the network.
        let told = |refused: &Refused| refused.code != 0 || !refused.message.is_empty();
        let Refused { code, message, .. } = self.refused.filter(told)?;
        Some(CallFault { kind: CallFaultKind::Token, code, message })
    }

    /// The fetch failed: milliseconds until the next one.
    pub(super) fn failed(&mut self, refused: Refused, floor_ms: u64, rng: &mut Rng, now: Instant) -> u64 {
        self.refused = Some(refused);
        self.failures = self.failures.saturating_add(1).min(5);
        let most = 1000_u64.checked_shl(self.failures).unwrap_or(u64::MAX);
        let wait_ms = rng.up_to(most).max(1).max(floor_ms);
        self.brake = now.after(wait_ms);
        wait_ms
    }
}

pub(super) fn write_request(w: &mut Writer<'_>, account: &Account<'_>) -> Result<(), HttpError> {
    let body = |w: &mut Writer<'_>| {
        w.bytes(br#"{"app_id":"#);
        write_str(w, account.texts.get(&account.app_id));
        w.bytes(br#","app_secret":"#);
        write_str(w, account.texts.get(&account.app_secret));
        w.bytes(b"}");
    };
    let mut counting = Writer::counting();
    body(&mut counting);
    let headers = [
        ("Content-Type", "application/json; charset=utf-8"),
        ("Accept", "application/json"),
        ("User-Agent", account.texts.get(&account.user_agent)),
    ];
    let target = [account.texts.get(&account.prefix), "/open-apis/auth/v3/tenant_access_token/internal"];
    http::write_request(w, Method::Post, &target, account.authority(), &headers, Some(counting.len()))?;
    body(w);
    Ok(())
}

/// The token and its lifetime in seconds.
pub(super) fn read<'a>(answer: &Answer<'a>) -> Result<(Str<'a>, Option<i64>), Refused> {
    let refused = Refused { code: i64::from(answer.status), ..Refused::default() };
    let (code, message, token, expire) = fields(answer.body).map_err(|_| refused)?;
    match (code, token) {
        (Some(0), Some(token)) if (200..300).contains(&answer.status) => Ok((token, expire)),
        (Some(code), _) if code != 0 => {
            Err(Refused { code, message, credentials: matches!(code, 10_003 | 10_014 | 99_991_543) })
        }
        _ => Err(refused),
    }
}

type Fields<'a> = (Option<i64>, Short<96>, Option<Str<'a>>, Option<i64>);

fn fields(body: &[u8]) -> Result<Fields<'_>, json::Error> {
    let (mut code, mut message, mut token, mut expire) = (None, Short::EMPTY, None, None);
    let mut reader = Reader::from_bytes(body)?;
    if reader.enter_object()? {
        while let Some(key) = reader.next_key()? {
            let value = reader.value()?;
            if key == "code" {
                code = value.as_i64();
            } else if key == "msg" {
                message = value.as_str().map(|text| Short::from_chars(text.chars())).unwrap_or_default();
            } else if key == "tenant_access_token" {
                token = value.as_str();
            } else if key == "expire" || (key == "expires_in" && expire.is_none()) {
                expire = value.as_i64();
            }
        }
    }
    reader.finish()?;
    Ok((code, message, token, expire))
}
