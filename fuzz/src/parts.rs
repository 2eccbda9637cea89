//! Split messages against a map: what is put together, acked, counted and thrown away (protocol sections 7.2 to 7.4).
//!
//! The model holds whole byte vectors by id. It knows of the storage only how many blocks of 252 usable bytes there are.

use std::collections::{BTreeMap, HashSet, VecDeque};

use arbitrary::{Arbitrary, Unstructured};
use larkwire_core::fault::DropReason;
use larkwire_core::link::{Answer, PartSet, Reaction, Session, SessionRules, SessionStorage};
use larkwire_core::{GateRules, Instant, Region, Report, Seed, Slots, Verdict};
use serde_json::Value;

use crate::pb;
use crate::platform::APP_ID;

/// Bytes of a block, its link to the next one included.
const BLOCK: usize = 256;
/// Bytes of a block that hold parts.
const USABLE: usize = 252;
/// `seq` and length of a part, kept before its bytes.
const RECORD: usize = 5;

/// Reads a storage and what comes in out of the bytes, and plays it.
pub fn run(data: &[u8]) {
    if let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) {
        input.play();
    }
}

/// How much memory there is, what the messages are, and what happens.
#[derive(Arbitrary, Debug)]
pub struct Input {
    growable: bool,
    sets: u8,
    finished: u8,
    blocks: u8,
    assembled: u16,
    lengths: [u16; 6],
    steps: Vec<Step>,
}

/// A number in a header.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Number {
    Absent,
    Big(u64),
    Junk(u8),
    Minus(u8),
    Right,
    Small(u8),
    Spaced,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Step {
    /// All parts of a message, begun somewhere, one of them left out, or none.
    All {
        id: u8,
        sum: u8,
        from: u8,
        but: u8,
        verdict: u8,
    },
    /// The connection is lost and comes back.
    Lost,
    /// One part as it should be, or not.
    Part {
        id: u8,
        parts: u8,
        nth: u8,
        sum: Number,
        seq: Number,
        other: bool,
        nameless: bool,
        verdict: u8,
    },
    Pass(u16),
    Tick,
    /// The first bytes of a part that was longer than any buffer.
    TooLong {
        id: u8,
        sum: Number,
    },
}

/// What a step must bring.
#[derive(Debug)]
enum Due {
    Ack,
    Nothing,
    Offer(Vec<u8>),
}

struct Set {
    sum: i128,
    parts: BTreeMap<i128, Vec<u8>>,
    born: u64,
    touched: u64,
}

impl Set {
    fn ends(&self) -> u64 {
        (self.touched + 10_000).min(self.born + 60_000)
    }

    fn len(&self) -> usize {
        self.parts.values().map(Vec::len).sum()
    }

    fn blocks(&self) -> usize {
        self.parts.values().map(|part| part.len() + RECORD).sum::<usize>().div_ceil(USABLE)
    }
}

/// What is to be counted.
#[derive(Debug, Default, Eq, PartialEq)]
struct Counts {
    accepted: u64,
    differing: u64,
    discarded: u64,
    duplicate: u64,
    incomplete: u64,
    malformed: u64,
    part: u64,
    refused: u64,
    repeated: u64,
    too_big: u64,
}

struct Model {
    now: u64,
    sets: BTreeMap<u8, Set>,
    most_sets: usize,
    blocks: usize,
    assembled: usize,
    finished: VecDeque<(u8, u64)>,
    most_finished: usize,
    seen: HashSet<String>,
    counts: Counts,
}

impl Model {
    fn expire(&mut self) {
        let now = self.now;
        let before = self.sets.len();
        self.sets.retain(|_, set| set.ends() > now);
        self.counts.incomplete += (before - self.sets.len()) as u64;
    }

    fn finish(&mut self, id: u8) {
        self.finished.push_back((id, self.now + 60_000));
        while self.finished.len() > self.most_finished {
            self.finished.pop_front();
        }
    }

    fn is_finished(&self, id: u8) -> bool {
        self.finished.iter().any(|(old, until)| *old == id && self.now < *until)
    }

    /// The oldest set but `id` makes way.
    fn evict_but(&mut self, id: u8) {
        let others = self.sets.iter().filter(|(other, _)| **other != id);
        let oldest = others.min_by_key(|(_, set)| set.born).map(|(id, _)| *id).expect("there is one");
        self.sets.remove(&oldest);
        self.counts.incomplete += 1;
    }

