//! Acknowledgement reactions on their way out: beside the outbox, so that they never stand in the way of a call, and
//! dropped rather than waited for (protocol section 14).

use crate::notice::{Report, count};
use crate::rng::Rng;
use crate::storage::Slots;
use crate::text::Short;
use crate::time::{Earliest, Instant, Why};

/// Later than this an acknowledgement says nothing any more.
const EXPIRES_MS: u64 = 60_000;
/// Different names in the tables of all locales.
const NAMES: usize = 16;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Free,
    Waiting { until: Instant },
    Flying,
}

/// One place for an acknowledgement reaction that was not sent yet.
#[derive(Clone, Copy, Debug)]
pub struct AckReaction {
    state: State,
    message_id: Short<64>,
    /// `None`: never used; an unused place is all zero and costs a board no flash.
    emoji_type: Option<&'static str>,
    serial: u64,
    expires: Instant,
    retried: bool,
    token_serial: u32,
}

impl AckReaction {
    /// A free place.
    pub const EMPTY: Self = Self {
        state: State::Free,
        message_id: Short::EMPTY,
        emoji_type: None,
        serial: 0,
        expires: Instant::ZERO,
        retried: false,
        token_serial: 0,
    };
}

impl Default for AckReaction {
    fn default() -> Self {
        Self::EMPTY
    }
}

#[derive(Debug)]
pub(crate) struct Reactions<'s> {
    slots: Slots<'s, AckReaction>,
    serial: u64,
    /// Names the platform does not know (231001): never used again.
    disabled: [&'static str; NAMES],
}

impl<'s> Reactions<'s> {
    pub(super) fn new(slots: Slots<'s, AckReaction>) -> Self {
        let mut reactions = Self { slots, serial: 0, disabled: [""; NAMES] };
        // The table may have served another bot.
        reactions.clear();
        reactions
    }

    /// Queues a reaction from `table`, chosen uniformly among the names that are not disabled. When there is no place,
    /// the oldest that still waits goes.
    pub(crate) fn push(
        &mut self,
        message_id: Short<64>,
        table: &[&'static str],
        rng: &mut Rng,
        now: Instant,
        report: &mut Report<'_>,
    ) {
        let usable = || table.iter().copied().filter(|name| !self.disabled.contains(name));
        let most = u64::try_from(usable().count()).unwrap_or_default();
        let Some(last) = most.checked_sub(1) else { return };
        let chosen = usize::try_from(rng.up_to(last)).unwrap_or_default();
        let Some(emoji_type) = usable().nth(chosen) else { return };
        let free = self.slots.find_free(|slot| slot.state == State::Free);
        let oldest = || {
            let waiting = |slot: &AckReaction| matches!(slot.state, State::Waiting { .. });
            let slots = self.slots.as_slice().iter().enumerate().filter(|(_, slot)| waiting(slot));
            slots.min_by_key(|(_, slot)| slot.serial).map(|(index, _)| index)
        };
        let Some(index) = free.or_else(|| {
            count(&mut report.stats.reactions_dropped);
            oldest()
        }) else {
            return;
        };
        self.serial = self.serial.saturating_add(1);
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = AckReaction {
                state: State::Waiting { until: now },
                message_id,
                emoji_type: Some(emoji_type),
                serial: self.serial,
                expires: now.after(EXPIRES_MS),
                retried: false,
                token_serial: 0,
            };
        }
    }

    pub(super) fn is_any_waiting(&self) -> bool {
        self.slots.as_slice().iter().any(|slot| matches!(slot.state, State::Waiting { .. }))
    }

    pub(super) fn deadlines(&self, now: Instant, earliest: &mut Earliest) {
        for slot in self.slots.as_slice() {
            if let State::Waiting { until } = slot.state {
                earliest.add(slot.expires, Why::Reaction);
                if until > now {
                    earliest.add(until, Why::Reaction);
                }
            }
        }
    }

    /// Drops what has waited too long.
    pub(super) fn expire(&mut self, now: Instant, report: &mut Report<'_>) {
        for slot in self.slots.as_mut_slice() {
            if matches!(slot.state, State::Waiting { .. }) && slot.expires <= now {
                slot.state = State::Free;
                count(&mut report.stats.reactions_dropped);
            }
        }
    }

    /// The oldest reaction that may go now.
    pub(super) fn next_ready(&self, now: Instant) -> Option<usize> {
        let ready = |slot: &AckReaction| matches!(slot.state, State::Waiting { until } if until <= now);
        let slots = self.slots.as_slice().iter().enumerate().filter(|(_, slot)| ready(slot));
        slots.min_by_key(|(_, slot)| slot.serial).map(|(index, _)| index)
    }

    fn slot(&mut self, index: usize) -> Option<&mut AckReaction> {
        self.slots.get_mut(index)
    }

    pub(super) fn take_off(&mut self, index: usize) {
        if let Some(slot) = self.slot(index) {
            slot.state = State::Flying;
        }
    }

    pub(super) fn again(&mut self, index: usize, until: Instant) {
        if let Some(slot) = self.slot(index) {
            slot.state = State::Waiting { until };
        }
    }

    /// Message and emoji of a reaction, and which token it uses from now on.
    pub(super) fn request(&mut self, index: usize, token_serial: u32) -> Option<(Short<64>, &'static str)> {
        let slot = self.slot(index)?;
        slot.token_serial = token_serial;
        Some((slot.message_id, slot.emoji_type?))
    }

    pub(super) fn token_of(&self, index: usize) -> u32 {
        self.slots.get(index).map_or(0, |slot| slot.token_serial)
    }

    /// Whether one more try is allowed: one in all.
    pub(super) fn may_retry(&mut self, index: usize) -> bool {
        self.slot(index).is_some_and(|slot| !core::mem::replace(&mut slot.retried, true))
    }

    /// The platform does not know this name.
    pub(super) fn disable(&mut self, index: usize) {
        let Some(name) = self.slots.get(index).and_then(|slot| slot.emoji_type) else { return };
        if !self.disabled.contains(&name)
            && let Some(place) = self.disabled.iter_mut().find(|place| place.is_empty())
        {
            *place = name;
        }
    }

    pub(super) fn finish(&mut self, index: usize) {
        if let Some(slot) = self.slot(index) {
            slot.state = State::Free;
        }
    }

    pub(super) fn clear(&mut self) {
        for slot in self.slots.as_mut_slice() {
            slot.state = State::Free;
        }
    }
}
