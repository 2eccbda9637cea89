//! What the official Python SDKs do, recorded in `conformance/vectors/sdk.json`, against the bot: each case is held, or
//! its deviation is listed here with the rule of the protocol reference that explains it.
#![cfg(feature = "alloc")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    missing_docs,
    reason = "tests may panic, and print figures"
)]

mod support;

use std::collections::BTreeSet;

use larkwire_core::fault::{DropReason, LinkFault, UrlFault};
use larkwire_core::{Config, End, Secret, State, Storage};
use serde_json::Value;
use support::*;

fn cases(group: &str) -> Vec<Value> {
    let path = format!("{}/../conformance/vectors/sdk.json", env!("CARGO_MANIFEST_DIR"));
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all[group].as_array().unwrap().clone()
}

fn name(case: &Value) -> &str {
    case["name"].as_str().unwrap()
}

/// The differences found must be exactly the listed ones.
fn judge(group: &str, found: &[(String, String)], listed: &[(&str, &str, &str)]) {
    let listed_names: BTreeSet<_> = listed.iter().map(|(name, ..)| *name).collect();
    let found_names: BTreeSet<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    for (name, what) in found {
        println!("{group}/{name}: {what}");
    }
    assert_eq!(found_names, listed_names, "{group}: a deviation without a rule, or a rule without a deviation");
    assert!(listed.iter().all(|(_, _, rule)| rule.starts_with("section ")));
    for (name, ours, _) in listed {
        let (_, what) = found.iter().find(|(found, _)| found == name).unwrap();
        assert_eq!(what, ours, "{group}/{name}");
    }
}

/// An ack as the SDK wrote it and as we did: the same but for the spaces of Python's JSON (protocol section 8.2).
fn same_ack(sdk: &[u8], ours: &[u8]) -> bool {
    use prost::Message as _;
    let (mut sdk, mut ours) = (Pb::decode(sdk).unwrap(), Pb::decode(ours).unwrap());
    let json = |pb: &mut Pb| serde_json::from_slice::<Value>(&pb.payload.take().unwrap_or_default()).unwrap();
    json(&mut sdk) == json(&mut ours) && sdk == ours
}

#[test]
fn frames_are_dispatched_and_acked_as_the_sdk_does_or_a_rule_says_why_not() {
    let mut found = Vec::new();
    let cases = cases("ws_message");
    for case in &cases {
        for chop in [1, usize::MAX] {
            let mut w = World::with(Config { app_id: "cli_x", ..config() }, Storage::growable()).open();
            w.chop = chop;
            let mut what = Vec::new();
            let mut drops = DropReason::ALL.map(|reason| w.dropped(reason));
            for step in case["lark_oapi"]["steps"].as_array().unwrap() {
                let (delivered, acked) = (w.delivered.len(), w.acks.len());
                w.frame(&hex(step["in_hex"].as_str().unwrap()));
                let (delivered, acked) = (w.delivered.len() - delivered, &w.acks[acked..]);
                let theirs = step["acks"].as_array().unwrap();
                let same = theirs.len() == acked.len()
                    && theirs
                        .iter()
                        .zip(acked)
                        .all(|(sdk, ours)| same_ack(&hex(sdk["hex"].as_str().unwrap()), &ours.raw));
                if delivered != step["dispatched"].as_array().unwrap().len() || !same {
                    let now = DropReason::ALL.map(|reason| w.dropped(reason));
                    let reason = DropReason::ALL.iter().zip(drops.iter().zip(now)).find(|(_, (a, b))| **a != *b);
                    let answer = acked.first().map_or("none".to_owned(), |ack| ack.pb.text().to_owned());
                    what.push(format!("delivered {delivered}, ack {answer}, {:?}", reason.map(|(reason, _)| reason)));
                }
                drops = DropReason::ALL.map(|reason| w.dropped(reason));
            }
            let config = w.bot.client_config();
            let after = &case["lark_oapi"]["config_after"];
            assert_eq!(after["reconnect_count"], config.reconnect_count, "{}", name(case));
            assert_eq!(after["reconnect_interval"], config.reconnect_interval, "{}", name(case));
            assert_eq!(after["reconnect_nonce"], config.reconnect_nonce, "{}", name(case));
            assert_eq!(after["ping_interval"], config.ping_interval, "{}", name(case));
            assert_eq!((w.bot.state(), w.faults()), (State::Open, vec![]));
            if chop > 1 && !what.is_empty() {
                found.push((name(case).to_owned(), what.join("; ")));
            }
        }
    }
    assert_eq!(cases.len(), 31);
    let whole = r#"delivered 1, ack {"code":200}, None"#;
    let malformed = r#"delivered 0, ack {"code":200}, Some(Malformed)"#;
    let callback = r#"delivered 1, ack {"code":200,"data":"e30="}, None"#;
    judge(
        "ws_message",
        &found,
        &[
            (
                "callback_event_with_result",
                callback,
                "section 8.3: a callback without an answer of the application gets {}",
            ),
            ("type_card_frame_is_not_acked", callback, "section 7.1: card is handled exactly like event"),
            ("missing_message_id", whole, "section 5: only type is needed"),
            ("missing_trace_id", whole, "section 5: only type is needed"),
            ("missing_sum", whole, "section 5: sum absent means not split"),
            ("missing_seq", whole, "section 5: seq is read only when sum > 1"),
            ("sum_not_number", malformed, "section 5: malformed, acked so that it is not redelivered for ever"),
            ("empty_payload_sum1", malformed, "section 8.3: malformed, acked 200"),
            ("payload_absent_sum1", malformed, "section 8.3: malformed, acked 200"),
            ("payload_invalid_json", malformed, "section 8.3: malformed, acked 200"),
            ("payload_invalid_utf8", malformed, "section 8.3: malformed, acked 200"),
            ("schema_missing_no_uuid", whole, "section 11.1: header.event_type alone tells envelope v2"),
            ("schema_present_header_missing", whole, "section 11.1: schema alone tells envelope v2"),
            (
                "fragments_redelivered_last_after_complete",
                r#"delivered 0, ack {"code":200}, None"#,
                "section 7.3: a later part of a finished message is answered and not delivered again",
            ),
            ("fragment_empty_part", whole, "section 7.2: an empty part completes a message"),
        ],
    );
}

