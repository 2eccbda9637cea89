//! The program: an inbox of bounded size, verdicts in time or late, answers to callbacks, calls.

use std::collections::HashMap;

use larkwire_core::fault::{CallFaultKind, Misuse};
use larkwire_core::{Call, CallId, DeliveryId, ResponseId, Verdict};

use crate::clock::{HOUR, MINUTE, SECOND};
use crate::faults::{Fault, Reach};
use crate::queue::Happening;
use crate::world::World;

/// A call may take so long (`Config::call_timeout_ms`).
const CALL: u64 = 60 * SECOND;

#[derive(Debug)]
struct Spoken {
    at: u64,
    bot_at: u64,
    era: u64,
    ended: bool,
    /// How often the platform did it, and under which `uuid`.
    served: u32,
    uuid: String,
}

#[derive(Debug)]
pub(crate) struct App {
    capacity: usize,
    inbox: usize,
    /// Until then it may keep the bot waiting.
    slow_until: u64,
    /// An event whose verdict is on its way.
    deciding: Option<DeliveryId>,
    calls: Vec<Spoken>,
    open: HashMap<CallId, usize>,
    /// Calls submitted and events accepted: the minute, how many in it, and how many in the one before.
    busy: (u64, u64, u64),
}

impl App {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            inbox: 0,
            slow_until: 0,
            deciding: None,
            calls: Vec::new(),
            open: HashMap::new(),
            busy: (0, 0, 0),
        }
    }

    pub(crate) fn unprompt(&mut self, until: u64) {
        self.slow_until = self.slow_until.max(until);
    }

    pub(crate) fn is_prompt_since(&self, since: u64) -> bool {
        self.slow_until < since
    }

    /// Something happens that the platform will be asked for.
    fn busy(&mut self, minute: u64) {
        if self.busy.0 != minute {
            let before = if self.busy.0 + 1 == minute { self.busy.1 } else { 0 };
            self.busy = (minute, 0, before);
        }
        self.busy.1 += 1;
    }

    /// Reasons to ask the platform within this minute and the one before.
    pub(crate) fn reasons(&self, minute: u64) -> u64 {
        match minute.saturating_sub(self.busy.0) {
            0 => self.busy.1 + self.busy.2,
            1 => self.busy.1,
            _ => 0,
        }
    }

    /// The platform does what a call asks for.
    pub(crate) fn served(&mut self, n: usize, uuid: &str) -> Result<(), String> {
        let Some(call) = self.calls.get_mut(n) else { return Err(format!("call-{n} of nobody")) };
        if !call.uuid.is_empty() && call.uuid != uuid {
            return Err(format!("call-{n} was tried again under another uuid: {} and {uuid}", call.uuid));
        }
        if uuid.is_empty() {
            return Err(format!("call-{n} has no uuid"));
        }
        call.uuid = uuid.to_owned();
        call.served += 1;
        Ok(())
    }

    /// The process is gone, and what it knew.
    pub(crate) fn killed(&mut self) -> u64 {
        self.deciding = None;
        let lost = self.open.len() as u64;
        self.open.clear();
        lost
    }
}

impl World {
    /// The event at the head of the line, if the program looks now.
    pub(crate) fn take_event(&mut self) -> bool {
        let Some(bot) = self.machine.bot() else { return false };
        if !bot.is_delivery_waiting() {
            return false;
        }
        let Some(event) = bot.poll_delivery() else { return false };
        let (id, response) = (event.id(), event.response_id());
        if self.app.deciding == Some(id) {
            return false;
        }
        if self.app.inbox >= self.app.capacity {
            return false;
        }
        let event_id = event.event_id().map(|text| text.raw().to_owned()).unwrap_or_default();
        let known = self.ledger.shown(&event_id, event.trace_id().as_str(), event.json());
        let (index, delivery) = match known {
            Ok(known) => known,
            Err(error) => {
                self.fail(error);
                return false;
            }
        };
        if self.weather.is(Fault::VerdictsLate) && self.dice.one_in(2) {
            self.app.deciding = Some(id);
            let after = self.dice.between(1, 6 * SECOND);
            self.app.unprompt(self.now + after + 3 * SECOND);
            self.after(after, Happening::Verdict { id, response, event: index, delivery });
            return false;
        }
        self.decide(id, response, index, delivery);
        true
    }

