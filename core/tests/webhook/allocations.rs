//! Counts what a posted event takes from the heap: nothing from the request to its answer once the bot is warm, and
//! nothing at all in fixed storage. Checking a request never takes anything, whatever it holds.

use larkwire_core::webhook::{Checked, PostSlot, Posting, Webhook};
use larkwire_core::{Bot, Buffers, Config, Instant, LinkMode, Region, Seed, Slots, Storage, UnixMillis, Verdict};
use serde_json::json;

use crate::support::*;

fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

/// The n-th request of a long day.
fn request(n: usize) -> Post {
    let id = n.to_string();
    let post = match n % 8 {
        0 => Post::sealed(&posted_message(&format!("e{n}"), &format!("om_{n}"), "继续奋斗 \"x\"\n🎉")),
        1 => Post::signed(posted_message(&format!("e{n}"), &format!("om_{n}"), &"长".repeat(300))),
        2 | 3 => Post::sealed(&click_json(&format!("e{n}"), format!("c-{n}").into()).to_string()),
        4 => Post::sealed(&preview_json(format!("e{n}").into()).to_string()),
        5 => Post::sealed(&with_token(&other_json(&format!("e{n}"), "x.y_v1"))),
        6 => Post::sealed(&json!({"token": TOKEN, "x": n}).to_string()),
        _ => Post::plain(verification(TOKEN.into(), "c\"\n".into())),
    };
    if n % 8 == 7 { post } else { post.sign(&UNIX.to_string(), &id) }
}

/// Attacks of every kind.
fn attacks() -> Vec<Post> {
    let event = posted_message("e1", "om_1", "hi");
    vec![
        Post::plain(event.as_str()),
        Post::sealed(&event).set(SIGNATURE, "x"),
        Post::sealed(&event).and(NONCE, "x"),
        Post::sealed(&event).sign("1", "n"),
        Post::sealed(&event.replace(TOKEN, "x")),
        Post::signed(wrap("%%%%")),
        Post::signed(wrap(&base64(&[7; 48]))),
        Post::signed(wrap(&encrypt(KEY, b"not json"))),
        Post::signed(wrap(&encrypt(KEY, event.as_bytes()).replace('/', "\\/").replace('+', "\\u002B"))),
        Post::plain(wrap(&encrypt(KEY, verification(TOKEN.into(), "c".into()).as_bytes()))),
        Post::plain("[".repeat(4000)),
        Post::plain(b"\xff".to_vec()),
        Post { method: "GET", ..Post::sealed(&event) },
        Post::signed(vec![b' '; larkwire_core::webhook::MAX_BODY + 1]),
        Post::sealed(&posted_message("e1", "om_1", &"\"".repeat(70_000))),
    ]
}

#[test]
fn checking_a_request_never_allocates() {
    let webhook = webhook();
    let posts: Vec<_> = (0..32).map(request).chain(attacks()).collect();
    for post in &posts {
        let mut body = post.body.clone();
        let mut out = [0; 256];
        let count = allocations(|| {
            let head = post.head();
            let _ = webhook.admit(&head, Some(body.len() as u64));
            match webhook.check(&head, &mut body, Some(UnixMillis(UNIX * 1000))) {
                Ok(Checked::Challenge(challenge)) => assert!(challenge.reply(&mut out).is_ok()),
                Ok(Checked::Posted(posted)) => assert!(!posted.json().is_empty()),
                Err(refusal) => assert!(refusal.reply().status >= 400),
            }
        });
        assert_eq!(count, 0, "{}", String::from_utf8_lossy(&post.body[..post.body.len().min(200)]));
    }
}

