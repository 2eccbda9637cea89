//! An event that is posted, from the request to its answer (protocol sections 8.3 and 17.3): virtual clock, no sockets.

use larkwire_core::fault::DropReason;
use larkwire_core::webhook::{PostSlot, Refusal};
use larkwire_core::{Config, LinkMode, Notice, Region, Slots, Storage, UnixMillis, Verdict};

use crate::support::*;

pub(crate) const SUCCESS: (u16, &str) = (200, r#"{"msg":"success"}"#);
pub(crate) const EMPTY: (u16, &str) = (200, "{}");
pub(crate) const REFUSED: (u16, &str) = (503, r#"{"msg":"refused"}"#);

pub(crate) fn held() -> World {
    let mut w = World::posted();
    w.script.app = App::Hold;
    w
}

/// A message that is told from others by its number.
pub(crate) fn message(n: u32) -> Post {
    Post::sealed(&posted_message(&format!("e{n}"), &format!("om_{n}"), "hi"))
}

#[test]
fn an_event_is_answered_once_the_application_has_it() {
    let mut w = held();
    let n = w.post(&message(1));
    assert_eq!(w.answer_to(n), None, "accepted comes before 200");
    w.advance(1500);
    assert_eq!(w.answer_to(n), None);
    w.see_delivery();
    w.decide(Verdict::Accepted);
    assert_eq!((w.answer_to(n), w.took(n)), (Some(SUCCESS), 1500));
    assert_eq!(
        (w.ids(), w.delivered[0].trace_id.as_str(), w.delivered[0].content.as_str()),
        (vec!["e1"], "r-1", r#"{"text":"hi"}"#)
    );
    let stats = w.bot.stats();
    assert_eq!((stats.posts, stats.accepted, stats.callbacks_answered), (1, 1, 0));
}

#[test]
fn what_the_application_throws_away_is_answered_200() {
    let mut w = held();
    for (n, verdict) in [Verdict::Discarded, Verdict::Later, Verdict::Accepted].into_iter().enumerate() {
        let post = w.post(&message(n as u32));
        w.decide(verdict);
        assert_eq!(w.answer_to(post), Some(SUCCESS), "{verdict:?}");
    }
    assert_eq!((w.dropped(DropReason::Discarded), w.bot.stats().accepted), (1, 2));
}

#[test]
fn events_come_in_their_order_and_are_answered_apart() {
    let mut w = held();
    let posts: Vec<_> = (0..5).map(|n| w.post(&message(n))).collect();
    w.script.app = App::Accept;
    w.run();
    assert_eq!(w.ids(), ["e0", "e1", "e2", "e3", "e4"]);
    assert!(posts.iter().all(|n| w.answer_to(*n) == Some(SUCCESS)));
}

#[test]
fn a_full_inbox_answers_503_after_two_seconds_and_the_event_comes_again() {
    let mut w = held();
    let first = w.post(&message(1));
    w.advance(1999);
    assert_eq!(w.answer_to(first), None);
    w.advance(1);
    assert_eq!((w.answer_to(first), w.took(first)), (Some(REFUSED), 2000));
    assert!(w.bot.is_room_wanted() && w.bot.poll_delivery().is_none());
    assert_eq!((w.dropped(DropReason::InboxFull), w.bot.stats().refused(Refusal::InboxFull)), (1, 1));
    // From now on nobody waits in vain, until room is told.
    let second = w.post(&message(2));
    assert_eq!((w.answer_to(second), w.took(second)), (Some(REFUSED), 0));
    w.room(1);
    w.script.app = App::Accept;
    // The platform sends it again, as it was or signed anew.
    w.advance(15_000);
    let again = w.post(&message(1));
    assert_eq!((w.answer_to(again), w.ids()), (Some(SUCCESS), vec!["e1"]));
    let anew = w.post(&Post::sealed(&posted_message("e1", "om_1", "hi")).sign(&(UNIX + 15).to_string(), "n-2"));
    assert_eq!((w.answer_to(anew), w.ids()), (Some(SUCCESS), vec!["e1"]), "accepted once");
    assert_eq!(w.dropped(DropReason::Duplicate), 1);
}

#[test]
fn an_application_that_refuses_is_answered_for_at_once() {
    let mut w = held();
    let n = w.post(&message(1));
    w.decide(Verdict::Refused);
    assert_eq!(w.answer_to(n), Some(REFUSED));
    assert!(!w.bot.is_room_wanted(), "it said so itself; the next one may fit");
    let n = w.post(&message(2));
    w.decide(Verdict::Accepted);
    assert_eq!(w.answer_to(n), Some(SUCCESS));
}

#[test]
fn no_place_is_a_full_inbox_and_known_events_need_none() {
    let mut w = World::with(Config { link: LinkMode::Off, ..config() }, Storage::growable());
    w.serve(&webhook(), 2);
    w.start();
    let first = w.post(&message(1));
    assert_eq!(w.answer_to(first), Some(SUCCESS));
    w.script.app = App::Hold;
    let waiting = [w.post(&message(2)), w.post(&message(3))];
    let third = w.post(&message(4));
    assert_eq!((w.answer_to(third), w.bot.is_room_wanted()), (Some(REFUSED), false));
    let known = w.post(&message(1));
    assert_eq!(w.answer_to(known), Some(SUCCESS));
    w.script.app = App::Accept;
    w.run();
    assert!(waiting.iter().all(|n| w.answer_to(*n) == Some(SUCCESS)));
    // An answer that nobody takes keeps its place.
    w.leaves_answers = true;
    let kept = [w.post(&message(5)), w.post(&message(6))];
    let none = w.post(&message(7));
    assert_eq!((w.answer_to(none), w.bot.poll_posted().map(|answer| answer.id)), (Some(REFUSED), w.posts[kept[0]].id));
    w.leaves_answers = false;
    w.run();
    assert!(kept.iter().all(|n| w.answer_to(*n) == Some(SUCCESS)));
}

#[test]
fn without_places_everything_is_refused() {
    let mut w = World::with(Config { link: LinkMode::Off, ..config() }, Storage::growable());
    w.start();
    w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(UNIX * 1000))));
    let n = w.post(&message(1));
    assert_eq!((w.answer_to(n), w.delivered.len()), (Some(REFUSED), 0));
}

