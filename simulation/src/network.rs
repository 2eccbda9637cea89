//! Streams between the bot and the platform: delays, cuts, holes. Bytes keep their order within a stream, nothing else
//! is promised.

use larkwire_core::{Attempt, Closed, Lane};

use crate::clock::{MINUTE, SECOND};
use crate::faults::Fault;
use crate::queue::Happening;
use crate::world::World;

/// A stream whose one direction is dead is dead in both after this.
pub(crate) const STARVED: u64 = 20 * SECOND;

/// One stream, seen from both ends.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) lane: Lane,
    pub(crate) attempt: Attempt,
    /// The runtime holds its end.
    pub(crate) bot_end: bool,
    /// The platform holds its end.
    pub(crate) platform_end: bool,
    pub(crate) opened: bool,
    /// Arrived at the platform, not understood yet.
    pub(crate) up: Vec<u8>,
    /// Arrived at the bot's machine, not read yet; the first `read` bytes were.
    pub(crate) down: Vec<u8>,
    pub(crate) read: usize,
    /// What comes after the last byte.
    pub(crate) ending: Option<Closed>,
    up_at: u64,
    down_at: u64,
    pub(crate) hole_up: bool,
    pub(crate) hole_down: bool,
    /// Bytes until it is cut.
    cut_after: Option<u64>,
    pub(crate) upgraded: bool,
    /// A close frame went one way or the other.
    pub(crate) closing: bool,
    /// Until then nothing on it has to work; `u64::MAX` for good.
    pub(crate) dirty_until: u64,
    /// The bot has heard something on it.
    pub(crate) answered: bool,
    pub(crate) last_ping: Option<u64>,
    pub(crate) served: u32,
}

impl World {
    /// The runtime opens a stream; what becomes of it is told later.
    pub(crate) fn dial(&mut self, lane: Lane, attempt: Attempt) -> u32 {
        let id = self.next_conn;
        self.next_conn += 1;
        let cut_after = self.weather.is(Fault::CutAnywhere).then(|| self.dice.below(3000));
        let conn = Conn {
            lane,
            attempt,
            bot_end: true,
            platform_end: false,
            opened: false,
            up: Vec::new(),
            down: Vec::new(),
            read: 0,
            ending: None,
            up_at: 0,
            down_at: 0,
            hole_up: false,
            hole_down: false,
            cut_after,
            upgraded: false,
            closing: false,
            dirty_until: if cut_after.is_some() { u64::MAX } else { 0 },
            answered: false,
            last_ping: None,
            served: 0,
        };
        self.conns.insert(id, conn);
        self.figures.dials += 1;
        let failing = [
            (Fault::NoName, &[Closed::Dns][..]),
            (Fault::TlsFails, &[Closed::Tls]),
            (Fault::PlatformRestarts, &[Closed::Refused, Closed::Reset]),
            (
                Fault::Unreachable,
                &[Closed::Refused, Closed::Unreachable, Closed::TimedOut, Closed::Reset, Closed::Other, Closed::Proxy],
            ),
        ];
        let hangs = [Fault::DialHangs, Fault::Hole, Fault::DeafUp, Fault::DeafDown];
        if hangs.into_iter().any(|fault| self.weather.is(fault)) {
            return id;
        }
        for (fault, ways) in failing {
            if self.weather.is(fault) {
                let why = self.dice.pick(ways);
                let after = self.dice.between(0, 3 * SECOND);
                self.after(after, Happening::EndDown { conn: id, why });
                return id;
            }
        }
        let after = self.dice.between(10, 400);
        self.after(after, Happening::Opened { conn: id });
        id
    }

    fn latency(&mut self, id: u32) -> u64 {
        let mut latency = self.dice.between(2, 80);
        if self.weather.is(Fault::Lag) {
            latency += self.dice.between(SECOND, 8 * SECOND);
            self.dirty(id, self.now + latency + SECOND);
        }
        latency
    }

