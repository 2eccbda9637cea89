//! Discovery, and the long connection where it was asked for.

use std::sync::Arc;
use std::time::Duration;

use larkwire_tokio::connect::NetConnect;
use larkwire_tokio::core::fault::{DropReason, Fatal, FatalReason, LinkFault};
use larkwire_tokio::core::{LinkMode, Notice};
use larkwire_tokio::{Client, End, State};
use tokio::time::Instant;

use super::api::{COPY, PORTAL, foreign};
use super::probe::{LIMIT, Probe};
use super::report::Say;
use crate::files::Bot;

/// From the wish for a connection to the first pong.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// Saying goodbye takes the client 4 s at most.
const GOODBYE_LIMIT: Duration = Duration::from_secs(4);
/// How often the counters are looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How the client's first attempt ended.
enum Came {
    Fatal(Fatal),
    Lost(LinkFault),
    Ready,
    Silence,
}

/// Whether the platform gives out an address for the long connection.
pub(super) async fn discovery(bot: &Bot, net: &Arc<NetConnect>, say: &Say) -> bool {
    const NAME: &str = "discovery";
    say.begin(NAME);
    let settings = bot.settings.same_app().link(LinkMode::Discover);
    let probe = match Probe::start(&settings, net) {
        Ok(probe) => probe,
        Err(error) => {
            say.failed(NAME, &error.to_string(), "");
            return false;
        }
    };
    let ready = async |client: &Client| {
        let _ = client.states().wait_for(|state| *state == State::Resting).await;
    };
    let came = first_attempt(&probe, LIMIT, ready(&probe.client)).await;
    if let Came::Ready = came {
        say.ok(NAME, "the platform gives out an address for the long connection");
        return true;
    }
    let (message, next_step) = refused(came, &probe, LIMIT);
    say.failed(NAME, &message, &next_step);
    false
}

/// Opens the long connection, waits for its first pong, and says goodbye.
pub(super) async fn connection(bot: &Bot, net: &Arc<NetConnect>, say: &Say) {
    const NAME: &str = "connection";
    say.begin(NAME);
    // What the gate stops counts as taken, and would be lost to the bot it is for: nothing is stopped, all is refused.
    let settings = bot.settings.same_app().allow("*").allow_bots(true).own_open_id("ou_doctor");
    // One limit for the pong is enough: the doctor's.
    let settings = settings.pong_timeout_ms(0);
    let probe = match Probe::start(&settings, net) {
        Ok(probe) => probe,
        Err(error) => return say.failed(NAME, &error.to_string(), ""),
    };
    let begun = Instant::now();
    let ready = async |client: &Client| {
        let _ = client.states().wait_for(|state| *state == State::Open).await;
        while client.stats().pongs == 0 {
            tokio::time::sleep(LOOK).await;
        }
    };
    let came = first_attempt(&probe, CONNECT_LIMIT, ready(&probe.client)).await;
    let took = begun.elapsed();
    if !matches!(came, Came::Ready) {
        let (message, next_step) = refused(came, &probe, CONNECT_LIMIT);
        return say.failed(NAME, &message, &next_step);
    }
    // An end in order: connections that just vanish are counted for a while.
    let goodbye = tokio::time::timeout(GOODBYE_LIMIT, probe.client.shut_down()).await;
    let stats = probe.client.stats();
    let (events, callbacks) = (stats.dropped(DropReason::InboxFull), stats.callbacks_lost);
    let opened = format!("open, and the first pong came, after {} ms", took.as_millis());
    if goodbye.is_err() {
        say.warning(NAME, &format!("{opened}; the platform did not take the goodbye"), "none is needed");
    } else if events > 0 {
        let message = format!(
            "{opened}; meanwhile live events came to the doctor, which took none ({events}, of which the platform sends \
             all but {callbacks} again)"
        );
        say.warning(NAME, &message, "use --connect while nobody writes to the bot");
    } else {
        say.ok(NAME, &format!("{opened}; no live event came to the doctor meanwhile"));
    }
}

async fn first_attempt(probe: &Probe, limit: Duration, ready: impl Future<Output = ()>) -> Came {
    let mut notices = probe.client.notices();
    let lost = async {
        let lost = |notice: &Option<Notice>| matches!(notice, Some(Notice::LinkLost { .. }));
        match notices.wait_for(lost).await.ok().and_then(|notice| *notice) {
            Some(Notice::LinkLost { fault, .. }) => Came::Lost(fault),
            _ => std::future::pending().await,
        }
    };
    let ended = async {
        match probe.client.ended().await {
            End::Fatal(fatal) => Came::Fatal(fatal),
            End::Stopped => Came::Silence,
        }
    };
    tokio::select! {
        () = ready => Came::Ready,
        came = lost => came,
        came = ended => came,
        () = tokio::time::sleep(limit) => Came::Silence,
    }
}

/// What went wrong, and what to do (protocol section 2.4).
fn refused(came: Came, probe: &Probe, limit: Duration) -> (String, String) {
    match came {
        Came::Fatal(fatal) => {
            let next_step = match fatal.reason {
                FatalReason::Credentials => COPY,
                reason => reason.next_step(),
            };
            let text = fatal.to_string();
            let message = text.strip_suffix(&format!("; {}", fatal.reason.next_step())).unwrap_or(&text);
            (message.to_owned(), next_step.to_owned())
        }
        Came::Lost(fault) => lost(&fault, probe),
        Came::Silence if probe.client.state() == State::Open => (
            format!("open, but no pong came within {} s", limit.as_secs()),
            "check that proxies and firewalls let WebSocket through".into(),
        ),
        Came::Ready | Came::Silence => {
            let (message, next_step) = probe.network(Some(limit));
            (message, next_step.into())
        }
    }
}

fn lost(fault: &LinkFault, probe: &Probe) -> (String, String) {
    const TOO_MANY: i64 = 1_000_040_350;
    let next_step = match *fault {
        LinkFault::DiscoveryLost(_) | LinkFault::Dial(_) => {
            let (message, next_step) = probe.network(None);
            return (message, next_step.into());
        }
        LinkFault::DiscoveryStatus(status) => {
            let (message, next_step) = foreign(status.into());
            return (message, next_step.into());
        }
        LinkFault::DiscoveryCode(TOO_MANY) | LinkFault::Refused { auth: TOO_MANY, .. } => {
            "end other programs that use this app; those that vanished are still counted for a while"
        }
        LinkFault::DiscoveryCode(_) => "try again later",
        LinkFault::DiscoveryAnswer | LinkFault::DiscoveryHttp(_) | LinkFault::DiscoveryUrl(_) => PORTAL,
        LinkFault::Refused { status: 514, .. } => "check the app's credentials and state in the console",
        _ => "check that proxies and firewalls let WebSocket through",
    };
    (fault.to_string(), next_step.into())
}
