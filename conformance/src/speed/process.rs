//! A client as a process: how it is started and asked, and what the kernel knows of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde::Deserialize;

/// How long a client may think about what it has counted.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a client has counted itself.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub(super) struct Counted {
    /// Events its handler was given.
    pub(super) events: u64,
    /// Allocations since it was started, where it counts them.
    #[serde(default)]
    pub(super) allocations: Option<u64>,
}

/// A running client; it is killed when this is dropped.
pub(super) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Process {
    /// Starts it with the platform at `url`; `roots` is a file of certificates. What it says goes to `log`.
    pub(super) fn start(command: &[String], url: &str, roots: Option<&Path>, log: &Path) -> io::Result<Self> {
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut starting = Command::new(program);
        starting.args(arguments).env("SPEED_URL", url);
        // A proxy has no business on loopback.
        starting.env("NO_PROXY", "127.0.0.1,localhost").env("no_proxy", "127.0.0.1,localhost");
        if let Some(roots) = roots {
            starting.env("SPEED_ROOTS", roots);
        }
        starting.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(File::create(log)?);
        let mut child =
            starting.spawn().map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (sender, lines) = channel();
        if let Some(stdout) = stdout {
            thread::spawn(move || {
                for line in BufReader::new(stdout).lines() {
                    let Ok(line) = line else { return };
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self { child, stdin, lines })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub(super) fn is_gone(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks what it has counted.
    pub(super) fn ask(&mut self) -> Result<Counted, String> {
        let stdin = self.stdin.as_mut().ok_or("it has no standard input")?;
        stdin
            .write_all(b"count\n")
            .and_then(|()| stdin.flush())
            .map_err(|error| format!("cannot be asked: {error}"))?;
        let until = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                // Clients may print what they like besides.
                Ok(line) => {
                    if let Ok(counted) = serde_json::from_str(&line) {
                        return Ok(counted);
                    }
                }
                Err(RecvTimeoutError::Timeout) => return Err("does not say what it has counted".to_owned()),
                Err(RecvTimeoutError::Disconnected) => return Err("ended".to_owned()),
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nobody is interested in how it ends.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nanoseconds on a processor, user and system, of each thread of a process.
#[derive(Clone, Debug, Default)]
pub(super) struct Cpu(BTreeMap<u64, u64>);

impl Cpu {
    /// As of now.
    pub(super) fn of(id: u32) -> Result<Self, String> {
        let threads = fs::read_dir(format!("/proc/{id}/task")).map_err(|error| format!("/proc/{id}/task: {error}"))?;
        let mut all = BTreeMap::new();
        for thread in threads.flatten() {
            let Some(number) = thread.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // A thread may have ended since.
            let Ok(text) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
            if let Some(ns) = first_number(&text) {
                all.insert(number, ns);
            }
        }
        if all.is_empty() { Err("the kernel keeps no schedstat".to_owned()) } else { Ok(Self(all)) }
    }

    /// What was used since `earlier`, by threads that are still there.
    pub(super) fn since(&self, earlier: &Self) -> Duration {
        let used = self.0.iter().map(|(thread, ns)| ns.saturating_sub(earlier.0.get(thread).copied().unwrap_or(0)));
        Duration::from_nanos(used.sum())
    }
}

/// Nanoseconds that the thread which asks has been on a processor.
pub(super) fn own_cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(first_number(&text).unwrap_or(0))
}

fn first_number(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// KiB of memory that a process has held at most.
pub(super) fn peak_kib(id: u32) -> Option<u64> {
    peak_in(&fs::read_to_string(format!("/proc/{id}/status")).ok()?)
}

pub(super) fn peak_in(status: &str) -> Option<u64> {
    first_number(status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?)
}
