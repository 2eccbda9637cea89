//! Runs many scenarios against one subject, side by side where that is safe.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::engine::{Run, Settings};
use super::outcome::{Outcome, Verdict};
use super::scenario::Scenario;
use super::subject::Subject;

/// Runs them, `jobs` at a time; `done` is told of each, as they come. The outcomes are in the order of the scenarios.
pub fn run_all(
    scenarios: &[Scenario],
    subject: &Arc<dyn Subject>,
    settings: Settings,
    jobs: usize,
    done: &(dyn Fn(&Outcome) + Sync),
) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(vec![None; scenarios.len()]);
    std::thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, scenarios.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(scenario) = scenarios.get(index) else { return };
                    let outcome = run_one(scenario, subject.as_ref(), settings);
                    done(&outcome);
                    if let Some(place) = outcomes.lock().unwrap_or_else(PoisonError::into_inner).get_mut(index) {
                        *place = Some(outcome);
                    }
                }
            });
        }
    });
    outcomes.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
}

/// Runs one, on a runtime of its own: what one leaves behind must not reach the next.
#[must_use]
pub fn run_one(scenario: &Scenario, subject: &dyn Subject, settings: Settings) -> Outcome {
    let runtime = match subject.in_memory() {
        true => tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build(),
        // A shim that keeps the machine busy must not slow the platform's answers down.
        false => tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build(),
    };
    match runtime {
        Ok(runtime) => {
            let outcome = runtime.block_on(Run { scenario, settings }.run(subject));
            runtime.shutdown_background();
            outcome
        }
        Err(error) => Outcome {
            scenario: scenario.id.clone(),
            verdict: Verdict::Skipped { why: format!("no runtime: {error}") },
            took_ms: 0,
            evidence: None,
            client: None,
        },
    }
}
