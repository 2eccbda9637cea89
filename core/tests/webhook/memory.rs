//! The same request once more (S16, S17), also after a restart (protocol sections 10.2 and 17.3).

use larkwire_core::fault::DropReason;
use larkwire_core::webhook::{Freshness, Refusal, WebhookRules};
use larkwire_core::wire::writer::Writer;
use larkwire_core::{Config, LinkMode, Seed, Storage, UnixMillis};
use serde_json::{Value, json};

use crate::bot::{EMPTY, SUCCESS, held, message};
use crate::support::*;

/// Events that only their signature tells apart: without ids, or with other ones.
fn nameless(n: u32) -> Vec<Post> {
    let mut message: Value = serde_json::from_str(&posted_message("", "", "hi")).unwrap();
    message["event"]["message"]["create_time"] = json!(n);
    let mut blank = message.clone();
    blank["header"]["event_id"] = json!(null);
    blank["event"]["message"]["message_id"] = json!(null);
    let other = json!({"schema": "2.0", "header": {"event_type": "x.y_v1", "token": TOKEN, "n": n}, "event": {}});
    let v1 = json!({"uuid": format!("a\u{0}{n}"), "type": "event_callback", "token": TOKEN, "event": {"type": "x"}});
    let all = [message, blank, other, v1, preview_json(json!(null))];
    let posts = all.iter().map(|event| Post::sealed(&event.to_string()).sign(&UNIX.to_string(), &format!("n-{n}")));
    posts.collect()
}

fn dump(w: &World) -> Vec<u8> {
    let mut counting = Writer::counting();
    w.bot.write_seen(None, &mut counting);
    let mut bytes = vec![0; counting.len()];
    w.bot.write_seen(None, &mut Writer::new(&mut bytes));
    bytes
}

#[test]
fn s16_the_same_request_twice_is_a_duplicate_whatever_its_ids() {
    let mut w = World::posted();
    for post in nameless(1).into_iter().chain([message(1)]) {
        let before = w.delivered.len();
        let first = w.post(&post);
        assert_eq!(w.delivered.len(), before + 1, "{}", String::from_utf8_lossy(&post.body));
        for _ in 0..3 {
            w.advance(900_000);
            let again = w.post(&post);
            assert_eq!((w.answer_to(again), w.delivered.len()), (w.answer_to(first), before + 1));
        }
        w.now = 0;
        w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(UNIX * 1000))));
    }
    assert_eq!(w.dropped(DropReason::Duplicate), 18);
    // Signed anew they are new: nothing else tells them apart.
    let before = w.delivered.len();
    for post in nameless(2) {
        w.post(&post);
    }
    assert_eq!(w.delivered.len(), before + 5);
}

#[test]
fn s16_a_changed_id_in_the_copy_breaks_its_signature() {
    let mut w = World::posted();
    let post = Post::signed(posted_message("e1", "om_1", "hi"));
    w.post(&post);
    let changed = String::from_utf8(post.body.clone()).unwrap().replace("\"e1\"", "\"e2\"");
    let n = w.post(&Post { body: changed.into_bytes(), ..post });
    assert_eq!((w.posts[n].refusal, w.delivered.len()), (Some(Refusal::SignatureWrong), 1));
}

#[test]
fn s17_v08_a_request_from_the_future_is_remembered_until_its_time_is_over() {
    // Ids are remembered for a second only: what counts here is the signature.
    let config = Config { dedup_window_ms: 1000, link: LinkMode::Off, ..config() };
    let mut w = World::posted_with(config);
    let future: Vec<_> = nameless(1).into_iter().map(|post| post.sign(&(UNIX + 3600).to_string(), "n-1")).collect();
    for post in &future {
        w.post(post);
    }
    assert_eq!(w.delivered.len(), future.len());
    // Its stamp leaves the window two hours later.
    for ms in [1001, 3_600_000, 3_598_999, 0] {
        w.advance(ms);
        for post in &future {
            let n = w.post(post);
            assert!(w.posts[n].refusal.is_none() && w.answer_to(n).is_some(), "{:?}", w.posts[n]);
        }
        assert_eq!(w.delivered.len(), future.len(), "{} ms", w.now);
    }
    w.now = 7_200_001;
    for post in &future {
        let n = w.post(post);
        assert_eq!(w.posts[n].refusal, Some(Refusal::Stale), "no gap between the two");
    }
}

#[test]
fn s17_a_longer_window_is_remembered_for_longer() {
    let mut w = World::with(Config { dedup_window_ms: 1000, link: LinkMode::Off, ..config() }, Storage::growable());
    let day = webhook_with(&WebhookRules { freshness: Freshness::Within { seconds: 86_400 }, ..rules() });
    w.serve(&day, 4);
    w.start();
    let post = nameless(1).remove(0).sign(&(UNIX + 86_400).to_string(), "n-1");
    w.post_to(&day, &post);
    w.now = 2 * 86_400_000;
    let n = w.post_to(&day, &post);
    assert_eq!((w.answer_to(n), w.delivered.len()), (Some(SUCCESS), 1));
}

#[test]
fn a_restart_does_not_reopen_the_door() {
    let mut w = World::posted();
    let posts: Vec<_> =
        nameless(1).into_iter().chain([message(1), Post::sealed(&click_json("c", "c-1".into()).to_string())]).collect();
    for post in &posts {
        w.post(post);
    }
    assert_eq!(w.delivered.len(), posts.len());
    let bytes = dump(&w);
    for restored in [true, false] {
        let config = Config { link: LinkMode::Off, ..config() };
        let mut w = World::seeded(config, Storage::growable(), Seed([9; 32]));
        w.serve(&webhook(), 16);
        if restored {
            let n = w.fact(|bot, now| bot.restore_seen(now, &bytes)).unwrap();
            assert!(n >= posts.len(), "{n}");
        }
        w.start();
        for post in &posts {
            let n = w.post(post);
            assert_eq!(w.answer_to(n).map(|(status, _)| status), Some(200));
        }
        assert_eq!(w.delivered.len(), if restored { 0 } else { posts.len() });
        // The click is known by its token, too.
        let click = w.post(&Post::sealed(&click_json("d", "c-1".into()).to_string()));
        assert_eq!((w.answer_to(click), w.ids().contains(&"d")), (Some(EMPTY), false));
    }
}

#[test]
fn a_journal_that_keeps_each_deliverys_ids_keeps_its_request_away_after_a_crash() {
    let mut w = held();
    let mut journal = dump(&w);
    let posts: Vec<_> = nameless(1).into_iter().chain([message(1)]).collect();
    for post in &posts {
        w.post(post);
        let id = w.bot.poll_delivery().unwrap().id();
        let mut record = [0; 64];
        let mut writer = Writer::new(&mut record);
        w.bot.write_seen_of(id, &mut writer);
        let len = writer.finish().unwrap();
        assert!(len >= 16, "an event that could come twice");
        journal.extend(&record[..len]);
        w.see_delivery();
        w.decide(larkwire_core::Verdict::Accepted);
    }
    let mut w = World::seeded(Config { link: LinkMode::Off, ..config() }, Storage::growable(), Seed([9; 32]));
    w.serve(&webhook(), 16);
    w.fact(|bot, now| bot.restore_seen(now, &journal)).unwrap();
    w.start();
    for post in &posts {
        w.post(post);
    }
    assert!(w.delivered.is_empty(), "{:?}", w.ids());
}
