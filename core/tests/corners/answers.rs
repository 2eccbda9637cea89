//! Answers of the open platform that no platform should give.

use larkwire_core::fault::{CallFaultKind, Misuse};
use larkwire_core::locale::Locale;
use larkwire_core::{
    AckReactions, Body, Call, Closed, Config, GateRules, Identity, Lane, Notice, OwnOpenId, Seed, Storage,
};

use crate::support::*;

type Outcome = Result<(String, String), CallFaultKind>;

/// What a reply comes to when the platform answers it so, and how often it was asked.
fn outcome(reply: Reply) -> (Outcome, usize) {
    let mut w = World::new().open();
    w.script.call = reply;
    let id = w.reply("om_1", "hi");
    w.until(61_000, "a result", |w| w.completed.iter().any(|done| done.id == id));
    (w.completed[0].result.clone().map_err(|fault| fault.kind), w.calls().len())
}

fn named(body: &str) -> World {
    let gate = GateRules { allowed_users: &["*"], ..GateRules::default() };
    let config = Config { own_open_id: OwnOpenId::Fetched, gate, ..config() };
    let mut w = World::seeded(config, Storage::growable(), Seed([7; 32]));
    w.script.bot_infos.push_back(Reply::json(200, body));
    w.open()
}

#[test]
fn an_answer_that_is_no_object_is_no_success() {
    for body in ["[]", "7", r#""code""#, "null"] {
        assert_eq!(outcome(Reply::json(200, body)), (Err(CallFaultKind::Answer), 1), "{body}");
    }
}

