//! Events on their way to a client, and the client's acknowledgements.
#![cfg(feature = "platform")]
#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "a test ends where it fails")]

mod common;

use std::time::Duration;

use common::{APP, Client, ack, ack_faults, count, envelope, hello, platform, platform_with, settled, wait};
use futures_util::SinkExt as _;
use larkwire_conformance::platform::{AppSpec, Frame, Header, Kind, PlatformConfig, Push};
use prost::Message as _;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_message_arrives_as_the_documented_envelope() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    platform.push(&hello().event_id("e1").message_id("om_1")).unwrap();
    let frame = client.data().await;
    assert_eq!((frame.service, frame.method), (client.service_id, 1));
    assert_eq!((frame.header("type"), frame.header("sum"), frame.header("seq")), (Some("event"), Some("1"), Some("0")));
    let envelope = envelope(&[frame]);
    assert_eq!(envelope["schema"], "2.0");
    assert_eq!(envelope["header"]["event_id"], "e1");
    assert_eq!(envelope["header"]["app_id"], APP);
    assert_eq!(envelope["event"]["message"]["message_id"], "om_1");
    assert_eq!(envelope["event"]["message"]["content"], r#"{"text":"你好, larkwire 👋"}"#);
    assert_eq!(envelope["event"]["sender"]["sender_id"]["open_id"], "ou_ann");
}

#[tokio::test]
async fn a_faithful_acknowledgement_settles_the_delivery() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    let id = platform.push(&hello().payload_type("").log_id_new("L1").header("x-custom", "1")).unwrap();
    let frame = client.data().await;
    client.ack(&frame).await;
    let Kind::Acked { push, code, biz_rt, settled, faults, .. } =
        wait(&platform, |kind| matches!(kind, Kind::Acked { .. })).await.kind
    else {
        unreachable!()
    };
    assert_eq!((push, code, biz_rt.as_deref(), settled, faults), (id, Some(200), Some("0"), true, vec![]));
}

#[tokio::test]
async fn parts_come_in_the_wanted_order_and_one_acknowledgement_counts_for_all() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    platform.push(&hello().parts(3).part_order([2, 0, 1])).unwrap();
    let frames = [client.data().await, client.data().await, client.data().await];
    let order: Vec<_> = frames.iter().map(|frame| frame.header("seq").unwrap()).collect();
    assert_eq!(order, ["2", "0", "1"]);
    assert!(frames.iter().all(|frame| frame.header("message_id") == frames[0].header("message_id")));
    assert_eq!(envelope(&frames)["event"]["message"]["chat_id"], "oc_room");
    client.ack(&frames[2]).await;
    wait(&platform, settled).await;
}

#[tokio::test]
async fn an_acknowledgement_before_the_last_part_does_not_count() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    platform.push(&hello().parts(2)).unwrap();
    let first = client.data().await;
    client.ack(&first).await;
    assert_eq!(ack_faults(&platform).await, ["part"]);
    let second = client.data().await;
    client.ack(&second).await;
    wait(&platform, settled).await;
}

#[tokio::test]
async fn empty_and_repeated_parts_can_be_sent() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    platform.push(&Push::raw("abc").split_at([1, 1]).part_order([0, 1, 1, 2])).unwrap();
    let mut parts = Vec::new();
    for _ in 0..4 {
        let frame = client.data().await;
        assert_eq!(frame.header("sum"), Some("3"));
        parts.push(String::from_utf8(frame.payload.unwrap()).unwrap());
    }
    assert_eq!(parts, ["a", "", "", "bc"]);
}

#[tokio::test]
async fn parts_of_two_messages_can_be_interleaved() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    platform.push_interleaved(&[Push::raw("ab").parts(2), Push::raw("cd").parts(2)]).unwrap();
    let mut payload = Vec::new();
    for _ in 0..4 {
        payload.extend(client.data().await.payload.unwrap());
    }
    assert_eq!(payload, b"acbd");
}

#[tokio::test]
async fn a_part_can_contradict_the_others() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    platform.push(&hello().parts(2).header_at(1, "sum", "7").without_header("trace_id")).unwrap();
    let frames = [client.data().await, client.data().await];
    assert_eq!((frames[0].header("sum"), frames[1].header("sum")), (Some("2"), Some("7")));
    assert_eq!(frames[0].header("trace_id"), None);
}

