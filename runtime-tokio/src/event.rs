//! An event that owns its text, so that it can leave the bot.

use larkwire_core as core;
use larkwire_core::{DeliveryId, Layout, ResponseId, Short};

/// A delivered event. Its fields are read through [`view`](Self::view); the shortcuts here cover the usual ones.
#[derive(Clone)]
pub struct Event {
    id: DeliveryId,
    json: Box<str>,
    layout: Layout,
    trace_id: Short<48>,
}

impl Event {
    pub(crate) fn copy(event: &core::Event<'_>) -> Self {
        Self { id: event.id(), json: event.json().into(), layout: event.layout().clone(), trace_id: event.trace_id() }
    }

    /// All fields, borrowed.
    pub fn view(&self) -> core::Event<'_> {
        core::Event::view(self.id, &self.json, &self.layout, self.trace_id.as_str())
    }

    /// The whole envelope as JSON text, as received.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Such as `im.message.receive_v1`; empty when there is none.
    pub fn event_type(&self) -> String {
        self.view().event_type().map(|text| text.to_string()).unwrap_or_default()
    }

    /// The same in every redelivery; empty when there is none.
    pub fn event_id(&self) -> String {
        self.view().event_id().map(|text| text.to_string()).unwrap_or_default()
    }

    /// `om_…`, of the message the event is about.
    pub fn message_id(&self) -> Option<String> {
        self.view().message_id().map(|text| text.to_string())
    }

    /// `oc_…`, of the chat the event is about.
    pub fn chat_id(&self) -> Option<String> {
        self.view().chat_id().map(|text| text.to_string())
    }

    /// Whether the platform waits for an answer: see [`Client::respond`](crate::Client::respond).
    pub fn is_callback(&self) -> bool {
        self.view().is_callback()
    }

    /// What to answer a callback with; `None` for other events.
    pub fn response_id(&self) -> Option<ResponseId> {
        self.view().response_id()
    }

    /// The message's `content`, JSON such as `{"text":"hi"}`, for `im.message.receive_v1`.
    pub fn content(&self) -> Option<String> {
        self.view().message()?.content().map(|text| text.to_string())
    }

    /// The text of a text message: what `content` holds under `text`.
    pub fn text(&self) -> Option<String> {
        let view = self.view();
        let message = view.message()?;
        let mut out = vec![0; message.content()?.raw().len().saturating_mul(2)];
        message.text(&mut out).ok()?.map(str::to_owned)
    }
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.view().fmt(f)
    }
}
