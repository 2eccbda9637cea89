//! What becomes of a frame: protocol sections 7.1 and 8.3.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::defects::Defect;
use super::envelope::Happening;
use super::frame::Incoming;
use super::gate::admits;
use super::inbox::Entry;
use super::parts::Put;
use super::reactions::react;
use super::session::{ANSWER, Gone, Session, Waiting};
use super::text::body;
use crate::suite::shim;

/// An event for which the inbox has no room.
pub(super) struct Stalled {
    frame: Incoming,
    happening: Happening,
    /// Its name, if it came in parts.
    name: Option<Vec<u8>>,
    pub(super) since: Instant,
}

/// Events that an SDK-like client has handlers for.
const HANDLED: [&str; 6] = [
    "im.message.receive_v1",
    "card.action.trigger",
    "url.preview.get",
    "im.message.reaction.created_v1",
    "im.message.reaction.deleted_v1",
    "message",
];

impl Session {
    pub(super) async fn frame(&mut self, frame: Incoming) -> Result<(), Gone> {
        let kind = frame.header("type").unwrap_or_default().to_vec();
        match (frame.method, kind.as_slice()) {
            (0, b"pong") => {
                if let Ok(said) = serde_json::from_slice(&frame.payload) {
                    self.tempo(&said);
                }
                Ok(())
            }
            (1, b"card") if self.client.has(Defect::IgnoresCards) => Ok(()),
            (1, b"event" | b"card") => self.data(frame).await,
            (0 | 1, _) => Ok(()),
            _ if self.client.has(Defect::DiesOnUnknownMethod) => {
                self.client.die();
                Err(Gone)
            }
            _ => Ok(()),
        }
    }

    async fn data(&mut self, frame: Incoming) -> Result<(), Gone> {
        let client = std::sync::Arc::clone(&self.client);
        match self.parts.put(&client, &frame) {
            Put::Whole(payload, name) => self.payload(frame, payload, name, false).await,
            Put::Again(payload) => self.payload(frame, payload, None, true).await,
            Put::Nothing if client.has(Defect::AcksEachPart) => self.ack(&frame, Instant::now(), 200, None).await,
            Put::Nothing => Ok(()),
            Put::Discard => {
                let callback = Happening::read(&frame.payload).is_some_and(|happening| happening.callback);
                self.ack(&frame, Instant::now(), 200, callback.then(|| json!({}))).await
            }
        }
    }

    async fn payload(
        &mut self,
        frame: Incoming,
        payload: Vec<u8>,
        name: Option<Vec<u8>>,
        again: bool,
    ) -> Result<(), Gone> {
        let client = std::sync::Arc::clone(&self.client);
        let now = Instant::now();
        let readable =
            matches!(frame.encoding.as_slice(), b"" | b"none" | b"identity") || client.has(Defect::ReadsZipped);
        let happening = Happening::read(&payload).filter(|_| readable);
        let Some(happening) = happening else {
            self.parts.over(name);
            let malformed = if client.has(Defect::MalformedAcked500) { 500 } else { 200 };
            return self.ack(&frame, now, malformed, None).await;
        };
        let nothing = happening.callback.then(|| json!({}));
        if client.has(Defect::UnknownEventAcked500) && !HANDLED.contains(&happening.event_type.as_str()) {
            return self.ack(&frame, now, 500, None).await;
        }
        if client.has(Defect::ReactsBeforeGate)
            && let Some(message) = &happening.message
        {
            react(&client, message);
        }
        let foreign = !happening.app_id.is_empty() && happening.app_id != client.start.app_id;
        let known = !again && client.with_seen(|seen| seen.knows(&client, &happening));
        if foreign || known || !admits(&client, &happening) {
            if !foreign && !known && client.has(Defect::AnswersDenied) {
                client.tell_denied(&happening);
            }
            self.parts.over(name);
            return self.ack(&frame, now, 200, nothing).await;
        }
        if client.has(Defect::NotesTooEarly) {
            client.remember(&happening);
        }
        if !client.inbox.is_full() {
            self.refusing = false;
            return self.deliver(frame, happening, name, now).await;
        }
        if client.has(Defect::FullInboxDrops) {
            return self.ack(&frame, now, 200, nothing).await;
        }
        self.stalled = Some(Stalled { frame, happening, name, since: now });
        if self.refusing { self.refuse().await } else { Ok(()) }
    }