#[test]
fn the_discovery_request_is_the_sdks() {
    let path = format!("{}/../conformance/vectors/sdk.json", env!("CARGO_MANIFEST_DIR"));
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let w =
        World::with(Config { app_id: "cli_x", app_secret: Secret::new("secret_x"), ..config() }, Storage::growable())
            .open();
    let ours = &w.requests[0];
    for sdk in ["lark_oapi", "lark_channel"] {
        let theirs = &all["endpoint_request"][sdk];
        assert_eq!(
            (ours.method.as_str(), ours.target.as_str()),
            (theirs["method"].as_str().unwrap(), theirs["path"].as_str().unwrap())
        );
        let body: Value = serde_json::from_str(theirs["body"].as_str().unwrap()).unwrap();
        assert_eq!(ours.json(), body);
        for (key, value) in theirs["headers"].as_object().unwrap() {
            match key.as_str() {
                // Other host, other program, compact JSON.
                "Host" | "User-Agent" | "Content-Length" => assert!(ours.header(key).is_some(), "{key}"),
                // Section 2.2 asks for none of these; HTTP/1.1 keeps alive by itself, and nothing here can be unpacked.
                "Accept-Encoding" | "Connection" => assert_eq!(ours.header(key), None),
                "Accept" => assert_eq!(ours.header(key), Some("application/json")),
                _ => assert_eq!(ours.header(key), value.as_str(), "{key}"),
            }
        }
    }
}

/// `fatal`, `retryable` or the URL: what became of a discovery or an upgrade.
fn class(w: &World) -> String {
    match w.bot.ended() {
        Some(End::Fatal(_)) => "fatal".to_owned(),
        Some(End::Stopped) => "stopped".to_owned(),
        None if w.bot.state() == State::Open => "open".to_owned(),
        None => "retryable".to_owned(),
    }
}

