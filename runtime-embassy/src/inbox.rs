//! Where events go: the trait a runtime asks of its user, and the bounded channel that most use.

use core::cell::{Cell, Ref, RefCell};
use core::fmt;
use core::future::{pending, poll_fn};
use core::ops::Deref;
use core::task::{Poll, Waker};

use embassy_sync::waitqueue::WakerRegistration;
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
/// 450 bytes. Both ends live on one executor. An empty one is all zero: a `static` takes no flash.
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
    /// A ring: events are written into their places and read there, never moved.
    places: [RefCell<Event<N>>; CAP],
    /// The oldest event, and how many there are.
    first: Cell<usize>,
    len: Cell<usize>,
    /// The bot is gone: nothing comes any more.
    closed: Cell<bool>,
    /// The program is gone: nobody listens any more.
    deaf: Cell<bool>,
    /// Who waits: the bot for room, the program for an event.
    bot: RefCell<WakerRegistration>,
    program: RefCell<WakerRegistration>,
}

impl<const N: usize, const CAP: usize> Channel<N, CAP> {
    /// An empty inbox.
    pub const fn new() -> Self {
        const { assert!(CAP > 0, "an inbox has room for at least one event") };
        Self {
            places: [const { RefCell::new(Event::EMPTY) }; CAP],
            first: Cell::new(0),
            len: Cell::new(0),
            closed: Cell::new(false),
            deaf: Cell::new(false),
            bot: RefCell::new(WakerRegistration::new()),
            program: RefCell::new(WakerRegistration::new()),
        }
    }

    /// The end for [`Runner::run`](crate::Runner::run) and the end for the program. What an earlier use left is cleared.
    pub fn split(&mut self) -> (ChannelInbox<'_, N, CAP>, Events<'_, N, CAP>) {
        self.first.set(0);
        self.len.set(0);
        self.closed.set(false);
        self.deaf.set(false);
        let channel = &*self;
        (ChannelInbox { channel }, Events { channel })
    }

    fn place(&self, offset: usize) -> Option<&RefCell<Event<N>>> {
        self.places.get(self.first.get().wrapping_add(offset).checked_rem(CAP)?)
    }

    /// Copies an event into the next free place.
    fn push(&self, event: &core_api::Event<'_>) -> Verdict {
        let len = self.len.get();
        if len >= CAP || self.deaf.get() {
            return Verdict::Refused;
        }
        let Some(mut place) = self.place(len).and_then(|place| place.try_borrow_mut().ok()) else {
            return Verdict::Refused;
        };
        if !place.fill(event) {
            return Verdict::Discarded;
        }
        self.len.set(len.saturating_add(1));
        self.program.borrow_mut().wake();
        // A callback's answer may follow.
        Verdict::Later
    }

    /// Frees the place of the oldest event.
    fn pop(&self) {
        if let Some(len) = self.len.get().checked_sub(1) {
            self.len.set(len);
            self.first.set(self.first.get().wrapping_add(1).checked_rem(CAP).unwrap_or_default());
            self.bot.borrow_mut().wake();
        }
    }
}

impl<const N: usize, const CAP: usize> Default for Channel<N, CAP> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, const CAP: usize> fmt::Debug for Channel<N, CAP> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({} of {CAP} events of {N} bytes)", self.len.get())
    }
}

/// The end of a [`Channel`] that the bot fills.
#[derive(Debug)]
pub struct ChannelInbox<'a, const N: usize, const CAP: usize> {
    channel: &'a Channel<N, CAP>,
}

impl<const N: usize, const CAP: usize> Inbox for ChannelInbox<'_, N, CAP> {
    async fn ready(&mut self) -> usize {
        let room = |waker: &Waker| {
            let room = CAP.saturating_sub(self.channel.len.get());
            if room == 0 {
                self.channel.bot.borrow_mut().register(waker);
            }
            room
        };
        if self.channel.deaf.get() {
            // Nobody listens any more: there will never be room.
            return pending().await;
        }
        poll_fn(|cx| match room(cx.waker()) {
            0 => Poll::Pending,
            room => Poll::Ready(room),
        })
        .await
    }

    fn offer(&mut self, event: &core_api::Event<'_>) -> Offer {
        Offer::Decided(self.channel.push(event))
    }
}

impl<const N: usize, const CAP: usize> Drop for ChannelInbox<'_, N, CAP> {
    fn drop(&mut self) {
        self.channel.closed.set(true);
        self.channel.program.borrow_mut().wake();
    }
}

/// The receiving end of the inbox. Dropping it refuses all further events, so that the platform keeps them for the next
/// connection.
#[derive(Debug)]
pub struct Events<'a, const N: usize, const CAP: usize> {
    channel: &'a Channel<N, CAP>,
}

impl<const N: usize, const CAP: usize> Events<'_, N, CAP> {
    /// The next event; `None` once the bot has ended and all events were taken. It is read where it lies: its place in the
    /// inbox is free again when what is returned here is dropped. To keep it longer, clone the [`Event`].
    pub async fn recv(&mut self) -> Option<Received<'_, N, CAP>> {
        let channel = self.channel;
        poll_fn(|cx| {
            if channel.len.get() > 0
                && let Some(event) = channel.place(0).and_then(|place| place.try_borrow().ok())
            {
                return Poll::Ready(Some(Received { event, channel }));
            }
            if channel.closed.get() {
                return Poll::Ready(None);
            }
            channel.program.borrow_mut().register(cx.waker());
            Poll::Pending
        })
        .await
    }
}

impl<const N: usize, const CAP: usize> Drop for Events<'_, N, CAP> {
    fn drop(&mut self) {
        self.channel.deaf.set(true);
    }
}

/// An event in its place in the inbox, which is free again when this is dropped.
pub struct Received<'a, const N: usize, const CAP: usize> {
    event: Ref<'a, Event<N>>,
    channel: &'a Channel<N, CAP>,
}

impl<const N: usize, const CAP: usize> Deref for Received<'_, N, CAP> {
    type Target = Event<N>;

    fn deref(&self) -> &Event<N> {
        &self.event
    }
}

impl<const N: usize, const CAP: usize> fmt::Debug for Received<'_, N, CAP> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.event.fmt(f)
    }
}

impl<const N: usize, const CAP: usize> Drop for Received<'_, N, CAP> {
    fn drop(&mut self) {
        self.channel.pop();
    }
}
