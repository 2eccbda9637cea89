//! The tenant token: fetched once, renewed in time, refused (protocol section 15).

use larkwire_core::fault::{CallFaultKind, FatalReason};
use larkwire_core::{Call, End, Lane, Notice, State};

use super::calls::{outcome, refused};
use crate::support::*;

fn token(expire: &str) -> Reply {
    Reply::json(200, &format!(r#"{{"code":0,"msg":"ok","tenant_access_token":"t-x","expire":{expire}}}"#))
}

#[test]
fn v20_an_invalid_token_costs_one_refresh_and_one_repeat() {
    for reply in [
        refused(400, 99_991_663),
        refused(200, 99_991_668),
        refused(401, 0),
        refused(400, 99_991_677),
        Reply::json(401, ""),
    ] {
        let mut w = World::new().open();
        w.reply("om_0", "warm");
        w.script.calls.push_back(reply.clone());
        assert_eq!(outcome(&mut w, 1000).0, Ok("om_sent".to_owned()));
        assert_eq!((w.token_requests(), w.calls().len()), (2, 3));
        let calls = w.calls();
        assert_eq!(
            (calls[1].header("Authorization"), calls[2].header("Authorization")),
            (Some("Bearer t-1"), Some("Bearer t-2"))
        );
        assert_eq!(calls[1].body, calls[2].body, "the same uuid");

        w.script.call = reply;
        assert_eq!(outcome(&mut w, 1000).0, Err(CallFaultKind::Token));
        assert_eq!((w.token_requests(), w.calls().len()), (3, 5), "no loop");
    }
}

#[test]
fn many_calls_refused_for_one_token_refresh_it_once() {
    let mut w = World::new().open();
    w.reply("om_0", "warm");
    w.advance(5000);
    w.script.bad_tokens = vec!["Bearer t-1".to_owned()];
    for _ in 0..20 {
        w.fact(|bot, now| bot.submit(now, Call::reply_text("om_1", "x"))).unwrap();
    }
    w.run();
    assert_eq!((w.token_requests(), w.completed.len()), (2, 21));
    assert!(w.completed.iter().all(|done| done.result.is_ok()));
    assert!(w.calls().iter().all(|call| call.header("Authorization").unwrap().len() > 8), "no call without a token");
}

#[test]
fn a_token_that_expires_while_the_stream_is_opened_is_not_sent() {
    let mut w = World::new().open();
    w.script.tokens.push_back(token("60"));
    w.reply("om_0", "warm");
    w.advance(59_000);
    // The refresh fails, so the old token would serve a last time; its end comes while the stream is opened.
    w.script.tokens.push_back(refused(500, 1));
    w.script.http_dials.extend([Dial::Open, Dial::Hang]);
    w.fact(|bot, now| bot.submit(now, Call::reply_text("om_1", "x"))).unwrap();
    w.fact(|bot, now| bot.submit(now, Call::reply_text("om_2", "x"))).unwrap();
    w.run();
    w.now += 5000;
    let hanging = w
        .lanes()
        .into_iter()
        .find(|lane| matches!(lane, Lane::Http(_)) && w.attempt(*lane).is_some() && w.bot.poll_receive(*lane) == 0);
    if let Some(lane) = hanging {
        w.open_late(lane);
    }
    w.until(60_000, "both sent", |w| w.completed.len() == 3);
    let now_invalid =
        |call: &&Request| call.header("Authorization") == Some("Bearer ") || call.header("Authorization") == Some("");
    assert!(!w.calls().iter().any(now_invalid));
    assert!(w.calls().iter().all(|call| call.at < 60_000 || call.header("Authorization") != Some("Bearer t-x")));
}

#[test]
fn a_token_is_renewed_before_its_end_and_the_old_one_serves_meanwhile() {
    let mut w = World::new().open();
    w.reply("om_1", "x");
    w.advance(7_200_000 - 720_000 - 1);
    w.reply("om_1", "x");
    assert_eq!(w.token_requests(), 1);
    w.advance(1);
    w.script.tokens.push_back(refused(500, 1));
    w.reply("om_1", "x");
    assert_eq!((w.token_requests(), w.calls().len()), (2, 3), "the refresh failed, the old token served");
    w.advance(60_000);
    w.reply("om_1", "x");
    assert_eq!((w.token_requests(), w.calls()[3].header("Authorization")), (3, Some("Bearer t-3")));
}

#[test]
fn odd_lifetimes_of_a_token_make_no_storm() {
    for (expire, fetched_by_ten_minutes) in
        [("null", 20), ("0", 20), ("-5", 20), ("\"7200\"", 1), ("99999999999", 1), ("60", 20)]
    {
        let mut w = World::new().open();
        for _ in 0..100 {
            w.script.tokens.push_back(token(expire));
        }
        for _ in 0..600 {
            w.reply("om_1", "x");
            w.advance(1000);
        }
        assert!(w.token_requests() <= fetched_by_ten_minutes, "{expire}: {}", w.token_requests());
        assert!(w.completed.iter().all(|done| done.result.is_ok()));
    }
}

#[test]
fn wrong_credentials_end_the_bot_with_a_word() {
    for code in [10_003, 10_014, 99_991_543] {
        let mut w = World::new().open();
        w.script.tokens.push_back(refused(400, code));
        w.reply("om_1", "x");
        let End::Fatal(fatal) = w.end() else { panic!() };
        assert_eq!((fatal.reason, fatal.code), (FatalReason::Credentials, code));
        assert_eq!(w.completed[0].result.as_ref().unwrap_err().kind, CallFaultKind::Ended);
    }
}

#[test]
fn a_token_that_cannot_be_had_is_asked_for_with_pauses_until_the_call_is_out_of_time() {
    for reply in [
        refused(500, 1),
        Reply::json(200, "nope"),
        Reply::json(200, r#"{"code":0}"#),
        refused(200, 77),
        token("7200\",\"x\":\""),
    ] {
        let mut w = World::new().open();
        w.script.tokens.extend(std::iter::repeat_n(reply, 1000));
        let (result, took) = outcome(&mut w, 60_001);
        assert!(result.is_err());
        assert_eq!(took, 60_000);
        assert!(w.token_requests() < 30, "{}", w.token_requests());
        assert!(w.notices.iter().any(|(_, notice)| matches!(notice, Notice::TokenFailed { .. })));
        assert_eq!(w.bot.state(), State::Open);
    }
}

#[test]
fn a_token_endpoint_that_asks_for_a_pause_gets_it() {
    let mut w = World::new().open();
    w.script.tokens.push_back(Reply::with(429, &[("x-ogw-ratelimit-reset", "20")], r#"{"code":99991400}"#));
    w.reply("om_1", "x");
    w.advance(19_999);
    assert_eq!(w.token_requests(), 1);
    w.advance(1);
    assert_eq!(w.token_requests(), 2);
    assert!(w.completed[0].result.is_ok());
}
