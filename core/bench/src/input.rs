//! Message events as the platform sends them: a ws frame around a frame around JSON, each with ids of its own.

use larkwire_core::wire::frame::NewFrame;
use larkwire_core::wire::writer::Writer;

/// What people write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
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

/// The JSON of event number `n`, about `size` bytes long: as the platform writes it, with the text filled up.
pub fn payload(n: usize, size: usize, script: Script) -> String {
    let filler = match script {
        Script::Ascii => "please have a look at the report before noon ",
        Script::Chinese => "请在中午之前看一下这份报告，谢谢大家的支持",
    };
    // A small event has no room for what the others have beside the text.
    let around = |text: &str| {
        if size < 1000 {
            format!(
                r#"{{"schema":"2.0","header":{{"event_id":"{n:016x}","event_type":"im.message.receive_v1","app_id":"cli_a1b2c3d4e5f60708"}},"event":{{"sender":{{"sender_id":{{"open_id":"ou_84aad35d084aa403a838"}}}},"message":{{"message_id":"om_{n:016x}","chat_id":"oc_5ce6d572455d36115","chat_type":"p2p","message_type":"text","content":"{{\"text\":\"{text}\"}}"}}}}}}"#
            )
        } else {
            format!(
                r#"{{"schema":"2.0","header":{{"event_id":"{n:032x}","token":"","create_time":"1700000000123","event_type":"im.message.receive_v1","tenant_key":"2ca1d211f64f6438","app_id":"cli_a1b2c3d4e5f60708"}},"event":{{"message":{{"chat_id":"oc_5ce6d572455d361153b7cb51da133945","chat_type":"group","content":"{{\"text\":\"@_user_1 {text}\"}}","create_time":"1700000000000","mentions":[{{"id":{{"open_id":"ou_155184d1e73cbfb8973e5a9e698e74f2","union_id":"on_e6a5f8d7c4b3a29180716253e4f5a6b7","user_id":""}},"key":"@_user_1","mentioned_type":"bot","name":"Larkwire","tenant_key":"2ca1d211f64f6438"}}],"message_id":"om_{n:032x}","message_type":"text","update_time":"1700000000000"}},"sender":{{"sender_id":{{"open_id":"ou_84aad35d084aa403a838cf73ee18467","union_id":"on_8ed6aa67826108097d9ee143816345","user_id":"e33ggbyz"}},"sender_type":"user","tenant_key":"2ca1d211f64f6438"}}}}}}"#
            )
        }
    };
    let room = size.saturating_sub(around("").len());
    let mut text = String::new();
    for ch in filler.chars().cycle() {
        if text.len() + ch.len_utf8() > room {
            break;
        }
        text.push(ch);
    }
    around(&text)
}

/// The frame around a payload (protocol sections 4 and 5).
pub fn frame(n: usize, payload: &str) -> Vec<u8> {
    let id = format!("{n:08x}-6f1b-4e0a-9c55-2f4f6f6e7d10");
    let trace = format!("{n:032x}");
    let headers = [
        ("type", "event"),
        ("message_id", id.as_str()),
        ("sum", "1"),
        ("seq", "0"),
        ("trace_id", trace.as_str()),
        ("timestamp", "1700000000123"),
    ];
    let frame = NewFrame {
        seq_id: n as u64 + 1,
        log_id: 7_305_421_987_654_321_000 + n as u64,
        service: 33_554_678,
        method: 1,
        headers: &headers,
        payload: Some(payload.as_bytes()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_have_the_size_that_was_asked_for() {
        for size in SIZES {
            for script in [Script::Ascii, Script::Chinese] {
                let payload = payload(7, size, script);
                assert!((size - 2..=size).contains(&payload.len()), "{size}: {}", payload.len());
            }
        }
    }
}
