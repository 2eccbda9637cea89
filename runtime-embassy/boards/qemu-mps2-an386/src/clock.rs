//! embassy-time on two CMSDK timers: one runs free and counts its wraps, the other is the alarm.

use core::cell::{Cell, RefCell};
use core::task::Waker;

use critical_section::CriticalSection;
use embassy_sync::blocking_mutex::CriticalSectionMutex as Mutex;
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

use crate::machine::{TIMER0, TIMER1};

const CTRL: usize = 0x0;
const VALUE: usize = 0x4;
const RELOAD: usize = 0x8;
/// Read: whether the interrupt waits. Write: clears it.
const INTERRUPT: usize = 0xC;
const ON: u32 = 0b1001;

/// 25 MHz, and 1 MHz.
const CYCLES_PER_TICK: u64 = 25;

struct Clock {
    wraps: Mutex<Cell<u32>>,
    queue: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static CLOCK: Clock = Clock {
    wraps: Mutex::new(Cell::new(0)),
    queue: Mutex::new(RefCell::new(Queue::new())),
});

impl Driver for Clock {
    fn now(&self) -> u64 {
        critical_section::with(|cs| {
            let wraps = u64::from(self.wraps.borrow(cs).get());
            let mut cycles = (wraps << 32) + u64::from(!value());
            if TIMER0.read(INTERRUPT) != 0 {
                // It wrapped, and the interrupt has not counted that yet; perhaps only after the value was read.
                cycles = ((wraps + 1) << 32) + u64::from(!value());
            }
            cycles / CYCLES_PER_TICK
        })
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            let mut queue = self.queue.borrow(cs).borrow_mut();
            if queue.schedule_wake(at, waker) {
                self.arm(&mut queue);
            }
        });
    }
}

impl Clock {
    /// Wakes what is due, and sets the alarm to what is due next; one that is too far away is set again on the way.
    fn arm(&self, queue: &mut Queue) {
        let now = self.now();
        let next = queue.next_expiration(now);
        TIMER1.write(CTRL, 0);
        if next == u64::MAX {
            return;
        }
        let cycles = next.saturating_sub(now).saturating_mul(CYCLES_PER_TICK).clamp(1, u64::from(u32::MAX));
        TIMER1.write(RELOAD, 0);
        TIMER1.write(VALUE, u32::try_from(cycles).unwrap_or(u32::MAX));
        TIMER1.write(CTRL, ON);
    }

    fn count_wrap(&self, cs: CriticalSection<'_>) {
        TIMER0.write(INTERRUPT, 1);
        let wraps = self.wraps.borrow(cs);
        wraps.set(wraps.get().wrapping_add(1));
    }
}

/// The free-running counter, which counts down. At 0 its interrupt waits already, but the wrap is one cycle away.
fn value() -> u32 {
    loop {
        match TIMER0.read(VALUE) {
            0 => {}
            value => return value,
        }
    }
}

pub(crate) fn start() {
    TIMER0.write(RELOAD, u32::MAX);
    TIMER0.write(VALUE, u32::MAX);
    TIMER0.write(CTRL, ON);
}

pub(crate) fn on_wrap() {
    critical_section::with(|cs| CLOCK.count_wrap(cs));
}

pub(crate) fn on_alarm() {
    TIMER1.write(INTERRUPT, 1);
    critical_section::with(|cs| CLOCK.arm(&mut CLOCK.queue.borrow(cs).borrow_mut()));
}
