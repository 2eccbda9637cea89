//! A board that asks a time server, which is not always honest.

use std::cell::{Cell, RefCell};

use embassy_futures::select::{Either, select};
use embassy_net::Stack;
use embassy_net::udp::{PacketMetadata, UdpSocket};
use embassy_time::{Duration, Instant};
use larkwire_core::UnixMillis;
use larkwire_embassy::{Clock, Entropy, EntropyFailed, Sntp, SntpFault, SntpPace, WallClock as _};

use crate::support::*;

/// 2026-11-22 12:00:00 UTC.
const NOON: u64 = 1_795_348_800;
/// From 1900 to 1970.
const EPOCHS: u64 = 2_208_988_800;

type Packet = [u8; 48];

/// The answer of a good server to `question`, at `unix` seconds.
fn right(question: &[u8], unix: u64) -> Packet {
    let mut answer = [0; 48];
    answer[0] = 0x24; // version 4, server
    answer[1] = 2;
    answer[12..16].copy_from_slice(&[10, 0, 2, 2]);
    answer[24..32].copy_from_slice(&question[40..48]);
    let seconds = u32::try_from((unix + EPOCHS) & 0xFFFF_FFFF).unwrap().to_be_bytes();
    for stamp in [16, 32, 40] {
        answer[stamp..stamp + 4].copy_from_slice(&seconds);
    }
    answer[44] = 0x80; // half a second
    answer
}

fn changed(mut packet: Packet, change: impl FnOnce(&mut Packet)) -> Packet {
    change(&mut packet);
    packet
}

/// A time server that answers each question with the packets that `answers` makes of it.
async fn server(stack: Stack<'static>, port: u16, mut answers: impl FnMut(&[u8]) -> Vec<Vec<u8>>) {
    let (rx_meta, tx_meta) = (leak([PacketMetadata::EMPTY; 4]), leak([PacketMetadata::EMPTY; 16]));
    let mut socket = UdpSocket::new(stack, rx_meta, leak([0; 512]), tx_meta, leak([0; 2048]));
    socket.bind(port).unwrap();
    let mut question = [0; 128];
    loop {
        let (n, from) = socket.recv_from(&mut question).await.unwrap();
        assert_eq!((n, question[0] & 7, question[0] >> 3 & 7), (48, 3, 4), "a client's packet, version 4");
        assert!(question[1..40].iter().all(|byte| *byte == 0), "it tells nothing of the board");
        for answer in answers(&question[..n]) {
            socket.send_to(&answer, from).await.unwrap();
        }
    }
}

struct Chance(u8);

impl Entropy for Chance {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyFailed> {
        if self.0 == 0 {
            return Err(EntropyFailed);
        }
        for byte in out {
            self.0 = self.0.wrapping_mul(5).wrapping_add(1);
            *byte = self.0;
        }
        Ok(())
    }
}

/// The pace of a story.
const FAST: SntpPace =
    SntpPace { every: Duration::from_millis(80), retry: Duration::from_millis(10), timeout: Duration::from_millis(40) };

fn sntp(board: Stack<'static>) -> Sntp<'static, Chance> {
    Sntp::new(board, "10.0.2.2", Chance(7)).pace(FAST)
}

/// Asks once a server that answers so.
fn asked(
    answers: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
    check: impl FnOnce(Result<UnixMillis, SntpFault>) + Send + 'static,
) {
    story(async |board, platform| {
        let mut sntp = sntp(board);
        match select(sntp.ask(), server(platform, 123, answers)).await {
            Either::First(answer) => check(answer),
            Either::Second(()) => unreachable!("the server stays"),
        }
    });
}

#[test]
fn the_clock_and_the_bot_are_told_the_right_time_and_again_later() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        let clock = Clock::new();
        let told = Cell::new(0);
        let times = server(platform, 123, |question| vec![right(question, NOON).to_vec()]);
        let bot = run_bot(board, async |client, _events| {
            assert_eq!((clock.unix(), client.platform_time()), (None, None));
            let mut sntp = Sntp::new(board, "platform.test", Chance(7)).pace(FAST);
            let enough = async {
                while told.get() < 3 {
                    embassy_time::Timer::after_millis(1).await;
                }
            };
            let keep = sntp.keep(&clock, Some(client), |answer| {
                let UnixMillis(unix) = answer.unwrap();
                assert!((NOON * 1000 + 500..NOON * 1000 + 550).contains(&unix), "{unix}");
                told.set(told.get() + 1);
            });
            let began = Instant::now();
            assert!(matches!(select(keep, enough).await, Either::Second(())));
            assert!(began.elapsed() >= FAST.every * 2, "the server is left alone in between");
            assert!(clock.unix().unwrap().0 >= NOON * 1000 + 500);
            let mut ids = [0; 32];
            client.write_seen(None, &mut ids).unwrap();
            client.shut_down().await;
        });
        let script = async { Ws::accept(platform).await.goodbye().await };
        select(beside(doors(platform, &seen), bot, script), times).await;
        assert_eq!(told.get(), 3);
    });
}

