//! Events and callbacks as HTTP requests to a URL, instead of frames on the long connection (protocol section 17).
//!
//! ```text
//!  Platform::push ──► deliver ──► seal ──► send ──────────────── POST ────────────────► the bot's URL
//!                       │          body, timestamp,  ◄── status, body within 3 s ──
//!                       │          nonce, signature
//!                       ├─ 200 ──► settled; of a callback, the body is the answer
//!                       └─ anything else ──► again after 15 s, 5 min, 1 h, 6 h (a callback: never)
//!
//!  Platform::challenge ─────────► seal ──► send     url_verification: encrypted, not signed, answered within 1 s
//!  Platform::hostile ──► hostile: what only an attacker or a broken proxy sends, by name
//!  Platform::forged, slow_body ──► flood: many of them, or one that takes its time
//! ```
//!
//! ```no_run
//! use std::time::Duration;
//! use larkwire_conformance::platform::{AppSpec, Kind, Platform, PlatformConfig, Push, WebhookSpec};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let platform = Platform::start(PlatformConfig::default()).await?;
//! platform.add_app(AppSpec::new("cli_0123456789abcdef", "secret"));
//! let webhook = WebhookSpec::new("cli_0123456789abcdef", "http://127.0.0.1:8080/lark", "verification token");
//! platform.subscribe_webhook(webhook.encrypt_key("encrypt key"))?;
//! assert!(platform.challenge("cli_0123456789abcdef").await?.passed());
//! platform.push(&Push::message("oc_room", "p2p", "ou_ann", "hello"))?;
//! let settled = |kind: &Kind| matches!(kind, Kind::WebhookAnswered { settled: true, .. });
//! assert!(platform.wait_for(|record| settled(&record.kind), Duration::from_secs(5)).await.is_some());
//! # Ok(())
//! # }
//! ```

mod control;
mod deliver;
mod flood;
mod forge;
mod hostile;
mod seal;
mod send;
mod variants;

use std::fmt;

use rand::RngExt as _;
use serde::{Deserialize, Serialize};
use tokio::io::DuplexStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub use self::deliver::ChallengeVerdict;
pub use self::flood::SlowAnswer;
pub use self::hostile::{Expected, Hostile, HostileAnswer, hostile_list};
pub use self::seal::{
    NONCE, REQUEST_ID, SIGNATURE, Stamp, TIMESTAMP, WebhookRequest, card_signature, decrypt, encrypt, signature,
};
use self::send::Target;
pub use self::send::WebhookFailure;
use super::state::{Shared, State};
use super::{Platform, UnknownApp};

/// Where an app wants its events, and how they are protected on the way.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSpec {
    /// The app, which must be registered.
    pub app_id: String,
    /// An `http://` URL.
    pub url: String,
    /// Encrypts and signs requests; without one they are plain and not signed.
    pub encrypt_key: Option<String>,
    /// Goes into `header.token` (version 2) or `token` (version 1, url_verification).
    pub verification_token: String,
    /// Clicks on cards are sent in the old form (protocol section 17.6) instead of as `card.action.trigger`.
    pub old_cards: bool,
    /// What a redelivery looks like.
    pub resend: Resend,
    /// url_verification requests are signed. Those of the live platform are not.
    pub sign_challenge: bool,
}

/// What a redelivery looks like; of the live platform this is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resend {
    /// The same event, with new timestamp, nonce, IV and signature.
    #[default]
    Anew,
    /// The same bytes.
    Same,
}

impl WebhookSpec {
    /// Without Encrypt Key.
    pub fn new(app_id: impl Into<String>, url: impl Into<String>, verification_token: impl Into<String>) -> Self {
        Self {
            app_id: app_id.into(),
            url: url.into(),
            encrypt_key: None,
            verification_token: verification_token.into(),
            old_cards: false,
            resend: Resend::Anew,
            sign_challenge: false,
        }
    }

    /// With this Encrypt Key.
    #[must_use]
    pub fn encrypt_key(mut self, encrypt_key: impl Into<String>) -> Self {
        self.encrypt_key = Some(encrypt_key.into());
        self
    }

    /// With clicks on cards in the old form.
    #[must_use]
    pub fn old_cards(mut self) -> Self {
        self.old_cards = true;
        self
    }

    /// With redeliveries like this.
    #[must_use]
    pub fn resend(mut self, resend: Resend) -> Self {
        self.resend = resend;
        self
    }

    /// With signed url_verification requests.
    #[must_use]
    pub fn sign_challenge(mut self) -> Self {
        self.sign_challenge = true;
        self
    }
}

impl fmt::Debug for WebhookSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSpec")
            .field("app_id", &self.app_id)
            .field("url", &self.url)
            .field("encrypt_key", &self.encrypt_key.as_ref().map(|_| "[redacted]"))
            .field("verification_token", &"[redacted]")
            .field("old_cards", &self.old_cards)
            .field("resend", &self.resend)
            .field("sign_challenge", &self.sign_challenge)
            .finish()
    }
}