    /// Nothing on the connection has to work until then.
    pub(crate) fn dirty(&mut self, id: u32, until: u64) {
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.dirty_until = conn.dirty_until.max(until);
        }
    }

    /// How many of `len` bytes still pass before the connection is cut, if it is to be cut.
    fn passes(&mut self, id: u32, len: usize) -> (usize, bool) {
        let Some(conn) = self.conns.get_mut(&id) else { return (0, false) };
        match &mut conn.cut_after {
            Some(left) if *left <= len as u64 => (*left as usize, true),
            Some(left) => {
                *left -= len as u64;
                (len, false)
            }
            None => (len, false),
        }
    }

    /// The bot's bytes start their way.
    pub(crate) fn send_up(&mut self, id: u32, bytes: &[u8]) {
        let (len, cut) = self.passes(id, bytes.len());
        self.travel(id, &bytes[..len], true);
        if cut {
            self.sever(id, Closed::Reset);
        }
    }

    /// The platform's bytes start their way, `delay` from now.
    pub(crate) fn send_down(&mut self, id: u32, bytes: &[u8]) {
        let (len, cut) = self.passes(id, bytes.len());
        self.travel(id, &bytes[..len], false);
        if cut {
            self.sever(id, Closed::Reset);
        }
    }

    fn travel(&mut self, id: u32, bytes: &[u8], up: bool) {
        let deaf = if up { Fault::DeafUp } else { Fault::DeafDown };
        let swallowed = self.weather.is(Fault::Hole) || self.weather.is(deaf);
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if swallowed {
            // What a middlebox has forgotten it does not remember again.
            *(if up { &mut conn.hole_up } else { &mut conn.hole_down }) = true;
            conn.dirty_until = u64::MAX;
            if up {
                self.starve(id);
            }
        }
        let Some(conn) = self.conns.get(&id) else { return };
        if bytes.is_empty() || if up { conn.hole_up } else { conn.hole_down } {
            return;
        }
        let latency = self.latency(id);
        let drips = self.weather.is(Fault::Drip);
        let mut pieces = 1;
        if drips {
            pieces = (bytes.len() / 4).clamp(1, 60);
        } else if bytes.len() > 1 && self.dice.one_in(8) {
            pieces = self.dice.between(2, 6) as usize;
        }
        let mut at = self.now + latency;
        let mut from = 0;
        for piece in 0..pieces {
            let rest = bytes.len() - from;
            let len = if piece + 1 == pieces { rest } else { self.dice.below(rest as u64 / 2 + 1) as usize };
            // A buffer on the way holds no more than some seconds of it.
            let gap = if piece == 0 || at > self.now + STARVED / 2 {
                0
            } else if drips {
                self.dice.between(20, 900)
            } else {
                self.dice.below(25)
            };
            let Some(conn) = self.conns.get_mut(&id) else { return };
            let last = if up { &mut conn.up_at } else { &mut conn.down_at };
            at = (at + gap).max(*last);
            *last = at;
            if len > 0 {
                let bytes = bytes[from..from + len].to_vec();
                let piece = if up { Happening::Up { conn: id, bytes } } else { Happening::Down { conn: id, bytes } };
                self.at(at, piece);
            }
            from += len;
        }
        if drips {
            self.dirty(id, at + SECOND);
        }
    }

    /// Without a way back for TCP's own acks, only what is under way still comes through.
    fn starve(&mut self, id: u32) {
        let after = self.dice.below(STARVED);
        self.after(after, Happening::Starved { conn: id });
    }

    /// The stream breaks: the platform knows at once, the bot a little later.
    pub(crate) fn sever(&mut self, id: u32, why: Closed) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.platform_end = false;
        conn.dirty_until = u64::MAX;
        if conn.hole_down {
            return;
        }
        let at = conn.down_at.max(self.now + 1);
        self.at(at, Happening::EndDown { conn: id, why });
    }

    /// The platform hangs up in order, after what it has sent.
    pub(crate) fn hang_up(&mut self, id: u32) {
        self.sever(id, Closed::Eof);
    }

    /// The runtime drops its end.
    pub(crate) fn drop_stream(&mut self, id: u32, silently: bool) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        conn.bot_end = false;
        conn.dirty_until = u64::MAX;
        if !conn.platform_end {
            self.conns.remove(&id);
        } else if silently || conn.hole_up || self.weather.is(Fault::Hole) || self.weather.is(Fault::DeafUp) {
            // The platform believes in it for a while.
            let after = self.dice.between(MINUTE, 5 * MINUTE);
            self.after(after, Happening::EndUp { conn: id });
        } else {
            let at = self.conns[&id].up_at.max(self.now + 20);
            self.at(at, Happening::EndUp { conn: id });
        }
    }

    /// A fault that strikes what is open now.
    pub(crate) fn strike(&mut self, fault: Fault) {
        let ids: Vec<u32> = self.conns.iter().filter(|(_, conn)| conn.opened).map(|(id, _)| *id).collect();
        for id in ids {
            match fault {
                Fault::Cut | Fault::PlatformRestarts => {
                    let why = self.dice.pick(&[Closed::Reset, Closed::Eof, Closed::TimedOut]);
                    self.sever(id, why);
                }
                Fault::HalfOpen | Fault::Hole | Fault::DeafUp | Fault::DeafDown => {
                    let Some(conn) = self.conns.get_mut(&id) else { continue };
                    conn.hole_up |= fault != Fault::DeafDown;
                    conn.hole_down |= fault != Fault::DeafUp;
                    conn.dirty_until = u64::MAX;
                    self.starve(id);
                }
                Fault::CutAnywhere => {
                    let after = self.dice.below(3000);
                    let Some(conn) = self.conns.get_mut(&id) else { continue };
                    conn.cut_after.get_or_insert(after);
                    conn.dirty_until = u64::MAX;
                }
                Fault::WritesStall | Fault::NoPongs => self.dirty(id, u64::MAX),
                _ => {}
            }
        }
    }
}
