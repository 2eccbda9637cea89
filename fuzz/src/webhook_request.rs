//! A request to the webhook: nothing passes that a judge of our own does not let pass, and it says the same.
//!
//! Half of the inputs begin as what the platform posts, signed and encrypted here, and are then spoilt. The judge has its
//! own signature, decryption and reading of the body: `sha2`, `aes` a block at a time, `base64ct` into a vector, serde_json.

use aes::Aes256;
use aes::cipher::{Array, BlockCipherDecrypt as _, BlockCipherEncrypt as _, KeyInit as _};
use arbitrary::{Arbitrary, Unstructured};
use base64ct::{Base64, Encoding as _};
use larkwire_core::webhook::{Checked, Freshness, Refusal, RequestHead, Webhook, WebhookRules};
use larkwire_core::{Region, Secret, UnixMillis};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

const KEY: &str = "canary-of-the-encrypt-key";
const TOKEN: &str = "canary-of-the-token";
/// Seconds since 1970.
const NOW: u64 = 1_700_000_000;
const WINDOW: u64 = 3600;
const MAX_BODY: usize = 8192;
const NAMES: [&str; 5] =
    ["Content-Type", "X-Lark-Request-Timestamp", "X-Lark-Request-Nonce", "X-Lark-Signature", "X-Request-Id"];

/// A request, and how this webhook is set.
#[derive(Arbitrary, Clone, Debug)]
struct Input {
    old_cards: bool,
    allow_missing_token: bool,
    /// The time of day is known, and whether that matters.
    clock: bool,
    lenient: bool,
    origin: Origin,
    spoils: Vec<Spoil>,
    /// Without reading it otherwise.
    rest: Vec<u8>,
}

