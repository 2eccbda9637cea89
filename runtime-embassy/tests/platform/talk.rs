//! What a board is for: it connects, hears and answers.

use larkwire_conformance::platform::{Kind, Push};
use larkwire_core::fault::{DropReason, FatalReason};
use larkwire_core::{AckReactions, Config, GateRules, Locale, Secret};
use larkwire_embassy::{Client, End, Notice};
use serde_json::{Value, json};

use crate::boards::{BoardEvents, Ended};
use crate::watch::*;
use crate::world::{echo, story};

#[test]
fn a_board_finds_the_platform_connects_and_answers_what_is_said() {
    story(async |world| {
        let platform = &world.platform;
        let ended = world.run(world.config(), echo, async |_| {
            platform.push(&said("hello", "你好 \"board\"\n🙂")).unwrap();
            assert_eq!(answer(platform, "hello").await, "echo: 你好 \"board\"\n🙂");
            seen(platform, "a ping", |kind| matches!(kind, Kind::Pinged { first: true, .. })).await;
        });
        let Ended { end, stats, notices } = ended.await;
        assert_eq!((end, notices), (End::Stopped, vec![Notice::Connected]));
        assert_eq!((stats.links, stats.link_faults, stats.accepted, stats.calls_succeeded), (1, 0, 1, 1));
        let discoveries = count(platform, |kind| matches!(kind, Kind::Discovered { .. }));
        assert_eq!((discoveries, upgrades(platform), said_goodbye(platform)), (1, 1, true));
        assert_eq!(world.bridge.most_open(), 2, "one stream for the long connection, one for calls");
        assert_faultless(platform);
    });
}

#[test]
fn a_message_in_parts_is_put_together_whatever_their_order() {
    story(async |world| {
        let platform = &world.platform;
        let ended = world.run(world.config(), echo, async |_| {
            platform.push(&said("split", "in three parts").parts(3).part_order([2, 0, 1])).unwrap();
            platform.push(&said("twice", "one part twice").parts(2).part_order([1, 1, 0])).unwrap();
            assert_eq!(answer(platform, "split").await, "echo: in three parts");
            assert_eq!(answer(platform, "twice").await, "echo: one part twice");
        });
        let Ended { stats, .. } = ended.await;
        assert_eq!((stats.accepted, stats.parts_repeated, stats.parts_differing), (2, 1, 0));
        assert_faultless(platform);
    });
}

#[test]
fn a_message_that_comes_three_times_is_acked_three_times_and_answered_once() {
    story(async |world| {
        let platform = &world.platform;
        let ended = world.run(world.config(), echo, async |_| {
            let push = platform.push(&said("again", "once is enough").times(3)).unwrap();
            acked(platform, push, 3).await;
            answer(platform, "again").await;
        });
        let Ended { stats, .. } = ended.await;
        assert_eq!((stats.accepted, stats.dropped(DropReason::Duplicate)), (1, 2));
        assert_eq!(answered(platform), [message_id("again")]);
        assert_faultless(platform);
    });
}

#[test]
fn somebody_who_is_not_on_the_list_gets_no_answer() {
    story(async |world| {
        let platform = &world.platform;
        let gate = GateRules { allowed_users: &[ANN], ..GateRules::default() };
        let ended = world.run(Config { gate, ..world.config() }, echo, async |_| {
            let eve = Push::message("oc_eve", "p2p", "ou_eve", "let me in").message_id(message_id("eve"));
            let eve = platform.push(&eve).unwrap();
            acked(platform, eve, 1).await;
            platform.push(&said("ann", "it is me")).unwrap();
            assert_eq!(answer(platform, "ann").await, "echo: it is me");
        });
        let Ended { stats, notices, .. } = ended.await;
        assert_eq!((stats.accepted, stats.dropped(DropReason::SenderNotAllowed)), (1, 1));
        let told = |notice: &Notice| matches!(notice, Notice::Dropped { actor, .. } if actor.as_str() == "ou_eve");
        assert!(notices.iter().any(told), "{notices:?}");
        assert_eq!(answered(platform), [message_id("ann")]);
        assert_faultless(platform);
    });
}

