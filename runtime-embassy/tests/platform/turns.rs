//! A board that holds one stream at a time.

use larkwire_conformance::platform::Kind;
use larkwire_embassy::End;

use crate::boards::Ended;
use crate::watch::*;
use crate::world::{echo, story};

#[test]
fn with_one_stream_at_a_time_five_messages_are_each_answered() {
    story(async |world| {
        let platform = &world.platform;
        let ids = ["1", "2", "3", "4", "5"];
        let ended = world.run_in_turns(echo, async |_| {
            for id in ids {
                platform.push(&said(id, id)).unwrap();
            }
            for id in ids {
                assert_eq!(answer(platform, id).await, format!("echo: {id}"));
            }
        });
        let Ended { end, stats, .. } = ended.await;
        assert_eq!((end, stats.accepted, stats.calls_succeeded, stats.link_faults), (End::Stopped, 5, 5, 0));
        assert_eq!(world.bridge.most_open(), 1, "of {} streams", world.bridge.opened());
        let mut open = 0;
        for kind in picked(platform, Some) {
            match kind {
                Kind::Upgraded { .. } => open += 1,
                Kind::ConnectionClosed { .. } => open -= 1,
                Kind::Discovered { .. } | Kind::Replied { .. } | Kind::TokenIssued { .. } => {
                    assert_eq!(open, 0, "{kind:?} beside a long connection");
                }
                _ => {}
            }
        }
        let mut all = answered(platform);
        all.sort();
        assert_eq!(all, ids.map(message_id));
        assert_faultless(platform);
    });
}
