//! `larkwire demo`.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::child::Larkwire;

#[tokio::test]
async fn the_demo_keeps_its_promise() {
    let (code, out, err) = Larkwire::new(["demo", "--messages", "20", "--json"]).end().await;
    assert_eq!(code, 0, "{out}\n{err}");
    assert_eq!(err, "");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let summary = lines.last().unwrap();
    assert_eq!(summary["kind"], "summary");
    for count in ["sent", "delivered", "acked", "replied"] {
        assert_eq!(summary[count], 20, "{count}");
    }
    assert_eq!((&summary["duplicates_dropped"], &summary["reconnects"]), (&json!(1), &json!(1)), "{summary}");
    let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).collect::<Vec<_>>();
    let delivered: HashSet<_> = of("delivered").into_iter().map(|line| line["message_id"].as_str().unwrap()).collect();
    assert_eq!((delivered.len(), of("delivered").len()), (20, 20), "each once");
    assert!(of("sent").iter().any(|line| line["parts"].as_u64().unwrap() > 1));
    assert!(of("sent").iter().any(|line| line["text"].as_str().unwrap().contains('你')));
    assert_eq!(of("cut").len(), 1);
    assert!(!of("reacted").is_empty(), "a message is seen before it is answered");
}

#[tokio::test]
async fn the_demo_talks_to_people_too() {
    let (code, out, err) = Larkwire::new(["demo", "--messages", "1"]).end().await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("1 messages sent") || out.contains("1 message sent"), "{out}");
    assert!(!out.contains('\u{1b}'), "no colours into a pipe");
}

#[tokio::test]
async fn the_demo_serves_a_webhook() {
    let (code, out, err) = Larkwire::new(["demo", "--webhook", "--json"]).end().await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let summary = lines.last().unwrap();
    let expected = json!({
        "kind": "summary", "sent": 20, "delivered": 20, "acked": 20, "replied": 20, "duplicates_dropped": 1,
        "redeliveries": 1, "forged_refused": 1,
    });
    assert_eq!(*summary, expected);
    let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).collect::<Vec<_>>();
    assert_eq!((of("challenged").len(), &of("challenged")[0]["passed"]), (1, &json!(true)));
    assert_eq!((of("forged").len(), &of("forged")[0]["status"]), (1, &json!(401)));
    let posted = of("posted");
    assert_eq!(posted.len(), 21, "20 messages, one of them twice");
    for line in posted {
        assert!(line["headers"].as_array().unwrap().contains(&json!("X-Lark-Signature")), "{line}");
    }
    let delivered: HashSet<_> = of("delivered").into_iter().map(|line| line["message_id"].as_str().unwrap()).collect();
    assert_eq!((delivered.len(), of("delivered").len()), (20, 20), "each once");
}

#[tokio::test]
async fn the_webhook_demo_talks_to_people_too() {
    let (code, out, err) = Larkwire::new(["demo", "--webhook", "--messages", "1"]).end().await;
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    for words in ["encrypted; ", "X-Lark-Signature", "answered 401", "posted again", "1 forged request refused"] {
        assert!(out.contains(words), "{words} in {out}");
    }
    assert!(!out.contains("Key of the demo") && !out.contains('\u{1b}'), "{out}");
}
