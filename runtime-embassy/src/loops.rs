//! The loops of one bot: one per lane, clock, deliver, report. They run as one future.

use core::pin::pin;

use embassy_futures::join::{join_array, join5};
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_futures::yield_now;
use embassy_time::{Duration, Timer, with_timeout};
use embedded_io_async::{Error as _, ErrorKind, Read, Write};
use larkwire_core::{Attempt, Bot, Closed, End, Lane, Notice, Wish};

use crate::connect::{Connect, Destination, Stream};
use crate::inbox::{Inbox, Offer};
use crate::monitor::{Monitor, now};

/// Bytes read or written at once, each lane has room for both. An ack is no longer than the event it answers, so acks
/// leave in no more writes than the reads they came by.
const CHUNK: usize = 512;
/// A stream may take so long to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);
/// The longest sleep of the clock, so that no tick rate overflows.
const HOUR_MS: u64 = 3_600_000;

/// Runs a bot to its end.
pub(crate) async fn run<C: Connect, I: Inbox, const HTTP: usize>(
    monitor: &Monitor<'_>,
    socket: C,
    http: [C; HTTP],
    mut inbox: I,
    hook: impl FnMut(Notice),
) -> End {
    let mut index = 0..=u8::MAX;
    let http = http.map(|connect| {
        let own = Lane::Http(index.next().unwrap_or(u8::MAX));
        streams(monitor, connect, [own, own])
    });
    // One connector carries both where they take turns.
    let other = if HTTP == 0 { Lane::Http(0) } else { Lane::Socket };
    // Pinned where they are: a move of a loop would take its size of the stack, too.
    let socket = pin!(streams(monitor, socket, [Lane::Socket, other]));
    let http = pin!(join_array(http));
    let (report, clock) = (pin!(report(monitor, hook)), pin!(clock(monitor)));
    let deliver = pin!(deliver(monitor, &mut inbox));
    let (end, ..) = join5(report, socket, http, clock, deliver).await;
    end
}

/// Whether the lane is still wished for as this attempt.
fn is_current(bot: &Bot<'_>, lane: Lane, attempt: Attempt) -> bool {
    matches!(bot.poll_lane(lane), Wish::Up(target) if target.attempt == attempt)
}

/// One stream after the other, for whichever of these lanes is wished for.
async fn streams<C: Connect>(monitor: &Monitor<'_>, mut connect: C, lanes: [Lane; 2]) {
    loop {
        let wished = monitor.wait(|bot| {
            let up = |lane| match bot.poll_lane(lane) {
                Wish::Up(target) => Some(Some((lane, target.attempt, Destination::from(target)))),
                Wish::Down => None,
            };
            lanes.into_iter().find_map(up).or_else(|| bot.ended().map(|_| None))
        });
        let Some((lane, attempt, destination)) = wished.await else { return };
        let gone = || monitor.wait(|bot| (!is_current(bot, lane, attempt)).then_some(()));
        let closed = |why| monitor.change(|bot, now| bot.handle_closed(now, lane, attempt, why));
        let mut stream = match select(gone(), connect.connect(&destination)).await {
            Either::First(()) => continue,
            Either::Second(Err(why)) => {
                closed(why);
                continue;
            }
            Either::Second(Ok(stream)) => stream,
        };
        monitor.change(|bot, now| bot.handle_opened(now, lane, attempt));
        let (reader, writer) = stream.split();
        // A read is cut off here and nowhere else, and nothing is read from this stream afterwards: TLS streams do not
        // survive it.
        match select3(gone(), read(monitor, lane, attempt, reader), write(monitor, lane, attempt, writer)).await {
            Either3::First(()) => {}
            Either3::Second(why) | Either3::Third(why) => closed(why),
        }
        let _ = with_timeout(GOODBYE, stream.close()).await;
    }
}

