//! Messages that come in parts (protocol sections 7.2, 7.3).

use larkwire_core::fault::DropReason;
use larkwire_core::{Closed, Lane, Storage};

use crate::support::*;

/// All orders of `0..n`.
fn orders(n: usize) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for next in 0..n {
        all = all
            .into_iter()
            .flat_map(|order| {
                (0..=order.len()).map(move |at| {
                    let mut order = order.clone();
                    order.insert(at, next);
                    order
                })
            })
            .collect();
    }
    all
}

fn cut(json: &str, n: usize) -> Vec<&[u8]> {
    let size = json.len().div_ceil(n);
    let mut parts: Vec<_> = json.as_bytes().chunks(size).collect();
    parts.resize(n, b"");
    parts
}

#[test]
fn parts_in_every_order_make_one_message_and_one_ack_on_the_last() {
    for n in 2..=5 {
        for order in orders(n) {
            let mut w = World::new().open();
            let json = message_json("e1", "om_1", "你好，世界 🎉 in parts, cut inside a character");
            let parts = cut(&json, n);
            for (sent, seq) in order.iter().enumerate() {
                assert_eq!((w.acks.len(), w.delivered.len()), (0, 0), "after {sent} of {order:?}");
                w.part("m1", &n.to_string(), &seq.to_string(), parts[*seq]);
            }
            assert_eq!(w.delivered[0].json, json, "{order:?}");
            assert_eq!((w.delivered.len(), w.acks.len()), (1, 1));
            assert_eq!(w.acks[0].pb.header("seq"), Some(order[n - 1].to_string().as_str()), "its own headers");
            assert_eq!((w.ack_texts(), w.acks[0].pb.header("biz_rt")), (vec![r#"{"code":200}"#], Some("0")));
        }
    }
}

#[test]
fn a_character_may_be_cut_anywhere_even_byte_by_byte() {
    let json = message_json("e1", "om_1", "中🎉é");
    let escaped = json.len();
    assert!(escaped > 64);
    let at = json.find("中").unwrap();
    for cut in at..=at + 9 {
        let mut w = World::small().open();
        w.part("m1", "2", "1", &json.as_bytes()[cut..]);
        w.part("m1", "2", "0", &json.as_bytes()[..cut]);
        assert_eq!(w.delivered[0].json, json);
    }
}

#[test]
fn an_empty_part_completes_a_message() {
    for empty in 0..3 {
        let mut w = World::new().open();
        let json = message_json("e1", "om_1", "x");
        let (a, b) = json.as_bytes().split_at(10);
        let mut parts = vec![a, b];
        parts.insert(empty, b"");
        for (seq, part) in parts.iter().enumerate().rev() {
            w.part("m1", "3", &seq.to_string(), part);
        }
        assert_eq!(w.ids(), ["e1"], "empty part {empty}");
    }
}

#[test]
fn a_repeated_part_is_counted_and_the_first_one_wins() {
    let mut w = World::new().open();
    let json = message_json("e1", "om_1", "right");
    let parts = cut(&json, 3);
    w.part("m1", "3", "0", parts[0]);
    w.part("m1", "3", "0", parts[0]);
    w.part("m1", "3", "0", b"something else");
    w.part("m1", "3", "0", b"");
    w.part("m1", "3", "1", parts[1]);
    w.part("m1", "3", "2", parts[2]);
    assert_eq!(w.delivered[0].json, json);
    assert_eq!((w.bot.stats().parts_repeated, w.bot.stats().parts_differing), (3, 2));
    assert_eq!(w.acks.len(), 1);
}

#[test]
fn a_late_part_of_a_finished_message_is_acked_on_its_own_frame_and_not_delivered() {
    let mut w = World::new().open();
    let json = message_json("e1", "om_1", "x");
    let parts = cut(&json, 2);
    w.part("m1", "2", "0", parts[0]);
    w.part("m1", "2", "1", parts[1]);
    w.advance(59_999);
    w.part("m1", "2", "1", parts[1]);
    assert_eq!((w.delivered.len(), w.acks.len(), w.ack_texts()[1]), (1, 2, r#"{"code":200}"#));
    w.advance(1);
    w.part("m1", "2", "1", parts[1]);
    assert_eq!(w.acks.len(), 2, "after a minute it is a new set");
    w.part("m1", "2", "0", parts[0]);
    assert_eq!((w.delivered.len(), w.acks.len()), (1, 3), "and still a duplicate");
}

#[test]
fn a_part_that_contradicts_its_set_is_left_out_and_the_set_is_kept() {
    let mut w = World::new().open();
    let json = message_json("e1", "om_1", "x");
    let parts = cut(&json, 3);
    w.part("m1", "3", "0", parts[0]);
    for (sum, seq) in [
        ("2", "0"),
        ("4", "1"),
        ("3", "3"),
        ("3", "-1"),
        ("3", "99999999999999999999"),
        ("3", "-99999999999999999999"),
        ("64", "63"),
        ("65", "1"),
        ("2000000000", "1"),
    ] {
        let acks = w.acks.len();
        w.part("m1", sum, seq, b"junk");
        assert_eq!(w.acks.len(), acks, "sum {sum} seq {seq} is not acked");
    }
    assert_eq!(w.dropped(DropReason::Part), 9);
    w.part("m1", "3", "2", parts[2]);
    w.part("m1", "3", "1", parts[1]);
    assert_eq!((w.delivered[0].json.as_str(), w.acks.len()), (json.as_str(), 1));
}

#[test]
fn the_header_numbers_are_read_as_the_official_clients_read_them() {
    for sum in ["0", "1", "-1", "-5", " +1 ", "-99999999999999999999"] {
        let mut w = World::new().open();
        w.part("m1", sum, "x", message_json("e1", "om_1", "x").as_bytes());
        assert_eq!((w.ids(), w.acks.len()), (vec!["e1"], 1), "sum {sum:?} is a whole message");
    }
    for sum in ["", "x", "1e3", "0x2", "1.0"] {
        let mut w = World::new().open();
        w.part("m1", sum, "0", message_json("e1", "om_1", "x").as_bytes());
        assert_eq!((w.delivered.len(), w.acks.len(), w.dropped(DropReason::Malformed)), (0, 1, 1), "sum {sum:?}");
    }
    let mut w = World::new().open();
    let json = message_json("e1", "om_1", "x");
    let parts = cut(&json, 2);
    w.part("m1", " +2", " 0 ", parts[0]);
    w.part("m1", "2", "+1", parts[1]);
    assert_eq!(w.ids(), ["e1"]);
    let mut w = World::new().open();
    w.part("m1", "2", "one", parts[0]);
    assert_eq!((w.acks.len(), w.dropped(DropReason::Malformed)), (1, 1));
}

#[test]
fn sixty_four_parts_are_taken_and_sixty_five_are_too_big_once() {
    for storage in [Storage::growable(), small()] {
        let mut w = World::with(config(), storage).open();
        let json = message_json("e1", "om_1", "x");
        for seq in (0..64).rev() {
            w.part("m1", "64", &seq.to_string(), cut(&json, 64)[seq]);
        }
        assert_eq!(w.ids(), ["e1"]);
        for sum in ["65", "4294967296", "4294967297", "2000000000"] {
            let (acks, drops) = (w.acks.len(), w.dropped(DropReason::TooBig));
            for seq in ["0", "1", "64"] {
                w.part(&format!("id{sum}"), sum, seq, b"{}");
            }
            assert_eq!(w.acks.len() - acks, 3, "every part of it is answered, so that none comes again");
            assert_eq!(w.dropped(DropReason::TooBig) - drops, 1, "reported once");
        }
        assert_eq!(w.delivered.len(), 1);
    }
}

#[test]
fn the_ninth_message_under_assembly_pushes_the_oldest_out() {
    let mut w = World::new().open();
    let json: Vec<_> = (0..9).map(|n| message_json(&format!("e{n}"), &format!("om_{n}"), "x")).collect();
    for (n, json) in json.iter().enumerate() {
        w.part(&format!("m{n}"), "2", "0", cut(json, 2)[0]);
        w.advance(10);
    }
    assert_eq!((w.dropped(DropReason::Incomplete), w.acks.len()), (1, 0));
    for (n, json) in json.iter().enumerate().skip(1) {
        w.part(&format!("m{n}"), "2", "1", cut(json, 2)[1]);
    }
    assert_eq!(w.ids(), ["e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8"]);
    w.part("m0", "2", "0", cut(&json[0], 2)[0]);
    w.part("m0", "2", "1", cut(&json[0], 2)[1]);
    assert_eq!(w.ids()[8], "e0", "sent again, it is taken");
}

#[test]
fn a_set_waits_ten_seconds_for_each_part_and_a_minute_in_all() {
    let json = message_json("e1", "om_1", "x");
    for (gap, complete) in [(9_999, true), (10_000, false)] {
        let mut w = World::new().open();
        w.part("m1", "2", "0", cut(&json, 2)[0]);
        w.advance(gap);
        w.part("m1", "2", "1", cut(&json, 2)[1]);
        assert_eq!(w.delivered.len(), usize::from(complete), "{gap}");
        assert_eq!(w.dropped(DropReason::Incomplete), u64::from(!complete));
    }
    for (gap, complete) in [(8_000, true), (9_000, false)] {
        let mut w = World::new().open();
        for (seq, part) in cut(&json, 8).into_iter().enumerate() {
            w.part("m1", "8", &seq.to_string(), part);
            w.advance(gap);
        }
        assert_eq!(w.delivered.len(), usize::from(complete), "{gap}");
    }
}

#[test]
fn a_late_part_does_not_revive_a_set_whose_time_is_up() {
    let json = message_json("e1", "om_1", "x");
    let mut w = World::new().open();
    w.part("m1", "2", "0", cut(&json, 2)[0]);
    // The part is told before the clock is.
    w.now += 10_000;
    w.part("m1", "2", "1", cut(&json, 2)[1]);
    assert_eq!((w.delivered.len(), w.dropped(DropReason::Incomplete)), (0, 1));
}

#[test]
fn parts_do_not_outlive_their_connection() {
    let json = message_json("e1", "om_1", "x");
    let mut w = World::new().open();
    w.part("m1", "2", "0", cut(&json, 2)[0]);
    w.cut(Lane::Socket, Closed::Reset);
    assert_eq!(w.dropped(DropReason::Incomplete), 1);
    w.until_open(31_000);
    w.part("m1", "2", "1", cut(&json, 2)[1]);
    assert_eq!(w.delivered.len(), 0);
    w.part("m1", "2", "0", cut(&json, 2)[0]);
    assert_eq!(w.ids(), ["e1"]);
}

#[test]
fn interleaved_messages_do_not_mix() {
    let mut w = World::new().open();
    let json: Vec<_> =
        (0..4).map(|n| message_json(&format!("e{n}"), &format!("om_{n}"), &"y".repeat(n * 700))).collect();
    for seq in 0..7 {
        for (n, json) in json.iter().enumerate() {
            w.part(&format!("m{n}"), "7", &seq.to_string(), cut(json, 7)[seq]);
        }
    }
    assert_eq!(w.delivered.iter().map(|d| d.json.as_str()).collect::<Vec<_>>(), json);
}

#[test]
fn a_set_larger_than_the_storage_is_too_big_and_sets_that_are_it_together_push_the_oldest_out() {
    let mut w = World::small().open();
    let part = [b'x'; 900];
    w.part("big", "4", "0", &part);
    w.part("big", "4", "1", &part);
    assert_eq!(w.acks.len(), 0);
    w.part("big", "4", "2", &part);
    assert_eq!((w.acks.len(), w.dropped(DropReason::TooBig)), (1, 1), "acked on the frame that revealed it");
    w.part("big", "4", "3", &part);
    assert_eq!((w.acks.len(), w.dropped(DropReason::TooBig)), (2, 1));

    let json = message_json("e1", "om_1", &"z".repeat(600));
    w.part("old", "2", "0", &part);
    w.advance(1);
    w.part("new", "2", "0", cut(&json, 2)[0]);
    w.part("third", "2", "0", &[b'x'; 1100]);
    assert_eq!(w.dropped(DropReason::Incomplete), 1, "the small table has two places");
    w.part("new", "2", "1", cut(&json, 2)[1]);
    assert_eq!(w.ids(), ["e1"]);
    assert_eq!(w.delivered[0].json, json);
}

#[test]
fn a_split_event_for_which_there_was_no_room_leaves_no_trace() {
    let json = message_json("e1", "om_1", "x");
    let mut w = World::new().open();
    w.script.app = App::Hold;
    let send = |w: &mut World| {
        for seq in [1, 0] {
            w.part("m1", "2", &seq.to_string(), cut(&json, 2)[seq]);
        }
    };
    send(&mut w);
    w.advance(2000);
    assert_eq!((w.acks.len(), w.dropped(DropReason::InboxFull)), (0, 1));
    w.script.app = App::Accept;
    w.room(1);
    send(&mut w);
    assert_eq!((w.ids(), w.acks.len()), (vec!["e1"], 1), "the redelivery under the same id is taken");
}
