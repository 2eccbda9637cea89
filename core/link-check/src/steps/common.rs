//! What the programs of the steps share.
#![allow(dead_code, reason = "each program uses some of it")]

use core::hint::black_box;

use larkwire_core::{Event, Instant};

/// What an application reads: names and ids, and the content as it came.
#[inline(never)]
pub(crate) fn read(event: &Event<'_>) {
    black_box((event.event_type(), event.event_id(), event.is_callback(), event.json(), event.body()));
    if let Some(message) = event.message() {
        black_box((message.chat_id(), message.message_id(), message.message_type(), message.content()));
        black_box((message.sender().open_id(), message.create_time()));
    }
}

pub(crate) fn text() -> &'static str {
    black_box("text")
}

pub(crate) fn now() -> Instant {
    Instant::from_millis(black_box(1))
}

/// As a board has it that says nothing when it stops: what a panic would tell is not linked.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
