//! One long connection: pings, deliveries and acknowledgements over WebSocket.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderName, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL};
use prost::Message as _;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Interval, interval, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};

use super::discovery::Ticket;
use super::faults::Pong;
use super::frame::{CONTROL, DATA, Frame, Received};
use super::kind::{ClosedBy, Kind};
use super::record::ConnectionId;
use super::state::Shared;
use super::stream::Stream as ByteStream;
use super::tap::What;

type Socket = WebSocketStream<ByteStream>;

/// Bytes that are shown of a frame that cannot be read.
const SHOWN: usize = 512;

/// The platform's end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    pub(super) id: ConnectionId,
    pub(super) service_id: i32,
    commands: mpsc::UnboundedSender<Command>,
    fate: watch::Sender<Fate>,
}

/// What a connection is to write.
#[derive(Clone, Debug)]
pub(super) enum Command {
    /// Binary messages, in one go.
    Send(Vec<Vec<u8>>),
    /// A text message.
    Text(String),
    /// Bytes past the WebSocket codec.
    Bytes(Vec<u8>),
    /// A Close frame, then the end.
    Close(u16, String),
}

/// What becomes of a connection, at once and whatever it is doing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    Live,
    HalfOpen,
    Cut,
    Reset,
}

impl Handle {
    /// A connection that is ending does not hear it any more.
    pub(super) fn command(&self, command: Command) {
        let _ = self.commands.send(command);
    }

    pub(super) fn decide(&self, fate: Fate) {
        self.fate.send_replace(fate);
    }
}

/// The task's end of a connection, from the moment it is granted.
pub(super) struct Seat {
    peer: Peer,
    commands: mpsc::UnboundedReceiver<Command>,
    fate: watch::Receiver<Fate>,
    first: First,
}

/// What becomes of a connection right after its 101.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum First {
    Close(u16),
    Drop,
    Serve,
}

/// A connected client. While it exists, the connection counts as open, unless the platform closed it.
struct Peer {
    shared: Arc<Shared>,
    app_id: String,
    handle: Handle,
}

/// What is known of the client's pings.
struct Pings {
    seen: bool,
    /// When the first one is overdue; `None` once it came or was missed.
    first_due: Option<Instant>,
}

/// Why reading and writing stopped.
enum Pause {
    Over,
    /// To write these bytes past the codec.
    Bytes(Vec<u8>),
    /// To close the connection.
    Close(u16, String),
}

impl Seat {
    /// `None` if the app has as many connections as it may.
    pub(super) fn take(shared: &Arc<Shared>, ticket: Ticket, first: First, headers: &HeaderMap) -> Option<Self> {
        let (commands, receiver) = mpsc::unbounded_channel();
        let (fate, fated) = watch::channel(Fate::Live);
        let Ticket { app_id, device_id, service_id, .. } = ticket;
        let mut state = shared.state();
        let id = state.next_connection();
        let handle = Handle { id, service_id, commands, fate };
        let connections = &mut state.apps.get_mut(&app_id)?.connections;
        if connections.len() >= shared.config.max_connections {
            return None;
        }
        connections.push(handle.clone());
        let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let upgraded = Kind::Upgraded {
            connection: id,
            device_id,
            key: header(SEC_WEBSOCKET_KEY).unwrap_or_default(),
            extensions: header(SEC_WEBSOCKET_EXTENSIONS),
            protocol: header(SEC_WEBSOCKET_PROTOCOL),
            authorization: headers.contains_key(AUTHORIZATION),
        };
        shared.log.add(Some(&app_id), upgraded);
        let peer = Peer { shared: Arc::clone(shared), app_id, handle };
        Some(Self { peer, commands: receiver, fate: fated, first })
    }

    /// Serves the connection until it ends.
    pub(super) async fn serve(self: Box<Self>, stream: ByteStream, read_buf: Vec<u8>) {
        let Self { peer, mut commands, mut fate, first } = *self;
        if first == First::Drop {
            return peer.closed(ClosedBy::Platform, None, "accepted, then dropped");
        }
        let limits = WebSocketConfig::default().max_message_size(Some(64 << 20)).max_frame_size(Some(64 << 20));
        let mut socket = WebSocketStream::from_partially_read(stream, read_buf, Role::Server, Some(limits)).await;
        if let First::Close(code) = first {
            peer.closed(ClosedBy::Platform, Some(code), "accepted, then closed");
            return peer.say_goodbye(&mut socket, code, String::new()).await;
        }
        let first_due = Some(Instant::now() + peer.shared.config.first_ping_within);
        let mut pings = Pings { seen: false, first_due };
        peer.shared.dispatch_queued(&peer.app_id);
        loop {
            let decided = *fate.borrow_and_update();
            match decided {
                Fate::Live => {
                    let pause = tokio::select! {
                        biased;
                        Ok(()) = fate.changed() => continue,
                        pause = peer.exchange(&mut socket, &mut commands, &mut pings) => pause,
                    };
                    match pause {
                        Pause::Bytes(bytes) if socket.get_mut().write_all(&bytes).await.is_ok() => {}
                        Pause::Close(code, reason) => return peer.say_goodbye(&mut socket, code, reason).await,
                        Pause::Bytes(_) | Pause::Over => return,
                    }
                }
                Fate::HalfOpen => {
                    if fate.changed().await.is_err() {
                        return;
                    }
                }
                Fate::Cut => return,
                Fate::Reset => {
                    // Without it the end is an ordinary one, which is the closest there is.
                    let _ = socket.get_ref().reset_at_end();
                    return;
                }
            }
        }
    }
}

