//! A board that holds one stream at a time: one connector carries the long connection and the calls, in turns.

use std::cell::RefCell;

use larkwire_core::{Bot, Buffers, Seed};
use larkwire_embassy::{End, LanesError, Notice, Resources};

use crate::support::*;

#[test]
fn one_connector_takes_turns_between_the_long_connection_and_the_replies() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        let bot = run_bot_in_turns(board, async |client, mut events| {
            for number in 1..=2 {
                let event = events.recv().await.unwrap();
                let mut room = [0; 1024];
                let (id, text) = (event.message_id().unwrap(), event.text(&mut room).unwrap());
                assert_eq!(id.as_str(), format!("om_{number}"));
                client.reply_text(id.as_str(), text).await.unwrap();
            }
            assert_eq!(client.shut_down().await, End::Stopped);
        });
        let script = async {
            for number in 1..=2 {
                let mut ws = Ws::accept(platform).await;
                ws.push("d1", &message(number, "in turns")).await;
                ws.goodbye().await;
            }
        };
        let Ended { end, stats, notices } = beside(doors(platform, &seen), bot, script).await;
        assert_eq!(end, End::Stopped);
        assert_eq!((stats.accepted, stats.acked, stats.calls_succeeded, stats.link_faults), (2, 2, 2, 0));
        assert_eq!((stats.links, stats.turns), (2, 2), "the last turn came with the shutdown");
        assert_eq!(notices, [Notice::Connected, Notice::Connected]);
        assert_eq!(seen.borrow().messages.len(), 2);
    });
}

#[test]
fn one_connector_for_a_bot_that_takes_no_turns_is_refused() {
    let mut buffers = Buffers::<2048, 1024, 2048, 1024, 64>::new();
    let mut tables = buffers.tables();
    let bot = Bot::new(config(), tables.storage(), Seed([7; 32])).unwrap();
    assert_eq!(Resources::<0>::new(bot).err(), Some(LanesError { lanes: 1, connectors: 0 }));
}
