//! Frames against the golden bytes of protocol section 4.4, the recorded SDK cases, the edge vectors, and prost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests may panic"
)]

use larkwire_core::wire::frame::{Frame, FrameErrorKind, MAX_GROUP_DEPTH, NewFrame, write_ping};
use larkwire_core::wire::writer::{TooSmall, Writer};
use prost::Message;
use serde_json::Value;

#[path = "wire_frame/edge.rs"]
mod edge;
#[path = "support/pb.rs"]
#[allow(dead_code, reason = "the stories use the rest")]
mod pb;
#[path = "wire_frame/random.rs"]
mod random;

use pb::Pb as PbFrame;
use random::{header_field, nested_groups, varint};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn vectors(file: &str) -> Value {
    let path = format!("{}/../conformance/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn written(write: impl Fn(&mut Writer<'_>)) -> Vec<u8> {
    let mut counted = Writer::counting();
    write(&mut counted);
    let mut out = vec![0; counted.len()];
    let mut w = Writer::new(&mut out);
    write(&mut w);
    w.finish().unwrap();
    out
}

fn ack(frame: &Frame<'_>, biz_rt_ms: u64, payload: &[u8]) -> Vec<u8> {
    let out = written(|w| frame.write_ack(w, biz_rt_ms, payload));
    assert_eq!(out.len(), frame.ack_len(biz_rt_ms, payload));
    out
}

fn new_frame(frame: &NewFrame<'_>) -> Vec<u8> {
    let out = written(|w| frame.write(w));
    assert_eq!(out.len(), frame.len());
    out
}

/// What an ack brings back of the frame itself: the ack without what it adds.
fn echo(bytes: &[u8]) -> Vec<u8> {
    let mut out = ack(&Frame::decode(bytes).unwrap(), 987_654_321, b"!the payload!");
    for added in ["2a130a0662697a5f72741209393837363534333231", "420d21746865207061796c6f616421"] {
        let added = hex(added);
        let at = out.windows(added.len()).position(|window| window == added).unwrap();
        out.drain(at..at + added.len());
    }
    out
}

const H: &str = "080b101618f681801020012a0d0a047479706512056576656e742a100a0a6d6573736167655f696412026d312a0e0a0874726163655f6964120274312a080a0373756d1201312a080a03736571120130";
const P: &str = r#"{"schema":"2.0","header":{"event_id":"e1","event_type":"im.message.receive_v1","token":"","create_time":"1700000000000","tenant_key":"tk","app_id":"cli_x"},"event":{"message":{"message_id":"om_1","content":"{\"text\":\"hi\"}"}}}"#;
const BIZ_RT_0: &str = "2a0b0a0662697a5f7274120130";
const HEADERS: [(&str, &str); 5] =
    [("type", "event"), ("message_id", "m1"), ("trace_id", "t1"), ("sum", "1"), ("seq", "0")];

fn g9() -> Vec<u8> {
    [hex(H), hex("42e401"), P.into()].concat()
}

fn g15() -> Vec<u8> {
    [hex(H), hex("2a0d0a08782d637573746f6d1201313200"), hex("3a046a736f6e42e401"), P.into(), hex("4a024c31")].concat()
}

#[test]
fn what_we_send_is_byte_equal_to_the_official_sdks() {
    let ping = |service| written(|w| write_ping(w, service));
    assert_eq!(ping(1), hex("08001000180120002a0c0a0474797065120470696e67"), "G1");
    assert_eq!(ping(33_554_678), hex("0800100018f681801020002a0c0a0474797065120470696e67"), "G2");
    let pong = NewFrame { service: 1, headers: &[("type", "pong")], ..NewFrame::default() };
    assert_eq!(new_frame(&pong), hex("08001000180120002a0c0a04747970651204706f6e67"), "G3");
    let config = br#"{"ReconnectCount":-1,"ReconnectInterval":120,"ReconnectNonce":30,"PingInterval":120}"#;
    let g4 = [hex("0800100018f681801020002a0c0a04747970651204706f6e674254"), config.to_vec()].concat();
    assert_eq!(new_frame(&NewFrame { service: 33_554_678, payload: Some(config), ..pong }), g4, "G4");
    assert_eq!(new_frame(&NewFrame::default()), hex("0800100018002000"), "G5");
    let most = NewFrame { seq_id: u64::MAX, log_id: u64::MAX, service: i32::MAX, method: 1, ..NewFrame::default() };
    let g6 = hex("08ffffffffffffffffff0110ffffffffffffffffff0118ffffffff072001");
    assert_eq!(new_frame(&most), g6, "G6");
    let negative = NewFrame { service: -1, method: -2, ..NewFrame::default() };
    let g7 = hex("0800100018ffffffffffffffffff0120feffffffffffffffff01");
    assert_eq!(new_frame(&negative), g7, "G7");
    let every = NewFrame {
        seq_id: 7,
        log_id: 8,
        service: 9,
        method: 1,
        headers: &[("type", "event"), ("message_id", "m1"), ("sum", "1"), ("seq", "0"), ("trace_id", "t1")],
        payload_encoding: Some(b"gzip"),
        payload_type: Some(b"json"),
        payload: Some(b"{}"),
        log_id_new: Some(b"20261015ABC"),
    };
    let g8 = hex(
        "08071008180920012a0d0a047479706512056576656e742a100a0a6d6573736167655f696412026d312a080a0373756d1201312a080a037365711201302a0e0a0874726163655f6964120274313204677a69703a046a736f6e42027b7d4a0b3230323631303135414243",
    );
    assert_eq!(new_frame(&every), g8, "G8");
    let event = NewFrame {
        seq_id: 11,
        log_id: 22,
        service: 33_554_678,
        method: 1,
        headers: &HEADERS,
        payload: Some(P.as_bytes()),
        ..NewFrame::default()
    };
    assert_eq!(new_frame(&event), g9(), "G9");
    for bytes in [g4, g6, g7, g8] {
        let frame = Frame::decode(&bytes).unwrap();
        let headers: Vec<(&str, &str)> = frame.headers().map(|header| (text(header.key), text(header.value))).collect();
        let again = NewFrame {
            seq_id: frame.seq_id,
            log_id: frame.log_id,
            service: frame.service,
            method: frame.method,
            headers: &headers,
            payload_encoding: frame.payload_encoding,
            payload_type: frame.payload_type,
            payload: frame.payload,
            log_id_new: frame.log_id_new,
        };
        assert_eq!(new_frame(&again), bytes);
        assert_eq!(frame.missing.count(), 0);
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn an_ack_brings_back_everything_and_adds_biz_rt() {
    let (event, h) = (g9(), hex(H));
    let frame = Frame::decode(&event).unwrap();
    let h_biz_rt = [h.clone(), hex(BIZ_RT_0)].concat();
    let g10 = [h_biz_rt.clone(), hex("420d7b22636f6465223a203230307d")].concat();
    assert_eq!(ack(&frame, 0, br#"{"code": 200}"#), g10, "G10: the SDKs' spacing is only a payload");
    assert_eq!(
        ack(&frame, 0, br#"{"code":200}"#),
        [h_biz_rt.clone(), hex("420c7b22636f6465223a3230307d")].concat(),
        "G11"
    );
    let g12 = [h_biz_rt.clone(), hex("421a7b22636f6465223a3230302c2264617461223a226533303d227d")].concat();
    assert_eq!(ack(&frame, 0, br#"{"code":200,"data":"e30="}"#), g12, "G12");
    let toast = hex(
        "7b22636f6465223a203230302c202264617461223a202265794a306232467a644349364948736964486c775a53493649434a70626d5a7649697767496d4e76626e526c626e51694f6941693559326835346d48355a7565354c7967356f695135597166496e3139227d",
    );
    assert_eq!(ack(&frame, 0, &toast), [h_biz_rt.clone(), hex("4269"), toast].concat(), "G13");
    // G14 has no biz_rt. Section 8.1 adds it to every ack, and 8.3 answers 200 whatever the handler did.
    let g14 = [h, hex("420d7b22636f6465223a203530307d")].concat();
    let ours = ack(&frame, 0, br#"{"code": 500}"#);
    assert_eq!(ours.strip_prefix(&h_biz_rt[..]), g14.strip_prefix(&hex(H)[..]), "G14 but for biz_rt");

    let event = g15();
    let frame = Frame::decode(&event).unwrap();
    assert!(frame.is_ascending());
    assert_eq!(
        (frame.payload_encoding, frame.payload_type, frame.log_id_new),
        (Some(&[][..]), Some(&b"json"[..]), Some(&b"L1"[..]))
    );
    assert_eq!(&event[frame.payload_range().unwrap()], P.as_bytes());
    let custom = hex("2a0d0a08782d637573746f6d120131");
    let rest = hex("32003a046a736f6e420d7b22636f6465223a203230307d4a024c31");
    assert_eq!(ack(&frame, 0, br#"{"code": 200}"#), [hex(H), custom, hex(BIZ_RT_0), rest].concat(), "G16");

    for g17 in ["0801100218032001b3010805b401", "0801100218032001a20603616263"] {
        assert_eq!(echo(&hex(g17)), hex(g17), "G17");
    }
    assert_eq!(ack(&Frame::decode(b"").unwrap(), u64::MAX, b"").len(), 8 + 32 + 2, "the longest biz_rt");
}

#[test]
fn an_ack_of_a_frame_in_another_order_is_appended_to_it() {
    let received = hex("2a0d0a047479706512056576656e7442027b7d2001180310020801");
    let frame = Frame::decode(&received).unwrap();
    assert!(!frame.is_ascending());
    let expected = [hex("2a0d0a047479706512056576656e742001180310020801"), hex(BIZ_RT_0), hex("42027b7d")].concat();
    assert_eq!(ack(&frame, 0, b"{}"), expected);
    // A second biz_rt is added even where there is one: section 8.1.
    let received = [hex("0801100218032001"), hex(BIZ_RT_0)].concat();
    assert_eq!(
        ack(&Frame::decode(&received).unwrap(), 0, b""),
        [received.clone(), hex(BIZ_RT_0), hex("4200")].concat()
    );
}

#[test]
fn an_ack_that_does_not_fit_is_known_before_it_is_written() {
    let event = g15();
    let frame = Frame::decode(&event).unwrap();
    let needed = frame.ack_len(12, b"{}");
    for room in 0..needed {
        let mut out = vec![0; room];
        let mut w = Writer::new(&mut out);
        frame.write_ack(&mut w, 12, b"{}");
        assert_eq!(w.finish(), Err(TooSmall { needed }));
    }
}

#[test]
fn the_recorded_encodings_of_the_sdk_are_ours() {
    let cases = vectors("sdk.json");
    let cases = cases["frame_encode"].as_array().unwrap();
    for case in cases {
        let fields = &case["fields"];
        let headers: Vec<(&str, &str)> = fields["headers"]
            .as_array()
            .map(|all| all.iter().map(|h| (h[0].as_str().unwrap(), h[1].as_str().unwrap())).collect())
            .unwrap_or_default();
        let payload = fields["payload"].as_str().map(hex);
        let frame = NewFrame {
            seq_id: fields["SeqID"].as_u64().unwrap_or(0),
            log_id: fields["LogID"].as_u64().unwrap_or(0),
            service: fields["service"].as_i64().unwrap_or(0) as i32,
            method: fields["method"].as_i64().unwrap_or(0) as i32,
            headers: &headers,
            payload_encoding: fields["payload_encoding"].as_str().map(str::as_bytes),
            payload_type: fields["payload_type"].as_str().map(str::as_bytes),
            payload: payload.as_deref(),
            log_id_new: fields["LogIDNew"].as_str().map(str::as_bytes),
        };
        assert_eq!(new_frame(&frame), hex(case["hex"].as_str().unwrap()), "{}", case["name"]);
        assert!(fields.as_object().unwrap().keys().all(|name| KNOWN.contains(&name.as_str())), "{fields}");
    }
    assert_eq!(cases.len(), 11);
}

const KNOWN: [&str; 10] = [
    "SeqID",
    "LogID",
    "service",
    "method",
    "headers",
    "payload_encoding",
    "payload_type",
    "payload",
    "LogIDNew",
    "_initialized",
];

/// Where our rule wins over what the SDK did: the case, what we echo, the rule.
const DEVIATIONS: [(&str, &str, &str); 9] = [
    ("empty", "0800100018002000", "4.3: missing fields 1 to 4 are written out as 0; the SDK cannot encode"),
    ("header_missing_value", "08011002180320012a080a04747970651200", "4.3: the echo writes both members"),
    ("header_missing_key", "08011002180320012a080a00120470696e67", "4.3: the echo writes both members"),
    ("fields_out_of_order", "2a0d0a047479706512056576656e742001180310020801", "4.2: copied in the order received"),
    ("wrong_wiretype_service_as_len", "080110021a017818002001", "4.3: unset, written as 0, the bytes echoed"),
    ("nonminimal_varint", "0881800010021803208100", "4.2: copied as received"),
    ("int32_out_of_range_positive", "080110021885808080102001", "4.2: copied as received"),
    ("int32_5byte_neg_one_truncated", "0801100218ffffffff0f2001", "4.2: copied as received"),
    ("header_dup_key_in_submsg", "08011002180320012a090a01610a0162120163", "4.2: copied as received"),
];

/// The only bytes the SDK refuses and we take (4.3: strings are bytes, echoed byte-exact).
const ACCEPTED: &str = "invalid_utf8_logidnew";

#[test]
fn the_recorded_decodings_of_the_sdk_are_ours() {
    let cases = vectors("sdk.json");
    let cases = cases["frame_decode"].as_array().unwrap();
    let mut deviations = 0;
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let bytes = hex(case["hex"].as_str().unwrap());
        if name == ACCEPTED {
            assert_eq!(Frame::decode(&bytes).unwrap().log_id_new, Some(&[0xc3, 0x28][..]));
            assert_eq!(echo(&bytes), bytes);
            continue;
        }
        assert_eq!(Frame::decode(&bytes).is_ok(), case["ok"].as_bool().unwrap(), "{name}");
        let Ok(frame) = Frame::decode(&bytes) else { continue };
        let fields = &case["fields"];
        assert!(fields.as_object().unwrap().keys().all(|name| KNOWN.contains(&name.as_str())), "{fields}");
        assert_eq!(frame.seq_id, fields["SeqID"].as_u64().unwrap_or(0), "{name}");
        assert_eq!(frame.log_id, fields["LogID"].as_u64().unwrap_or(0), "{name}");
        assert_eq!(i64::from(frame.service), fields["service"].as_i64().unwrap_or(0), "{name}");
        assert_eq!(i64::from(frame.method), fields["method"].as_i64().unwrap_or(0), "{name}");
        let headers: Vec<Value> = frame.headers().map(|h| [text(h.key), text(h.value)].as_slice().into()).collect();
        assert_eq!(headers, *fields["headers"].as_array().unwrap_or(&vec![]), "{name}");
        assert_eq!(frame.payload.map(<[u8]>::to_vec), fields["payload"].as_str().map(hex), "{name}");
        assert_eq!(frame.payload_encoding.map(text), fields["payload_encoding"].as_str(), "{name}");
        assert_eq!(frame.payload_type.map(text), fields["payload_type"].as_str(), "{name}");
        assert_eq!(frame.log_id_new.map(text), fields["LogIDNew"].as_str(), "{name}");
        assert_eq!(frame.missing.count() == 0, fields["_initialized"].as_bool().unwrap(), "{name}");
        match DEVIATIONS.iter().find(|deviation| deviation.0 == name) {
            Some((_, ours, rule)) => {
                deviations += 1;
                assert_eq!(echo(&bytes), hex(ours), "{name}: {rule}");
                assert_ne!(case["reencoded_hex"].as_str(), Some(*ours), "{name} is no deviation");
            }
            None => assert_eq!(echo(&bytes), hex(case["reencoded_hex"].as_str().unwrap()), "{name}"),
        }
    }
    assert_eq!((cases.len(), deviations), (23, DEVIATIONS.len()));
}

#[test]
fn the_recorded_acks_of_the_sdk_are_ours() {
    let cases = vectors("sdk.json");
    let (mut acks, mut without_biz_rt) = (0, 0);
    for case in cases["ws_message"].as_array().unwrap() {
        for step in case["lark_oapi"]["steps"].as_array().unwrap() {
            let received = hex(step["in_hex"].as_str().unwrap());
            for theirs in step["acks"].as_array().unwrap() {
                let headers = theirs["headers"].as_array().unwrap();
                // The SDK leaves biz_rt out when the handler failed; our answer does not depend on it (8.3).
                if headers.last().unwrap()[0] != "biz_rt" {
                    without_biz_rt += 1;
                    continue;
                }
                let frame = Frame::decode(&received).unwrap();
                let ours = ack(&frame, 0, theirs["payload"].as_str().unwrap().as_bytes());
                assert_eq!(ours, hex(theirs["hex"].as_str().unwrap()), "{}", case["name"]);
                acks += 1;
            }
        }
    }
    assert_eq!((acks, without_biz_rt), (10, 5));
}

#[test]
fn all_edge_vectors_read_as_their_verdict_says() {
    let vectors = vectors("protobuf-edge.json");
    let vectors = vectors["vectors"].as_array().unwrap();
    for vector in vectors {
        let (id, bytes) = (&vector["id"], hex(vector["hex"].as_str().unwrap()));
        if vector["expect"] == "reject" {
            let error = Frame::decode(&bytes).expect_err(id.as_str().unwrap());
            assert!(error.at <= bytes.len(), "{id}: {error}");
            continue;
        }
        let frame = Frame::decode(&bytes).unwrap_or_else(|error| panic!("{id}: {error}"));
        let expected = &vector["frame"];
        assert_eq!(frame.seq_id.to_string(), expected["seq_id"].as_str().unwrap(), "{id}");
        assert_eq!(frame.log_id.to_string(), expected["log_id"].as_str().unwrap(), "{id}");
        assert_eq!(i64::from(frame.service), expected["service"].as_i64().unwrap(), "{id}");
        assert_eq!(i64::from(frame.method), expected["method"].as_i64().unwrap(), "{id}");
        assert_eq!(frame.header_count() as u64, expected["headers"].as_u64().unwrap(), "{id}");
        assert_eq!(frame.headers().count(), frame.header_count(), "{id}");
        if let Some(first) = expected["first_header"].as_array() {
            let header = frame.headers().next().unwrap();
            assert_eq!([header.key, header.value].map(<[u8]>::to_vec), [0, 1].map(|i| hex(first[i].as_str().unwrap())));
        }
        if let Some(payload) = expected["payload"].as_str() {
            assert_eq!(frame.payload, Some(&hex(payload)[..]), "{id}");
            assert_eq!(bytes[frame.payload_range().unwrap()], hex(payload), "{id}");
        }
        let absent = [frame.missing.seq_id, frame.missing.log_id, frame.missing.service, frame.missing.method];
        let absent: Vec<Value> = (1..=4).filter(|i| absent[i - 1]).map(Value::from).collect();
        assert_eq!(absent, *expected["missing"].as_array().unwrap_or(&vec![]), "{id}");
    }
    assert_eq!(vectors.len(), 115);
}

#[test]
fn a_message_cut_anywhere_but_between_fields_is_refused() {
    let mut valid = vec![g9(), g15()];
    for vector in vectors("protobuf-edge.json")["vectors"].as_array().unwrap() {
        if vector["expect"] == "accept" && vector["id"] != "1000_headers" {
            valid.push(hex(vector["hex"].as_str().unwrap()));
        }
    }
    for bytes in valid {
        let ends = field_ends(&bytes);
        for cut in 0..bytes.len() {
            let whole = Frame::decode(&bytes[..cut]);
            assert_eq!(whole.is_ok(), cut == 0 || ends.contains(&cut), "{bytes:02x?} cut at {cut}");
            if let Err(error) = whole {
                assert!(matches!(error.kind, FrameErrorKind::Truncated | FrameErrorKind::Length), "{error}");
            }
        }
    }
}

/// Where the top-level fields of a valid message end.
fn field_ends(bytes: &[u8]) -> Vec<usize> {
    let (mut at, mut open, mut ends) = (0, 0, vec![]);
    while at < bytes.len() {
        let (tag, next) = varint(bytes, at).unwrap();
        at = match tag & 7 {
            0 => varint(bytes, next).unwrap().1,
            1 => next + 8,
            2 => varint(bytes, next).map(|(len, start)| start + len as usize).unwrap(),
            5 => next + 4,
            3 => (open += 1, next).1,
            _ => (open -= 1, next).1,
        };
        if open == 0 {
            ends.push(at);
        }
    }
    ends
}

const BASE: [u8; 8] = [8, 1, 16, 2, 24, 3, 32, 1];

#[test]
fn sixteen_nested_groups_are_skipped_and_seventeen_are_refused() {
    for wrap in [|groups: Vec<u8>| groups, |groups: Vec<u8>| header_field(&groups)] {
        let bytes = [BASE.to_vec(), wrap(nested_groups(MAX_GROUP_DEPTH))].concat();
        assert!(Frame::decode(&bytes).is_ok());
        let bytes = [BASE.to_vec(), wrap(nested_groups(MAX_GROUP_DEPTH + 1))].concat();
        assert_eq!(Frame::decode(&bytes).unwrap_err().kind, FrameErrorKind::GroupDepth);
    }
}

#[test]
fn ten_thousand_nested_groups_need_no_stack() {
    let run = || {
        let bytes = [BASE.to_vec(), nested_groups(10_000)].concat();
        assert_eq!(Frame::decode(&bytes).unwrap_err().kind, FrameErrorKind::GroupDepth);
        // As many side by side are fine.
        assert!(Frame::decode(&nested_groups(1).repeat(10_000)).is_ok());
    };
    std::thread::Builder::new().stack_size(64 * 1024).spawn(run).unwrap().join().unwrap();
}

#[test]
fn a_fault_says_where_it_is_and_what_it_is() {
    use FrameErrorKind::*;
    let cases: [(&str, usize, FrameErrorKind); 16] = [
        ("00", 8, FieldZero),
        ("c43e", 8, GroupMismatch),
        ("c33ecc3e", 10, GroupMismatch),
        ("c33e", 10, Truncated),
        ("42ffffffff07616263", 9, Length),
        ("42ffffffff0f616263", 9, Length),
        ("42ffffffffffffffffff01616263", 9, Length),
        ("42f8ffffffffffffffff01616263", 9, Length),
        ("2a030a0200", 11, Length),
        ("2a0212", 9, Length),
        ("2a0112", 11, Truncated),
        ("2a020d00", 11, Truncated),
        ("88808080800005", 8, Tag),
        ("088080808080808080808001", 9, Varint),
        ("0880", 9, Truncated),
        ("0e01", 8, WireType),
    ];
    for (tail, at, kind) in cases {
        let error = Frame::decode(&[BASE.to_vec(), hex(tail)].concat()).unwrap_err();
        assert_eq!((error.at, error.kind), (at, kind), "{tail}");
        assert!(error.to_string().ends_with(&format!(" at byte {at}")), "{error}");
    }
}

#[test]
fn the_first_of_two_headers_counts_and_the_second_is_counted() {
    let bytes = new_frame(&NewFrame { headers: &[("sum", "1"), ("sum", "2"), ("名", "x")], ..NewFrame::default() });
    let frame = Frame::decode(&bytes).unwrap();
    assert_eq!(frame.header("sum"), Some(&b"1"[..]));
    assert_eq!((frame.header_repeats("sum"), frame.header_repeats("seq"), frame.header_count()), (1, 0, 3));
    assert_eq!((frame.header("Sum"), frame.header("名")), (None, None));
}

#[test]
fn no_number_of_headers_is_cut_short() {
    // There is no table of headers, so there is no room that one more could exceed.
    let keys: Vec<String> = (0..5000).map(|i| format!("k{i}")).collect();
    let headers: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "v")).collect();
    let bytes = new_frame(&NewFrame { headers: &headers, ..NewFrame::default() });
    let frame = Frame::decode(&bytes).unwrap();
    assert_eq!(frame.header_count(), 5000);
    assert!(frame.headers().zip(&keys).all(|(header, key)| header.key == key.as_bytes()));
    assert_eq!(frame.header("k4999"), Some(&b"v"[..]));
    assert_eq!(PbFrame::decode(&ack(&frame, 1, b"{}")[..]).unwrap().headers.len(), 5001);
}

#[test]
fn a_message_cut_inside_its_payload_can_still_be_acked() {
    let whole = g15();
    let payload = Frame::decode(&whole).unwrap().payload_range().unwrap();
    let field = payload.start - 2; // its length is one byte more than its tag
    for cut in 0..=whole.len() {
        let head = Frame::decode_head(&whole[..cut]).unwrap();
        // The tag alone tells that the payload began; what follows the payload is not needed for the ack.
        assert_eq!(head.is_some(), cut >= field, "cut at {cut}");
        let Some(head) = head else { continue };
        assert_eq!((head.payload, head.payload_range(), head.header_count()), (None, None, 6));
        let (acked, expected) = (ack(&head, 7, b"{}"), ack(&Frame::decode(&whole).unwrap(), 7, b"{}"));
        let kept = if cut == whole.len() { expected.len() } else { expected.len() - 4 };
        assert_eq!(acked, expected[..kept], "all but LogIDNew where that was discarded");
    }
}

#[test]
fn a_head_that_may_lack_something_is_not_acked() {
    let cut_payload = hex("42646162");
    let head = |before: &[u8]| Frame::decode_head(&[before, &cut_payload].concat()).map(|head| head.is_some());
    let header = header_field(&hex("0a016b120176"));
    assert_eq!(head(&[&BASE[..], &header].concat()), Ok(true));
    assert_eq!(head(&[&header, &BASE[..]].concat()), Ok(true));
    assert_eq!(head(&BASE), Ok(false), "no header");
    assert_eq!(head(&[&BASE[2..], &header].concat()), Ok(false), "no SeqID");
    for behind in ["4a6461", "4a", "a2", "a206", "a20603", "a2060361", "9d06aa"] {
        let cut = [&BASE[..], &header, &hex("4201ff"), &hex(behind)].concat();
        let head = Frame::decode_head(&cut).unwrap().expect("the payload was there");
        let expected = [&BASE[..], &header, &hex(BIZ_RT_0), &hex("4200")].concat();
        assert_eq!(ack(&head, 0, b""), expected, "cut in {behind}, behind the payload");
    }
    let two_behind = [&BASE[..], &header, &hex("4201ff4a024c31a2")].concat();
    let expected = [&BASE[..], &header, &hex(BIZ_RT_0), &hex("4200"), &hex("4a024c31")].concat();
    assert_eq!(ack(&Frame::decode_head(&two_behind).unwrap().unwrap(), 0, b""), expected, "still ascending");
    let descending = [&BASE[..], &header, &hex("4a024c3142ff")].concat();
    let expected = [&BASE[..], &header, &hex("4a024c31"), &hex(BIZ_RT_0), &hex("4200")].concat();
    assert_eq!(ack(&Frame::decode_head(&descending).unwrap().unwrap(), 0, b""), expected);
    let wrong_type = [&BASE[..], &header, &hex("4080")].concat();
    assert_eq!(Frame::decode_head(&wrong_type).map(|head| head.is_some()), Ok(false));
    for (bad, kind) in [
        ("42ffffffff0f6162", FrameErrorKind::Length),
        ("00", FrameErrorKind::FieldZero),
        ("2a0112", FrameErrorKind::Truncated),
    ] {
        let error = Frame::decode_head(&[&BASE[..], &header, &hex(bad)].concat()).unwrap_err();
        assert_eq!(error.kind, kind, "nothing that follows could mend it");
    }
    // An earlier payload neither counts nor comes back.
    let twice = [&BASE[..], &header, &hex("420141420242")].concat();
    let frame = Frame::decode_head(&twice).unwrap().unwrap();
    assert_eq!(frame.payload, None);
    assert_eq!(ack(&frame, 0, b""), [&BASE[..], &header, &hex(BIZ_RT_0), &hex("4200")].concat());
}

#[test]
fn a_log_line_shows_sizes_and_not_contents() {
    let (event, new) = (g9(), hex("0800100018002000420674306b656e21"));
    let shown = format!("{:?} {:?}", Frame::decode(&event).unwrap(), Frame::decode(&new).unwrap());
    assert!(shown.contains("228") && !shown.contains("t0ken") && !shown.contains("116"), "{shown}");
}
