//! What kind of life a seed is: the bot, its memory, its clock, how much happens and how often things go wrong.

use larkwire_core::link::{CallbackSlot, PartSet};
use larkwire_core::{
    AckReaction, AckReactions, CallSlot, Config, Domain, GateRules, HttpLane, Notice, OnFatal, OwnOpenId, Region,
    SeenEntry, Slots, Storage,
};

use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::dice::{Dice, mix};

pub(crate) const APP_ID: &str = "cli_0123456789abcdef";
pub(crate) const SECRET: &str = "s3cr3t-of-the-app";
pub(crate) const OWN: &str = "ou_bot";
/// After the last fault: until the last redelivery has come and gone.
pub(crate) const CALM: u64 = 7 * HOUR + 30 * MINUTE;

/// How much of the time things go wrong.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    /// Months with a fault every few days.
    Quiet,
    /// Weeks with a fault every hour or so.
    Rough,
    /// Hours with several faults at once, all the time.
    Storm,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Quiet, Self::Rough, Self::Storm];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Rough => "rough",
            Self::Storm => "storm",
        }
    }
}

/// The memory of a bot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Size {
    pub(crate) message: usize,
    pub(crate) out: usize,
    pub(crate) http: usize,
    pub(crate) token: usize,
    pub(crate) seen: usize,
    pub(crate) sets: usize,
    pub(crate) lanes: usize,
    pub(crate) calls: usize,
    pub(crate) callbacks: usize,
    pub(crate) notices: usize,
}

/// A small board and a roomy one as `Buffers` sizes them, and a host.
const SIZES: [Size; 3] = [
    Size {
        message: 2048,
        out: 1024,
        http: 2048,
        token: 1024,
        seen: 256,
        sets: 2,
        lanes: 1,
        calls: 1,
        callbacks: 1,
        notices: 64,
    },
    Size {
        message: 8192,
        out: 2048,
        http: 6144,
        token: 4104,
        seen: 2048,
        sets: 2,
        lanes: 1,
        calls: 1,
        callbacks: 1,
        notices: 64,
    },
    Size {
        message: 1 << 20,
        out: 1 << 18,
        http: 1 << 20,
        token: 1 << 14,
        seen: 1 << 14,
        sets: 8,
        lanes: 4,
        calls: 64,
        callbacks: 64,
        notices: 256,
    },
];

fn lane<const HTTP: usize>() -> HttpLane<'static> {
    HttpLane::new(Region::growable(HTTP), Region::growable(HTTP))
}

fn call<const HTTP: usize>() -> CallSlot<'static> {
    CallSlot::new(Region::growable(HTTP))
}

fn callback<const BYTES: usize>() -> CallbackSlot<'static> {
    CallbackSlot::new(Region::growable(BYTES))
}

