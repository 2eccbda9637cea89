//! The benchmarks: what each does with one event, by which means. A name is `stage/who/script/bytes`.

mod engine;
#[cfg(feature = "peers")]
mod peers;

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{LazyLock, Mutex};

use crate::input::{Inputs, Kind, ORDINARY, SIZES, Script};

/// Deals with input number `n`; not 0 when that went well.
pub type Work = Box<dyn FnMut(usize) -> usize>;

/// One benchmark.
#[derive(Clone, Copy)]
pub struct Case {
    /// What is done.
    pub stage: &'static str,
    /// By which means.
    pub who: &'static str,
    /// What is written.
    pub script: Script,
    /// Bytes of the payload.
    pub size: usize,
    kind: Kind,
    make: Make,
}

impl Case {
    /// `stage/who/script/bytes`.
    pub fn name(&self) -> String {
        format!("{}/{}/{}/{}", self.stage, self.who, self.script.name(), self.size)
    }

    /// Whether its figure is kept in the ledger: what is ours, at the sizes that tell.
    pub fn is_kept(&self) -> bool {
        let sizes: &[usize] = if matches!(self.stage, "whole" | "message") { &SIZES } else { &[ORDINARY, 16 * 1024] };
        self.who == "larkwire" && sizes.contains(&self.size)
    }

    /// Events of a measured stretch, and of the one before it that warms up.
    pub fn events(&self) -> usize {
        (512 * 1024 / self.size).clamp(8, 100)
    }

    /// Everything that is needed before the first event.
    pub fn work(&self) -> Work {
        (self.make)(inputs(2 * self.events(), self.size, self.kind, self.script))
    }

    /// Warms up, then hands over the stretch that is to be measured.
    ///
    /// # Panics
    /// When an event was not read, acked or whatever else the benchmark is to do.
    pub fn run(&self, measured: impl FnOnce(&mut dyn FnMut())) {
        let events = self.events();
        let mut work = self.work();
        for n in 0..events {
            assert!(work(black_box(n)) > 0, "{}: nothing was done", self.name());
        }
        measured(&mut || {
            for n in events..2 * events {
                black_box(work(black_box(n)));
            }
        });
    }
}

/// The same events for all benchmarks of a kind: they are made once, and kept.
fn inputs(count: usize, size: usize, kind: Kind, script: Script) -> &'static Inputs {
    type Made = HashMap<(usize, usize, Kind, Script), &'static Inputs>;
    static MADE: LazyLock<Mutex<Made>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().expect("nobody panics in it");
    made.entry((count, size, kind, script))
        .or_insert_with(|| Box::leak(Box::new(Inputs::new(count, size, kind, script))))
}

/// In the order of tables.
const STAGES: [&str; 15] = [
    "limit",
    "frame",
    "frame+ack",
    "frame+dedup+ack",
    "event",
    "text",
    "text-full",
    "post",
    "reaction",
    "accepted",
    "duplicate",
    "refused",
    "message",
    "message-post",
    "whole",
];

/// All benchmarks, those to compare with each other next to each other.
pub fn all() -> Vec<Case> {
    let mut all = Vec::new();
    let mut add = |stage, who, kind, make: Make| {
        for script in Script::ALL {
            all.extend(SIZES.map(|size| Case { stage, who, script, size, kind, make }));
        }
    };
    engine::add(&mut add);
    #[cfg(feature = "peers")]
    peers::add(&mut add);
    // Stable: the engine stays in front of its peers.
    all.sort_by_key(|case| STAGES.iter().position(|stage| *stage == case.stage));
    all
}

type Make = fn(&'static Inputs) -> Work;
type Add<'a> = &'a mut dyn FnMut(&'static str, &'static str, Kind, Make);

#[cfg(test)]
mod tests {
    use super::{STAGES, all};

    #[test]
    fn every_benchmark_has_a_name_of_its_own_and_a_known_stage() {
        let mut names: Vec<String> = all().iter().map(super::Case::name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(all().iter().all(|case| STAGES.contains(&case.stage)));
        assert!(STAGES.iter().all(|stage| all().iter().any(|case| case.stage == *stage)));
    }
}
