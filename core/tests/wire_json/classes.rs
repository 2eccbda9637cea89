//! Whole classes of wrong and odd documents, each made of all its members, and each read in every way there is: walked,
//! skipped, as a member and as an element that nobody reads.

use larkwire_core::wire::json::{ErrorKind, MAX_DEPTH, Reader};

use super::read;

/// Whether a document is taken. It must not matter where it stands.
fn taken(document: &[u8]) -> bool {
    let alone = read(document).is_ok();
    let places: [(&[u8], &[u8]); 4] = [
        (b"{\"unread\":", b",\"wanted\":1}"),
        (b"{\"unread\":[0,", b"],\"wanted\":1}"),
        (b"[", b"]"),
        (b" [[0, ", b"\n]]\t"),
    ];
    for (before, after) in places {
        let inside = [before, document, after].concat();
        assert_eq!(read(&inside).is_ok(), alone, "{:?}", String::from_utf8_lossy(&inside));
    }
    alone
}

/// Every text of up to `longest` of these pieces.
fn every(pieces: &[&str], longest: usize, mut each: impl FnMut(&str)) {
    let mut texts = vec![String::new()];
    for _ in 0..longest {
        texts = texts.iter().flat_map(|text| pieces.iter().map(move |piece| format!("{text}{piece}"))).collect();
        texts.iter().for_each(|text| each(text));
    }
}

/// RFC 8259 section 6, another way: `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`.
fn is_number(text: &str) -> bool {
    fn digits(text: &str) -> Option<&str> {
        let rest = text.trim_start_matches(|ch: char| ch.is_ascii_digit());
        (rest.len() < text.len()).then_some(rest)
    }
    let text = text.strip_prefix('-').unwrap_or(text);
    let Some(mut rest) = text.strip_prefix('0').or_else(|| if text.starts_with('0') { None } else { digits(text) })
    else {
        return false;
    };
    if let Some(fraction) = rest.strip_prefix('.') {
        let Some(after) = digits(fraction) else { return false };
        rest = after;
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let Some(after) = digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)) else { return false };
        rest = after;
    }
    rest.is_empty()
}

#[test]
fn every_text_of_six_signs_and_digits_is_a_number_by_the_grammar_or_none() {
    let (mut numbers, mut others) = (0, 0);
    every(&["0", "7", "-", "+", ".", "e", "E"], 6, |text| {
        let due = is_number(text);
        let accepted = read(text.as_bytes()).is_ok();
        assert_eq!(accepted, due, "{text}");
        *(if due { &mut numbers } else { &mut others }) += 1;
    });
    assert_eq!((numbers, others), (1_024, 136_232));
}

#[test]
fn what_some_parsers_take_for_a_number_is_none() {
    #[rustfmt::skip]
    let texts = [
        "Inf", "+Inf", "-Inf", "Infinity", "-Infinity", "NaN", "-NaN", "nan", "0x", "0xF", "0b1", "0o7", "1_0",
        "1 0", "- 1", "\u{2212}1", "\u{ff11}", "1\u{ff11}", "\u{663}", "1f", "1L", "1n", "0.0.0", "1e1e1", "1e1.0", "-a", "1+1",
        "1/2", "$1", "1%", "(1)", "1;", "'1'", "01.0", "-00", "1.\u{0}", "1\u{a0}",
    ];
    for text in texts {
        assert!(!taken(text.as_bytes()), "{text:?}");
    }
    for text in ["1e400", "-1e400", "1e-400", "0e99999999999999999999", "-0.0000000000000000000000000000000001e-9"] {
        assert!(taken(text.as_bytes()), "any size is kept as text: {text}");
    }
    let long = "9".repeat(10_000);
    for text in [long.clone(), format!("-{long}"), format!("0.{long}"), format!("1e{long}"), format!("1E-{long}")] {
        assert!(taken(text.as_bytes()));
    }
}

