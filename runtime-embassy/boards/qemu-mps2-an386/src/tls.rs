//! The streams of the TLS image: TLS 1.3, to servers with a chain to the one root that the host gives.

use core::cell::{Cell, RefCell};
use core::ffi::CStr;

use embassy_net::Stack;
use larkwire_board_app::{STREAMS, TlsRoom};
use larkwire_embassy::{TlsConnect, TlsFault, Trust};
use semihosting::fs::File;
use semihosting::io::Read as _;
use static_cell::{ConstStaticCell, StaticCell};

use crate::host::{Arguments, HostClock, HostEntropy, say};

type Connector = TlsConnect<'static, HostClock, &'static RefCell<HostEntropy>>;

/// The connectors, and what may say more of a lost link; `None` without a root.
pub(crate) fn streams(stack: Stack<'static>, arguments: &Arguments) -> Option<([Connector; STREAMS], impl FnMut())> {
    static ROOM: ConstStaticCell<TlsRoom> = ConstStaticCell::new(TlsRoom::new());
    static ROOT: StaticCell<[&'static [u8]; 1]> = StaticCell::new();
    static ENTROPY: StaticCell<RefCell<HostEntropy>> = StaticCell::new();
    static FAULT: StaticCell<Cell<Option<TlsFault>>> = StaticCell::new();
    let trust = Trust::Roots(ROOT.init([root(arguments.ca?)?]));
    let entropy = &*ENTROPY.init(RefCell::new(arguments.entropy));
    let fault = &*FAULT.init(Cell::new(None));
    let connect = |buffers| TlsConnect::new(stack, buffers, trust, arguments.clock, entropy, fault);
    let remark = || {
        if let Some(fault) = fault.take() {
            say(format_args!("tls {fault}"));
        }
    };
    Some((ROOM.take().connectors(connect).ok()?, remark))
}

/// A certificate in DER from a file of the host; a product has its root in flash.
fn root(path: &str) -> Option<&'static [u8]> {
    static BYTES: ConstStaticCell<[u8; 1024]> = ConstStaticCell::new([0; 1024]);
    let mut name = [0; 256];
    name.get_mut(..path.len())?.copy_from_slice(path.as_bytes());
    let mut file = File::open(CStr::from_bytes_until_nul(&name).ok()?).ok()?;
    let bytes = BYTES.take();
    let mut len = 0;
    loop {
        match file.read(bytes.get_mut(len..)?).ok()? {
            0 => return bytes.get(..len),
            read => len += read,
        }
    }
}
