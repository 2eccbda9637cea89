//! How bots begin and end.

use std::sync::{Arc, Mutex};

use larkwire_conformance::platform::{
    Answer, AppSpec, ClientConfig, DiscoveryFault, Endpoint, HttpFault, Kind, PlatformConfig, RestFault, Switch,
    UpgradeFault,
};
use larkwire_tokio::core::fault::{CallFaultKind, FatalReason, Misuse};
use larkwire_tokio::core::{Call, Locale};
use larkwire_tokio::{CallError, Client, End, Settings, State};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::log::Log;
use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_bots_of_different_apps_live_in_one_process() {
    let platform = platform().await;
    let apps: Vec<AppSpec> = (0..20).map(|_| AppSpec::random()).collect();
    let mut bots = Vec::new();
    for app in &apps {
        platform.add_app(app.clone());
        let settings = Settings::new(&app.app_id, &app.app_secret).domain(platform.base_url()).allow("*");
        bots.push(Client::start(&settings).unwrap());
    }
    for app in &apps {
        platform.push(&text(&app.app_id).app(&app.app_id).parts(2)).unwrap();
    }
    for (app, (client, events)) in apps.iter().zip(&mut bots) {
        let event = next(events).await;
        assert_eq!(event.text().as_deref(), Some(app.app_id.as_str()));
        soon(client.reply_text(&event.message_id().unwrap(), "here")).await.unwrap();
    }
    wait_for_many(&platform, 20, settled).await;
    for (client, _) in &bots {
        client.begin_shut_down();
    }
    for (client, _) in &bots {
        assert_eq!(soon(client.ended()).await, End::Stopped);
    }
    wait_for_many(&platform, 20, said_goodbye).await;
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Upgraded { .. })), 20);
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_bot_that_is_stopped_says_goodbye() {
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    platform.push(&text("last words")).unwrap();
    wait(&platform, settled).await;
    assert_eq!(soon(client.shut_down()).await, End::Stopped);
    wait(&platform, said_goodbye).await;
    assert_eq!(client.state(), State::Closed);
    assert_eq!(next(&mut events).await.text().as_deref(), Some("last words"), "what was accepted is not lost");
    assert!(soon(events.recv()).await.is_none());
    assert_eq!(soon(client.shut_down()).await, End::Stopped, "twice is fine");
    assert_eq!(soon(client.clone().ended()).await, End::Stopped);
    assert_eq!(soon(client.reply_text("om_1", "too late")).await, Err(CallError::Misuse(Misuse::Stopping)));
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_handler_may_stop_its_bot() {
    let platform = platform().await;
    let (client, events) = bot(&platform).await;
    let said = Arc::new(Mutex::new(None));
    let saying = Arc::clone(&said);
    platform.push(&text("stop")).unwrap();
    let end = client.handle(events, 4, move |client, _| {
        let saying = Arc::clone(&saying);
        async move {
            let end = client.shut_down().await;
            saying.lock().unwrap().replace(end);
        }
    });
    assert_eq!(soon(end).await, End::Stopped);
    assert_eq!(*said.lock().unwrap(), Some(End::Stopped));
    wait(&platform, said_goodbye).await;
    assert_faultless(&platform);
}

#[tokio::test]
async fn accepted_calls_are_finished_before_the_end() {
    let platform = platform().await;
    let (client, _events) = bot(&platform).await;
    let mut calls = Vec::new();
    for n in 0..30 {
        let text = format!("message {n}");
        let call = Call::send_text("oc_room", &text);
        calls.push(client.submit(call).await.unwrap());
    }
    assert_eq!(soon(client.shut_down()).await, End::Stopped);
    for call in calls {
        soon(call.result()).await.unwrap();
    }
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Sent { repeated: false, .. })), 30);
}

