//! The program of the image for the conformance suite: instead of echoing, the bot does what it is told over a TCP
//! connection, and tells there what it hears. `examples/conform_qemu` of runtime-embassy is the other end.

mod record;

use core::cell::{Cell, RefCell};
use core::fmt;

use embassy_futures::join::join3;
use embassy_futures::select::{Either, select};
use embassy_net::tcp::TcpSocket;
use embassy_net::{IpEndpoint, Stack};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Instant, Timer};
use larkwire_embassy::core::config::ConfigError;
use larkwire_embassy::core::{
    AckReactions, Body, Call, Config, Domain, GateRules, Locale, OnFatal, ReceiveIdType, ResponseId, Secret, Seed,
    Short,
};
use larkwire_embassy::{CallData, CallError, Client, End, Event};

use self::record::{Out, Record};
use crate::profile::{MESSAGE, of_profile};
use crate::room::{Engine, Program, Room};

/// The longest line of the suite, a call with its text or card.
const LINE: usize = 6144;
/// What a call may be answered with, as far as it is looked at.
const DATA: usize = 2048;
/// The longest answer to a callback, what the engine has room for.
const ANSWER: usize = 384;
/// Ids in an allow-list.
const USERS: usize = 16;
const LEASE_LOOK: Duration = Duration::from_millis(20);

/// The buffers of the control channel, for a static.
#[derive(Debug)]
pub struct ControlRoom {
    rx: [u8; 1024],
    tx: [u8; 2048],
    line: Record<LINE>,
    call: Record<LINE>,
    data: [u8; DATA],
}

impl ControlRoom {
    /// Empty buffers.
    pub const fn new() -> Self {
        Self { rx: [0; 1024], tx: [0; 2048], line: Record::EMPTY, call: Record::EMPTY, data: [0; DATA] }
    }
}

impl Default for ControlRoom {
    fn default() -> Self {
        Self::new()
    }
}

/// The control channel, open.
pub struct Control {
    socket: TcpSocket<'static>,
    line: &'static mut Record<LINE>,
    call: &'static mut Record<LINE>,
    data: &'static mut [u8; DATA],
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Control")
    }
}

impl Control {
    /// Opens it, and waits for the first record; `None` when there is nobody.
    pub async fn open(stack: Stack<'static>, to: IpEndpoint, room: &'static mut ControlRoom) -> Option<Self> {
        // Another task waits for the lease, and only one can.
        while !stack.is_config_up() {
            Timer::after(LEASE_LOOK).await;
        }
        let ControlRoom { rx, tx, line, call, data } = room;
        let mut socket = TcpSocket::new(stack, rx, tx);
        socket.set_nagle_enabled(false);
        socket.connect(to).await.ok()?;
        line.read(&mut socket.split().0).await.ok()?;
        Some(Self { socket, line, call, data })
    }

    /// Makes the bot of the first record.
    ///
    /// # Errors
    /// [`ConfigError`]: nothing was started.
    pub fn set_up(&self, room: &'static Room, seed: Seed) -> Result<(Engine, Program), ConfigError> {
        let start = &*self.line;
        let seconds = |name| start.number::<u64>(name).map(|seconds| seconds.saturating_mul(1000));
        let (mut users, mut count) = ([""; USERS], 0);
        for (place, user) in users.iter_mut().zip(start.all("allowed_user")) {
            *place = user;
            count += 1;
        }
        let defaults = Config::default();
        room.set_up(
            of_profile(Config {
                app_id: start.text("app_id"),
                app_secret: Secret::new(start.text("app_secret")),
                domain: Domain::Custom(start.text("base_url")),
                source: "board",
                dangerously_allow_plaintext: true,
                gate: GateRules {
                    allowed_users: users.get(..count).unwrap_or_default(),
                    mention_only: start.flag("mention_only"),
                    respond_to_mention_all: start.flag("respond_to_mention_all"),
                    allow_bots: start.flag("allow_bots"),
                    stale_after_ms: seconds("stale_after_s").unwrap_or_default(),
                },
                ack_reactions: match start.text("ack_reactions") {
                    "" | "off" => AckReactions::Off,
                    tag => Locale::from_tag(tag.chars()).map_or(AckReactions::Auto, AckReactions::Fixed),
                },
                dedup_window_ms: seconds("dedup_window_s").unwrap_or(defaults.dedup_window_ms),
                pong_timeout_ms: start.number("pong_timeout_ms").unwrap_or(defaults.pong_timeout_ms),
                max_attempts: start.number("max_attempts"),
                follow_reconnect_count: start.flag("follow_reconnect_count"),
                on_fatal: if start.flag("retry_fatal") { OnFatal::SlowRetry } else { OnFatal::End },
                ..defaults
            }),
            seed,
        )
    }
}

