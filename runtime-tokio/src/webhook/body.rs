//! Reading a body of somebody who has proved nothing yet.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Buf as _;
use http_body::Body;
use larkwire_core::webhook::{BODY_MS, Refusal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// A body that is here by then needs no place among those that are waited for: the platform's come with their heads, so
/// that slow bodies of others cannot take its place.
const AT_ONCE: Duration = Duration::from_millis(200);
/// What a body may hold without such a place.
const SMALL: usize = 16 * 1024;

/// Reads a body of at most `limit` bytes. `places` are for those that take their time.
pub(super) async fn read<B: Body>(body: B, limit: usize, places: &Arc<Semaphore>) -> Result<Vec<u8>, Refusal> {
    let mut body = pin!(body);
    let start = Instant::now();
    let mut until = pin!(sleep_until(start + AT_ONCE));
    let mut place: Option<OwnedSemaphorePermit> = None;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(announced.min(SMALL).min(limit));
    loop {
        let frame = std::future::poll_fn(|cx| match body.as_mut().poll_frame(cx) {
            Poll::Ready(frame) => Poll::Ready(Some(frame)),
            Poll::Pending => until.as_mut().poll(cx).map(|()| None),
        });
        match frame.await {
            Some(None) => return Ok(bytes),
            // The peer has hung up; nobody will read the answer.
            Some(Some(Err(_))) => return Err(Refusal::Slow),
            Some(Some(Ok(frame))) => {
                let Ok(mut data) = frame.into_data() else { continue };
                if data.remaining() > limit.saturating_sub(bytes.len()) {
                    return Err(Refusal::TooBig);
                }
                if bytes.len() + data.remaining() > SMALL {
                    take_place(&mut place, places)?;
                }
                while data.has_remaining() {
                    let chunk = data.chunk();
                    bytes.extend_from_slice(chunk);
                    let len = chunk.len();
                    data.advance(len);
                }
            }
            None if start.elapsed() >= Duration::from_millis(BODY_MS) => return Err(Refusal::Slow),
            None => {
                take_place(&mut place, places)?;
                until.as_mut().reset(start + Duration::from_millis(BODY_MS));
            }
        }
    }
}

fn take_place(place: &mut Option<OwnedSemaphorePermit>, places: &Arc<Semaphore>) -> Result<(), Refusal> {
    if place.is_none() {
        *place = Some(Arc::clone(places).try_acquire_owned().map_err(|_| Refusal::TooMany)?);
    }
    Ok(())
}
