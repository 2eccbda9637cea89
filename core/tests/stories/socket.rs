//! The long connection at the edge of what a runtime may do with it, and a peer with it. The names say which case of
//! `conformance/cases.toml` it is.

use larkwire_core::fault::LinkFault;
use larkwire_core::{Lane, State};

use crate::support::*;

#[test]
fn w19_a_million_empty_continuations_take_no_memory_and_hold_nobody_up() {
    let mut w = World::small().open();
    w.raw(&ws_raw(0x02, b""));
    let room = w.bot.poll_receive(Lane::Socket);
    let many: Vec<u8> = [0x00, 0x00].repeat(50_000);
    for n in 0..20_u32 {
        w.raw(&many);
        w.raw(&ws(9, &n.to_be_bytes()));
        assert_eq!(w.ws_pongs.last().unwrap().1, n.to_be_bytes(), "answered in between");
        assert_eq!(w.bot.poll_receive(Lane::Socket), room, "nothing is kept of them");
    }
    // The message has begun all the same, and goes on.
    let frame = event_frame("m1", &message_json("e1", "om_1", "x"));
    let (first, last) = frame.split_at(20);
    w.raw(&ws_raw(0x00, first));
    w.raw(&ws_raw(0x80, last));
    assert_eq!((w.ids(), w.codes()), (vec!["e1"], vec![]));
}

#[test]
fn w32_a_read_of_nothing_is_neither_an_end_nor_a_sign_of_life() {
    let mut w = World::small().open();
    let attempt = w.attempt(Lane::Socket).unwrap();
    for byte in ws(2, &event_frame("m1", &message_json("e1", "om_1", "x"))) {
        w.received(Lane::Socket, attempt, &[]);
        w.raw(&[byte]);
    }
    w.received(Lane::Socket, attempt, &[]);
    assert_eq!((w.ids(), w.acks.len(), w.bot.state(), w.faults()), (vec!["e1"], 1, State::Open, vec![]));

    w.script.pong = Pong::None;
    let (since, longest) = (w.now, 140_000);
    while w.faults().is_empty() && w.now - since <= longest {
        w.advance(1000);
        if let Some(attempt) = w.attempt(Lane::Socket) {
            w.received(Lane::Socket, attempt, &[]);
        }
    }
    assert_eq!(w.faults(), [LinkFault::NoPong], "after {} ms", w.now - since);
}

#[test]
fn w33_a_write_that_is_cut_or_takes_nothing_at_any_byte_loses_and_repeats_nothing() {
    let acked = |cut: Option<usize>| {
        let mut w = World::small().open();
        w.script.write = 0;
        for n in 1..=2 {
            w.event(&format!("m{n}"), &message_json(&format!("e{n}"), &format!("om_{n}"), "x"));
        }
        let attempt = w.attempt(Lane::Socket).unwrap();
        let owed = w.bot.poll_transmit(Lane::Socket).to_vec();
        if let Some(cut) = cut {
            w.script.write = cut;
            w.write_once(Lane::Socket);
            w.script.write = 0;
            w.transmitted(Lane::Socket, attempt, 0);
            w.run();
            w.advance(500);
            assert_eq!(w.bot.poll_transmit(Lane::Socket), &owed[cut..], "cut at {cut}");
        }
        w.script.write = usize::MAX;
        w.run();
        assert_eq!((w.acks.len(), w.bot.state(), w.faults()), (2, State::Open, vec![]), "cut at {cut:?}");
        let answered: Vec<_> = w.acks.iter().map(|ack| ack.pb.header("message_id").unwrap().to_owned()).collect();
        assert_eq!(answered, ["m1", "m2"], "cut at {cut:?}");
        owed.len()
    };
    let len = acked(None);
    assert!(len > 100, "both acks wait: {len}");
    for cut in 1..len {
        acked(Some(cut));
    }
}
