//! What is counted over all lives.

use std::collections::BTreeMap;

use larkwire_core::fault::DropReason;

use crate::faults::Fault;
use crate::ledger::{Ledger, Sort};
use crate::plan::Kind;

/// Waits of one place in a row, as shares of the longest they may be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waits {
    pub(crate) n: u64,
    sum: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Waits {
    pub(crate) fn mean(&self) -> f64 {
        self.sum / self.n.max(1) as f64
    }
}

/// The first waits in a row are looked at one by one, the rest together.
const WAITS: usize = 9;

#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    /// Lives and their milliseconds, by kind.
    pub(crate) lives: BTreeMap<Kind, (u64, u64)>,
    /// Lives in which the bot's clock passed 2^32 ms, and in which it began near the end of 64 bits.
    pub(crate) wraps: (u64, u64),
    pub(crate) bots: u64,
    pub(crate) fatal: u64,
    pub(crate) dials: u64,
    pub(crate) connections: u64,
    pub(crate) discoveries: u64,
    pub(crate) link_faults: u64,
    pub(crate) pings: u64,
    pub(crate) events: u64,
    pub(crate) deliveries: u64,
    pub(crate) redeliveries: u64,
    /// Sent again although they were acked.
    pub(crate) duplicates: u64,
    pub(crate) nonsense: u64,
    pub(crate) delivered: u64,
    pub(crate) acks: u64,
    pub(crate) unacked: u64,
    /// Deliveries that had to be acked in time.
    pub(crate) clean: u64,
    pub(crate) no_connection: u64,
    pub(crate) calls: u64,
    pub(crate) calls_done: u64,
    pub(crate) calls_refused: u64,
    pub(crate) calls_gone: u64,
    pub(crate) tokens: u64,
    pub(crate) tokens_refused: u64,
    pub(crate) reactions: u64,
    pub(crate) evicted: u64,
    pub(crate) notices_lost: u64,
    pub(crate) faults: BTreeMap<&'static str, u64>,
    pub(crate) drops: BTreeMap<&'static str, u64>,
    /// Events handed over again, by why that was right.
    pub(crate) again: BTreeMap<&'static str, u64>,
    /// What became of events in the end.
    pub(crate) fates: BTreeMap<&'static str, u64>,
    pub(crate) waits: [Waits; WAITS],
    /// How often the bot came back, the longest that took, and the limit that held then; the largest share of a limit.
    pub(crate) returns: u64,
    pub(crate) longest: (u64, u64),
    pub(crate) nearest: (u64, u64),
    pub(crate) peak: i64,
    pub(crate) rest: i64,
    pub(crate) growth: i64,
    /// Bots that lived long enough for their growth to be judged.
    pub(crate) judged: u64,
}

fn add(to: &mut BTreeMap<&'static str, u64>, from: &BTreeMap<&'static str, u64>) {
    for (name, n) in from {
        *to.entry(name).or_default() += n;
    }
}

impl Figures {
    pub(crate) fn fault(&mut self, fault: Fault) {
        *self.faults.entry(fault.name()).or_default() += 1;
    }

    pub(crate) fn dropped(&mut self, reason: DropReason) {
        *self.drops.entry(reason.as_str()).or_default() += 1;
    }

    /// The bot is back, `took` ms after the last fault.
    pub(crate) fn back(&mut self, took: u64, limit: u64) {
        self.returns += 1;
        self.longest = self.longest.max((took, limit));
        if took * self.nearest.1.max(1) >= self.nearest.0 * limit || self.nearest.1 == 0 {
            self.nearest = (took, limit);
        }
    }

    pub(crate) fn waited(&mut self, nth: u32, ms: u64, most: u64) {
        let share = ms as f64 / most.max(1) as f64;
        let waits = &mut self.waits[(nth as usize).min(WAITS - 1)];
        waits.least = if waits.n == 0 { share } else { waits.least.min(share) };
        waits.most = waits.most.max(share);
        waits.n += 1;
        waits.sum += share;
    }

