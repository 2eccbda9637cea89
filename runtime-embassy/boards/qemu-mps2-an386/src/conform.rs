//! The program of the image for the conformance suite, which tells it over TCP what to do.

use embassy_net::{IpEndpoint, Ipv4Address, Stack};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, with_timeout};
use larkwire_board_app::{Control, ControlRoom, Engine, Program, Room, conform};
use larkwire_embassy::core::Seed;
use larkwire_embassy::core::config::ConfigError;
use static_cell::ConstStaticCell;

use crate::host::{Arguments, say};
use crate::{BOARD, LATE, end};

/// The host, as QEMU's user network shows it.
const HOST: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);
/// The last words are on their way to this machine.
const LAST: Duration = Duration::from_secs(2);

static ENDED: Signal<CriticalSectionRawMutex, ()> = Signal::new();

/// What [`run`] takes.
pub(crate) struct Running {
    program: Program,
    control: Control,
}

/// Makes the bot as the suite wants it.
pub(crate) async fn set_up(
    arguments: &Arguments,
    stack: Stack<'static>,
    seed: Seed,
) -> Result<(Engine, Running), ConfigError> {
    static CONTROL: ConstStaticCell<ControlRoom> = ConstStaticCell::new(ControlRoom::new());
    static ROOM: Room = Room::new();
    let host = IpEndpoint::new(HOST.into(), arguments.control);
    let Some(control) = Control::open(stack, host, CONTROL.take()).await else {
        say(format_args!("fault: no suite"));
        end(BOARD);
    };
    let (engine, program) = control.set_up(&ROOM, seed)?;
    Ok((engine, Running { program, control }))
}

#[embassy_executor::task]
pub(crate) async fn run(running: Running) {
    if !conform(running.program, running.control).await {
        say(format_args!("the suite is gone"));
        end(LATE);
    }
    ENDED.signal(());
}

/// Waits until it has said its last word.
pub(crate) async fn ended() {
    let _ = with_timeout(LAST, ENDED.wait()).await;
}
