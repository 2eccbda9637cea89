//! The platform posts events instead of sending them over a long connection.

use larkwire_conformance::platform::{
    Answer as RestAnswer, Endpoint, Kind, Platform, Push, RestFault, Switch, WebhookRequest,
};
use larkwire_tokio::core::fault::DropReason;
use larkwire_tokio::core::webhook::Refusal;
use larkwire_tokio::core::{AckReactions, State};
use larkwire_tokio::webhook::{Server, WebhookSettings};
use larkwire_tokio::{Client, End, Settings};
use serde_json::{Value, json};

use crate::clock::{Clock, eventually, seconds};
use crate::directory::Directory;
use crate::hook::*;
use crate::log::Log;
use crate::support::*;

fn answered(kind: &Kind) -> bool {
    matches!(kind, Kind::WebhookAnswered { settled: true, .. })
}

/// Status and body of every answer, in order.
fn answers(platform: &Platform) -> Vec<(u16, String)> {
    picked(platform, |kind| match kind {
        Kind::WebhookAnswered { status, body, faults, .. } => {
            assert!(faults.is_empty(), "{faults:?}");
            Some((status, body))
        }
        Kind::WebhookFailed { reason, .. } => panic!("{reason}"),
        _ => None,
    })
}

#[tokio::test]
async fn the_url_is_verified_and_a_message_arrives_and_is_answered() {
    let platform = platform().await;
    let (client, mut events, serving) = hooked(&platform).await;
    assert!(platform.challenge(APP).await.unwrap().passed());
    platform.push(&text("你好 \"world\" 🚀")).unwrap();
    let event = next(&mut events).await;
    assert_eq!(event.text().as_deref(), Some("你好 \"world\" 🚀"));
    wait(&platform, answered).await;
    assert_eq!(answers(&platform), [(200, r#"{"msg":"success"}"#.into())]);
    soon(client.reply_text(&event.message_id().unwrap(), "heard")).await.unwrap();
    assert_eq!((client.stats().posts, client.stats().challenges, client.stats().accepted), (1, 1, 1));
    assert_eq!(client.state(), State::Resting);
    assert_eq!(platform.connections(APP), 0);
    serving.shut_down().await;
    assert_eq!(soon(client.shut_down()).await, End::Stopped);
}

#[tokio::test]
async fn a_full_inbox_has_the_event_sent_again_and_nothing_is_lost_or_doubled() {
    let platform = platform().await;
    let (client, mut events, _serving) = hooked_with(&platform, &settings(&platform).inbox(1).webhook(keys())).await;
    for n in 0..3 {
        platform.push(&text(&format!("{n}"))).unwrap();
    }
    // One is in the inbox, the others wait for room in vain.
    wait(&platform, |kind| matches!(kind, Kind::WebhookAnswered { status: 503, body, .. } if body.contains("refused")))
        .await;
    let mut texts: Vec<_> = [next(&mut events).await, next(&mut events).await, next(&mut events).await]
        .iter()
        .map(|event| event.text().unwrap())
        .collect();
    texts.sort();
    assert_eq!(texts, ["0", "1", "2"]);
    wait_for_many(&platform, 3, answered).await;
    assert_eq!(client.stats().accepted, 3);
    assert!(client.stats().refused(Refusal::InboxFull) >= 1);
    assert!(rest(&client, &mut events).await.is_empty());
}

#[tokio::test]
async fn a_request_that_is_sent_twice_is_answered_twice_and_delivered_once() {
    let platform = platform().await;
    let (client, mut events, serving) = hooked(&platform).await;
    let request = sealed(1, &message(1, "once"));
    for _ in 0..3 {
        let answer = post(serving.local_addr(), &request).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"msg":"success"}"#));
    }
    // The same event under another signature, and another event under the same body.
    assert_eq!(post(serving.local_addr(), &sealed(2, &message(1, "once"))).await.status, 200);
    assert_eq!(next(&mut events).await.text().as_deref(), Some("once"));
    assert!(rest(&client, &mut events).await.is_empty());
    assert_eq!(client.stats().dropped(DropReason::Duplicate), 3);
}

#[tokio::test]
async fn a_restart_does_not_let_a_recorded_request_pass_again() {
    let platform = platform().await;
    let directory = Directory::new("webhook-seen");
    let mut no_id = message(1, "recorded");
    // Nothing but the signature makes it recognisable.
    no_id["header"].as_object_mut().unwrap().remove("event_id");
    no_id["event"]["message"].as_object_mut().unwrap().remove("message_id");
    let request = sealed(1, &no_id);
    let settings = settings(&platform).dedup_file(directory.file("seen")).webhook(keys());
    for delivered in [1, 0] {
        let (client, mut events, serving) = hooked_with(&platform, &settings).await;
        assert_eq!(post(serving.local_addr(), &request).await.status, 200);
        assert_eq!(rest(&client, &mut events).await.len(), delivered);
    }
}

#[tokio::test]
async fn a_click_gets_the_answer_of_the_program_or_an_empty_one() {
    let platform = platform().await;
    let (client, mut events, _serving) = hooked(&platform).await;
    let click = |token: &str| {
        let action = json!({ "tag": "button", "value": { "choice": "yes" } });
        Push::card_action(token, "om_card", "oc_room", "ou_ann", action)
    };
    platform.push(&click("c-1")).unwrap();
    let event = next(&mut events).await;
    let toast = json!({ "toast": { "type": "success", "content": "gespeichert 好" } });
    client.respond(&event, &toast.to_string()).unwrap();
    wait(&platform, answered).await;
    platform.push(&click("c-2")).unwrap();
    next(&mut events).await;
    // Nobody says anything: 2.5 s later it is `{}`.
    wait_for_many(&platform, 2, answered).await;
    let bodies: Vec<Value> = answers(&platform).iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect();
    assert_eq!(bodies, [toast, json!({})]);
    assert_eq!((client.stats().callbacks_answered, client.stats().callbacks_unanswered), (1, 1));
    assert_faultless(&platform);
}

#[tokio::test]
async fn an_old_card_is_heard_only_where_that_was_asked_for() {
    let card = json!({
        "open_id": "ou_ann", "user_id": "ann", "open_message_id": "om_card", "open_chat_id": "oc_room",
        "tenant_key": "tenant", "token": "c-old", "action": {"value": {"k": "v"}, "tag": "button"},
    });
    let platform = platform().await;
    for (allowed, status) in [(false, 401), (true, 200)] {
        let settings = settings(&platform).webhook(keys().old_cards(allowed));
        let (client, mut events, serving) = hooked_with(&platform, &settings).await;
        let request = WebhookRequest::old_card(card.to_string().as_bytes(), TOKEN, &stamp(1, 0));
        let at = serving.local_addr();
        let answering = tokio::spawn(async move { post(at, &request).await });
        if allowed {
            let event = next(&mut events).await;
            assert!(event.is_callback());
            client.respond(&event, r#"{"toast":{"type":"info","content":"old"}}"#).unwrap();
        }
        let answer = soon(answering).await.unwrap();
        assert_eq!((answer.status, answer.body.contains("old")), (status, allowed));
    }
}

#[tokio::test]
async fn groups_mentions_reactions_and_the_allow_list_work_as_over_the_long_connection() {
    let platform = platform().await;
    let settings =
        strict(&platform).allow("ou_ann").mention_only(true).ack_reactions(AckReactions::Auto).webhook(keys());
    let (client, mut events, _serving) = hooked_with(&platform, &settings).await;
    eventually("the bot knows itself", || client.own_open_id().is_some()).await;
    platform.push(&Push::text("oc_x", "ou_eve", "let me in")).unwrap();
    platform.push(&text("to nobody in particular")).unwrap();
    platform.push(&whisper("hello")).unwrap();
    assert_eq!(next(&mut events).await.text().as_deref(), Some("hello"));
    wait_for_many(&platform, 3, answered).await;
    wait(&platform, |kind| matches!(kind, Kind::Reacted { .. })).await;
    assert!(rest(&client, &mut events).await.is_empty());
    assert_eq!(client.stats().dropped(DropReason::SenderNotAllowed), 1);
    assert_eq!(client.stats().dropped(DropReason::NoMention), 1);
}

#[tokio::test]
async fn two_bots_share_a_port_and_the_door_says_whether_they_are_well() {
    let platform = platform().await;
    let (one, mut events) = Client::start(&settings(&platform).webhook(keys())).unwrap();
    let (other, mut others) = Client::start(&settings(&platform).webhook(WebhookSettings::new("k2", "t2"))).unwrap();
    let server = Server::new().route("/lark", one.webhook().unwrap()).route("/other", other.webhook().unwrap());
    let serving = server.bind("127.0.0.1:0").await.unwrap();
    let at = serving.local_addr();
    let health = |answer: Answer| (answer.status, answer.body);
    let get = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert_eq!(health(exchange(at, get).await), (200, r#"{"status":"ok"}"#.into()));
    let request = sealed(1, &message(1, "for one"));
    assert_eq!(exchange(at, &request.to_bytes("x", "/other")).await.status, 401);
    assert_eq!(exchange(at, &request.to_bytes("x", "/lark")).await.status, 200);
    assert_eq!(next(&mut events).await.text().as_deref(), Some("for one"));
    assert!(rest(&other, &mut others).await.is_empty());
    assert_eq!(health(exchange(at, get).await), (503, r#"{"status":"ended"}"#.into()));
    // Whoever still runs is served.
    assert_eq!(post(at, &sealed(2, &message(2, "more"))).await.status, 200);
    assert_eq!(exchange(at, &request.to_bytes("x", "/other")).await.status, 401);
}

#[tokio::test]
async fn what_waits_when_the_bot_stops_is_left_to_the_platform() {
    let platform = platform().await;
    let (client, mut events, serving) = hooked_with(&platform, &settings(&platform).inbox(1).webhook(keys())).await;
    let at = serving.local_addr();
    assert_eq!(post(at, &sealed(1, &message(1, "in the inbox"))).await.status, 200);
    let waiting = tokio::spawn(async move { post(at, &sealed(2, &message(2, "in vain"))).await });
    while client.stats().posts < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(soon(client.shut_down()).await, End::Stopped);
    assert_eq!(soon(waiting).await.unwrap().status, 503);
    assert_eq!(post(at, &sealed(3, &message(3, "too late"))).await.status, 503);
    assert_eq!(next(&mut events).await.text().as_deref(), Some("in the inbox"));
    serving.shut_down().await;
}

#[tokio::test]
async fn a_service_is_mounted_in_a_server_of_ones_own() {
    let platform = platform().await;
    let (client, mut events) = Client::start(&settings(&platform).webhook(keys())).unwrap();
    let app = axum::Router::new().route_service("/bots/lark", client.webhook().unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    let request = |n, plain: &Value| sealed(n, plain).to_bytes("x", "/bots/lark");
    assert_eq!(exchange(at, &request(1, &message(1, "mounted"))).await.status, 200);
    assert_eq!(next(&mut events).await.text().as_deref(), Some("mounted"));
    let forged = forged(2, &message(2, "forged")).to_bytes("x", "/bots/lark");
    assert_eq!(exchange(at, &forged).await.status, 401);
}

#[tokio::test]
async fn a_webhook_without_its_keys_is_refused_and_never_open_in_silence() {
    let platform = platform().await;
    for (key, token, missing) in
        [("", TOKEN, "encrypt_key"), (KEY, " ", "verification_token"), ("\t", "", "encrypt_key")]
    {
        let settings = settings(&platform).webhook(WebhookSettings::new(key, token));
        let error = Client::start(&settings).map(drop).unwrap_err().to_string();
        assert!(error.contains(missing), "{error}");
    }
    let log = Log::start();
    let open = WebhookSettings::new("", "").dangerously_allow_missing_keys();
    let (client, mut events, serving) = hooked_with(&platform, &settings(&platform).webhook(open)).await;
    log.wait("DANGER").await;
    let request = WebhookRequest::unsigned(message(1, "from anybody").to_string().into_bytes(), &stamp(1, 0));
    assert_eq!(post(serving.local_addr(), &request).await.status, 200);
    assert_eq!(rest(&client, &mut events).await.len(), 1);
}

#[tokio::test]
async fn a_wrong_key_is_told_once_and_without_the_key() {
    let platform = platform().await;
    let log = Log::start();
    let (client, mut events, serving) = hooked(&platform).await;
    for n in 0..50 {
        assert_eq!(post(serving.local_addr(), &forged(n, &message(n, "forged"))).await.status, 401);
    }
    log.wait("compare the Encrypt Key").await;
    assert_eq!(log.lines().iter().filter(|line| line.contains("were refused")).count(), 1);
    assert_eq!(client.stats().refused(Refusal::SignatureWrong), 50);
    assert!(rest(&client, &mut events).await.is_empty());
    for line in log.lines() {
        assert!(!line.contains(KEY) && !line.contains(TOKEN) && !line.contains(SECRET), "{line}");
    }
}

#[tokio::test]
async fn tls_ends_here_where_no_proxy_does_it() {
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_rustls::TlsConnector;

    let platform = platform().await;
    let made = rcgen::generate_simple_self_signed(vec!["bot.example".to_owned()]).unwrap();
    let (client, mut events) = Client::start(&settings(&platform).webhook(keys())).unwrap();
    let server = Server::new().route("/lark", client.webhook().unwrap());
    let server = server.tls(made.cert.pem().as_bytes(), made.signing_key.serialize_pem().as_bytes()).unwrap();
    let serving = server.bind("127.0.0.1:0").await.unwrap();

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let plain = connect(serving.local_addr()).await;
    let name = "bot.example".try_into().unwrap();
    let mut stream = soon(TlsConnector::from(Arc::new(config)).connect(name, plain)).await.unwrap();
    stream.write_all(&sealed(1, &message(1, "by TLS")).to_bytes("bot.example", "/lark")).await.unwrap();
    let mut bytes = Vec::new();
    let _ = soon(stream.read_to_end(&mut bytes)).await;
    assert_eq!(Answer::parse(&bytes).status, 200);
    assert_eq!(next(&mut events).await.text().as_deref(), Some("by TLS"));

    for (certificate, key) in [("", "x"), (made.cert.pem().as_str(), ""), ("no pem", "no pem")] {
        let error = Server::new().tls(certificate.as_bytes(), key.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("PEM"), "{error}");
    }
}

/// What is in the configuration file for the long connection does not disturb.
#[tokio::test]
async fn a_long_connection_and_a_webhook_share_one_memory() {
    use larkwire_tokio::core::LinkMode;

    let platform = platform().await;
    let both: Settings = settings(&platform).webhook(keys()).link(LinkMode::Connect);
    let (client, mut events) = bot_with(&both).await;
    let serving = serve(&client).await;
    platform.push(&text("over the connection")).unwrap();
    let event = next(&mut events).await;
    wait(&platform, settled).await;
    // The same event, posted.
    let mut posted: Value = serde_json::from_str(event.json()).unwrap();
    posted["header"]["token"] = TOKEN.into();
    assert_eq!(post(serving.local_addr(), &sealed(1, &posted)).await.status, 200);
    assert_eq!(post(serving.local_addr(), &sealed(2, &message(2, "posted"))).await.status, 200);
    assert_eq!(next(&mut events).await.text().as_deref(), Some("posted"));
    assert!(rest(&client, &mut events).await.is_empty());
    assert_eq!(client.stats().dropped(DropReason::Duplicate), 1);
}

/// A connection is made once the bot knows itself; posts come whenever they like.
#[tokio::test]
async fn what_comes_before_the_bot_knows_itself_is_left_to_the_platform_and_comes_again() {
    let platform = platform().await;
    let busy = RestFault::new(Endpoint::BotInfo, RestAnswer::status(500));
    platform.faults(|faults| faults.rest = vec![Switch::times(busy, 1)]);
    let (client, mut events, serving) =
        hooked_with(&platform, &settings(&platform).mention_only(true).webhook(keys())).await;
    let mut plain = message(1, "@_user_1 early");
    plain["event"]["message"]["chat_type"] = "group".into();
    plain["event"]["message"]["mentions"] = json!([{"key": "@_user_1", "id": {"open_id": BOT}, "name": "bot"}]);
    assert_eq!(post(serving.local_addr(), &sealed(1, &plain)).await.status, 503);
    client.refresh_identity();
    eventually("the bot knows itself", || client.own_open_id().is_some()).await;
    assert_eq!(post(serving.local_addr(), &sealed(2, &plain)).await.status, 200);
    assert_eq!(next(&mut events).await.text().as_deref(), Some("early"));
    assert_eq!(client.stats().refused(Refusal::IdentityUnknown), 1);
}

/// Every request that only an attacker or a broken proxy sends, by name.
#[tokio::test]
async fn what_is_hostile_is_refused_in_the_same_words_and_what_is_only_odd_is_taken() {
    use larkwire_conformance::platform::{Expected, hostile_list};

    let platform = platform().await;
    let (client, events, serving) = hooked_with(&platform, &settings(&platform).inbox(4096).webhook(keys())).await;
    let mut wrong = Vec::new();
    let mut seen = 0;
    let mut bots = Vec::new();
    for hostile in hostile_list() {
        let mut answer = platform.hostile(APP, hostile.name).await.unwrap();
        if answer.status == Some(429) {
            // So many unsigned ones at once are too many: at another bot it is the first.
            bots.push(hooked(&platform).await);
            answer = platform.hostile(APP, hostile.name).await.unwrap();
        }
        if !answer.as_expected {
            wrong.push(format!("{}: {answer:?}", hostile.name));
        }
        if matches!(hostile.expected, Expected::Refused) {
            assert_eq!((answer.status, answer.body.as_str()), (Some(401), r#"{"msg":"refused"}"#), "{}", hostile.name);
        }
        seen += 1;
    }
    assert!(wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n"));
    bots.push((client, events, serving));
    let mut heard = 0;
    for (client, mut events, serving) in bots {
        assert_eq!(post(serving.local_addr(), &sealed(1, &message(1, "and yet"))).await.status, 200);
        heard += rest(&client, &mut events).await.len() - 1;
    }
    let taken = hostile_list().filter(|hostile| matches!(hostile.expected, Expected::Accepted)).count();
    assert_eq!(heard, taken, "of {seen}");
}

/// A laptop that slept, a clock that was set: nothing but the request tells the time then.
#[tokio::test]
async fn after_a_night_of_silence_a_request_is_judged_by_the_clock_of_that_time() {
    let platform = platform().await;
    let (client, mut events, serving) = hooked(&platform).await;
    eventually("the bot knows itself", || client.own_open_id().is_some()).await;
    let clock = Clock::stop();
    // What was asked of the platform leaves a connection for a while; then there is nothing to wait for.
    for _ in 0..10 {
        clock.advance(seconds(60)).await;
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
    // Tokio's clock goes on and the system's does not: as if that had been set back by so much.
    clock.advance(seconds(9 * 3600)).await;
    assert_eq!(post(serving.local_addr(), &sealed(1, &message(1, "good morning"))).await.status, 200);
    assert_eq!(next(&mut events).await.text().as_deref(), Some("good morning"));
}
