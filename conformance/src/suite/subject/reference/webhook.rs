//! Events that the platform posts: protocol section 17. One request a connection, which is all that the platform sends.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Client;
use super::defects::Defect;
use super::envelope::{Happening, text};
use super::gate::admits;
use super::inbox::Entry;
use super::intake::event;
use super::session::ANSWER;
use crate::platform::WebhookListener;
use crate::platform::webhook::{NONCE, SIGNATURE, TIMESTAMP, card_signature, decrypt, signature};
use crate::suite::shim::WebhookSettings;

/// For room in the inbox.
const ROOM: Duration = Duration::from_secs(2);
/// For a body.
const BODY: Duration = Duration::from_secs(5);
/// The longest body.
const MAX_BODY: usize = 512 * 1024;
/// Whatever is refused is told this, and nothing else.
const REFUSED: &str = r#"{"msg":"refused"}"#;

/// A status and a body.
type Answer = (u16, String);

/// Signatures of requests that were taken, until their stamp leaves the window.
#[derive(Debug, Default)]
pub(super) struct Replays(VecDeque<(u64, String)>);

impl Replays {
    fn knows(&mut self, now: u64, signature: &str) -> bool {
        self.0.retain(|(until, _)| *until > now);
        self.0.iter().any(|(_, known)| known == signature)
    }
}

/// What is known of a request before its body is read.
struct Head {
    method: String,
    headers: Vec<(String, String)>,
    length: usize,
}

impl Head {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut lines = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut lines);
        request.parse(bytes).ok().filter(httparse::Status::is_complete)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let headers: Vec<_> = request.headers.iter().map(|line| (line.name.to_owned(), text(line.value))).collect();
        let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = length.map_or(Some(0), |(_, value)| value.parse().ok())?;
        Some(Self { method: request.method?.to_owned(), headers, length })
    }

    /// All values of a header.
    fn all(&self, client: &Client, name: &str) -> Vec<&str> {
        let is = |known: &str| match client.has(Defect::HeaderCaseSensitive) {
            true => known == name,
            false => known.eq_ignore_ascii_case(name),
        };
        self.headers.iter().filter(|(known, _)| is(known)).map(|(_, value)| value.as_str()).collect()
    }
}

/// Serves connections for as long as the client lives.
pub(super) async fn serve(client: Arc<Client>, mut listeners: UnboundedReceiver<WebhookListener>) {
    while let Some(mut listener) = listeners.recv().await {
        while let Some(pipe) = listener.accept().await {
            let shared = Arc::clone(&client);
            client.spawn(async move { drop(connection(&shared, pipe).await) });
        }
    }
}

async fn connection(client: &Arc<Client>, mut pipe: DuplexStream) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if bytes.len() > 16 * 1024 || pipe.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    };
    let arrived = Instant::now();
    let mut body = bytes.split_off(end);
    let head = Head::read(&bytes);
    let most = client.start.settings.webhook.as_ref().and_then(|webhook| webhook.options.max_body).unwrap_or(MAX_BODY);
    let (status, said) = match head {
        None => (400, REFUSED.to_owned()),
        Some(head) if head.method != "POST" => (405, REFUSED.to_owned()),
        Some(head) if !is_json(&head) => (415, REFUSED.to_owned()),
        Some(head) if head.length > most => (413, REFUSED.to_owned()),
        Some(head) => {
            let reading = async {
                while body.len() < head.length {
                    if pipe.read_buf(&mut body).await? == 0 {
                        return Ok(false);
                    }
                }
                std::io::Result::Ok(true)
            };
            match timeout(BODY, reading).await {
                Ok(whole) => match whole? {
                    true => judge(client, &head, &body, arrived).await,
                    false => return Ok(()),
                },
                Err(_) => (408, REFUSED.to_owned()),
            }
        }
    };
    let answer = format!(
        "HTTP/1.1 {status} \r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{said}",
        said.len()
    );
    pipe.write_all(answer.as_bytes()).await?;
    pipe.shutdown().await
}

fn is_json(head: &Head) -> bool {
    let said = head.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    said.is_none_or(|(_, value)| value.split(';').next().is_some_and(|kind| kind.trim() == "application/json"))
}

fn refused(client: &Client, why: &str) -> Answer {
    match client.has(Defect::RefusalTellsWhy) {
        true => (401, json!({ "msg": why }).to_string()),
        false => (401, REFUSED.to_owned()),
    }
}

