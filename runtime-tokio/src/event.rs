//! An event that owns its text, so that it can leave the bot.

use larkwire_core as core;
use larkwire_core::content::{Form, ResourceKind};
use larkwire_core::wire::writer::TooSmall;
use larkwire_core::{DeliveryId, Layout, ResponseId, Short};

/// A delivered event. Its fields are read through [`view`](Self::view); the shortcuts here cover the usual ones.
#[derive(Clone)]
pub struct Event(Box<Copied>);

/// On the heap: a queue of events, of which an idle bot has one too, makes places for many, and a handler moves them.
#[derive(Clone)]
struct Copied {
    id: DeliveryId,
    json: Box<str>,
    layout: Layout,
    trace_id: Short<48>,
    /// Empty when it is not known.
    own_open_id: Short<64>,
}

impl Event {
    /// Copies an event that is on loan, for an [`Inbox`](crate::Inbox) of one's own.
    pub fn copy(event: &core::Event<'_>) -> Self {
        Self(Box::new(Copied {
            id: event.id(),
            json: event.json().into(),
            layout: event.layout().clone(),
            trace_id: event.trace_id(),
            own_open_id: event.own_open_id().map(Short::new).unwrap_or_default(),
        }))
    }

    /// All fields, borrowed.
    pub fn view(&self) -> core::Event<'_> {
        let Copied { id, json, layout, trace_id, own_open_id } = &*self.0;
        core::Event::view(*id, json, layout, trace_id.as_str()).with_own_open_id(own_open_id.as_str())
    }

    /// The whole envelope as JSON text, as received.
    pub fn json(&self) -> &str {
        &self.0.json
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

    /// What was said to the bot, as readable text, without the bot's own mention; posts, cards and all other kinds have
    /// one, too. `None` for events that are no messages.
    pub fn text(&self) -> Option<String> {
        self.read_text(Form::Body)
    }

    /// As [`text`](Self::text), with every mention in it.
    pub fn full_text(&self) -> Option<String> {
        self.read_text(Form::Full)
    }

    fn read_text(&self, form: Form) -> Option<String> {
        let view = self.view();
        let message = view.message()?;
        let mut out = Vec::new();
        loop {
            match message.text(form, &mut out) {
                Ok(text) => return Some(text.to_owned()),
                Err(TooSmall { needed }) => out.resize(needed, 0),
            }
        }
    }

    /// Images, files and other media of the message, to be downloaded with its id.
    pub fn resources(&self) -> Vec<Media> {
        let view = self.view();
        let Some(message) = view.message() else { return Vec::new() };
        let mut scratch = vec![0; message.content().map_or(0, |content| content.unescaped_len())];
        let Ok(content) = message.read_content(&mut scratch) else { return Vec::new() };
        let media = content.resources().map(|resource| Media {
            kind: resource.kind,
            key: resource.key.to_string(),
            file_name: resource.file_name.map(|name| name.to_string()),
            duration_ms: resource.duration_ms,
            cover_image_key: resource.cover_image_key.map(|key| key.to_string()),
        });
        media.collect()
    }
}

/// One image, file or other medium of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Media {
    /// What it is.
    pub kind: ResourceKind,
    /// `img_…` or `file_…`.
    pub key: String,
    /// The name it was sent under.
    pub file_name: Option<String>,
    /// How long it plays, in milliseconds.
    pub duration_ms: Option<u64>,
    /// A video's still image.
    pub cover_image_key: Option<String>,
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.view().fmt(f)
    }
}
