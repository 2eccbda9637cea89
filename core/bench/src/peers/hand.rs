//! With care: nothing is copied that can be borrowed, room is used again; JSON by three parsers. The frame is read by
//! prost ([`Careful`]) or by the engine's own codec ([`Hand`]), which is what a hand-written one would be.

use bytes::Bytes;
use larkwire_core::wire::frame::Frame;
use larkwire_core::wire::writer::Writer;
use prost::Message as _;
use serde::Deserialize;

use super::borrowed::{Envelope, Ids64, Message, PostContent, TextContent};
use super::frames::SharedFrame;
use super::{MESSAGE_EVENT, RECEIVED, Reads, said};
use crate::input::APP;

/// A parser of JSON into types of serde.
pub trait Json: Default {
    /// Reads a whole text.
    fn parse<'a, T: Deserialize<'a>>(&'a mut self, json: &'a [u8]) -> Option<T>;
}

/// `serde_json`.
#[derive(Default)]
pub struct Serde;

impl Json for Serde {
    fn parse<'a, T: Deserialize<'a>>(&'a mut self, json: &'a [u8]) -> Option<T> {
        serde_json::from_slice(json).ok()
    }
}

/// `sonic-rs`.
#[derive(Default)]
pub struct Sonic;

impl Json for Sonic {
    fn parse<'a, T: Deserialize<'a>>(&'a mut self, json: &'a [u8]) -> Option<T> {
        sonic_rs::from_slice(json).ok()
    }
}

/// `simd-json`, which works in a copy of the text.
#[derive(Default)]
pub struct Simd {
    copy: Vec<u8>,
    buffers: simd_json::Buffers,
}

impl Json for Simd {
    fn parse<'a, T: Deserialize<'a>>(&'a mut self, json: &'a [u8]) -> Option<T> {
        self.copy.clear();
        self.copy.extend_from_slice(json);
        simd_json::serde::from_slice_with_buffers(&mut self.copy, &mut self.buffers).ok()
    }
}

/// An event, or `None` when it is another app's or no chat message.
pub fn event<'a, J: Json>(json: &'a mut J, payload: &'a [u8]) -> Option<Envelope<'a>> {
    let envelope: Envelope<'a> = json.parse(payload)?;
    (envelope.header.event_type == MESSAGE_EVENT && envelope.header.app_id == APP).then_some(envelope)
}

/// What is said in it.
pub fn text<J: Json>(json: &mut J, message: &Message<'_>, out: &mut String) -> Option<()> {
    let content = message.content.as_bytes();
    match &*message.message_type {
        "text" => said::text(&json.parse::<TextContent<'_>>(content)?.text, &message.mentions, out),
        "post" => said::post(&json.parse::<PostContent<'_>>(content)?, &message.mentions, out),
        _ => return None,
    }
    Some(())
}

/// All but the frame.
struct Reading<J> {
    envelope: J,
    content: J,
    seen: Ids64,
    allowed: Vec<String>,
    text: String,
    ack: Vec<u8>,
}

impl<J: Json> Default for Reading<J> {
    fn default() -> Self {
        Self {
            envelope: J::default(),
            content: J::default(),
            seen: Ids64::default(),
            allowed: vec!["*".to_string()],
            text: String::new(),
            ack: vec![0; 1024],
        }
    }
}

impl<J: Json> Reading<J> {
    fn read(&mut self, payload: &[u8]) -> Option<()> {
        let Envelope { event, .. } = event(&mut self.envelope, payload)?;
        let sender = &event.sender.sender_id.open_id;
        if !self.allowed.iter().any(|allowed| allowed == "*" || allowed == sender) {
            return None;
        }
        if !self.seen.is_new(event.message.message_id.as_bytes()) {
            return None;
        }
        text(&mut self.content, &event.message, &mut self.text)
    }
}

/// prost with shared bytes, `serde_json` into types that borrow.
#[derive(Default)]
pub struct Careful(Reading<Serde>);

impl Reads for Careful {
    fn message(&mut self, bytes: &Bytes) -> Option<(&str, &[u8])> {
        let frame = SharedFrame::decode(bytes.clone()).ok()?;
        if frame.header("type") != "event" || frame.header("sum") != "1" {
            return None;
        }
        self.0.read(frame.payload.as_ref()?)?;
        frame.into_ack(&mut self.0.ack);
        Some((&self.0.text, &self.0.ack))
    }
}

/// The engine's frames, another's JSON.
#[derive(Default)]
pub struct Hand<J: Json>(Reading<J>);

impl<J: Json> Reads for Hand<J> {
    fn message(&mut self, bytes: &Bytes) -> Option<(&str, &[u8])> {
        let frame = Frame::decode(bytes).ok()?;
        if frame.header("type") != Some(b"event") || frame.header("sum") != Some(b"1") {
            return None;
        }
        self.0.read(frame.payload?)?;
        let mut w = Writer::new(&mut self.0.ack);
        frame.write_ack(&mut w, 0, RECEIVED);
        let len = w.finish().ok()?;
        Some((&self.0.text, &self.0.ack[..len]))
    }
}
