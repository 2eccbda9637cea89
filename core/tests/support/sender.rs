//! The platform as it posts: bodies encrypted and signed here, by nothing of the engine's.

use aes::Aes256;
use aes::cipher::{Array, BlockModeEncrypt as _, KeyIvInit as _};
use larkwire_core::webhook::{Checked, Freshness, Refusal, RequestHead, Webhook, WebhookRules};
use larkwire_core::{Region, Secret, UnixMillis};
use serde_json::{Value, json};
use sha1::Digest as _;

use super::{APP_ID, base64, message_json, to_hex};

pub(crate) const KEY: &str = "the app's Encrypt Key";
pub(crate) const TOKEN: &str = "v-token-7Xq";
/// Now, in seconds.
pub(crate) const UNIX: u64 = 1_700_000_000;
pub(crate) const HOUR: u32 = 3600;
pub(crate) const TIMESTAMP: &str = "X-Lark-Request-Timestamp";
pub(crate) const NONCE: &str = "X-Lark-Request-Nonce";
pub(crate) const SIGNATURE: &str = "X-Lark-Signature";

pub(crate) fn rules() -> WebhookRules<'static> {
    WebhookRules::new(Secret::new(KEY), Secret::new(TOKEN), Freshness::Within { seconds: HOUR })
}

pub(crate) fn webhook_with(rules: &WebhookRules<'_>) -> Webhook<'static> {
    Webhook::new(rules, Region::growable(1024)).expect("sound rules")
}

pub(crate) fn webhook() -> Webhook<'static> {
    webhook_with(&rules())
}

/// AES-256-CBC over whole blocks, behind the initialisation vector.
pub(crate) fn encrypt_blocks(key: &str, iv: [u8; 16], blocks: &[u8]) -> Vec<u8> {
    let key: [u8; 32] = sha2::Sha256::digest(key.as_bytes()).into();
    let mut bytes = blocks.to_vec();
    let (whole, rest) = Array::slice_as_chunks_mut(&mut bytes);
    assert!(rest.is_empty());
    cbc::Encryptor::<Aes256>::new(&Array::from(key), &Array::from(iv)).encrypt_blocks(whole);
    [iv.as_slice(), &bytes].concat()
}

/// As the platform encrypts: PKCS#7, base64.
pub(crate) fn encrypt(key: &str, text: &[u8]) -> String {
    let len = 16 - text.len() % 16;
    let padded = [text, &vec![len as u8; len]].concat();
    base64(&encrypt_blocks(key, *b"0123456789abcdef", &padded))
}

/// The body that carries `base64`.
pub(crate) fn wrap(base64: &str) -> Vec<u8> {
    format!(r#"{{"encrypt":"{base64}"}}"#).into_bytes()
}

/// A request as it comes in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Post {
    pub(crate) method: &'static str,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verified {
    /// The whole answer.
    Challenge(String),
    /// The envelope, and whether it is a known one.
    Event(String, bool),
}

