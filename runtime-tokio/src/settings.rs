//! What a client is made of, and what can be wrong with it.

use std::fmt;

use larkwire_core::config::ConfigError;
use larkwire_core::{Config, Domain, OnFatal};

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
    app_secret: String,
    domain: String,
    source: String,
    pub(crate) inbox: usize,
    pub(crate) extra_roots: Vec<u8>,
    pong_timeout_ms: u32,
    call_timeout_ms: u32,
    max_attempts: Option<u32>,
    on_fatal: OnFatal,
    plaintext: bool,
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
    pub fn new(app_id: impl Into<String>, app_secret: impl Into<String>) -> Self {
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
            on_fatal: OnFatal::End,
            plaintext: false,
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

    pub(crate) fn config(&self) -> Config<'_> {
        let domain = match self.domain.trim() {
            name if name.eq_ignore_ascii_case("feishu") => Domain::Feishu,
            name if name.eq_ignore_ascii_case("lark") => Domain::Lark,
            url => Domain::Custom(url),
        };
        Config {
            app_id: self.app_id.trim(),
            app_secret: self.app_secret.trim(),
            domain,
            source: &self.source,
            pong_timeout_ms: self.pong_timeout_ms,
            call_timeout_ms: self.call_timeout_ms,
            max_attempts: self.max_attempts,
            on_fatal: self.on_fatal,
            dangerously_allow_plaintext: self.plaintext,
            ..Config::default()
        }
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
