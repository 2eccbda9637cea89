//! The echo bot that runs on every board: what it says, and all the memory it needs.
//!
//! ```text
//!  board: stack, clock, entropy, watchdog          this crate
//!    │ Room (static)  ──────────────────►  room      every size stands there, once
//!    │ seed()         ◄── entropy
//!    │ run(Setup)     ──────────────────►  bot ∥ echo ∥ beat     one future, for one task
//!    │ say            ◄── one line for each notable thing (words)
//! ```
#![no_std]

mod beat;
mod echo;
mod room;
mod words;

use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use larkwire_embassy::core::config::ConfigError;
use larkwire_embassy::core::{AckReactions, Bot, Config, Domain, GateRules, OwnOpenId, Seed};
use larkwire_embassy::{Connect, End, Resources, Stats, WallClock};

pub use beat::seed;
pub use room::{Memory, Room, SOCKETS, STREAM_IN, STREAM_OUT, TcpRoom};

/// Takes one line for people and tests.
pub type Say = fn(core::fmt::Arguments<'_>);

/// What a board is told about its bot.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// `cli_` and 16 hexadecimal digits.
    pub app_id: &'a str,
    /// The app's secret.
    pub app_secret: &'a str,
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
    /// A message that ends the bot, for tests.
    pub stop_word: Option<&'a str>,
}

/// What a board gives to its bot.
#[derive(Debug)]
pub struct Setup<'a, C, W, P> {
    /// What the board was told.
    pub settings: Settings<'a>,
    /// From [`seed`].
    pub seed: Seed,
    /// The long connection's streams.
    pub socket: C,
    /// The streams of HTTP.
    pub http: C,
    /// The time of day, or that there is none.
    pub clock: W,
    /// Resets the watchdog: called every second, as long as the bot's task gets its turn.
    pub pet: P,
    /// Where lines go.
    pub say: Say,
}

/// Runs the bot to its end; what it counted.
///
/// # Errors
/// [`ConfigError`]: nothing was started.
pub async fn run<C: Connect, W: WallClock, P: FnMut()>(
    setup: Setup<'_, C, W, P>,
    room: &mut Room,
) -> Result<(End, Stats), ConfigError> {
    let Setup { settings, seed, socket, http, clock, pet, say } = setup;
    let Room { memory, inbox, echo } = room;
    let config = Config {
        app_id: settings.app_id,
        app_secret: settings.app_secret,
        domain: Domain::Custom(settings.base_url),
        source: "board",
        gate: GateRules {
            allowed_users: settings.allowed_users,
            stale_after_ms: settings.stale_after_ms,
            ..GateRules::default()
        },
        ack_reactions: settings.ack_reactions,
        own_open_id: OwnOpenId::Fetched,
        dangerously_allow_plaintext: settings.plaintext,
        ..Config::default()
    };
    let mut tables = memory.tables();
    let bot = Bot::new(config, tables.storage(), seed)?;
    let lanes = ConfigError::Storage { name: "http", needed: 1 };
    let mut resources = Resources::new(bot).map_err(|_| lanes)?.text_room(Memory::TEXT_ROOM);
    let (client, runner) = resources.split();
    let (inbox, events) = inbox.split();
    let bot = runner.run(socket, [http], inbox, |notice| words::notice(say, &notice));
    let echo = echo::echo(client, events, echo, settings.stop_word, say);
    match select(join(bot, echo), beat::beat(client, clock, pet)).await {
        Either::First((end, ())) => Ok((end, client.stats())),
        Either::Second(never) => match never {},
    }
}
