//! The machine below Rust: registers, interrupts, exceptions, and what the linker knows.
//!
//! The only unsafe code of the image. Registers of devices are addresses outside of Rust's memory and are read and written
//! by volatile accesses to the fixed blocks named here, none of which reaches memory by itself (no DMA). Vectors are
//! functions by name for the linker.
#![allow(unsafe_code, reason = "registers, vectors and linker symbols have no safe form")]

use core::ptr;

use cortex_m::interrupt::InterruptNumber;
use cortex_m_rt::{ExceptionFrame, entry, exception};
use embassy_executor::{InterruptExecutor, Spawner};
use semihosting::{eprintln, process};

use crate::{clock, nic};

/// A block of 4 KiB of device registers.
#[derive(Clone, Copy)]
pub(crate) struct Registers(usize);

/// Free-running (CMSDK APB timer).
pub(crate) const TIMER0: Registers = Registers(0x4000_0000);
/// The alarm.
pub(crate) const TIMER1: Registers = Registers(0x4000_1000);
/// CMSDK APB watchdog.
const WATCHDOG: Registers = Registers(0x4000_8000);
/// LAN9118.
pub(crate) const ETHERNET: Registers = Registers(0x4020_0000);
/// System control space of the core.
const SYSTEM: Registers = Registers(0xE000_E000);

const TIMER0_IRQ: u16 = 8;
const TIMER1_IRQ: u16 = 9;
const ETHERNET_IRQ: u16 = 13;
/// Wired to no device: the executor's.
const EXECUTOR_IRQ: u16 = 31;

/// Exit codes of what must not happen; a panic exits with 101.
const FAULT: i32 = 102;
const BITTEN: i32 = 103;

impl Registers {
    pub(crate) fn read(self, offset: usize) -> u32 {
        // SAFETY: an aligned word inside a block of device registers, see above.
        unsafe { ptr::read_volatile((self.0 + (offset & 0xFFC)) as *const u32) }
    }

    pub(crate) fn write(self, offset: usize, value: u32) {
        // SAFETY: an aligned word inside a block of device registers, see above.
        unsafe { ptr::write_volatile((self.0 + (offset & 0xFFC)) as *mut u32, value) }
    }
}

#[derive(Clone, Copy)]
struct Irq(u16);

// SAFETY: the number does not change.
unsafe impl InterruptNumber for Irq {
    fn number(self) -> u16 {
        self.0
    }
}

static EXECUTOR: InterruptExecutor = InterruptExecutor::new();

#[entry]
fn start() -> ! {
    crate::clock::start();
    unmask(TIMER0_IRQ, DEVICE);
    unmask(TIMER1_IRQ, DEVICE);
    set_priority(EXECUTOR_IRQ, TASKS);
    crate::main(EXECUTOR.start(Irq(EXECUTOR_IRQ)));
    // The thread executor's WFE would keep a core of the host busy: QEMU takes it for a yield.
    loop {
        cortex_m::asm::wfi();
    }
}

/// Spawns beside the task that asks, whatever it hands over.
pub(crate) async fn spawner() -> Spawner {
    // SAFETY: every future of this image is polled by the one executor.
    unsafe { Spawner::for_current_executor() }.await
}

/// Priorities: tasks are below every device.
const DEVICE: u32 = 0x40;
const TASKS: u32 = 0xE0;

fn set_priority(irq: u16, priority: u32) {
    let (offset, shift) = (0x400 + usize::from(irq & !3), u32::from(irq & 3) * 8);
    let others = SYSTEM.read(offset) & !(0xFF << shift);
    SYSTEM.write(offset, others | priority << shift);
}

fn unmask(irq: u16, priority: u32) {
    set_priority(irq, priority);
    SYSTEM.write(0x100 + usize::from(irq / 32) * 4, 1 << (irq % 32));
}

/// Lets the network device interrupt. Only once it drives its line high when active: a storm follows otherwise.
pub(crate) fn unmask_ethernet() {
    unmask(ETHERNET_IRQ, DEVICE);
}

/// SysTick at 1 kHz without its interrupt. QEMU's user network looks at its sockets when the guest's next timer is due:
/// without this an answer waits for up to 100 ms. It must be off where time is virtual.
pub(crate) fn nudge() {
    SYSTEM.write(0x14, 24_999);
    SYSTEM.write(0x18, 0);
    SYSTEM.write(0x10, 0b101);
}

/// Starts the watchdog, or tells it that all is well: unless it is told again within 4 s, it bites.
pub(crate) fn pet() {
    /// 25 MHz.
    const LIMIT: u32 = 4 * 25_000_000;
    WATCHDOG.write(0xC00, 0x1ACC_E551);
    WATCHDOG.write(0x0, LIMIT);
    // The first bite is the non-maskable interrupt, which ends the image with a message.
    WATCHDOG.write(0x8, 0b01);
    WATCHDOG.write(0xC, 1);
}

#[exception]
unsafe fn DefaultHandler(irq: i16) {
    match u16::try_from(irq) {
        Ok(TIMER0_IRQ) => clock::on_wrap(),
        Ok(TIMER1_IRQ) => clock::on_alarm(),
        Ok(ETHERNET_IRQ) => nic::on_interrupt(),
        // SAFETY: this is the interrupt of the executor, which was started before it was unmasked.
        Ok(EXECUTOR_IRQ) => unsafe { EXECUTOR.on_interrupt() },
        _ => {
            eprintln!("fault: unexpected interrupt {irq}");
            process::exit(FAULT);
        }
    }
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    eprintln!("fault: pc={:#x} lr={:#x}", frame.pc(), frame.lr());
    process::exit(FAULT)
}

#[exception]
unsafe fn NonMaskableInt() {
    eprintln!("fault: the watchdog bit");
    process::exit(BITTEN);
}

/// Bytes of stack that were ever used: up to the lowest word that has lost the colour it was painted with at start.
pub(crate) fn stack_peak() -> usize {
    const PAINT: u32 = 0xCCCC_CCCC;
    unsafe extern "C" {
        static _stack_start: u32;
        static _stack_end: u32;
    }
    let (top, bottom) = (&raw const _stack_start, &raw const _stack_end);
    let mut word = bottom;
    // SAFETY: these words are RAM between the last static and the top of the stack; nothing but the stack writes there.
    while word < top && unsafe { ptr::read_volatile(word) } == PAINT {
        word = word.wrapping_add(1);
    }
    top.addr() - word.addr()
}
