//! What a bot is told at construction, and everything that can be wrong with it (protocol sections 2.1, 2.2).

use core::fmt;

use crate::api::{AckReaction, CallSlot, HttpLane, OwnOpenId};
use crate::event::Event;
use crate::gate::{self, GateRules, SeenEntry};
use crate::hints::ChatLocale;
use crate::link::{CallbackSlot, FinishedId, PartSet};
use crate::locale::Locale;
use crate::notice::Notice;
use crate::secret::Secret;
use crate::storage::{Region, Slots};
use crate::wire::url::{Scheme, Url, UrlError};

pub use crate::hints::AckReactions;
pub use crate::shared::{LinkMode, OnFatal};

/// The open platform an app lives on. An app lives on exactly one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Domain<'a> {
    /// A base URL of one's own: a private deployment, a gateway, or a test platform. `https`; `http` only for this
    /// machine, or where [`Config::dangerously_allow_plaintext`] is set.
    Custom(&'a str),
    /// `https://open.feishu.cn`, China.
    Feishu,
    /// `https://open.larksuite.com`, international.
    #[default]
    Lark,
}

impl<'a> Domain<'a> {
    /// The base URL.
    pub const fn base(self) -> &'a str {
        match self {
            Self::Custom(base) => base,
            Self::Feishu => "https://open.feishu.cn",
            Self::Lark => "https://open.larksuite.com",
        }
    }
}

/// The settings of one bot. Texts are copied into the storage.
#[derive(Clone, Copy)]
pub struct Config<'a> {
    /// `cli_` and 16 hexadecimal digits.
    pub app_id: &'a str,
    /// The app's secret.
    pub app_secret: Secret<'a>,
    /// Where the app lives.
    pub domain: Domain<'a>,
    /// A word about the program for the `User-Agent` header, at most 64 characters; others than `A-Za-z0-9._-` become
    /// `_`. Empty for none.
    pub source: &'a str,
    /// Milliseconds within which something must come in after a ping; 0 switches this check off.
    pub pong_timeout_ms: u32,
    /// Milliseconds that ids of delivered events are remembered, as far as the table reaches; up to 255 more where
    /// addresses have 32 bits. Redelivery reaches 7.1 h.
    pub dedup_window_ms: u64,
    /// Milliseconds a call may take with all its tries.
    pub call_timeout_ms: u32,
    /// Attempts in a row without an answer after which the bot ends; `None`: never.
    pub max_attempts: Option<u32>,
    /// Take the platform's ReconnectCount as a limit of attempts too. It has switched clients off for good.
    pub follow_reconnect_count: bool,
    /// What a fatal refusal does.
    pub on_fatal: OnFatal,
    /// Whether a discovery code that the protocol does not list is fatal; else it is retried.
    pub unknown_code_is_fatal: bool,
    /// Who may speak to the bot, and when. **By default nobody may.**
    pub gate: GateRules<'a>,
    /// Acknowledges chat messages that reached the application with a reaction.
    pub ack_reactions: AckReactions,
    /// Finds the language of a message for [`AckReactions::Auto`]: [`Event::locale`], or a rule of one's own. A board that
    /// needs none gives `|_| Locale::En`, and [`Event::locale`] takes none of its flash.
    pub locale_of: fn(&Event<'_>) -> Locale,
    /// How much of a long connection is wanted.
    pub link: LinkMode,
    /// Where the bot's own `open_id` comes from.
    pub own_open_id: OwnOpenId<'a>,
    /// For boards that cannot hold two TLS sessions: at most one lane is wished for at a time. A second after a call is
    /// ready, the long connection is closed with 1000; everything that waits, and what the program has to say within
    /// 0.3 s of each result, is sent over one HTTP connection, for 30 s at most; then the bot comes back without jitter.
    ///
    /// Meant for rare replies: every turn costs two TLS handshakes and a discovery, and events that arrive meanwhile wait
    /// on the platform. Acknowledgement reactions and a lookup of the bot's identity take turns, too. Callbacks that wait
    /// for an answer 2 s after a turn was due get `{}`. [`Stats::turns`](crate::Stats::turns) counts them.
    pub planned_turns: bool,
    /// Allows `http` and `ws` to hosts other than this machine. The app secret then travels in the clear.
    pub dangerously_allow_plaintext: bool,
}

