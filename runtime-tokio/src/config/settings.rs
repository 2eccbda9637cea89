//! From a table of the file to the settings of a client.

#[cfg(not(feature = "webhook"))]
use larkwire_core::LinkMode;

use super::{BotConfig, ReceiveMode};
use crate::settings::Settings;

impl From<&BotConfig> for Settings {
    /// Everything of a configuration file that concerns one bot; with `receive_mode = "webhook"` that is
    /// [`Settings::webhook`] (feature `webhook`). Where to serve it ([`port`](BotConfig::port),
    /// [`webhook_path`](BotConfig::webhook_path), …) is the caller's to look at.
    fn from(bot: &BotConfig) -> Self {
        let mut settings = Self::new(&bot.app_id, bot.app_secret.clone())
            .domain(bot.effective_domain())
            .mention_only(bot.mention_only)
            .respond_to_mention_all(bot.respond_to_mention_all)
            .allow_bots(bot.allow_bots)
            .stale_after_ms(bot.stale_after_secs.unwrap_or_default().saturating_mul(1000))
            .dedup_window_ms(bot.dedup_window_secs.saturating_mul(1000))
            .ack_reactions(bot.ack_reactions)
            .split_text_at(bot.split_text_at);
        settings.allowed_users.clone_from(&bot.allowed_users);
        settings.max_attempts = bot.max_attempts;
        settings.dedup_file.clone_from(&bot.dedup_file);
        settings.chat_locales = bot.chat_locales.iter().map(|(chat, locale)| (chat.clone(), *locale)).collect();
        match bot.receive_mode {
            ReceiveMode::Websocket => settings,
            // Without the feature nothing can be heard; a connection would take events that nobody subscribed to.
            #[cfg(not(feature = "webhook"))]
            ReceiveMode::Webhook => settings.link(LinkMode::Off),
            #[cfg(feature = "webhook")]
            ReceiveMode::Webhook => settings.webhook(bot.into()),
        }
    }
}
