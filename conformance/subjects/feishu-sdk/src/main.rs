//! The crate feishu-sdk behind the shim protocol: its stream client, event dispatcher and API client.

use std::future::Future;
use std::pin::Pin;
use std::process::exit;
use std::sync::Arc;

use feishu_sdk::Client;
use feishu_sdk::core::{Config, Error, RequestOptions};
use feishu_sdk::event::{Event, EventDispatcher, EventDispatcherConfig, EventHandler, EventHandlerResult, EventResp};
use serde_json::{Value, json};
use tokio::sync::watch;

#[path = "../../protocol.rs"]
mod protocol;
use protocol::{Mode, begin, callback_answer, handle_event, result, say, unimplemented};

const EVENTS: [&str; 10] = [
    "im.message.receive_v1",
    "im.message.message_read_v1",
    "im.message.recalled_v1",
    "im.message.reaction.created_v1",
    "im.message.reaction.deleted_v1",
    "im.chat.member.bot.added_v1",
    "im.chat.member.bot.deleted_v1",
    "im.chat.access_event.bot_p2p_chat_entered_v1",
    "application.bot.menu_v6",
    "drive.notice.comment_add_v1",
];
const CALLBACKS: [&str; 2] = ["card.action.trigger", "url.preview.get"];

struct Handler {
    event_type: &'static str,
    told: watch::Receiver<Mode>,
}

impl EventHandler for Handler {
    fn event_type(&self) -> &str {
        self.event_type
    }

    fn handle(&self, event: Event) -> Pin<Box<dyn Future<Output = EventHandlerResult> + Send + '_>> {
        let none = Value::Null;
        let message = event.event.as_ref().map_or(&none, |event| &event["message"]);
        let line = json!({
            "event_type": event.event_type(),
            "event_id": event.event_id(),
            "message_id": message["message_id"],
            "chat_id": message["chat_id"],
            "chat_type": message["chat_type"],
        });
        say("event", line);
        Box::pin(async {
            if CALLBACKS.contains(&self.event_type) {
                let answer = callback_answer(self.told.clone()).await;
                return Ok(Some(EventResp::ok(answer.to_string().into_bytes())));
            }
            match handle_event(self.told.clone()).await {
                true => Ok(None),
                false => Err(Error::InvalidEventFormat("the handler fails, as it was told".into())),
            }
        })
    }
}

async fn perform(api: &Client, call: &Value) -> Result<Value, (Option<i64>, String)> {
    let text = |name: &str| call[name].as_str().unwrap_or_default();
    let (kind, content) = match call.get("card") {
        Some(card) => ("interactive", card.to_string()),
        None => ("text", json!({ "text": call["text"] }).to_string()),
    };
    let to = |operation: &str| api.operation(operation).path_param("message_id", text("message_id"));
    let sent = match text("call") {
        "reply" => {
            let in_thread = call["in_thread"].as_bool().unwrap_or(false);
            let body = json!({ "msg_type": kind, "content": content, "reply_in_thread": in_thread });
            to("im.v1.message.reply").body_value(body).send().await
        }
        "send" => {
            let id_type = call["receive_id_type"].as_str().unwrap_or("chat_id");
            let body = json!({ "receive_id": call["receive_id"], "msg_type": kind, "content": content });
            let request = api.operation("im.v1.message.create").query_param("receive_id_type", id_type);
            request.body_value(body).send().await
        }
        "edit" => {
            let body = json!({ "msg_type": kind, "content": content });
            to("im.v1.message.update").body_value(body).send().await
        }
        "patch_card" => to("im.v1.message.patch").body_value(json!({ "content": content })).send().await,
        "recall" => to("im.v1.message.delete").send().await,
        "react" => {
            let body = json!({ "reaction_type": { "emoji_type": call["emoji_type"] } });
            to("im.v1.message_reaction.create").body_value(body).send().await
        }
        "unreact" => to("im.v1.message_reaction.delete").path_param("reaction_id", text("reaction_id")).send().await,
        "chat_info" => api.operation("im.v1.chat.get").path_param("chat_id", text("chat_id")).send().await,
        "bot_info" => api.get("/open-apis/bot/v3/info", vec![], RequestOptions::default()).await,
        "update_card" => {
            let body = json!({ "token": call["token"], "card": call["card"] });
            let path = "/open-apis/interactive/v1/card/update";
            api.post(path, vec![], Some(body), RequestOptions::default()).await
        }
        other => unimplemented(&format!("call.{other}")),
    };
    match sent.and_then(|response| response.json_value()) {
        Ok(answer) => Ok(answer),
        Err(Error::Api(error)) => Err((Some(error.code), error.msg)),
        Err(error) => Err((None, error.to_string())),
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    // It hands over the messages of everybody, and the platform's ReconnectCount is its limit.
    let always = [("allow_bots", json!(true)), ("follow_reconnect_count", json!(true))];
    let (start, mut orders, told) = begin(&[], &always);
    let text = |name: &str| start[name].as_str().unwrap_or_default();
    let config = Config::builder(text("app_id"), text("app_secret")).base_url(text("base_url")).build();
    let dispatcher = EventDispatcher::new(EventDispatcherConfig::from_sdk_config(&config), config.logger.clone());
    for event_type in EVENTS.into_iter().chain(CALLBACKS) {
        dispatcher.register_handler(Box::new(Handler { event_type, told: told.clone() })).await;
    }
    let api = Arc::new(Client::new(config)?);
    let stream = api.stream().event_dispatcher(dispatcher).build()?;
    say("ready", json!({ "conform": 1, "client": "feishu-sdk", "version": "0.1.2" }));
    tokio::spawn(async move {
        while let Some(call) = orders.recv().await {
            if call["do"] == "stop" {
                exit(0); // without `ended`: the stream cannot be stopped
            }
            let api = api.clone();
            tokio::spawn(async move { result(&call, perform(&api, &call).await) });
        }
    });
    if let Err(error) = stream.start().await {
        let code = match &error {
            Error::StreamClientError { code, .. } | Error::StreamServerError { code, .. } => Some(code),
            _ => None,
        };
        say("ended", json!({ "how": "fatal", "code": code, "text": error.to_string() }));
    }
    exit(0)
}
