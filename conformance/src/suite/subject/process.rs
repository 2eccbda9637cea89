//! A client behind a shim: a process that speaks `PROTOCOL.md`.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;

use super::{Heard, Running, Setup, Subject};
use crate::platform::Platform;
use crate::suite::shim::{Command, Report};

/// The longest line of the protocol.
const LONGEST: usize = 8 * 1024 * 1024;
/// More than this nobody has to say.
const MOST_LINES: usize = 100_000;
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Of a line of standard error.
const SHOWN: usize = 1024 * 1024;

/// How a shim is started.
#[derive(Clone, Debug)]
pub struct ProcessSubject {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// It can be told that events come by webhook.
    pub webhook: bool,
}

impl Subject for ProcessSubject {
    fn in_memory(&self) -> bool {
        false
    }

    fn serves_webhooks(&self) -> bool {
        self.webhook
    }

    fn start(&self, _platform: &Arc<Platform>, _setup: &Setup) -> Result<Running, String> {
        let Some((program, arguments)) = self.command.split_first() else { return Err("no command".to_owned()) };
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).current_dir(&self.folder);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // A proxy has no business on loopback.
        command.env("NO_PROXY", "127.0.0.1,localhost").env("no_proxy", "127.0.0.1,localhost");
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| format!("{program} does not start: {error}"))?;
        let (commands, to_say) = unbounded_channel();
        let (says, heard) = unbounded_channel();
        let group = Group(child.id());
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let task = tokio::spawn(async move {
            let _group = group;
            let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else { return };
            let errors = tokio::spawn(read_stderr(stderr, says.clone()));
            tokio::select! {
                () = tell(stdin, to_say) => drop(timeout(Duration::from_secs(1), child.wait()).await),
                status = hear(&mut child, stdout, &says) => {
                    // What it wrote last is read before its end is told.
                    let _ = timeout(Duration::from_secs(1), errors).await;
                    let _ = says.send(Heard::Exited(status));
                }
            }
        });
        Ok(Running { commands, heard, posts: None, task })
    }
}

/// The process with its children: a shim may be started by a wrapper, and may start programs.
#[derive(Debug)]
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.0.filter(|_| cfg!(unix)) {
            // Who is gone already needs no signal.
            let mut kill = std::process::Command::new("kill");
            let _ = kill.args(["-KILL", "--", &format!("-{id}")]).stderr(Stdio::null()).status();
        }
    }
}

/// Ends when there is nobody who could say anything; standard input is closed then.
async fn tell(mut stdin: ChildStdin, mut commands: UnboundedReceiver<Command>) {
    while let Some(command) = commands.recv().await {
        let Ok(mut line) = serde_json::to_vec(&command) else { continue };
        line.push(b'\n');
        if stdin.write_all(&line).await.is_err() || stdin.flush().await.is_err() {
            // It does not listen any more; its end is told by the other half.
            return std::future::pending().await;
        }
    }
}

/// Reads what the shim says until it ends; its exit code.
async fn hear(child: &mut Child, stdout: impl AsyncRead + Unpin, says: &UnboundedSender<Heard>) -> Option<i32> {
    let mut reader = BufReader::new(stdout);
    let (mut lines, mut bytes) = (0, 0);
    loop {
        match read_line(&mut reader, LONGEST).await {
            Line::End => break,
            Line::TooLong => {
                let _ = says.send(Heard::Garbage("the shim floods: a line of more than 8 MiB".to_owned()));
                return kill(child).await;
            }
            Line::Read(line) => {
                lines += 1;
                bytes += line.len();
                if lines > MOST_LINES || bytes > MOST_BYTES {
                    let _ = says.send(Heard::Garbage(format!("the shim floods: {lines} lines, {bytes} bytes")));
                    return kill(child).await;
                }
                if says.send(report(&line)).is_err() {
                    return kill(child).await;
                }
            }
        }
    }
    child.wait().await.ok().and_then(|status| status.code())
}

async fn kill(child: &mut Child) -> Option<i32> {
    // It may be gone already.
    let _ = child.kill().await;
    None
}

fn report(line: &[u8]) -> Heard {
    match serde_json::from_slice::<Report>(line) {
        Ok(report) => Heard::Report(report),
        Err(error) => {
            let text = String::from_utf8_lossy(line);
            let shown: String = text.trim_end().chars().take(200).collect();
            Heard::Garbage(format!("the shim wrote {shown:?}, which is no line of the protocol ({error})"))
        }
    }
}

async fn read_stderr(stderr: impl AsyncRead + Unpin, says: UnboundedSender<Heard>) {
    let mut reader = BufReader::new(stderr);
    let mut bytes = 0;
    loop {
        match read_line(&mut reader, SHOWN).await {
            Line::End => return,
            // Everything is read, so that the shim never waits; what is too much is not kept.
            Line::TooLong => {}
            Line::Read(line) => {
                bytes += line.len();
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                if bytes <= MOST_BYTES && says.send(Heard::Stderr(text)).is_err() {
                    return;
                }
            }
        }
    }
}

enum Line {
    End,
    Read(Vec<u8>),
    TooLong,
}

/// One line, blank ones left out. What is longer is read to its end and left out.
async fn read_line(reader: &mut (impl AsyncBufRead + Unpin), longest: usize) -> Line {
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        let chunk = match reader.fill_buf().await {
            Ok(chunk) if !chunk.is_empty() => chunk,
            _ if line.is_empty() => return Line::End,
            _ => return Line::Read(line),
        };
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(chunk.len(), |end| end + 1);
        if line.len() + taken > longest {
            too_long = true;
            line.clear();
        }
        if !too_long {
            line.extend_from_slice(chunk.get(..taken).unwrap_or_default());
        }
        reader.consume(taken);
        if end.is_some() {
            if too_long {
                return Line::TooLong;
            }
            if !line.trim_ascii().is_empty() {
                return Line::Read(line);
            }
            line.clear();
        } else if too_long && longest == LONGEST {
            return Line::TooLong;
        }
    }
}
