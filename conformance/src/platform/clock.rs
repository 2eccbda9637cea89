//! Two clocks: one for waits and lifetimes, which can be put forward, and the wall clock, which can be wrong.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::state::{Shared, State};

/// As far as the clock can be put forward: beyond it is only arithmetic.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// What redeliveries, tokens, `uuid`s, URLs and card tokens go by. Clients' own deadlines run in real time, and so does
/// the platform's wait for their answers.
#[derive(Debug)]
pub(super) struct Clock {
    ahead: watch::Sender<Duration>,
    /// A moment and its date, where dates go by tokio's clock.
    wall: Option<(Instant, Duration)>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { ahead: watch::Sender::new(Duration::ZERO), wall: None }
    }
}

impl Clock {
    /// A clock whose dates go by tokio's clock, which may be paused.
    pub(super) fn with_wall() -> Self {
        Self { wall: Some((Instant::now(), system_time())), ..Self::default() }
    }

    /// Time since the epoch.
    fn wall(&self) -> Duration {
        self.wall.map_or_else(system_time, |(moment, date)| date + moment.elapsed())
    }

    pub(super) fn now(&self) -> Instant {
        Instant::now() + self.ahead()
    }

    /// How far the clock is ahead of tokio's.
    pub(super) fn ahead(&self) -> Duration {
        *self.ahead.borrow()
    }

    fn advance(&self, by: Duration) {
        self.ahead.send_modify(|ahead| *ahead = ahead.saturating_add(by).min(FAR));
    }

    /// The time after this wait.
    pub(super) fn after(&self, wait: Duration) -> Instant {
        self.now() + wait.min(FAR)
    }

    pub(super) async fn sleep_until(&self, due: Instant) {
        let mut ahead = self.ahead.subscribe();
        loop {
            let left = due.saturating_duration_since(Instant::now() + *ahead.borrow_and_update());
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = sleep(left) => {}
                Ok(()) = ahead.changed() => {}
            }
        }
    }
}

impl Shared {
    /// Puts the clock forward: what is due by then, happens now. How far it is ahead.
    pub(super) fn advance(&self, by: Duration) -> Duration {
        // What is going on is over before the time changes.
        let state = self.state();
        state.clock.advance(by);
        state.clock.ahead()
    }
}

impl State {
    /// Time since the epoch, as the platform believes it to be.
    pub(super) fn wall(&self) -> Duration {
        let now = self.clock.wall();
        let offset = Duration::from_secs(self.options.date_offset_s.unsigned_abs());
        if self.options.date_offset_s < 0 { now.saturating_sub(offset) } else { now.saturating_add(offset) }
    }

    /// [`State::wall`] in milliseconds, as the platform writes times.
    pub(super) fn wall_ms(&self) -> String {
        self.wall().as_millis().to_string()
    }
}

fn system_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A day as ISO 8601 writes it, of a time in seconds since the epoch.
#[cfg(feature = "suite")]
pub(crate) fn iso_date(seconds: u64) -> String {
    let Date { year, month, of_month } = Date::of(seconds / 86_400);
    format!("{year:04}-{:02}-{of_month:02}", (month + 2) % 12 + 1)
}

struct Date {
    year: u64,
    /// From March, which is 0.
    month: u64,
    of_month: u64,
}

impl Date {
    fn of(days: u64) -> Self {
        // Years that begin in March have their leap day at the end; an era has 400 of them, the first began in year 0.
        let day = days + 719_468;
        let (era, of_era) = (day / 146_097, day % 146_097);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * of_year + 2) / 153;
        let of_month = of_year - (153 * month + 2) / 5 + 1;
        Self { year: era * 400 + year_of_era + u64::from(month >= 10), month, of_month }
    }
}

/// A date as HTTP writes it (RFC 9110, section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn http_date(since_epoch: Duration) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];
    let seconds = since_epoch.as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let Date { year, month, of_month } = Date::of(days);
    let name = |names: &[&'static str], index: u64| names.get(index as usize).copied().unwrap_or_default();
    let (weekday, month) = (name(&DAYS, days % 7), name(&MONTHS, month));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{weekday}, {of_month:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_http() {
        for (seconds, date) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            assert_eq!(http_date(Duration::from_secs(seconds)), date);
        }
    }

    #[tokio::test]
    async fn whoever_sleeps_wakes_when_the_clock_is_put_forward() {
        let clock = Clock::default();
        let day = Duration::from_secs(24 * 60 * 60);
        let ((), ()) = tokio::join!(clock.sleep_until(clock.after(day)), async { clock.advance(day) });
        assert_eq!(clock.ahead(), day);
    }
}
