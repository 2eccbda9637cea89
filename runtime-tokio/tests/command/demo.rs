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