/// Reads until the stream ends.
async fn read(monitor: &Monitor<'_>, lane: Lane, attempt: Attempt, mut reader: impl Read) -> Closed {
    let mut chunk = [0; CHUNK];
    loop {
        let room = monitor.wait(|bot| {
            let room = bot.poll_receive(lane);
            (room > 0 && is_current(bot, lane, attempt)).then_some(room)
        });
        let room = room.await.min(CHUNK);
        match reader.read(chunk.get_mut(..room).unwrap_or_default()).await {
            Ok(0) => return Closed::Eof,
            Ok(n) => {
                let bytes = chunk.get(..n).unwrap_or_default();
                monitor.change(|bot, now| bot.handle_received(now, lane, attempt, bytes));
            }
            Err(error) => return closed_by(error.kind()),
        }
    }
}

/// Writes what waits, in one write where the stream takes it, until the stream breaks.
async fn write(monitor: &Monitor<'_>, lane: Lane, attempt: Attempt, mut writer: impl Write) -> Closed {
    let mut chunk = [0; CHUNK];
    loop {
        let waiting = monitor.wait(|bot| {
            let len = chunk.iter_mut().zip(bot.poll_transmit(lane)).map(|(to, from)| *to = *from).count();
            (len > 0 && is_current(bot, lane, attempt)).then_some(len)
        });
        let len = waiting.await;
        let written = match writer.write(chunk.get(..len).unwrap_or_default()).await {
            Ok(0) => return Closed::Reset,
            Ok(n) => writer.flush().await.map(|()| n),
            Err(error) => Err(error),
        };
        match written {
            Ok(n) => monitor.change(|bot, now| bot.handle_transmitted(now, lane, attempt, n)),
            Err(error) => return closed_by(error.kind()),
        }
    }
}

async fn clock(monitor: &Monitor<'_>) {
    loop {
        // A bot without a long connection and without a call rests until it is given one.
        let next = monitor.wait(|bot| match bot.ended() {
            Some(_) => Some(None),
            None => bot.poll_timeout().map(Some),
        });
        let Some(due) = next.await else { return };
        if due.at <= now() {
            monitor.change(|bot, now| bot.handle_timeout(now));
            // A deadline that stays due must not starve the other loops.
            yield_now().await;
            continue;
        }
        let moved = monitor.wait(|bot| (bot.poll_timeout() != Some(due)).then_some(()));
        select(Timer::after_millis(due.at.since(now()).min(HOUR_MS)), moved).await;
    }
}

async fn deliver<I: Inbox>(monitor: &Monitor<'_>, inbox: &mut I) {
    loop {
        // A place is there before an event is taken, so that acceptance cannot fail.
        let room = match select(monitor.wait(Bot::ended), inbox.ready()).await {
            Either::First(_) => return,
            Either::Second(room) => room,
        };
        monitor.change(|bot, now| bot.handle_inbox(now, room));
        let waiting = monitor.wait(|bot| match bot.ended() {
            Some(_) => Some(false),
            // Events that are refused for want of room come back only once it is told again.
            None => (bot.is_delivery_waiting() || bot.is_room_wanted()).then_some(true),
        });
        if !waiting.await {
            return;
        }
        // One critical section hands over every event there is room for, so that their acks leave together.
        let pending = monitor.change(|bot, now| {
            for _ in 0..room {
                let event = bot.poll_delivery()?;
                let id = event.id();
                match inbox.offer(&event) {
                    Offer::Decided(verdict) => bot.handle_delivered(now, id, verdict),
                    Offer::Pending => return Some(id),
                }
            }
            None
        });
        if let Some(id) = pending {
            let verdict = inbox.finish().await;
            monitor.change(|bot, now| bot.handle_delivered(now, id, verdict));
        }
    }
}

/// Gives notices to the program, and ends with the bot.
async fn report(monitor: &Monitor<'_>, mut hook: impl FnMut(Notice)) -> End {
    loop {
        match monitor.next_notice().await {
            Ok(notice) => hook(notice),
            Err(end) => return end,
        }
    }
}

/// The closest word the core has for an I/O error.
fn closed_by(kind: ErrorKind) -> Closed {
    match kind {
        ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset => Closed::Reset,
        ErrorKind::ConnectionRefused => Closed::Refused,
        ErrorKind::InvalidData => Closed::Tls,
        ErrorKind::NotConnected => Closed::Unreachable,
        ErrorKind::TimedOut => Closed::TimedOut,
        _ => Closed::Other,
    }
}
