//! Messages in parts: protocol section 7.2.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::Client;
use super::defects::Defect;
use super::frame::Incoming;

/// Since the newest part.
const PATIENCE: Duration = Duration::from_secs(10);
/// Since the first part, and for names of finished messages.
const MINUTE: Duration = Duration::from_secs(60);
/// The most parts.
const MOST: i128 = 64;
/// The most messages at once.
const SETS: usize = 8;
/// The largest message.
pub(super) const LARGEST: usize = 1 << 20;
/// All unfinished messages together.
const TOGETHER: usize = 4 << 20;

#[derive(Debug, Default)]
pub(super) struct Parts {
    /// The oldest first.
    sets: Vec<Set>,
    /// Messages that are over.
    over: HashMap<Vec<u8>, Instant>,
}

#[derive(Debug)]
struct Set {
    name: Vec<u8>,
    sum: i128,
    parts: BTreeMap<i128, Vec<u8>>,
    first: Instant,
    newest: Instant,
    told: bool,
}

/// What a frame amounts to.
#[derive(Debug)]
pub(super) enum Put {
    /// A payload, and the name of the message if it came in parts.
    Whole(Vec<u8>, Option<Vec<u8>>),
    /// The same once more, which only a defect makes of a late part.
    Again(Vec<u8>),
    /// More is to come, or this is left out.
    Nothing,
    /// To be acknowledged and forgotten.
    Discard,
}

impl Set {
    fn size(&self) -> usize {
        self.parts.values().map(Vec::len).sum()
    }
}

impl Parts {
    pub(super) fn put(&mut self, client: &Client, frame: &Incoming) -> Put {
        let sum = match frame.number("sum") {
            None => 1,
            Some(None) => return Put::Discard,
            Some(Some(sum)) => sum,
        };
        if sum <= 1 {
            return if frame.payload.len() > LARGEST { Put::Discard } else { Put::Whole(frame.payload.clone(), None) };
        }
        let (Some(name), Some(Some(seq))) = (frame.header("message_id"), frame.number("seq")) else {
            return Put::Discard;
        };
        let now = Instant::now();
        self.over.retain(|_, at| now.duration_since(*at) < MINUTE);
        self.sets.retain(|set| now.duration_since(set.newest) < PATIENCE && now.duration_since(set.first) < MINUTE);
        if self.over.contains_key(name) || sum > MOST && !client.has(Defect::PartsSizedBySum) {
            return Put::Discard;
        }
        let index = self.sets.iter().position(|set| set.name == name).unwrap_or_else(|| {
            if self.sets.len() == SETS {
                self.sets.remove(0);
            }
            let set = Set { name: name.to_vec(), sum, parts: BTreeMap::new(), first: now, newest: now, told: false };
            self.sets.push(set);
            self.sets.len() - 1
        });
        let Some(set) = self.sets.get_mut(index) else { return Put::Nothing };
        if client.has(Defect::PartsMixSums) {
            set.sum = sum;
        }
        if set.sum != sum || !(0..sum).contains(&seq) {
            return Put::Nothing;
        }
        set.newest = now;
        let bytes = match client.has(Defect::PartsAsText) {
            true => String::from_utf8_lossy(&frame.payload).into_owned().into_bytes(),
            false => frame.payload.clone(),
        };
        match client.has(Defect::PartsLastWins) {
            true => drop(set.parts.insert(seq, bytes)),
            false => drop(set.parts.entry(seq).or_insert(bytes)),
        }
        if set.size() > LARGEST {
            self.sets.remove(index);
            self.over.insert(name.to_vec(), now);
            return Put::Discard;
        }
        let full = set.parts.len() as i128 == set.sum;
        let blank = client.has(Defect::EmptyPartNeverCompletes) && set.parts.values().any(Vec::is_empty);
        if full && !blank {
            let whole: Vec<u8> = set.parts.values().flatten().copied().collect();
            if client.has(Defect::KeepsFinishedParts) {
                let again = std::mem::replace(&mut set.told, true);
                return if again { Put::Again(whole) } else { Put::Whole(whole, None) };
            }
            self.sets.remove(index);
            return Put::Whole(whole, Some(name.to_vec()));
        }
        while self.sets.iter().map(Set::size).sum::<usize>() > TOGETHER {
            self.sets.remove(0);
        }
        Put::Nothing
    }

    /// A message was taken, or never will be.
    pub(super) fn over(&mut self, name: Option<Vec<u8>>) {
        if let Some(name) = name {
            self.over.insert(name, Instant::now());
        }
    }
}