fn success() -> Answer {
    (200, r#"{"msg":"success"}"#.to_owned())
}

fn nothing(callback: bool) -> Answer {
    if callback { (200, "{}".to_owned()) } else { success() }
}

/// What a signature has proved.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Proof {
    None,
    Signed(String),
    OldCard,
}

/// In the order of section 17.3.
async fn judge(client: &Arc<Client>, head: &Head, body: &[u8], arrived: Instant) -> Answer {
    let Some(webhook) = client.start.settings.webhook.clone() else { return refused(client, "no webhook") };
    let proof = match prove(client, &webhook, head, body) {
        Ok(proof) => proof,
        Err(why) => return refused(client, why),
    };
    let trusted = proof != Proof::None || webhook.encrypt_key.is_empty() || client.has(Defect::AcceptsUnsigned);
    let plain = match open(client, &webhook, body) {
        Ok(plain) => plain,
        Err(_) if client.has(Defect::PaddingOracle) => return (500, r#"{"msg":"padding"}"#.to_owned()),
        Err(why) => return refused(client, why),
    };
    let said: Value = serde_json::from_slice(plain.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&plain)).unwrap_or_default();
    if !said.is_object() {
        return refused(client, "no JSON");
    }
    let card = said.get("schema").is_none() && said.get("uuid").is_none() && said.get("action").is_some();
    if text(&said, "/type") == "url_verification" && said.get("header").is_none() && said.get("event").is_none() {
        if said.get("token") != Some(&json!(webhook.verification_token)) && !client.has(Defect::EchoesChallenge) {
            return refused(client, "another token");
        }
        let challenge = text(&said, "/challenge");
        return match client.has(Defect::ChallengeUnescaped) {
            true => (200, format!("{{\"challenge\":\"{challenge}\"}}")),
            false => (200, json!({ "challenge": challenge }).to_string()),
        };
    }
    if !trusted || proof == Proof::OldCard && !card {
        return refused(client, "not signed");
    }
    let token = match said.get("header") {
        Some(_) if client.has(Defect::TopLevelTokenOnly) => said.get("token"),
        Some(header) => header.get("token"),
        None => said.get("token"),
    };
    let free = webhook.options.allow_missing_token == Some(true) && token.is_none();
    if !card && !free && token != Some(&json!(webhook.verification_token)) && !client.has(Defect::TokenUnchecked) {
        return refused(client, "another token");
    }
    take(client, &plain, &proof, arrived).await
}

fn prove(client: &Client, webhook: &WebhookSettings, head: &Head, body: &[u8]) -> Result<Proof, &'static str> {
    let [timestamps, nonces, signatures] = [TIMESTAMP, NONCE, SIGNATURE].map(|name| head.all(client, name));
    if [&timestamps, &nonces, &signatures].iter().any(|values| values.len() > 1) {
        return Err("a header twice");
    }
    let [Some(timestamp), Some(nonce), Some(given)] =
        [timestamps, nonces, signatures].map(|values| values.first().copied().filter(|value| !value.is_empty()))
    else {
        return Ok(Proof::None);
    };
    let reserialised = serde_json::from_slice::<Value>(body).ok().filter(|_| client.has(Defect::HashesReserialised));
    let reserialised = reserialised.map(|value| value.to_string().into_bytes());
    let body = reserialised.as_deref().unwrap_or(body);
    let old_card = webhook.options.old_cards == Some(true) && given.len() == 40;
    let proof = if old_card {
        let right = card_signature(timestamp, nonce, &webhook.verification_token, body);
        (given == right).then_some(Proof::OldCard)
    } else if webhook.encrypt_key.is_empty() {
        return Ok(Proof::None);
    } else {
        let right = signature(timestamp, nonce, &webhook.encrypt_key, body);
        let is_right = given == right || client.has(Defect::ComparesPrefix) && right.starts_with(given);
        is_right.then_some(Proof::Signed(right))
    };
    let proof = proof.ok_or("another signature")?;
    let window = u64::from(webhook.options.max_age_secs.unwrap_or(3600)) * 1000;
    let stamp = timestamp.bytes().all(|byte| byte.is_ascii_digit()).then(|| timestamp.parse::<u64>().ok()).flatten();
    let is_fresh = stamp.is_some_and(|stamp| client.wall_ms().abs_diff(stamp.saturating_mul(1000)) <= window);
    if is_fresh || client.has(Defect::IgnoresStamp) { Ok(proof) } else { Err("stale") }
}

