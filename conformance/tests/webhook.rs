//! Events and callbacks sent to a URL.
#![cfg(feature = "platform")]
#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "a test ends where it fails")]

mod common;

use std::time::Duration;

use common::subscriber::{Answer, Seen, Subscriber, answer, success};
use common::{APP, Client, SECRET, count, envelope, hello, platform_with, wait};
use larkwire_conformance::platform::webhook::{card_signature, signature};
use larkwire_conformance::platform::{
    AppSpec, Kind, Platform, PlatformConfig, Push, Resend, Route, WebhookError, WebhookFailure, WebhookSpec,
};
use serde_json::json;

const KEY: &str = "encrypt key";
const TOKEN: &str = "verification token";
const MINUTE: Duration = Duration::from_secs(60);

/// A platform and a subscriber, on real time; redeliveries wait for the platform's clock to be put forward.
async fn subscribed(
    adjust: impl FnOnce(WebhookSpec) -> WebhookSpec,
    answer: impl FnMut(&Seen) -> Answer + Send + 'static,
) -> (Platform, Subscriber) {
    let platform = platform_with(PlatformConfig::default()).await;
    let subscriber = Subscriber::on_tcp(answer).await;
    platform.subscribe_webhook(adjust(WebhookSpec::new(APP, &subscriber.url, TOKEN).encrypt_key(KEY))).unwrap();
    (platform, subscriber)
}

/// The same inside the process, for tokio's paused clock.
fn in_memory(
    adjust: impl FnOnce(WebhookSpec) -> WebhookSpec,
    answer: impl FnMut(&Seen) -> Answer + Send + 'static,
) -> (Platform, Subscriber) {
    let platform = Platform::in_memory(PlatformConfig::default());
    platform.add_app(AppSpec::new(APP, SECRET));
    platform.subscribe_webhook(adjust(WebhookSpec::new(APP, "http://bot/lark", TOKEN).encrypt_key(KEY))).unwrap();
    let listener = platform.listen_webhook(APP).unwrap();
    (platform, Subscriber::on_pipe(listener, answer))
}

fn click() -> Push {
    let action = json!({ "tag": "button", "value": { "choice": "yes" } });
    Push::card_action("c-1", "om_1", "oc_room", "ou_ann", action).event_id("click")
}

fn settled(kind: &Kind) -> bool {
    matches!(kind, Kind::WebhookAnswered { settled: true, .. })
}

fn gave_up(kind: &Kind) -> bool {
    matches!(kind, Kind::GaveUp { .. })
}

fn posted(platform: &Platform) -> usize {
    count(platform, |kind| matches!(kind, Kind::WebhookPosted { .. }))
}

fn signed_rightly(request: &Seen) -> bool {
    let header = |name| request.header(name).unwrap();
    let (timestamp, nonce) = (header("X-Lark-Request-Timestamp"), header("X-Lark-Request-Nonce"));
    header("X-Lark-Signature") == signature(timestamp, nonce, KEY, &request.body)
}