#[tokio::test]
async fn a_duplicate_has_the_same_event_id_in_a_new_frame() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    platform.push(&hello().times(2)).unwrap();
    let (first, second) = (client.data().await, client.data().await);
    assert_ne!(first.header("message_id"), second.header("message_id"));
    assert_eq!(envelope(&[first]), envelope(&[second]));
}

#[tokio::test]
async fn an_event_waits_for_a_connection() {
    let platform = platform().await;
    platform.push(&hello()).unwrap();
    wait(&platform, |kind| matches!(kind, Kind::Queued { .. })).await;
    let mut client = Client::connect(&platform).await;
    let frame = client.data().await;
    client.ack(&frame).await;
    wait(&platform, settled).await;
}

#[tokio::test]
async fn every_connection_gets_its_share() {
    let platform = platform_with(PlatformConfig { seed: Some(1), ..PlatformConfig::default() }).await;
    let clients = [Client::connect(&platform).await, Client::connect(&platform).await];
    for _ in 0..100 {
        platform.push(&hello()).unwrap();
    }
    let mut share = std::collections::BTreeMap::new();
    for record in platform.records() {
        if let Kind::Pushed { connection, .. } = record.kind {
            *share.entry(connection).or_insert(0) += 1;
        }
    }
    assert_eq!(share.len(), clients.len());
    assert!(share.values().all(|count| (30..=70).contains(count)), "{share:?}");
}

#[tokio::test]
async fn an_event_without_acknowledgement_comes_again_four_times() {
    let ack_timeout = Duration::from_millis(10);
    let config = PlatformConfig { ack_timeout, clock_scale: 1e6, ..PlatformConfig::default() };
    let platform = platform_with(config).await;
    let mut client = Client::connect(&platform).await;
    platform.push(&hello().event_id("e1")).unwrap();
    let first = client.data().await;
    for _ in 0..4 {
        let again = client.data().await;
        assert_ne!(again.header("message_id"), first.header("message_id"));
        assert_eq!(envelope(&[again]), envelope(std::slice::from_ref(&first)));
    }
    wait(&platform, |kind| matches!(kind, Kind::GaveUp { event_id, .. } if event_id == "e1")).await;
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Unacked { .. })), 5);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Redelivered { .. })), 4);
}

#[tokio::test(start_paused = true)]
async fn redeliveries_come_after_15_seconds_5_minutes_1_hour_and_6_hours() {
    let platform = platform_with(PlatformConfig::default()).await;
    let _client = Client::connect(&platform).await;
    platform.push(&hello()).unwrap();
    let whole_day = Duration::from_secs(24 * 60 * 60);
    platform.wait_for(|record| matches!(record.kind, Kind::GaveUp { .. }), whole_day).await.unwrap();
    let mut seconds = Vec::new();
    let mut failed_at = 0;
    for record in platform.records() {
        match record.kind {
            Kind::Unacked { .. } => failed_at = record.at_ms,
            Kind::Redelivered { .. } => seconds.push((record.at_ms - failed_at + 500) / 1000),
            _ => {}
        }
    }
    assert_eq!(seconds, [15, 300, 3600, 21600]);
}

#[tokio::test]
async fn an_event_that_was_refused_comes_again() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    platform.push(&hello()).unwrap();
    let frame = client.data().await;
    client.send(&ack(&frame, r#"{"code":500}"#)).await;
    let again = client.data().await;
    client.ack(&again).await;
    wait(&platform, settled).await;
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Redelivered { attempt: 1, .. })), 1);
}

#[tokio::test]
async fn a_late_acknowledgement_and_one_on_another_connection_do_not_count() {
    let config = PlatformConfig { ack_timeout: Duration::from_millis(10), ..PlatformConfig::default() };
    let platform = platform_with(config).await;
    let mut client = Client::connect(&platform).await;
    platform.push(&hello()).unwrap();
    let frame = client.data().await;
    wait(&platform, |kind| matches!(kind, Kind::Unacked { .. })).await;
    platform.cut(APP);
    let mut client = Client::connect(&platform).await;
    client.ack(&frame).await;
    assert_eq!(ack_faults(&platform).await, ["connection", "time"]);
    assert_eq!(count(&platform, settled), 0);
}

