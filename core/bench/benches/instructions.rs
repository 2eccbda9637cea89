//! Instructions and allocations per event, the same in every run.
//!
//! `cargo bench --bench instructions [-- [--json] [NAME…]]`: those benchmarks whose name contains one of the words. Needs
//! valgrind. One process runs all of them; callgrind writes a profile at each end of a measured stretch, and its total
//! divided by the number of events is what is printed.

use std::alloc::System;
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs};

use larkwire_bench::input::{self, ORDINARY, SIZES, Script};
use larkwire_bench::{lap_mark, ours};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The program calls itself with this under callgrind.
const INSIDE: &str = "--inside";

/// Events of a stretch, and of those before it that warm it up.
fn events(size: usize) -> usize {
    (4 * 1024 * 1024 / size.max(1)).clamp(16, 200)
}

/// One benchmark: its name, and what makes it ready; then the events' bytes are dealt with one after the other.
struct Bench {
    name: String,
    size: usize,
    script: Script,
    make: fn() -> Box<dyn FnMut(&[u8]) -> usize>,
    wrap: fn(usize, &str) -> Vec<u8>,
}

fn benches() -> Vec<Bench> {
    let mut benches = Vec::new();
    for (script, called) in [(Script::Ascii, "ascii"), (Script::Chinese, "chinese")] {
        for size in SIZES {
            let mut add = |name: &str, make: fn() -> Box<dyn FnMut(&[u8]) -> usize>, wrap: fn(usize, &str) -> Vec<u8>| {
                benches.push(Bench { name: format!("{name}/{called}/{size}"), size, script, make, wrap });
            };
            add(
                "whole/larkwire",
                || {
                    let mut open = ours::Open::new();
                    Box::new(move |bytes| open.receive(bytes).0)
                },
                |n, payload| input::ws_frame(&input::frame(n, payload)),
            );
        }
    }
    benches
}

/// What was measured of one benchmark.
struct Figure {
    name: String,
    instructions: f64,
    allocations: f64,
}

fn run(bench: &Bench, measured: impl FnOnce(&mut dyn FnMut())) {
    let count = events(bench.size);
    let inputs: Vec<Vec<u8>> =
        (0..2 * count).map(|n| (bench.wrap)(n, &input::payload(n, bench.size, bench.script))).collect();
    let (warm, counted) = inputs.split_at(count);
    let mut work = (bench.make)();
    for bytes in warm {
        assert!(work(black_box(bytes)) > 0, "{}: nothing was read", bench.name);
    }
    measured(&mut || {
        for bytes in counted {
            black_box(work(black_box(bytes)));
        }
    });
}

fn chosen(words: &[String]) -> Vec<Bench> {
    let mut all = benches();
    all.retain(|bench| words.is_empty() || words.iter().any(|word| bench.name.contains(word.as_str())));
    all
}

fn inside(words: &[String]) {
    for (n, bench) in chosen(words).iter().enumerate() {
        run(bench, |stretch| {
            lap_mark(n);
            stretch();
            lap_mark(n);
        });
    }
}

fn main() -> ExitCode {
    if cfg!(debug_assertions) {
        eprintln!("a debug build measures nothing: use cargo bench");
        return ExitCode::from(2);
    }
    let mut words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let json = words.iter().any(|word| word == "--json");
    let is_inside = words.iter().any(|word| word == INSIDE);
    words.retain(|word| word != "--json" && word != INSIDE);
    if is_inside {
        inside(&words);
        return ExitCode::SUCCESS;
    }
    match measure(&words) {
        Ok(figures) => {
            print(&figures, json);
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("SKIP instructions: {why}");
            ExitCode::SUCCESS
        }
    }
}

fn measure(words: &[String]) -> Result<Vec<Figure>, String> {
    let benches = chosen(words);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/callgrind");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let ran = Command::new("valgrind")
        .args(["-q", "--tool=callgrind", "--dump-before=*lap_mark*"])
        .arg(format!("--callgrind-out-file={}", folder.join("profile").display()))
        .arg(program)
        .arg(INSIDE)
        .args(words)
        .output()
        .map_err(|error| format!("valgrind cannot be started: {error}"))?;
    if !ran.status.success() {
        return Err(format!("valgrind: {}: {}", ran.status, String::from_utf8_lossy(&ran.stderr)));
    }
    let mut figures = Vec::new();
    for (n, bench) in benches.iter().enumerate() {
        // The profiles before a lap are, in turn, of what makes ready and of what is measured.
        let profile = folder.join(format!("profile.{}", 2 * n + 2));
        let text = fs::read_to_string(&profile).map_err(|error| format!("{}: {error}", profile.display()))?;
        let total = text.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
        let total: f64 = total.and_then(|total| total.trim().parse().ok()).ok_or("a profile without a total")?;
        let mut allocations = 0;
        run(bench, |stretch| {
            let region = Region::new(HEAP);
            stretch();
            let change = region.change();
            allocations = change.allocations + change.reallocations;
        });
        let count = events(bench.size) as f64;
        figures.push(Figure {
            name: bench.name.clone(),
            instructions: total / count,
            allocations: allocations as f64 / count,
        });
    }
    Ok(figures)
}

fn print(figures: &[Figure], json: bool) {
    for Figure { name, instructions, allocations } in figures {
        if json {
            println!(r#"{{"name":"{name}","instructions":{instructions:.0},"allocations":{allocations:.2}}}"#);
        } else {
            println!("{name:40} {instructions:12.0} {allocations:10.2}");
        }
    }
    let _ = ORDINARY;
}
