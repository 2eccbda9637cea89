//! The configuration file: `[channels_config.lark]` as PRX documents it, several bots, and larkwire's own keys
//! (protocol section 19; the keys' meaning in 10.2, 10.3, 13, 14 and 17).
//!
//! ```text
//! bytes ── text ──► TOML with spans ── find ──► one Table per bot ── check ──► BotConfig
//!          UTF-8?                      [lark.NAME]…   line numbers     │  ▲
//!                                      messages                 users ─┤  └─ credentials: file, *_file, environment
//!                                      nearest: "did you mean" ────────┘
//! ```
//!
//! It reads, checks and explains; it starts nothing. Every error and warning names file, line, table and key, says what
//! to write instead, and never holds the text of a secret.

mod check;
mod credentials;
mod find;
mod nearest;
mod settings;
mod table;
mod text;
mod users;
mod webhook;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use larkwire_core::{AckReactions, Locale};
use toml::de::DeTable;

use crate::Secret;

use check::Checked;
use credentials::Surroundings;
use text::Source;

/// One bot, as its table describes it. Every value is checked; what is absent in the file has its default here.
#[derive(Clone)]
#[non_exhaustive]
pub struct BotConfig {
    /// `NAME` of `[lark.NAME]`; `None` in every other table.
    pub name: Option<String>,
    /// The table it stands in, for messages: `channels_config.lark`, `lark.support`; empty for keys without a table.
    pub table: String,
    /// `cli_` and 16 hexadecimal digits; another shape is only warned about.
    pub app_id: String,
    /// The app's secret, never blank.
    pub app_secret: Secret,
    /// The webhook's Verification Token; always there in webhook mode.
    pub verification_token: Option<Secret>,
    /// The webhook's Encrypt Key; always there in webhook mode.
    pub encrypt_key: Option<Secret>,
    /// Who may speak to the bot: `ou_…`, `on_…` or user ids, each once. `*` means everybody, an empty list nobody.
    pub allowed_users: Vec<String>,
    /// Whether groups are answered only when the bot is mentioned.
    pub mention_only: bool,
    /// `true` for Feishu, `false` for Lark. See [`effective_domain`](Self::effective_domain).
    pub use_feishu: bool,
    /// How events arrive.
    pub receive_mode: ReceiveMode,
    /// The webhook's port, not 0; always there in webhook mode.
    pub port: Option<u16>,
    /// Whether the bot is to be started.
    pub enabled: bool,
    /// `feishu`, `lark`, or a base URL without a final `/`.
    pub domain: Option<String>,
    /// Attempts in a row without an answer after which the bot ends, at least 1; endless when absent.
    pub max_attempts: Option<u32>,
    /// Whether `@_all` counts as a mention of the bot.
    pub respond_to_mention_all: bool,
    /// Whether messages of other bots are taken.
    pub allow_bots: bool,
    /// Messages older than this many seconds are dropped; none when absent.
    pub stale_after_secs: Option<u64>,
    /// For how many seconds delivered events are remembered, at least 1800.
    pub dedup_window_secs: u64,
    /// Where delivered events are remembered across restarts; a relative path starts at the configuration file's folder.
    pub dedup_file: Option<PathBuf>,
    /// The reaction that says "seen".
    pub ack_reactions: AckReactions,
    /// The language of reactions in single chats, by `chat_id`.
    pub chat_locales: BTreeMap<String, Locale>,
    /// The path the webhook answers at; begins with `/`.
    pub webhook_path: String,
    /// The address of this machine that the webhook listens at; `0.0.0.0`, all of them, by default.
    pub webhook_host: IpAddr,
    /// How far a webhook request's timestamp may lie from this machine's clock.
    pub webhook_max_age_secs: u32,
    /// Bytes of the longest webhook request.
    pub webhook_max_body: usize,
    /// Whether old card callbacks are taken, too.
    pub webhook_old_cards: bool,
    /// Whether rightly signed events without a Verification Token are taken.
    pub webhook_allow_missing_token: bool,
    /// The certificate chain of the webhook, in PEM; with its key, or neither.
    pub webhook_tls_cert_file: Option<PathBuf>,
    /// The private key of that certificate, in PEM.
    pub webhook_tls_key_file: Option<PathBuf>,
    /// Characters after which a long text goes on in a further message; 0: never.
    pub split_text_at: usize,
    /// What works, but perhaps not as meant. Each is a sentence of its own with its line.
    pub warnings: Vec<String>,
}

impl fmt::Debug for BotConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BotConfig")
            .field("table", &self.table)
            .field("app_id", &self.app_id)
            .field("domain", &self.effective_domain())
            .field("receive_mode", &self.receive_mode)
            .field("enabled", &self.enabled)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}

impl BotConfig {
    /// Where the app lives: `domain` if it is given, else what `use_feishu` says. Suits
    /// [`Settings::domain`](crate::Settings::domain).
    pub fn effective_domain(&self) -> &str {
        self.domain.as_deref().unwrap_or(if self.use_feishu { "feishu" } else { "lark" })
    }
}

/// How events arrive.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ReceiveMode {
    /// The platform posts them to `port` and `webhook_path`.
    Webhook,
    /// Over the long connection.
    #[default]
    Websocket,
}

/// What a file holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The bots in the order of the file. A bot with `enabled = false` is here if nothing is wrong with it.
    pub bots: Vec<BotConfig>,
    /// Warnings about the file itself and about tables that are switched off and would be errors otherwise; a bot's own
    /// are [with it](BotConfig::warnings).
    pub warnings: Vec<String>,
}

