//! A bot that echoes, on a connection that breaks, with an inbox that fills.

use std::cell::{Cell, RefCell};

use embassy_futures::select::{Either, select};
use embassy_futures::yield_now;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use larkwire_core::fault::DropReason;
use larkwire_core::{Closed, Short};
use larkwire_embassy::{Client, Connect as _, Destination, End, Notice};

use crate::support::*;

/// Echoes `count` messages, then shuts down.
async fn echo(client: Client<'static>, mut events: BoardEvents, count: usize) {
    for number in 1..=count {
        let event = events.recv().await.unwrap();
        assert_eq!(event.event_type().as_str(), "im.message.receive_v1");
        let (id, mut room) = (event.message_id().unwrap(), [0; 1024]);
        let sent = client.reply_text(id.as_str(), event.text(&mut room).unwrap()).await.unwrap();
        assert_eq!(sent.message_id.as_str(), format!("om_bot_{number}"));
    }
    assert_eq!(client.shut_down().await, End::Stopped);
    assert!(events.recv().await.is_none());
}

fn reply_to(number: usize, text: &str) -> (String, String) {
    (format!("/open-apis/im/v1/messages/om_{number}/reply"), text.to_owned())
}

#[test]
fn a_message_is_acked_and_echoed_and_the_bot_says_goodbye() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        let bot = run_bot(board, |client, events| echo(client, events, 1));
        let script = async {
            let mut ws = Ws::accept(platform).await;
            ws.push("d1", &message(1, "你好\n\"board\" 🙂")).await;
            ws.goodbye().await;
        };
        let Ended { end, stats, notices } = beside(doors(platform, &seen), bot, script).await;
        assert_eq!(end, End::Stopped);
        assert_eq!((stats.accepted, stats.acked, stats.calls_succeeded, stats.link_faults), (1, 1, 1, 0));
        assert_eq!(notices, [Notice::Connected]);
        let seen = seen.borrow();
        assert_eq!(seen.messages, [reply_to(1, "你好\n\"board\" 🙂")]);
        assert_eq!((seen.discoveries, seen.tokens), (1, 1));
    });
}

#[test]
fn a_cut_connection_comes_back_and_a_redelivered_message_is_not_echoed_twice() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        let bot = run_bot(board, |client, events| echo(client, events, 2));
        let script = async {
            let mut ws = Ws::accept(platform).await;
            ws.push("d1", &message(1, "one")).await;
            ws.cut().await;
            let mut ws = Ws::accept(platform).await;
            ws.push("d2", &message(1, "one")).await;
            ws.push("d3", &message(2, "two")).await;
            ws.goodbye().await;
        };
        let Ended { end, stats, notices } = beside(doors(platform, &seen), bot, script).await;
        assert_eq!(end, End::Stopped);
        assert_eq!((stats.accepted, stats.acked, stats.links), (2, 3, 2));
        assert_eq!(stats.dropped(DropReason::Duplicate), 1);
        assert!(notices.iter().any(|notice| matches!(notice, Notice::LinkLost { .. })), "{notices:?}");
        let seen = seen.borrow();
        assert_eq!(seen.messages, [reply_to(1, "one"), reply_to(2, "two")]);
        assert_eq!((seen.discoveries, seen.tokens), (2, 1));
    });
}

#[test]
fn a_message_longer_than_a_slot_is_acked_and_reported_never_cut_short() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        let bot = run_bot(board, |client, events| echo(client, events, 1));
        let script = async {
            let mut ws = Ws::accept(platform).await;
            ws.push("d1", &message(1, &"long ".repeat(200))).await;
            ws.push("d2", &message(2, "short")).await;
            ws.goodbye().await;
        };
        let Ended { stats, .. } = beside(doors(platform, &seen), bot, script).await;
        assert_eq!((stats.accepted, stats.acked, stats.dropped(DropReason::Discarded)), (1, 2, 1));
        assert_eq!(seen.borrow().messages, [reply_to(2, "short")]);
    });
}

#[test]
fn a_full_inbox_leaves_messages_to_the_platform_until_there_is_room() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        let acked = Cell::new(0);
        let both_acked = Signal::<NoopRawMutex, ()>::new();
        // Two places, and a program that looks only when everything was pushed.
        let bot = run_bot(board, async |client, mut events| {
            both_acked.wait().await;
            assert_eq!((client.stats().accepted, acked.get()), (2, 2));
            for number in 1..=3 {
                let id = events.recv().await.unwrap().message_id().unwrap();
                assert_eq!(id.as_str(), format!("om_{number}"));
            }
            client.shut_down().await;
        });
        let script = async {
            let mut ws = Ws::accept(platform).await;
            let mut pushed = Vec::new();
            for number in 1..=3 {
                pushed.push(ws.offer(&format!("d{number}"), &message(number, "hi")).await);
            }
            for frame in pushed {
                ws.expect_ack(frame).await;
                acked.set(acked.get() + 1);
                if acked.get() == 2 {
                    both_acked.signal(());
                }
            }
            ws.goodbye().await;
        };
        let Ended { stats, .. } = beside(doors(platform, &seen), bot, script).await;
        assert_eq!((stats.accepted, stats.acked), (3, 3));
    });
}

#[test]
fn a_caller_who_gives_up_blocks_nobody_and_many_callers_share_one_place() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        let bot = run_bot(board, async |client, _events| {
            let given_up = select(client.send_text("oc_1", "given up"), yield_now()).await;
            assert!(matches!(given_up, Either::Second(())));
            let all = [1, 2, 3, 4, 5, 6].map(|_| client.send_text("oc_1", "hi"));
            for sent in embassy_futures::join::join_array(all).await {
                assert!(sent.is_ok(), "{sent:?}");
            }
            client.shut_down().await;
            assert!(client.send_text("oc_1", "too late").await.is_err());
        });
        let script = async { Ws::accept(platform).await.goodbye().await };
        let Ended { stats, .. } = beside(doors(platform, &seen), bot, script).await;
        assert_eq!((stats.calls_finished, stats.calls_succeeded), (7, 7));
        assert_eq!(seen.borrow().messages.len(), 7);
    });
}

#[test]
fn plain_tcp_says_why_it_opens_no_stream() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        let dials = async {
            let mut connect = tcp(board);
            for (host, port, tls, why) in [
                ("platform.test", 8000, true, Closed::Tls),
                ("nowhere.test", 8000, false, Closed::Dns),
                ("platform.test", 9, false, Closed::Refused),
                ("192.0.2.1", 8000, false, Closed::Unreachable),
                ("localhost", 8000, false, Closed::Unreachable),
                ("127.0.0.1", 8000, false, Closed::Unreachable),
                ("::1", 8000, false, Closed::Unreachable),
            ] {
                let to = Destination { host: Short::new(host), port, tls };
                let opened = connect.connect(&to).await.map(|_| ());
                assert_eq!(opened, Err(why), "{to:?}");
            }
        };
        beside(doors(platform, &seen), dials, async {}).await;
    });
}
