//! Every scenario, held against the engine in virtual time, with what it reads cut in six ways.
#![cfg(feature = "suite")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test ends where it fails, and says how it went"
)]

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use larkwire_conformance::suite::subject::CoreSubject;
use larkwire_conformance::suite::{Outcome, Run, RunSettings, Scenario, Verdict, load_all};

fn scenarios() -> Vec<Scenario> {
    let (scenarios, problems) = load_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap();
    let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    scenarios
}

fn run(scenario: &Scenario, chop: usize, seed: u64) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(
        Run { scenario, settings: RunSettings { seed, own: true, ..RunSettings::default() } }
            .run(&CoreSubject { chop }),
    )
}

#[test]
fn the_engine_does_what_every_scenario_asks_for_however_its_bytes_are_cut() {
    let started = Instant::now();
    let scenarios = scenarios();
    let work: Vec<_> = scenarios.iter().flat_map(|scenario| CoreSubject::CHOPS.map(|chop| (scenario, chop))).collect();
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    let times = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((scenario, chop)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let begun = Instant::now();
                    let outcome = run(scenario, *chop, 1);
                    times.lock().unwrap().push((begun.elapsed(), *chop, scenario.id.clone()));
                    if outcome.verdict != Verdict::Pass {
                        failed.lock().unwrap().push((*chop, outcome));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    let took = started.elapsed().as_secs_f64();
    println!("{} scenarios x {} ways to cut in {took:.1} s", scenarios.len(), CoreSubject::CHOPS.len());
    let mut times = times.into_inner().unwrap();
    times.sort();
    for (took, chop, id) in times.iter().rev().take(5) {
        println!("{:6.2} s {id}, cut at {chop}", took.as_secs_f64());
    }
    let words: Vec<_> = failed.iter().map(|(chop, outcome)| format!("cut at {chop}: {outcome:#?}")).collect();
    assert!(failed.is_empty(), "{} of {} runs failed:\n{}", failed.len(), work.len(), words.join("\n"));
}
