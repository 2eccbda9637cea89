//! The echo bot for a RISC-V core without atomics, `riscv32imc`, as an ESP32-C3 has one.
//!
//! It is there to be linked, not to be run: without an allocator, with SNTP and the journal in it, to see that it links and
//! how large it is. What a chip has of its own stands here as the least that links: a clock that counts how often it is
//! asked, a network without anybody on it, no entropy, no flash for the journal, no log. The firmware of an ESP32-C3 takes
//! these from `esp-hal` and `esp-radio`.
#![no_std]
#![no_main]
#![allow(unsafe_code, reason = "the time driver is named for the linker")]

mod clock;
mod flash;

use core::convert::Infallible;
use core::fmt::Arguments;
use core::hint::black_box;
use core::panic::PanicInfo;

use embassy_executor::Spawner;
use embassy_futures::join::join;
use embassy_net::{Runner, Stack, StackResources};
use embassy_net_driver_channel as channel;
use larkwire_board_app::{Board, Engine, Program, Room, SOCKETS, Settings, TcpRoom, run, seed, set_up};
use larkwire_embassy::core::{AckReactions, Secret};
use larkwire_embassy::{Clock, Entropy, EntropyFailed, Sntp};
use riscv_rt as _;
use static_cell::{ConstStaticCell, StaticCell};

const MTU: usize = 1514;
type Device = channel::Device<'static, MTU>;
type Cable = channel::Runner<'static, MTU>;

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    static CLOCK: StaticCell<Clock> = StaticCell::new();
    static FRAME_ROOM: ConstStaticCell<channel::State<MTU, 4, 4>> = ConstStaticCell::new(channel::State::new());
    static ROOM: Room = Room::new();
    static SOCKET_ROOM: StaticCell<StackResources<{ SOCKETS + 1 }>> = StaticCell::new();
    let (cable, device) =
        channel::new(FRAME_ROOM.take(), channel::driver::HardwareAddress::Ethernet([2, 0, 0, 0, 0, 1]));
    let dhcp = embassy_net::Config::dhcpv4(embassy_net::DhcpConfig::default());
    let (stack, runner) = embassy_net::new(device, dhcp, SOCKET_ROOM.init(StackResources::new()), 1);
    let clock: &'static Clock = CLOCK.init(Clock::new());
    // What the linker cannot see through is what a board would be told.
    let settings = Settings {
        app_id: black_box("cli_0123456789abcdef"),
        app_secret: Secret::new(black_box("secret")),
        base_url: black_box("http://10.0.2.2:8000"),
        allowed_users: &["*"],
        plaintext: true,
        ack_reactions: AckReactions::Auto,
        stale_after_ms: 0,
    };
    let seed = seed(&mut Nothing, pet, say).await;
    if let Ok((engine, program)) = set_up(&ROOM, &settings, seed)
        && let (Ok(net), Ok(bot), Ok(echo), Ok(time), Ok(journal)) =
            (net(runner, cable), bot(engine, stack, clock), echo(program), time(stack, clock), flash::journal())
    {
        spawner.spawn(journal);
        spawner.spawn(net);
        spawner.spawn(bot);
        spawner.spawn(echo);
        spawner.spawn(time);
    }
}

#[embassy_executor::task]
async fn net(mut runner: Runner<'static, Device>, cable: Cable) {
    let (link, mut rx, mut tx) = cable.split();
    link.set_link_state(channel::driver::LinkState::Up);
    let nobody = async {
        loop {
            let len = tx.tx_buf().await.len();
            tx.tx_done();
            // What is sent comes back, so that everything that reads is linked, too.
            rx.rx_buf().await;
            rx.rx_done(len);
        }
    };
    let (never, ()): (Infallible, ()) = join(async { runner.run().await }, nobody).await;
    match never {}
}

#[embassy_executor::task]
async fn time(stack: Stack<'static>, clock: &'static Clock) {
    Sntp::new(stack, black_box("pool.ntp.org"), Nothing).keep(clock, None, |_| {}).await;
}

#[embassy_executor::task]
async fn bot(engine: Engine, stack: Stack<'static>, clock: &'static Clock) {
    static TCP: ConstStaticCell<TcpRoom> = ConstStaticCell::new(TcpRoom::new());
    run(engine, Board { clock, pet, say }, TCP.take().connectors(stack), || {}).await;
}

#[embassy_executor::task]
async fn echo(program: Program) {
    larkwire_board_app::echo(program, None, say).await;
}

/// A source that may have something, as far as the linker knows.
struct Nothing;

impl Entropy for Nothing {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        out.fill(black_box(0));
        black_box(Err(EntropyFailed))
    }
}

fn pet() {}

fn say(line: Arguments<'_>) {
    black_box(line);
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}
