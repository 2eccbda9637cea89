//! JSON as RFC 8259 says it: small cases for each way a parser goes wrong, and serde_json as the second opinion.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests may panic"
)]

use larkwire_core::wire::json::{
    Error, ErrorKind, MAX_DEPTH, Reader, Str, Value, range_in, write_str, write_str_escaped_inner,
};
use larkwire_core::wire::writer::{TooSmall, Writer};
use proptest::prelude::*;

#[path = "wire_json/classes.rs"]
mod classes;

/// Reads a document the two ways there are: skipped as a whole, and walked. Both must say the same.
fn read(bytes: &[u8]) -> Result<serde_json::Value, Error> {
    let mut reader = Reader::from_bytes(bytes)?;
    let skipped = reader.skip().and_then(|()| reader.finish());
    let mut reader = Reader::from_bytes(bytes)?;
    let walked = walk(&mut reader).and_then(|value| reader.finish().map(|()| value));
    assert_eq!(walked.as_ref().err(), skipped.as_ref().err(), "{}", String::from_utf8_lossy(bytes));
    walked
}

fn walk(reader: &mut Reader<'_>) -> Result<serde_json::Value, Error> {
    let here = reader.clone();
    let mut ahead = reader.clone();
    if ahead.enter_object()? {
        let mut members = serde_json::Map::new();
        while let Some(key) = ahead.next_key()? {
            members.insert(key.to_string(), walk(&mut ahead)?);
        }
        *reader = ahead;
        return Ok(members.into());
    }
    ahead = here;
    if ahead.enter_array()? {
        let mut elements = vec![];
        while ahead.next_element()? {
            elements.push(walk(&mut ahead)?);
        }
        *reader = ahead;
        return Ok(elements.into());
    }
    Ok(match reader.value()? {
        Value::Array(_) | Value::Object(_) => unreachable!("entered above"),
        Value::Bool(value) => value.into(),
        Value::Null => serde_json::Value::Null,
        // Beyond what an f64 holds, a number is text to us and an error to serde_json.
        Value::Number(number) => serde_json::from_str(number.raw()).unwrap_or_else(|_| number.raw().into()),
        Value::String(text) => text.to_string().into(),
    })
}

fn fault(text: &str) -> (ErrorKind, usize) {
    let error = read(text.as_bytes()).expect_err(text);
    assert!(error.to_string().ends_with(&format!(" at byte {}", error.at)));
    (error.kind, error.at)
}

fn only(text: &str) -> Value<'_> {
    Reader::new(text).value().unwrap()
}

#[test]
fn what_the_grammar_allows_is_taken() {
    #[rustfmt::skip]
    let documents = [
        "{}", "[]", " \t\r\n[ \n] ", "\"\"", "0", "-0", "-1", "123456789012345678901234567890", "0.5", "-0.0e-0",
        "1E400", "1e+07", "20e1", "true", "false", "null", "[null,true,[false]]", "{\"\":0}", "{\"a\":1,\"a\":2}",
        "{ \"a\" : { \"b\" : [ ] } , \"c\" : \"\" }",
        r#""\"\\\/\b\f\n\r\t\u0000\uFFFF\uaBcD""#, "\"\u{7f}\u{2028}\u{10ffff}名\"",
        r#""\uD83D\uDE00""#, r#""\ud800""#, r#""\udc00\ud800x""#, r#""\\u12""#, "[\"\\\\\",\"\\\"\"]",
    ];
    for text in documents {
        assert!(read(text.as_bytes()).is_ok(), "{text}");
    }
}

