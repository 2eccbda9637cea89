//! Message events as the platform sends them: a ws frame around a frame around JSON, each with ids of its own.

use bytes::Bytes;
use larkwire_core::wire::frame::NewFrame;
use larkwire_core::wire::writer::Writer;

/// What the messages are.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// Rich text: paragraphs of some 200 bytes.
    Post,
    /// One long text.
    Text,
}

/// What people write.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Script {
    /// One byte a character.
    Ascii,
    /// Three bytes a character.
    Chinese,
}

/// Payload sizes in bytes that everything is measured at.
pub const SIZES: [usize; 4] = [400, 1440, 16 * 1024, 128 * 1024];
/// The size that figures without one are of: an ordinary message with a mention.
pub const ORDINARY: usize = 1440;
/// The bot's own `open_id`, the one that is mentioned.
pub const OWN: &str = "ou_155184d1e73cbfb8973e5a9e698e74f2";
/// The bot's app.
pub const APP: &str = "cli_a1b2c3d4e5f60708";

impl Script {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ascii, Self::Chinese];

    /// As the names of benchmarks have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ascii => "ascii",
            Self::Chinese => "chinese",
        }
    }

    /// So much text, cut between characters.
    fn text(self, len: usize) -> String {
        let filler = match self {
            Self::Ascii => "please have a look at the report before noon ",
            Self::Chinese => "请在中午之前看一下这份报告，谢谢大家的支持",
        };
        let mut text = String::with_capacity(len);
        for ch in filler.chars().cycle() {
            if text.len() + ch.len_utf8() > len {
                return text;
            }
            text.push(ch);
        }
        text
    }
}

