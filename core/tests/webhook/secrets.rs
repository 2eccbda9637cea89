//! What must not be seen by anybody (S45): keys, tokens, signatures of theirs, and what people wrote, in whatever the
//! webhook can be made to print. The rest of the bot's types: `stories::discovery`, and the runtime's `secrets`.

use larkwire_core::config::ConfigError;
use larkwire_core::webhook::{Checked, Freshness, PostSlot, Quota, Refusal, Webhook, WebhookRules};
use larkwire_core::{Config, LinkMode, Region, Secret, Slots, Storage, UnixMillis, Verdict};

use crate::support::*;

const KEY_CANARY: &str = "Canary1EncryptKey9Xq";
const TOKEN_CANARY: &str = "Canary2VerificationToken9Xq";
const APP_CANARY: &str = "Canary3AppSecret9Xq";
const WORDS: &str = "Canary4WhatPeopleWrote";

fn hidden(shown: &str) {
    let digest = |text: &str| <[u8; 32]>::from(<sha2::Sha256 as sha1::Digest>::digest(text.as_bytes()));
    let (key, token) = (digest(KEY_CANARY), digest(TOKEN_CANARY));
    for secret in [KEY_CANARY, TOKEN_CANARY, APP_CANARY, WORDS] {
        // As it is, as bytes in a list, and cut.
        let bytes = format!("{:?}", secret.as_bytes());
        for form in [secret, &bytes, bytes.trim_matches(['[', ']']), &secret[..12]] {
            assert!(!shown.contains(form), "{form} in {shown}");
        }
    }
    for digest in [key, token] {
        for form in [to_hex(&digest), base64(&digest), format!("{digest:?}"), format!("{:?}", &digest[..8])] {
            assert!(!shown.contains(form.trim_matches(['[', ']'])), "{form} in {shown}");
        }
    }
}

fn canaries() -> WebhookRules<'static> {
    WebhookRules::new(Secret::new(KEY_CANARY), Secret::new(TOKEN_CANARY), Freshness::Within { seconds: HOUR })
}

/// Signed with the canary.
fn post(json: &str) -> Post {
    let post = Post::plain(wrap(&encrypt(KEY_CANARY, json.as_bytes())));
    let all = [UNIX.to_string().as_bytes(), b"n", KEY_CANARY.as_bytes(), &post.body].concat();
    let signature = to_hex(&<sha2::Sha256 as sha1::Digest>::digest(all));
    post.set(TIMESTAMP, &UNIX.to_string()).set(NONCE, "n").set(SIGNATURE, &signature)
}

#[test]
fn s45_v17_nothing_that_the_webhook_shows_holds_a_secret() {
    let webhook = webhook_with(&canaries());
    hidden(&format!("{webhook:?} {webhook:#?} {:?} {:#?} {:?}", canaries(), canaries(), webhook.freshness()));
    let json = posted_message("e1", "om_1", WORDS).replace(TOKEN, TOKEN_CANARY);
    let click = click_json("e2", WORDS.into()).to_string().replace(TOKEN, TOKEN_CANARY);
    let url = verification(TOKEN_CANARY.into(), WORDS.into());
    for json in [json, click, url] {
        let post = post(&json);
        let head = post.head();
        hidden(&format!("{head:?} {head:#?}"));
        let mut body = post.body.clone();
        let checked = webhook.check(&head, &mut body, Some(UnixMillis(UNIX * 1000))).unwrap();
        hidden(&format!("{checked:?} {checked:#?}"));
        match checked {
            Checked::Posted(posted) => hidden(&format!("{posted:?} {:?}", posted.layout())),
            Checked::Challenge(challenge) => hidden(&format!("{challenge:?}")),
        }
    }
    hidden(&format!("{:?} {:?}", Quota::new(Slots::growable(4)), PostSlot::new(Region::growable(100))));
}

#[test]
fn s45_no_refusal_repeats_what_was_sent() {
    for refusal in Refusal::ALL {
        let (words, reply) =
            (format!("{refusal} {refusal:?} {} {:?}", refusal.as_str(), refusal.reply()), refusal.reply());
        hidden(&words);
        assert_eq!(reply.body, br#"{"msg":"refused"}"#, "not even the reason");
        assert!(
            !refusal.to_string().is_empty() && refusal.as_str().chars().all(|ch| ch.is_ascii_lowercase() || ch == '_')
        );
    }
    let words: std::collections::BTreeSet<_> = Refusal::ALL.iter().map(|refusal| refusal.as_str()).collect();
    let sentences: std::collections::BTreeSet<_> = Refusal::ALL.iter().map(ToString::to_string).collect();
    assert_eq!((words.len(), sentences.len()), (Refusal::ALL.len(), Refusal::ALL.len()), "each its own");
    let mut room = [0; 4];
    let error: ConfigError = Webhook::new(&canaries(), Region::fixed(&mut room)).unwrap_err();
    hidden(&format!("{error} {error:?}"));
}

#[test]
fn s45_a_bot_that_was_posted_to_tells_its_counters_and_no_more() {
    let config = Config { app_secret: Secret::new(APP_CANARY), link: LinkMode::Off, ..config() };
    let mut w = World::with(config, Storage::growable());
    let webhook = webhook_with(&canaries());
    w.serve(&webhook, 8);
    w.start();
    w.script.app = App::Hold;
    let good = post(&posted_message("e1", "om_1", WORDS).replace(TOKEN, TOKEN_CANARY));
    let click = post(&click_json("e2", WORDS.into()).to_string().replace(TOKEN, TOKEN_CANARY));
    let attacks = [
        Post::plain(posted_message("e3", "om_3", WORDS).replace(TOKEN, TOKEN_CANARY)),
        good.clone().set(SIGNATURE, KEY_CANARY),
        good.clone().set(TIMESTAMP, KEY_CANARY),
        post(&posted_message("e4", "om_4", WORDS)),
        post(&format!("{{\"token\":\"{TOKEN_CANARY}\",\"x\":\"{WORDS}\"}}")),
        Post::plain(verification(WORDS.into(), KEY_CANARY.into())),
    ];
    for post in attacks.iter().chain([&good, &good, &click]) {
        w.post_to(&webhook, post);
    }
    let event = w.bot.poll_delivery().unwrap();
    hidden(&format!("{:?} {:?} {:?} {:?}", event, event.id(), event.message(), event.layout()));
    hidden(&format!("{:?} {:?}", w.bot, w.bot.poll_timeout()));
    w.decide(Verdict::Accepted);
    w.decide(Verdict::Later);
    w.advance(60_000);
    w.post_to(&webhook, &attacks[0]);
    hidden(&format!("{:?} {:#?} {:?} {:?}", w.bot.stats(), w.bot.stats(), w.notices, w.bot));
    assert!(w.notices.len() >= 3 && w.bot.stats().posts == 4, "{:?}", w.notices);
    let answers = w.posts.iter().flat_map(|post| &post.answers).map(|(_, _, body)| body.as_str());
    answers.for_each(hidden);
}

#[test]
fn a_webhook_that_is_dropped_leaves_neither_key_nor_token() {
    let mut room = [0; 128];
    drop(Webhook::new(&canaries(), Region::fixed(&mut room)).unwrap());
    let holds = |text: &str| room.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!holds(KEY_CANARY) && !holds(TOKEN_CANARY));
}
