//! `larkwire run`: a bot by a pipe.

use std::sync::Arc;
#[cfg(unix)]
use std::task::Poll;
use std::time::Duration;

use larkwire_tokio::connect::NetConnect;
use larkwire_tokio::core::{self, Body, Call, ReceiveIdType, Verdict};
use larkwire_tokio::{Client, Inbox, Offer};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Stdout};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;

use crate::args::Run;
use crate::exit::Exit;
use crate::files;
use crate::lines::{self, Command};

/// How long results of finished calls may take to be written when the bot has ended.
const LAST_LINES: Duration = Duration::from_secs(2);

/// Stdout, one whole line at a time.
#[derive(Clone)]
struct Output {
    stdout: Arc<Mutex<Stdout>>,
    closed: Arc<Notify>,
}

impl Output {
    fn new() -> Self {
        Self { stdout: Arc::new(Mutex::new(tokio::io::stdout())), closed: Arc::new(Notify::new()) }
    }

    /// Writes a line; `false` when nobody can read it any more.
    async fn line(&self, mut line: String) -> bool {
        line.push('\n');
        let mut stdout = self.stdout.lock().await;
        let written = async {
            stdout.write_all(line.as_bytes()).await?;
            stdout.flush().await
        };
        let written = written.await.is_ok();
        if !written {
            self.closed.notify_one();
        }
        written
    }
}

/// An event is accepted once its line is written.
struct StdoutInbox {
    output: Output,
    line: String,
}

impl Inbox for StdoutInbox {
    async fn ready(&mut self) -> usize {
        1
    }

    fn offer(&mut self, event: &core::Event<'_>) -> Offer {
        self.line = lines::event(event);
        Offer::Pending
    }

    async fn finish(&mut self) -> Verdict {
        if self.output.line(std::mem::take(&mut self.line)).await { Verdict::Accepted } else { Verdict::Refused }
    }
}

pub(crate) async fn run(run: Run) -> Exit {
    let mut interrupts = Interrupts::listen();
    let output = Output::new();
    let settings = match files::settings(&run, |name| std::env::var(name).ok()) {
        Ok(settings) => settings.source("larkwire-run"),
        Err(exit) => return exit,
    };
    let inbox = StdoutInbox { output: output.clone(), line: String::new() };
    let client = NetConnect::new(&[]).and_then(|connect| Client::start_with(&settings, connect, inbox));
    let client = match client {
        Ok(client) => client,
        Err(error) => return Exit::configuration(error.to_string()),
    };
    if !output.line(lines::hello()).await {
        return Exit::output_closed();
    }
    let mut results = JoinSet::new();
    let why = tokio::select! {
        end = client.ended() => Why::Ended(Exit::ended(&end)),
        () = commands(&client, &output, &mut results, &run) => Why::Asked,
        () = interrupts.next() => Why::Asked,
        () = output.closed.notified() => Why::OutputClosed,
    };
    let exit = match why {
        Why::Ended(exit) => exit,
        Why::Asked | Why::OutputClosed => {
            tracing::info!("stopping: finishing what was accepted (Ctrl-C again to leave at once)");
            tokio::select! {
                end = client.shut_down() => match why {
                    Why::OutputClosed => Exit::output_closed(),
                    _ => Exit::ended(&end),
                },
                () = interrupts.next() => return Exit::interrupted(),
            }
        }
    };
    // Every accepted command is answered, if only by the word that the bot has ended.
    let last = async { while results.join_next().await.is_some() {} };
    tokio::select! {
        _ = tokio::time::timeout(LAST_LINES, last) => exit,
        () = interrupts.next() => Exit::interrupted(),
    }
}

enum Why {
    Asked,
    Ended(Exit),
    OutputClosed,
}

/// Carries out the commands on stdin; returns when its end means "stop", else never.
async fn commands(client: &Client, output: &Output, results: &mut JoinSet<()>, run: &Run) {
    if run.no_commands {
        return std::future::pending().await;
    }
    let mut stdin = BufReader::new(tokio::io::stdin()).lines();
    loop {
        let line = match stdin.next_line().await {
            Ok(Some(line)) if line.trim().is_empty() => continue,
            Ok(Some(line)) => line,
            Ok(None) if end_means_stop() => return,
            Ok(None) => return std::future::pending().await,
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                output.line(lines::no_command("not UTF-8", None)).await;
                continue;
            }
            Err(error) => {
                tracing::warn!("stdin cannot be read any more: {error}");
                return std::future::pending().await;
            }
        };
        // Those that are done make room; the results themselves were written by their tasks.
        while results.try_join_next().is_some() {}
        let command = match Command::read(&line) {
            Ok(command) => command,
            Err(answer) => {
                output.line(answer).await;
                continue;
            }
        };
        let (id, name, submitted) = match command {
            Command::Reply { id, message_id, text } => {
                let call = Call::reply_text(&message_id, &text);
                (id, "reply", client.submit(call).await)
            }
            Command::Send { id, chat_id, text } => {
                // A chat unless its form says something else.
                let kind = match ReceiveIdType::of(&chat_id) {
                    ReceiveIdType::UserId => ReceiveIdType::ChatId,
                    kind => kind,
                };
                let call = Call::Send {
                    receive_id: &chat_id,
                    receive_id_type: Some(kind),
                    body: Body::text(&text),
                    uuid: None,
                };
                (id, "send", client.submit(call).await)
            }
        };
        let output = output.clone();
        results.spawn(async move {
            let result = match submitted {
                Ok(submitted) => submitted.result().await,
                Err(error) => Err(error),
            };
            output.line(lines::result(&id, name, &result)).await;
        });
    }
}

/// Whether somebody could have gone on typing or writing: `/dev/null` and files say nothing by their end.
fn end_means_stop() -> bool {
    use std::io::IsTerminal as _;
    if std::io::stdin().is_terminal() {
        return true;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        std::fs::metadata("/dev/stdin").is_ok_and(|stdin| stdin.file_type().is_fifo() || stdin.file_type().is_socket())
    }
    #[cfg(not(unix))]
    {
        true
    }
}

/// Ctrl-C, or SIGTERM where there is one.
pub(crate) async fn interrupted() {
    Interrupts::listen().next().await;
}

/// As [`interrupted`], again and again. From the first on, a signal is kept until it is asked for.
struct Interrupts {
    #[cfg(unix)]
    signals: [Option<tokio::signal::unix::Signal>; 2],
}

#[cfg(unix)]
impl Interrupts {
    fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        // One that cannot be heard ends the process as it always does.
        Self { signals: [SignalKind::interrupt(), SignalKind::terminate()].map(|kind| signal(kind).ok()) }
    }

    async fn next(&mut self) {
        let signals = &mut self.signals;
        std::future::poll_fn(|cx| {
            // Both are asked, so that both wake this task.
            let came = signals.iter_mut().flatten().filter_map(|signal| signal.poll_recv(cx).is_ready().then_some(()));
            if came.count() > 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

#[cfg(not(unix))]
impl Interrupts {
    fn listen() -> Self {
        Self {}
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
