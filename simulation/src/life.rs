//! One seed, one life.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use crate::figures::Figures;
use crate::log::Log;
use crate::plan::{CALM, Plan};
use crate::world::World;

/// How a life went.
pub(crate) struct Outcome {
    pub(crate) plan: Plan,
    pub(crate) figures: Figures,
    /// The invariant that did not hold, and the last lines of the log, if any were kept.
    pub(crate) failure: Option<(String, Vec<String>)>,
}

thread_local! {
    /// What the last panic said, and where.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A panic is kept for [`guarded`], which tells it as the violated invariant it is.
pub(crate) fn keep_panics() {
    set_hook(Box::new(|info| {
        // Without a place there is still the message.
        let at = info.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
        let text = format!("panicked{at}: {}", info.payload_as_str().unwrap_or("without a word"));
        PANIC.with_borrow_mut(|kept| *kept = text);
    }));
}

/// Does what may panic: sums are checked. The text says where, if [`keep_panics`] was called.
pub(crate) fn guarded(run: impl FnOnce()) -> Result<(), String> {
    let panicked = catch_unwind(AssertUnwindSafe(run)).is_err();
    let text = PANIC.take();
    if panicked { Err(text) } else { Ok(()) }
}

/// Lives the life of a seed.
pub(crate) fn live(seed: u64, log: Log) -> Outcome {
    let plan = Plan::of(seed);
    let mut world = World::new(plan.clone(), log);
    world.populate();
    let end = plan.end + CALM;
    if let Err(panic) = guarded(|| world.run(end)) {
        world.failure.get_or_insert(panic);
    }
    let mut figures = std::mem::take(&mut world.figures);
    figures.lives.insert(plan.kind, (1, world.now));
    let last = plan.base.saturating_add(world.now);
    figures.wraps = (u64::from(plan.base < 1 << 32 && last >= 1 << 32), u64::from(plan.base > u64::MAX / 2));
    let failure = world.failure.take().map(|what| (what, world.log.lines().map(str::to_owned).collect()));
    Outcome { plan, figures, failure }
}

#[cfg(test)]
mod tests {
    use super::{guarded, keep_panics};

    #[test]
    fn a_panic_is_told_with_its_place() {
        keep_panics();
        let told = guarded(|| panic!("it is {} bytes", 7));
        let _ = std::panic::take_hook();
        let text = told.unwrap_err();
        assert!(text.starts_with("panicked at ") && text.contains("life.rs:"), "{text}");
        assert!(text.ends_with(": it is 7 bytes"), "{text}");
        assert_eq!(guarded(|| ()), Ok(()));
    }
}
