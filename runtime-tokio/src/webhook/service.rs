//! From a request to its answer: what a server mounts.

use std::convert::Infallible;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::Full;
use larkwire_core::Slots;
use larkwire_core::webhook::{CONTENT_TYPE, Checked, MAX_OPEN_BODIES, Posted, Quota, Refusal, RequestHead, Webhook};
use tokio::sync::Semaphore;

use super::body;
use super::waiting::Answer;
use crate::monitor::Monitor;

/// Peers without a signature that are told apart.
const STRANGERS: usize = 4096;

/// Where a request comes from: put it among a request's extensions, so that the limit on unsigned requests holds for each
/// address by itself. [`Server`](super::Server) does so. Without it all share one limit, which delays nothing but the
/// verification of the request URL while somebody else floods it.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Takes the platform's posts for one bot: a `tower` service over any body. Cloning gives another handle.
#[derive(Clone)]
pub struct WebhookService {
    door: Arc<Door>,
}

impl fmt::Debug for WebhookService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookService").finish_non_exhaustive()
    }
}

struct Door {
    webhook: Webhook<'static>,
    monitor: Arc<Monitor>,
    /// Places for bodies that take their time.
    bodies: Arc<Semaphore>,
    strangers: Mutex<Quota<'static>>,
    addresses: RandomState,
}

/// An answer, and whether its request was the platform's.
pub(super) struct Answered {
    pub(super) response: Response<Full<Bytes>>,
    pub(super) is_verified: bool,
}

impl WebhookService {
    pub(crate) fn new(webhook: Webhook<'static>, monitor: Arc<Monitor>) -> Self {
        let door = Door {
            webhook,
            monitor,
            bodies: Arc::new(Semaphore::new(MAX_OPEN_BODIES)),
            strangers: Mutex::new(Quota::new(Slots::growable(STRANGERS))),
            addresses: RandomState::new(),
        };
        Self { door: Arc::new(door) }
    }

    /// Whether the bot still runs.
    pub(super) fn is_running(&self) -> bool {
        self.door.monitor.ended().is_none()
    }

    /// Counts a request that was refused before it came here.
    pub(super) fn refuse(&self, refusal: Refusal) -> Response<Full<Bytes>> {
        self.door.monitor.change(|bot, now| bot.handle_refused(now, refusal));
        respond(refusal.reply().into())
    }

    pub(super) async fn answer<B: Body>(&self, request: Request<B>) -> Answered {
        let (parts, body) = request.into_parts();
        let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let head = RequestHead::new(parts.method.as_str(), headers);
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
        match self.verify(&head, peer, body).await {
            Ok(answer) => Answered { response: respond(answer), is_verified: true },
            Err(refusal) => Answered { response: self.refuse(refusal), is_verified: false },
        }
    }

    async fn verify<B: Body>(&self, head: &RequestHead<'_>, peer: Option<IpAddr>, body: B) -> Result<Answer, Refusal> {
        let Door { webhook, monitor, bodies, .. } = &*self.door;
        webhook.admit(head, body.size_hint().exact())?;
        if webhook.needs_signature() && !head.is_signed() && !self.may_knock(peer) {
            return Err(Refusal::TooMany);
        }
        let mut body = body::read(body, webhook.max_body(), bodies).await?;
        let unix = monitor.read_at(larkwire_core::Bot::time_of_day);
        let waiting = match webhook.check(head, &mut body, unix)? {
            Checked::Challenge(challenge) => {
                monitor.change(larkwire_core::Bot::handle_challenged);
                let mut out = vec![0; body_len(&challenge)];
                let reply = challenge.reply(&mut out).map_err(|_| Refusal::TooBig)?;
                return Ok(Answer::copy(reply));
            }
            Checked::Posted(posted) => self.post(&posted),
        };
        // What was decrypted is in the bot by now.
        drop(body);
        Ok(waiting.answer().await)
    }

    fn post(&self, posted: &Posted<'_>) -> super::Answering {
        self.door.monitor.post(posted)
    }

    fn may_knock(&self, peer: Option<IpAddr>) -> bool {
        let peer = self.door.addresses.hash_one(peer.map(network));
        let mut strangers = self.door.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        strangers.take(self.door.monitor.now(), peer)
    }
}

/// The part of an address that its owner cannot change at will.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => (address.to_bits() >> 64 << 64).to_be_bytes().into(),
        v4 => v4,
    }
}

fn body_len(challenge: &larkwire_core::webhook::Challenge<'_>) -> usize {
    challenge.reply(&mut []).map_or_else(|too_small| too_small.needed, |reply| reply.body.len())
}

pub(super) fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    if answer.close {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if answer.status == 405 {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

impl<B> tower_service::Service<Request<B>> for WebhookService
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await.response) })
    }
}