impl Peer {
    /// Reads and writes independently of each other, so that a client that is slow to read is still heard.
    async fn exchange(
        &self,
        socket: &mut Socket,
        commands: &mut mpsc::UnboundedReceiver<Command>,
        pings: &mut Pings,
    ) -> Pause {
        let (mut sink, mut stream) = socket.split();
        tokio::select! {
            pause = self.write(&mut sink, commands) => pause,
            () = self.read(&mut stream, pings) => Pause::Over,
        }
    }

    async fn write(
        &self,
        sink: &mut (impl Sink<Message, Error = tungstenite::Error> + Unpin),
        commands: &mut mpsc::UnboundedReceiver<Command>,
    ) -> Pause {
        let ws_ping_ms = self.shared.state().faults.ws_ping_ms;
        let mut ws_ping = ws_ping_ms.map(|ms| interval(Duration::from_millis(ms.max(1))));
        loop {
            let written = tokio::select! {
                Some(command) = commands.recv() => match self.tapped(command) {
                    Command::Send(messages) => send_all(sink, messages).await,
                    Command::Text(text) => sink.send(Message::Text(text.into())).await,
                    Command::Bytes(bytes) => return Pause::Bytes(bytes),
                    Command::Close(code, reason) => return Pause::Close(code, reason),
                },
                () = tick(ws_ping.as_mut()) => sink.send(Message::Ping(b"larkwire".to_vec().into())).await,
            };
            if let Err(error) = written {
                self.failed(&error);
                return Pause::Over;
            }
        }
    }

    async fn read(
        &self,
        stream: &mut (impl Stream<Item = Result<Message, tungstenite::Error>> + Unpin),
        pings: &mut Pings,
    ) {
        loop {
            tokio::select! {
                message = stream.next() => match message {
                    Some(Ok(message)) => self.received(message, pings),
                    Some(Err(error)) => return self.failed(&error),
                    None => return self.closed(ClosedBy::Network, None, "end of stream"),
                },
                () = until(pings.first_due) => {
                    pings.first_due = None;
                    self.client_fault("no ping after the upgrade");
                }
            }
        }
    }

    fn tapped(&self, command: Command) -> Command {
        match &command {
            Command::Bytes(bytes) => self.shared.tap(self.handle.id, false, What::Bytes(bytes)),
            Command::Close(..) => {}
            Command::Send(messages) => {
                messages.iter().for_each(|message| self.shared.tap(self.handle.id, false, What::Binary(message)));
            }
            Command::Text(text) => self.shared.tap(self.handle.id, false, What::Text(text)),
        }
        command
    }

    fn heard(&self, bytes: &[u8]) -> Result<Received, prost::DecodeError> {
        self.shared.tap(self.handle.id, true, What::Binary(bytes));
        Received::parse(bytes)
    }

    fn received(&self, message: Message, pings: &mut Pings) {
        match message {
            Message::Binary(bytes) => match self.heard(&bytes) {
                Ok(received) if received.frame.method == DATA => {
                    self.shared.acked(&self.app_id, self.handle.id, &received);
                }
                Ok(received) if received.frame.method == CONTROL => {
                    if let Some((pong, late)) = self.control(&received, pings) {
                        let (handle, command) = (self.handle.clone(), Command::Send(vec![pong.encode_to_vec()]));
                        match late {
                            None => handle.command(command),
                            Some(late) => self.shared.spawn(async move {
                                tokio::time::sleep(late).await;
                                handle.command(command);
                            }),
                        }
                    }
                }
                Ok(received) => self.client_fault(format!("frame with method {}", received.frame.method)),
                Err(error) => {
                    let shown = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect::<String>();
                    self.client_fault(format!("undecodable frame: {error}: {shown}"));
                }
            },
            Message::Text(_) => self.client_fault("text message"),
            Message::Close(frame) => {
                let (code, reason) = frame.map(|frame| (frame.code.into(), frame.reason.to_string())).unzip();
                self.closed(ClosedBy::Client, code, &reason.unwrap_or_default());
            }
            Message::Pong(payload) => {
                let payload = String::from_utf8_lossy(&payload).into_owned();
                self.shared.log.add(Some(&self.app_id), Kind::WsPong { connection: self.handle.id, payload });
            }
            Message::Ping(_) | Message::Frame(_) => {}
        }
    }

