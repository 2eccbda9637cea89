//! The suite bites: a second client passes what its defects fail.
#![cfg(feature = "suite")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where it fails, and says how it went"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use larkwire_conformance::suite::subject::{Defect, ReferenceSubject};
use larkwire_conformance::suite::{Outcome, Run, RunSettings, Scenario, Verdict, load_all};

fn scenarios() -> BTreeMap<String, Scenario> {
    let (scenarios, problems) = load_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap();
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    scenarios.into_iter().map(|scenario| (scenario.id.clone(), scenario)).collect()
}

fn run(scenario: &Scenario, defect: Option<Defect>) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let settings = RunSettings { seed: 1, own: true, ..RunSettings::default() };
    runtime.block_on(Run { scenario, settings }.run(&ReferenceSubject { defect }))
}

/// Does the work on all processors; the results in order.
fn on_all_processors<W: Sync, R: Send>(work: &[W], does: impl Fn(&W) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(one) = work.get(index) else { return };
                    let result = does(one);
                    results.lock().unwrap().push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

#[test]
fn defects_have_names_of_their_own_and_scenarios_that_exist() {
    let scenarios = scenarios();
    let names: BTreeSet<_> = Defect::ALL.iter().map(|defect| defect.name()).collect();
    assert_eq!(names.len(), Defect::ALL.len(), "two defects have the same name");
    for defect in Defect::ALL {
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(defect.name().chars().all(kebab), "{}", defect.name());
        assert!(defect.about().ends_with('.'), "{}", defect.name());
        for id in defect.caught_by() {
            assert!(scenarios.contains_key(*id), "{}: there is no scenario {id}", defect.name());
        }
    }
}

#[test]
fn without_a_defect_the_second_client_passes_what_defects_fail() {
    let scenarios = scenarios();
    let named: BTreeSet<_> = Defect::ALL.iter().flat_map(|defect| defect.caught_by()).copied().collect();
    let work: Vec<_> = named.iter().map(|id| scenarios.get(*id).unwrap()).collect();
    let outcomes = on_all_processors(&work, |scenario| run(scenario, None));
    let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.verdict != Verdict::Pass).collect();
    let words: Vec<_> = failed.iter().map(|outcome| format!("{outcome:#?}")).collect();
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), work.len(), words.join("\n"));
}

#[test]
fn every_defect_is_caught() {
    let started = Instant::now();
    let scenarios = scenarios();
    let work: Vec<_> = Defect::ALL
        .iter()
        .flat_map(|defect| defect.caught_by().iter().map(|id| (*defect, scenarios.get(*id).unwrap())))
        .collect();
    let verdicts = on_all_processors(&work, |(defect, scenario)| run(scenario, Some(*defect)).verdict);
    let mut caught = BTreeSet::new();
    for ((defect, scenario), verdict) in work.iter().zip(&verdicts) {
        let said = match verdict {
            Verdict::Fail { what, .. } => {
                caught.insert(defect.name());
                what.chars().take(90).collect()
            }
            other => format!("NOT CAUGHT: {other:?}"),
        };
        println!("{:28} {:32} {said}", defect.name(), scenario.id);
    }
    println!("{} defects, {} runs, {:.1} s", Defect::ALL.len(), work.len(), started.elapsed().as_secs_f64());
    let missed: Vec<_> = Defect::ALL.iter().map(|defect| defect.name()).filter(|name| !caught.contains(name)).collect();
    assert!(missed.is_empty(), "nobody notices: {}", missed.join(", "));
}
