//! The memory of delivered ids against a queue: what is a duplicate, what is forgotten and counted, and what a restart
//! keeps (protocol section 10.2).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::slice::IterMut;

use arbitrary::{Arbitrary, Unstructured};
use larkwire_core::fault::DropReason;
use larkwire_core::link::{Answer, Reaction, Session, SessionRules, SessionStorage};
use larkwire_core::wire::writer::Writer;
use larkwire_core::{
    DeliveryId, GateRules, Instant, Region, Report, RestoreError, Seed, SeenEntry, Slots, UnixMillis, Verdict,
};

use crate::pb;
use crate::platform::APP_ID;

const HEADER: usize = 32;
const RECORD: usize = 16;
const UNIX: u64 = 1_700_000_000_000;

/// Reads a memory and what happens to it out of the bytes, and plays it.
pub fn run(data: &[u8]) {
    if let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) {
        input.play();
    }
}

/// A bot's memory, and what happens.
#[derive(Arbitrary, Debug)]
pub struct Input {
    setting: Setting,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
struct Setting {
    growable: bool,
    size: u8,
    window: u32,
    seed: u8,
    /// When the clock starts.
    start: u16,
    /// The time of day, if there is one.
    unix: Option<u32>,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    /// A redelivery, or not: ids of few.
    Event {
        event: Id,
        message: Id,
        kind: u8,
        verdict: Said,
    },
    /// A verdict on an earlier delivery.
    Late {
        which: u8,
        verdict: Said,
    },
    /// The connection is lost and comes back.
    Lost,
    Pass(u32),
    Restart {
        setting: Setting,
        cut: Option<u16>,
        other_app: bool,
        strange: bool,
    },
    Room(u8),
    /// The memory is written out, or what is new of it is appended.
    Save {
        all: bool,
    },
}

/// An id as it is spelt.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Id {
    Absent,
    /// With a NUL in it, which is none.
    Broken,
    Escaped(u8),
    Null,
    Plain(u8),
}

impl Id {
    fn text(self) -> Option<String> {
        match self {
            Self::Escaped(id) | Self::Plain(id) => Some(format!("id_{}", id % 24)),
            Self::Absent | Self::Broken | Self::Null => None,
        }
    }

