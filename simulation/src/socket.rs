//! The platform's end of the long connection: pings, acks, closing (protocol sections 6 and 8).

use prost::Message as _;

use crate::clock::SECOND;
use crate::faults::Fault;
use crate::ledger::number;
use crate::wire::{Pb, take_ws, ws};
use crate::world::World;

impl World {
    pub(crate) fn read_frames(&mut self, id: u32) {
        loop {
            let Some(conn) = self.conns.get_mut(&id).filter(|conn| conn.platform_end && conn.upgraded) else { return };
            let frame = match take_ws(&mut conn.up) {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(error) => return self.fail(format!("the bot breaks WebSocket: {error}")),
            };
            match frame.opcode {
                2 => self.read_message(id, &frame.payload),
                8 => {
                    let echoed = conn.closing;
                    conn.closing = true;
                    conn.dirty_until = u64::MAX;
                    if !echoed {
                        self.send_down(id, &ws(8, &frame.payload));
                    }
                    self.hang_up(id);
                }
                10 => {}
                opcode => return self.fail(format!("the bot sent opcode {opcode}")),
            }
        }
    }

    fn read_message(&mut self, id: u32, bytes: &[u8]) {
        let message = match Pb::decode(bytes) {
            Ok(message) => message,
            Err(error) => return self.fail(format!("the bot wrote no frame: {error}")),
        };
        match message.method {
            0 if message.header("type") == Some("ping") => self.pinged(id, &message),
            1 => self.ack(id, &message),
            _ => self.fail(format!("an unknown frame: {message:?}")),
        }
    }

    fn pinged(&mut self, id: u32, ping: &Pb) {
        self.figures.pings += 1;
        if ping.service != crate::wire::SERVICE || ping.payload.is_some() {
            return self.fail(format!("a strange ping: {ping:?}"));
        }
        let now = self.now;
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.last_ping = Some(now);
        }
        // Without this pong the bot may give the link up, by the interval it was told.
        let interval = self.machine.bot().map_or(0, |bot| bot.client_config().ping_ms());
        let lost = self.now + 2 * interval + 30 * SECOND;
        if self.weather.is(Fault::NoPongs) {
            return self.dirty(id, lost);
        }
        let hostile = self.weather.is(Fault::HostileConfig);
        let payload = match self.dice.below(4) {
            _ if hostile => Some(match self.dice.below(6) {
                0 => "nope".to_owned(),
                1 => r#"{"PingInterval":60"#.to_owned(),
                _ => self.hostile_config(),
            }),
            // One pong in thirty is lost, as any message may be.
            0 if self.dice.one_in(8) && self.plan.kind != crate::plan::Kind::Quiet => {
                // If it was the first word of a new connection, the bot hears nothing before the next ping or event.
                self.watch.pong_lost();
                return self.dirty(id, lost);
            }
            0 | 1 => Some(self.plan.client_config()),
            _ => None,
        };
        let pong = Pb::new(0, &[("type", "pong")], payload.map(String::into_bytes));
        self.send_down(id, &ws(2, &pong.encode_to_vec()));
        if self.dice.one_in(20) {
            self.send_down(id, &ws(9, b"are you there"));
        }
    }

    fn ack(&mut self, id: u32, ack: &Pb) {
        let Some(number) = ack.header("message_id").and_then(|text| number::<u32>(text, "d")) else {
            return self.fail(format!("an ack of nobody: {ack:?}"));
        };
        self.log(|| format!("platform: ack of t{number} on {id}"));
        let text = String::from_utf8_lossy(ack.payload.as_deref().unwrap_or_default()).into_owned();
        let data = text.strip_prefix(r#"{"code":200,"data":""#).and_then(|rest| rest.strip_suffix("\"}"));
        if data.is_none() && text != r#"{"code":200}"# {
            return self.fail(format!("the ack of t{number} says {text}"));
        }
        let keys: Vec<&str> = ack.headers.iter().map(|header| header.key.as_str()).collect();
        let echo = ["type", "message_id", "trace_id", "sum", "seq", "instance_id", "biz_rt"];
        let whole = ack.seq_id == u64::from(number) + 1 && ack.log_id == 77 && ack.header("instance_id") == Some("i-1");
        if !whole || keys != echo {
            return self.fail(format!("the ack of t{number} does not hold what was sent: {ack:?}"));
        }
        self.figures.acks += 1;
        if let Err(error) = self.ledger.acked(number, id, data) {
            self.fail(error);
        }
    }
}