#[test]
fn data_that_is_no_object_says_nothing_about_a_success() {
    for data in ["[{\"message_id\":\"om_2\"}]", "\"om_2\"", "null", "7"] {
        let (result, _) = outcome(Reply::json(200, &format!(r#"{{"data":{data},"code":0}}"#)));
        assert_eq!(result, Ok((String::new(), String::new())), "{data}");
    }
}

#[test]
fn a_server_that_never_comes_to_its_answer_is_given_up_after_eight_interim_ones() {
    let interim = |n: usize| "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n".repeat(n).into_bytes();
    let Reply::Raw(good) = Reply::json(200, r#"{"code":0,"data":{"message_id":"om_2"}}"#) else { panic!() };
    let (result, calls) = outcome(Reply::Raw([interim(8), good.clone()].concat()));
    assert_eq!((result.map(|(id, _)| id), calls), (Ok("om_2".to_owned()), 1));
    let (result, _) = outcome(Reply::Raw([interim(9), good].concat()));
    assert!(result.is_err(), "{result:?}");
}

#[test]
fn an_answer_cut_on_a_used_connection_is_not_taken_for_an_idle_one_that_went() {
    // Nothing at all, some of a head, a head without its body: only the first is repeated at once.
    for (bytes, at_once) in [
        ("", true),
        ("HTTP/1.1 200 OK\r\nCont", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"code\"", false),
    ] {
        let mut w = World::new().open();
        w.reply("om_0", "warm");
        let before = w.calls().len();
        w.script.calls.push_back(Reply::RawThenEof(bytes.as_bytes().to_vec()));
        w.reply("om_1", "hi");
        let told = w.notices.iter().any(|(_, notice)| matches!(notice, Notice::CallRetried { .. }));
        assert_eq!((w.calls().len() - before == 2, told), (at_once, !at_once), "{bytes:?}");
        w.until(60_000, "sent", |w| w.completed.len() == 2);
        assert!(w.completed[1].result.is_ok() && w.calls().len() - before == 2, "{bytes:?}");
    }
}

#[test]
fn bytes_beyond_what_was_asked_for_end_the_exchange_and_not_the_bot() {
    let mut w = World::new().open();
    w.script.calls.push_back(Reply::Hang);
    w.reply("om_1", "hi");
    let lane = w.calls()[0].lane;
    let (attempt, room) = (w.attempt(lane).unwrap(), w.bot.poll_receive(lane));
    w.received(lane, attempt, &vec![b' '; room + 1]);
    assert_ne!(w.attempt(lane), Some(attempt), "the connection is not used again");
    w.until(60_000, "a result", |w| w.completed.len() == 1);
    assert_eq!(w.completed[0].result.clone().unwrap_err().kind, CallFaultKind::Answer);
    let sent = w.reply("om_2", "hi");
    assert!(w.completed.iter().any(|done| done.id == sent && done.result.is_ok()));
}

#[test]
fn who_the_bot_is_is_found_among_members_that_nobody_knows() {
    for body in [
        r#"{"code":0,"bot":{"x":"y","avatar":{"open_id":"ou_no"},"app_name":"Echo","open_id":"ou_bot","ip":[1]}}"#,
        r#"{"code":0,"data":{"x":"y","other":{"open_id":"ou_no"},
            "bot":{"x":"y","avatar":{},"app_name":"Echo","open_id":"ou_bot"}}}"#,
    ] {
        let w = named(body);
        assert_eq!(w.bot.identity(), Identity::Known { open_id: "ou_bot", app_name: "Echo" }, "{body}");
    }
    let w = named(r#"{"code":0,"bot":{"open_id":7,"app_name":"Echo"}}"#);
    assert_eq!(w.bot.identity(), Identity::Unknown { failures: 1 });
}

#[test]
fn a_lookup_whose_new_token_is_refused_too_pauses() {
    let config = Config { own_open_id: OwnOpenId::Fetched, ..config() };
    let mut w = World::seeded(config, Storage::growable(), Seed([7; 32]));
    w.script.bad_tokens = vec!["Bearer t-1".to_owned(), "Bearer t-2".to_owned()];
    let mut w = w.open();
    assert_eq!((w.lookups().len(), w.token_requests(), w.bot.identity()), (2, 2, Identity::Unknown { failures: 1 }));
    w.advance(12_000);
    assert_eq!((w.lookups().len(), w.token_requests()), (3, 3));
    assert!(matches!(w.bot.identity(), Identity::Known { open_id: "ou_bot", .. }));
}

#[test]
fn a_late_refusal_of_an_old_token_does_not_cost_the_new_one() {
    let mut w = World::new().open();
    let Reply::Raw(refusal) = Reply::json(400, r#"{"code":99991663,"msg":"Invalid access token"}"#) else { panic!() };
    w.script.calls.extend([Reply::Hang, Reply::Raw(refusal.clone())]);
    w.reply("om_1", "slow");
    let Lane::Http(slow) = w.calls()[0].lane else { panic!() };
    w.reply("om_2", "quick");
    assert_eq!((w.token_requests(), w.completed.len()), (2, 1), "refused once, sent with the second token");
    w.http_raw(slow, &refusal);
    assert_eq!((w.token_requests(), w.completed.len()), (2, 2));
    assert_eq!(w.calls().last().unwrap().header("Authorization"), Some("Bearer t-2"));
}

#[test]
fn a_lifetime_is_believed_under_either_name() {
    for (members, fetched) in [
        (r#""expire":7200"#, 1),
        (r#""expires_in":7200"#, 1),
        (r#""expires_in":60,"expire":7200"#, 1),
        (r#""expire":7200,"expires_in":60"#, 1),
        (r#""expire":60"#, 2),
        (r#""lifetime":7200"#, 2),
    ] {
        let mut w = World::new().open();
        let body = format!(r#"{{"code":0,"tenant_access_token":"t-x",{members}}}"#);
        w.script.tokens.push_back(Reply::json(200, &body));
        w.reply("om_1", "x");
        w.advance(120_000);
        w.reply("om_1", "x");
        assert_eq!((w.token_requests(), w.completed.len()), (fetched, 2), "{members}");
    }
}

#[test]
fn what_is_no_token_is_not_sent_as_one() {
    let long = format!(r#"{{"code":0,"tenant_access_token":"t-{}","expire":60}}"#, "x".repeat(20_000));
    for (status, body, words) in [
        (200, "[]", ""),
        (500, r#"{"code":0,"tenant_access_token":"t-x","expire":7200}"#, ""),
        (302, r#"{"code":0,"tenant_access_token":"t-x","expire":7200}"#, ""),
        (200, r#"{"code":0,"tenant_access_token":"","expire":7200}"#, "the token is not readable"),
        (200, r#"{"code":0,"tenant_access_token":"t x","expire":7200}"#, "the token is not readable"),
        (200, r#"{"code":0,"tenant_access_token":"t\r\nX: y","expire":7200}"#, "the token is not readable"),
        (200, &long, "the token is longer than its storage"),
    ] {
        let mut w = World::new().open();
        w.script.tokens.extend(std::iter::repeat_n(Reply::json(status, body), 100));
        w.reply("om_1", "x");
        w.until(61_000, "a result", |w| w.completed.len() == 1);
        let fault = w.completed[0].result.clone().unwrap_err();
        assert_eq!((fault.kind, w.calls().len()), (CallFaultKind::Token, 0), "{status} {fault:?}");
        assert!(fault.message.as_str().contains(words), "{fault:?}");
    }
}

#[test]
fn names_the_platform_does_not_know_are_each_tried_once_until_none_is_left() {
    let config = Config { ack_reactions: AckReactions::Fixed(Locale::En), ..config() };
    let mut w = World::with(config, Storage::growable()).open();
    let unknown = Reply::json(400, r#"{"code":231001,"msg":"reaction type is invalid"}"#);
    // Several are on their way at once, so that a name may be refused again after it was crossed out.
    w.script.reactions.extend(std::iter::repeat_n(Reply::Hang, 3));
    for n in 0..3 {
        w.event(&format!("m{n}"), &message_json(&format!("e{n}"), &format!("om_{n}"), "x"));
    }
    w.script.reactions.extend(std::iter::repeat_n(unknown.clone(), 1000));
    let Reply::Raw(bytes) = unknown else { panic!() };
    let hanging: Vec<_> = w.requests.iter().filter(|request| request.target.ends_with("/reactions")).collect();
    let lanes: Vec<_> = hanging.iter().map(|request| request.lane).collect();
    for lane in lanes {
        let Lane::Http(lane) = lane else { panic!() };
        w.http_raw(lane, &bytes);
    }
    for n in 3..60 {
        w.event(&format!("m{n}"), &message_json(&format!("e{n}"), &format!("om_{n}"), "x"));
        w.advance(1000);
    }
    let mut names: Vec<_> = w.reactions().into_iter().map(|(_, emoji)| emoji).collect();
    let asked = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), Locale::En.reactions().len(), "all were tried");
    assert!(asked <= names.len() + 3, "{asked} requests for {} names", names.len());
    assert_eq!(w.delivered.len(), 60, "events come all the same");
}

#[test]
fn an_id_too_long_to_be_kept_is_not_reacted_to() {
    let config = Config { ack_reactions: AckReactions::Fixed(Locale::En), ..config() };
    let mut w = World::with(config, Storage::growable()).open();
    for len in [60, 61, 62] {
        let id = format!("om_{}", "x".repeat(len));
        w.event(&id, &message_json(&format!("e{len}"), &id, "x"));
    }
    let lens: Vec<_> = w.reactions().iter().map(|(message, _)| message.len()).collect();
    assert_eq!((lens, w.delivered.len()), (vec![63, 64], 3));
}

#[test]
fn words_that_would_break_a_request_are_refused_at_once() {
    let mut w = World::new().open();
    for (call, name) in [
        (Call::reply_text(".", "x"), "message_id"),
        (Call::reply_text(" \u{3000}", "x"), "message_id"),
        (Call::reply_text("om\u{7f}", "x"), "message_id"),
        (Call::UpdateCard { token: "", card: "{}" }, "token"),
        (Call::UpdateCard { token: "c-1 2", card: "{}" }, "token"),
        (Call::UpdateCard { token: "c-1\u{0}", card: "{}" }, "token"),
        (Call::UpdateCard { token: "c-1", card: "[]" }, "card"),
        (Call::UpdateCard { token: "c-1", card: "{}{}" }, "card"),
        (Call::Reply { message_id: "om", body: Body::Post("7"), in_thread: false, uuid: None }, "post"),
    ] {
        assert_eq!(w.fact(|bot, now| bot.submit(now, call)), Err(Misuse::Field(name)), "{call:?}");
    }
    assert_eq!(w.token_requests(), 0);
}

#[test]
fn a_base_url_too_long_for_the_lane_is_no_loop() {
    let domain = format!("https://open.feishu.cn/{}", "p".repeat(1100));
    let config = Config { domain: larkwire_core::Domain::Custom(&domain), ..config() };
    let mut buffers = larkwire_core::Buffers::<2048, 1024, 1024, 512, 16>::new();
    let mut tables = buffers.tables();
    let mut texts = [0; 2048];
    let storage = Storage { texts: larkwire_core::Region::fixed(&mut texts), ..tables.storage() };
    let mut bot = larkwire_core::Bot::new(config, storage, Seed([7; 32])).unwrap();
    let (mut now, mut dials) = (0, 0);
    while now < 600_000 && bot.ended().is_none() {
        let instant = larkwire_core::Instant::from_millis(now);
        bot.handle_timeout(instant);
        if let larkwire_core::Wish::Up(target) = bot.poll_lane(Lane::Http(0)) {
            dials += 1;
            bot.handle_opened(instant, Lane::Http(0), target.attempt);
            assert!(bot.poll_transmit(Lane::Http(0)).is_empty(), "nothing half is written");
            if let larkwire_core::Wish::Up(target) = bot.poll_lane(Lane::Http(0)) {
                bot.handle_closed(instant, Lane::Http(0), target.attempt, Closed::Eof);
            }
        }
        now = bot.poll_timeout().map_or(u64::MAX, |deadline| deadline.at.as_millis().max(now + 1));
    }
    assert!((1..100).contains(&dials), "{dials} dials within ten minutes");
}
