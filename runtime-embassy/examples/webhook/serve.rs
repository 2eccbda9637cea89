//! One connection of plain HTTP/1.1, over any stream: a server of one's own in a page. TLS is in front of it.

use embassy_futures::select::{Either, select};
use embassy_time::{Duration, Timer};
use embedded_io_async::{Read, Write};
use larkwire_embassy::Client;
use larkwire_embassy::core::webhook::http::{CONTINUE, Request};
use larkwire_embassy::core::webhook::{BODY_MS, Refusal, Reply};
use larkwire_embassy::core::wire::http::HeadScan;
use larkwire_embassy::core::wire::writer::Writer;
use larkwire_embassy::webhook::Posts;

/// The request URL's path, as it stands in the developer console.
pub(crate) const PATH: &str = "/lark";

/// Serves requests until the peer hangs up, is too slow, or says what nobody understands. `buffer` holds a request: as
/// many bytes as the longest head and the longest body together. `peer` stands for who is at the other end.
///
/// # Errors
/// The stream's.
pub(crate) async fn serve<S: Read + Write>(
    stream: &mut S,
    client: Client<'_>,
    posts: &Posts<'_>,
    peer: u64,
    buffer: &mut [u8],
) -> Result<(), S::Error> {
    let mut filled = 0;
    loop {
        let Some(head_len) = read_head(stream, buffer, &mut filled).await? else { return Ok(()) };
        let (head, rest) = buffer.split_at_mut(head_len);
        let mut body_filled = filled - head_len;
        let request = match Request::parse(head) {
            Ok(request) => request,
            Err(fault) => return write(stream, Reply::to_malformed(fault), false).await.map(drop),
        };
        if request.path != PATH {
            return write(stream, client.refuse_request(Refusal::Path), false).await.map(drop);
        }
        let admitted = match client.admit_request(posts, request.head, Some(request.content_length), peer) {
            Ok(admitted) => admitted,
            // Its body was not read, so nothing can follow it.
            Err(reply) => return write(stream, reply, false).await.map(drop),
        };
        let body_len = usize::try_from(request.content_length).unwrap_or(usize::MAX);
        if body_len > rest.len() {
            return write(stream, client.refuse_request(Refusal::TooBig), false).await.map(drop);
        }
        if request.expects_continue && body_filled == 0 {
            stream.write_all(CONTINUE).await?;
        }
        let body = async {
            while body_filled < body_len {
                match stream.read(&mut rest[body_filled..]).await? {
                    0 => return Ok(false),
                    n => body_filled += n,
                }
            }
            Ok(true)
        };
        match select(body, Timer::after(Duration::from_millis(BODY_MS))).await {
            Either::First(Ok(true)) => {}
            Either::First(Ok(false)) => return Ok(()),
            Either::First(Err(error)) => return Err(error),
            Either::Second(()) => {
                return write(stream, client.refuse_request(Refusal::Slow), false).await.map(drop);
            }
        }
        // As long as the longest answer of the program's to a callback.
        let mut answer = [0; 512];
        let reply = admitted.answer(&mut rest[..body_len], &mut answer).await;
        if !write(stream, reply, request.keep_alive).await? {
            return Ok(());
        }
        // The next request may have begun.
        let end = head_len + body_filled;
        let next = head_len + body_len;
        buffer.copy_within(next..end, 0);
        filled = end - next;
    }
}

/// Reads until a head is whole: its length. `None` where none comes in time, or never will.
async fn read_head<S: Read + Write>(
    stream: &mut S,
    buffer: &mut [u8],
    filled: &mut usize,
) -> Result<Option<usize>, S::Error> {
    let mut scan = HeadScan::default();
    let patience = Duration::from_millis(BODY_MS);
    loop {
        match scan.find(&buffer[..*filled]) {
            Ok(Some(len)) => return Ok(Some(len)),
            Ok(None) if *filled < buffer.len() => {}
            Ok(None) => return Ok(None),
            Err(fault) => return write(stream, Reply::to_malformed(fault), false).await.map(|_| None),
        }
        match select(stream.read(&mut buffer[*filled..]), Timer::after(patience)).await {
            Either::First(Ok(0)) | Either::Second(()) => return Ok(None),
            Either::First(Ok(n)) => *filled += n,
            Either::First(Err(error)) => return Err(error),
        }
    }
}

/// Writes an answer; whether the connection goes on.
async fn write<S: Write>(stream: &mut S, reply: Reply<'_>, keep_alive: bool) -> Result<bool, S::Error> {
    let mut head = [0; 160];
    let mut w = Writer::new(&mut head);
    let goes_on = reply.write_head(&mut w, keep_alive);
    let len = w.finish().unwrap_or_default();
    stream.write_all(&head[..len]).await?;
    stream.write_all(reply.body).await?;
    stream.flush().await?;
    Ok(goes_on)
}
