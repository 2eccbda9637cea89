//! What only attackers and broken proxies send to a webhook, against a bot that does what the rules say and no more.
#![cfg(feature = "platform")]
#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "a test ends where it fails")]

mod common;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::subscriber::{Answer, Seen, Subscriber, answer, success};
use common::{APP, hello, platform, request, wait};
use larkwire_conformance::platform::webhook::{decrypt, hostile_list, signature};
use larkwire_conformance::platform::{Expected, Kind, Platform, WebhookError, WebhookSpec};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const KEY: &str = "encrypt key";
const TOKEN: &str = "verification token";

/// A bot by the order of checks of protocol section 17.3.
#[derive(Default)]
struct Careful {
    signatures: HashSet<String>,
    events: HashSet<String>,
    /// `event_id` of what the application got.
    delivered: Arc<Mutex<Vec<String>>>,
}

impl Careful {
    fn answer(&mut self, request: &Seen) -> Answer {
        if !request.line.starts_with("POST ") {
            return answer(405, "{}");
        }
        let named = |name: &str| request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        if named("Content-Type").is_some_and(|(_, value)| !value.starts_with("application/json")) {
            return answer(415, "{}");
        }
        if request.body.len() > 512 * 1024 {
            return answer(413, "{}");
        }
        self.check(request).unwrap_or_else(|| answer(401, "{}"))
    }

    fn check(&mut self, request: &Seen) -> Option<Answer> {
        let all = |name: &str| -> Vec<&str> {
            let named = request.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
            named.map(|(_, value)| value.as_str()).collect()
        };
        let stamp = ["X-Lark-Request-Timestamp", "X-Lark-Request-Nonce", "X-Lark-Signature"].map(all);
        let signed = match stamp.each_ref().map(|values| &values[..]) {
            [[], [], []] => false,
            [[timestamp], [nonce], [given]] => {
                let right = signature(timestamp, nonce, KEY, &request.body);
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
                let fresh = timestamp.parse::<u64>().is_ok_and(|at| at.abs_diff(now) <= 3600);
                if nonce.is_empty() || *given != right || !fresh {
                    return None;
                }
                if !self.signatures.insert(right) {
                    return Some(success());
                }
                true
            }
            _ => return None,
        };
        let parse =
            |bytes: &[u8]| serde_json::from_slice::<Value>(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)).ok();
        let mut body = parse(&request.body);
        let encrypted = body.as_ref().and_then(|body| body.get("encrypt")).cloned();
        if let Some(Value::String(text)) = &encrypted {
            body = parse(&decrypt(KEY, text)?);
        }
        let verification = body.as_ref().is_some_and(|body| body["type"] == "url_verification");
        if !signed && !verification {
            return None;
        }
        // Malformed, but from the platform.
        let Some(body) = body.filter(Value::is_object) else { return Some(success()) };
        let token = if body["header"].is_object() { &body["header"]["token"] } else { &body["token"] };
        if token != TOKEN {
            return None;
        }
        if verification {
            return Some(answer(200, &json!({ "challenge": body["challenge"] }).to_string()));
        }
        let id = body["header"]["event_id"].as_str().or(body["uuid"].as_str())?.to_owned();
        let ours = [&body["header"]["app_id"], &body["event"]["app_id"]].contains(&&json!(APP));
        if ours && self.events.insert(id.clone()) {
            self.delivered.lock().unwrap().push(id);
        }
        Some(success())
    }
}

async fn subscribed(answer: impl FnMut(&Seen) -> Answer + Send + 'static) -> (Platform, Subscriber) {
    let platform = platform().await;
    let subscriber = Subscriber::on_tcp(answer).await;
    platform.subscribe_webhook(WebhookSpec::new(APP, &subscriber.url, TOKEN).encrypt_key(KEY)).unwrap();
    (platform, subscriber)
}

#[tokio::test]
async fn a_bot_that_follows_the_rules_answers_every_request_as_it_should() {
    let mut careful = Careful::default();
    let delivered = Arc::clone(&careful.delivered);
    let (platform, _bot) = subscribed(move |request| careful.answer(request)).await;
    for case in hostile_list() {
        let before = delivered.lock().unwrap().len();
        let answer = platform.hostile(APP, case.name).await.unwrap();
        assert!(answer.as_expected, "{answer:?}");
        let news = delivered.lock().unwrap()[before..].to_vec();
        let expected = if case.expected == Expected::Accepted { vec![answer.event_id] } else { Vec::new() };
        assert_eq!(news, expected, "{}", case.name);
    }
    assert!(platform.records().iter().any(|record| matches!(record.kind, Kind::HostileSent(_))));
}

#[tokio::test]
async fn a_bot_that_takes_everything_fails_wherever_it_should_refuse() {
    let (platform, _bot) = subscribed(|_| success()).await;
    for case in hostile_list() {
        let right = platform.hostile(APP, case.name).await.unwrap().as_expected;
        let wanted = matches!(case.expected, Expected::Accepted | Expected::Either | Expected::Swallowed);
        assert_eq!(right, wanted, "{}", case.name);
    }
}

