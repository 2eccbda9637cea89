//! The long connection (protocol sections 2 to 9).
//!
//! ```text
//!            ┌────────────────── brake passed ─────────────────┐
//!  Waiting ──┴─► Discovering ─► Connecting ─► Upgrading ─► Open ─► Closing ─► Waiting
//!     ▲              │               │            │          │                   or the end
//!     └──── fault ───┴───────────────┴────────────┴──────────┘
//! ```
//! `verdict` says what an outcome means, `retry` how long to wait, `intake` makes messages of bytes, `session` events
//! of messages; this file moves between the phases and owns the bytes.

mod arrivals;
mod blocks;
pub(crate) mod client_config;
mod ending;
mod incoming;
pub(crate) mod intake;
mod labels;
mod liveness;
mod memory;
mod open;
mod parts;
pub(crate) mod responses;
mod retry;
mod screen;
mod session;
mod socket_url;
mod upgrade;
pub(crate) mod verdict;

use crate::event::{DeliveryId, Event, ResponseId, Verdict};
use crate::fault::{Fatal, LinkFault, Misuse};
use crate::lane::{Attempt, Closed, Target};
use crate::notice::count;
use crate::pipe::Pipe;
use crate::shared::{LinkMode, Shared};
use crate::storage::Region;
use crate::time::{Earliest, Instant, Why};
use crate::wire::http::HeadScan;
use arrivals::Arrivals;
use intake::Intake;
use retry::Retry;
use verdict::Outcome;

pub use client_config::ClientConfig;
pub use liveness::Tick;
pub use parts::{FinishedId, MAX_PARTS, PartSet};
#[cfg(feature = "webhook")]
pub(crate) use responses::RESPONSE_MS;
pub use responses::{CallbackSlot, Response};
pub use session::{Answer, Reaction, Session, SessionRules, SessionStorage};
#[cfg(feature = "webhook")]
pub(crate) use session::{INBOX_MS, Screened};
pub(crate) use socket_url::SocketUrl;

/// From the wish for a stream to the answered upgrade.
const UPGRADE_MS: u64 = 15_000;
/// The longest turn of calls: after it discovery goes first again.
const TURN_MS: u64 = 30_000;
/// Refused authentications in a row before a person is told.
const AUTH_REFUSALS: u8 = 3;

/// Where the long connection stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    Waiting {
        until: Instant,
    },
    Discovering,
    Connecting {
        by: Instant,
    },
    Upgrading {
        by: Instant,
        nonce: [u8; 16],
    },
    Open,
    Closing {
        by: Instant,
        then: Then,
    },
    /// No connection is wanted: `LinkMode`.
    Resting,
    Ended,
}

/// What follows the close handshake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Then {
    /// The bot is done.
    End,
    /// Calls have their turn, then the bot comes back at once.
    Turn,
    /// The peer closed: when it has hung up, or time is up, dial again.
    Redial(LinkFault),
    /// The peer broke the protocol: drop it as soon as the close frame is out.
    Drop(LinkFault),
}

/// What the message at the head of the line waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Owed {
    Nothing,
    /// Room for this ack.
    Ack(Answer),
    /// Room for the ack of an event, or its verdict.
    Event,
}

#[derive(Debug)]
pub(crate) struct Link<'s> {
    phase: Phase,
    pub(crate) session: Session<'s>,
    intake: Intake<'s>,
    output: Pipe<'s>,
    arrivals: Arrivals,
    pub(crate) url: SocketUrl<'s>,
    attempt: Attempt,
    /// Until then waiting calls go before discovery, where they take turns.
    calls_first_until: Instant,
    /// Discovery has succeeded before.
    discovered: bool,
    retry: Retry,
    failures: u32,
    auth_refusals: u8,
    /// The platform has said something on this connection.
    answered: bool,
    scan: HeadScan,
    interim: u8,
    owed: Owed,
    /// Bytes of the output kept free for the ack of the event that was shown.
    reserved: usize,
    /// The newest ws ping that is not answered yet.
    pong: Option<([u8; 125], usize)>,
    fatal: Option<Fatal>,
}

impl<'s> Link<'s> {
    pub(crate) fn new(
        session: Session<'s>,
        input: Region<'s>,
        output: Region<'s>,
        url: Region<'s>,
        mode: LinkMode,
    ) -> Self {
        let phase = if mode == LinkMode::Off { Phase::Resting } else { Phase::Waiting { until: Instant::ZERO } };
        Self {
            phase,
            calls_first_until: Instant::ZERO,
            discovered: false,
            session,
            intake: Intake::new(input),
            output: Pipe::new(output),
            arrivals: Arrivals::NONE,
            url: SocketUrl::new(url),
            attempt: Attempt::default(),
            retry: Retry::default(),
            failures: 0,
            auth_refusals: 0,
            answered: false,
            scan: HeadScan::default(),
            interim: 0,
            owed: Owed::Nothing,
            reserved: 0,
            pong: None,
            fatal: None,
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Attempts that failed since the platform last answered.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) fn auth_rejected(&self) -> bool {
        self.auth_refusals >= AUTH_REFUSALS
    }

    pub(crate) fn take_fatal(&mut self) -> Option<Fatal> {
        self.fatal.take()
    }

    // ---- wishes ----

    /// Whether a stream is wanted.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.phase, Phase::Connecting { .. } | Phase::Upgrading { .. } | Phase::Open | Phase::Closing { .. })
    }

