//! What a whole message is, and what it asks for (protocol sections 5 to 8.3).

use super::labels::Labels;
use super::parts::{Insert, MAX_PARTS, Part};
use super::session::{Answer, Offered, Place, Reaction, STRIKES, Screened, Session};
use crate::event::{self, DeliveryId, Event};
use crate::fault::DropReason;
use crate::notice::{Report, count};
use crate::text::Short;
use crate::time::Instant;
use crate::wire::frame::Frame;

impl Session<'_> {
    /// Takes a whole binary message.
    pub fn handle_message(&mut self, now: Instant, message: &[u8], report: &mut Report<'_>) -> Reaction {
        let mut labels = Labels::default();
        let decoded = Frame::decode_with(message, &mut |header| labels.take(header));
        self.ack_plan = None;
        let Ok(frame) = decoded else {
            self.strikes = self.strikes.saturating_add(1);
            count(&mut report.stats.undecodable);
            report.dropped(DropReason::Undecodable, message.len(), None);
            return if self.strikes >= STRIKES { Reaction::Broken } else { Reaction::Nothing };
        };
        self.strikes = 0;
        if frame.missing.count() > 0 {
            count(&mut report.stats.frames_incomplete);
        }
        match frame.method {
            0 => {
                self.control(now, &frame, report);
                Reaction::Nothing
            }
            1 => {
                self.ack_plan = frame.ack_plan();
                let reaction = self.data(now, message, &frame, &labels, report);
                self.report_lost(report);
                reaction
            }
            _ => {
                count(&mut report.stats.ignored);
                Reaction::Nothing
            }
        }
    }

    /// Takes the first bytes of a message of `len` bytes whose rest did not fit (protocol section 7.4).
    pub fn handle_head(&mut self, now: Instant, head: &[u8], len: u64, report: &mut Report<'_>) -> Reaction {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        self.ack_plan = None;
        let Ok(Some(frame)) = Frame::decode_head(head) else {
            report.dropped(DropReason::TooBig, len, None);
            return Reaction::Nothing;
        };
        let mut labels = Labels::default();
        frame.headers().for_each(|header| labels.take(header));
        if frame.method != 1 || !labels.is_event() {
            count(&mut report.stats.ignored);
            return Reaction::Nothing;
        }
        let split = labels.sum.and_then(Result::ok).is_some_and(|sum| sum > 1);
        if let (true, Some(message_id)) = (split, labels.message_id) {
            let id = self.hash(b's', message_id);
            if self.parts.is_finished(now, id) {
                count(&mut report.stats.parts_repeated);
                return Reaction::Ack(Answer::Received);
            }
            self.parts.forget(id);
            self.parts.finish(now, id);
        }
        report.dropped(DropReason::TooBig, len, labels.trace_id);
        Reaction::Ack(Answer::Received)
    }

    fn control(&mut self, now: Instant, frame: &Frame<'_>, report: &mut Report<'_>) {
        if frame.header("type") != Some(b"pong".as_slice()) {
            count(&mut report.stats.ignored);
            return;
        }
        count(&mut report.stats.pongs);
        let payload = frame.payload.unwrap_or_default();
        if !payload.is_empty() && self.config.merge_payload(payload).is_err() {
            count(&mut report.stats.pongs_malformed);
        }
        // The idle limit follows the interval: with the old one a longer interval would look like silence.
        self.liveness.inbound(now, &self.config);
    }

    fn data(
        &mut self,
        now: Instant,
        message: &[u8],
        frame: &Frame<'_>,
        labels: &Labels<'_>,
        report: &mut Report<'_>,
    ) -> Reaction {
        if labels.repeated {
            count(&mut report.stats.headers_repeated);
        }
        let payload = frame.payload.unwrap_or_default();
        let drop = |report: &mut Report<'_>, reason| report.dropped(reason, payload.len(), labels.trace_id);
        if !labels.is_event() {
            drop(report, DropReason::Unknown);
            return Reaction::Nothing;
        }
        if !matches!(frame.payload_encoding, None | Some(b"" | b"none" | b"identity")) {
            drop(report, DropReason::UnsupportedEncoding);
            return Reaction::Ack(Answer::Received);
        }
        let sum = match labels.sum {
            None => 1,
            Some(Ok(sum)) => sum,
            Some(Err(_)) => {
                drop(report, DropReason::Malformed);
                return Reaction::Ack(Answer::Received);
            }
        };
        if sum <= 1 {
            let range = frame.payload_range().unwrap_or_default();
            return self.payload(now, message, Place::Message(range), labels, None, report);
        }
        let (Some(message_id), Some(Ok(seq))) = (labels.message_id, labels.seq) else {
            drop(report, DropReason::Malformed);
            return Reaction::Ack(Answer::Received);
        };
        let id = self.hash(b's', message_id);
        if self.parts.is_finished(now, id) {
            count(&mut report.stats.parts_repeated);
            return Reaction::Ack(Answer::Received);
        }
        // Beyond the bound one number is as good as another.
        let sum = u32::try_from(sum).unwrap_or(MAX_PARTS.saturating_add(1));
        let digest = self.hash(b'd', payload) as u32;
        match self.parts.insert(now, Part { id, sum, seq, digest, bytes: payload }) {
            Insert::Complete => self.payload(now, message, Place::Assembled, labels, Some(id), report),
            Insert::Kept => Reaction::Nothing,
            Insert::Rejected => {
                drop(report, DropReason::Part);
                Reaction::Nothing
            }
            Insert::Repeated { differs } => {
                count(&mut report.stats.parts_repeated);
                if differs {
                    count(&mut report.stats.parts_differing);
                }
                Reaction::Nothing
            }
            Insert::TooBig => {
                drop(report, DropReason::TooBig);
                self.parts.finish(now, id);
                Reaction::Ack(Answer::Received)
            }
        }
    }

    /// A whole payload: what it is, and whether the application may see it.
    fn payload(
        &mut self,
        now: Instant,
        message: &[u8],
        place: Place,
        labels: &Labels<'_>,
        split: Option<u64>,
        report: &mut Report<'_>,
    ) -> Reaction {
        let payload = match &place {
            Place::Assembled => self.parts.assembled(),
            Place::Message(range) => message.get(range.clone()).unwrap_or_default(),
        };
        let len = payload.len();
        let trace_id = labels.trace_id.map(Short::<48>::from_bytes).unwrap_or_default();
        let parsed = event::parse(payload);
        let callback = parsed.as_ref().is_ok_and(|(_, spans)| spans.callback);
        let screened = match &parsed {
            Err(event::Malformed) => Err((DropReason::Malformed, Short::EMPTY)),
            Ok((json, spans)) => {
                let event = Event { id: DeliveryId::NONE, json, spans, trace_id: trace_id.as_bytes(), own: b"" };
                self.screen(now, &event)
            }
        };
        let refused = match (screened, parsed) {
            (Ok(Screened { id, speaker }), Ok((_, spans))) => {
                self.serial = id.serial;
                let arrived = self.arrival.unwrap_or(now);
                self.offered = Some(Offered {
                    id,
                    spans,
                    place,
                    len,
                    trace_id,
                    split,
                    arrived,
                    decide_by: None,
                    stalls_at: now,
                    speaker,
                });
                return Reaction::Offer;
            }
            (Err(refused), _) => refused,
            (Ok(_), Err(event::Malformed)) => (DropReason::Malformed, Short::EMPTY),
        };
        self.parts.release();
        match refused {
            (DropReason::InboxFull, _) => {
                report.dropped(DropReason::InboxFull, len, labels.trace_id);
                if callback {
                    count(&mut report.stats.callbacks_lost);
                    return Reaction::Ack(Answer::EmptyObject);
                }
                Reaction::Nothing
            }
            (reason, who) => {
                if let Some(id) = split {
                    self.parts.finish(now, id);
                }
                report.stopped(reason, len, labels.trace_id, who);
                Reaction::Ack(Answer::to(callback))
            }
        }
    }
}
