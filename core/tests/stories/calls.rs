//! Calls to the open platform: the outbox, tries and time limits (protocol section 16).

use larkwire_core::fault::{CallFaultKind, Misuse};
use larkwire_core::{Body, Call, Closed, Config, Lane, Notice, ReceiveIdType, State, Storage};

use crate::support::*;

pub(crate) fn refused(status: u16, code: i64) -> Reply {
    Reply::json(status, &format!(r#"{{"code":{code},"msg":"words"}}"#))
}

/// The result of one reply, and when it came.
pub(crate) fn outcome(w: &mut World, within: u64) -> (Result<String, CallFaultKind>, u64) {
    let from = w.now;
    let id = w.reply("om_1", "hi");
    w.until(within, "a result", |w| w.completed.iter().any(|done| done.id == id));
    let done = w.completed.iter().find(|done| done.id == id).unwrap();
    (done.result.clone().map(|(id, _)| id).map_err(|fault| fault.kind), done.at - from)
}

#[test]
fn a_reply_fetches_a_token_and_says_what_was_written() {
    let mut w = World::new().open();
    for text in [
        "hi",
        "Zitat: \"ja\" \\ / \t\n\r \u{1} \u{7f} \u{2028} 中文 🎉 </script>",
        "{\"text\":\"{}\"}",
        "\\u0041\\\\\\\"",
        "<at user_id=\"ou_1\">name</at>",
    ] {
        w.reply("om_1", text);
        let call = w.calls().last().copied().unwrap().clone();
        assert_eq!((call.method.as_str(), call.target.as_str()), ("POST", "/open-apis/im/v1/messages/om_1/reply"));
        assert_eq!(call.header("Authorization"), Some("Bearer t-1"));
        assert_eq!(call.header("Content-Type"), Some("application/json; charset=utf-8"));
        let body = call.json();
        assert_eq!(body["msg_type"], "text");
        let content: serde_json::Value = serde_json::from_str(body["content"].as_str().unwrap()).unwrap();
        assert_eq!(content, serde_json::json!({ "text": text }));
        let uuid = body["uuid"].as_str().unwrap();
        assert!(uuid.len() == 36 && uuid.chars().all(|ch| ch.is_ascii_hexdigit() || ch == '-'), "{uuid}");
    }
    let mut uuids: Vec<_> = w.calls().iter().map(|call| call.json()["uuid"].to_string()).collect();
    uuids.dedup();
    assert_eq!(uuids.len(), 5, "one for each message");
    assert_eq!(w.token_requests(), 1);
    let token = w.requests.iter().find(|request| request.target.contains("auth")).unwrap();
    assert_eq!(token.target, "/open-apis/auth/v3/tenant_access_token/internal");
    assert_eq!(token.json(), serde_json::json!({"app_id": APP_ID, "app_secret": SECRET}));
    assert_eq!(token.header("Authorization"), None);
    assert!(w.completed.iter().all(|done| done.result.as_ref().unwrap().0 == "om_sent"));
    assert_eq!(w.completed[0].result.as_ref().unwrap().1, r#"{"message_id":"om_sent","chat_id":"oc_1"}"#);
}

#[test]
fn a_message_is_sent_to_whatever_the_id_is() {
    let mut w = World::new().open();
    for (receive_id, given, kind) in [
        ("oc_1", None, "chat_id"),
        ("ou_1", None, "open_id"),
        ("on_1", None, "union_id"),
        ("a@b.example", None, "email"),
        ("oc_a@b", None, "email"),
        ("7be5fg9a", None, "user_id"),
        ("oc_1", Some(ReceiveIdType::UserId), "user_id"),
        ("é\"x", None, "user_id"),
    ] {
        w.submit(Call::Send { receive_id, receive_id_type: given, body: Body::text("x"), uuid: Some("my-uuid") });
        let call = w.calls().last().copied().unwrap().clone();
        assert_eq!(call.target, format!("/open-apis/im/v1/messages?receive_id_type={kind}"));
        let body = call.json();
        assert_eq!((&body["receive_id"], &body["uuid"]), (&receive_id.into(), &"my-uuid".into()));
    }
}

#[test]
fn an_id_with_odd_characters_stays_one_path_segment() {
    let mut w = World::new().open();
    w.reply("a/b?c#d e%中", "x");
    assert_eq!(w.calls()[0].target, "/open-apis/im/v1/messages/a%2Fb%3Fc%23d%20e%25%E4%B8%AD/reply");
}

#[test]
fn what_could_never_be_sent_is_refused_at_once() {
    let mut w = World::new().open();
    let long = "u".repeat(51);
    for (call, name) in [
        (Call::reply_text("", "x"), "message_id"),
        (Call::reply_text("..", "x"), "message_id"),
        (Call::reply_text("a\r\nb", "x"), "message_id"),
        (Call::reply_text("om", ""), "text"),
        (Call::Reply { message_id: "om", body: Body::text("x"), in_thread: false, uuid: Some("") }, "uuid"),
        (Call::Reply { message_id: "om", body: Body::text("x"), in_thread: false, uuid: Some(&long) }, "uuid"),
        (Call::send_text("", "x"), "receive_id"),
    ] {
        assert_eq!(w.fact(|bot, now| bot.submit(now, call)), Err(Misuse::Field(name)));
    }
    let mut w = World::small().open();
    let text = "x".repeat(600);
    let too_long = w.fact(|bot, now| bot.submit(now, Call::reply_text("om", &text)));
    assert!(matches!(too_long, Err(Misuse::TooLong { .. })), "{too_long:?}");
    w.script.calls.push_back(Reply::Hang);
    w.reply("om_1", "x");
    let full = w.fact(|bot, now| bot.submit(now, Call::reply_text("om", "x")));
    assert_eq!(full, Err(Misuse::Full));
}

#[test]
fn a_hundred_calls_at_once_share_one_token_and_all_arrive() {
    let mut w = World::new().open();
    for n in 0..100 {
        let text = n.to_string();
        w.fact(|bot, now| bot.submit(now, Call::reply_text("om_1", &text))).unwrap();
    }
    w.run();
    assert_eq!((w.token_requests(), w.calls().len(), w.completed.len()), (1, 100, 100));
    let dials = w.dials.iter().filter(|dial| dial.lane != Lane::Socket).count();
    assert!(dials <= 4, "kept alive: {dials} dials");
}

#[test]
fn a_busy_platform_is_tried_three_times_with_the_same_uuid() {
    for (reply, kind) in [
        (refused(429, 99_991_400), CallFaultKind::Rate),
        (Reply::json(429, ""), CallFaultKind::Rate),
        (refused(400, 99_991_400), CallFaultKind::Rate),
        (refused(200, 230_020), CallFaultKind::Rate),
        (Reply::json(500, "<html>"), CallFaultKind::Busy),
        (refused(503, 7), CallFaultKind::Busy),
        (refused(200, 230_049), CallFaultKind::Busy),
    ] {
        let mut w = World::new().open();
        w.script.call = reply;
        let (result, took) = outcome(&mut w, 60_000);
        assert_eq!(result, Err(kind));
        assert_eq!(w.calls().len(), 3);
        assert!(w.calls().windows(2).all(|two| two[0].body == two[1].body && two[1].at > two[0].at));
        assert!(took <= 2000 + 4000);
    }
}

#[test]
fn the_platforms_reset_time_is_waited_for() {
    let mut w = World::new().open();
    w.script.calls.push_back(Reply::with(429, &[("x-ogw-ratelimit-reset", "20")], r#"{"code":99991400}"#));
    assert_eq!(outcome(&mut w, 30_000), (Ok("om_sent".to_owned()), 20_000));
    assert!(w.notices.iter().any(|(_, notice)| matches!(notice, Notice::CallRetried { wait_ms: 20_000, .. })));
    let mut w = World::with(Config { call_timeout_ms: 300_000, ..config() }, Storage::growable()).open();
    w.script.calls.push_back(Reply::with(429, &[("Retry-After", "9999")], ""));
    assert_eq!(outcome(&mut w, 61_000).1, 60_000, "a minute at most");
}

#[test]
fn a_refusal_that_will_not_change_is_reported_at_once() {
    for (status, code, kind) in [
        (400, 99_991_672, CallFaultKind::Permission),
        (400, 230_002, CallFaultKind::TargetGone),
        (400, 230_001, CallFaultKind::Format),
        (200, 230_025, CallFaultKind::Size),
        (400, 123_456, CallFaultKind::Refused),
        (404, 0, CallFaultKind::Answer),
        (302, 0, CallFaultKind::Answer),
    ] {
        let mut w = World::new().open();
        let body = format!(r#"{{"code":{code},"msg":"words","error":{{"log_id":"x"}}}}"#);
        w.script.call = Reply::with(status, &[("X-Tt-Logid", "log-7"), ("Location", "https://evil.example")], &body);
        let (result, took) = outcome(&mut w, 1000);
        assert_eq!((result, took, w.calls().len()), (Err(kind), 0, 1), "{status} {code}");
        let done = &w.completed[0];
        let fault = done.result.as_ref().unwrap_err();
        assert_eq!(done.log_id, "log-7");
        assert_eq!(fault.code, if code == 0 { i64::from(status) } else { code });
        assert!(fault.to_string().contains(fault.next_step()));
    }
}

#[test]
fn a_call_never_takes_longer_than_its_time_limit() {
    let cases: [fn(&mut Script); 5] = [
        |script| script.call = Reply::Hang,
        |script| script.call = Reply::HangUp(Closed::Reset),
        |script| script.dial_http = Dial::Hang,
        |script| script.dial_http = Dial::Fail(Closed::Refused),
        |script| script.tokens.extend(std::iter::repeat_n(Reply::Hang, 100)),
    ];
    for limit in [1000, 5000, 20_000, 60_000] {
        for case in cases {
            let mut w = World::with(Config { call_timeout_ms: limit, ..config() }, Storage::growable()).open();
            w.advance(5000);
            case(&mut w.script);
            let (result, took) = outcome(&mut w, 100_000);
            assert_eq!((result, took), (Err(CallFaultKind::Network), u64::from(limit)));
        }
    }
}

#[test]
fn a_completion_is_kept_until_it_is_taken_and_blocks_nobody() {
    let mut w = World::new().open();
    w.script.take_completions = false;
    let first = w.reply("om_1", "one");
    let second = w.reply("om_2", "two");
    w.advance(3_600_000);
    assert_eq!(w.bot.poll_completion().unwrap().id, first);
    w.cut(Lane::Socket, Closed::Reset);
    w.until_open(31_000);
    w.shut_down();
    assert!(w.bot.ended().is_some());
    assert_eq!(w.bot.poll_completion().unwrap().id, first, "also after the end");
    w.fact(|bot, now| bot.handle_completed(now, first));
    assert_eq!(w.bot.poll_completion().unwrap().id, second);
    w.fact(|bot, now| bot.handle_completed(now, second));
    assert!(w.bot.poll_completion().is_none());
}

#[test]
fn an_idle_connection_is_kept_four_seconds_and_used_again() {
    let mut w = World::new().open();
    let http = |w: &World| w.dials.iter().filter(|dial| dial.lane != Lane::Socket).count();
    assert_eq!(http(&w), 1);
    w.reply("om_1", "x");
    w.advance(3999);
    w.reply("om_1", "x");
    assert_eq!(http(&w), 1, "discovery, token and both calls on one connection");
    w.advance(4000);
    assert_eq!(w.attempt(Lane::Http(0)), None);
    w.reply("om_1", "x");
    assert_eq!(http(&w), 2);
}

#[test]
fn a_connection_the_platform_let_go_is_opened_again_without_a_failure() {
    let mut w = World::new().open();
    w.reply("om_1", "x");
    w.script.calls.push_back(Reply::HangUp(Closed::Eof));
    assert_eq!(outcome(&mut w, 1000), (Ok("om_sent".to_owned()), 0));
    assert_eq!((w.calls().len(), w.token_requests()), (3, 1));
    assert_eq!(w.calls()[1].body, w.calls()[2].body);
    w.script.calls.push_back(Reply::HangUp(Closed::Eof));
    w.script.calls.push_back(Reply::HangUp(Closed::Eof));
    let (result, took) = outcome(&mut w, 10_000);
    assert!(result.is_ok() && took > 0, "a second time it is a failure with a pause");
}

#[test]
fn bytes_nobody_asked_for_end_an_idle_connection() {
    let mut w = World::new().open();
    w.http_raw(0, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    assert_eq!(w.attempt(Lane::Http(0)), None);
    assert_eq!(outcome(&mut w, 1000).0, Ok("om_sent".to_owned()));
}

#[test]
fn an_answer_before_the_request_is_out_never_mixes_two_requests() {
    let mut w = World::small().open();
    w.reply("om_0", "warm");
    w.script.write = 100;
    w.fact(|bot, now| bot.submit(now, Call::reply_text("om_1", "first"))).unwrap();
    w.write_once(Lane::Http(0));
    // The platform answers after a hundred bytes of the request and keeps the connection.
    w.script.write = 0;
    w.http_raw(0, b"HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{\"code\":230001,\"msg\":\"no\"}");
    assert_eq!(w.completed.len(), 2);
    w.script.write = usize::MAX;
    assert_eq!(outcome(&mut w, 10_000).0, Ok("om_sent".to_owned()));
    assert_eq!(w.calls().len(), 2, "the first one never arrived whole");
}

#[test]
fn unreachable_calls_pause_between_dials_and_never_hold_discovery() {
    let mut w = World::small().open();
    for dial in [Dial::Fail(Closed::Refused), Dial::Hang] {
        let mut w = World::small();
        w.script.http_dials.push_back(Dial::Open);
        w.script.dial_http = dial;
        let mut w = w.open();
        w.advance(5000);
        w.reply("om_1", "x");
        w.advance(70_000);
        let dials: Vec<_> = w.dials.iter().filter(|d| d.lane == Lane::Http(0)).map(|d| d.at).collect();
        assert!(dials.windows(2).all(|two| two[1] > two[0]), "{dials:?}");
    }
    w.advance(5000);
    w.script.dial_http = Dial::Fail(Closed::Refused);
    for _ in 0..10 {
        w.reply("om_1", "x");
        w.advance(20_000);
        w.script.dial_http = Dial::Open;
        w.cut(Lane::Socket, Closed::Reset);
        let wait = *w.waits().last().unwrap();
        let lost = w.now;
        w.until(31_000, "open", |w| w.bot.state() == State::Open);
        assert_eq!(w.now - lost, wait, "discovery starts when the link says, whatever brakes the calls");
        w.until(60_001, "the call's end", |w| !w.completed.is_empty());
        w.completed.clear();
        w.advance(5000);
        w.script.dial_http = Dial::Fail(Closed::Refused);
    }
}

#[test]
fn two_calls_to_a_dead_platform_do_not_dial_back_to_back() {
    let mut w = World::new().open();
    w.reply("om_0", "warm");
    w.advance(5000);
    w.script.dial_http = Dial::Hang;
    for _ in 0..8 {
        w.fact(|bot, now| bot.submit(now, Call::reply_text("om_1", "x"))).unwrap();
    }
    w.advance(70_000);
    for lane in 0..4 {
        let dials: Vec<_> = w.dials.iter().filter(|d| d.lane == Lane::Http(lane) && d.at > 0).map(|d| d.at).collect();
        assert!(dials.windows(2).all(|two| two[1] > two[0] + 15_000), "a pause after each failed dial: {dials:?}");
    }
}

#[test]
fn a_call_in_flight_holds_discovery_for_its_own_deadline_at_most() {
    let mut w = World::small().open();
    w.reply("om_0", "warm");
    w.script.calls.push_back(Reply::Hang);
    w.reply("om_1", "x");
    w.cut(Lane::Socket, Closed::Reset);
    w.until_open(46_000);
    let tokens = w.paths();
    assert!(tokens.iter().filter(|path| path.ends_with("/endpoint")).count() == 2);
}

#[test]
fn a_call_of_a_bot_that_was_never_started_waits_for_nothing() {
    let mut w = World::new();
    w.reply("om_1", "x");
    assert_eq!(w.completed.len(), 1);
    w.start();
    assert_eq!(w.bot.state(), State::Open);
}

#[test]
fn an_answer_longer_than_its_place_is_a_success_without_details() {
    let mut w = World::new().open();
    let long = format!(r#"{{"code":0,"data":{{"message_id":"om_9","x":"{}"}}}}"#, "y".repeat(1_500_000));
    w.script.calls.push_back(Reply::json(200, &long));
    w.reply("om_1", "x");
    assert_eq!(w.completed[0].result, Ok(("om_9".to_owned(), String::new())));
}
