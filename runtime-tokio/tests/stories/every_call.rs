//! Every call of a chat bot, once, and what is said about those that cannot be.

use larkwire_conformance::platform::{AppSpec, Endpoint, Kind, Push};
use larkwire_tokio::core::fault::{CallFaultKind, Misuse};
use larkwire_tokio::core::{Body, Call, LinkMode, ReceiveIdType};
use larkwire_tokio::{CallError, CallResult};
use serde_json::{Value, json};

use crate::support::*;

const CARD: &str = r#"{"schema":"2.0","body":{"elements":[{"tag":"markdown","content":"**hi** \"好\""}]}}"#;
const NEW_CARD: &str = r#"{"schema":"2.0","body":{"elements":[{"tag":"markdown","content":"later"}]}}"#;
const POST: &str = r#"{"zh_cn":{"title":"t","content":[[{"tag":"text","text":"post"},{"tag":"a","text":"l","href":"https://example.org"}]]}}"#;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn messages_are_sent_edited_and_taken_back() {
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    let sent = soon(client.send("oc_room", Body::Post(POST))).await.unwrap();
    let Kind::Sent { message_id, msg_type, content, .. } =
        wait(&platform, |kind| matches!(kind, Kind::Sent { .. })).await.kind
    else {
        unreachable!()
    };
    assert_eq!((message_id.as_str(), msg_type.as_str(), json(&content)), (&*sent.message_id, "post", json(POST)));
    assert_eq!(sent.field("chat_id").as_deref(), Some("oc_room"));
    assert!(!sent.log_id.is_empty());

    soon(client.edit(&sent.message_id, Body::text("edited \"好\""))).await.unwrap();
    let edited = wait(&platform, |kind| matches!(kind, Kind::Edited { .. })).await.kind;
    let Kind::Edited { message_id, msg_type, content, edits } = edited else { unreachable!() };
    assert_eq!((&message_id, msg_type.as_str(), edits), (&sent.message_id, "text", 1));
    assert_eq!(json(&content), json!({ "text": "edited \"好\"" }));

    let read = soon(client.call(Call::GetMessage { message_id: &sent.message_id })).await.unwrap();
    assert_eq!(json(&read.data)["items"][0]["updated"], true);

    soon(client.recall(&sent.message_id)).await.unwrap();
    wait(&platform, |kind| matches!(kind, Kind::Recalled { message_id } if *message_id == sent.message_id)).await;
    let gone = soon(client.edit(&sent.message_id, Body::text("again"))).await.unwrap_err();
    assert!(gone.to_string().contains("recalled"), "{gone}");

    platform.push(&text("question").message_id("om_question")).unwrap();
    next(&mut events).await;
    soon(client.reply("om_question", Body::Interactive(CARD))).await.unwrap();
    let replied = wait(&platform, |kind| matches!(kind, Kind::Replied { .. })).await.kind;
    let Kind::Replied { parent_id, msg_type, content, in_thread: false, .. } = replied else { panic!("{replied:?}") };
    assert_eq!((parent_id.as_str(), msg_type.as_str(), json(&content)), ("om_question", "interactive", json(CARD)));
    let threaded = soon(client.reply_text_in_thread("om_question", "in a topic")).await.unwrap();
    assert!(threaded.field("thread_id").unwrap().starts_with("omt_"));
    assert_faultless(&platform);
}

#[tokio::test]
async fn cards_are_replaced() {
    let platform = platform().await;
    let (client, _events) = bot(&platform).await;
    let sent = soon(client.send("ou_ann", Body::Interactive(CARD))).await.unwrap();
    soon(client.patch_card(&sent.message_id, NEW_CARD)).await.unwrap();
    let patched = wait(&platform, |kind| matches!(kind, Kind::CardPatched { .. })).await.kind;
    let Kind::CardPatched { message_id, content } = patched else { unreachable!() };
    assert_eq!((&message_id, json(&content)), (&sent.message_id, json(NEW_CARD)));
    assert_faultless(&platform);
}

