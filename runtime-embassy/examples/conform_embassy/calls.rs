//! Calls and answers to callbacks, each a task.

use embassy_time::{Duration, Timer};
use larkwire_embassy::core::{Body, Call, CallAnswer, ReceiveIdType, ResponseId};
use larkwire_embassy::{CallData, Client};
use serde_json::Value;

use crate::set_up::HTTP;
use crate::shim;

/// Answers a callback.
pub(crate) async fn respond(client: Client<'static>, id: ResponseId, answer: String, after: Duration) {
    Timer::after(after).await;
    if let Err(misuse) = client.respond_to(id, &answer) {
        shim::note(&format!("the callback was not answered: {misuse}"));
    }
}

/// Makes the call of a line and says its result. Texts have words of their own, which split the long ones.
pub(crate) async fn call(client: Client<'static>, line: &Value) {
    let (card, mut room) = (shim::card(line), vec![0; HTTP]);
    let only_id = |answer| CallData { answer, data: "" };
    let result = match shim::call(line, &card) {
        Call::Reply { message_id, body: Body::Text(text), in_thread: false, .. } => {
            client.reply_text(message_id, text).await.map(only_id)
        }
        Call::Reply { message_id, body: Body::Text(text), .. } => {
            client.reply_text_in_thread(message_id, text).await.map(only_id)
        }
        Call::Send { receive_id, receive_id_type, body: Body::Text(text), .. } => {
            let kind = receive_id_type.unwrap_or_else(|| ReceiveIdType::of(receive_id));
            client.send_text_to(receive_id, kind, text).await.map(only_id)
        }
        call => client.call_into(call, &mut room).await,
    };
    let answer = result.as_ref().map(|got| CallAnswer { message_id: got.answer.message_id.as_str(), data: got.data });
    shim::say(&shim::result(&line["id"], answer));
}