    pub(crate) fn decide_late(&mut self, id: DeliveryId, response: Option<ResponseId>, event: u32, delivery: u32) {
        if self.app.deciding.take_if(|deciding| *deciding == id).is_some() {
            // While the machine slept over a verdict, the event was refused, came again and was accepted.
            if self.ledger.has_come_again(event, delivery) {
                return;
            }
            self.decide(id, response, event, delivery);
        }
    }

    fn decide(&mut self, id: DeliveryId, response: Option<ResponseId>, event: u32, delivery: u32) {
        let verdict = match self.dice.below(400) {
            0 => Verdict::Discarded,
            1 => Verdict::Refused,
            _ if response.is_some() && !self.dice.one_in(8) => Verdict::Later,
            _ => Verdict::Accepted,
        };
        self.log(|| format!("program: {verdict:?} for e{event} (t{delivery})"));
        let head = self.machine.bot().and_then(|bot| bot.poll_delivery()).is_some_and(|head| head.id() == id);
        if matches!(verdict, Verdict::Accepted | Verdict::Later) {
            if let Err(error) = self.ledger.take(event, self.now) {
                return self.fail(error);
            }
            let before = self.machine.bot().map_or(0, |bot| bot.seen_count());
            self.fact(|bot, now| bot.handle_delivered(now, id, verdict));
            let ids = self.machine.bot().map_or(0, |bot| bot.seen_count()) - before;
            self.machine.write_journal();
            self.figures.delivered += 1;
            self.machine.accepted += 1;
            self.app.busy(self.now / MINUTE);
            self.ledger.remembered(event, ids);
            self.app.inbox += 1;
            if !self.weather.is(Fault::InboxFull) {
                self.empty_inbox();
            }
            if let (Verdict::Later, Some(response), true) = (verdict, response, head) {
                let after = self.dice.pick(&[0, 50, 700, 2000, 2400, 2600, 10_000]);
                self.after(after, Happening::Respond { response, delivery });
            }
            let answered = self.ledger.events[event as usize].sort == crate::ledger::Sort::Message;
            if answered && self.dice.one_in(self.plan.answers) {
                self.say(Some(event));
            }
        } else {
            if verdict == Verdict::Refused {
                self.app.unprompt(self.now + SECOND);
            }
            self.ledger.deliveries[delivery as usize].discarded |= verdict == Verdict::Discarded;
            self.fact(|bot, now| bot.handle_delivered(now, id, verdict));
        }
    }

    /// The program takes everything out of its inbox.
    pub(crate) fn empty_inbox(&mut self) {
        self.app.inbox = 0;
        let room = self.app.capacity;
        self.fact(|bot, now| bot.handle_inbox(now, room));
    }

    /// The bot refuses events until it is told of room.
    pub(crate) fn tell_room(&mut self) -> bool {
        let room = self.app.capacity - self.app.inbox;
        let wanted = self.machine.bot().is_some_and(|bot| bot.is_room_wanted());
        if wanted && room > 0 && self.app.deciding.is_none() {
            self.fact(|bot, now| bot.handle_inbox(now, room));
        }
        wanted && room > 0 && self.app.deciding.is_none()
    }