    /// As JSON, with the member's name and a comma.
    fn member(self, name: &str) -> String {
        match self {
            Self::Absent => String::new(),
            Self::Broken => format!(r#""{name}":"id\u0000","#),
            Self::Escaped(id) => format!(r#""{name}":"\u0069d\u005f{}","#, id % 24),
            Self::Null => format!(r#""{name}":null,"#),
            Self::Plain(id) => format!(r#""{name}":"id_{}","#, id % 24),
        }
    }
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Said {
    Accepted,
    Discarded,
    Later,
    /// Nothing for two seconds.
    Nothing,
    Refused,
}

/// An id of an event, or of a message.
type Key = (char, String);

/// The memory as a queue.
#[derive(Default)]
struct Model {
    cap: usize,
    window: u64,
    /// Oldest first, each with the end of its window.
    seen: VecDeque<(Key, u64)>,
    inserted: u64,
    evicted: u64,
    duplicates: u64,
    accepted: u64,
    full: u64,
    discarded: u64,
    room: u8,
    stalled: bool,
}

impl Model {
    fn contains(&self, now: u64, key: &Key) -> bool {
        self.seen.iter().any(|(seen, until)| seen == key && now <= *until)
    }

    /// Whether a place was made at the cost of an id inside its window, or there was none.
    fn insert(&mut self, now: u64, age: u64, key: Key) -> bool {
        if self.cap == 0 {
            return true;
        }
        self.inserted += 1;
        let oldest = if self.seen.len() == self.cap { self.seen.pop_front() } else { None };
        self.seen.push_back((key, now + self.window.saturating_sub(age)));
        oldest.is_some_and(|(_, until)| now <= until)
    }

    /// Whether any was new.
    fn remember(&mut self, now: u64, keys: &[Key]) -> bool {
        let mut fresh = false;
        for key in keys {
            if !self.contains(now, key) {
                fresh = true;
                self.evicted += u64::from(self.insert(now, 0, key.clone()));
            }
        }
        fresh
    }
}

/// A file: its bytes, and what stands in it, each with its time of day or 0.
#[derive(Default)]
struct Saved {
    bytes: Vec<u8>,
    records: Vec<(Key, u64)>,
    /// How many ids were remembered by then; `None`: nothing can be appended to it.
    up_to: Option<u64>,
}

struct Player<'s> {
    /// Tables for the memories to come.
    tables: IterMut<'s, Vec<SeenEntry>>,
    session: Session<'s>,
    report: Report<'s>,
    model: Model,
    now: u64,
    unix: Option<u64>,
    saved: Saved,
    old: Vec<(DeliveryId, Vec<Key>)>,
    /// Which hash stands for which id, as long as the memory lives.
    hashes: BTreeMap<u64, Key>,
}

impl Input {
    fn play(&self) {
        let restarts = self.steps.iter().filter(|step| matches!(step, Step::Restart { .. })).count();
        let mut tables = vec![Vec::new(); restarts + 1];
        let mut player = Player::new(self.setting, tables.iter_mut());
        for step in self.steps.iter().take(250) {
            player.step(*step);
            player.check();
        }
        player.save(true);
    }
}

fn session<'s>(setting: Setting, window: u64, cap: usize, table: &'s mut Vec<SeenEntry>) -> Session<'s> {
    let seen = if setting.growable {
        Slots::growable(cap)
    } else {
        table.resize(cap, SeenEntry::EMPTY);
        Slots::fixed(table)
    };
    let storage = SessionStorage {
        parts: Region::growable(256),
        assembled: Region::growable(16),
        part_sets: Slots::growable(1),
        finished: Slots::growable(1),
        seen,
        allowed: Region::growable(64),
        callbacks: Slots::fixed(&mut []),
    };
    let gate = GateRules { allowed_users: &["*"], ..GateRules::default() };
    let rules = SessionRules { app_id: APP_ID, dedup_window_ms: window, gate, pong_timeout_ms: 0 };
    Session::new(rules, storage, &Seed([setting.seed; 32]))
}

impl<'s> Player<'s> {
    fn new(setting: Setting, mut tables: IterMut<'s, Vec<SeenEntry>>) -> Self {
        let (window, cap) = (u64::from(setting.window), usize::from(setting.size % 48));
        // A table that grows starts with 64 entries, and may have more than 48 then.
        let cap = if setting.growable { cap * 4 } else { cap };
        Self {
            session: session(setting, window, cap, tables.next().expect("one for each memory")),
            tables,
            report: Report::new(Slots::growable(2)),
            model: Model { cap, window, ..Model::default() },
            now: setting.start.into(),
            unix: setting.unix.map(|unix| UNIX + u64::from(unix)),
            saved: Saved::default(),
            old: Vec::new(),
            hashes: BTreeMap::new(),
        }
    }

    fn instant(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Event { event, message, kind, verdict } => self.event(event, message, kind, verdict),
            Step::Late { which, verdict } => self.late(which, verdict),
            Step::Lost => {
                self.session.closed(&mut self.report);
                self.session.opened(self.instant(), 1);
            }
            Step::Pass(ms) => {
                self.now += u64::from(ms);
                self.unix = self.unix.map(|unix| unix + u64::from(ms));
            }
            Step::Restart { setting, cut, other_app, strange } => self.restart(setting, cut, other_app, strange),
            Step::Room(room) => {
                self.session.handle_inbox(room.into());
                self.model.room = room;
                self.model.stalled &= room == 0;
            }
            Step::Save { all } => self.save(all),
        }
    }

    fn event(&mut self, event: Id, message: Id, kind: u8, verdict: Said) {
        let keys = |pairs: [(char, Id); 2]| {
            let keys = pairs.into_iter().filter_map(|(kind, id)| Some((kind, id.text()?)));
            keys.collect::<Vec<Key>>()
        };
        let (json, keys) = match kind % 4 {
            0 | 1 => {
                let header = format!(r#"{{{}"event_type":"im.message.receive_v1"}}"#, event.member("event_id"));
                let said = r#""chat_type":"p2p","message_type":"text","content":"{}""#;
                let body = format!(
                    r#"{{"message":{{{}{said}}},"sender":{{"sender_id":{{"open_id":"ou_1"}}}}}}"#,
                    message.member("message_id")
                );
                let json = format!(r#"{{"schema":"2.0","header":{header},"event":{body}}}"#);
                (json, keys([('e', event), ('m', message)]))
            }
            2 => {
                let header = format!(r#"{{{}"event_type":"x.y_v1"}}"#, event.member("event_id"));
                let json = format!(r#"{{"schema":"2.0","header":{header},"event":{{}}}}"#);
                (json, keys([('e', event), ('m', Id::Absent)]))
            }
            // The other envelope's name for the same thing; without it, it is none.
            _ if event.text().is_some() => {
                let json = format!(r#"{{{}"type":"event_callback","event":{{"type":"x"}}}}"#, event.member("uuid"));
                (json, keys([('e', event), ('m', Id::Absent)]))
            }
            _ => return,
        };
        let frame = pb::frame(1, &[("type", "event"), ("message_id", "m")], json.as_bytes());
        let reaction = self.session.handle_message(self.instant(), &frame, &mut self.report);
        if keys.iter().any(|key| self.model.contains(self.now, key)) {
            self.model.duplicates += 1;
            assert_eq!(reaction, Reaction::Ack(Answer::Received), "not taken for a duplicate: {json}");
            return;
        }
        if self.model.stalled && self.model.room == 0 {
            self.model.full += 1;
            assert_eq!(reaction, Reaction::Nothing);
            return;
        }
        assert_eq!(reaction, Reaction::Offer, "taken for a duplicate, or for nothing: {json}");
        self.session.reveal(self.instant());
        let id = self.session.event(&frame).expect("it is shown").id();
        self.old.push((id, keys.clone()));
        let answer = if let Said::Nothing = verdict {
            self.now += 2000;
            self.unix = self.unix.map(|unix| unix + 2000);
            (self.model.stalled, self.model.room) = (true, 0);
            self.session.expire_offer(self.instant(), &frame, &mut self.report)
        } else {
            self.session.handle_delivered(self.instant(), id, verdict_of(verdict), &frame, &mut self.report)
        };
        let acked = !matches!(verdict, Said::Nothing | Said::Refused);
        assert_eq!(answer, Some(acked.then_some(Answer::Received)));
        match verdict {
            Said::Accepted | Said::Later => {
                self.model.room = self.model.room.saturating_sub(1);
                self.model.accepted += 1;
                self.model.remember(self.now, &keys);
            }
            Said::Discarded => self.model.discarded += 1,
            Said::Nothing | Said::Refused => self.model.full += 1,
        }
    }

    fn late(&mut self, which: u8, verdict: Said) {
        let Some(at) = usize::from(which).checked_rem(self.old.len()) else { return };
        let (id, keys) = self.old[at].clone();
        let verdict = verdict_of(verdict);
        assert_eq!(self.session.handle_delivered(self.instant(), id, verdict, &[], &mut self.report), None);
        if matches!(verdict, Verdict::Accepted | Verdict::Later) {
            self.model.room = self.model.room.saturating_sub(1);
            let fresh = self.model.remember(self.now, &keys);
            self.model.accepted += u64::from(fresh);
        }
    }

    /// Writes the memory out, and looks at what is written.
    fn save(&mut self, all: bool) {
        let from = if all { None } else { self.saved.up_to };
        if !all && from.is_none() {
            return;
        }
        let mut counting = Writer::counting();
        self.session.write_seen(self.instant(), self.unix.map(UnixMillis), from, &mut counting);
        let mut bytes = vec![0; counting.len()];
        let mut w = Writer::new(&mut bytes);
        self.session.write_seen(self.instant(), self.unix.map(UnixMillis), from, &mut w);
        assert_eq!(w.finish(), Ok(bytes.len()));
        let records = bytes[if all { HEADER } else { 0 }..].chunks_exact(RECORD);
        let new = usize::try_from(self.model.inserted - from.unwrap_or(0)).expect("few").min(self.model.seen.len());
        let expected: Vec<_> = self.model.seen.iter().skip(self.model.seen.len() - new).collect();
        assert_eq!(records.len(), expected.len(), "as many as are new and still held");
        if all {
            self.saved = Saved::default();
        }
        for (record, (key, until)) in records.zip(expected) {
            let (hash, at) = record.split_at(8);
            let [hash, at] = [hash, at].map(|half| u64::from_le_bytes(half.try_into().expect("eight bytes")));
            assert_eq!(self.hashes.entry(hash).or_insert_with(|| key.clone()), key, "one hash for two ids");
            let age = (self.now + self.model.window) - until;
            assert_eq!(at, self.unix.map_or(0, |unix| unix.saturating_sub(age)), "seen at another time");
            self.saved.records.push((key.clone(), at));
        }
        let keys: BTreeSet<_> = self.hashes.values().collect();
        assert_eq!(keys.len(), self.hashes.len(), "two hashes for one id");
        self.saved.bytes.extend(bytes);
        self.saved.up_to = Some(self.model.inserted);
        assert_eq!(self.session.seen_count(), self.model.inserted);
    }

    /// Another process goes on with what was saved, as far as a crash let it be written.
    fn restart(&mut self, setting: Setting, cut: Option<u16>, other_app: bool, strange: bool) {
        let saved = std::mem::take(&mut self.saved);
        let kept = cut.map_or(saved.bytes.len(), |cut| saved.bytes.len().saturating_sub(usize::from(cut)));
        let hashes = std::mem::take(&mut self.hashes);
        *self = Self::new(setting, std::mem::take(&mut self.tables));
        if strange {
            // A delivery came first.
            self.event(Id::Plain(1), Id::Absent, 2, Said::Refused);
        }
        let app = if other_app { "cli_fedcba9876543210" } else { APP_ID };
        let unix = self.unix.map(UnixMillis);
        let restored = self.session.restore_seen(self.instant(), unix, app, &saved.bytes[..kept]);
        let refused = match () {
            () if strange => Some(RestoreError::TooLate),
            () if kept < HEADER => Some(RestoreError::Format),
            () if other_app => Some(RestoreError::OtherApp),
            () => None,
        };
        if let Some(refused) = refused {
            assert_eq!(restored, Err(refused));
            return;
        }
        self.hashes = hashes;
        let mut count = 0;
        for (key, at) in saved.records.into_iter().take((kept - HEADER) / RECORD) {
            let age = match (self.unix, at) {
                (Some(unix), 1..) => unix.saturating_sub(at),
                _ => 0,
            };
            if age <= self.model.window && !self.model.contains(self.now, &key) {
                self.model.insert(self.now, age, key);
                count += 1;
            }
        }
        assert_eq!(restored, Ok(count), "taken back");
    }

    fn check(&self) {
        let stats = &self.report.stats;
        assert_eq!(stats.seen_evicted, self.model.evicted, "forgotten too early, and not counted");
        assert_eq!(stats.dropped(DropReason::Duplicate), self.model.duplicates);
        assert_eq!(stats.dropped(DropReason::Discarded), self.model.discarded);
        assert_eq!(stats.dropped(DropReason::InboxFull), self.model.full);
        assert_eq!(stats.accepted, self.model.accepted);
        assert_eq!(self.session.seen_count(), self.model.inserted);
    }
}

fn verdict_of(said: Said) -> Verdict {
    match said {
        Said::Accepted => Verdict::Accepted,
        Said::Discarded => Verdict::Discarded,
        Said::Later => Verdict::Later,
        Said::Nothing | Said::Refused => Verdict::Refused,
    }
}
