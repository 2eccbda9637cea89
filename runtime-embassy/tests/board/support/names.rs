//! A resolver on the host that answers only when it is told to. QEMU's network hands the board's questions to port 53 of
//! the host, a port that not everybody may have.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

pub(crate) struct Names {
    answers: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Names {
    /// A silent one.
    pub(crate) async fn silent() -> io::Result<Self> {
        let socket = UdpSocket::bind(("127.0.0.1", 53)).await?;
        let answers = Arc::new(AtomicBool::new(false));
        let may_answer = Arc::clone(&answers);
        let task = tokio::spawn(async move {
            let mut question = [0; 512];
            while let Ok((len, from)) = socket.recv_from(&mut question).await {
                if may_answer.load(Ordering::Relaxed) {
                    let _ = socket.send_to(&gateway(&question[..len]), from).await;
                }
            }
        });
        Ok(Self { answers, task })
    }

    pub(crate) fn speak(&self) {
        self.answers.store(true, Ordering::Relaxed);
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The answer to a question of RFC 1035: whatever was asked for is 10.0.2.2, the host as the board sees it.
fn gateway(question: &[u8]) -> Vec<u8> {
    let mut answer = question.to_vec();
    // A response, recursion available, no error; one answer.
    answer[2..4].copy_from_slice(&[0x81, 0x80]);
    answer[6..8].copy_from_slice(&[0, 1]);
    // Name of the question, type A, class IN, 60 s, 4 bytes.
    answer.extend([0xC0, 0x0C, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 2, 2]);
    answer
}
