//! One connection of plain HTTP/1.1, over any stream: a server of one's own in a page. TLS is in front of it.

use embassy_net::tcp::TcpSocket;
use embassy_time::{Duration, with_timeout};
use embedded_io_async::{Read, Write};
use larkwire_embassy::Client;
use larkwire_embassy::core::webhook::http::{CONTINUE, Request};
use larkwire_embassy::core::webhook::{BODY_MS, Refusal, Reply};
use larkwire_embassy::core::wire::http::HeadScan;
use larkwire_embassy::core::wire::writer::Writer;
use larkwire_embassy::webhook::Posts;

/// The request URL's path, as it stands in the developer console.
pub(crate) const PATH: &str = "/lark";
/// How long a peer may take for a whole head, for a whole body, to take a whole answer, and to take leave. A limit for
/// each read alone would let one byte now and then hold the connection for hours.
const PATIENCE: Duration = Duration::from_millis(BODY_MS);

/// Serves requests until the peer hangs up, is too slow, or says what nobody understands. [`hang_up`] comes after it.
/// `buffer` holds a request: as many bytes as the longest head and the longest body together. `peer` stands for who is
/// at the other end.
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
        let head_len = match with_timeout(PATIENCE, read_head(stream, buffer, &mut filled)).await {
            Ok(Ok(Head::Whole(len))) => len,
            Ok(Ok(Head::Malformed(reply))) => return write(stream, reply, false).await.map(drop),
            Ok(Ok(Head::None)) | Err(_) => return Ok(()),
            Ok(Err(error)) => return Err(error),
        };
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
        let body = async {
            if request.expects_continue && body_filled == 0 {
                stream.write_all(CONTINUE).await?;
                stream.flush().await?;
            }
            while body_filled < body_len {
                match stream.read(&mut rest[body_filled..]).await? {
                    0 => return Ok(false),
                    n => body_filled += n,
                }
            }
            Ok(true)
        };
        match with_timeout(PATIENCE, body).await {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => return write(stream, client.refuse_request(Refusal::Slow), false).await.map(drop),
        }
        // As long as the longest answer of the program's to a callback.
        let mut answer = [0; 512];
        let reply = admitted.answer(&mut rest[..body_len], &mut answer).await;
        // Who is refused may not go on: there is one connection, and a request now and then would hold it, too.
        if !write(stream, reply, request.keep_alive && reply.status == 200).await? {
            return Ok(());
        }
        // The next request may have begun.
        let end = head_len + body_filled;
        let next = head_len + body_len;
        buffer.copy_within(next..end, 0);
        filled = end - next;
    }
}

/// Takes leave of a peer, or leaves without.
pub(crate) async fn hang_up(socket: &mut TcpSocket<'_>) {
    socket.close();
    let _ = with_timeout(PATIENCE, socket.flush()).await;
    socket.abort();
}

enum Head {
    /// Its length.
    Whole(usize),
    Malformed(Reply<'static>),
    /// The peer has hung up, or the buffer is full.
    None,
}

async fn read_head<S: Read>(stream: &mut S, buffer: &mut [u8], filled: &mut usize) -> Result<Head, S::Error> {
    let mut scan = HeadScan::default();
    loop {
        match scan.find(&buffer[..*filled]) {
            Ok(Some(len)) => return Ok(Head::Whole(len)),
            Ok(None) if *filled < buffer.len() => {}
            Ok(None) => return Ok(Head::None),
            Err(fault) => return Ok(Head::Malformed(Reply::to_malformed(fault))),
        }
        match stream.read(&mut buffer[*filled..]).await? {
            0 => return Ok(Head::None),
            n => *filled += n,
        }
    }
}

/// Writes an answer; whether the connection goes on.
async fn write<S: Write>(stream: &mut S, reply: Reply<'_>, keep_alive: bool) -> Result<bool, S::Error> {
    let mut head = [0; 160];
    let mut w = Writer::new(&mut head);
    let goes_on = reply.write_head(&mut w, keep_alive);
    let len = w.finish().unwrap_or_default();
    let written = async {
        stream.write_all(&head[..len]).await?;
        stream.write_all(reply.body).await?;
        stream.flush().await
    };
    match with_timeout(PATIENCE, written).await {
        Ok(written) => written.map(|()| goes_on),
        Err(_) => Ok(false),
    }
}