#[test]
fn what_the_grammar_forbids_is_refused_with_its_place() {
    use ErrorKind::*;
    #[rustfmt::skip]
    let cases = [
        // Nothing, or only white space of some kind.
        ("", End, 0), ("  ", End, 2), ("\u{feff}{}", Value, 0), ("\u{a0}1", Value, 0), ("\u{c}1", Value, 0),
        ("\u{b}[]", Value, 0), ("[\u{2060}]", Value, 1), ("[1]\0", Trailing, 3), ("\0", Value, 0),
        // Commas.
        ("[1,]", Value, 3), ("[,1]", Value, 1), ("[1,,2]", Value, 3), ("[,]", Value, 1), ("[1 2]", Comma, 3),
        ("[1\n,2\n3]", Comma, 6), ("[1;2]", Comma, 2), ("[3[4]]", Comma, 2), ("[[] {}]", Comma, 4),
        ("[\"a\"\"b\"]", Comma, 4), ("{\"a\":1,}", Key, 7), ("{,\"a\":1}", Key, 1), ("{\"a\":1,,\"b\":2}", Key, 7),
        ("{\"a\":1 \"b\":2}", Comma, 7), ("{,}", Key, 1),
        // Colons.
        ("{\"a\"}", Colon, 4), ("{\"a\" 1}", Colon, 5), ("{\"a\",1}", Colon, 4), ("{\"a\"::1}", Value, 5),
        ("[\"a\":1]", Comma, 4), ("{\"a\":}", Value, 5), ("{:1}", Key, 1), ("{\"a\":1:2}", Comma, 6),
        ("[:]", Value, 1),
        // Brackets.
        ("[", End, 1), ("{", End, 1), ("[1", End, 2), ("[1,", End, 3), ("{\"a\"", End, 4), ("{\"a\":", End, 5),
        ("{\"a\":1,", End, 7), ("]", Value, 0), ("}", Value, 0), ("[}", Value, 1), ("{]", Key, 1), ("[1}", Comma, 2),
        ("{\"a\":1]", Comma, 6), ("[[]", End, 3), ("<x>", Value, 0), ("(1)", Value, 0), ("[<null>]", Value, 1),
        // Something after the document.
        ("[]]", Trailing, 2), ("{}}", Trailing, 2), ("1 2", Trailing, 2), ("{}{}", Trailing, 2),
        ("\"\"x", Trailing, 2), ("[],", Trailing, 2), ("{}//", Trailing, 2), ("{}/**/", Trailing, 2),
        ("{}#", Trailing, 2), ("nullnull", Trailing, 4), ("01", Trailing, 1), ("1a", Trailing, 1),
        // Comments.
        ("/**/1", Value, 0), ("[1/*x*/]", Comma, 2), ("{\"a\":1,//\n\"b\":2}", Key, 7),
        // Keys.
        ("{a:1}", Key, 1), ("{'a':1}", Key, 1), ("{1:1}", Key, 1), ("{null:1}", Key, 1), ("{[]:1}", Key, 1),
        ("{{}:1}", Key, 1), ("{\"a:1}", End, 6),
        // Words.
        ("tru", End, 3), ("truE", Literal, 3), ("True", Value, 0), ("nul1", Literal, 3), ("falsy", Literal, 4),
        ("NaN", Value, 0), ("nan", Literal, 1), ("Infinity", Value, 0), ("[fals", End, 5), ("undefined", Value, 0),
        ("[a]", Value, 1), ("*", Value, 0), ("n\u{fc}ll", Literal, 1),
        // Numbers.
        ("-", End, 1), ("[-]", Number, 2), ("+1", Value, 0), ("[+1]", Value, 1), (".5", Value, 0),
        ("-.5", Number, 1), ("[1.]", Number, 3), ("1.", End, 2), ("[1.e1]", Number, 3), ("[1e]", Number, 3),
        ("1e", End, 2), ("[1e+]", Number, 4), ("[1ee1]", Number, 3), ("[1.2.3]", Comma, 4), ("[1e1.5]", Comma, 4),
        ("[01]", Comma, 2), ("[-01]", Comma, 3), ("[00]", Comma, 2), ("[--1]", Number, 2), ("[1-2]", Comma, 2),
        ("[- 1]", Number, 2), ("[0x1]", Comma, 2), ("[1_000]", Comma, 2), ("[1 000]", Comma, 3),
        ("[-Infinity]", Number, 2), ("[-NaN]", Number, 2), ("[\u{ff11}]", Value, 1), ("[1\u{ff11}]", Comma, 2),
        ("[0.3e]", Number, 5), ("[9.e+]", Number, 3), ("[1e1,", End, 5),
        // Strings.
        ("\"", End, 1), ("\"a", End, 2), ("\"a\n\"", Control, 2), ("\"\t\"", Control, 1), ("\"\0\"", Control, 1),
        ("[\"\u{1f}\"]", Control, 2), ("'a'", Value, 0), ("{\"\u{8}\":1}", Control, 2),
        ("\"12345678\r\"", Control, 9), ("a\"", Value, 0), ("[\"a]", End, 4), ("\u{201c}a\u{201d}", Value, 0),
        // Escapes.
        (r#""\x41""#, Escape, 2), (r#""\'""#, Escape, 2), (r#""\U0041""#, Escape, 2), (r#""\a""#, Escape, 2),
        (r#""\0""#, Escape, 2), ("\"\\\u{9}\"", Escape, 2), (r#""\"#, End, 2), (r#""\""#, End, 3),
        (r#""\u"#, End, 3), (r#""\u00"#, End, 5), (r#""\u00"x"#, Escape, 5), (r#""\u00g0""#, Escape, 5),
        (r#""\u+123""#, Escape, 3), (r#""\u 123""#, Escape, 3), ("\"\\名\"", Escape, 2),
        (r#""\ud800\u1""#, Escape, 10), (r#""\ud800\""#, End, 9), ("\\u0031", Value, 0), (r#"[\n]"#, Value, 1),
    ];
    for (text, kind, at) in cases {
        assert_eq!(fault(text), (kind, at), "{text:?}");
        assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text:?}");
        // A fault is none the better for standing where nobody looks.
        let outer = format!("{{\"skipped\":[{text}]}}");
        assert!(read(outer.as_bytes()).is_err() || [End, Trailing].contains(&kind), "{outer}");
    }
}

#[test]
fn bytes_that_are_not_text_are_refused_wherever_they_stand() {
    let bad: [&[u8]; 9] = [
        b"\xff",
        b"\x80",
        b"\xc0\x80",
        b"\xc3",
        b"\xe2\x82",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xc3\x28",
    ];
    for bytes in bad {
        for (before, after) in [("{\"unread\":\"", "\"}"), ("[", "]"), ("", ""), ("[1]", "")] {
            let document = [before.as_bytes(), bytes, after.as_bytes()].concat();
            let error = read(&document).unwrap_err();
            assert_eq!((error.kind, error.at), (ErrorKind::Utf8, before.len()));
        }
    }
    assert_eq!(
        read("[\"é\"]".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>().as_slice()).unwrap_err().kind,
        ErrorKind::Utf8
    );
    assert_eq!(
        read(b"\xef\xbb\xbf{}").unwrap_err().kind,
        ErrorKind::Value,
        "a byte order mark is the envelope's matter"
    );
}

#[test]
fn sixty_four_levels_are_read_and_sixty_five_are_refused() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| open.repeat(depth) + if open == "[" { "" } else { "1" } + &close.repeat(depth);
        assert!(read(nested(MAX_DEPTH as usize).as_bytes()).is_ok());
        assert_eq!(fault(&nested(65)), (ErrorKind::Depth, open.len() * 64));
    }
    let mixed = "[{\"a\":".repeat(32) + "1" + &"}]".repeat(32);
    assert!(read(mixed.as_bytes()).is_ok());
    // Depth is what is open, not how often something was opened.
    let wide = format!("[{}[]]", "[[]],".repeat(1000));
    assert!(read(wide.as_bytes()).is_ok());
}

#[test]
fn any_depth_is_refused_on_a_small_stack() {
    let run = || {
        for text in ["[".repeat(100_000), "[{\"\":".repeat(50_000), "{\"a\":".repeat(50_001)] {
            let skipped = Reader::new(&text).skip();
            assert_eq!(skipped.unwrap_err().kind, ErrorKind::Depth);
            let mut reader = Reader::new(&text);
            let error = loop {
                let entered =
                    reader.enter_array().and_then(|entered| if entered { reader.next_element() } else { Ok(false) });
                match entered {
                    Ok(true) => {}
                    Ok(false) => unreachable!("it never ends"),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.kind, ErrorKind::Depth);
        }
    };
    std::thread::Builder::new().stack_size(64 * 1024).spawn(run).unwrap().join().unwrap();
}

const EVENT: &str = r#"{"schema":"2.0","header":{"event_id":"e1","create_time":"1700000000000","n":-1.5e3},"event":{"message":{"content":"{\"text\":\"hi \\u4f60\\ud83d\\ude00\"}","mentions":[{"key":"@_user_1"},null,true]}}}"#;

#[test]
fn a_document_cut_anywhere_is_an_error_and_never_half_read() {
    for cut in 0..EVENT.len() {
        let error = read(&EVENT.as_bytes()[..cut]).unwrap_err();
        assert_eq!((error.kind, error.at), (ErrorKind::End, cut));
    }
    assert!(read(EVENT.as_bytes()).is_ok());
    for more in ["{}", "x", ",", "\0", "\u{feff}", "]"] {
        assert_eq!(fault(&format!("{EVENT} {more}")), (ErrorKind::Trailing, EVENT.len() + 1));
    }
}

#[test]
fn a_field_of_another_type_is_absent_and_the_walk_goes_on() {
    for other in ["null", "1", "\"x\"", "true", "[{\"key\":1}]", "{}"] {
        let text = format!("{{\"header\":{other},\"after\":7}}");
        let mut reader = Reader::new(&text);
        assert!(reader.enter_object().unwrap());
        assert!(reader.next_key().unwrap().unwrap() == "header");
        if reader.enter_object().unwrap() {
            assert!(reader.next_key().unwrap().is_none());
        }
        assert!(reader.next_key().unwrap().unwrap() == "after");
        assert!(!reader.enter_array().unwrap());
        assert!(reader.next_key().unwrap().is_none());
        assert_eq!(reader.position(), text.len());
        reader.finish().unwrap();
    }
    for text in ["null", "[]", "{}", "1", "true"] {
        assert!(only(text).as_str().is_none());
    }
    for text in [
        "null", "[]", "{}", "true", "1.0", "1e3", "\"\"", "\"-\"", "\"+1\"", "\" 1\"", "\"007\"", "\"1.0\"", "\"１\"",
        "\"1e3\"", "\"0x1\"", "\"--1\"",
    ] {
        assert_eq!(only(text).as_i64(), None, "{text}");
    }
    assert!(only("null").is_null() && !only("0").is_null());
    for (text, value) in
        [("true", Some(true)), ("\"false\"", Some(false)), ("1", None), ("\"True\"", None), ("null", None)]
    {
        assert_eq!(only(text).as_bool(), value, "{text}");
    }
}

#[test]
fn integers_are_exact_or_unknown() {
    let exact = [
        ("0", 0),
        ("-0", 0),
        ("-1", -1),
        ("1700000000000", 1_700_000_000_000),
        ("9007199254740993", 9_007_199_254_740_993),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
    ];
    for (text, value) in exact {
        assert_eq!(only(text).as_i64(), Some(value));
        assert_eq!(only(&format!("\"{text}\"")).as_i64(), Some(value));
    }
    assert_eq!(only(r#""\u0031\u0032""#).as_i64(), Some(12));
    for text in
        ["9223372036854775808", "-9223372036854775809", "18446744073709551615", "99999999999999999999", "1e999", "-0.0"]
    {
        assert_eq!((only(text).as_i64(), only(&format!("\"{text}\"")).as_i64()), (None, None));
    }
    let number = |text: &'static str| match only(text) {
        Value::Number(number) => number,
        other => panic!("{other:?}"),
    };
    assert_eq!(number("18446744073709551615").as_u64(), Some(u64::MAX));
    assert_eq!(
        (number("-0").as_u64(), number("-1").as_u64(), number("18446744073709551616").as_u64()),
        (Some(0), None, None)
    );
    assert_eq!(number("1e999").raw(), "1e999");
}

#[test]
fn escapes_are_resolved_when_asked_for() {
    let cases = [
        (r#""\u0074oken""#, "token"),
        (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r#""a\u0000b""#, "a\0b"),
        (r#""\ud83d\ude00\uD83D\uDE00""#, "😀😀"),
        (r#""\ud800""#, "\u{fffd}"),
        (r#""\ud800x\udc00""#, "\u{fffd}x\u{fffd}"),
        (r#""\udc00\ud800""#, "\u{fffd}\u{fffd}"),
        (r#""\ud800\ud83d\ude00""#, "\u{fffd}😀"),
        (r#""\ud800\n\ud83d😀""#, "\u{fffd}\n\u{fffd}😀"),
        (r#""\ud800\\udc00""#, "\u{fffd}\\udc00"),
        (r#""\ud800\u0041""#, "\u{fffd}A"),
        (r#""名\u540d""#, "名名"),
        (r#""\\u0041""#, "\\u0041"),
        ("\"\"", ""),
        ("\"plain\"", "plain"),
    ];
    for (text, expected) in cases {
        let string = only(text).as_str().unwrap();
        assert!(string == expected && string == *expected, "{text}");
        let longer = format!("{expected}x");
        assert!(string != longer.as_str() && Str::from_raw(&longer, false) != expected, "{text}");
        assert_eq!(string.to_string(), expected);
        assert_eq!(string.chars().collect::<String>(), expected);
        assert_eq!(string.unescaped_len(), expected.len());
        assert_eq!(string.is_empty(), expected.is_empty());
        assert_eq!(string.has_escapes(), text.contains('\\'));
        assert_eq!(string.plain(), (!text.contains('\\')).then_some(expected));
        assert_eq!(string.raw(), &text[1..text.len() - 1]);
        let again = Str::from_raw(string.raw(), string.has_escapes());
        for room in 0..expected.len() + 2 {
            let mut out = vec![0; room];
            let whole = if room < expected.len() { Err(TooSmall { needed: expected.len() }) } else { Ok(expected) };
            assert_eq!(again.unescape(&mut out), whole);
        }
    }
}

#[test]
fn a_string_that_was_never_in_a_document_is_no_danger() {
    for (raw, expected) in [
        ("\\", "\u{fffd}"),
        ("a\\", "a\u{fffd}"),
        ("\\名b", "\u{fffd}b"),
        ("\\u12", "\u{fffd}12"),
        ("\\u+123", "\u{fffd}+123"),
    ] {
        assert!(Str::from_raw(raw, true) == expected, "{raw}: {}", Str::from_raw(raw, true));
        assert!(Str::from_raw(raw, false) == raw);
    }
}

#[test]
fn the_last_of_two_keys_wins_however_it_is_written() {
    let text = r#"{"token":"old","\u0074o\u006ben":"new","Token":"other"}"#;
    let mut reader = Reader::new(text);
    let mut token = None;
    assert!(reader.enter_object().unwrap());
    while let Some(key) = reader.next_key().unwrap() {
        if key == "token" { token = reader.value().unwrap().as_str() } else { reader.skip().unwrap() }
    }
    assert!(token.unwrap() == "new");
}

#[test]
fn content_is_json_inside_a_json_string() {
    let mut reader = Reader::new(EVENT);
    let mut content = None;
    let path = ["event", "message", "content"];
    let mut depth = 0;
    assert!(reader.enter_object().unwrap());
    while depth < 3 {
        match reader.next_key().unwrap() {
            Some(key) if key == path[depth] && depth < 2 => {
                assert!(reader.enter_object().unwrap());
                depth += 1;
            }
            Some(key) if key == path[depth] => {
                content = reader.value().unwrap().as_str();
                depth += 1;
            }
            Some(_) => reader.skip().unwrap(),
            None => panic!("it is there"),
        }
    }
    let content = content.unwrap();
    let span = range_in(EVENT, content.raw()).unwrap();
    assert_eq!(&EVENT[span], content.raw());
    let mut out = [0; 64];
    let inner = content.unescape(&mut out).unwrap();
    assert_eq!(read(inner.as_bytes()).unwrap(), serde_json::json!({"text": "hi 你😀"}));
}

#[test]
fn a_span_is_where_the_text_lies() {
    let text = String::from("{\"a\":[1, {}]}");
    let Value::Object(all) = only(&text) else { panic!("an object") };
    assert_eq!(range_in(&text, all), Some(0..text.len()));
    let mut reader = Reader::new(&text);
    reader.enter_object().unwrap();
    reader.next_key().unwrap();
    let Value::Array(array) = reader.value().unwrap() else { panic!("an array") };
    assert_eq!((array, range_in(&text, array)), ("[1, {}]", Some(5..12)));
    assert_eq!(range_in(&text[2..7], array), None, "it sticks out");
    assert_eq!(range_in(array, &text), None, "it starts before");
    assert_eq!(range_in(&text, "[1, {}]"), None, "it lies elsewhere");
    assert_eq!(range_in(&text, &text[13..]), Some(13..13));
}

#[test]
fn a_reader_asked_out_of_order_says_so() {
    let order = |result: Result<(), Error>| assert_eq!(result.unwrap_err().kind, ErrorKind::Order);
    let mut reader = Reader::new("[1 2]");
    order(reader.clone().finish());
    order(reader.next_key().map(drop));
    order(reader.next_element().map(drop));
    reader.enter_array().unwrap();
    order(reader.clone().skip());
    order(reader.clone().next_key().map(drop));
    order(reader.clone().finish());
    assert!(reader.next_element().unwrap());
    order(reader.clone().next_element().map(drop));
    reader.skip().unwrap();
    order(reader.clone().value().map(drop));
    order(reader.clone().enter_object().map(drop));
    assert_eq!(reader.next_element().unwrap_err().kind, ErrorKind::Comma);
    let mut reader = Reader::new("1");
    reader.skip().unwrap();
    order(reader.clone().skip());
    reader.finish().unwrap();
}

#[test]
fn a_log_line_shows_sizes_and_not_contents() {
    let text = r#"["s3cret",123454321,["s3cret"],{"s3cret":0}]"#;
    let mut reader = Reader::new(text);
    let mut shown = format!("{reader:?}");
    reader.enter_array().unwrap();
    while reader.next_element().unwrap() {
        shown += &format!(" {:?}", reader.value().unwrap());
    }
    assert!(shown.ends_with("Str(6 bytes) Number(9 bytes) Array(10 bytes) Object(12 bytes)"), "{shown}");
    assert!(!shown.contains("s3cret") && !shown.contains("12345"));
    let Ok(Value::String(text)) = Reader::new(r#""s3cret""#).value() else { panic!("a string is none") };
    assert_eq!(format!("{:?}", text.chars()), "Unescaped(6 bytes)");
}

fn written(write: impl Fn(&mut Writer<'_>)) -> String {
    let mut counted = Writer::counting();
    write(&mut counted);
    let mut out = vec![0; counted.len()];
    let mut w = Writer::new(&mut out);
    write(&mut w);
    w.finish().unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn what_is_written_escapes_what_must_be_and_nothing_else() {
    let text = "\"\\/\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}\u{2028}名😀";
    assert_eq!(written(|w| write_str(w, text)), "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}\u{2028}名😀\"");
    let pieces = written(|w| {
        w.byte(b'"');
        write_str_escaped_inner(w, "a\"");
        write_str_escaped_inner(w, "");
        write_str_escaped_inner(w, "\nb");
        w.byte(b'"');
    });
    assert_eq!(pieces, r#""a\"\nb""#);
}

#[test]
fn a_special_byte_is_found_at_every_place_in_a_long_string() {
    for len in 0..40 {
        for at in 0..len {
            for (special, kind) in [('"', None), ('\u{1f}', Some(ErrorKind::Control)), ('\\', Some(ErrorKind::Escape))]
            {
                // What follows may be anything that a borrow in the word-wise scan could mark.
                for filler in ['!', '#', ' ', '[', ']', '\u{7f}', 'x'] {
                    let mut text: String = std::iter::repeat_n(filler, len).collect();
                    text.replace_range(at..at + 1, &special.to_string());
                    let result =
                        Reader::new(&format!("\"{text}\"")).value().map(|value| value.as_str().unwrap().raw().len());
                    match kind {
                        None => assert_eq!(result, Ok(at)),
                        // A backslash before the closing quote escapes that.
                        Some(ErrorKind::Escape) if at + 1 == len => {
                            assert_eq!(result.unwrap_err().kind, ErrorKind::End)
                        }
                        Some(kind) => assert_eq!(result.unwrap_err().kind, kind),
                    }
                    let escaped = written(|w| write_str(w, &text));
                    assert!(Reader::new(&escaped).value().unwrap().as_str().unwrap() == text.as_str());
                }
            }
        }
    }
}

/// The same verdict and the same values as serde_json but for lone surrogates, numbers out of range and the depth limit.
fn agrees_with_serde(bytes: &[u8]) {
    let (ours, theirs) = (read(bytes), serde_json::from_slice::<serde_json::Value>(bytes));
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs),
        (Err(error), Ok(_)) => assert_eq!(error.kind, ErrorKind::Depth, "{}", String::from_utf8_lossy(bytes)),
        (Ok(_), Err(error)) => {
            let listed = ["lone leading surrogate", "unexpected end of hex escape", "number out of range"];
            let (error, text) = (error.to_string(), String::from_utf8_lossy(bytes).to_lowercase());
            assert!(listed.iter().any(|case| error.contains(case)), "{text}: {error}");
            assert!(error.contains("number") || text.contains("\\ud"), "{text}: {error}");
        }
        (Err(_), Err(_)) => {}
    }
}

fn document() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
        "[\"\\\\\u{0}-\u{1f}a-c😀]{0,20}".prop_map(Into::into),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::btree_map(".{0,5}", inner, 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\\", "\\n", "\\u", "\\ud83d", "\\ude00", "\\u00e9", "0", "-",
        "1", ".5", "e", "E+9", "1e999", "true", "null", "false", "nul", " ", "\n", "\u{b}", "é", "{\"a\":", "\"b\":1,",
        "[1,", "\u{1}", "/", "b",
    ]);
    proptest::collection::vec(fragment, 0..14).prop_map(|all| all.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 1000 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn serde_json_reads_the_same_from_any_document(value in document(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
        prop_assert_eq!(read(text.as_bytes()).unwrap(), serde_json::from_str::<serde_json::Value>(&text).unwrap());
    }

    #[test]
    fn serde_json_refuses_the_same_damage(
        value in document(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4), 1..4),
    ) {
        let mut bytes = serde_json::to_vec(&value).unwrap();
        for (index, byte, what) in edits {
            let at = index.index(bytes.len() + 1);
            let byte = if what == 0 { byte } else { b"{}[]:,\"\\u0e.- nt1"[usize::from(byte) % 17] };
            match what {
                1 if at < bytes.len() => bytes[at] = byte,
                2 => bytes.truncate(at.max(1)),
                _ => bytes.insert(at, byte),
            }
        }
        agrees_with_serde(&bytes);
    }

    #[test]
    fn serde_json_agrees_on_fragments_thrown_together(text in fragments()) {
        agrees_with_serde(text.as_bytes());
        agrees_with_serde(format!("\"{text}\"").as_bytes());
        agrees_with_serde(format!("[{text}]").as_bytes());
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        agrees_with_serde(&bytes);
    }

    #[test]
    fn integers_are_those_of_serde_json(value in any::<i64>(), shift in 0..64_u32) {
        let text = (value >> shift).to_string();
        prop_assert_eq!(only(&text).as_i64(), Some(value >> shift));
        let unsigned = (value as u64 >> shift).to_string();
        let theirs: serde_json::Value = serde_json::from_str(&unsigned).unwrap();
        prop_assert_eq!(only(&unsigned).as_i64(), theirs.as_i64());
        let Value::Number(number) = only(&unsigned) else { panic!("a number") };
        prop_assert_eq!(number.as_u64(), theirs.as_u64());
    }

    #[test]
    fn what_is_written_serde_json_and_we_read_back(text: String, control in "[\u{0}-\u{1f}\"\\\\a]{0,20}") {
        let text = text + &control;
        let quoted = written(|w| write_str(w, &text));
        prop_assert_eq!(&serde_json::from_str::<String>(&quoted).unwrap(), &text);
        prop_assert_eq!(&quoted, &serde_json::to_string(&text).unwrap());
        prop_assert!(only(&quoted).as_str().unwrap() == text.as_str());
    }
}
