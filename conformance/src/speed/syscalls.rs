//! Counts the system calls of a process for a while: with perf, which disturbs it little, else with strace.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a tool may take to begin and to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// A tool that can count on this machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tool {
    /// `perf stat -e raw_syscalls:sys_enter`
    Perf,
    /// `strace -f -c`
    Strace,
}

impl Tool {
    /// The first that works here.
    pub(super) fn find() -> Option<Self> {
        let works = |command: &[&str]| {
            let (program, arguments) = command.split_first()?;
            let mut command = Command::new(program);
            command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().ok().filter(std::process::ExitStatus::success)
        };
        if works(&["perf", "stat", "-e", "raw_syscalls:sys_enter", "--", "true"]).is_some() {
            return Some(Self::Perf);
        }
        works(&["strace", "-f", "-c", "-o", "/dev/null", "true"]).map(|_| Self::Strace)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Perf => "perf stat",
            Self::Strace => "strace -f -c",
        }
    }
}

/// A process that is counted.
pub(super) struct Counting {
    tool: Tool,
    child: Child,
    output: PathBuf,
    control: Option<(File, Receiver<String>)>,
}

impl Counting {
    /// Begins to count; `folder` is for files.
    pub(super) fn begin(tool: Tool, id: u32, folder: &Path) -> Result<Self, String> {
        let output = folder.join("syscalls.txt");
        let _ = fs::remove_file(&output);
        let text = |error: std::io::Error| format!("{}: {error}", tool.name());
        let pid = id.to_string();
        match tool {
            Tool::Perf => {
                let (orders, answers) = (fifo(folder, "orders")?, fifo(folder, "answers")?);
                let control = format!("fifo:{},{}", orders.display(), answers.display());
                let mut command = Command::new("perf");
                command.args([
                    "stat",
                    "-e",
                    "raw_syscalls:sys_enter",
                    "-x,",
                    "-D",
                    "-1",
                    "--control",
                    &control,
                    "-p",
                    &pid,
                ]);
                command.arg("-o").arg(&output).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
                let child = command.spawn().map_err(text)?;
                let open = |path: &Path| OpenOptions::new().read(true).write(true).open(path).map_err(text);
                let control = Some((open(&orders)?, lines(open(&answers)?)));
                let mut counting = Self { tool, child, output, control };
                counting.order("enable")?;
                Ok(counting)
            }
            Tool::Strace => {
                let mut command = Command::new("strace");
                command.args(["-f", "-c", "-p", &pid]).arg("-o").arg(&output);
                let mut child =
                    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(text)?;
                // It says when it has attached.
                let mut line = String::new();
                if let Some(stderr) = child.stderr.take() {
                    let mut stderr = BufReader::new(stderr);
                    stderr.read_line(&mut line).map_err(text)?;
                    // What it says of further threads must not fill the pipe.
                    thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
                }
                if line.contains("attached") {
                    return Ok(Self { tool, child, output, control: None });
                }
                let _ = child.kill();
                let _ = child.wait();
                Err(format!("strace: {}", line.trim()))
            }
        }
    }

    /// Tells perf something; it answers when it has done it.
    fn order(&mut self, order: &str) -> Result<(), String> {
        let Some((orders, answers)) = &mut self.control else { return Ok(()) };
        let text = |error: std::io::Error| format!("perf: {error}");
        orders.write_all(format!("{order}\n").as_bytes()).map_err(text)?;
        let answer = answers.recv_timeout(PATIENCE).map_err(|_| "perf does not answer".to_owned())?;
        if answer.contains("ack") { Ok(()) } else { Err(format!("perf answers {answer:?}")) }
    }

    /// Ends, and says how many there were.
    pub(super) fn end(mut self) -> Result<u64, String> {
        self.order("disable")?;
        let mut interrupt = Command::new("kill");
        interrupt.args(["-INT", &self.child.id().to_string()]);
        interrupt.status().map_err(|error| format!("kill: {error}"))?;
        let until = Instant::now() + PATIENCE;
        while self.child.try_wait().map_err(|error| error.to_string())?.is_none() {
            if Instant::now() > until {
                return Err(format!("{} does not end", self.tool.name()));
            }
            thread::sleep(Duration::from_millis(10));
        }
        let mut text = String::new();
        File::open(&self.output)
            .and_then(|mut file| file.read_to_string(&mut text))
            .map_err(|error| format!("{}: {error}", self.tool.name()))?;
        let count = match self.tool {
            Tool::Perf => perf_count(&text),
            Tool::Strace => strace_count(&text),
        };
        count.ok_or_else(|| format!("{} says nothing that is known", self.tool.name()))
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A pipe that is open at both ends never ends: who waits for a line of it can give up.
fn lines(pipe: File) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn fifo(folder: &Path, name: &str) -> Result<PathBuf, String> {
    let path = folder.join(name);
    let _ = fs::remove_file(&path);
    let made = Command::new("mkfifo").arg(&path).status();
    match made {
        Ok(status) if status.success() => Ok(path),
        _ => Err("mkfifo does not work".to_owned()),
    }
}

/// `5400,,raw_syscalls:sys_enter,…`
pub(super) fn perf_count(text: &str) -> Option<u64> {
    text.lines().find(|line| line.contains("raw_syscalls:sys_enter"))?.split(',').next()?.parse().ok()
}

/// The calls of the last line: `100.00    0.000289           2       109        14 total`; the column of errors may be
/// empty.
pub(super) fn strace_count(text: &str) -> Option<u64> {
    text.lines().find(|line| line.ends_with(" total"))?.split_ascii_whitespace().nth(3)?.parse().ok()
}
