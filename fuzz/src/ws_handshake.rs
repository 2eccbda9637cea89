//! The answer to the upgrade, through a whole bot: open only for what a slow reader of RFC 9112 and RFC 6455 section 4.1
//! lets pass, with the same reading however it is cut, and what follows it is read as ws frames from the right byte on.
//!
//! The first byte says how to cut; the rest is the answer. `{accept}` in it stands for the right `Sec-WebSocket-Accept`,
//! which no fuzzer guesses, `{wrong}` for one of another key, `{long}` for 8000 letters, `{lines}` for 60 header lines.

use std::sync::OnceLock;

use base64ct::{Base64, Encoding as _};
use larkwire_core::fault::LinkFault;
use larkwire_core::{Bot, Config, OnFatal, Secret, Seed, State, Storage, Verdict};
use sha1::{Digest as _, Sha1};

use crate::platform::{APP_ID, SECRET, World, answer_to};
use crate::ws_frames::{Observed, pour};

/// The limits that the bot's documentation states.
const MAX_HEAD: usize = 8192;
const MAX_HEADERS: usize = 64;
const MAX_NAME: usize = 255;
const MAX_INTERIM: usize = 8;
/// Longer answers are not played, for speed.
const MOST: usize = 20_000;

/// What an answer does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reading {
    /// It is no HTTP.
    Broken,
    /// It is not all there yet.
    More,
    /// It is complete; ws frames follow at this byte.
    Open(usize),
    /// Another status than 101, with what `Handshake-Status` and `Handshake-Autherrcode` say.
    Refused { http: u16, status: i64, auth: i64 },
    /// 101, but not to us.
    Wrong,
}

/// Answers the upgrade with these bytes.
pub fn run(data: &[u8]) {
    let Some((&chop, template)) = data.split_first() else { return };
    let [accept, wrong] = [key(), "AAAAAAAAAAAAAAAAAAAAAA=="].map(accept_of);
    let mut bytes = replaced(template, b"{accept}", accept.as_bytes());
    bytes = replaced(&bytes, b"{wrong}", wrong.as_bytes());
    bytes = replaced(&bytes, b"{long}", &[b'a'; 8000]);
    bytes = replaced(&bytes, b"{lines}", &b"x: y\r\n".repeat(60));
    if bytes.len() > MOST {
        return;
    }
    let reading = read(&bytes, &accept);
    let whole = observe(&bytes, usize::MAX);
    judge(&whole, reading, &bytes);
    for chop in [1, usize::from(chop) + 2] {
        let cut = observe(&bytes, chop);
        assert_eq!((&cut.events, cut.stats), (&whole.events, whole.stats), "in pieces of {chop}");
        assert_eq!((cut.state, cut.fault), (whole.state, whole.fault), "in pieces of {chop}");
    }
}

fn judge(seen: &Observed, reading: Reading, bytes: &[u8]) {
    let Reading::Open(at) = reading else {
        assert!(seen.events.is_empty() && seen.stats.pings == 0, "it opens: {reading:?}");
        match (reading, seen.fault) {
            (Reading::More, None) => assert_eq!(seen.state, State::Connecting),
            (Reading::Broken, Some(LinkFault::UpgradeHttp(_))) | (Reading::Wrong, Some(LinkFault::Upgrade(_))) => {}
            (Reading::Refused { http, status, auth }, Some(fault)) => {
                assert_eq!(fault, LinkFault::Refused { http, status, auth });
            }
            (_, fault) => panic!("{reading:?}, and the bot says {fault:?}"),
        }
        return;
    };
    // What follows the head means what it means behind the plainest one.
    let tail = &bytes[at..];
    let plain = [answer_to(&format!("GET / HTTP/1.1\r\nSec-WebSocket-Key: {}\r\n\r\n", key())), tail.to_vec()].concat();
    let behind = observe(&plain, usize::MAX);
    assert!(seen.stats.pings > 0, "it does not open");
    assert_eq!((&seen.events, &seen.written), (&behind.events, &behind.written), "read from another byte on");
    assert_eq!((seen.stats, seen.state, seen.fault), (behind.stats, behind.state, behind.fault));
}

fn observe(bytes: &[u8], chop: usize) -> Observed {
    asked(|world| {
        let attempt = world.streams[0].attempt.expect("the upgrade is asked for");
        pour(world, attempt, bytes, chop, Verdict::Accepted)
    })
}

/// The bot's chance is the same every time, so its key is, too.
fn key() -> &'static str {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| {
        asked(|world| {
            let request = String::from_utf8(world.streams[0].written.clone()).expect("a request is text");
            let key = request.split("\r\n").find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
            key.expect("a key").to_owned()
        })
    })
}

