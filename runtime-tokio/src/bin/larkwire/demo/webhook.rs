//! The conversation by webhook: a URL that is verified, an answer that is lost, and a stranger who forges an event.

use std::sync::{Mutex, PoisonError};

use larkwire_conformance::platform::{Kind, Platform, WebhookSpec};
use larkwire_tokio::core::webhook::Refusal;
use larkwire_tokio::webhook::{Server, Serving, WebhookSettings};
use larkwire_tokio::{Client, Stats};
use serde_json::json;

use super::{AHEAD, Disturbed, Message, Show, Tally, plural};
use crate::exit::Exit;

/// What only the two of them know.
const ENCRYPT_KEY: &str = "the Encrypt Key of the demo";
const TOKEN: &str = "the Verification Token of the demo";
const PATH: &str = "/lark";

pub(super) fn settings() -> WebhookSettings {
    WebhookSettings::new(ENCRYPT_KEY, TOKEN)
}

/// Serves the bot on loopback, and has the platform verify the URL.
pub(super) async fn serve(client: &Client, platform: &Platform, app_id: &str, show: &Show) -> Result<Serving, Exit> {
    let service = client.webhook().ok_or_else(|| Exit::other("the bot has no webhook"))?;
    let serving = Server::new().route(PATH, service).bind("127.0.0.1:0").await;
    let serving = serving.map_err(|error| Exit::other(format!("no server on loopback: {error}")))?;
    let url = format!("http://{}{PATH}", serving.local_addr());
    let wrong = |error: &dyn std::fmt::Display| Exit::other(format!("{url}: {error}"));
    let spec = WebhookSpec::new(app_id, &url, TOKEN).encrypt_key(ENCRYPT_KEY);
    platform.subscribe_webhook(spec).map_err(|error| wrong(&error))?;
    let verdict = platform.challenge(app_id).await.map_err(|error| wrong(&error))?;
    let (passed, after_ms) = (verdict.passed(), verdict.after_ms);
    show.line(&json!({"kind": "challenged", "url": url, "passed": passed, "after_ms": after_ms}), || {
        let how = if passed { "the challenge came back decrypted" } else { "no" };
        format!("── is {url} the bot's? {how}, after {after_ms} ms ──")
    });
    match verdict.complaint {
        None => Ok(serving),
        Some(complaint) => Err(wrong(&complaint)),
    }
}

/// Sends the messages, loses an answer and lets a stranger try in the middle, and waits until everything was answered.
pub(super) async fn conversation(
    platform: &Platform,
    app_id: &str,
    messages: usize,
    tally: &Mutex<Tally>,
    show: &Show,
) {
    let lock = || tally.lock().unwrap_or_else(PoisonError::into_inner);
    let mut records = platform.subscribe();
    // Nothing else is under way while an answer gets lost, so that it is this one.
    let (lost_at, mut to_lose, mut lost, mut sent) = ((messages / 2).max(1) - 1, true, false, 0);
    loop {
        let settled = lock().acked.len();
        while sent < messages && sent < settled + AHEAD && (lost || sent < lost_at) {
            Message { number: sent, parts: 1, times: 1 }.send(platform, app_id, tally, show);
            sent += 1;
        }
        if to_lose && settled == lost_at {
            to_lose = false;
            forge(platform, app_id, tally, show).await;
            show.line(&json!({"kind": "answer_lost"}), || "── the next answer gets lost ──".to_owned());
            platform.faults(|faults| faults.ignore_acks = true);
            Message { number: sent, parts: 1, times: 1 }.send(platform, app_id, tally, show);
            sent += 1;
        }
        if sent == messages && lock().is_complete(messages) {
            return;
        }
        let Some(record) = records.next().await else { return };
        if matches!(record.kind, Kind::WebhookAnswered { settled: false, .. }) {
            platform.faults(|faults| faults.ignore_acks = false);
            lost = true;
        }
        super::note(record, tally, show);
    }
}

/// Somebody who does not know the key.
async fn forge(platform: &Platform, app_id: &str, tally: &Mutex<Tally>, show: &Show) {
    let status = platform.hostile(app_id, "wrong-signature").await.ok().and_then(|answer| answer.status);
    show.line(&json!({"kind": "forged", "status": status}), || {
        let answered = status.map_or("not answered".to_owned(), |status| format!("answered {status}"));
        format!("── a stranger posts an event, signed with another key: {answered} ──")
    });
    if status != Some(401) {
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.wrong.push("a forged event was not refused".to_owned());
    }
}

/// What the platform saw of requests and answers.
pub(super) fn note(kind: Kind, tally: &mut Tally, show: &Show) {
    match kind {
        Kind::WebhookPosted { event_id, attempt, headers, bytes, .. } => {
            tally.redeliveries += u64::from(attempt > 0);
            let message_id = tally.by_event.get(&event_id);
            let first = attempt == 0
                && message_id.is_some_and(|id| *id == Message { number: 0, parts: 1, times: 1 }.message_id());
            let line = json!({"kind": "posted", "message_id": message_id, "attempt": attempt, "headers": headers, "bytes": bytes});
            show.line(&line, || match (first, attempt) {
                (true, _) => format!("── POST: {bytes} bytes, encrypted; {} ──", headers.join(", ")),
                (false, 0) => String::new(),
                _ => "── the event is posted again ──".to_owned(),
            });
        }
        Kind::WebhookAnswered { event_id, settled, status, after_ms, faults, .. } => {
            tally.wrong.extend(faults.iter().map(|fault| format!("answer to {event_id}: {fault}")));
            if status != 200 {
                tally.wrong.push(format!("{event_id} was answered {status}"));
            }
            let message_id = tally.by_event.get(&event_id).cloned();
            if let Some(message_id) = message_id.filter(|_| settled)
                && tally.acked.insert(message_id.clone())
            {
                let line = json!({"kind": "acked", "message_id": message_id, "status": status, "latency_ms": after_ms});
                show.line(&line, String::new);
            }
        }
        Kind::WebhookFailed { event_id, reason, .. } => tally.wrong.push(format!("{event_id}: {reason}")),
        _ => {}
    }
}

/// What the summary says beside the messages.
pub(super) fn disturbed(tally: &Tally, stats: &Stats) -> Disturbed {
    let (redeliveries, forged) = (tally.redeliveries, stats.refused(Refusal::SignatureWrong));
    let words = format!(
        "{}, {} refused",
        plural(redeliveries, "redelivery", "redeliveries"),
        plural(forged, "forged request", "forged requests")
    );
    Disturbed { counts: vec![("redeliveries", redeliveries), ("forged_refused", forged)], words }
}
