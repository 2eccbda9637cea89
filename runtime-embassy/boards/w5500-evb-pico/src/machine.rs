//! Interrupts, watchdog, log and the last resort.
#![allow(
    unsafe_code,
    reason = "binding interrupts and naming the one logger are promises that only the image can make"
)]

use core::cell::RefCell;
use core::fmt::Arguments;
use core::panic::PanicInfo;

use embassy_rp::peripherals::{DMA_CH0, DMA_CH1, USB, WATCHDOG};
use embassy_rp::watchdog::Watchdog;
use embassy_rp::{Peri, bind_interrupts, dma, usb};
use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;

use crate::settings;

bind_interrupts!(pub(crate) struct Irqs {
    DMA_IRQ_0 => dma::InterruptHandler<DMA_CH0>, dma::InterruptHandler<DMA_CH1>;
    USBCTRL_IRQ => usb::InterruptHandler<USB>;
});

static DOG: Mutex<CriticalSectionRawMutex, RefCell<Option<Watchdog>>> = Mutex::new(RefCell::new(None));

/// From now on somebody has to [`pet`] it.
pub(crate) fn start_watchdog(watchdog: Peri<'static, WATCHDOG>) {
    let mut dog = Watchdog::new(watchdog);
    // A debugger that stops the program must not make it start again.
    dog.pause_on_debug(true);
    dog.start(settings::WATCHDOG);
    DOG.lock(|place| *place.borrow_mut() = Some(dog));
}

/// All is well for another while.
pub(crate) fn pet() {
    DOG.lock(|place| {
        if let Some(dog) = place.borrow_mut().as_mut() {
            dog.feed(settings::WATCHDOG);
        }
    });
}

/// A line for whoever has opened the board's serial port; nobody waits for them.
pub(crate) fn say(line: Arguments<'_>) {
    log::info!("{line}");
}

/// The serial port in the USB socket, over which the log leaves.
#[embassy_executor::task]
pub(crate) async fn log_over_usb(usb: Peri<'static, USB>) {
    let driver = usb::Driver::new(usb, Irqs);
    embassy_usb_logger::run!(1024, log::LevelFilter::Info, driver);
}

/// What cannot be gone on from is begun anew.
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    cortex_m::peripheral::SCB::sys_reset()
}
