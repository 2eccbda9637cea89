//! TLS and proxies.

use std::process::Stdio;

use larkwire_conformance::platform::Kind;
use larkwire_tokio::{Client, End, Settings, State};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::door::{CA_FILE, Door};
use crate::log::Log;
use crate::support::*;

fn through(door: &Door) -> Settings {
    Settings::new(APP, SECRET).domain(format!("https://localhost:{}", door.port)).allow("*")
}

/// An event comes in, an answer goes out.
async fn converse(settings: &Settings) {
    let (client, mut events) = Client::start(settings).unwrap();
    let event = next(&mut events).await;
    soon(client.reply_text(&event.message_id().unwrap(), "answer")).await.unwrap();
    assert_eq!(soon(client.shut_down()).await, End::Stopped);
}

#[tokio::test]
async fn a_private_deployment_is_trusted_by_its_own_root() {
    let platform = platform().await;
    let door = Door::open(&platform, "localhost").await;
    platform.push(&text(&"a long question ".repeat(10_000)).parts(9)).unwrap();
    converse(&through(&door).extra_root_certificates(door.ca.clone())).await;
    wait(&platform, settled).await;
    wait(&platform, |kind| matches!(kind, Kind::Replied { .. })).await;
    wait(&platform, said_goodbye).await;
    assert_faultless(&platform);
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_is_refused_and_the_secret_stays_here() {
    let platform = platform().await;
    let (unknown, elsewhere) =
        (Door::open(&platform, "localhost").await, Door::open(&platform, "open.feishu.cn").await);
    for settings in [through(&unknown), through(&elsewhere).extra_root_certificates(elsewhere.ca.clone())] {
        let log = Log::start();
        let (client, _events) = Client::start(&settings).unwrap();
        log.wait("discovery failed: TLS failed").await;
        assert!(matches!(
            until(&client, |state| state != State::Discovering).await,
            State::Waiting { failures: 1, .. }
        ));
        client.shut_down().await;
    }
    assert!(platform.records().is_empty(), "nothing was said to it");
}

#[tokio::test]
async fn something_that_speaks_no_tls_is_told_as_such() {
    let platform = platform().await;
    let port = platform.base_url().rsplit_once(':').unwrap().1.to_owned();
    let log = Log::start();
    let (client, _events) =
        Client::start(&Settings::new(APP, SECRET).domain(format!("https://localhost:{port}"))).unwrap();
    log.wait("discovery failed: TLS failed").await;
    client.shut_down().await;
    assert!(platform.records().is_empty());
}

/// What the proxy was asked for.
type Asked = tokio::sync::mpsc::UnboundedReceiver<Vec<String>>;

/// A proxy that leads every tunnel to `port`, and gives out the first bytes of the tunnel with its own answer.
async fn proxy(port: u16) -> (String, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, asked) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let mut head = Vec::new();
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).await.unwrap();
                    match line.trim_end() {
                        "" => break,
                        line => head.push(line.to_owned()),
                    }
                }
                tell.send(head).unwrap();
                stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: a proxy\r\n\r\n").await.unwrap();
                let mut inside = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut inside).await;
            });
        }
    });
    (address, asked)
}

/// Proxies come from the environment, and that of a process with threads must not be changed: this one is run again.
#[tokio::test]
async fn everything_goes_through_the_proxy_of_the_environment() {
    let platform = platform().await;
    let door = Door::open(&platform, "open.platform.test").await;
    let (address, mut asked) = proxy(door.port).await;
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let ca = directory.join(format!("ca-{}.pem", door.port));
    std::fs::write(&ca, &door.ca).unwrap();
    platform.push(&text("question")).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "tls::a_bot_behind_a_proxy", "--ignored", "--nocapture"]);
    child.env_clear().env(CA_FILE, &ca).env("HTTPS_PROXY", format!("http://ann:p%40ss@{address}"));
    child.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = soon(child.output()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::remove_file(&ca).unwrap();
    wait(&platform, said_goodbye).await;
    wait(&platform, |kind| matches!(kind, Kind::Replied { .. })).await;
    let mut tunnels = 0;
    while let Ok(head) = asked.try_recv() {
        tunnels += 1;
        assert_eq!(head[0], "CONNECT open.platform.test:443 HTTP/1.1");
        assert!(head.contains(&"Host: open.platform.test:443".to_owned()), "{head:?}");
        assert!(head.contains(&"Proxy-Authorization: Basic YW5uOnBAc3M=".to_owned()), "{head:?}");
    }
    assert!(tunnels >= 2, "discovery and the long connection");
    assert_faultless(&platform);
}

#[tokio::test]
#[ignore = "run by everything_goes_through_the_proxy_of_the_environment"]
async fn a_bot_behind_a_proxy() {
    let ca = std::fs::read(std::env::var(CA_FILE).unwrap()).unwrap();
    let settings = Settings::new(APP, SECRET).domain("https://open.platform.test").allow("*");
    converse(&settings.extra_root_certificates(ca)).await;
}