    pub(crate) fn weighed(&mut self, peak: i64, rest: i64) {
        self.peak = self.peak.max(peak);
        self.rest = self.rest.max(rest);
    }

    pub(crate) fn grown(&mut self, by: i64) {
        self.growth = self.growth.max(by);
    }

    /// A life is over: what became of its events.
    pub(crate) fn settle(&mut self, ledger: &Ledger) {
        for event in &ledger.events {
            let fate = match (event.taken.is_some(), event.dropped, event.acked, event.sort) {
                (true, ..) => "handed over",
                (false, Some(reason), ..) => reason.as_str(),
                (false, None, true, _) => "callbacks that found no room",
                (false, None, false, Sort::Callback) => "callbacks that the link lost",
                (false, None, false, _) => "given up by the platform, never acked",
            };
            *self.fates.entry(fate).or_default() += 1;
        }
        add(&mut self.again, &ledger.again);
    }

    /// Adds another life.
    pub(crate) fn absorb(&mut self, life: &Self) {
        for (kind, (lives, ms)) in &life.lives {
            let entry = self.lives.entry(*kind).or_default();
            entry.0 += lives;
            entry.1 += ms;
        }
        self.wraps.0 += life.wraps.0;
        self.wraps.1 += life.wraps.1;
        let mut more = life.clone();
        for (total, more) in self.totals_mut().into_iter().zip(more.totals_mut()) {
            *total.1 += *more.1;
        }
        add(&mut self.faults, &life.faults);
        add(&mut self.drops, &life.drops);
        add(&mut self.again, &life.again);
        add(&mut self.fates, &life.fates);
        for (total, more) in self.waits.iter_mut().zip(&life.waits).filter(|(_, more)| more.n > 0) {
            total.least = if total.n == 0 { more.least } else { total.least.min(more.least) };
            total.most = total.most.max(more.most);
            total.n += more.n;
            total.sum += more.sum;
        }
        self.longest = self.longest.max(life.longest);
        if life.nearest.0 * self.nearest.1.max(1) >= self.nearest.0 * life.nearest.1 && life.nearest.1 > 0 {
            self.nearest = life.nearest;
        }
        self.peak = self.peak.max(life.peak);
        self.rest = self.rest.max(life.rest);
        self.growth = self.growth.max(life.growth);
    }

    /// Every plain sum with its name.
    pub(crate) fn totals_mut(&mut self) -> Vec<(&'static str, &mut u64)> {
        macro_rules! named {
            ($($name:ident)*) => { vec![$((stringify!($name), &mut self.$name)),*] };
        }
        named!(bots fatal dials connections discoveries link_faults pings events deliveries redeliveries duplicates
            nonsense delivered acks unacked clean no_connection calls calls_done calls_refused calls_gone tokens
            tokens_refused reactions evicted notices_lost returns judged)
    }

    pub(crate) fn simulated(&self) -> u64 {
        self.lives.values().map(|(_, ms)| ms).sum()
    }

    /// Jitter must use its whole range (protocol section 9.3): an invariant of many lives together.
    pub(crate) fn check_jitter(&self) -> Result<(), String> {
        for (nth, waits) in self.waits.iter().enumerate().filter(|(_, waits)| waits.n >= 400) {
            // Six standard deviations of the mean of a uniform share.
            let off = 6.0 * 0.289 / (waits.n as f64).sqrt();
            let mean = waits.mean();
            if (mean - 0.5).abs() > off + 0.005 || waits.least > 0.05 || waits.most < 0.95 {
                return Err(format!(
                    "wait number {nth} is not uniform: mean {mean:.3}, from {:.3} to {:.3} of its limit in {} waits",
                    waits.least, waits.most, waits.n
                ));
            }
        }
        Ok(())
    }
}