/// What the parts of the program tell each other.
struct Shared<'a> {
    client: Client<'static>,
    out: Mutex<NoopRawMutex, Out<'a>>,
    hold: Cell<bool>,
    handling: Signal<NoopRawMutex, ()>,
    answer: RefCell<Answer>,
    callback: Signal<NoopRawMutex, (ResponseId, Instant)>,
    call: Mutex<NoopRawMutex, &'a mut Record<LINE>>,
    calling: Signal<NoopRawMutex, ()>,
}

/// What callbacks are answered with.
struct Answer {
    /// As many bytes as `len` says; `None`: they are not answered.
    text: [u8; ANSWER],
    len: Option<usize>,
    after: Duration,
}

impl Answer {
    const START: Self = Self {
        text: {
            let mut text = [0; ANSWER];
            let [first, second, ..] = &mut text;
            (*first, *second) = (b'{', b'}');
            text
        },
        len: Some(2),
        after: Duration::from_ticks(0),
    };

    fn tell(&mut self, line: &Record<LINE>) {
        self.after = Duration::from_millis(line.number("after_ms").unwrap_or_default());
        self.len = line.get("answer").and_then(|answer| {
            self.text.get_mut(..answer.len())?.copy_from_slice(answer.as_bytes());
            Some(answer.len())
        });
    }

    fn text(&self) -> Option<&str> {
        core::str::from_utf8(self.text.get(..self.len?)?).ok()
    }
}

/// Does what it is told until the bot has ended, and says how that was; a task of its own. `false`: the other end is gone.
pub async fn conform(program: Program, control: Control) -> bool {
    let Program { client, mut events, room } = program;
    let Control { mut socket, line, call, data } = control;
    let (mut reader, writer) = socket.split();
    let shared = Shared {
        client,
        out: Mutex::new(Out(writer)),
        hold: Cell::new(false),
        handling: Signal::new(),
        answer: RefCell::new(Answer::START),
        callback: Signal::new(),
        call: Mutex::new(call),
        calling: Signal::new(),
    };
    let tell = async {
        loop {
            if shared.hold.get() {
                match select(shared.handling.wait(), client.ended()).await {
                    Either::First(()) => continue,
                    Either::Second(_) => return,
                }
            }
            match select(events.recv(), shared.handling.wait()).await {
                Either::First(None) => return,
                Either::First(Some(event)) => shared.tell(&event, &mut room.0).await,
                Either::Second(()) => {}
            }
        }
    };
    let work = join3(tell, shared.make_calls(data), shared.answer_callbacks());
    let listen = async { while line.read(&mut reader).await.is_ok_and(|()| shared.hear(line)) {} };
    match select(listen, work).await {
        Either::First(()) => false,
        Either::Second(_) => {
            shared.end(client.ended().await).await;
            true
        }
    }
}

