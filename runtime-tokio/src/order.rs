//! Handing events to handlers: at most so many at a time, and by option one after the other within a chat.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};

use larkwire_core::{End, ResponseId};
use tokio::task::JoinSet;

use crate::client::Client;
use crate::event::Event;
use crate::inbox::Events;

impl Client {
    /// Gives each event to `handler`, at most `at_once` at a time, until the bot ends; then waits for running handlers.
    /// A handler that panics costs its own event's handling and nothing else; a slow one delays no ping and no ack. A
    /// callback whose handler ends without [`respond`](Self::respond) is answered `{}` at once.
    pub async fn handle<F, Fut>(&self, events: Events, at_once: usize, handler: F) -> End
    where
        F: Fn(Client, Event) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.handle_ordered(events, at_once, |_| None, handler).await
    }

    /// As [`handle`](Self::handle), but the events of one chat are handled one after the other, in the order they came;
    /// chats do not wait for each other. Callbacks do not wait for their chat: the person who clicked waits for them.
    pub async fn handle_by_chat<F, Fut>(&self, events: Events, at_once: usize, handler: F) -> End
    where
        F: Fn(Client, Event) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let chat = |event: &Event| if event.is_callback() { None } else { event.chat_id() };
        self.handle_ordered(events, at_once, chat, handler).await
    }

    async fn handle_ordered<F, Fut>(
        &self,
        mut events: Events,
        at_once: usize,
        chat: impl Fn(&Event) -> Option<String>,
        handler: F,
    ) -> End
    where
        F: Fn(Client, Event) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let at_once = at_once.max(1);
        let mut running = JoinSet::new();
        // Which chats have a handler running, and what waits behind it.
        let mut chats: HashMap<String, VecDeque<Event>> = HashMap::new();
        let mut tasks = HashMap::new();
        let (mut waiting, mut open) = (0_usize, true);
        let start = |running: &mut JoinSet<()>, tasks: &mut HashMap<_, _>, event: Event, chat: Option<String>| {
            let answer = Answer { client: self.clone(), response: event.response_id() };
            // What a handler does before its future is made may panic too.
            let handling = match catch_unwind(AssertUnwindSafe(|| handler(self.clone(), event))) {
                Ok(future) => Some(future),
                Err(_) => {
                    panicked();
                    None
                }
            };
            let task = running.spawn(async move {
                let _answer = answer;
                if let Some(future) = handling {
                    future.await;
                }
            });
            if let Some(chat) = chat {
                tasks.insert(task.id(), chat);
            }
        };
        loop {
            // What waits for its chat takes memory: beyond this the inbox holds the rest.
            let room = open && running.len() < at_once && waiting < at_once.saturating_mul(16);
            tokio::select! {
                event = events.recv(), if room => match event {
                    None => open = false,
                    Some(event) => match chat(&event) {
                        None => start(&mut running, &mut tasks, event, None),
                        Some(id) => match chats.get_mut(&id) {
                            Some(queue) => {
                                queue.push_back(event);
                                waiting = waiting.saturating_add(1);
                            }
                            None => {
                                chats.insert(id.clone(), VecDeque::new());
                                start(&mut running, &mut tasks, event, Some(id));
                            }
                        },
                    },
                },
                done = running.join_next_with_id(), if !running.is_empty() => {
                    let task = match done {
                        Some(Ok((task, ()))) => task,
                        Some(Err(error)) => {
                            if error.is_panic() {
                                panicked();
                            }
                            error.id()
                        }
                        None => continue,
                    };
                    if let Some(id) = tasks.remove(&task) {
                        match chats.get_mut(&id).and_then(VecDeque::pop_front) {
                            Some(next) => {
                                waiting = waiting.saturating_sub(1);
                                start(&mut running, &mut tasks, next, Some(id));
                            }
                            None => drop(chats.remove(&id)),
                        }
                    }
                }
                else => break,
            }
        }
        self.ended().await
    }
}

/// Answers a callback with `{}` once its handling is over, also by a panic.
struct Answer {
    client: Client,
    response: Option<ResponseId>,
}

impl Drop for Answer {
    fn drop(&mut self) {
        if let Some(response) = self.response {
            // Late when the handler has answered itself.
            let _ = self.client.respond_to(response, "{}");
        }
    }
}

fn panicked() {
    tracing::error!("an event handler panicked; its event is lost to it, the bot goes on");
}