/// The JSON of event number `n`, about `size` bytes long: as the platform writes it, with the text filled up.
pub fn payload(n: usize, size: usize, kind: Kind, script: Script) -> String {
    let around = |content: &str| if size < 1000 { brief(n, kind, content) } else { full(n, kind, content) };
    match kind {
        Kind::Text => {
            let mention = if size < 1000 { "" } else { "@_user_1 " };
            let content = |text: &str| around(&format!(r#"{{\"text\":\"{mention}{text}\"}}"#));
            content(&script.text(size.saturating_sub(content("").len())))
        }
        Kind::Post => {
            let at = if size < 1000 {
                ""
            } else {
                r#"{\"tag\":\"at\",\"user_id\":\"@_user_1\",\"user_name\":\"Larkwire\"},"#
            };
            let title = if size < 1000 { "" } else { r#"\"title\":\"Noon\","# };
            let content = |paragraphs: &str| {
                let start = format!(r#"{{{title}\"content\":[[{at}{{\"tag\":\"text\",\"text\":\""#);
                around(&format!(r#"{start}{paragraphs}\"}}]]}}"#))
            };
            let between = r#"\"}],[{\"tag\":\"text\",\"text\":\""#;
            let mut room = size.saturating_sub(content("").len());
            let mut paragraphs = script.text(room.min(PARAGRAPH));
            room -= paragraphs.len();
            // What is left over goes into the last one.
            while room >= between.len() + PARAGRAPH / 2 {
                let text = script.text((room - between.len()).min(PARAGRAPH));
                room -= between.len() + text.len();
                paragraphs += between;
                paragraphs += &text;
            }
            paragraphs += &script.text(room);
            content(&paragraphs)
        }
    }
}

const PARAGRAPH: usize = 200;

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Post => "post",
        Kind::Text => "text",
    }
}

/// A small event has no room for what the others have beside the text.
fn brief(n: usize, kind: Kind, content: &str) -> String {
    let kind = type_of(kind);
    format!(
        r#"{{"schema":"2.0","header":{{"event_id":"{n:016x}","event_type":"im.message.receive_v1","app_id":"cli_a1b2c3d4e5f60708"}},"event":{{"sender":{{"sender_id":{{"open_id":"ou_84aad35d084aa403a838"}}}},"message":{{"message_id":"om_{n:016x}","chat_id":"oc_5ce6d572455d36115","chat_type":"p2p","message_type":"{kind}","content":"{content}"}}}}}}"#
    )
}

fn full(n: usize, kind: Kind, content: &str) -> String {
    let kind = type_of(kind);
    format!(
        r#"{{"schema":"2.0","header":{{"event_id":"{n:032x}","token":"","create_time":"1700000000123","event_type":"im.message.receive_v1","tenant_key":"2ca1d211f64f6438","app_id":"cli_a1b2c3d4e5f60708"}},"event":{{"message":{{"chat_id":"oc_5ce6d572455d361153b7cb51da133945","chat_type":"group","content":"{content}","create_time":"1700000000000","mentions":[{{"id":{{"open_id":"ou_155184d1e73cbfb8973e5a9e698e74f2","union_id":"on_e6a5f8d7c4b3a29180716253e4f5a6b7","user_id":""}},"key":"@_user_1","mentioned_type":"bot","name":"Larkwire","tenant_key":"2ca1d211f64f6438"}}],"message_id":"om_{n:032x}","message_type":"{kind}","update_time":"1700000000000"}},"sender":{{"sender_id":{{"open_id":"ou_84aad35d084aa403a838cf73ee18467","union_id":"on_8ed6aa67826108097d9ee143816345","user_id":"e33ggbyz"}},"sender_type":"user","tenant_key":"2ca1d211f64f6438"}}}}}}"#
    )
}

/// The frame around a payload (protocol sections 4 and 5).
pub fn frame(n: usize, payload: &str) -> Vec<u8> {
    part(n, 0, 1, payload.as_bytes())
}

/// The frames of a payload that is split into `sum` parts (protocol section 7.2).
pub fn parts(n: usize, sum: usize, payload: &str) -> Vec<Vec<u8>> {
    let each = payload.len().div_ceil(sum).max(1);
    let pieces = payload.as_bytes().chunks(each);
    let sum = pieces.len();
    pieces.enumerate().map(|(seq, piece)| part(n, seq, sum, piece)).collect()
}

fn part(n: usize, seq: usize, sum: usize, payload: &[u8]) -> Vec<u8> {
    let (seq, sum) = (seq.to_string(), sum.to_string());
    let id = format!("{n:08x}-6f1b-4e0a-9c55-2f4f6f6e7d10");
    let trace = format!("{n:032x}");
    let headers = [
        ("type", "event"),
        ("message_id", id.as_str()),
        ("sum", sum.as_str()),
        ("seq", seq.as_str()),
        ("trace_id", trace.as_str()),
        ("timestamp", "1700000000123"),
    ];
    let frame = NewFrame {
        seq_id: n as u64 + 1,
        log_id: 7_305_421_987_654_321_000 + n as u64,
        service: 33_554_678,
        method: 1,
        headers: &headers,
        payload: Some(payload),
        ..NewFrame::default()
    };
    let mut bytes = vec![0; frame.len()];
    let mut w = Writer::new(&mut bytes);
    frame.write(&mut w);
    assert!(w.finish().is_ok());
    bytes
}

/// A server's ws frame around a frame (RFC 6455 section 5.2).
pub fn ws_frame(frame: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x82];
    match (u8::try_from(frame.len()), u16::try_from(frame.len())) {
        (Ok(len @ ..=125), _) => bytes.push(len),
        (_, Ok(len)) => {
            bytes.push(126);
            bytes.extend(len.to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend((frame.len() as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(frame);
    bytes
}

/// The bytes of events, at the three levels they are measured at.
#[derive(Debug)]
pub struct Inputs {
    /// JSON.
    pub payloads: Vec<String>,
    /// Frames around them.
    pub frames: Vec<Bytes>,
    /// What a socket brings.
    pub ws_frames: Vec<Vec<u8>>,
}

impl Inputs {
    /// So many events of a kind.
    pub fn new(count: usize, size: usize, kind: Kind, script: Script) -> Self {
        let payloads: Vec<String> = (0..count).map(|n| payload(n, size, kind, script)).collect();
        let frames: Vec<Bytes> = payloads.iter().enumerate().map(|(n, payload)| frame(n, payload).into()).collect();
        let ws_frames = frames.iter().map(|frame| ws_frame(frame)).collect();
        Self { payloads, frames, ws_frames }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_have_the_size_that_was_asked_for() {
        for size in SIZES {
            for (kind, script) in [Kind::Text, Kind::Post].into_iter().flat_map(|kind| Script::ALL.map(|s| (kind, s))) {
                let payload = payload(7, size, kind, script);
                assert!((size - 2..=size).contains(&payload.len()), "{size} {kind:?}: {}", payload.len());
                assert!(larkwire_core::Layout::read(&payload).is_some(), "{payload}");
            }
        }
    }
}