    fn part(&mut self, id: Option<u8>, sum: Option<Option<i128>>, seq: Option<Option<i128>>, bytes: &[u8]) -> Due {
        let sum = match sum {
            None => 1,
            Some(Some(sum)) => sum,
            Some(None) => {
                self.counts.malformed += 1;
                return Due::Ack;
            }
        };
        if sum <= 1 {
            return self.whole(None, bytes.to_vec());
        }
        let (Some(id), Some(Some(seq))) = (id, seq) else {
            self.counts.malformed += 1;
            return Due::Ack;
        };
        if self.is_finished(id) {
            self.counts.repeated += 1;
            return Due::Ack;
        }
        self.expire();
        let known = self.sets.get(&id).map(|set| set.sum);
        if known.is_none() && sum > 64 {
            return self.too_big(id);
        }
        if known.is_some_and(|known| known != sum) || !(0..sum).contains(&seq) {
            self.counts.part += 1;
            return Due::Nothing;
        }
        if known.is_none() {
            // Alone it must fit: what can never be kept costs no other set its place.
            if bytes.len() > self.assembled || (bytes.len() + RECORD).div_ceil(USABLE) > self.blocks {
                return self.too_big(id);
            }
            if self.sets.len() == self.most_sets {
                self.evict_but(id);
            }
            self.sets.insert(id, Set { sum, parts: BTreeMap::new(), born: self.now, touched: self.now });
        }
        let set = self.sets.get_mut(&id).expect("it is there");
        set.touched = self.now;
        if let Some(first) = set.parts.get(&seq) {
            self.counts.repeated += 1;
            self.counts.differing += u64::from(first != bytes);
            return Due::Nothing;
        }
        set.parts.insert(seq, bytes.to_vec());
        if set.len() > self.assembled || set.blocks() > self.blocks {
            return self.too_big(id);
        }
        while self.sets.values().map(Set::blocks).sum::<usize>() > self.blocks {
            self.evict_but(id);
        }
        if self.sets[&id].parts.len() as i128 != sum {
            return Due::Nothing;
        }
        let set = self.sets.remove(&id).expect("it is there");
        self.whole(Some(id), set.parts.into_values().flatten().collect())
    }

    fn too_big(&mut self, id: u8) -> Due {
        self.sets.remove(&id);
        self.counts.too_big += 1;
        self.finish(id);
        Due::Ack
    }

    /// A whole payload, by serde_json.
    fn whole(&mut self, id: Option<u8>, bytes: Vec<u8>) -> Due {
        let json = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
        let known = json.get("schema").is_some() || json["header"]["event_type"].is_string();
        let duplicate = event_id(&json).is_some_and(|id| self.seen.contains(&id));
        if known && json.is_object() && !duplicate {
            return Due::Offer(bytes);
        }
        *(if duplicate { &mut self.counts.duplicate } else { &mut self.counts.malformed }) += 1;
        if let Some(id) = id {
            self.finish(id);
        }
        Due::Ack
    }

    /// What was offered is decided.
    fn decided(&mut self, id: Option<u8>, bytes: &[u8], verdict: Verdict) {
        match verdict {
            Verdict::Accepted | Verdict::Later => {
                self.counts.accepted += 1;
                self.seen.extend(event_id(&serde_json::from_slice(bytes).expect("it was read")));
            }
            Verdict::Discarded => self.counts.discarded += 1,
            // No trace is left.
            Verdict::Refused => {
                self.counts.refused += 1;
                return;
            }
        }
        if let Some(id) = id {
            self.finish(id);
        }
    }

    /// The first bytes of a part that was too long for any buffer.
    fn too_long(&mut self, id: u8, sum: Option<Option<i128>>) -> Due {
        if sum.flatten().is_some_and(|sum| sum > 1) {
            if self.is_finished(id) {
                self.counts.repeated += 1;
                return Due::Ack;
            }
            return self.too_big(id);
        }
        self.counts.too_big += 1;
        Due::Ack
    }
}

fn event_id(json: &Value) -> Option<String> {
    json["header"]["event_id"].as_str().filter(|id| !id.is_empty()).map(str::to_owned)
}

struct Player<'s> {
    session: Session<'s>,
    report: Report<'s>,
    model: Model,
    lengths: [u16; 6],
    messages: BTreeMap<u8, Vec<u8>>,
}

