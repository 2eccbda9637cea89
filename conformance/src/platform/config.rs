//! What a platform is started with.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};

/// Settings of a platform; the defaults are those of the live one, as far as they are known.
#[derive(Clone, Debug)]
pub struct PlatformConfig {
    /// Where to listen: a loopback address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// What clients are told at discovery and in pongs.
    pub client_config: ClientConfig,
    /// How long a delivery may stay without acknowledgement.
    pub ack_timeout: Duration,
    /// The waits before each redelivery, and so how many there are. Counted from the failure of the delivery before.
    pub redelivery: Vec<Duration>,
    /// Divides the waits of `redelivery`: with 60, a minute takes a second.
    pub clock_scale: f64,
    /// A client whose first ping takes longer than this after the upgrade is at fault.
    pub first_ping_within: Duration,
    /// How long the URL of a discovery may be used; once, in any case.
    pub url_lifetime: Duration,
    /// What `expire` of a new token says, and how long it is taken, unless [`Options::token_expire_s`] says otherwise.
    pub token_lifetime: Duration,
    /// What may be changed while the platform runs.
    pub options: Options,
    /// Connections an app may hold at a time.
    pub max_connections: usize,
    /// Records kept; the oldest leave first.
    pub max_records: usize,
    /// Makes the choice of connections, ids and URLs repeatable.
    pub seed: Option<u64>,
}

impl Default for PlatformConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            client_config: ClientConfig::default(),
            ack_timeout: Duration::from_secs(3),
            redelivery: [15, 5 * 60, 60 * 60, 6 * 60 * 60].map(Duration::from_secs).to_vec(),
            clock_scale: 1.0,
            first_ping_within: Duration::from_secs(5),
            url_lifetime: Duration::from_secs(60),
            token_lifetime: Duration::from_secs(7200),
            options: Options::default(),
            max_connections: 50,
            max_records: 100_000,
            seed: None,
        }
    }
}

/// Ways in which the platform may differ without being wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Seconds by which the platform's dates are ahead: the header `Date`, `create_time` and all other times of day.
    /// To its clients this looks like a wrong clock of their own.
    pub date_offset_s: i64,
    /// The bot's own reactions come back as events, with `operator_type` `app`.
    pub echo_reactions: bool,
    /// Seconds that new tokens live; `None` means [`PlatformConfig::token_lifetime`].
    pub token_expire_s: Option<u64>,
    /// Length of new tokens in bytes, at most 64 KiB; `None` means 34. Live ones have up to 4 KB.
    pub token_len: Option<usize>,
}

/// The `ClientConfig` of discovery and pongs. Seconds, except for the count; `None` leaves the member out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ClientConfig {
    /// How often to try to reconnect; negative means for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconnect_count: Option<i64>,
    /// Wait after a failed attempt to connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconnect_interval: Option<i64>,
    /// The first attempt comes after a random time up to this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconnect_nonce: Option<i64>,
    /// Time from one ping to the next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping_interval: Option<i64>,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            reconnect_count: Some(-1),
            reconnect_interval: Some(120),
            reconnect_nonce: Some(30),
            ping_interval: Some(120),
        }
    }
}

/// An app registered on the platform.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppSpec {
    /// `cli_` and 16 hexadecimal digits.
    pub app_id: String,
    /// What the client must send with the id.
    pub app_secret: String,
    /// The bot's own `ou_…`.
    #[serde(default = "default_bot_open_id")]
    pub bot_open_id: String,
    /// The bot's name.
    #[serde(default = "default_bot_name")]
    pub bot_name: String,
    /// The app lives on the other of Feishu and Lark, so discovery refuses it here.
    #[serde(default)]
    pub other_region: bool,
    /// Whether the app may be used at all.
    #[serde(default)]
    pub state: AppState,
    /// The app has a bot. Without one, bot info answers 11205 and all messages 230006.
    #[serde(default = "yes")]
    pub bot: bool,
    /// `activate_status` of the bot: 0 new, 1 disabled by the tenant, 2 enabled, 3 not activated, 4 upgraded.
    #[serde(default = "enabled")]
    pub activate_status: i64,
    /// The app is set to receive events over the long connection. Else discovery answers 403.
    #[serde(default = "yes")]
    pub long_connection: bool,
    /// Scopes of the app; `None` means all that there are.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
}

/// Whether an app may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppState {
    /// It may.
    #[default]
    Active,
    /// The tenant has disabled it: tokens and calls answer 99991662.
    Disabled,
    /// The tenant has not installed it: tokens and calls answer 99991673.
    NotInstalled,
}

impl AppState {
    /// What calls are answered with.
    pub(super) fn refusal(self) -> Option<(i64, &'static str)> {
        match self {
            Self::Active => None,
            Self::Disabled => Some((99_991_662, "the app is not in use: the tenant has disabled it")),
            Self::NotInstalled => Some((99_991_673, "the app is not in use: the tenant has not installed it")),
        }
    }
}

impl AppSpec {
    /// An app whose bot is called "Bot".
    pub fn new(app_id: impl Into<String>, app_secret: impl Into<String>) -> Self {
        Self {
            app_id: app_id.into(),
            app_secret: app_secret.into(),
            bot_open_id: default_bot_open_id(),
            bot_name: default_bot_name(),
            other_region: false,
            state: AppState::Active,
            bot: true,
            activate_status: enabled(),
            long_connection: true,
            scopes: None,
        }
    }

    /// An app with a random id and secret.
    #[must_use]
    pub fn random() -> Self {
        let mut rng = rand::rng();
        Self::new(format!("cli_{:016x}", rng.random::<u64>()), format!("{:032x}", rng.random::<u128>()))
    }
}

impl fmt::Debug for AppSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppSpec")
            .field("app_id", &self.app_id)
            .field("app_secret", &"[redacted]")
            .field("bot_open_id", &self.bot_open_id)
            .field("bot_name", &self.bot_name)
            .field("other_region", &self.other_region)
            .field("state", &self.state)
            .field("bot", &self.bot)
            .field("activate_status", &self.activate_status)
            .field("long_connection", &self.long_connection)
            .field("scopes", &self.scopes)
            .finish()
    }
}

fn yes() -> bool {
    true
}

fn enabled() -> i64 {
    2
}

fn default_bot_open_id() -> String {
    "ou_bot".to_owned()
}

fn default_bot_name() -> String {
    "Bot".to_owned()
}