#[tokio::test]
async fn stopping_works_before_there_is_a_connection() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}", silent.local_addr().unwrap());
    let platform = platform().await;
    platform.faults(|faults| faults.upgrade = Some(Switch::always(UpgradeFault::Http(HttpFault::Hang))));
    let in_vain = [
        // No answer to discovery; no answer to the upgrade; nobody there, so that it waits for the next attempt.
        (Settings::new(APP, SECRET).domain(nowhere), "discovering"),
        (settings(&platform), "connecting"),
        (Settings::new(APP, SECRET).domain("http://127.0.0.1:1"), "waiting"),
    ];
    for (settings, phase) in in_vain {
        let (client, mut events) = Client::start(&settings).unwrap();
        until(&client, |state| match phase {
            "discovering" => state == State::Discovering,
            "connecting" => state == State::Connecting,
            _ => matches!(state, State::Waiting { .. }),
        })
        .await;
        let asked = Instant::now();
        assert_eq!(soon(client.shut_down()).await, End::Stopped, "while {phase}");
        assert!(asked.elapsed().as_millis() < 3000, "{phase}: {:?}", asked.elapsed());
        assert!(soon(events.recv()).await.is_none());
    }
    let (client, _events) = Client::start(&settings(&platform)).unwrap();
    assert_eq!(soon(client.shut_down()).await, End::Stopped, "at once");
}

#[tokio::test]
async fn every_state_can_be_watched() {
    let platform = platform().await;
    let (client, _events) = Client::start(&settings(&platform)).unwrap();
    let mut states = client.states();
    let watching = tokio::spawn(async move {
        let mut seen = vec![*states.borrow_and_update()];
        while states.changed().await.is_ok() {
            seen.push(*states.borrow_and_update());
            if seen.last() == Some(&State::Closed) {
                break;
            }
        }
        seen
    });
    until(&client, |state| state == State::Open).await;
    platform.cut(APP);
    until(&client, |state| state != State::Open).await;
    until(&client, |state| state == State::Open).await;
    client.shut_down().await;
    let seen = soon(watching).await.unwrap();
    let mut rest = seen.iter();
    for wanted in [State::Discovering, State::Connecting, State::Open] {
        assert!(rest.any(|state| *state == wanted), "{wanted:?} in {seen:?}");
    }
    assert!(rest.any(|state| matches!(state, State::Waiting { failures: 1, .. })), "{seen:?}");
    for wanted in [State::Discovering, State::Connecting, State::Open, State::Closing, State::Closed] {
        assert!(rest.any(|state| *state == wanted), "{wanted:?} in {seen:?}");
    }
}

#[tokio::test]
async fn what_a_person_must_mend_ends_the_bot_with_the_reason() {
    let platform = platform().await;
    let elsewhere = AppSpec { other_region: true, ..AppSpec::random() };
    platform.add_app(elsewhere.clone());
    let at = |id: &str, secret: &str| Settings::new(id, secret).domain(platform.base_url());
    let ends = [
        (at(APP, "not the secret"), FatalReason::Credentials, 514),
        (at("cli_ffffffffffffffff", SECRET), FatalReason::Credentials, 10003),
        (at(&elsewhere.app_id, &elsewhere.app_secret), FatalReason::WrongRegion, 1_000_040_351),
        (Settings::new(APP, SECRET).domain("http://127.0.0.1:1").max_attempts(1), FatalReason::GaveUp, 0),
    ];
    for (settings, reason, code) in ends {
        let (client, events) = Client::start(&settings).unwrap();
        let end = soon(client.handle(events, 4, async |_, _| ())).await;
        let End::Fatal(fatal) = end else { panic!("{end:?}") };
        assert_eq!((fatal.reason, fatal.code), (reason, code));
        assert_eq!(client.state(), State::Fatal);
        assert_eq!(soon(client.shut_down()).await, end, "stopping changes nothing about it");
        assert!(soon(client.send_text("oc_room", "hi")).await.is_err());
    }
    for (code, reason) in [(403, FatalReason::Forbidden), (1_234_567, FatalReason::Refused)] {
        let answer = Answer::code(code, "says the platform");
        platform.faults(|faults| faults.discovery = Some(Switch::times(answer.into(), 1)));
        let (client, _events) = Client::start(&settings(&platform)).unwrap();
        let End::Fatal(fatal) = soon(client.ended()).await else { panic!("stopped") };
        assert_eq!((fatal.reason, fatal.code, fatal.message.as_str()), (reason, code, "says the platform"));
    }
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Upgraded { .. })), 0);
}

