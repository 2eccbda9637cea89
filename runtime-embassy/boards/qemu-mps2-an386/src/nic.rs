//! The Ethernet device, a LAN9118, without DMA: frames pass through its FIFOs word by word.

use core::task::Context;

use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState};
use embassy_sync::waitqueue::AtomicWaker;

use crate::machine::{ETHERNET as NIC, unmask_ethernet};

const RX_DATA: usize = 0x00;
const TX_DATA: usize = 0x20;
const RX_STATUS: usize = 0x40;
const IRQ_CFG: usize = 0x54;
const INT_STS: usize = 0x58;
const INT_EN: usize = 0x5C;
const BYTE_TEST: usize = 0x64;
const TX_CFG: usize = 0x70;
const HW_CFG: usize = 0x74;
const RX_FIFO_INF: usize = 0x7C;
const TX_FIFO_INF: usize = 0x80;
const MAC_COMMAND: usize = 0xA4;
const MAC_DATA: usize = 0xA8;

const MAC_CR: u32 = 1;
const ADDRH: u32 = 2;
const ADDRL: u32 = 3;
const MII_ACC: u32 = 6;
const MII_DATA: u32 = 7;

const PHY_CONTROL: u32 = 0;
const PHY_STATUS: u32 = 1;
const PHY_INTERRUPTS: u32 = 29;
const PHY_INTERRUPT_MASK: u32 = 30;

/// An Ethernet frame without its checksum.
const MTU: usize = 1514;
const WORDS: usize = MTU.div_ceil(4);

static WAKER: AtomicWaker = AtomicWaker::new();

/// The device with room for one frame each way.
pub(crate) struct Nic {
    address: [u8; 6],
    rx: [u8; WORDS * 4],
    tx: [u8; WORDS * 4],
}

/// The device is not there.
#[derive(Debug)]
pub(crate) struct Missing;

impl Nic {
    /// Room for a device that [`Nic::start`] has not been called for.
    pub(crate) const fn new() -> Self {
        Self { address: [0; 6], rx: [0; WORDS * 4], tx: [0; WORDS * 4] }
    }

    /// Brings the device up.
    pub(crate) fn start(&mut self) -> Result<(), Missing> {
        if NIC.read(BYTE_TEST) != 0x8765_4321 {
            return Err(Missing);
        }
        NIC.write(HW_CFG, 1);
        while NIC.read(HW_CFG) & 1 != 0 {}
        // 5 KiB for frames to send; the other bit must be one.
        NIC.write(HW_CFG, 5 << 16 | 1 << 20);
        NIC.write(TX_CFG, 0b110);
        // Autonegotiation anew; interrupts for a lost link and for the end of autonegotiation.
        write_phy(PHY_CONTROL, 0x1200);
        write_phy(PHY_INTERRUPT_MASK, 0x50);
        let ([a, b, c, d], [e, f, ..]) = (read_mac(ADDRL).to_le_bytes(), read_mac(ADDRH).to_le_bytes());
        self.address = [a, b, c, d, e, f];
        // Full duplex, send, receive.
        write_mac(MAC_CR, 1 << 20 | 1 << 3 | 1 << 2);
        // Active high, push-pull; out of reset the line is active low.
        NIC.write(IRQ_CFG, 0x111);
        NIC.write(INT_STS, u32::MAX);
        // Frames received, and the PHY.
        NIC.write(INT_EN, 1 << 3 | 1 << 18);
        unmask_ethernet();
        Ok(())
    }
}

fn read_mac(register: u32) -> u32 {
    NIC.write(MAC_COMMAND, 1 << 31 | 1 << 30 | register);
    while NIC.read(MAC_COMMAND) & 1 << 31 != 0 {}
    NIC.read(MAC_DATA)
}

fn write_mac(register: u32, value: u32) {
    NIC.write(MAC_DATA, value);
    NIC.write(MAC_COMMAND, 1 << 31 | register);
    while NIC.read(MAC_COMMAND) & 1 << 31 != 0 {}
}

fn access_phy(register: u32, write: u32) {
    write_mac(MII_ACC, 1 << 11 | register << 6 | write << 1 | 1);
    while read_mac(MII_ACC) & 1 != 0 {}
}

fn read_phy(register: u32) -> u32 {
    access_phy(register, 0);
    read_mac(MII_DATA)
}

fn write_phy(register: u32, value: u32) {
    write_mac(MII_DATA, value);
    access_phy(register, 1);
}

pub(crate) fn on_interrupt() {
    NIC.write(INT_STS, NIC.read(INT_STS));
    WAKER.wake();
}

fn can_send() -> bool {
    // Two command words and the alignment of the frame.
    NIC.read(TX_FIFO_INF) & 0xFFFF >= MTU as u32 + 12
}

/// Takes the oldest frame out of the device; its length without the checksum.
fn take(room: &mut [u8]) -> usize {
    let len = (NIC.read(RX_STATUS) >> 16 & 0x3FFF) as usize;
    let mut places = room.chunks_exact_mut(4);
    for _ in 0..len.div_ceil(4) {
        let word = NIC.read(RX_DATA).to_le_bytes();
        if let Some(place) = places.next() {
            place.copy_from_slice(&word);
        }
    }
    len.saturating_sub(4)
}

impl Driver for Nic {
    type RxToken<'a> = RxToken<'a>;
    type TxToken<'a> = TxToken<'a>;

    fn receive(&mut self, cx: &mut Context<'_>) -> Option<(RxToken<'_>, TxToken<'_>)> {
        // Before the look, so that a frame behind it is not missed.
        WAKER.register(cx.waker());
        if NIC.read(RX_FIFO_INF) >> 16 & 0xFF == 0 {
            return None;
        }
        if !can_send() {
            cx.waker().wake_by_ref();
            return None;
        }
        let len = take(&mut self.rx);
        Some((RxToken(self.rx.get_mut(..len).unwrap_or_default()), TxToken(&mut self.tx)))
    }

    fn transmit(&mut self, cx: &mut Context<'_>) -> Option<TxToken<'_>> {
        if !can_send() {
            cx.waker().wake_by_ref();
            return None;
        }
        Some(TxToken(&mut self.tx))
    }

    fn link_state(&mut self, cx: &mut Context<'_>) -> LinkState {
        WAKER.register(cx.waker());
        // Reading acknowledges the PHY's interrupt, without which there is no next one.
        read_phy(PHY_INTERRUPTS);
        if read_phy(PHY_STATUS) & 1 << 2 != 0 { LinkState::Up } else { LinkState::Down }
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = MTU;
        // The device has room for so many; with one, TCP would open its window for one segment only.
        capabilities.max_burst_size = Some(6);
        capabilities
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.address)
    }
}

pub(crate) struct RxToken<'a>(&'a mut [u8]);

impl embassy_net_driver::RxToken for RxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

pub(crate) struct TxToken<'a>(&'a mut [u8; WORDS * 4]);

impl embassy_net_driver::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let len = len.min(MTU);
        let result = f(self.0.get_mut(..len).unwrap_or_default());
        // First and last segment.
        NIC.write(TX_DATA, 1 << 13 | 1 << 12 | len as u32);
        NIC.write(TX_DATA, len as u32);
        for word in self.0.chunks_exact(4).take(len.div_ceil(4)) {
            NIC.write(TX_DATA, u32::from_le_bytes(word.try_into().unwrap_or_default()));
        }
        result
    }
}
