//! What the engine does, and what the machine does with as many bytes.

use std::hint::black_box;

use larkwire_core::content::Form;
use larkwire_core::wire::frame::Frame;
use larkwire_core::{DeliveryId, Event, Layout};

use super::{Add, Work};
use crate::input::{Inputs, Kind};
use crate::messages::{Dedup, Messages, frame_and_ack, shown};
use crate::ours::Open;

pub(super) fn add(add: Add<'_>) {
    limits(add);
    frames(add);
    events(add);
    steps(add);
    wholes(add);
}

/// Whatever is in the bytes.
fn limits(add: Add<'_>) {
    add("limit", "memcpy", Kind::Text, |inputs| {
        let mut room = vec![0; 256 * 1024];
        Box::new(move |n| {
            let payload = black_box(inputs.payloads[n].as_bytes());
            room[..payload.len()].copy_from_slice(payload);
            black_box(&room).len()
        })
    });
    add("limit", "utf-8 by core", Kind::Text, |inputs| {
        Box::new(|n| core::str::from_utf8(inputs.payloads[n].as_bytes()).map_or(0, str::len))
    });
}

fn frames(add: Add<'_>) {
    add("frame", "larkwire", Kind::Text, |inputs| {
        Box::new(|n| Frame::decode(&inputs.frames[n]).map_or(0, |frame| black_box(frame).header_count()))
    });
    add("frame+ack", "larkwire", Kind::Text, |inputs| {
        let mut ack = vec![0; 1024];
        Box::new(move |n| frame_and_ack(&inputs.frames[n], &mut ack))
    });
    add("frame+dedup+ack", "larkwire", Kind::Text, |inputs| {
        let mut dedup = Dedup::default();
        Box::new(move |n| dedup.handle(&inputs.frames[n]))
    });
}

/// From the payload to a view of a chat message, its ids, type and sender; from the view to readable text.
fn events(add: Add<'_>) {
    add("event", "larkwire", Kind::Text, |inputs| {
        Box::new(|n| {
            let json = inputs.payloads[n].as_str();
            let Some(layout) = Layout::read(json) else { return 0 };
            let event = Event::view(DeliveryId::NONE, json, &layout, "");
            let Some(message) = event.message() else { return 0 };
            let ids = [message.message_id(), message.chat_id(), message.message_type(), message.sender().open_id()];
            ids.into_iter().flatten().map(|id| id.raw().len()).sum()
        })
    });
    add("text", "larkwire", Kind::Text, |inputs| our_text(inputs, Form::Body));
    add("text-full", "larkwire", Kind::Text, |inputs| our_text(inputs, Form::Full));
    add("post", "larkwire", Kind::Post, |inputs| our_text(inputs, Form::Body));
}

/// Of events as a bot shows them, which know whose mention is the bot's.
fn our_text(inputs: &'static Inputs, form: Form) -> Work {
    let events: Vec<Event<'static>> = inputs.frames.iter().map(|frame| shown(frame)).collect();
    let mut out = vec![0; 512 * 1024];
    Box::new(move |n| {
        let Some(message) = events[n].message() else { return 0 };
        message.text(form, &mut out).map_or(0, str::len)
    })
}

/// Steps that only the engine has.
fn steps(add: Add<'_>) {
    add("reaction", "larkwire", Kind::Text, |inputs| {
        let layouts: Vec<Layout> = inputs.payloads.iter().map(|json| Layout::read(json).expect("an event")).collect();
        Box::new(move |n| {
            let event = Event::view(DeliveryId::NONE, &inputs.payloads[n], &layouts[n], "");
            black_box(event.locale().reactions()).len()
        })
    });
    add("accepted", "larkwire", Kind::Text, |inputs| {
        let mut messages = Messages::new(&["*"]);
        Box::new(move |n| messages.handle(&inputs.frames[n], false))
    });
    add("duplicate", "larkwire", Kind::Text, |inputs| {
        let mut messages = Messages::new(&["*"]);
        inputs.frames.iter().for_each(|frame| assert!(messages.handle(frame, false) > 0));
        Box::new(move |n| messages.handle(&inputs.frames[n], false))
    });
    add("refused", "larkwire", Kind::Text, |inputs| {
        let mut messages =
            Messages::new(&["ou_84aad35d084aa403a838cf73ee184670", "ou_84aad35d084aa403a838cf73ee184671"]);
        Box::new(move |n| messages.handle(&inputs.frames[n], false))
    });
}

/// From a frame to text and ack; and the same from and to the bytes of a socket.
fn wholes(add: Add<'_>) {
    add("message", "larkwire", Kind::Text, message);
    add("message-post", "larkwire", Kind::Post, message);
    add("whole", "larkwire", Kind::Text, |inputs| {
        let mut open = Open::new();
        Box::new(move |n| open.receive(&inputs.ws_frames[n]).0)
    });
}

fn message(inputs: &'static Inputs) -> Work {
    let mut messages = Messages::new(&["*"]);
    Box::new(move |n| messages.handle(&inputs.frames[n], true))
}
