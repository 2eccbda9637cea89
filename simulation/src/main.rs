//! Years of a bot's life in minutes: the engine, a model of its machine, of the network and of the platform in one
//! process, in virtual time, from one seed. See the crate's README.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "it is a test: what cannot be has to end it"
)]

mod app;
mod clock;
mod dice;
mod faults;
mod figures;
mod herd;
mod ledger;
mod life;
mod log;
mod machine;
mod network;
mod options;
mod plan;
mod platform;
mod push;
mod queue;
mod report;
mod socket;
mod watch;
mod wire;
mod world;

use std::process::ExitCode;
use std::time::Instant;

use figures::Figures;
use log::Log;
use options::Options;
use report::{Progress, say};

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(text) => {
            say(&text);
            return ExitCode::from(2);
        }
    };
    life::keep_panics();
    let passed = match (options.seed, options.herd) {
        (Some(seed), _) => one(seed, &options),
        (None, Some(bots)) => herds(bots, &options),
        (None, None) => years(&options),
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// One life, told line by line.
fn one(seed: u64, options: &Options) -> bool {
    let began = Instant::now();
    let log = if options.json || options.brief { Log::silent() } else { Log::printed() };
    let mut outcome = life::live(seed, log);
    let seconds = began.elapsed().as_secs_f64();
    let failure = outcome.failure.as_ref().map(|(what, _)| what.clone());
    if options.json {
        report::json(&mut outcome.figures, seed, seconds, failure.as_deref().map(|what| (seed, what)));
    } else {
        say(&format!("{:?}", outcome.plan));
        report::table(&mut outcome.figures, seconds);
        say(&failure.as_ref().map_or_else(|| "every invariant held".to_owned(), |what| format!("VIOLATED: {what}")));
    }
    failure.is_none()
}

fn herds(bots: u64, options: &Options) -> bool {
    let mut passed = true;
    for outage in [0, 120_000] {
        let herd = herd::run(bots, options.base, outage);
        report::herd(&herd);
        if let Some(what) = &herd.failure {
            say(&format!("VIOLATED: {what}"));
            passed = false;
        }
    }
    passed
}

/// As many lives as the years need.
fn years(options: &Options) -> bool {
    let began = Instant::now();
    let mut progress = Progress::new(options.json);
    let mut all = Figures::default();
    let mut failure = None;
    let mut lives = 0;
    let mut jitter = None;
    while all.simulated() < options.wanted && failure.is_none() && jitter.is_none() {
        let seed = options.base.wrapping_add(lives);
        let outcome = life::live(seed, Log::silent());
        all.absorb(&outcome.figures);
        lives += 1;
        failure = outcome.failure.map(|(what, _)| (seed, what));
        jitter = all.check_jitter().err();
        progress.at(&all, lives, options.wanted);
    }
    progress.end();
    let seconds = began.elapsed().as_secs_f64();
    if options.json {
        let told = failure.as_ref().map(|(seed, what)| (*seed, what.as_str()));
        report::json(&mut all, options.base, seconds, told.or(jitter.as_deref().map(|what| (options.base, what))));
        return failure.is_none() && jitter.is_none();
    }
    report::table(&mut all, seconds);
    if let Some(what) = &jitter {
        say(&format!("VIOLATED, over all lives of base seed {}: {what}", options.base));
    }
    let Some((seed, what)) = failure else {
        if jitter.is_none() {
            say(&format!("every invariant held in {lives} lives from seed {}", options.base));
        }
        return jitter.is_none();
    };
    // The same life again, this time with its story.
    let again = life::live(seed, Log::last(options.lines));
    for line in again.failure.iter().flat_map(|(_, lines)| lines) {
        say(line);
    }
    say(&format!("VIOLATED in life {lives}, seed {seed} ({}): {what}", again.plan.kind.name()));
    say(&format!("again: cargo run --profile simulation -p larkwire-simulation -- --seed {seed}"));
    false
}
