//! Everything that can go wrong, sorted by whose fault it is and how far it reaches.
//!
//! | type | whose | reach |
//! |---|---|---|
//! | [`ConfigError`](crate::config::ConfigError) | the program's, at set-up | nothing started |
//! | [`Misuse`] | the caller | that one call |
//! | [`DropReason`] | the peer | one message |
//! | [`CallFault`], [`CallError`] | server or network | one call |
//! | [`LinkFault`] | peer or network | this connection, which is dialled again |
//! | [`Fatal`] | account or deployment | the bot; a person is needed |

use core::fmt;

use crate::lane::Closed;
use crate::text::Short;
use crate::time::Why;
use crate::wire::http::HttpError;
use crate::wire::url::UrlError;
use crate::wire::websocket::{UpgradeError, WsError};

/// How the bot ended. Afterwards every wish is `Down` for ever.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// A person is needed; the reason says what to do.
    Fatal(Fatal),
    /// [`shut_down`](crate::Bot::shut_down) was asked for and is done.
    Stopped,
}

/// Why the bot gave up for good, with what the platform said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fatal {
    /// The class.
    pub reason: FatalReason,
    /// The platform's code, 0 where none came.
    pub code: i64,
    /// The platform's own words, cut to 80 bytes.
    pub message: Short<80>,
    /// The last fault, where the bot gave up.
    pub last: Option<LinkFault>,
}

/// The classes of fatal ends (protocol sections 2.4 and 3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FatalReason {
    /// App id or app secret are wrong.
    Credentials,
    /// The app has no right to the long connection.
    Forbidden,
    /// The limit of attempts that the caller set is used up.
    GaveUp,
    /// The platform refused for another reason; code and message say which.
    Refused,
    /// The app belongs to the other domain (feishu.cn or larksuite.com).
    WrongRegion,
}

impl FatalReason {
    /// What a person must do.
    pub const fn next_step(self) -> &'static str {
        match self {
            Self::Credentials => "check app_id and app_secret in the developer console",
            Self::Forbidden => {
                "check that the app is self-built and published, and that long-connection mode is saved in the console"
            }
            Self::GaveUp => "check the network, then start again or raise the limit of attempts",
            Self::Refused => "look the code up in the platform's documentation",
            Self::WrongRegion => {
                "use the other domain: open.feishu.cn for Feishu apps, open.larksuite.com for Lark apps (use_feishu)"
            }
        }
    }
}

impl fmt::Display for Fatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            FatalReason::Credentials => "the platform does not accept the app's credentials",
            FatalReason::Forbidden => "the platform forbids this app the long connection",
            FatalReason::GaveUp => "no connection within the allowed number of attempts",
            FatalReason::Refused => "the platform refused the app",
            FatalReason::WrongRegion => "the app belongs to the other region",
        })?;
        match (self.code, self.message.is_empty()) {
            (0, true) => {
                if let Some(last) = self.last {
                    write!(f, " ({last})")?;
                }
            }
            (0, false) => write!(f, " ({})", self.message)?,
            (code, true) => write!(f, " (code {code})")?,
            (code, false) => write!(f, " (code {code}: {})", self.message)?,
        }
        write!(f, "; {}", self.reason.next_step())
    }
}