#[test]
fn a_server_that_was_silent_is_asked_again_after_longer_and_longer_pauses() {
    story(async |board, platform| {
        let (clock, faults) = (Clock::new(), RefCell::new(Vec::new()));
        let mut questions = 0;
        let times = server(platform, 123, |question| {
            questions += 1;
            if questions < 4 { vec![] } else { vec![right(question, NOON).to_vec()] }
        });
        let mut sntp = sntp(board);
        let heard = async {
            while clock.unix().is_none() {
                embassy_time::Timer::after_millis(1).await;
            }
        };
        let began = Instant::now();
        let keep = sntp.keep(&clock, None, |answer| {
            if let Err(fault) = answer {
                assert_eq!(fault, SntpFault::Silent { ignored: 0 });
                faults.borrow_mut().push(began.elapsed());
            }
        });
        select(select(keep, heard), times).await;
        // Three times the time-out, and pauses of 10, 20 and 40 ms.
        assert_eq!(faults.borrow().len(), 3);
        assert!(began.elapsed() >= Duration::from_millis(3 * 40 + 70));
    });
}

#[test]
fn a_server_that_forbids_it_is_never_asked_again_and_one_that_wants_fewer_questions_is_left_alone() {
    for (kiss, fault) in
        [(b"DENY", SntpFault::Forbidden), (b"RSTR", SntpFault::Forbidden), (b"RATE", SntpFault::TooOften)]
    {
        let answer = move |question: &[u8]| {
            vec![
                changed(right(question, NOON), |packet| {
                    packet[0] |= 0xC0;
                    packet[1] = 0;
                    packet[12..16].copy_from_slice(kiss);
                })
                .to_vec(),
            ]
        };
        asked(answer, move |got| assert_eq!(got, Err(fault)));
        story(async move |board, platform| {
            let clock = Clock::new();
            let questions = Cell::new(0);
            let mut sntp = sntp(board);
            let times = server(platform, 123, |question| {
                questions.set(questions.get() + 1);
                answer(question)
            });
            let keep = select(sntp.keep(&clock, None, |_| {}), embassy_time::Timer::after(FAST.every / 2));
            let kept = select(keep, times).await;
            if fault == SntpFault::Forbidden {
                assert!(matches!(kept, Either::First(Either::First(SntpFault::Forbidden))));
            }
            assert_eq!((questions.get(), clock.unix()), (1, None));
        });
    }
}

#[test]
fn packets_that_are_no_answer_are_passed_over_until_the_answer_comes() {
    let strays = |question: &[u8]| {
        let good = right(question, NOON);
        vec![
            vec![],
            b"garbage".to_vec(),
            good[..47].to_vec(),
            vec![0xFF; 48],
            vec![0x24; 400],
            // Another one's answer, or a guess: it does not repeat the question.
            changed(right(question, NOON + 99), |packet| packet[31] ^= 1).to_vec(),
        ]
    };
    asked(strays, |got| assert!(matches!(got, Err(SntpFault::Silent { ignored: 4..=6 })), "{got:?}"));
    let answered = move |question: &[u8]| {
        let mut packets = strays(question);
        packets.drain(..4);
        // With a signature behind it that nobody can check.
        packets.push([&right(question, NOON)[..], &[7; 20]].concat());
        packets
    };
    asked(answered, |got| assert_eq!(got.unwrap().0 / 1000, NOON));
}

