//! The echo bot as firmware for WIZnet's W5500-EVB-Pico: Cortex-M0+, 2 MiB of flash, 264 KiB of RAM, Ethernet by SPI.
//!
//! ```text
//!  settings  what is told at build time
//!  entropy   the ring oscillator, distilled
//!  machine   interrupts, watchdog, log over USB (the only unsafe code)
//!  streams   plain TCP, or with feature `tls` TLS
//!  main      tasks: chip (W5500), net (the stack), time (SNTP), bot and echo (the application), log
//! ```
#![no_std]
#![no_main]

mod entropy;
mod machine;
mod settings;
mod streams;

use embassy_executor::Spawner;
use embassy_net::{Runner, Stack, StackResources};
use embassy_net_wiznet::chip::W5500;
use embassy_net_wiznet::{Device, State};
use embassy_rp::flash::{Blocking, Flash};
use embassy_rp::gpio::{Input, Level, Output, Pull};
use embassy_rp::peripherals::SPI0;
use embassy_rp::spi::{Async, Config as SpiConfig, Spi};
use embassy_time::{Delay, Duration, Timer};
use embedded_hal_bus::spi::ExclusiveDevice;
use larkwire_board_app::{Board, Engine, Program, Room, SOCKETS, run, seed, set_up};
use larkwire_embassy::{Clock, End, Entropy as _, Sntp};
use static_cell::{ConstStaticCell, StaticCell};

use crate::entropy::Oscillator;
use crate::machine::{Irqs, pet, say};

const FLASH: usize = 2 * 1024 * 1024;
/// W5500 and its traces on this board keep up with 50 MHz; half of what it may be, so that a bad supply is no trouble.
const SPI_HZ: u32 = 30_000_000;
/// Frames in each direction, 1.5 KB each.
const FRAMES: usize = 4;

type Wire = ExclusiveDevice<Spi<'static, SPI0, Async>, Output<'static>, Delay>;
type Chip = embassy_net_wiznet::Runner<'static, W5500, Wire, Input<'static>, Output<'static>>;

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    static CLOCK: StaticCell<Clock> = StaticCell::new();
    static ROOM: Room = Room::new();
    static FRAME_ROOM: ConstStaticCell<State<FRAMES, FRAMES>> = ConstStaticCell::new(State::new());
    // One more than the application's, for SNTP.
    static SOCKET_ROOM: StaticCell<StackResources<{ SOCKETS + 1 }>> = StaticCell::new();
    let p = embassy_rp::init(embassy_rp::config::Config::default());
    machine::start_watchdog(p.WATCHDOG);
    spawn(spawner, machine::log_over_usb(p.USB));
    // So that whoever has just plugged it in sees the first line, too.
    Timer::after_secs(2).await;

    let mut uid = [0; 8];
    let mut flash = Flash::<_, Blocking, FLASH>::new_blocking(p.FLASH);
    if flash.blocking_unique_id(&mut uid).is_err() {
        say(format_args!("fault: the flash does not tell its id"));
    }
    let [_, _, _, a, b, c, d, e] = uid;
    // Locally administered, and each board its own.
    let mac = [2, a, b, c, d, e];

    let mut config = SpiConfig::default();
    config.frequency = SPI_HZ;
    let spi = Spi::new(p.SPI0, p.PIN_18, p.PIN_19, p.PIN_16, p.DMA_CH0, p.DMA_CH1, Irqs, config);
    let Ok(spi) = ExclusiveDevice::new(spi, Output::new(p.PIN_17, Level::High), Delay);
    let (int, reset) = (Input::new(p.PIN_21, Pull::Up), Output::new(p.PIN_20, Level::High));
    let chip = embassy_net_wiznet::new(mac, FRAME_ROOM.take(), spi, int, reset).await;
    let Ok((device, chip)) = chip else { rest("fault: no W5500").await };

    let mut chance = [0; 8];
    // Ports and sequence numbers; the bot's own randomness is another matter, and may come later.
    let _ = Oscillator.fill(&mut chance);
    let dhcp = embassy_net::Config::dhcpv4(embassy_net::DhcpConfig::default());
    let sockets = SOCKET_ROOM.init(StackResources::new());
    let (stack, runner) = embassy_net::new(device, dhcp, sockets, u64::from_le_bytes(chance));
    let clock: &'static Clock = CLOCK.init(Clock::new());
    spawn(spawner, work(chip));
    spawn(spawner, net(runner));
    spawn(spawner, lease(stack));
    spawn(spawner, time(stack, clock));

    let seed = seed(&mut Oscillator, pet, say).await;
    match set_up(&ROOM, &settings::SETTINGS, seed) {
        Ok((engine, program)) => {
            say(format_args!("start"));
            spawn(spawner, bot(engine, stack, clock));
            spawn(spawner, echo(program));
        }
        Err(error) => {
            say(format_args!("config {error}"));
            rest("the settings are told when the image is built").await;
        }
    }
}

/// Each task is spawned once, so there is room for it.
fn spawn<S>(spawner: Spawner, token: Result<embassy_executor::SpawnToken<S>, embassy_executor::SpawnError>) {
    if let Ok(token) = token {
        spawner.spawn(token);
    }
}

/// There is nothing to do but to say so: whoever is asked for help can read it.
async fn rest(why: &str) -> ! {
    loop {
        pet();
        say(format_args!("{why}"));
        Timer::after(Duration::from_secs(5)).await;
    }
}

#[embassy_executor::task]
async fn work(chip: Chip) -> ! {
    chip.run().await
}

#[embassy_executor::task]
async fn net(mut runner: Runner<'static, Device<'static>>) -> ! {
    runner.run().await
}

/// Says what becomes of the lease. It looks now and then: the stack keeps one waker for all who wait for it, and that is the
/// bot.
#[embassy_executor::task]
async fn lease(stack: Stack<'static>) -> ! {
    let (mut link, mut address) = (None, None);
    loop {
        let (is_up, now) = (stack.is_link_up(), stack.config_v4().map(|config| config.address));
        if link.replace(is_up) != Some(is_up) {
            say(format_args!("link {}", if is_up { "up" } else { "down" }));
        }
        if address != now {
            match now {
                Some(now) => say(format_args!("lease {now}")),
                None => say(format_args!("lease lost")),
            }
            address = now;
        }
        Timer::after_millis(500).await;
    }
}

#[embassy_executor::task]
async fn time(stack: Stack<'static>, clock: &'static Clock) {
    let mut sntp = Sntp::new(stack, settings::NTP_SERVER, Oscillator);
    let forbidden = sntp.keep(clock, None, |answer| match answer {
        Ok(unix) => say(format_args!("time {}", unix.0)),
        Err(fault) => say(format_args!("no time: {fault}")),
    });
    forbidden.await;
}

#[embassy_executor::task]
async fn bot(engine: Engine, stack: Stack<'static>, clock: &'static Clock) {
    let Some((streams, remark)) = streams::connectors(stack, clock) else { rest("fault: buffers").await };
    let (end, _) = run(engine, Board { clock, pet, say }, streams, remark).await;
    match end {
        End::Stopped => rest("stopped").await,
        End::Fatal(fatal) => loop {
            pet();
            say(format_args!("fatal {fatal}"));
            Timer::after_secs(5).await;
        },
    }
}

#[embassy_executor::task]
async fn echo(program: Program) {
    larkwire_board_app::echo(program, None, say).await;
}
