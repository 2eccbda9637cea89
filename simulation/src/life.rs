//! One seed, one life.

use std::panic::{AssertUnwindSafe, catch_unwind};

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

/// Lives the life of a seed.
pub(crate) fn live(seed: u64, log: Log) -> Outcome {
    let plan = Plan::of(seed);
    let mut world = World::new(plan.clone(), log);
    world.populate();
    let end = plan.end + CALM;
    // A panic of the engine is a violated invariant as well: sums are checked.
    let panicked = catch_unwind(AssertUnwindSafe(|| world.run(end))).err();
    if let Some(panic) = panicked {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
        world.failure.get_or_insert(format!("panicked: {text}"));
    }
    let mut figures = std::mem::take(&mut world.figures);
    figures.lives.insert(plan.kind, (1, world.now));
    let last = plan.base.saturating_add(world.now);
    figures.wraps = (u64::from(plan.base < 1 << 32 && last >= 1 << 32), u64::from(plan.base > u64::MAX / 2));
    let failure = world.failure.take().map(|what| (what, world.log.lines().map(str::to_owned).collect()));
    Outcome { plan, figures, failure }
}