#[test]
fn places_of_different_sizes_are_used_as_they_fit() {
    let mut w = World::with(Config { link: LinkMode::Off, ..config() }, Storage::growable());
    let slots = [PostSlot::new(Region::growable(100)), PostSlot::new(Region::growable(4000))];
    w.bot.accept_posts(&webhook(), Slots::fixed(Box::leak(Box::new(slots))));
    w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(UNIX * 1000))));
    w.start();
    let n = w.post(&message(1));
    assert_eq!((w.answer_to(n), w.ids()), (Some(SUCCESS), vec!["e1"]));
}

#[test]
fn what_no_place_could_hold_is_answered_200_and_reported() {
    let mut w = World::with(Config { link: LinkMode::Off, ..config() }, Storage::growable());
    w.bot.accept_posts(&webhook(), Slots::fixed(Box::leak(Box::new([PostSlot::new(Region::growable(100))]))));
    w.fact(|bot, now| bot.handle_wall_clock(now, Some(UnixMillis(UNIX * 1000))));
    w.start();
    let n = w.post(&message(1));
    assert_eq!((w.answer_to(n), w.dropped(DropReason::TooBig), w.delivered.len()), (Some(SUCCESS), 1, 0));
    assert_eq!(w.bot.stats().refused(Refusal::InboxFull), 0);
}

#[test]
fn two_copies_that_wait_at_once_are_delivered_once_and_both_answered_200() {
    let mut w = held();
    let first = w.post(&message(1));
    let same = w.post(&message(1));
    let anew = w.post(&Post::sealed(&posted_message("e1", "om_9", "hi")).sign(&UNIX.to_string(), "n-2"));
    let other_event = w.post(&Post::sealed(&posted_message("e9", "om_1", "hi")).sign(&UNIX.to_string(), "n-3"));
    let unlike = w.post(&message(2));
    w.see_delivery();
    w.decide(Verdict::Accepted);
    for n in [first, same, anew, other_event] {
        assert_eq!(w.answer_to(n), Some(SUCCESS));
    }
    assert_eq!((w.answer_to(unlike), w.dropped(DropReason::Duplicate)), (None, 3));
    w.script.app = App::Accept;
    w.run();
    assert_eq!(w.ids(), ["e1", "e2"]);
}

