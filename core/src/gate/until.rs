//! Until when an id is remembered: to the millisecond on hosts, in half the memory on boards.

use crate::time::Instant;

/// A time on the clock.
#[cfg(any(test, target_pointer_width = "64"))]
#[derive(Clone, Copy, Debug)]
pub(super) struct ToTheMs(Instant);

#[cfg(any(test, target_pointer_width = "64"))]
impl ToTheMs {
    pub(super) const ZERO: Self = Self(Instant::ZERO);

    /// The window that `ms` can be.
    pub(super) fn window(ms: u64) -> u64 {
        ms
    }

    pub(super) fn new(end: Instant) -> Self {
        Self(end)
    }

    pub(super) fn is_over(self, now: Instant) -> bool {
        self.0 < now
    }

    /// How long ago a window of `window_ms` began that ends here.
    pub(super) fn age(self, now: Instant, window_ms: u64) -> u64 {
        now.after(window_ms).since(self.0)
    }
}

/// A time in steps of 256 ms, the first that does not lie before it. They come round after 34 years, and what is further
/// away than half of that lies on the other side.
#[cfg(any(test, not(target_pointer_width = "64")))]
#[derive(Clone, Copy, Debug)]
pub(super) struct InSteps(u32);

#[cfg(any(test, not(target_pointer_width = "64")))]
impl InSteps {
    pub(super) const ZERO: Self = Self(0);
    const STEP_BITS: u32 = 8;

    /// The window that `ms` can be: eight years at most.
    pub(super) fn window(ms: u64) -> u64 {
        ms.min(1 << (Self::STEP_BITS + 30))
    }

    pub(super) fn new(end: Instant) -> Self {
        let ms = end.as_millis();
        let begun = u64::from(ms & 0xFF != 0);
        // Its lower half is what comes round.
        Self((ms >> Self::STEP_BITS).wrapping_add(begun) as u32)
    }

    pub(super) fn is_over(self, now: Instant) -> bool {
        self.steps_from(now) < 0
    }

    /// How long ago a window of `window_ms` began that ends here.
    pub(super) fn age(self, now: Instant, window_ms: u64) -> u64 {
        // What is left of the step that has begun.
        let begun = now.as_millis().wrapping_neg() & 0xFF;
        let left = (i64::from(self.steps_from(now)) << Self::STEP_BITS).saturating_add_unsigned(begun);
        let window = i64::try_from(window_ms).unwrap_or(i64::MAX);
        u64::try_from(window.saturating_sub(left)).unwrap_or_default()
    }

    fn steps_from(self, now: Instant) -> i32 {
        self.0.wrapping_sub(Self::new(now).0).cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::{InSteps, ToTheMs};
    use crate::time::Instant;

    #[test]
    fn a_board_forgets_no_id_earlier_than_a_host_and_at_most_255_ms_later() {
        let around = |ms: u64| ms.saturating_sub(600)..ms.saturating_add(600);
        // The clock's start, where the steps come round, where their sign turns, and far on.
        for ms in [0, 1 << 32, 1 << 39, 1 << 40, 3 << 41, 1 << 62].into_iter().flat_map(around) {
            let end = Instant::from_millis(ms);
            let (exact, steps) = (ToTheMs::new(end), InSteps::new(end));
            for off in [0, 1, 255, 256, 257, 1000, 1 << 30, 1 << 38] {
                let now = end.after(off);
                assert_eq!(exact.is_over(now), off > 0);
                assert!(steps.is_over(now) <= exact.is_over(now), "{off} after {ms}");
                assert!(off < 256 || steps.is_over(now), "{off} after {ms}");
                let now = Instant::from_millis(ms.saturating_sub(off));
                assert!(!exact.is_over(now) && !steps.is_over(now), "{off} before {ms}");
            }
        }
    }

    #[test]
    fn an_age_is_told_within_and_after_the_window() {
        let window = 3_600_000;
        for start in [0, 77, (1 << 40) - 1000, 1 << 50] {
            let end = Instant::from_millis(start).after(window);
            for age in [0, 1, 255, 256, 3_599_999, 3_600_000, 3_600_001, 36_000_000] {
                let now = Instant::from_millis(start).after(age);
                assert_eq!(ToTheMs::new(end).age(now, window), age);
                let told = InSteps::new(end).age(now, window);
                assert!(told <= age && age < told + 256, "{age} is told as {told}");
            }
        }
    }

    #[test]
    fn a_window_on_a_board_is_eight_years_at_most() {
        assert_eq!(InSteps::window(1000), 1000);
        assert_eq!(InSteps::window(u64::MAX), 1 << 38);
        assert_eq!(ToTheMs::window(u64::MAX), u64::MAX);
    }

    #[test]
    fn an_unused_place_is_over() {
        let now = Instant::from_millis(1);
        assert!(ToTheMs::ZERO.is_over(now) && InSteps::ZERO.is_over(now));
    }
}
