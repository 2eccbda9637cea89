//! Counts what the engine takes from the heap: nothing between received bytes and the delivered event and its ack once it
//! is warm, and nothing at all with fixed storage.
#![cfg(feature = "alloc")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    missing_docs,
    reason = "tests may panic, and print figures"
)]

mod support;

use larkwire_core::{Bot, Buffers, Call, Lane, Seed, State, Verdict, Wish};
use support::*;

fn allocations<R>(work: impl FnOnce() -> R) -> (R, u64) {
    let mut result = None;
    let info = allocation_counter::measure(|| result = Some(work()));
    (result.unwrap(), info.count_total)
}

/// Received bytes in, the event read and accepted, the ack out.
fn one_event(bot: &mut Bot<'_>, now: larkwire_core::Instant, bytes: &[u8]) -> usize {
    let Wish::Up(target) = bot.poll_lane(Lane::Socket) else { panic!() };
    let attempt = target.attempt;
    let mut delivered = 0;
    for piece in bytes.chunks(97) {
        bot.handle_received(now, Lane::Socket, attempt, piece);
        while let Some(event) = bot.poll_delivery() {
            let id = event.id();
            let message = event.message().unwrap();
            let mut buffer = [0; 1024];
            let content = message.content().unwrap().unescape(&mut buffer).unwrap();
            assert!(content.starts_with("{\"text\""));
            bot.handle_delivered(now, id, Verdict::Accepted);
            delivered += 1;
        }
    }
    let acked = bot.poll_transmit(Lane::Socket).len();
    assert!(acked > 0);
    bot.handle_transmitted(now, Lane::Socket, attempt, acked);
    delivered
}

/// A whole and a split event, as a server writes them.
fn pushes(n: usize) -> Vec<u8> {
    let whole = message_json(&format!("e{n}"), &format!("om_{n}"), "早上好, zero allocations");
    let split = message_json(&format!("s{n}"), &format!("om_s{n}"), "in parts");
    let (a, b) = split.as_bytes().split_at(200);
    let id = format!("m{n}");
    [event_frame("whole", &whole), part_frame(&id, "2", "1", b), part_frame(&id, "2", "0", a)]
        .iter()
        .flat_map(|frame| ws(2, frame))
        .collect()
}

#[test]
fn a_warm_bot_on_the_heap_allocates_nothing_from_bytes_to_ack() {
    let mut w = World::new().open();
    let now = w.instant();
    // Warm: the table of ids has its size for the events to come, the rings are there.
    for n in 0..40 {
        one_event(&mut w.bot, now, &pushes(n));
    }
    let bytes: Vec<_> = (100..110).map(pushes).collect();
    let mut delivered = 0;
    for bytes in &bytes {
        let (n, count) = allocations(|| one_event(&mut w.bot, now, bytes));
        assert_eq!(count, 0, "allocations");
        delivered += n;
    }
    assert_eq!(delivered, 20);
    // Also after an hour in which only pings went by.
    w.advance(3_600_000);
    assert_eq!(w.bot.state(), State::Open);
    let (now, bytes) = (w.instant(), pushes(200));
    let (n, count) = allocations(|| one_event(&mut w.bot, now, &bytes));
    println!("heap storage, warm: {count} allocations for {n} events");
    assert_eq!((n, count), (2, 0));
}

#[test]
fn a_bot_in_fixed_storage_never_allocates() {
    let mut buffers = Buffers::<2048, 1024, 2048, 1024, 256>::new();
    let mut tables = buffers.tables();
    let discovery = {
        let body = r#"{"code":0,"data":{"URL":"wss://h.example/ws?service_id=1"}}"#;
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let answer = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let token = answer(r#"{"code":0,"tenant_access_token":"t-1","expire":7200}"#);
    let sent = answer(r#"{"code":0,"data":{"message_id":"om_9"}}"#);
    let events: Vec<_> = (0..20).map(pushes).collect();
    let mut head = Vec::with_capacity(1024);
    let mut accept = String::with_capacity(1024);
    let now = larkwire_core::Instant::from_millis(5);
    let (made, count) = allocations(|| Bot::new(config(), tables.storage(), Seed([3; 32])));
    let (mut bot, mut total) = (made.unwrap(), count);

    let http = Lane::Http(0);
    let up = |bot: &Bot<'_>, lane| match bot.poll_lane(lane) {
        Wish::Up(target) => target.attempt,
        Wish::Down => panic!("{lane:?} is down"),
    };
    let ((), count) = allocations(|| {
        bot.handle_timeout(now);
        let attempt = up(&bot, http);
        bot.handle_opened(now, http, attempt);
        let n = bot.poll_transmit(http).len();
        bot.handle_transmitted(now, http, attempt, n);
        bot.handle_received(now, http, attempt, discovery.as_bytes());
        let attempt = up(&bot, Lane::Socket);
        bot.handle_opened(now, Lane::Socket, attempt);
        head.extend_from_slice(bot.poll_transmit(Lane::Socket));
        bot.handle_transmitted(now, Lane::Socket, attempt, head.len());
    });
    total += count;
    let text = String::from_utf8(head).unwrap();
    let key = text.split_once("Sec-WebSocket-Key: ").unwrap().1.split('\r').next().unwrap();
    accept.push_str(&ACCEPT.replace("{accept}", &accept_of(key)));
    let (delivered, count) = allocations(|| {
        let attempt = up(&bot, Lane::Socket);
        bot.handle_received(now, Lane::Socket, attempt, accept.as_bytes());
        assert_eq!(bot.state(), State::Open);
        let mut delivered = 0;
        for bytes in &events {
            delivered += one_event(&mut bot, now, bytes);
        }
        bot.submit(now, Call::reply_text("om_1", "hi")).unwrap();
        for reply in [&token, &sent] {
            let attempt = up(&bot, http);
            let n = bot.poll_transmit(http).len();
            bot.handle_transmitted(now, http, attempt, n);
            bot.handle_received(now, http, attempt, reply.as_bytes());
        }
        let id = bot.poll_completion().unwrap().id;
        bot.handle_completed(now, id);
        while let Some(due) = bot.poll_timeout().filter(|due| due.at.as_millis() < 1_000_000) {
            bot.handle_timeout(due.at);
        }
        while bot.take_notice().is_some() {}
        bot.shut_down(now);
        delivered
    });
    total += count;
    println!("fixed storage, whole life: {total} allocations, {delivered} events");
    assert_eq!((total, delivered), (0, 40));
}
