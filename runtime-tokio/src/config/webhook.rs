//! The keys of a webhook, and what two webhooks behind one port must agree on (protocol section 17).

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use super::credentials::{self, Surroundings};
use super::table::{Blank, Table};
use super::{BotConfig, ReceiveMode};
use crate::Secret;

/// What the platform waits between an event and the next try is up to 6 h; a day is more than any clock is wrong.
const LONGEST_AGE: u64 = 24 * 60 * 60;
/// Below, texts of an ordinary length would not fit; above, a stranger could make the bot hold too much.
const BODIES: std::ops::RangeInclusive<u64> = 64 * 1024..=2 * 1024 * 1024;
/// Answered by the server itself.
const HEALTH: &str = "/health";

/// Keys that mean something to a webhook only. The two secrets are not among them: templates have them everywhere.
const KEYS: [&str; 9] = [
    "port",
    "webhook_allow_missing_token",
    "webhook_host",
    "webhook_max_age_secs",
    "webhook_max_body",
    "webhook_old_cards",
    "webhook_path",
    "webhook_tls_cert_file",
    "webhook_tls_key_file",
];

/// What the keys say.
pub(super) struct Keys {
    pub(super) port: Option<u16>,
    pub(super) path: String,
    pub(super) host: IpAddr,
    pub(super) max_age_secs: u32,
    pub(super) max_body: usize,
    pub(super) old_cards: bool,
    pub(super) allow_missing_token: bool,
    pub(super) tls_cert_file: Option<PathBuf>,
    pub(super) tls_key_file: Option<PathBuf>,
}

/// Reads them; a webhook needs the port and both `secrets` (protocol section 17.3).
pub(super) fn keys(
    table: &mut Table<'_>,
    around: &Surroundings<'_>,
    mode: ReceiveMode,
    secrets: [(&'static str, &Option<Secret>); 2],
) -> Keys {
    let keys = Keys {
        port: table.number("port", 1..=u16::MAX.into(), "").and_then(|port| u16::try_from(port).ok()),
        path: path(table),
        host: host(table),
        max_age_secs: age(table),
        max_body: table
            .number("webhook_max_body", BODIES, " bytes")
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(512 * 1024),
        old_cards: table.flag("webhook_old_cards").unwrap_or(false),
        allow_missing_token: table.flag("webhook_allow_missing_token").unwrap_or(false),
        tls_cert_file: credentials::path(table, around, "webhook_tls_cert_file"),
        tls_key_file: credentials::path(table, around, "webhook_tls_key_file"),
    };
    match mode {
        ReceiveMode::Webhook => {
            if !table.has("port") {
                table.missing("port", ", but receive_mode = \"webhook\" needs it", "");
            }
            for (key, secret) in secrets {
                // One that is there and wrong has its error already.
                if secret.is_none() && !table.is_faulty(key) {
                    let why = ", but receive_mode = \"webhook\" needs it: without it the bot would trust whoever knows \
                               its address";
                    table.missing(key, why, " (Developer Console, Events & Callbacks, Encryption Strategy)");
                }
            }
            let files = ["webhook_tls_cert_file", "webhook_tls_key_file"];
            for (key, other) in [(files[0], files[1]), (files[1], files[0])] {
                if table.has(key) && !table.has(other) {
                    let what = format!("is given without {other}: give both, or none where a proxy speaks TLS");
                    table.error(table.place(key), key, &what);
                }
            }
        }
        ReceiveMode::Websocket => {
            for key in KEYS {
                if table.has(key) && !table.is_faulty("receive_mode") {
                    let at = table.place(key);
                    table.warn(at, key, "has no effect with receive_mode = \"websocket\"");
                }
            }
        }
    }
    keys
}

fn path(table: &mut Table<'_>) -> String {
    const KEY: &str = "webhook_path";
    let path = table.trimmed(KEY, Blank::Error);
    if let Some(path) = path {
        let usable = path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic() && !b"?#\\\"".contains(&b));
        if !usable {
            let what = "must begin with / and hold neither spaces nor ? nor #; write \"/lark\"";
            table.error(table.place(KEY), KEY, what);
        } else if path == HEALTH {
            table.error(table.place(KEY), KEY, "is where load balancers ask for the server's health; write \"/lark\"");
        }
    }
    path.unwrap_or("/lark").to_owned()
}

fn host(table: &mut Table<'_>) -> IpAddr {
    const KEY: &str = "webhook_host";
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let Some(text) = table.trimmed(KEY, Blank::Error) else { return any };
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().unwrap_or_else(|_| {
        let what = "is no address of this machine; write \"0.0.0.0\" for all, \"[::]\" for IPv6 too, \"127.0.0.1\" \
                    where a proxy on this machine is before it";
        table.error(table.place(KEY), KEY, what);
        any
    })
}

fn age(table: &mut Table<'_>) -> u32 {
    let why = " seconds: the clocks of this machine and of the platform are compared";
    let age = table.number("webhook_max_age_secs", 60..=LONGEST_AGE, why);
    age.and_then(|age| u32::try_from(age).ok()).unwrap_or(3600)
}

/// What keeps two webhooks from sharing their port: a word for the key, and what to do.
pub(super) fn clash(one: &BotConfig, other: &BotConfig) -> Option<(&'static str, &'static str)> {
    let webhooks = [one, other].iter().all(|bot| bot.receive_mode == ReceiveMode::Webhook);
    if !webhooks || one.port.is_none() || one.port != other.port {
        return None;
    }
    let tls = |bot: &BotConfig| (bot.webhook_tls_cert_file.clone(), bot.webhook_tls_key_file.clone());
    if one.webhook_path == other.webhook_path {
        Some(("has the same port and webhook_path", "give each its own webhook_path"))
    } else if one.webhook_host != other.webhook_host {
        Some(("has the same port, but another webhook_host", "give both the same, or each its own port"))
    } else if tls(one) != tls(other) {
        let what = "has the same port, but other webhook_tls_cert_file and webhook_tls_key_file";
        Some((what, "give both the same, or each its own port"))
    } else {
        None
    }
}
