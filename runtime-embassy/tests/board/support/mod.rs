//! What every story starts with: the app, a platform that is told to be quick, and the image on it.

mod cable;
mod door;
mod firmware;
mod names;
mod wire;

use std::time::{Duration, Instant};

use larkwire_conformance::platform::{AppSpec, ClientConfig, Kind, Platform, PlatformConfig, Push, Record};

pub(crate) use door::Door;
pub(crate) use firmware::{End, Firmware};
pub(crate) use names::Names;
pub(crate) use wire::{Flow, Wire};

pub(crate) const APP: &str = "cli_0123456789abcdef";
pub(crate) const SECRET: &str = "s3cr3t-of-the-board";
pub(crate) const ANN: &str = "ou_ann";
/// A message of this text ends the bot.
pub(crate) const STOP: &str = "stop-the-board";

/// Longer than anything here takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Says how long a story took, well or not.
pub(crate) struct Story(&'static str, Instant);

impl Story {
    pub(crate) fn begins(name: &'static str) -> Self {
        Self(name, Instant::now())
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        let how = if std::thread::panicking() { "FAILED" } else { "ok" };
        println!("story {:5.1} s {how:6} {}", self.1.elapsed().as_secs_f64(), self.0);
    }
}

/// A platform that wants pings often (every 5 s is the most a client gives), has clients dial again within a second, and sends what was not acked
/// again every second for as long as a story may take.
pub(crate) fn quick() -> PlatformConfig {
    PlatformConfig {
        client_config: ClientConfig {
            reconnect_count: Some(-1),
            reconnect_interval: Some(1),
            reconnect_nonce: Some(1),
            ping_interval: Some(2),
        },
        redelivery: vec![Duration::from_secs(1); 120],
        ..PlatformConfig::default()
    }
}

pub(crate) async fn platform() -> Platform {
    platform_with(quick()).await
}

pub(crate) async fn platform_with(config: PlatformConfig) -> Platform {
    let platform = Platform::start(config).await.unwrap();
    platform.add_app(AppSpec::new(APP, SECRET));
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

/// Waits for a record of this kind, also among those of the past.
pub(crate) async fn seen(platform: &Platform, what: &str, fits: impl Fn(&Kind) -> bool) -> Record {
    let record = platform.wait_for(|record| fits(&record.kind), LONG).await;
    record.unwrap_or_else(|| panic!("the platform never saw {what}"))
}

/// Waits for the answer to a message; its text.
pub(crate) async fn answer(platform: &Platform, id: &str) -> String {
    let parent = message_id(id);
    let what = format!("an answer to {parent}");
    let is_answer =
        |kind: &Kind| matches!(kind, Kind::Replied { parent_id, repeated: false, .. } if *parent_id == parent);
    match seen(platform, &what, is_answer).await.kind {
        Kind::Replied { content, .. } => text_of(&content),
        _ => unreachable!(),
    }
}

/// The messages that were answered, in the order of their answers; an answer that repeats another one is not one.
pub(crate) fn answered(platform: &Platform) -> Vec<String> {
    let records = platform.records().into_iter();
    let parents = records.filter_map(|record| match record.kind {
        Kind::Replied { parent_id, repeated: false, .. } => Some(parent_id),
        _ => None,
    });
    parents.collect()
}

pub(crate) fn count(platform: &Platform, fits: impl Fn(&Kind) -> bool) -> usize {
    platform.records().iter().filter(|record| fits(&record.kind)).count()
}

/// Ends the bot by a word, as Ann.
pub(crate) async fn stop(platform: &Platform, firmware: Firmware) -> End {
    platform.push(&said("stop", STOP)).unwrap();
    firmware.end().await
}

fn text_of(content: &str) -> String {
    let content: serde_json::Value = serde_json::from_str(content).unwrap();
    content["text"].as_str().unwrap().to_owned()
}
