//! Makes what the list of hostile requests is made of.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt as _;
use serde_json::{Value, json};

use super::super::state::State;
use super::deliver::verification;
use super::seal::{SIGNATURE, Stamp, WebhookRequest, decrypt, encrypt, encrypted};
use super::send::Target;
use super::{Webhook, WebhookError};

/// What is asked by the challenges of the list.
pub(super) const CHALLENGE: &str = "are you there";
/// The same with what JSON has to escape.
pub(super) const ODD_CHALLENGE: &str = "a \"quoted\" \\ line\r\n\twith \u{1}\u{1f} </script> 你好 👋";

/// Makes the requests of the list; each is for one of them.
#[derive(Debug)]
pub(super) struct Forge {
    pub(super) app_id: String,
    pub(super) key: String,
    pub(super) token: String,
    pub(super) event_id: String,
    pub(super) stamp: Stamp,
    /// Seconds since 1970.
    pub(super) now: u64,
    /// The last one that was accepted.
    pub(super) accepted: Option<WebhookRequest>,
}

impl State {
    pub(super) fn forge(&mut self, app_id: &str) -> Result<(Forge, Target), WebhookError> {
        let (mut stamp, event_id) = (self.stamp(), self.random_id(""));
        // So that the base64 of it begins with "++++////", which other alphabets write otherwise.
        stamp.iv[..6].copy_from_slice(&[0xfb, 0xef, 0xbe, 0xff, 0xff, 0xff]);
        // It has letters of both cases, and digits in front.
        stamp.nonce = format!("{:03}aZ{}", self.rng.random_range(0..1000), stamp.nonce);
        let now = self.wall().as_secs();
        let Webhook { spec, target, accepted } = self.webhook(app_id)?.clone();
        let key = spec.encrypt_key.ok_or_else(|| WebhookError::NoKey(app_id.to_owned()))?;
        let forge =
            Forge { app_id: app_id.to_owned(), key, token: spec.verification_token, event_id, stamp, now, accepted };
        Ok((forge, target))
    }
}

impl Forge {
    /// A message that the bot would take.
    pub(super) fn envelope(&self) -> Value {
        json!({
            "schema": "2.0",
            "header": {
                "event_id": self.event_id,
                "event_type": "im.message.receive_v1",
                "create_time": (self.now * 1000).to_string(),
                "token": self.token,
                "app_id": self.app_id,
                "tenant_key": "tenant",
            },
            "event": {
                "sender": { "sender_id": { "open_id": "ou_mallory" }, "sender_type": "user", "tenant_key": "tenant" },
                "message": {
                    "message_id": format!("om_{}", self.event_id),
                    "create_time": (self.now * 1000).to_string(),
                    "chat_id": "oc_hostile",
                    "chat_type": "p2p",
                    "message_type": "text",
                    "content": json!({ "text": "hello" }).to_string(),
                },
            },
        })
    }

    /// The same in version 1.
    pub(super) fn envelope_v1(&self) -> Value {
        json!({
            "ts": format!("{}.0000000", self.now),
            "uuid": self.event_id,
            "token": self.token,
            "type": "event_callback",
            "event": {
                "type": "message", "app_id": self.app_id, "tenant_key": "tenant", "msg_type": "text", "chat_type": "private",
                "open_message_id": format!("om_{}", self.event_id), "open_chat_id": "oc_hostile",
                "open_id": "ou_mallory", "text": "hello", "text_without_at_bot": "hello", "is_mention": false,
            },
        })
    }

    /// A click on a card.
    pub(super) fn click(&self) -> Value {
        let mut click = self.envelope();
        click["header"]["event_type"] = json!("card.action.trigger");
        click["event"] = json!({
            "operator": { "open_id": "ou_mallory", "tenant_key": "tenant" },
            "token": "c-1",
            "action": { "tag": "button", "value": {} },
            "context": { "open_message_id": "om_1", "open_chat_id": "oc_hostile" },
        });
        click
    }

    /// A click in the old form.
    pub(super) fn old_card(&self) -> String {
        let action = json!({ "tag": "button", "value": {} });
        let body = json!({
            "open_id": "ou_mallory", "tenant_key": "tenant", "open_message_id": "om_1", "open_chat_id": "oc_hostile",
            "token": "c-1", "action": action,
        });
        body.to_string()
    }

    /// The envelope with another token; null removes it.
    pub(super) fn with_token(&self, token: Option<Value>) -> WebhookRequest {
        let mut envelope = self.envelope();
        match token {
            Some(token) => envelope["header"]["token"] = token,
            None => drop(envelope["header"].as_object_mut().and_then(|header| header.remove("token"))),
        }
        self.sealed(envelope.to_string().as_bytes())
    }

    /// As the platform sends it.
    pub(super) fn valid(&self) -> WebhookRequest {
        self.sealed(self.envelope().to_string().as_bytes())
    }

    /// This text, encrypted and signed.
    pub(super) fn sealed(&self, plain: &[u8]) -> WebhookRequest {
        WebhookRequest::event(plain, Some(&self.key), &self.stamp)
    }

    /// This body, signed.
    pub(super) fn signed(&self, body: impl Into<Vec<u8>>) -> WebhookRequest {
        WebhookRequest::signed(body.into(), &self.key, &self.stamp)
    }