impl Size {
    /// On the heap, so that bots can come and go and be weighed; it grows to what a board has, and no further.
    pub(crate) fn storage(&self) -> Storage<'static> {
        match self.http {
            2048 => self.storage_of::<2048, 640>(),
            6144 => self.storage_of::<6144, 640>(),
            _ => self.storage_of::<1_048_576, 65_536>(),
        }
    }

    fn storage_of<const HTTP: usize, const CALLBACK: usize>(&self) -> Storage<'static> {
        let board = self.lanes == 1;
        Storage {
            texts: Region::growable(512),
            socket_in: Region::growable(self.message),
            socket_out: Region::growable(self.out),
            url: Region::growable(512),
            parts: Region::growable(self.parts()),
            assembled: Region::growable(self.message),
            part_sets: Slots::growable(self.sets),
            finished: Slots::growable(if board { 8 } else { 256 }),
            seen: Slots::growable(self.seen),
            allowed: Region::growable(512),
            chat_locales: Slots::growable(4),
            callbacks: Slots::growable_with(self.callbacks, callback::<CALLBACK>),
            http: Slots::growable_with(self.lanes, lane::<HTTP>),
            outbox: Slots::growable_with(self.calls, call::<HTTP>),
            reactions: Slots::<AckReaction>::growable(if board { 4 } else { 256 }),
            token: Region::growable(self.token),
            notices: Slots::growable(self.notices),
        }
    }

    /// All the memory that a bot of this size is given.
    pub(crate) fn most(&self) -> i64 {
        let callback = if self.is_board() { 640 } else { 65_536 };
        let buffers = 2 * self.message + self.parts() + self.out + self.token + 3 * 512 + self.lanes * 2 * self.http;
        let places = self.calls * (self.http + size_of::<CallSlot<'_>>()) + self.callbacks * (callback + 128);
        let tables = self.sets * size_of::<PartSet>() + self.notices * size_of::<Notice>() + 256 * (128 + 16) + 8192;
        // The table of ids doubles, and the old one stands beside the new one meanwhile.
        i64::try_from(buffers + places + tables + 2 * self.seen * size_of::<SeenEntry>()).unwrap_or(i64::MAX)
    }

    /// What tables and lanes may keep once all their places were needed, for the next time.
    pub(crate) fn retained(&self) -> i64 {
        let lanes = self.lanes * 2 * 4096;
        // Two callbacks at once are usual in a burst, eight were never seen.
        let callbacks = self.callbacks.min(8) * (1024 + size_of::<CallbackSlot<'_>>());
        let places = self.calls * size_of::<CallSlot<'_>>() + callbacks;
        let reactions = if self.is_board() { 4 } else { 256 } * size_of::<AckReaction>();
        i64::try_from(lanes + places + reactions + self.sets * size_of::<PartSet>()).unwrap_or(i64::MAX)
    }

    /// Bytes of the table of ids once so many were remembered.
    pub(crate) fn seen_table(&self, remembered: u64) -> i64 {
        let entries = match usize::try_from(remembered).unwrap_or(usize::MAX) {
            0 => 0,
            ids => ids.min(self.seen).next_power_of_two().clamp(64, self.seen),
        };
        i64::try_from(entries * size_of::<SeenEntry>()).unwrap_or(i64::MAX)
    }

    /// Bytes given for parts under assembly.
    pub(crate) fn parts(&self) -> usize {
        if self.is_board() { self.message } else { 4 * self.message }
    }

    pub(crate) fn is_board(&self) -> bool {
        self.lanes == 1
    }
}

/// A life as its seed wants it.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) kind: Kind,
    /// When faults end for good; the life ends [`CALM`] later.
    pub(crate) end: u64,
    pub(crate) size: Size,
    /// What the bot's clock shows at first.
    pub(crate) base: u64,
    /// Milliseconds between events, and between faults, on average.
    pub(crate) event_every: u64,
    pub(crate) fault_every: u64,
    /// One of so many messages is answered.
    pub(crate) answers: u64,
    pub(crate) inbox: usize,
    pub(crate) pong_timeout_ms: u32,
    pub(crate) stale_after_ms: u64,
    pub(crate) ack_reactions: bool,
    pub(crate) slow_retry: bool,
    pub(crate) planned_turns: bool,
    /// The runtime tells the time of day with every timeout, not at the start only.
    pub(crate) tells_wall: bool,
    pub(crate) own: OwnOpenId<'static>,
    /// What the platform asks for in good times: ping interval, reconnect interval, nonce.
    pub(crate) pace: (u32, u32, u32),
    /// Seconds that a token lives.
    pub(crate) token_life: u64,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut dice = Dice::new(mix(seed) ^ 0x6c69_6665);
        let kind = match dice.below(100) {
            0..6 => Kind::Quiet,
            6..40 => Kind::Rough,
            _ => Kind::Storm,
        };
        let (length, event_every, fault_every) = match kind {
            Kind::Quiet => (dice.between(60 * DAY, 400 * DAY), dice.between(5, 60) * MINUTE, 3 * DAY),
            Kind::Rough => {
                // Short ones are as likely as long ones; every eighth lives past the wrap of 32 bits of milliseconds.
                let longest = dice.pick(&[1, 1, 2, 4, 8, 16, 30, 60]) * DAY;
                (dice.between(longest / 2, longest), dice.between(60, 900) * SECOND, dice.between(10, 120) * MINUTE)
            }
            Kind::Storm => {
                (dice.between(2 * HOUR, 18 * HOUR), dice.between(2, 60) * SECOND, dice.between(20, 240) * SECOND)
            }
        };
        let size = SIZES[match dice.below(10) {
            0..3 => 0,
            3..5 => 1,
            _ => 2,
        }];
        let mut seen = size.seen;
        if !size.is_board() && dice.one_in(3) {
            seen = 512;
        }
        let size = Size { seen, ..size };
        let whole = length + CALM;
        let base = match dice.below(10) {
            0..4 => 0,
            // The wrap of 32 bits of milliseconds, or of seconds, happens within the life.
            4..7 => (1_u64 << 32).saturating_sub(dice.between(0, length)),
            7 => (1_u64 << 32) * 1000 - dice.between(0, length),
            // The last instants there are; waits must still fit behind the end of the life.
            8 => u64::MAX - whole - 20 * DAY,
            _ => dice.next() >> dice.between(8, 40),
        };
        let one_in = |dice: &mut Dice, n| dice.one_in(n);
        Self {
            seed,
            kind,
            end: length,
            size,
            base,
            event_every,
            fault_every,
            answers: dice.pick(&[1, 4, 4, 20]),
            inbox: dice.pick(&[2, 8, 64]),
            pong_timeout_ms: dice.pick(&[20_000, 20_000, 20_000, 0]),
            stale_after_ms: if one_in(&mut dice, 10) { 30 * MINUTE } else { 0 },
            ack_reactions: one_in(&mut dice, 3),
            slow_retry: one_in(&mut dice, 5),
            planned_turns: size.is_board() && kind != Kind::Quiet && one_in(&mut dice, 4),
            tells_wall: !one_in(&mut dice, 3),
            own: dice.pick(&[OwnOpenId::Fetched, OwnOpenId::Given(OWN), OwnOpenId::Unused]),
            pace: dice.pick(&[(120, 120, 30), (120, 120, 30), (90, 5, 30), (30, 30, 5), (600, 120, 120)]),
            token_life: dice.pick(&[7200, 7200, 1800, 600, 60]),
        }
    }

    pub(crate) fn config(&self) -> Config<'static> {
        Config {
            app_id: APP_ID,
            app_secret: larkwire_core::Secret::new(SECRET),
            domain: Domain::Feishu,
            pong_timeout_ms: self.pong_timeout_ms,
            gate: GateRules { allowed_users: &["*"], stale_after_ms: self.stale_after_ms, ..GateRules::default() },
            ack_reactions: if self.ack_reactions { AckReactions::Auto } else { AckReactions::Off },
            on_fatal: if self.slow_retry { OnFatal::SlowRetry } else { OnFatal::End },
            planned_turns: self.planned_turns,
            own_open_id: self.own,
            ..Config::default()
        }
    }

    /// `ClientConfig` in good times.
    pub(crate) fn client_config(&self) -> String {
        let (ping, interval, nonce) = self.pace;
        format!(
            r#"{{"ReconnectCount":-1,"ReconnectInterval":{interval},"ReconnectNonce":{nonce},"PingInterval":{ping}}}"#
        )
    }
}
