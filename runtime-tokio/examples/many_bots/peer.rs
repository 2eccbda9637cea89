//! The other side: the fake platform in a process of its own, so that its memory is not counted.

use std::time::Duration;

use larkwire_conformance::platform::{AppSpec, ClientConfig, Platform, PlatformConfig};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::door::Door;
use crate::{APP, SECRET};

/// Serves until standard input ends; each line `cut` ends all connections without a word.
pub(crate) async fn serve(ping_s: u64, nonce_s: u64) {
    let seconds = |s: u64| Some(i64::try_from(s).expect("seconds"));
    let client_config =
        ClientConfig { ping_interval: seconds(ping_s), reconnect_nonce: seconds(nonce_s), ..ClientConfig::default() };
    let config = PlatformConfig {
        client_config,
        max_connections: usize::MAX,
        max_records: 1000,
        // A thousand connections at once are slow to start with.
        first_ping_within: Duration::from_secs(60),
        ..PlatformConfig::default()
    };
    let platform = Platform::start(config).await.expect("a free port");
    platform.add_app(AppSpec::new(APP, SECRET));
    let door = Door::open(&platform, "127.0.0.1").await;
    let ca = std::env::temp_dir().join(format!("many_bots-{}.pem", std::process::id()));
    std::fs::write(&ca, &door.ca).expect("a temporary file");
    println!(
        "{}",
        json!({ "plain": platform.base_url(), "tls": format!("https://127.0.0.1:{}", door.port), "ca": ca })
    );
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.trim() == "cut" {
            platform.cut(APP);
        }
    }
    // Nobody needs it any more.
    let _ = std::fs::remove_file(&ca);
}