    pub(crate) fn target(&self) -> Option<Target<'_>> {
        let (host, port, tls) = self.url.target().filter(|_| self.is_up())?;
        Some(Target { attempt: self.attempt, host, port, tls })
    }

    pub(crate) fn room(&self) -> usize {
        match self.phase {
            Phase::Upgrading { .. } | Phase::Open | Phase::Closing { .. } => self.intake.room(),
            _ => 0,
        }
    }

    pub(crate) fn output(&self) -> &[u8] {
        match self.phase {
            Phase::Upgrading { .. } | Phase::Open | Phase::Closing { .. } => self.output.peek(),
            _ => &[],
        }
    }

    pub(crate) fn event(&self) -> Option<Event<'_>> {
        self.session.event(self.intake.message())
    }

    pub(crate) fn deadlines(&self, earliest: &mut Earliest) {
        match self.phase {
            Phase::Waiting { until } => earliest.add(until, Why::Brake),
            Phase::Connecting { by } => earliest.add(by, Why::Connect),
            Phase::Upgrading { by, .. } => earliest.add(by, Why::Upgrade),
            Phase::Open => self.session.deadlines(earliest),
            Phase::Closing { by, .. } => earliest.add(by, Why::Closing),
            // The exchange has its own deadline.
            Phase::Discovering | Phase::Resting | Phase::Ended => {}
        }
    }

    /// Whether the platform has accepted the app, or was not asked.
    pub(crate) fn has_discovered(&self) -> bool {
        self.discovered || self.phase == Phase::Resting
    }

    // ---- facts ----

    pub(crate) fn handle_opened(&mut self, attempt: Attempt, shared: &mut Shared<'_>) {
        let Phase::Connecting { by } = self.phase else { return };
        if attempt != self.attempt {
            return;
        }
        let nonce = shared.rng.bytes();
        self.phase = Phase::Upgrading { by, nonce };
        if !self.write_upgrade(nonce, shared) {
            // Long beyond anything the platform sends: the storage for the URL is larger than the output.
            self.lost(shared, LinkFault::DiscoveryUrl(crate::fault::UrlFault::Long).into());
        }
    }

    pub(crate) fn handle_closed(&mut self, attempt: Attempt, why: Closed, shared: &mut Shared<'_>) {
        if attempt != self.attempt {
            return;
        }
        match self.phase {
            Phase::Connecting { .. } | Phase::Upgrading { .. } => self.lost(shared, LinkFault::Dial(why).into()),
            Phase::Open => self.lost(shared, LinkFault::Closed(1006).into()),
            Phase::Closing { then, .. } => self.closed(then, shared),
            Phase::Waiting { .. } | Phase::Discovering | Phase::Resting | Phase::Ended => {}
        }
    }

    pub(crate) fn handle_received(&mut self, attempt: Attempt, bytes: &[u8], shared: &mut Shared<'_>) {
        let reading = matches!(self.phase, Phase::Upgrading { .. } | Phase::Open | Phase::Closing { .. });
        if attempt != self.attempt || !reading {
            return;
        }
        if bytes.len() > self.intake.room() || !self.intake.push(bytes) {
            match self.phase {
                // Said goodbye already: what follows is decided, and it may be the end.
                Phase::Closing { then, .. } => self.closed(then, shared),
                _ => self.lost(shared, LinkFault::Overrun.into()),
            }
            return;
        }
        self.arrivals.received(shared.now, bytes.len());
        if let Phase::Upgrading { nonce, .. } = self.phase {
            self.read_upgrade(nonce, shared);
        }
        self.pump(shared);
    }

    pub(crate) fn handle_transmitted(&mut self, attempt: Attempt, n: usize, shared: &mut Shared<'_>) {
        if attempt != self.attempt || !self.is_up() {
            return;
        }
        self.output.discard(n);
        if let Phase::Closing { then: then @ Then::Drop(_), .. } = self.phase
            && self.output.is_empty()
        {
            self.closed(then, shared);
            return;
        }
        self.pump(shared);
    }

    pub(crate) fn handle_delivered(&mut self, id: DeliveryId, verdict: Verdict, shared: &mut Shared<'_>) {
        let arrived = self.session.arrived();
        let message = self.intake.message();
        if let Some(answer) = self.session.handle_delivered(shared.now, id, verdict, message, &mut shared.report) {
            self.resolve(answer, arrived, shared);
            self.pump(shared);
        }
    }

    /// An event was accepted by the other way: the one that is shown may be a copy.
    #[cfg(feature = "webhook")]
    pub(crate) fn settle_copy(&mut self, of: DeliveryId, shared: &mut Shared<'_>) {
        if let Some(answer) = self.session.settle_copy(shared.now, of, &mut shared.report) {
            self.reserved = 0;
            self.owed = Owed::Ack(answer);
            self.pump(shared);
        }
    }

    pub(crate) fn handle_timeout(&mut self, shared: &mut Shared<'_>) {
        let now = shared.now;
        match self.phase {
            Phase::Waiting { until } if until <= now => self.discover(now),
            Phase::Connecting { by } if by <= now => self.lost(shared, LinkFault::TimedOut(Why::Connect).into()),
            Phase::Upgrading { by, .. } if by <= now => self.lost(shared, LinkFault::TimedOut(Why::Upgrade).into()),
            Phase::Closing { by, then } if by <= now => self.closed(then, shared),
            Phase::Open => self.tick(shared),
            _ => {}
        }
    }

    fn discover(&mut self, now: Instant) {
        self.phase = Phase::Discovering;
        self.calls_first_until = now.after(TURN_MS);
    }

    /// Whether waiting calls still go before discovery, where they take turns.
    pub(crate) fn is_calls_turn(&self, now: Instant) -> bool {
        now < self.calls_first_until
    }

    /// Makes room for calls.
    pub(crate) fn start_turn(&mut self, shared: &mut Shared<'_>) {
        let arrived = self.session.arrived();
        if let Some(answer) = self.session.refuse_callback(shared.now, self.intake.message(), &mut shared.report) {
            self.resolve(answer, arrived, shared);
        }
        self.stop_responses(shared);
        if self.phase == Phase::Open {
            count(&mut shared.report.stats.turns);
            self.start_closing(1000, Then::Turn, shared);
        }
    }

    /// Lets go of a connection that is not open yet, for calls that cannot wait for it.
    pub(crate) fn give_way(&mut self, shared: &mut Shared<'_>) {
        if matches!(self.phase, Phase::Connecting { .. } | Phase::Upgrading { .. }) {
            self.release(shared);
            self.discover(shared.now);
        }
    }

    /// The application's answer to a callback.
    pub(crate) fn respond(&mut self, id: ResponseId, body: &[u8], shared: &mut Shared<'_>) -> Result<(), Misuse> {
        // Room for the event that is shown stays reserved whatever the answer takes.
        let most = self.output.cap().saturating_sub(open::WS_HEADER);
        self.session.respond(id, body, most, &mut shared.report)?;
        self.pump(shared);
        Ok(())
    }

    /// The bot closes: callbacks that still wait get `{}`.
    pub(crate) fn stop_responses(&mut self, shared: &mut Shared<'_>) {
        self.session.stop_responses(shared.now, &mut shared.report);
        self.pump(shared);
    }

    /// The discovery exchange is over.
    pub(crate) fn handle_discovered(&mut self, result: Result<(), Outcome>, shared: &mut Shared<'_>) {
        if self.phase != Phase::Discovering {
            return;
        }
        match result {
            Ok(()) if shared.rules.link == LinkMode::Discover => {
                self.discovered = true;
                self.failures = 0;
                self.phase = Phase::Resting;
            }
            Ok(()) => {
                self.discovered = true;
                self.attempt.next();
                self.intake.reset();
                self.output.clear();
                self.phase = Phase::Connecting { by: shared.now.after(UPGRADE_MS) };
            }
            Err(outcome) => self.failed(outcome, shared),
        }
    }

    /// Starts the close handshake, or ends at once where there is nothing to close.
    pub(crate) fn close(&mut self, shared: &mut Shared<'_>) {
        self.session.stop_accepting();
        match self.phase {
            Phase::Open => self.start_closing(1000, Then::End, shared),
            Phase::Closing { by, .. } => self.phase = Phase::Closing { by, then: Then::End },
            Phase::Ended => {}
            _ => self.end(shared),
        }
    }

    /// Everything that is owed is written.
    pub(crate) fn is_flushed(&self) -> bool {
        self.phase != Phase::Open
            || (self.output.is_empty()
                && self.pong.is_none()
                && !self.session.is_shown()
                && !self.session.is_response_open())
    }

    pub(crate) fn end(&mut self, shared: &mut Shared<'_>) {
        self.phase = Phase::Ended;
        self.release(shared);
    }
}