#[tokio::test]
async fn reactions_come_and_go() {
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    platform.push(&text("nice").message_id("om_nice")).unwrap();
    next(&mut events).await;
    let reaction = soon(client.react("om_nice", "THUMBSUP")).await.unwrap();
    let reacted = wait(&platform, |kind| matches!(kind, Kind::Reacted { .. })).await.kind;
    assert!(matches!(reacted, Kind::Reacted { message_id, reaction_id, emoji_type }
        if message_id == "om_nice" && reaction_id == reaction && emoji_type == "THUMBSUP"));
    soon(client.unreact("om_nice", &reaction)).await.unwrap();
    wait(&platform, |kind| matches!(kind, Kind::Unreacted { reaction_id, .. } if *reaction_id == reaction)).await;
    soon(client.unreact("om_nice", &reaction)).await.expect("what is gone is gone");
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Unreacted { .. })), 1);
    assert_faultless(&platform);
}

#[tokio::test]
async fn chats_and_the_bot_itself_are_looked_up() {
    let platform = platform().await;
    let (client, _events) = bot_with(&settings(&platform).own_open_id(BOT)).await;
    tell(&platform, &text("hi").chat_type("topic_group")).await;
    platform.describe_chat(APP, "oc_room", &json!({ "name": "Tea 茶", "group_message_type": "thread" })).unwrap();
    let chat = soon(client.chat_info("oc_room")).await.unwrap();
    assert_eq!(chat.field("name").as_deref(), Some("Tea 茶"));
    assert_eq!(chat.field("chat_mode").as_deref(), Some("topic"));
    let bot = soon(client.bot_info()).await.unwrap();
    assert_eq!((bot.field("open_id").as_deref(), bot.field("app_name").as_deref()), (Some(BOT), Some("Bot")));
    assert!(bot.message_id.is_empty());
    let read = picked(&platform, |kind| if let Kind::Read { call, id } = kind { Some((call, id)) } else { None });
    assert_eq!(read, [(Endpoint::ChatInfo, Some("oc_room".to_owned())), (Endpoint::BotInfo, None)]);
}