#[test]
fn what_was_thrown_away_is_not_shown_again_when_the_same_request_comes_again() {
    let mut w = held();
    let (first, waiting) = (w.post(&message(1)), w.post(&message(1)));
    w.decide(Verdict::Discarded);
    assert_eq!((w.answer_to(first), w.answer_to(waiting)), (Some(SUCCESS), Some(SUCCESS)));
    let again = w.post(&message(1));
    assert_eq!((w.answer_to(again), w.bot.poll_delivery().is_none()), (Some(SUCCESS), true));
    assert_eq!((w.dropped(DropReason::Discarded), w.dropped(DropReason::Duplicate)), (1, 2));
}

#[test]
fn a_copy_stands_in_for_one_that_was_refused() {
    let mut w = held();
    let first = w.post(&message(1));
    let same = w.post(&message(1));
    w.decide(Verdict::Refused);
    assert_eq!((w.answer_to(first), w.answer_to(same)), (Some(REFUSED), None));
    w.see_delivery();
    w.decide(Verdict::Accepted);
    assert_eq!((w.answer_to(same), w.ids()), (Some(SUCCESS), vec!["e1"]));
}

#[test]
fn a_late_acceptance_keeps_the_redelivery_away() {
    let mut w = held();
    let first = w.post(&message(1));
    let id = w.bot.poll_delivery().unwrap().id();
    w.advance(2000);
    assert_eq!(w.answer_to(first), Some(REFUSED));
    w.fact(|bot, now| bot.handle_delivered(now, id, Verdict::Accepted));
    w.fact(|bot, now| bot.handle_delivered(now, id, Verdict::Accepted));
    assert_eq!(w.bot.stats().accepted, 1, "said twice it is one event");
    w.room(5);
    w.advance(15_000);
    let again = w.post(&message(1));
    assert_eq!((w.answer_to(again), w.bot.poll_delivery().is_none()), (Some(SUCCESS), true));
}

#[test]
fn a_late_acceptance_settles_the_redelivery_that_waits_already() {
    let mut w = held();
    let _ = w.post(&message(1));
    let id = w.bot.poll_delivery().unwrap().id();
    w.advance(2000);
    w.room(5);
    let again = w.post(&message(1));
    assert_eq!(w.answer_to(again), None);
    w.fact(|bot, now| bot.handle_delivered(now, id, Verdict::Accepted));
    w.run();
    assert_eq!((w.answer_to(again), w.bot.poll_delivery().is_none()), (Some(SUCCESS), true), "it has it");
}

#[test]
fn a_late_acceptance_of_an_event_without_an_id_is_remembered_by_its_signature() {
    let mut w = held();
    let post = Post::sealed(&preview_json(serde_json::Value::Null).to_string());
    w.post(&post);
    let id = w.bot.poll_delivery().unwrap().id();
    w.advance(2000);
    w.fact(|bot, now| bot.handle_delivered(now, id, Verdict::Accepted));
    w.room(5);
    let again = w.post(&post);
    assert_eq!((w.answer_to(again), w.bot.poll_delivery().is_none()), (Some(EMPTY), true));
}