#[tokio::test]
async fn a_replay_is_the_last_request_byte_for_byte() {
    let (platform, mut bot) = subscribed(|_| success()).await;
    platform.push(&hello().event_id("e1")).unwrap();
    let first = bot.next().await;
    wait(&platform, |kind| matches!(kind, Kind::WebhookAnswered { .. })).await;
    platform.hostile(APP, "replay").await.unwrap();
    let again = bot.next().await;
    assert_eq!((&again.headers, &again.body), (&first.headers, &first.body));
    platform.hostile(APP, "sealed-again").await.unwrap();
    let anew = bot.next().await;
    assert_ne!(anew.body, first.body);
    assert_eq!(anew.plain(KEY), first.plain(KEY));
    let (platform, mut bot) = subscribed(|_| success()).await;
    platform.hostile(APP, "replay").await.unwrap();
    assert_eq!(bot.next().await.body, bot.next().await.body, "an event and its replay");
}

#[tokio::test]
async fn forged_requests_come_in_any_number_ready_to_be_written() {
    let mut careful = Careful::default();
    let (platform, mut bot) = subscribed(move |request| careful.answer(request)).await;
    let requests = platform.forged(APP, 20, 4000).unwrap();
    assert_eq!(requests.iter().collect::<HashSet<_>>().len(), 20);
    for request in requests {
        let mut stream =
            TcpStream::connect(bot.url.trim_start_matches("http://").trim_end_matches("/lark")).await.unwrap();
        stream.write_all(&request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
        let seen = bot.next().await;
        assert!((3900..4200).contains(&seen.body.len()), "{}", seen.body.len());
    }
}

#[tokio::test]
async fn a_slow_request_arrives_in_the_end() {
    let mut careful = Careful::default();
    let (platform, _bot) = subscribed(move |request| careful.answer(request)).await;
    let every = Duration::from_millis(20);
    for answer in [platform.slow_body(APP, 5, every).await.unwrap(), platform.slow_head(APP, 5, every).await.unwrap()] {
        assert_eq!(answer.status, Some(200), "{answer:?}");
        assert!(answer.after_ms >= 100, "{answer:?}");
    }
}

#[tokio::test]
async fn without_a_key_or_a_name_there_is_nothing_to_send() {
    let platform = platform().await;
    let error = async |name: &str| platform.hostile(APP, name).await.unwrap_err();
    assert_eq!(error("valid").await, WebhookError::NotSubscribed(APP.to_owned()));
    platform.subscribe_webhook(WebhookSpec::new(APP, "http://127.0.0.1:9/", TOKEN)).unwrap();
    assert_eq!(error("valid").await, WebhookError::NoKey(APP.to_owned()));
    assert_eq!(error("polite").await, WebhookError::UnknownName("polite".to_owned()));
}

#[tokio::test]
async fn other_processes_subscribe_and_send_over_the_control_interface() {
    let mut careful = Careful::default();
    let platform = platform().await;
    let bot = Subscriber::on_tcp(move |request| careful.answer(request)).await;
    let post = async |path: &str, body: Value| {
        let answer = request(&platform, "POST", &format!("/_platform/{path}"), &[], &body.to_string()).await.unwrap();
        (answer.status, answer.body)
    };
    let webhook = json!({ "url": bot.url, "encrypt_key": KEY, "verification_token": TOKEN });
    assert_eq!(post("webhook", webhook).await, (200, json!({ "app_id": APP, "url": bot.url })));
    let (status, verdict) = post("challenge", json!({})).await;
    assert_eq!((status, &verdict["passed"], &verdict["status"]), (200, &true.into(), &200.into()), "{verdict}");
    let (_, list) = post("hostile", json!({})).await;
    assert_eq!(list["hostile"].as_array().unwrap().len(), hostile_list().count());
    let get = json!({ "name": "get", "expected": { "status": 405 }, "doc": "a GET with the headers of an event" });
    assert!(list["hostile"].as_array().unwrap().contains(&get));
    let (_, answer) = post("hostile", json!({ "name": "wrong-signature" })).await;
    assert_eq!(
        (&answer["status"], &answer["expected"], &answer["as_expected"]),
        (&401.into(), &"refused".into(), &true.into())
    );
    let message = json!({ "payload": { "message": { "chat_id": "oc_1", "text": "hi" } }, "over": "webhook" });
    assert_eq!(post("push", message).await.0, 200);
    wait(&platform, |kind| matches!(kind, Kind::WebhookAnswered { settled: true, .. })).await;
    let records = request(&platform, "GET", "/_platform/records", &[], "").await.unwrap().body;
    let kinds: Vec<_> = records["records"].as_array().unwrap().iter().map(|record| &record["kind"]).collect();
    assert_eq!(kinds, ["challenged", "hostile_sent", "webhook_posted", "webhook_answered"]);
    let state = request(&platform, "GET", "/_platform/state", &[], "").await.unwrap().body;
    assert_eq!(state["apps"][0]["webhook"], json!(bot.url));
    assert_eq!(post("webhook", json!({ "url": null })).await.0, 200);
    assert_eq!(post("challenge", json!({})).await.0, 400);
    assert_eq!(post("webhook", json!({ "url": "ftp://bot/" })).await.0, 400);
}