    pub(crate) fn respond(&mut self, response: ResponseId, delivery: u32) {
        let body = format!(r#"{{"toast":{{"type":"info","content":"t{delivery}"}}}}"#);
        let taken = self.fact(|bot, now| bot.respond(now, response, body.as_bytes()));
        if taken == Some(Ok(())) {
            self.machine.answered += 1;
            self.ledger.answers.insert(delivery, body);
        }
    }

    // ---- calls ----

    pub(crate) fn speak(&mut self) {
        for _ in 0..self.dice.pick(&[1, 1, 1, 1, 1, 1, 1, 5, 5, 70]) {
            self.say(None);
        }
    }

    fn say(&mut self, reply_to: Option<u32>) {
        let n = self.app.calls.len();
        let text = format!("call-{n} ");
        let message = reply_to.map(|event| format!("om_{event}"));
        let call = match &message {
            Some(message) => Call::reply_text(message, &text),
            None => Call::send_text("oc_1", &text),
        };
        let result = self.fact(|bot, now| bot.submit(now, call));
        match result {
            Some(Ok(id)) => {
                self.log(|| format!("program: call-{n}"));
                self.figures.calls += 1;
                self.machine.submitted += 1;
                self.app.busy(self.now / MINUTE);
                if self.app.open.insert(id, n).is_some() {
                    self.fail(format!("call-{n} has the id of a call that is open"));
                }
                self.app.calls.push(Spoken {
                    at: self.now,
                    bot_at: self.clock.bot(self.now),
                    era: self.era,
                    ended: false,
                    served: 0,
                    uuid: String::new(),
                });
            }
            Some(Err(Misuse::Full | Misuse::Stopping)) | None => self.figures.calls_refused += 1,
            Some(Err(error)) => self.fail(format!("call-{n} was refused: {error}")),
        }
    }

    pub(crate) fn take_completion(&mut self) -> bool {
        let Some(completion) = self.machine.bot().and_then(|bot| bot.poll_completion()) else { return false };
        let (id, ok) = (completion.id, completion.result.is_ok());
        let kind = completion.result.as_ref().err().map(|fault| fault.kind);
        let message = completion.result.map(|answer| answer.message_id.to_owned()).unwrap_or_default();
        self.machine.completed += 1;
        self.fact(|bot, now| bot.handle_completed(now, id));
        let Some(n) = self.app.open.remove(&id) else {
            self.fail(format!("{id:?} ended, and was not open"));
            return false;
        };
        self.log(|| format!("program: call-{n} ended: {kind:?}"));
        let call = &mut self.app.calls[n];
        if std::mem::replace(&mut call.ended, true) {
            self.fail(format!("call-{n} ended twice"));
            return false;
        }
        let right = call.served > 0 && message == format!("om_sent_{n}");
        let calm = self.watch.calls_calm_since().is_some_and(|since| since < call.at);
        let took = self.clock.bot(self.now).saturating_sub(call.bot_at);
        let same = call.era == self.era;
        if ok && !right {
            self.fail(format!("call-{n} succeeded, and the platform knows nothing of it: {message:?}"));
        } else if ok {
            self.figures.calls_done += 1;
        } else if calm && kind != Some(CallFaultKind::Ended) {
            self.fail(format!("call-{n} failed in good times: {kind:?}"));
        }
        if same && took > CALL + 100 {
            self.fail(format!("call-{n} took {took} ms"));
        }
        true
    }

    /// No call is forgotten.
    pub(crate) fn check_calls(&mut self) {
        let (now, era) = (self.clock.bot(self.now), self.era);
        let late = |n: &&usize| {
            let call = &self.app.calls[**n];
            call.era == era && now.saturating_sub(call.bot_at) > CALL + 2 * SECOND
        };
        if let Some(n) = self.app.open.values().find(late) {
            self.fail(format!("call-{n} never ended"));
        }
        // Those that lived through a sleep or so are given more time.
        if let Some(n) = self.app.open.values().find(|n| self.now - self.app.calls[**n].at > 24 * HOUR) {
            self.fail(format!("call-{n} never ended"));
        }
    }

    /// Whether calls must succeed now.
    pub(crate) fn is_calm_for_calls(&self) -> bool {
        self.weather.is_calm(Reach::Link) && self.weather.is_calm(Reach::Calls) && !self.platform.rotated
    }
}
