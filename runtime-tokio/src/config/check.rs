//! From a table to a bot, and whether the bots get along.

use std::collections::BTreeMap;

use larkwire_core::wire::url::Url;
use larkwire_core::{AckReactions, Config, Domain, Locale};

use super::credentials::{self, Secrets, Surroundings, variable_part};
use super::table::{Blank, Table};
use super::text::Source;
use super::users::{self, is_invisible, show};
use super::webhook;
use super::{BotConfig, ReceiveMode};
use crate::Secret;

/// A bot and what was found out on the way.
pub(super) struct Checked {
    pub(super) config: BotConfig,
    /// Where its table begins.
    at: usize,
    pub(super) errors: Vec<String>,
    /// What no message may hold.
    pub(super) secrets: Vec<Secret>,
    /// Whether a secret stands in the configuration file.
    pub(super) in_the_file: bool,
}

/// Reads one table.
pub(super) fn bot(mut table: Table<'_>, around: &Surroundings<'_>) -> Checked {
    const MONTH: u64 = 30 * 24 * 60 * 60;
    let mut secrets = Secrets::default();
    let enabled = table.flag("enabled").unwrap_or(true);
    let (app_id, app_secret) = credentials::app(&mut table, around, &mut secrets);
    let verification_token = secrets.take(&mut table, around, "verification_token");
    let encrypt_key = secrets.take(&mut table, around, "encrypt_key");
    let allowed_users = users::allowed(&mut table);
    let mention_only = table.flag("mention_only").unwrap_or(false);
    let respond_to_mention_all = table.flag("respond_to_mention_all").unwrap_or(false);
    if respond_to_mention_all && !mention_only {
        let at = table.place("respond_to_mention_all");
        table.warn(at, "respond_to_mention_all", "has no effect without mention_only = true");
    }
    let allow_bots = table.flag("allow_bots").unwrap_or(false);
    let (use_feishu, domain) = region(&mut table);
    let receive_mode = receive_mode(&mut table);
    let tokens = [("encrypt_key", &encrypt_key), ("verification_token", &verification_token)];
    let webhook = webhook::keys(&mut table, around, receive_mode, tokens);
    let max_attempts = table.number("max_attempts", 1..=u32::MAX.into(), "; leave it out for endless attempts");
    let stale_after_secs = table.number("stale_after_secs", 1..=MONTH, " seconds; leave it out to drop nothing");
    let dedup_window_secs = dedup_window(&mut table, MONTH);
    let dedup_file = credentials::path(&mut table, around, "dedup_file");
    let ack_reactions = reactions(&mut table);
    let chat_locales = chat_locales(&mut table);
    let split_text_at = split(&mut table);
    let (errors, warnings) = table.messages();
    let config = BotConfig {
        name: table.name.map(str::to_owned),
        table: table.path,
        app_id,
        app_secret,
        verification_token,
        encrypt_key,
        allowed_users,
        mention_only,
        use_feishu,
        receive_mode,
        port: webhook.port,
        enabled,
        domain,
        max_attempts: max_attempts.and_then(|attempts| attempts.try_into().ok()),
        respond_to_mention_all,
        allow_bots,
        stale_after_secs,
        dedup_window_secs,
        dedup_file,
        ack_reactions,
        chat_locales,
        webhook_path: webhook.path,
        webhook_host: webhook.host,
        webhook_max_age_secs: webhook.max_age_secs,
        webhook_max_body: webhook.max_body,
        webhook_old_cards: webhook.old_cards,
        webhook_allow_missing_token: webhook.allow_missing_token,
        webhook_tls_cert_file: webhook.tls_cert_file,
        webhook_tls_key_file: webhook.tls_key_file,
        split_text_at,
        warnings,
    };
    Checked { config, at: table.at, errors, secrets: secrets.all, in_the_file: secrets.in_the_file }
}

/// `use_feishu` and `domain`, which must not contradict each other.
fn region(table: &mut Table<'_>) -> (bool, Option<String>) {
    let feishu = table.flag("use_feishu");
    let Some(text) = table.trimmed("domain", Blank::Error) else { return (feishu.unwrap_or(false), None) };
    let at = table.place("domain");
    let name = text.to_ascii_lowercase();
    let known = |domain: Domain<'static>| {
        let host = Url::parse(domain.base()).map(|url| url.host);
        Url::parse(text.trim_end_matches('/'))
            .is_ok_and(|url| host.is_ok_and(|host| url.host.eq_ignore_ascii_case(host)))
    };
    let says_feishu = match name.as_str() {
        "feishu" => Some(true),
        "lark" => Some(false),
        _ if !text.contains("://") => {
            table.unknown_word("domain", text, &["feishu", "lark"]);
            None
        }
        _ => {
            let probe = Config {
                app_id: "x",
                app_secret: larkwire_core::Secret::new("x"),
                domain: Domain::Custom(text),
                ..Config::default()
            };
            if let Err(error) = probe.check() {
                table.error(at, "domain", &format!("cannot be used: {}", error.to_string().replace("domain: ", "")));
            }
            if known(Domain::Feishu) { Some(true) } else { known(Domain::Lark).then_some(false) }
        }
    };
    if let (Some(flag), Some(says)) = (feishu, says_feishu)
        && flag != says
    {
        let (here, there) = if says { ("Feishu", "Lark") } else { ("Lark", "Feishu") };
        let what = format!("is {here}, but use_feishu = {flag} is {there}: remove one of the two");
        table.error(at, "domain", &what);
    }
    let domain = if matches!(name.as_str(), "feishu" | "lark") { name } else { text.trim_end_matches('/').to_owned() };
    (feishu.unwrap_or(false), Some(domain))
}

