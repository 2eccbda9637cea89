//! What a bot knew is not left in the memory it was given, at whatever moment it is told to end. That nothing shows a secret:
//! `webhook::secrets`, the runtime's `secrets`, and the fuzz target `redaction`.
#![cfg(feature = "alloc")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests may panic"
)]

mod support;

use larkwire_core::{
    Body, Bot, Call, Config, End, HttpLane, Instant, Lane, OwnOpenId, Region, Secret, Seed, Slots, State, Storage,
    Verdict, Wish,
};
use support::{ACCEPT, accept_of, config, event_frame, part_frame, take_request, ws};

const APP_SECRET: &str = "Canary1AppSecret";
const ACCESS_KEY: &str = "Canary2AccessKey";
const TICKET: &str = "Canary3Ticket";
const TOKEN: &str = "Canary4TenantToken";
const VERIFICATION: &str = "Canary5VerificationToken";
const CANARIES: [&str; 5] = [APP_SECRET, ACCESS_KEY, TICKET, TOKEN, VERIFICATION];

/// What the bot gets, and what is looked at when it is gone.
struct Memory {
    regions: [Vec<u8>; 9],
}

impl Memory {
    fn new() -> Self {
        // Texts, socket out, URL, token, answers, and requests, which hold the longest token; messages, parts, the whole.
        Self { regions: [512, 2048, 512, 1024, 4096, 4096, 2048, 2048, 1024].map(|len| vec![0; len]) }
    }

    /// Which canaries can be read, and where.
    fn found(&self) -> Vec<(usize, &'static str)> {
        let holds = |region: &[u8], text: &str| region.windows(text.len()).any(|window| window == text.as_bytes());
        let places = self.regions.iter().enumerate();
        places
            .flat_map(|(at, region)| CANARIES.iter().filter(move |text| holds(region, text)).map(move |t| (at, *t)))
            .collect()
    }
}

