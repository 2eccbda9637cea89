//! Configurations at the edge of what is accepted, and how failures are told.

use larkwire_core::config::ConfigError;
use larkwire_core::fault::{CallError, CallFault, CallFaultKind, Fatal, FatalReason, LinkFault, Misuse};
use larkwire_core::{Bot, Config, Domain, OwnOpenId, Seed, Short, Storage};

use crate::support::*;

#[test]
fn who_made_the_program_is_told_in_every_request_and_cannot_break_one() {
    let long = "n".repeat(100);
    for (source, told) in [
        ("", String::new()),
        ("my-bot_1.2", " source/my-bot_1.2".to_owned()),
        ("a b\r\nX: é中", " source/a_b__X____".to_owned()),
        (&long, format!(" source/{}", "n".repeat(64))),
    ] {
        let w = World::with(Config { source, ..config() }, Storage::growable()).open();
        let agent = format!("larkwire/v{}{told}", env!("CARGO_PKG_VERSION"));
        for request in &w.requests {
            assert_eq!(request.header("User-Agent"), Some(agent.as_str()), "{source:?} {}", request.target);
        }
    }
}

#[test]
fn an_app_id_of_another_shape_is_worth_a_warning() {
    for (app_id, right) in [
        ("cli_0123456789abcdef", true),
        ("cli_0123456789ABCDEF", true),
        ("cli_0123456789abcde", false),
        ("cli_0123456789abcdef0", false),
        ("cli_0123456789abcdeg", false),
        ("0123456789abcdef0123", false),
        ("", false),
    ] {
        assert_eq!(Config { app_id, ..config() }.app_id_looks_right(), right, "{app_id:?}");
    }
}

#[test]
fn an_open_id_that_cannot_be_one_is_refused() {
    let (fits, long) = (format!("ou_{}", "x".repeat(61)), format!("ou_{}", "x".repeat(62)));
    for (id, accepted) in [("ou_1", true), (fits.as_str(), true), (&long, false), ("", false), ("ou 1", false)] {
        let config = Config { own_open_id: OwnOpenId::Given(id), ..config() };
        let refused = config.check().err();
        assert_eq!(refused, (!accepted).then_some(ConfigError::Empty("own_open_id")), "{id:?}");
    }
}

#[test]
fn plaintext_goes_to_this_machine_or_where_one_says_that_it_is_dangerous() {
    for (base, dangerously_allow_plaintext, accepted) in [
        ("http://127.0.0.1:8080", false, true),
        ("http://proxy.example", false, false),
        ("http://proxy.example", true, true),
        ("ws://127.0.0.1", true, false),
        ("https://open.feishu.cn/?x=1", true, false),
    ] {
        let config = Config { domain: Domain::Custom(base), dangerously_allow_plaintext, ..config() };
        let bot = Bot::new(config, Storage::growable(), Seed([7; 32]));
        assert_eq!(bot.is_ok(), accepted, "{base} {dangerously_allow_plaintext}");
    }
}

#[test]
fn why_a_bot_gave_up_is_told_with_all_that_is_known() {
    let fatal = |code, message, last| {
        let text = Fatal { reason: FatalReason::GaveUp, code, message: Short::new(message), last }.to_string();
        let next = FatalReason::GaveUp.next_step();
        let told = text.strip_prefix("no connection within the allowed number of attempts").unwrap();
        told.strip_suffix(&format!("; {next}")).unwrap().to_owned()
    };
    let last = Some(LinkFault::NoPong);
    assert_eq!(fatal(0, "", None), "");
    assert_eq!(fatal(0, "", last), " (nothing came in after a ping)");
    assert_eq!(fatal(0, "words", last), " (words)");
    assert_eq!(fatal(7, "", last), " (code 7)");
    assert_eq!(fatal(7, "words", None), " (code 7: words)");
}

#[test]
fn a_failed_call_is_told_with_the_log_id_where_there_is_one() {
    let fault = CallFault { kind: CallFaultKind::Busy, code: 7, message: Short::new("words") };
    let told = |log_id| CallError::Failed { fault, log_id: Short::new(log_id) }.to_string();
    assert_eq!(told(""), fault.to_string());
    assert_eq!(told("log-1"), format!("{fault} (log id log-1)"));
    assert_eq!(CallError::Misuse(Misuse::Full).to_string(), Misuse::Full.to_string());
}
