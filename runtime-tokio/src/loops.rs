//! The loops of one bot: one per lane, clock, deliver, report. They run as one task.

use std::sync::Arc;

use larkwire_core::fault::CallError;
use larkwire_core::{Attempt, Bot, Closed, End, UnixMillis, Wish};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::sleep_until;

use crate::client::CallAnswer;
use crate::connect::{Connect, Destination};
use crate::inbox::{Inbox, Offer};
use crate::memory::SeenFile;
use crate::monitor::Monitor;
use crate::report;

/// Bytes read or written at once.
const CHUNK: usize = 16 * 1024;

/// Runs a bot to its end.
pub(crate) async fn run<C: Connect, I: Inbox>(
    monitor: Arc<Monitor>,
    connect: Arc<C>,
    mut inbox: I,
    memory: Option<SeenFile>,
) -> End {
    let monitor = &*monitor;
    let lanes = futures_join((0..monitor.lanes.len()).map(|index| lane(monitor, &*connect, index)).collect());
    let (end, (), (), ()) = tokio::join!(report(monitor), lanes, clock(monitor), deliver(monitor, &mut inbox, memory));
    end
}

/// Waits for all futures of a list, in one task.
async fn futures_join<F: Future<Output = ()>>(futures: Vec<F>) {
    let mut futures: Vec<_> = futures.into_iter().map(|future| Some(Box::pin(future))).collect();
    std::future::poll_fn(|cx| {
        for slot in &mut futures {
            if slot.as_mut().is_some_and(|future| future.as_mut().poll(cx).is_ready()) {
                *slot = None;
            }
        }
        if futures.iter().all(Option::is_none) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// Whether the lane is still wished for as this attempt.
fn is_current(bot: &Bot<'_>, index: usize, attempt: Attempt) -> bool {
    matches!(bot.poll_lane(Monitor::lane(index)), Wish::Up(target) if target.attempt == attempt)
}

async fn lane<C: Connect>(monitor: &Monitor, connect: &C, index: usize) {
    let (lane, bell) = (Monitor::lane(index), &monitor.lanes[index]);
    loop {
        let wished = monitor.wait(&bell.reader, |bot| match bot.poll_lane(lane) {
            Wish::Up(target) => Some(Some((target.attempt, Destination::from(target)))),
            Wish::Down => bot.ended().map(|_| None),
        });
        let Some((attempt, destination)) = wished.await else { return };
        let dropped = monitor.wait(&bell.reader, |bot| (!is_current(bot, index, attempt)).then_some(()));
        let opened = tokio::select! {
            opened = connect.connect(&destination) => opened,
            () = dropped => continue,
        };
        let (reader, writer) = match opened {
            Ok(halves) => halves,
            Err(error) => {
                tracing::debug!(host = %destination.host, port = destination.port, error = %error, "dial failed");
                monitor.change(|bot, now| bot.handle_closed(now, lane, attempt, error.closed));
                continue;
            }
        };
        monitor.change(|bot, now| bot.handle_opened(now, lane, attempt));
        // Dropping either future drops both halves with it: a read is never abandoned on a stream that lives on.
        let why = tokio::select! {
            why = read(monitor, index, attempt, reader) => why,
            why = write(monitor, index, attempt, writer) => why,
        };
        if let Some(why) = why {
            monitor.change(|bot, now| bot.handle_closed(now, lane, attempt, why));
        }
    }
}

/// Reads until the stream ends (`Some`) or is not wished for any more.
async fn read(monitor: &Monitor, index: usize, attempt: Attempt, mut reader: impl AsyncRead + Unpin) -> Option<Closed> {
    let (lane, bell) = (Monitor::lane(index), &monitor.lanes[index]);
    let mut chunk = vec![0; CHUNK];
    loop {
        let room = monitor.wait(&bell.reader, |bot| {
            let room = bot.poll_receive(lane);
            if !is_current(bot, index, attempt) { Some(None) } else { (room > 0).then_some(Some(room)) }
        });
        let room = room.await?.min(chunk.len());
        let gone = monitor.wait(&bell.reader, |bot| (!is_current(bot, index, attempt)).then_some(()));
        let n = tokio::select! {
            n = reader.read(&mut chunk[..room]) => n,
            () = gone => return None,
        };
        match n {
            Ok(0) => return Some(Closed::Eof),
            Ok(n) => monitor.change(|bot, now| bot.handle_received(now, lane, attempt, &chunk[..n])),
            Err(error) => return Some(crate::connect::closed_by(&error)),
        }
    }
}

/// Writes what waits, all of it in one write where the stream takes it.
async fn write(
    monitor: &Monitor,
    index: usize,
    attempt: Attempt,
    mut writer: impl AsyncWrite + Unpin,
) -> Option<Closed> {
    let (lane, bell) = (Monitor::lane(index), &monitor.lanes[index]);
    let mut chunk = Vec::with_capacity(1024);
    loop {
        let waiting = monitor.wait(&bell.writer, |bot| {
            if !is_current(bot, index, attempt) {
                return Some(false);
            }
            let bytes = bot.poll_transmit(lane);
            chunk.clear();
            chunk.extend_from_slice(&bytes[..bytes.len().min(CHUNK)]);
            (!chunk.is_empty()).then_some(true)
        });
        if !waiting.await {
            return None;
        }
        let written = async {
            writer.write_all(&chunk).await?;
            writer.flush().await
        };
        if let Err(error) = written.await {
            return Some(crate::connect::closed_by(&error));
        }
        monitor.change(|bot, now| bot.handle_transmitted(now, lane, attempt, chunk.len()));
    }
}

async fn clock(monitor: &Monitor) {
    loop {
        let (due, ended) = monitor.read(|bot| (bot.poll_timeout().map(|deadline| deadline.at), bot.ended().is_some()));
        let Some(due) = due else {
            if ended {
                return;
            }
            // A bot without a long connection and without a call rests until it is given one.
            monitor.clock.notified().await;
            continue;
        };
        if due <= monitor.now() {
            monitor.change(|bot, now| {
                // The system's clock may have been set since.
                bot.handle_wall_clock(now, unix_now());
                bot.handle_timeout(now);
            });
            // A deadline that stays due must not starve the other loops.
            tokio::task::yield_now().await;
            continue;
        }
        match monitor.at(due) {
            Some(at) => tokio::select! {
                () = sleep_until(at) => {}
                () = monitor.clock.notified() => {}
            },
            None => monitor.clock.notified().await,
        }
    }
}

async fn deliver<I: Inbox>(monitor: &Monitor, inbox: &mut I, mut memory: Option<SeenFile>) {
    loop {
        let ended = monitor.wait(&monitor.deliver, |bot| bot.ended().map(|_| ()));
        let room = tokio::select! {
            // Nothing would never be offered, and asked for again without end.
            room = inbox.ready() => room.max(1),
            () = ended => return,
        };
        monitor.change(|bot, now| bot.handle_inbox(now, room));
        let waiting = monitor.wait(&monitor.deliver, |bot| {
            match bot.ended() {
                Some(_) => Some(false),
                // Events that are refused for want of room come back only once it is told again.
                None => (bot.is_delivery_waiting() || bot.is_room_wanted()).then_some(true),
            }
        });
        if !waiting.await {
            return;
        }
        // One critical section hands over every event there is room for, so that their acks leave together.
        let pending = monitor.change(|bot, now| {
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
            let ended = monitor.wait(&monitor.deliver, |bot| bot.ended().map(|_| ()));
            let verdict = tokio::select! {
                verdict = inbox.finish() => verdict,
                () = ended => return,
            };
            monitor.change(|bot, now| {
                bot.handle_delivered(now, id, verdict);
                keep(&mut memory, bot);
            });
        }
    }
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

/// Hands results to whom they belong, writes notices, and ends with the bot.
async fn report(monitor: &Monitor) -> End {
    loop {
        monitor.change_waiters(|bot, waiters, now| {
            while let Some(completion) = bot.poll_completion() {
                let id = completion.id;
                let result = match completion.result {
                    Ok(sent) => Ok(CallAnswer::new(&sent, completion.log_id)),
                    Err(fault) => Err(CallError::Failed { fault, log_id: completion.log_id }),
                };
                if let Some(waiter) = waiters.remove(&id) {
                    // Whoever asked may have gone; the call was made all the same.
                    let _ = waiter.send(result);
                }
                bot.handle_completed(now, id);
                monitor.outbox.add_permits(1);
            }
            while let Some(notice) = bot.take_notice() {
                report::log(&notice);
                monitor.notices.send_replace(Some(notice));
            }
        });
        if let Some(end) = monitor.ended() {
            report::log_end(&end);
            return end;
        }
        monitor.report.notified().await;
    }
}
