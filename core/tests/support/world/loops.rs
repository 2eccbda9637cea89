//! The loops of a runtime, without waiting: what can be done now is done.

use larkwire_core::{Attempt, Lane, Verdict, Wish};

use super::super::{App, Dial};
use super::{Completed, Delivered, Dialled, Side, Told, World};

impl World {
    pub(crate) fn lanes(&self) -> Vec<Lane> {
        (0..self.bot.http_lanes()).map(Lane::Http).chain([Lane::Socket]).collect()
    }

    /// Does everything that can be done without time passing.
    pub(crate) fn run(&mut self) {
        for _ in 0..1_000_000 {
            let mut progress = false;
            for lane in self.lanes() {
                progress |= self.dial(lane);
                progress |= self.write(lane);
                progress |= self.read(lane);
            }
            progress |= self.deliver();
            progress |= self.take_completions();
            #[cfg(feature = "webhook")]
            {
                progress |= self.take_answer();
            }
            while let Some(notice) = self.bot.take_notice() {
                self.notices.push((self.now, notice));
            }
            if !progress {
                return;
            }
        }
        panic!("never comes to rest");
    }

    fn dial(&mut self, lane: Lane) -> bool {
        let wish = match self.bot.poll_lane(lane) {
            Wish::Down => return self.sides.insert(lane, Side::default()).is_some_and(|side| side.attempt.is_some()),
            Wish::Up(target) => target,
        };
        if self.sides.get(&lane).is_some_and(|side| side.attempt == Some(wish.attempt)) {
            return false;
        }
        let attempt = wish.attempt;
        let dialled = Dialled { at: self.now, lane, host: wish.host.to_owned(), port: wish.port, tls: wish.tls };
        self.dials.push(dialled);
        let script = &mut self.script;
        let (queue, default) = match lane {
            Lane::Socket => (&mut script.socket_dials, script.dial_socket),
            Lane::Http(_) => (&mut script.http_dials, script.dial_http),
        };
        let dial = queue.pop_front().unwrap_or(default);
        let open = dial == Dial::Open;
        self.sides.insert(lane, Side { attempt: Some(attempt), open, ..Side::default() });
        match dial {
            Dial::Open => {
                self.sent.push((lane, self.now, Vec::new()));
                self.fact(|bot, now| bot.handle_opened(now, lane, attempt));
            }
            Dial::Fail(why) => self.fact(|bot, now| bot.handle_closed(now, lane, attempt, why)),
            Dial::Hang => {}
        }
        true
    }

    /// The attempt of a stream that is open on both sides.
    fn live(&self, lane: Lane) -> Option<Attempt> {
        let side = self.sides.get(&lane).filter(|side| side.open)?;
        side.attempt.filter(|attempt| self.attempt(lane) == Some(*attempt))
    }

    pub(super) fn write(&mut self, lane: Lane) -> bool {
        let Some(attempt) = self.live(lane) else { return false };
        let bytes = self.bot.poll_transmit(lane);
        let n = bytes.len().min(self.script.write);
        if n == 0 {
            return false;
        }
        let bytes = bytes[..n].to_vec();
        let stream = self.sent.iter_mut().rev().find(|(of, ..)| *of == lane).expect("a stream");
        stream.2.extend(&bytes);
        self.sides.get_mut(&lane).expect("a side").input.extend(bytes);
        self.tell(Told::Transmitted(lane, n), |bot, now| bot.handle_transmitted(now, lane, attempt, n));
        self.answer(lane, attempt);
        true
    }

    fn read(&mut self, lane: Lane) -> bool {
        let mut progress = false;
        while let Some(attempt) = self.live(lane) {
            let room = self.bot.poll_receive(lane);
            let chop = self.chop;
            let side = self.sides.get_mut(&lane).expect("a side");
            let n = side.output.len().min(chop).min(room);
            if n == 0 {
                if side.output.is_empty()
                    && let Some(why) = side.end.take()
                {
                    side.open = false;
                    self.fact(|bot, now| bot.handle_closed(now, lane, attempt, why));
                    progress = true;
                }
                break;
            }
            let bytes: Vec<u8> = side.output.drain(..n).collect();
            self.tell(Told::Received(lane), |bot, now| bot.handle_received(now, lane, attempt, &bytes));
            progress = true;
        }
        progress
    }

    fn deliver(&mut self) -> bool {
        let verdict = match self.script.app {
            App::Hold => return false,
            App::Accept => Verdict::Accepted,
            App::Later => Verdict::Later,
            App::Discard => Verdict::Discarded,
            App::Refuse => Verdict::Refused,
        };
        if self.bot.poll_delivery().is_none() {
            return false;
        }
        self.see_delivery();
        let id = self.bot.poll_delivery().expect("an event").id();
        self.fact(|bot, now| bot.handle_delivered(now, id, verdict));
        true
    }

    /// Notes the event at the head of the line, without a verdict.
    pub(crate) fn see_delivery(&mut self) {
        let event = self.bot.poll_delivery().expect("an event waits");
        let text = |str: Option<larkwire_core::wire::json::Str<'_>>| str.map(|s| s.to_string()).unwrap_or_default();
        let message = event.message();
        self.delivered.push(Delivered {
            at: self.now,
            event_type: text(event.event_type()),
            event_id: text(event.event_id()),
            message_id: text(message.and_then(|message| message.message_id())),
            content: text(message.and_then(|message| message.content())),
            json: event.json().to_owned(),
            trace_id: event.trace_id().as_str().to_owned(),
            callback: event.is_callback(),
        });
    }

    fn take_completions(&mut self) -> bool {
        if !self.script.take_completions {
            return false;
        }
        let Some(completion) = self.bot.poll_completion() else { return false };
        let id = completion.id;
        let result = completion.result.map(|sent| (sent.message_id.to_owned(), sent.data.to_owned()));
        let log_id = completion.log_id.as_str().to_owned();
        self.completed.push(Completed { at: self.now, id, result, log_id });
        self.fact(|bot, now| bot.handle_completed(now, id));
        true
    }
}
