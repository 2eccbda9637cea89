//! `larkwire send` and `larkwire react`: one call, for scripts.

use std::io::Read as _;
use std::path::Path;

use larkwire_tokio::core::{Body, Call, ReceiveIdType};
use larkwire_tokio::{CallResult, Client, End};

use crate::args::{Connection, React, Send};
use crate::commands::kind_of;
use crate::exit::Exit;
use crate::{files, lines};

pub(crate) async fn send(send: Send) -> Exit {
    let said = match said(&send) {
        Ok(said) => said,
        Err(exit) => return exit,
    };
    let client = match client(&send.connection) {
        Ok(client) => client,
        Err(exit) => return exit,
    };
    let result = tokio::select! {
        result = say(&client, &send, &said) => result,
        () = crate::run::interrupted() => return Exit::interrupted(),
    };
    finish(client, result, "send", send.json, |answer| answer.message_id.clone()).await
}

pub(crate) async fn react(react: React) -> Exit {
    let client = match client(&react.connection) {
        Ok(client) => client,
        Err(exit) => return exit,
    };
    let message_id = &react.message_id;
    let call = match (&react.emoji_type, &react.remove) {
        (_, Some(reaction_id)) => Call::DeleteReaction { message_id, reaction_id },
        (emoji_type, None) => Call::AddReaction { message_id, emoji_type: emoji_type.as_deref().unwrap_or_default() },
    };
    let result = tokio::select! {
        result = client.call(call) => result,
        () = crate::run::interrupted() => return Exit::interrupted(),
    };
    finish(client, result, "react", react.json, |answer| answer.field("reaction_id").unwrap_or_default()).await
}

/// What is said, with its kind.
enum Said {
    Card(String),
    Post(String),
    Text(String),
}

fn said(send: &Send) -> Result<Said, Exit> {
    // With --reply-to the only word given is the text.
    let words = usize::from(send.to.is_some()) + usize::from(send.text.is_some());
    if send.reply_to.is_some() && words + usize::from(send.card.is_some() || send.post.is_some()) > 1 {
        return Err(Exit::usage("--reply-to says where the message goes: give a text, --card or --post, and no TO"));
    }
    let text = match (&send.text, &send.to, &send.reply_to) {
        (None, Some(text), Some(_)) => Some(text),
        (text, _, _) => text.as_ref(),
    };
    match (&send.card, &send.post, text) {
        (Some(path), ..) => Ok(Said::Card(read(path)?)),
        (None, Some(path), _) => Ok(Said::Post(read(path)?)),
        (None, None, Some(text)) if text == "-" => {
            let text = read(Path::new("-"))?;
            let line = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
            Ok(Said::Text(line.unwrap_or(&text).to_owned()))
        }
        (None, None, Some(text)) => Ok(Said::Text(text.clone())),
        (None, None, None) => Err(Exit::usage("what shall be sent? give a text, --card or --post")),
    }
}

fn read(path: &Path) -> Result<String, Exit> {
    let read = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    read.map_err(|error| Exit::usage(format!("{}: {error}", path.display())))
}

async fn say(client: &Client, send: &Send, said: &Said) -> CallResult {
    let uuid = send.uuid.as_deref();
    let body = match said {
        Said::Card(card) => Body::Interactive(card),
        Said::Post(post) => Body::Post(post),
        Said::Text(text) => Body::text(text),
    };
    let receive_id = send.to.as_deref().unwrap_or_default();
    let receive_id_type = send.receive_id_type.as_deref().and_then(kind_of);
    match (&send.reply_to, body, uuid) {
        (Some(message_id), Body::Text(text), None) if send.in_thread => {
            client.reply_text_in_thread(message_id, text).await
        }
        (Some(message_id), Body::Text(text), None) => client.reply_text(message_id, text).await,
        (Some(message_id), body, uuid) => {
            client.call(Call::Reply { message_id, body, in_thread: send.in_thread, uuid }).await
        }
        (None, Body::Text(text), None) => {
            let kind = receive_id_type.unwrap_or_else(|| ReceiveIdType::of(receive_id));
            client.send_text_to(receive_id, kind, text).await
        }
        (None, body, uuid) => client.call(Call::Send { receive_id, receive_id_type, body, uuid }).await,
    }
}

/// How long a script is kept waiting.
const PATIENCE_MS: u32 = 20_000;

/// A client for calls only.
fn client(connection: &Connection) -> Result<Client, Exit> {
    let bot = files::one(connection, |name| std::env::var(name).ok())?;
    let settings = bot.settings.source("larkwire-cli").calls_only().call_timeout_ms(PATIENCE_MS);
    let (client, _events) = Client::start(&settings).map_err(|error| Exit::configuration(error.to_string()))?;
    Ok(client)
}

#[expect(clippy::print_stdout, reason = "the answer is what the command is for")]
async fn finish(
    client: Client,
    result: CallResult,
    cmd: &str,
    json: bool,
    id: impl Fn(&larkwire_tokio::CallAnswer) -> String,
) -> Exit {
    if json {
        println!("{}", lines::result(&None, cmd, &result));
    }
    match result {
        Ok(answer) => {
            if !json {
                println!("{}", id(&answer));
            }
            client.shut_down().await;
            Exit::OK
        }
        Err(error) => match client.shut_down().await {
            // Why the bot ended says more than that its call did not come through.
            end @ End::Fatal(_) => Exit::ended(&end),
            End::Stopped => Exit::call(&error),
        },
    }
}
