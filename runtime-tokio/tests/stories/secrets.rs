//! What must not be seen by anybody.

use std::panic::{AssertUnwindSafe, catch_unwind};

use larkwire_conformance::platform::{Kind, Switch, UrlFault, WebhookSpec};
use larkwire_tokio::webhook::{Server, WebhookSettings};
use larkwire_tokio::{Client, Events};

use crate::log::Log;
use crate::support::*;
use crate::traffic::Watched;

/// The value that follows `key` in the bytes of the wire.
fn after<'a>(bytes: &'a str, key: &str) -> impl Iterator<Item = String> + use<'a> {
    let key = key.to_owned();
    bytes.match_indices(key.as_str()).map(|(at, key)| at + key.len()).collect::<Vec<_>>().into_iter().map(|at| {
        bytes[at..].split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).next().unwrap_or_default().into()
    })
}

#[tokio::test]
async fn secrets_tokens_and_tickets_are_in_no_log_and_no_debug_output() {
    let log = Log::start();
    let platform = platform().await;
    let settings = settings(&platform);
    let (watched, inbox) = (Watched::new(), crate::inboxes::Unbounded::default());
    let client = larkwire_tokio::Client::start_with(&settings, watched.clone(), inbox).unwrap();
    log.wait("connected").await;
    platform.push(&text("question").message_id("om_1")).unwrap();
    wait(&platform, settled).await;
    let sent = soon(client.reply_text("om_1", "answer")).await.unwrap();
    let gone = soon(client.reply_text("om_gone", "answer")).await.unwrap_err();
    platform.revoke_tokens(APP);
    soon(client.send_text("oc_room", "hi")).await.unwrap();
    for (fault, links) in [(UrlFault::NoServiceId, 2), (UrlFault::Fragment, 3)] {
        platform.faults(|faults| faults.url = Some(Switch::times(fault, 1)));
        platform.cut_rst(APP);
        log.wait_times("connected", links).await;
    }
    let debug = format!("{settings:?} {client:?} {:?} {sent:?} {gone:?} {gone} {:?}", client.stats(), client.state());
    assert_eq!(soon(client.shut_down()).await, larkwire_tokio::End::Stopped);
    wait(&platform, |kind| matches!(kind, Kind::TokenIssued { .. })).await;

    let mut secrets = vec![SECRET.to_owned()];
    for stream in watched.streams() {
        let wire = String::from_utf8_lossy(&[stream.written, stream.read].concat()).into_owned();
        for key in ["ticket=", "access_key=", "Bearer ", "tenant_access_token\":\""] {
            secrets.extend(after(&wire, key));
        }
    }
    secrets.sort();
    secrets.dedup();
    assert!(secrets.len() >= 9, "a secret, two tokens, and two secrets for each of three connections: {secrets:?}");
    let lines = log.lines();
    assert!(lines.len() >= 5, "{lines:?}");
    for secret in secrets {
        assert!(secret.len() > 4, "{secret:?}");
        for said in lines.iter().chain([&debug]) {
            assert!(!said.contains(&secret), "{secret} in {said}");
        }
    }
}

const KEY: &str = "k-Canary0fTheWebhook";
const TOKEN: &str = "t-Canary0fTheWebhook";

/// What a program that panics would print of everything it may hold.
async fn shown(client: &Client, events: &mut Events, rest: &[&dyn std::fmt::Debug]) -> String {
    let event = soon(events.recv()).await.unwrap();
    let answer = soon(client.reply_text(&event.message_id().unwrap(), "answer")).await.unwrap();
    let wrong = soon(client.reply_text("om_gone", "answer")).await.unwrap_err();
    let all: &[&dyn std::fmt::Debug] = &[client, events, &event, &answer, &wrong, &wrong.to_string()];
    let all: Vec<_> = all.iter().chain(rest).collect();
    let panicked = catch_unwind(AssertUnwindSafe(|| panic!("{all:?} {all:#?} {:?}", client.stats()))).unwrap_err();
    *panicked.downcast::<String>().unwrap()
}

#[tokio::test]
async fn a_panic_that_prints_all_a_program_holds_shows_no_secret() {
    let log = Log::start();
    let platform = platform().await;
    let hook = WebhookSettings::new(KEY, TOKEN);
    let settings = settings(&platform).webhook(hook.clone());
    let (client, mut events) = Client::start(&settings).unwrap();
    let service = client.webhook().unwrap();
    let server = Server::new().route("/lark", service.clone());
    let unbound = format!("{server:?}");
    let server = server.bind(("127.0.0.1", 0)).await.unwrap();
    log.wait("the bot knows itself").await;
    let url = format!("http://{}/lark", server.local_addr());
    platform.subscribe_webhook(WebhookSpec::new(APP, url, TOKEN).encrypt_key(KEY)).unwrap();
    assert!(platform.challenge(APP).await.unwrap().passed());
    platform.push(&text("posted").message_id("om_1")).unwrap();
    let shown = shown(&client, &mut events, &[&settings, &hook, &service, &server, &unbound]).await;
    let wrong = [WebhookSettings::new(KEY, " "), WebhookSettings::new(" ", TOKEN)].map(|hook| {
        let error = Client::start(&settings.clone().webhook(hook)).unwrap_err();
        format!("{error} {error:?}")
    });
    let said = log.lines().into_iter().chain(wrong).chain([shown]).collect::<Vec<_>>();
    let secrets = platform.secrets().into_iter().chain([KEY, TOKEN].map(str::to_owned)).collect::<Vec<_>>();
    assert!(secrets.len() >= 4, "the app's, a token, and the webhook's two: {secrets:?}");
    for secret in secrets {
        assert!(secret.len() > 4 && !said.iter().any(|said| said.contains(&secret)), "{secret} in {said:#?}");
    }
}