#[test]
fn an_answer_from_another_port_is_none() {
    story(async |board, platform| {
        let mut sntp = sntp(board);
        let mut elsewhere = UdpSocket::new(
            platform,
            leak([PacketMetadata::EMPTY; 1]),
            leak([0; 64]),
            leak([PacketMetadata::EMPTY; 1]),
            leak([0; 64]),
        );
        elsewhere.bind(124).unwrap();
        let mut here = UdpSocket::new(
            platform,
            leak([PacketMetadata::EMPTY; 1]),
            leak([0; 64]),
            leak([PacketMetadata::EMPTY; 1]),
            leak([0; 64]),
        );
        here.bind(123).unwrap();
        let times = async {
            let mut question = [0; 64];
            let (n, from) = here.recv_from(&mut question).await.unwrap();
            elsewhere.send_to(&right(&question[..n], NOON), from.endpoint).await.unwrap();
            std::future::pending::<()>().await;
        };
        let Either::First(got) = select(sntp.ask(), times).await else { unreachable!("the server stays") };
        assert_eq!(got, Err(SntpFault::Silent { ignored: 1 }));
    });
}

#[test]
fn a_time_before_the_firmware_was_built_or_far_beyond_its_life_is_refused() {
    for unix in [0, 1_700_000_000, 1_767_225_599, 3_345_062_400, 3_900_000_000] {
        asked(
            move |question| vec![right(question, unix).to_vec()],
            move |got| match got {
                Err(SntpFault::Implausible(UnixMillis(told))) => assert_eq!(told / 1000, unix),
                other => panic!("{unix}: {other:?}"),
            },
        );
    }
    // Beyond 2036 the seconds since 1900 take more than 32 bits and begin again.
    for unix in [1_767_225_600, 2_085_978_495, 2_085_978_497, 3_345_062_398] {
        asked(move |question| vec![right(question, unix).to_vec()], move |got| assert_eq!(got.unwrap().0 / 1000, unix));
    }
}

#[test]
fn a_server_that_does_not_know_the_time_is_not_believed() {
    let changes: [fn(&mut Packet); 7] = [
        |packet| packet[0] |= 0xC0,         // not synchronized
        |packet| packet[0] = 0x23,          // a client
        |packet| packet[0] = 0x04,          // version 0
        |packet| packet[1] = 16,            // no stratum
        |packet| packet[40..48].fill(0),    // no time
        |packet| packet[8..12].fill(0x7F),  // hours of error
        |packet| packet[16..20].fill(0xFF), // set after it was sent
    ];
    for change in changes {
        let answer = move |question: &[u8]| vec![changed(right(question, NOON), change).to_vec()];
        asked(answer, |got| assert_eq!(got, Err(SntpFault::Unusable)));
    }
}

#[test]
fn any_bytes_behind_the_questions_stamp_do_no_harm() {
    let mut chance = Chance(3);
    let junk = move |question: &[u8]| {
        let mut packet = [0; 48];
        chance.fill(&mut packet).unwrap();
        packet[24..32].copy_from_slice(&question[40..48]);
        vec![packet.to_vec()]
    };
    story(async |board, platform| {
        let times = server(platform, 123, junk);
        let questions = async {
            let mut sntp = sntp(board);
            for _ in 0..500 {
                if let Ok(UnixMillis(unix)) = sntp.ask().await {
                    assert!((1_767_225_600_000..3_345_062_400_000).contains(&unix));
                }
            }
        };
        select(questions, times).await;
    });
}

#[test]
fn what_is_wrong_at_home_is_said_too() {
    story(async |board, platform| {
        let seen = RefCell::new(Seen::default());
        let asks = async {
            let ask = async |server, chance| Sntp::new(board, server, Chance(chance)).port(9).pace(FAST).ask().await;
            assert_eq!(ask("nowhere.test", 7).await, Err(SntpFault::Dns));
            assert_eq!(ask("10.0.2.2", 0).await, Err(SntpFault::Entropy));
            let unreachable = ask("192.0.2.1", 7).await;
            assert!(
                matches!(unreachable, Err(SntpFault::Network | SntpFault::Silent { ignored: 0 })),
                "{unreachable:?}"
            );
        };
        beside(doors(platform, &seen), asks, async {}).await;
    });
}
