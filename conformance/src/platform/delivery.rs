//! Getting pushes to the clients: which connection, which frames, and again until they are acknowledged.
//!
//! ```text
//!             no connection
//!  push ──► queued ──────────┐ on connect
//!    └────► in flight ◄──────┴── redelivery is due
//!             │  ack 200 in time, on this connection ──► settled
//!             └─ ack ≠ 200, or none in time ──► waiting ──► (4 times at most) in flight, else given up
//! ```

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::UnknownApp;
use super::ack::{code, judge};
use super::callback;
use super::compose::{Composed, SentFrame};
use super::frame::Received;
use super::kind::Kind;
use super::push::{Push, Route};
use super::record::{ConnectionId, PushId};
use super::socket::{Command, Handle};
use super::state::{Shared, State};

/// Settled deliveries that are remembered, to recognise what is said about them later.
const REMEMBERED: usize = 1000;

/// All deliveries under way, and the latest of those that are over.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    all: HashMap<u64, Delivery>,
    /// Frame header `message_id` → delivery and attempt.
    by_frame: HashMap<String, (u64, usize)>,
    /// Those that are over, oldest first.
    over: VecDeque<u64>,
    last_id: u64,
    last_seq_id: u64,
}

#[derive(Debug)]
struct Delivery {
    push: PushId,
    app_id: String,
    composed: Arc<Composed>,
    attempts: Vec<Attempt>,
    over: bool,
}

/// The delivery to one connection.
#[derive(Debug)]
struct Attempt {
    connection: ConnectionId,
    frames: Vec<SentFrame>,
    acked: Vec<bool>,
    started: Instant,
    /// Refused or overdue: the next one is on its way.
    failed: bool,
}

impl Shared {
    /// Delivers pushes; those of one app go to the same connection, with their frames interleaved.
    pub(super) fn push(self: &Arc<Self>, pushes: Vec<Push>) -> Result<Vec<PushId>, UnknownApp> {
        let mut ids = Vec::with_capacity(pushes.len());
        // For each of the `times`, what goes to which app.
        let mut copies = vec![BTreeMap::new(); pushes.iter().map(|push| push.times).max().unwrap_or(0)];
        {
            let mut state = self.state();
            let default = state.first_app.clone().unwrap_or_default();
            let app_ids: Vec<_> =
                pushes.iter().map(|push| push.app_id.clone().unwrap_or_else(|| default.clone())).collect();
            for app_id in &app_ids {
                state.app_mut(app_id)?;
            }
            for (mut push, app_id) in pushes.into_iter().zip(app_ids) {
                let id = state.next_push();
                let times = push.times;
                let wall = state.wall();
                let State { apps, rng, .. } = &mut *state;
                let app = apps.get(&app_id).ok_or_else(|| UnknownApp(app_id.clone()))?;
                let way = if app.webhook.is_some() { Route::Webhook } else { Route::LongConnection };
                let over = *push.over.get_or_insert(way);
                let webhook = app.webhook.as_ref().filter(|_| over == Route::Webhook);
                let token = webhook.map_or("", |webhook| webhook.spec.verification_token.as_str());
                let composed = Arc::new(push.compose(&app.spec, token, wall, rng));
                let (fresh_id, now) = (state.random_id(""), state.clock.now());
                state.app_mut(&app_id)?.chat.learn(&composed.event_type, &composed.event, fresh_id, now);
                for wait in composed.again_after() {
                    self.push_again(id, &app_id, &composed, *wait);
                }
                for copy in copies.iter_mut().take(times) {
                    if composed.by_webhook() {
                        self.post_event(id, &app_id, &composed);
                        continue;
                    }
                    let deliveries: &mut Vec<u64> = copy.entry(app_id.clone()).or_default();
                    deliveries.push(state.deliveries.add(id, &app_id, &composed));
                }
                ids.push(id);
            }
        }
        for (app_id, deliveries) in copies.into_iter().flatten() {
            self.dispatch(&app_id, &deliveries);
        }
        Ok(ids)
    }

