//! The webhook: its port, its certificate, and whether the platform would be answered (protocol section 17).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use larkwire_conformance::platform::{AppSpec, Kind, Platform, PlatformConfig, Push, WebhookSpec};
use larkwire_tokio::config::BotConfig;
use larkwire_tokio::webhook::Server;
use larkwire_tokio::{Client, Secret, Settings};
use tokio::net::TcpListener;
use tokio::sync::Mutex;

use super::report::Say;
use crate::files::Bot;
use crate::ports;

const NAME: &str = "webhook";
/// For both requests to oneself together.
const LIMIT: Duration = Duration::from_secs(8);
/// Bots that share a port are examined at the same time, and one must not find the other's trial.
static TRIAL: Mutex<()> = Mutex::const_new(());

pub(super) async fn webhook(bot: &Bot, say: &Say) {
    let Some(config) = ports::webhook_of(bot) else { return say.skipped(NAME, "receive_mode is \"websocket\"") };
    say.begin(NAME);
    if let Err(error) = ports::server(config) {
        let next_step = "name two files in PEM that this user can read: the certificate with its chain, and its key";
        return say.failed(NAME, &error, next_step);
    }
    let address = ports::address(config);
    let alone = TRIAL.lock().await;
    let free = TcpListener::bind(address).await.map(drop);
    drop(alone);
    match free {
        Ok(()) => match answers(config, None).await {
            Ok(()) => say.ok(
                NAME,
                &format!("{address} is free, and requests made with both keys are taken (whether they are the console's shows only there); {}", where_to(config)),
            ),
            Err(why) => say.failed(NAME, &format!("a request that was made with both keys is not taken: {why}"), ""),
        },
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => in_use(config, address, say).await,
        Err(error) => {
            let (what, next_step) = ports::not_bound(address, &error);
            say.failed(NAME, &what, next_step);
        }
    }
    if config.webhook_tls_key_file.as_deref().is_some_and(is_open_to_all) {
        let message = "everybody on this machine can read webhook_tls_key_file";
        say.warning(NAME, message, "run chmod 600 on it");
    }
}

/// What a person has to enter where.
fn where_to(config: &BotConfig) -> String {
    let url = ports::public_url(config);
    match config.webhook_host.is_loopback() {
        true => format!(
            "only this machine reaches it: a proxy must pass {} on, and its own URL, at a public IPv4 address, goes into \
             the console (Events & Callbacks → Request URL)",
            config.webhook_path
        ),
        false => format!("the console (Events & Callbacks → Request URL) gets {url}, at a public IPv4 address"),
    }
}

/// Somebody listens there: this bot, as is to be hoped.
async fn in_use(config: &BotConfig, address: SocketAddr, say: &Say) {
    let (what, next_step) = ports::not_bound(address, &std::io::ErrorKind::AddrInUse.into());
    if config.webhook_tls_cert_file.is_some() {
        return say.warning(NAME, &format!("{what}, and speaks TLS: it may be this bot that runs"), next_step);
    }
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    match answers(config, Some(SocketAddr::new(host, address.port()))).await {
        Ok(()) => say.ok(
            NAME,
            &format!("this bot runs at {address} and answers the verification of its URL; {}", where_to(config)),
        ),
        Err(why) => say.failed(NAME, &format!("{what}, and what answers there is not this bot: {why}"), next_step),
    }
}

/// Whether requests as the platform makes them are answered: by a service of the doctor's own, or by the one that runs
/// `at` this address, which is not sent an event.
async fn answers(config: &BotConfig, at: Option<SocketAddr>) -> Result<(), String> {
    let asked = tokio::time::timeout(LIMIT, ask(config, at)).await;
    asked.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs())))
}

async fn ask(config: &BotConfig, at: Option<SocketAddr>) -> Result<(), String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    // A platform in this process makes the requests; the real one is not asked for anything.
    let platform = Platform::start(PlatformConfig::default()).await.map_err(|error| said(&error))?;
    platform.add_app(AppSpec::new(&config.app_id, "self-test"));
    let own =
        Settings::new(&config.app_id, "self-test").domain(platform.base_url()).allow("*").own_open_id("ou_doctor");
    let (client, mut events) = Client::start(&own.webhook(config.into())).map_err(|error| said(&error))?;
    let service = client.webhook().ok_or("no webhook")?;
    let server = Server::new().route(&config.webhook_path, service).bind((Ipv4Addr::LOCALHOST, 0)).await;
    let server = server.map_err(|error| said(&error))?;

    let url = format!("http://{}{}", at.unwrap_or(server.local_addr()), config.webhook_path);
    let key = |key: &Option<Secret>| key.as_ref().map_or("", Secret::expose).to_owned();
    let spec = WebhookSpec::new(&config.app_id, url, key(&config.verification_token));
    platform.subscribe_webhook(spec.encrypt_key(key(&config.encrypt_key))).map_err(|error| said(&error))?;
    let verdict = platform.challenge(&config.app_id).await.map_err(|error| said(&error))?;
    if let Some(complaint) = verdict.complaint {
        return Err(complaint);
    }
    if at.is_some() {
        return Ok(());
    }
    platform.push(&Push::text("oc_doctor", "ou_doctor_2", "is anybody there?")).map_err(|error| said(&error))?;
    let status = |kind: &Kind| match kind {
        Kind::WebhookAnswered { status, .. } => Some(*status),
        Kind::WebhookFailed { .. } => Some(0),
        _ => None,
    };
    let record = platform.wait_for(|record| status(&record.kind).is_some(), LIMIT).await;
    match record.and_then(|record| status(&record.kind)) {
        Some(200) if events.recv().await.is_some() => Ok(()),
        status => Err(format!("an event was answered with status {}", status.unwrap_or_default())),
    }
}

#[cfg(unix)]
fn is_open_to_all(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    // Read-only for all is how containers mount secrets.
    let mode = std::fs::metadata(path).map_or(0, |about| about.permissions().mode());
    mode & 0o004 != 0 && mode & 0o222 != 0
}

#[cfg(not(unix))]
fn is_open_to_all(_: &std::path::Path) -> bool {
    false
}
