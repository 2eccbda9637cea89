//! Requests of the platform, read and answered by the engine itself, over streams inside the process.
//!
//! ```text
//!  listener ─► Guest: Reading ── head, body, check ─┬─► Writing ─► the next request, or the end
//!                                                   └─► Waiting ── the bot has decided ─► Writing
//! ```

use std::future::Future as _;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use larkwire_core as core;
use larkwire_core::webhook::http::{CONTINUE, Request};
use larkwire_core::webhook::{
    BODY_MS, Checked, Freshness, PostId, PostSlot, Posting, Quota, Refusal, Reply, Webhook, WebhookRules,
};
use larkwire_core::wire::http::{HeadScan, HttpError};
use larkwire_core::wire::writer::Writer;
use larkwire_core::{Bot, Region, Secret, Slots};
use tokio::io::{AsyncRead as _, AsyncWrite as _, DuplexStream, ReadBuf};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use crate::platform::WebhookListener;
use crate::suite::shim::WebhookSettings;

/// Where requests are served.
const PATH: &str = "/lark";
/// Events that may wait for the inbox, or for an answer.
const WAITING: usize = 64;
/// Requests without a signature are counted by address; all of these come from one.
const PEER: u64 = 1;
/// Bytes that are read at a time, before they are cut.
const READ: usize = 64 * 1024;
/// Pieces of them that are told in a row.
const PIECES: usize = 256;
/// The longest body that anybody allows.
const LONGEST: usize = 64 * 1024 * 1024;

/// Serves one bot's webhook.
pub(super) struct Door {
    webhook: Webhook<'static>,
    strangers: Quota<'static>,
    listeners: UnboundedReceiver<WebhookListener>,
    listener: Option<WebhookListener>,
    guests: Vec<Guest>,
    chop: usize,
}

impl Door {
    pub(super) fn new(
        settings: &WebhookSettings,
        bot: &mut Bot<'static>,
        chop: usize,
        listeners: UnboundedReceiver<WebhookListener>,
    ) -> Result<Self, String> {
        let WebhookSettings { encrypt_key, verification_token, options } = settings;
        let freshness = Freshness::Within { seconds: options.max_age_secs.unwrap_or(3600) };
        let mut rules = WebhookRules::new(Secret::new(encrypt_key), Secret::new(verification_token), freshness);
        rules.max_body = options.max_body.unwrap_or(rules.max_body);
        rules.old_cards = options.old_cards.unwrap_or_default();
        rules.allow_missing_token = options.allow_missing_token.unwrap_or_default();
        // The app has none: the scenario wants to see just that.
        rules.dangerously_allow_missing_keys = encrypt_key.is_empty();
        let texts = Region::growable((encrypt_key.len() + verification_token.len()).max(1));
        let webhook = Webhook::new(&rules, texts).map_err(|error| error.to_string())?;
        bot.accept_posts(&webhook, Slots::growable_with(WAITING, || PostSlot::new(Region::growable(LONGEST))));
        let strangers = Quota::new(Slots::growable(64));
        Ok(Self { webhook, strangers, listeners, listener: None, guests: Vec::new(), chop })
    }

    /// Does what can be done; whether that was anything.
    pub(super) fn poll(&mut self, bot: &mut Bot<'static>, now: core::Instant, cx: &mut Context<'_>) -> bool {
        let mut progress = self.welcome(cx);
        let Self { webhook, strangers, guests, chop, .. } = self;
        let host = &mut Host { webhook, strangers, bot, now, chop: *chop };
        for guest in guests.iter_mut() {
            progress |= guest.read(host, cx) | guest.write(cx);
        }
        while let Some(answer) = host.bot.poll_posted() {
            let id = answer.id;
            // Whoever has hung up gets no answer; the event is where it is all the same.
            let waiting = guests.iter_mut().find(|guest| guest.waits_for(id));
            if let Some(guest) = waiting {
                guest.answer(answer.reply);
            }
            host.bot.handle_answered(now, id);
            progress = true;
        }
        guests.retain(|guest| !matches!(guest.state, State::Over));
        progress
    }