#[derive(Arbitrary, Clone, Debug)]
enum Origin {
    /// Nothing that the platform would post.
    Raw { method: u8, headers: Vec<(u8, Vec<u8>)> },
    /// What it posts: `text` is the event, `kind` what it is about.
    Posted { kind: Kind, token: Token, sealing: Sealing, signed: Signed, nonce: Vec<u8>, seconds: i16 },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Kind {
    V2,
    V1,
    Challenge,
    Card,
    Callback,
    /// Such as it is.
    Raw,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Token {
    Right,
    Wrong,
    Missing,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Sealing {
    Plain,
    Sealed,
    /// Blanks instead of the padding.
    Unpadded,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Signed {
    No,
    Sha256,
    Sha1,
}

/// What goes wrong on the way.
#[derive(Arbitrary, Clone, Debug)]
enum Spoil {
    FlipBody {
        at: u16,
        bit: u8,
    },
    CutBody {
        to: u16,
    },
    AppendBody {
        bytes: Vec<u8>,
    },
    /// A body with escapes that mean the same, signed anew or not.
    EscapeSlashes,
    FlipHeader {
        which: u8,
        at: u8,
        bit: u8,
    },
    DropHeader {
        which: u8,
    },
    RepeatHeader {
        which: u8,
    },
    RenameHeader {
        which: u8,
    },
    UpperSignature,
    Method {
        which: u8,
    },
    /// A signature that is right for whatever is there now.
    SignAgain,
}

/// What is sent.
struct Request {
    method: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

/// Reads a request out of the bytes, and holds the webhook's verdict against the judge's.
pub fn run(data: &[u8]) {
    if let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(data)) {
        play(&input);
    }
}

/// Plays one request of each kind, with each kind of proof, age and token, short and long; how many passed.
pub fn play_every_kind() -> usize {
    let mut passed = 0;
    let kinds = [Kind::V2, Kind::V1, Kind::Challenge, Kind::Card, Kind::Callback, Kind::Raw];
    let tokens = [Token::Right, Token::Wrong, Token::Missing];
    let seals = [Sealing::Plain, Sealing::Sealed, Sealing::Unpadded];
    let proofs = [Signed::No, Signed::Sha256, Signed::Sha1];
    for number in 0..(kinds.len() * 27) << 6 {
        let bit = |n: usize| number >> n & 1 == 1;
        let (rest, kind) = (number >> 6, kinds[(number >> 6) % kinds.len()]);
        let third = |n: usize| rest / kinds.len() / 3_usize.pow(n as u32) % 3;
        let (token, sealing, signed) = (tokens[third(0)], seals[third(1)], proofs[third(2)]);
        let seconds = if bit(0) { 3600 } else { 3601 };
        passed += usize::from(play(&Input {
            old_cards: bit(1),
            allow_missing_token: bit(2),
            clock: bit(3),
            lenient: bit(4),
            origin: Origin::Posted { kind, token, sealing, signed, nonce: Vec::new(), seconds },
            spoils: Vec::new(),
            rest: b"{}".repeat(if bit(5) { 2100 } else { 1 }),
        }));
    }
    passed
}

/// Whether it passed.
fn play(input: &Input) -> bool {
    let request = request(input);
    let freshness = match input.lenient {
        true => Freshness::WithinOnceClockKnown { seconds: WINDOW as u32 },
        false => Freshness::Within { seconds: WINDOW as u32 },
    };
    let rules = WebhookRules {
        max_body: MAX_BODY,
        old_cards: input.old_cards,
        allow_missing_token: input.allow_missing_token,
        ..WebhookRules::new(Secret::new(KEY), Secret::new(TOKEN), freshness)
    };
    let webhook = Webhook::new(&rules, Region::growable(256)).expect("both keys are there");
    let head = RequestHead::new(&request.method, request.headers.iter().map(|(name, value)| (&**name, &**value)));
    let unix = input.clock.then_some(UnixMillis(NOW * 1000));
    let mut body = request.body.clone();
    let checked = webhook.check(&head, &mut body, unix);
    // The same again says the same, and what the head says is known before the body is there.
    let mut again = request.body.clone();
    assert_eq!(format!("{:?}", webhook.check(&head, &mut again, unix)), format!("{checked:?}"));
    if let Err(refusal) = webhook.admit(&head, Some(body_len(&request))) {
        assert_eq!(checked.as_ref().err(), Some(&refusal));
    }
    let judge = Judge { request: &request, input };
    let passes = checked.is_ok();
    match checked {
        Err(refusal) => {
            let reply = refusal.reply();
            assert_eq!(reply.body, Refusal::SignatureWrong.reply().body, "{refusal:?}");
            if reply.status == 401 {
                assert_eq!(reply, Refusal::SignatureWrong.reply(), "{refusal:?}");
            }
            judge.refuses(refusal);
        }
        Ok(Checked::Challenge(challenge)) => {
            let text = judge.text().expect("what passes can be decrypted");
            let json: Value = serde_json::from_slice(&text).expect("what passes is JSON");
            assert_eq!((&json["type"], &json["token"]), (&json!("url_verification"), &json!(TOKEN)));
            let mut out = vec![0; 8 * MAX_BODY];
            let reply = challenge.reply(&mut out).expect("there is room");
            let said: Value = serde_json::from_slice(reply.body).expect("an answer is JSON");
            assert_eq!((reply.status, said), (200, json!({"challenge": json["challenge"]})));
            match judge.proof() {
                Proof::Sha256 => {}
                Proof::Sha1 => assert!(input.old_cards),
                // Strangers have little to say.
                Proof::None => assert!(request.body.len() <= 4096),
                Proof::Wrong => panic!("a challenge with a wrong signature"),
            }
        }
        Ok(Checked::Posted(posted)) => {
            let text = judge.text().expect("what passes can be decrypted");
            assert_eq!(without_mark(&text), posted.json().as_bytes(), "decrypted otherwise");
            let json: Value = match serde_json::from_slice(posted.json().as_bytes()) {
                Ok(json) => json,
                // Numbers beyond its own, and halves of surrogates, are serde_json's affair: see `json`.
                Err(_) => Value::Null,
            };
            let proof = judge.proof();
            let tokens = [&json["token"], &json["header"]["token"]];
            match proof {
                Proof::Sha256 if json.is_null() => {}
                // The signature is all that an old card callback has to show.
                Proof::Sha256 if is_card(&json) && input.old_cards => {}
                Proof::Sha256 if input.allow_missing_token => {
                    assert!(tokens.iter().any(|token| **token == TOKEN || token.is_null()), "{json}");
                }
                Proof::Sha256 => assert!(tokens.contains(&&json!(TOKEN)), "{json}"),
                Proof::Sha1 => assert!(is_card(&json) && input.old_cards, "{json}"),
                Proof::None | Proof::Wrong => panic!("an event that proves nothing: {json}"),
            }
            assert!(judge.is_fresh(), "an old request");
        }
    }
    passes
}

fn body_len(request: &Request) -> u64 {
    request.body.len() as u64
}

/// No version, no header, no event: the shape of protocol section 17.6.
fn is_card(json: &Value) -> bool {
    json["schema"].is_null() && json["header"].is_null() && json["event"].is_null()
}

fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Proof {
    None,
    Wrong,
    Sha256,
    Sha1,
}

/// Reads the request once more, slowly.
struct Judge<'a> {
    request: &'a Request,
    input: &'a Input,
}

impl Judge<'_> {
    /// A header that is there once and says something.
    fn header(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.request.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        match (values.next(), values.next()) {
            (Some((_, value)), None) if !value.trim_ascii().is_empty() => Some(value.trim_ascii()),
            _ => None,
        }
    }

    fn proof(&self) -> Proof {
        let [timestamp, nonce, signature] = [NAMES[1], NAMES[2], NAMES[3]].map(|name| self.header(name));
        let (Some(timestamp), Some(nonce), Some(signature)) = (timestamp, nonce, signature) else { return Proof::None };
        let signed = |key: &str| [timestamp, nonce, key.as_bytes(), &self.request.body].concat();
        if signature == hex(&Sha256::digest(signed(KEY))).as_bytes() {
            Proof::Sha256
        } else if signature == hex(&Sha1::digest(signed(TOKEN))).as_bytes() {
            Proof::Sha1
        } else {
            Proof::Wrong
        }
    }

    fn is_fresh(&self) -> bool {
        let stamp = self.header(NAMES[1]).and_then(|text| std::str::from_utf8(text).ok()?.parse::<u64>().ok());
        !self.input.clock || stamp.is_some_and(|stamp| stamp.abs_diff(NOW) <= WINDOW)
    }

    /// The text of the body, decrypted if it is encrypted.
    fn text(&self) -> Option<Vec<u8>> {
        let body = without_mark(&self.request.body);
        match encrypted(body) {
            Some(sealed) => opened(&sealed),
            None => Some(body.to_vec()),
        }
    }

    /// A refusal that says what is wrong says what is wrong.
    fn refuses(&self, refusal: Refusal) {
        let Request { method, body, .. } = self.request;
        match refusal {
            Refusal::Method => assert_ne!(method, "POST"),
            Refusal::TooBig => assert!(body.len() > MAX_BODY),
            Refusal::SignatureWrong => {
                // SHA-1 where it is not wanted is wrong, too.
                // So is anything under an old card that is not wanted.
                let is_card =
                    || self.text().is_some_and(|text| serde_json::from_slice(&text).is_ok_and(|json| is_card(&json)));
                assert_ne!(self.proof(), Proof::None);
                assert!(self.proof() != Proof::Sha256 || (!self.input.old_cards && is_card()));
            }
            Refusal::SignatureMissing => assert!(self.proof() != Proof::Sha256),
            Refusal::ClockUnknown => assert!(!self.input.clock && !self.input.lenient),
            Refusal::Stale => assert!(!self.is_fresh() || self.has_odd_stamp()),
            Refusal::Undecryptable => {
                let text = self.text();
                assert!(text.is_none(), "it can be decrypted: {}", String::from_utf8_lossy(&text.unwrap_or_default()));
            }
            Refusal::TokenWrong | Refusal::TokenMissing => {
                let text = self.text().expect("it was read");
                if let Ok(json) = serde_json::from_slice::<Value>(without_mark(&text)) {
                    let (top, header) = (&json["token"], &json["header"]["token"]);
                    assert!(*top != TOKEN || *header != TOKEN, "{json}");
                }
            }
            _ => {}
        }
    }

    /// No number, which `is_fresh` does not look at without a clock; or one with a sign.
    fn has_odd_stamp(&self) -> bool {
        self.header(NAMES[1]).is_none_or(|text| !text.iter().all(u8::is_ascii_digit) || text.len() > 19)
    }
}

/// What `encrypt` says, by serde_json: the last one counts.
fn encrypted(body: &[u8]) -> Option<String> {
    let json: Value = serde_json::from_slice(body).ok()?;
    json.get("encrypt").map(|value| value.as_str().unwrap_or("?").to_owned())
}

/// The last character may say more bits than a byte has, which is no error in itself (RFC 4648 section 3.5); the strict
/// decoder of the judge is told what they would have to be.
fn without_pad_bits(base64: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let text = base64.trim_end_matches('=');
    let unused = match base64.len() - text.len() {
        1 => 4,
        2 => 16,
        _ => 1,
    };
    let last = text.chars().last().and_then(|last| ALPHABET.find(last));
    match last.and_then(|value| Some((ALPHABET.get(value / unused * unused..)?.chars().next()?, text))) {
        Some((canonical, text)) => format!("{}{canonical}{}", &text[..text.len() - 1], &base64[text.len()..]),
        None => base64.to_owned(),
    }
}

/// Decrypts a block at a time.
fn opened(base64: &str) -> Option<Vec<u8>> {
    let bytes = Base64::decode_vec(&without_pad_bits(base64)).ok()?;
    let (blocks, rest) = bytes.as_chunks::<16>();
    if blocks.len() < 2 || !rest.is_empty() {
        return None;
    }
    let cipher = Aes256::new(&Sha256::digest(KEY));
    let mut text = Vec::new();
    for pair in blocks.windows(2) {
        let mut block = Array::from(pair[1]);
        cipher.decrypt_block(&mut block);
        text.extend(block.iter().zip(pair[0]).map(|(byte, before)| byte ^ before));
    }
    let padding = usize::from(*text.last()?);
    let right =
        (1..=16).contains(&padding) && text[text.len() - padding..].iter().all(|byte| usize::from(*byte) == padding);
    right.then(|| text[..text.len() - padding].to_vec())
}

fn padded(text: &[u8]) -> Vec<u8> {
    let padding = 16 - text.len() % 16;
    [text, &vec![padding as u8; padding]].concat()
}

/// Encrypts a block at a time.
fn sealed(padded: &[u8]) -> String {
    let cipher = Aes256::new(&Sha256::digest(KEY));
    let mut out = vec![[7_u8; 16]];
    for chunk in padded.as_chunks::<16>().0 {
        let before = out[out.len() - 1];
        let mixed: Vec<u8> = chunk.iter().zip(before).map(|(byte, before)| byte ^ before).collect();
        let mut block = Array::try_from(&mixed[..]).expect("16 bytes");
        cipher.encrypt_block(&mut block);
        out.push(block.into());
    }
    Base64::encode_string(&out.concat())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The event of this kind; `rest` stands where people's words do.
fn event(kind: Kind, token: Token, rest: &[u8]) -> Vec<u8> {
    let said = String::from_utf8_lossy(rest);
    let mut json = match kind {
        Kind::Raw => return rest.to_vec(),
        Kind::V2 => json!({"schema": "2.0", "header": {"event_id": "e1", "event_type": "x", "token": TOKEN},
            "event": {"said": said}}),
        Kind::Callback => json!({"schema": "2.0", "header": {"event_type": "card.action.trigger", "token": TOKEN},
            "event": {"token": "c", "said": said}}),
        Kind::V1 => {
            json!({"uuid": "u", "token": TOKEN, "type": "event_callback", "event": {"type": "message", "said": said}})
        }
        Kind::Challenge => json!({"type": "url_verification", "token": TOKEN, "challenge": said}),
        Kind::Card => {
            json!({"open_id": "ou_1", "open_message_id": "om_1", "token": "c", "action": {"value": {"said": said}}})
        }
    };
    let place = if json.get("header").is_some() { json.get_mut("header") } else { Some(&mut json) };
    match (token, place.and_then(Value::as_object_mut)) {
        (Token::Wrong, Some(place)) => drop(place.insert("token".into(), json!("canary-of-the-tokem"))),
        (Token::Missing, Some(place)) => drop(place.remove("token")),
        _ => {}
    }
    json.to_string().into_bytes()
}

fn request(input: &Input) -> Request {
    let mut request = Request { method: "POST".into(), headers: Vec::new(), body: input.rest.clone() };
    match &input.origin {
        Origin::Raw { method, headers } => {
            request.method = method_of(*method);
            let name = |which: u8| NAMES[usize::from(which) % NAMES.len()].to_owned();
            request.headers = headers.iter().map(|(which, value)| (name(*which), value.clone())).collect();
        }
        Origin::Posted { kind, token, sealing, signed, nonce, seconds } => {
            let text = event(*kind, *token, &input.rest);
            let base64 = match sealing {
                Sealing::Plain => None,
                Sealing::Sealed => Some(sealed(&padded(&text))),
                Sealing::Unpadded => {
                    let blanks = text.len().next_multiple_of(16) - text.len();
                    Some(sealed(&[&text[..], &vec![b' '; blanks]].concat()))
                }
            };
            request.body = base64.map_or(text, |base64| json!({"encrypt": base64}).to_string().into_bytes());
            request.headers.push((NAMES[0].into(), b"application/json".to_vec()));
            if !matches!(signed, Signed::No) {
                // Header values have no blanks around them.
                let nonce: Vec<u8> = nonce.iter().copied().filter(u8::is_ascii_graphic).chain(*b"n").collect();
                let stamp = NOW.saturating_add_signed((*seconds).into()).to_string();
                request.headers.push((NAMES[1].into(), stamp.into_bytes()));
                request.headers.push((NAMES[2].into(), nonce));
                request.headers.push((NAMES[3].into(), Vec::new()));
                sign(&mut request, *signed);
            }
        }
    }
    for spoil in input.spoils.iter().take(8) {
        apply(&mut request, spoil);
    }
    request
}

fn method_of(which: u8) -> String {
    ["POST", "GET", "post", "PUT", "POST "][usize::from(which) % 5].into()
}

fn sign(request: &mut Request, signed: Signed) {
    let value = |name: &str| {
        let found = request.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.trim_ascii().to_vec()).unwrap_or_default()
    };
    let pieces = |key: &str| [&value(NAMES[1])[..], &value(NAMES[2]), key.as_bytes(), &request.body].concat();
    let signature = match signed {
        Signed::Sha1 => hex(&Sha1::digest(pieces(TOKEN))),
        Signed::Sha256 | Signed::No => hex(&Sha256::digest(pieces(KEY))),
    };
    if let Some((_, value)) = request.headers.iter_mut().find(|(name, _)| name == NAMES[3]) {
        *value = signature.into_bytes();
    }
}

fn apply(request: &mut Request, spoil: &Spoil) {
    let Request { method, headers, body } = request;
    let pick = |which: u8, count: usize| usize::from(which).checked_rem(count);
    match spoil {
        Spoil::FlipBody { at, bit } => {
            if let Some(at) = usize::from(*at).checked_rem(body.len()) {
                body[at] ^= 1 << (bit % 8);
            }
        }
        Spoil::CutBody { to } => body.truncate(usize::from(*to)),
        Spoil::AppendBody { bytes } => body.extend(bytes),
        Spoil::EscapeSlashes => {
            *body = body.iter().flat_map(|byte| if *byte == b'/' { vec![b'\\', b'/'] } else { vec![*byte] }).collect();
        }
        Spoil::FlipHeader { which, at, bit } => {
            if let Some((_, value)) = pick(*which, headers.len()).map(|index| &mut headers[index])
                && let Some(at) = usize::from(*at).checked_rem(value.len())
            {
                value[at] ^= 1 << (bit % 8);
            }
        }
        Spoil::DropHeader { which } => {
            if let Some(index) = pick(*which, headers.len()) {
                headers.remove(index);
            }
        }
        Spoil::RepeatHeader { which } => {
            if let Some(index) = pick(*which, headers.len()) {
                let (name, value) = headers[index].clone();
                headers.push((name.to_lowercase(), value));
            }
        }
        Spoil::RenameHeader { which } => {
            if let Some(index) = pick(*which, headers.len()) {
                headers[index].0 = headers[index].0.to_uppercase();
            }
        }
        Spoil::UpperSignature => {
            headers.iter_mut().filter(|(name, _)| name == NAMES[3]).for_each(|(_, value)| value.make_ascii_uppercase());
        }
        Spoil::Method { which } => *method = method_of(*which),
        Spoil::SignAgain => sign(request, Signed::Sha256),
    }
}
