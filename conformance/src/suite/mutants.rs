//! Does the suite bite? A second client with one defect at a time is held against the scenarios that must notice.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::engine::Settings;
use super::outcome::{Outcome, Verdict};
use super::runner::run_one;
use super::scenario::Scenario;
use super::subject::{Defect, ReferenceSubject};

/// One scenario, held against the second client.
#[derive(Clone, Debug)]
pub struct Bite {
    /// What is wrong with the client; nothing, to see that the scenario is fair.
    pub defect: Option<Defect>,
    /// What came of it; `None` if there is no such scenario.
    pub outcome: Option<Outcome>,
    /// The scenario's id.
    pub scenario: String,
}

impl Bite {
    /// As it should be: the sound client passes, the other one fails.
    #[must_use]
    pub fn is_right(&self) -> bool {
        match self.outcome.as_ref().map(|outcome| &outcome.verdict) {
            Some(Verdict::Pass) => self.defect.is_none(),
            Some(Verdict::Fail { .. }) => self.defect.is_some(),
            _ => false,
        }
    }
}

/// Every scenario that a defect names with the sound client, and every defect with each of its scenarios. In virtual time,
/// on all processors.
#[must_use]
pub fn bite_all(scenarios: &[Scenario], seed: u64) -> Vec<Bite> {
    let named: BTreeSet<&str> = Defect::ALL.iter().flat_map(|defect| defect.caught_by()).copied().collect();
    let sound = named.into_iter().map(|id| (None, id));
    let broken = Defect::ALL.iter().flat_map(|defect| defect.caught_by().iter().map(|id| (Some(*defect), *id)));
    let work: Vec<(Option<Defect>, &str)> = sound.chain(broken).collect();
    let settings = Settings { seed, own: true, ..Settings::default() };
    let next = AtomicUsize::new(0);
    let done = Mutex::new(vec![None; work.len()]);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((defect, id)) = work.get(index) else { return };
                    let scenario = scenarios.iter().find(|scenario| scenario.id == *id);
                    let outcome =
                        scenario.map(|scenario| run_one(scenario, &ReferenceSubject { defect: *defect }, settings));
                    let bite = Bite { defect: *defect, outcome, scenario: (*id).to_owned() };
                    if let Some(place) = done.lock().unwrap_or_else(PoisonError::into_inner).get_mut(index) {
                        *place = Some(bite);
                    }
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
}
