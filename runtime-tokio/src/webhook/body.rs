//! Reading a body of somebody who has proved nothing yet.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Buf as _;
use http_body::Body;
use larkwire_core::webhook::{BODY_MS, MAX_OPEN_BODIES, Refusal};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::peers::{Holders, first_to_go};

/// A body that is here by then needs no place among those that are waited for: the platform's come with their heads, so
/// that slow bodies of others cannot take its place.
const AT_ONCE: Duration = Duration::from_millis(200);
/// What a body may hold without such a place.
const SMALL: usize = 16 * 1024;

/// Places for bodies that take their time. Where all are taken, a newcomer from elsewhere gets that of the network which
/// holds the most; one more from that network is too many.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    holders: Holders,
    /// Dropping it tells the holder to go.
    stay: std::collections::HashMap<u64, oneshot::Sender<()>>,
    next: u64,
}

struct Place<'p> {
    id: u64,
    places: &'p Places,
    /// Ends when somebody else needs the place more.
    stay: oneshot::Receiver<()>,
}

impl Places {
    fn with<R>(&self, with: impl FnOnce(&mut Taken) -> R) -> R {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take(&self, network: Option<IpAddr>) -> Result<Place<'_>, Refusal> {
        self.with(|taken| {
            if taken.holders.len() >= MAX_OPEN_BODIES {
                match first_to_go(&taken.holders) {
                    Some((oldest, most)) if most != network => {
                        taken.holders.remove(&oldest);
                        taken.stay.remove(&oldest);
                    }
                    _ => return Err(Refusal::TooMany),
                }
            }
            let (sender, stay) = oneshot::channel();
            let id = taken.next;
            taken.next += 1;
            taken.holders.insert(id, network);
            taken.stay.insert(id, sender);
            Ok(Place { id, places: self, stay })
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.places.with(|taken| {
            taken.holders.remove(&self.id);
            taken.stay.remove(&self.id);
        });
    }
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum NoBody {
    /// The peer has hung up, or what it sent is no body: nobody will read the answer.
    Gone,
    Refused(Refusal),
}

impl From<Refusal> for NoBody {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read<B: Body>(
    body: B,
    limit: usize,
    places: &Arc<Places>,
    network: Option<IpAddr>,
) -> Result<Vec<u8>, NoBody> {
    let mut body = pin!(body);
    let start = Instant::now();
    let mut until = pin!(sleep_until(start + AT_ONCE));
    let mut place: Option<Place<'_>> = None;
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(announced.min(SMALL).min(limit));
    loop {
        let frame = std::future::poll_fn(|cx| {
            if let Poll::Ready(frame) = body.as_mut().poll_frame(cx) {
                return Poll::Ready(Ok(Some(frame)));
            }
            if let Some(place) = &mut place
                && pin!(&mut place.stay).poll(cx).is_ready()
            {
                return Poll::Ready(Err(Refusal::TooMany));
            }
            until.as_mut().poll(cx).map(|()| Ok(None))
        });
        match frame.await? {
            Some(None) => return Ok(bytes),
            Some(Some(Err(_))) => return Err(NoBody::Gone),
            Some(Some(Ok(frame))) => {
                let Ok(mut data) = frame.into_data() else { continue };
                if data.remaining() > limit.saturating_sub(bytes.len()) {
                    return Err(Refusal::TooBig.into());
                }
                if place.is_none() && bytes.len() + data.remaining() > SMALL {
                    place = Some(places.take(network)?);
                }
                while data.has_remaining() {
                    let chunk = data.chunk();
                    bytes.extend_from_slice(chunk);
                    let len = chunk.len();
                    data.advance(len);
                }
            }
            None if start.elapsed() >= Duration::from_millis(BODY_MS) => return Err(Refusal::Slow.into()),
            None => {
                if place.is_none() {
                    place = Some(places.take(network)?);
                }
                until.as_mut().reset(start + Duration::from_millis(BODY_MS));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use larkwire_core::webhook::{MAX_OPEN_BODIES, Refusal};

    use super::Places;

    #[test]
    fn slow_bodies_of_one_network_give_way_to_others_and_not_to_more_of_their_own() {
        let places = Places::default();
        let (one, other): (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        let mut slow: Vec<_> = (0..MAX_OPEN_BODIES).map(|_| places.take(Some(one)).unwrap()).collect();
        assert_eq!(places.take(Some(one)).map(drop), Err(Refusal::TooMany));
        let newcomer = places.take(Some(other)).unwrap();
        assert!(slow[0].stay.try_recv().is_err_and(|error| error == tokio::sync::oneshot::error::TryRecvError::Closed));
        assert_eq!(places.take(Some(one)).map(drop), Err(Refusal::TooMany));
        drop(newcomer);
        drop(slow.remove(0));
        assert!(places.take(Some(one)).is_ok());
    }
}
