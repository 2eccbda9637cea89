//! Many requests, and slow ones.

use std::time::Duration;

use rand::RngExt as _;
use serde::Serialize;

use super::super::Platform;
use super::deliver::text;
use super::seal::{Stamp, WebhookRequest};
use super::send::{Pieces, exchange};
use super::{Webhook, WebhookError};

/// What came of a slow request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SlowAnswer {
    /// HTTP status; `None` without answer.
    pub status: Option<u16>,
    /// The answer, as text.
    pub body: String,
    /// Milliseconds until it came, or until the connection ended.
    pub after_ms: u64,
    /// Why there is none.
    pub failure: Option<String>,
}

impl Platform {
    /// Forged events: each with its own nonce, of the present time, with a body of about this length, encrypted and signed
    /// with a key that is not the app's. They are whole requests, to be written to a connection each.
    ///
    /// # Errors
    /// The app is not registered or has no webhook.
    pub fn forged(&self, app_id: &str, count: usize, body_len: usize) -> Result<Vec<Vec<u8>>, WebhookError> {
        let mut state = self.shared.state();
        let Webhook { target, .. } = state.webhook(app_id)?.clone();
        // Base64 makes 4 bytes of 3.
        let plain = vec![b' '; body_len / 4 * 3];
        let forge = |_| {
            let stamp: Stamp = state.stamp();
            let key = format!("{:032x}", state.rng.random::<u128>());
            WebhookRequest::event(&plain, Some(&key), &stamp).to_bytes(&target.host, &target.path)
        };
        Ok((0..count).map(forge).collect())
    }

    /// Sends an ordinary event of about this length, its body in so many pieces with a wait before each. Nobody waits for
    /// the answer for longer than the usual 3 s after the last piece.
    ///
    /// # Errors
    /// As [`Platform::hostile`](super::super::Platform::hostile).
    pub async fn slow_body(&self, app_id: &str, pieces: usize, every: Duration) -> Result<SlowAnswer, WebhookError> {
        self.slow(app_id, pieces, every, false).await
    }

    /// The same with the head in so many pieces, and the body at once behind it.
    ///
    /// # Errors
    /// As [`Platform::hostile`](super::super::Platform::hostile).
    pub async fn slow_head(&self, app_id: &str, pieces: usize, every: Duration) -> Result<SlowAnswer, WebhookError> {
        self.slow(app_id, pieces, every, true).await
    }

    async fn slow(
        &self,
        app_id: &str,
        count: usize,
        every: Duration,
        slow_head: bool,
    ) -> Result<SlowAnswer, WebhookError> {
        let (forge, target) = self.shared.state().forge(app_id)?;
        let request = forge.valid();
        let (head, body) = (request.head(&target.host, &target.path), request.body);
        let once = |bytes: Vec<u8>| (Duration::ZERO, bytes);
        let slow = |bytes: &[u8]| -> Pieces {
            bytes.chunks(bytes.len().div_ceil(count.max(1)).max(1)).map(|piece| (every, piece.to_vec())).collect()
        };
        let pieces: Pieces = if slow_head {
            slow(&head).into_iter().chain([once(body)]).collect()
        } else {
            [once(head)].into_iter().chain(slow(&body)).collect()
        };
        let waits: Duration = pieces.iter().map(|(wait, _)| *wait).sum();
        let exchange = exchange(&target, pieces, waits + self.shared.config.ack_timeout).await;
        let after_ms = exchange.after_ms();
        Ok(match exchange.result {
            Ok(reply) => SlowAnswer { status: Some(reply.status), body: text(&reply.body), after_ms, failure: None },
            Err((_, reason)) => SlowAnswer { status: None, body: String::new(), after_ms, failure: Some(reason) },
        })
    }
}
