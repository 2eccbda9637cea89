//! What many bots in one process cost: memory, idle processor time, and coming back all at once. `.ci/scale` makes a
//! table of it.
//!
//! ```text
//! many_bots platform [--ping S] [--nonce S]   the fake platform, with and without TLS; prints where it is
//! many_bots bots  N URL [--ca FILE] [--idle S] [--cut]   N bots in this process; prints one JSON line
//! many_bots streams N URL --ca FILE           N bare rustls connections instead: what TLS takes of it
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measuring program may panic, and prints what it finds"
)]

#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../../tests/support/door.rs"]
mod door;
mod figures;
mod peer;

use std::sync::Arc;
use std::time::Duration;

use larkwire_tokio::{Client, Events, Settings, State};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;

use figures::{cpu_ns, resident};

pub(crate) const APP: &str = "cli_0123456789abcdef";
pub(crate) const SECRET: &str = "secret";

/// After this long HTTP connections are let go, and what came up at the start is over.
const SETTLE: Duration = Duration::from_secs(8);
/// How long a batch of bots may take to connect.
const PATIENCE: Duration = Duration::from_secs(120);
/// Bots that start at once: the platform has to keep up, too.
const BATCH: usize = 100;

/// What the command line says.
struct Options {
    words: Vec<String>,
}

impl Options {
    fn value(&self, name: &str) -> Option<&str> {
        let at = self.words.iter().position(|word| word == name)?;
        self.words.get(at + 1).map(String::as_str)
    }

    fn number(&self, name: &str, usual: u64) -> u64 {
        self.value(name).map_or(usual, |word| word.parse().expect("a number"))
    }

    fn has(&self, name: &str) -> bool {
        self.words.iter().any(|word| word == name)
    }

    fn ca(&self) -> Vec<u8> {
        self.value("--ca").map(|file| std::fs::read(file).expect("the file of --ca")).unwrap_or_default()
    }
}

#[tokio::main]
async fn main() {
    let options = Options { words: std::env::args().skip(1).collect() };
    let words: Vec<&str> = options.words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["platform", ..] => peer::serve(options.number("--ping", 120), options.number("--nonce", 30)).await,
        ["bots", n, url, ..] => bots(n.parse().expect("how many"), url, &options).await,
        ["streams", n, url, ..] => streams(n.parse().expect("how many"), url, &options).await,
        _ => {
            println!("usage: many_bots platform | bots N URL | streams N URL --ca FILE");
            std::process::exit(2);
        }
    }
}

async fn bots(n: usize, url: &str, options: &Options) {
    let settings = Settings::new(APP, SECRET).domain(url).allow("*").extra_root_certificates(options.ca());
    // What one bot of a process takes for all of them is not counted, nor what a first one leaves behind.
    let first = start(&settings, 1).await;
    for (client, _) in &first {
        client.shut_down().await;
    }
    drop(first);
    sleep(SETTLE).await;
    let (before, cpu) = (resident(), cpu_ns());
    let begun = Instant::now();
    let clients = start(&settings, n).await;
    let (start_s, start_cpu) = (begun.elapsed().as_secs_f64(), cpu_ns() - cpu);
    sleep(SETTLE).await;
    let after = resident();

    let idle = Duration::from_secs(options.number("--idle", 0));
    let (cpu, pings) = (cpu_ns(), sum(&clients, |client| client.stats().pings));
    sleep(idle).await;
    let (idle_cpu, pings) = (cpu_ns() - cpu, sum(&clients, |client| client.stats().pings) - pings);

    let mut figures = json!({
        "bots": n,
        "tls": url.starts_with("https"),
        "before_kib": before,
        "after_kib": after,
        "kib_per_bot": (after as f64 - before as f64) / n.max(1) as f64,
        "start_s": start_s,
        "start_cpu_ms": start_cpu as f64 / 1e6,
        "idle_s": idle.as_secs(),
        "idle_pings": pings,
        "idle_cpu_us_per_bot_and_minute":
            if idle.is_zero() { 0.0 } else { idle_cpu as f64 / 1e3 / n as f64 * 60.0 / idle.as_secs_f64() },
    });
    if options.has("--cut") {
        let links = sum(&clients, |client| client.stats().links);
        let (cpu, begun) = (cpu_ns(), Instant::now());
        // The platform hears it through whoever started both.
        println!("{}", json!({ "cut": "now" }));
        let mut dials = Vec::new();
        loop {
            sleep(Duration::from_millis(100)).await;
            let back = sum(&clients, |client| client.stats().links) - links;
            dials.push(back);
            if back >= n as u64 {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(600), "{back} of {n} came back");
        }
        figures["back_s"] = json!(begun.elapsed().as_secs_f64());
        figures["back_cpu_ms"] = json!((cpu_ns() - cpu) as f64 / 1e6);
        figures["back_peak_per_s"] = json!(peak(&dials));
    }
    println!("{figures}");
    std::process::exit(0);
}

/// The most links that came back in any second, of counts ten times a second.
fn peak(counts: &[u64]) -> u64 {
    let at = |index: usize| counts.get(index).copied().or(counts.last().copied()).unwrap_or_default();
    let second = |index: usize| at(index + 10) - if index == 0 { 0 } else { at(index) };
    (0..counts.len()).map(second).max().unwrap_or_default()
}

fn sum(clients: &[(Client, Events)], of: impl Fn(&Client) -> u64) -> u64 {
    clients.iter().map(|(client, _)| of(client)).sum()
}

/// Starts `n` bots and waits until the connection of each is open.
async fn start(settings: &Settings, n: usize) -> Vec<(Client, Events)> {
    let mut clients: Vec<(Client, Events)> = Vec::new();
    while clients.len() < n {
        let batch = clients.len()..n.min(clients.len() + BATCH);
        clients.extend(batch.clone().map(|_| Client::start(settings).expect("sound settings")));
        for (client, _) in &clients[batch] {
            let mut states = client.states();
            let open = states.wait_for(|state| *state == State::Open);
            if tokio::time::timeout(PATIENCE, open).await.is_err() {
                let stuck = clients.iter().filter(|(client, _)| client.state() != State::Open).count();
                let (state, notice) = (client.state(), *client.notices().borrow());
                panic!("{stuck} of {} bots are not connected; one is {state:?} after {notice:?}", clients.len());
            }
        }
    }
    clients
}

/// What a TLS connection takes by itself: a request and its answer, then nothing.
async fn streams(n: usize, url: &str, options: &Options) {
    let address = url.trim_start_matches("https://").to_owned();
    let mut roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in CertificateDer::pem_slice_iter(&options.ca()) {
        roots.add(certificate.expect("PEM")).expect("a certificate");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_root_certificates(roots).with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let open = || async {
        let stream = TcpStream::connect(&address).await.expect("the platform");
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        let mut stream = connector.connect(name, stream).await.expect("TLS");
        stream.write_all(b"GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("a request");
        let mut answer = vec![0; 4096];
        assert!(stream.read(&mut answer).await.expect("an answer") > 0);
        stream
    };
    drop(open().await);
    let before = resident();
    let mut held = Vec::new();
    for _ in 0..n {
        held.push(open().await);
    }
    let after = resident();
    println!(
        "{}",
        json!({ "streams": n, "before_kib": before, "after_kib": after, "kib_per_stream": (after as f64 - before as f64) / n.max(1) as f64 })
    );
}
