//! An event that owns its text in a place of fixed size, so that it can leave the bot.

use larkwire_core as core_api;
use larkwire_core::content::Form;
use larkwire_core::wire::json::Str;
use larkwire_core::{DeliveryId, Layout, ResponseId, Short};

/// A delivered event of at most `N` bytes of JSON. Its fields are read through [`view`](Self::view); the shortcuts here
/// cover the usual ones.
#[derive(Clone)]
pub struct Event<const N: usize> {
    id: DeliveryId,
    json: [u8; N],
    len: usize,
    layout: Layout,
    trace_id: Short<48>,
    /// The bot's, when the event came; empty while it was unknown.
    own_open_id: Short<64>,
    /// Where it lies in the journal; 0 for one that does not.
    #[cfg(feature = "journal")]
    pub(crate) entry: u32,
}

impl<const N: usize> Event<N> {
    /// No event, all zero: a place to [`fill`](Self::fill).
    pub const EMPTY: Self = Self {
        id: DeliveryId::NONE,
        json: [0; N],
        len: 0,
        layout: Layout::EMPTY,
        trace_id: Short::EMPTY,
        own_open_id: Short::EMPTY,
        #[cfg(feature = "journal")]
        entry: 0,
    };

    /// A copy; `None` when its JSON is longer than `N` bytes. For an [`Inbox`](crate::Inbox) of one's own;
    /// [`fill`](Self::fill) spares the stack a move of the whole event.
    pub fn copy(event: &core_api::Event<'_>) -> Option<Self> {
        let mut copy = Self::EMPTY;
        copy.fill(event).then_some(copy)
    }

    /// Copies an event into this place; `false` when its JSON is longer than `N` bytes, and then nothing changed.
    #[must_use]
    pub fn fill(&mut self, event: &core_api::Event<'_>) -> bool {
        let text = event.json().as_bytes();
        let Some(room) = self.json.get_mut(..text.len()) else { return false };
        room.copy_from_slice(text);
        self.len = text.len();
        self.id = event.id();
        self.layout = event.layout().clone();
        self.trace_id = event.trace_id();
        self.own_open_id = event.own_open_id().map(Short::new).unwrap_or_default();
        #[cfg(feature = "journal")]
        {
            self.entry = 0;
        }
        true
    }

    /// An event out of the journal; `None` when it is none, or longer than `N`.
    #[cfg(feature = "journal")]
    pub(crate) fn restored(
        entry: crate::journal::Entry,
        json: &str,
        trace_id: &str,
        own_open_id: &str,
    ) -> Option<Self> {
        let layout = Layout::read(json)?;
        let view = core_api::Event::view(DeliveryId::NONE, json, &layout, trace_id).with_own_open_id(own_open_id);
        let mut event = Self::copy(&view)?;
        event.entry = entry.0;
        Some(event)
    }

    /// All fields, borrowed.
    pub fn view(&self) -> core_api::Event<'_> {
        core_api::Event::view(self.id, self.json(), &self.layout, self.trace_id.as_str())
            .with_own_open_id(self.own_open_id.as_str())
    }

    /// The whole envelope as JSON text, as received.
    pub fn json(&self) -> &str {
        // It was text when it was copied; without unsafe code the check is the price of saying so.
        core::str::from_utf8(self.json.get(..self.len).unwrap_or_default()).unwrap_or_default()
    }

    /// Such as `im.message.receive_v1`; empty when there is none.
    pub fn event_type(&self) -> Short<64> {
        self.view().event_type().map(short).unwrap_or_default()
    }

    /// The same in every redelivery; empty when there is none.
    pub fn event_id(&self) -> Short<64> {
        self.view().event_id().map(short).unwrap_or_default()
    }

    /// `om_…`, of the message the event is about.
    pub fn message_id(&self) -> Option<Short<64>> {
        self.view().message_id().map(short)
    }

    /// `oc_…`, of the chat the event is about.
    pub fn chat_id(&self) -> Option<Short<64>> {
        self.view().chat_id().map(short)
    }

    /// Whether the platform waits for an answer: see [`Client::respond`](crate::Client::respond).
    pub fn is_callback(&self) -> bool {
        self.view().is_callback()
    }

    /// What to answer a callback with; `None` for other events.
    pub fn response_id(&self) -> Option<ResponseId> {
        self.view().response_id()
    }

    /// The message's `content`, JSON such as `{"text":"hi"}`, for `im.message.receive_v1`; `None` also when it does not
    /// fit `room`. `N` bytes are always enough.
    pub fn content<'r>(&self, room: &'r mut [u8]) -> Option<&'r str> {
        self.view().message()?.content()?.unescape(room).ok()
    }

    /// What was said to the bot, as readable text, without the bot's own mention; posts, cards and all other kinds have
    /// one, too. `None` for events that are no messages, and when `room` is too small: it is working room, too, and twice
    /// `N` bytes are enough but for texts full of long names. [`view`](Self::view)'s
    /// [`Message::text`](larkwire_core::Message::text) tells what was missing.
    pub fn text<'r>(&self, room: &'r mut [u8]) -> Option<&'r str> {
        self.view().message()?.text(Form::Body, room).ok()
    }

    /// As [`text`](Self::text), for messages of the kind `text` alone: a board that asks for nothing else spares the flash
    /// for posts, cards and the rest.
    pub fn plain_text<'r>(&self, room: &'r mut [u8]) -> Option<&'r str> {
        self.view().message()?.plain_text(Form::Body, room).ok()?
    }

    /// As [`text`](Self::text), with every mention in it.
    pub fn full_text<'r>(&self, room: &'r mut [u8]) -> Option<&'r str> {
        self.view().message()?.text(Form::Full, room).ok()
    }
}

/// Ids are some 40 bytes long; a longer one is visibly cut.
fn short(text: Str<'_>) -> Short<64> {
    Short::from_chars(text.chars())
}

impl<const N: usize> core::fmt::Debug for Event<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.view().fmt(f)
    }
}