/// Kind, code, and what the error tells a person to do.
fn failure(result: CallResult) -> (CallFaultKind, i64, String) {
    match result {
        Err(error @ CallError::Failed { fault, log_id }) => {
            assert!(error.to_string().contains(log_id.as_str()) && !log_id.is_empty(), "{error}");
            assert!(error.to_string().contains(fault.next_step()), "{error}");
            (fault.kind, fault.code, fault.next_step().to_owned())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn ids_of_the_wrong_kind_fail_with_what_to_do() {
    use CallFaultKind::{Format, Permission, TargetGone};
    let platform = platform().await;
    let (client, mut events) = bot(&platform).await;
    platform.push(&text("a person's").message_id("om_ann")).unwrap();
    next(&mut events).await;
    let sent = soon(client.send_text("oc_room", "the bot's")).await.unwrap().message_id;
    let card = soon(client.send("oc_room", Body::Interactive(CARD))).await.unwrap().message_id;
    let wrong_kind = client.send_text_to("ou_ann", ReceiveIdType::ChatId, "hi");
    let failures = [
        (soon(wrong_kind).await, Format, 230_001, "check that the id is of the kind that was named"),
        (soon(client.send_text_to("oc_room", ReceiveIdType::OpenId, "hi")).await, Format, 230_001, "ext="),
        (soon(client.reply_text("omt_topic", "hi")).await, TargetGone, 99_992_354, "om_"),
        (soon(client.reply_text("om_nobody", "hi")).await, TargetGone, 230_002, "invite the bot"),
        (soon(client.chat_info("ou_ann")).await, Format, 232_006, "oc_"),
        (soon(client.edit("om_ann", Body::text("mine now"))).await, Format, 230_071, "only the bot's own"),
        (soon(client.edit(&card, Body::text("no card"))).await, Format, 230_054, "correct"),
        (soon(client.patch_card("om_ann", NEW_CARD)).await, Permission, 230_012, "only the bot's own messages"),
        (soon(client.patch_card(&sent, NEW_CARD)).await, Format, 230_001, "ext="),
        (soon(client.patch_card(&card, "{}")).await, Format, 230_099, "correct the card"),
        (soon(client.recall("om_ann")).await, Permission, 230_026, "only the bot's own"),
        (soon(client.react("om_nobody", "SMILE")).await.map(|_| unreachable!()), TargetGone, 231_003, "was deleted"),
        (soon(client.react("om_ann", "smile")).await.map(|_| unreachable!()), Format, 231_001, "emoji_type"),
    ];
    for (n, (result, kind, code, step)) in failures.into_iter().enumerate() {
        let (found_kind, found_code, found_step) = failure(result);
        assert_eq!((found_kind, found_code), (kind, code), "number {n}");
        assert!(found_step.contains(step), "number {n}: {found_step}");
    }
    platform.push(&Push::recalled("om_ann", "oc_room")).unwrap();
    next(&mut events).await;
    let recalled = failure(soon(client.reply_text("om_ann", "too late")).await);
    assert_eq!((recalled.0, recalled.1), (TargetGone, 230_011));
    assert!(recalled.2.contains("instead of replying"));
    assert_faultless(&platform);
}

#[tokio::test]
async fn what_can_be_no_id_is_refused_before_it_is_sent() {
    let platform = platform().await;
    let (client, _events) = bot_with(&settings(&platform).own_open_id(BOT)).await;
    let refused = [
        (soon(client.reply_text("", "hi")).await, "message_id"),
        (soon(client.reply_text("..", "hi")).await, "message_id"),
        (soon(client.send_text(" ", "hi")).await, "receive_id"),
        (soon(client.edit("om_1", Body::Interactive(CARD))).await, "body"),
        (soon(client.patch_card("om_1", "no card")).await, "card"),
        (soon(client.recall("om_1\n")).await, "message_id"),
        (soon(client.react("om_1", "")).await.map(|_| unreachable!()), "emoji_type"),
        (soon(client.unreact("om_1", "")).await, "reaction_id"),
        (soon(client.chat_info("")).await, "chat_id"),
        (soon(client.send("oc_room", Body::Post("[]"))).await, "post"),
    ];
    for (result, field) in refused {
        let error = result.unwrap_err();
        assert!(matches!(error, CallError::Misuse(Misuse::Field(_))), "{error:?}");
        assert!(error.to_string().contains(field), "{field}: {error}");
    }
    assert_eq!(platform.token_requests(APP), 0, "nothing was asked of the platform");
}

#[tokio::test]
async fn scripts_call_without_a_connection_and_take_no_event_from_the_bot_that_runs() {
    let platform = platform().await;
    let (script, mut nothing) = larkwire_tokio::Client::start(&settings(&platform).link(LinkMode::Off)).unwrap();
    soon(script.send_text("oc_room", "a word from a script")).await.unwrap();
    let (_bot, mut events) = bot(&platform).await;
    for n in 0..5 {
        tell(&platform, &text(&format!("{n}"))).await;
        next(&mut events).await;
    }
    soon(script.send_text("oc_room", "and another")).await.unwrap();
    assert_eq!(rest(&script, &mut nothing).await.len(), 0);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::Upgraded { .. })), 1);
}

/// One scope would do; the message names them all.
#[tokio::test]
async fn an_app_that_lacks_a_scope_is_told_which() {
    let platform = platform().await;
    platform.add_app(AppSpec { scopes: Some(vec!["im:message:readonly".into()]), ..AppSpec::new(APP, SECRET) });
    let (client, _events) = bot(&platform).await;
    let error = soon(client.send_text("oc_room", "hi")).await.unwrap_err();
    let CallError::Failed { fault, .. } = error else { panic!("{error:?}") };
    assert_eq!((fault.kind, fault.code), (CallFaultKind::Permission, 99_991_672));
    for words in ["im:message", "add the scope", "publish a version"] {
        assert!(error.to_string().contains(words), "{words}: {error}");
    }
}
