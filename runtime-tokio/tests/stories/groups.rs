//! In groups a bot is spoken to by its name.

use larkwire_conformance::platform::{Answer, AppSpec, Endpoint, Kind, Mention, Platform, Push, RestFault, Switch};
use larkwire_tokio::core::fault::DropReason;
use larkwire_tokio::{Client, Settings, State};

use crate::clock::{Clock, eventually, seconds};
use crate::log::Log;
use crate::support::*;

/// Another bot that is called the same.
fn namesake() -> Mention {
    Mention { mentioned_type: Some("bot".into()), ..Mention::new("ou_namesake", "Bot") }
}

/// Whether it is meant: by the bot's id, by a mention of all only, or not at all.
#[derive(Clone, Copy, PartialEq)]
enum Meant {
    Yes,
    WithAll,
    No,
}

fn messages() -> Vec<(&'static str, Push, Meant)> {
    use Meant::{No, WithAll, Yes};
    let mut all = Vec::new();
    for kind in ["group", "topic_group", "a_kind_of_tomorrow"] {
        let say = |words: &str| text(words).chat_type(kind);
        all.extend([
            ("a mention", say("hi").mention_bot(), Yes),
            ("a mention in the middle", say("hi @_user_1, how are you?").mention_bot(), Yes),
            ("a mention behind another", say("hi").mention(Mention::new("ou_bob", "Bob")).mention_bot(), Yes),
            ("no mention", say("hi"), No),
            ("its name alone", say("hi @Bot"), No),
            ("a namesake", say("hi").mention(namesake()), No),
            ("everybody", say("hi").mention_all(), WithAll),
            ("all but everybody", say("hi @_all_employees"), No),
            ("in a topic", say("hi").in_thread("omt_1"), No),
            ("a mention in a topic", say("hi").in_thread("omt_1").mention_bot(), Yes),
            ("v1", say("hi").v1(), No),
            ("v1, a mention", say("hi").mention_bot().v1(), Yes),
            ("v1, a namesake", say("hi").mention(namesake()).v1(), No),
        ]);
    }
    all.extend([
        ("alone", whisper("hi"), Yes),
        ("alone with a namesake", whisper("hi").mention(namesake()), Yes),
        ("v1, alone", whisper("hi").v1(), Yes),
    ]);
    all
}

/// Tells the bot everything; which of it was heard.
async fn heard(platform: &Platform, settings: &Settings, messages: &[(&str, Push, Meant)]) -> (Client, Vec<usize>) {
    let (client, mut events) = bot_with(settings).await;
    for (n, (_, push, _)) in messages.iter().enumerate() {
        tell(platform, &push.clone().message_id(format!("om_{n}"))).await;
    }
    let events = rest(&client, &mut events).await;
    let number = |id: String| id.trim_start_matches("om_").parse().unwrap();
    (client, events.iter().map(|event| number(event.message_id().unwrap())).collect())
}

#[tokio::test]
async fn a_group_is_heard_where_the_bot_is_mentioned_and_a_person_alone_always() {
    for with_all in [false, true] {
        let platform = platform().await;
        let settings = settings(&platform).mention_only(true).respond_to_mention_all(with_all);
        let messages = messages();
        let (client, heard) = heard(&platform, &settings, &messages).await;
        for (n, (what, _, meant)) in messages.iter().enumerate() {
            let wanted = *meant == Meant::Yes || (with_all && *meant == Meant::WithAll);
            assert_eq!(heard.contains(&n), wanted, "{what}, number {n}, with_all {with_all}");
        }
        let stats = client.stats();
        assert_eq!(stats.accepted, heard.len() as u64);
        assert_eq!(stats.dropped(DropReason::NoMention), (messages.len() - heard.len()) as u64);
        assert_eq!(platform.token_requests(APP), 1, "the bot asked once who it is");
        assert_faultless(&platform);
    }
}

