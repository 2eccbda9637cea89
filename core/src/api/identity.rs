//! Who the bot is: its `open_id`, asked for once and kept (protocol sections 13 and 16.2).

use crate::rng::Rng;
use crate::text::Short;
use crate::time::{Earliest, Instant, Why};
use crate::wire::json::{self, Reader, Value};

/// Seconds between lookups that fail; the last one repeats.
const PAUSES: [u64; 5] = [10, 30, 120, 600, 3600];

/// Where the bot's own `open_id` comes from. Mentions of the bot and its own messages are recognised by it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OwnOpenId<'a> {
    /// Asked of the platform once, after discovery (before it, where group messages depend on it).
    #[default]
    Fetched,
    /// Known to the caller; nothing is asked.
    Given(&'a str),
    /// Not needed: nothing is asked, and no message counts as a mention of the bot.
    Unused,
}

/// What the bot knows of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Identity<'a> {
    /// The platform was asked, or the caller said it.
    Known {
        /// `ou_…`, what mentions of the bot carry.
        open_id: &'a str,
        /// The app's name as the platform tells it, cut to 48 bytes; empty when the caller gave the id.
        app_name: &'a str,
    },
    /// Not known yet; group messages that must mention the bot are refused meanwhile.
    Unknown {
        /// Lookups that failed so far.
        failures: u32,
    },
    /// [`OwnOpenId::Unused`].
    Unused,
}

#[derive(Debug)]
pub(crate) struct Lookup {
    open_id: Short<64>,
    app_name: Short<48>,
    wanted: bool,
    flying: bool,
    /// Whether an answer came, of whatever kind.
    tried: bool,
    token_forgiven: bool,
    token_serial: u32,
    failures: u32,
    next: Instant,
    used: bool,
}

impl Lookup {
    pub(super) fn new(own: OwnOpenId<'_>) -> Self {
        let open_id = if let OwnOpenId::Given(open_id) = own { Short::new(open_id) } else { Short::EMPTY };
        Self {
            open_id,
            app_name: Short::EMPTY,
            wanted: own == OwnOpenId::Fetched,
            flying: false,
            tried: false,
            token_forgiven: false,
            token_serial: 0,
            failures: 0,
            next: Instant::ZERO,
            used: own != OwnOpenId::Unused,
        }
    }

    pub(crate) fn identity(&self) -> Identity<'_> {
        if !self.used {
            Identity::Unused
        } else if self.open_id.is_empty() {
            Identity::Unknown { failures: self.failures }
        } else {
            Identity::Known { open_id: self.open_id.as_str(), app_name: self.app_name.as_str() }
        }
    }

    pub(crate) fn open_id(&self) -> Short<64> {
        self.open_id
    }

    /// Asks again, whatever is known.
    pub(crate) fn refresh(&mut self, now: Instant) {
        self.wanted |= self.used;
        self.next = now;
    }

    /// Whether the first lookup has not ended yet.
    pub(crate) fn is_first(&self) -> bool {
        self.wanted && !self.tried
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.wanted && !self.flying && self.next <= now
    }

    pub(super) fn deadlines(&self, now: Instant, earliest: &mut Earliest) {
        if self.wanted && !self.flying && self.next > now {
            earliest.add(self.next, Why::Identity);
        }
    }

    pub(super) fn take_off(&mut self) {
        self.flying = true;
    }

    pub(super) fn used_token(&mut self, serial: u32) {
        self.token_serial = serial;
    }

    pub(super) fn token_serial(&self) -> u32 {
        self.token_serial
    }

    pub(super) fn put_back(&mut self) {
        self.flying = false;
    }

    /// Whether the platform's answer names the bot.
    pub(super) fn succeed(&mut self, data: &str) -> bool {
        self.flying = false;
        self.tried = true;
        let Ok(Some((open_id, app_name))) = read(data) else { return false };
        (self.open_id, self.app_name) = (open_id, app_name);
        self.wanted = false;
        self.token_forgiven = false;
        self.failures = 0;
        true
    }

    /// Whether a refused token is forgiven: once a lookup.
    pub(super) fn forgive_token(&mut self) -> bool {
        self.flying = false;
        !core::mem::replace(&mut self.token_forgiven, true)
    }

    /// The lookup failed: milliseconds until the next one.
    pub(super) fn failed(&mut self, floor_ms: u64, rng: &mut Rng, now: Instant) -> u64 {
        self.flying = false;
        self.tried = true;
        self.token_forgiven = false;
        let index = usize::try_from(self.failures).unwrap_or(usize::MAX).min(PAUSES.len().saturating_sub(1));
        let pause = PAUSES.get(index).copied().unwrap_or(3600).saturating_mul(1000);
        self.failures = self.failures.saturating_add(1);
        // Bots that were started together must not ask together.
        let wait_ms = pause.saturating_add(rng.up_to(pause / 10)).max(floor_ms);
        self.next = now.after(wait_ms);
        wait_ms
    }
}

/// `open_id` and `app_name` of the `bot` object; some readers find it inside `data`.
fn read(data: &str) -> Result<Option<(Short<64>, Short<48>)>, json::Error> {
    let (mut open_id, mut app_name, mut inner) = (Short::EMPTY, Short::EMPTY, None);
    let mut reader = Reader::new(data);
    if reader.enter_object()? {
        while let Some(key) = reader.next_key()? {
            match reader.value()? {
                Value::String(text) if key == "open_id" => open_id = Short::from_chars(text.chars()),
                Value::String(text) if key == "app_name" => app_name = Short::from_chars(text.chars()),
                Value::Object(raw) if key == "bot" => inner = Some(raw),
                _ => {}
            }
        }
    }
    if let Some(inner) = inner.filter(|_| open_id.is_empty()) {
        let mut reader = Reader::new(inner);
        if reader.enter_object()? {
            while let Some(key) = reader.next_key()? {
                match reader.value()? {
                    Value::String(text) if key == "open_id" => open_id = Short::from_chars(text.chars()),
                    Value::String(text) if key == "app_name" => app_name = Short::from_chars(text.chars()),
                    _ => {}
                }
            }
        }
    }
    Ok((!open_id.is_empty()).then_some((open_id, app_name)))
}
