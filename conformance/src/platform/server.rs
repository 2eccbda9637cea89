//! The listener: one TCP connection carries HTTP requests, and after an upgrade a WebSocket.

use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fmt, io};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{DATE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::clock::http_date;
use super::discovery::SOCKET_PATH;
use super::lock;
use super::reply::{Outcome, Raw, json};
use super::socket::Seat;
use super::state::Shared;
use super::stream::Stream;

/// The largest request body that is read.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// What becomes of a connection after HTTP.
enum After {
    WebSocket(Box<Seat>),
    BytesThenWebSocket(Vec<u8>, Box<Seat>),
    Bytes(Raw),
}

/// Ends an HTTP connection without an answer.
#[derive(Debug)]
struct NoAnswer;

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer")
    }
}

impl std::error::Error for NoAnswer {}

pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if stream.set_nodelay(true).is_ok() {
                    shared.spawn(serve(Arc::clone(&shared), Stream::Tcp(stream)));
                }
            }
            // Out of file descriptors, most likely: others have to go first.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

pub(super) async fn serve(shared: Arc<Shared>, stream: Stream) {
    let after = Mutex::new(None);
    let service = service_fn(|request| Box::pin(answer(&shared, request, &after)));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // An error here is the client's, or NoAnswer; either way the connection is handed on or dropped.
    let _ended = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner();
    let after = lock(&after).take();
    match after {
        Some(After::WebSocket(seat)) => seat.serve(stream, parts.read_buf.into()).await,
        Some(After::BytesThenWebSocket(bytes, seat)) if stream.write_all(&bytes).await.is_ok() => {
            seat.serve(stream, parts.read_buf.into()).await;
        }
        Some(After::BytesThenWebSocket(..)) => {}
        // The client may be gone already.
        Some(After::Bytes(raw)) => drop(write_raw(&mut stream, raw).await),
        None => {}
    }
}

async fn write_raw(stream: &mut Stream, raw: Raw) -> io::Result<()> {
    let Raw { bytes, every_ms, hang, again } = raw;
    match every_ms {
        None => stream.write_all(bytes.as_bytes()).await?,
        Some(every_ms) => {
            for byte in bytes.bytes() {
                stream.write_all(&[byte]).await?;
                tokio::time::sleep(Duration::from_millis(every_ms)).await;
            }
        }
    }
    // A block of them at a time: one write each would take the machine longer than the client.
    let block = again.repeat(4096 / again.len().max(1) + 1);
    while !block.is_empty() {
        stream.write_all(block.as_bytes()).await?;
    }
    if hang {
        // Until the client has had enough.
        while stream.read(&mut [0; 64]).await? > 0 {}
    }
    Ok(())
}

async fn answer(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
    after: &Mutex<Option<After>>,
) -> Result<Response<Full<Bytes>>, NoAnswer> {
    match route(shared, request).await {
        Outcome::Reply(response) => Ok(dated(shared, response)),
        Outcome::Upgrade(response, seat) => {
            *lock(after) = Some(After::WebSocket(seat));
            Ok(dated(shared, response))
        }
        Outcome::UpgradeBytes(bytes, seat) => {
            *lock(after) = Some(After::BytesThenWebSocket(bytes, seat));
            Err(NoAnswer)
        }
        Outcome::Bytes(bytes) => {
            *lock(after) = Some(After::Bytes(bytes));
            Err(NoAnswer)
        }
        Outcome::Hang => pending().await,
        Outcome::Drop => Err(NoAnswer),
    }
}

/// The time of day, which hyper would else write by its own clock.
fn dated(shared: &Shared, mut response: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    if let Ok(date) = HeaderValue::try_from(http_date(shared.state().wall())) {
        response.headers_mut().entry(DATE).or_insert(date);
    }
    response
}

async fn route(shared: &Arc<Shared>, request: Request<Incoming>) -> Outcome {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            return json(413, &json!({ "code": 413, "msg": "request body too large" }));
        }
        Err(_) => return Outcome::Drop,
    };
    let path = head.uri.path();
    if path == SOCKET_PATH && head.method == Method::GET {
        shared.upgrade(&head)
    } else if path == "/callback/ws/endpoint" && head.method == Method::POST {
        shared.discover(&head.headers, &body)
    } else if let Some(path) = path.strip_prefix("/_platform/") {
        shared.control(&head, path, &body).await
    } else if let Some(path) = path.strip_prefix("/open-apis/") {
        shared.call(&head, path, &body)
    } else {
        json(404, &json!({ "code": 404, "msg": "no such path" }))
    }
}