/// The text of a body, decrypted where it is encrypted.
fn open(client: &Client, webhook: &WebhookSettings, body: &[u8]) -> Result<Vec<u8>, &'static str> {
    let members: HashMap<String, Value> = serde_json::from_slice(body).map_err(|_| "no JSON")?;
    let Some(encrypted) = members.get("encrypt") else { return Ok(body.to_vec()) };
    let encrypted = encrypted.as_str().ok_or("not encrypted")?;
    let tidy = match client.has(Defect::LenientBase64) {
        true => {
            let mut tidy: String = encrypted.split_whitespace().collect::<String>().replace('-', "+").replace('_', "/");
            while !tidy.len().is_multiple_of(4) {
                tidy.push('=');
            }
            tidy
        }
        false => encrypted.to_owned(),
    };
    if webhook.encrypt_key.is_empty() {
        return Err("no key");
    }
    decrypt(&webhook.encrypt_key, &tidy).filter(|plain| !plain.is_empty()).ok_or("not encrypted")
}

/// The gate, the inbox, and the answer.
async fn take(client: &Arc<Client>, plain: &[u8], proof: &Proof, arrived: Instant) -> Answer {
    let Some(mut happening) = Happening::read(plain) else { return success() };
    let card = happening.event_type.is_empty();
    if card && happening.callback {
        happening.event_type = "card.action.trigger".to_owned();
    }
    let callback = happening.callback;
    let now = client.wall_ms();
    let foreign = !happening.app_id.is_empty() && happening.app_id != client.start.app_id;
    let known = |happening: &Happening| {
        let replayed = match proof {
            Proof::Signed(signature) => !client.has(Defect::NoReplayMemory) && client.replays().knows(now, signature),
            Proof::None | Proof::OldCard => false,
        };
        replayed || client.with_seen(|seen| seen.knows(client, happening))
    };
    if foreign || known(&happening) || !admits(client, &happening) {
        return nothing(callback);
    }
    if client.has(Defect::AnswersBeforeInbox) && !callback && client.inbox.is_full() {
        let (shared, proof) = (Arc::clone(client), proof.clone());
        client.spawn(async move {
            if room(&shared, arrived).await {
                let _ = deliver(&shared, happening, &proof);
            }
        });
        return success();
    }
    if !room(client, arrived).await {
        return match callback || client.has(Defect::PostedFullInboxDrops) {
            true => nothing(callback),
            false => (503, REFUSED.to_owned()),
        };
    }
    // The same event may have come again meanwhile.
    if known(&happening) {
        return nothing(callback);
    }
    let asked = deliver(client, happening, proof);
    let Some(mut asked) = asked else { return success() };
    let due = arrived + ANSWER;
    let answered = async {
        match asked.recv().await {
            Some((_, answer)) => answer,
            // The program never will.
            None => std::future::pending().await,
        }
    };
    let answer = tokio::select! {
        answer = answered => answer,
        () = sleep_until(due), if !client.has(Defect::WaitsForTheProgram) => None,
    };
    (200, answer.unwrap_or_else(|| json!({})).to_string())
}

/// Waits until there is room; not for ever, and not when the bot is to stop.
async fn room(client: &Client, arrived: Instant) -> bool {
    while client.inbox.is_full() {
        if arrived.elapsed() >= ROOM || client.is_stopping() {
            return false;
        }
        sleep(Duration::from_millis(10)).await;
    }
    !client.is_stopping()
}

/// Puts it into the inbox; who asked for a callback hears its answer here.
fn deliver(
    client: &Arc<Client>,
    happening: Happening,
    proof: &Proof,
) -> Option<UnboundedReceiver<super::inbox::Answered>> {
    client.remember(&happening);
    if let Proof::Signed(signature) = proof {
        let window = client.start.settings.webhook.as_ref().and_then(|webhook| webhook.options.max_age_secs);
        let until = client.wall_ms() + 2 * u64::from(window.unwrap_or(3600)) * 1000;
        client.replays().0.push_back((until, signature.clone()));
    }
    let (sender, answers) = unbounded_channel();
    let asks = happening.callback.then_some((0, sender));
    let asked = happening.callback.then_some(answers);
    client.inbox.put(client, Entry { event: event(client, &happening), asks });
    if let Some(message) = &happening.message {
        super::reactions::react(client, message);
    }
    asked
}