impl Default for Config<'_> {
    fn default() -> Self {
        Self {
            app_id: "",
            app_secret: Secret::EMPTY,
            domain: Domain::Lark,
            source: "",
            pong_timeout_ms: 20_000,
            dedup_window_ms: 12 * 60 * 60 * 1000,
            call_timeout_ms: 60_000,
            max_attempts: None,
            follow_reconnect_count: false,
            on_fatal: OnFatal::End,
            unknown_code_is_fatal: true,
            gate: GateRules::default(),
            ack_reactions: AckReactions::Off,
            locale_of: |event| event.locale(),
            link: LinkMode::Connect,
            own_open_id: OwnOpenId::Fetched,
            planned_turns: false,
            dangerously_allow_plaintext: false,
        }
    }
}

impl fmt::Debug for Config<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("app_id", &self.app_id)
            .field("app_secret", &"[redacted]")
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

impl<'a> Config<'a> {
    /// Whether `app_id` looks as the platform gives them out; another shape is worth a warning, not a refusal.
    pub fn app_id_looks_right(&self) -> bool {
        let digits = self.app_id.strip_prefix("cli_");
        digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
    }

    /// Checks everything that can be checked without storage.
    ///
    /// # Errors
    /// [`ConfigError`] names the field.
    pub fn check(&self) -> Result<Url<'a>, ConfigError> {
        for (name, value) in [("app_id", self.app_id), ("app_secret", self.app_secret.expose())] {
            if value.trim().is_empty() {
                return Err(ConfigError::Empty(name));
            }
            if value.chars().any(char::is_control) {
                return Err(ConfigError::Control(name));
            }
        }
        if let Some(index) = self.gate.allowed_users.iter().position(|entry| !gate::is_sound(entry)) {
            return Err(ConfigError::AllowedUser(index));
        }
        // Without a long connection no message comes that could mention anybody.
        let hears = self.link == LinkMode::Connect;
        if hears && self.gate.mention_only && self.own_open_id == OwnOpenId::Unused {
            return Err(ConfigError::Identity);
        }
        if matches!(self.own_open_id, OwnOpenId::Given(id) if !gate::is_sound(id) || id.len() > 64) {
            return Err(ConfigError::Empty("own_open_id"));
        }
        if self.call_timeout_ms == 0 {
            return Err(ConfigError::Empty("call_timeout_ms"));
        }
        let url = Url::parse(self.domain.base().trim_end_matches('/')).map_err(ConfigError::Domain)?;
        match url.scheme {
            Scheme::Https => {}
            Scheme::Http if url.is_loopback() || self.dangerously_allow_plaintext => {}
            Scheme::Http => return Err(ConfigError::Plaintext),
            Scheme::Ws | Scheme::Wss => return Err(ConfigError::Domain(UrlError::Scheme)),
        }
        if url.target.contains('?') {
            return Err(ConfigError::Domain(UrlError::Character));
        }
        Ok(url)
    }
}

