//! The crate lark-channel behind the shim protocol: its event loop, message sender and API client.

use std::process::exit;
use std::time::Duration;

use lark_channel::lark_openapi::{
    BoxFuture, HttpRequest, HttpResponse, OpenApiClient, OpenApiTransport, ReqwestOpenApiTransport,
    TokioTungsteniteWebSocketTransport, WebSocketEventAck,
};
use lark_channel::{
    ChannelConfig, ChannelEvent, Error, EventLoop, EventLoopOptions, MessageContent, MessageId, MessageSender,
    OpenApiWebSocketEventConnector, ReceivedEvent, Recipient,
};
use serde_json::{Value, json};
use tokio::sync::watch;

#[path = "../../protocol.rs"]
mod protocol;
use protocol::{Mode, begin, callback_answer, handle_event, result, say, unimplemented};

/// The crate's own transport, at another address: `ChannelConfig` knows only the two regions.
#[derive(Clone)]
struct Elsewhere {
    base_url: String,
    inner: ReqwestOpenApiTransport,
}

impl OpenApiTransport for Elsewhere {
    fn send_json(&self, mut request: HttpRequest) -> BoxFuture<'static, lark_channel::Result<HttpResponse>> {
        let path = request.url[url::Position::BeforePath..].to_owned();
        match format!("{}{path}", self.base_url).parse() {
            Ok(url) => request.url = url,
            Err(error) => return Box::pin(async move { Err(Error::from(error)) }),
        }
        self.inner.send_json(request)
    }
}

async fn on_event(received: ReceivedEvent, told: watch::Receiver<Mode>) -> lark_channel::Result<WebSocketEventAck> {
    let line = match received.event {
        ChannelEvent::Message(message) => json!({
            "event_type": "im.message.receive_v1",
            "event_id": message.raw["header"]["event_id"],
            "message_id": message.message_id,
            "chat_id": message.chat_id,
            "chat_type": message.raw["event"]["message"]["chat_type"],
            "text": message.text,
        }),
        ChannelEvent::CardAction(action) => {
            json!({ "event_type": "card.action.trigger", "event_id": action.context.event_id })
        }
        ChannelEvent::Unknown { context, raw } => {
            let event_id = context.map(|context| context.event_id);
            json!({ "event_type": raw["header"]["event_type"], "event_id": event_id })
        }
    };
    let event_type = line["event_type"].clone();
    say("event", line);
    if event_type == "card.action.trigger" || event_type == "url.preview.get" {
        return WebSocketEventAck::ok().with_json_data(&callback_answer(told).await);
    }
    match handle_event(told).await {
        true => Ok(WebSocketEventAck::ok()),
        false => Err(Error::Validation("the handler fails, as it was told".into())),
    }
}

async fn perform(sender: &MessageSender<Elsewhere>, call: &Value) -> lark_channel::Result<Value> {
    let text = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
    let (api, to) = (sender.client(), MessageId(text("message_id")));
    let path = format!("/open-apis/im/v1/messages/{}", to.0);
    let content = match call.get("card") {
        Some(card) => MessageContent::Card { card: card.clone() },
        None => MessageContent::Text { text: text("text") },
    };
    let sent = |id: MessageId| json!({ "data": { "message_id": id.0 } });
    match call["call"].as_str().unwrap_or_default() {
        "reply" => {
            let in_thread = call["in_thread"].as_bool().unwrap_or(false);
            sender.reply(to, content).reply_in_thread(in_thread).send().await.map(sent)
        }
        "send" => {
            let recipient = match call["receive_id_type"].as_str().unwrap_or("chat_id") {
                "chat_id" => Recipient::Chat(text("receive_id")),
                "open_id" => Recipient::User(text("receive_id")),
                other => unimplemented(&format!("call.send.receive_id_type.{other}")),
            };
            sender.message(recipient, content).send().await.map(sent)
        }
        "edit" => {
            let content = json!({ "text": text("text") }).to_string();
            api.put_tenant_json(&path, &json!({ "msg_type": "text", "content": content })).await
        }
        "patch_card" => api.patch_tenant_json(&path, &json!({ "content": call["card"].to_string() })).await,
        "update_card" => {
            let body = json!({ "token": call["token"], "card": call["card"] });
            api.post_tenant_json("/open-apis/interactive/v1/card/update", &body).await
        }
        "react" => {
            let body = json!({ "reaction_type": { "emoji_type": call["emoji_type"] } });
            api.post_tenant_json(&format!("{path}/reactions"), &body).await
        }
        other => unimplemented(&format!("call.{other}")), // its client has neither GET nor DELETE
    }
}

#[tokio::main]
async fn main() {
    // It hands over the messages of everybody, and the platform's ReconnectCount is its limit.
    let always = [("allow_bots", json!(true)), ("follow_reconnect_count", json!(true))];
    let (start, mut orders, told) = begin(&["pong_timeout_ms", "max_attempts"], &always);
    let text = |name: &str| start[name].as_str().unwrap_or_default().to_owned();
    let transport = Elsewhere { base_url: text("base_url"), inner: ReqwestOpenApiTransport::new() };
    let api = OpenApiClient::new(ChannelConfig::new(text("app_id"), text("app_secret")), transport);
    let connector = OpenApiWebSocketEventConnector::new(api.clone(), TokioTungsteniteWebSocketTransport::new());
    let mut options = EventLoopOptions::new();
    if let Some(attempts) = start["settings"]["max_attempts"].as_u64() {
        options = options.with_max_reconnects(usize::try_from(attempts).unwrap_or(usize::MAX));
    }
    let pong_timeout = start["settings"]["pong_timeout_ms"].as_u64().map(Duration::from_millis);
    let mut events = EventLoop::with_options(connector, options.with_heartbeat_timeout(pong_timeout));
    say("ready", json!({ "conform": 1, "client": "lark-channel", "version": "0.6.0" }));
    tokio::spawn(async move {
        while let Some(call) = orders.recv().await {
            if call["do"] == "stop" {
                exit(0); // without `ended`: the event loop cannot be stopped
            }
            let sender = MessageSender::new(api.clone());
            tokio::spawn(async move {
                let outcome = perform(&sender, &call).await.map_err(|error| match error {
                    Error::Api { code, message } => (Some(code), message),
                    error => (None, error.to_string()),
                });
                result(&call, outcome);
            });
        }
    });
    let line = match events.run(|event| on_event(event, told.clone())).await {
        Ok(exit) => json!({ "how": "fatal", "text": format!("{exit:?}") }),
        Err(Error::Api { code, message }) => json!({ "how": "fatal", "code": code, "text": message }),
        Err(error) => json!({ "how": "fatal", "text": error.to_string() }),
    };
    say("ended", line);
    exit(0)
}
