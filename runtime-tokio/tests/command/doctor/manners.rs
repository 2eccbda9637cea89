//! What the doctor does to a healthy bot, and what it must not do to any.

use larkwire_conformance::platform::{Answer, AppSpec, Endpoint, HttpFault, Kind, RestFault, Switch};

use super::*;

#[tokio::test]
async fn a_healthy_bot_costs_three_calls_and_no_connection() {
    let platform = platform().await;
    let directory = Directory::new();
    let config = directory.config(&table(&platform));
    let (code, out, err) = doctor_of(&config).end().await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(!out.contains('\x1b') && !out.contains(SECRET), "{out}");
    let marks: Vec<_> = out.lines().filter_map(|line| line.split_once(' ')).collect();
    let (summary, lines) = marks.split_last().unwrap();
    assert_eq!(format!("{} {}", summary.0, summary.1), "0 failed, 0 warnings, 6 ok, 4 skipped");
    for (mark, line) in lines {
        assert!(*mark == "✓" || (*mark == "-" && line.contains(" skipped: ")), "{out}");
    }
    assert_eq!(kinds(&platform), ["token_issued", "read", "discovered"]);
    let report = examine(doctor_of(&config)).await;
    report.failed(&[]).finds("identity", "ok", &["ou_bot", "\"Bot\""]).finds(
        "scopes",
        "skipped",
        &["im:message.p2p_msg"],
    );
    report.finds("connection", "skipped", &["--connect"]);
    assert_eq!(platform.token_requests(APP), 2);
    assert_faultless(&platform);
}

#[tokio::test]
async fn asked_to_connect_it_opens_one_connection_and_says_goodbye() {
    let platform = platform().await;
    let report = examine(doctor(&platform).arg("--connect")).await;
    report.failed(&[]).finds("connection", "ok", &["first pong"]);
    wait(&platform, said_goodbye).await;
    let seen = kinds(&platform);
    assert_eq!(seen[..3], ["token_issued", "read", "discovered"], "{seen:?}");
    assert_eq!(seen[3..], ["discovered", "upgraded", "pinged", "connection_closed"], "{seen:?}");
    assert_faultless(&platform);
}

#[tokio::test]
async fn an_event_that_comes_to_the_doctor_comes_to_the_bot_later() {
    let platform = platform_with(larkwire_conformance::platform::PlatformConfig {
        ack_timeout: std::time::Duration::from_millis(500),
        ..config()
    })
    .await;
    platform.push(&text("for the bot").event_id("e-1")).unwrap();
    // The connection is over before the platform misses the acknowledgement.
    let report = examine(doctor(&platform).arg("--connect")).await;
    report.failed(&[]).finds(
        "connection",
        "warning",
        &["live events", "(1, of which the platform sends all but 0 again)"],
    );
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Acked { .. })), 0);
    let bot = Larkwire::run(&platform).arg("--allow").arg("*").start();
    assert_eq!(bot.event("for the bot").await["event_id"], "e-1");
}

#[tokio::test]
async fn a_refusal_is_taken_for_an_answer() {
    let platform = platform().await;
    let state = larkwire_conformance::platform::AppState::Disabled;
    platform.add_app(AppSpec { state, ..app() });
    examine(doctor(&platform)).await.failed(&["credentials"]);
    assert_eq!(platform.token_requests(APP), 1);
}

#[tokio::test]
async fn ctrl_c_leaves_at_once() {
    let platform = platform().await;
    let hang = RestFault { endpoint: None, fault: HttpFault::Hang };
    platform.faults(|faults| faults.rest = vec![Switch::always(hang)]);
    for signal in ["INT", "TERM"] {
        let bot = doctor(&platform).start();
        assert!(bot.out.wait(|line| line.contains("proxy")).await.is_some());
        bot.signal(signal);
        let (code, out, err) = bot.end().await;
        assert_eq!((code, err.as_str()), (130, "larkwire: interrupted"), "{out}");
        assert!(!out.contains("credentials"), "{out}");
    }
}

#[tokio::test]
async fn neither_secrets_nor_what_moves_a_cursor_are_repeated() {
    let platform = platform().await;
    let echo = |endpoint, code| RestFault::new(endpoint, Answer::code(code, &format!("not \x1b[2J{SECRET}")));
    for (endpoint, check, code) in [
        (Endpoint::TenantToken, "credentials", 10_014),
        (Endpoint::TenantToken, "credentials", 1_234_567),
        (Endpoint::BotInfo, "identity", 1_234_567),
        (Endpoint::BotInfo, "scopes", 99_991_672),
    ] {
        platform.faults(|faults| faults.rest = vec![Switch::always(echo(endpoint, code))]);
        examine(doctor(&platform)).await.failed(&[check]).finds(check, "failed", &["[redacted]"]);
    }
    platform.faults(|faults| {
        faults.rest.clear();
        faults.discovery = Some(Switch::always(Answer::code(514, SECRET).into()));
    });
    examine(doctor(&platform)).await.failed(&["discovery"]).finds("discovery", "failed", &["514", "[redacted]"]);

    platform.faults(|faults| faults.discovery = None);
    platform.add_app(AppSpec { bot_name: "\x1b[31mred\u{7}".into(), ..app() });
    examine(doctor(&platform)).await.failed(&[]).finds("identity", "ok", &["red"]);

    let (code, out, err) = doctor(&platform).arg("--connect").env("LARKWIRE_LOG", "trace").end().await;
    assert_eq!(code, 0, "{out}");
    for secret in [SECRET, "ticket=", "access_key=", "Bearer"] {
        assert!(!format!("{out}{err}").contains(secret), "{out}{err}");
    }
}
