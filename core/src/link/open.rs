//! The open connection: from received bytes to events, from verdicts to acks, and the pings between.

use super::intake::Step;
use super::{Answer, Link, Owed, Phase, Reaction, Then, Tick};
use crate::fault::LinkFault;
use crate::notice::{Notice, count};
use crate::pipe::Pipe;
use crate::shared::Shared;
use crate::time::{Instant, Why};
use crate::wire::websocket::{Opcode, WsHeader, apply_mask, parse_close};
use crate::wire::writer::Writer;

/// The longest header of a masked ws frame.
pub(super) const WS_HEADER: usize = 14;

impl Link<'_> {
    pub(super) fn ping(&mut self, shared: &mut Shared<'_>) {
        self.output.relax();
        let session = &self.session;
        let mut counting = Writer::counting();
        session.write_ping(&mut counting);
        let free = self.output.free().saturating_sub(self.reserved);
        if push_ws(&mut self.output, free, Opcode::Binary, counting.len(), |w| session.write_ping(w), shared) {
            count(&mut shared.report.stats.pings);
        }
        self.session.pinged(shared.now);
        self.intake.relax();
    }

    pub(super) fn tick(&mut self, shared: &mut Shared<'_>) {
        let arrived = self.session.arrived();
        if let Some(answer) = self.session.expire_offer(shared.now, self.intake.message(), &mut shared.report) {
            self.resolve(answer, arrived, shared);
        }
        match self.session.tick(shared.now, &mut shared.report) {
            Tick::Quiet => {}
            Tick::Ping => self.ping(shared),
            Tick::Dead(Why::Pong) => return self.lost(shared, LinkFault::NoPong.into()),
            Tick::Dead(_) => return self.lost(shared, LinkFault::Idle.into()),
        }
        self.pump(shared);
    }

    /// Deals with what was received until something is missing: bytes, room, or a verdict.
    pub(super) fn pump(&mut self, shared: &mut Shared<'_>) {
        while matches!(self.phase, Phase::Open | Phase::Closing { then: Then::End | Then::Turn, .. }) {
            self.flush_pong(shared);
            self.flush_responses(shared);
            if !self.settle_owed(shared) {
                break;
            }
            let mut alive = false;
            let step = self.intake.step(&mut alive);
            if alive {
                self.session.handle_alive(shared.now);
            }
            // A goodbye is no answer: a server that accepts and closes must not reset the backoff.
            if !matches!(step, Ok(Step::Starved | Step::Control(Opcode::Close, _)) | Err(_)) {
                self.platform_answered(shared);
            }
            match step {
                Ok(Step::Starved) => {
                    self.arrivals.looked_at();
                    break;
                }
                Ok(Step::Text) => count(&mut shared.report.stats.ignored),
                Ok(Step::Message | Step::TooBig { .. }) if self.phase != Phase::Open => self.intake.consume(),
                Ok(Step::Message) => {
                    self.session.handle_arrival(self.arrivals.of(self.intake.unread()));
                    let reaction = self.session.handle_message(shared.now, self.intake.message(), &mut shared.report);
                    self.react(reaction, shared);
                }
                Ok(Step::TooBig { len }) => {
                    let reaction = self.session.handle_head(shared.now, self.intake.message(), len, &mut shared.report);
                    self.react(reaction, shared);
                }
                Ok(Step::Control(Opcode::Ping, range)) => self.owe_pong(range),
                Ok(Step::Control(Opcode::Close, range)) => match parse_close(self.intake.control(range)) {
                    Ok(close) => {
                        let code = close.map_or(1005, |(code, _)| code);
                        self.peer_closed(code, shared);
                        break;
                    }
                    Err(error) => {
                        self.broken(error, shared);
                        break;
                    }
                },
                Ok(Step::Control(..)) => {}
                Err(error) => {
                    self.broken(error, shared);
                    break;
                }
            }
        }
        if matches!(self.phase, Phase::Closing { then: Then::Redial(_) | Then::Drop(_), .. }) {
            // Behind the peer's goodbye, or behind bytes that made no sense, there is nothing to read. Reading on
            // would hang up before our close frame is out, or not, depending on how the bytes were cut.
            self.intake.reset();
        } else {
            self.intake.settle();
        }
    }

    pub(super) fn react(&mut self, reaction: Reaction, shared: &mut Shared<'_>) {
        self.owed = match reaction {
            Reaction::Ack(answer) => Owed::Ack(answer),
            Reaction::Offer => Owed::Event,
            Reaction::Broken => return self.lost(shared, LinkFault::Undecodable.into()),
            Reaction::Nothing => Owed::Nothing,
        };
        if self.owed == Owed::Nothing {
            self.intake.consume();
        }
    }

    /// Finishes with the message at the head of the line, if that can be done; `false`: it still stands there.
    pub(super) fn settle_owed(&mut self, shared: &mut Shared<'_>) -> bool {
        match self.owed {
            Owed::Nothing => true,
            Owed::Ack(answer) => {
                let fits = ws_len(self.session.ack_len_of(self.intake.message(), 0, answer)) <= self.output.cap();
                if fits && !self.write_ack(answer, 0, shared) {
                    return false;
                }
                self.owed = Owed::Nothing;
                self.intake.consume();
                true
            }
            Owed::Event if self.session.is_shown() => false,
            Owed::Event => {
                let needed = ws_len(self.session.ack_len(self.intake.message()));
                if needed > self.output.cap() {
                    self.session.withdraw(&mut shared.report);
                    self.owed = Owed::Nothing;
                    self.intake.consume();
                    return true;
                }
                if needed <= self.output.free() {
                    self.reserved = needed;
                    self.session.reveal(shared.now);
                }
                false
            }
        }
    }

    /// The event at the head of the line is decided.
    pub(super) fn resolve(&mut self, answer: Option<Answer>, arrived: Option<Instant>, shared: &mut Shared<'_>) {
        self.reserved = 0;
        if let Some(answer) = answer {
            let biz_rt = shared.now.since(arrived.unwrap_or(shared.now));
            self.write_ack(answer, biz_rt, shared);
        }
        self.owed = Owed::Nothing;
        self.intake.consume();
    }

    pub(super) fn write_ack(&mut self, answer: Answer, biz_rt_ms: u64, shared: &mut Shared<'_>) -> bool {
        let (session, message) = (&self.session, self.intake.message());
        let len = session.ack_len_of(message, biz_rt_ms, answer);
        let free = self.output.free();
        let write = |w: &mut Writer<'_>| session.write_ack(message, biz_rt_ms, answer, w);
        let written = push_ws(&mut self.output, free, Opcode::Binary, len, write, shared);
        if written {
            count(&mut shared.report.stats.acked);
        }
        written
    }

    pub(super) fn owe_pong(&mut self, range: core::ops::Range<usize>) {
        let payload = self.intake.control(range);
        let mut pong = [0; 125];
        if let Some(room) = pong.get_mut(..payload.len()) {
            room.copy_from_slice(payload);
            self.pong = Some((pong, payload.len()));
        }
    }

    pub(super) fn flush_pong(&mut self, shared: &mut Shared<'_>) {
        let Some((bytes, len)) = self.pong.filter(|_| self.phase == Phase::Open) else { return };
        let free = self.output.free().saturating_sub(self.reserved);
        let payload = bytes.get(..len).unwrap_or_default();
        if push_ws(&mut self.output, free, Opcode::Pong, len, |w| w.bytes(payload), shared) {
            self.pong = None;
        }
    }

    /// Writes the answers to callbacks as far as there is room.
    pub(super) fn flush_responses(&mut self, shared: &mut Shared<'_>) {
        while self.phase == Phase::Open {
            let session = &mut self.session;
            let Some(response) = session.next_response(shared.now, &mut shared.report) else { return };
            let (now, session) = (shared.now, &self.session);
            let mut counting = Writer::counting();
            session.write_response(now, response, &mut counting);
            let free = self.output.free().saturating_sub(self.reserved);
            let write = |w: &mut Writer<'_>| session.write_response(now, response, w);
            if push_ws(&mut self.output, free, Opcode::Binary, counting.len(), write, shared) {
                count(&mut shared.report.stats.acked);
            } else if ws_len(counting.len()) <= self.output.cap() {
                return;
            }
            self.session.response_written(response);
        }
    }

    pub(super) fn platform_answered(&mut self, shared: &mut Shared<'_>) {
        if !self.answered {
            self.answered = true;
            self.retry.succeeded();
            self.failures = 0;
            self.auth_refusals = 0;
            count(&mut shared.report.stats.links);
            shared.report.notice(Notice::Connected);
        }
    }
}

/// Bytes of a masked ws frame around `payload_len` bytes.
fn ws_len(payload_len: usize) -> usize {
    WsHeader::written_len(payload_len as u64).saturating_add(payload_len)
}

/// Appends one ws frame of exactly `len` payload bytes if it takes at most `free`.
pub(super) fn push_ws(
    output: &mut Pipe<'_>,
    free: usize,
    opcode: Opcode,
    len: usize,
    payload: impl FnOnce(&mut Writer<'_>),
    shared: &mut Shared<'_>,
) -> bool {
    let total = ws_len(len);
    if total > free {
        return false;
    }
    let mask = shared.rng.bytes();
    let header_len = WsHeader::written_len(len as u64);
    output.push_with(
        total,
        |w| {
            WsHeader::write(w, true, opcode, len as u64, mask);
            payload(w);
        },
        |bytes| {
            if let Some(payload) = bytes.get_mut(header_len..) {
                apply_mask(payload, mask, 0);
            }
        },
    )
}