impl Post {
    /// Unsigned, as it stands.
    pub(crate) fn plain(body: impl Into<Vec<u8>>) -> Self {
        let headers = [("Content-Type", "application/json; charset=utf-8"), ("X-Request-Id", "r-1")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        Self { method: "POST", headers: headers.to_vec(), body: body.into() }
    }

    /// Signed now, as it stands.
    pub(crate) fn signed(body: impl Into<Vec<u8>>) -> Self {
        Self::plain(body).sign(&UNIX.to_string(), "n-1")
    }

    /// Encrypted and signed now.
    pub(crate) fn sealed(json: &str) -> Self {
        Self::signed(wrap(&encrypt(KEY, json.as_bytes())))
    }

    pub(crate) fn sign(self, timestamp: &str, nonce: &str) -> Self {
        let all = [timestamp.as_bytes(), nonce.as_bytes(), KEY.as_bytes(), &self.body].concat();
        let signature = to_hex(&sha2::Sha256::digest(all));
        self.set(TIMESTAMP, timestamp).set(NONCE, nonce).set(SIGNATURE, &signature)
    }

    /// As old card callbacks are signed.
    pub(crate) fn sign_card(self, timestamp: &str, nonce: &str) -> Self {
        let all = [timestamp.as_bytes(), nonce.as_bytes(), TOKEN.as_bytes(), &self.body].concat();
        let signature = to_hex(&sha1::Sha1::digest(all));
        self.set(TIMESTAMP, timestamp).set(NONCE, nonce).set(SIGNATURE, &signature)
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// One header more.
    pub(crate) fn and(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn set(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    pub(crate) fn get(&self, name: &str) -> &str {
        let header = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).expect("a header");
        std::str::from_utf8(&header.1).unwrap()
    }

    pub(crate) fn head(&self) -> RequestHead<'_> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        RequestHead::new(self.method, headers)
    }

    pub(crate) fn check_at(&self, webhook: &Webhook<'_>, unix_ms: Option<u64>) -> Result<Verified, Refusal> {
        let mut body = self.body.clone();
        match webhook.check(&self.head(), &mut body, unix_ms.map(UnixMillis))? {
            Checked::Posted(posted) => Ok(Verified::Event(posted.json().to_owned(), posted.layout().is_some())),
            Checked::Challenge(challenge) => {
                let mut out = vec![0; challenge.reply(&mut []).expect_err("an answer is never empty").needed];
                let reply = challenge.reply(&mut out).unwrap();
                assert_eq!((reply.status, reply.close), (200, false));
                assert_eq!(format!("{challenge:?}"), "Challenge", "what it is, and not what it says");
                Ok(Verified::Challenge(String::from_utf8(reply.body.to_vec()).unwrap()))
            }
        }
    }

    /// By the usual webhook, now.
    pub(crate) fn check(&self) -> Result<Verified, Refusal> {
        self.check_at(&webhook(), Some(UNIX * 1000))
    }

    pub(crate) fn is_accepted(&self) -> bool {
        matches!(self.check(), Ok(Verified::Event(_, true)))
    }
}

/// A text message with the app's token.
pub(crate) fn posted_message(event_id: &str, message_id: &str, text: &str) -> String {
    with_token(&message_json(event_id, message_id, text))
}

/// The event with the right token in its header.
pub(crate) fn with_token(json: &str) -> String {
    let mut event: Value = serde_json::from_str(json).unwrap();
    event["header"]["token"] = json!(TOKEN);
    event.to_string()
}

/// A click on a card; its `token` is for changing the card.
pub(crate) fn click_json(event_id: &str, token: Value) -> Value {
    json!({
        "schema": "2.0",
        "header": {"event_id": event_id, "event_type": "card.action.trigger", "app_id": APP_ID, "token": TOKEN},
        "event": {
            "operator": {"open_id": "ou_1", "union_id": "on_1"}, "token": token,
            "action": {"tag": "button", "value": {"k": "v"}}, "context": {"open_message_id": "om_1", "open_chat_id": "oc_1"}
        }
    })
}

pub(crate) fn preview_json(event_id: Value) -> Value {
    json!({
        "schema": "2.0",
        "header": {"event_id": event_id, "event_type": "url.preview.get", "app_id": APP_ID, "token": TOKEN},
        "event": {"operator": {"open_id": "ou_1"}, "context": {"url": "https://example.com"}}
    })
}

/// An old card callback (protocol section 17.6).
pub(crate) fn old_card_json(token: &str) -> String {
    json!({"open_id": "ou_1", "user_id": "u1", "tenant_key": "tk", "open_message_id": "om_1", "open_chat_id": "oc_1",
        "token": token, "action": {"tag": "button", "value": {"k": "v"}}})
    .to_string()
}

pub(crate) fn verification(token: Value, challenge: Value) -> String {
    json!({"type": "url_verification", "token": token, "challenge": challenge}).to_string()
}