    fn welcome(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        while let Poll::Ready(Some(listener)) = self.listeners.poll_recv(cx) {
            self.listener = Some(listener);
        }
        while let Some(listener) = &mut self.listener {
            let accepted = pin!(listener.accept()).poll(cx);
            match accepted {
                Poll::Ready(Some(pipe)) => self.guests.push(Guest::new(pipe)),
                Poll::Ready(None) => self.listener = None,
                Poll::Pending => break,
            }
            progress = true;
        }
        progress
    }

    /// When a request has taken too long.
    pub(super) fn due(&self) -> Option<Instant> {
        let reading = self.guests.iter().filter(|guest| matches!(guest.state, State::Reading));
        reading.map(|guest| guest.due).min()
    }

    /// Whether no answer is half written.
    pub(super) fn is_quiet(&self) -> bool {
        !self.guests.iter().any(|guest| matches!(guest.state, State::Writing { .. }))
    }
}

/// What a request is judged by.
struct Host<'h> {
    webhook: &'h Webhook<'static>,
    strangers: &'h mut Quota<'static>,
    bot: &'h mut Bot<'static>,
    now: core::Instant,
    chop: usize,
}

enum State {
    Reading,
    Waiting(PostId),
    Writing { bytes: Vec<u8>, written: usize, goes_on: bool },
    Over,
}

/// One connection.
struct Guest {
    pipe: DuplexStream,
    /// Came in, and was not told yet; from `told` on.
    came: Vec<u8>,
    told: usize,
    /// The request as far as it is known.
    request: Vec<u8>,
    scan: HeadScan,
    /// Lengths of the head and of the whole request, once the head is there.
    ends: Option<(usize, usize)>,
    keep_alive: bool,
    due: Instant,
    state: State,
}

/// What a request comes to.
enum Fate {
    More,
    Answer { status: u16, body: Vec<u8>, close: bool },
    Wait(PostId),
}

impl Fate {
    fn of(reply: Reply<'_>) -> Self {
        Self::Answer { status: reply.status, body: reply.body.to_vec(), close: reply.close }
    }
}

impl Guest {
    fn new(pipe: DuplexStream) -> Self {
        Self {
            pipe,
            came: Vec::new(),
            told: 0,
            request: Vec::new(),
            scan: HeadScan::default(),
            ends: None,
            keep_alive: false,
            due: Instant::now() + Duration::from_millis(BODY_MS),
            state: State::Reading,
        }
    }

    fn waits_for(&self, id: PostId) -> bool {
        matches!(self.state, State::Waiting(waiting) if waiting == id)
    }

    fn read(&mut self, host: &mut Host<'_>, cx: &mut Context<'_>) -> bool {
        if !matches!(self.state, State::Reading) {
            return false;
        }
        if self.due <= Instant::now() {
            self.decide(host, Err(Refusal::Slow));
            return true;
        }
        if self.told == self.came.len() {
            self.told = 0;
            self.came.resize(READ, 0);
            let mut buf = ReadBuf::new(&mut self.came);
            let read = Pin::new(&mut self.pipe).poll_read(cx, &mut buf);
            let len = buf.filled().len();
            self.came.truncate(len);
            match read {
                Poll::Ready(Ok(())) if len > 0 => {}
                Poll::Ready(_) => {
                    self.state = State::Over;
                    return true;
                }
                Poll::Pending => return false,
            }
        }
        for _ in 0..PIECES {
            let left = self.came.get(self.told..).unwrap_or_default();
            let piece = left.get(..host.chop).unwrap_or(left);
            if piece.is_empty() || !matches!(self.state, State::Reading) {
                break;
            }
            self.told += piece.len();
            self.request.extend_from_slice(piece);
            let fate = self.look(host);
            self.decide(host, fate);
        }
        true
    }

