//! What the platform pushes: events, parts of them, the same again, and nonsense (protocol sections 7 and 10).

use larkwire_core::fault::DropReason;
use prost::Message as _;

use crate::clock::{HOUR, MINUTE, SECOND};
use crate::faults::Fault;
use crate::ledger::{Delivery, Event, Sort};
use crate::queue::Happening;
use crate::wire::{Pb, ws, ws_fragments};
use crate::world::World;

/// The platform waits so long for an ack (protocol section 10.1).
pub(crate) const ACK: u64 = 3 * SECOND;
/// When it sends again, counted from the time before.
const AGAIN: [u64; 4] = [15 * SECOND, 5 * MINUTE, HOUR, 6 * HOUR];

impl World {
    /// Something happens in a chat.
    pub(crate) fn new_event(&mut self) {
        let sort = match self.dice.below(10) {
            0..6 => Sort::Message,
            6..9 => Sort::Other,
            _ => Sort::Callback,
        };
        let large = self.weather.is(Fault::Large) && self.dice.one_in(3);
        let pad = match self.dice.below(8) {
            _ if large => self.dice.between(400, 6000) as u32,
            0 => self.dice.between(100, 250) as u32,
            _ => self.dice.below(60) as u32,
        };
        let created = crate::clock::UNIX + self.now;
        self.ledger.events.push(Event {
            sort,
            pad,
            created,
            taken: None,
            acked: false,
            redeliveries: 0,
            dropped: None,
        });
        let index = self.ledger.events.len() as u32 - 1;
        self.figures.events += 1;
        self.deliver(index);
    }

    /// Any connection that the platform believes in.
    fn any_conn(&mut self) -> Option<u32> {
        let live = |(_, conn): &(&u32, &crate::network::Conn)| conn.upgraded && conn.platform_end && !conn.closing;
        let ids: Vec<u32> = self.conns.iter().filter(live).map(|(id, _)| *id).collect();
        (!ids.is_empty()).then(|| self.dice.pick(&ids))
    }

    /// Pushes an event, for the first time or again.
    pub(crate) fn deliver(&mut self, index: u32) {
        let delivery = self.ledger.deliveries.len() as u32;
        let Some(conn) = self.any_conn() else {
            self.figures.no_connection += 1;
            return self.later(index);
        };
        self.figures.deliveries += 1;
        let event = &self.ledger.events[index as usize];
        // The same message under another event id is still the same message (protocol section 10.2).
        let twin = event.sort == Sort::Message && event.taken.is_some() && self.dice.one_in(8);
        let json = self.ledger.json(index, twin).into_bytes();
        let split = self.weather.is(Fault::PartsMessy) || self.dice.one_in(12);
        let parts = if split { self.dice.between(2, 5) as u8 } else { 1 };
        let messy = self.weather.is(Fault::PartsMessy) || self.weather.is(Fault::Large);
        let whole = Delivery::whole(Some(index), conn, self.now);
        self.ledger.deliveries.push(Delivery { parts, messy, json: json.len(), ..whole });
        self.log(|| format!("platform: e{index} as t{delivery} on {conn}, {parts} parts"));
        self.after(ACK, Happening::AckCheck { delivery });
        if parts == 1 {
            let bytes = frame(delivery, "1", "0", json);
            self.ledger.deliveries[delivery as usize].frame = bytes.len();
            let bytes = match self.dice.below(20) {
                0 => ws_fragments(2, &bytes, bytes.len() / 3),
                _ => ws(2, &bytes),
            };
            self.send_down(conn, &bytes);
        } else {
            self.send_parts(conn, delivery, parts, &json, self.weather.is(Fault::PartsMessy));
        }
    }

    fn send_parts(&mut self, conn: u32, delivery: u32, parts: u8, json: &[u8], messy: bool) {
        let sum = u64::from(parts);
        let mut pieces: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut from = 0;
        for seq in 0..sum {
            let rest = (json.len() - from) as u64;
            let len = if seq + 1 == sum { rest } else { self.dice.below(rest + 1) };
            pieces.push((seq, json[from..from + len as usize].to_vec()));
            from += len as usize;
        }
        // Any order.
        for at in (1..pieces.len()).rev() {
            let other = self.dice.below(at as u64 + 1) as usize;
            pieces.swap(at, other);
        }
        let sums = sum.to_string();
        let (mut longest, mut odd_sent, mut over) = (0, false, false);
        for (seq, piece) in pieces {
            if messy && self.dice.one_in(12) {
                continue;
            }
            if messy && self.dice.one_in(10) {
                // A set of another size under the same id: left out, or too big, which is acked.
                let odd = self.dice.pick(&["7", "7", "7", "65", "4294967296"]);
                let seq = self.dice.pick(&["0", "9", "-1", "99999999999"]);
                odd_sent = true;
                over |= odd != "7";
                self.ledger.parts_sent += 1;
                self.send_down(conn, &ws(2, &frame(delivery, odd, seq, b"??".to_vec())));
            }
            let times = if messy && self.dice.one_in(8) { 2 } else { 1 };
            for _ in 0..times {
                let bytes = frame(delivery, &sums, &seq.to_string(), piece.clone());
                longest = longest.max(bytes.len());
                self.ledger.parts_sent += 1;
                let bytes = ws(2, &bytes);
                if messy && self.dice.one_in(6) {
                    let after = self.dice.between(0, 15 * SECOND);
                    self.after(after, Happening::Answer { conn, bytes, close: false });
                } else {
                    self.send_down(conn, &bytes);
                }
            }
        }
        let delivery = &mut self.ledger.deliveries[delivery as usize];
        (delivery.frame, delivery.odd, delivery.over) = (longest, odd_sent, over);
    }

