//! The engine below HTTP, WebSocket and TLS, for a board whose module brings those: frames, events, the gate and acks, in
//! memory of fixed size. Linked and weighed like the whole bot, and never run; what `empty` weighs is taken off.
#![no_std]
#![no_main]

mod common;

use core::hint::black_box;

use common::{now, read, text};
use larkwire_core::link::{CallbackSlot, FinishedId, PartSet, Reaction, Session, SessionRules, SessionStorage, Tick};
use larkwire_core::wire::writer::Writer;
use larkwire_core::{GateRules, Notice, Region, Report, Seed, SeenEntry, Slots, UnixMillis, Verdict};

/// Where the linker starts to count; there is no reset vector because nothing is run.
#[unsafe(no_mangle)] // Without a name the linker knows, everything would be thrown away.
extern "C" fn _start() -> ! {
    drive();
    loop {
        core::hint::spin_loop();
    }
}

#[inline(never)]
fn drive() {
    let (mut parts, mut assembled, mut allowed, mut callback) = ([0; 2048], [0; 2048], [0; 512], [0; 640]);
    let (mut part_sets, mut finished) = ([PartSet::EMPTY; 2], [FinishedId::EMPTY; 8]);
    let (mut seen, mut notices) = ([SeenEntry::EMPTY; 256], [Notice::Connected; 4]);
    let mut callbacks = [CallbackSlot::new(Region::fixed(&mut callback))];
    let storage = SessionStorage {
        parts: Region::fixed(&mut parts),
        assembled: Region::fixed(&mut assembled),
        part_sets: Slots::fixed(&mut part_sets),
        finished: Slots::fixed(&mut finished),
        seen: Slots::fixed(&mut seen),
        allowed: Region::fixed(&mut allowed),
        callbacks: Slots::fixed(&mut callbacks),
    };
    let gate = GateRules {
        allowed_users: &[text()],
        mention_only: black_box(true),
        respond_to_mention_all: black_box(true),
        allow_bots: black_box(true),
        stale_after_ms: black_box(1),
    };
    let rules = SessionRules { app_id: text(), dedup_window_ms: black_box(1), gate, pong_timeout_ms: black_box(1) };
    let mut session = Session::new(rules, storage, &Seed(black_box([7; 32])));
    let mut report = Report::new(Slots::fixed(&mut notices));
    let (message, mut out) = ([0; 2048], [0; 512]);
    // Two rounds: with one, the optimiser would know that the session is fresh.
    while black_box(true) {
        session.opened(now(), black_box(1));
        session.handle_identity(text());
        session.handle_wall_clock(now(), black_box(Some(UnixMillis(1))));
        session.handle_inbox(black_box(1));
        received(&mut session, black_box(&message), &mut report, black_box(&mut out));
        pass(&mut session, &mut report, black_box(&mut out));
        session.closed(&mut report);
        black_box((report.take(), &report.stats));
    }
}

/// A message, its event and verdict, and the ack.
#[inline(never)]
fn received(session: &mut Session<'_>, message: &[u8], report: &mut Report<'_>, out: &mut [u8]) {
    session.handle_alive(now());
    let answer = match session.handle_message(now(), message, report) {
        Reaction::Ack(answer) => Some(answer),
        Reaction::Offer if session.ack_len(message) <= out.len() => {
            session.reveal(now());
            let id = session.event(message).map(|event| {
                read(&event);
                event.id()
            });
            let verdict =
                id.and_then(|id| session.handle_delivered(now(), id, black_box(Verdict::Accepted), message, report));
            verdict.or_else(|| session.expire_offer(now(), message, report)).flatten()
        }
        Reaction::Offer => {
            session.withdraw(report);
            None
        }
        Reaction::Broken | Reaction::Nothing => None,
    };
    if let Some(answer) = answer {
        let mut w = Writer::new(out);
        session.write_ack(message, black_box(1), answer, &mut w);
        let _ = black_box(w.finish());
    }
}

/// Time passes.
#[inline(never)]
fn pass(session: &mut Session<'_>, report: &mut Report<'_>, out: &mut [u8]) {
    if session.tick(now(), report) == Tick::Ping {
        let mut w = Writer::new(out);
        session.write_ping(&mut w);
        let _ = black_box(w.finish());
        session.pinged(now());
    }
}
