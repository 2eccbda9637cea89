//! The commands of `larkwire run`: one JSON object a line of stdin.

use larkwire_tokio::core::fault::Misuse;
use larkwire_tokio::core::{Body, Call, ReceiveIdType, ResponseId};
use larkwire_tokio::{CallError, CallResult, Client};
use serde::Deserialize;
use serde_json::Value;

use crate::lines;

/// A line of stdin.
#[derive(Deserialize)]
pub(crate) struct Line {
    pub(crate) id: Option<Value>,
    /// Which bot, where there are several.
    pub(crate) bot: Option<String>,
    #[serde(flatten)]
    pub(crate) command: Command,
}

/// What can be asked for. A message has exactly one of `text`, `card` and `post`.
#[derive(Deserialize)]
#[serde(tag = "cmd", rename_all = "snake_case")]
pub(crate) enum Command {
    ChatInfo {
        chat_id: String,
    },
    Edit {
        message_id: String,
        #[serde(flatten)]
        message: Message,
    },
    PatchCard {
        message_id: String,
        card: Value,
    },
    React {
        message_id: String,
        emoji_type: String,
    },
    Recall {
        message_id: String,
    },
    Reply {
        message_id: String,
        #[serde(default)]
        in_thread: bool,
        uuid: Option<String>,
        #[serde(flatten)]
        message: Message,
    },
    Respond {
        response_id: u64,
        body: Value,
    },
    Send {
        #[serde(alias = "receive_id")]
        chat_id: String,
        receive_id_type: Option<String>,
        uuid: Option<String>,
        #[serde(flatten)]
        message: Message,
    },
    Unreact {
        message_id: String,
        reaction_id: String,
    },
    UpdateCard {
        token: String,
        card: Value,
    },
}

/// What a message says.
#[derive(Default, Deserialize)]
pub(crate) struct Message {
    text: Option<String>,
    card: Option<Value>,
    post: Option<Value>,
}

/// The members a command may have, so that a misspelt one is not silently ignored.
const MEMBERS: [(&str, &[&str]); 10] = [
    ("chat_info", &["chat_id"]),
    ("edit", &["message_id", "text", "post"]),
    ("patch_card", &["message_id", "card"]),
    ("react", &["message_id", "emoji_type"]),
    ("recall", &["message_id"]),
    ("reply", &["message_id", "text", "card", "post", "in_thread", "uuid"]),
    ("respond", &["response_id", "body"]),
    ("send", &["chat_id", "receive_id", "receive_id_type", "text", "card", "post", "uuid"]),
    ("unreact", &["message_id", "reaction_id"]),
    ("update_card", &["token", "card"]),
];

impl Line {
    /// Reads a line; the error is the result line that says what is wrong with it.
    pub(crate) fn read(line: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(line).map_err(|error| lines::no_command(error, None))?;
        if let Some(stranger) = stranger(&value) {
            return Err(lines::no_command(format!("unknown member `{stranger}`"), Some(value)));
        }
        let read = Self::deserialize(&value).map_err(|error| error.to_string());
        read.and_then(Self::checked).map_err(|error| lines::no_command(error, Some(value)))
    }

    fn checked(self) -> Result<Self, String> {
        match &self.command {
            Command::Edit { message, .. } | Command::Reply { message, .. } | Command::Send { message, .. } => {
                message.check()?;
            }
            _ => {}
        }
        match &self.command {
            Command::Send { receive_id_type: Some(word), .. } if kind_of(word).is_none() => {
                Err(format!("receive_id_type is `{word}`, not one of chat_id, email, open_id, union_id, user_id"))
            }
            _ => Ok(self),
        }
    }
}

fn stranger(line: &Value) -> Option<&str> {
    let members = line.as_object()?;
    let cmd = members.get("cmd")?.as_str()?;
    let (_, known) = MEMBERS.iter().find(|(name, _)| *name == cmd)?;
    members.keys().map(String::as_str).find(|name| !["cmd", "id", "bot"].contains(name) && !known.contains(name))
}

