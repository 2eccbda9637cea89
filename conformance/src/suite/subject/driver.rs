//! The loops of a runtime around one bot, in one future: streams, clock, inbox and program.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larkwire_core as core;
use larkwire_core::wire::writer::Writer;
use larkwire_core::{Attempt, Bot, Closed, End, Lane, ResponseId, Verdict, Wish};
use serde_json::Value;
use tokio::io::{AsyncRead as _, AsyncWrite as _, DuplexStream, ReadBuf};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::time::{Instant, Sleep, sleep_until};

use super::program::{call, config, event, result};
use super::webhook::Door;
use super::{Heard, Setup};
use crate::platform::{Platform, WebhookListener};
use crate::suite::shim::{self, Command, Mode, Report};

/// Events the inbox holds, unless a scenario says otherwise.
const INBOX: usize = 64;
/// Bytes that are read at a time, before they are cut.
const READ: usize = 64 * 1024;
/// Pieces of them that are told in a row.
const PIECES: usize = 256;
/// More rounds without waiting mean that it never comes to rest.
const ROUNDS: usize = 2_000_000;

pub(super) struct Driver {
    bot: Bot<'static>,
    platform: Arc<Platform>,
    streams: BTreeMap<Lane, Stream>,
    chop: usize,
    began: Instant,
    sleep: Pin<Box<Sleep>>,
    commands: UnboundedReceiver<Command>,
    says: UnboundedSender<Heard>,
    memory: Option<Arc<Mutex<Vec<u8>>>>,
    /// Events that the program has not taken.
    inbox: VecDeque<(shim::Event, Option<ResponseId>)>,
    capacity: usize,
    mode: Mode,
    answer: Value,
    answer_after: Duration,
    answers: VecDeque<(Instant, ResponseId, Value)>,
    calls: HashMap<core::CallId, u64>,
    /// Where events come by webhook.
    door: Option<Door>,
}

/// The stream of a lane; `None` once it has ended.
struct Stream {
    attempt: Attempt,
    pipe: Option<DuplexStream>,
    /// Came in, and was not told yet; from `told` on.
    came: Vec<u8>,
    told: usize,
}

impl Stream {
    fn new(attempt: Attempt, pipe: Option<DuplexStream>) -> Self {
        Self { attempt, pipe, came: Vec::new(), told: 0 }
    }
}

