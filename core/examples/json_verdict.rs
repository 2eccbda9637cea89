//! What the JSON reader of `larkwire_core::wire` says about one file: for suites that want a process for each, so that a
//! crash is seen. `.ci/json-suite` runs it.
//!
//! ```text
//! json_verdict walk FILE       every value is read, every string resolved
//! json_verdict skip FILE       the document is skipped as a whole
//! json_verdict unread FILE     the document is a member, of an object, that nobody reads
//! json_verdict extract FILE    as `walk`; says what was read, the last of two equal keys standing
//! ```
//! Exit status 0: accepted, 1: refused. Anything else is a mistake: 2 of the call, all others of the reader.
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "it prints what it read")]

use std::collections::BTreeMap;
use std::fmt;
use std::process::ExitCode;

use larkwire_core::wire::json::{Error, Reader, Str, Value};

/// What was read; numbers as they are written, and as integers where they are.
enum Read {
    Array(Vec<Read>),
    Number(String, Option<i64>),
    Object(BTreeMap<String, Read>),
    String(String),
    Word(&'static str),
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(elements) => {
                f.write_str("[")?;
                for (at, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if at > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Number(text, Some(integer)) if *text == integer.to_string() => f.write_str(text),
            Self::Number(text, Some(integer)) => write!(f, "{text}={integer}"),
            Self::Number(text, None) => write!(f, "{text}=?"),
            Self::Object(members) => {
                f.write_str("{")?;
                for (at, (key, value)) in members.iter().enumerate() {
                    write!(f, "{}\"{}\":{value}", if at > 0 { "," } else { "" }, key.escape_default())?;
                }
                f.write_str("}")
            }
            Self::String(text) => write!(f, "\"{}\"", text.escape_default()),
            Self::Word(word) => f.write_str(word),
        }
    }
}

/// As callers do who know how long it gets, and not by way of `Display`.
fn resolve(text: Str<'_>) -> String {
    let mut out = vec![0; text.unescaped_len()];
    text.unescape(&mut out).map(str::to_owned).unwrap_or_default()
}

/// The reader does not recurse; this does, as deep as the reader lets it.
fn walk(reader: &mut Reader<'_>) -> Result<Read, Error> {
    let mut ahead = reader.clone();
    if ahead.enter_object()? {
        let mut members = BTreeMap::new();
        while let Some(key) = ahead.next_key()? {
            members.insert(resolve(key), walk(&mut ahead)?);
        }
        *reader = ahead;
        return Ok(Read::Object(members));
    }
    ahead = reader.clone();
    if ahead.enter_array()? {
        let mut elements = Vec::new();
        while ahead.next_element()? {
            elements.push(walk(&mut ahead)?);
        }
        *reader = ahead;
        return Ok(Read::Array(elements));
    }
    Ok(match reader.value()? {
        Value::Number(number) => Read::Number(number.raw().to_owned(), number.as_i64()),
        Value::String(text) => Read::String(resolve(text)),
        Value::Bool(true) => Read::Word("true"),
        Value::Bool(false) => Read::Word("false"),
        // Arrays and objects were entered above.
        Value::Null | Value::Array(_) | Value::Object(_) => Read::Word("null"),
    })
}

/// Looks for one member and passes over the others, as every reader of events does.
fn unread(bytes: &[u8]) -> Result<(), String> {
    let wrapped = [b"{\"unread\":", bytes, b",\"wanted\":1}"].concat();
    let look = || -> Result<bool, Error> {
        let mut reader = Reader::from_bytes(&wrapped)?;
        let mut wanted = None;
        if reader.enter_object()? {
            while let Some(key) = reader.next_key()? {
                if key == "wanted" { wanted = reader.value()?.as_i64() } else { reader.skip()? }
            }
        }
        reader.finish()?;
        Ok(wanted == Some(1))
    };
    // Another document than the one that was sent, if it hides what follows.
    if look().map_err(|error| error.to_string())? { Ok(()) } else { Err("the wanted member is gone".to_owned()) }
}

fn extract(bytes: &[u8]) -> Result<Read, Error> {
    let mut reader = Reader::from_bytes(bytes)?;
    let read = walk(&mut reader)?;
    reader.finish()?;
    Ok(read)
}

fn skip(bytes: &[u8]) -> Result<(), Error> {
    let mut reader = Reader::from_bytes(bytes)?;
    reader.skip()?;
    reader.finish()
}

fn judge(mode: &str, bytes: &[u8]) -> Option<Result<(), String>> {
    Some(match mode {
        "walk" => extract(bytes).map(drop).map_err(|error| error.to_string()),
        "extract" => extract(bytes).map(|read| println!("{read}")).map_err(|error| error.to_string()),
        "skip" => skip(bytes).map_err(|error| error.to_string()),
        "unread" => unread(bytes),
        _ => return None,
    })
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(mode), Some(file), None) = (args.next(), args.next(), args.next()) else {
        eprintln!("usage: json_verdict walk|skip|unread|extract FILE");
        return ExitCode::from(2);
    };
    let bytes = match std::fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("json_verdict: {file}: {error}");
            return ExitCode::from(2);
        }
    };
    match judge(&mode, &bytes) {
        None => {
            eprintln!("json_verdict: there is no mode {mode}");
            ExitCode::from(2)
        }
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