fn receive_mode(table: &mut Table<'_>) -> ReceiveMode {
    match table.text("receive_mode") {
        Some("webhook") => ReceiveMode::Webhook,
        Some("websocket") | None => ReceiveMode::Websocket,
        Some(other) => {
            table.unknown_word("receive_mode", other, &["webhook", "websocket"]);
            ReceiveMode::Websocket
        }
    }
}

/// Protocol section 10.2.
fn dedup_window(table: &mut Table<'_>, longest: u64) -> u64 {
    const KEY: &str = "dedup_window_secs";
    const LAST_REDELIVERY: u64 = 15 + 5 * 60 + 60 * 60 + 6 * 60 * 60;
    let why =
        " seconds: duplicates within 30 min are promised to be dropped, and the platform repeats an event for 7.1 h";
    let window = table.number(KEY, 1800..=longest, why).unwrap_or(43_200);
    if window < LAST_REDELIVERY {
        let what = format!(
            "is shorter than the platform repeats events: the last time is about 7.1 h ({LAST_REDELIVERY} s) after the \
             first, and would be taken for a new one"
        );
        table.warn(table.place(KEY), KEY, &what);
    }
    window
}

fn locale(text: &str) -> Option<Locale> {
    let tag = text.replace('_', "-");
    [Locale::En, Locale::Ja, Locale::ZhCn, Locale::ZhTw].into_iter().find(|l| l.as_str().eq_ignore_ascii_case(&tag))
}

const LOCALES: [&str; 4] = ["en", "ja", "zh-CN", "zh-TW"];

fn reactions(table: &mut Table<'_>) -> AckReactions {
    const KEY: &str = "ack_reactions";
    if table.is_flag(KEY) {
        return if table.flag(KEY) == Some(false) { AckReactions::Off } else { AckReactions::Auto };
    }
    match table.text(KEY) {
        None | Some("auto") => AckReactions::Auto,
        Some("off") => AckReactions::Off,
        Some(text) => locale(text).map_or_else(
            || {
                let words: Vec<_> = ["auto", "off"].into_iter().chain(LOCALES).collect();
                table.unknown_word(KEY, text, &words);
                AckReactions::Auto
            },
            AckReactions::Fixed,
        ),
    }
}

fn chat_locales(table: &mut Table<'_>) -> BTreeMap<String, Locale> {
    const KEY: &str = "chat_locales";
    let mut locales = BTreeMap::new();
    for (at, chat, tag) in table.pairs(KEY).unwrap_or_default() {
        if chat.trim() != chat || chat.is_empty() || chat.chars().any(is_invisible) {
            let what = format!("{}: a chat_id has neither spaces nor invisible characters", show(chat));
            table.error(at, KEY, &what);
            continue;
        }
        if !chat.starts_with("oc_") {
            table.warn(at, KEY, &format!("{} does not look like a chat_id, which begins with oc_", show(chat)));
        }
        match locale(tag) {
            Some(locale) => drop(locales.insert(chat.to_owned(), locale)),
            None => {
                let what = format!("{}: unknown language; write one of {}", show(chat), LOCALES.join(", "));
                table.error(at, KEY, &what);
            }
        }
    }
    locales
}

fn split(table: &mut Table<'_>) -> usize {
    const KEY: &str = "split_text_at";
    // A text may be 150 KB long, and a character 7 bytes where it must be escaped twice.
    const LONGEST: u64 = larkwire_core::outgoing::MAX_CHARS as u64;
    let why = " characters, the most that the platform takes in one message; 0 never splits";
    let characters = table.number(KEY, 0..=LONGEST, why).unwrap_or(3500);
    if (1..100).contains(&characters) {
        table.error(table.place(KEY), KEY, "must be 0 or at least 100: shorter pieces flood the chat");
    }
    usize::try_from(characters).unwrap_or(3500)
}

/// What one bot would take away from another.
pub(super) fn clashes(bots: &[Checked], source: &Source<'_>) -> Vec<String> {
    let mut clashes = Vec::new();
    for (index, bot) in bots.iter().enumerate() {
        let one = &bot.config;
        for earlier in bots.iter().take(index).filter(|earlier| earlier.config.enabled && one.enabled) {
            let other = &earlier.config;
            let mut clash = |key: &str, why: &str| {
                let what =
                    format!("[{}] {key} as in line {}, [{}]: {why}", one.table, source.line(earlier.at), other.table);
                clashes.push(source.say(bot.at, &what));
            };
            if !one.app_id.is_empty() && one.app_id == other.app_id {
                clash("has the same app_id", "they would take each other's events; keep one");
            }
            match (&one.name, &other.name) {
                (None, None) => clash("is a bot without a name", "write [lark.NAME] for one of them"),
                (Some(a), Some(b)) if variable_part(a) == variable_part(b) => {
                    clash("has the same name", "their environment variables would be the same; rename one");
                }
                _ => {}
            }
            if one.dedup_file.is_some() && one.dedup_file == other.dedup_file {
                clash("has the same dedup_file", "they would overwrite each other's; give each its own");
            }
            if let Some((key, why)) = webhook::clash(one, other) {
                clash(key, why);
            }
        }
    }
    clashes
}
