//! The echo bot as firmware for `qemu-system-arm -M mps2-an386`: Cortex-M4F, 512 KiB of flash, 192 KiB of RAM.
//!
//! ```text
//!  machine   registers, vectors, watchdog, stack colour (the only unsafe code)
//!    clock   embassy-time on two timers          nic   LAN9118, Ethernet
//!    host    arguments, log, time of day and randomness, by semihosting
//!    streams TCP, or with feature `tls` TLS
//!    program the echo, or with feature `conform` what the conformance suite says
//!  main      tasks: net (the stack), cable (link and lease), bot (the application), and its program
//! ```
#![no_std]
#![no_main]

mod clock;
mod host;
mod machine;
mod nic;
#[cfg_attr(feature = "conform", path = "conform.rs")]
#[cfg_attr(not(feature = "conform"), path = "echo.rs")]
mod program;
#[cfg_attr(feature = "tls", path = "tls.rs")]
#[cfg_attr(not(feature = "tls"), path = "tcp.rs")]
mod streams;

use embassy_executor::SendSpawner;
use embassy_net::{ConfigV4, DhcpConfig, Ipv4Address, Ipv4Cidr, Runner, Stack, StackResources, StaticConfigV4};
use embassy_time::{Duration, Timer, with_timeout};
use larkwire_board_app::{Board, Engine, SOCKETS, run, seed};
use larkwire_embassy::core::fault::{DropReason, Fatal, FatalReason};
use larkwire_embassy::{End, Entropy as _, Stats};
use semihosting::process;
use static_cell::{ConstStaticCell, StaticCell};

use crate::host::{Arguments, say};
use crate::nic::Nic;

/// A lease comes within milliseconds here.
const LEASE: Duration = Duration::from_secs(5);

/// Exit codes, beside those of `machine`: 0 stopped as asked, or idle for as long as asked.
const FATAL: i32 = 10;
const CONFIG: i32 = 20;
const BOARD: i32 = 21;
const LATE: i32 = 22;

fn main(spawner: SendSpawner) {
    match set_up() {
        Ok(token) => spawner.spawn(token),
        Err(_) => end(BOARD),
    }
}

/// Starts everything, inside the executor.
#[embassy_executor::task]
async fn set_up() {
    static NIC: ConstStaticCell<Nic> = ConstStaticCell::new(Nic::new());
    static SOCKET_ROOM: StaticCell<StackResources<SOCKETS>> = StaticCell::new();
    let spawner = machine::spawner().await;
    let mut arguments = Arguments::read();
    machine::pet();
    if arguments.idle_hours.is_none() {
        machine::nudge();
    }
    let nic = NIC.take();
    if nic.start().is_err() {
        say(format_args!("fault: no network device"));
        end(BOARD);
    }
    // Ports and sequence numbers; the bot's own randomness is another matter, and may come later.
    let mut network_seed = [0; 8];
    let _ = host::HostEntropy::ready().fill(&mut network_seed);
    let config = match arguments.dns.and_then(|dns| dns.parse().ok()) {
        None => ConfigV4::Dhcp(DhcpConfig::default()),
        Some(dns) => ConfigV4::Static(fixed(dns)),
    };
    let mut with = embassy_net::Config::default();
    with.ipv4 = config;
    let (stack, runner) =
        embassy_net::new(nic, with, SOCKET_ROOM.init(StackResources::new()), u64::from_le_bytes(network_seed));
    match (net(runner), cable(stack)) {
        (Ok(net), Ok(cable)) => {
            spawner.spawn(net);
            spawner.spawn(cable);
        }
        // Each is spawned once.
        _ => end(BOARD),
    }
    if let Some(Ok(hang)) = arguments.hang_s.map(hang) {
        spawner.spawn(hang);
    }
    let last = match (arguments.idle_hours, arguments.limit_s) {
        (Some(hours), _) => Some((hours * 3600, 0)),
        (None, Some(seconds)) => Some((seconds, LATE)),
        (None, None) => None,
    };
    if let Some(Ok(last)) = last.map(|(seconds, code)| end_after(seconds, code)) {
        spawner.spawn(last);
    }
    let seed = seed(&mut arguments.entropy, machine::pet, say).await;
    let (engine, program) = match program::set_up(&arguments, stack, seed).await {
        Ok(parts) => parts,
        Err(error) => {
            if cfg!(feature = "small") {
                say(format_args!("config"));
            } else {
                say(format_args!("config {error}"));
            }
            end(CONFIG);
        }
    };
    say(format_args!("start"));
    match (bot(engine, stack, arguments), program::run(program)) {
        (Ok(bot), Ok(program)) => {
            spawner.spawn(bot);
            spawner.spawn(program);
        }
        _ => end(BOARD),
    }
}

