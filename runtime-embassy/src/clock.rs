//! The time of day and entropy: what a board may lack, and what says so honestly.

use core::cell::{Cell, RefCell};
use core::fmt;

use embassy_time::Instant;
use larkwire_core::UnixMillis;

/// Where the time of day comes from: a clock chip, NTP, or nowhere.
pub trait WallClock {
    /// Milliseconds since 1970-01-01 UTC; `None` as long as nobody knows. A connector with TLS refuses to open anything
    /// then: a certificate cannot be judged without the day (the keys of pinned servers can).
    fn unix(&self) -> Option<UnixMillis>;
}

impl<W: WallClock + ?Sized> WallClock for &W {
    fn unix(&self) -> Option<UnixMillis> {
        (**self).unix()
    }
}

/// A clock that is told the time of day once in a while and counts on by the board's timer. It starts without one.
#[derive(Default)]
pub struct Clock {
    /// What the board's timer said when the time of day was told, and the time of day.
    told: Cell<Option<(Instant, UnixMillis)>>,
}

impl Clock {
    /// A clock that does not know the time.
    pub const fn new() -> Self {
        Self { told: Cell::new(None) }
    }

    /// Sets it: the time of day now.
    pub fn set(&self, unix: UnixMillis) {
        self.told.set(Some((Instant::now(), unix)));
    }

    /// Forgets the time of day, after a clock chip lost its battery, say.
    pub fn forget(&self) {
        self.told.set(None);
    }
}

impl WallClock for Clock {
    fn unix(&self) -> Option<UnixMillis> {
        let (at, UnixMillis(unix)) = self.told.get()?;
        let passed = Instant::now().checked_duration_since(at).map_or(0, |passed| passed.as_millis());
        Some(UnixMillis(unix.saturating_add(passed)))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("unix", &self.unix()).finish()
    }
}

/// Where randomness comes from: for the bot's [`Seed`](larkwire_core::Seed) and the keys of TLS. It must be of
/// cryptographic quality; a board without such a source must not open TLS.
pub trait Entropy {
    /// Fills `out`.
    ///
    /// # Errors
    /// [`EntropyFailed`]: nothing in `out` may be used, and no stream is opened.
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyFailed>;
}

impl<E: Entropy + ?Sized> Entropy for &mut E {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        (**self).fill(out)
    }
}

/// One source for several connectors.
impl<E: Entropy + ?Sized> Entropy for &RefCell<E> {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        self.try_borrow_mut().map_err(|_| EntropyFailed)?.fill(out)
    }
}

/// The source of randomness gave none. Next step: look at the board's generator; the bot tries again by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EntropyFailed;

impl fmt::Display for EntropyFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the board's source of randomness gave none")
    }
}

impl core::error::Error for EntropyFailed {}