    /// One more copy, after this many seconds.
    fn push_again(self: &Arc<Self>, push: PushId, app_id: &str, composed: &Arc<Composed>, wait_s: f64) {
        let wait = Duration::try_from_secs_f64(wait_s / self.config.clock_scale).unwrap_or_default();
        let due = self.clock.after(wait);
        let (shared, app_id, composed) = (Arc::clone(self), app_id.to_owned(), Arc::clone(composed));
        self.spawn(async move {
            shared.clock.sleep_until(due).await;
            if composed.by_webhook() {
                return shared.post_event(push, &app_id, &composed);
            }
            let id = shared.state().deliveries.add(push, &app_id, &composed);
            shared.dispatch(&app_id, &[id]);
        });
    }

    /// Sends deliveries of one app to one of its connections, each with the same chance, or queues them.
    fn dispatch(self: &Arc<Self>, app_id: &str, deliveries: &[u64]) {
        let mut state = self.state();
        let Some(handle) = state.random_connection(app_id) else {
            for &id in deliveries {
                self.queue(&mut state, app_id, id);
            }
            return;
        };
        let wall = state.wall();
        let mut batches = Vec::new();
        for &id in deliveries {
            let State { deliveries, rng, .. } = &mut *state;
            let Some((kind, attempt, frames)) = deliveries.attempt(id, &handle, wall, rng) else {
                continue;
            };
            batches.push(frames.into_iter());
            self.log.add(Some(app_id), kind);
            let shared = Arc::clone(self);
            self.spawn(async move {
                sleep(shared.config.ack_timeout).await;
                shared.overdue(id, attempt);
            });
        }
        let messages = round_robin(batches);
        let gaps = deliveries.first().map(|id| state.deliveries.gaps_ms(*id).to_vec()).unwrap_or_default();
        match deliveries.first().and_then(|id| state.deliveries.ws_cut(*id)) {
            None if !gaps.is_empty() => self.spawn(async move {
                for (index, message) in messages.into_iter().enumerate() {
                    sleep(Duration::from_millis(gaps.get(index).copied().unwrap_or_default())).await;
                    handle.command(Command::Send(vec![message]));
                }
            }),
            None => handle.command(Command::Send(messages)),
            Some(cuts) => {
                let bytes = messages.iter().flat_map(|message| fragments(message, cuts)).collect();
                handle.command(Command::Bytes(bytes));
            }
        }
    }

    /// Delivers what waited for a connection.
    pub(super) fn dispatch_queued(self: &Arc<Self>, app_id: &str) {
        let queue = self.state().app_mut(app_id).map(|app| std::mem::take(&mut app.queue)).unwrap_or_default();
        for id in queue {
            self.dispatch(app_id, &[id]);
        }
    }

    fn queue(&self, state: &mut State, app_id: &str, id: u64) {
        let Some(delivery) = state.deliveries.all.get(&id) else { return };
        let (push, event_id) = (delivery.push, delivery.composed.event_id.clone());
        if delivery.composed.callback {
            let reason = "the app is not online, and a callback does not wait".to_owned();
            self.log.add(Some(app_id), Kind::GaveUp { push, event_id, reason });
            return state.deliveries.finish(id);
        }
        self.log.add(Some(app_id), Kind::Queued { push, event_id });
        if let Ok(app) = state.app_mut(app_id) {
            app.queue.push_back(id);
        }
    }

