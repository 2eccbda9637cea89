//! JSON that two readers could understand in two ways, or that a careless one would take half of: what the bot makes of
//! it as an event (protocol sections 8.3, 11.1, 11.2). The names say which case of `conformance/cases.toml` it is.

use larkwire_core::fault::DropReason;
use larkwire_core::{Config, GateRules, Seed, Storage};

use crate::support::*;

const TAKEN: (usize, u64) = (1, 0);
const MALFORMED: (usize, u64) = (0, 1);

/// How often a payload reaches the application, and how often it is reported as malformed. It is acked in any case.
fn judged(payload: &[u8]) -> (usize, u64) {
    let mut w = World::new().open();
    w.part("m1", "1", "0", payload);
    assert_eq!(w.ack_texts(), [r#"{"code":200}"#], "{}", String::from_utf8_lossy(payload));
    (w.delivered.len(), w.dropped(DropReason::Malformed))
}

fn usual() -> String {
    message_json("e1", "om_1", "hi")
}

#[test]
fn j05_an_id_with_a_nul_in_it_is_kept_as_text_and_remembered_by_nobody() {
    let mut w = World::new().open();
    let odd = |text: &str| {
        message_json("e1", "om_1", text).replace("\"e1\"", "\"e\\u00001\"").replace("\"om_1\"", "\"om\\u00001\"")
    };
    w.event("m1", &odd("one"));
    w.event("m2", &odd("a\0b"));
    assert_eq!(w.dropped(DropReason::Duplicate), 0, "nothing to know them by");
    assert_eq!(w.ids(), ["e\u{0}1", "e\u{0}1"], "a NUL ends nothing");
    assert!(w.delivered[1].content.contains("a\\u0000b"), "{}", w.delivered[1].content);
    // What a reader that stops at the NUL would take for the same id.
    w.event("m3", &message_json("e", "om", "x"));
    assert_eq!((w.delivered.len(), w.acks.len()), (3, 3));
}

#[test]
fn j06_one_byte_order_mark_is_skipped_before_the_event_and_nowhere_else() {
    let (mark, event) = ("\u{feff}", usual());
    assert_eq!(judged(format!("{mark}{event}").as_bytes()), TAKEN);
    assert_eq!(judged(format!("{mark} \r\n{event}\n").as_bytes()), TAKEN);
    for elsewhere in [
        format!("{mark}{mark}{event}"),
        format!(" {mark}{event}"),
        format!("{event}{mark}"),
        event.replacen('{', "{\u{feff}", 1),
        event.replacen(':', ":\u{feff}", 1),
        mark.to_owned(),
    ] {
        assert_eq!(judged(elsewhere.as_bytes()), MALFORMED, "{elsewhere:?}");
    }
    for part in [&b"\xef\xbb"[..], b"\xef", b"\xff\xfe", b"\xfe\xff"] {
        assert_eq!(judged(&[part, event.as_bytes()].concat()), MALFORMED, "{part:02x?}");
    }
}

/// The event, in which a key is there twice.
fn twice(event: &str, member: &str, first: &str) -> String {
    assert_eq!(event.matches(member).count(), 1, "{member} in {event}");
    event.replacen(member, &format!("{first},{member}"), 1)
}

#[test]
fn j07_what_is_checked_and_what_is_used_is_the_last_of_two_equal_keys() {
    let gate = GateRules { allowed_users: &["ou_1"], ..GateRules::default() };
    let open = || World::seeded(Config { gate, ..config() }, Storage::growable(), Seed([7; 32])).open();
    for written in ["\"open_id\"", "\"open\\u005fid\""] {
        // Allowed by the first, sent by the last: the sender is the last.
        let mut w = open();
        let forged = usual().replace("\"ou_1\"", "\"ou_evil\"");
        w.event("m1", &twice(&forged, "\"open_id\":\"ou_evil\"", &format!("{written}:\"ou_1\"")));
        assert_eq!((w.delivered.len(), w.dropped(DropReason::SenderNotAllowed)), (0, 1), "{written}");
        let mut w = open();
        w.event("m1", &twice(&usual(), "\"open_id\":\"ou_1\"", &format!("{written}:\"ou_evil\"")));
        assert_eq!((w.delivered.len(), w.dropped(DropReason::SenderNotAllowed)), (1, 0), "{written}");
    }
    // An object that comes again begins anew: nothing of the first one is left in it.
    let mut w = open();
    let emptied = usual().replacen("\"sender_type\"", "\"sender_id\":{},\"sender_type\"", 1);
    w.event("m1", &emptied);
    assert_eq!((w.delivered.len(), w.dropped(DropReason::SenderNotAllowed)), (0, 1), "{emptied}");

    let mut w = open();
    w.event("m1", &twice(&usual(), "\"event_id\":\"e1\"", "\"event_id\":\"e0\""));
    assert_eq!(w.ids(), ["e1"]);
    w.event("m2", &message_json("e1", "om_2", "x"));
    assert_eq!(w.dropped(DropReason::Duplicate), 1, "remembered by the id that was shown");
    w.event("m3", &message_json("e0", "om_3", "x"));
    assert_eq!(w.ids(), ["e1", "e0"]);
}

#[test]
fn j12_an_event_cut_anywhere_is_malformed_and_never_half_an_event() {
    let event = usual();
    let mut w = World::new().open();
    for cut in 0..event.len() {
        w.part("m1", "1", "0", &event.as_bytes()[..cut]);
        assert_eq!((w.delivered.len(), w.acks.len()), (0, cut + 1), "{}", &event[..cut]);
    }
    assert_eq!(w.dropped(DropReason::Malformed), event.len() as u64);
    w.event("m1", &event);
    assert_eq!(w.ids(), ["e1"], "no cut one was remembered");
}

#[test]
fn j13_whatever_follows_an_event_makes_it_malformed() {
    for more in ["{}", "x", ",", "\0", "]", "}", "null", "//", "\u{a0}", "\u{feff}"] {
        assert_eq!(judged(format!("{}{more}", usual()).as_bytes()), MALFORMED, "{more:?}");
        assert_eq!(judged(format!("{}\n{more}", usual()).as_bytes()), MALFORMED, "{more:?}");
    }
    assert_eq!(judged([usual(), usual()].concat().as_bytes()), MALFORMED);
    assert_eq!(judged(format!(" \t\r\n{} \t\r\n", usual()).as_bytes()), TAKEN);
}

#[test]
fn j15_bytes_that_are_no_text_are_refused_where_nobody_reads_them() {
    for bad in [&b"\xff"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"] {
        // How members are ordered is not the point, and depends on who else uses the JSON library.
        for (place, opening, closing) in [
            ("{", "\"unread\":\"", "\","),
            ("\"header\":{", "\"unread\":\"", "\","),
            ("\"message\":{", "\"unread\":[\"", "\"],"),
        ] {
            let event = usual();
            let (before, after) = event.split_at(event.find(place).unwrap() + place.len());
            let (before, after) = ([before, opening].concat(), [closing, after].concat());
            let document = [before.as_bytes(), bad, after.as_bytes()].concat();
            assert_eq!(judged(&document), MALFORMED, "{place} {bad:02x?}");
            assert_eq!(judged([before.as_str(), "x", &after].concat().as_bytes()), TAKEN, "{place}");
        }
    }
}

#[test]
fn j16_keys_and_strings_of_any_length_cost_their_length_and_hide_nothing() {
    let long = "k".repeat(100_000);
    for member in [format!("\"{long}\":1"), format!("\"unread\":\"{long}\""), format!("\"event_i{long}\":\"e9\"")] {
        let mut w = World::new().open();
        w.event("m1", &usual().replacen('{', &format!("{{{member},"), 1));
        assert_eq!(w.ids(), ["e1"]);
    }
    // As an id: kept for the application, and known again.
    let mut w = World::new().open();
    w.event("m1", &message_json(&long, "om_1", "x"));
    w.event("m2", &message_json(&long, "om_2", "x"));
    assert_eq!((w.delivered[0].event_id.len(), w.delivered.len(), w.dropped(DropReason::Duplicate)), (100_000, 1, 1));
}
