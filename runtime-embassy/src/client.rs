//! [`Client`]: one bot on embassy.

use core::fmt;

use larkwire_core::fault::Misuse;
use larkwire_core::locale::Locale;
use larkwire_core::wire::writer::{TooSmall, Writer};
use larkwire_core::{Bot, Buffers, DeliveryId, End, Identity, Notice, RestoreError, Short, State, Stats, UnixMillis};

use crate::connect::Connect;
use crate::inbox::Inbox;
use crate::loops;
use crate::monitor::{Monitor, now};

/// What a text has in the small board of [`Buffers`].
const TEXT_ROOM: usize = Buffers::<2048, 1024, 2048, 1024, 256>::TEXT_ROOM;

/// A bot with what its handles share. `HTTP` is the number of `Http` lanes, 1 with [`Buffers`](crate::Buffers); or 0 where
/// one connector carries every lane because streams take turns ([`Config::planned_turns`](larkwire_core::Config)).
pub struct Resources<'s, const HTTP: usize> {
    monitor: Monitor<'s>,
}

impl<'s, const HTTP: usize> Resources<'s, HTTP> {
    /// Takes a bot that was told nothing yet.
    ///
    /// # Errors
    /// [`LanesError`] when the bot's storage has another number of `Http` lanes than [`Runner::run`] gets connectors.
    pub fn new(bot: Bot<'s>) -> Result<Self, LanesError> {
        let lanes = usize::from(bot.http_lanes());
        if lanes != HTTP && !(HTTP == 0 && bot.takes_turns()) {
            return Err(LanesError { lanes, connectors: HTTP });
        }
        Ok(Self { monitor: Monitor::new(bot, TEXT_ROOM) })
    }

    /// Bytes that a text may take in one request; a longer one is split into several messages. 256 by default, what the
    /// small board of [`Buffers`] has room for; [`Buffers::TEXT_ROOM`] says it for others. 0 never splits.
    ///
    /// It is counted after escaping: a letter takes 1, a Chinese character 3, an emoji 4 or more, a line break 3. What
    /// cannot be split, a mention or the first line of a code block, may be longer and is refused when it does not fit.
    #[must_use]
    pub fn text_room(mut self, bytes: usize) -> Self {
        self.monitor.text_room = bytes;
        self
    }

    /// The handle for the program, and the future that does the work. Both stay on one executor.
    pub fn split(&'s mut self) -> (Client<'s>, Runner<'s, HTTP>) {
        let monitor = &self.monitor;
        (Client { monitor }, Runner { monitor })
    }
}

impl<const HTTP: usize> fmt::Debug for Resources<'_, HTTP> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resources").field("state", &self.monitor.read(Bot::state)).finish_non_exhaustive()
    }
}

/// The storage has another number of `Http` lanes than there are connectors for them. Next step: make both the same, or
/// switch `planned_turns` on and give one connector for all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LanesError {
    /// `Http` lanes of the storage.
    pub lanes: usize,
    /// Connectors for them.
    pub connectors: usize,
}

impl fmt::Display for LanesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lanes, connectors } = self;
        write!(
            f,
            "the storage has {lanes} Http lanes and run gets {connectors} connectors for them: make both the same, or switch \
             planned_turns on and give one connector for all"
        )
    }
}

impl core::error::Error for LanesError {}

/// The loops of one bot, to be run once.
pub struct Runner<'s, const HTTP: usize> {
    monitor: &'s Monitor<'s>,
}

impl<const HTTP: usize> fmt::Debug for Runner<'_, HTTP> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runner")
    }
}

impl<const HTTP: usize> Runner<'_, HTTP> {
    /// Runs the bot to its end: `socket` opens the long connection, `http` the `Http` lanes (without them, `socket` opens
    /// both in turns). `hook` is told what people may want to know.
    ///
    /// Give it a task of its own, and the network stack's runner another one: in one task the two would keep each other
    /// awake.
    ///
    /// Dropping the future drops every stream without a goodbye; calls that are waited for then never return, and the
    /// bot cannot be run again.
    pub async fn run<C: Connect>(self, socket: C, http: [C; HTTP], inbox: impl Inbox, hook: impl FnMut(Notice)) -> End {
        loops::run(self.monitor, socket, http, inbox, hook).await
    }
}

/// A handle to a bot. Copies are handles to the same one; the bot runs as long as [`Runner::run`] is awaited, whether or
/// not handles exist. It may be used from any task of the same executor.
#[derive(Clone, Copy)]
pub struct Client<'s> {
    pub(crate) monitor: &'s Monitor<'s>,
}

