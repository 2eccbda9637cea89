//! What reads an event alone: strict JSON, the envelope, names and ids of a message, its content as it came.
#![no_std]
#![no_main]

mod common;

use core::hint::black_box;

use common::{read, text};
use larkwire_core::{DeliveryId, Event, Layout};

/// Where the linker starts to count; there is no reset vector because nothing is run.
#[unsafe(no_mangle)] // Without a name the linker knows, everything would be thrown away.
extern "C" fn _start() -> ! {
    while black_box(true) {
        if let Some(layout) = Layout::read(text()) {
            read(&Event::view(DeliveryId::NONE, text(), &layout, text()));
        }
    }
    loop {
        core::hint::spin_loop();
    }
}
