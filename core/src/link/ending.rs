//! How a connection ends: closed by either side, broken, or lost; and what comes after.

use super::arrivals::Arrivals;
use super::open::push_ws;
use super::retry::Pace;
use super::verdict::{Failure, Outcome};
use super::{AUTH_REFUSALS, Link, Owed, Phase, Then};
use crate::fault::{Fatal, FatalReason, LinkFault};
use crate::notice::{Notice, count};
use crate::shared::{OnFatal, Shared};
use crate::text::Short;
use crate::wire::http::HeadScan;
use crate::wire::websocket::{Opcode, WsError};

/// How long the peer may take to answer a close frame.
const CLOSE_MS: u64 = 2000;

impl Link<'_> {
    pub(super) fn peer_closed(&mut self, code: u16, shared: &mut Shared<'_>) {
        match self.phase {
            Phase::Closing { then, .. } => self.closed(then, shared),
            // 1005 stands for "no code" and is never sent.
            _ => self.start_closing(
                if code == 1005 { 1000 } else { code },
                Then::Redial(LinkFault::Closed(code)),
                shared,
            ),
        }
    }

    pub(super) fn broken(&mut self, error: WsError, shared: &mut Shared<'_>) {
        match self.phase {
            Phase::Closing { then, .. } => self.closed(then, shared),
            _ => self.start_closing(error.close_code(), Then::Drop(LinkFault::WebSocket(error)), shared),
        }
    }

    pub(super) fn start_closing(&mut self, code: u16, then: Then, shared: &mut Shared<'_>) {
        let payload = code.to_be_bytes();
        let free = self.output.free();
        let sent = push_ws(&mut self.output, free, Opcode::Close, payload.len(), |w| w.bytes(&payload), shared);
        self.session.closed(&mut shared.report);
        self.owed = Owed::Nothing;
        self.reserved = 0;
        self.intake.consume();
        self.phase = Phase::Closing { by: shared.now.after(CLOSE_MS), then };
        if !sent {
            // The output is full of what nobody reads: hanging up says the same.
            self.closed(then, shared);
        }
    }

    pub(super) fn closed(&mut self, then: Then, shared: &mut Shared<'_>) {
        match then {
            Then::End => self.end(shared),
            Then::Turn => {
                self.release(shared);
                self.discover(shared.now);
            }
            Then::Redial(fault) | Then::Drop(fault) => self.lost(shared, fault.into()),
        }
    }

    pub(super) fn lost(&mut self, shared: &mut Shared<'_>, failure: Failure) {
        self.failed(Outcome::Retry(failure), shared);
    }

    pub(super) fn failed(&mut self, outcome: Outcome, shared: &mut Shared<'_>) {
        let failure = match outcome {
            Outcome::Retry(failure) => failure,
            Outcome::Fatal(fatal, _) if shared.rules.on_fatal == OnFatal::End => {
                self.fatal = Some(fatal);
                return self.end(shared);
            }
            Outcome::Fatal(_, fault) => Failure { pace: Pace::Slow, ..fault.into() },
        };
        if !self.answered {
            self.failures = self.failures.saturating_add(1);
        }
        self.release(shared);
        let mut pace = failure.pace;
        if failure.auth {
            self.auth_refusals = self.auth_refusals.saturating_add(1);
            if self.auth_refusals == AUTH_REFUSALS {
                shared.report.notice(Notice::AuthRejected);
            }
            if self.auth_rejected() {
                pace = Pace::Cap;
            }
        }
        let config = self.session.client_config();
        let followed =
            if shared.rules.follow_reconnect_count { u32::try_from(config.reconnect_count).ok() } else { None };
        count(&mut shared.report.stats.link_faults);
        let limits = [shared.rules.max_attempts, followed];
        if limits.into_iter().flatten().any(|limit| self.failures >= limit.max(1)) {
            let (message, last) = (Short::EMPTY, Some(failure.fault));
            self.fatal = Some(Fatal { reason: FatalReason::GaveUp, code: 0, message, last });
            return self.end(shared);
        }
        let wait_ms = self.retry.wait_ms(pace, config, failure.floor_ms, &mut shared.rng);
        shared.report.notice(Notice::LinkLost { fault: failure.fault, wait_ms });
        self.phase = Phase::Waiting { until: shared.now.after(wait_ms) };
    }

    /// Overwrites what must not be read by whoever gets the memory next.
    pub(crate) fn wipe(&mut self) {
        self.output.clear();
        self.url.clear();
        self.intake.wipe();
        self.session.parts.wipe();
    }

    /// Nothing of a connection is left behind.
    pub(super) fn release(&mut self, shared: &mut Shared<'_>) {
        self.session.closed(&mut shared.report);
        self.intake.reset();
        self.arrivals = Arrivals::NONE;
        self.output.clear();
        self.url.clear();
        self.scan = HeadScan::default();
        self.interim = 0;
        self.owed = Owed::Nothing;
        self.reserved = 0;
        self.pong = None;
        self.answered = false;
    }
}