#[tokio::test]
async fn a_call_that_waits_is_answered_when_the_bot_ends() {
    let platform = platform().await;
    let (client, _events) = Client::start(&Settings::new(APP, "not the secret").domain(platform.base_url())).unwrap();
    let failed = soon(client.send_text("oc_room", "hi")).await.unwrap_err();
    match failed {
        CallError::Failed { fault, .. } => {
            assert!(matches!(fault.kind, CallFaultKind::Ended | CallFaultKind::Token), "{fault:?}");
        }
        CallError::Misuse(misuse) => assert_eq!(misuse, Misuse::Stopping),
    }
}

#[test]
fn a_bot_whose_runtime_is_gone_leaves_nobody_waiting() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (here, there) = (runtime(), runtime());
    let platform = here.block_on(platform());
    let hang = RestFault { endpoint: Some(Endpoint::Send), fault: HttpFault::Hang };
    platform.faults(|faults| faults.rest = vec![Switch::always(hang)]);
    let (client, mut events) = there.block_on(bot(&platform));
    let call = Call::send_text("oc_room", "hi");
    let waiting = here.block_on(client.submit(call)).unwrap();
    there.shutdown_timeout(LONG);
    here.block_on(async {
        assert_eq!(soon(waiting.result()).await, Err(CallError::Misuse(Misuse::Stopping)));
        assert_eq!(soon(client.send_text("oc_room", "hi")).await, Err(CallError::Misuse(Misuse::Stopping)));
        assert_eq!(soon(client.shut_down()).await, End::Stopped);
        assert!(soon(events.recv()).await.is_none());
    });
}

#[tokio::test]
async fn whoever_asks_for_it_keeps_trying_after_a_refusal() {
    let log = Log::start();
    let platform = platform().await;
    let settings = Settings::new(APP, "not the secret").domain(platform.base_url()).retry_fatal();
    let (client, _events) = Client::start(&settings).unwrap();
    until(&client, |state| matches!(state, State::Waiting { failures: 1, .. })).await;
    log.wait("next attempt in").await;
    assert_eq!(soon(client.shut_down()).await, End::Stopped);
}

#[tokio::test]
async fn the_platforms_limit_of_attempts_ends_only_those_who_follow_it() {
    let config = config();
    let client_config = ClientConfig { reconnect_count: Some(2), ..config.client_config };
    let platform = platform_with(PlatformConfig { client_config, ..config }).await;
    let (follower, _events) = bot_with(&settings(&platform).follow_reconnect_count(true)).await;
    let (other, _events) = bot(&platform).await;
    platform.faults(|faults| faults.discovery = Some(Switch::always(DiscoveryFault::Http(HttpFault::Drop))));
    assert_eq!(platform.cut(APP), 2);
    let End::Fatal(fatal) = soon(follower.ended()).await else { panic!("stopped") };
    assert_eq!((fatal.reason, fatal.code), (FatalReason::GaveUp, 0));
    until(&other, |state| matches!(state, State::Waiting { failures: 3.., .. })).await;
    platform.faults(|faults| faults.discovery = None);
    until(&other, |state| state == State::Open).await;
}

#[tokio::test]
async fn wrong_settings_are_refused_with_their_name() {
    let refused = [
        (Settings::new("", SECRET), "app_id"),
        (Settings::new(APP, " "), "app_secret"),
        (Settings::new(APP, "two\nlines"), "app_secret"),
        (Settings::new(APP, SECRET).domain("http://open.feishu.cn"), "https"),
        (Settings::new(APP, SECRET).domain("ftp://open.feishu.cn"), "domain"),
        (Settings::new(APP, SECRET).domain("fieshu"), "domain"),
        (Settings::new(APP, SECRET).call_timeout_ms(0), "call_timeout_ms"),
        (Settings::new(APP, SECRET).own_open_id(" "), "own_open_id"),
        (Settings::new(APP, SECRET).chat_locale("", Locale::Ja), "chat_locales"),
        (Settings::new(APP, SECRET).extra_root_certificates("no certificate at all"), "root certificate"),
        (
            Settings::new(APP, SECRET)
                .extra_root_certificates("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
            "root certificate",
        ),
    ];
    for (settings, name) in refused {
        let error = Client::start(&settings).map(drop).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
        assert!(!error.contains(SECRET), "{error}");
    }
}
