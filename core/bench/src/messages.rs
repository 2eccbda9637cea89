//! The engine below WebSocket and HTTP, as people drive it who have a WebSocket stack of their own; and its single steps.

use larkwire_core::content::Form;
use larkwire_core::link::{Answer, CallbackSlot, Reaction, Session, SessionRules, SessionStorage};
use larkwire_core::wire::frame::Frame;
use larkwire_core::wire::writer::Writer;
use larkwire_core::{Event, GateRules, Instant, Notice, Region, Report, Seed, Seen, Slots, Verdict};
use siphasher::sip::SipHasher13;
use std::hash::Hasher as _;

use crate::input::{APP, OWN};

const NOW: Instant = Instant::from_millis(1000);
const ROOM: usize = 1024 * 1024;

/// A session that takes the messages of `allowed`, with memory as a host has it.
pub fn session(allowed: &'static [&'static str]) -> Session<'static> {
    let rules = SessionRules {
        app_id: APP,
        dedup_window_ms: 12 * 60 * 60 * 1000,
        gate: GateRules { allowed_users: allowed, ..GateRules::default() },
        pong_timeout_ms: 20_000,
    };
    let storage = SessionStorage {
        parts: Region::growable(ROOM),
        assembled: Region::growable(ROOM),
        part_sets: Slots::growable(8),
        finished: Slots::growable(256),
        seen: Slots::growable(2 * 65_536),
        allowed: Region::growable(ROOM),
        callbacks: Slots::growable_with(64, || CallbackSlot::new(Region::growable(256 * 1024))),
    };
    let mut session = Session::new(rules, storage, &Seed([7; 32]));
    session.opened(NOW, 33_554_678);
    session.handle_identity(OWN);
    session
}

/// The event of a frame as the application sees it, kept for good.
pub fn shown(frame: &'static [u8]) -> Event<'static> {
    let mut session = session(&["*"]);
    assert_eq!(
        session.handle_message(NOW, frame, &mut Report::new(Slots::growable_with(0, no_notice))),
        Reaction::Offer
    );
    session.reveal(NOW);
    let session: &'static Session<'static> = Box::leak(Box::new(session));
    session.event(frame).expect("it was offered")
}

fn no_notice() -> Notice {
    Notice::Connected
}

/// Frames to text and ack.
pub struct Messages {
    session: Session<'static>,
    report: Report<'static>,
    text: Vec<u8>,
    text_len: usize,
    ack: Vec<u8>,
    ack_len: usize,
}

impl Messages {
    /// For the messages of these people; `*` is everybody.
    pub fn new(allowed: &'static [&'static str]) -> Self {
        let report = Report::new(Slots::growable_with(64, no_notice));
        Self { session: session(allowed), report, text: vec![0; ROOM], text_len: 0, ack: vec![0; 1024], ack_len: 0 }
    }

    /// One frame; its event is accepted, and read where `read` says so. How many bytes the ack has: 0 for none.
    #[inline(never)]
    pub fn handle(&mut self, frame: &[u8], read: bool) -> usize {
        let Self { session, report, text, ack, .. } = self;
        self.text_len = 0;
        let answer = match session.handle_message(NOW, frame, report) {
            Reaction::Ack(answer) => Some(answer),
            Reaction::Offer => {
                assert!(session.ack_len(frame) <= ack.len());
                session.reveal(NOW);
                let event = session.event(frame).expect("it was offered");
                let id = event.id();
                if read {
                    let message = event.message().expect("a message");
                    self.text_len = message.text(Form::Body, text).expect("room").len();
                }
                session.handle_delivered(NOW, id, Verdict::Accepted, frame, report).expect("it waited")
            }
            Reaction::Broken | Reaction::Nothing => None,
        };
        self.ack_len = answer.map_or(0, |answer| write_ack(session, frame, answer, ack));
        self.ack_len
    }

    /// The text that was read last, and its ack.
    pub fn last(&self) -> (&[u8], &[u8]) {
        (&self.text[..self.text_len], &self.ack[..self.ack_len])
    }

    /// What has happened so far.
    pub fn stats(&self) -> &larkwire_core::Stats {
        &self.report.stats
    }
}

fn write_ack(session: &Session<'_>, frame: &[u8], answer: Answer, out: &mut [u8]) -> usize {
    let mut w = Writer::new(out);
    session.write_ack(frame, 0, answer, &mut w);
    w.finish().expect("room")
}

/// Decodes a frame and writes its ack; how many bytes.
#[inline(never)]
pub fn frame_and_ack(frame: &[u8], out: &mut [u8]) -> usize {
    let frame = Frame::decode(frame).expect("a frame");
    let mut w = Writer::new(out);
    frame.write_ack(&mut w, 0, br#"{"code":200}"#);
    w.finish().expect("room")
}

/// What a bot must do at least: a frame, its id looked up and remembered, the ack. The event stays bytes.
pub struct Dedup {
    seen: Seen<'static>,
    ack: Vec<u8>,
}

impl Default for Dedup {
    fn default() -> Self {
        Self { seen: Seen::new(Slots::growable(2 * 65_536), 12 * 60 * 60 * 1000), ack: vec![0; 1024] }
    }
}

impl Dedup {
    /// The ack, whether the frame is new or not; nothing when it is no frame.
    #[inline(never)]
    pub fn handle(&mut self, frame: &[u8]) -> usize {
        let mut id = None;
        let Ok(frame) = Frame::decode_with(frame, &mut |header| {
            if id.is_none() && header.key == b"message_id" {
                id = Some(header.value);
            }
        }) else {
            return 0;
        };
        let mut hasher = SipHasher13::new_with_key(&[7; 16]);
        hasher.write(id.unwrap_or_default());
        let key = hasher.finish();
        if !self.seen.contains(NOW, key) {
            self.seen.insert(NOW, key);
        }
        let mut w = Writer::new(&mut self.ack);
        frame.write_ack(&mut w, 0, br#"{"code":200}"#);
        w.finish().expect("room")
    }
}
