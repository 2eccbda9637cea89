//! The loops of one bot: one per lane, deliver, report, clock. They run as one task, one after the other, until none of
//! them has changed the bot: what was read is delivered and acknowledged in the same turn, and nobody wakes anybody.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use larkwire_core::{Bot, End, Instant, UnixMillis};
use tokio::time::{Sleep, sleep_until};

use crate::connect::Connect;
use crate::inbox::{Inbox, Offer};
use crate::memory::SeenFile;
use crate::monitor::Monitor;
use crate::report;
use crate::stream::LaneStream;

/// Rounds of one poll, before others get their turn.
const ROUNDS: usize = 8;

/// Runs a bot to its end.
pub(crate) async fn run<C: Connect, I: Inbox>(
    monitor: Arc<Monitor>,
    connect: Arc<C>,
    inbox: I,
    memory: Option<SeenFile>,
) -> End {
    let monitor = &*monitor;
    let mut lanes: Vec<LaneStream<C>> = monitor.lanes().map(LaneStream::new).collect();
    let mut deliver = pin!(deliver(monitor, inbox, memory));
    let mut is_delivering = true;
    let mut sleep = pin!(sleep_until(monitor.at(Instant::ZERO)));
    let mut alarm = Instant::ZERO;
    let mut is_end_told = false;
    std::future::poll_fn(|cx| {
        monitor.attend(cx.waker());
        let mut is_late = false;
        for _ in 0..ROUNDS {
            // This order, so that what one makes possible the next does in the same round.
            monitor.read(|bot| lanes.iter_mut().for_each(|lane| lane.look(bot)));
            lanes.iter_mut().for_each(|lane| lane.poll_read(cx, monitor, &connect));
            if is_delivering {
                is_delivering = deliver.as_mut().poll(cx).is_pending();
            }
            lanes.iter_mut().for_each(|lane| lane.poll_write(cx, monitor));
            let Some(left) = monitor.report() else { continue };
            if let Some(end) = left.end {
                if !is_end_told {
                    is_end_told = true;
                    report::log_end(&end);
                }
                if !is_delivering && lanes.iter().all(LaneStream::is_down) {
                    return Poll::Ready(end);
                }
            }
            // A bot without a long connection and without a call rests until it is given one.
            let Some(due) = left.due else { return Poll::Pending };
            if due > monitor.now() {
                match poll_alarm(cx, monitor, sleep.as_mut(), &mut alarm, due) {
                    Poll::Ready(()) => continue,
                    Poll::Pending => return Poll::Pending,
                }
            }
            // A deadline that stays due must not starve others.
            if is_late {
                break;
            }
            is_late = true;
            let_time_pass(monitor);
        }
        // Nor may data that keeps coming hold up what is due.
        if !is_late && monitor.read(|bot| bot.poll_timeout().is_some_and(|deadline| deadline.at <= monitor.now())) {
            let_time_pass(monitor);
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

fn let_time_pass(monitor: &Monitor) {
    monitor.step(|bot, now| {
        // The system's clock may have been set since.
        bot.handle_wall_clock(now, unix_now());
        bot.handle_timeout(now);
    });
}

/// Sets the alarm to `due`; ready when it has rung. One that rings too early is left as it is: deadlines move away with
/// every event, and setting it costs more than a ring.
fn poll_alarm(
    cx: &mut Context<'_>,
    monitor: &Monitor,
    mut sleep: Pin<&mut Sleep>,
    alarm: &mut Instant,
    due: Instant,
) -> Poll<()> {
    if due < *alarm || *alarm <= monitor.now() {
        *alarm = due;
        sleep.as_mut().reset(monitor.at(due));
    }
    sleep.poll(cx)
}

/// Hands events to the inbox.
async fn deliver<I: Inbox>(monitor: &Monitor, mut inbox: I, mut memory: Option<SeenFile>) {
    loop {
        // Also before there is an event: an inbox learns from it that the one before is decided. Nothing would never be
        // offered, and asked for again without end.
        let Some(room) = until_ended(monitor, inbox.ready()).await.map(|room| room.max(1)) else { return };
        let wanted = monitor.wait(|bot| match bot.ended() {
            Some(_) => Some(false),
            // Events that are refused for want of room come back only once it is told again.
            None => (bot.is_delivery_waiting() || bot.is_room_wanted()).then_some(true),
        });
        if !wanted.await {
            return;
        }
        // One critical section hands over every event there is room for, so that their acks leave together.
        let pending = monitor.step(|bot, now| {
            if bot.is_room_wanted() {
                bot.handle_inbox(now, room);
            }
            let mut pending = None;
            for _ in 0..room {
                let Some(event) = bot.poll_delivery() else { break };
                let id = event.id();
                match inbox.offer(&event) {
                    Offer::Decided(verdict) => bot.handle_delivered(now, id, verdict),
                    Offer::Pending => {
                        pending = Some(id);
                        break;
                    }
                }
            }
            keep(&mut memory, bot);
            pending
        });
        if let Some(id) = pending {
            let Some(verdict) = until_ended(monitor, inbox.finish()).await else { return };
            monitor.step(|bot, now| {
                bot.handle_delivered(now, id, verdict);
                keep(&mut memory, bot);
            });
        }
    }
}

/// Waits for `future`, but not beyond the bot's end.
async fn until_ended<F: Future>(monitor: &Monitor, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending if monitor.ended().is_some() => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// In the critical section that accepted the events: their acks cannot be written before their ids are.
fn keep(memory: &mut Option<SeenFile>, bot: &Bot<'_>) {
    if let Some(memory) = memory {
        memory.keep(bot);
    }
}

/// The system's clock; `None` where it stands before 1970.
pub(crate) fn unix_now() -> Option<UnixMillis> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(UnixMillis(u64::try_from(since.as_millis()).ok()?))
}