#[tokio::test]
async fn an_event_is_posted_encrypted_and_signed() {
    let (platform, mut bot) = subscribed(|spec| spec, |_| success()).await;
    let push = platform.push(&hello().event_id("e1").message_id("om_1")).unwrap();
    let request = bot.next().await;
    assert_eq!(request.line, "POST /lark HTTP/1.1");
    let names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    let own = ["Content-Type", "X-Request-Id", "X-Lark-Request-Timestamp", "X-Lark-Request-Nonce", "X-Lark-Signature"];
    assert_eq!(names, [&["Host"][..], &own, &["Content-Length", "Connection"]].concat());
    assert_eq!(request.header("Content-Type"), Some("application/json; charset=utf-8"));
    assert!(signed_rightly(&request));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let timestamp: u64 = request.header("X-Lark-Request-Timestamp").unwrap().parse().unwrap();
    assert!(now.abs_diff(timestamp) <= 10, "{timestamp}");
    assert_eq!(request.json().as_object().unwrap().len(), 1);
    let plain = request.plain(KEY);
    assert_eq!((&plain["schema"], &plain["header"]["event_id"]), (&"2.0".into(), &"e1".into()));
    assert_eq!((&plain["header"]["token"], &plain["header"]["app_id"]), (&TOKEN.into(), &APP.into()));
    assert_eq!(plain["event"]["message"]["message_id"], "om_1");
    let answered = wait(&platform, settled).await.kind;
    let Kind::WebhookAnswered { push: of, event_id, attempt, status, body, .. } = answered else { unreachable!() };
    assert_eq!((of, &*event_id, attempt, status, &*body), (push, "e1", 0, 200, r#"{"msg":"success"}"#));
    let recorded = wait(&platform, |kind| matches!(kind, Kind::WebhookPosted { .. })).await.kind;
    let Kind::WebhookPosted { headers, bytes, message_id, .. } = recorded else { unreachable!() };
    assert_eq!((headers, bytes), (own.map(str::to_owned).to_vec(), request.body.len()));
    assert_eq!(message_id.as_deref(), Some("om_1"));
    platform.advance(24 * 60 * MINUTE);
    assert_eq!(posted(&platform), 1, "nothing comes after 200");
    assert!(platform.secrets().contains(&KEY.to_owned()));
}

#[tokio::test]
async fn without_a_key_it_is_plain_and_not_signed() {
    let plain = |spec: WebhookSpec| WebhookSpec { encrypt_key: None, ..spec };
    let (platform, mut bot) = subscribed(plain, |_| success()).await;
    platform.push(&hello().v1().event_id("u1")).unwrap();
    let request = bot.next().await;
    assert_eq!(request.header("X-Lark-Signature"), None);
    let body = request.json();
    assert_eq!((&body["uuid"], &body["token"], &body["type"]), (&"u1".into(), &TOKEN.into(), &"event_callback".into()));
    platform.push(&Push::raw(*b"{not json")).unwrap();
    assert_eq!(bot.next().await.body, b"{not json");
}

#[tokio::test]
async fn what_is_not_answered_with_200_comes_again_after_15_s_5_min_1_h_and_6_h() {
    let mut answers =
        [answer(500, ""), answer(201, "{}"), answer(302, ""), answer(404, ""), answer(503, "")].into_iter();
    let (platform, mut bot) = subscribed(|spec| spec, move |_| answers.next().unwrap()).await;
    platform.push(&hello().event_id("e1")).unwrap();
    let first = bot.next().await;
    let failed = |kind: &Kind| {
        matches!(kind, Kind::WebhookAnswered { settled: false, .. } | Kind::WebhookFailed { .. } | Kind::GaveUp { .. })
    };
    let mut after = 0;
    let mut nonces = vec![first.header("X-Lark-Request-Nonce").unwrap().to_owned()];
    for seconds in [15, 5 * 60, 60 * 60, 6 * 60 * 60] {
        let record = platform.wait_for_after(after, |record| failed(&record.kind), common::LONG).await.unwrap();
        after = record.number;
        // The wait begins a moment after the record; a second less is too early in any case.
        platform.advance(Duration::from_secs(seconds - 1));
        tokio::time::sleep(Duration::from_millis(30)).await;
        assert!(bot.is_quiet(), "before {seconds} s");
        platform.advance(Duration::from_secs(1));
        let again = bot.next().await;
        assert!(signed_rightly(&again));
        assert_eq!(again.plain(KEY), first.plain(KEY));
        assert_ne!(again.body, first.body, "the IV is new");
        nonces.push(again.header("X-Lark-Request-Nonce").unwrap().to_owned());
    }
    wait(&platform, gave_up).await;
    nonces.sort();
    nonces.dedup();
    assert_eq!((nonces.len(), posted(&platform)), (5, 5));
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::WebhookFailed { cause: WebhookFailure::Redirect, .. })), 1);
    platform.advance(24 * 60 * MINUTE);
    assert!(bot.is_quiet());
}

