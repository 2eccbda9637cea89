//! How the command ends: a code that means something, and one sentence for a person.

use std::net::TcpListener;
use std::time::Duration;

use larkwire_conformance::platform::{
    Answer, AppSpec, Endpoint, HttpFault, Kind, Platform, PlatformConfig, RestFault, Switch,
};

use crate::child::{Larkwire, close};
use crate::support::*;

#[tokio::test]
async fn ctrl_c_ends_in_order() {
    for signal in ["INT", "TERM"] {
        let platform = platform().await;
        let bot = Larkwire::run(&platform).start();
        platform.push(&text("hello")).unwrap();
        bot.event("hello").await;
        bot.signal(signal);
        let (code, _, err) = bot.end().await;
        assert_eq!(code, 0, "{err}");
        wait(&platform, said_goodbye).await;
        wait(&platform, settled).await;
        assert_faultless(&platform);
    }
}

#[tokio::test]
async fn ctrl_c_ends_in_order_from_the_first_line_on() {
    let platform = platform().await;
    for _ in 0..10 {
        let bot = Larkwire::run(&platform).start();
        bot.line(|line| line["kind"] == "hello").await;
        bot.signal("INT");
        assert_eq!(bot.end().await.0, 0);
    }
}

#[tokio::test]
async fn ctrl_c_twice_leaves_at_once() {
    let platform = platform().await;
    let hang = RestFault { endpoint: Some(Endpoint::Send), fault: HttpFault::Hang };
    platform.faults(|faults| faults.rest = vec![Switch::always(hang)]);
    let mut bot = Larkwire::run(&platform).piped().start();
    bot.notice("connected").await;
    bot.say(r#"{"cmd":"send","chat_id":"oc_1","text":"never answered"}"#).await;
    wait(&platform, |kind| matches!(kind, Kind::TokenIssued { .. })).await;
    bot.signal("INT");
    bot.notice("Ctrl-C again").await;
    bot.signal("INT");
    let (code, _, err) = bot.end().await;
    assert_eq!(code, 130);
    assert_eq!(last(&err), "larkwire: interrupted");
}

#[tokio::test]
async fn a_closed_stdout_ends_it_and_what_was_not_written_is_not_acknowledged() {
    let platform = platform_with(PlatformConfig { ack_timeout: Duration::from_millis(500), ..config() }).await;
    let (mut bot, stdout) = Larkwire::run(&platform).start_unread();
    bot.notice("connected").await;
    close(stdout);
    platform.push(&text("for nobody").event_id("e-1")).unwrap();
    assert_eq!(bot.code().await, 9);
    assert!(last(&bot.err.rest().await).contains("stdout was closed"));
    wait(&platform, |kind| matches!(kind, Kind::Unacked { .. })).await;
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Acked { .. })), 0);
    let next = Larkwire::run(&platform).start();
    assert_eq!(next.event("for nobody").await["event_id"], "e-1");
}

#[tokio::test]
async fn refusals_have_codes_of_their_own_and_say_what_to_do() {
    let platform = platform().await;
    let elsewhere = AppSpec { other_region: true, ..AppSpec::random() };
    platform.add_app(elsewhere.clone());
    let run = || Larkwire::run(&platform);

    refused(run().env("LARKWIRE_APP_SECRET", "not-the-secret"), 4, &["credentials", "check app_id and app_secret"])
        .await;
    let stranger = Larkwire::new(["run", "--app-id", "cli_ffffffffffffffff", "--domain", &platform.base_url()]);
    refused(stranger.env("LARKWIRE_APP_SECRET", SECRET), 4, &["10003", "check app_id and app_secret"]).await;
    let lost = Larkwire::new(["run", "--app-id", &elsewhere.app_id, "--domain", &platform.base_url()]);
    refused(lost.env("LARKWIRE_APP_SECRET", &elsewhere.app_secret), 5, &["region", "open.larksuite.com"]).await;
    discovery(&platform, Answer::code(403, "forbidden"));
    refused(run(), 6, &["forbid", "long-connection mode"]).await;
    platform.faults(|faults| {
        faults.discovery = None;
        faults.upgrade = Some(Switch::times(Answer::handshake(403, "403", "forbidden", None).into(), 1));
    });
    refused(run(), 6, &["forbid"]).await;
    discovery(&platform, Answer::code(1_234_567, "the moon is full"));
    refused(run(), 8, &["1234567", "the moon is full"]).await;
}

fn discovery(platform: &Platform, answer: Answer) {
    platform.faults(|faults| faults.discovery = Some(Switch::always(answer.into())));
}

#[tokio::test]
async fn attempts_can_be_limited() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    refused(Larkwire::run_at(&nowhere).arg("--max-attempts").arg("1"), 7, &["attempts", "check the network"]).await;
    refused(Larkwire::run_at(&nowhere).env("LARKWIRE_MAX_ATTEMPTS", "1"), 7, &["attempts"]).await;
}

/// It ends with this code, and its last words have all of these in one sentence.
async fn refused(bot: Larkwire, wanted: i32, words: &[&str]) {
    let (code, out, err) = bot.end().await;
    assert_eq!(code, wanted, "{err}");
    let sentence = last(&err);
    for word in words {
        assert!(sentence.contains(word), "{word} in {err}");
    }
    assert!(!format!("{out}{err}").contains(SECRET));
    assert!(!err.contains("panicked"), "{err}");
}

fn last(text: &str) -> String {
    text.lines().last().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_secret_is_never_shown_however_much_is_asked_for() {
    let platform = platform().await;
    let mut bot = Larkwire::run(&platform).env("LARKWIRE_LOG", "trace").piped().start();
    platform.push(&text("question").message_id("om_1")).unwrap();
    bot.event("question").await;
    bot.say(r#"{"id":1,"cmd":"reply","message_id":"om_1","text":"answer"}"#).await;
    bot.result(1).await;
    platform.cut_rst(APP);
    wait_for_many(&platform, 2, |kind| matches!(kind, Kind::Pinged { first: true, .. })).await;
    bot.hang_up();
    let (code, out, err) = bot.end().await;
    assert_eq!(code, 0);
    for said in [out, err] {
        for secret in [SECRET, "ticket=", "access_key=", "Bearer"] {
            assert!(!said.contains(secret), "{said}");
        }
        for secret in platform.secrets() {
            assert!(!said.contains(&secret), "{secret} in {said}");
        }
    }
    assert!(platform.secrets().len() >= 6, "the app's, a token, and two for each of two connections");
}
