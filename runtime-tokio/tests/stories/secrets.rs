//! What must not be seen by anybody.

use larkwire_conformance::platform::{Kind, Switch, UrlFault};

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
