//! [`JournalChannel`]: the bounded inbox whose events lie in a [`Journal`] before they are accepted.

use core::cell::{Cell, RefCell};
use core::fmt;
use core::future::{pending, poll_fn};
use core::task::Poll;

use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::Channel as Queue;
use embassy_sync::mutex::Mutex;
use embassy_sync::signal::Signal;
use embassy_sync::waitqueue::WakerRegistration;
use larkwire_core as core_api;
use larkwire_core::wire::writer::Writer;
use larkwire_core::{RestoreError, Verdict};

use super::{Entry, IDS_HEADER, Journal, JournalFault, Restored};
use crate::client::Client;
use crate::event::Event;
use crate::inbox::{Inbox, Offer};

/// The memory of an inbox that survives a loss of power: a [`Channel`](crate::Channel), `CAP` events of at most `N` bytes,
/// with a [`Journal`] beneath.
///
/// | power is lost | without a journal | with it |
/// |---|---|---|
/// | before the event is accepted | the platform sends it again | the same |
/// | between accepted and acked | it comes twice | once: the platform sends it again, its ids are known, it is acked |
/// | between acked and the program's [`done`](JournalEvents::done) | it is lost | the program gets it first of all after the start |
/// | between what the program did and its `done` | | the program gets it again |
///
/// The last row is the program's: what it does should be harmless twice. An answer is, for an hour, with a `uuid` of
/// [`Call::Reply`](crate::core::Call::Reply) that is made of the message's id, `om_…`, cut to 50 characters: the platform
/// sends only one message with it.
///
/// `CAP` events wait for the program; what it has received and not `done` keeps its place in the journal, and when those are
/// taken, nothing more is received. Events lie in flash as they came, in the clear. A callback is stored, too, and has waited too long when it is handed over after a start: it was answered `{}`.
pub struct JournalChannel<J, const N: usize, const CAP: usize> {
    journal: Mutex<NoopRawMutex, J>,
    queue: Queue<NoopRawMutex, Event<N>, CAP>,
    closed: Signal<NoopRawMutex, ()>,
    deaf: Cell<bool>,
    /// Events that the journal has places for.
    places: Cell<usize>,
    freed: RefCell<WakerRegistration>,
    /// Events that were there at the start and were not handed over yet, and the last one that was.
    left: Cell<usize>,
    after: Cell<Option<Entry>>,
    fault: Cell<Option<JournalFault>>,
}

impl<J: Journal, const N: usize, const CAP: usize> JournalChannel<J, N, CAP> {
    /// An inbox over a journal that nothing was read of yet.
    pub const fn new(journal: J) -> Self {
        const { assert!(CAP > 0, "an inbox has room for at least one event") };
        Self {
            journal: Mutex::new(journal),
            queue: Queue::new(),
            closed: Signal::new(),
            deaf: Cell::new(false),
            places: Cell::new(0),
            freed: RefCell::new(WakerRegistration::new()),
            left: Cell::new(0),
            after: Cell::new(None),
            fault: Cell::new(None),
        }
    }

    /// Reads the journal and gives the bot its ids back: before [`Runner::run`](crate::Runner::run), and with
    /// [`Client::set_wall_clock`] before it where the time is known. `ids` is working room, 32 bytes and 16 for each entry
    /// of `SEEN`. The end for the bot, the end for the program, and what was there.
    ///
    /// The journal of another app is begun anew, events and all.
    ///
    /// # Errors
    /// [`JournalFault`] says what to do; [`Channel`](crate::Channel) works without a journal.
    pub async fn open<'a, 's>(
        &'a mut self,
        client: Client<'s>,
        ids: &mut [u8],
    ) -> Result<(JournalInbox<'a, 's, J, N, CAP>, JournalEvents<'a, J, N, CAP>, Restored), JournalFault> {
        if ids.len() < IDS_HEADER {
            return Err(JournalFault::NoRoom);
        }
        let journal = self.journal.get_mut();
        let mut restored = journal.restore(ids).await?;
        let is_begun = restored.ids > 0;
        let is_ours = match client.restore_seen(ids.get(..restored.ids).unwrap_or_default()) {
            _ if !is_begun => false,
            Err(RestoreError::OtherApp) => false,
            Err(RestoreError::TooLate) => return Err(JournalFault::TooLate),
            Err(_) => return Err(JournalFault::Corrupt),
            Ok(_) => true,
        };
        if !is_ours {
            let mut header = [0; IDS_HEADER];
            // The head is written however much would follow it.
            client.monitor.read(|bot| bot.write_seen(None, &mut Writer::new(&mut header)));
            journal.begin(&header).await?;
            restored = Restored { ids: 0, unhandled: 0, ..restored };
        }
        self.places.set(journal.room());
        self.left.set(restored.unhandled);
        self.after.set(None);
        self.queue.clear();
        self.closed.reset();
        self.deaf.set(false);
        self.fault.set(None);
        let channel = &*self;
        Ok((JournalInbox { channel, client, offered: None }, JournalEvents { channel }, restored))
    }
}

impl<J, const N: usize, const CAP: usize> JournalChannel<J, N, CAP> {
    /// Gives the journal back.
    pub fn into_journal(self) -> J {
        self.journal.into_inner()
    }

    fn has_room(&self) -> usize {
        // What the program holds counts, too: `CAP` bounds what waits for it, the journal what waits for `done`.
        if self.deaf.get() { 0 } else { self.queue.free_capacity().min(self.places.get()) }
    }
}

