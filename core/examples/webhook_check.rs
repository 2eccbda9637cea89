//! Judges requests that others made, JSON lines on stdin: `kind`, `encrypt_key`, `verification_token`, `headers`, `body`,
//! `plain`. Each must pass and say `plain`; with one character changed it must not. One line of JSON says how many did.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "it prints what it found"
)]

use std::io::BufRead as _;
use std::time::{SystemTime, UNIX_EPOCH};

use larkwire_core::webhook::{Checked, Freshness, Refusal, RequestHead, Webhook, WebhookRules};
use larkwire_core::{Region, Secret, UnixMillis};
use serde_json::{Value, json};

const SIGNED: [&str; 3] = ["X-Lark-Request-Timestamp", "X-Lark-Request-Nonce", "X-Lark-Signature"];

/// What a request says once it is verified: the text of the event, or the challenge.
fn judge(line: &Value, headers: &[(String, String)], body: &str) -> Result<String, Refusal> {
    let text = |name: &str| line[name].as_str().unwrap();
    let freshness = Freshness::Within { seconds: 24 * 3600 };
    let mut rules =
        WebhookRules::new(Secret::new(text("encrypt_key")), Secret::new(text("verification_token")), freshness);
    rules.old_cards = true;
    // The keys of old cards' requests are the token alone.
    rules.dangerously_allow_missing_keys = line["kind"] == "card" || text("encrypt_key").trim().is_empty();
    let webhook = Webhook::new(&rules, Region::growable(1024)).unwrap();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let unix = UnixMillis(u64::try_from(since.as_millis()).unwrap());
    let head = RequestHead::new("POST", headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
    let mut body = body.as_bytes().to_vec();
    match webhook.check(&head, &mut body, Some(unix))? {
        Checked::Posted(posted) => Ok(posted.json().to_owned()),
        Checked::Challenge(challenge) => {
            let mut out = vec![0; 64 * 1024];
            let reply = challenge.reply(&mut out).unwrap();
            let answer: Value = serde_json::from_slice(reply.body).unwrap();
            Ok(answer["challenge"].as_str().unwrap().to_owned())
        }
    }
}

/// With another letter or digit at this place.
fn changed(text: &str, at: usize) -> String {
    let other = if text.as_bytes()[at] == b'0' { "1" } else { "0" };
    format!("{}{other}{}", &text[..at], &text[at + 1..])
}

fn main() {
    let (mut of, mut taken, mut altered, mut refused) = (0, 0, 0, 0);
    let mut problems = Vec::new();
    for line in std::io::stdin().lock().lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if line["encrypt_key"].as_str().unwrap().trim().is_empty() && line["kind"] != "card" {
            // A blank key is none: this one cannot be set up.
            continue;
        }
        let headers: Vec<(String, String)> = line["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        let (plain, body) = (line["plain"].as_str().unwrap(), line["body"].as_str().unwrap());
        let wanted = match line["kind"].as_str().unwrap() {
            "challenge" => serde_json::from_str::<Value>(plain).unwrap()["challenge"].as_str().unwrap().to_owned(),
            _ => plain.to_owned(),
        };
        of += 1;
        match judge(&line, &headers, body) {
            Ok(said) if said == wanted => taken += 1,
            other => problems.push(format!("{}: {other:?} instead of {wanted:?}", line["kind"])),
        }
        if line["kind"] == "challenge" {
            continue;
        }
        for name in SIGNED {
            let mut headers = headers.clone();
            let (_, value) = headers.iter_mut().find(|(known, _)| known == name).unwrap();
            *value = changed(value, value.len() - 1);
            altered += 1;
            refused += usize::from(judge(&line, &headers, body).is_err());
        }
        let middle = (body.len() / 2..body.len()).find(|at| body.as_bytes()[*at].is_ascii_alphanumeric()).unwrap();
        altered += 1;
        refused += usize::from(judge(&line, &headers, &changed(body, middle)).is_err());
    }
    problems.truncate(3);
    println!(
        "{}",
        json!({"name": "requests made by the SDK's rules, taken by larkwire", "of": of, "good": taken, "problems": problems})
    );
    println!(
        "{}",
        json!({"name": "of them with one character changed, refused by larkwire", "of": altered, "good": refused, "problems": []})
    );
}
