//! The program of the bot: it says what it hears.

use larkwire_embassy::Client;

use crate::Say;
use crate::room::{EchoRoom, Events};

const PREFIX: &str = "echo: ";

pub(crate) async fn echo(
    client: Client<'_>,
    mut events: Events<'_>,
    room: &mut EchoRoom,
    stop_word: Option<&str>,
    say: Say,
) {
    while let Some(event) = events.recv().await {
        let (Some(id), Some(said)) = (event.message_id(), event.text(&mut room.said)) else { continue };
        if stop_word == Some(said) {
            client.begin_shut_down();
            continue;
        }
        let answer = put(&mut room.answer, said);
        // Only the id is needed from here on: the future keeps no second copy of the event.
        drop(event);
        match client.reply_text(id.as_str(), answer).await {
            Ok(_) => say(format_args!("answered {id}")),
            Err(error) => say(format_args!("unanswered {id} {error}")),
        }
    }
}

/// The answer; what does not fit is cut at the end of a character.
fn put<'r>(room: &'r mut [u8], said: &str) -> &'r str {
    let mut len = 0;
    for ch in PREFIX.chars().chain(said.chars()) {
        let Some(place) = room.get_mut(len..len + ch.len_utf8()) else { break };
        len += ch.encode_utf8(place).len();
    }
    core::str::from_utf8(room.get(..len).unwrap_or_default()).unwrap_or_default()
}
