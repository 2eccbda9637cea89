//! The platform answers what the bot wrote, as the script says.

use larkwire_core::{Attempt, Closed, Lane};
use prost::Message as _;

use super::super::{ACCEPT, Pb, Pong, Reply, SERVICE, Upgrade, accept_of, pb, take_request, take_ws, ws, ws_close};
use super::{Ack, World};

impl World {
    pub(super) fn answer(&mut self, lane: Lane, attempt: Attempt) {
        match lane {
            Lane::Http(_) => self.answer_http(lane),
            Lane::Socket if self.sides[&lane].upgraded => self.answer_socket(attempt),
            Lane::Socket => self.answer_upgrade(attempt),
        }
    }

    fn answer_http(&mut self, lane: Lane) {
        let side = self.sides.get_mut(&lane).expect("a side");
        let Some(request) = take_request(&mut side.input, self.now, lane) else { return };
        assert!(side.input.is_empty(), "no pipelining");
        let reply = if request.target.ends_with("/callback/ws/endpoint") {
            let queued = self.script.discoveries.pop_front().or_else(|| self.script.discovery.clone());
            queued.unwrap_or_else(|| self.found())
        } else if request.target.ends_with("/tenant_access_token/internal") {
            self.script.tokens.pop_front().unwrap_or_else(|| {
                let n = self.token_requests() + 1;
                Reply::json(200, &format!(r#"{{"code":0,"msg":"ok","tenant_access_token":"t-{n}","expire":7200}}"#))
            })
        } else if self.script.bad_tokens.iter().any(|bad| request.header("Authorization") == Some(bad)) {
            Reply::json(400, r#"{"code":99991663,"msg":"Invalid access token"}"#)
        } else if request.target.ends_with("/bot/v3/info") {
            self.script.bot_infos.pop_front().unwrap_or_else(|| self.script.bot_info.clone())
        } else if request.method == "POST" && request.target.ends_with("/reactions") {
            self.script
                .reactions
                .pop_front()
                .unwrap_or_else(|| Reply::json(200, r#"{"code":0,"msg":"success","data":{"reaction_id":"r-1"}}"#))
        } else {
            self.script.calls.pop_front().unwrap_or_else(|| self.script.call.clone())
        };
        self.requests.push(request);
        let side = self.sides.get_mut(&lane).expect("a side");
        match reply {
            Reply::Hang => {}
            Reply::HangUp(why) => side.end = Some(why),
            Reply::Raw(bytes) => side.output.extend(bytes),
            Reply::RawThenEof(bytes) => {
                side.output.extend(bytes);
                side.end = Some(Closed::Eof);
            }
        }
    }

    /// A good discovery answer with a ticket of its own.
    pub(crate) fn found(&mut self) -> Reply {
        self.tickets += 1;
        let url = format!(
            "wss://msg-frontier.feishu.cn/ws/v2?fpid=493&device_id=7&access_key=ak-secret&service_id={SERVICE}&ticket={}",
            self.tickets
        );
        let config = match self.script.client_config.as_str() {
            "" => String::new(),
            config => format!(r#","ClientConfig":{config}"#),
        };
        Reply::json(200, &format!(r#"{{"code":0,"msg":"","data":{{"URL":"{url}"{config}}}}}"#))
    }

    fn answer_upgrade(&mut self, attempt: Attempt) {
        let side = self.sides.get_mut(&Lane::Socket).expect("a side");
        let Some(request) = take_request(&mut side.input, self.now, Lane::Socket) else { return };
        let ticket = request.target.split_once("ticket=").and_then(|(_, ticket)| ticket.parse().ok());
        if let Some(ticket) = ticket {
            assert!(self.tickets_used.insert(ticket), "ticket {ticket} was used before");
        }
        let accept = accept_of(request.header("Sec-WebSocket-Key").expect("a key"));
        self.requests.push(request);
        let upgrade = self.script.upgrades.pop_front().unwrap_or_else(|| self.script.upgrade.clone());
        side.upgraded = matches!(upgrade, Upgrade::Accept | Upgrade::AcceptWith(_) | Upgrade::Template(_));
        match upgrade {
            Upgrade::Accept => side.output.extend(ACCEPT.replace("{accept}", &accept).into_bytes()),
            Upgrade::AcceptWith(more) => {
                side.output.extend(ACCEPT.replace("{accept}", &accept).into_bytes());
                side.output.extend(more);
            }
            Upgrade::Hang => {}
            Upgrade::HangUp(why) => side.end = Some(why),
            Upgrade::Raw(bytes) => side.output.extend(bytes),
            Upgrade::Template(text) => side.output.extend(text.replace("{accept}", &accept).into_bytes()),
        }
        self.answer_socket(attempt);
    }

    fn answer_socket(&mut self, attempt: Attempt) {
        let side = self.sides.get_mut(&Lane::Socket).expect("a side");
        while side.upgraded
            && let Some(frame) = take_ws(&mut side.input)
        {
            self.masks.push(frame.mask);
            match frame.opcode {
                2 => {
                    let message = Pb::decode(frame.payload.as_slice()).expect("the bot writes protobuf");
                    if message.method == 0 {
                        assert_eq!(message.header("type"), Some("ping"));
                        self.pings.push((self.now, frame.payload));
                        let payload = match &self.script.pong {
                            Pong::None => continue,
                            Pong::Empty => None,
                            Pong::Payload(text) => Some(text.as_bytes()),
                        };
                        side.output.extend(ws(2, &pb(0, &[("type", "pong")], payload).bytes()));
                    } else {
                        self.acks.push(Ack { at: self.now, attempt, raw: frame.payload, pb: message });
                    }
                }
                8 => {
                    let code = frame.payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                    self.closes.push((self.now, code));
                    if self.script.echo_close {
                        side.output.extend(ws_close(code));
                        side.end = Some(Closed::Eof);
                    }
                }
                10 => self.ws_pongs.push((self.now, frame.payload)),
                opcode => panic!("the bot sent opcode {opcode}"),
            }
        }
    }
}