impl<J, const N: usize, const CAP: usize> fmt::Debug for JournalChannel<J, N, CAP> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, places) = (self.queue.len(), self.places.get());
        write!(f, "JournalChannel({len} of {CAP} events of {N} bytes, {places} places in the journal)")
    }
}

/// The end of a [`JournalChannel`] that the bot fills: an event is accepted once it is stored, and refused, so that it
/// comes again, when that failed.
pub struct JournalInbox<'a, 's, J, const N: usize, const CAP: usize> {
    channel: &'a JournalChannel<J, N, CAP>,
    client: Client<'s>,
    offered: Option<Event<N>>,
}

impl<J: Journal, const N: usize, const CAP: usize> Inbox for JournalInbox<'_, '_, J, N, CAP> {
    async fn ready(&mut self) -> usize {
        if self.channel.deaf.get() {
            // Nobody listens any more: there will never be room.
            return pending().await;
        }
        poll_fn(|cx| {
            self.channel.freed.borrow_mut().register(cx.waker());
            let is_free = self.channel.queue.sender().poll_ready_to_send(cx).is_ready();
            let room = self.channel.has_room();
            if is_free && room > 0 { Poll::Ready(room) } else { Poll::Pending }
        })
        .await
    }

    fn offer(&mut self, event: &core_api::Event<'_>) -> Offer {
        if self.channel.has_room() == 0 {
            return Offer::Decided(Verdict::Refused);
        }
        self.offered = Event::copy(event);
        if self.offered.is_some() { Offer::Pending } else { Offer::Decided(Verdict::Discarded) }
    }

    async fn finish(&mut self) -> Verdict {
        let Some(mut event) = self.offered.take() else { return Verdict::Refused };
        let mut ids = [0; 32];
        let ids_len = self.client.write_seen_of(event.view().id(), &mut ids).unwrap_or_default();
        let ids = ids.get(..ids_len).unwrap_or_default();
        let stored = self.channel.journal.lock().await.store(ids, &event.view()).await;
        match stored {
            Ok(entry) => {
                event.entry = entry.0;
                self.channel.places.set(self.channel.places.get().saturating_sub(1));
                // There is room: nobody else fills it.
                let _ = self.channel.queue.try_send(event);
                // A callback's answer may follow.
                Verdict::Later
            }
            Err(fault) => {
                self.channel.fault.set(Some(fault));
                if fault == JournalFault::TooLong { Verdict::Discarded } else { Verdict::Refused }
            }
        }
    }
}

impl<J, const N: usize, const CAP: usize> Drop for JournalInbox<'_, '_, J, N, CAP> {
    fn drop(&mut self) {
        self.channel.closed.signal(());
    }
}

impl<J, const N: usize, const CAP: usize> fmt::Debug for JournalInbox<'_, '_, J, N, CAP> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JournalInbox({:?})", self.channel)
    }
}

/// The receiving end of a [`JournalChannel`]. Dropping it refuses all further events, so that the platform keeps them for
/// the next connection; those that were received and not [`done`](Self::done) are handed over after the next start.
pub struct JournalEvents<'a, J, const N: usize, const CAP: usize> {
    channel: &'a JournalChannel<J, N, CAP>,
}

impl<J: Journal, const N: usize, const CAP: usize> JournalEvents<'_, J, N, CAP> {
    /// The next event, those first that were not done before the start; `None` once the bot has ended and all events were
    /// taken.
    pub async fn recv(&mut self) -> Option<Event<N>> {
        while let Some(left) = self.channel.left.get().checked_sub(1) {
            let mut journal = self.channel.journal.lock().await;
            let next = journal.unhandled(self.channel.after.get()).await;
            let (entry, event) = match next {
                Ok(Some((entry, event))) => (entry, event),
                Ok(None) => {
                    self.channel.left.set(0);
                    break;
                }
                Err(fault) => {
                    self.channel.fault.set(Some(fault));
                    self.channel.left.set(0);
                    break;
                }
            };
            self.channel.left.set(left);
            self.channel.after.set(Some(entry));
            match event {
                Some(event) => return Some(event),
                None => {
                    // It would keep its place for ever.
                    self.channel.fault.set(Some(JournalFault::Corrupt));
                    let _ = self.finish(&mut journal, entry).await;
                }
            }
        }
        match select(self.channel.queue.receive(), self.channel.closed.wait()).await {
            Either::First(event) => Some(event),
            Either::Second(()) => {
                self.channel.closed.signal(());
                None
            }
        }
    }

    /// The program has dealt with an event: it is not handed over again. Events may be done in any order, from one task.
    ///
    /// # Errors
    /// [`JournalFault`]: the event keeps its place, and is handed over again after a start unless this is repeated.
    pub async fn done(&self, event: &Event<N>) -> Result<(), JournalFault> {
        self.finish(&mut *self.channel.journal.lock().await, Entry(event.entry)).await
    }

    async fn finish(&self, journal: &mut J, entry: Entry) -> Result<(), JournalFault> {
        if journal.handled(entry).await? {
            self.channel.places.set(self.channel.places.get().saturating_add(1));
            self.channel.freed.borrow_mut().wake();
        }
        Ok(())
    }

    /// Why an event was last refused, or one from before the start not handed over; told once.
    pub fn take_fault(&self) -> Option<JournalFault> {
        self.channel.fault.take()
    }
}

impl<J, const N: usize, const CAP: usize> Drop for JournalEvents<'_, J, N, CAP> {
    fn drop(&mut self) {
        self.channel.deaf.set(true);
    }
}

impl<J, const N: usize, const CAP: usize> fmt::Debug for JournalEvents<'_, J, N, CAP> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JournalEvents({:?})", self.channel)
    }
}
