//! Writes requests as the platform posts them to webhooks, one JSON object per line: what stood on the wire, and what has
//! to be read from it. `conformance/sdk/run` gives them to the official Python SDK.
//!
//! ```console
//! $ cargo run -p larkwire-conformance --example webhook_requests -- 1000
//! {"kind":"event","encrypt_key":"…","verification_token":"…","headers":{…},"body":"…","expected":{…}}
//! ```
//!
//! An argument says how many events there are; with every tenth come a url_verification request and an old card callback.

use std::error::Error;
use std::io::Write as _;

use larkwire_conformance::platform::webhook::WebhookListener;
use larkwire_conformance::platform::{AppSpec, Platform, PlatformConfig, Push, WebhookSpec};
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let count: usize = std::env::args().nth(1).as_deref().unwrap_or("1000").parse()?;
    let mut rng: StdRng = rand::make_rng();
    let platform = Platform::in_memory(PlatformConfig::default());
    let mut out = std::io::stdout().lock();
    for number in 0..count {
        let app_id = format!("cli_{number:016x}");
        let key = text(&mut rng, 1, 64);
        // It is compared, not derived from, and consists of letters and digits on the live platform.
        let token = format!("{:032x}", rng.random::<u128>());
        platform.add_app(AppSpec::new(&app_id, "secret"));
        let spec = WebhookSpec::new(&app_id, "http://bot/lark", &token).encrypt_key(&key);
        platform.subscribe_webhook(spec.clone())?;
        let mut bot = platform.listen_webhook(&app_id)?;
        let len = if number % 50 == 0 { 20_000 } else { 300 };
        let event = json!({ "text": text(&mut rng, 0, len), "number": rng.random::<u32>() });
        let event_id = format!("{:032x}", rng.random::<u128>());
        let push = Push::event("larkwire.test_v1", event.clone()).app(&app_id).event_id(&event_id);
        platform.push(&if number % 4 == 0 { push.v1() } else { push })?;
        let line = |kind: &str, (headers, body): (Value, String), expected: Value| {
            json!({
                "kind": kind, "encrypt_key": key, "verification_token": token,
                "headers": headers, "body": body, "expected": expected,
            })
        };
        let version = if number % 4 == 0 { "event_v1" } else { "event_v2" };
        writeln!(out, "{}", line(version, request(&mut bot).await?, json!({ "event_id": event_id, "event": event })))?;
        if number % 10 != 0 {
            continue;
        }
        // Nobody says the right thing to it here; what counts is the request.
        let (asked, _verdict) = tokio::join!(request(&mut bot), platform.challenge(&app_id));
        writeln!(out, "{}", line("challenge", asked?, json!({})))?;
        platform.subscribe_webhook(spec.old_cards())?;
        let mut bot = platform.listen_webhook(&app_id)?;
        let action = json!({ "tag": "button", "value": { "text": text(&mut rng, 0, 300) } });
        platform.push(&Push::card_action("c-1", "om_1", "oc_1", "ou_ann", action.clone()).app(&app_id))?;
        writeln!(out, "{}", line("card", request(&mut bot).await?, json!({ "action": action })))?;
    }
    Ok(())
}

/// Characters of all lengths in UTF-8, and those that JSON has to escape.
fn text(rng: &mut StdRng, least: usize, most: usize) -> String {
    const CHARACTERS: [char; 16] =
        ['a', 'Z', '0', ' ', '"', '\\', '/', '\n', '\u{1}', '\u{7f}', 'é', '你', '好', '\u{2028}', '👋', '🚀'];
    let len = rng.random_range(least..=most);
    (0..len).map(|_| CHARACTERS[rng.random_range(0..CHARACTERS.len())]).collect()
}

/// The next request as it stands on the wire; it is answered.
async fn request(bot: &mut WebhookListener) -> Result<(Value, String), Box<dyn Error>> {
    let mut stream = bot.accept().await.ok_or("no connection")?;
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err("the request broke off".into());
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let (head, body) = (std::str::from_utf8(&bytes[..end])?, &bytes[end + 4..]);
        let headers: Map<String, Value> = head
            .split("\r\n")
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        let length = headers.get("Content-Length").and_then(Value::as_str).ok_or("no length")?;
        if body.len() >= length.parse()? {
            let request = (Value::Object(headers.clone()), String::from_utf8(body.to_vec())?);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await?;
            return Ok(request);
        }
    }
}
