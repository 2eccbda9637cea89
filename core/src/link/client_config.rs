//! The pace the platform asks for, merged field by field and clamped, so that it can never end or flood a bot
//! (protocol section 2.7).

use crate::wire::json::{self, Reader};

/// `ClientConfig` after clamping. It survives reconnects.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientConfig {
    /// Seconds between pings, 5 to 600.
    pub ping_interval: u32,
    /// Seconds between attempts at most, 1 to 86400.
    pub reconnect_interval: u32,
    /// Seconds within which the first attempt after a loss starts, 1 to 120.
    pub reconnect_nonce: u32,
    /// Attempts the platform asks for; shown, and ignored unless the configuration says otherwise.
    pub reconnect_count: i64,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self { ping_interval: 120, reconnect_interval: 120, reconnect_nonce: 30, reconnect_count: -1 }
    }
}

impl ClientConfig {
    /// Milliseconds between pings.
    pub const fn ping_ms(&self) -> u64 {
        // At most 600 s.
        (self.ping_interval as u64).saturating_mul(1000)
    }

    /// Milliseconds of silence after which the connection is dead (liveness rule b).
    pub const fn idle_ms(&self) -> u64 {
        self.ping_ms().saturating_mul(2).saturating_add(5000)
    }

    /// Takes over what the next value of `reader`, an object, sets rightly; anything else keeps what was.
    ///
    /// # Errors
    /// Broken JSON; then nothing was taken over.
    pub fn merge(&mut self, reader: &mut Reader<'_>) -> Result<(), json::Error> {
        let mut merged = *self;
        if reader.enter_object()? {
            while let Some(key) = reader.next_key()? {
                let value = match reader.value()? {
                    json::Value::Number(number) => number.as_i64(),
                    _ => None,
                };
                let Some(value) = value else { continue };
                let clamp = |field: &mut u32, least: u32, most: u32| {
                    if value > 0 {
                        *field = u32::try_from(value).unwrap_or(most).clamp(least, most);
                    }
                };
                if key == "PingInterval" {
                    clamp(&mut merged.ping_interval, 5, 600);
                } else if key == "ReconnectInterval" {
                    clamp(&mut merged.reconnect_interval, 1, 86_400);
                } else if key == "ReconnectNonce" {
                    clamp(&mut merged.reconnect_nonce, 1, 120);
                } else if key == "ReconnectCount" {
                    merged.reconnect_count = value;
                }
            }
        }
        *self = merged;
        Ok(())
    }

    /// Takes over a pong's payload.
    ///
    /// # Errors
    /// Broken JSON, or no object; then nothing was taken over.
    pub fn merge_payload(&mut self, payload: &[u8]) -> Result<(), json::Error> {
        let mut merged = *self;
        let mut reader = Reader::from_bytes(payload)?;
        merged.merge(&mut reader)?;
        reader.finish()?;
        *self = merged;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::ClientConfig;

    fn merged(text: &str) -> ClientConfig {
        let mut config = ClientConfig::default();
        let _ = config.merge_payload(text.as_bytes());
        config
    }

    #[test]
    fn no_answer_of_the_platform_makes_the_bot_flood_or_fall_silent() {
        let default = ClientConfig::default();
        for text in [
            "",
            "nope",
            "null",
            "[]",
            "{}",
            r#"{"PingInterval":0,"ReconnectInterval":0,"ReconnectNonce":0}"#,
            r#"{"PingInterval":-1,"ReconnectInterval":-5,"ReconnectNonce":null}"#,
            r#"{"PingInterval":"4","ReconnectInterval":"2","ReconnectNonce":"1","ReconnectCount":"3"}"#,
            r#"{"PingInterval":1.5,"ReconnectInterval":1e3,"ReconnectNonce":NaN}"#,
            r#"{"PingInterval":60"#,
            r#"{"PingInterval":60} x"#,
        ] {
            assert_eq!(merged(text), default, "{text}");
        }
        let extreme = merged(
            r#"{"PingInterval":1,"ReconnectInterval":9999999999,"ReconnectNonce":2147483648,"ReconnectCount":1}"#,
        );
        assert_eq!(
            extreme,
            ClientConfig { ping_interval: 5, reconnect_interval: 86_400, reconnect_nonce: 120, reconnect_count: 1 }
        );
    }

    #[test]
    fn a_partial_config_keeps_the_rest() {
        let config = merged(r#"{"PingInterval":90,"x":{"ReconnectNonce":7}}"#);
        assert_eq!(config, ClientConfig { ping_interval: 90, ..ClientConfig::default() });
    }
}
