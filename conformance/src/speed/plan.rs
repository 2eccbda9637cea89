//! Who is measured with what, how often, and in which order.

use std::error::Error;
use std::fs;
use std::path::Path;

use super::pump::{Load, Stretch};
use super::ring::Ring;
use super::round::Bench;
use super::server::Server;
use super::subject::{Ready, SpeedSubject, target};
use super::syscalls::Tool;
use super::table::{Row, Table};

/// Tables to be made: one for each load.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The clients.
    pub subjects: Vec<SpeedSubject>,
    /// What they are given.
    pub loads: Vec<Load>,
    /// How often each is measured, one after the other: A B C A B C …
    pub rounds: u32,
    /// Over TLS 1.3; clients that trust only the usual certificates are left out.
    pub tls: bool,
    /// The name of the client that the others are compared with.
    pub reference: String,
    /// System calls and allocations are counted, in a round of their own each.
    pub extra_rounds: bool,
}

/// Makes the tables; `progress` is told what happens, in a line each.
///
/// # Errors
/// A load is impossible, or this machine has no loopback.
pub fn run(root: &Path, plan: &Plan, progress: &mut dyn FnMut(&str)) -> Result<Vec<Table>, Box<dyn Error>> {
    for load in &plan.loads {
        Ring::new(load.shape, 1)?;
    }
    let folder = target(root).join("speed");
    fs::create_dir_all(&folder)?;
    let folder = fs::canonicalize(folder)?;
    let server = Server::start(plan.tls)?;
    let tool = if plan.extra_rounds { Tool::find() } else { None };
    let subjects: Vec<_> =
        plan.subjects.iter().map(|subject| (subject, ready(root, plan, subject, progress))).collect();
    let mut tables = Vec::new();
    for load in &plan.loads {
        let title = title(load, plan);
        progress(&title);
        let mut making = Making { server: &server, folder: &folder, load, progress: &mut *progress };
        let mut rows: Vec<Row> = subjects
            .iter()
            .map(|(subject, ready)| Row {
                name: subject.name.clone(),
                runtime: subject.runtime.clone(),
                failed: ready.as_ref().err().cloned(),
                ..Row::default()
            })
            .collect();
        for round in 1..=plan.rounds {
            for ((_, ready), row) in subjects.iter().zip(&mut rows) {
                making.round(ready, row, &format!("round {round} of {}", plan.rounds));
            }
        }
        let mut remarks = Vec::new();
        if plan.extra_rounds {
            for ((_, ready), row) in subjects.iter().zip(&mut rows) {
                making.extra_rounds(ready, row, tool, &mut remarks);
            }
            remarks.push(tool.map_or_else(
                || "System calls are not counted: neither perf nor strace works here.".to_owned(),
                |tool| format!("System calls are counted with {}.", tool.name()),
            ));
        }
        remarks.push(machine());
        tables.push(Table { title, reference: plan.reference.clone(), rows, remarks });
    }
    Ok(tables)
}

fn ready(root: &Path, plan: &Plan, subject: &SpeedSubject, progress: &mut dyn FnMut(&str)) -> Result<Ready, String> {
    if plan.tls && !subject.tls {
        return Err("SKIP: it can be told of no certificate".to_owned());
    }
    progress(&format!("{}: getting it ready", subject.name));
    subject.prepare(root).map_err(|error| {
        let why = format!("SKIP: {error}");
        progress(&format!("{}: {why}", subject.name));
        why
    })
}

/// A table that is being made.
struct Making<'a> {
    server: &'a Server,
    folder: &'a Path,
    load: &'a Load,
    progress: &'a mut dyn FnMut(&str),
}

impl Making<'_> {
    fn bench<'b>(&'b self, row: &'b Row, load: Load) -> Bench<'b> {
        Bench { server: self.server, load, folder: self.folder, name: &row.name }
    }

    fn round(&mut self, ready: &Result<Ready, String>, row: &mut Row, which: &str) {
        let (Ok(ready), None) = (ready, &row.failed) else { return };
        match self.bench(row, *self.load).measure(&ready.run) {
            Ok(sample) => {
                (self.progress)(&format!(
                    "{}, {which}: {:.0} events/s, {:.3} µs/event, p50 {:.0} µs",
                    row.name, sample.events_per_s, sample.cpu_us_per_event, sample.p50_us
                ));
                row.samples.push(sample);
            }
            Err(why) => {
                // Once is enough: the next round would wait as long for nothing.
                (self.progress)(&format!("{}, {which}: FAILED: {why}", row.name));
                row.failed = Some(format!("FAILED in {which}: {why}"));
            }
        }
    }

    fn extra_rounds(
        &mut self,
        ready: &Result<Ready, String>,
        row: &mut Row,
        tool: Option<Tool>,
        remarks: &mut Vec<String>,
    ) {
        let (Ok(ready), None) = (ready, &row.failed) else { return };
        if let Some(tool) = tool {
            (self.progress)(&format!("{}: counting system calls", row.name));
            match self.bench(row, *self.load).syscalls(&ready.run, tool) {
                Ok(count) => row.syscalls_per_event = Some(count),
                Err(why) => remarks.push(format!("{}: system calls not counted: {why}", row.name)),
            }
        }
        if let Some(counted) = &ready.counted {
            (self.progress)(&format!("{}: counting allocations", row.name));
            match self.bench(row, *self.load).allocations(counted) {
                Ok(count) => row.allocations_per_event = Some(count),
                Err(why) => remarks.push(format!("{}: allocations not counted: {why}", row.name)),
            }
        }
    }
}

/// What the clients are given, in a line.
fn title(load: &Load, plan: &Plan) -> String {
    let mut title = format!("Window {}, {} bytes", load.window, load.shape.size);
    if load.shape.parts > 1 {
        title.push_str(&format!(" in {} parts", load.shape.parts));
    }
    if let Some(rate) = load.rate {
        title.push_str(&format!(", {rate} events/s"));
    }
    if plan.tls {
        title.push_str(", TLS 1.3");
    }
    match load.stretch {
        Stretch::Events(events) => title.push_str(&format!(", {events} events")),
        Stretch::Time(time) => title.push_str(&format!(", {} s", time.as_secs_f64())),
    }
    title.push_str(&format!(", medians of {} rounds", plan.rounds));
    title
}

/// What else was going on.
fn machine() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_ascii_whitespace().next().unwrap_or("?");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches([' ', '\t', ':']);
    format!("{cores} cores ({model}), load average {load} at the end.")
}