    /// A data frame from a client.
    pub(super) fn acked(self: &Arc<Self>, app_id: &str, connection: ConnectionId, ack: &Received) {
        let mut state = self.state();
        let ignored = state.faults.ignore_acks;
        let frame_message_id = ack.frame.header("message_id");
        let Some((id, delivery, index)) = state.deliveries.find(frame_message_id) else {
            let frame_message_id = frame_message_id.map(str::to_owned);
            let code = code(ack.frame.payload.as_deref());
            let hex = ack.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            return self.log.add(Some(app_id), Kind::StrayAck { connection, frame_message_id, code, hex });
        };
        let newest = index + 1 == delivery.attempts.len();
        let (push, event_id, callback) =
            (delivery.push, delivery.composed.event_id.clone(), delivery.composed.callback);
        let attempt = &mut delivery.attempts[index];
        let same = attempt.frames.iter().position(|sent| sent.frame.seq_id == ack.frame.seq_id);
        let Some(answered) = same.or_else(|| attempt.frames.len().checked_sub(1)) else { return };
        let again = std::mem::replace(&mut attempt.acked[answered], true);
        if again {
            self.client_fault(Some(app_id), Some(connection), format!("event {event_id} acknowledged twice"));
        }
        let sent = &attempt.frames[answered];
        let mut verdict = judge(sent, ack, callback);
        let composed = Arc::clone(&delivery.composed);
        let shape = callback.then_some(verdict.data.as_ref()).flatten();
        let shape = shape.map(|data| callback::check(&composed.event_type, data)).unwrap_or_default();
        verdict.faults.extend(shape.iter().cloned());
        let counts_from = verdict.faults.len();
        if !sent.completes {
            verdict.fault("part", "the frame that completed the message", format!("frame {answered}"));
        }
        if attempt.connection != connection {
            verdict.fault("connection", attempt.connection.0.to_string(), connection.0.to_string());
        }
        let latency = attempt.started.elapsed();
        if latency > self.config.ack_timeout {
            let (limit, found) = (self.config.ack_timeout.as_millis(), latency.as_millis());
            verdict.fault("time", format!("within {limit} ms"), format!("after {found} ms"));
        }
        let latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
        let answer = (callback && !again).then(|| Kind::CallbackAnswered {
            push,
            event_id: event_id.clone(),
            event_type: composed.event_type.clone(),
            data: verdict.data.clone(),
            latency_ms,
            in_time: latency <= self.config.ack_timeout,
            faults: shape,
        });
        let counts = verdict.faults.len() == counts_from && !ignored;
        let settled = counts && verdict.code == Some(200);
        let refused = counts && !settled && newest && !std::mem::replace(&mut attempt.failed, true);
        let acked = Kind::Acked {
            push,
            event_id,
            connection,
            code: verdict.code,
            data: verdict.data,
            biz_rt: verdict.biz_rt,
            latency_ms,
            settled,
            faults: verdict.faults,
            payload: String::from_utf8_lossy(ack.frame.payload.as_deref().unwrap_or_default()).into_owned(),
        };
        self.log.add(Some(app_id), acked);
        if let Some(answer) = answer {
            self.log.add(Some(app_id), answer);
        }
        if settled {
            let token = composed.event.get("token").and_then(serde_json::Value::as_str).unwrap_or_default();
            if let Some(token) = state.app_mut(app_id).ok().and_then(|app| app.chat.cards.get_mut(token)) {
                token.answered = true;
            }
            state.deliveries.finish(id);
        } else if refused {
            self.plan_redelivery(&mut state, id, "refused");
        }
    }

    /// The time for an acknowledgement is up.
    fn overdue(self: &Arc<Self>, id: u64, index: usize) {
        let mut state = self.state();
        let Some(delivery) = state.deliveries.all.get_mut(&id).filter(|delivery| !delivery.over) else { return };
        let Some(attempt) = delivery.attempts.get_mut(index) else { return };
        if std::mem::replace(&mut attempt.failed, true) {
            return;
        }
        let event_id = delivery.composed.event_id.clone();
        let unacked = Kind::Unacked { push: delivery.push, event_id, connection: attempt.connection };
        self.log.add(Some(&delivery.app_id), unacked);
        self.plan_redelivery(&mut state, id, "not acknowledged in time");
    }

    fn plan_redelivery(self: &Arc<Self>, state: &mut State, id: u64, reason: &str) {
        let Some(delivery) = state.deliveries.all.get(&id) else { return };
        let wait = self.config.redelivery.get(delivery.attempts.len().saturating_sub(1));
        match wait.filter(|_| !delivery.composed.callback) {
            Some(wait) => {
                let due = self.clock.after(wait.div_f64(self.config.clock_scale));
                let (shared, app_id) = (Arc::clone(self), delivery.app_id.clone());
                self.spawn(async move {
                    shared.clock.sleep_until(due).await;
                    shared.dispatch(&app_id, &[id]);
                });
            }
            None => {
                let event_id = delivery.composed.event_id.clone();
                let gave_up = Kind::GaveUp { push: delivery.push, event_id, reason: reason.to_owned() };
                self.log.add(Some(&delivery.app_id), gave_up);
                state.deliveries.finish(id);
            }
        }
    }
}

impl Deliveries {
    fn add(&mut self, push: PushId, app_id: &str, composed: &Arc<Composed>) -> u64 {
        self.last_id += 1;
        let (app_id, composed) = (app_id.to_owned(), Arc::clone(composed));
        self.all.insert(self.last_id, Delivery { push, app_id, composed, attempts: Vec::new(), over: false });
        self.last_id
    }

