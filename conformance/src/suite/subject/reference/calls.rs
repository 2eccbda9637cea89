//! Calls of the open platform: protocol section 16.

use std::time::Duration;

use hyper::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::Client;
use super::defects::Defect;
use super::http::{Answer, Question, ask};
use crate::suite::shim::{Call, CallResult};

/// For the whole call.
const TIME: Duration = Duration::from_secs(60);
/// For one try.
const TRY: Duration = Duration::from_secs(15);
/// Where the platform is busy or a limit holds.
const TRIES: u32 = 3;
/// All other bytes of an id are escaped.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const TOKEN: [i64; 8] =
    [99_991_661, 99_991_663, 99_991_664, 99_991_665, 99_991_666, 99_991_668, 99_991_671, 99_991_677];
const RATE: [i64; 8] = [99_991_400, 99_991_402, 230_020, 11020, 11021, 11232, 11233, 11247];
const BUSY: [i64; 3] = [230_049, 231_015, 1500];
/// Taking away what is gone is done.
const GONE: [i64; 4] = [231_003, 231_007, 231_010, 231_011];

/// How much is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zeal {
    /// Somebody waits for it.
    Call,
    /// Nobody does: once more where the token was refused or a limit held.
    Background,
}

/// How a try went.
enum Went {
    Done(Value),
    /// After this pause at least.
    Busy(Option<i64>, Duration),
    /// The same, because of a limit.
    Limited(Option<i64>, Duration),
    NoAnswer,
    Refused(i64, String),
    BadToken(i64, String),
}

/// Makes a call.
pub(super) async fn perform(client: &Client, call: Call) -> Option<CallResult> {
    let id = call.id;
    let failed =
        |code: Option<i64>, text: &str| CallResult { id, code, text: Some(text.to_owned()), ..CallResult::default() };
    let question = match question(client, &call)? {
        Ok(question) => question,
        Err(why) => return Some(failed(None, why)),
    };
    let unreact = call.call == "unreact";
    Some(match timeout(TIME, tries(client, question, Zeal::Call)).await {
        Ok(Ok(json)) => done(id, &json),
        Ok(Err((Some(code), _))) if unreact && GONE.contains(&code) => {
            CallResult { id, ok: true, ..Default::default() }
        }
        Ok(Err((code, text))) => failed(code, &client.redacted(&text)),
        Err(_) => failed(None, "no answer in time"),
    })
}

fn done(id: u64, json: &Value) -> CallResult {
    let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    CallResult {
        id,
        ok: true,
        message_id: text("/data/message_id"),
        reaction_id: text("/data/reaction_id"),
        open_id: text("/bot/open_id"),
        ..CallResult::default()
    }
}

/// Tries until it is settled.
pub(super) async fn tries(client: &Client, mut question: Question, zeal: Zeal) -> Result<Value, (Option<i64>, String)> {
    let most = if zeal == Zeal::Call { TRIES } else { 2 };
    let mut forgiven = false;
    let mut busy = 0;
    let mut silent = 0;
    loop {
        let token = client.tokens.get(client).await;
        let went = one(client, &question, &token).await;
        let wait = match went {
            Went::Done(json) => return Ok(json),
            Went::Refused(code, _) if client.has(Defect::RetriesRefusals) && busy + 1 < most && code != 0 => {
                busy += 1;
                Duration::from_secs(1)
            }
            Went::Refused(code, text) => return Err((Some(code), text)),
            Went::BadToken(code, text) => {
                if forgiven || client.has(Defect::KeepsBadToken) {
                    return Err((Some(code), text));
                }
                forgiven = true;
                client.tokens.refused(&token).await;
                Duration::ZERO
            }
            Went::Busy(code, _) if zeal == Zeal::Background => return Err((code, "the platform is busy".to_owned())),
            Went::NoAnswer if zeal == Zeal::Background => return Err((None, "no answer".to_owned())),
            Went::Busy(code, asked) | Went::Limited(code, asked) => {
                busy += 1;
                if busy >= most || client.has(Defect::NeverRetriesCalls) {
                    return Err((code, "the platform is busy".to_owned()));
                }
                let least = Duration::from_secs(u64::from(busy));
                least.max(asked.min(TIME)) + Duration::from_secs_f64(client.chance(1.0))
            }
            Went::NoAnswer if client.has(Defect::NeverRetriesCalls) => return Err((None, "no answer".to_owned())),
            Went::NoAnswer => {
                silent += 1;
                Duration::from_secs_f64(0.5 + client.chance(f64::from(1_u32 << u32::min(silent, 4))))
            }
        };
        if let Some(uuid) = question.body.as_mut().and_then(|body| body.get_mut("uuid"))
            && client.has(Defect::NewUuidPerTry)
        {
            *uuid = client.uuid().into();
        }
        sleep(wait).await;
    }
}