    /// A valid event at another time.
    pub(super) fn at(&self, timestamp: impl ToString) -> WebhookRequest {
        let stamp = Stamp { timestamp: timestamp.to_string(), ..self.stamp.clone() };
        WebhookRequest::event(self.envelope().to_string().as_bytes(), Some(&self.key), &stamp)
    }

    /// The base64 of an encrypted event, with `=` at its end.
    pub(super) fn base64(&self) -> String {
        let mut plain = self.envelope().to_string();
        // The IV, the blocks of the text, one of which has the padding.
        while (1 + plain.len() / 16 + 1).is_multiple_of(3) {
            plain.push(' ');
        }
        encrypt(&self.key, self.stamp.iv, plain.as_bytes())
    }

    /// `{"encrypt":"…"}` with this text, signed.
    pub(super) fn encrypt_member(&self, text: &str) -> WebhookRequest {
        self.signed(json!({ "encrypt": text }).to_string())
    }

    /// The same with the base64 of these bytes.
    pub(super) fn cipher(&self, bytes: &[u8]) -> WebhookRequest {
        self.encrypt_member(&STANDARD.encode(bytes))
    }

    /// An event whose last block ends in these bytes instead of its padding.
    pub(super) fn padded(&self, padding: &[u8]) -> WebhookRequest {
        let mut plain = self.envelope().to_string().into_bytes();
        while !(plain.len() + padding.len()).is_multiple_of(16) {
            plain.push(b' ');
        }
        plain.extend_from_slice(padding);
        self.cipher(&super::seal::encrypt_blocks(&self.key, self.stamp.iv, &plain))
    }

    /// A question for the challenge, as the platform sends it, with this text and token.
    pub(super) fn question(&self, challenge: &str, token: &str) -> WebhookRequest {
        WebhookRequest::verification(&verification(challenge, token), Some(&self.key), &self.stamp)
    }

    /// An encrypted question in the member `encrypt`.
    pub(super) fn encrypted_question(&self) -> Vec<u8> {
        encrypted(&self.key, &self.stamp, &verification(CHALLENGE, &self.token))
    }

    /// What was accepted last, or an ordinary event.
    pub(super) fn last(&self) -> WebhookRequest {
        self.accepted.clone().unwrap_or_else(|| self.valid())
    }

    /// The text of what was accepted last.
    pub(super) fn last_plain(&self) -> Vec<u8> {
        let last = self.last();
        let body: Value = serde_json::from_slice(&last.body).unwrap_or_default();
        body["encrypt"].as_str().and_then(|text| decrypt(&self.key, text)).unwrap_or(last.body)
    }
}

impl WebhookRequest {
    /// With other values of this header; none removes it, several repeat it.
    pub(super) fn set(mut self, name: &str, values: &[&str]) -> Self {
        let at = self.headers.iter().position(|(known, _)| known == name).unwrap_or(self.headers.len());
        self.headers.retain(|(known, _)| known != name);
        for (index, value) in values.iter().enumerate() {
            self.headers.insert(at + index, (name.to_owned(), (*value).to_owned()));
        }
        self
    }

    /// With another value of this header, made from the present one.
    pub(super) fn change(self, name: &str, change: impl Fn(&str) -> String) -> Self {
        let value = change(self.value(name).unwrap_or_default());
        self.set(name, &[&value])
    }

    /// With other header names.
    pub(super) fn rename(mut self, rename: impl Fn(&str) -> String) -> Self {
        self.headers.iter_mut().for_each(|(name, _)| *name = rename(name));
        self
    }

    /// Without timestamp, nonce and signature.
    pub(super) fn without_stamp(self) -> Self {
        self.set(super::seal::TIMESTAMP, &[]).set(super::seal::NONCE, &[]).set(SIGNATURE, &[])
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends where it fails")]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn forge() -> Forge {
        let [key, token, event_id] = ["encrypt key", "token", "e1"].map(str::to_owned);
        let [timestamp, nonce, request_id] = ["1700000000", "123aZ", "r1"].map(str::to_owned);
        let iv = [0xfb, 0xef, 0xbe, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let stamp = Stamp { timestamp, nonce, iv, request_id };
        let app_id = "cli_1".to_owned();
        let mut forge = Forge { app_id, key, token, event_id, stamp, now: 1_700_000_000, accepted: None };
        let before = Stamp { nonce: "before".to_owned(), ..forge.stamp.clone() };
        forge.accepted = Some(WebhookRequest::event(b"{}", Some(&forge.key), &before));
        forge
    }

    #[test]
    fn what_is_said_of_the_base64_is_so() {
        let forge = forge();
        let text = forge.base64();
        assert!(text.starts_with("++++////") && text.ends_with('='), "{text}");
        let plain = decrypt(&forge.key, &text).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&plain).unwrap(), forge.envelope());
        let body: Value = serde_json::from_slice(&forge.padded(&[16; 16]).body).unwrap();
        assert!(decrypt(&forge.key, body["encrypt"].as_str().unwrap()).is_some());
        for padding in [&[0][..], &[17; 17], &[255], &[5, 4, 4, 4], b"}"] {
            let body: Value = serde_json::from_slice(&forge.padded(padding).body).unwrap();
            assert_eq!(decrypt(&forge.key, body["encrypt"].as_str().unwrap()), None, "{padding:?}");
        }
    }
}
