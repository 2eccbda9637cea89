//! Three clocks: the world's, the bot's monotonic one, and the bot's wall clock.

/// 2026-01-01T00:00:00Z in milliseconds: what the platform's wall shows when a life begins.
pub(crate) const UNIX: u64 = 1_767_225_600_000;
pub(crate) const SECOND: u64 = 1000;
pub(crate) const MINUTE: u64 = 60 * SECOND;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;
pub(crate) const YEAR: u64 = 365 * DAY;

#[derive(Clone, Debug)]
pub(crate) struct Clock {
    /// What the bot's monotonic clock showed when the world began.
    base: u64,
    /// How long it stood still since.
    frozen: u64,
    /// How far the bot's wall clock is ahead of the platform's.
    pub(crate) wall_ahead: i64,
}

impl Clock {
    pub(crate) fn new(base: u64) -> Self {
        Self { base, frozen: 0, wall_ahead: 0 }
    }

    /// The bot's monotonic clock.
    pub(crate) fn bot(&self, now: u64) -> u64 {
        self.base + now - self.frozen
    }

    /// When the bot's clock will show `at`, if it does not stop.
    pub(crate) fn world(&self, at: u64) -> u64 {
        at.saturating_sub(self.base).saturating_add(self.frozen)
    }

    pub(crate) fn freeze(&mut self, ms: u64) {
        self.frozen += ms;
    }

    /// Another machine, or the same one started anew.
    pub(crate) fn restart(&mut self, base: u64, now: u64) {
        self.base = base;
        self.frozen = now;
    }

    /// The bot's wall clock, in Unix milliseconds.
    pub(crate) fn wall(&self, now: u64) -> u64 {
        (UNIX + now).saturating_add_signed(self.wall_ahead)
    }
}

/// An HTTP date of a world time.
pub(crate) fn http_date(now: u64) -> String {
    let secs = (UNIX + now) / SECOND;
    let (days, rest) = (secs / 86_400, secs % 86_400);
    // Civil date from days since 1970 (proleptic Gregorian, years from March on).
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let weekday = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"][(days % 7) as usize];
    let name = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let name = name[month as usize - 1];
    format!("{weekday}, {day:02} {name} {year} {:02}:{:02}:{:02} GMT", rest / 3600, rest / 60 % 60, rest % 60)
}

/// A span for people: `3d 4h`, `12 min`, `7.2 s`.
pub(crate) fn span(ms: u64) -> String {
    match ms {
        0..MINUTE => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        MINUTE..HOUR => format!("{} min {} s", ms / MINUTE, ms % MINUTE / SECOND),
        HOUR..DAY => format!("{} h {} min", ms / HOUR, ms % HOUR / MINUTE),
        _ => format!("{} d {} h", ms / DAY, ms % DAY / HOUR),
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY, http_date};

    #[test]
    fn dates_are_written_as_http_wants_them() {
        assert_eq!(http_date(0), "Thu, 01 Jan 2026 00:00:00 GMT");
        assert_eq!(http_date(58 * DAY + 3_723_000), "Sat, 28 Feb 2026 01:02:03 GMT");
        assert_eq!(http_date((365 + 365 + 59) * DAY), "Tue, 29 Feb 2028 00:00:00 GMT");
    }
}
