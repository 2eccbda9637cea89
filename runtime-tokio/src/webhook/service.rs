//! From a request to its answer: what a server mounts.

use std::convert::Infallible;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use super::body::{self, NoBody, Places};
use super::peers::network;
use super::waiting::{Answer, Answering};
use crate::loops::unix_now;
use crate::monitor::Monitor;
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::Full;
use larkwire_core::Slots;
use larkwire_core::webhook::{CONTENT_TYPE, Checked, Quota, Refusal, RequestHead, Webhook};

/// Peers without a signature that are told apart.
const PEERS: usize = 4096;

/// Where a request comes from: put it among a request's extensions, so that the limit on unsigned requests holds for each
/// address by itself. [`Server`](super::Server) does so. Without it all share one limit, which delays nothing but the
/// verification of the request URL while somebody else floods it.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Takes the platform's posts for one bot: a `tower` service over any body. Cloning gives another handle.
#[derive(Clone)]
pub struct WebhookService {
    endpoint: Arc<Endpoint>,
}

impl fmt::Debug for WebhookService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookService").finish_non_exhaustive()
    }
}

struct Endpoint {
    webhook: Webhook<'static>,
    monitor: Arc<Monitor>,
    /// Places for bodies that take their time.
    bodies: Arc<Places>,
    unsigned: Mutex<Quota<'static>>,
    addresses: RandomState,
}

impl WebhookService {
    pub(crate) fn new(webhook: Webhook<'static>, monitor: Arc<Monitor>) -> Self {
        let endpoint = Endpoint {
            webhook,
            monitor,
            bodies: Arc::default(),
            unsigned: Mutex::new(Quota::new(Slots::growable(PEERS))),
            addresses: RandomState::new(),
        };
        Self { endpoint: Arc::new(endpoint) }
    }

    /// Whether the bot still runs.
    pub(super) fn is_running(&self) -> bool {
        self.endpoint.monitor.is_running()
    }

    /// Counts a request that was refused before it came here.
    pub(super) fn refuse(&self, refusal: Refusal) -> Response<Full<Bytes>> {
        self.endpoint.monitor.change(|bot, now| bot.handle_refused(now, refusal));
        respond(refusal.reply().into())
    }

    /// Answers a request. `proved` hears, before the application is asked, whether it came from the platform.
    pub(super) async fn answer<B: Body>(
        &self,
        request: Request<B>,
        proved: &(dyn Fn(bool) + Sync),
    ) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let head = RequestHead::new(parts.method.as_str(), headers);
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
        let waiting = match self.verify(&head, peer.map(network), body, proved).await {
            Ok(waiting) => waiting,
            Err(why) => {
                proved(false);
                return match why {
                    NoBody::Gone => respond(Refusal::Slow.reply().into()),
                    NoBody::Refused(refusal) => self.refuse(refusal),
                };
            }
        };
        respond(waiting.answer().await)
    }

    /// What was decrypted is in the bot when this is over, and the body is gone.
    async fn verify<B: Body>(
        &self,
        head: &RequestHead<'_>,
        network: Option<IpAddr>,
        body: B,
        proved: &(dyn Fn(bool) + Sync),
    ) -> Result<Answering, NoBody> {
        let Endpoint { webhook, monitor, bodies, .. } = &*self.endpoint;
        webhook.admit(head, body.size_hint().exact())?;
        if webhook.needs_signature() && !head.is_signed() && !self.is_within_quota(network) {
            return Err(Refusal::TooMany.into());
        }
        let mut body = body::read(body, webhook.max_body(), bodies, network).await?;
        let unix = monitor.change(|bot, now| {
            // Nothing else may have told it for hours: this machine may have slept, or its clock been set.
            bot.handle_wall_clock(now, unix_now());
            bot.time_of_day(now)
        });
        match webhook.check(head, &mut body, unix)? {
            Checked::Challenge(challenge) => {
                monitor.change(larkwire_core::Bot::handle_challenged);
                let mut out = vec![0; body_len(&challenge)];
                let reply = challenge.reply(&mut out).map_err(|_| Refusal::TooBig)?;
                Ok(Answering::Now(Answer::copy(reply)))
            }
            Checked::Posted(posted) => {
                proved(true);
                Ok(monitor.post(&posted))
            }
        }
    }

    fn is_within_quota(&self, network: Option<IpAddr>) -> bool {
        let peer = self.endpoint.addresses.hash_one(network);
        let mut unsigned = self.endpoint.unsigned.lock().unwrap_or_else(PoisonError::into_inner);
        unsigned.take(self.endpoint.monitor.now(), peer)
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
        Box::pin(async move { Ok(service.answer(request, &|_| {}).await) })
    }
}
