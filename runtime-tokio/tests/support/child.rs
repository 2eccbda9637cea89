//! The `larkwire` command as a child process, seen through its public doors.

use std::ffi::OsStr;
use std::process::{ExitStatus, Stdio};
use std::sync::Mutex;

use larkwire_conformance::platform::Platform;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::support::{APP, LONG, SECRET, soon};

/// Held while a process is started: until it runs its program, it shares the pipes of all others.
static STARTING: Mutex<()> = Mutex::new(());

/// Closes a pipe for good.
pub(crate) fn close(pipe: ChildStdout) {
    let _alone = STARTING.lock();
    drop(pipe);
}

/// A command that inherits nothing from the environment.
pub(crate) struct Larkwire {
    command: Command,
}

impl Larkwire {
    pub(crate) fn new<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_larkwire"));
        command.args(args).env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        Self { command }
    }

    /// `larkwire run` on a platform of the test; everybody may speak to it.
    pub(crate) fn run(platform: &Platform) -> Self {
        Self::run_at(platform.base_url())
    }

    pub(crate) fn run_at(domain: impl AsRef<OsStr>) -> Self {
        Self::named("run", domain).arg("--allow").arg("*")
    }

    /// A subcommand with the app of the test and its secret.
    pub(crate) fn named(subcommand: &str, domain: impl AsRef<OsStr>) -> Self {
        Self::new([subcommand, "--app-id", APP]).arg("--domain").arg(domain).env("LARKWIRE_APP_SECRET", SECRET)
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// With commands through a pipe instead of `/dev/null`.
    pub(crate) fn piped(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    pub(crate) fn start(mut self) -> Running {
        let mut child = self.spawn();
        let out = Lines::of(child.stdout.take().unwrap());
        let err = Lines::of(child.stderr.take().unwrap());
        Running { stdin: child.stdin.take(), out, err, child }
    }

    fn spawn(&mut self) -> Child {
        let _alone = STARTING.lock();
        self.command.spawn().unwrap()
    }

    /// Starts it with a stdout that nobody reads yet.
    pub(crate) fn start_unread(mut self) -> (Running, ChildStdout) {
        let mut child = self.spawn();
        let stdout = child.stdout.take().unwrap();
        let err = Lines::of(child.stderr.take().unwrap());
        (Running { stdin: child.stdin.take(), out: Lines::of(tokio::io::empty()), err, child }, stdout)
    }

    /// Runs it to its own end: exit code, stdout, stderr.
    pub(crate) async fn end(self) -> (i32, String, String) {
        self.start().end().await
    }
}

/// A command that runs.
pub(crate) struct Running {
    pub(crate) out: Lines,
    pub(crate) err: Lines,
    stdin: Option<ChildStdin>,
    child: Child,
}

impl Running {
    /// Writes a line to its stdin.
    pub(crate) async fn say(&mut self, line: impl AsRef<[u8]>) {
        let stdin = self.stdin.as_mut().expect("stdin is a pipe");
        soon(stdin.write_all(&[line.as_ref(), b"\n"].concat())).await.unwrap();
    }

    /// Closes its stdin.
    pub(crate) fn hang_up(&mut self) {
        drop(self.stdin.take());
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let _alone = STARTING.lock();
        let sent = std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) async fn code(&mut self) -> i32 {
        let status: ExitStatus = match timeout(LONG, self.child.wait()).await {
            Ok(status) => status.unwrap(),
            Err(_) => panic!("it does not end; {:?} {:?}", self.out.all(), self.err.all()),
        };
        status.code().expect("no signal killed it")
    }

    /// Waits for its end: exit code, stdout, stderr.
    pub(crate) async fn end(mut self) -> (i32, String, String) {
        let code = self.code().await;
        (code, self.out.rest().await, self.err.rest().await)
    }

    /// The first JSON line that fits.
    pub(crate) async fn line(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let read = |line: &str| serde_json::from_str::<Value>(line).ok().filter(|line| fits(line));
        match self.out.wait(|line| read(line).is_some()).await {
            Some(line) => read(&line).unwrap(),
            None => panic!("no such line; stdout {:#?}, stderr {:#?}", self.out.all(), self.err.all()),
        }
    }

    /// The event line with this text.
    pub(crate) async fn event(&self, text: &str) -> Value {
        let content = serde_json::json!({ "text": text }).to_string();
        self.line(|line| line["kind"] == "event" && line["content"] == content).await
    }

    /// The result line with this id.
    pub(crate) async fn result(&self, id: impl Into<Value>) -> Value {
        let id = id.into();
        self.line(|line| line["kind"] == "result" && line["id"] == id).await
    }

    /// A line on stderr that has these words.
    pub(crate) async fn notice(&self, words: &str) -> String {
        match self.err.wait(|line| line.contains(words)).await {
            Some(line) => line,
            None => panic!("nothing of {words:?} on stderr: {:#?}", self.err.all()),
        }
    }
}

/// What a stream has said so far.
pub(crate) struct Lines(watch::Receiver<(Vec<String>, bool)>);

impl Lines {
    pub(crate) fn of(stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let (sender, receiver) = watch::channel((Vec::new(), false));
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                sender.send_modify(|(lines, _)| lines.push(line));
            }
            sender.send_modify(|(_, ended)| *ended = true);
        });
        Self(receiver)
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.borrow().0.clone()
    }

    pub(crate) async fn wait(&self, fits: impl Fn(&str) -> bool) -> Option<String> {
        let mut lines = self.0.clone();
        let found = |lines: &[String]| lines.iter().find(|line| fits(line)).cloned();
        let waited = timeout(LONG, lines.wait_for(|(lines, ended)| *ended || found(lines).is_some())).await;
        found(&waited.ok()?.ok()?.0)
    }

    /// Everything, once the stream has ended.
    pub(crate) async fn rest(&self) -> String {
        let mut lines = self.0.clone();
        soon(lines.wait_for(|(_, ended)| *ended)).await.unwrap().0.join("\n")
    }
}
