//! The keys of a webhook and what it allows.

use std::fmt;

use larkwire_core::webhook::{Freshness, MAX_BODY, PostSlot, Webhook, WebhookRules};
use larkwire_core::{Bot, Region, Slots};

use crate::secret::Secret;
use crate::settings::SettingsError;

/// Posted events that may wait for the inbox, or for an answer, at once.
const WAITING: usize = 64;

/// The settings of a webhook. Both keys stand in the developer console under *Events & Callbacks*, *Encryption Strategy*;
/// both are required.
#[derive(Clone)]
pub struct WebhookSettings {
    encrypt_key: Secret,
    verification_token: Secret,
    max_age_secs: u32,
    max_body: usize,
    old_cards: bool,
    allow_missing_token: bool,
    missing_keys: bool,
}

impl fmt::Debug for WebhookSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSettings").field("keys", &"[redacted]").finish_non_exhaustive()
    }
}

impl WebhookSettings {
    /// A webhook that trusts whoever knows both keys, and nobody else.
    pub fn new(encrypt_key: impl Into<Secret>, verification_token: impl Into<Secret>) -> Self {
        Self {
            encrypt_key: encrypt_key.into(),
            verification_token: verification_token.into(),
            max_age_secs: 3600,
            max_body: MAX_BODY,
            old_cards: false,
            allow_missing_token: false,
            missing_keys: false,
        }
    }

    /// How far a request's timestamp may lie from this machine's clock, in seconds; 3600 by default.
    #[must_use]
    pub fn max_age_secs(mut self, seconds: u32) -> Self {
        self.max_age_secs = seconds;
        self
    }

    /// Bytes of the longest body; 524 288 by default, which a text of 150 KB fits into, encrypted.
    /// 64 of them may be held at once for somebody who has proved nothing.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Takes old card callbacks, too, which are signed with SHA-1 (protocol section 17.6).
    #[must_use]
    pub fn old_cards(mut self, old_cards: bool) -> Self {
        self.old_cards = old_cards;
        self
    }

    /// Takes rightly signed events that carry no Verification Token.
    #[must_use]
    pub fn allow_missing_token(mut self, allow: bool) -> Self {
        self.allow_missing_token = allow;
        self
    }

    /// For tests on this machine only: a blank key is taken as "none", and what it would prove is not checked. **Whoever
    /// reaches such a webhook can make the bot do anything**; the log says so at every start.
    #[must_use]
    pub fn dangerously_allow_missing_keys(mut self) -> Self {
        self.missing_keys = true;
        self
    }

    /// Makes the webhook, and room for its events in the bot.
    pub(crate) fn open(&self, bot: &mut Bot<'static>) -> Result<Webhook<'static>, SettingsError> {
        let freshness = Freshness::Within { seconds: self.max_age_secs };
        let mut rules = WebhookRules::new(self.encrypt_key.trimmed(), self.verification_token.trimmed(), freshness);
        rules.max_body = self.max_body;
        rules.old_cards = self.old_cards;
        rules.allow_missing_token = self.allow_missing_token;
        rules.dangerously_allow_missing_keys = self.missing_keys;
        let keys = [rules.encrypt_key, rules.verification_token].map(|key| key.expose());
        let texts = keys.iter().map(|key| key.len()).sum::<usize>();
        let webhook = Webhook::new(&rules, Region::growable(texts.max(1)))?;
        if keys.iter().any(|key| key.is_empty()) {
            tracing::error!(
                "DANGER: this webhook runs without an Encrypt Key or a Verification Token: whoever reaches it can make \
                 the bot do anything"
            );
        }
        // Made by a function without surroundings; what is decrypted is never longer than the body.
        let place = || PostSlot::new(Region::growable(LONGEST));
        bot.accept_posts(&webhook, Slots::growable_with(WAITING, place));
        Ok(webhook)
    }
}

#[cfg(feature = "config")]
impl From<&crate::config::BotConfig> for WebhookSettings {
    /// The keys of a bot with `receive_mode = "webhook"`. Without them, which no such bot of a file is, nothing starts.
    fn from(bot: &crate::config::BotConfig) -> Self {
        let key = |key: &Option<Secret>| key.clone().unwrap_or_else(|| Secret::from(""));
        Self::new(key(&bot.encrypt_key), key(&bot.verification_token))
            .max_age_secs(bot.webhook_max_age_secs)
            .max_body(bot.webhook_max_body)
            .old_cards(bot.webhook_old_cards)
            .allow_missing_token(bot.webhook_allow_missing_token)
    }
}

/// More than any body that a person would allow.
const LONGEST: usize = 64 * 1024 * 1024;