impl fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl Client<'_> {
    /// The bot's own `open_id`, once it is known.
    pub fn own_open_id(&self) -> Option<Short<64>> {
        self.monitor.read(|bot| match bot.identity() {
            Identity::Known { open_id, .. } => Some(Short::new(open_id)),
            _ => None,
        })
    }

    /// Asks the platform again who the bot is; every lookup is a call on the app's monthly quota.
    pub fn refresh_identity(&self) {
        self.monitor.change(|bot, now| bot.refresh_identity(now));
    }

    /// Tells the language of a chat, for acknowledgement reactions; `None` forgets it.
    ///
    /// # Errors
    /// [`Misuse`] when there is no place for one more chat; [`Buffers`] has four.
    pub fn set_chat_locale(&self, chat_id: &str, locale: Option<Locale>) -> Result<(), Misuse> {
        self.monitor.change(|bot, _| bot.set_chat_locale(chat_id, locale))
    }

    /// The platform's clock, by its last HTTP answer; good to a second or two.
    pub fn platform_time(&self) -> Option<UnixMillis> {
        self.monitor.read(|bot| {
            let (at, UnixMillis(unix)) = bot.platform_clock()?;
            Some(UnixMillis(unix.saturating_add(now().since(at))))
        })
    }

    /// Tells the time of day, from a clock chip or NTP: what the age of messages and of remembered ids is told by. It goes
    /// on by itself; tell it again when the clock was set. Without it the platform's own clock serves.
    pub fn set_wall_clock(&self, unix: UnixMillis) {
        self.monitor.change(|bot, now| bot.handle_wall_clock(now, Some(unix)));
    }

    /// How many delivered ids were remembered since the start: what [`write_seen`](Self::write_seen) goes on from.
    pub fn seen_count(&self) -> u64 {
        self.monitor.read(Bot::seen_count)
    }

    /// Writes the ids of delivered events to the start of `out`, for flash, so that a restart does not deliver the last
    /// hours again; how many bytes it was. All of them (`None`): 32 bytes and 16 for each. Or those after the first
    /// `from`, to be appended: 16 bytes each, two a chat message.
    ///
    /// # Errors
    /// [`TooSmall`] with the size that is needed; nothing in `out` may be used.
    pub fn write_seen(&self, from: Option<u64>, out: &mut [u8]) -> Result<usize, TooSmall> {
        let mut w = Writer::new(out);
        self.monitor.read(|bot| bot.write_seen(from, &mut w));
        w.finish()
    }

    /// Writes the ids of one delivery to the start of `out`, 16 bytes each, none to two; how many bytes it was. It is what
    /// [`write_seen`](Self::write_seen) appends once the event was accepted, for an [`Inbox`] that stores them with the
    /// event before that. Call it from [`Inbox::finish`], not from `offer`.
    ///
    /// # Errors
    /// [`TooSmall`] with the size that is needed; nothing in `out` may be used.
    pub fn write_seen_of(&self, id: DeliveryId, out: &mut [u8]) -> Result<usize, TooSmall> {
        let mut w = Writer::new(out);
        self.monitor.read(|bot| bot.write_seen_of(id, &mut w));
        w.finish()
    }

    /// Takes back what [`write_seen`](Self::write_seen) wrote; how many ids it was. Call it before
    /// [`Runner::run`], and [`set_wall_clock`](Self::set_wall_clock) before it: without the time of day every id counts as
    /// new. Half a record at the end, as a loss of power leaves it, is ignored.
    ///
    /// # Errors
    /// [`RestoreError`]: nothing changed. A flash that was never written reads as [`RestoreError::Format`].
    pub fn restore_seen(&self, bytes: &[u8]) -> Result<usize, RestoreError> {
        self.monitor.change(|bot, now| bot.restore_seen(now, bytes))
    }

    /// Where the bot stands.
    pub fn state(&self) -> State {
        self.monitor.read(Bot::state)
    }

    /// The counters since the start.
    pub fn stats(&self) -> Stats {
        self.monitor.read(|bot| *bot.stats())
    }

    /// Ends in order: no more events, accepted calls finished (10 s at most), acks written (2 s), the socket closed with
    /// 1000 (2 s). Returns when that is done.
    pub async fn shut_down(&self) -> End {
        self.begin_shut_down();
        self.ended().await
    }

    /// As [`shut_down`](Self::shut_down), without waiting.
    pub fn begin_shut_down(&self) {
        self.monitor.change(|bot, now| bot.shut_down(now));
    }

    /// Waits for the end, however it comes.
    pub async fn ended(&self) -> End {
        self.monitor.ended().await
    }
}