impl Shared<'_> {
    /// Takes a record.
    fn hear(&self, line: &Record<LINE>) -> bool {
        match line.text("do") {
            "handle" => {
                self.hold.set(line.flag("hold"));
                self.answer.borrow_mut().tell(line);
                self.handling.signal(());
            }
            // One at a time, says the other end.
            "call" => {
                let Ok(mut call) = self.call.try_lock() else { return false };
                call.copy(line);
                self.calling.signal(());
            }
            "stop" => self.client.begin_shut_down(),
            _ => return false,
        }
        true
    }

    async fn tell(&self, event: &Event<MESSAGE>, room: &mut [u8]) {
        let after = self.answer.borrow().len.map(|_| self.answer.borrow().after);
        if let Some((id, after)) = event.response_id().zip(after) {
            self.callback.signal((id, Instant::now() + after));
        }
        let chat_type = event.view().message().and_then(|message| message.chat_type());
        let mut out = self.out.lock().await;
        out.field("is", "event").await;
        out.field("event_type", event.event_type().as_str()).await;
        out.field("event_id", event.event_id().as_str()).await;
        out.known("message_id", event.message_id().as_ref().map(Short::as_str)).await;
        out.known("chat_id", event.chat_id().as_ref().map(Short::as_str)).await;
        let chat_type = chat_type.map(|kind| Short::<32>::from_chars(kind.chars()));
        out.known("chat_type", chat_type.as_ref().map(Short::as_str)).await;
        out.known("text", event.text(room)).await;
        out.field("json", event.json()).await;
        out.end().await;
    }

    async fn answer_callbacks(&self) {
        let answer = async {
            loop {
                let (id, at) = self.callback.wait().await;
                Timer::at(at).await;
                if let Some(text) = self.answer.borrow().text() {
                    // Late, or too long: the platform's records say so.
                    let _ = self.client.respond_to(id, text);
                }
            }
        };
        select(answer, self.client.ended()).await;
    }

    async fn make_calls(&self, data: &mut [u8]) {
        loop {
            // A call that was begun is answered by the end, too.
            match select(self.calling.wait(), self.client.ended()).await {
                Either::First(()) => {}
                Either::Second(_) if self.calling.signaled() => {}
                Either::Second(_) => return,
            }
            self.calling.reset();
            let result = {
                let call = self.call.lock().await;
                make(self.client, &call, data).await
            };
            self.result(result).await;
        }
    }

    async fn result(&self, result: Result<CallData<'_>, CallError>) {
        let mut out = self.out.lock().await;
        out.field("is", "result").await;
        match result {
            Ok(got) => {
                out.field("message_id", got.answer.message_id.as_str()).await;
                for name in ["open_id", "reaction_id"] {
                    let value = got.field(name).map(|value| Short::<128>::from_chars(value.chars()));
                    out.known(name, value.as_ref().map(Short::as_str)).await;
                }
            }
            Err(error) => {
                if let CallError::Failed { fault, .. } = error {
                    out.field("code", Short::<24>::of(fault.code).as_str()).await;
                }
                out.field("error", Short::<255>::of(error).as_str()).await;
            }
        }
        out.end().await;
    }

    /// The last words.
    async fn end(&self, how: End) {
        let mut out = self.out.lock().await;
        out.field("is", "ended").await;
        match how {
            End::Stopped => out.field("how", "stopped").await,
            End::Fatal(fatal) => {
                out.field("how", "fatal").await;
                out.field("code", Short::<24>::of(fatal.code).as_str()).await;
                out.field("text", Short::<255>::of(fatal).as_str()).await;
            }
        }
        out.end().await;
        out.flush().await;
    }
}

/// Texts have words of their own, which split the long ones.
async fn make<'d>(client: Client<'_>, line: &Record<LINE>, data: &'d mut [u8]) -> Result<CallData<'d>, CallError> {
    let only_id = |answer| CallData { answer, data: "" };
    let (message_id, text, card) = (line.text("message_id"), line.text("text"), line.get("card"));
    let receive_id = line.text("receive_id");
    let body = card.map_or(Body::Text(text), Body::Interactive);
    let call = match (line.text("call"), card) {
        ("reply", None) if line.flag("in_thread") => {
            return client.reply_text_in_thread(message_id, text).await.map(only_id);
        }
        ("reply", None) => return client.reply_text(message_id, text).await.map(only_id),
        ("reply", Some(_)) => Call::Reply { message_id, body, in_thread: line.flag("in_thread"), uuid: None },
        ("send", None) => {
            let kind = line.get("receive_id_type").map_or_else(|| ReceiveIdType::of(receive_id), kind);
            return client.send_text_to(receive_id, kind, text).await.map(only_id);
        }
        ("send", Some(_)) => {
            Call::Send { receive_id, receive_id_type: line.get("receive_id_type").map(kind), body, uuid: None }
        }
        ("edit", _) => Call::Edit { message_id, body },
        ("patch_card", _) => Call::PatchCard { message_id, card: line.text("card") },
        ("update_card", _) => Call::UpdateCard { token: line.text("token"), card: line.text("card") },
        ("recall", _) => Call::Recall { message_id },
        ("react", _) => Call::AddReaction { message_id, emoji_type: line.text("emoji_type") },
        ("unreact", _) => Call::DeleteReaction { message_id, reaction_id: line.text("reaction_id") },
        ("chat_info", _) => Call::ChatInfo { chat_id: line.text("chat_id") },
        _ => Call::BotInfo,
    };
    client.call_into(call, data).await
}

fn kind(name: &str) -> ReceiveIdType {
    let all = [ReceiveIdType::ChatId, ReceiveIdType::Email, ReceiveIdType::OpenId, ReceiveIdType::UnionId];
    all.into_iter().find(|kind| kind.as_str() == name).unwrap_or(ReceiveIdType::UserId)
}
