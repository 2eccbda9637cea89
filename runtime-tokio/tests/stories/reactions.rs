//! A message is acknowledged with a reaction, in the language it was written in.

use std::collections::BTreeMap;

use larkwire_conformance::platform::{Answer, Endpoint, HttpFault, Kind, Platform, Push, RestFault, Switch};
use larkwire_tokio::core::fault::DropReason;
use larkwire_tokio::core::{AckReactions, Locale};

use crate::clock::{Clock, eventually};
use crate::log::Log;
use crate::support::*;

/// Enough to meet a name that only another language has.
const MANY: usize = 40;

/// The reactions to each message.
fn reactions(platform: &Platform) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::<_, Vec<_>>::new();
    for (message_id, emoji_type) in picked(platform, |kind| match kind {
        Kind::Reacted { message_id, emoji_type, .. } => Some((message_id, emoji_type)),
        _ => None,
    }) {
        all.entry(message_id).or_default().push(emoji_type);
    }
    all
}

fn reacted(kind: &Kind) -> bool {
    matches!(kind, Kind::Reacted { .. })
}

#[tokio::test]
async fn each_message_gets_one_reaction_in_its_language_and_the_bot_does_not_hear_itself() {
    let _clock = Clock::stop();
    let platform = platform().await;
    platform.options(|options| options.echo_reactions = true);
    let settings = settings(&platform).ack_reactions(AckReactions::Auto).chat_locale("oc_kyoto", Locale::Ja);
    let (client, mut events) = bot_with(&settings).await;
    let languages = [
        ("en", "oc_room", "good morning, what is new?", Locale::En),
        ("fr", "oc_room", "Bonjour tout le monde", Locale::En),
        ("cn", "oc_room", "继续奋斗，今天很强", Locale::ZhCn),
        ("tw", "oc_room", "繼續奮鬥，今天很強", Locale::ZhTw),
        ("ja", "oc_room", "頑張ってください", Locale::Ja),
        ("kanji", "oc_kyoto", "继续奋斗", Locale::Ja),
    ];
    for (language, chat, words, _) in &languages {
        for n in 0..MANY {
            let push = Push::message(*chat, "group", "ou_ann", *words).message_id(format!("om_{language}_{n}"));
            platform.push(&push.times(2)).unwrap();
        }
    }
    let many = languages.len() * MANY;
    wait_for_many(&platform, many, reacted).await;
    // The echoes and the copies are acknowledged too.
    wait_for_many(&platform, 3 * many, settled).await;
    let reactions = reactions(&platform);
    assert_eq!(reactions.len(), many);
    for (message_id, names) in reactions {
        let language = languages.iter().find(|(language, ..)| message_id.split('_').nth(1) == Some(language)).unwrap();
        assert_eq!(names.len(), 1, "{message_id}: {names:?}");
        assert!(language.3.reactions().contains(&names[0].as_str()), "{message_id}: {names:?}");
    }
    eventually("all are known to be there", || client.stats().reactions_sent == many as u64).await;
    assert_eq!(rest(&client, &mut events).await.len(), many, "messages and nothing else");
    let stats = client.stats();
    assert_eq!((stats.reactions_sent, stats.reactions_dropped), (many as u64, 0));
    assert_eq!(stats.dropped(DropReason::SelfSent), many as u64);
    assert_eq!((stats.calls_finished, platform.token_requests(APP)), (0, 1));
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_chat_gets_the_language_that_was_told_until_it_is_taken_back() {
    let platform = platform().await;
    let (client, _events) = bot_with(&settings(&platform).ack_reactions(AckReactions::Fixed(Locale::ZhCn))).await;
    client.set_chat_locale("oc_room", Some(Locale::ZhTw)).unwrap();
    for (round, wanted) in [("told", Locale::ZhTw), ("fixed", Locale::ZhCn)] {
        for n in 0..MANY {
            tell(&platform, &text("good morning").message_id(format!("om_{round}_{n}"))).await;
        }
        client.set_chat_locale("oc_room", None).unwrap();
        wait_for_many(&platform, if round == "told" { MANY } else { 2 * MANY }, reacted).await;
        for (message_id, names) in reactions(&platform).range(format!("om_{round}_")..format!("om_{round}~")) {
            assert!(wanted.reactions().contains(&names[0].as_str()), "{message_id}: {names:?}");
        }
    }
}

#[tokio::test]
async fn without_the_setting_there_is_no_reaction_and_no_call() {
    let platform = platform().await;
    let (client, mut events) = bot_with(&settings(&platform).own_open_id(BOT)).await;
    for n in 0..10 {
        tell(&platform, &text(&format!("{n}"))).await;
    }
    assert_eq!(rest(&client, &mut events).await.len(), 10);
    assert_eq!((count(&platform, reacted), platform.token_requests(APP)), (0, 0));
}

#[tokio::test]
async fn a_platform_that_takes_no_reactions_costs_no_event_and_no_call() {
    let refusals = [
        HttpFault::Answer(Answer { status: 400, ..Answer::code(231_002, "no permission to react") }),
        HttpFault::Answer(Answer::missing_scope(&["im:message.reactions:write_only"])),
        HttpFault::Answer(Answer::status(500)),
        HttpFault::Answer(Answer::html(200)),
        HttpFault::Drop,
    ];
    for refusal in refusals {
        let platform = platform().await;
        let log = Log::start();
        platform.faults(|faults| {
            let fault = RestFault { endpoint: Some(Endpoint::React), fault: refusal.clone() };
            faults.rest = vec![Switch::always(fault)];
        });
        let (client, mut events) = bot_with(&settings(&platform).ack_reactions(AckReactions::Auto)).await;
        for n in 0..10 {
            platform.push(&text(&format!("{n}"))).unwrap();
        }
        for n in 0..10 {
            let event = next(&mut events).await;
            assert_eq!(event.text(), Some(n.to_string()));
            soon(client.reply_text(&event.message_id().unwrap(), "heard")).await.unwrap();
        }
        wait_for_many(&platform, 10, settled).await;
        log.wait_times("a reaction did not get through", 10).await;
        let stats = client.stats();
        assert_eq!((stats.accepted, stats.reactions_dropped, stats.reactions_sent), (10, 10, 0), "{refusal:?}");
        let refused = count(&platform, |kind| matches!(kind, Kind::Refused { .. }));
        // A stream that was kept open may be gone, which says nothing: then it is asked again at once.
        let most = if refusal == HttpFault::Drop { 20 } else { 10 };
        assert!((10..=most).contains(&refused), "{refusal:?}: nobody insists, {refused}");
        assert_faultless(&platform);
    }
}

#[tokio::test]
async fn a_name_the_platform_does_not_know_is_not_used_again() {
    let platform = platform().await;
    let unknown = Answer { status: 400, ..Answer::code(231_001, "reaction type is invalid") };
    platform.faults(|faults| {
        faults.rest = vec![Switch::times(RestFault::new(Endpoint::React, unknown), 8)];
    });
    let (client, _events) = bot_with(&settings(&platform).ack_reactions(AckReactions::Auto)).await;
    // English has eight names; then there is none left to use.
    for n in 0..20 {
        tell(&platform, &text(&format!("{n}"))).await;
    }
    wait_for_many(&platform, 8, |kind| matches!(kind, Kind::Refused { .. })).await;
    tell(&platform, &text("one more")).await;
    client.shut_down().await;
    assert_eq!(count(&platform, reacted), 0);
}

#[tokio::test]
async fn a_reaction_is_tried_once_more_after_a_limit_or_a_token() {
    let platform = platform().await;
    platform.faults(|faults| {
        faults.rest = vec![Switch::times(RestFault::new(Endpoint::React, Answer::rate_limited(429, 1)), 1)];
    });
    let (client, _events) = bot_with(&settings(&platform).ack_reactions(AckReactions::Auto)).await;
    tell(&platform, &text("busy").message_id("om_busy")).await;
    wait(&platform, reacted).await;
    platform.revoke_tokens(APP);
    tell(&platform, &text("revoked").message_id("om_revoked")).await;
    wait(&platform, |kind| matches!(kind, Kind::Reacted { message_id, .. } if message_id == "om_revoked")).await;
    eventually("both are known to be there", || client.stats().reactions_sent == 2).await;
    assert_eq!(client.stats().reactions_dropped, 0);
    assert_eq!(platform.token_requests(APP), 2);
}

/// All streams that the bot has are taken by reactions nobody answers.
#[tokio::test]
async fn reactions_that_hang_do_not_hold_up_what_the_bot_says() {
    let platform = platform().await;
    let hang = RestFault { endpoint: Some(Endpoint::React), fault: HttpFault::Hang };
    platform.faults(|faults| faults.rest = vec![Switch::always(hang)]);
    let (client, mut events) = bot_with(&settings(&platform).ack_reactions(AckReactions::Auto)).await;
    for n in 0..20 {
        tell(&platform, &text(&format!("{n}"))).await;
    }
    let asked = std::time::Instant::now();
    for _ in 0..20 {
        let event = next(&mut events).await;
        soon(client.reply_text(&event.message_id().unwrap(), "heard")).await.unwrap();
    }
    assert!(asked.elapsed().as_secs() < 5, "{:?}", asked.elapsed());
}
