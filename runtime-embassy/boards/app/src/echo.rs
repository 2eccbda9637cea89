//! The program of the bot: it says what it hears.

use crate::Say;
use crate::room::Program;

const PREFIX: &str = "echo: ";

/// Answers what is heard, until the bot ends; a task of its own. `stop_word`, said by somebody, ends the bot, for tests.
pub async fn echo(program: Program, stop_word: Option<&str>, say: Say) {
    let Program { client, mut events, room } = program;
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
