//! What the program has not taken yet.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::sleep;

use super::Client;
use crate::suite::shim::{self, Mode, Report};

/// Events it holds, unless a scenario says otherwise.
const CAPACITY: usize = 64;

/// What the program says to a callback: for which one, and its answer.
pub(super) type Answered = (u64, Option<Value>);

#[derive(Debug)]
pub(super) struct Inbox {
    state: Mutex<State>,
    /// Something was taken.
    pub(super) room: Notify,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<Entry>,
    capacity: usize,
    mode: Mode,
    answer: Value,
    after: Duration,
}

/// An event, and who waits for an answer to it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) event: shim::Event,
    pub(super) asks: Option<(u64, UnboundedSender<Answered>)>,
}

impl Inbox {
    pub(super) fn new(capacity: Option<usize>) -> Self {
        let capacity = capacity.unwrap_or(CAPACITY);
        let answer = serde_json::json!({});
        let state = State { queue: VecDeque::new(), capacity, mode: Mode::Take, answer, after: Duration::ZERO };
        Self { state: Mutex::new(state), room: Notify::new() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_full(&self) -> bool {
        let state = self.state();
        state.queue.len() >= state.capacity
    }

    /// Only where there is room.
    pub(super) fn put(&self, client: &Client, entry: Entry) {
        self.state().queue.push_back(entry);
        self.hand_over(client);
    }

    pub(super) fn handle(&self, client: &Client, handle: shim::Handle) {
        {
            let mut state = self.state();
            state.mode = handle.events.unwrap_or(state.mode);
            state.answer = handle.callback_answer.unwrap_or_else(|| state.answer.clone());
            state.after = handle.callback_after_ms.map_or(state.after, Duration::from_millis);
        }
        self.hand_over(client);
    }

    /// The program takes what is there.
    fn hand_over(&self, client: &Client) {
        let mut state = self.state();
        if state.mode == Mode::Hold {
            return;
        }
        let failing = state.mode == Mode::Fail;
        let (answer, after) = (state.answer.clone(), state.after);
        for Entry { event, asks } in state.queue.drain(..) {
            client.say(Report::Event(Box::new(event)));
            let Some((id, asks)) = asks else { continue };
            let answer = if failing { serde_json::json!({}) } else { answer.clone() };
            if !answer.is_null() {
                client.spawn(async move {
                    sleep(after).await;
                    // The connection that asked may be gone.
                    let _ = asks.send((id, Some(answer)));
                });
            }
        }
        drop(state);
        self.room.notify_one();
    }
}
