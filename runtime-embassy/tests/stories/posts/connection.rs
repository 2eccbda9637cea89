//! What is posted over a connection that the example's server serves.

#[path = "../../../examples/webhook/serve.rs"]
mod serve;

use std::convert::Infallible;
use std::future::pending;

use embassy_futures::select::select;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::Timer;
use embedded_io_async::{ErrorType, Read, Write};

use super::super::support::cable::{BOARD, listener};
use super::*;

#[test]
fn requests_over_a_connection_are_answered_in_their_order_and_nonsense_ends_it() {
    story(async |board, platform| {
        let (first, second) = (says(1), says(2));
        let pipelined = [first.http(), second.http()].concat();
        let chunked = b"POST /lark HTTP/1.1\r\nHost: bot\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_vec();
        let elsewhere = b"POST /other HTTP/1.1\r\nHost: bot\r\n\r\n".to_vec();
        let got = b"GET /lark HTTP/1.1\r\nHost: bot\r\n\r\n".to_vec();
        let big = b"POST /lark HTTP/1.1\r\nHost: bot\r\nContent-Length: 2049\r\n\r\n".to_vec();
        let asked: [(Vec<u8>, &[u16]); 6] = [
            (pipelined, &[200, 200]),
            (chunked, &[411]),
            (elsewhere, &[404]),
            (got, &[405]),
            (big, &[413]),
            (b"hello\r\n\r\n".to_vec(), &[400]),
        ];
        let (count, listening) = (asked.len(), Signal::<NoopRawMutex, ()>::new());
        let ended = run(board, WITHIN, async |client, mut events, posts| {
            tell_time(client);
            let server = async {
                let mut socket = listener(board);
                for _ in 0..count {
                    listening.signal(());
                    socket.accept(8000).await.unwrap();
                    serve::serve(&mut socket, client, posts, 1, &mut [0; 4096]).await.unwrap();
                    serve::hang_up(&mut socket).await;
                }
            };
            let asks = async {
                for (request, statuses) in asked {
                    listening.wait().await;
                    let mut socket = listener(platform);
                    socket.connect((BOARD, 8000)).await.unwrap();
                    socket.write_all(&request).await.unwrap();
                    let (mut answers, mut chunk) = (String::new(), [0; 512]);
                    // Each answer ends with its body.
                    while answers.matches("\"}").count() < statuses.len() {
                        let n = socket.read(&mut chunk).await.unwrap();
                        answers.push_str(std::str::from_utf8(&chunk[..n]).unwrap());
                    }
                    let said = answers.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse::<u16>().unwrap());
                    assert_eq!(said.collect::<Vec<_>>(), statuses, "{answers}");
                    socket.close();
                    let _ = socket.flush().await;
                }
            };
            let hears = async { while events.recv().await.is_some() {} };
            select(join(server, asks), hears).await;
            client.shut_down().await;
        });
        let Ended { stats, .. } = ended.await;
        assert_eq!((stats.accepted, stats.refused(Refusal::Path), stats.refused(Refusal::TooBig)), (2, 1, 1));
    });
}

/// A peer that sends a byte a second, once it has sent its first words.
struct Drip {
    first: Vec<u8>,
    then: u8,
    takes_answers: bool,
}

impl ErrorType for Drip {
    type Error = Infallible;
}

impl Read for Drip {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        if self.first.is_empty() {
            Timer::after_secs(1).await;
            self.first.push(self.then);
        }
        let len = self.first.len().min(buf.len());
        buf[..len].copy_from_slice(&self.first[..len]);
        self.first.drain(..len);
        Ok(len)
    }
}

impl Write for Drip {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        if self.takes_answers { Ok(buf.len()) } else { pending().await }
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[test]
fn a_peer_that_is_slow_holds_no_connection() {
    story(async |board, _| {
        let ended = run(board, WITHIN, async |client, _events, posts| {
            let (head, mut whole) = (b"POST /lark HTTP/1.1\r\nX: ".to_vec(), says(1).http());
            let took = async |first: Vec<u8>, then, takes_answers| {
                let began = Instant::now();
                let mut peer = Drip { first, then, takes_answers };
                serve::serve(&mut peer, client, posts, 1, &mut [0; 4096]).await.unwrap();
                began.elapsed().as_secs()
            };
            let unread = took(whole.clone(), b' ', false);
            whole.truncate(whole.len() - 20);
            // The board does not know the time, so that it answers at once; that answer is never taken.
            let unfinished = join(took(head, b'x', true), took(whole, b' ', true));
            assert_eq!(join(unfinished, unread).await, ((5, 5), 5));
            client.shut_down().await;
        });
        let Ended { stats, .. } = ended.await;
        assert_eq!((stats.accepted, stats.refused(Refusal::Slow), stats.refused(Refusal::ClockUnknown)), (0, 1, 1));
    });
}
