//! A long connection while it is open: protocol sections 6 to 8.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, frame::coding::CloseCode};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Client;
use super::defects::Defect;
use super::frame::{Incoming, ping};
use super::inbox::Answered;
use super::intake::Stalled;
use super::parts::Parts;
use super::upgrade::Socket;

/// For a ping to be followed by anything, unless a setting says otherwise.
const PONG: Duration = Duration::from_secs(20);
/// For an answer of the program to a callback.
pub(super) const ANSWER: Duration = Duration::from_millis(2500);
/// For room in the inbox.
const ROOM: Duration = Duration::from_secs(2);
/// For a write, a Close, its answer.
const WRITE: Duration = Duration::from_secs(2);
/// For calls that are under way when the bot is to stop.
const CALLS: Duration = Duration::from_secs(10);
/// Messages in a row that are no frames.
const BROKEN: u32 = 5;

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Over {
    /// Whether the platform had said anything on it.
    Lost {
        spoke: bool,
    },
    Stopped,
}

/// An acknowledgement that waits for the program.
pub(super) struct Waiting {
    pub(super) frame: Incoming,
    pub(super) arrived: Instant,
    /// When `{}` is the answer; never for events.
    pub(super) due: Option<Instant>,
}

pub(super) struct Session {
    pub(super) client: Arc<Client>,
    socket: Socket,
    service: i32,
    pub(super) parts: Parts,
    pub(super) answers: UnboundedSender<Answered>,
    answered: UnboundedReceiver<Answered>,
    pub(super) waiting: HashMap<u64, Waiting>,
    pub(super) next_id: u64,
    /// The event that waits for room.
    pub(super) stalled: Option<Stalled>,
    /// There has been no room since one was refused.
    pub(super) refusing: bool,
    next_ping: Instant,
    pings: u32,
    /// When silence since so many bytes is the end.
    armed: Option<(Instant, u64)>,
    heard: (Instant, u64),
    broken: u32,
    spoke: bool,
}

/// The connection is of no use any more.
pub(super) struct Gone;

impl Session {
    pub(super) fn new(client: &Arc<Client>, socket: Socket, service: i32) -> Self {
        let (answers, answered) = unbounded_channel();
        let now = Instant::now();
        let kept = client.take_parts();
        if client.has(Defect::ForgetsOnReconnect) {
            client.with_seen(super::gate::Seen::forget);
        }
        let skip = if client.has(Defect::NoFirstPing) { client.tempo().ping(client) } else { Duration::ZERO };
        Self {
            client: Arc::clone(client),
            socket,
            service,
            parts: kept,
            answers,
            answered,
            waiting: HashMap::new(),
            next_id: 0,
            stalled: None,
            refusing: false,
            next_ping: now + skip,
            pings: 0,
            armed: None,
            heard: (now, 0),
            broken: 0,
            spoke: false,
        }
    }

    /// Serves it until it is lost or the bot is told to stop.
    pub(super) async fn run(mut self) -> Over {
        let over = loop {
            if self.timers().await.is_err() {
                break Over::Lost { spoke: self.spoke };
            }
            let wake = self.wake();
            let client = Arc::clone(&self.client);
            let (waits, reads) = (self.stalled.is_some(), self.stalled.is_none());
            let went = tokio::select! {
                biased;
                () = client.stopped() => break self.goodbye().await,
                Some((id, answer)) = self.answered.recv() => self.answer(id, answer).await,
                () = client.inbox.room.notified(), if waits => self.room().await,
                () = sleep_until(wake) => Ok(()),
                message = self.socket.next(), if reads => self.take(message).await,
            };
            if went.is_err() {
                break Over::Lost { spoke: self.spoke };
            }
        };
        if self.client.has(Defect::KeepsPartsOverReconnect) {
            self.client.keep_parts(self.parts);
        }
        over
    }

    fn wake(&self) -> Instant {
        // While nothing is read, silence means nothing.
        let mut wake = match &self.stalled {
            Some(stalled) => stalled.since + ROOM,
            None => self.silence_ends(),
        };
        if !self.holds_pings() {
            wake = wake.min(self.next_ping);
        }
        let answers = self.waiting.values().filter_map(|waiting| waiting.due);
        answers.fold(wake, Instant::min)
    }

    /// When the connection is given up, if nothing comes.
    fn silence_ends(&self) -> Instant {
        if self.client.has(Defect::NoPongTimeout) {
            return Instant::now() + Duration::from_secs(1_000_000);
        }
        let idle = self.heard.0 + self.client.tempo().ping(&self.client) * 2 + Duration::from_secs(5);
        self.armed.map_or(idle, |(due, _)| idle.min(due))
    }

    /// Reading goes on after so long.
    pub(super) fn excuse(&mut self, paused: Duration) {
        self.heard.0 += paused;
        self.armed = self.armed.map(|(due, heard)| (due + paused, heard));
    }

    fn holds_pings(&self) -> bool {
        self.client.has(Defect::FullInboxStopsPings) && self.client.inbox.is_full()
            || self.client.has(Defect::PingsOnce) && self.pings > 0
    }

