//! What the peers do.

use std::hint::black_box;

use prost::Message as _;

use super::{Add, Work};
use crate::input::{Inputs, Kind};
use crate::peers::Reads;
use crate::peers::borrowed::{Ids64, Received};
use crate::peers::frames::{OwnedFrame, SharedFrame};
use crate::peers::hand::{self, Careful, Hand, Json, Serde, Simd, Sonic};
use crate::peers::owned::{self, Owned};
use crate::peers::socket::Socket;

pub(super) fn add(add: Add<'_>) {
    add("limit", "utf-8 by simdutf8", Kind::Text, |inputs| {
        Box::new(|n| simdutf8::basic::from_utf8(inputs.payloads[n].as_bytes()).map_or(0, str::len))
    });
    frames(add);
    events(add);
    texts(add);
    wholes(add);
}

fn frames(add: Add<'_>) {
    add("frame", "prost owned", Kind::Text, |inputs| {
        Box::new(|n| OwnedFrame::decode(&*inputs.frames[n]).map_or(0, |frame| black_box(frame).headers.len()))
    });
    add("frame", "prost bytes", Kind::Text, |inputs| {
        Box::new(|n| SharedFrame::decode(inputs.frames[n].clone()).map_or(0, |frame| black_box(frame).headers.len()))
    });
    add("frame+ack", "prost owned", Kind::Text, |inputs| {
        Box::new(|n| OwnedFrame::decode(&*inputs.frames[n]).map_or(0, |frame| black_box(frame.ack(0)).len()))
    });
    add("frame+ack", "prost bytes", Kind::Text, |inputs| {
        let mut ack = Vec::new();
        Box::new(move |n| {
            let Ok(frame) = SharedFrame::decode(inputs.frames[n].clone()) else { return 0 };
            frame.into_ack(&mut ack);
            ack.len()
        })
    });
    add("frame+dedup+ack", "prost owned", Kind::Text, |inputs| {
        let mut owned = Owned::default();
        Box::new(move |n| {
            let Some((frame, headers)) = owned::frame(&inputs.frames[n]) else { return 0 };
            black_box(owned.is_new(&headers["message_id"]));
            black_box(frame.ack(0)).len()
        })
    });
    add("frame+dedup+ack", "prost bytes", Kind::Text, |inputs| {
        let (mut ids, mut ack) = (Ids64::default(), Vec::new());
        Box::new(move |n| {
            let Ok(frame) = SharedFrame::decode(inputs.frames[n].clone()) else { return 0 };
            black_box(ids.is_new(&frame.header("message_id")));
            frame.into_ack(&mut ack);
            ack.len()
        })
    });
}

fn events(add: Add<'_>) {
    add("event", "serde_json owned", Kind::Text, |inputs| {
        Box::new(|n| {
            let Some((_, received)) = owned::event(inputs.payloads[n].as_bytes()) else { return 0 };
            let message = &received.message;
            let ids = [&message.message_id, &message.chat_id, &message.message_type];
            ids.into_iter().map(String::len).sum::<usize>() + received.sender.sender_id.open_id.len()
        })
    });
    add("event", "serde_json", Kind::Text, borrowed_event::<Serde>);
    add("event", "sonic-rs", Kind::Text, borrowed_event::<Sonic>);
    add("event", "simd-json", Kind::Text, borrowed_event::<Simd>);
}

fn borrowed_event<J: Json + 'static>(inputs: &'static Inputs) -> Work {
    let mut json = J::default();
    Box::new(move |n| {
        let Some(envelope) = hand::event(&mut json, inputs.payloads[n].as_bytes()) else { return 0 };
        let Received { sender, message } = &envelope.event;
        let ids = [&message.message_id, &message.chat_id, &message.message_type, &sender.sender_id.open_id];
        ids.into_iter().map(|id| id.len()).sum()
    })
}

fn texts(add: Add<'_>) {
    for (stage, kind) in [("text", Kind::Text), ("post", Kind::Post)] {
        add(stage, "serde_json owned", kind, |inputs| {
            let read = |payload: &String| owned::event(payload.as_bytes()).expect("an event").1;
            let received: Vec<_> = inputs.payloads.iter().map(read).collect();
            Box::new(move |n| owned::text(&received[n].message).map_or(0, |text| black_box(text).len()))
        });
        add(stage, "serde_json", kind, borrowed_text::<Serde>);
        add(stage, "sonic-rs", kind, borrowed_text::<Sonic>);
        add(stage, "simd-json", kind, borrowed_text::<Simd>);
    }
}

fn borrowed_text<J: Json + 'static>(inputs: &'static Inputs) -> Work {
    let read =
        |payload: &'static String| hand::event(Box::leak(Box::new(Serde)), payload.as_bytes()).expect("an event");
    let read: Vec<_> = inputs.payloads.iter().map(read).collect();
    let (mut json, mut out) = (J::default(), String::new());
    Box::new(move |n| hand::text(&mut json, &read[n].event.message, &mut out).map_or(0, |()| out.len()))
}

fn wholes(add: Add<'_>) {
    for (stage, kind) in [("message", Kind::Text), ("message-post", Kind::Post)] {
        add(stage, "prost + serde_json owned", kind, |inputs| over(inputs, Owned::default()));
        add(stage, "prost bytes + serde_json", kind, |inputs| over(inputs, Careful::default()));
        add(stage, "hand + serde_json", kind, |inputs| over(inputs, Hand::<Serde>::default()));
        add(stage, "hand + sonic-rs", kind, |inputs| over(inputs, Hand::<Sonic>::default()));
        add(stage, "hand + simd-json", kind, |inputs| over(inputs, Hand::<Simd>::default()));
    }
    add("whole", "prost + serde_json owned", Kind::Text, |inputs| through(inputs, Box::new(Owned::default())));
    add("whole", "prost bytes + serde_json", Kind::Text, |inputs| through(inputs, Box::new(Careful::default())));
    add("whole", "hand + serde_json", Kind::Text, |inputs| through(inputs, Box::new(Hand::<Serde>::default())));
    add("whole", "hand + sonic-rs", Kind::Text, |inputs| through(inputs, Box::new(Hand::<Sonic>::default())));
    add("whole", "hand + simd-json", Kind::Text, |inputs| through(inputs, Box::new(Hand::<Simd>::default())));
}

fn over(inputs: &'static Inputs, mut peer: impl Reads + 'static) -> Work {
    Box::new(move |n| peer.message(&inputs.frames[n]).map_or(0, |(text, _)| text.len()))
}

fn through(inputs: &'static Inputs, peer: Box<dyn Reads>) -> Work {
    let mut socket = Socket::new(peer);
    Box::new(move |n| socket.receive(&inputs.ws_frames[n]).0)
}
