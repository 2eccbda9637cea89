//! The fake platform as a process: a JSON line that says where it is, then everything that happens.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use larkwire_conformance::platform::{
    AppSpec, ClientConfig, Options as Choices, Platform, PlatformConfig, Push, Record,
};
use serde_json::{Value, json};

/// A Lark/Feishu platform on loopback, for developing and testing bots.
///
/// The first line of output is a JSON object with base_url and app_id (and app_secret, unless it came from a file);
/// then come records of what happens. `PLATFORM.md` describes the control interface under base_url/_platform/.
/// Ctrl-C ends it.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Loopback address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Id of the app; random by default
    #[arg(long)]
    app_id: Option<String>,
    /// File with the app's secret; random by default
    #[arg(long)]
    app_secret_file: Option<PathBuf>,
    /// Seconds between pings, as clients are told
    #[arg(long, default_value_t = 120)]
    ping_interval: i64,
    /// Seconds between attempts to reconnect, as clients are told
    #[arg(long, default_value_t = 120)]
    reconnect_interval: i64,
    /// Seconds within which the first attempt to reconnect comes, as clients are told
    #[arg(long, default_value_t = 30)]
    reconnect_nonce: i64,
    /// Attempts to reconnect, as clients are told; negative means endless
    #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
    reconnect_count: i64,
    /// Divides the waits before redeliveries (15 s, 5 min, 1 h, 6 h)
    #[arg(long, default_value_t = 1.0)]
    clock_scale: f64,
    /// Seconds by which the platform's dates are ahead; negative: behind
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    date_offset: i64,
    /// Seconds that access tokens live
    #[arg(long, default_value_t = 7200)]
    token_expire: u64,
    /// Length of access tokens in bytes
    #[arg(long)]
    token_len: Option<usize>,
    /// The bot's own reactions come back as events
    #[arg(long)]
    echo_reactions: bool,
    /// Milliseconds between sample messages to the connected bot; none by default
    #[arg(long)]
    every: Option<u64>,
    /// Write records as JSON lines
    #[arg(long)]
    json: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // With standard error closed, the exit code has to do.
            let _ = writeln!(io::stderr(), "larkwire-platform: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> io::Result<()> {
    let mut app = AppSpec::random();
    let mut announcement = json!({ "kind": "platform", "version": env!("CARGO_PKG_VERSION") });
    match &options.app_secret_file {
        Some(path) => {
            let secret = std::fs::read_to_string(path)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
            app.app_secret = secret.trim().to_owned();
        }
        None => announcement["app_secret"] = json!(app.app_secret),
    }
    if let Some(app_id) = options.app_id {
        app.app_id = app_id;
    }
    let config = PlatformConfig {
        listen: options.listen,
        client_config: ClientConfig {
            ping_interval: Some(options.ping_interval),
            reconnect_interval: Some(options.reconnect_interval),
            reconnect_nonce: Some(options.reconnect_nonce),
            reconnect_count: Some(options.reconnect_count),
        },
        clock_scale: options.clock_scale,
        options: Choices {
            date_offset_s: options.date_offset,
            echo_reactions: options.echo_reactions,
            token_expire_s: Some(options.token_expire),
            token_len: options.token_len,
        },
        ..PlatformConfig::default()
    };
    let platform = Platform::start(config).await?;
    let mut records = platform.subscribe();
    announcement["base_url"] = json!(platform.base_url());
    announcement["app_id"] = json!(app.app_id);
    let app_id = app.app_id.clone();
    platform.add_app(app);
    line(&announcement.to_string())?;

    let samples = samples(&platform, &app_id, options.every);
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(samples, interrupted);
    loop {
        tokio::select! {
            Some(record) = records.next() => line(&if options.json { json!(record).to_string() } else { readable(&record) })?,
            listening = &mut interrupted => {
                listening?;
                break;
            }
            never = &mut samples => match never {},
        }
    }
    platform.stop().await;
    Ok(())
}

async fn samples(platform: &Platform, app_id: &str, every_ms: Option<u64>) -> std::convert::Infallible {
    let Some(every_ms) = every_ms else { return std::future::pending().await };
    let mut ticks = tokio::time::interval(Duration::from_millis(every_ms.max(1)));
    let mut count = 0_u64;
    loop {
        ticks.tick().await;
        if platform.connections(app_id) > 0 {
            count += 1;
            let push = Push::message("oc_sample", "p2p", "ou_sample", format!("sample message {count}"));
            // The app is registered, so there is nothing that can fail.
            let _ = platform.push(&push.app(app_id));
        }
    }
}

fn line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

/// `   1.204 s  acked  push=3 code=200 …`
fn readable(record: &Record) -> String {
    let Value::Object(members) = json!(record) else { return String::new() };
    let kind = members.get("kind").and_then(Value::as_str).unwrap_or_default();
    let mut text = format!("{:8.3} s  {kind:17}", Duration::from_millis(record.at_ms).as_secs_f64());
    for (name, value) in &members {
        let said = matches!(name.as_str(), "kind" | "number" | "at_ms");
        if !said && !value.is_null() {
            text.push_str(&format!(" {name}={value}"));
        }
    }
    text
}
