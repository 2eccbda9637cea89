//! What a board remembers when it starts again.

use std::cell::RefCell;

use larkwire_core::fault::DropReason;
use larkwire_core::wire::writer::TooSmall;
use larkwire_core::{RestoreError, Seed, UnixMillis};

use crate::support::*;

const HOUR: u64 = 3_600_000;
const NOON: u64 = 1_700_000_000_000;

#[test]
fn what_was_delivered_before_a_restart_is_not_delivered_after_it() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        let flash = RefCell::new([0xFF; 256]);
        let bots = async {
            let first = run_bot_with(board, config(), Seed([1; 32]), async |client, mut events| {
                client.set_wall_clock(UnixMillis(NOON));
                events.recv().await.unwrap();
                let all = 32 + 2 * 16;
                assert_eq!(client.write_seen(None, &mut [0; 63]), Err(TooSmall { needed: all }));
                assert_eq!(client.write_seen(None, &mut *flash.borrow_mut()), Ok(all));
                let written = client.seen_count();
                events.recv().await.unwrap();
                let appended = client.write_seen(Some(written), &mut flash.borrow_mut()[all..]);
                assert_eq!(appended, Ok(2 * 16));
                client.shut_down().await;
            });
            assert_eq!(first.await.stats.accepted, 2);
            // Another seed, as every start has: the key the ids are hashed with comes back with them.
            let second = run_bot_with(board, config(), Seed([2; 32]), |client, mut events| {
                client.set_wall_clock(UnixMillis(NOON + 7 * HOUR));
                assert_eq!(client.restore_seen(&[0xFF; 256]), Err(RestoreError::Format), "a flash never written");
                let restored = client.restore_seen(&*flash.borrow());
                assert_eq!(restored, Ok(4 + 1), "the erased rest reads as one id that no event has");
                async move {
                    let event = events.recv().await.unwrap();
                    assert_eq!(event.message_id().unwrap().as_str(), "om_3");
                    assert_eq!(client.restore_seen(&[]), Err(RestoreError::TooLate));
                    client.shut_down().await;
                }
            });
            second.await.stats
        };
        let script = async {
            let mut ws = Ws::accept(platform).await;
            ws.push("d1", &message(1, "one")).await;
            ws.push("d2", &message(2, "two")).await;
            ws.goodbye().await;
            let mut ws = Ws::accept(platform).await;
            for number in 1..=3 {
                ws.push(&format!("e{number}"), &message(number, "again")).await;
            }
            ws.goodbye().await;
        };
        let stats = beside(doors(platform, &seen), bots, script).await;
        assert_eq!((stats.accepted, stats.acked, stats.dropped(DropReason::Duplicate)), (1, 3, 2));
    });
}
