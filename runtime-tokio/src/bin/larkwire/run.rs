//! `larkwire run`: a bot by a pipe.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use larkwire_tokio::connect::NetConnect;
use larkwire_tokio::core::{self, Verdict};
use larkwire_tokio::{Client, Inbox, Offer};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Stdout};
use tokio::sync::{Mutex, Notify, watch};
use tokio::task::JoinSet;

use crate::args::Run;
use crate::commands::Line;
use crate::exit::Exit;
use crate::files;
use crate::lines;
use crate::ports::Ports;

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

/// An event is accepted once its line is written; a callback's answer may follow as a command.
struct StdoutInbox {
    bot: Option<String>,
    output: Output,
    line: String,
    commands: bool,
    /// A line was written and its verdict has not reached the bot: an answer that is faster waits for it.
    undecided: watch::Sender<bool>,
}

impl Inbox for StdoutInbox {
    async fn ready(&mut self) -> usize {
        self.undecided.send_replace(false);
        1
    }

    fn offer(&mut self, event: &core::Event<'_>) -> Offer {
        self.line = lines::event(self.bot.as_deref(), event);
        self.undecided.send_replace(true);
        Offer::Pending
    }

    async fn finish(&mut self) -> Verdict {
        match (self.output.line(std::mem::take(&mut self.line)).await, self.commands) {
            (false, _) => Verdict::Refused,
            (true, true) => Verdict::Later,
            (true, false) => Verdict::Accepted,
        }
    }
}

/// A bot that was started.
struct Running {
    name: Option<String>,
    client: Client,
    undecided: watch::Receiver<bool>,
}