    /// Does what is due.
    async fn timers(&mut self) -> Result<(), Gone> {
        let now = Instant::now();
        let heard = self.socket.get_ref().heard;
        if heard != self.heard.1 {
            self.heard = (now, heard);
        }
        if self.armed.is_some_and(|(_, then)| then != heard) {
            self.armed = None;
        }
        if self.silence_ends() <= now && self.stalled.is_none() {
            return Err(Gone);
        }
        if self.next_ping <= now && !self.holds_pings() {
            self.ping(now, heard).await?;
        }
        if self.stalled.as_ref().is_some_and(|stalled| stalled.since + ROOM <= now) {
            self.refuse().await?;
        }
        let due = self.waiting.iter().filter(|(_, waiting)| waiting.due.is_some_and(|due| due <= now));
        for id in due.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.answer(id, Some(serde_json::json!({}))).await?;
        }
        Ok(())
    }

    async fn ping(&mut self, now: Instant, heard: u64) -> Result<(), Gone> {
        self.pings += 1;
        self.next_ping = now + self.client.tempo().ping(&self.client);
        let limit = self.client.start.settings.pong_timeout_ms.map_or(PONG, |ms| Duration::from_millis(ms.into()));
        if !limit.is_zero() && self.armed.is_none() {
            self.armed = Some((now + limit, heard));
        }
        self.send(ping(&self.client, self.service)).await
    }

    /// The interval may have changed: the timer moves.
    pub(super) fn tempo(&mut self, said: &Value) {
        let before = self.client.tempo().ping(&self.client);
        self.client.change_tempo(said);
        let after = self.client.tempo().ping(&self.client);
        if before != after && self.pings > 0 {
            self.next_ping = (self.next_ping + after).checked_sub(before).unwrap_or(self.next_ping).max(Instant::now());
        }
    }

    pub(super) async fn send(&mut self, bytes: Vec<u8>) -> Result<(), Gone> {
        match timeout(WRITE, self.socket.send(Message::Binary(bytes.into()))).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }

    async fn take(&mut self, message: Option<Result<Message, Error>>) -> Result<(), Gone> {
        self.spoke |=
            matches!(message, Some(Ok(Message::Binary(_) | Message::Text(_) | Message::Ping(_) | Message::Pong(_))));
        match message {
            Some(Ok(Message::Binary(bytes))) => self.binary(bytes.into()).await,
            Some(Ok(Message::Text(text))) if self.client.has(Defect::TextAsFrames) => {
                match Incoming::read(text.as_bytes().to_vec()) {
                    Some(frame) => self.frame(frame).await,
                    None => Err(Gone),
                }
            }
            Some(Ok(Message::Close(_))) => {
                // The answer has been made already; it may not be wanted any more.
                let _ = timeout(WRITE, self.socket.flush()).await;
                Err(Gone)
            }
            Some(Ok(_)) => Ok(()),
            Some(Err(Error::Protocol(ProtocolError::MaskedFrameFromServer)))
                if self.client.has(Defect::AcceptsMaskedFrames) =>
            {
                self.carry_on().await;
                Ok(())
            }
            Some(Err(error)) => {
                self.object(&error).await;
                Err(Gone)
            }
            None => Err(Gone),
        }
    }

    /// The codec stops at its first error; this begins anew on the same stream.
    async fn carry_on(&mut self) {
        let (one, _) = tokio::io::duplex(1);
        let idle = Socket::from_raw_socket(super::pipe::Pipe::new(one, false), Role::Client, None).await;
        let pipe = std::mem::replace(&mut self.socket, idle).into_inner();
        self.socket = Socket::from_raw_socket(pipe, Role::Client, None).await;
    }

    async fn binary(&mut self, bytes: Vec<u8>) -> Result<(), Gone> {
        let Some(frame) = Incoming::read(bytes) else {
            self.broken += 1;
            return if self.broken < BROKEN && !self.client.has(Defect::BrokenFrameEnds) { Ok(()) } else { Err(Gone) };
        };
        self.broken = 0;
        self.frame(frame).await
    }

    /// Says which rule was broken.
    async fn object(&mut self, error: &Error) {
        let code = match error {
            Error::Utf8(_) => CloseCode::Invalid,
            Error::Capacity(CapacityError::MessageTooLong { .. }) => CloseCode::Size,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => return,
            Error::Protocol(_) => CloseCode::Protocol,
            Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => CloseCode::Protocol,
            _ => return,
        };
        self.close(code).await;
    }

    async fn close(&mut self, code: CloseCode) {
        let close = CloseFrame { code, reason: "".into() };
        // Whoever does not take it is left all the same.
        let _ = timeout(WRITE, self.socket.close(Some(close))).await;
    }

    /// Ends well: what is owed first.
    async fn goodbye(&mut self) -> Over {
        let client = Arc::clone(&self.client);
        for id in self.waiting.keys().copied().collect::<Vec<_>>() {
            let _ = self.answer(id, Some(serde_json::json!({}))).await;
        }
        let _ = timeout(CALLS, client.calls_done()).await;
        if client.has(Defect::StopsWithoutGoodbye) {
            return Over::Stopped;
        }
        self.close(CloseCode::Normal).await;
        let rest = async { while let Some(Ok(_)) = self.socket.next().await {} };
        let _ = timeout(WRITE, rest).await;
        Over::Stopped
    }
}