impl Input {
    fn play(&self) {
        // At most the 8 sets of protocol section 7.3.
        let (sets, blocks) = (usize::from(self.sets % 8) + 1, usize::from(self.blocks % 24) + 1);
        let (finished, assembled) = (usize::from(self.finished % 6), usize::from(self.assembled % 6144));
        let mut memory = vec![0; blocks * BLOCK];
        let mut room = vec![0; assembled];
        let mut table = vec![PartSet::EMPTY; sets];
        let mut ids = vec![larkwire_core::link::FinishedId::EMPTY; finished];
        let rest = |parts, assembled, part_sets, finished| SessionStorage {
            parts,
            assembled,
            part_sets,
            finished,
            seen: Slots::growable(4096),
            allowed: Region::growable(64),
            callbacks: Slots::fixed(&mut []),
        };
        let storage = if self.growable {
            let (parts, assembled) = (Region::growable(blocks * BLOCK), Region::growable(assembled));
            rest(parts, assembled, Slots::growable(sets), Slots::growable(finished))
        } else {
            let (parts, assembled) = (Region::fixed(&mut memory), Region::fixed(&mut room));
            rest(parts, assembled, Slots::fixed(&mut table), Slots::fixed(&mut ids))
        };
        let gate = GateRules { allowed_users: &["*"], ..GateRules::default() };
        let rules = SessionRules { app_id: APP_ID, dedup_window_ms: 1 << 40, gate, pong_timeout_ms: 20_000 };
        let model = Model {
            now: 1000,
            sets: BTreeMap::new(),
            most_sets: sets,
            blocks,
            assembled,
            finished: VecDeque::new(),
            most_finished: finished,
            seen: HashSet::new(),
            counts: Counts::default(),
        };
        let mut player = Player {
            session: Session::new(rules, storage, &Seed([5; 32])),
            report: Report::new(Slots::growable(2)),
            model,
            lengths: self.lengths,
            messages: BTreeMap::new(),
        };
        player.session.opened(Instant::from_millis(1000), 1);
        for step in self.steps.iter().take(100) {
            player.step(*step);
        }
        player.last_exam();
    }
}

impl Player<'_> {
    fn step(&mut self, step: Step) {
        match step {
            Step::All { id, sum, from, but, verdict } => {
                let (id, sum) = (id % 16, count(sum));
                let pieces = self.pieces(id, sum);
                for nth in (0..sum).filter(|nth| but % 2 == 0 || *nth != but / 2 % sum) {
                    let nth = (nth + from % sum) % sum;
                    let bytes = &pieces[usize::from(nth)];
                    let headers = [Some(i128::from(sum)), Some(i128::from(nth))].map(Some);
                    self.part(Some(id), headers, [sum.to_string(), nth.to_string()], bytes, decided(verdict));
                }
            }
            Step::Lost => {
                self.session.closed(&mut self.report);
                self.model.counts.incomplete += self.model.sets.len() as u64;
                self.model.sets.clear();
                self.session.opened(Instant::from_millis(self.model.now), 1);
            }
            Step::Part { id, parts, nth, sum, seq, other, nameless, verdict } => {
                let (id, parts) = (id % 16, count(parts));
                let nth = nth % parts;
                let mut bytes = self.pieces(id, parts).swap_remove(usize::from(nth));
                if let (true, Some(first)) = (other, bytes.first_mut()) {
                    *first ^= 1;
                }
                let (sum, sum_text) = number(sum, parts);
                let (seq, seq_text) = number(seq, nth);
                self.part((!nameless).then_some(id), [sum, seq], [sum_text, seq_text], &bytes, decided(verdict));
            }
            Step::Pass(ms) => self.model.now += u64::from(ms),
            Step::Tick => {
                self.session.tick(Instant::from_millis(self.model.now), &mut self.report);
                self.model.expire();
            }
            Step::TooLong { id, sum } => self.too_long(id % 16, sum),
        }
        self.check();
    }

    /// The message of this id in `sum` parts, any of them may be empty.
    fn pieces(&mut self, id: u8, sum: u8) -> Vec<Vec<u8>> {
        let length = usize::from(self.lengths[usize::from(id) % 6] % 3000);
        let text = self.messages.entry(id).or_insert_with(|| message(id, length));
        let ends = (1..u32::from(sum)).map(|end| (end.wrapping_mul(2_654_435_761) ^ u32::from(id)) as usize);
        let mut ends: Vec<_> = ends.map(|end| end % (text.len() + 1)).chain([0, text.len()]).collect();
        ends.sort_unstable();
        ends.windows(2).map(|ends| text[ends[0]..ends[1]].to_vec()).collect()
    }

    fn part(
        &mut self,
        id: Option<u8>,
        [sum, seq]: [Option<Option<i128>>; 2],
        [sum_text, seq_text]: [String; 2],
        bytes: &[u8],
        verdict: Verdict,
    ) {
        let model = &mut self.model;
        // Which of two sets of one millisecond is older is nobody's promise.
        model.now += u64::from(id.is_none_or(|id| !model.sets.contains_key(&id)));
        let due = model.part(id, sum, seq, bytes);
        let now = Instant::from_millis(model.now);
        let frame = frame(id, sum.is_some().then_some(&sum_text), seq.is_some().then_some(&seq_text), bytes);
        let reaction = self.session.handle_message(now, &frame, &mut self.report);
        match due {
            Due::Nothing => assert_eq!(reaction, Reaction::Nothing),
            Due::Ack => assert_eq!(reaction, Reaction::Ack(Answer::Received)),
            Due::Offer(whole) => {
                assert_eq!(reaction, Reaction::Offer);
                self.session.reveal(now);
                let event = self.session.event(&frame).expect("it is shown");
                assert_eq!(event.json().as_bytes(), whole, "put together wrongly");
                let event = event.id();
                let answer = self.session.handle_delivered(now, event, verdict, &frame, &mut self.report);
                let acked = (verdict != Verdict::Refused).then_some(Answer::Received);
                assert_eq!(answer, Some(acked));
                let split = sum.flatten().is_some_and(|sum| sum > 1);
                self.model.decided(id.filter(|_| split), &whole, verdict);
            }
        }
        self.check();
    }

    fn too_long(&mut self, id: u8, sum: Number) {
        let (sum, sum_text) = number(sum, 2);
        let mut frame = frame(Some(id), sum.is_some().then_some(&sum_text), Some(&"0".to_owned()), &[b'x'; 200]);
        frame.truncate(frame.len() - 100);
        let due = self.model.too_long(id, sum);
        let now = Instant::from_millis(self.model.now);
        let reaction = self.session.handle_head(now, &frame, 1 << 40, &mut self.report);
        assert!(matches!(due, Due::Ack) && reaction == Reaction::Ack(Answer::Received), "{reaction:?}");
    }

    fn check(&self) {
        let stats = self.report.stats;
        let counted = Counts {
            accepted: stats.accepted,
            differing: stats.parts_differing,
            discarded: stats.dropped(DropReason::Discarded),
            duplicate: stats.dropped(DropReason::Duplicate),
            incomplete: stats.dropped(DropReason::Incomplete),
            malformed: stats.dropped(DropReason::Malformed),
            part: stats.dropped(DropReason::Part),
            refused: stats.dropped(DropReason::InboxFull),
            repeated: stats.parts_repeated,
            too_big: stats.dropped(DropReason::TooBig),
        };
        assert_eq!(counted, self.model.counts);
    }

    /// After a minute of silence all room is there again: a message that takes all of it is put together.
    fn last_exam(&mut self) {
        self.model.now += 60_000;
        self.step(Step::Tick);
        assert!(self.model.sets.is_empty());
        let most = (self.model.blocks * USABLE).saturating_sub(2 * RECORD).min(self.model.assembled);
        let Some(filler) = most.checked_sub(message(100, 0).len()) else { return };
        let text = message(100, filler);
        let (left, right) = text.split_at(most / 3);
        for (nth, bytes) in [right, left].into_iter().enumerate() {
            let seq = 1 - nth as i128;
            self.part(
                Some(100),
                [Some(Some(2)), Some(Some(seq))],
                ["2".into(), seq.to_string()],
                bytes,
                Verdict::Accepted,
            );
        }
        assert!(self.model.seen.contains("e100"), "the room did not come back");
    }
}

