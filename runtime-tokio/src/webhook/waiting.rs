//! Requests whose answer the bot does not know yet.

use std::collections::HashMap;

use bytes::Bytes;
use larkwire_core::webhook::{PostId, Posted, Posting, Refusal, Reply};
use larkwire_core::{Bot, Instant};
use tokio::sync::oneshot;

/// An answer that has left the bot.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    pub(crate) close: bool,
}

impl Answer {
    pub(crate) fn copy(reply: Reply<'_>) -> Self {
        Self { status: reply.status, body: Bytes::copy_from_slice(reply.body), close: reply.close }
    }
}

impl From<Reply<'static>> for Answer {
    fn from(reply: Reply<'static>) -> Self {
        Self { status: reply.status, body: Bytes::from_static(reply.body), close: reply.close }
    }
}

/// What becomes of a posted event.
pub(crate) enum Answering {
    Now(Answer),
    Later(oneshot::Receiver<Answer>),
}

impl Answering {
    /// The bot is gone: the platform may find another one the next time.
    pub(crate) fn ended() -> Self {
        Self::Now(Refusal::InboxFull.reply().into())
    }

    pub(crate) async fn answer(self) -> Answer {
        match self {
            Self::Now(answer) => answer,
            // The bot went down with its runtime: nothing was accepted.
            Self::Later(answer) => answer.await.unwrap_or_else(|_| Refusal::InboxFull.reply().into()),
        }
    }
}

/// Who waits for which answer.
#[derive(Debug, Default)]
pub(crate) struct Waiting(HashMap<PostId, oneshot::Sender<Answer>>);

impl Waiting {
    pub(crate) fn post(&mut self, bot: &mut Bot<'_>, now: Instant, posted: &Posted<'_>) -> Answering {
        match bot.handle_posted(now, posted) {
            Posting::Answered(reply) => Answering::Now(reply.into()),
            Posting::Waiting(id) => {
                let (sender, answer) = oneshot::channel();
                self.0.insert(id, sender);
                Answering::Later(answer)
            }
        }
    }

    /// Hands on what the bot has decided.
    pub(crate) fn answer(&mut self, bot: &mut Bot<'_>, now: Instant) {
        while let Some(answer) = bot.poll_posted() {
            let id = answer.id;
            if let Some(sender) = self.0.remove(&id) {
                // The peer may have hung up; the event is in the inbox all the same.
                let _ = sender.send(Answer::copy(answer.reply));
            }
            bot.handle_answered(now, id);
        }
    }
}
