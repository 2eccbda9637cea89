//! What the platform hears back, byte by byte (protocol sections 7.1, 7.4, 8).

use larkwire_core::fault::DropReason;
use larkwire_core::{Closed, Config, Lane, Notice, Storage, Verdict};

use crate::support::*;

fn golden_world() -> World {
    World::with(Config { app_id: "cli_x", ..config() }, Storage::growable()).open()
}

fn callback_json(id: &str, kind: &str) -> String {
    serde_json::json!({"schema": "2.0", "header": {"event_id": id, "event_type": kind, "app_id": "cli_x"},
        "event": {"action": {"value": {"k": "v"}}}})
    .to_string()
}

#[test]
fn a_message_is_delivered_and_acked_with_the_golden_bytes() {
    for chop in CHOPS {
        let mut w = golden_world();
        w.chop = chop;
        w.frame(&g9());
        assert_eq!(w.ids(), ["e1"]);
        assert_eq!(w.delivered[0].content, r#"{"text":"hi"}"#);
        assert_eq!((w.delivered[0].message_id.as_str(), w.delivered[0].trace_id.as_str()), ("om_1", "t1"));
        assert_eq!(to_hex(&w.acks[0].raw), [H, BIZ_RT_0, CODE_200].concat(), "G11");
    }
}

#[test]
fn optional_fields_come_back_where_they_stood() {
    let mut w = golden_world();
    w.frame(&g15());
    let expected = [H, "2a0d0a08782d637573746f6d120131", BIZ_RT_0, "32003a046a736f6e", CODE_200, "4a024c31"].concat();
    assert_eq!(to_hex(&w.acks[0].raw), expected, "the shape of G16");
}

#[test]
fn a_callback_is_answered_with_an_empty_object() {
    for kind in ["card.action.trigger", "url.preview.get"] {
        let mut w = golden_world();
        w.frame(&[hex(H), pb_payload(callback_json("e1", kind).as_bytes())].concat());
        assert!(w.delivered[0].callback);
        assert_eq!(to_hex(&w.acks[0].raw), [H, BIZ_RT_0, EMPTY_OBJECT].concat(), "G12");
    }
    let mut w = golden_world();
    let old = r#"{"open_message_id":"om_1","open_chat_id":"oc_1","action":{"value":{}},"token":"c-1"}"#;
    w.event("m1", old);
    assert_eq!((w.delivered.len(), w.ack_texts()), (1, vec![r#"{"code":200,"data":"e30="}"#]));
}

fn pb_payload(payload: &[u8]) -> Vec<u8> {
    use prost::Message as _;
    Pb { payload: Some(payload.to_vec()), ..Pb::default() }.encode_to_vec()[8..].to_vec()
}

#[test]
fn a_frame_of_type_card_is_an_event_like_any_other() {
    let mut w = golden_world();
    let headers = [("type", "card"), ("message_id", "m1"), ("sum", "1"), ("seq", "0")];
    w.frame(&pb(1, &headers, Some(callback_json("e1", "card.action.trigger").as_bytes())).bytes());
    w.frame(&pb(1, &headers, Some(message_json("e2", "om_2", "x").replace(APP_ID, "cli_x").as_bytes())).bytes());
    assert_eq!(w.ids(), ["e1", "e2"]);
    assert_eq!(w.ack_texts(), [r#"{"code":200,"data":"e30="}"#, r#"{"code":200}"#]);
    assert_eq!(w.acks[0].pb.header("type"), Some("card"));
}

#[test]
fn only_the_type_header_is_needed() {
    let mut w = golden_world();
    w.frame(&pb(1, &[("type", "event")], Some(P.as_bytes())).bytes());
    assert_eq!((w.ids(), w.acks.len()), (vec!["e1"], 1));
    for headers in [&[("message_id", "m1"), ("sum", "1")][..], &[("type", "weather")], &[("type", "")]] {
        w.frame(&pb(1, headers, Some(P.as_bytes())).bytes());
    }
    assert_eq!((w.delivered.len(), w.acks.len(), w.dropped(DropReason::Unknown)), (1, 1, 3));
}

#[test]
fn of_a_repeated_header_the_first_counts_and_both_come_back() {
    let mut w = golden_world();
    let headers = [("type", "event"), ("sum", "1"), ("sum", "9"), ("type", "x"), ("biz_rt", "5")];
    w.frame(&pb(1, &headers, Some(P.as_bytes())).bytes());
    assert_eq!((w.ids(), w.bot.stats().headers_repeated), (vec!["e1"], 1));
    let keys: Vec<_> = w.acks[0].pb.headers.iter().map(|h| (h.key.as_str(), h.value.as_str())).collect();
    assert_eq!(keys, [&headers[..], &[("biz_rt", "0")]].concat());
}

#[test]
fn an_unknown_event_type_reaches_the_application_untyped() {
    let mut w = World::new().open();
    w.event("m1", &other_json("e1", "drive.file.deleted_v1"));
    assert_eq!((w.delivered[0].event_type.as_str(), w.delivered[0].message_id.as_str()), ("drive.file.deleted_v1", ""));
    let v1 = format!(r#"{{"uuid":"u1","ts":"1502199207.7","event":{{"type":"leave_approval","app_id":"{APP_ID}"}}}}"#);
    w.event("m2", &v1);
    assert_eq!((w.delivered[1].event_type.as_str(), w.delivered[1].event_id.as_str()), ("leave_approval", "u1"));
    assert_eq!(w.ack_texts(), [r#"{"code":200}"#; 2]);
}

#[test]
fn what_is_no_event_is_acked_once_and_reported() {
    let mut w = World::new().open();
    let nested =
        format!("{{\"header\":{{\"event_type\":\"x\"}},\"event\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let bad: [&[u8]; 9] = [
        b"",
        b"nope",
        b"[]",
        b"null",
        b"{}",
        b"{\"a\":1",
        b"\xff\xfe",
        br#"{"header":{"event_id":"x"}}"#,
        nested.as_bytes(),
    ];
    for (n, payload) in bad.iter().enumerate() {
        w.part(&format!("m{n}"), "1", "0", payload);
        assert_eq!(w.acks.len(), n + 1);
    }
    assert_eq!((w.delivered.len(), w.dropped(DropReason::Malformed)), (0, 9));
    assert_eq!(w.ack_texts(), [r#"{"code":200}"#; 9]);
    let told = w.notices.iter().any(|(_, notice)| {
        matches!(notice, Notice::Dropped { reason: DropReason::Malformed, bytes: 4, trace_id, .. } if trace_id.as_str() == "t1")
    });
    assert!(told, "{:?}", w.notices);
}

#[test]
fn a_coded_payload_is_never_read_as_json() {
    let mut w = golden_world();
    for (encoding, taken) in [("gzip", false), ("GZIP", false), ("none", true), ("identity", true), ("", true)] {
        let headers = [("type", "event"), ("message_id", "m")];
        let json = P.replace("\"e1\"", &format!("\"e-{encoding}\"")).replace("om_1", &format!("om-{encoding}"));
        let frame = Pb { payload_encoding: Some(encoding.to_owned()), ..pb(1, &headers, Some(json.as_bytes())) };
        let delivered = w.delivered.len();
        w.frame(&frame.bytes());
        assert_eq!(w.delivered.len() - delivered, usize::from(taken), "{encoding:?}");
        assert_eq!(w.acks.last().unwrap().pb.payload_encoding.as_deref(), Some(encoding));
    }
    assert_eq!((w.acks.len(), w.dropped(DropReason::UnsupportedEncoding)), (5, 2));
}

#[test]
fn another_apps_event_is_acked_and_not_delivered() {
    let mut w = World::new().open();
    w.frame(&g9());
    assert_eq!((w.delivered.len(), w.acks.len(), w.dropped(DropReason::OtherApp)), (0, 1, 1));
}

#[test]
fn fields_the_platform_left_out_are_written_as_zero() {
    let mut w = golden_world();
    // Neither of fields 1 to 4 but method, a header without a value, an unknown field and a group.
    w.frame(
        &[
            hex("2001"),
            hex("2a0d0a047479706512056576656e74"),
            hex("2a030a0178"),
            hex("42e401"),
            P.as_bytes().to_vec(),
            hex("b3010805b401a20603616263"),
        ]
        .concat(),
    );
    assert_eq!(w.ids(), ["e1"]);
    let ack = &w.acks[0];
    assert_eq!((ack.pb.seq_id, ack.pb.log_id, ack.pb.service, ack.pb.method), (0, 0, 0, 1));
    assert!(to_hex(&ack.raw).starts_with("0800100018002001"), "{}", to_hex(&ack.raw));
    assert!(to_hex(&ack.raw).contains("b3010805b401a20603616263"), "unknown fields come back");
    assert_eq!(ack.pb.header("x"), Some(""));
    assert_eq!(w.bot.stats().frames_incomplete, 1);
}

#[test]
fn biz_rt_is_the_time_from_the_frame_to_the_ack() {
    let mut w = World::new().open();
    w.script.app = App::Hold;
    w.event("m1", &message_json("e1", "om_1", "x"));
    w.advance(1234);
    w.decide(Verdict::Accepted);
    assert_eq!(w.acks[0].pb.header("biz_rt"), Some("1234"));
}

#[test]
fn an_ack_dies_with_its_connection() {
    let mut w = World::new().open();
    w.script.write = 0;
    w.event("m1", &message_json("e1", "om_1", "x"));
    assert_eq!(w.ids(), ["e1"]);
    w.cut(Lane::Socket, Closed::Reset);
    w.script.write = usize::MAX;
    w.until_open(31_000);
    assert_eq!(w.acks.len(), 0);
    w.event("m2", &message_json("e1", "om_1", "x"));
    assert_eq!((w.delivered.len(), w.acks.len(), w.dropped(DropReason::Duplicate)), (1, 1, 1), "stopped and acked");
}

#[test]
fn a_message_too_big_for_the_storage_is_acked_and_the_link_lives() {
    for (mut w, size) in
        [(World::small(), 1900), (World::small(), 5000), (World::small(), 300_000), (World::new(), 2_000_000)]
    {
        w = w.open();
        w.event("m1", &message_json("e1", "om_1", &"x".repeat(size)));
        assert_eq!((w.delivered.len(), w.dropped(DropReason::TooBig)), (0, 1), "{size}");
        assert_eq!(w.ack_texts(), [r#"{"code":200}"#], "{size}");
        assert_eq!(w.acks[0].pb.header("message_id"), Some("m1"));
        w.event("m2", &message_json("e2", "om_2", "small"));
        assert_eq!(w.ids(), ["e2"]);
        assert_eq!(w.faults(), []);
    }
}

#[test]
fn a_message_that_just_fits_is_delivered_wherever_it_is_cut() {
    for chop in CHOPS {
        let mut w = World::small();
        w.chop = chop;
        let mut w = w.open();
        let room = 2048 - 160;
        let overhead = event_frame("m1", &message_json("e1", "om_1", "")).len() + 2;
        for (len, fits) in [(room - overhead, true), (room - overhead + 1, true), (room - overhead + 60, false)] {
            let n = w.delivered.len() + w.dropped(DropReason::TooBig) as usize;
            let json = message_json(&format!("e{n}"), &format!("om_{n}"), &"x".repeat(len));
            let frame = event_frame("m1", &json);
            w.frame(&frame);
            assert_eq!(w.delivered.iter().any(|d| d.json == json), frame.len() <= room, "{len}");
            assert_eq!(w.delivered.iter().any(|d| d.json == json), fits, "{len}");
        }
        assert_eq!(w.acks.len(), 3);
    }
}

#[test]
fn a_big_message_whose_head_is_cut_off_is_counted_and_not_acked() {
    let mut w = World::small().open();
    let long = "h".repeat(3000);
    let frame = pb(1, &[("type", "event"), ("x", &long), ("message_id", "m")], Some(b"{}")).bytes();
    w.frame(&frame);
    assert_eq!((w.acks.len(), w.dropped(DropReason::TooBig), w.faults()), (0, 1, vec![]));
}

#[test]
fn an_ack_that_could_never_fit_is_not_promised() {
    let mut w = World::small().open();
    let long = "h".repeat(1100);
    let headers = [("type", "event"), ("x", long.as_str()), ("message_id", "m")];
    w.frame(&pb(1, &headers, Some(message_json("e1", "om_1", "x").as_bytes())).bytes());
    assert_eq!((w.delivered.len(), w.acks.len(), w.dropped(DropReason::TooBig)), (0, 0, 1));
    w.event("m2", &message_json("e2", "om_2", "x"));
    assert_eq!((w.ids(), w.acks.len()), (vec!["e2"], 1));
}

#[test]
fn a_message_too_big_in_several_parts_is_reported_once() {
    let mut w = World::small().open();
    w.part("m1", "2", "0", &[b'x'; 3000]);
    w.part("m1", "2", "1", &[b'y'; 3000]);
    assert_eq!((w.acks.len(), w.dropped(DropReason::TooBig)), (2, 1));
}

#[test]
fn a_slow_writer_gets_every_ack_once_and_in_order() {
    for write in [1, 5, 64] {
        let mut w = World::small();
        w.script.write = write;
        let mut w = w.open();
        let mut all = Vec::new();
        for n in 0..30 {
            all.extend(ws(2, &event_frame(&format!("m{n}"), &message_json(&format!("e{n}"), &format!("om_{n}"), "x"))));
        }
        w.raw(&all);
        let acked: Vec<_> = w.acks.iter().map(|ack| ack.pb.header("message_id").unwrap().to_owned()).collect();
        assert_eq!(acked, (0..30).map(|n| format!("m{n}")).collect::<Vec<_>>());
    }
}
