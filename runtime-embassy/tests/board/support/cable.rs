//! The cable of the machine, by QEMU's machine protocol.

use std::path::Path;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::LONG;

pub(crate) struct Cable(BufReader<UnixStream>);

impl Cable {
    pub(crate) async fn find(socket: &Path) -> Self {
        let mut cable = Self(BufReader::new(UnixStream::connect(socket).await.unwrap()));
        assert!(cable.read().await.get("QMP").is_some());
        cable.command(json!({ "execute": "qmp_capabilities" })).await;
        cable
    }

    pub(crate) async fn plug(&mut self, up: bool) {
        self.command(json!({ "execute": "set_link", "arguments": { "name": "net0", "up": up } })).await;
    }

    async fn command(&mut self, command: Value) {
        self.0.get_mut().write_all(format!("{command}\n").as_bytes()).await.unwrap();
        loop {
            let answer = self.read().await;
            assert!(answer.get("error").is_none(), "{answer}");
            // Events come in between.
            if answer.get("return").is_some() {
                return;
            }
        }
    }

    async fn read(&mut self) -> Value {
        let mut line = String::new();
        timeout(LONG, self.0.read_line(&mut line)).await.expect("QEMU answers").unwrap();
        serde_json::from_str(&line).unwrap()
    }
}
