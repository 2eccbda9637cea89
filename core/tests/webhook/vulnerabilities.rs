//! Faults that other bots of this platform had, once each. Where another test proves the same, it stands here:
//!
//! | fault | proven by |
//! |---|---|
//! | V3 parsing before the signature check | `webhook::order` beside the code counts readers of JSON; re-serialised JSON below |
//! | V5 unlimited incomplete bodies | the server counts them: tokio's `floods`: `s31_…`; number and answer below |
//! | V6 a table of peers without a bound | `set_up::s34_…` |
//! | V8 signatures that are valid for ever | `signatures::s11_…` to `s13_…`, `memory::s16_…`, `s17_…`, a restart in `memory` |
//! | V10 a group taken for a direct message | `gate::s40_…` |
//! | V11 names that authorise | `gate::s36_…`, `s37_…`, `s38_…` |
//! | V12 everybody authorised | `gate::s35_…`, `s39_…`, `s42_…` |
//! | V16 paths out of file names | `content::kinds::s44_…`, `a_file_name_cannot_forge_a_marker` |
//! | V17 keys in logs | `secrets::s45_…` |
//! | V18 socket URLs in logs | `stories::discovery::v18_no_secret_is_ever_printed`, the runtime's `stories::secrets` |
//! | V19 secrets sent anywhere; clocks that panic | `stories::discovery::v19_plaintext_to_another_machine_…`, `signatures::s14_…` |
//! | V20 a refused token used again | `stories::tokens` |
//! | V21 an empty secret | `set_up::s01_…` to `s03_…`, `stories::discovery::settings_that_cannot_work_…` |
//! | V22 siblings of the encrypted text; challenges by formatting | `encryption::s22_…`, `challenges::s20_…` |
//! | V23 a bot that answers itself | `gate::s43_…` |

use larkwire_core::webhook::{BODY_MS, MAX_BODY, MAX_OPEN_BODIES, Quota, Refusal};
use larkwire_core::{Config, Instant, LinkMode, OwnOpenId, Slots, Verdict};
use serde_json::{Value, json};

use crate::bot::{EMPTY, held, message};
use crate::support::*;

/// Signed with a key of the attacker's choice.
fn signed_by(key: &str, body: &[u8]) -> Post {
    let stamp = UNIX.to_string();
    let signature =
        to_hex(&<sha2::Sha256 as sha1::Digest>::digest([stamp.as_bytes(), b"n", key.as_bytes(), body].concat()));
    Post::plain(body).set(TIMESTAMP, &stamp).set(NONCE, "n").set(SIGNATURE, &signature)
}

#[test]
fn v01_no_signature_is_right_because_a_key_is_blank() {
    let event = posted_message("e1", "om_1", "hi");
    for key in ["", " ", "null", "undefined", "None", TOKEN] {
        let bodies = [event.clone().into_bytes(), wrap(&encrypt(key, event.as_bytes()))];
        for body in bodies {
            assert_eq!(signed_by(key, &body).check(), Err(Refusal::SignatureWrong), "{key:?}");
            assert_eq!(Post::plain(body).check().unwrap_err().reply().status, 401);
        }
    }
}

#[test]
fn v02_knowing_the_verification_token_alone_forges_nothing() {
    for json in [posted_message("e1", "om_1", "hi"), click_json("e1", "c".into()).to_string(), old_card_json("c")] {
        assert_eq!(Post::plain(json.as_str()).check(), Err(Refusal::SignatureMissing), "{json}");
        assert_eq!(Post::plain(json).sign_card(&UNIX.to_string(), "n").check(), Err(Refusal::SignatureWrong));
    }
}

#[test]
fn v03_the_signature_is_over_the_bytes_and_not_over_what_they_mean() {
    let spaced = posted_message("e1", "om_1", "hi").replacen(':', ": ", 1);
    let post = Post::signed(spaced.as_str());
    assert!(post.is_accepted());
    let tidy = serde_json::from_str::<Value>(&spaced).unwrap().to_string();
    assert_eq!(Post { body: tidy.into_bytes(), ..post }.check(), Err(Refusal::SignatureWrong));
}

#[test]
fn v04_a_stranger_gets_little_time_and_little_room() {
    assert_eq!((BODY_MS, MAX_BODY), (5000, 512 * 1024));
    let long = |len: usize| {
        let json = verification(TOKEN.into(), "c".into());
        Post::plain(format!("{json}{}", " ".repeat(len - json.len())))
    };
    assert!(long(4096).check().is_ok());
    assert_eq!(long(4097).check(), Err(Refusal::SignatureMissing), "a body this long is signed or not read");
}

#[test]
fn v05_unfinished_bodies_are_limited_and_refused_with_the_connection() {
    assert_eq!(MAX_OPEN_BODIES, 64);
    let reply = Refusal::TooMany.reply();
    assert_eq!((reply.status, reply.close), (429, true));
}

