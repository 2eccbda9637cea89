//! What every event passes, however it came: whose it is, whether it was seen, the gate, the inbox. And what is kept of
//! those that were accepted.

#[cfg(feature = "webhook")]
use super::session::Answer;
use super::session::{Screened, Session};
use crate::event::{DeliveryId, Event, Field};
use crate::fault::DropReason;
use crate::gate;
use crate::notice::{Report, count};
use crate::text::Short;
use crate::time::{Instant, UnixMillis};
use crate::wire::json::Str;

impl Session<'_> {
    /// Whether the application may see the event; else why not, and whose act it was.
    pub(crate) fn screen(&self, now: Instant, event: &Event<'_>) -> Result<Screened, (DropReason, Short<48>)> {
        let key = |kind, text: Option<Str<'_>>| text.and_then(|text| self.id_key(kind, text));
        let (json, spans) = (event.json(), event.layout());
        let serial = self.serial.saturating_add(1);
        let message = event.message();
        let event_key = key(b'e', spans.str(Field::EventId, json));
        let message_key = message.and_then(|message| key(b'm', message.message_id()));
        let actor = event.actor();
        let own_app = |app: Option<Str<'_>>| key(b'a', app).map(|app| app == self.app);
        let foreign = own_app(spans.str(Field::AppId, json)) == Some(false);
        let acted_self = actor.and_then(|actor| own_app(actor.app_id)) == Some(true);
        let is_bot = actor.is_some_and(|actor| gate::is_bot(&actor));
        // Nobody asks in which chat a person speaks while no bot has spoken in any.
        let counts = is_bot || self.gate.loops.is_any_watched();
        let chat = message.filter(|_| counts).and_then(|message| key(b'c', message.chat_id()));
        let known = [event_key, message_key].into_iter().flatten().any(|key| self.seen.contains(now, key));
        let unix = self.wall.map(|(at, UnixMillis(unix))| UnixMillis(unix.saturating_add(now.since(at))));
        let speaker = chat.map(|chat| (chat, is_bot));
        if foreign {
            return Err((DropReason::OtherApp, Short::EMPTY));
        }
        if known {
            return Err((DropReason::Duplicate, Short::EMPTY));
        }
        // What nobody in particular does passes.
        if let Some(actor) = actor
            && let Err(reason) = self.gate.check(now, unix, event, &actor, acted_self, chat)
        {
            return Err((reason, actor.ids.open_id.map(|id| Short::from_chars(id.chars())).unwrap_or_default()));
        }
        if !self.accepting || self.is_room_wanted() {
            return Err((DropReason::InboxFull, Short::EMPTY));
        }
        Ok(Screened { id: DeliveryId { serial, event_key, message_key }, speaker })
    }

    /// Keeps what makes an accepted event recognisable; whether any of it was new.
    pub(super) fn remember<const N: usize>(
        &mut self,
        now: Instant,
        keys: [Option<u64>; N],
        report: &mut Report<'_>,
    ) -> bool {
        let mut fresh = false;
        for key in keys.into_iter().flatten() {
            if !self.seen.contains(now, key) {
                fresh = true;
                if self.seen.insert(now, key) {
                    count(&mut report.stats.seen_evicted);
                }
            }
        }
        fresh
    }

    /// Somebody spoke in a chat, and it was heard.
    pub(super) fn spoke(&mut self, now: Instant, speaker: Option<(u64, bool)>) {
        match speaker {
            Some((chat, true)) => self.gate.loops.bot_spoke(now, chat),
            Some((chat, false)) => self.gate.loops.person_spoke(chat),
            None => {}
        }
    }
}

/// What the events that are posted need of it.
#[cfg(feature = "webhook")]
impl Session<'_> {
    /// A keyed hash of what is no text.
    pub(crate) fn key(&self, kind: u8, bytes: &[u8]) -> u64 {
        self.hash(kind, bytes)
    }

    pub(crate) fn is_seen(&self, now: Instant, key: u64) -> bool {
        self.seen.contains(now, key)
    }

    /// The bot's own `open_id`, empty while unknown.
    pub(crate) fn own_open_id(&self) -> &[u8] {
        self.gate.own_open_id()
    }

    /// Keeps ids for at least so long.
    pub(crate) fn remember_for(&mut self, window_ms: u64) {
        self.seen.remember_for(window_ms);
    }

    /// The id was given to an event.
    pub(crate) fn offered(&mut self, id: &DeliveryId) {
        self.serial = id.serial;
    }

    /// The application took an event that was posted.
    pub(crate) fn accepted(
        &mut self,
        now: Instant,
        id: DeliveryId,
        speaker: Option<(u64, bool)>,
        report: &mut Report<'_>,
    ) {
        self.room = self.room.saturating_sub(1);
        self.remember(now, [id.event_key, id.message_key], report);
        self.spoke(now, speaker);
        count(&mut report.stats.accepted);
    }

    /// Remembers an event although the application did not want it.
    pub(crate) fn keep(&mut self, now: Instant, id: DeliveryId, report: &mut Report<'_>) {
        self.remember(now, [id.event_key, id.message_key], report);
    }

    /// The event that waits, if it is the one that was accepted by the other way: a duplicate, and what to ack.
    pub(crate) fn settle_copy(&mut self, now: Instant, of: DeliveryId, report: &mut Report<'_>) -> Option<Answer> {
        let copy = self.offered.take_if(|offered| offered.id.is_copy(of))?;
        self.parts.release();
        if let Some(id) = copy.split {
            self.parts.finish(now, id);
        }
        report.dropped(DropReason::Duplicate, copy.len, Some(copy.trace_id.as_str().as_bytes()));
        Some(Answer::to(copy.spans.callback))
    }

    /// An event has waited in vain: others are refused until room is told.
    pub(crate) fn stall(&mut self) {
        self.stalled = true;
        self.room = 0;
    }
}
