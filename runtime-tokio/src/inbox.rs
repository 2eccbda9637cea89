//! Where events go: the trait a runtime asks of its user, and the bounded channel that most use.

use larkwire_core as core;
use larkwire_core::Verdict;
use tokio::sync::mpsc;

use crate::event::Event;

/// A place that can take events. Its verdict is what the platform hears: an accepted event is acked and never comes
/// again, so it must be safe by then.
pub trait Inbox: Send + 'static {
    /// Waits until there is room for at least one event; for how many.
    fn ready(&mut self) -> impl Future<Output = usize> + Send;

    /// Takes an event for which [`ready`](Self::ready) has seen room, without waiting.
    fn offer(&mut self, event: &core::Event<'_>) -> Offer;

    /// Finishes what [`offer`](Self::offer) left [`Pending`](Offer::Pending): a line being written, a record on its way
    /// to a disk. After 2 s the event counts as refused and is sent again, unless this still answers `Accepted`. A
    /// callback can be answered once its verdict is told, which is after this.
    fn finish(&mut self) -> impl Future<Output = Verdict> + Send {
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

/// The bounded channel behind [`Events`].
#[derive(Debug)]
pub(crate) struct ChannelInbox {
    sender: mpsc::Sender<Event>,
}

/// The receiving end of the inbox. Dropping it refuses all further events, so that the platform keeps them for the next
/// connection.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<Event>,
}

impl Events {
    /// The next event; `None` once the bot has ended and all events were taken.
    pub async fn recv(&mut self) -> Option<Event> {
        self.receiver.recv().await
    }

    /// As [`recv`](Self::recv), for use in `poll` functions and streams.
    pub fn poll_recv(&mut self, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<Event>> {
        self.receiver.poll_recv(cx)
    }
}

pub(crate) fn channel(capacity: usize) -> (ChannelInbox, Events) {
    let (sender, receiver) = mpsc::channel(capacity.max(1));
    (ChannelInbox { sender }, Events { receiver })
}

impl Inbox for ChannelInbox {
    async fn ready(&mut self) -> usize {
        let room = self.sender.capacity();
        if room > 0 && !self.sender.is_closed() {
            // Nobody else sends.
            return room;
        }
        match self.sender.reserve().await {
            Ok(permit) => {
                drop(permit);
                self.sender.capacity().max(1)
            }
            // Nobody listens any more: there will never be room.
            Err(_) => std::future::pending().await,
        }
    }

    fn offer(&mut self, event: &core::Event<'_>) -> Offer {
        let verdict = match self.sender.try_send(Event::copy(event)) {
            // A callback's answer may follow.
            Ok(()) => Verdict::Later,
            Err(_) => Verdict::Refused,
        };
        Offer::Decided(verdict)
    }
}