    /// There may be room now.
    pub(super) async fn room(&mut self) -> Result<(), Gone> {
        if self.client.inbox.is_full() {
            return Ok(());
        }
        let Some(Stalled { frame, happening, name, since }) = self.stalled.take() else { return Ok(()) };
        self.refusing = false;
        self.excuse(since.elapsed());
        self.deliver(frame, happening, name, since).await
    }

    /// No room: the platform is to send it again; a callback it never sends again.
    pub(super) async fn refuse(&mut self) -> Result<(), Gone> {
        let Some(stalled) = self.stalled.take() else { return Ok(()) };
        self.refusing = true;
        self.excuse(stalled.since.elapsed());
        match stalled.happening.callback {
            true => self.ack(&stalled.frame, stalled.since, 200, Some(json!({}))).await,
            false => Ok(()),
        }
    }

    async fn deliver(
        &mut self,
        frame: Incoming,
        happening: Happening,
        name: Option<Vec<u8>>,
        arrived: Instant,
    ) -> Result<(), Gone> {
        let client = std::sync::Arc::clone(&self.client);
        client.remember(&happening);
        self.parts.over(name);
        let callback = happening.callback;
        let late = callback || client.has(Defect::AcksAfterHandler);
        let id = self.next_id;
        self.next_id += 1;
        let asks = late.then(|| (id, self.answers.clone()));
        if late {
            let due = callback.then(|| arrived + ANSWER);
            self.waiting.insert(id, Waiting { frame, arrived, due });
            client.inbox.put(&client, Entry { event: event(&client, &happening), asks });
        } else {
            client.inbox.put(&client, Entry { event: event(&client, &happening), asks });
            self.ack(&frame, arrived, 200, None).await?;
        }
        if let Some(message) = happening.message.as_ref().filter(|_| !client.has(Defect::ReactsBeforeGate)) {
            react(&client, message);
        }
        Ok(())
    }

    /// What the program said.
    pub(super) async fn answer(&mut self, id: u64, answer: Option<Value>) -> Result<(), Gone> {
        let Some(waiting) = self.waiting.remove(&id) else { return Ok(()) };
        let answer = answer.filter(|_| waiting.due.is_some());
        self.ack(&waiting.frame, waiting.arrived, 200, answer).await
    }

    async fn ack(&mut self, frame: &Incoming, arrived: Instant, code: u32, data: Option<Value>) -> Result<(), Gone> {
        let client = std::sync::Arc::clone(&self.client);
        let data = data.filter(|_| !client.has(Defect::CallbackUnanswered));
        let payload = match data.map(|data| data.to_string()) {
            None => format!("{{\"code\":{code}}}"),
            Some(answer) if client.has(Defect::AnswerAsArray) => {
                format!("{{\"code\":{code},\"data\":{}}}", json!(answer.as_bytes()))
            }
            Some(answer) => {
                let answer = if client.has(Defect::AnswerAsString) { json!(answer).to_string() } else { answer };
                format!("{{\"code\":{code},\"data\":\"{}\"}}", STANDARD.encode(answer))
            }
        };
        let bytes = frame.ack(&client, arrived.elapsed().as_millis(), &payload);
        if client.has(Defect::AcksTwice) {
            self.send(bytes.clone()).await?;
        }
        self.send(bytes).await
    }
}

/// As programs get it.
pub(super) fn event(client: &super::Client, happening: &Happening) -> shim::Event {
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let message = happening.message.as_ref();
    let said = |message: &super::envelope::Message| {
        let own = client.identity();
        message.raw_text.as_ref().map(|text| body(client, text, &message.mentions, own.as_deref()))
    };
    shim::Event {
        event_type: happening.event_type.clone(),
        event_id: given(&happening.id),
        message_id: message.and_then(|message| given(&message.id)),
        chat_id: message.and_then(|message| given(&message.chat_id)),
        chat_type: message.and_then(|message| given(&message.chat_type)),
        text: message.and_then(said),
        json: Some(happening.json.clone()),
    }
}