    /// The platform tries again, if it may.
    fn later(&mut self, index: u32) {
        let event = &mut self.ledger.events[index as usize];
        let tries = usize::from(event.redeliveries);
        if event.sort == Sort::Callback || tries >= AGAIN.len() {
            return;
        }
        event.redeliveries += 1;
        let after = AGAIN[tries];
        self.after(after, Happening::Redeliver { event: index });
    }

    pub(crate) fn redeliver(&mut self, index: u32) {
        self.figures.redeliveries += 1;
        self.deliver(index);
    }

    /// 3 s after a delivery: was it acked, and if not, may that be?
    pub(crate) fn check_ack(&mut self, number: u32) {
        let delivery = &self.ledger.deliveries[number as usize];
        let clean = self.is_clean(delivery.conn, delivery.at);
        let (acked, index, notice, messy) = (delivery.acked, delivery.event, delivery.notice, delivery.messy);
        let expect = delivery.expect;
        if clean {
            self.figures.clean += 1;
        }
        let Some(index) = index else {
            if clean && !messy && notice != expect && notice != Some(DropReason::InboxFull) {
                self.fail(format!("t{number} was {notice:?}, not {expect:?}, on a healthy connection"));
            }
            return;
        };
        if clean && !messy && notice == Some(DropReason::InboxFull) {
            return self.fail(format!("e{index} (t{number}) was refused, and there was room on a healthy connection"));
        }
        if acked {
            // At least once: now and then the platform has not seen the ack it has seen.
            let rains = self.weather.is(Fault::Duplicates);
            let callback = self.ledger.events[index as usize].sort == Sort::Callback;
            if !callback && self.dice.one_in(if rains { 2 } else { 30 }) {
                let after = self.dice.pick(&[100, 15 * SECOND, 5 * MINUTE, HOUR, 6 * HOUR, 7 * HOUR]);
                self.after(after, Happening::Redeliver { event: index });
                self.figures.duplicates += 1;
            }
            return;
        }
        if clean && !messy {
            return self
                .fail(format!("e{index} (t{number}) was not acked within 3 s on a healthy connection: {notice:?}"));
        }
        self.figures.unacked += 1;
        if self.ledger.events[index as usize].acked {
            return;
        }
        self.later(index);
    }

    /// Something that is no event of ours.
    pub(crate) fn nonsense(&mut self) {
        let Some(conn) = self.any_conn() else { return };
        let delivery = self.ledger.deliveries.len() as u32;
        let foreign = r#"{"schema":"2.0","header":{"event_id":"f1","event_type":"im.chat.updated_v1","app_id":"cli_ffffffffffffffff"},"event":{}}"#;
        let (payload, expect) = match self.dice.below(8) {
            0 => ("nope".to_owned(), DropReason::Malformed),
            1 => ("[]".to_owned(), DropReason::Malformed),
            2 => (r#"{"schema":"2.0","header":{"event_id":"#.to_owned(), DropReason::Malformed),
            3 => (foreign.to_owned(), DropReason::OtherApp),
            4 => (r#"{"x":1}"#.to_owned(), DropReason::Malformed),
            5 => ("zipped".to_owned(), DropReason::UnsupportedEncoding),
            _ => ("{}".to_owned(), DropReason::Unknown),
        };
        self.figures.nonsense += 1;
        let text = |kind: &str| {
            let mut frame = pb(delivery, kind, "1", "0", payload.clone().into_bytes());
            if expect == DropReason::UnsupportedEncoding {
                frame.payload_encoding = Some("gzip".to_owned());
            }
            frame.encode_to_vec()
        };
        let bytes = match expect {
            DropReason::Unknown => ws(2, &text("invention")),
            _ => ws(2, &text("event")),
        };
        self.ledger.deliveries.push(Delivery { expect: Some(expect), ..Delivery::whole(None, conn, self.now) });
        self.after(ACK, Happening::AckCheck { delivery });
        self.send_down(conn, &bytes);
        let more = match self.dice.below(5) {
            0 => ws(1, "a text".as_bytes()),
            1 => ws(2, &Pb::new(7, &[("type", "event")], None).encode_to_vec()),
            2 => ws(2, &Pb::new(0, &[("type", "ping")], None).encode_to_vec()),
            _ => ws(10, b"unasked"),
        };
        self.send_down(conn, &more);
    }

    /// Bytes that end a connection, or would if there were more of them.
    pub(crate) fn break_frames(&mut self, fault: Fault) {
        let Some(conn) = self.any_conn() else { return };
        self.dirty(conn, u64::MAX);
        if fault == Fault::Undecodable {
            for _ in 0..self.dice.between(1, 6) {
                self.ledger.garbage_sent += 1;
                self.send_down(conn, &ws(2, b"\xff\xff\xff\xff"));
            }
            return;
        }
        let bytes = match self.dice.below(4) {
            0 => b"\xf2\x00".to_vec(),
            1 => ws(3, b""),
            2 => b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00".to_vec(),
            _ => ws(0, b"goes on with nothing"),
        };
        self.send_down(conn, &bytes);
    }
}

fn pb(delivery: u32, kind: &str, sum: &str, seq: &str, payload: Vec<u8>) -> Pb {
    let (id, trace) = (format!("d{delivery}"), format!("t{delivery}"));
    let headers = [
        ("type", kind),
        ("message_id", id.as_str()),
        ("trace_id", &trace),
        ("sum", sum),
        ("seq", seq),
        ("instance_id", "i-1"),
    ];
    let mut frame = Pb::new(1, &headers, Some(payload));
    frame.seq_id = u64::from(delivery) + 1;
    frame.log_id = 77;
    frame
}

fn frame(delivery: u32, sum: &str, seq: &str, payload: Vec<u8>) -> Vec<u8> {
    pb(delivery, "event", sum, seq, payload).encode_to_vec()
}
