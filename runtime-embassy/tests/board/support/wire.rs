//! What lies between board and platform and may be bad: a port that hands everything on, or does not.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How bytes pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flow {
    /// One byte a second, towards the board.
    Dripping,
    Free,
}

pub(crate) struct Wire {
    pub(crate) port: u16,
    flow: watch::Sender<Flow>,
    accept: JoinHandle<()>,
}

impl Wire {
    /// A port in front of another one.
    pub(crate) async fn to(port: u16, flow: Flow) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let (flow, seen) = watch::channel(flow);
        let accept = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, port, seen.clone()));
            }
        });
        Self { port: own, flow, accept }
    }

    pub(crate) fn set(&self, flow: Flow) {
        self.flow.send_replace(flow);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

async fn carry(near: TcpStream, port: u16, mut flow: watch::Receiver<Flow>) {
    let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let (mut from_board, mut to_board) = near.into_split();
    let (mut from_platform, mut to_platform) = far.into_split();
    let back = async {
        let mut bytes = [0; 4096];
        loop {
            let room = if *flow.borrow() == Flow::Free { bytes.len() } else { 1 };
            match from_platform.read(&mut bytes[..room]).await {
                Ok(0) | Err(_) => break,
                Ok(len) => {
                    if to_board.write_all(&bytes[..len]).await.is_err() {
                        break;
                    }
                }
            }
            // The pace of this server, not a guess about when something is done.
            let _ = tokio::time::timeout(Duration::from_secs(1), flow.wait_for(|flow| *flow == Flow::Free)).await;
        }
        let _ = to_board.shutdown().await;
    };
    let there = async {
        let _ = tokio::io::copy(&mut from_board, &mut to_platform).await;
        let _ = to_platform.shutdown().await;
    };
    tokio::join!(back, there);
}