/// Why one connection, or one attempt at it, failed. Nothing to do: the bot dials again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LinkFault {
    /// The platform closed the connection, in WebSocket terms: a close code of RFC 6455 section 7.4 (1005 none was
    /// given, 1006 the stream ended without one).
    Closed(u16),
    /// The stream to the socket host could not be opened, or ended before the upgrade was answered.
    Dial(Closed),
    /// The discovery exchange failed below HTTP.
    DiscoveryLost(Closed),
    /// The discovery answer broke HTTP.
    DiscoveryHttp(HttpError),
    /// The platform answered discovery with an HTTP status that is neither success nor carries a known code.
    DiscoveryStatus(u16),
    /// The platform answered discovery with this code, which is worth a retry (protocol section 2.4).
    DiscoveryCode(i64),
    /// The discovery answer was not the expected JSON: a proxy or captive portal?
    DiscoveryAnswer,
    /// The discovery answer holds a URL that must not be used.
    DiscoveryUrl(UrlFault),
    /// Nothing came in for twice the ping interval and five seconds (liveness rule b).
    Idle,
    /// Nothing came in within the pong time-out after a ping (liveness rule a).
    NoPong,
    /// The runtime handed over more bytes than [`poll_receive`](crate::Bot::poll_receive) promised.
    Overrun,
    /// The platform refused the upgrade: HTTP status, `Handshake-Status` and `Handshake-Autherrcode`, 0 where absent.
    Refused {
        /// The HTTP status.
        http: u16,
        /// `Handshake-Status`.
        status: i64,
        /// `Handshake-Autherrcode`.
        auth: i64,
    },
    /// A deadline passed.
    TimedOut(Why),
    /// Five messages in a row were not protobuf frames.
    Undecodable,
    /// The answer to the upgrade broke RFC 6455.
    Upgrade(UpgradeError),
    /// The answer to the upgrade broke HTTP.
    UpgradeHttp(HttpError),
    /// The platform broke RFC 6455.
    WebSocket(WsError),
}

/// What is wrong with the URL of a discovery answer (protocol section 2.6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UrlFault {
    /// It is longer than the storage given for it.
    Long,
    /// It is no URL.
    Malformed(UrlError),
    /// `ws` to a host that is not this machine, or not a WebSocket URL at all.
    Scheme,
    /// `service_id` is missing, blank or not a 32-bit number.
    ServiceId,
}

impl fmt::Display for LinkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(1006) => f.write_str("the connection ended without a close frame"),
            Self::Closed(code) => write!(f, "the platform closed the connection (close code {code})"),
            Self::Dial(why) => write!(f, "the socket host was not reached: {why}"),
            Self::DiscoveryLost(why) => write!(f, "discovery failed: {why}"),
            Self::DiscoveryHttp(error) => write!(f, "discovery: {error}"),
            Self::DiscoveryStatus(status) => write!(f, "discovery was answered with HTTP status {status}"),
            Self::DiscoveryCode(1_000_040_350) | Self::Refused { auth: 1_000_040_350, .. } => {
                f.write_str("too many connections of this app (limit 50): another process may hold them")
            }
            Self::DiscoveryCode(code) => {
                write!(f, "discovery was answered with code {code}: the platform is busy or limits the app")
            }
            Self::DiscoveryAnswer => f.write_str("discovery gave an unexpected answer (a proxy or captive portal?)"),
            Self::DiscoveryUrl(UrlFault::Long) => f.write_str("the socket URL is longer than the storage for it"),
            Self::DiscoveryUrl(UrlFault::Malformed(error)) => write!(f, "the socket URL cannot be used: {error}"),
            Self::DiscoveryUrl(UrlFault::Scheme) => f.write_str("the socket URL is not a wss URL"),
            Self::DiscoveryUrl(UrlFault::ServiceId) => f.write_str("the socket URL has no usable service_id"),
            Self::Idle => f.write_str("nothing came in for too long"),
            Self::NoPong => f.write_str("nothing came in after a ping"),
            Self::Overrun => f.write_str("the runtime handed over more bytes than were asked for"),
            Self::Refused { http, status, auth } => {
                write!(f, "the upgrade was refused (HTTP {http}, Handshake-Status {status}, Autherrcode {auth})")
            }
            Self::TimedOut(Why::Connect) => {
                f.write_str("the socket host was not reached within 15 s (check the network)")
            }
            Self::TimedOut(Why::Exchange) => f.write_str("discovery was not answered within 15 s (check the network)"),
            Self::TimedOut(Why::Upgrade) => f.write_str("the upgrade was not answered within 15 s"),
            Self::TimedOut(why) => write!(f, "out of time: {why}"),
            Self::Undecodable => f.write_str("five messages in a row were not protobuf frames"),
            Self::Upgrade(error) => write!(f, "the upgrade failed: {error}"),
            Self::UpgradeHttp(error) => write!(f, "the upgrade failed: {error}"),
            Self::WebSocket(error) => write!(f, "the platform broke the WebSocket protocol: {error}"),
        }
    }
}

