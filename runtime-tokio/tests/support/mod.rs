//! What the stories share: a platform with one app, a bot on it, and ways to wait.
#![allow(dead_code, reason = "each test program uses its part of it")]

use std::time::Duration;

use larkwire_conformance::platform::{AppSpec, ClientConfig, Kind, Platform, PlatformConfig, Push, Record};
use larkwire_tokio::{Client, Event, Events, Settings, State};
use tokio::time::timeout;

pub(crate) const APP: &str = "cli_0123456789abcdef";
/// Unlike anything else that is ever printed.
pub(crate) const SECRET: &str = "s3cr3t-Ep7Xq2vLzW";
/// The `open_id` of the platform's bots.
pub(crate) const BOT: &str = "ou_bot";

/// Longer than anything here takes, so that only a failure meets it.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// A platform with one app, where a connection comes back within a second and a redelivery after 150 ms.
pub(crate) async fn platform() -> Platform {
    platform_with(config()).await
}

pub(crate) fn config() -> PlatformConfig {
    let client_config =
        ClientConfig { reconnect_interval: Some(1), reconnect_nonce: Some(1), ..ClientConfig::default() };
    PlatformConfig { client_config, clock_scale: 100.0, ..PlatformConfig::default() }
}

pub(crate) async fn platform_with(config: PlatformConfig) -> Platform {
    let platform = Platform::start(config).await.unwrap();
    platform.add_app(AppSpec::new(APP, SECRET));
    platform
}

/// A bot that listens to everybody.
pub(crate) fn settings(platform: &Platform) -> Settings {
    strict(platform).allow("*")
}

/// A bot that listens to nobody yet.
pub(crate) fn strict(platform: &Platform) -> Settings {
    Settings::new(APP, SECRET).domain(platform.base_url())
}

/// A bot whose connection is open.
pub(crate) async fn bot(platform: &Platform) -> (Client, Events) {
    bot_with(&settings(platform)).await
}

pub(crate) async fn bot_with(settings: &Settings) -> (Client, Events) {
    let (client, events) = Client::start(settings).unwrap();
    until(&client, |state| state == State::Open).await;
    (client, events)
}

pub(crate) async fn until(client: &Client, fits: impl Fn(State) -> bool) -> State {
    let mut states = client.states();
    let found = timeout(LONG, states.wait_for(|state| fits(*state))).await;
    match found {
        Ok(state) => *state.unwrap(),
        Err(_) => panic!("the bot stays in state {:?}", client.state()),
    }
}

/// What a future gives, if it gives it in time.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    timeout(LONG, future).await.expect("it takes too long")
}

pub(crate) async fn next(events: &mut Events) -> Event {
    soon(events.recv()).await.expect("the bot has ended")
}

/// What people write, with the ids that the story needs.
pub(crate) fn text(text: &str) -> Push {
    Push::message("oc_room", "group", "ou_ann", text)
}

/// As [`text`], to the bot alone.
pub(crate) fn whisper(text: &str) -> Push {
    Push::text("oc_alone", "ou_ann", text)
}

/// Pushes it and waits until it was acknowledged.
pub(crate) async fn tell(platform: &Platform, push: &Push) {
    let id = platform.push(push).unwrap();
    wait(platform, |kind| matches!(kind, Kind::Acked { push, settled: true, .. } if *push == id)).await;
}

/// Everything that waits for the program, once the bot has stopped.
pub(crate) async fn rest(client: &Client, events: &mut Events) -> Vec<Event> {
    soon(client.shut_down()).await;
    let mut all = Vec::new();
    while let Some(event) = soon(events.recv()).await {
        all.push(event);
    }
    all
}

/// Waits for the first record whose kind fits.
pub(crate) async fn wait(platform: &Platform, mut fits: impl FnMut(&Kind) -> bool) -> Record {
    match platform.wait_for(|record| fits(&record.kind), LONG).await {
        Some(record) => record,
        None => panic!("it did not happen; what did: {:#?}", platform.records()),
    }
}

/// Waits until as many records fit.
pub(crate) async fn wait_for_many(platform: &Platform, many: usize, fits: impl Fn(&Kind) -> bool) {
    let mut seen = 0;
    let search = platform.wait_for(
        |record| {
            seen += usize::from(fits(&record.kind));
            seen >= many
        },
        LONG,
    );
    if search.await.is_none() {
        panic!("{seen} of {many} happened");
    }
}

/// What `pick` takes of the records, in their order.
pub(crate) fn picked<T>(platform: &Platform, pick: impl Fn(Kind) -> Option<T>) -> Vec<T> {
    platform.records().into_iter().filter_map(|record| pick(record.kind)).collect()
}

pub(crate) fn count(platform: &Platform, fits: impl Fn(&Kind) -> bool) -> usize {
    platform.records().iter().filter(|record| fits(&record.kind)).count()
}

pub(crate) fn settled(kind: &Kind) -> bool {
    matches!(kind, Kind::Acked { settled: true, .. })
}

pub(crate) fn said_goodbye(kind: &Kind) -> bool {
    use larkwire_conformance::platform::ClosedBy;
    matches!(kind, Kind::ConnectionClosed { by: ClosedBy::Client, code: Some(1000), .. })
}

/// The platform found nothing to object to.
pub(crate) fn assert_faultless(platform: &Platform) {
    for record in platform.records() {
        match record.kind {
            Kind::Acked { faults, .. } => assert!(faults.is_empty(), "ack: {faults:?}"),
            Kind::CallbackAnswered { faults, in_time, .. } => {
                assert!(in_time && faults.is_empty(), "answer: {faults:?}");
            }
            Kind::ClientFault { what, .. } => panic!("{what}"),
            Kind::StrayAck { .. } => panic!("an ack of nothing"),
            _ => {}
        }
    }
}
