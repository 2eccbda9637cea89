//! The book of every event and every delivery of it: what was pushed, what the program got, what was acked, and why not.
//! The invariants of single events stand here.

use std::collections::BTreeMap;

use larkwire_core::fault::DropReason;

use crate::clock::{HOUR, UNIX};
use crate::plan::Plan;

/// Ids of what was handed over are remembered for so long (the preset).
pub(crate) const WINDOW: u64 = 12 * HOUR;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sort {
    Message,
    Other,
    Callback,
}

/// When and in which memory the program accepted an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    at: u64,
    memory: u32,
    /// Ids that had been remembered by then.
    inserted: u64,
    /// How far the wall clock had jumped in all, and how wrong it was.
    travel: u64,
    ahead: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) sort: Sort,
    pub(crate) pad: u32,
    pub(crate) created: u64,
    pub(crate) taken: Option<Taken>,
    pub(crate) acked: bool,
    pub(crate) redeliveries: u8,
    /// Why it did not have to reach the program.
    pub(crate) dropped: Option<DropReason>,
}

#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    /// `None`: nonsense that is no event of ours.
    pub(crate) event: Option<u32>,
    pub(crate) conn: u32,
    pub(crate) at: u64,
    /// Parts it was sent in; 1 for a whole message.
    pub(crate) parts: u8,
    /// Bytes of the event, and of the longest frame that carried some of it.
    pub(crate) json: usize,
    pub(crate) frame: usize,
    /// A part that contradicts the others was sent, and one whose `sum` is more than any message may have.
    pub(crate) odd: bool,
    pub(crate) over: bool,
    /// Sent in a way that need not work.
    pub(crate) messy: bool,
    pub(crate) acked: bool,
    /// The program said that it does not want it.
    pub(crate) discarded: bool,
    pub(crate) notice: Option<DropReason>,
    /// For nonsense: what must become of it.
    pub(crate) expect: Option<DropReason>,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) events: Vec<Event>,
    pub(crate) deliveries: Vec<Delivery>,
    /// Ids remembered so far by the bot, over its restarts.
    pub(crate) inserted: u64,
    seen_cap: u64,
    /// Bytes given for a message, and for the parts of some.
    message: usize,
    parts: usize,
    /// An older message is stale; 0: none is.
    stale_after_ms: u64,
    /// Parts sent so far, and sets of them that the bot gave up; the same for messages that are no frames.
    pub(crate) parts_sent: u64,
    incomplete: u64,
    pub(crate) garbage_sent: u64,
    undecodable: u64,
    /// Counts restarts that forgot.
    pub(crate) memory: u32,
    pub(crate) restored_at: Option<u64>,
    pub(crate) travel: u64,
    pub(crate) ahead: u64,
    /// Answers of the program to callbacks, by delivery.
    pub(crate) answers: BTreeMap<u32, String>,
    /// Events handed over again, and why that was right.
    pub(crate) again: BTreeMap<&'static str, u64>,
}

/// Whether a message dropped for this reason is acked.
fn is_acked(reason: DropReason) -> bool {
    !matches!(
        reason,
        DropReason::InboxFull
            | DropReason::Incomplete
            | DropReason::Part
            | DropReason::Undecodable
            | DropReason::Unknown
    )
}

impl Delivery {
    /// Of an event in one piece, or of nonsense.
    pub(crate) fn whole(event: Option<u32>, conn: u32, at: u64) -> Self {
        Self {
            event,
            conn,
            at,
            parts: 1,
            json: 0,
            frame: 0,
            odd: false,
            over: false,
            messy: false,
            acked: false,
            discarded: false,
            notice: None,
            expect: None,
        }
    }
}

/// Kept by the engine beside a message: the next ws frame's header and a whole control frame.
const ROOM: usize = 160;
/// Parts are kept in blocks: their size, what of it is payload, and what stands before each part.
const BLOCK: (usize, usize) = (256, 252);
const RECORD: usize = 5;

impl Ledger {
    pub(crate) fn of(plan: &Plan) -> Self {
        Self {
            seen_cap: plan.size.seen as u64,
            message: plan.size.message,
            parts: plan.size.parts(),
            stale_after_ms: plan.stale_after_ms,
            ..Self::default()
        }
    }

