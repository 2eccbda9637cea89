//! Clicks and link previews that are posted: their answer is the response (S41; protocol sections 8.3 and 17.6).

use larkwire_core::fault::{DropReason, Misuse};
use larkwire_core::webhook::{Refusal, WebhookRules};
use larkwire_core::{Envelope, ResponseId, Verdict};
use serde_json::{Value, json};

use crate::bot::{EMPTY, SUCCESS, held};
use crate::support::*;

const TOAST: &str = r#"{"toast":{"type":"success","content":"已保存 ✓"}}"#;

fn click(event_id: &str, token: &str) -> Post {
    Post::sealed(&click_json(event_id, token.into()).to_string())
}

/// Takes the callback that waits; it will be answered.
fn take(w: &mut World) -> ResponseId {
    let id = w.bot.poll_delivery().and_then(|event| event.response_id()).expect("a callback waits");
    w.decide(Verdict::Later);
    id
}

fn respond(w: &mut World, id: ResponseId, body: &[u8]) -> Result<(), Misuse> {
    let result = w.fact(|bot, now| bot.respond(now, id, body));
    w.run();
    result
}

#[test]
fn a_click_that_was_accepted_is_answered_with_an_empty_object() {
    let mut w = held();
    for (n, verdict) in [Verdict::Accepted, Verdict::Discarded, Verdict::Refused].into_iter().enumerate() {
        let post = w.post(&click(&format!("e{n}"), &format!("c-{n}")));
        w.decide(verdict);
        assert_eq!(w.answer_to(post), Some(EMPTY), "{verdict:?}");
    }
    assert_eq!(w.bot.stats().callbacks_lost, 1);
}

#[test]
fn the_applications_answer_is_the_body() {
    let mut w = held();
    let (first, second) = (w.post(&click("e1", "c-1")), w.post(&click("e2", "c-2")));
    let ids = [take(&mut w), take(&mut w)];
    w.advance(2400);
    assert_eq!(respond(&mut w, ids[1], TOAST.as_bytes()), Ok(()));
    assert_eq!((w.answer_to(first), w.answer_to(second)), (None, Some((200, TOAST))));
    assert_eq!(respond(&mut w, ids[1], b"{}"), Err(Misuse::Late), "answered is answered");
    assert_eq!(respond(&mut w, ids[0], b" {\n} "), Ok(()));
    assert_eq!((w.answer_to(first), w.took(first)), (Some((200, " {\n} ")), 2400));
    assert_eq!((w.bot.stats().callbacks_answered, w.bot.stats().callbacks_unanswered), (2, 0));
}

#[test]
fn an_answer_that_comes_too_late_finds_the_click_answered() {
    let mut w = held();
    let post = w.post(&click("e1", "c-1"));
    w.advance(1000);
    let id = take(&mut w);
    w.advance(1499);
    assert_eq!(w.answer_to(post), None);
    w.advance(1);
    assert_eq!((w.answer_to(post), w.took(post)), (Some(EMPTY), 2500));
    assert_eq!(respond(&mut w, id, TOAST.as_bytes()), Err(Misuse::Late));
    assert_eq!((w.bot.stats().callbacks_unanswered, w.bot.stats().callbacks_answered), (1, 0));
    assert!(!w.bot.is_room_wanted(), "a slow answer says nothing of the inbox");
    let stray = ResponseId::from_u64(12_345);
    assert_eq!(respond(&mut w, stray, b"{}"), Err(Misuse::Late));
}

#[test]
fn a_click_that_nobody_takes_is_answered_in_time() {
    let mut w = held();
    let post = w.post(&click("e1", "c-1"));
    w.advance(2500);
    assert_eq!(w.answer_to(post), Some(EMPTY));
    assert!(w.took(post) <= 2500);
    assert_eq!((w.bot.stats().callbacks_lost, w.dropped(DropReason::InboxFull)), (1, 1));
    // Nor does the full inbox make the next one wait, or be refused.
    let next = w.post(&click("e2", "c-2"));
    assert_eq!((w.answer_to(next), w.took(next)), (Some(EMPTY), 0));
}

