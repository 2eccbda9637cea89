//! The platform's side of the wire. It shares no codec with the engine, so that the two can disagree: protobuf by
//! `prost`, HTTP and WebSocket by hand.

use sha1::{Digest as _, Sha1};

pub(crate) const SERVICE: i32 = 33_554_678;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PbHeader {
    #[prost(string, required, tag = "1")]
    pub(crate) key: String,
    #[prost(string, required, tag = "2")]
    pub(crate) value: String,
}

/// Protocol section 4.1.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Pb {
    #[prost(uint64, required, tag = "1")]
    pub(crate) seq_id: u64,
    #[prost(uint64, required, tag = "2")]
    pub(crate) log_id: u64,
    #[prost(int32, required, tag = "3")]
    pub(crate) service: i32,
    #[prost(int32, required, tag = "4")]
    pub(crate) method: i32,
    #[prost(message, repeated, tag = "5")]
    pub(crate) headers: Vec<PbHeader>,
    #[prost(string, optional, tag = "6")]
    pub(crate) payload_encoding: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub(crate) payload_type: Option<String>,
    #[prost(bytes = "vec", optional, tag = "8")]
    pub(crate) payload: Option<Vec<u8>>,
    #[prost(string, optional, tag = "9")]
    pub(crate) log_id_new: Option<String>,
}

impl Pb {
    pub(crate) fn new(method: i32, headers: &[(&str, &str)], payload: Option<Vec<u8>>) -> Self {
        let header = |(key, value): &(&str, &str)| PbHeader { key: (*key).to_owned(), value: (*value).to_owned() };
        Self { service: SERVICE, method, headers: headers.iter().map(header).collect(), payload, ..Self::default() }
    }

    pub(crate) fn header(&self, key: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.key == key).map(|header| header.value.as_str())
    }
}

/// An HTTP request of the bot.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The text after `"name":"` in the body.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("\"{name}\":\""))?;
        rest.split_once('"').map(|(text, _)| text)
    }
}

/// Takes one whole request from the front of `bytes`; an error where the bot breaks HTTP.
pub(crate) fn take_request(bytes: &mut Vec<u8>) -> Result<Option<Request>, String> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let end = end + 4;
    let head = std::str::from_utf8(&bytes[..end]).map_err(|error| error.to_string())?;
    let mut lines = head.split("\r\n");
    let first: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, "HTTP/1.1"] = first[..] else { return Err(format!("a request line: {first:?}")) };
    let mut headers = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let (key, value) = line.split_once(": ").ok_or_else(|| format!("a header line: {line:?}"))?;
        headers.push((key.to_owned(), value.to_owned()));
    }
    let mut request = Request { method: method.to_owned(), target: target.to_owned(), headers, body: String::new() };
    if request.header("Host").is_none() {
        return Err(format!("no Host in {head:?}"));
    }
    let len = request.header("Content-Length").map_or(Ok(0), str::parse).map_err(|_| "a length".to_owned())?;
    if bytes.len() < end + len {
        return Ok(None);
    }
    request.body = String::from_utf8(bytes[end..end + len].to_vec()).map_err(|error| error.to_string())?;
    bytes.drain(..end + len);
    Ok(Some(request))
}

/// A ws frame of the bot, unmasked.
#[derive(Debug)]
pub(crate) struct WsFrame {
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

/// Takes one whole ws frame from the front of `bytes`; an error where a client breaks RFC 6455.
pub(crate) fn take_ws(bytes: &mut Vec<u8>) -> Result<Option<WsFrame>, String> {
    let (Some(&first), Some(&second)) = (bytes.first(), bytes.get(1)) else { return Ok(None) };
    if first & 0xf0 != 0x80 || second & 0x80 == 0 {
        return Err(format!("reserved bits, a fragment or no mask: {first:02x} {second:02x}"));
    }
    let (len, at) = match (second & 0x7f, bytes.len()) {
        (126, 4..) => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
        (126, _) => return Ok(None),
        (127, _) => return Err("a ws frame beyond 64 KiB".to_owned()),
        (short, _) => (usize::from(short), 2),
    };
    if at == 4 && len <= 125 {
        return Err("not the shortest length".to_owned());
    }
    if bytes.len() < at + 4 + len {
        return Ok(None);
    }
    let mask = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
    let masked = &bytes[at + 4..at + 4 + len];
    let payload = masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
    bytes.drain(..at + 4 + len);
    Ok(Some(WsFrame { opcode: first & 0x0f, payload }))
}

/// A ws frame of the platform with this first byte.
pub(crate) fn ws_raw(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 10);
    out.push(first);
    match payload.len() {
        len @ 0..=125 => out.push(len as u8),
        len @ 126..=65_535 => {
            out.push(126);
            out.extend((len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend(payload);
    out
}

pub(crate) fn ws(opcode: u8, payload: &[u8]) -> Vec<u8> {
    ws_raw(0x80 | opcode, payload)
}

/// A message in fragments (RFC 6455 section 5.4).
pub(crate) fn ws_fragments(opcode: u8, payload: &[u8], at: usize) -> Vec<u8> {
    let (head, tail) = payload.split_at(at.min(payload.len()));
    [ws_raw(opcode, head), ws_raw(0x80, tail)].concat()
}

pub(crate) fn accept_of(key: &str) -> String {
    base64(&Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")))
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let all = three.iter().fold(0_u32, |all, byte| all << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for i in 0..4 {
            let digit = DIGITS[(all >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

/// An HTTP answer; `chunked` is the other way to say where it ends.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str, chunked: bool, date: &str) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nDate: {date}\r\n");
    for (key, value) in headers {
        text += &format!("{key}: {value}\r\n");
    }
    if chunked && !body.is_empty() {
        let (head, tail) = body.split_at(body.len() / 2);
        text += "Transfer-Encoding: chunked\r\n\r\n";
        for piece in [head, tail].into_iter().filter(|piece| !piece.is_empty()) {
            text += &format!("{:x}\r\n{piece}\r\n", piece.len());
        }
        text += "0\r\n\r\n";
    } else {
        text += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    }
    text.into_bytes()
}