#[tokio::test]
async fn every_group_is_heard_unless_mentions_are_asked_for() {
    let platform = platform().await;
    let messages = messages();
    let (_, heard) = heard(&platform, &settings(&platform), &messages).await;
    assert_eq!(heard, (0..messages.len()).collect::<Vec<_>>());
    assert_faultless(&platform);
}

#[tokio::test]
async fn until_the_bot_knows_itself_groups_are_refused_and_it_goes_on_asking() {
    let clock = Clock::stop();
    let platform = platform().await;
    let log = Log::start();
    let busy = RestFault::new(Endpoint::BotInfo, Answer::status(500));
    platform.faults(|faults| faults.rest = vec![Switch::times(busy, 2)]);
    let (client, mut events) = bot_with(&settings(&platform).mention_only(true)).await;
    assert!(log.wait("asked again in").await.starts_with("WARN"));
    assert_eq!(client.own_open_id(), None);
    tell(&platform, &text("too early").mention_bot()).await;
    tell(&platform, &text("not meant")).await;
    tell(&platform, &whisper("a person alone")).await;
    assert_eq!(next(&mut events).await.text().as_deref(), Some("a person alone"));
    assert_eq!(client.stats().dropped(DropReason::BotIdentityUnknown), 2);
    log.wait("the bot does not know its own open_id yet").await;
    // After 10 s and a bit it is asked again, and after 30 s once more.
    clock.advance(seconds(12)).await;
    log.wait_times("asked again in", 2).await;
    assert_eq!(client.own_open_id(), None);
    clock.advance(seconds(34)).await;
    eventually("the bot knows itself", || client.own_open_id().is_some()).await;
    assert_eq!(client.own_open_id().as_deref(), Some(BOT));
    tell(&platform, &text("now").mention_bot()).await;
    tell(&platform, &text("not meant")).await;
    let event = next(&mut events).await;
    assert_eq!(event.text().as_deref(), Some("now"));
    assert_eq!(client.stats().dropped(DropReason::BotIdentityUnknown), 2);
    assert_eq!(client.stats().dropped(DropReason::NoMention), 1);
    let lookups = |kind: &Kind| matches!(kind, Kind::Read { call: Endpoint::BotInfo, .. });
    assert_eq!(count(&platform, lookups), 1, "what is known is not asked for again");
    assert_faultless(&platform);
}

/// Every lookup counts against the app's monthly quota.
#[tokio::test]
async fn the_bot_asks_once_who_it_is_however_often_it_connects() {
    let platform = platform().await;
    let lookups = || count(&platform, |kind| matches!(kind, Kind::Read { call: Endpoint::BotInfo, .. }));
    let (client, _events) = bot(&platform).await;
    eventually("the bot knows itself", || client.own_open_id().is_some()).await;
    for links in 2..4 {
        platform.cut(APP);
        wait_for_many(&platform, links, |kind| matches!(kind, Kind::Upgraded { .. })).await;
        until(&client, |state| state == State::Open).await;
    }
    soon(client.send_text("oc_room", "hi")).await.unwrap();
    assert_eq!((lookups(), platform.token_requests(APP)), (1, 1));
    platform.add_app(AppSpec { bot_open_id: "ou_new".into(), ..AppSpec::new(APP, SECRET) });
    client.refresh_identity();
    eventually("it has asked again", || client.own_open_id().as_deref() == Some("ou_new")).await;
    assert_eq!((lookups(), platform.token_requests(APP)), (2, 1));
}

#[tokio::test]
async fn a_bot_that_was_told_its_own_id_asks_for_nothing() {
    let platform = platform().await;
    let (client, mut events) = bot_with(&settings(&platform).mention_only(true).own_open_id(BOT)).await;
    tell(&platform, &text("hi").mention_bot()).await;
    assert_eq!(next(&mut events).await.text().as_deref(), Some("hi"));
    assert_eq!(client.own_open_id().as_deref(), Some(BOT));
    client.shut_down().await;
    assert_eq!(platform.token_requests(APP), 0);
}
