//! What a client is made of, and what can be wrong with it.

use std::fmt;
use std::path::PathBuf;

use larkwire_core::config::ConfigError;
use larkwire_core::locale::Locale;
use larkwire_core::{AckReactions, Config, Domain, GateRules, LinkMode, OnFatal, OwnOpenId};

use crate::calls::SPLIT_AT;
use crate::connect::Destination;
use crate::secret::Secret;

/// The settings of one client. `app_id` and `app_secret` are required; everything else has a default that suits.
///
/// ```
/// use larkwire_tokio::Settings;
/// let settings = Settings::new("cli_0123456789abcdef", "the secret").domain("feishu");
/// assert!(!format!("{settings:?}").contains("the secret"));
/// ```
#[derive(Clone)]
pub struct Settings {
    app_id: String,
    app_secret: Secret,
    domain: String,
    source: String,
    pub(crate) inbox: usize,
    pub(crate) extra_roots: Vec<u8>,
    pong_timeout_ms: u32,
    call_timeout_ms: u32,
    pub(crate) max_attempts: Option<u32>,
    follow_reconnect_count: bool,
    on_fatal: OnFatal,
    plaintext: bool,
    pub(crate) allowed_users: Vec<String>,
    mention_only: bool,
    respond_to_mention_all: bool,
    allow_bots: bool,
    stale_after_ms: u64,
    ack_reactions: AckReactions,
    dedup_window_ms: u64,
    pub(crate) dedup_file: Option<PathBuf>,
    pub(crate) chat_locales: Vec<(String, Locale)>,
    pub(crate) split_text_at: usize,
    own_open_id: Option<String>,
    pub(crate) link: LinkMode,
    #[cfg(feature = "webhook")]
    pub(crate) webhook: Option<crate::webhook::WebhookSettings>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("app_id", &self.app_id)
            .field("app_secret", &"[redacted]")
            .field("domain", &self.domain)
            .field("inbox", &self.inbox)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// An app on Lark, the international platform; see [`domain`](Self::domain) for Feishu.
    pub fn new(app_id: impl Into<String>, app_secret: impl Into<Secret>) -> Self {
        let defaults = Config::default();
        Self {
            app_id: app_id.into(),
            app_secret: app_secret.into(),
            domain: "lark".into(),
            source: String::new(),
            inbox: 1024,
            extra_roots: Vec::new(),
            pong_timeout_ms: defaults.pong_timeout_ms,
            call_timeout_ms: defaults.call_timeout_ms,
            max_attempts: None,
            follow_reconnect_count: defaults.follow_reconnect_count,
            on_fatal: OnFatal::End,
            plaintext: false,
            allowed_users: Vec::new(),
            mention_only: false,
            respond_to_mention_all: false,
            allow_bots: false,
            stale_after_ms: 0,
            ack_reactions: AckReactions::Off,
            dedup_window_ms: defaults.dedup_window_ms,
            dedup_file: None,
            chat_locales: Vec::new(),
            split_text_at: SPLIT_AT,
            own_open_id: None,
            link: LinkMode::Connect,
            #[cfg(feature = "webhook")]
            webhook: None,
        }
    }

