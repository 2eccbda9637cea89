//! The shim of the conformance suite: see conformance/PROTOCOL.md. It is no example of a bot; `echo.rs` is one.

#[path = "../../conformance/subjects/shim.rs"]
mod shim;

use std::path::Path;

use larkwire_tokio::core::{self, Body, Call, ReceiveIdType};
use larkwire_tokio::webhook::{Server, Serving, WebhookSettings};
use larkwire_tokio::{CallResult, Client, End, Event, Events, Settings};
use serde_json::{Value, json};
use shim::{Handling, flag, number, text};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

/// Where the platform posts to.
const PATH: &str = "/lark";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut lines = shim::lines();
    let start = shim::start(&mut lines).await;
    let ready = |url| shim::ready("larkwire-tokio", env!("CARGO_PKG_VERSION"), url);
    let Some(webhook) = start["settings"].get("webhook") else {
        ready(None);
        return shim::say(&match Client::start(&settings(&start)) {
            Ok((client, events)) => shim::ended(&talk(&client, events, lines).await),
            Err(error) => fatal(&error.to_string()),
        });
    };
    let started = Client::start(&settings(&start).webhook(webhook_settings(webhook)));
    let serving = match &started {
        Ok((client, _)) => serve(client).await,
        Err(error) => Err(error.to_string()),
    };
    ready(serving.as_ref().ok().map(|serving| format!("http://{}{PATH}", serving.local_addr())));
    shim::say(&match (started, serving) {
        (Ok((client, events)), Ok(serving)) => {
            let end = talk(&client, events, lines).await;
            // What the bot has decided at its end is written before the process is over.
            serving.shut_down().await;
            shim::ended(&end)
        }
        (_, Err(error)) => fatal(&error),
        (Err(error), _) => fatal(&error.to_string()),
    });
}

fn fatal(text: &str) -> Value {
    json!({"is": "ended", "how": "fatal", "text": text})
}

/// Serves the client's webhook at a port that is free.
async fn serve(client: &Client) -> Result<Serving, String> {
    let service = client.webhook().ok_or("there is no webhook")?;
    Server::new().route(PATH, service).bind("127.0.0.1:0").await.map_err(|error| error.to_string())
}

fn webhook_settings(told: &Value) -> WebhookSettings {
    let encrypt_key = text(told, "encrypt_key");
    let mut webhook = WebhookSettings::new(encrypt_key, text(told, "verification_token"))
        .old_cards(flag(told, "old_cards"))
        .allow_missing_token(flag(told, "allow_missing_token"));
    if let Some(seconds) = number(told, "max_age_secs") {
        webhook = webhook.max_age_secs(seconds);
    }
    if let Some(bytes) = number(told, "max_body") {
        webhook = webhook.max_body(bytes);
    }
    // The app has none: the scenario wants to see just that.
    if encrypt_key.is_empty() {
        webhook = webhook.dangerously_allow_missing_keys();
    }
    webhook
}

fn settings(start: &Value) -> Settings {
    let told = &start["settings"];
    let mut settings = Settings::new(text(start, "app_id"), text(start, "app_secret"))
        .domain(text(start, "base_url"))
        .mention_only(flag(told, "mention_only"))
        .respond_to_mention_all(flag(told, "respond_to_mention_all"))
        .allow_bots(flag(told, "allow_bots"))
        .ack_reactions(shim::ack_reactions(told))
        .follow_reconnect_count(flag(told, "follow_reconnect_count"));
    for id in shim::allowed_users(told) {
        settings = settings.allow(id);
    }
    if let Some(events) = number(told, "inbox") {
        settings = settings.inbox(events);
    }
    if let Some(seconds) = number::<u64>(told, "dedup_window_s") {
        settings = settings.dedup_window_ms(seconds.saturating_mul(1000));
    }
    if let Some(seconds) = number::<u64>(told, "stale_after_s") {
        settings = settings.stale_after_ms(seconds.saturating_mul(1000));
    }
    if let Some(ms) = number(told, "pong_timeout_ms") {
        settings = settings.pong_timeout_ms(ms);
    }
    if let Some(attempts) = number(told, "max_attempts") {
        settings = settings.max_attempts(attempts);
    }
    if flag(told, "retry_fatal") {
        settings = settings.retry_fatal();
    }
    if let Some(folder) = told["state_dir"].as_str() {
        settings = settings.dedup_file(Path::new(folder).join("seen"));
    }
    settings
}

/// Does what the suite says, and says what the client does, until the client has ended.
async fn talk(client: &Client, mut events: Events, mut lines: UnboundedReceiver<Value>) -> End {
    let mut handling = Handling::new();
    let mut notices = client.notices();
    let (mut calls, mut answers) = (JoinSet::new(), JoinSet::new());
    loop {
        tokio::select! {
            // What was taken before the end is told before it.
            biased;
            Some(line) = lines.recv() => match text(&line, "do") {
                "handle" => handling.tell(&line),
                "call" => {
                    calls.spawn(call(client.clone(), line));
                }
                "stop" => client.begin_shut_down(),
                _ => {}
            },
            Some(event) = events.recv(), if !handling.hold => {
                shim::say(&shim::event(&event.view()));
                if let Some(answer) = handling.answer().filter(|_| event.is_callback()) {
                    answers.spawn(respond(client.clone(), event, answer, handling.after));
                }
            }
            Ok(()) = notices.changed() => {
                if let Some(notice) = *notices.borrow_and_update() {
                    shim::note(&format!("{notice:?}"));
                }
            }
            end = client.ended() => {
                // The end has answered them all.
                while calls.join_next().await.is_some() {}
                return end;
            }
        }
    }
}

async fn respond(client: Client, event: Event, answer: String, after: std::time::Duration) {
    tokio::time::sleep(after).await;
    if let Err(misuse) = client.respond(&event, &answer) {
        shim::note(&format!("the callback was not answered: {misuse}"));
    }
}

async fn call(client: Client, line: Value) {
    let card = shim::card(&line);
    let result = call_by_name(&client, shim::call(&line, &card)).await;
    let answer = result.as_ref().map(|got| core::CallAnswer { message_id: &got.message_id, data: &got.data });
    shim::say(&shim::result(&line["id"], answer));
}

/// Texts have words of their own, which split the long ones.
async fn call_by_name(client: &Client, call: Call<'_>) -> CallResult {
    match call {
        Call::Reply { message_id, body: Body::Text(text), in_thread: false, .. } => {
            client.reply_text(message_id, text).await
        }
        Call::Reply { message_id, body: Body::Text(text), .. } => client.reply_text_in_thread(message_id, text).await,
        Call::Send { receive_id, receive_id_type, body: Body::Text(text), .. } => {
            let kind = receive_id_type.unwrap_or_else(|| ReceiveIdType::of(receive_id));
            client.send_text_to(receive_id, kind, text).await
        }
        call => client.call(call).await,
    }
}
