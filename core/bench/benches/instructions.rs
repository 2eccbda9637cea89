//! Instructions and allocations per event, the same in every run.
//!
//! `cargo bench --bench instructions [-- [--json | --ledger] [--kept] [NAME…]]`: those benchmarks whose name contains one
//! of the words; `--kept`: those that the ledger has. Needs valgrind. One process runs all of them; callgrind writes a
//! profile at each end of a measured stretch, and its total divided by the number of events is what is printed.

use std::alloc::System;
use std::env;
use std::process::ExitCode;

use larkwire_bench::callgrind::{self, INSIDE};
use larkwire_bench::cases::{self, Case};
use larkwire_bench::table::{Figure, Format, write};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const KEPT: &str = "--kept";

fn main() -> ExitCode {
    if cfg!(debug_assertions) {
        eprintln!("a debug build measures nothing: use cargo bench");
        return ExitCode::from(2);
    }
    let mut words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let has = |flag: &str| words.iter().any(|word| word == flag);
    let format = if has("--json") {
        Format::Json
    } else if has("--ledger") {
        Format::Ledger
    } else {
        Format::Markdown
    };
    words.retain(|word| word != "--json" && word != "--ledger");
    if words.iter().any(|word| word == INSIDE) {
        for (n, case) in chosen(&words).iter().enumerate() {
            case.run(|stretch| callgrind::lap(n, stretch));
        }
        return ExitCode::SUCCESS;
    }
    if !callgrind::is_there() {
        println!("SKIP instructions: valgrind cannot be had");
        return ExitCode::SUCCESS;
    }
    match measure(&words) {
        Ok(figures) => {
            print!("{}", write(&figures, format));
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("instructions: {why}");
            ExitCode::FAILURE
        }
    }
}

fn chosen(words: &[String]) -> Vec<Case> {
    let kept = words.iter().any(|word| word == KEPT);
    let words: Vec<&String> = words.iter().filter(|word| !word.starts_with("--")).collect();
    let mut all = cases::all();
    all.retain(|case| words.is_empty() || words.iter().any(|word| case.name().contains(word.as_str())));
    all.retain(|case| !kept || case.is_kept());
    all
}

fn measure(words: &[String]) -> Result<Vec<Figure>, String> {
    let cases = chosen(words);
    let counted = callgrind::count("instructions", cases.len(), words)?;
    let figures = cases.into_iter().zip(counted).map(|(case, instructions)| {
        let mut allocations = 0;
        case.run(|stretch| {
            let region = Region::new(HEAP);
            stretch();
            let change = region.change();
            allocations = change.allocations + change.reallocations;
        });
        let events = case.events() as f64;
        Figure { case, instructions: instructions / events, allocations: allocations as f64 / events }
    });
    Ok(figures.collect())
}
