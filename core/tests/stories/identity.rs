//! Who the bot is: asked once, kept, asked again with patience (protocol section 13; defect 43).

use larkwire_core::{Config, GateRules, Identity, Notice, OwnOpenId, Seed, State, Storage};

use crate::support::*;

fn fetching(mention_only: bool) -> World {
    let gate = GateRules { allowed_users: &["*"], mention_only, ..GateRules::default() };
    World::seeded(Config { own_open_id: OwnOpenId::Fetched, gate, ..config() }, Storage::growable(), Seed([7; 32]))
}

#[test]
fn defect_43_the_bot_asks_once_who_it_is_and_never_again_while_it_runs() {
    let mut w = fetching(false).open();
    assert_eq!(w.bot.identity(), Identity::Known { open_id: "ou_bot", app_name: "Echo" });
    assert!(
        w.notices
            .iter()
            .any(|(_, notice)| matches!(notice, Notice::IdentityKnown { open_id } if open_id.as_str() == "ou_bot"))
    );
    // A probe every minute burns the app's quota.
    w.advance(24 * 60 * 60 * 1000);
    w.cut(larkwire_core::Lane::Socket, larkwire_core::Closed::Reset);
    w.until_open(60_000);
    assert_eq!(w.lookups().len(), 1);
    w.fact(|bot, now| bot.refresh_identity(now));
    w.run();
    assert_eq!(w.lookups().len(), 2, "on demand it asks again");
}

#[test]
fn where_group_messages_depend_on_it_the_bot_knows_itself_before_it_connects() {
    let w = fetching(true).open();
    let paths = w.paths();
    let at = |end: &str| paths.iter().position(|path| path.contains(end)).unwrap();
    assert!(at("/bot/v3/info") < at("/callback/ws/endpoint"), "{paths:?}");
    // Otherwise the connection comes first.
    let w = fetching(false).open();
    let paths = w.paths();
    assert!(paths[0].contains("/callback/ws/endpoint"), "{paths:?}");
}

#[test]
fn a_failed_lookup_does_not_hold_the_connection_and_is_repeated_with_patience() {
    let mut w = fetching(true);
    w.script.bot_info = Reply::json(500, "{}");
    let mut w = w.open();
    assert!(matches!(w.bot.identity(), Identity::Unknown { failures: 1 }));
    w.advance(6 * 60 * 60 * 1000);
    let waits: Vec<_> = w.lookups().windows(2).map(|two| (two[1] - two[0]) / 1000).collect();
    let expected = [10, 30, 120, 600, 3600, 3600];
    for (wait, expected) in waits.iter().zip(expected) {
        assert!((expected..=expected + expected / 10).contains(wait), "{waits:?}");
    }
    assert!(w.notices.iter().any(|(_, notice)| matches!(notice, Notice::IdentityFailed { .. })));
    assert_eq!(w.bot.state(), State::Open);
}

#[test]
fn a_refused_token_costs_one_new_token_and_no_pause() {
    let mut w = fetching(false);
    w.script.bad_tokens = vec!["Bearer t-1".to_owned()];
    let w = w.open();
    assert_eq!((w.token_requests(), w.lookups().as_slice()), (2, [0, 0].as_slice()));
    assert!(matches!(w.bot.identity(), Identity::Known { .. }));
}

#[test]
fn an_answer_without_an_open_id_is_no_identity() {
    for body in ["{}", r#"{"code":0}"#, r#"{"code":0,"bot":{}}"#, r#"{"code":0,"bot":{"open_id":""}}"#, "<html>"] {
        let mut w = fetching(false);
        w.script.bot_infos.push_back(Reply::json(200, body));
        let w = w.open();
        assert!(matches!(w.bot.identity(), Identity::Unknown { failures: 1 }), "{body}");
    }
    let mut w = fetching(false);
    w.script.bot_infos.push_back(Reply::json(200, r#"{"code":0,"data":{"bot":{"open_id":"ou_inner"}}}"#));
    assert!(
        matches!(w.open().bot.identity(), Identity::Known { open_id: "ou_inner", .. }),
        "some readers find it here"
    );
}

#[test]
fn wrong_credentials_are_told_by_discovery_which_knows_more_than_the_token() {
    let mut w = fetching(true);
    w.script.tokens.push_back(Reply::json(200, r#"{"code":10003,"msg":"invalid app_id"}"#));
    w.script.discovery = Some(Reply::json(200, r#"{"code":1000040351,"msg":"wrong domain"}"#));
    w.start();
    w.advance(1000);
    let end = w.end();
    assert!(
        matches!(end, larkwire_core::End::Fatal(fatal) if fatal.reason == larkwire_core::fault::FatalReason::WrongRegion),
        "{end:?}"
    );
}

#[test]
fn an_id_that_is_given_is_not_asked_for() {
    let w = World::with(Config { own_open_id: OwnOpenId::Given("ou_me"), ..config() }, Storage::growable()).open();
    assert_eq!(w.bot.identity(), Identity::Known { open_id: "ou_me", app_name: "" });
    assert!(w.lookups().is_empty() && w.token_requests() == 0);
    let w = World::new().open();
    assert_eq!(w.bot.identity(), Identity::Unused);
}
