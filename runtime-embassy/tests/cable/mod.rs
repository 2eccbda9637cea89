//! Two boards on one cable, both in this process: the bot's, and one that is the platform's end.

pub(crate) mod bridge;

use std::cell::Cell;
use std::rc::Rc;

use embassy_futures::join::join4;
use embassy_net::tcp::TcpSocket;
use embassy_net::{Ipv4Address, Ipv4Cidr, Stack, StackResources, StaticConfigV4};
use embassy_net_driver_channel as channel;
use embassy_net_driver_channel::driver::{HardwareAddress, LinkState};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use larkwire_embassy::TcpConnect;

pub(crate) const BOARD: Ipv4Address = Ipv4Address::new(10, 0, 2, 15);
pub(crate) const PLATFORM: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);
const MTU: usize = 1514;

pub(crate) fn leak<T>(value: T) -> &'static mut T {
    Box::leak(Box::new(value))
}

/// The cable between the boards, plugged in.
#[derive(Clone)]
pub(crate) struct Cable(Rc<Ends>);

struct Ends {
    plugged: Cell<bool>,
    /// A frame met the unplugged cable.
    lost: Signal<NoopRawMutex, ()>,
    link: channel::StateRunner<'static>,
}

impl Cable {
    /// The bot's board sees it at once. Frames of both sides are lost from now on.
    pub(crate) fn pull(&self) {
        self.0.lost.reset();
        self.0.plugged.set(false);
        self.0.link.set_link_state(LinkState::Down);
    }

    pub(crate) fn plug(&self) {
        self.0.plugged.set(true);
        self.0.link.set_link_state(LinkState::Up);
    }

    /// Waits until a frame was lost since the cable was pulled.
    pub(crate) async fn lost(&self) {
        self.0.lost.wait().await;
    }

    async fn carry(&self, mut from: channel::TxRunner<'static, MTU>, mut to: channel::RxRunner<'static, MTU>) {
        loop {
            let frame = from.tx_buf().await;
            let len = frame.len();
            if self.0.plugged.get() {
                to.rx_buf().await[..len].copy_from_slice(frame);
                to.rx_done(len);
            } else {
                self.0.lost.signal(());
            }
            from.tx_done();
        }
    }
}

/// The board of the bot and that of the platform, what they hang on, and the future that runs all three.
pub(crate) fn two_boards() -> (Stack<'static>, Stack<'static>, Cable, impl Future) {
    let (board, mut run_board, (link, to_board, from_board)) = stack(BOARD, 1);
    let (platform, mut run_platform, (_, to_platform, from_platform)) = stack(PLATFORM, 2);
    let cable = Cable(Rc::new(Ends { plugged: Cell::new(true), lost: Signal::new(), link }));
    let carrier = cable.clone();
    let net = async move {
        let there = carrier.carry(from_board, to_platform);
        let back = carrier.carry(from_platform, to_board);
        join4(run_board.run(), run_platform.run(), there, back).await
    };
    (board, platform, cable, net)
}

type NetRunner = embassy_net::Runner<'static, channel::Device<'static, MTU>>;
type Port = (channel::StateRunner<'static>, channel::RxRunner<'static, MTU>, channel::TxRunner<'static, MTU>);

fn stack(address: Ipv4Address, id: u8) -> (Stack<'static>, NetRunner, Port) {
    let state = leak(channel::State::<MTU, 8, 8>::new());
    let (runner, device) = channel::new(state, HardwareAddress::Ethernet([2, 0, 0, 0, 0, id]));
    let port = runner.split();
    port.0.set_link_state(LinkState::Up);
    let dns_servers = [PLATFORM].into_iter().collect();
    let config = StaticConfigV4 { address: Ipv4Cidr::new(address, 24), gateway: None, dns_servers };
    let resources = leak(StackResources::<12>::new());
    let (stack, runner) = embassy_net::new(device, embassy_net::Config::ipv4_static(config), resources, id.into());
    (stack, runner, port)
}

/// A connector of the bot's.
pub(crate) fn tcp(stack: Stack<'static>) -> TcpConnect<'static> {
    TcpConnect::new(stack, leak([0; 1024]), leak([0; 1024]))
}

/// A socket at which the platform's end waits for the bot.
pub(crate) fn listener(stack: Stack<'static>) -> TcpSocket<'static> {
    let mut socket = TcpSocket::new(stack, leak([0; 4096]), leak([0; 4096]));
    socket.set_nagle_enabled(false);
    socket
}
