//! Strings of documents with every way to spell a character, and content: JSON inside a JSON string. What is read is what
//! a model of UTF-16 says, lone surrogates as U+FFFD; scratch rooms are too small exactly where the model says so; and
//! what we write, serde_json reads back.

use std::collections::BTreeMap;

use arbitrary::{Arbitrary, Unstructured};
use larkwire_core::content::Form;
use larkwire_core::decode::{self, DecodeErrorKind};
use larkwire_core::link::{Reaction, Session, SessionRules, SessionStorage};
use larkwire_core::wire::json::{Reader, Value, write_str, write_str_escaped_inner};
use larkwire_core::wire::writer::{TooSmall, Writer};
use larkwire_core::{
    Body, Bot, Call, Config, GateRules, Instant, LinkMode, Region, Report, Secret, Seed, Slots, Storage,
};

use crate::pb;
use crate::platform::{APP_ID, SECRET, World};

/// Reads texts and their spellings out of the bytes.
pub fn run(data: &[u8]) {
    if let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) {
        input.play();
    }
}

/// Two strings, and what is done with them.
#[derive(Arbitrary, Debug)]
pub struct Input<'a> {
    /// How the content is spelt as a string of the envelope.
    outer: u8,
    /// A size of a room.
    room: u16,
    /// Whether a bot is to send it.
    said: bool,
    key: Vec<Piece<'a>>,
    text: Vec<Piece<'a>>,
}

/// A piece of a string as it stands in a document.
#[derive(Arbitrary, Debug)]
enum Piece<'a> {
    /// One of the escapes of RFC 8259 section 7.
    Escape(u8),
    /// As it is, where it may be.
    Plain(&'a str),
    /// `\u` and four digits, in small or capital letters.
    Unit(u16, bool),
    /// Half of a pair, or both.
    Surrogate { high: bool, low: bool, bits: u32 },
}

/// A string in the making: the document's spelling of it, and the UTF-16 it stands for.
#[derive(Default)]
struct Spelt {
    raw: String,
    units: Vec<u16>,
}