#[test]
fn every_byte_behind_a_backslash_is_one_of_nine_escapes_or_a_fault() {
    for byte in 0..=255_u8 {
        let good = b"\"\\/bfnrt".contains(&byte);
        assert_eq!(taken(&[b'"', b'\\', byte, b'x', b'"']), good, "{byte:#04x}");
        // A digit that is none, at each of the four places.
        for at in 0..4 {
            let mut escape = *b"\"\\u0aF9\"";
            escape[3 + at] = byte;
            assert_eq!(taken(&escape), byte.is_ascii_hexdigit(), "{byte:#04x} at {at}");
        }
        // And unescaped.
        assert_eq!(
            taken(&[b'"', byte, b'"']),
            matches!(byte, 0x20..=0x7f) && byte != b'\\' && byte != b'"',
            "{byte:#04x}"
        );
    }
    assert!(!taken(br#""\uD83D\u""#) && !taken(br#""\uD83D\uDE0""#) && !taken(br#""\uD83D\x""#));
}

#[test]
fn surrogates_in_every_order_are_taken_and_read_as_one_character_or_marks() {
    let units = ["\\ud83d", "\\uDE00", "\\uDBFF", "x", "\\u0041"];
    every(&units, 4, |text| {
        let numbers: Vec<u16> = text
            .replace('x', "\\u0078")
            .split("\\u")
            .filter(|unit| !unit.is_empty())
            .map(|unit| u16::from_str_radix(unit, 16).unwrap())
            .collect();
        let due: String = char::decode_utf16(numbers).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        let document = format!("\"{text}\"");
        assert_eq!(read(document.as_bytes()).unwrap(), serde_json::Value::String(due), "{text}");
        assert!(read(format!("{{{document}:{document}}}").as_bytes()).is_ok(), "as a key: {text}");
    });
}

#[test]
fn bad_utf_8_is_refused_in_every_part_of_a_document() {
    let bad: [&[u8]; 8] = [
        b"\xff",
        b"\xe5",
        b"\x80",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xfc\x83\xbf\xbf\xbf\xbf",
        b"\xf5\x80\x80\x80",
    ];
    let places: [&[u8]; 14] = [
        b"^",
        b"[^]",
        b"[1^]",
        b"[-^]",
        b"[1.5^]",
        b"[1e^]",
        b"[1e1^]",
        b"[\"^\"]",
        b"[\"\\^\"]",
        b"[\"\\u^000\"]",
        b"{\"^\":1}",
        b"{\"a\":1^}",
        b"[tru^]",
        b"[1]^",
    ];
    for place in places {
        let at = place.iter().position(|byte| *byte == b'^').unwrap();
        for bad in bad {
            let document = [&place[..at], bad, &place[at + 1..]].concat();
            let error = read(&document).unwrap_err();
            assert_eq!((error.kind, error.at), (ErrorKind::Utf8, at), "{}", String::from_utf8_lossy(&document));
        }
    }
    // What is unusual is still text.
    for good in
        ["\u{7f}", "\u{80}", "\u{fffe}", "\u{ffff}", "\u{1fffe}", "\u{10ffff}", "\u{fdd0}", "\u{200b}", "\u{2028}"]
    {
        assert!(taken(format!("\"{good}\"").as_bytes()) && taken(format!("{{\"{good}\":0}}").as_bytes()), "{good:?}");
        assert!(!taken(good.as_bytes()) && !taken(format!("[]{good}").as_bytes()), "{good:?} is no white space");
    }
}

#[test]
fn text_in_another_encoding_is_none() {
    let document = "{\"a\":[1,\"é\"]}";
    let wide = |mark: &str| format!("{mark}{document}").encode_utf16().collect::<Vec<u16>>();
    for mark in ["", "\u{feff}"] {
        assert!(read(&wide(mark).into_iter().flat_map(u16::to_be_bytes).collect::<Vec<_>>()).is_err());
        assert!(read(&wide(mark).into_iter().flat_map(u16::to_le_bytes).collect::<Vec<_>>()).is_err());
        let long: Vec<u8> = format!("{mark}{document}").chars().flat_map(|ch| u32::from(ch).to_be_bytes()).collect();
        assert!(read(&long).is_err());
    }
    let latin: Vec<u8> = document.chars().map(|ch| ch as u8).collect();
    assert!(read(&latin).is_err());
    for mark in [&b"\xef\xbb\xbf"[..], b"\xef\xbb", b"\xef"] {
        assert!(read(mark).is_err() && read(&[mark, document.as_bytes()].concat()).is_err(), "{mark:02x?}");
        assert!(read(&[document.as_bytes(), mark].concat()).is_err());
    }
}

#[test]
fn only_four_bytes_are_white_space_and_a_nul_is_none() {
    for byte in 0..0x80_u8 {
        let blank = b" \t\r\n".contains(&byte);
        for place in [
            "^[1,{\"a\":2}]",
            "[^1,{\"a\":2}]",
            "[1^,{\"a\":2}]",
            "[1,^{\"a\":2}]",
            "[1,{^\"a\":2}]",
            "[1,{\"a\"^:2}]",
            "[1,{\"a\":^2}]",
            "[1,{\"a\":2^}]",
            "[1,{\"a\":2}^]",
            "[1,{\"a\":2}]^",
        ] {
            // A digit makes a longer number, which is another document and no fault.
            let number = byte.is_ascii_digit()
                && (place.contains("^1") || place.contains("1^") || place.contains("^2") || place.contains("2^"));
            let minus = byte == b'-' && (place.contains("^1") || place.contains("^2"));
            let zero_first = byte == b'0' && (place.contains("^1") || place.contains("^2"));
            let text = place.replace('^', char::from(byte).encode_utf8(&mut [0; 4]));
            assert_eq!(read(text.as_bytes()).is_ok(), blank || (number && !zero_first) || minus, "{text:?}");
        }
    }
}

#[test]
fn every_order_of_brackets_commas_and_colons_is_judged_by_the_grammar() {
    let (mut good, mut bad) = (0, 0);
    every(&["[", "]", "{", "}", ",", ":", "\"\"", "0"], 5, |text| {
        let due = serde_json::from_str::<serde_json::Value>(text).is_ok();
        assert_eq!(read(text.as_bytes()).is_ok(), due, "{text}");
        *(if due { &mut good } else { &mut bad }) += 1;
    });
    assert_eq!((good, bad), (16, 37_432));
}

#[test]
fn depth_is_counted_exactly_from_where_the_document_begins() {
    let nest = |open: &str, inner: &str, close: &str, depth: u32| {
        format!("{}{inner}{}", open.repeat(depth as usize), close.repeat(depth as usize))
    };
    for (open, inner, close) in
        [("[", "", "]"), ("[", "0", "]"), ("{\"\":", "{}", "}"), ("[0,", "[]", ",1]"), ("{\"a\":0,\"b\":", "\"\"", "}")]
    {
        let own = u32::from(inner.contains(['[', '{']));
        assert!(read(nest(open, inner, close, MAX_DEPTH - own).as_bytes()).is_ok(), "{open}");
        let error = read(nest(open, inner, close, MAX_DEPTH - own + 1).as_bytes()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Depth, "{open}");
        // One level less is left to a member that nobody reads.
        let unread = |depth| format!("{{\"unread\":{},\"wanted\":1}}", nest(open, inner, close, depth - own));
        assert!(read(unread(MAX_DEPTH - 1).as_bytes()).is_ok());
        assert_eq!(read(unread(MAX_DEPTH).as_bytes()).unwrap_err().kind, ErrorKind::Depth);
    }
}

#[test]
fn a_quarter_of_a_megabyte_of_open_brackets_needs_no_more_stack_than_one() {
    let judge = || {
        for text in ["[".repeat(250_001), "{\"\":[".repeat(50_001), "[{\"\":".repeat(50_001), "[[],".repeat(62_501)] {
            assert_eq!(Reader::new(&text).skip().unwrap_err().kind, ErrorKind::Depth);
            let wrapped = format!("{{\"unread\":{text}");
            let mut reader = Reader::new(&wrapped);
            assert!(reader.enter_object().unwrap() && reader.next_key().unwrap().is_some());
            assert_eq!(reader.skip().unwrap_err().kind, ErrorKind::Depth);
        }
    };
    std::thread::Builder::new().stack_size(32 * 1024).spawn(judge).unwrap().join().unwrap();
}