pub(crate) async fn run(run: Run) -> Exit {
    let mut interrupts = Interrupts::listen();
    let output = Output::new();
    let bots = match files::bots(&run, |name| std::env::var(name).ok()) {
        Ok(bots) => bots,
        Err(exit) => return exit,
    };
    let names: Vec<_> = bots.iter().map(|bot| bot.name.clone()).collect();
    // Before a bot runs: one that is not reached takes no place from one that is.
    let started = match Ports::take(&bots).await {
        Ok(ports) => start(bots, &output, &run).and_then(|bots| {
            let servers = ports.serve(|index| bots.get(index).map(|bot: &Running| &bot.client))?;
            Ok((bots, servers))
        }),
        Err(exit) => Err(exit),
    };
    let (bots, servers) = match started {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    if !output.line(lines::hello(&names)).await {
        return Exit::output_closed();
    }
    let mut results = JoinSet::new();
    // One wait for both halves, so that what a bot said at its end is kept and not said again.
    let mut ends = pin!(all_ended(&bots));
    let why = tokio::select! {
        exit = &mut ends => Why::Ended(exit),
        () = commands(&bots, &output, &mut results, &run) => Why::Asked,
        () = interrupts.next() => Why::Asked,
        () = output.closed.notified() => Why::OutputClosed,
    };
    let exit = match why {
        Why::Ended(exit) => exit,
        Why::Asked | Why::OutputClosed => {
            tracing::info!("stopping: finishing what was accepted (Ctrl-C again to leave at once)");
            bots.iter().for_each(|bot| bot.client.begin_shut_down());
            tokio::select! {
                exit = &mut ends => match why {
                    Why::OutputClosed => Exit::output_closed(),
                    _ => exit,
                },
                () = interrupts.next() => return Exit::interrupted(),
            }
        }
    };
    // The bots have decided what was posted to them; those answers leave, and nothing else comes in.
    servers.into_iter().for_each(|server| drop(results.spawn(server.shut_down())));
    // Every accepted command is answered, if only by the word that the bot has ended.
    let last = async { while results.join_next().await.is_some() {} };
    tokio::select! {
        _ = tokio::time::timeout(LAST_LINES, last) => exit,
        () = interrupts.next() => Exit::interrupted(),
    }
}

fn start(bots: Vec<files::Bot>, output: &Output, run: &Run) -> Result<Vec<Running>, Exit> {
    let mut running = Vec::new();
    for bot in bots {
        for warning in &bot.warnings {
            tracing::warn!("{warning}");
        }
        let (sender, undecided) = watch::channel(false);
        let inbox = StdoutInbox {
            bot: bot.name.clone(),
            output: output.clone(),
            line: String::new(),
            commands: !run.no_commands,
            undecided: sender,
        };
        let settings = bot.settings.source("larkwire-run");
        let client = NetConnect::new(&[]).and_then(|connect| Client::start_with(&settings, connect, inbox));
        match client {
            Ok(client) => running.push(Running { name: bot.name, client, undecided }),
            Err(error) => return Err(Exit::configuration(error.to_string())),
        }
    }
    Ok(running)
}

/// Waits for every bot; one that ends early says why, and the others go on. The first bad end is the command's.
async fn all_ended(bots: &[Running]) -> Exit {
    let mut first = Exit::OK;
    let mut ends = JoinSet::new();
    for Running { name, client, .. } in bots {
        let (name, client) = (name.clone(), client.clone());
        ends.spawn(async move { (name, client.ended().await) });
    }
    while let Some(Ok((name, end))) = ends.join_next().await {
        let exit = match &name {
            Some(name) => Exit::ended(&end).of_bot(name),
            None => Exit::ended(&end),
        };
        if !exit.is_ok() && (!ends.is_empty() || !first.is_ok()) {
            tracing::error!("{}", exit.sentence());
        }
        if first.is_ok() {
            first = exit;
        }
    }
    first
}

enum Why {
    Asked,
    Ended(Exit),
    OutputClosed,
}

/// Carries out the commands on stdin; returns when its end means "stop" and all are done, else never.
async fn commands(bots: &[Running], output: &Output, results: &mut JoinSet<()>, run: &Run) {
    if run.no_commands {
        return std::future::pending().await;
    }
    let mut stdin = BufReader::new(tokio::io::stdin()).lines();
    loop {
        let line = match stdin.next_line().await {
            Ok(Some(line)) if line.trim().is_empty() => continue,
            Ok(Some(line)) => line,
            Ok(None) if end_means_stop() => {
                // What was read is carried out first, also what still waits for a place or for the piece before it.
                while results.join_next().await.is_some() {}
                return;
            }
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
        let line = match Line::read(&line) {
            Ok(line) => line,
            Err(answer) => {
                output.line(answer).await;
                continue;
            }
        };
        let bot = match bot_for(bots, line.bot.as_deref()) {
            Ok(bot) => bot,
            Err(error) => {
                let line = serde_json::json!({"id": line.id, "cmd": line.command.name()});
                output.line(lines::no_command(error, Some(line))).await;
                continue;
            }
        };
        if let Some((response, body)) = line.command.response() {
            // A bot that is gone decides nothing any more.
            let _ = bot.undecided.clone().wait_for(|undecided| !undecided).await;
            output.line(lines::responded(&line.id, bot.client.respond_to(response, &body))).await;
            continue;
        }
        let (id, name, client, output) = (line.id, line.command.name(), bot.client.clone(), output.clone());
        // Polled once here, so that the calls are submitted in the order of their commands.
        let mut call = Box::pin(async move { line.command.call(&client).await });
        let first = std::future::poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await;
        results.spawn(async move {
            let result = match first {
                Poll::Ready(result) => result,
                Poll::Pending => call.await,
            };
            output.line(lines::result(&id, name, &result)).await;
        });
    }
}

fn bot_for<'a>(bots: &'a [Running], name: Option<&str>) -> Result<&'a Running, String> {
    match (bots, name) {
        ([bot], None) => Ok(bot),
        (_, None) => Err("there are several bots: name one of them with \"bot\"".into()),
        (bots, Some(name)) => {
            let known = bots.iter().find(|bot| bot.name.as_deref() == Some(name));
            known.ok_or_else(|| format!("there is no bot `{name}` here"))
        }
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