/// Why one message did not reach the application. Counted in [`Stats`](crate::Stats); nothing to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DropReason {
    /// The bot does not know its own `open_id` yet, and this message depends on it; acked.
    BotIdentityUnknown,
    /// Bots have talked to each other for too long in this chat; acked.
    BotLoop,
    /// A bot sent it, and bots are not listened to; acked.
    BotSender,
    /// The application discarded it; acked.
    Discarded,
    /// Its `event_id` or `message_id` was seen inside the window; acked.
    Duplicate,
    /// The inbox was full; not acked, so the platform sends it again (a callback is answered `{}`).
    InboxFull,
    /// Parts of it did not come in time or were pushed out by newer ones; not acked.
    Incomplete,
    /// No event envelope in it; acked, so that it is not sent again for ever.
    Malformed,
    /// A group message that does not mention the bot, where it must; acked.
    NoMention,
    /// Its `app_id` is not this bot's; acked.
    OtherApp,
    /// One part contradicted its set and was left out; not acked.
    Part,
    /// The bot did it itself; acked.
    SelfSent,
    /// Whoever did it is not on the allow-list; acked.
    SenderNotAllowed,
    /// A message older than the configured limit; acked.
    Stale,
    /// It does not fit the storage given; acked where its ack could be built.
    TooBig,
    /// Not a protobuf frame; not acked.
    Undecodable,
    /// A kind of message or frame that nobody knows; not acked.
    Unknown,
    /// A `payload_encoding` that nobody implements; acked.
    UnsupportedEncoding,
}

impl DropReason {
    /// The reason as one word, for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BotIdentityUnknown => "bot_identity_unknown",
            Self::BotLoop => "bot_loop",
            Self::BotSender => "bot_sender",
            Self::Discarded => "discarded",
            Self::Duplicate => "duplicate",
            Self::InboxFull => "inbox_full",
            Self::Incomplete => "incomplete",
            Self::Malformed => "malformed",
            Self::NoMention => "no_mention",
            Self::OtherApp => "other_app",
            Self::Part => "part",
            Self::SelfSent => "self_sent",
            Self::SenderNotAllowed => "sender_not_allowed",
            Self::Stale => "stale",
            Self::TooBig => "too_big",
            Self::Undecodable => "undecodable",
            Self::Unknown => "unknown",
            Self::UnsupportedEncoding => "unsupported_encoding",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BotIdentityUnknown => "the bot does not know its own open_id yet",
            Self::BotLoop => "bots talk to each other without end",
            Self::BotSender => "sent by a bot",
            Self::Discarded => "discarded by the application",
            Self::Duplicate => "duplicate",
            Self::InboxFull => "the inbox is full",
            Self::Incomplete => "parts are missing",
            Self::Malformed => "malformed",
            Self::NoMention => "the bot is not mentioned",
            Self::OtherApp => "for another app",
            Self::Part => "contradicting part",
            Self::SelfSent => "done by the bot itself",
            Self::SenderNotAllowed => "the sender is not on the allow-list",
            Self::Stale => "older than the limit",
            Self::TooBig => "too big",
            Self::Undecodable => "not a protobuf frame",
            Self::Unknown => "unknown kind",
            Self::UnsupportedEncoding => "unsupported payload encoding",
        })
    }
}

/// A command the bot cannot take. Nothing changed; the caller keeps the value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Misuse {
    /// A field is empty or holds what it must not. Next step: correct the named field.
    Field(&'static str),
    /// All places of the outbox are taken. Next step: take completions, or give a larger outbox.
    Full,
    /// The callback is unknown, was answered already, or got `{}` because 2.5 s were over. Next step: change the card with
    /// its token ([`Call::UpdateCard`](crate::Call::UpdateCard)).
    Late,
    /// The bot is shutting down or has ended.
    Stopping,
    /// The request is longer than one place of the outbox. Next step: send less, or give larger places.
    TooLong {
        /// Bytes this request takes.
        needed: usize,
    },
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, "{name} is empty or not allowed"),
            Self::Full => f.write_str("the outbox is full: wait for a result, then try again"),
            Self::Late => f.write_str(
                "no callback waits for this answer (it was given, or 2.5 s were over): update the card with its token",
            ),
            Self::Stopping => f.write_str("the bot is stopping and takes no more calls"),
            Self::TooLong { needed } => write!(f, "the request takes {needed} bytes, more than the outbox has for one"),
        }
    }
}

