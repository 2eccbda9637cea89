//! `conform speed`

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use larkwire_conformance::speed::{Load, Plan, Shape, SpeedSubject, Stretch, Table, run};

use crate::terminal::{error, line};
use crate::{FAILED, UNAVAILABLE, WELL, WRONG};

#[derive(Args)]
pub(crate) struct Options {
    /// Clients to measure (conformance/speed/NAME.toml); all by default
    subject: Vec<String>,
    /// Events under way at most; may be given several times, for a table each
    #[arg(long, default_value = "64", value_parser = clap::value_parser!(u32).range(1..=4096))]
    window: Vec<u32>,
    /// How many events are measured in a round
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..))]
    events: Option<u64>,
    /// How long is measured in a round
    #[arg(long, default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// How long is not measured, at the beginning of a round
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    warm_up: f64,
    /// How often each client is measured, in turn
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Events a second; by default as many as the client takes
    #[arg(long, value_parser = seconds)]
    rate: Option<f64>,
    /// Send each event in so many parts
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    split: u8,
    /// Bytes of an event's JSON
    #[arg(long, default_value_t = 1440)]
    size: usize,
    /// Over TLS 1.3
    #[arg(long)]
    tls: bool,
    /// The client that the others are compared with
    #[arg(long, default_value = "larkwire")]
    reference: String,
    /// A client that acks nothing for so many seconds is given up
    #[arg(long, default_value_t = 20.0, value_parser = seconds)]
    stall: f64,
    /// Count neither system calls nor allocations
    #[arg(long)]
    plain: bool,
    /// Print JSON with all rounds instead of Markdown
    #[arg(long)]
    json: bool,
    /// Write Markdown to this file, too
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds < 1e6 => Ok(seconds),
        _ => Err("a number above 0 is expected".to_owned()),
    }
}

pub(crate) fn speed(root: &Path, options: &Options) -> Result<u8, Box<dyn Error>> {
    if cfg!(debug_assertions) {
        error("this build is not optimized and would measure itself: use `cargo run --release`");
        return Ok(WRONG);
    }
    let known = SpeedSubject::all(root)?;
    let mut subjects = known.clone();
    if !options.subject.is_empty() {
        subjects.clear();
        for name in &options.subject {
            let found = known.iter().find(|subject| subject.name == *name);
            subjects.push(found.cloned().ok_or_else(|| {
                let names: Vec<_> = known.iter().map(|subject| subject.name.as_str()).collect();
                format!("there is no client {name} to measure; there are {}", names.join(", "))
            })?);
        }
    }
    let load = |window: &u32| Load {
        shape: Shape { size: options.size, parts: usize::from(options.split) },
        window: usize::try_from(*window).unwrap_or(usize::MAX),
        rate: options.rate,
        warm_up: Duration::from_secs_f64(options.warm_up),
        stretch: match options.events {
            Some(events) => Stretch::Events(events),
            None => Stretch::Time(Duration::from_secs_f64(options.seconds)),
        },
        stall: Duration::from_secs_f64(options.stall),
    };
    let plan = Plan {
        subjects,
        loads: options.window.iter().map(load).collect(),
        rounds: options.rounds,
        tls: options.tls,
        reference: options.reference.clone(),
        extra_rounds: !options.plain,
    };
    let tables = run(root, &plan, &mut |text| error(text))?;
    let markdown = || tables.iter().map(Table::markdown).collect::<Vec<_>>().join("\n");
    if let Some(file) = &options.markdown {
        fs::write(file, markdown()).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if options.json {
        line(&serde_json::to_string_pretty(&tables)?)?;
    } else {
        line(&markdown())?;
    }
    let rows = || tables.iter().flat_map(|table| &table.rows).filter_map(|row| row.failed.as_deref());
    Ok(if rows().any(|why| !why.starts_with("SKIP")) {
        FAILED
    } else if rows().next().is_some() {
        UNAVAILABLE
    } else {
        WELL
    })
}
