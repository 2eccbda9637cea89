//! What the bot says, with one place for calls and one connection for them.

use std::cell::RefCell;
use std::pin::pin;

use embassy_futures::{poll_once, yield_now};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use larkwire_core::fault::Misuse;
use larkwire_core::{AckReactions, Body, Config, LinkMode, Locale, ReceiveIdType, Seed, State};
use larkwire_embassy::CallError;
use serde_json::{Value, json};

use crate::support::*;

const ROOM: usize = 256;

/// Bytes of a text in a request: JSON inside a JSON string.
fn escaped(text: &str) -> usize {
    let content = serde_json::to_string(text).unwrap();
    serde_json::to_string(content.trim_matches('"')).unwrap().len() - 2
}

fn visible(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn a_long_text_arrives_in_pieces_in_its_order_and_without_empty_messages() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        let line = |n| format!("{n}. \"温度\" 21.5 °C 🙂\n");
        let (front, back): (String, String) = ((1..40).map(line).collect(), (40..60).map(line).collect());
        let text = format!("{front}{}{back}", "\n".repeat(600));
        let told = text.clone();
        let bot = run_bot(board, async move |client, _events| {
            let first = client.reply_text("om_1", &text).await.unwrap();
            assert_eq!(first.message_id.as_str(), "om_bot_1");
            client.shut_down().await;
        });
        let script = async { Ws::accept(platform).await.goodbye().await };
        let Ended { stats, .. } = beside(doors(platform, &seen), bot, script).await;
        let seen = seen.borrow();
        let pieces: Vec<&str> = seen.messages.iter().map(|(_, text)| text.as_str()).collect();
        assert!((10..20).contains(&pieces.len()), "{} pieces", pieces.len());
        assert_eq!(stats.calls_succeeded, pieces.len() as u64);
        assert_eq!(visible(&pieces.concat()), visible(&told));
        for piece in pieces {
            assert!(escaped(piece) <= ROOM && !piece.trim().is_empty(), "{piece:?}");
        }
        assert!(seen.messages.iter().all(|(path, _)| path == "/open-apis/im/v1/messages/om_1/reply"));
    });
}

#[test]
fn a_text_that_fills_its_room_is_one_message_and_one_with_nothing_in_it_is_a_mistake() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        let bot = run_bot(board, async |client, _events| {
            let (id, address) = (format!("om_{}", "x".repeat(61)), format!("{}@example.com", "x".repeat(52)));
            client.reply_text_in_thread(&id, &"a".repeat(ROOM)).await.unwrap();
            client.send_text(&address, &"\u{1}".repeat(ROOM / 7)).await.unwrap();
            client.send_text_to("ann", ReceiveIdType::UserId, "🙂").await.unwrap();
            let empty = client.send_text("oc_1", "").await;
            assert_eq!(empty, Err(CallError::Misuse(Misuse::Field("text"))));
            let name = format!("<at user_id=\"ou_1\">{}</at>", "n".repeat(500));
            let unsplittable = client.send_text("oc_1", &name).await;
            assert!(matches!(unsplittable, Err(CallError::Misuse(Misuse::TooLong { .. }))), "{unsplittable:?}");
            client.shut_down().await;
        });
        let script = async { Ws::accept(platform).await.goodbye().await };
        beside(doors(platform, &seen), bot, script).await;
        let seen = seen.borrow();
        let texts: Vec<&str> = seen.messages.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["a".repeat(ROOM), "\u{1}".repeat(ROOM / 7), "🙂".to_owned()]);
        assert!(seen.messages[2].0.ends_with("receive_id_type=user_id"));
    });
}