/// A bot that has asked for the upgrade.
fn asked<R>(then: impl FnOnce(World<'_>) -> R) -> R {
    let config =
        Config { app_id: APP_ID, app_secret: Secret::new(SECRET), on_fatal: OnFatal::SlowRetry, ..Config::default() };
    let bot = Bot::new(config, Storage::growable(), Seed([7; 32])).expect("the configuration is sound");
    let mut world = World::new(bot, 0);
    world.timeout();
    world.serve_lane(1);
    let attempt = world.streams[0].attempt.expect("a socket is wished for");
    world.opened(0, attempt);
    world.drain(0);
    while world.bot.take_notice().is_some() {}
    then(world)
}

fn accept_of(key: &str) -> String {
    Base64::encode_string(&Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")))
}

fn replaced(bytes: &[u8], name: &[u8], by: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), bytes);
    while let Some((first, after)) = rest.split_first() {
        match rest.strip_prefix(name) {
            Some(after) => {
                out.extend(by);
                rest = after;
            }
            None => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}

/// The slow reader.
fn read(bytes: &[u8], accept: &str) -> Reading {
    let mut at = 0;
    for _ in 0..=MAX_INTERIM {
        let head = match head(&bytes[at..]) {
            Err(Broken) => return Reading::Broken,
            Ok(None) => return Reading::More,
            Ok(Some(head)) => head,
        };
        at += head.len;
        match head.status {
            101 if is_right(&head, accept) => return Reading::Open(at),
            101 => return Reading::Wrong,
            0..200 => {}
            http => {
                let told = !head.named("handshake-msg").is_empty();
                let status = head.number("handshake-status").filter(|_| told).unwrap_or(0);
                return Reading::Refused { http, status, auth: head.number("handshake-autherrcode").unwrap_or(0) };
            }
        }
    }
    Reading::Broken
}

struct Broken;

struct Head {
    len: usize,
    version: u8,
    status: u16,
    /// Names in small letters, values without blanks around them.
    headers: Vec<(String, Vec<u8>)>,
}

impl Head {
    fn named(&self, name: &str) -> Vec<&[u8]> {
        self.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| &value[..]).collect()
    }

    fn number(&self, name: &str) -> Option<i64> {
        let text = String::from_utf8(self.named(name).first()?.to_vec()).ok()?;
        text.parse().ok().filter(|_| !text.starts_with('+'))
    }
}

/// The first head, once its empty line is there.
fn head(bytes: &[u8]) -> Result<Option<Head>, Broken> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
    let seen = &bytes[..end.unwrap_or(bytes.len())];
    let lonely = |at: usize| match seen[at] {
        b'\r' => seen.get(at + 1).is_some_and(|next| *next != b'\n'),
        b'\n' => at == 0 || seen[at - 1] != b'\r',
        b'\t' => false,
        byte => byte < b' ' || byte == 0x7f,
    };
    if (0..seen.len()).any(lonely) || seen.len() > MAX_HEAD || (end.is_none() && seen.len() == MAX_HEAD) {
        return Err(Broken);
    }
    let Some(len) = end else { return Ok(None) };
    let mut lines = Vec::new();
    let mut line = Vec::new();
    for &byte in &seen[..len - 2] {
        match byte {
            b'\n' => lines.push(std::mem::take(&mut line)),
            b'\r' => {}
            byte => line.push(byte),
        }
    }
    let (first, fields) = lines.split_first().ok_or(Broken)?;
    // `HTTP/1.1 101 Switching Protocols`, the reason optional, and the blank before it, too.
    let (version, rest) = match first.strip_prefix(b"HTTP/1.").and_then(|rest| rest.split_first()) {
        Some((digit @ b'0'..=b'1', rest)) => (digit - b'0', rest.strip_prefix(b" ").ok_or(Broken)?),
        _ => return Err(Broken),
    };
    let digits = rest.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit)).ok_or(Broken)?;
    let status = digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    if !(100..600).contains(&status) || rest.get(3).is_some_and(|byte| *byte != b' ') || fields.len() > MAX_HEADERS {
        return Err(Broken);
    }
    let headers = fields.iter().map(|line| field(line)).collect::<Result<_, _>>()?;
    Ok(Some(Head { len, version, status, headers }))
}

/// `name: value`.
fn field(line: &[u8]) -> Result<(String, Vec<u8>), Broken> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Broken)?;
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let name = &line[..colon];
    if name.is_empty() || name.len() > MAX_NAME || !name.iter().all(is_token) {
        return Err(Broken);
    }
    let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let value: Vec<u8> = line[colon + 1..].iter().copied().skip_while(blank).collect();
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(0, |last| last + 1);
    Ok((name.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect(), value[..end].to_vec()))
}

/// RFC 6455 section 4.1, and nothing that was not offered.
fn is_right(head: &Head, accept: &str) -> bool {
    let upgrades = head.named("upgrade");
    let tokens = head.named("connection").join(&b',');
    let mut tokens = tokens.split(|byte| *byte == b',').map(|token| String::from_utf8_lossy(token));
    head.version == 1
        && upgrades.len() == 1
        && upgrades[0].eq_ignore_ascii_case(b"websocket")
        && tokens.any(|token| token.trim_matches([' ', '\t']).eq_ignore_ascii_case("upgrade"))
        && head.named("sec-websocket-accept") == [accept.as_bytes()]
        && head.named("sec-websocket-extensions").is_empty()
        && head.named("sec-websocket-protocol").is_empty()
}