async fn one(client: &Client, question: &Question, token: &str) -> Went {
    let mut question = question.clone();
    question.headers.extend([("authorization", format!("Bearer {token}")), ("user-agent", client.agent())]);
    let Some(answer) = timeout(TRY, ask(&client.platform, &question)).await.ok().flatten() else {
        return Went::NoAnswer;
    };
    judge(answer)
}

fn judge(answer: Answer) -> Went {
    let status = answer.status.as_u16();
    let pause = answer.pause().unwrap_or_default();
    let words = answer.words();
    match answer.code() {
        Some(0) if answer.status.is_success() => Went::Done(answer.json.unwrap_or_default()),
        Some(code) if TOKEN.contains(&code) => Went::BadToken(code, words),
        code if status == 429 || code.is_some_and(|code| RATE.contains(&code)) => Went::Limited(code, pause),
        code if status >= 500 || code.is_some_and(|code| BUSY.contains(&code)) => Went::Busy(code, pause),
        code if status == 401 => Went::BadToken(code.unwrap_or_default(), words),
        Some(code) => Went::Refused(code, words),
        None if status == 200 => Went::NoAnswer,
        None => Went::Refused(i64::from(status), "an answer without a code".to_owned()),
    }
}

/// What to ask; `None` if there is no such call.
fn question(client: &Client, call: &Call) -> Option<Result<Question, &'static str>> {
    let sound = |id: &str| !id.trim().is_empty() && !id.contains(char::is_control) && id != "." && id != "..";
    let path =
        |id: &Option<String>| id.as_deref().filter(|id| sound(id)).map(|id| utf8_percent_encode(id, PLAIN).to_string());
    let said = || match &call.card {
        Some(card) => ("interactive", card.to_string()),
        None => ("text", json!({ "text": call.text }).to_string()),
    };
    let uuid = |mut body: Value| {
        if !client.has(Defect::NoUuid) {
            body["uuid"] = client.uuid().into();
        }
        Some(body)
    };
    let message = path(&call.message_id);
    let messages = "/open-apis/im/v1/messages";
    let of_message = |rest: &str| message.as_ref().map(|id| format!("{messages}/{id}{rest}"));
    let (kind, content) = said();
    let (method, target, body) = match call.call.as_str() {
        "bot_info" => (Method::GET, Some("/open-apis/bot/v3/info".to_owned()), None),
        "chat_info" => (Method::GET, path(&call.chat_id).map(|id| format!("/open-apis/im/v1/chats/{id}")), None),
        "edit" => (Method::PUT, of_message(""), Some(json!({ "msg_type": kind, "content": content }))),
        "patch_card" => (Method::PATCH, of_message(""), Some(json!({ "content": content }))),
        "recall" => (Method::DELETE, of_message(""), None),
        "react" => {
            let body = json!({ "reaction_type": { "emoji_type": call.emoji_type } });
            (Method::POST, of_message("/reactions"), Some(body))
        }
        "unreact" => {
            let reaction = path(&call.reaction_id);
            (Method::DELETE, reaction.and_then(|reaction| of_message(&format!("/reactions/{reaction}"))), None)
        }
        "reply" => {
            let mut body = json!({ "msg_type": kind, "content": content });
            if call.in_thread == Some(true) {
                body["reply_in_thread"] = true.into();
            }
            (Method::POST, of_message("/reply"), uuid(body))
        }
        "send" => {
            let receiver = call.receive_id.as_deref().filter(|id| sound(id));
            let kind_of_id =
                call.receive_id_type.clone().unwrap_or_else(|| receiver_kind(receiver.unwrap_or_default()));
            let body = json!({ "receive_id": receiver, "msg_type": kind, "content": content });
            (Method::POST, receiver.map(|_| format!("{messages}?receive_id_type={kind_of_id}")), uuid(body))
        }
        "update_card" => {
            let body = json!({ "token": call.token, "card": call.card });
            (Method::POST, Some("/open-apis/interactive/v1/card/update".to_owned()), Some(body))
        }
        _ => return None,
    };
    Some(target.map(|target| Question { method, target, headers: Vec::new(), body }).ok_or("an impossible id"))
}

fn receiver_kind(id: &str) -> String {
    let kind = match id {
        _ if id.contains('@') => "email",
        _ if id.starts_with("oc_") => "chat_id",
        _ if id.starts_with("ou_") => "open_id",
        _ if id.starts_with("on_") => "union_id",
        _ => "user_id",
    };
    kind.to_owned()
}