#[test]
fn every_call_in_a_word_asks_what_it_says() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        let bot = run_bot(board, async |client, _events| {
            let card = r#"{"schema":"2.0"}"#;
            client.reply("om_1", Body::Interactive(card)).await.unwrap();
            client.send("oc_1", Body::Post(r#"{"en_us":{}}"#)).await.unwrap();
            client.edit("om_bot_1", Body::text("new")).await.unwrap();
            client.patch_card("om_bot_1", card).await.unwrap();
            let reaction = client.react("om_1", "THUMBSUP").await.unwrap();
            assert_eq!(reaction.as_str(), "Zr-1");
            client.unreact("om_1", reaction.as_str()).await.unwrap();
            client.recall("om_bot_1").await.unwrap();
            let mut room = [0; 64];
            let chat = client.chat_info("oc_1", &mut room).await.unwrap();
            assert_eq!(chat.field("name").unwrap().to_string(), "room \"1\"");
            assert!(chat.field("nobody").is_none() && !format!("{chat:?}").contains("room"));
            let bot = client.bot_info(&mut room).await.unwrap();
            assert_eq!(bot.field("open_id").unwrap().plain(), Some(BOT));
            let nowhere = client.chat_info("oc_1", &mut []).await.unwrap();
            assert_eq!((nowhere.data, nowhere.field("name").is_none()), ("", true));
            client.shut_down().await;
        });
        let script = async { Ws::accept(platform).await.goodbye().await };
        beside(doors(platform, &seen), bot, script).await;
        let seen = seen.borrow();
        let card = json!({"content": r#"{"schema":"2.0"}"#});
        let asked = [
            ("PUT /open-apis/im/v1/messages/om_bot_1", json!({"msg_type": "text", "content": r#"{"text":"new"}"#})),
            ("PATCH /open-apis/im/v1/messages/om_bot_1", card),
            ("POST /open-apis/im/v1/messages/om_1/reactions", json!({"reaction_type": {"emoji_type": "THUMBSUP"}})),
            ("DELETE /open-apis/im/v1/messages/om_1/reactions/Zr-1", Value::Null),
            ("DELETE /open-apis/im/v1/messages/om_bot_1", Value::Null),
            ("GET /open-apis/im/v1/chats/oc_1", Value::Null),
            ("GET /open-apis/bot/v3/info", Value::Null),
            ("GET /open-apis/im/v1/chats/oc_1", Value::Null),
        ];
        assert_eq!(seen.calls, asked.map(|(call, body)| (call.to_owned(), body)));
        let said: Vec<&str> = seen.messages.iter().map(|(_, content)| content.as_str()).collect();
        assert_eq!(said, [r#"{"schema":"2.0"}"#, r#"{"en_us":{}}"#]);
    });
}

#[test]
fn a_message_is_acknowledged_with_a_reaction_while_the_only_place_for_calls_is_taken() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        let called = Signal::<NoopRawMutex, ()>::new();
        let config = Config { ack_reactions: AckReactions::Fixed(Locale::En), ..config() };
        let bot = run_bot_with(board, config, Seed([7; 32]), async |client, mut events| {
            client.set_chat_locale("oc_2", Some(Locale::Ja)).unwrap();
            // Whoever made this call is slow to take its result.
            let mut call = pin!(client.send_text("oc_1", "hello"));
            assert!(poll_once(call.as_mut()).is_pending());
            called.signal(());
            events.recv().await.unwrap();
            while client.stats().reactions_sent == 0 {
                yield_now().await;
            }
            assert!(poll_once(pin!(client.send_text("oc_1", "next"))).is_pending(), "the place is taken");
            call.await.unwrap();
            client.shut_down().await;
        });
        let script = async {
            let mut ws = Ws::accept(platform).await;
            called.wait().await;
            ws.push("d1", &message(1, "hi")).await;
            ws.goodbye().await;
        };
        let Ended { stats, .. } = beside(doors(platform, &seen), bot, script).await;
        assert_eq!((stats.reactions_sent, stats.reactions_dropped, stats.calls_succeeded), (1, 0, 1));
        let seen = seen.borrow();
        let [(call, body)] = &seen.calls[..] else { panic!("one reaction: {:?}", seen.calls) };
        assert_eq!(call, "POST /open-apis/im/v1/messages/om_1/reactions");
        assert!(Locale::En.reactions().contains(&body["reaction_type"]["emoji_type"].as_str().unwrap()), "{body}");
    });
}

#[test]
fn a_bot_without_a_long_connection_rests_until_it_is_given_a_call() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        let config = Config { link: LinkMode::Off, ..config() };
        let bot = run_bot_with(board, config, Seed([7; 32]), async |client, _events| {
            for _ in 0..100 {
                yield_now().await;
            }
            assert_eq!((client.state(), client.platform_time()), (State::Resting, None));
            client.send_text("oc_1", "awake").await.unwrap();
            assert_eq!(client.state(), State::Resting);
            client.shut_down().await;
        });
        beside(doors(platform, &seen), bot, async {}).await;
        let seen = seen.borrow();
        assert_eq!((seen.discoveries, seen.tokens, seen.messages.len()), (0, 1, 1));
    });
}
