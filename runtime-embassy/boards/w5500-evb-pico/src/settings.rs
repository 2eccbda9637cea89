//! What is told at build time, by environment variables: nothing of it is in the repository, all of it is in the image.

use embassy_time::Duration;
use larkwire_board_app::Settings;
use larkwire_embassy::core::{AckReactions, Secret};

/// Whom to ask for the time.
pub(crate) const NTP_SERVER: &str = or(option_env!("LARKWIRE_NTP_SERVER"), "pool.ntp.org");
/// The watchdog resets the board after so long without a beat; it cannot count further than 8.3 s.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(8);

/// The bot's. Without an app id the image says so and rests.
pub(crate) const SETTINGS: Settings<'static> = Settings {
    app_id: or(option_env!("LARKWIRE_APP_ID"), ""),
    app_secret: Secret::new(or(option_env!("LARKWIRE_APP_SECRET"), "")),
    base_url: or(
        option_env!("LARKWIRE_BASE_URL"),
        if cfg!(feature = "tls") { "https://open.feishu.cn" } else { "http://192.168.1.2:8000" },
    ),
    allowed_users: &[or(option_env!("LARKWIRE_ALLOWED_USER"), "nobody")],
    plaintext: !cfg!(feature = "tls"),
    ack_reactions: AckReactions::Auto,
    stale_after_ms: 0,
};

const fn or(setting: Option<&'static str>, otherwise: &'static str) -> &'static str {
    match setting {
        Some(setting) => setting,
        None => otherwise,
    }
}
