//! A thousand bots whose connections are cut at once: how many come back each second (protocol section 9.3).

use crate::clock::{MINUTE, SECOND};
use crate::faults::Fault;
use crate::life::guarded;
use crate::log::Log;
use crate::plan::{Kind, Plan};
use crate::world::World;

/// Arrivals of a whole herd, by second after the cut.
pub(crate) struct Herd {
    pub(crate) bots: u64,
    /// Seconds that the platform refused every dial after the cut.
    pub(crate) outage: u64,
    pub(crate) arrivals: Vec<u64>,
    pub(crate) failure: Option<String>,
}

impl Herd {
    /// The busiest second.
    pub(crate) fn most(&self) -> (usize, u64) {
        self.arrivals
            .iter()
            .copied()
            .enumerate()
            .max_by_key(|(second, n)| (*n, usize::MAX - second))
            .unwrap_or_default()
    }

    pub(crate) fn all(&self) -> u64 {
        self.arrivals.iter().sum()
    }

    /// What one second may bring: the first wait is uniform over 30 s; after an outage the bots come back over the wait
    /// they have reached, and try again where they fail. Six standard deviations above the mean.
    pub(crate) fn bound(&self) -> u64 {
        let mean = self.bots as f64 / 30.0;
        (mean + 6.0 * mean.sqrt()).ceil() as u64 + 2
    }
}

/// Each bot is a process of its own, so they can live one after the other: only the second they arrive in is common.
pub(crate) fn run(bots: u64, base: u64, outage: u64) -> Herd {
    let cut = 10 * MINUTE;
    let mut herd = Herd { bots, outage, arrivals: vec![0; 900], failure: None };
    for n in 0..bots {
        let mut plan = Plan::of(base.wrapping_add(n));
        plan.kind = Kind::Quiet;
        plan.end = 60 * MINUTE;
        plan.base = 0;
        plan.pace = (120, 120, 30);
        plan.planned_turns = false;
        let mut world = World::new(plan, Log::silent());
        let mut before = 0;
        let lived = guarded(|| before = cut_off(&mut world, cut, outage));
        for at in &world.arrivals[before..] {
            if let Some(second) = herd.arrivals.get_mut((at.saturating_sub(cut) / SECOND) as usize) {
                *second += 1;
            }
        }
        let arrived = world.arrivals.len() - before;
        let failure = lived.err().or(world.failure.take());
        if let Some(what) = failure.or_else(|| (arrived != 1).then(|| format!("{arrived} arrivals of one bot"))) {
            herd.failure.get_or_insert(format!("bot {n}: {what}"));
        }
    }
    let (second, most) = herd.most();
    if most > herd.bound() {
        herd.failure.get_or_insert(format!("{most} arrivals in second {second}, {} are the most", herd.bound()));
    }
    herd
}

/// One bot's share of it: how often it had arrived before the cut.
fn cut_off(world: &mut World, cut: u64, outage: u64) -> usize {
    world.run(cut);
    let before = world.arrivals.len();
    if outage > 0 {
        world.weather.set(Fault::PlatformRestarts, true);
        world.strike(Fault::PlatformRestarts);
        world.run(cut + outage);
        world.weather.set(Fault::PlatformRestarts, false);
    } else {
        world.strike(Fault::Cut);
    }
    world.run(cut + 15 * MINUTE);
    before
}
