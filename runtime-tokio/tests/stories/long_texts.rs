//! Texts that are too long for one message.

use larkwire_conformance::platform::{Kind, Platform};
use larkwire_tokio::CallError;
use larkwire_tokio::core::fault::CallFaultKind;
use larkwire_tokio::core::{Body, ReceiveIdType};
use serde_json::Value;

use crate::support::*;

/// The texts that were sent, or given as answers, in their order.
fn said(platform: &Platform) -> Vec<String> {
    picked(platform, |kind| match kind {
        Kind::Replied { content, repeated: false, .. } | Kind::Sent { content, repeated: false, .. } => {
            let content: Value = serde_json::from_str(&content).unwrap();
            Some(content["text"].as_str().unwrap().to_owned())
        }
        _ => None,
    })
}

/// Lines with numbers, so that nothing can be missing or in the wrong place.
fn lines(many: usize) -> String {
    (0..many).map(|n| format!("line {n} 好 \"quoted\" \\\n")).collect()
}

#[tokio::test]
async fn a_long_answer_comes_in_several_messages_one_after_the_other() {
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    platform.push(&text("tell me all")).unwrap();
    let id = next(&mut events).await.message_id().unwrap();
    let long = lines(500);
    let first = soon(client.reply_text(&id, &long)).await.unwrap();
    let pieces = said(&platform);
    assert_eq!(pieces.len(), long.chars().count().div_ceil(3500));
    assert!(pieces.iter().all(|piece| piece.chars().count() <= 3500));
    assert_eq!(pieces.join("\n"), long, "nothing but the line breaks between them was left out");
    let ids = picked(&platform, |kind| match kind {
        Kind::Replied { message_id, parent_id, in_thread, .. } => Some((message_id, parent_id, in_thread)),
        _ => None,
    });
    assert_eq!(first.message_id, ids[0].0, "the first one's id");
    assert!(ids.iter().all(|(_, parent_id, in_thread)| *parent_id == id && !in_thread));
    soon(client.reply_text_in_thread(&id, &long)).await.unwrap();
    let in_thread = |kind: &Kind| matches!(kind, Kind::Replied { in_thread: true, thread_id: Some(_), .. });
    assert_eq!(count(&platform, in_thread), pieces.len());
    assert_faultless(&platform);
}

#[tokio::test]
async fn texts_are_split_where_they_were_asked_to_be_and_not_at_all_for_zero() {
    let long = lines(100);
    for (limit, many) in [(100, 26), (0, 1)] {
        let platform = platform().await;
        let (client, _events) = bot_with(&settings(&platform).split_text_at(limit)).await;
        soon(client.send_text("oc_room", &long)).await.unwrap();
        soon(client.send_text_to("ann", ReceiveIdType::UserId, "short")).await.unwrap();
        let pieces = said(&platform);
        assert!(pieces.len() >= many && pieces.len() <= 2 * many, "{limit}: {}", pieces.len());
        assert_eq!(pieces[..pieces.len() - 1].join("\n"), long);
        // Whoever takes a body of their own decides alone.
        soon(client.send("oc_room", Body::text(&long))).await.unwrap();
        assert_eq!(said(&platform).pop().unwrap(), long);
    }
}

#[tokio::test]
async fn code_stays_code_in_every_piece() {
    let platform = platform().await;
    let (client, _events) = bot_with(&settings(&platform).split_text_at(200)).await;
    let code: String = (0..40).map(|n| format!("    let x{n} = {n};\n")).collect();
    soon(client.send_text("oc_room", &format!("Look:\n```rust\n{code}```\nThat is all."))).await.unwrap();
    let pieces = said(&platform);
    assert!(pieces.len() >= 4, "{}", pieces.len());
    let mut read = String::new();
    for piece in &pieces {
        let fences: Vec<_> = piece.lines().filter(|line| line.starts_with("```")).collect();
        assert!(fences.chunks(2).all(|pair| pair == ["```rust", "```"]), "{piece}");
        let inside = piece.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
        read.push_str(inside);
    }
    assert_eq!(read, code);
    assert!(pieces.last().unwrap().ends_with("That is all."));
}

#[tokio::test]
async fn a_mention_stays_in_one_piece() {
    let platform = platform().await;
    let (client, _events) = bot_with(&settings(&platform).split_text_at(100)).await;
    let tag = r#"<at user_id="ou_0123456789abcdef">Ann Example</at>"#;
    let words: Vec<_> = (0..30).map(|n| format!("{} {tag}", "x".repeat(n))).collect();
    soon(client.send_text("oc_room", &words.join(" "))).await.unwrap();
    let pieces = said(&platform);
    assert!(pieces.len() >= 30, "{}", pieces.len());
    for piece in &pieces {
        assert_eq!(piece.matches("<at ").count(), piece.matches("</at>").count(), "{piece}");
    }
    assert_eq!(pieces.concat().matches(tag).count(), 30);
}

/// A mention that is larger than any message may be, behind a piece that is not.
#[tokio::test]
async fn a_piece_that_fails_is_reported_and_what_follows_it_is_not_sent() {
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    platform.push(&text("question")).unwrap();
    let id = next(&mut events).await.message_id().unwrap();
    let huge = format!("<at user_id=\"ou_ann\">{}</at>", "x".repeat(160 * 1024));
    let answer = format!("{}\n{huge}\n{}", "first\n".repeat(500), "third\n".repeat(500));
    for sent in [soon(client.reply_text(&id, &answer)).await, soon(client.send_text("oc_room", &answer)).await] {
        let error = sent.unwrap_err();
        let CallError::Failed { fault, .. } = error else { panic!("{error:?}") };
        assert_eq!((fault.kind, fault.code), (CallFaultKind::Size, 230_025));
        assert!(error.to_string().contains("send less at once"), "{error}");
    }
    let pieces = said(&platform);
    assert_eq!(pieces.len(), 2, "one of each");
    assert!(pieces.iter().all(|piece| piece.starts_with("first") && !piece.contains("third")));
}

#[tokio::test]
async fn a_text_of_nothing_is_refused_and_blank_pieces_are_left_out() {
    let platform = platform().await;
    let (client, _events) = bot_with(&settings(&platform).split_text_at(10)).await;
    let error = soon(client.send_text("oc_room", "")).await.unwrap_err();
    assert!(error.to_string().contains("text is empty"), "{error}");
    let gap = "\n".repeat(35);
    soon(client.send_text("oc_room", &format!("above{gap}below"))).await.unwrap();
    let pieces = said(&platform);
    assert!(pieces.iter().all(|piece| !piece.trim().is_empty()), "{pieces:?}");
    assert_eq!(pieces.iter().map(|piece| piece.trim()).collect::<String>(), "abovebelow");
}
