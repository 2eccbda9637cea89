//! One client, once: started, driven, measured, and stopped.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::probe::{Probe, What};
use super::process::{Process, peak_kib};
use super::pump::{Load, Measured, pump};
use super::server::{Link, Server};
use super::syscalls::Tool;

/// Official SDKs take seconds to start.
const CONNECT: Duration = Duration::from_secs(60);
/// Handlers may run after the ack.
const HANDLERS: Duration = Duration::from_secs(1);

/// What was seen in one round.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// Events acked in the measured stretch.
    pub events: u64,
    /// How long it was.
    pub seconds: f64,
    /// Events a second.
    pub events_per_s: f64,
    /// Time on a processor of the client alone, user and system.
    pub cpu_us_per_event: f64,
    /// The same of the thread that drove it.
    pub server_us_per_event: f64,
    /// How much of the stretch that thread was at work: near 1, it is the server that was measured.
    pub server_busy: f64,
    /// From the write to the ack: half of them were faster.
    pub p50_us: f64,
    /// 99 of 100 were faster.
    pub p99_us: f64,
    /// The slowest.
    pub max_us: f64,
    /// The most memory it held, since it was started.
    pub peak_rss_mib: f64,
    /// Acks with another code than 200, of all events of the round.
    pub refused: u64,
    /// Acks that belong to no event: repeated, or of a part that completes nothing.
    pub strange: u64,
    /// Events that were never acked while many later ones were.
    pub lost: u64,
    /// Events acked that its handler had not been given a second after the last ack.
    pub unseen: u64,
}

/// Where a client runs, and what it gets.
pub(super) struct Bench<'a> {
    pub(super) server: &'a Server,
    pub(super) load: Load,
    /// For logs and other files.
    pub(super) folder: &'a Path,
    pub(super) name: &'a str,
}

impl Bench<'_> {
    /// Measures it.
    pub(super) fn measure(&self, command: &[String]) -> Result<Sample, String> {
        let (mut probe, measured, _link) = self.drive(command, What::cpu())?;
        let peak = peak_kib(probe.process.id()).ok_or("the kernel does not tell its memory")?;
        let counts = measured.counts;
        let unseen = unseen(&mut probe.process, counts.acked + counts.refused)?;
        let (client, server) = probe.cpu_used();
        let (events, seconds) = (measured.events as f64, measured.took.as_secs_f64());
        let us = |used: Duration| used.as_secs_f64() * 1e6 / events;
        Ok(Sample {
            events: measured.events,
            seconds,
            events_per_s: events / seconds,
            cpu_us_per_event: us(client),
            server_us_per_event: us(server),
            server_busy: server.as_secs_f64() / seconds,
            p50_us: measured.p50_ns as f64 / 1000.0,
            p99_us: measured.p99_ns as f64 / 1000.0,
            max_us: measured.most_ns as f64 / 1000.0,
            peak_rss_mib: peak as f64 / 1024.0,
            refused: counts.refused,
            strange: counts.strange,
            lost: counts.lost,
            unseen,
        })
    }

    /// System calls for an event.
    pub(super) fn syscalls(&self, command: &[String], tool: Tool) -> Result<f64, String> {
        let (probe, measured, _) = self.drive(command, What::syscalls(tool, self.folder))?;
        Ok(probe.syscalls() as f64 / measured.events as f64)
    }

    /// Allocations for an event, by a client that counts them.
    pub(super) fn allocations(&self, command: &[String]) -> Result<f64, String> {
        let (probe, ..) = self.drive(command, What::allocations())?;
        probe.allocations_per_event()
    }

    fn drive(&self, command: &[String], what: What) -> Result<(Probe, Measured, Link), String> {
        let log = self.folder.join(format!("{}.log", self.name));
        let roots = self.folder.join("root.pem");
        if let Some(root) = self.server.root() {
            fs::write(&roots, root).map_err(|error| format!("{}: {error}", roots.display()))?;
        }
        self.server.forget();
        let roots = self.server.root().map(|_| roots.as_path());
        let mut process =
            Process::start(command, &self.server.url(), roots, &log).map_err(|error| error.to_string())?;
        let mut link = self.server.link(CONNECT, || process.is_gone()).ok_or_else(|| {
            let how = if process.is_gone() { "ended" } else { "did not connect" };
            format!("{how}; see {}", log.display())
        })?;
        let mut probe = Probe { process, what };
        let measured = pump(&mut link, &self.load, &mut probe).map_err(|error| match probe.process.is_gone() {
            true => format!("ended: {error}; see {}", log.display()),
            false => error.to_string(),
        })?;
        // A client that loses its connection begins to dial.
        Ok((probe, measured, link))
    }
}

/// How many of the events that were acked a client has not been given.
fn unseen(process: &mut Process, answered: u64) -> Result<u64, String> {
    let until = Instant::now() + HANDLERS;
    loop {
        let unseen = answered.saturating_sub(process.ask()?.events);
        if unseen == 0 || Instant::now() > until {
            return Ok(unseen);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