impl core::error::Error for Misuse {}

/// Why a runtime's call came to nothing: it was never accepted, or it failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CallError {
    /// The platform refused it, or was not reached.
    Failed {
        /// Why, and what to do.
        fault: CallFault,
        /// The platform's log id, empty when no answer came.
        log_id: Short<48>,
    },
    /// It was never accepted.
    Misuse(Misuse),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { fault, log_id } if log_id.is_empty() => fault.fmt(f),
            Self::Failed { fault, log_id } => write!(f, "{fault} (log id {log_id})"),
            Self::Misuse(misuse) => misuse.fmt(f),
        }
    }
}

impl core::error::Error for CallError {}

/// Why a call failed for good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CallFault {
    /// The class.
    pub kind: CallFaultKind,
    /// The platform's code, 0 where none came.
    pub code: i64,
    /// The platform's own words, cut to 96 bytes.
    pub message: Short<96>,
}

impl CallFault {
    /// What a person or program can do: by the code where it says more than its class.
    pub const fn next_step(&self) -> &'static str {
        match crate::api::hint(self.code) {
            Some(hint) => hint,
            None => self.kind.next_step(),
        }
    }
}

/// The classes of failed calls (protocol section 16.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum CallFaultKind {
    /// The answer was not understood. Next step: look at the network between (proxy, portal).
    Answer,
    /// The platform stayed busy through all tries. Next step: try again later.
    Busy,
    /// The bot ended first.
    Ended,
    /// The content or an id has the wrong form. Next step: correct it; the code says which part.
    Format,
    /// The platform was not reached in time. Next step: check the network.
    Network,
    /// The bot may not do this. Next step: grant the scope, or invite the bot to the chat.
    Permission,
    /// The rate limit held through all tries. Next step: send less often.
    Rate,
    /// The content is too large (text at most 150 KB, cards 30 KB).
    Size,
    /// What the call aims at is gone. Next step: send to the chat instead of replying.
    TargetGone,
    /// No accepted token could be had. Next step: check app_id and app_secret.
    Token,
    /// The platform refused for another reason; code and message say which.
    Refused,
}

impl CallFaultKind {
    /// What a person or program can do.
    pub const fn next_step(self) -> &'static str {
        match self {
            Self::Answer => "check for a proxy or captive portal between here and the platform",
            Self::Busy => "try again later",
            Self::Ended => "start the bot again",
            Self::Format => "correct the content or the id; the code says which part",
            Self::Network => "check the network",
            Self::Permission => "grant the scope in the console, or invite the bot to the chat",
            Self::Rate => "send less often",
            Self::Size => "send less at once",
            Self::TargetGone => "send to the chat instead of replying",
            Self::Token => "check app_id and app_secret",
            Self::Refused => "look the code up in the platform's documentation",
        }
    }
}

impl fmt::Display for CallFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            CallFaultKind::Answer => "the answer was not understood",
            CallFaultKind::Busy => "the platform stayed busy",
            CallFaultKind::Ended => "the bot ended first",
            CallFaultKind::Format => "the platform refused the form of the request",
            CallFaultKind::Network => "the platform was not reached in time",
            CallFaultKind::Permission => "the bot may not do this",
            CallFaultKind::Rate => "the rate limit was reached",
            CallFaultKind::Size => "the content is too large",
            CallFaultKind::TargetGone => "the target is gone",
            CallFaultKind::Token => "no accepted token could be had",
            CallFaultKind::Refused => "the platform refused the request",
        })?;
        match (self.code, self.message.is_empty()) {
            (0, true) => {}
            (0, false) => write!(f, " ({})", self.message)?,
            (code, true) => write!(f, " (code {code})")?,
            (code, false) => write!(f, " (code {code}: {})", self.message)?,
        }
        write!(f, "; {}", self.next_step())
    }
}
