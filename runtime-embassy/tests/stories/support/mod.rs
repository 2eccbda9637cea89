//! Two boards on one cable, both in this process: the bot's, and one that plays the platform.

#[allow(dead_code, reason = "only the stories against the fake platform need a bridge, and pull the cable")]
#[path = "../../cable/mod.rs"]
pub(crate) mod cable;
pub(crate) mod platform;

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use embassy_executor::Executor;
use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embassy_net::Stack;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embedded_io_async::{ErrorType, Read};
use larkwire_core::{Bot, Closed, Config, Domain, GateRules, OwnOpenId, Secret, Seed};
use larkwire_embassy::{
    Buffers, Channel, Client, Connect, Destination, End, Events, Notice, Resources, Stats, Stream, TcpConnect,
    TcpStream, TcpWriter,
};

pub(crate) use cable::{Cable, PLATFORM, leak, tcp};
pub(crate) use platform::{Seen, Ws, click, doors, message, message_of};

pub(crate) const APP_ID: &str = "cli_0123456789abcdef";
pub(crate) const BOT: &str = "ou_bot";

/// Runs the platform's doors beside a bot and a script, until both have ended.
pub(crate) async fn beside<B>(
    doors: impl Future<Output = ()>,
    bot: impl Future<Output = B>,
    script: impl Future<Output = ()>,
) -> B {
    match select(join(bot, script), doors).await {
        Either::First((ended, ())) => ended,
        Either::Second(()) => unreachable!("the doors stay open"),
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Runs a story on a std executor in a thread of its own. Ten seconds are the end of every story.
pub(crate) fn story<F: Future<Output = ()> + 'static>(
    tell: impl FnOnce(Stack<'static>, Stack<'static>) -> F + Send + 'static,
) {
    story_on_a_cable(Duration::from_secs(10), |board, platform, _| tell(board, platform));
}

/// As [`story`], with the cable in hand and a time of its own.
pub(crate) fn story_on_a_cable<F: Future<Output = ()> + 'static>(
    within: Duration,
    tell: impl FnOnce(Stack<'static>, Stack<'static>, Cable) -> F + Send + 'static,
) {
    #[embassy_executor::task(pool_size = 192)]
    async fn task(future: Task) {
        future.await;
    }
    let (sender, receiver) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let told = Rc::new(Cell::new(false));
        let done = Rc::clone(&told);
        leak(Executor::new()).run_until(
            move |spawner| {
                let (board, platform, between, net) = cable::two_boards();
                let over = Rc::new(Signal::<NoopRawMutex, ()>::new());
                let ended = Rc::clone(&over);
                // A task of its own: every look at a socket wakes the stack, so one task of both would never sleep.
                let net: Task = Box::pin(async move {
                    select(net, over.wait()).await;
                    told.set(true);
                });
                let story: Task = Box::pin(async move {
                    tell(board, platform, between).await;
                    ended.signal(());
                });
                spawner.spawn(task(net).unwrap());
                spawner.spawn(task(story).unwrap());
            },
            || done.get(),
        );
        sender.send(()).unwrap();
    });
    match receiver.recv_timeout(within) {
        Ok(()) => {}
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("the story does not end"),
        Err(mpsc::RecvTimeoutError::Disconnected) => std::panic::resume_unwind(thread.join().unwrap_err()),
    }
}

pub(crate) type BoardEvents = Events<'static, 1024, 2>;

/// What was left when a bot had ended.
pub(crate) struct Ended {
    pub(crate) end: End,
    pub(crate) stats: Stats,
    pub(crate) notices: Vec<Notice>,
}

/// Everybody may speak, and who the bot is does not matter.
pub(crate) fn config() -> Config<'static> {
    Config {
        app_id: APP_ID,
        app_secret: Secret::new("s3cr3t"),
        domain: Domain::Custom("http://platform.test:8000"),
        gate: GateRules { allowed_users: &["*"], ..GateRules::default() },
        own_open_id: OwnOpenId::Unused,
        dangerously_allow_plaintext: true,
        ..Config::default()
    }
}

