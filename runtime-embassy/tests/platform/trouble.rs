//! What goes wrong on the way, and that the board comes back.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use larkwire_conformance::platform::{Kind, PlatformConfig};
use larkwire_embassy::{End, Notice};

use crate::boards::{APP_ID, Ended};
use crate::watch::*;
use crate::world::{World, echo, story, story_with};

#[test]
fn two_hundred_messages_survive_three_pulls_of_the_cable() {
    const MESSAGES: usize = 200;
    // What a pull leaves without an ack is not missed for long.
    let config = PlatformConfig { ack_timeout: Duration::from_secs(1), ..quick() };
    story_with(config, async |world| {
        let World { board, cable, platform, .. } = &world;
        let mut pushes = Vec::new();
        let ended = world.run(world.config(), echo, async |_| {
            for batch in (0..MESSAGES).collect::<Vec<_>>().chunks(10) {
                for n in batch {
                    pushes.push(platform.push(&said(&n.to_string(), &format!("message {n}"))).unwrap());
                }
                let pull = batch[0];
                if [40, 90, 140].contains(&pull) {
                    // Some of the batch is under way: acked or not, answered or not.
                    answer(platform, &pull.to_string()).await;
                    cable.pull();
                    board.wait_link_down().await;
                    let meanwhile = format!("meanwhile-{pull}");
                    pushes.push(platform.push(&said(&meanwhile, "are you there?")).unwrap());
                    cable.lost().await;
                    // Of its end the board hears when the cable is back.
                    let ends = match pull {
                        40 => 0,
                        90 => platform.cut(APP_ID),
                        _ => platform.cut_rst(APP_ID),
                    };
                    assert_eq!(ends, usize::from(pull != 40));
                    cable.plug();
                    answer(platform, &meanwhile).await;
                }
                for n in batch {
                    assert_eq!(answer(platform, &n.to_string()).await, format!("echo: message {n}"));
                }
            }
            for push in &pushes {
                acked(platform, *push, 1).await;
            }
        });
        let Ended { end, stats, .. } = ended.await;
        assert_eq!((end, stats.links, upgrades(platform)), (End::Stopped, 3, 3));
        let answers = answered(platform);
        let different: BTreeSet<&String> = answers.iter().collect();
        assert_eq!((answers.len(), different.len(), pushes.len()), (MESSAGES + 3, MESSAGES + 3, MESSAGES + 3));
        assert!((0..MESSAGES).all(|n| different.contains(&message_id(&n.to_string()))));
        assert_eq!(count(platform, |kind| matches!(kind, Kind::GaveUp { .. })), 0);
        assert_faultless(platform);
    });
}

#[test]
fn a_connection_that_the_server_ends_comes_back_however_it_was_ended() {
    story(async |world| {
        let platform = &world.platform;
        let ended = world.run(world.config(), echo, async |_| {
            platform.push(&said("0", "first")).unwrap();
            answer(platform, "0").await;
            let ends: [(&str, &dyn Fn() -> usize); 3] = [
                ("1", &|| platform.cut(APP_ID)),
                ("2", &|| platform.cut_rst(APP_ID)),
                ("3", &|| platform.close(APP_ID, 1001)),
            ];
            for (id, end) in ends {
                assert_eq!(end(), 1, "one connection before {id}");
                platform.push(&said(id, "still there?")).unwrap();
                assert_eq!(answer(platform, id).await, "echo: still there?");
            }
        });
        let Ended { end, stats, notices } = ended.await;
        assert_eq!((end, stats.links, upgrades(platform)), (End::Stopped, 4, 4));
        let lost = notices.iter().filter(|notice| matches!(notice, Notice::LinkLost { .. })).count();
        assert_eq!((lost, stats.link_faults), (3, 3), "{notices:?}");
        assert_eq!(answered(platform), ["0", "1", "2", "3"].map(message_id));
        assert_faultless(platform);
    });
}

#[test]
fn a_platform_that_starts_anew_on_its_port_is_found_and_answered() {
    story(async |world| {
        let before = &world.platform;
        let ended = world.run(world.config(), echo, async |_| {
            before.push(&said("before", "hello")).unwrap();
            answer(before, "before").await;
            before.stop().await;
            let listen = SocketAddr::from(([127, 0, 0, 1], world.port));
            let after = platform_with(PlatformConfig { listen, ..quick() }).await;
            // It knows neither the token nor what was said before.
            after.push(&said("after", "hello again")).unwrap();
            assert_eq!(answer(&after, "after").await, "echo: hello again");
            assert_eq!((upgrades(&after), answered(&after)), (1, vec![message_id("after")]));
            assert_faultless(&after);
        });
        let Ended { end, stats, .. } = ended.await;
        assert_eq!((end, stats.accepted, stats.calls_succeeded), (End::Stopped, 2, 2));
        assert_faultless(before);
    });
}
