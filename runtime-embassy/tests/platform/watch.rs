//! What the platform is told, and what it saw.

use std::time::Duration;

use larkwire_conformance::platform::{
    AppSpec, ClientConfig, ClosedBy, Kind, Platform, PlatformConfig, Push, PushId, Record,
};

use crate::boards::APP_ID;

pub(crate) const SECRET: &str = "s3cr3t-of-the-board";
pub(crate) const ANN: &str = "ou_ann";

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// A platform that wants clients to ping and to dial again as fast as the protocol has them do it, and sends what was not
/// acked again 100 ms later, for as long as a story may take.
pub(crate) fn quick() -> PlatformConfig {
    PlatformConfig {
        client_config: ClientConfig {
            reconnect_count: Some(-1),
            reconnect_interval: Some(1),
            reconnect_nonce: Some(1),
            ping_interval: Some(5),
        },
        redelivery: vec![Duration::from_millis(100); 600],
        ..PlatformConfig::default()
    }
}

pub(crate) async fn platform_with(config: PlatformConfig) -> Platform {
    let platform = Platform::start(config).await.unwrap();
    platform.add_app(AppSpec::new(APP_ID, SECRET));
    platform
}

/// The port of `http://127.0.0.1:PORT`.
pub(crate) fn port_of(platform: &Platform) -> u16 {
    platform.base_url().rsplit(':').next().and_then(|port| port.parse().ok()).unwrap()
}

/// What Ann says to the bot alone; `id` makes its message id.
pub(crate) fn said(id: &str, text: &str) -> Push {
    Push::message("oc_ann", "p2p", ANN, text).message_id(message_id(id))
}

pub(crate) fn message_id(id: &str) -> String {
    format!("om_{id}")
}

/// Waits for the first record of this kind, also among those of the past.
pub(crate) async fn seen(platform: &Platform, what: &str, fits: impl FnMut(&Kind) -> bool) -> Record {
    seen_times(platform, 1, what, fits).await
}

/// As [`seen`], for as many of them; the last one.
pub(crate) async fn seen_times(
    platform: &Platform,
    times: usize,
    what: &str,
    mut fits: impl FnMut(&Kind) -> bool,
) -> Record {
    let mut left = times;
    let is_last = |record: &Record| {
        left -= usize::from(fits(&record.kind));
        left == 0
    };
    let found = platform.wait_for(is_last, LONG).await;
    found.unwrap_or_else(|| panic!("the platform waits for {what}: {:#?}", platform.records()))
}

/// Waits until a push was acknowledged so often.
pub(crate) async fn acked(platform: &Platform, push: PushId, times: usize) {
    seen_times(
        platform,
        times,
        "an ack",
        |kind| matches!(kind, Kind::Acked { push: of, settled: true, .. } if *of == push),
    )
    .await;
}

/// Waits for the answer to a message; its text.
pub(crate) async fn answer(platform: &Platform, id: &str) -> String {
    let parent = message_id(id);
    let fits = |kind: &Kind| matches!(kind, Kind::Replied { parent_id, repeated: false, .. } if *parent_id == parent);
    let Kind::Replied { content, .. } = seen(platform, &format!("an answer to {parent}"), fits).await.kind else {
        unreachable!()
    };
    let content: serde_json::Value = serde_json::from_str(&content).unwrap();
    content["text"].as_str().unwrap().to_owned()
}

/// What `pick` takes of the records, in their order.
pub(crate) fn picked<T>(platform: &Platform, pick: impl Fn(Kind) -> Option<T>) -> Vec<T> {
    platform.records().into_iter().filter_map(|record| pick(record.kind)).collect()
}

pub(crate) fn count(platform: &Platform, fits: impl Fn(&Kind) -> bool) -> usize {
    platform.records().iter().filter(|record| fits(&record.kind)).count()
}

/// The messages that were answered, in the order of their answers; an answer that repeats another one is not one.
pub(crate) fn answered(platform: &Platform) -> Vec<String> {
    picked(platform, |kind| match kind {
        Kind::Replied { parent_id, repeated: false, .. } => Some(parent_id),
        _ => None,
    })
}

pub(crate) fn upgrades(platform: &Platform) -> usize {
    count(platform, |kind| matches!(kind, Kind::Upgraded { .. }))
}

pub(crate) fn said_goodbye(platform: &Platform) -> bool {
    let goodbye = |kind: &Kind| matches!(kind, Kind::ConnectionClosed { by: ClosedBy::Client, code: Some(1000), .. });
    count(platform, goodbye) > 0
}

/// The platform found nothing to object to, but for acks that were late: a cable may be in the way of those.
pub(crate) fn assert_faultless(platform: &Platform) {
    for record in platform.records() {
        match record.kind {
            Kind::Acked { faults, .. } => assert!(faults.iter().all(|fault| fault.field == "time"), "ack: {faults:?}"),
            Kind::CallbackAnswered { faults, in_time, .. } => {
                assert!(in_time && faults.is_empty(), "answer: {faults:?}");
            }
            Kind::ClientFault { what, .. } => panic!("{what}"),
            Kind::StrayAck { .. } => panic!("an ack of nothing"),
            _ => {}
        }
    }
}