/// Posts it, decides, answers, takes the answer; what the status was.
fn drive(bot: &mut Bot<'_>, webhook: &Webhook<'_>, now: Instant, post: &Post, body: &mut [u8]) -> u16 {
    let unix = bot.time_of_day(now);
    let posting = match webhook.check(&post.head(), body, unix) {
        Err(refusal) => {
            bot.handle_refused(now, refusal);
            Posting::Answered(refusal.reply())
        }
        Ok(Checked::Challenge(challenge)) => {
            bot.handle_challenged(now);
            let mut out = [0; 256];
            return challenge.reply(&mut out).unwrap().status;
        }
        Ok(Checked::Posted(posted)) => bot.handle_posted(now, &posted),
    };
    while bot.take_notice().is_some() {}
    let id = match posting {
        Posting::Answered(reply) => return reply.status,
        Posting::Waiting(id) => id,
    };
    let event = bot.poll_delivery().expect("it waits");
    let (delivery, response) = (event.id(), event.response_id());
    let _ = (event.typed(), event.actor(), event.message().map(|message| message.is_p2p()));
    bot.handle_delivered(now, delivery, Verdict::Later);
    if let Some(response) = response {
        bot.respond(now, response, r#"{"toast":{"type":"info","content":"已保存 ✓"}}"#.as_bytes()).unwrap();
    }
    let answer = bot.poll_posted().expect("it is answered");
    let (status, answered) = (answer.reply.status, answer.id);
    assert!(answered == id && !answer.reply.body.is_empty());
    bot.handle_answered(now, id);
    status
}

fn day(bot: &mut Bot<'_>, webhook: &Webhook<'_>, from: usize, to: usize) -> (u64, u64) {
    let posts: Vec<_> = (from..to).map(request).chain(attacks()).map(|post| (post.body.clone(), post)).collect();
    let (mut worst, mut good) = (0, 0);
    for (n, (mut body, post)) in posts.into_iter().enumerate() {
        let now = Instant::from_millis((from + n) as u64);
        let mut status = 0;
        worst = worst.max(allocations(|| status = drive(bot, webhook, now, &post, &mut body)));
        good += u64::from(status == 200);
    }
    (worst, good)
}

fn settings() -> Config<'static> {
    Config { link: LinkMode::Off, ..config() }
}

#[test]
fn a_warm_bot_on_the_heap_allocates_nothing_from_request_to_answer() {
    let mut bot = Bot::new(settings(), Storage::growable(), Seed([5; 32])).unwrap();
    let webhook = webhook();
    bot.accept_posts(&webhook, Slots::growable_with(64, || PostSlot::new(Region::growable(256 * 1024))));
    bot.handle_timeout(Instant::ZERO);
    bot.handle_wall_clock(Instant::ZERO, Some(UnixMillis(UNIX * 1000)));
    // Until the table of ids has its size for what follows.
    let (cold, warm_up) = day(&mut bot, &webhook, 0, 2400);
    let (worst, good) = day(&mut bot, &webhook, 2400, 3200);
    println!("heap, warm: at most {worst} allocations a request ({cold} while cold), {good} of 815 answered 200");
    assert!(cold > 0 && warm_up > 2400, "{cold} {warm_up}");
    assert_eq!((worst, good), (0, 803));
}

#[test]
fn a_bot_in_fixed_storage_never_allocates_for_what_is_posted() {
    let (mut texts, mut rooms) = ([0; 64], [[0; 2048]; 4]);
    let [a, b, c, d] = &mut rooms;
    let mut slots = [a, b, c, d].map(|room| PostSlot::new(Region::fixed(room)));
    let mut buffers = Buffers::<2048, 1024, 2048, 1024, 4096>::new();
    let mut tables = buffers.tables();
    let posts: Vec<_> = (0..1600).map(request).chain(attacks()).map(|post| (post.body.clone(), post)).collect();
    let mut good = 0_u64;
    let count = allocations(|| {
        let webhook = Webhook::new(&rules(), Region::fixed(&mut texts)).unwrap();
        let mut bot = Bot::new(settings(), tables.storage(), Seed([5; 32])).unwrap();
        bot.accept_posts(&webhook, Slots::fixed(&mut slots));
        bot.handle_timeout(Instant::ZERO);
        bot.handle_wall_clock(Instant::ZERO, Some(UnixMillis(UNIX * 1000)));
        for (n, (mut body, post)) in posts.into_iter().enumerate() {
            let now = Instant::from_millis(n as u64);
            good += u64::from(drive(&mut bot, &webhook, now, &post, &mut body) == 200);
        }
        bot.shut_down(Instant::from_millis(9000));
        assert!(bot.ended().is_some());
    });
    println!("fixed storage, whole life: {count} allocations, {good} of 1615 answered 200");
    assert_eq!(count, 0);
    assert!(good > 1590, "{good}");
}