/// Runs a bot with the memory of a small board next to `program`, until both have ended.
pub(crate) async fn run_bot<F: Future<Output = ()>>(
    stack: Stack<'static>,
    program: impl FnOnce(Client<'static>, BoardEvents) -> F,
) -> Ended {
    run_bot_with(stack, config(), Seed([7; 32]), program).await
}

/// As [`run_bot`], configured otherwise. `program` is called before the bot runs.
pub(crate) async fn run_bot_with<F: Future<Output = ()>>(
    stack: Stack<'static>,
    config: Config<'_>,
    seed: Seed,
    program: impl FnOnce(Client<'static>, BoardEvents) -> F,
) -> Ended {
    let tables = leak(leak(Buffers::<2048, 1024, 2048, 1024, 64>::new()).tables());
    let bot = Bot::new(config, tables.storage(), seed).unwrap();
    let (client, runner) = leak(Resources::new(bot).unwrap()).split();
    let (inbox, events) = leak(Channel::new()).split();
    let mut notices = Vec::new();
    let program = program(client, events);
    let loops = runner.run(watched(stack), [watched(stack)], inbox, |notice| notices.push(notice));
    let (end, ()) = join(loops, program).await;
    Ended { end, stats: client.stats(), notices }
}

/// As [`run_bot`], with one stream at a time and one connector for all.
pub(crate) async fn run_bot_in_turns<F: Future<Output = ()>>(
    stack: Stack<'static>,
    program: impl FnOnce(Client<'static>, BoardEvents) -> F,
) -> Ended {
    let tables = leak(leak(Buffers::<2048, 1024, 2048, 1024, 64>::new()).tables());
    let bot = Bot::new(Config { planned_turns: true, ..config() }, tables.storage(), Seed([7; 32])).unwrap();
    let (client, runner) = leak(Resources::<0>::new(bot).unwrap()).split();
    let (inbox, events) = leak(Channel::new()).split();
    let mut notices = Vec::new();
    let program = program(client, events);
    let (end, ()) = join(runner.run(watched(stack), [], inbox, |notice| notices.push(notice)), program).await;
    Ended { end, stats: client.stats(), notices }
}

pub(crate) fn watched(stack: Stack<'static>) -> Watched {
    Watched(tcp(stack))
}

/// A transport of one's own around [`TcpConnect`], as touchy as TLS: once a read was cut off, the stream must not be
/// read again.
pub(crate) struct Watched(TcpConnect<'static>);

pub(crate) struct WatchedStream<'a> {
    stream: TcpStream<'a, 'static>,
    cut: bool,
}

pub(crate) struct WatchedReader<'a> {
    reader: <TcpStream<'a, 'static> as Stream>::Reader<'a>,
    cut: &'a mut bool,
}

impl Connect for Watched {
    type Stream<'a> = WatchedStream<'a>;

    async fn connect(&mut self, to: &Destination) -> Result<WatchedStream<'_>, Closed> {
        Ok(WatchedStream { stream: self.0.connect(to).await?, cut: false })
    }
}

impl Stream for WatchedStream<'_> {
    type Reader<'a>
        = WatchedReader<'a>
    where
        Self: 'a;
    type Writer<'a>
        = TcpWriter<'a>
    where
        Self: 'a;

    fn split(&mut self) -> (WatchedReader<'_>, TcpWriter<'_>) {
        let (reader, writer) = self.stream.split();
        (WatchedReader { reader, cut: &mut self.cut }, writer)
    }

    async fn close(&mut self) {
        self.stream.close().await;
    }
}

impl ErrorType for WatchedReader<'_> {
    type Error = embassy_net::tcp::Error;
}

impl Read for WatchedReader<'_> {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Self::Error> {
        assert!(!*self.cut, "a read was cut off and the stream was read again");
        assert!(!bytes.is_empty(), "a read of nothing");
        *self.cut = true;
        let n = self.reader.read(bytes).await;
        *self.cut = false;
        n
    }
}