/// The platform's answer to what was written on a lane.
fn answer(lane: Lane, written: &[u8]) -> Option<Vec<u8>> {
    let request = take_request(&mut written.to_vec(), 0, lane)?;
    if lane == Lane::Socket {
        // Behind the upgrade: an event, one in two parts, and one whose end never comes.
        let accept = accept_of(request.header("Sec-WebSocket-Key").unwrap());
        let json =
            format!(r#"{{"schema":"2.0","header":{{"event_id":"e","event_type":"x","token":"{VERIFICATION}"}}}}"#);
        let (first, second) = json.as_bytes().split_at(json.len() - 5);
        let frames = [
            event_frame("m0", &json),
            part_frame("m1", "2", "0", first),
            part_frame("m1", "2", "1", second),
            part_frame("m2", "2", "0", first),
        ];
        let frames: Vec<u8> = frames.iter().flat_map(|frame| ws(2, frame)).collect();
        return Some([ACCEPT.replace("{accept}", &accept).into_bytes(), frames].concat());
    }
    let body = if request.target.ends_with("/callback/ws/endpoint") {
        let url = format!("wss://msg.feishu.cn/ws/v2?access_key={ACCESS_KEY}&service_id=1&ticket={TICKET}");
        format!(r#"{{"code":0,"data":{{"URL":"{url}"}}}}"#)
    } else if request.target.ends_with("/tenant_access_token/internal") {
        format!(r#"{{"code":0,"tenant_access_token":"{TOKEN}","expire":7200}}"#)
    } else {
        r#"{"code":0,"data":{"message_id":"om_1"}}"#.into()
    };
    // In chunks, so that the body is moved on its way.
    let (first, second) = body.split_at(body.len() / 2);
    let chunks = format!("{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", first.len(), second.len());
    Some(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}").into_bytes())
}

/// A bot that connects and makes a call, and is shut down after so many facts; whether it did all of it before.
fn life(memory: &mut Memory, facts: usize) -> bool {
    let [texts, socket_out, url, token, http_in, http_out, socket_in, parts, assembled] = &mut memory.regions;
    let mut lanes = [HttpLane::new(Region::fixed(http_in), Region::fixed(http_out))];
    let storage = Storage {
        texts: Region::fixed(texts),
        socket_out: Region::fixed(socket_out),
        url: Region::fixed(url),
        token: Region::fixed(token),
        socket_in: Region::fixed(socket_in),
        parts: Region::fixed(parts),
        assembled: Region::fixed(assembled),
        http: Slots::fixed(&mut lanes),
        ..Storage::growable()
    };
    let config = Config { app_secret: Secret::new(APP_SECRET), own_open_id: OwnOpenId::Unused, ..config() };
    let mut bot = Bot::new(config, storage, Seed([7; 32])).unwrap();
    let now = Instant::ZERO;
    bot.handle_timeout(now);
    bot.handle_inbox(now, 1);
    let call = Call::Send { receive_id: "oc_1", receive_id_type: None, body: Body::Text("hi"), uuid: None };
    bot.submit(now, call).unwrap();
    let connected = talk(&mut bot, facts);
    // There is nobody any more.
    bot.shut_down(now);
    while let Some(deadline) = bot.poll_timeout() {
        bot.handle_timeout(deadline.at);
    }
    assert!(bot.ended().is_some());
    connected
}

/// The platform's side.
fn talk(bot: &mut Bot<'_>, facts: usize) -> bool {
    let now = Instant::ZERO;
    let mut opened = Vec::new();
    let mut told = 0;
    loop {
        let before = told;
        for lane in [Lane::Http(0), Lane::Socket] {
            let Wish::Up(target) = bot.poll_lane(lane) else { continue };
            let attempt = target.attempt;
            if told == facts {
                return false;
            }
            let written = bot.poll_transmit(lane).to_vec();
            while let Some(id) = bot.poll_delivery().map(|event| event.id()) {
                bot.handle_delivered(now, id, Verdict::Accepted);
                bot.handle_inbox(now, 8);
            }
            if !opened.contains(&(lane, attempt)) {
                opened.push((lane, attempt));
                bot.handle_opened(now, lane, attempt);
            } else if let Some(answer) = answer(lane, &written) {
                bot.handle_transmitted(now, lane, attempt, written.len());
                told += 1;
                if told == facts {
                    return false;
                }
                bot.handle_received(now, lane, attempt, &answer);
            } else {
                continue;
            }
            told += 1;
        }
        if told == before {
            let completion = bot.poll_completion().expect("the call came through");
            assert!(completion.result.is_ok() && bot.state() == State::Open, "{completion:?}");
            return true;
        }
    }
}

#[test]
fn whenever_a_bot_ends_its_memory_holds_no_secret() {
    let mut lives = 0;
    for facts in 0.. {
        let mut memory = Memory::new();
        let ended = life(&mut memory, facts);
        assert_eq!(memory.found(), [], "after {facts} facts");
        lives += 1;
        if ended {
            break;
        }
    }
    assert!(lives > 8, "dial, write, answer: four times ({lives})");
}

#[test]
fn a_bot_whose_secret_is_refused_keeps_none() {
    let mut room = [vec![0; 512], vec![0; 4096], vec![0; 4096]];
    let [texts, http_in, http_out] = &mut room;
    let mut lanes = [HttpLane::new(Region::fixed(http_in), Region::fixed(http_out))];
    let storage = Storage { texts: Region::fixed(texts), http: Slots::fixed(&mut lanes), ..Storage::growable() };
    let mut bot = Bot::new(Config { app_secret: Secret::new(APP_SECRET), ..config() }, storage, Seed([7; 32])).unwrap();
    let (now, lane) = (Instant::ZERO, Lane::Http(0));
    bot.handle_timeout(now);
    let Wish::Up(target) = bot.poll_lane(lane) else { panic!("discovery comes first") };
    let attempt = target.attempt;
    bot.handle_opened(now, lane, attempt);
    let written = bot.poll_transmit(lane).len();
    assert!(String::from_utf8_lossy(bot.poll_transmit(lane)).contains(APP_SECRET));
    bot.handle_transmitted(now, lane, attempt, written);
    let refusal = "HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n{\"code\":514,\"msg\":\"no\"}";
    bot.handle_received(now, lane, attempt, refusal.as_bytes());
    assert!(matches!(bot.ended(), Some(End::Fatal(_))), "{:?}", bot.ended());
    assert!(format!("{bot:?}").contains("cli_"), "it can still be asked who it was");
    let held = |room: &[u8]| room.windows(APP_SECRET.len()).any(|window| window == APP_SECRET.as_bytes());
    assert!(!room.iter().any(|room| held(room)));
}

#[test]
fn a_bot_that_has_no_room_for_its_texts_copies_no_secret() {
    let mut texts = [0; 60];
    let storage = Storage { texts: Region::fixed(&mut texts), ..Storage::growable() };
    let config = Config { app_secret: Secret::new(APP_SECRET), ..config() };
    assert!(Bot::new(config, storage, Seed([7; 32])).is_err());
    assert_eq!(texts, [0; 60]);
}