#[tokio::test]
async fn a_callback_wants_an_answer_and_is_never_repeated() {
    let config = PlatformConfig { ack_timeout: Duration::from_millis(10), ..PlatformConfig::default() };
    let platform = platform_with(config).await;
    let mut client = Client::connect(&platform).await;
    let click = Push::event("card.action.trigger", json!({ "action": { "tag": "button", "value": {} } }));
    platform.push(&click).unwrap();
    let frame = client.data().await;
    let created = envelope(std::slice::from_ref(&frame))["header"]["create_time"].as_str().unwrap().len();
    assert_eq!(created, 16, "the time of a click is in microseconds");
    client.send(&ack(&frame, r#"{"code":200,"data":"eyJ0b2FzdCI6e319"}"#)).await;
    let answered = wait(&platform, |kind| matches!(kind, Kind::Acked { data: Some(_), .. })).await;
    assert!(matches!(answered.kind, Kind::Acked { data: Some(data), .. } if data == json!({ "toast": {} })));
    platform.push(&click.event_id("unanswered")).unwrap();
    wait(&platform, |kind| matches!(kind, Kind::GaveUp { event_id, .. } if event_id == "unanswered")).await;
}

#[tokio::test]
async fn a_callback_does_not_wait_for_a_connection() {
    let platform = platform().await;
    platform.push(&Push::event("url.preview.get", json!({}))).unwrap();
    wait(&platform, |kind| matches!(kind, Kind::GaveUp { reason, .. } if reason.contains("not online"))).await;
}

#[tokio::test]
async fn wrong_echoes_are_named_but_count() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    // Field 100 with "abc", which this client's decoder loses.
    platform.push(&hello().payload_encoding("none").unknown_fields([0xa2, 0x06, 3, b'a', b'b', b'c'])).unwrap();
    let frame = client.data().await;
    let mut wrong = ack(&frame, r#"{"code":200}"#);
    wrong.log_id = 0;
    wrong.payload_encoding = None;
    wrong.headers.remove(0);
    client.send(&wrong).await;
    let faults = ack_faults(&platform).await;
    for field in ["LogID", "payload_encoding", "headers[0]", "biz_rt", "unknown fields"] {
        assert!(faults.iter().any(|fault| fault == field), "{field} in {faults:?}");
    }
    assert_eq!(count(&platform, settled), 1);
}

#[tokio::test]
async fn zero_fields_that_are_not_written_are_counted() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    platform.push(&hello()).unwrap();
    let frame = client.data().await;
    let bytes = ack(&frame, r#"{"code":200}"#).encode_to_vec();
    // SeqID comes first: a tag and, for the first frame of a platform, one byte.
    assert_eq!(bytes[..2], [0x08, 0x01]);
    client.socket.send(Message::Binary(bytes[2..].to_vec().into())).await.unwrap();
    assert!(ack_faults(&platform).await.contains(&"SeqID".to_owned()));
}

#[tokio::test]
async fn a_second_acknowledgement_is_a_fault() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    platform.push(&hello()).unwrap();
    let frame = client.data().await;
    client.ack(&frame).await;
    client.ack(&frame).await;
    wait(&platform, |kind| matches!(kind, Kind::ClientFault { what, .. } if what.contains("twice"))).await;
}

#[tokio::test]
async fn an_acknowledgement_of_nothing_is_noted() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    let headers = vec![Header::new("message_id", "nobody's")];
    client.send(&Frame { method: 1, headers, ..Frame::default() }).await;
    wait(&platform, |kind| matches!(kind, Kind::StrayAck { .. })).await;
}

#[tokio::test]
async fn a_refusal_that_is_taken_back_is_not_followed_by_a_redelivery() {
    let platform = platform_with(PlatformConfig { clock_scale: 50.0, ..PlatformConfig::default() }).await;
    let mut client = Client::connect(&platform).await;
    platform.push(&hello().event_id("taken back")).unwrap();
    let frame = client.data().await;
    client.send(&ack(&frame, r#"{"code":500}"#)).await;
    client.ack(&frame).await;
    wait(&platform, settled).await;
    platform.push(&hello().event_id("refused")).unwrap();
    let frame = client.data().await;
    client.send(&ack(&frame, r#"{"code":500}"#)).await;
    // The redelivery of the first one would have come before.
    assert_eq!(envelope(&[client.data().await])["header"]["event_id"], "refused");
}

#[tokio::test]
async fn several_apps_live_side_by_side() {
    let platform = platform().await;
    platform.add_app(AppSpec::new("cli_other", "s"));
    let mut client = Client::connect(&platform).await;
    platform.push(&hello().app("cli_other")).unwrap();
    platform.push(&hello().app(APP).event_id("mine")).unwrap();
    assert_eq!(envelope(&[client.data().await])["header"]["event_id"], "mine");
    assert_eq!(platform.push(&hello().app("cli_nobody")).unwrap_err().0, "cli_nobody");
}
