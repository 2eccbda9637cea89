//! Loops that ack events and know nothing of them: no JSON, no memory of ids, no limits, no second connection. `event`
//! writes each ack by itself, `read` all acks of a read together.

mod ack;
mod dial;

use std::env;
use std::io;

use speed_common::{answer, count};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use ack::Mask;

/// Bytes read at once.
const CHUNK: usize = 128 * 1024;

/// Runs until standard input is closed.
pub fn run(allocations: fn() -> Option<u64>) {
    answer(allocations);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let each = match env::args().nth(1).as_deref() {
        Some("event") => true,
        Some("read") => false,
        other => panic!("event or read, not {other:?}"),
    };
    let ended = runtime.block_on(async {
        let (tcp, tls) = dial::open().await?;
        match tls {
            Some(tls) => work(tls, each).await,
            None => work(tcp.expect("one of both"), each).await,
        }
    });
    panic!("it ended: {ended:?}");
}

/// From read to read; it is only left when the connection breaks.
async fn work(mut stream: impl AsyncRead + AsyncWrite + Unpin, each: bool) -> io::Result<()> {
    let (mut bytes, mut filled) = (vec![0; CHUNK], 0);
    let mut acks = Vec::with_capacity(CHUNK);
    let mut mask = Mask::new();
    ack::ping(&mut acks, &mut mask);
    stream.write_all(&acks).await?;
    acks.clear();
    loop {
        if filled == bytes.len() {
            bytes.resize(2 * filled, 0);
        }
        let n = stream.read(&mut bytes[filled..]).await?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += n;
        let mut at = 0;
        while let Some((frame, length)) = ack::next(&bytes[at..filled]) {
            if ack::answer(frame, &mut acks, &mut mask) {
                count();
                if each {
                    stream.write_all(&acks).await?;
                    stream.flush().await?;
                    acks.clear();
                }
            }
            at += length;
        }
        if !acks.is_empty() {
            stream.write_all(&acks).await?;
            stream.flush().await?;
            acks.clear();
        }
        bytes.copy_within(at..filled, 0);
        filled -= at;
    }
}