/// The memory of one bot, checked once at construction. See `Storage::growable` (feature `alloc`) for hosts and
/// [`Buffers`](crate::Buffers) for boards.
#[derive(Debug)]
pub struct Storage<'s> {
    /// Copies of the configuration's texts.
    pub texts: Region<'s>,
    /// Received bytes of the socket: the longest message and 160 bytes.
    pub socket_in: Region<'s>,
    /// Bytes to send on the socket: the upgrade request (about 300 bytes and the URL) and acks (about 300 bytes each).
    pub socket_out: Region<'s>,
    /// The socket's one-time URL, some 300 bytes.
    pub url: Region<'s>,
    /// Split messages under assembly, in blocks of 256 bytes.
    pub parts: Region<'s>,
    /// One assembled message.
    pub assembled: Region<'s>,
    /// How many split messages are under assembly at once; 8 are enough.
    pub part_sets: Slots<'s, PartSet>,
    /// Ids of finished split messages, remembered for a minute.
    pub finished: Slots<'s, FinishedId>,
    /// The allow-list: the bytes of its entries and one more for each.
    pub allowed: Region<'s>,
    /// Languages of chats that the application told.
    pub chat_locales: Slots<'s, ChatLocale>,
    /// Ids of delivered events: two entries a chat message, one for any other.
    pub seen: Slots<'s, SeenEntry>,
    /// Callbacks that wait for the application's answer; a full table answers `{}` at once.
    pub callbacks: Slots<'s, CallbackSlot<'s>>,
    /// The `Http` lanes: at least one.
    pub http: Slots<'s, HttpLane<'s>>,
    /// The outbox: calls that wait, fly, or whose completion was not taken yet.
    pub outbox: Slots<'s, CallSlot<'s>>,
    /// Acknowledgement reactions that were not sent yet; when the table is full, the oldest go.
    pub reactions: Slots<'s, AckReaction>,
    /// The tenant token; the platform's are up to 4 KB long.
    pub token: Region<'s>,
    /// Notices that nobody took yet.
    pub notices: Slots<'s, Notice>,
}

#[cfg(feature = "alloc")]
impl Storage<'_> {
    /// Memory on the heap that grows with use: messages up to 1 MiB, 65 536 remembered ids, 256 calls of up to 1 MiB
    /// in the outbox, four `Http` lanes. An idle bot holds a few kilobytes.
    pub fn growable() -> Self {
        const MIB: usize = 1024 * 1024;
        Self {
            texts: Region::growable(16 * 1024),
            socket_in: Region::growable(MIB + 64 * 1024),
            socket_out: Region::growable(256 * 1024),
            url: Region::growable(8 * 1024),
            parts: Region::growable(4 * MIB),
            assembled: Region::growable(MIB),
            part_sets: Slots::growable(8),
            finished: Slots::growable(256),
            seen: Slots::growable(2 * 65_536),
            allowed: Region::growable(MIB),
            chat_locales: Slots::growable(4096),
            callbacks: Slots::growable_with(64, || CallbackSlot::new(Region::growable(256 * 1024))),
            http: Slots::growable_with(4, || HttpLane::new(Region::growable(2 * MIB), Region::growable(2 * MIB))),
            outbox: Slots::growable_with(256, || CallSlot::new(Region::growable(MIB))),
            reactions: Slots::growable(256),
            token: Region::growable(16 * 1024),
            notices: Slots::growable(64),
        }
    }
}

/// What is wrong with the configuration or the storage. Nothing was started.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// This entry of `allowed_users`, counted from 0, is blank, or holds spaces or control characters. Next step: give
    /// ids without anything around them.
    AllowedUser(usize),
    /// The named field holds control characters. Next step: remove them (a line break at the end?).
    Control(&'static str),
    /// The domain's URL cannot be used. Next step: give `https://host`.
    Domain(UrlError),
    /// The named field is empty. Next step: set it.
    Empty(&'static str),
    /// `mention_only` needs the bot's own `open_id`. Next step: let it be fetched, or give it.
    Identity,
    /// `http` to a host that is not this machine would show the app secret to everybody on the way. Next step: `https`.
    Plaintext,
    /// The named storage is too small. Next step: give at least this much.
    Storage {
        /// The field of [`Storage`].
        name: &'static str,
        /// Bytes, or entries of a table.
        needed: usize,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllowedUser(index) => write!(
                f,
                "allowed_users: entry {} is blank or holds spaces or control characters; give ids as they are",
                index.saturating_add(1)
            ),
            Self::Control(name) => write!(f, "{name} holds control characters (a line break at its end?)"),
            Self::Domain(error) => write!(f, "domain: {error}; give feishu, lark or https://host"),
            Self::Empty(name) => write!(f, "{name} is empty: set it"),
            Self::Identity => f.write_str("mention_only needs the bot's own open_id: let it be fetched, or give it"),
            Self::Plaintext => f.write_str("domain: http is allowed to this machine only, use https"),
            Self::Storage { name, needed } => write!(f, "storage.{name} is too small: give at least {needed}"),
        }
    }
}

impl core::error::Error for ConfigError {}
