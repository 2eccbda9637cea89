//! Where events go: the trait a runtime asks of its user, and the bounded channel that most use.

use core::cell::Cell;
use core::future::{pending, poll_fn};

use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::Channel as Queue;
use embassy_sync::signal::Signal;
use larkwire_core as core_api;
use larkwire_core::Verdict;

use crate::event::Event;

/// A place that can take events. Its verdict is what the platform hears: an accepted event is acked and never comes
/// again, so it must be safe by then.
pub trait Inbox {
    /// Waits until there is room for at least one event; for how many.
    fn ready(&mut self) -> impl Future<Output = usize>;

    /// Takes an event for which [`ready`](Self::ready) has seen room, without waiting. The bot is borrowed meanwhile:
    /// calling a [`Client`](crate::Client) from here panics.
    fn offer(&mut self, event: &core_api::Event<'_>) -> Offer;

    /// Finishes what [`offer`](Self::offer) left [`Pending`](Offer::Pending): a record on its way to flash. After 2 s
    /// the event counts as refused and is sent again, unless this still answers `Accepted`.
    fn finish(&mut self) -> impl Future<Output = Verdict> {
        async { Verdict::Accepted }
    }
}

/// What became of an offered event.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Offer {
    /// It is decided.
    Decided(Verdict),
    /// [`Inbox::finish`] will tell.
    Pending,
}

/// The memory of a bounded inbox: `CAP` events of at most `N` bytes of JSON each, beside which an event takes some
/// 450 bytes. Both ends live on one executor.
///
/// A callback is taken with [`Verdict::Later`], so that [`Client::respond`](crate::Client::respond) can answer it. One that
/// the program leaves unanswered gets `{}` 2.5 s after it came in, or at once when more wait than the bot's
/// [`Buffers`](crate::Buffers) keep.
///
/// An event longer than `N` is discarded whole and reported ([`DropReason::Discarded`]): it is never cut short, and the
/// platform does not send it again. Choose `N` as the longest message of the bot's [`Buffers`](crate::Buffers).
///
/// [`DropReason::Discarded`]: larkwire_core::fault::DropReason::Discarded
pub struct Channel<const N: usize, const CAP: usize> {
    queue: Queue<NoopRawMutex, Event<N>, CAP>,
    closed: Signal<NoopRawMutex, ()>,
    deaf: Cell<bool>,
}

impl<const N: usize, const CAP: usize> Channel<N, CAP> {
    /// An empty inbox.
    pub const fn new() -> Self {
        const { assert!(CAP > 0, "an inbox has room for at least one event") };
        Self { queue: Queue::new(), closed: Signal::new(), deaf: Cell::new(false) }
    }

    /// The end for [`Runner::run`](crate::Runner::run) and the end for the program. What an earlier use left is cleared.
    pub fn split(&mut self) -> (ChannelInbox<'_, N, CAP>, Events<'_, N, CAP>) {
        self.queue.clear();
        self.closed.reset();
        self.deaf.set(false);
        let channel = &*self;
        (ChannelInbox { channel }, Events { channel })
    }
}

impl<const N: usize, const CAP: usize> Default for Channel<N, CAP> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, const CAP: usize> core::fmt::Debug for Channel<N, CAP> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Channel({} of {CAP} events of {N} bytes)", self.queue.len())
    }
}

/// The end of a [`Channel`] that the bot fills.
#[derive(Debug)]
pub struct ChannelInbox<'a, const N: usize, const CAP: usize> {
    channel: &'a Channel<N, CAP>,
}

impl<const N: usize, const CAP: usize> Inbox for ChannelInbox<'_, N, CAP> {
    async fn ready(&mut self) -> usize {
        if self.channel.deaf.get() {
            // Nobody listens any more: there will never be room.
            return pending().await;
        }
        poll_fn(|cx| self.channel.queue.sender().poll_ready_to_send(cx)).await;
        self.channel.queue.free_capacity()
    }

    fn offer(&mut self, event: &core_api::Event<'_>) -> Offer {
        if self.channel.deaf.get() {
            return Offer::Decided(Verdict::Refused);
        }
        let Some(event) = Event::copy(event) else { return Offer::Decided(Verdict::Discarded) };
        let verdict = match self.channel.queue.try_send(event) {
            // A callback's answer may follow.
            Ok(()) => Verdict::Later,
            Err(_) => Verdict::Refused,
        };
        Offer::Decided(verdict)
    }
}

impl<const N: usize, const CAP: usize> Drop for ChannelInbox<'_, N, CAP> {
    fn drop(&mut self) {
        self.channel.closed.signal(());
    }
}

/// The receiving end of the inbox. Dropping it refuses all further events, so that the platform keeps them for the next
/// connection.
#[derive(Debug)]
pub struct Events<'a, const N: usize, const CAP: usize> {
    channel: &'a Channel<N, CAP>,
}

impl<const N: usize, const CAP: usize> Events<'_, N, CAP> {
    /// The next event; `None` once the bot has ended and all events were taken.
    pub async fn recv(&mut self) -> Option<Event<N>> {
        match select(self.channel.queue.receive(), self.channel.closed.wait()).await {
            Either::First(event) => Some(event),
            Either::Second(()) => {
                self.channel.closed.signal(());
                None
            }
        }
    }
}

impl<const N: usize, const CAP: usize> Drop for Events<'_, N, CAP> {
    fn drop(&mut self) {
        self.channel.deaf.set(true);
    }
}
