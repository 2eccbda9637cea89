//! Bytes at the edge of a rule: URLs, dates, escapes, frames that lack one field.

use larkwire_core::UnixMillis;
use larkwire_core::wire::frame::{Frame, FrameError, FrameErrorKind};
use larkwire_core::wire::http::parse_date;
use larkwire_core::wire::json::Str;
use larkwire_core::wire::url::{Url, decimal_i32, is_loopback};
use larkwire_core::wire::writer::Writer;

#[test]
fn a_query_is_decoded_where_it_is_encoded_and_left_where_it_is_not() {
    let value = |query: &str| {
        let url = format!("wss://h/ws?{query}");
        let decoded = Url::parse(&url).unwrap().query_value("k")?;
        Some(String::from_utf8(decoded.collect()).unwrap())
    };
    for (query, expected) in [
        ("k=a%20b", Some("a b")),
        ("k=a+b", Some("a b")),
        ("k=%4a%4A", Some("JJ")),
        ("k=%zz", Some("%zz")),
        ("k=%4z", Some("%4z")),
        ("k=%4", Some("%4")),
        ("k=%", Some("%")),
        ("%6b=1", Some("1")),
        ("k=&k=2", Some("2")),
        ("k=", None),
        ("l=1", None),
    ] {
        assert_eq!(value(query).as_deref(), expected, "{query}");
    }
}

#[test]
fn a_number_in_a_query_is_digits_with_an_optional_minus() {
    let number = |text: &str| decimal_i32(text.bytes());
    for (text, expected) in [
        ("0", Some(0)),
        ("-7", Some(-7)),
        ("2147483647", Some(i32::MAX)),
        ("-2147483648", Some(i32::MIN)),
        ("2147483648", None),
        ("+5", None),
        ("", None),
        ("-", None),
        ("1.0", None),
        ("000000000001", None),
        ("\u{ff11}", None),
    ] {
        assert_eq!(number(text), expected, "{text:?}");
    }
    assert_eq!(decimal_i32([0xff, 0xfe].into_iter()), None);
}

#[test]
fn an_address_of_another_machine_is_not_this_one() {
    for (host, expected) in [
        ("localhost", true),
        ("LOCALHOST", true),
        ("127.0.0.1", true),
        ("127.255.255.254", true),
        ("::1", true),
        ("0:0:0:0:0:0:0:1", true),
        ("127.0.0", false),
        ("127.0.0.0.1", false),
        ("127.0.0.01", false),
        ("127.0.0.+1", false),
        ("127.0.0.256", false),
        ("127.0.0.example", false),
        ("128.0.0.1", false),
        ("::2", false),
        ("::", false),
        ("1", false),
        ("1::1", false),
        ("::ffff:127.0.0.1", false),
        (":g:1", false),
        ("0000:0000:0000:0000:0000:0000:0000:0000:0000:1", false),
        ("localhost.example", false),
        ("", false),
    ] {
        assert_eq!(is_loopback(host), expected, "{host:?}");
    }
}

#[test]
fn an_address_in_brackets_is_no_longer_than_addresses_are() {
    let parses = |host: &str| Url::parse(&format!("wss://[{host}]/")).is_ok();
    assert!(parses("2001:db8::1") && parses("::ffff:203.0.113.7") && parses("::"));
    // 45 characters is the longest way to write one.
    assert!(parses("0000:0000:0000:0000:0000:ffff:255.255.255.255"));
    assert!(!parses("0000:0000:0000:0000:0000:0ffff:255.255.255.255"));
    assert!(!parses("h") && !parses("1:2") && !parses("::g") && !parses(""));
}

#[test]
fn every_part_of_a_date_has_its_limits() {
    let at = |text: &str| parse_date(text.as_bytes()).map(|UnixMillis(ms)| ms / 1000);
    assert_eq!(at("Sun, 06 Nov 1994 00:00:00 GMT"), Some(784_080_000));
    assert_eq!(at("Sun, 06 Nov 1994 23:59:60 GMT"), Some(784_080_000 + 86_400));
    assert_eq!(at("Sat, 31 Dec 2050 01:00:00 GMT"), Some(2_556_061_200));
    assert_eq!(at("Mon, 31 Jan 2000 00:00:00 GMT"), Some(949_276_800));
    assert_eq!(at("Wed, 01 Mar 2000 00:00:00 GMT"), Some(951_868_800));
    assert_eq!(at("Mon, 01 Mar 2100 00:00:00 GMT"), Some(4_107_542_400));
    for text in [
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Wed, 31 Dec 1969 23:59:59 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
    ] {
        assert_eq!(at(text), None, "{text}");
    }
}