#[test]
fn v07_strangers_take_nothing_from_the_platform() {
    let mut quota = Quota::new(Slots::growable(16));
    let now = Instant::from_millis(0);
    let (event, stranger) = (message(1), Post::plain(verification("x".into(), "c".into())));
    // All behind one proxy: one address.
    while quota.take(now, 7) {}
    let passes = |post: &Post, quota: &mut Quota<'_>| post.head().is_signed() || quota.take(now, 7);
    assert!(passes(&event, &mut quota) && !passes(&stranger, &mut quota));
    for half in [event.clone().without(NONCE), event.clone().set(SIGNATURE, " "), event.clone().and(TIMESTAMP, "1")] {
        assert!(!passes(&half, &mut quota), "{half:?}");
    }
    // A claim of a signature is checked and changes nothing.
    let mut w = held();
    for n in 0..1000 {
        w.post(&event.clone().set(NONCE, &format!("n{n}")));
    }
    let n = w.post(&event);
    w.decide(Verdict::Accepted);
    assert_eq!(w.answer_to(n).map(|(status, _)| status), Some(200));
}

#[test]
fn v09_the_challenge_is_unsigned_and_reflected_to_nobody_who_does_not_know_the_token() {
    let right = verification(TOKEN.into(), "c".into());
    let wrong = verification("x".into(), "c".into());
    for (json, passes) in [(right, true), (wrong, false)] {
        for body in [json.clone().into_bytes(), wrap(&encrypt(KEY, json.as_bytes()))] {
            assert_eq!(Post::plain(body).check().is_ok(), passes);
        }
    }
    // What is encrypted by a stranger is not answered, however right it is inside.
    let right = verification(TOKEN.into(), "c".into());
    assert_eq!(Post::plain(wrap(&encrypt("guess", right.as_bytes()))).check(), Err(Refusal::Undecryptable));
}

#[test]
fn v10_reactions_and_clicks_in_a_group_are_no_direct_messages() {
    let config = Config { link: LinkMode::Off, own_open_id: OwnOpenId::Given("ou_bot"), ..config() };
    let mut w = World::posted_with(config);
    w.script.app = App::Hold;
    w.post(&Post::sealed(&click_json("e1", "c-1".into()).to_string()));
    let event = w.bot.poll_delivery().unwrap();
    assert!(event.message().is_none() && event.chat_id().is_some_and(|chat| chat == "oc_1"));
}

#[test]
fn v13_a_quoted_message_is_named_and_not_imported() {
    let mut w = held();
    let mut event: Value = serde_json::from_str(&posted_message("e1", "om_1", "see above")).unwrap();
    event["event"]["message"]["parent_id"] = json!("om_of_somebody_else");
    w.post(&Post::sealed(&event.to_string()));
    w.see_delivery();
    w.decide(Verdict::Accepted);
    assert_eq!(w.delivered[0].content, r#"{"text":"see above"}"#);
    assert!(w.dials.is_empty(), "nothing is fetched");
}

#[test]
fn v14_a_request_that_is_refused_changes_nothing() {
    let mut w = held();
    w.post(&message(1));
    let click = click_json("c1", "c-1".into()).to_string();
    let forged = [
        Post::plain(click.as_str()),
        Post::sealed(&click).set(SIGNATURE, &"0".repeat(64)),
        Post::sealed(&click).sign("1600000000", "n"),
        Post::sealed(&click.replace(TOKEN, "x")),
        Post::signed(wrap(&encrypt("x", click.as_bytes()))),
        Post::sealed(&posted_message("e1", "om_1", "other words").replace(TOKEN, "x")),
    ];
    let before = (w.bot.seen_count(), w.bot.poll_timeout(), w.bot.poll_delivery().unwrap().id(), w.bot.state());
    for post in &forged {
        let n = w.post(post);
        assert_eq!(w.answer_to(n), Some((401, r#"{"msg":"refused"}"#)));
    }
    let after = (w.bot.seen_count(), w.bot.poll_timeout(), w.bot.poll_delivery().unwrap().id(), w.bot.state());
    assert_eq!((before, w.bot.stats().posts), (after, 1));
    // Neither the click's token nor the event's id is used up.
    w.decide(Verdict::Accepted);
    let n = w.post(&Post::sealed(&click));
    w.see_delivery();
    w.decide(Verdict::Accepted);
    assert_eq!((w.answer_to(n), w.ids()), (Some(EMPTY), vec!["c1"]));
}

#[test]
fn v15_no_url_in_an_event_is_followed() {
    let mut w = World::posted();
    let url = "http://169.254.169.254/latest/meta-data/";
    let mut image: Value = serde_json::from_str(&posted_message("e1", "om_1", url)).unwrap();
    image["event"]["message"]["message_type"] = json!("image");
    image["event"]["message"]["content"] = json!(json!({"image_key": url, "url": url}).to_string());
    let mut preview = preview_json("p1".into());
    preview["event"]["context"]["url"] = json!(url);
    let url_of = verification(TOKEN.into(), url.into());
    for post in [Post::sealed(&image.to_string()), Post::sealed(&preview.to_string()), Post::plain(url_of)] {
        let n = w.post(&post);
        assert_eq!(w.answer_to(n).map(|(status, _)| status), Some(200));
    }
    w.advance(600_000);
    assert!(w.dials.is_empty() && w.requests.is_empty());
}
