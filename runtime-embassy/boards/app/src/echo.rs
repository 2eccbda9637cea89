//! The program of the bot: it says what it hears.

use larkwire_embassy::Event;
use larkwire_embassy::core::Short;

use crate::Say;
use crate::profile::{MESSAGE, said};
use crate::room::{EchoRoom, Program};

const PREFIX: &str = "echo: ";

/// Answers what is heard, until the bot ends; a task of its own. `stop_word`, said by somebody, ends the bot, for tests.
pub async fn echo(program: Program, stop_word: Option<&str>, say: Say) {
    let Program { client, mut events, room } = program;
    while let Some(event) = events.recv().await {
        let answer = answer(&event, room);
        // The event's place in the inbox is free while the answer is sent.
        drop(event);
        let Some((id, answer)) = answer else { continue };
        if stop_word.is_some() && answer.strip_prefix(PREFIX) == stop_word {
            client.begin_shut_down();
            continue;
        }
        match client.reply_text(id.as_str(), answer).await {
            Ok(_) => say(format_args!("answered {id}")),
            // The words of every error are 8 KB of flash.
            Err(_) if cfg!(feature = "small") => say(format_args!("unanswered {id}")),
            Err(error) => say(format_args!("unanswered {id} {error}")),
        }
    }
}

/// The message and its answer; `None` for other events.
#[inline(never)]
fn answer<'r>(event: &Event<MESSAGE>, room: &'r mut EchoRoom) -> Option<(Short<64>, &'r str)> {
    let (prefix, rest) = room.0.split_at_mut_checked(PREFIX.len())?;
    prefix.copy_from_slice(PREFIX.as_bytes());
    let len = said(event, rest)?.len();
    let answer = room.0.get(..PREFIX.len() + len)?;
    Some((event.message_id()?, core::str::from_utf8(answer).ok()?))
}
