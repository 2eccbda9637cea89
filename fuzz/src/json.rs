//! `wire::json` against serde_json.

use std::collections::BTreeMap;

use larkwire_core::wire::json::{Error, ErrorKind, Reader, Str, Value, range_in, write_str};
use larkwire_core::wire::writer::Writer;

/// Reads a document twice by us, once by serde_json.
pub fn run(data: &[u8]) {
    let ours = read(data);
    let skipped = Reader::from_bytes(data).and_then(|mut reader| {
        reader.skip()?;
        reader.finish()
    });
    assert_eq!(ours.as_ref().map(|_| ()).map_err(|error| *error), skipped, "skipping and walking disagree");
    if let Ok(text) = std::str::from_utf8(data) {
        // What never was in a document is no danger either.
        foreign(Str::from_raw(text, true));
        write_and_read(text);
    }
    match (ours, serde_json::from_slice::<serde_json::Value>(data)) {
        (Ok(ours), Ok(theirs)) => assert!(ours.is(&theirs), "{ours:?} {theirs:?}"),
        (Err(error), Ok(_)) => assert_eq!(error.kind, ErrorKind::Depth, "we refuse more: {error}"),
        (Ok(_), Err(error)) => {
            let words = error.to_string();
            let exceptions = ["number out of range", "lone leading surrogate", "unexpected end of hex escape"];
            assert!(exceptions.iter().any(|exception| words.contains(exception)), "we accept more: {words}");
        }
        (Err(error), Err(_)) => assert!(error.at <= data.len()),
    }
}

#[derive(Debug)]
enum Tree {
    Array(Vec<Tree>),
    Bool(bool),
    Null,
    Number(String),
    Object(BTreeMap<String, Tree>),
    String(String),
}

impl Tree {
    fn is(&self, theirs: &serde_json::Value) -> bool {
        match (self, theirs) {
            (Self::Null, serde_json::Value::Null) => true,
            (Self::Bool(a), serde_json::Value::Bool(b)) => a == b,
            (Self::String(a), serde_json::Value::String(b)) => a == b,
            (Self::Number(raw), serde_json::Value::Number(number)) => match (number.as_i64(), number.as_u64()) {
                (None, None) => raw.parse::<f64>().ok().map(f64::to_bits) == number.as_f64().map(f64::to_bits),
                (a, b) => a == raw.parse().ok() && b == raw.parse().ok(),
            },
            (Self::Array(a), serde_json::Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.is(b))
            }
            (Self::Object(a), serde_json::Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| a.is(b)))
            }
            _ => false,
        }
    }
}

fn read(data: &[u8]) -> Result<Tree, Error> {
    let mut reader = Reader::from_bytes(data)?;
    let tree = walk(&mut reader)?;
    reader.finish()?;
    Ok(tree)
}

/// The depth limit of the reader bounds this recursion.
fn walk(reader: &mut Reader<'_>) -> Result<Tree, Error> {
    let mut ahead = reader.clone();
    Ok(match ahead.value()? {
        Value::Null => {
            *reader = ahead;
            Tree::Null
        }
        Value::Bool(value) => {
            *reader = ahead;
            Tree::Bool(value)
        }
        Value::Number(number) => {
            *reader = ahead;
            // `-0` is 0 here, and no integer for `parse` of u64.
            assert_eq!(number.as_i64(), number.raw().parse().ok());
            assert_eq!(number.as_u64(), number.raw().parse().ok().or((number.raw() == "-0").then_some(0)));
            Tree::Number(number.raw().to_owned())
        }
        Value::String(text) => {
            *reader = ahead;
            let _ = (Value::String(text).as_i64(), Value::String(text).as_bool());
            Tree::String(string(text))
        }
        Value::Array(text) => {
            assert!(text.starts_with('[') && text.ends_with(']') && range_in(text, text) == Some(0..text.len()));
            assert!(reader.enter_array()?);
            let mut elements = Vec::new();
            while reader.next_element()? {
                elements.push(walk(reader)?);
            }
            assert_eq!(reader.position(), ahead.position());
            Tree::Array(elements)
        }
        Value::Object(text) => {
            assert!(text.starts_with('{') && text.ends_with('}'));
            assert!(reader.enter_object()?);
            let mut members = BTreeMap::new();
            while let Some(key) = reader.next_key()? {
                members.insert(string(key), walk(reader)?);
            }
            assert_eq!(reader.position(), ahead.position());
            Tree::Object(members)
        }
    })
}

/// The text of a string of a document.
fn string(text: Str<'_>) -> String {
    assert!(text.unescaped_len() <= text.raw().len(), "unescaping never makes a document's string longer");
    foreign(text)
}

/// The text of a string, read in every way there is.
fn foreign(text: Str<'_>) -> String {
    let read: String = text.chars().collect();
    let mut out = vec![0; text.unescaped_len()];
    assert_eq!(text.unescape(&mut out), Ok(&read[..]));
    assert_eq!(text.unescaped_len(), read.len());
    assert_eq!(text.to_string(), read);
    assert!(text == *read && text.plain().is_none_or(|plain| plain == read));
    read
}

fn write_and_read(text: &str) {
    let mut out = vec![0; 2 + 6 * text.len()];
    let mut w = Writer::new(&mut out);
    write_str(&mut w, text);
    let len = w.finish().expect("six bytes a byte are enough");
    assert_eq!(serde_json::from_slice::<String>(&out[..len]).expect("what we write is JSON"), text);
}
