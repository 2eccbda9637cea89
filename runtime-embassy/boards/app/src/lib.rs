//! The echo bot that runs on every board: what it says, and all the memory it needs.
//!
//! ```text
//!  board: stack, clock, entropy, watchdog          this crate
//!    │ seed()    ◄── entropy
//!    │ set_up()  ──────────────►  room: all memory in one static; every size stands in `profile`, once
//!    │ run()     ──────────────►  a task: the bot, and beat beside it
//!    │ echo()    ──────────────►  a task: the answers
//!    │ say       ◄──────────────  words: one line for each notable thing
//! ```
#![no_std]

mod beat;
#[cfg(feature = "conform")]
mod conform;
mod echo;
mod profile;
mod room;
mod words;

use core::pin::pin;

use embassy_futures::select::{Either, select};
use larkwire_embassy::core::config::ConfigError;
use larkwire_embassy::core::{AckReactions, Config, Domain, GateRules, OwnOpenId, Secret, Seed};
use larkwire_embassy::{Connect, End, Stats, WallClock};

pub use beat::seed;
#[cfg(feature = "conform")]
pub use conform::{Control, ControlRoom, conform};
pub use echo::echo;
pub use profile::{Memory, SOCKETS, STREAMS};
#[cfg(feature = "tls")]
pub use room::TlsRoom;
pub use room::{Engine, Program, Room, TcpRoom};

/// Takes one line for people and tests.
pub type Say = fn(core::fmt::Arguments<'_>);

/// What a board is told about its bot.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// `cli_` and 16 hexadecimal digits.
    pub app_id: &'a str,
    /// The app's secret.
    pub app_secret: Secret<'a>,
    /// The open platform, `https://…`; `http://…` only with `plaintext`.
    pub base_url: &'a str,
    /// Who may speak to the bot; `*` is everybody, an empty list nobody.
    pub allowed_users: &'a [&'a str],
    /// Allows `http` and `ws`: the app secret travels in the clear.
    pub plaintext: bool,
    /// Whether messages are acknowledged with a reaction.
    pub ack_reactions: AckReactions,
    /// Milliseconds after which a message is too old to be answered; 0 answers all.
    pub stale_after_ms: u64,
}

impl<'a> Settings<'a> {
    /// What the engine is told of it.
    fn config(&self) -> Config<'a> {
        profile::of_profile(Config {
            app_id: self.app_id,
            app_secret: self.app_secret,
            domain: Domain::Custom(self.base_url),
            source: "board",
            gate: GateRules {
                allowed_users: self.allowed_users,
                stale_after_ms: self.stale_after_ms,
                ..GateRules::default()
            },
            ack_reactions: self.ack_reactions,
            own_open_id: OwnOpenId::Fetched,
            dangerously_allow_plaintext: self.plaintext,
            ..Config::default()
        })
    }
}

/// What a board gives to its bot, beside its streams.
#[derive(Clone, Copy, Debug)]
pub struct Board<W> {
    /// The time of day, or that there is none.
    pub clock: W,
    /// Resets the watchdog: called every second, as long as the bot's task gets its turn.
    pub pet: fn(),
    /// Where lines go.
    pub say: Say,
}

/// Makes the bot in its room, once: what is run, and what answers. Two tasks take less stack than one, because what
/// passes over the stack in one is gone when the other one is polled.
///
/// # Errors
/// [`ConfigError`]: nothing was started.
pub fn set_up(room: &'static Room, settings: &Settings<'_>, seed: Seed) -> Result<(Engine, Program), ConfigError> {
    room.set_up(settings.config(), seed)
}

/// Runs the bot to its end, in a task of its own; what it counted. The streams are the long connection's and that of HTTP,
/// or one for both; `remark` may say more behind each notice.
pub async fn run<C: Connect, W: WallClock>(
    engine: Engine,
    board: Board<W>,
    streams: [C; STREAMS],
    mut remark: impl FnMut(),
) -> (End, Stats) {
    let Engine { client, runner, inbox } = engine;
    let Board { clock, pet, say } = board;
    // In its place before it is polled: a future that is moved passes over the stack.
    let (socket, http) = split(streams);
    let bot = pin!(runner.run(socket, http, inbox, |notice| {
        words::notice(say, &notice);
        remark();
    }));
    match select(bot, beat::beat(client, clock, pet)).await {
        Either::First(end) => (end, client.stats()),
        Either::Second(never) => match never {},
    }
}

#[cfg(feature = "small")]
fn split<C>([socket]: [C; STREAMS]) -> (C, [C; 0]) {
    (socket, [])
}

#[cfg(not(feature = "small"))]
fn split<C>([socket, http]: [C; STREAMS]) -> (C, [C; 1]) {
    (socket, [http])
}