impl Command {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::ChatInfo { .. } => "chat_info",
            Self::Edit { .. } => "edit",
            Self::PatchCard { .. } => "patch_card",
            Self::React { .. } => "react",
            Self::Recall { .. } => "recall",
            Self::Reply { .. } => "reply",
            Self::Respond { .. } => "respond",
            Self::Send { .. } => "send",
            Self::Unreact { .. } => "unreact",
            Self::UpdateCard { .. } => "update_card",
        }
    }

    /// The answer to a callback, where it is one.
    pub(crate) fn response(&self) -> Option<(ResponseId, String)> {
        match self {
            Self::Respond { response_id, body } => Some((ResponseId::from_u64(*response_id), body.to_string())),
            _ => None,
        }
    }

    /// Makes the call. Short messages leave in the order of their commands; the pieces of a long one wait for each other.
    pub(crate) async fn call(self, client: &Client) -> CallResult {
        match self {
            Self::ChatInfo { chat_id } => client.chat_info(&chat_id).await,
            Self::Edit { message_id, message } => {
                let json = message.json();
                client.edit(&message_id, message.body(&json).map_err(CallError::Misuse)?).await
            }
            Self::PatchCard { message_id, card } => client.patch_card(&message_id, &card.to_string()).await,
            Self::React { message_id, emoji_type } => {
                client.call(Call::AddReaction { message_id: &message_id, emoji_type: &emoji_type }).await
            }
            Self::Recall { message_id } => client.recall(&message_id).await,
            Self::Reply { message_id, in_thread, uuid, message } => {
                let json = message.json();
                match (message.body(&json).map_err(CallError::Misuse)?, uuid.as_deref()) {
                    (Body::Text(text), None) if in_thread => client.reply_text_in_thread(&message_id, text).await,
                    (Body::Text(text), None) => client.reply_text(&message_id, text).await,
                    (body, uuid) => client.call(Call::Reply { message_id: &message_id, body, in_thread, uuid }).await,
                }
            }
            // Answered where it was read: nothing is asked of the platform.
            Self::Respond { .. } => Err(CallError::Misuse(Misuse::Field("response_id"))),
            Self::Send { chat_id, receive_id_type, uuid, message } => {
                let kind = match receive_id_type.as_deref() {
                    Some(word) => kind_of(word).ok_or(CallError::Misuse(Misuse::Field("receive_id_type")))?,
                    // A chat unless its form says something else.
                    None => match ReceiveIdType::of(&chat_id) {
                        ReceiveIdType::UserId => ReceiveIdType::ChatId,
                        kind => kind,
                    },
                };
                let json = message.json();
                match (message.body(&json).map_err(CallError::Misuse)?, uuid.as_deref()) {
                    (Body::Text(text), None) => client.send_text_to(&chat_id, kind, text).await,
                    (body, uuid) => {
                        let receive_id_type = Some(kind);
                        client.call(Call::Send { receive_id: &chat_id, receive_id_type, body, uuid }).await
                    }
                }
            }
            Self::Unreact { message_id, reaction_id } => client.unreact(&message_id, &reaction_id).await,
            Self::UpdateCard { token, card } => {
                client.call(Call::UpdateCard { token: &token, card: &card.to_string() }).await
            }
        }
    }
}

/// The kind of receiver by the platform's word for it.
pub(crate) fn kind_of(word: &str) -> Option<ReceiveIdType> {
    use ReceiveIdType::{ChatId, Email, OpenId, UnionId, UserId};
    [ChatId, Email, OpenId, UnionId, UserId].into_iter().find(|kind| kind.as_str() == word)
}

impl Message {
    fn check(&self) -> Result<(), String> {
        let given = [self.text.is_some(), self.card.is_some(), self.post.is_some()].into_iter().filter(|given| *given);
        if given.count() == 1 { Ok(()) } else { Err("a message has exactly one of text, card and post".into()) }
    }

    fn json(&self) -> String {
        self.card.as_ref().or(self.post.as_ref()).map(Value::to_string).unwrap_or_default()
    }

    fn body<'a>(&'a self, json: &'a str) -> Result<Body<'a>, Misuse> {
        match (&self.text, &self.card, &self.post) {
            (Some(text), None, None) => Ok(Body::text(text)),
            (None, Some(_), None) => Ok(Body::Interactive(json)),
            (None, None, Some(_)) => Ok(Body::Post(json)),
            _ => Err(Misuse::Field("one of text, card and post")),
        }
    }
}
