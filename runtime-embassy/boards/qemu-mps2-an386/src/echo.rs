//! The program of the ordinary image: it says what it hears.

use embassy_net::Stack;
use larkwire_board_app::{Engine, Program, Room, Settings, echo};
use larkwire_embassy::core::config::ConfigError;
use larkwire_embassy::core::{AckReactions, Secret, Seed};

use crate::host::{Arguments, say};

/// What [`run`] takes.
pub(crate) struct Running {
    program: Program,
    stop_word: Option<&'static str>,
}

/// Makes the bot of the image's arguments.
pub(crate) async fn set_up(
    arguments: &Arguments,
    _: Stack<'static>,
    seed: Seed,
) -> Result<(Engine, Running), ConfigError> {
    static ROOM: Room = Room::new();
    let settings = Settings {
        app_id: arguments.app_id,
        app_secret: Secret::new(arguments.app_secret),
        base_url: arguments.base_url,
        allowed_users: &[arguments.allowed_user],
        plaintext: !cfg!(feature = "tls"),
        ack_reactions: AckReactions::Auto,
        stale_after_ms: arguments.stale_ms,
    };
    let (engine, program) = larkwire_board_app::set_up(&ROOM, &settings, seed)?;
    Ok((engine, Running { program, stop_word: arguments.stop_word }))
}

#[embassy_executor::task]
pub(crate) async fn run(running: Running) {
    echo(running.program, running.stop_word, say).await;
}

/// Waits until it has said its last word, which nobody waits for.
pub(crate) async fn ended() {}