#[test]
fn half_a_pair_of_surrogates_stands_for_nothing_and_takes_nothing_with_it() {
    let read = |raw: &str| Str::from_raw(raw, true).chars().collect::<String>();
    assert_eq!(read(r"\ud83d\ude00"), "😀");
    assert_eq!(read(r"\ud800\udc00\udbff\udfff"), "\u{10000}\u{10ffff}");
    assert_eq!(read(r"\ud83d"), "\u{fffd}");
    assert_eq!(read(r"\ud83d\n"), "\u{fffd}\n");
    assert_eq!(read(r"\ud83dx"), "\u{fffd}x");
    assert_eq!(read(r"\ud83d\u0041"), "\u{fffd}A");
    assert_eq!(read(r"\ud83d\ud83d\ude00"), "\u{fffd}😀");
    assert_eq!(read(r"\ude00\ud83d"), "\u{fffd}\u{fffd}");
    assert_eq!(read(r"\udbff\udbff"), "\u{fffd}\u{fffd}");
    assert_eq!(read(r"\ud83d\ue000"), "\u{fffd}\u{e000}");
    // A reader would have refused these.
    assert_eq!(read(r"\ud83d\uzzzz"), "\u{fffd}\u{fffd}zzzz");
    assert_eq!(read(r"\u12"), "\u{fffd}12");
}

#[test]
fn an_ack_completes_whichever_required_field_was_missing() {
    let (given, zeros) = ([*b"\x08\x01", *b"\x10\x02", *b"\x18\x03", *b"\x20\x01"], [8, 0x10, 0x18, 0x20]);
    for missing in 0..16_u8 {
        let is_missing = |at: usize| missing >> at & 1 == 1;
        let received: Vec<u8> = (0..4).filter(|at| !is_missing(*at)).flat_map(|at| given[at]).collect();
        let completed: Vec<u8> =
            (0..4).flat_map(|at| if is_missing(at) { [zeros[at], 0] } else { given[at] }).collect();
        let frame = Frame::decode(&received).unwrap();
        assert_eq!(frame.missing.count(), missing.count_ones() as usize);
        let mut ack = [0; 64];
        let mut w = Writer::new(&mut ack);
        frame.write_ack(&mut w, 0, b"{}");
        let len = w.finish().unwrap();
        let expected = [completed.as_slice(), b"\x2a\x0b\x0a\x06biz_rt\x12\x010\x42\x02{}"].concat();
        assert_eq!(ack[..len], expected, "{missing:04b}");
    }
}

#[test]
fn a_head_is_acked_only_when_no_field_before_the_cut_is_missing() {
    let fields: [&[u8]; 4] = [b"\x08\x01", b"\x10\x02", b"\x18\x03", b"\x20\x01"];
    let rest = b"\x2a\x0d\x0a\x04type\x12\x05event\x42\x7fcut";
    for missing in 0..16_u8 {
        let given = fields.iter().enumerate().filter(|(at, _)| missing >> at & 1 == 0);
        let head: Vec<u8> = given.flat_map(|(_, field)| field.iter()).chain(rest).copied().collect();
        let decoded = Frame::decode_head(&head).unwrap();
        assert_eq!(decoded.is_some(), missing == 0, "{missing:04b}");
    }
}

#[test]
fn a_length_of_two_gibibytes_is_wrong_and_one_byte_less_is_only_not_all_there() {
    let head = b"\x08\x01\x10\x02\x18\x03\x20\x01\x2a\x0d\x0a\x04type\x12\x05event".as_slice();
    let with_len = |len: &[u8]| [head, b"\x42", len, b"{}"].concat();
    let message = with_len(b"\xff\xff\xff\xff\x07");
    assert!(Frame::decode_head(&message).unwrap().is_some());
    let message = with_len(b"\x80\x80\x80\x80\x08");
    assert_eq!(
        Frame::decode_head(&message).unwrap_err(),
        FrameError { at: head.len() + 1, kind: FrameErrorKind::Length }
    );
}

#[test]
fn a_head_that_is_kept_makes_the_same_ack_later() {
    let ack = |frame: &Frame<'_>| {
        let mut out = vec![0; frame.ack_len(7, b"{\"code\":200}")];
        let mut w = Writer::new(&mut out);
        frame.write_ack(&mut w, 7, b"{\"code\":200}");
        assert_eq!(w.finish(), Ok(out.len()));
        out
    };
    let header = b"\x2a\x0d\x0a\x04type\x12\x05event".as_slice();
    for message in [
        [b"\x08\x01\x10\x02\x18\x03\x20\x01", header, b"\x42\x03{1}", b"\x4a\x01L"].concat(),
        [b"\x42\x03{1}", header, b"\x08\x01\x10\x02\x18\x03\x20\x01"].concat(),
        [b"\x08\x01\x20\x01", header, b"\xa2\x06\x01x\x42\x03{1}\x42\x03{2}"].concat(),
        [header, b"\x08\x01\x10\x02\x18\x03\x20\x01"].concat(),
    ] {
        let frame = Frame::decode(&message).unwrap();
        let mut kept = [0; 64];
        let mut w = Writer::new(&mut kept);
        frame.write_head(&mut w);
        let len = w.finish().unwrap();
        let head = Frame::decode(&kept[..len]).unwrap();
        assert_eq!(head.payload.is_some(), frame.payload.is_some());
        assert!(head.payload.unwrap_or_default().is_empty());
        assert_eq!(ack(&head), ack(&frame), "{message:02x?}");
    }
}

#[test]
fn only_the_two_schemes_that_say_so_are_encrypted() {
    for (url, tls) in [("http://h", false), ("ws://h", false), ("https://h", true), ("WSS://h", true)] {
        assert_eq!(Url::parse(url).unwrap().scheme.tls(), tls, "{url}");
    }
}
