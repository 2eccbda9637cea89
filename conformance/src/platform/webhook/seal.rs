//! What stands on the wire: encryption, signatures, headers (protocol sections 17.1, 17.2 and 17.6).

use std::fmt::Write as _;

use aes::Aes256;
use aes::cipher::{Block, BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Length of an AES block, and so of the IV.
const BLOCK: usize = 16;

/// Header with the seconds since 1970.
pub const TIMESTAMP: &str = "X-Lark-Request-Timestamp";
/// Header with a text that no other request has.
pub const NONCE: &str = "X-Lark-Request-Nonce";
/// Header with the signature.
pub const SIGNATURE: &str = "X-Lark-Signature";
/// Header with the id of the request.
pub const REQUEST_ID: &str = "X-Request-Id";

/// What makes one request differ from the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Seconds since 1970.
    pub timestamp: String,
    /// Any text.
    pub nonce: String,
    /// Where encryption starts from.
    pub iv: [u8; BLOCK],
    /// Any text.
    pub request_id: String,
}

/// An HTTP request, down to the case of its header names. In JSON its body is text, as far as it is UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WebhookRequest {
    /// `POST`.
    pub method: String,
    /// In this order and written like this. `Host`, `Content-Length` and `Connection` are not among them.
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(serialize_with = "as_text")]
    pub body: Vec<u8>,
}

fn as_text<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

impl WebhookRequest {
    /// An event or callback: encrypted and signed with a key, else plain and not signed.
    #[must_use]
    pub fn event(plain: &[u8], encrypt_key: Option<&str>, stamp: &Stamp) -> Self {
        match encrypt_key {
            Some(key) => Self::signed(encrypted(key, stamp, plain), key, stamp),
            None => {
                Self::unsigned(plain.to_vec(), stamp).header(TIMESTAMP, &stamp.timestamp).header(NONCE, &stamp.nonce)
            }
        }
    }

    /// A question whether the URL is the bot's: encrypted with a key, and never signed.
    #[must_use]
    pub fn verification(plain: &[u8], encrypt_key: Option<&str>, stamp: &Stamp) -> Self {
        Self::unsigned(encrypt_key.map_or_else(|| plain.to_vec(), |key| encrypted(key, stamp, plain)), stamp)
    }

    /// A card callback of the old kind: plain, with a signature of its own.
    #[must_use]
    pub fn old_card(plain: &[u8], verification_token: &str, stamp: &Stamp) -> Self {
        let signature = card_signature(&stamp.timestamp, &stamp.nonce, verification_token, plain);
        Self::unsigned(plain.to_vec(), stamp).stamped(stamp, &signature)
    }

    /// This body with its right signature.
    #[must_use]
    pub fn signed(body: Vec<u8>, encrypt_key: &str, stamp: &Stamp) -> Self {
        let signature = signature(&stamp.timestamp, &stamp.nonce, encrypt_key, &body);
        Self::unsigned(body, stamp).stamped(stamp, &signature)
    }

    /// This body without timestamp, nonce and signature.
    #[must_use]
    pub fn unsigned(body: Vec<u8>, stamp: &Stamp) -> Self {
        Self { method: "POST".to_owned(), headers: Vec::new(), body }
            .header("Content-Type", "application/json; charset=utf-8")
            .header(REQUEST_ID, &stamp.request_id)
    }