    /// Records a ping with its faults, and makes the pong.
    fn control(&self, received: &Received, pings: &mut Pings) -> Option<(Frame, Option<Duration>)> {
        let frame = &received.frame;
        let kind = frame.header("type").unwrap_or_default();
        if kind != "ping" {
            self.client_fault(format!("control frame of type {kind:?}"));
            return None;
        }
        for field in &received.missing {
            self.client_fault(format!("ping: {field} is not written"));
        }
        if (frame.seq_id, frame.log_id) != (0, 0) {
            self.client_fault(format!("ping: SeqID {} and LogID {}, not 0", frame.seq_id, frame.log_id));
        }
        if frame.service != self.handle.service_id {
            self.client_fault(format!("ping: service {}, not {}", frame.service, self.handle.service_id));
        }
        if frame.headers.len() != 1 || frame.payload.as_ref().is_some_and(|payload| !payload.is_empty()) {
            self.client_fault("ping: more than the header type");
        }
        pings.first_due = None;
        let first = !std::mem::replace(&mut pings.seen, true);
        self.shared.log.add(Some(&self.app_id), Kind::Pinged { connection: self.handle.id, first });
        let state = self.shared.state();
        let payload = match &state.faults.pong {
            Pong::Config | Pong::Late(_) | Pong::Numbered => {
                Some(serde_json::to_vec(&state.client_config).unwrap_or_default())
            }
            Pong::Empty => None,
            Pong::Payload(payload) => Some(payload.clone().into_bytes()),
            Pong::Silent => return None,
        };
        let mut pong = Frame::pong(self.handle.service_id, payload);
        let mut late = None;
        match state.faults.pong {
            Pong::Late(ms) => late = Some(Duration::from_millis(ms)),
            Pong::Numbered => (pong.seq_id, pong.log_id, pong.service) = (7, 8, 9),
            _ => {}
        }
        Some((pong, late))
    }

    fn client_fault(&self, what: impl Into<String>) {
        self.shared.client_fault(Some(&self.app_id), Some(self.handle.id), what);
    }

    fn failed(&self, error: &tungstenite::Error) {
        match error {
            tungstenite::Error::ConnectionClosed => {}
            tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) | tungstenite::Error::Io(_) => {}
            error => self.client_fault(error.to_string()),
        }
        self.closed(ClosedBy::Network, None, &error.to_string());
    }

    /// Closes the connection in the platform's books, once.
    fn closed(&self, by: ClosedBy, code: Option<u16>, reason: &str) {
        let mut state = self.shared.state();
        let Ok(app) = state.app_mut(&self.app_id) else { return };
        let open = app.connections.len();
        app.connections.retain(|handle| handle.id != self.handle.id);
        if app.connections.len() < open {
            let closed = Kind::ConnectionClosed { connection: self.handle.id, by, code, reason: reason.to_owned() };
            self.shared.log.add(Some(&self.app_id), closed);
        }
    }
}

impl Peer {
    /// Sends a Close frame and gives the client a moment to answer it.
    async fn say_goodbye(&self, socket: &mut Socket, code: u16, reason: String) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        let goodbye = async {
            if socket.close(Some(frame)).await.is_err() {
                return;
            }
            while let Some(Ok(message)) = socket.next().await {
                if let Message::Close(frame) = message {
                    let code = frame.map(|frame| frame.code.into());
                    self.shared.log.add(Some(&self.app_id), Kind::CloseAnswered { connection: self.handle.id, code });
                }
            }
        };
        // A client that does not answer is dropped.
        let _ = timeout(Duration::from_secs(2), goodbye).await;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.closed(ClosedBy::Platform, None, "stopped");
    }
}

async fn send_all(
    sink: &mut (impl Sink<Message, Error = tungstenite::Error> + Unpin),
    messages: Vec<Vec<u8>>,
) -> Result<(), tungstenite::Error> {
    for message in messages {
        sink.feed(Message::Binary(message.into())).await?;
    }
    sink.flush().await
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => pending().await,
    }
}

async fn tick(interval: Option<&mut Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => pending().await,
    }
}