/// What the lease would say, with another resolver.
fn fixed(dns: Ipv4Address) -> StaticConfigV4 {
    StaticConfigV4 {
        address: Ipv4Cidr::new(Ipv4Address::new(10, 0, 2, 15), 24),
        gateway: Some(Ipv4Address::new(10, 0, 2, 2)),
        dns_servers: [dns].into_iter().collect(),
    }
}

#[embassy_executor::task]
async fn net(mut runner: Runner<'static, &'static mut Nic>) -> ! {
    runner.run().await
}

/// Says what becomes of cable and lease.
#[embassy_executor::task]
async fn cable(stack: Stack<'static>) -> ! {
    loop {
        stack.wait_link_up().await;
        say(format_args!("link up"));
        match with_timeout(LEASE, stack.wait_config_up()).await {
            Ok(()) => {
                if let Some(config) = stack.config_v4() {
                    say(format_args!("lease {}", config.address));
                }
            }
            Err(_) => say(format_args!("no lease within 5 s")),
        }
        stack.wait_link_down().await;
        say(format_args!("link down"));
    }
}

#[embassy_executor::task]
async fn bot(engine: Engine, stack: Stack<'static>, arguments: Arguments) {
    let Some((streams, remark)) = streams::streams(stack, &arguments) else {
        say(format_args!("fault: no root certificate"));
        end(BOARD);
    };
    let board = Board { clock: arguments.clock, pet: machine::pet, say };
    let (how, stats) = run(engine, board, streams, remark).await;
    report(&stats);
    program::ended().await;
    match how {
        End::Stopped => end(0),
        End::Fatal(fatal) => {
            say_fatal(&fatal);
            end(fatal_code(&fatal));
        }
    }
}

/// A program that hangs after that time, for the watchdog.
#[embassy_executor::task]
async fn hang(seconds: u64) {
    Timer::after_secs(seconds).await;
    say(format_args!("hanging"));
    loop {
        core::hint::spin_loop();
    }
}

/// Ends the image after that time.
#[embassy_executor::task]
async fn end_after(seconds: u64, code: i32) {
    Timer::after_secs(seconds).await;
    say(format_args!("over after {seconds} s"));
    end(code);
}

fn report(stats: &Stats) {
    let Stats { accepted, acked, calls_succeeded, link_faults, links, reactions_sent, .. } = stats;
    let (duplicates, denied) = (stats.dropped(DropReason::Duplicate), stats.dropped(DropReason::SenderNotAllowed));
    say(format_args!(
        "stats accepted={accepted} acked={acked} answered={calls_succeeded} reactions={reactions_sent} links={links} \
         link_faults={link_faults} duplicates={duplicates} denied={denied}"
    ));
}

/// In a small image the exit code says why.
fn say_fatal(fatal: &Fatal) {
    if cfg!(feature = "small") {
        say(format_args!("fatal code={}", fatal.code));
    } else {
        say(format_args!("fatal {fatal}"));
    }
}

fn fatal_code(fatal: &Fatal) -> i32 {
    FATAL
        + match fatal.reason {
            FatalReason::Credentials => 0,
            FatalReason::Forbidden => 1,
            FatalReason::GaveUp => 2,
            FatalReason::Refused => 3,
            FatalReason::WrongRegion => 4,
        }
}

fn end(code: i32) -> ! {
    say(format_args!("end code={code} stack_peak={}", machine::stack_peak()));
    process::exit(code)
}