    fn stamped(self, stamp: &Stamp, signature: &str) -> Self {
        self.header(TIMESTAMP, &stamp.timestamp).header(NONCE, &stamp.nonce).header(SIGNATURE, signature)
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The value of the first header of this name, in any case.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The head, as it is written to a connection that ends after the answer.
    #[must_use]
    pub fn head(&self, host: &str, path: &str) -> Vec<u8> {
        let mut head = format!("{} {path} HTTP/1.1\r\nHost: {host}\r\n", self.method);
        for (name, value) in &self.headers {
            // Writing to a String does not fail.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let _ = write!(head, "Content-Length: {}\r\nConnection: close\r\n\r\n", self.body.len());
        head.into_bytes()
    }

    /// Head and body.
    #[must_use]
    pub fn to_bytes(&self, host: &str, path: &str) -> Vec<u8> {
        let mut bytes = self.head(host, path);
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// `{"encrypt":"…"}`.
pub(super) fn encrypted(key: &str, stamp: &Stamp, plain: &[u8]) -> Vec<u8> {
    json!({ "encrypt": encrypt(key, stamp.iv, plain) }).to_string().into_bytes()
}

/// Lower-case hex of SHA-256 over timestamp, nonce, Encrypt Key and the body as it is sent.
#[must_use]
pub fn signature(timestamp: &str, nonce: &str, encrypt_key: &str, body: &[u8]) -> String {
    digest::<Sha256>([timestamp.as_bytes(), nonce.as_bytes(), encrypt_key.as_bytes(), body])
}

/// The same with SHA-1 and the Verification Token, which old card callbacks have.
#[must_use]
pub fn card_signature(timestamp: &str, nonce: &str, verification_token: &str, body: &[u8]) -> String {
    digest::<Sha1>([timestamp.as_bytes(), nonce.as_bytes(), verification_token.as_bytes(), body])
}

fn digest<D: Digest>(parts: [&[u8]; 4]) -> String {
    let mut digest = D::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Base64 of the IV and the text in AES-256-CBC with PKCS#7 padding.
#[must_use]
pub fn encrypt(key: &str, iv: [u8; BLOCK], plain: &[u8]) -> String {
    let pad = BLOCK - plain.len() % BLOCK;
    let padded: Vec<u8> = plain.iter().copied().chain(std::iter::repeat_n(pad as u8, pad)).collect();
    STANDARD.encode(encrypt_blocks(key, iv, &padded))
}

/// The IV and these blocks encrypted; what is not a whole block at the end is left out.
pub(super) fn encrypt_blocks(key: &str, iv: [u8; BLOCK], padded: &[u8]) -> Vec<u8> {
    let mut cipher = cbc::Encryptor::<Aes256>::new(&Sha256::digest(key), &iv.into());
    let mut bytes = iv.to_vec();
    for block in padded.as_chunks::<BLOCK>().0 {
        let mut block = Block::<Aes256>::from(*block);
        cipher.encrypt_block(&mut block);
        bytes.extend_from_slice(&block);
    }
    bytes
}

/// The text in the member `encrypt`, for subscribers in tests. `None` for whatever is not as it must be.
#[must_use]
pub fn decrypt(key: &str, encrypted: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(encrypted).ok()?;
    let (iv, blocks) = bytes.split_first_chunk::<BLOCK>()?;
    let (blocks, []) = blocks.as_chunks::<BLOCK>() else { return None };
    let mut cipher = cbc::Decryptor::<Aes256>::new(&Sha256::digest(key), &(*iv).into());
    let mut plain = Vec::with_capacity(bytes.len());
    for block in blocks {
        let mut block = Block::<Aes256>::from(*block);
        cipher.decrypt_block(&mut block);
        plain.extend_from_slice(&block);
    }
    let pad = *plain.last()?;
    let rest = plain.len().checked_sub(usize::from(pad))?;
    let right = (1..=BLOCK).contains(&usize::from(pad)) && plain[rest..].iter().all(|byte| *byte == pad);
    plain.truncate(rest);
    right.then_some(plain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test ends where it fails")]
mod tests {
    use serde_json::Value;

    use super::*;

    /// What the official Python SDK makes of each case.
    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../vectors/sdk.json")).unwrap()
    }

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn stamp() -> Stamp {
        let [timestamp, nonce, request_id] = ["1700000000", "n1", "r1"].map(str::to_owned);
        Stamp { timestamp, nonce, iv: [0; BLOCK], request_id }
    }

    #[test]
    fn signatures_are_those_of_the_protocol_page() {
        let body = br#"{"encrypt":"x"}"#;
        let expected = "6bd31c828c45e3a65f25d6a7eeb8185222c55b424858683a4d972e5239d0922d";
        assert_eq!(signature("1700000000", "n1", "ekey", body), expected);
        let request = WebhookRequest::signed(body.to_vec(), "ekey", &stamp());
        assert_eq!(request.value("x-lark-signature"), Some(expected));
        let request = WebhookRequest::old_card(body, "ekey", &stamp());
        assert_eq!(request.value(SIGNATURE), Some("2991138e3e439abca04a90d2ec4006c9db51f6fc"));
        assert_eq!(request.body, body);
    }

    #[test]
    fn signatures_are_those_of_the_sdk() {
        let vectors = vectors();
        let cases = vectors["signature"].as_array().unwrap();
        assert_eq!(cases.len(), 2);
        for case in cases {
            let text = |name: &str| case[name].as_str().unwrap();
            let body = unhex(text("body_hex"));
            let (timestamp, nonce, key) = (text("timestamp"), text("nonce"), text("key"));
            assert_eq!(signature(timestamp, nonce, key, &body), text("event_sha256"));
            assert_eq!(card_signature(timestamp, nonce, key, &body), text("card_sha1"));
        }
    }

    #[test]
    fn encryption_is_that_of_the_sdk() {
        let vectors = vectors();
        let cases = vectors["aes"].as_array().unwrap();
        assert_eq!(cases.len(), 15);
        for case in cases {
            let (key, encrypted) = (case["key"].as_str().unwrap(), case["encrypt"].as_str().unwrap());
            let plain = case["plaintext"].as_str().map(|text| text.as_bytes().to_vec());
            assert_eq!(plain.is_some(), case["ok"] == true, "{case}");
            assert_eq!(decrypt(key, encrypted), plain, "{case}");
            if let Some(plain) = plain {
                let iv = *STANDARD.decode(encrypted).unwrap().first_chunk().unwrap();
                assert_eq!(encrypt(key, iv, &plain), encrypted, "{case}");
            }
        }
        let hello = "P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=";
        assert_eq!(decrypt("test key", hello).as_deref(), Some(&b"hello world"[..]));
    }

    #[test]
    fn a_request_stands_on_the_wire_as_the_platform_writes_it() {
        let request = WebhookRequest::event(b"{}", Some("ekey"), &stamp());
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(decrypt("ekey", body["encrypt"].as_str().unwrap()).unwrap(), b"{}");
        let signature = signature("1700000000", "n1", "ekey", &request.body);
        let head = format!(
            "POST /lark HTTP/1.1\r\nHost: bot\r\nContent-Type: application/json; charset=utf-8\r\nX-Request-Id: r1\r\n\
             X-Lark-Request-Timestamp: 1700000000\r\nX-Lark-Request-Nonce: n1\r\nX-Lark-Signature: {signature}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            request.body.len()
        );
        assert_eq!(String::from_utf8(request.head("bot", "/lark")).unwrap(), head);
        let plain = WebhookRequest::event(b"{}", None, &stamp());
        assert_eq!((plain.value(SIGNATURE), plain.value(NONCE), &plain.body[..]), (None, Some("n1"), &b"{}"[..]));
        let question = WebhookRequest::verification(b"{}", Some("ekey"), &stamp());
        assert_eq!((question.value(SIGNATURE), question.value(TIMESTAMP)), (None, None));
        assert_eq!(question.body, request.body);
    }
}
