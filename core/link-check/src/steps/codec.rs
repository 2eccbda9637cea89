//! The least a bot can be: frames, the memory of ids, acks. Events stay bytes.
#![no_std]
#![no_main]

mod common;

use core::hash::Hasher as _;
use core::hint::black_box;

use common::now;
use larkwire_core::wire::frame::{Frame, write_ping};
use larkwire_core::wire::writer::Writer;
use larkwire_core::{Seen, SeenEntry, Slots};
use siphasher::sip::SipHasher13;

/// Where the linker starts to count; there is no reset vector because nothing is run.
#[unsafe(no_mangle)] // Without a name the linker knows, everything would be thrown away.
extern "C" fn _start() -> ! {
    let (mut entries, message, mut out) = ([SeenEntry::EMPTY; 256], [0; 2048], [0; 512]);
    let mut seen = Seen::new(Slots::fixed(&mut entries), black_box(1));
    while black_box(true) {
        black_box(received(&mut seen, black_box(&message), black_box(&mut out)));
    }
    loop {
        core::hint::spin_loop();
    }
}

/// A message and its ack, and a ping now and then.
#[inline(never)]
fn received<'m>(seen: &mut Seen<'_>, message: &'m [u8], out: &mut [u8]) -> Option<&'m [u8]> {
    let mut id = None;
    let frame = Frame::decode_with(message, &mut |header| {
        if id.is_none() && header.key == b"message_id" {
            id = Some(header.value);
        }
    });
    let frame = frame.ok()?;
    let mut hasher = SipHasher13::new_with_key(black_box(&[7; 16]));
    hasher.write(id.unwrap_or_default());
    let key = hasher.finish();
    let is_new = !seen.contains(now(), key);
    if is_new {
        black_box(seen.insert(now(), key));
    }
    let mut w = Writer::new(out);
    frame.write_ack(&mut w, black_box(1), br#"{"code":200}"#);
    write_ping(&mut w, black_box(1));
    let _ = black_box(w.finish());
    frame.payload.filter(|_| is_new)
}