    /// What the request, as far as it is known, comes to.
    fn look(&mut self, host: &mut Host<'_>) -> Result<Fate, Refusal> {
        let ends = match self.ends {
            Some(ends) => ends,
            None => match self.head(host)? {
                Ok(Some(ends)) => ends,
                Ok(None) => return Ok(Fate::More),
                Err(fault) => return Ok(Fate::of(Reply::to_malformed(fault))),
            },
        };
        self.ends = Some(ends);
        let (head, whole) = ends;
        if self.request.len() < whole {
            return Ok(Fate::More);
        }
        let (head, rest) = self.request.split_at_mut(head);
        let Ok(request) = Request::parse(head) else { return Ok(Fate::of(Reply::to_malformed(HttpError::Head))) };
        let body = rest.get_mut(..whole - head.len()).unwrap_or_default();
        let unix = host.bot.time_of_day(host.now);
        match host.webhook.check(&request.head, body, unix)? {
            Checked::Challenge(challenge) => {
                host.bot.handle_challenged(host.now);
                let needed = challenge.reply(&mut []).map_or_else(|error| error.needed, |_| 0);
                let mut out = vec![0; needed];
                Ok(challenge.reply(&mut out).map_or_else(|_| Fate::of(Refusal::TooBig.reply()), Fate::of))
            }
            Checked::Posted(posted) => Ok(match host.bot.handle_posted(host.now, &posted) {
                Posting::Answered(reply) => Fate::of(reply),
                Posting::Waiting(id) => Fate::Wait(id),
            }),
        }
    }

    /// Lengths of the head and of the whole request, once the head is there and nothing speaks against its body.
    #[allow(clippy::type_complexity, reason = "one is refused in the engine's words, the other in those of HTTP")]
    fn head(&mut self, host: &mut Host<'_>) -> Result<Result<Option<(usize, usize)>, HttpError>, Refusal> {
        let found = self.scan.find(&self.request);
        let len = match found {
            Ok(Some(len)) => len,
            Ok(None) => return Ok(Ok(None)),
            Err(fault) => return Ok(Err(fault)),
        };
        let request = match Request::parse(self.request.get(..len).unwrap_or_default()) {
            Ok(request) => request,
            Err(fault) => return Ok(Err(fault)),
        };
        if request.path != PATH {
            return Err(Refusal::Path);
        }
        host.webhook.admit(&request.head, Some(request.content_length))?;
        if host.webhook.needs_signature() && !request.head.is_signed() && !host.strangers.take(host.now, PEER) {
            return Err(Refusal::TooMany);
        }
        self.keep_alive = request.keep_alive;
        let (continues, length) = (request.expects_continue, request.content_length);
        if continues {
            // It fits: nothing was written to this connection that the peer has not read.
            let _ = Pin::new(&mut self.pipe).poll_write(&mut Context::from_waker(std::task::Waker::noop()), CONTINUE);
        }
        Ok(Ok(Some((len, len.saturating_add(usize::try_from(length).unwrap_or(usize::MAX))))))
    }

    fn decide(&mut self, host: &mut Host<'_>, fate: Result<Fate, Refusal>) {
        let fate = fate.unwrap_or_else(|refusal| {
            host.bot.handle_refused(host.now, refusal);
            Fate::of(refusal.reply())
        });
        match fate {
            Fate::More => {}
            Fate::Wait(id) => self.state = State::Waiting(id),
            Fate::Answer { status, body, close } => self.answer(Reply { status, body: &body, close }),
        }
    }

    fn answer(&mut self, reply: Reply<'_>) {
        let mut head = [0; 160];
        let mut w = Writer::new(&mut head);
        let goes_on = reply.write_head(&mut w, self.keep_alive);
        let len = w.finish().unwrap_or_default();
        let mut bytes = head.get(..len).unwrap_or_default().to_vec();
        bytes.extend_from_slice(reply.body);
        self.state = State::Writing { bytes, written: 0, goes_on };
    }

    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        let State::Writing { bytes, written, goes_on } = &mut self.state else { return false };
        match Pin::new(&mut self.pipe).poll_write(cx, bytes.get(*written..).unwrap_or_default()) {
            Poll::Ready(Ok(n)) => *written += n,
            Poll::Ready(Err(_)) => {
                self.state = State::Over;
                return true;
            }
            Poll::Pending => return false,
        }
        if *written < bytes.len() {
            return true;
        }
        if !*goes_on {
            self.state = State::Over;
            return true;
        }
        // What came behind this request is the next one's.
        let whole = self.ends.take().map_or(self.request.len(), |(_, whole)| whole);
        self.request.drain(..whole.min(self.request.len()));
        self.scan = HeadScan::default();
        self.due = Instant::now() + Duration::from_millis(BODY_MS);
        self.state = State::Reading;
        true
    }
}