#[test]
fn what_is_no_event_is_answered_200_and_reported() {
    let mut w = held();
    let odd = format!(r#"{{"x":1,"token":"{TOKEN}"}}"#);
    assert_eq!(w.post_event(&odd), Some((200, SUCCESS.1.to_owned())));
    let dropped = w.notices.iter().any(|(_, notice)| {
        matches!(notice, Notice::Dropped { reason: DropReason::Malformed, trace_id, .. } if trace_id.as_str() == "r-1")
    });
    assert!(dropped && w.dropped(DropReason::Malformed) == 1, "{:?}", w.notices);
    let foreign = posted_message("e1", "om_1", "hi").replace(APP_ID, "cli_other");
    assert_eq!(w.post_event(&foreign), Some((200, SUCCESS.1.to_owned())));
    assert_eq!((w.dropped(DropReason::OtherApp), w.bot.poll_delivery().is_none()), (1, true));
}

#[test]
fn duplicates_are_known_whichever_way_they_came() {
    let mut w = World::with(config(), Storage::growable()).open();
    w.serve(&webhook(), 4);
    w.event("m1", &message_json("e1", "om_1", "hi"));
    let posted = w.post(&message(1));
    assert_eq!((w.answer_to(posted), w.ids()), (Some(SUCCESS), vec!["e1"]));
    w.post(&message(2));
    w.event("m2", &message_json("e2", "om_2", "hi"));
    assert_eq!((w.ids(), w.acks.len()), (vec!["e1", "e2"], 2), "and the frame is acked");
    assert_eq!(w.dropped(DropReason::Duplicate), 2);
    // Whichever has waited longer is shown first, and a verdict goes to its own.
    w.script.app = App::Hold;
    let third = w.post(&message(3));
    w.event("m4", &message_json("e4", "om_4", "hi"));
    let fifth = w.post(&message(5));
    w.script.app = App::Accept;
    w.run();
    assert_eq!(w.ids(), ["e1", "e2", "e3", "e4", "e5"]);
    assert_eq!((w.answer_to(third), w.answer_to(fifth), w.acks.len()), (Some(SUCCESS), Some(SUCCESS), 3));
}

#[test]
fn a_posted_copy_of_what_the_long_connection_shows_is_settled_with_it() {
    let mut w = World::with(config(), Storage::growable()).open();
    w.serve(&webhook(), 4);
    w.script.app = App::Hold;
    w.event("m1", &message_json("e1", "om_1", "hi"));
    let posted = w.post(&message(1));
    w.see_delivery();
    w.decide(Verdict::Accepted);
    assert_eq!((w.answer_to(posted), w.acks.len(), w.bot.poll_delivery().is_none()), (Some(SUCCESS), 1, true));
}

#[test]
fn what_the_long_connection_shows_is_settled_with_its_posted_copy() {
    let mut w = World::with(config(), Storage::growable()).open();
    w.serve(&webhook(), 4);
    w.script.app = App::Hold;
    let posted = w.post(&message(1));
    w.event("m1", &message_json("e1", "om_1", "hi"));
    w.see_delivery();
    w.decide(Verdict::Accepted);
    assert_eq!((w.answer_to(posted), w.acks.len(), w.bot.poll_delivery().is_none()), (Some(SUCCESS), 1, true));
    assert_eq!((w.dropped(DropReason::Duplicate), w.bot.stats().accepted), (1, 1));
    // The connection goes on.
    w.script.app = App::Accept;
    w.event("m2", &message_json("e2", "om_2", "hi"));
    assert_eq!((w.ids().pop(), w.acks.len()), (Some("e2"), 2));
}

#[test]
fn refused_requests_are_counted_and_told_at_most_once_a_minute() {
    let mut w = held();
    let told = |w: &World| -> Vec<(u64, Refusal, u32)> {
        let told = |(at, notice): &(u64, Notice)| match notice {
            Notice::PostRefused { reason, times } => Some((*at, *reason, *times)),
            _ => None,
        };
        w.notices.iter().filter_map(told).collect()
    };
    let (unsigned, forged) = (Post::plain(posted_message("e1", "om_1", "hi")), message(1).set(SIGNATURE, "00"));
    w.post(&forged);
    for _ in 0..1000 {
        w.post(&unsigned);
    }
    assert_eq!(told(&w), [(0, Refusal::SignatureWrong, 1)]);
    w.advance(59_999);
    w.post(&forged);
    assert_eq!(told(&w).len(), 1);
    w.advance(1);
    w.post(&unsigned);
    assert_eq!(told(&w)[1..], [(60_000, Refusal::SignatureMissing, 1002)]);
    let stats = w.bot.stats();
    assert_eq!((stats.refused(Refusal::SignatureMissing), stats.refused(Refusal::SignatureWrong)), (1001, 2));
    assert_eq!((stats.posts, stats.accepted, w.bot.poll_timeout()), (0, 0, None), "a refusal needs no alarm");
}

#[test]
fn the_verification_of_the_url_is_told_and_counted() {
    let mut w = held();
    let n = w.post(&Post::plain(verification(TOKEN.into(), "c".into())));
    assert_eq!(w.answer_to(n), Some((200, r#"{"challenge":"c"}"#)));
    assert_eq!((w.bot.stats().challenges, w.bot.stats().posts), (1, 0));
    assert!(w.notices.iter().any(|(_, notice)| *notice == Notice::UrlVerified));
}

#[test]
fn a_posted_message_is_acknowledged_with_a_reaction_like_any_other() {
    let config = Config {
        link: LinkMode::Off,
        ack_reactions: larkwire_core::AckReactions::Fixed(larkwire_core::Locale::En),
        ..config()
    };
    let mut w = World::posted_with(config);
    w.post(&message(1));
    w.post(&message(1));
    w.advance(60_000);
    assert_eq!(w.reactions().len(), 1);
    assert_eq!(w.reactions()[0].0, "om_1");
}