    /// Where the app lives: `feishu`, `lark`, or an `https` URL (`http` for this machine only).
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = domain.into();
        self
    }

    /// How many events wait for the program at most, 1024 by default. When they are all taken, the platform is left to
    /// send further ones again.
    #[must_use]
    pub fn inbox(mut self, events: usize) -> Self {
        self.inbox = events;
        self
    }

    /// A word about the program for the `User-Agent` header.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> Self {
        self.source = source.into();
        self
    }

    /// Certificates in PEM that are trusted beside the usual ones, for private deployments.
    #[must_use]
    pub fn extra_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.extra_roots = pem.into();
        self
    }

    /// Milliseconds within which something must come in after a ping, 20 000 by default; 0 switches the check off.
    #[must_use]
    pub fn pong_timeout_ms(mut self, ms: u32) -> Self {
        self.pong_timeout_ms = ms;
        self
    }

    /// Milliseconds a call may take with all its tries, 60 000 by default.
    #[must_use]
    pub fn call_timeout_ms(mut self, ms: u32) -> Self {
        self.call_timeout_ms = ms;
        self
    }

    /// Attempts in a row without an answer after which the client ends; endless by default.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// Take the platform's ReconnectCount as a limit of attempts, too, as the official SDKs do; off by default, because it
    /// has switched clients off for good. Below 0, what the platform says as a rule, it is no limit, and 0 counts as 1. It
    /// comes with discovery and pongs: before the first of them only [`max_attempts`](Self::max_attempts) counts.
    #[must_use]
    pub fn follow_reconnect_count(mut self, follow: bool) -> Self {
        self.follow_reconnect_count = follow;
        self
    }

    /// Keep trying, slowly, where the platform's refusal would end the client.
    #[must_use]
    pub fn retry_fatal(mut self) -> Self {
        self.on_fatal = OnFatal::SlowRetry;
        self
    }

    /// Allows `http` and `ws` to hosts other than this machine. **The app secret then travels in the clear.**
    #[must_use]
    pub fn dangerously_allow_plaintext(mut self) -> Self {
        self.plaintext = true;
        self
    }

    /// Who may speak to the bot: an open_id (`ou_…`), a union_id (`on_…`), a user_id, or `*` for everybody. **Nobody may
    /// until somebody is allowed.** May be called again and again.
    #[must_use]
    pub fn allow(mut self, id: impl Into<String>) -> Self {
        self.allowed_users.push(id.into());
        self
    }

    /// Takes everybody off the list again.
    #[must_use]
    pub fn allow_nobody(mut self) -> Self {
        self.allowed_users.clear();
        self
    }

    /// In groups, hear only messages that mention the bot.
    #[must_use]
    pub fn mention_only(mut self, mention_only: bool) -> Self {
        self.mention_only = mention_only;
        self
    }

    /// Let a mention of everyone count as one of the bot.
    #[must_use]
    pub fn respond_to_mention_all(mut self, respond: bool) -> Self {
        self.respond_to_mention_all = respond;
        self
    }

    /// Let other bots speak too, at most four times a minute and chat while no person does.
    #[must_use]
    pub fn allow_bots(mut self, allow: bool) -> Self {
        self.allow_bots = allow;
        self
    }

    /// Drop messages older than this many milliseconds by the system's clock; 0, the default, drops none.
    #[must_use]
    pub fn stale_after_ms(mut self, ms: u64) -> Self {
        self.stale_after_ms = ms;
        self
    }

    /// Acknowledge messages with a reaction, off by default.
    #[must_use]
    pub fn ack_reactions(mut self, reactions: AckReactions) -> Self {
        self.ack_reactions = reactions;
        self
    }

    /// The language of one chat, for acknowledgement reactions.
    #[must_use]
    pub fn chat_locale(mut self, chat_id: impl Into<String>, locale: Locale) -> Self {
        self.chat_locales.push((chat_id.into(), locale));
        self
    }

    /// Milliseconds that delivered ids are remembered, 12 hours by default. Redelivery reaches 7.1 hours.
    #[must_use]
    pub fn dedup_window_ms(mut self, ms: u64) -> Self {
        self.dedup_window_ms = ms;
        self
    }

    /// Keep delivered ids in this file, so that a restart does not deliver them again. Each app needs its own.
    #[must_use]
    pub fn dedup_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.dedup_file = Some(path.into());
        self
    }

    /// Split texts longer than this many characters into several messages, 3500 by default; 0 never splits.
    #[must_use]
    pub fn split_text_at(mut self, characters: usize) -> Self {
        self.split_text_at = characters;
        self
    }

    /// The bot's own `open_id` where it is known; else the platform is asked once.
    #[must_use]
    pub fn own_open_id(mut self, open_id: impl Into<String>) -> Self {
        self.own_open_id = Some(open_id.into());
        self
    }

    /// How much of a long connection is wanted: with [`LinkMode::Off`] no event is taken from a bot that runs elsewhere.
    /// A webhook hears all the same; see [`calls_only`](Self::calls_only).
    #[must_use]
    pub fn link(mut self, link: LinkMode) -> Self {
        self.link = link;
        self
    }

    /// Calls are made, and no event is heard: there is neither a long connection nor a webhook.
    #[must_use]
    pub fn calls_only(self) -> Self {
        #[cfg(feature = "webhook")]
        let settings = Self { webhook: None, ..self };
        #[cfg(not(feature = "webhook"))]
        let settings = self;
        settings.link(LinkMode::Off)
    }

    /// Events are posted by the platform; no long connection is made, unless [`link`](Self::link) asks for one afterwards.
    /// See [`webhook`](crate::webhook).
    #[cfg(feature = "webhook")]
    #[must_use]
    pub fn webhook(mut self, webhook: crate::webhook::WebhookSettings) -> Self {
        self.webhook = Some(webhook);
        self.link(LinkMode::Off)
    }

    /// Whether events are to be heard, by whichever way.
    pub(crate) fn hears(&self) -> bool {
        #[cfg(feature = "webhook")]
        if self.webhook.is_some() {
            return true;
        }
        self.link == LinkMode::Connect
    }

    /// Settings for the same app at the same place, everything else at its default: to look at an app without doing what
    /// its bot does.
    #[must_use]
    pub fn same_app(&self) -> Self {
        Self {
            extra_roots: self.extra_roots.clone(),
            plaintext: self.plaintext,
            ..Self::new(&self.app_id, self.app_secret.clone()).domain(&self.domain)
        }
    }

    /// The app's id.
    pub fn app_id(&self) -> &str {
        self.app_id.trim()
    }

    /// Where the app's open platform is.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting that is wrong, which need not be the domain.
    pub fn destination(&self) -> Result<Destination, SettingsError> {
        self.with_config(|config| {
            let url = config.check()?;
            Ok(Destination { host: url.host.to_owned(), port: url.port, tls: url.scheme.tls() })
        })
    }

    /// The text with the app secret blotted out: for words of others that are to be shown. A secret of less than 8
    /// characters is left alone, since it could be any word.
    pub fn redacted(&self, text: &str) -> String {
        match self.app_secret.expose().trim() {
            secret if secret.len() >= 8 => text.replace(secret, "[redacted]"),
            _ => text.to_owned(),
        }
    }

    pub(crate) fn with_config<R>(&self, with: impl FnOnce(Config<'_>) -> R) -> R {
        let domain = match self.domain.trim() {
            name if name.eq_ignore_ascii_case("feishu") => Domain::Feishu,
            name if name.eq_ignore_ascii_case("lark") => Domain::Lark,
            url => Domain::Custom(url),
        };
        let allowed: Vec<&str> = self.allowed_users.iter().map(String::as_str).collect();
        with(Config {
            app_id: self.app_id.trim(),
            app_secret: self.app_secret.trimmed(),
            domain,
            source: &self.source,
            pong_timeout_ms: self.pong_timeout_ms,
            dedup_window_ms: self.dedup_window_ms,
            call_timeout_ms: self.call_timeout_ms,
            max_attempts: self.max_attempts,
            follow_reconnect_count: self.follow_reconnect_count,
            on_fatal: self.on_fatal,
            gate: GateRules {
                allowed_users: &allowed,
                // Where nothing is heard there is no need to know who the bot is.
                mention_only: self.mention_only && self.hears(),
                respond_to_mention_all: self.respond_to_mention_all,
                allow_bots: self.allow_bots,
                stale_after_ms: self.stale_after_ms,
            },
            ack_reactions: self.ack_reactions,
            own_open_id: match &self.own_open_id {
                Some(open_id) => OwnOpenId::Given(open_id),
                None if self.hears() => OwnOpenId::Fetched,
                None => OwnOpenId::Unused,
            },
            link: self.link,
            dangerously_allow_plaintext: self.plaintext,
            ..Config::default()
        })
    }
}

/// A client that could not be built; nothing was started. The text names the setting and the next step.
#[derive(Debug)]
pub struct SettingsError {
    name: &'static str,
    reason: String,
}

impl SettingsError {
    pub(crate) fn new(name: &'static str, reason: impl fmt::Display) -> Self {
        Self { name, reason: reason.to_string() }
    }
}

impl From<ConfigError> for SettingsError {
    fn from(error: ConfigError) -> Self {
        Self::new("", error)
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name {
            "" => f.write_str(&self.reason),
            name => write!(f, "{name}: {}", self.reason),
        }
    }
}

impl std::error::Error for SettingsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_can_be_made_for_a_bot_that_hears_mentions_only() {
        let settings = Settings::new("cli_0123456789abcdef", "secret").mention_only(true).link(LinkMode::Off);
        assert_eq!(settings.destination().unwrap().host, "open.larksuite.com");
    }

    #[test]
    fn the_secret_is_blotted_out_of_the_words_of_others() {
        let settings = Settings::new("cli_0123456789abcdef", "open sesame");
        assert_eq!(settings.redacted("wrong: open sesame."), "wrong: [redacted].");
        assert_eq!(Settings::new("cli_0123456789abcdef", "a").redacted("a cat"), "a cat");
    }
}