/// A file that cannot be used. Its `Display` is one line per error.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConfigError {
    /// Everything that is wrong, each with its line and what to write instead; never empty.
    pub errors: Vec<String>,
    /// The warnings of the same file: a mistyped key is often why another one is missing.
    pub warnings: Vec<String>,
}

impl ConfigError {
    fn one(error: String) -> Self {
        Self { errors: vec![error], warnings: Vec::new() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.errors.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

/// Reads the file at `path`. `env` looks environment variables up (`|name| std::env::var(name).ok()`); a program puts its
/// flags in front of it. Blank variables count as absent.
///
/// | variable | instead of |
/// |---|---|
/// | `LARKWIRE_APP_ID`, `LARKWIRE_APP_SECRET`, `LARKWIRE_VERIFICATION_TOKEN`, `LARKWIRE_ENCRYPT_KEY` | the key, in the table without a name or the only table |
/// | `LARKWIRE_NAME_APP_SECRET` … | the key in `[lark.NAME]`; `NAME` in capitals, `-` as `_` |
/// | each secret's with `_FILE` at its end | the same, out of a file |
///
/// # Errors
/// [`ConfigError`] with everything that is wrong, not only the first.
pub fn load(path: &Path, env: impl Fn(&str) -> Option<String>) -> Result<Loaded, ConfigError> {
    let file = text::read(path, text::CONFIG_LIMIT)
        .map_err(|reason| ConfigError::one(format!("{}: {reason}", path.display())))?;
    let base = path.parent().unwrap_or(Path::new(""));
    let (mut loaded, holds_secrets) = parse_as(&format!("{}, ", path.display()), &file.bytes, base, &env)?;
    if holds_secrets && file.open_to_all {
        loaded.warnings.push(format!(
            "{path}: it holds secrets and everybody on this machine can read it: run `chmod 600 {path}`",
            path = path.display()
        ));
    }
    Ok(loaded)
}

/// The same for a text at hand. Relative paths in it start at `base`.
///
/// ```
/// use larkwire_tokio::config;
/// let text = b"[lark]\napp_id = 'cli_0123456789abcdef'\napp_secret = 's'\nallow_users = ['*']\n";
/// let loaded = config::parse(text, "".as_ref(), |_| None)?;
/// assert_eq!(
///     loaded.bots[0].warnings[1],
///     "line 4: [lark] allow_users is not known here and has no effect: did you mean allowed_users?",
/// );
/// # Ok::<(), config::ConfigError>(())
/// ```
///
/// # Errors
/// [`ConfigError`] with everything that is wrong, not only the first.
pub fn parse(text: &[u8], base: &Path, env: impl Fn(&str) -> Option<String>) -> Result<Loaded, ConfigError> {
    parse_as("", text, base, &env).map(|(loaded, _)| loaded)
}

/// `label` begins every message. Also says whether the text itself holds a secret.
fn parse_as(
    label: &str,
    bytes: &[u8],
    base: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(Loaded, bool), ConfigError> {
    let text = text::decode(bytes).map_err(|(line, reason)| {
        let line = line.map_or(String::new(), |line| format!("line {line}: "));
        ConfigError::one(format!("{label}{line}{reason}"))
    })?;
    let source = Source::new(label, text);
    let document = DeTable::parse(text).map_err(|error| {
        // The error's own Display quotes the line, and the line may be the secret's.
        let at = error.span().map_or(0, |span| span.start);
        ConfigError::one(format!("{label}line {}, column {}: {}", source.line(at), source.column(at), error.message()))
    })?;
    let found = find::tables(document.get_ref(), &source);
    let around = Surroundings { base, env, alone: found.tables.len() == 1 };
    let bots = found.tables.into_iter().map(|table| check::bot(table, &around)).collect();
    finish(found.errors, found.warnings, bots, &source)
}

/// Compares the bots with each other and sorts everything said into its place.
fn finish(
    mut errors: Vec<String>,
    mut warnings: Vec<String>,
    mut checked: Vec<Checked>,
    source: &Source<'_>,
) -> Result<(Loaded, bool), ConfigError> {
    errors.extend(check::clashes(&checked, source));
    let mut hidden = Vec::new();
    let mut in_the_file = false;
    for bot in &mut checked {
        hidden.append(&mut bot.secrets);
        in_the_file |= bot.in_the_file;
        if bot.config.enabled {
            errors.append(&mut bot.errors);
        } else {
            warnings.extend(bot.errors.iter().map(|error| format!("{error} (switched off, so only a warning)")));
        }
    }
    // The parts of this module quote no secret; this is for one that somebody pasted into another key as well.
    hidden.retain(|secret: &Secret| secret.expose().len() >= 8);
    let redact = |mut message: String| {
        for secret in &hidden {
            for shape in [secret.expose(), &secret.expose().escape_debug().to_string()] {
                if message.contains(shape) {
                    message = message.replace(shape, "[redacted]");
                }
            }
        }
        message
    };
    let redact_all = |messages: Vec<String>| messages.into_iter().map(redact).collect::<Vec<_>>();
    if !errors.is_empty() {
        warnings.extend(checked.into_iter().flat_map(|bot| bot.config.warnings));
        return Err(ConfigError { errors: redact_all(errors), warnings: redact_all(warnings) });
    }
    let mut bots = Vec::new();
    for Checked { mut config, errors, .. } in checked {
        let said = redact_all(config.warnings);
        // A bot that is switched off and could not start is not handed out half read.
        if errors.is_empty() {
            config.warnings = said;
            bots.push(config);
        } else {
            warnings.extend(said);
        }
    }
    Ok((Loaded { bots, warnings: redact_all(warnings) }, in_the_file))
}
