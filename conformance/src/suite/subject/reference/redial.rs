//! The life of the client: connect, serve, wait, and again. Protocol section 9.3.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use tokio::time::{sleep, timeout};

use super::Client;
use super::calls::{Zeal, tries};
use super::defects::Defect;
use super::discovery::{Door, discover};
use super::http::Question;
use super::session::{Over, Session};
use super::tempo::Patience;
use super::upgrade::{Socket, upgrade};
use crate::suite::shim::Report;

/// What a group depends on is waited for this long.
const WHO_AM_I: Duration = Duration::from_secs(5);
/// For answers to the platform, once it is to stop.
const FLUSH: Duration = Duration::from_millis(100);
/// For calls that are under way when the bot is to stop.
const CALLS: Duration = Duration::from_secs(10);
/// Between look-ups that fail, in seconds; the last one repeats.
const PAUSES: [u64; 5] = [10, 30, 120, 600, 3600];

/// Why there is no connection.
#[derive(Clone, Debug)]
pub(super) enum Failure {
    Again {
        pause: Option<Duration>,
    },
    /// The ticket was refused.
    Ticket,
    /// Too many connections.
    Slow,
    /// A person is needed.
    Fatal {
        code: i64,
        text: String,
    },
}

/// How it ended.
#[derive(Debug)]
pub(super) enum End {
    Stopped,
    Fatal { code: i64, text: String },
}

/// Lives until it is told to stop, or for good reason.
pub(super) async fn live(client: &Arc<Client>) -> End {
    let doomed = async {
        let (code, text) = client.doomed().await;
        End::Fatal { code, text }
    };
    tokio::select! {
        biased;
        end = doomed => end,
        end = connect_for_ever(client) => end,
    }
}

async fn connect_for_ever(client: &Arc<Client>) -> End {
    let identity = {
        let client = Arc::clone(client);
        async move { who_am_i(&client).await }
    };
    if client.start.settings.webhook.is_some() {
        client.spawn(identity);
        client.stopped().await;
        // What waits for room is refused, and that is written.
        sleep(FLUSH).await;
        return stop(client).await;
    }
    let mut identity = Some(identity);
    if client.start.settings.mention_only == Some(true)
        && let Some(identity) = identity.take()
    {
        client.spawn(identity);
        tokio::select! {
            () = client.stopped() => return stop(client).await,
            _ = timeout(WHO_AM_I, client.looked_up()) => {}
        }
    }
    let mut patience = Patience::default();
    let mut used = None;
    let mut connected_before = false;
    loop {
        let linked = tokio::select! {
            biased;
            () = client.stopped() => return stop(client).await,
            linked = link(client, &mut used) => linked,
        };
        let failure = match linked {
            Ok((socket, door)) => {
                if let Some(identity) = identity.take() {
                    client.spawn(identity);
                }
                if client.has(Defect::BackoffResetOnAccept) {
                    patience = Patience::default();
                }
                if client.has(Defect::TwoConnections) && connected_before {
                    second_connection(client);
                }
                connected_before = true;
                match Session::new(client, socket, door.service).run().await {
                    Over::Stopped => return stop(client).await,
                    Over::Lost { spoke: true } => patience = Patience::default(),
                    Over::Lost { spoke: false } => patience.failures += 1,
                }
                Failure::Again { pause: None }
            }
            Err(failure) => {
                patience.failures += 1;
                failure
            }
        };
        if let Failure::Fatal { code, text } = &failure
            && client.start.settings.retry_fatal != Some(true)
        {
            return End::Fatal { code: *code, text: text.clone() };
        }
        if client.most_attempts().is_some_and(|most| patience.failures >= most) {
            return End::Fatal { code: 0, text: "gave up after too many attempts".to_owned() };
        }
        let wait = patience.wait(client, &failure);
        tokio::select! {
            () = client.stopped() => return stop(client).await,
            () = sleep(wait) => {}
        }
    }
}

async fn stop(client: &Client) -> End {
    // Calls that take longer are given up.
    let _ = timeout(CALLS, client.calls_done()).await;
    End::Stopped
}

/// Discovery and upgrade.
async fn link(client: &Client, used: &mut Option<Door>) -> Result<(Socket, Door), Failure> {
    let old = used.take().filter(|_| client.has(Defect::ReusesUrl));
    let door = match old {
        Some(door) => door,
        None => {
            let door = discover(client).await?;
            *used = Some(door.clone());
            door
        }
    };
    if client.has(Defect::LogsTicket) {
        client.say(Report::Note { text: format!("connecting to {}", door.target) });
    }
    Ok((upgrade(client, &door).await?, door))
}

fn second_connection(client: &Arc<Client>) {
    let shared = Arc::clone(client);
    client.spawn(async move {
        if let Ok((socket, door)) = link(&shared, &mut None).await {
            Session::new(&shared, socket, door.service).run().await;
        }
    });
}

/// Asks until it is known.
async fn who_am_i(client: &Client) {
    for failures in 0.. {
        let target = "/open-apis/bot/v3/info".to_owned();
        let question = Question { method: Method::GET, target, headers: Vec::new(), body: None };
        let answer = timeout(Duration::from_secs(15), tries(client, question, Zeal::Background)).await;
        let open_id = answer.ok().and_then(Result::ok).map(|json| super::envelope::text(&json, "/bot/open_id"));
        let known = open_id.as_ref().is_some_and(|open_id| !open_id.is_empty());
        client.know_identity(open_id.filter(|_| known));
        if known {
            return;
        }
        let pause = PAUSES.get(failures).copied().unwrap_or(3600);
        sleep(Duration::from_secs_f64(pause as f64 * (1.0 + client.chance(0.1)))).await;
    }
}