/// An event whose text tells every place.
fn message(id: u8, filler: usize) -> Vec<u8> {
    let filler: String = (0..filler).map(|at| char::from(b'a' + (at * 7 % 25) as u8)).collect();
    let header = format!(r#"{{"event_id":"e{id}","event_type":"x.y_v1"}}"#);
    format!(r#"{{"schema":"2.0","header":{header},"event":{{"said":"{filler}"}}}}"#).into_bytes()
}

fn frame(id: Option<u8>, sum: Option<&String>, seq: Option<&String>, bytes: &[u8]) -> Vec<u8> {
    let id = id.map(|id| format!("m{id}"));
    let mut headers = vec![("type", "event")];
    for (key, value) in [("message_id", id.as_ref()), ("sum", sum), ("seq", seq)] {
        headers.extend(value.map(|value| (key, value.as_str())));
    }
    pb::frame(1, &headers, bytes)
}

/// What the header says, if there is one, as a number, if it is one; and its text.
fn number(number: Number, right: u8) -> (Option<Option<i128>>, String) {
    let junk = ["", " ", "x", "1e3", "+", "1 2", "0x2", "\u{661}"];
    match number {
        Number::Absent => (None, String::new()),
        Number::Big(big) => (Some(Some(big.into())), big.to_string()),
        Number::Junk(which) => (Some(None), junk[usize::from(which) % junk.len()].into()),
        Number::Minus(small) => (Some(Some(-i128::from(small))), format!("-{small}")),
        Number::Right => (Some(Some(right.into())), right.to_string()),
        Number::Small(small) => (Some(Some(small.into())), small.to_string()),
        Number::Spaced => (Some(Some(right.into())), format!(" +0{right} ")),
    }
}

/// How many parts: few, most of the time.
fn count(parts: u8) -> u8 {
    if parts < 224 { parts % 7 + 2 } else { parts - 224 + 33 }
}

fn decided(verdict: u8) -> Verdict {
    [Verdict::Accepted, Verdict::Later, Verdict::Discarded, Verdict::Refused][usize::from(verdict % 4)]
}
