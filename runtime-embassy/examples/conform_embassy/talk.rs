//! What the suite says, and what is done about it.

use embassy_time::{Duration, Timer};
use larkwire_embassy::core::{Body, Call, CallAnswer, ReceiveIdType, ResponseId};
use larkwire_embassy::{CallData, Client, End};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::{JoinSet, LocalSet};

use crate::Lines;
use crate::set_up::HTTP;
use crate::shim::{self, Handling, text};

/// An event that was taken out of the inbox and said: what it is answered with, for a callback.
pub(crate) type Taken = Option<ResponseId>;

/// Does what the suite says, and says what the client does, until the client has ended.
pub(crate) async fn talk(
    client: Client<'static>,
    lines: Lines,
    next: impl AsyncFnMut() -> Option<Taken>,
    ended: oneshot::Receiver<End>,
) -> End {
    // The executor's own tasks do not begin in the order they were spawned in; calls have to.
    LocalSet::new().run_until(talk_here(client, lines, next, ended)).await
}

async fn talk_here(
    client: Client<'static>,
    mut lines: Lines,
    mut next: impl AsyncFnMut() -> Option<Taken>,
    mut ended: oneshot::Receiver<End>,
) -> End {
    let mut handling = Handling::new();
    let (mut calls, mut answers) = (JoinSet::new(), JoinSet::new());
    loop {
        tokio::select! {
            // What was taken before the end is told before it.
            biased;
            Some(line) = lines.recv() => match text(&line, "do") {
                "handle" => handling.tell(&line),
                "call" => {
                    calls.spawn_local(call(client, line));
                }
                "stop" => client.begin_shut_down(),
                _ => {}
            },
            Some(taken) = next(), if !handling.hold => {
                if let Some((id, answer)) = taken.zip(handling.answer()) {
                    let after = Duration::try_from(handling.after).unwrap_or(Duration::MAX);
                    answers.spawn_local(respond(client, id, answer, after));
                }
            }
            end = &mut ended => {
                // The end has answered them all.
                while calls.join_next().await.is_some() {}
                return end.unwrap_or(End::Stopped);
            }
        }
    }
}

/// Answers a callback.
async fn respond(client: Client<'static>, id: ResponseId, answer: String, after: Duration) {
    Timer::after(after).await;
    if let Err(misuse) = client.respond_to(id, &answer) {
        shim::note(&format!("the callback was not answered: {misuse}"));
    }
}

/// Makes the call of a line and says its result. Texts have words of their own, which split the long ones.
async fn call(client: Client<'static>, line: Value) {
    let (card, mut room) = (shim::card(&line), vec![0; HTTP]);
    let only_id = |answer| CallData { answer, data: "" };
    let result = match shim::call(&line, &card) {
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
