//! Hours without hours: tokio's clock, stopped until the story moves it.
#![allow(dead_code, reason = "each test program uses its part of it")]

use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use larkwire_tokio::Client;

use crate::support::LONG;

/// Timers of tokio go off in the millisecond after the one they were set to.
const LATE: Duration = Duration::from_millis(2);

/// Time stands still while this lives, for the bot and for the platform of the same thread. A paused clock of tokio's own
/// would run ahead whenever everybody waits for a socket.
pub(crate) struct Clock {
    _held: Sender<()>,
}

impl Clock {
    pub(crate) fn stop() -> Self {
        let (held, released) = mpsc::channel::<()>();
        // While a blocking task runs, a paused clock does not move by itself. A story that hangs gets its time-outs when
        // this one gives up.
        tokio::task::spawn_blocking(move || released.recv_timeout(LONG));
        tokio::time::pause();
        Self { _held: held }
    }

    /// Everything that is due by then happens; late, as on a machine that slept.
    pub(crate) async fn advance(&self, by: Duration) {
        tokio::time::advance(by + LATE).await;
    }

    /// As [`advance`](Self::advance), a minute at a time: the bot pings, and gets its answers.
    pub(crate) async fn run(&self, client: &Client, by: Duration) {
        let mut left = by;
        while !left.is_zero() {
            let step = left.min(seconds(60));
            self.advance(step).await;
            // Whatever was due has been done by then, as far as it needs no answer.
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            eventually("its pings are answered", || client.stats().pongs == client.stats().pings).await;
            left -= step;
        }
    }
}

/// Waits, without a clock, until something is so.
pub(crate) async fn eventually(what: &str, so: impl Fn() -> bool) {
    let since = std::time::Instant::now();
    while !so() {
        assert!(since.elapsed() < LONG, "it does not happen: {what}");
        tokio::task::yield_now().await;
    }
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 60 * 60)
}