#[tokio::test(start_paused = true)]
async fn a_redelivery_may_be_the_same_bytes_and_its_date_goes_by_the_paused_clock() {
    for resend in [Resend::Anew, Resend::Same] {
        let (platform, mut bot) = in_memory(|spec| spec.resend(resend), |_| answer(500, ""));
        platform.push(&hello()).unwrap();
        let mut requests = Vec::new();
        for _ in 0..5 {
            requests.push(bot.next().await);
        }
        wait(&platform, gave_up).await;
        let at = |request: &Seen| request.header("X-Lark-Request-Timestamp").unwrap().parse::<u64>().unwrap();
        let (first, last) = (&requests[0], &requests[4]);
        match resend {
            Resend::Anew => {
                assert!((25_515..25_520).contains(&(at(last) - at(first))), "15 s and 5 min and 1 h and 6 h")
            }
            Resend::Same => assert_eq!((&last.headers, &last.body), (&first.headers, &first.body)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_answer_within_3_s_is_asked_again() {
    let mut silent = true;
    let reaction = move |_: &Seen| if std::mem::take(&mut silent) { None } else { success() };
    let (platform, mut bot) = in_memory(|spec| spec, reaction);
    let began = tokio::time::Instant::now();
    platform.push(&hello()).unwrap();
    bot.next().await;
    bot.next().await;
    assert!((18_000..18_100).contains(&began.elapsed().as_millis()), "3 s and 15 s: {:?}", began.elapsed());
    wait(&platform, settled).await;
    let failed = wait(&platform, |kind| matches!(kind, Kind::WebhookFailed { .. })).await.kind;
    let Kind::WebhookFailed { cause, after_ms, attempt, .. } = failed else { unreachable!() };
    assert_eq!((cause, attempt), (WebhookFailure::TimeOut, 0));
    assert!((3000..3100).contains(&after_ms), "{after_ms}");
}

#[tokio::test]
async fn nobody_there_is_a_failure_of_its_own() {
    let platform = platform_with(PlatformConfig { redelivery: Vec::new(), ..PlatformConfig::default() }).await;
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    platform.subscribe_webhook(WebhookSpec::new(APP, format!("http://127.0.0.1:{port}/"), TOKEN)).unwrap();
    platform.push(&hello()).unwrap();
    wait(&platform, |kind| matches!(kind, Kind::WebhookFailed { cause: WebhookFailure::Connect, .. })).await;
    wait(&platform, gave_up).await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut elsewhere = Subscriber::on_tcp(|_| success()).await;
    let moved = format!("HTTP/1.1 307 Moved\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url);
    let (platform, _bot) = subscribed(|spec| spec, move |_| Some(moved.clone())).await;
    platform.push(&click()).unwrap();
    let failed = wait(&platform, |kind| matches!(kind, Kind::WebhookFailed { .. })).await.kind;
    assert!(matches!(failed, Kind::WebhookFailed { cause: WebhookFailure::Redirect, .. }), "{failed:?}");
    wait(&platform, gave_up).await;
    assert!(elsewhere.is_quiet());
}

#[tokio::test]
async fn the_body_is_the_answer_to_a_callback_and_nothing_is_asked_twice() {
    let toast = json!({ "toast": { "type": "success", "content": "done" } });
    let mut answers =
        [toast.to_string(), r#"{"msg":"success"}"#.to_owned(), "{}".to_owned(), String::new()].into_iter();
    let (platform, mut bot) = subscribed(|spec| spec, move |_| answer(200, &answers.next().unwrap())).await;
    let mut after = 0;
    for expected in [(Some(toast.clone()), 0), (Some(json!({ "msg": "success" })), 1), (Some(json!({})), 0), (None, 1)]
    {
        platform.push(&click()).unwrap();
        assert_eq!(bot.next().await.plain(KEY)["event"]["context"]["open_message_id"], "om_1");
        let answered = |kind: &Kind| matches!(kind, Kind::CallbackAnswered { .. });
        let record = platform.wait_for_after(after, |record| answered(&record.kind), common::LONG).await.unwrap();
        after = record.number;
        let Kind::CallbackAnswered { event_id, data, faults, in_time, .. } = record.kind else { unreachable!() };
        assert_eq!((data, faults.len()), expected, "{faults:?}");
        assert!(in_time && event_id == "click");
    }
    let (platform, mut bot) = subscribed(|spec| spec, |_| answer(500, "{}")).await;
    platform.push(&click()).unwrap();
    bot.next().await;
    wait(&platform, gave_up).await;
    platform.advance(24 * 60 * MINUTE);
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert!(bot.is_quiet());
}

#[tokio::test]
async fn a_click_may_come_in_the_old_form() {
    let (platform, mut bot) = subscribed(WebhookSpec::old_cards, |_| answer(200, r#"{"elements":[]}"#)).await;
    platform.push(&click()).unwrap();
    let request = bot.next().await;
    let header = |name| request.header(name).unwrap();
    let (timestamp, nonce) = (header("X-Lark-Request-Timestamp"), header("X-Lark-Request-Nonce"));
    assert_eq!(header("X-Lark-Signature"), card_signature(timestamp, nonce, TOKEN, &request.body));
    let body = request.json();
    assert_eq!((&body["open_id"], &body["open_message_id"]), (&"ou_ann".into(), &"om_1".into()));
    assert_eq!((&body["token"], &body["action"]["value"]), (&"c-1".into(), &json!({ "choice": "yes" })));
    let answered = wait(&platform, |kind| matches!(kind, Kind::CallbackAnswered { .. })).await.kind;
    assert!(matches!(answered, Kind::CallbackAnswered { faults, .. } if faults.is_empty()));
    platform.push(&hello()).unwrap();
    assert_eq!(bot.next().await.plain(KEY)["header"]["event_type"], "im.message.receive_v1");
}

#[tokio::test]
async fn a_url_has_to_answer_the_challenge() {
    let echo = |request: &Seen| {
        let challenge = request.plain(KEY)["challenge"].clone();
        answer(200, &json!({ "challenge": challenge }).to_string())
    };
    let (platform, mut bot) = subscribed(|spec| spec, echo).await;
    let verdict = platform.challenge(APP).await.unwrap();
    assert!(verdict.passed() && verdict.status == Some(200), "{verdict:?}");
    let request = bot.next().await;
    for name in ["X-Lark-Signature", "X-Lark-Request-Timestamp", "X-Lark-Request-Nonce"] {
        assert_eq!(request.header(name), None);
    }
    let plain = request.plain(KEY);
    assert_eq!((&plain["type"], &plain["token"]), (&"url_verification".into(), &TOKEN.into()));
    wait(&platform, |kind| matches!(kind, Kind::Challenged { passed: true, .. })).await;
    let (platform, mut bot) = subscribed(WebhookSpec::sign_challenge, echo).await;
    assert!(platform.challenge(APP).await.unwrap().passed());
    assert!(signed_rightly(&bot.next().await));
    let wrong = [answer(200, r#"{"challenge":"x"}"#), success(), answer(200, ""), answer(401, "{}"), answer(302, "")];
    for answer in wrong {
        let (platform, _bot) = subscribed(|spec| spec, move |_| answer.clone()).await;
        let verdict = platform.challenge(APP).await.unwrap();
        assert!(!verdict.passed(), "{verdict:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_challenge_is_answered_within_1_s() {
    let (platform, _bot) = in_memory(|spec| spec, |_| None);
    let verdict = platform.challenge(APP).await.unwrap();
    assert!(!verdict.passed() && verdict.status.is_none());
    assert!((1000..1100).contains(&verdict.after_ms), "{verdict:?}");
}

#[tokio::test]
async fn a_push_may_take_the_other_way() {
    let (platform, mut bot) = subscribed(|spec| spec, |_| success()).await;
    let mut client = Client::connect(&platform).await;
    platform.push(&hello().event_id("e1").over(Route::LongConnection)).unwrap();
    let frame = client.data().await;
    assert_eq!(envelope(std::slice::from_ref(&frame))["header"]["token"], "");
    client.ack(&frame).await;
    platform.push(&hello().event_id("e2").times(2).again_after(20 * MINUTE)).unwrap();
    for _ in 0..2 {
        assert_eq!(bot.next().await.plain(KEY)["header"]["event_id"], "e2");
    }
    platform.advance(20 * MINUTE);
    assert_eq!(bot.next().await.plain(KEY)["header"]["event_id"], "e2");
    platform.unsubscribe_webhook(APP).unwrap();
    platform.push(&hello().event_id("e3")).unwrap();
    assert_eq!(envelope(&[client.data().await])["header"]["event_id"], "e3");
    platform.push(&hello().event_id("e4").over(Route::Webhook)).unwrap();
    wait(&platform, |kind| matches!(kind, Kind::GaveUp { event_id, .. } if event_id == "e4")).await;
    assert!(bot.is_quiet());
}

#[tokio::test]
async fn what_cannot_be_subscribed_is_an_error() {
    let platform = platform_with(PlatformConfig::default()).await;
    let subscribe = |app: &str, url: &str| platform.subscribe_webhook(WebhookSpec::new(app, url, TOKEN));
    assert_eq!(subscribe("cli_nobody", "http://127.0.0.1/"), Err(WebhookError::UnknownApp("cli_nobody".to_owned())));
    assert!(matches!(subscribe(APP, "https://127.0.0.1/"), Err(WebhookError::Url(_))));
    assert_eq!(platform.challenge(APP).await, Err(WebhookError::NotSubscribed(APP.to_owned())));
    let spec = WebhookSpec::new(APP, "http://127.0.0.1/", TOKEN).encrypt_key(KEY);
    assert!(!format!("{spec:?}").contains(KEY) && !format!("{spec:?}").contains(TOKEN));
}
