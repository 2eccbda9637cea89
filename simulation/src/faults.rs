//! What can go wrong: each fault is an episode with a beginning and an end, drawn by the life's dice.

use crate::clock::{HOUR, MINUTE, SECOND};
use crate::dice::Dice;

macro_rules! faults {
    ($($name:ident = $text:literal, $reach:ident, $shortest:expr, $longest:expr;)*) => {
        /// One kind of fault.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(crate) enum Fault { $($name),* }

        impl Fault {
            pub(crate) const ALL: &[Self] = &[$(Self::$name),*];

            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// What it reaches.
            pub(crate) const fn reach(self) -> Reach {
                match self { $(Self::$name => Reach::$reach),* }
            }

            /// The shortest and the longest episode, in milliseconds.
            const fn lasts(self) -> (u64, u64) {
                match self { $(Self::$name => ($shortest, $longest)),* }
            }
        }
    };
}

/// What a fault reaches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reach {
    /// The long connection, and everything else.
    Link,
    /// Calls, tokens, reactions.
    Calls,
    /// Single events, or the application.
    Events,
    /// The machine, at one moment.
    Moment,
}

faults! {
    NoName = "the name does not resolve", Link, SECOND, 20 * MINUTE;
    Unreachable = "dials fail", Link, SECOND, 20 * MINUTE;
    TlsFails = "TLS fails", Link, SECOND, 10 * MINUTE;
    DialHangs = "dials hang (DNS, TCP or TLS)", Link, SECOND, 20 * MINUTE;
    HttpHole = "HTTP is a black hole after connect", Link, SECOND, 20 * MINUTE;
    UpgradeHole = "the upgrade is never answered", Link, SECOND, 20 * MINUTE;
    HalfOpen = "open connections turn into black holes", Link, SECOND, MINUTE;
    Hole = "everything is a black hole", Link, SECOND, HOUR;
    DeafDown = "nothing reaches the bot", Link, SECOND, 20 * MINUTE;
    DeafUp = "nothing reaches the platform", Link, SECOND, 20 * MINUTE;
    Cut = "connections are cut", Link, SECOND, 10 * SECOND;
    CutAnywhere = "each connection is cut after some bytes", Link, SECOND, 20 * MINUTE;
    Drip = "bytes drip", Link, SECOND, 5 * MINUTE;
    Lag = "seconds of delay", Link, SECOND, 10 * MINUTE;
    WritesStall = "nobody reads what the bot writes", Link, SECOND, 10 * MINUTE;
    PlatformRestarts = "the platform restarts", Link, SECOND, 2 * MINUTE;
    DiscoveryStatus = "discovery: 429, 5xx", Link, SECOND, 20 * MINUTE;
    DiscoveryCode = "discovery: busy codes", Link, SECOND, 20 * MINUTE;
    DiscoveryGarbage = "discovery: unusable answers", Link, SECOND, 20 * MINUTE;
    ConnectionLimit = "too many connections", Link, SECOND, 30 * MINUTE;
    UpgradeRefused = "the upgrade is refused", Link, SECOND, 20 * MINUTE;
    AcceptThenDrop = "accepted, then dropped", Link, SECOND, 20 * MINUTE;
    NoPongs = "no pongs", Link, SECOND, 10 * MINUTE;
    HostileConfig = "a hostile ClientConfig", Link, SECOND, HOUR;
    Closes = "the platform closes", Link, SECOND, MINUTE;
    Broken = "the platform breaks WebSocket", Link, SECOND, MINUTE;
    Undecodable = "messages that are no frames", Link, SECOND, MINUTE;
    TokenRefused = "no tokens", Calls, SECOND, 10 * MINUTE;
    TokenRevoked = "tokens are refused as HTTP 200", Calls, SECOND, MINUTE;
    TokenOdd = "lifetimes of 0, below 0, huge", Calls, SECOND, 30 * MINUTE;
    CallsBusy = "calls: 429, 5xx, busy codes", Calls, SECOND, 10 * MINUTE;
    CallsHang = "calls are not answered", Calls, SECOND, 5 * MINUTE;
    CallsRefused = "calls are refused for good", Calls, SECOND, 5 * MINUTE;
    PartsMessy = "parts in any order, missing, again, contradicting", Events, 10 * SECOND, 20 * MINUTE;
    Duplicates = "duplicates rain", Events, 10 * SECOND, HOUR;
    Nonsense = "malformed, unknown and foreign messages", Events, 10 * SECOND, 20 * MINUTE;
    Burst = "a burst of events", Events, SECOND, 20 * SECOND;
    Large = "messages beyond the storage", Events, 10 * SECOND, 5 * MINUTE;
    InboxFull = "nobody empties the inbox", Events, SECOND, 5 * MINUTE;
    VerdictsLate = "verdicts are late", Events, SECOND, 10 * MINUTE;
    Sleep = "the machine sleeps, its clock runs", Moment, 31 * SECOND, 8 * HOUR;
    SleepStill = "the machine sleeps, its clock stands", Moment, 31 * SECOND, 8 * HOUR;
    WallJumps = "the wall clock jumps", Moment, SECOND, SECOND;
    Restart = "the bot restarts with its memory", Moment, SECOND, 10 * MINUTE;
    RestartBlank = "the bot restarts without its memory", Moment, SECOND, 10 * MINUTE;
    PowerLoss = "the power fails, nothing is closed", Moment, SECOND, 10 * MINUTE;
    ShutDown = "the bot is shut down and started again", Moment, SECOND, MINUTE;
    SecretRotated = "the secret is rotated", Moment, MINUTE, HOUR;
}

impl Fault {
    /// How long an episode takes: short ones are as likely as long ones, scale by scale.
    pub(crate) fn duration(self, dice: &mut Dice) -> u64 {
        let (shortest, longest) = self.lasts();
        let mut longest = longest;
        while longest / 2 > shortest && dice.one_in(2) {
            longest /= 2;
        }
        dice.between(shortest.min(longest), longest)
    }
}

/// The faults of each reach, as bits.
const MASKS: [u64; 4] = {
    let mut masks = [0; 4];
    let mut index = 0;
    while index < Fault::ALL.len() {
        masks[Fault::ALL[index].reach() as usize] |= 1 << index;
        index += 1;
    }
    masks
};

/// The episodes that last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Weather {
    active: u64,
}

impl Weather {
    pub(crate) fn set(&mut self, fault: Fault, on: bool) {
        let bit = 1 << fault as u64;
        self.active = if on { self.active | bit } else { self.active & !bit };
    }

    pub(crate) fn is(&self, fault: Fault) -> bool {
        self.active & (1 << fault as u64) != 0
    }

    /// Whether no fault of this reach lasts.
    pub(crate) fn is_calm(&self, reach: Reach) -> bool {
        self.active & MASKS[reach as usize] == 0
    }
}
