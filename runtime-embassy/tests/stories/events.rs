//! Who reaches the inbox, what was said, and what is answered.

use std::cell::RefCell;

use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use larkwire_core::content::Form;
use larkwire_core::fault::{DropReason, Misuse};
use larkwire_core::{Config, GateRules, OwnOpenId, Seed, Typed};
use larkwire_embassy::Notice;
use serde_json::json;

use crate::support::*;

#[test]
fn somebody_who_is_not_allowed_is_acked_and_never_heard() {
    for allowed_users in [&[][..], &["ou_2", "on_2"]] {
        story(async move |board, platform| {
            let seen = RefCell::new(Seen::default());
            let acked = Signal::<NoopRawMutex, ()>::new();
            let config = Config { gate: GateRules { allowed_users, ..GateRules::default() }, ..config() };
            let bot = run_bot_with(board, config, Seed([7; 32]), async |client, mut events| {
                let heard = select(events.recv(), acked.wait()).await;
                let silent = matches!(heard, Either::Second(()));
                drop(heard);
                assert!(silent);
                client.shut_down().await;
                assert!(events.recv().await.is_none());
            });
            let script = async {
                let mut ws = Ws::accept(platform).await;
                ws.push("d1", &message(1, "let me in")).await;
                let clicked = ws.offer("d2", &click(2)).await;
                assert_eq!(ws.answer(clicked).await, json!({}));
                acked.signal(());
                ws.goodbye().await;
            };
            let Ended { stats, .. } = beside(doors(platform, &seen), bot, script).await;
            assert_eq!((stats.accepted, stats.acked, stats.dropped(DropReason::SenderNotAllowed)), (0, 2, 2));
        });
    }
}

#[test]
fn a_click_is_answered_by_the_program_and_one_left_open_when_the_bot_goes_gets_nothing_to_show() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        let toast = r#"{"toast":{"type":"success","content":"saved"}}"#;
        let bot = run_bot(board, async |client, mut events| {
            let event = events.recv().await.unwrap().clone();
            assert!(event.is_callback());
            assert_eq!((event.message_id().unwrap().as_str(), event.chat_id().unwrap().as_str()), ("om_card", "oc_1"));
            let Typed::CardAction(action) = event.view().typed() else { panic!("{event:?}") };
            assert_eq!(action.token().unwrap().plain(), Some("c-1"));
            let long = format!(r#"{{"card":"{}"}}"#, "x".repeat(640));
            assert!(matches!(client.respond(&event, &long), Err(Misuse::TooLong { .. })));
            assert_eq!(client.respond(&event, "saved"), Err(Misuse::Field("body")));
            assert_eq!(client.respond(&event, toast), Ok(()));
            assert_eq!(client.respond(&event, toast), Err(Misuse::Late));
            let message = events.recv().await.unwrap().clone();
            assert_eq!((message.response_id(), client.respond(&message, toast)), (None, Err(Misuse::Field("event"))));
            let left_open = events.recv().await.unwrap().response_id().unwrap();
            client.shut_down().await;
            assert_eq!(client.respond_to(left_open, toast), Err(Misuse::Stopping));
        });
        let script = async {
            let mut ws = Ws::accept(platform).await;
            let clicked = ws.offer("d1", &click(1)).await;
            assert_eq!(ws.answer(clicked).await.to_string(), toast.parse::<serde_json::Value>().unwrap().to_string());
            ws.push("d2", &message(2, "thanks")).await;
            let clicked = ws.offer("d3", &click(3)).await;
            assert_eq!(ws.answer(clicked).await, json!({}));
            ws.goodbye().await;
        };
        let Ended { stats, .. } = beside(doors(platform, &seen), bot, script).await;
        assert_eq!((stats.callbacks_answered, stats.callbacks_unanswered, stats.callbacks_lost), (1, 1, 0));
    });
}

#[test]
fn a_post_that_mentions_the_bot_reads_as_text_in_a_fixed_buffer() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        // With this rule the bot connects when it knows who it is.
        let gate = GateRules { mention_only: true, ..config().gate };
        let config = Config { own_open_id: OwnOpenId::Fetched, gate, ..config() };
        let bot = run_bot_with(board, config, Seed([7; 32]), async |client, mut events| {
            let event = events.recv().await.unwrap();
            assert_eq!(client.own_open_id().unwrap().as_str(), BOT);
            let mut room = [0; 400];
            assert_eq!(event.text(&mut room), Some("# Plan\n\n**9:00** tea :SMILE: \n\n![image](img_1)"));
            let full = "# Plan\n\n**9:00** tea :SMILE: @Board\n\n![image](img_1)";
            assert_eq!(event.full_text(&mut room), Some(full));
            assert_eq!(event.text(&mut [0; 40]), None, "the text is never cut short");
            let view = event.view();
            let missing = view.message().unwrap().text(Form::Full, &mut [0; 40]).unwrap_err();
            assert!(event.full_text(&mut vec![0; missing.needed]).is_some());
            client.shut_down().await;
        });
        let script = async {
            let mut ws = Ws::accept(platform).await;
            let content = json!({"title": "Plan", "content": [
                [{"tag": "text", "text": "9:00", "style": ["bold"]}, {"tag": "text", "text": " tea "},
                 {"tag": "emotion", "emoji_type": "SMILE"}, {"tag": "text", "text": " "},
                 {"tag": "at", "user_id": "@_user_1", "user_name": "Board"}],
                [{"tag": "img", "image_key": "img_1"}]
            ]});
            let mentions = json!([{"key": "@_user_1", "id": {"open_id": BOT}, "name": "Board"}]);
            ws.push("d1", &message_of(1, "post", &content, &mentions)).await;
            ws.goodbye().await;
        };
        let Ended { notices, .. } = beside(doors(platform, &seen), bot, script).await;
        assert!(notices.iter().any(|notice| matches!(notice, Notice::IdentityKnown { .. })), "{notices:?}");
        assert_eq!(seen.borrow().calls.len(), 1, "who it is was asked once");
    });
}