#[test]
fn an_answer_that_is_no_object_or_too_long_is_said_and_may_be_corrected() {
    let mut w = held();
    let post = w.post(&click("e1", "c-1"));
    let id = take(&mut w);
    for body in [b"[]".as_slice(), b"", b"{", b"\"x\"", b"{} {}", b"{\"a\":\"\xff\"}", b"null"] {
        assert_eq!(respond(&mut w, id, body), Err(Misuse::Field("body")), "{body:?}");
    }
    let long = format!(r#"{{"x":"{}"}}"#, "y".repeat(64 * 1024));
    assert_eq!(respond(&mut w, id, long.as_bytes()), Err(Misuse::TooLong { needed: long.len() }));
    assert_eq!(w.answer_to(post), None);
    assert_eq!(respond(&mut w, id, TOAST.as_bytes()), Ok(()));
    assert_eq!(w.answer_to(post), Some((200, TOAST)));
    // One longer than the event itself has room, too.
    let post = w.post(&click("e2", "c-2"));
    let id = take(&mut w);
    let long = &long[..60_000].to_owned().replacen('{', "", 1);
    let long = format!(r#"{{"z":{}"}}"#, &long[4..]);
    assert_eq!(respond(&mut w, id, long.as_bytes()), Ok(()));
    assert_eq!(w.answer_to(post), Some((200, long.as_str())));
}

#[test]
fn s41_a_click_without_a_token_is_dropped() {
    let mut w = held();
    let mut missing = click_json("e0", json!(null));
    missing["event"].as_object_mut().unwrap().remove("token");
    let odd =
        [json!(null), json!(""), json!(" "), json!("\t\n"), json!("\u{3000}"), json!("a\0b"), json!([]), json!({})];
    let clicks = odd.into_iter().enumerate().map(|(n, token)| click_json(&format!("e{n}"), token)).chain([missing]);
    for (n, click) in clicks.enumerate() {
        let post = w.post(&Post::sealed(&click.to_string()));
        assert_eq!((w.answer_to(post), w.bot.poll_delivery().is_none()), (Some(EMPTY), true), "{click}");
        assert_eq!(w.dropped(DropReason::Malformed), n as u64 + 1, "{click}");
    }
    // Others than clicks have none.
    w.post(&Post::sealed(&preview_json("p".into()).to_string()));
    assert!(w.bot.poll_delivery().is_some());
}

#[test]
fn s41_the_same_click_is_delivered_once_and_a_new_one_again() {
    let mut w = held();
    w.script.app = App::Accept;
    let posts =
        [click("e1", "c-1"), click("e2", "c-1"), click("e3", "c-1").sign(&UNIX.to_string(), "n-3"), click("e4", "c-2")];
    for post in &posts {
        let n = w.post(post);
        assert_eq!(w.answer_to(n), Some(EMPTY));
    }
    assert_eq!((w.ids(), w.dropped(DropReason::Duplicate)), (vec!["e1", "e4"], 2));
    // While the first still waits for its answer, copies need not.
    w.script.app = App::Hold;
    let first = w.post(&click("e5", "c-5"));
    let waiting = w.post(&click("e6", "c-5"));
    let id = take(&mut w);
    let third = w.post(&click("e7", "c-5"));
    assert_eq!((w.answer_to(first), w.answer_to(waiting), w.answer_to(third)), (None, Some(EMPTY), Some(EMPTY)));
    assert_eq!(respond(&mut w, id, TOAST.as_bytes()), Ok(()));
    assert_eq!((w.answer_to(first), w.bot.poll_delivery().is_none()), (Some((200, TOAST)), true));
}

#[test]
fn a_link_preview_is_answered_like_a_click() {
    let mut w = held();
    let post = w.post(&Post::sealed(&preview_json("p1".into()).to_string()));
    let id = take(&mut w);
    respond(&mut w, id, br#"{"inline":{"i18n_title":{"zh_cn":"x"}}}"#).unwrap();
    assert_eq!(w.answer_to(post), Some((200, r#"{"inline":{"i18n_title":{"zh_cn":"x"}}}"#)));
    let again = w.post(&Post::sealed(&preview_json("p1".into()).to_string()));
    assert_eq!(w.answer_to(again), Some(EMPTY));
}

fn old_cards() -> larkwire_core::webhook::Webhook<'static> {
    webhook_with(&WebhookRules { old_cards: true, ..rules() })
}

#[test]
fn old_card_callbacks_are_taken_by_option_and_answered() {
    let mut w = held();
    let post = Post::plain(old_card_json("c-1")).sign_card(&UNIX.to_string(), "n-1");
    let off = w.post(&post);
    assert_eq!((w.posts[off].refusal, w.bot.poll_delivery().is_none()), (Some(Refusal::SignatureWrong), true));
    let webhook = old_cards();
    let on = w.post_to(&webhook, &post);
    let event = w.bot.poll_delivery().unwrap();
    assert_eq!((event.envelope(), event.is_callback()), (Envelope::Card, true));
    let id = take(&mut w);
    respond(&mut w, id, TOAST.as_bytes()).unwrap();
    assert_eq!(w.answer_to(on), Some((200, TOAST)));
    // The same request, and the same click signed anew, are duplicates.
    for again in [post.clone(), post.sign_card(&UNIX.to_string(), "n-2")] {
        let n = w.post_to(&webhook, &again);
        assert_eq!(w.answer_to(n), Some(EMPTY));
    }
    assert_eq!(w.dropped(DropReason::Duplicate), 2);
    let stale = Post::plain(old_card_json("c-2")).sign_card("1600000000", "n-3");
    let stale = w.post_to(&webhook, &stale);
    assert_eq!(w.posts[stale].refusal, Some(Refusal::Stale));
    let flipped = Post::plain(old_card_json("c-2")).sign_card(&UNIX.to_string(), "n-4").set(NONCE, "n-5");
    let flipped = w.post_to(&webhook, &flipped);
    assert_eq!(w.posts[flipped].refusal, Some(Refusal::SignatureWrong));
}

#[test]
fn the_weaker_signature_opens_the_door_for_old_cards_only() {
    let webhook = old_cards();
    let now = Some(UNIX * 1000);
    let message = posted_message("e1", "om_1", "hi");
    let v1 =
        json!({"uuid": "u", "token": TOKEN, "type": "event_callback", "event": {"type": "message", "open_id": "ou_1"}});
    let mut disguised: Value = serde_json::from_str(&message).unwrap();
    (disguised["action"], disguised["open_message_id"], disguised["token"]) = (json!({}), json!("om"), json!(TOKEN));
    let unknown = json!({"x": 1, "token": TOKEN});
    for json in
        [message, v1.to_string(), disguised.to_string(), unknown.to_string(), click_json("e", "c".into()).to_string()]
    {
        for body in [json.clone().into_bytes(), wrap(&encrypt(KEY, json.as_bytes()))] {
            let post = Post::plain(body).sign_card(&UNIX.to_string(), "n");
            assert_eq!(post.check_at(&webhook, now), Err(Refusal::SignatureWrong), "{json}");
        }
    }
    let unsigned = Post::plain(old_card_json("c-1"));
    assert_eq!(unsigned.check_at(&webhook, now), Err(Refusal::SignatureMissing));
    // Knowing the card's own token, or writing ours where it stands, proves nothing.
    assert_eq!(Post::plain(old_card_json(TOKEN)).check_at(&webhook, now), Err(Refusal::SignatureMissing));
}

#[test]
fn without_the_option_no_old_card_is_taken_however_it_is_signed() {
    let mut w = held();
    for token in ["c-1", TOKEN] {
        for post in [Post::signed(old_card_json(token)), Post::sealed(&old_card_json(token))] {
            let n = w.post(&post);
            assert!(w.posts[n].refusal.is_some_and(|refusal| refusal.reply().status == 401), "{:?}", w.posts[n]);
        }
    }
    assert!(w.bot.poll_delivery().is_none() && w.bot.stats().posts == 0);
    let n = w.post(&Post::sealed(&posted_message("e1", "om_1", "hi")));
    w.decide(Verdict::Accepted);
    assert_eq!(w.answer_to(n), Some(SUCCESS));
}