/// Nothing can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookError {
    /// No app is registered under this id.
    UnknownApp(String),
    /// The app has no webhook.
    NotSubscribed(String),
    /// The app's webhook has no Encrypt Key, and this needs one.
    NoKey(String),
    /// The URL cannot be used, and why.
    Url(String),
    /// The list has no such request.
    UnknownName(String),
}

impl fmt::Display for WebhookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownApp(app_id) => UnknownApp(app_id.clone()).fmt(f),
            Self::NotSubscribed(app_id) => {
                write!(f, "app {app_id:?} has no webhook: call subscribe_webhook first")
            }
            Self::NoKey(app_id) => write!(f, "the webhook of app {app_id:?} has no Encrypt Key"),
            Self::Url(why) => write!(f, "the webhook's URL {why}"),
            Self::UnknownName(name) => write!(f, "no hostile request is called {name:?}"),
        }
    }
}

impl std::error::Error for WebhookError {}

impl From<UnknownApp> for WebhookError {
    fn from(UnknownApp(app_id): UnknownApp) -> Self {
        Self::UnknownApp(app_id)
    }
}

/// The webhook of an app.
#[derive(Clone, Debug)]
pub(super) struct Webhook {
    pub(super) spec: WebhookSpec,
    target: Target,
    /// The last request that was answered with 200.
    accepted: Option<WebhookRequest>,
}

/// Takes the connections of a webhook inside the process.
#[derive(Debug)]
pub struct WebhookListener(UnboundedReceiver<DuplexStream>);

impl WebhookListener {
    /// The next connection; `None` once the webhook has been subscribed anew. Dropping the future loses nothing.
    pub async fn accept(&mut self) -> Option<DuplexStream> {
        self.0.recv().await
    }
}

impl Platform {
    /// Sends what is pushed to this app from now on to a URL, unless the [`Push`](super::Push) says otherwise. Replaces the
    /// app's webhook, if it has one. Nothing is sent yet; the live platform would ask with [`Platform::challenge`] first.
    ///
    /// # Errors
    /// The app is not registered, or the URL is not `http://`.
    pub fn subscribe_webhook(&self, spec: WebhookSpec) -> Result<(), WebhookError> {
        self.shared.subscribe_webhook(spec)
    }

    /// Ends the app's webhook: what is pushed goes to its long connections. Redeliveries under way are given up.
    ///
    /// # Errors
    /// The app is not registered.
    pub fn unsubscribe_webhook(&self, app_id: &str) -> Result<(), WebhookError> {
        self.shared.unsubscribe_webhook(app_id)
    }

    /// Takes the connections of the app's webhook inside the process instead of over TCP: with tokio's paused clock,
    /// nothing takes real time then. Each request has a connection of its own.
    ///
    /// # Errors
    /// The app is not registered or has no webhook.
    pub fn listen_webhook(&self, app_id: &str) -> Result<WebhookListener, WebhookError> {
        let (sender, receiver) = unbounded_channel();
        self.shared.state().webhook(app_id)?.target.pipe = Some(sender);
        Ok(WebhookListener(receiver))
    }

    /// Asks the app's URL whether it is the bot's: a url_verification request, encrypted where there is a key. It must be
    /// answered within 1 s with 200 and the same challenge.
    ///
    /// # Errors
    /// The app is not registered or has no webhook.
    pub async fn challenge(&self, app_id: &str) -> Result<ChallengeVerdict, WebhookError> {
        self.shared.challenge(app_id).await
    }

    /// The request that this text would be sent in now: encrypted and signed as the app's webhook wants it.
    ///
    /// # Errors
    /// The app is not registered or has no webhook.
    pub fn sealed(&self, app_id: &str, plain: &[u8]) -> Result<WebhookRequest, WebhookError> {
        let mut state = self.shared.state();
        let stamp = state.stamp();
        let key = state.webhook(app_id)?.spec.encrypt_key.clone();
        Ok(WebhookRequest::event(plain, key.as_deref(), &stamp))
    }
}

impl Shared {
    fn subscribe_webhook(&self, spec: WebhookSpec) -> Result<(), WebhookError> {
        let target = Target::of(&spec.url)?;
        let mut state = self.state();
        let app = state.app_mut(&spec.app_id)?;
        let secrets = spec.encrypt_key.clone().into_iter().chain([spec.verification_token.clone()]);
        let secrets: Vec<_> = secrets.filter(|secret| !secret.is_empty()).collect();
        app.webhook = Some(Webhook { spec, target, accepted: None });
        state.secrets.extend(secrets);
        Ok(())
    }

    fn unsubscribe_webhook(&self, app_id: &str) -> Result<(), WebhookError> {
        self.state().app_mut(app_id)?.webhook = None;
        Ok(())
    }
}

impl State {
    fn webhook(&mut self, app_id: &str) -> Result<&mut Webhook, WebhookError> {
        let webhook = self.app_mut(app_id)?.webhook.as_mut();
        webhook.ok_or_else(|| WebhookError::NotSubscribed(app_id.to_owned()))
    }

    /// A new stamp with the present time.
    fn stamp(&mut self) -> Stamp {
        Stamp {
            timestamp: self.wall().as_secs().to_string(),
            nonce: self.random_id(""),
            iv: self.rng.random(),
            request_id: self.random_id(""),
        }
    }
}