impl Driver {
    pub(super) fn new(
        platform: Arc<Platform>,
        setup: &Setup,
        chop: usize,
        commands: UnboundedReceiver<Command>,
        says: UnboundedSender<Heard>,
        posts: UnboundedReceiver<WebhookListener>,
    ) -> Result<Self, String> {
        let start = &setup.start;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&setup.seed.to_le_bytes());
        let memory = start.settings.state_dir.as_ref().map(|_| Arc::clone(&setup.memory));
        let mut bot = config(start, |config| Bot::new(config, core::Storage::growable(), core::Seed(seed)))
            .map_err(|error| error.to_string())?;
        let webhook = start.settings.webhook.as_ref();
        let door = webhook.map(|webhook| Door::new(webhook, &mut bot, chop, posts)).transpose()?;
        let zero = core::Instant::from_millis(0);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        bot.handle_wall_clock(zero, u64::try_from(wall).ok().map(core::UnixMillis));
        if let Some(memory) = &memory {
            let kept = memory.lock().unwrap_or_else(PoisonError::into_inner);
            if !kept.is_empty() {
                bot.restore_seen(zero, &kept).map_err(|error| error.to_string())?;
            }
        }
        let capacity = start.settings.inbox.unwrap_or(INBOX);
        bot.handle_inbox(zero, capacity);
        let began = Instant::now();
        Ok(Self {
            bot,
            platform,
            streams: BTreeMap::new(),
            chop,
            began,
            sleep: Box::pin(sleep_until(began)),
            commands,
            says,
            memory,
            inbox: VecDeque::new(),
            capacity,
            mode: Mode::Take,
            answer: serde_json::json!({}),
            answer_after: Duration::ZERO,
            answers: VecDeque::new(),
            calls: HashMap::new(),
            door,
        })
    }

    /// Runs until the bot has ended or nobody can tell it anything any more.
    pub(super) async fn run(mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }

    fn now(&self) -> core::Instant {
        core::Instant::from_millis(u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    fn say(&self, report: Report) {
        // Nobody may be listening any more.
        let _ = self.says.send(Heard::Report(report));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ROUNDS {
            match self.commands.poll_recv(cx) {
                Poll::Ready(Some(command)) => {
                    self.obey(command);
                    continue;
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => {}
            }
            let now = self.now();
            if self.bot.poll_timeout().is_some_and(|deadline| deadline.at <= now) {
                self.bot.handle_timeout(now);
                continue;
            }
            let mut progress = false;
            for lane in (0..self.bot.http_lanes()).map(Lane::Http).chain([Lane::Socket]) {
                progress |= self.dial(lane) | self.write(lane, cx) | self.read(lane, cx);
            }
            let now = self.now();
            progress |= self.door.as_mut().is_some_and(|door| door.poll(&mut self.bot, now, cx));
            progress |= self.deliver() | self.hand_over() | self.complete() | self.respond();
            while let Some(notice) = self.bot.take_notice() {
                self.say(Report::Note { text: format!("{notice:?}") });
            }
            let owed = self.door.as_ref().is_some_and(|door| !door.is_quiet());
            if let Some(end) = self.bot.ended().filter(|_| !owed) {
                self.say(ended(&end));
                let _ = self.says.send(Heard::Exited(Some(0)));
                return Poll::Ready(());
            }
            if progress {
                continue;
            }
            let deadline =
                self.bot.poll_timeout().map(|deadline| self.began + Duration::from_millis(deadline.at.as_millis()));
            let answers = self.answers.iter().map(|(due, ..)| *due);
            let door = self.door.as_ref().and_then(Door::due);
            let next = deadline.into_iter().chain(answers).chain(door).min();
            let Some(next) = next else { return Poll::Pending };
            self.sleep.as_mut().reset(next);
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
        let _ = self.says.send(Heard::Garbage("the engine never comes to rest".to_owned()));
        Poll::Ready(())
    }

    fn obey(&mut self, command: Command) {
        let now = self.now();
        match command {
            Command::Start(_) => {}
            Command::Stop => self.bot.shut_down(now),
            Command::Handle(handle) => {
                self.mode = handle.events.unwrap_or(self.mode);
                self.answer = handle.callback_answer.unwrap_or_else(|| self.answer.clone());
                self.answer_after = handle.callback_after_ms.map_or(self.answer_after, Duration::from_millis);
            }
            Command::Call(wanted) => {
                let submitted = call(&wanted, |call| self.bot.submit(now, call));
                match submitted {
                    Some(Ok(id)) => drop(self.calls.insert(id, wanted.id)),
                    Some(Err(misuse)) => {
                        let text = Some(misuse.to_string());
                        self.say(Report::Result(Box::new(shim::CallResult {
                            id: wanted.id,
                            text,
                            ..Default::default()
                        })));
                    }
                    None => self.say(Report::Unimplemented { what: format!("call {}", wanted.call) }),
                }
            }
        }
    }

    fn dial(&mut self, lane: Lane) -> bool {
        let now = self.now();
        let target = match self.bot.poll_lane(lane) {
            Wish::Down => return self.streams.remove(&lane).is_some(),
            Wish::Up(target) => target,
        };
        if self.streams.get(&lane).is_some_and(|stream| stream.attempt == target.attempt) {
            return false;
        }
        let attempt = target.attempt;
        // There is one address in this world.
        let known = format!("http://{}:{}", target.host, target.port) == self.platform.base_url();
        let pipe = (known && !target.tls).then(|| self.platform.connect());
        let open = pipe.is_some();
        self.streams.insert(lane, Stream::new(attempt, pipe));
        match open {
            true => self.bot.handle_opened(now, lane, attempt),
            false => self.bot.handle_closed(now, lane, attempt, Closed::Refused),
        }
        true
    }

    fn write(&mut self, lane: Lane, cx: &mut Context<'_>) -> bool {
        let Some(Stream { attempt, pipe: Some(pipe), .. }) = self.streams.get_mut(&lane) else { return false };
        let attempt = *attempt;
        let bytes = self.bot.poll_transmit(lane);
        if bytes.is_empty() {
            return false;
        }
        let written = Pin::new(pipe).poll_write(cx, bytes);
        let now = self.now();
        match written {
            Poll::Ready(Ok(n)) => {
                self.bot.handle_transmitted(now, lane, attempt, n);
                n > 0
            }
            Poll::Ready(Err(_)) => self.closed(lane, attempt, Closed::Reset),
            Poll::Pending => false,
        }
    }

    fn read(&mut self, lane: Lane, cx: &mut Context<'_>) -> bool {
        let now = self.now();
        let Some(stream) = self.streams.get_mut(&lane) else { return false };
        let attempt = stream.attempt;
        if stream.told == stream.came.len() && self.bot.poll_receive(lane) > 0 {
            let Some(pipe) = &mut stream.pipe else { return false };
            stream.told = 0;
            stream.came.resize(READ, 0);
            let mut buf = ReadBuf::new(&mut stream.came);
            let read = Pin::new(pipe).poll_read(cx, &mut buf);
            let len = buf.filled().len();
            stream.came.truncate(len);
            match read {
                Poll::Ready(Ok(())) if len == 0 => return self.closed(lane, attempt, Closed::Eof),
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return self.closed(lane, attempt, Closed::Reset),
                Poll::Pending => return false,
            }
        }
        let before = stream.told;
        // Others have their turn before all is told.
        for _ in 0..PIECES {
            let room = self.bot.poll_receive(lane).min(self.chop);
            let left = stream.came.get(stream.told..).unwrap_or_default();
            let piece = left.get(..room).unwrap_or(left);
            if piece.is_empty() {
                break;
            }
            stream.told += piece.len();
            self.bot.handle_received(now, lane, attempt, piece);
        }
        stream.told > before
    }

    fn closed(&mut self, lane: Lane, attempt: Attempt, why: Closed) -> bool {
        self.streams.insert(lane, Stream::new(attempt, None));
        let now = self.now();
        self.bot.handle_closed(now, lane, attempt, why);
        true
    }

    /// Puts the event at the head of the line into the inbox, if there is room.
    fn deliver(&mut self) -> bool {
        if self.inbox.len() >= self.capacity {
            return false;
        }
        let Some(head) = self.bot.poll_delivery() else { return false };
        let (id, response) = (head.id(), head.response_id());
        let entry = (event(&head), response);
        self.inbox.push_back(entry);
        let now = self.now();
        self.bot.handle_delivered(now, id, if response.is_some() { Verdict::Later } else { Verdict::Accepted });
        if let Some(memory) = &self.memory {
            let mut counting = Writer::counting();
            self.bot.write_seen(None, &mut counting);
            let mut bytes = vec![0; counting.len()];
            self.bot.write_seen(None, &mut Writer::new(&mut bytes));
            *memory.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
        }
        true
    }

    /// The program takes what is in the inbox.
    fn hand_over(&mut self) -> bool {
        if self.mode == Mode::Hold || self.inbox.is_empty() {
            return false;
        }
        while let Some((event, response)) = self.inbox.pop_front() {
            self.say(Report::Event(Box::new(event)));
            if let Some(id) = response.filter(|_| !self.answer.is_null()) {
                self.answers.push_back((Instant::now() + self.answer_after, id, self.answer.clone()));
            }
        }
        let now = self.now();
        self.bot.handle_inbox(now, self.capacity);
        true
    }

    fn respond(&mut self) -> bool {
        let due = Instant::now();
        let Some(index) = self.answers.iter().position(|(at, ..)| *at <= due) else { return false };
        if let Some((_, id, answer)) = self.answers.remove(index) {
            let now = self.now();
            if let Err(misuse) = self.bot.respond(now, id, answer.to_string().as_bytes()) {
                self.say(Report::Note { text: format!("the answer to a callback was refused: {misuse}") });
            }
        }
        true
    }

    fn complete(&mut self) -> bool {
        let Some(completion) = self.bot.poll_completion() else { return false };
        let id = completion.id;
        let wanted = self.calls.get(&id).copied();
        let report = wanted.map(|wanted| result(wanted, completion.result));
        let now = self.now();
        self.bot.handle_completed(now, id);
        self.calls.remove(&id);
        if let Some(report) = report {
            self.say(Report::Result(Box::new(report)));
        }
        true
    }
}

fn ended(end: &End) -> Report {
    match end {
        End::Stopped => Report::Ended { how: "stopped".to_owned(), code: None, text: None },
        End::Fatal(fatal) => Report::Ended {
            how: "fatal".to_owned(),
            code: Some(fatal.code).filter(|code| *code != 0),
            text: Some(fatal.to_string()),
        },
    }
}