    pub(crate) fn json(&self, index: u32, twin: bool) -> String {
        let event = &self.events[index as usize];
        let x = if twin { "x" } else { "" };
        let header = |kind: &str| {
            format!(
                r#"{{"schema":"2.0","header":{{"event_id":"e{index}{x}","event_type":"{kind}","create_time":"{}","tenant_key":"tk","app_id":"{}","token":""}},"event":"#,
                event.created,
                crate::plan::APP_ID
            )
        };
        let pad = "a\u{e9}\u{4e16} ".chars().cycle().take(event.pad as usize).collect::<String>();
        match event.sort {
            Sort::Message => format!(
                r#"{}{{"sender":{{"sender_id":{{"open_id":"ou_1","union_id":"on_1","user_id":null}},"sender_type":"user"}},"message":{{"message_id":"om_{index}","chat_id":"oc_1","chat_type":"p2p","message_type":"text","create_time":"{}","content":"{{\"text\":\"{pad}\"}}"}}}}}}"#,
                header("im.message.receive_v1"),
                event.created
            ),
            Sort::Other => format!(r#"{}{{"x":"{pad}"}}}}"#, header("im.chat.updated_v1")),
            Sort::Callback => format!(
                r#"{}{{"operator":{{"tenant_key":"tk","open_id":"ou_1","union_id":"on_1"}},"token":"c-{index}","action":{{"value":{{"pad":"{pad}"}},"tag":"button"}},"host":"im_message","context":{{"open_message_id":"om_{index}","open_chat_id":"oc_1"}}}}}}"#,
                header("card.action.trigger")
            ),
        }
    }

    /// The event is shown to the program: it must be the right one, byte for byte.
    pub(crate) fn shown(&self, event_id: &str, trace_id: &str, json: &str) -> Result<(u32, u32), String> {
        let delivery: u32 = number(trace_id, "t").ok_or_else(|| format!("a trace id of nobody: {trace_id}"))?;
        let twin = event_id.ends_with('x');
        let index: u32 = number(event_id.trim_end_matches('x'), "e").ok_or_else(|| format!("no event: {event_id}"))?;
        let known = self.deliveries.get(delivery as usize).filter(|delivery| delivery.event == Some(index));
        if known.is_none() {
            return Err(format!("event {event_id} came as delivery {trace_id}, which was another"));
        }
        if json != self.json(index, twin) {
            return Err(format!("event {event_id} is not what was sent: {json}"));
        }
        Ok((index, delivery))
    }

    /// Whether the bot refused this delivery, and the program has accepted the event since it was sent.
    pub(crate) fn has_come_again(&self, index: u32, delivery: u32) -> bool {
        let sent = &self.deliveries[delivery as usize];
        let taken = self.events[index as usize].taken;
        sent.notice == Some(DropReason::InboxFull) && taken.is_some_and(|taken| taken.at >= sent.at)
    }

    /// So many ids were remembered with the event that was just accepted.
    pub(crate) fn remembered(&mut self, index: u32, ids: u64) {
        self.inserted += ids;
        if let Some(taken) = &mut self.events[index as usize].taken {
            taken.inserted = self.inserted;
        }
    }

    /// The program accepts the event.
    pub(crate) fn take(&mut self, index: u32, now: u64) -> Result<(), String> {
        let taken =
            Taken { at: now, memory: self.memory, inserted: self.inserted, travel: self.travel, ahead: self.ahead };
        let before = self.events[index as usize].taken.replace(taken);
        let Some(before) = before else { return Ok(()) };
        // Some ids of the second time may stand in the table already; two is the most an event has.
        let pushed_out = self.inserted - before.inserted + 2 >= self.seen_cap;
        let restored = self.restored_at.is_some_and(|at| at >= before.at);
        let travel = if restored { self.travel - before.travel + before.ahead } else { 0 };
        let why = if before.memory != self.memory {
            "a restart without memory"
        } else if pushed_out {
            "pushed out of the table"
        } else if now - before.at + travel > WINDOW {
            "older than the window"
        } else {
            return Err(format!("event e{index} was handed over twice, {} ms apart", now - before.at));
        };
        *self.again.entry(why).or_default() += 1;
        Ok(())
    }

    /// Whether the bot may know the event's id: the program accepted it in this memory, within the window, and fewer ids
    /// than the table holds came behind it.
    fn may_be_remembered(&self, index: u32, now: u64) -> bool {
        let Some(taken) = self.events[index as usize].taken else { return false };
        // With a memory that was written and read the wall clock dates the ids, and it may be wrong either way.
        let restored = self.restored_at.is_some_and(|at| at >= taken.at);
        // What a clock stood still is part of the travel.
        let in_time = restored || now - taken.at <= WINDOW + self.travel - taken.travel;
        taken.memory == self.memory && in_time && self.inserted - taken.inserted < self.seen_cap
    }

    /// Whether the storage given is too small for the delivery. Acks never are: they take a tenth of the smallest output.
    fn is_too_big(&self, delivery: &Delivery) -> bool {
        let split = delivery.parts > 1;
        let records = delivery.json + usize::from(delivery.parts) * RECORD;
        let no_room_for_parts = delivery.json > self.message || records > self.parts / BLOCK.0 * BLOCK.1;
        delivery.over || delivery.frame > self.message.saturating_sub(ROOM) || (split && no_room_for_parts)
    }

    /// Whether a message may be older than the limit, as far as the bot's clock can tell.
    fn may_be_stale(&self, event: &Event, now: u64) -> bool {
        let age = UNIX + now - event.created;
        event.sort == Sort::Message && self.stale_after_ms > 0 && age + self.ahead > self.stale_after_ms
    }

    /// The bot says that it dropped something whose name it does not know.
    fn dropped_nameless(&mut self, reason: DropReason, trace_id: &str) -> Result<(), String> {
        let (told, sent) = match reason {
            DropReason::Incomplete => (&mut self.incomplete, self.parts_sent),
            DropReason::Undecodable => (&mut self.undecodable, self.garbage_sent),
            _ => return Err(format!("a notice of nobody's delivery: {trace_id:?} was dropped as {reason:?}")),
        };
        *told += 1;
        if *told > sent || !trace_id.is_empty() {
            return Err(format!(
                "{trace_id:?} was dropped as {reason:?}, {told} in all: {sent} of that sort were sent"
            ));
        }
        Ok(())
    }

    /// The bot says that it dropped a delivery.
    pub(crate) fn dropped(&mut self, reason: DropReason, trace_id: &str, now: u64) -> Result<(), String> {
        let Some(number) = number::<u32>(trace_id, "t") else { return self.dropped_nameless(reason, trace_id) };
        let Some(delivery) = self.deliveries.get_mut(number as usize) else {
            return Err(format!("a notice of nobody's delivery: {trace_id}"));
        };
        delivery.notice = Some(reason);
        let delivery = &self.deliveries[number as usize];
        let Some(index) = delivery.event else {
            let expect = delivery.expect;
            return if expect == Some(reason) || reason == DropReason::InboxFull {
                Ok(())
            } else {
                Err(format!("delivery {trace_id} was dropped as {reason:?}, not {expect:?}"))
            };
        };
        let right = match reason {
            DropReason::Duplicate => self.may_be_remembered(index, now),
            DropReason::Discarded => delivery.discarded,
            // Whether there was room is asked where the ack is: `check_ack`.
            DropReason::InboxFull => true,
            DropReason::Incomplete => delivery.parts > 1,
            DropReason::Part => delivery.odd,
            DropReason::Stale => self.may_be_stale(&self.events[index as usize], now),
            DropReason::TooBig => self.is_too_big(delivery),
            _ => false,
        };
        let event = &mut self.events[index as usize];
        if !right {
            let taken = event.taken;
            return Err(format!(
                "event e{index} ({trace_id}) was dropped as {reason:?} for no reason; handed over: {taken:?}"
            ));
        }
        if is_acked(reason) && reason != DropReason::Duplicate {
            event.dropped = Some(reason);
        }
        Ok(())
    }

    /// The platform reads an ack.
    pub(crate) fn acked(&mut self, number: u32, conn: u32, data: Option<&str>) -> Result<(), String> {
        let Some(delivery) = self.deliveries.get_mut(number as usize) else {
            return Err(format!("an ack of nobody's delivery t{number}"));
        };
        if delivery.conn != conn {
            return Err(format!("the ack of t{number} came on connection {conn}, not on its own {}", delivery.conn));
        }
        if delivery.acked && delivery.parts == 1 {
            return Err(format!("t{number} was acked twice"));
        }
        delivery.acked = true;
        let delivery_parts = delivery.parts;
        let notice = delivery.notice;
        let Some(index) = delivery.event else {
            return match notice {
                Some(reason) if is_acked(reason) => Ok(()),
                _ => Err(format!("t{number} was acked without a word: {notice:?}")),
            };
        };
        let event = &mut self.events[index as usize];
        let callback = event.sort == Sort::Callback;
        let explained = event.taken.is_some() || event.dropped.is_some() || notice.is_some_and(is_acked);
        let refused = callback && notice == Some(DropReason::InboxFull);
        if !explained && !refused {
            return Err(format!("e{index} was acked as t{number} and nobody has it: {notice:?}"));
        }
        if notice == Some(DropReason::InboxFull) && !callback {
            return Err(format!("e{index} was refused as t{number}, and acked"));
        }
        event.acked = true;
        // A part that came again is acked on its own frame, as any frame is, while the answer may still be on its way;
        // and nobody knows what a message is that did not fit.
        let unread = (delivery_parts > 1 || notice == Some(DropReason::TooBig)) && data.is_none();
        if callback != data.is_some() && !(callback && unread) {
            return Err(format!("the ack of t{number} holds data: {data:?}"));
        }
        if let Some(data) = data {
            let answer = self.answers.get(&number).map_or("{}", String::as_str);
            let wanted = crate::wire::base64(answer.as_bytes());
            // An answer that was given while `{}` was on its way is refused, so what was taken must come.
            if data != wanted {
                return Err(format!("callback t{number} was answered {data}, not {answer}"));
            }
        }
        Ok(())
    }
}

pub(crate) fn number<T: std::str::FromStr>(text: &str, prefix: &str) -> Option<T> {
    text.strip_prefix(prefix)?.parse().ok()
}

#[cfg(test)]
mod tests;