impl Spelt {
    fn of(pieces: &[Piece<'_>]) -> Self {
        let mut spelt = Self::default();
        for piece in pieces.iter().take(64) {
            match piece {
                Piece::Escape(which) => {
                    let (letter, meant) = ESCAPES[usize::from(*which) % ESCAPES.len()];
                    spelt.raw.extend(['\\', letter]);
                    spelt.units.push(u16::from(meant));
                }
                Piece::Plain(text) => {
                    let plain = text.chars().filter(|ch| *ch >= ' ' && *ch != '"' && *ch != '\\');
                    for ch in plain {
                        spelt.raw.push(ch);
                        spelt.units.extend(ch.encode_utf16(&mut [0; 2]).iter());
                    }
                }
                Piece::Unit(unit, capital) => spelt.unit(*unit, *capital),
                Piece::Surrogate { high, low, bits } => {
                    if *high {
                        spelt.unit(0xd800 | (bits >> 16) as u16 & 0x3ff, false);
                    }
                    if *low {
                        spelt.unit(0xdc00 | *bits as u16 & 0x3ff, true);
                    }
                }
            }
        }
        spelt
    }

    fn unit(&mut self, unit: u16, capital: bool) {
        self.raw += &if capital { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
        self.units.push(unit);
    }

    /// With its quotes.
    fn json(&self) -> String {
        format!("\"{}\"", self.raw)
    }

    /// The text it stands for. Halves that the document spells as escapes are joined with nothing but each other.
    fn text(&self) -> String {
        char::decode_utf16(self.units.iter().copied()).map(|ch| ch.unwrap_or('\u{fffd}')).collect()
    }

    /// Bytes of scratch that reading it takes.
    fn scratch(&self) -> usize {
        if self.raw.contains('\\') { self.text().len() } else { 0 }
    }
}

const ESCAPES: [(char, u8); 8] =
    [('"', b'"'), ('\\', b'\\'), ('/', b'/'), ('b', 8), ('f', 12), ('n', b'\n'), ('r', b'\r'), ('t', b'\t')];

impl Input<'_> {
    fn play(&self) {
        let (key, text) = (Spelt::of(&self.key), Spelt::of(&self.text));
        let room = usize::from(self.room);
        one_string(&text, room);
        typed(&key, &text, room);
        let inner = format!(r#"{{"text":{}}}"#, text.json());
        let content = content_string(&inner, self.outer);
        in_content(&inner, &content, &text.text(), room);
        written(&text.text(), room);
        if self.said {
            sent(&text.text());
        }
    }
}

/// A document that is one string, read in every form.
fn one_string(spelt: &Spelt, room: usize) {
    let (json, text) = (spelt.json(), spelt.text());
    // serde_json refuses lone halves, and agrees on everything else.
    if let Ok(theirs) = serde_json::from_str::<String>(&json) {
        assert_eq!(theirs, text, "the model is wrong");
    } else {
        assert!(text.contains('\u{fffd}'), "serde_json refuses {json}");
    }
    let mut reader = Reader::new(&json);
    let Ok(Value::String(read)) = reader.value() else { panic!("no string: {json}") };
    assert_eq!(reader.finish(), Ok(()));
    assert_eq!((read.raw(), read.has_escapes()), (&spelt.raw[..], spelt.raw.contains('\\')));
    assert_eq!(read.chars().collect::<String>(), text);
    assert_eq!(read.to_string(), text);
    assert_eq!(read.unescaped_len(), text.len());
    assert_eq!(read.plain(), (!read.has_escapes()).then_some(&text[..]));
    assert!(read == *text, "not itself: {json}");
    let mut other = text.clone();
    other.push('x');
    assert!(
        read != *other && (text.is_empty() || read != *"" && read != text[..text.floor_char_boundary(text.len() - 1)])
    );
    each_room(text.len(), room, |out| {
        let due = if out.len() >= text.len() { Ok(&text[..]) } else { Err(TooSmall { needed: text.len() }) };
        assert_eq!(read.unescape(out), due);
    });
}

/// Rooms around the size needed, and one of any size.
fn each_room(needed: usize, any: usize, mut then: impl FnMut(&mut [u8])) {
    for size in [needed, needed + 1, needed.saturating_sub(1), 0, any % (2 * needed + 2)] {
        then(&mut vec![0xff; size]);
    }
}

/// Members with escapes take scratch, as much as their texts, and no more.
fn typed(key: &Spelt, text: &Spelt, any: usize) {
    let json = format!(r#"{{{}:{},"plain":"p"}}"#, key.json(), text.json());
    let needed = key.scratch() + text.scratch();
    each_room(needed, any, |scratch| {
        let size = scratch.len();
        match decode::from_str::<BTreeMap<&str, &str>>(&json, scratch) {
            Ok(members) => {
                let expected: BTreeMap<_, _> = [(key.text(), text.text()), ("plain".into(), "p".into())].into();
                assert!(size >= needed, "{size} bytes were enough, {needed} were due");
                let members: BTreeMap<_, _> = members.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
                assert_eq!(members, expected);
            }
            Err(error) => {
                assert_eq!(error.kind, DecodeErrorKind::Scratch, "{json}");
                assert!(size < needed, "{size} bytes are too few, {needed} were due");
            }
        }
    });
}

/// `inner` as a string of the envelope: with the escapes it needs, with more, or with nothing else.
fn content_string(inner: &str, spelling: u8) -> String {
    let shortest = serde_json::to_string(inner).expect("a text");
    match spelling % 3 {
        0 => shortest,
        1 => shortest.replace('/', "\\/").replace('t', "\\u0074"),
        _ => format!("\"{}\"", inner.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>()),
    }
}

/// The text with its mentions of everyone, the only ones that need no entry (protocol section 12.3).
fn shown(text: &str) -> String {
    let mut pieces = text.split("@_all");
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let longer = piece.starts_with(|ch: char| ch.is_ascii_alphanumeric() || ch == '_');
        shown += if longer { "@_all" } else { "@all" };
        shown += piece;
    }
    shown
}

/// A message with that content, through a session.
fn in_content(inner: &str, content: &str, text: &str, any: usize) {
    let message = format!(r#""chat_type":"p2p","message_type":"text","content":{content}"#);
    let header = r#"{"event_id":"e","event_type":"im.message.receive_v1"}"#;
    let sender = r#"{"sender_id":{"open_id":"ou_1"}}"#;
    let json = format!(r#"{{"schema":"2.0","header":{header},"event":{{"message":{{{message}}},"sender":{sender}}}}}"#);
    let frame = pb::frame(1, &[("type", "event")], json.as_bytes());
    let mut report = Report::new(Slots::growable(1));
    let mut session = session();
    assert_eq!(session.handle_message(Instant::ZERO, &frame, &mut report), Reaction::Offer, "{json}");
    session.reveal(Instant::ZERO);
    let event = session.event(&frame).expect("it is shown");
    let message = event.message().expect("it is a message");
    let read = message.content().expect("it has content");
    assert_eq!(read.to_string(), inner);
    each_room(inner.len(), any, |scratch| {
        let size = scratch.len();
        match message.read_content(scratch) {
            Ok(content) => {
                assert!(size >= inner.len());
                assert_eq!(content.json(), inner);
                let field = content.field("text").and_then(|value| value.as_str()).expect("the text");
                assert_eq!(field.to_string(), text);
            }
            Err(error) => assert!(size < inner.len() && error == TooSmall { needed: inner.len() }),
        }
    });
    // The content lies unescaped behind the text, which is as it was written but for placeholders of mentions.
    let text = shown(text);
    // One without escapes is read where it lies in the event.
    let raw = message.content().expect("content").raw();
    let inside = raw.strip_prefix(r#"{\"text\":\""#).and_then(|rest| rest.strip_suffix(r#"\"}"#));
    let stands = inside.is_some_and(|inside| !inside.contains('\\'));
    let needed = if stands { text.len() } else { inner.len() + text.len() };
    each_room(needed, any, |out| {
        let size = out.len();
        match message.text(Form::Full, out) {
            Ok(said) => {
                assert_eq!(said, text);
                assert!(size >= needed);
            }
            Err(error) => {
                assert!(size < needed, "{size} bytes are too few, {needed} were due");
                // Where not even the content fits, nothing is known of the text: it is a guess.
                let told = if stands || size >= inner.len() { needed } else { 2 * inner.len() };
                assert_eq!(error, TooSmall { needed: told });
            }
        }
    });
    let body = message.text(Form::Body, &mut vec![0; needed]).expect("there is room").to_owned();
    assert_eq!(body, text.trim());
}

fn session() -> Session<'static> {
    let storage = SessionStorage {
        parts: Region::growable(0),
        assembled: Region::growable(0),
        part_sets: Slots::growable(0),
        finished: Slots::growable(0),
        seen: Slots::growable(1),
        allowed: Region::growable(64),
        callbacks: Slots::fixed(&mut []),
    };
    let gate = GateRules { allowed_users: &["*"], ..GateRules::default() };
    let rules = SessionRules { app_id: APP_ID, dedup_window_ms: 1000, gate, pong_timeout_ms: 0 };
    Session::new(rules, storage, &Seed([3; 32]))
}

/// What we write is JSON for serde_json, and the same text; a room that is too small says by how much.
fn written(text: &str, any: usize) {
    let mut counting = Writer::counting();
    write_str(&mut counting, text);
    let needed = counting.len();
    assert!(needed <= 2 + 6 * text.len());
    each_room(needed, any, |out| {
        let size = out.len();
        let mut w = Writer::new(out);
        write_str(&mut w, text);
        match w.finish() {
            Ok(len) => {
                assert!(size >= needed && len == needed);
                assert_eq!(serde_json::from_slice::<String>(&out[..len]).expect("JSON"), text);
            }
            Err(error) => assert!(size < needed && error == TooSmall { needed }),
        }
    });
    // In pieces it is the same.
    let (left, right) = text.split_at(text.floor_char_boundary(any % (text.len() + 1)));
    let (mut whole, mut pieces) = (vec![0; needed], vec![0; needed - 2]);
    write_str(&mut Writer::new(&mut whole), text);
    let mut w = Writer::new(&mut pieces);
    write_str_escaped_inner(&mut w, left);
    write_str_escaped_inner(&mut w, right);
    assert_eq!(w.finish(), Ok(needed - 2));
    assert_eq!(whole[1..needed - 1], pieces);
}

/// A text on its way out: content in a request body, JSON inside a JSON string.
fn sent(text: &str) {
    let config = Config { app_id: APP_ID, app_secret: Secret::new(SECRET), link: LinkMode::Off, ..Config::default() };
    let bot = Bot::new(config, Storage::growable(), Seed([1; 32])).expect("the configuration is sound");
    let mut world = World::new(bot, 0);
    world.timeout();
    let call = Call::Send { receive_id: "oc_1", receive_id_type: None, body: Body::text(text), uuid: Some("u") };
    if world.fact(|bot, now| bot.submit(now, call)).is_err() {
        return;
    }
    for _ in 0..4 {
        for at in 1..3 {
            if let Some(attempt) = world.streams[at].attempt.filter(|_| !world.streams[at].open) {
                world.opened(at, attempt);
            }
            world.drain(at);
            let request = &world.streams[at].written;
            if let Some(body) = request.windows(4).position(|four| four == b"\r\n\r\n").map(|end| &request[end + 4..])
                && request.windows(13).any(|path| path == b"/im/v1/messag")
            {
                let body: serde_json::Value = serde_json::from_slice(body).expect("a request is JSON");
                let content = body["content"].as_str().expect("content is a string");
                let content: serde_json::Value = serde_json::from_str(content).expect("content is JSON");
                assert_eq!(content["text"], text);
                return;
            }
            world.serve_lane(at);
        }
    }
    panic!("it is never sent");
}