#[test]
fn discovery_answers_are_judged_as_the_sdk_does_or_a_rule_says_why_not() {
    let mut found = Vec::new();
    let cases = cases("endpoint");
    for case in &cases {
        let sdk = &case["lark_oapi"];
        let mut w = World::new();
        let status = sdk["http_status"].as_u64().unwrap() as u16;
        w.script.discoveries.push_back(Reply::json(status, sdk["body"].as_str().unwrap()));
        w.start();
        let theirs = sdk["result"]["class"].as_str().unwrap_or("open");
        let config = w.bot.client_config();
        let ours = serde_json::json!({"ping_interval": config.ping_interval, "reconnect_count": config.reconnect_count,
            "reconnect_interval": config.reconnect_interval, "reconnect_nonce": config.reconnect_nonce});
        if class(&w) != theirs {
            found.push((name(case).to_owned(), format!("{} instead of {theirs}", class(&w))));
        } else if ours != sdk["config_after"] {
            found.push((name(case).to_owned(), format!("config {ours}")));
        }
        if let (Some(url), "open") = (sdk["result"]["url"].as_str(), class(&w).as_str()) {
            assert!(url.ends_with(&w.upgrades()[0].target), "byte for byte");
        }
    }
    assert_eq!(cases.len(), 16);
    judge(
        "endpoint",
        &found,
        &[
            (
                "ok_zero_nonce_zero_interval",
                r#"config {"ping_interval":120,"reconnect_count":0,"reconnect_interval":120,"reconnect_nonce":30}"#,
                "section 2.7: zero keeps the previous value",
            ),
            (
                "ok_string_numbers",
                r#"config {"ping_interval":120,"reconnect_count":-1,"reconnect_interval":120,"reconnect_nonce":30}"#,
                "section 2.7: what is no integer keeps the previous value",
            ),
            ("exceed_conn_limit_1000040350", "retryable instead of fatal", "section 2.4: transient, slow retry"),
            ("http_400_json_msg", "fatal instead of retryable", "section 2.5: 4xx with a known code goes by the code"),
            ("ok_code0_url_empty", "retryable instead of open", "section 2.4: code 0 without a URL is retried"),
            ("code_missing", "retryable instead of fatal", "section 2.4: code missing is retried"),
        ],
    );
}

#[test]
fn socket_urls_are_read_as_the_sdk_does_or_a_rule_says_why_not() {
    let mut found = Vec::new();
    let cases = cases("connect_url");
    for case in &cases {
        let sdk = &case["lark_oapi"];
        let mut w = World::new();
        let url = serde_json::json!({"code": 0, "data": {"URL": sdk["url"]}}).to_string();
        w.script.discoveries.push_back(Reply::json(200, &url));
        w.start();
        let ours = match w.faults().first() {
            None => format!("open, ping {}", to_hex(&w.pings[0].1)),
            Some(LinkFault::DiscoveryUrl(fault)) => format!("refused: {fault:?}"),
            Some(other) => format!("{other:?}"),
        };
        let theirs = match (sdk["ping_frame_hex"].as_str(), sdk["result"]["error"].as_str()) {
            (Some(ping), _) => format!("open, ping {ping}"),
            // A KeyError there is a retry, as our refusal is.
            (None, Some("KeyError")) => format!("refused: {:?}", UrlFault::ServiceId),
            _ => "open, and the ping loop dies".to_owned(),
        };
        if ours != theirs {
            found.push((name(case).to_owned(), ours));
        }
    }
    assert_eq!(cases.len(), 5);
    judge(
        "connect_url",
        &found,
        &[
            (
                "missing_device_id",
                "open, ping 08001000180120002a0c0a0474797065120470696e67",
                "section 2.6: device_id is a log id only",
            ),
            (
                "non_numeric_service_id",
                "refused: ServiceId",
                "section 2.6: retryable discovery error instead of a dead ping loop",
            ),
        ],
    );
}

#[test]
fn refused_upgrades_are_judged_as_the_sdk_does_or_a_rule_says_why_not() {
    let mut found = Vec::new();
    let cases = cases("handshake_error");
    for case in &cases {
        let sdk = &case["lark_oapi"];
        let mut w = World::new();
        let headers: Vec<_> = sdk["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str().unwrap()))
            .collect();
        w.script.upgrades.push_back(Upgrade::refused(200, &headers));
        w.start();
        let theirs = sdk["result"]["class"].as_str().unwrap();
        if class(&w) != theirs {
            found.push((name(case).to_owned(), format!("{} instead of {theirs}", class(&w))));
        }
    }
    assert_eq!(cases.len(), 6);
    judge(
        "handshake_error",
        &found,
        &[
            ("514_exceed", "retryable instead of fatal", "section 3: too many connections is a slow retry"),
            ("514_other", "fatal instead of retryable", "section 3: 1000040351 is fatal, with the region hint"),
        ],
    );
}