#[test]
fn a_reaction_of_a_person_arrives_and_the_bot_reacts_to_messages() {
    story(async |world| {
        let platform = &world.platform;
        let config = Config { ack_reactions: AckReactions::Fixed(Locale::En), ..world.config() };
        let program = async |_, mut events: BoardEvents| {
            let event = events.recv().await.unwrap();
            assert_eq!(event.event_type().as_str(), "im.message.receive_v1");
            drop(event);
            let event = events.recv().await.unwrap();
            assert_eq!(event.event_type().as_str(), "im.message.reaction.created_v1");
            assert_eq!(event.message_id().unwrap().as_str(), "om_nice");
            assert!(event.json().contains("\"FINGERHEART\""), "{event:?}");
        };
        let ended = world.run(config, program, async |_| {
            platform.push(&said("nice", "well done")).unwrap();
            let reacted = |kind: &Kind| matches!(kind, Kind::Reacted { message_id, .. } if message_id == "om_nice");
            let Kind::Reacted { emoji_type, .. } = seen(platform, "a reaction", reacted).await.kind else {
                unreachable!()
            };
            assert!(Locale::En.reactions().contains(&emoji_type.as_str()), "{emoji_type}");
            let push = platform.push(&Push::reaction("om_nice", "FINGERHEART", ANN)).unwrap();
            acked(platform, push, 1).await;
        });
        let Ended { stats, .. } = ended.await;
        assert_eq!((stats.accepted, stats.reactions_sent, stats.reactions_dropped), (2, 1, 0));
        assert_faultless(platform);
    });
}

#[test]
fn a_click_shows_what_the_program_responds() {
    story(async |world| {
        let platform = &world.platform;
        let toast = json!({"toast": {"type": "success", "content": "saved 好"}});
        let program = async |client: Client<'static>, mut events: BoardEvents| {
            let event = events.recv().await.unwrap();
            assert!(event.is_callback());
            client.respond(&event, &toast.to_string()).unwrap();
        };
        let ended = world.run(world.config(), program, async |_| {
            // A click does not wait for a connection.
            seen(platform, "a connection", |kind| matches!(kind, Kind::Upgraded { .. })).await;
            let action = json!({"tag": "button", "value": {"choice": "yes"}});
            platform.push(&Push::card_action("c-1", "om_card", "oc_ann", ANN, action)).unwrap();
            seen(platform, "an answer", |kind| matches!(kind, Kind::CallbackAnswered { .. })).await;
        });
        let Ended { stats, .. } = ended.await;
        assert_eq!((stats.callbacks_answered, stats.callbacks_unanswered, stats.callbacks_lost), (1, 0, 0));
        let shown: Vec<Value> = picked(platform, |kind| match kind {
            Kind::CallbackAnswered { data, .. } => data,
            _ => None,
        });
        assert_eq!(shown, [toast]);
        assert_faultless(platform);
    });
}

#[test]
fn a_wrong_secret_ends_the_bot_with_the_words_of_the_platform() {
    story(async |world| {
        let platform = &world.platform;
        let config = Config { app_secret: Secret::new("not-this-one"), ..world.config() };
        let ended = world.run(config, echo, async |client| {
            client.ended().await;
        });
        let Ended { end, stats, .. } = ended.await;
        let End::Fatal(fatal) = end else { panic!("{end:?}") };
        let refused = picked(platform, |kind| match kind {
            Kind::Refused { what, code, msg, .. } => Some((what, code, msg)),
            _ => None,
        });
        let [(what, code, msg)] = &refused[..] else { panic!("{refused:?}") };
        assert_eq!((what.as_str(), *code, msg.is_empty()), ("discovery", Some(fatal.code), false));
        assert_eq!((fatal.reason, fatal.message.as_str()), (FatalReason::Credentials, msg.as_str()));
        assert!(fatal.to_string().contains(msg), "{fatal}");
        assert_eq!((stats.links, upgrades(platform)), (0, 0));
    });
}
