//! The conversation over a long connection, which is cut in the middle.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use larkwire_conformance::platform::{Kind, Platform};
use larkwire_tokio::{Client, Stats};
use serde_json::json;

use super::{AHEAD, Disturbed, Message, Show, Tally, note, plural};

/// Sends the messages, cuts the connection in the middle, and waits until everything was answered.
pub(super) async fn conversation(
    platform: &Platform,
    app_id: &str,
    client: &Client,
    messages: usize,
    tally: &Mutex<Tally>,
    show: &Show,
) {
    let lock = || tally.lock().unwrap_or_else(PoisonError::into_inner);
    let mut records = platform.subscribe();
    let (cut_at, mut cut, mut reconnected, mut sent) = ((messages / 2).max(1), false, false, 0);
    loop {
        let settled = lock().acked.len();
        while sent < messages && sent < settled + AHEAD && (cut || sent < cut_at) {
            // The last message before the cut comes twice, so that a short demo has one too.
            let times = if sent + 1 == cut_at { 2 } else { 1 };
            let parts = if sent % 4 == 1 { 3 } else { 1 };
            Message { number: sent, parts, times }.send(platform, app_id, tally, show);
            sent += 1;
        }
        if !cut && settled == cut_at {
            cut = true;
            show.line(&json!({"kind": "cut"}), || "── the connection is cut ──".to_owned());
            platform.cut(app_id);
            continue;
        }
        if sent == messages && reconnected && lock().is_complete(messages) {
            // The platform's first word on the new connection may still be under way.
            while client.stats().links < 2 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            return;
        }
        let Some(record) = records.next().await else { return };
        reconnected |= cut && matches!(record.kind, Kind::Pinged { first: true, .. });
        note(record, tally, show);
    }
}

/// What the summary says beside the messages.
pub(super) fn disturbed(stats: &Stats) -> Disturbed {
    let reconnects = stats.links.saturating_sub(1);
    Disturbed { counts: vec![("reconnects", reconnects)], words: plural(reconnects, "reconnect", "reconnects") }
}