    /// Makes the frames of the next attempt: what to record, its number, and the bytes to send.
    fn attempt(
        &mut self,
        id: u64,
        handle: &Handle,
        wall: Duration,
        rng: &mut rand::rngs::StdRng,
    ) -> Option<(Kind, usize, Vec<Vec<u8>>)> {
        let delivery = self.all.get_mut(&id).filter(|delivery| !delivery.over)?;
        let connection = handle.id;
        let frames = delivery.composed.frames(handle.service_id, wall, &mut self.last_seq_id, rng);
        let bytes = frames.iter().map(SentFrame::encode).collect();
        let (push, index) = (delivery.push, delivery.attempts.len());
        let Composed { event_id, event_type, message_id, .. } = &*delivery.composed;
        let event_id = event_id.clone();
        let attempt = Attempt::new(connection, frames);
        let (frame_message_id, frames) = (attempt.frame_message_id().to_owned(), attempt.frames.len());
        self.by_frame.insert(frame_message_id.clone(), (id, index));
        delivery.attempts.push(attempt);
        let kind = if index == 0 {
            let (event_type, message_id) = (event_type.clone(), message_id.clone());
            Kind::Pushed { push, event_id, event_type, message_id, connection, frame_message_id, frames }
        } else {
            Kind::Redelivered { push, event_id, connection, frame_message_id, attempt: index }
        };
        Some((kind, index, bytes))
    }

    /// Where the frames of a delivery are cut into WebSocket fragments.
    fn ws_cut(&self, id: u64) -> Option<&[usize]> {
        Some(self.all.get(&id)?.composed.ws_cut()).filter(|cuts| !cuts.is_empty())
    }

    /// Waits before each frame of a delivery.
    fn gaps_ms(&self, id: u64) -> &[u64] {
        self.all.get(&id).map_or(&[], |delivery| delivery.composed.gaps_ms())
    }

    fn find(&mut self, frame_message_id: Option<&str>) -> Option<(u64, &mut Delivery, usize)> {
        let (id, attempt) = *self.by_frame.get(frame_message_id?)?;
        Some((id, self.all.get_mut(&id)?, attempt))
    }

    fn finish(&mut self, id: u64) {
        if let Some(delivery) = self.all.get_mut(&id)
            && !std::mem::replace(&mut delivery.over, true)
        {
            self.over.push_back(id);
        }
        if self.over.len() > REMEMBERED
            && let Some(forgotten) = self.over.pop_front().and_then(|oldest| self.all.remove(&oldest))
        {
            for attempt in &forgotten.attempts {
                self.by_frame.remove(attempt.frame_message_id());
            }
        }
    }
}

impl Attempt {
    fn new(connection: ConnectionId, frames: Vec<SentFrame>) -> Self {
        let acked = vec![false; frames.len()];
        Self { connection, frames, acked, started: Instant::now(), failed: false }
    }

    fn frame_message_id(&self) -> &str {
        self.frames.first().and_then(|sent| sent.frame.header("message_id")).unwrap_or_default()
    }
}

/// A message in WebSocket fragments, with a ping before each but the first.
fn fragments(message: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut bounds: Vec<usize> = cuts.iter().map(|cut| (*cut).min(message.len())).collect();
    bounds.sort_unstable();
    bounds.push(message.len());
    let mut bytes = Vec::new();
    let mut start = 0;
    for (index, end) in bounds.iter().enumerate() {
        if index > 0 {
            bytes.extend([0x89, 1, b'!']);
        }
        let opcode = if index == 0 { 2 } else { 0 };
        let last = if index + 1 == bounds.len() { 0x80 } else { 0 };
        let part = &message[start..*end];
        bytes.push(opcode | last);
        match u16::try_from(part.len()) {
            Ok(len @ 0..=125) => bytes.push(len as u8),
            Ok(len) => {
                bytes.push(126);
                bytes.extend(len.to_be_bytes());
            }
            Err(_) => {
                bytes.push(127);
                bytes.extend((part.len() as u64).to_be_bytes());
            }
        }
        bytes.extend(part);
        start = *end;
    }
    bytes
}

/// The first of each, then the second of each, and so on.
fn round_robin(mut batches: Vec<std::vec::IntoIter<Vec<u8>>>) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let before = all.len();
        all.extend(batches.iter_mut().filter_map(Iterator::next));
        if all.len() == before {
            return all;
        }
    }
}
