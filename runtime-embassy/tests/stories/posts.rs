//! Events that are posted to the board, signed and encrypted here without the engine (protocol section 17.2).

mod connection;

use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use aes::cipher::{Array, BlockModeEncrypt as _, KeyIvInit as _};
use base64ct::{Base64, Encoding as _};
use embassy_futures::join::{join, join_array, join3};
use embassy_futures::{poll_once, yield_now};
use embassy_net::Stack;
use larkwire_core::fault::DropReason;
use larkwire_core::webhook::{Freshness, PostSlot, Quota, QuotaEntry, Refusal, RequestHead, Webhook, WebhookRules};
use larkwire_core::{Bot, Buffers, Config, LinkMode, Region, Secret, Seed, Slots, UnixMillis};
use larkwire_embassy::webhook::{ANSWER, Posts, WAITING};
use larkwire_embassy::{Channel, Client, End, Notice, Resources};
use serde_json::json;

use super::support::*;

const KEY: &str = "ekey";
const TOKEN: &str = "vtoken";
/// Seconds since 1970, when all of this happens.
const NOW: u64 = 1_700_000_000;
const BODY: usize = 2048;
const WITHIN: Freshness = Freshness::Within { seconds: 3600 };

const SUCCESS: (u16, &str) = (200, r#"{"msg":"success"}"#);
const NO_ROOM: (u16, &str) = (503, r#"{"msg":"refused"}"#);
const UNPROVED: (u16, &str) = (401, r#"{"msg":"refused"}"#);

/// What the platform posts.
#[derive(Clone)]
struct Post {
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Post {
    fn unsigned(body: String) -> Self {
        Self { headers: vec![("Content-Type", "application/json; charset=utf-8".into())], body: body.into_bytes() }
    }

    /// As with an Encrypt Key: encrypted and signed.
    fn sealed(event: &str) -> Self {
        let mut post = Self::unsigned(json!({"encrypt": seal(event)}).to_string());
        let (timestamp, nonce) = (NOW.to_string(), "n-1".to_owned());
        let signed = [timestamp.as_bytes(), nonce.as_bytes(), KEY.as_bytes(), &post.body].concat();
        let signature = sha256(&signed).iter().map(|byte| format!("{byte:02x}")).collect();
        post.headers.extend([
            ("X-Lark-Request-Timestamp", timestamp),
            ("X-Lark-Request-Nonce", nonce),
            ("X-Lark-Signature", signature),
            ("X-Request-Id", "req-1".into()),
        ]);
        post
    }

    fn http(&self) -> Vec<u8> {
        let lines: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let len = self.body.len();
        let head = format!("POST /lark HTTP/1.1\r\nHost: bot\r\n{lines}Content-Length: {len}\r\n\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().to_vec()
}

fn seal(text: &str) -> String {
    let iv = [9; 16];
    let padding = 16 - text.len() % 16;
    let mut blocks = text.as_bytes().to_vec();
    blocks.resize(text.len() + padding, u8::try_from(padding).unwrap());
    let key: [u8; 32] = sha256(KEY.as_bytes()).try_into().unwrap();
    let mut cipher = cbc::Encryptor::<aes::Aes256>::new(&Array::from(key), &Array::from(iv));
    cipher.encrypt_blocks(Array::slice_as_chunks_mut(&mut blocks).0);
    Base64::encode_string(&[&iv[..], &blocks].concat())
}

/// With the token that the bot was told.
fn knowing(event: String) -> String {
    let knowing = event.replace(r#""token":"""#, &format!(r#""token":"{TOKEN}""#));
    assert_ne!(knowing, event);
    knowing
}

fn says(number: usize) -> Post {
    Post::sealed(&knowing(message(number, "hi")))
}

/// What a server does; whether the platform hangs up is its own affair.
async fn ask(client: Client<'_>, posts: &Posts<'_>, post: &Post) -> (u16, String) {
    ask_with(client, posts, post, 512).await
}

async fn ask_with(client: Client<'_>, posts: &Posts<'_>, post: &Post, room: usize) -> (u16, String) {
    let head = RequestHead::new("POST", post.headers.iter().map(|(name, value)| (*name, value.as_bytes())));
    let (mut body, mut out) = (post.body.clone(), vec![0; room]);
    let reply = match client.admit_request(posts, head, Some(post.body.len() as u64), 1) {
        Ok(admitted) => admitted.answer(&mut body, &mut out).await,
        Err(reply) => reply,
    };
    (reply.status, String::from_utf8(reply.body.to_vec()).unwrap())
}

fn is(answer: (u16, String), (status, body): (u16, &str)) {
    assert_eq!((answer.0, answer.1.as_str()), (status, body));
}

/// Runs a bot that is posted its events, with more places for them than requests may wait, until both have ended. It knows the time.
async fn run<F: Future<Output = ()>>(
    stack: Stack<'static>,
    freshness: Freshness,
    program: impl FnOnce(Client<'static>, BoardEvents, &'static Posts<'static>) -> F,
) -> Ended {
    let tables = leak(leak(Buffers::<2048, 1024, 2048, 1024, 64>::new()).tables());
    let config = Config { link: LinkMode::Off, ..config() };
    let mut bot = Bot::new(config, tables.storage(), Seed([7; 32])).unwrap();
    let rules = WebhookRules { max_body: BODY, ..WebhookRules::new(Secret::new(KEY), Secret::new(TOKEN), freshness) };
    let webhook = Webhook::new(&rules, Region::fixed(leak([0; 64]))).unwrap();
    let slots = leak([[0; BODY]; WAITING + 1]).each_mut().map(|room| PostSlot::new(Region::fixed(room)));
    bot.accept_posts(&webhook, Slots::fixed(leak(slots)));
    let quota = Quota::new(Slots::fixed(leak([QuotaEntry::EMPTY; 16])));
    let (client, runner) = leak(Resources::new(bot).unwrap()).split();
    let (inbox, events) = leak(Channel::new()).split();
    let mut notices = Vec::new();
    let program = program(client, events, leak(Posts::new(webhook, quota)));
    let loops = runner.run(watched(stack), [watched(stack)], inbox, |notice| notices.push(notice));
    let (end, ()) = join(loops, program).await;
    Ended { end, stats: client.stats(), notices }
}

fn tell_time(client: Client<'_>) {
    client.set_wall_clock(UnixMillis(NOW * 1000));
}

#[test]
fn a_signed_encrypted_event_reaches_the_inbox_and_a_copy_of_it_is_answered_and_not_heard_again() {
    story(async |board, _| {
        let ended = run(board, WITHIN, async |client, mut events, posts| {
            tell_time(client);
            let heard = async {
                let event = events.recv().await.unwrap();
                let mut room = [0; 64];
                assert_eq!(event.text(&mut room), Some("hi"));
                assert_eq!(event.message_id().unwrap().as_str(), "om_1");
            };
            let (answer, ()) = join(ask(client, posts, &says(1)), heard).await;
            is(answer, SUCCESS);
            is(ask(client, posts, &says(1)).await, SUCCESS);
            assert_eq!(client.shut_down().await, End::Stopped);
            assert!(events.recv().await.is_none());
            is(ask(client, posts, &says(2)).await, NO_ROOM);
        });
        let Ended { stats, notices, .. } = ended.await;
        assert!(matches!(notices[..], [Notice::Dropped { reason: DropReason::Duplicate, .. }]), "{notices:?}");
        assert_eq!((stats.accepted, stats.posts, stats.dropped(DropReason::Duplicate)), (1, 2, 1));
    });
}

#[test]
fn a_request_that_proves_nothing_is_refused_in_the_same_words_whatever_is_wrong() {
    story(async |board, _| {
        let ended = run(board, WITHIN, async |client, mut events, posts| {
            tell_time(client);
            let mut wrong = says(1);
            wrong.body.push(b' ');
            is(ask(client, posts, &wrong).await, UNPROVED);
            is(ask(client, posts, &Post::unsigned(knowing(message(1, "let me in")))).await, UNPROVED);
            is(ask(client, posts, &Post::sealed(&message(1, "no token"))).await, UNPROVED);
            is(ask(client, posts, &Post::sealed("no event")).await, UNPROVED);
            let mut old = says(1);
            old.headers[1].1 = (NOW - 3601).to_string();
            let signed = [old.headers[1].1.as_bytes(), b"n-1", KEY.as_bytes(), &old.body].concat();
            old.headers[3].1 = sha256(&signed).iter().map(|byte| format!("{byte:02x}")).collect();
            is(ask(client, posts, &old).await, UNPROVED);
            client.shut_down().await;
            assert!(events.recv().await.is_none());
        });
        let Ended { stats, notices, .. } = ended.await;
        let refused = |refusal| stats.refused(refusal);
        assert_eq!((refused(Refusal::SignatureWrong), refused(Refusal::SignatureMissing)), (1, 1));
        assert_eq!((refused(Refusal::TokenWrong), refused(Refusal::NotJson), refused(Refusal::Stale)), (1, 1, 1));
        assert_eq!((stats.accepted, stats.posts), (0, 0));
        assert_eq!(notices, [Notice::PostRefused { reason: Refusal::SignatureWrong, times: 1 }], "once a minute");
    });
}

#[test]
fn a_full_inbox_refuses_after_two_seconds_and_takes_the_event_when_it_comes_again() {
    story(async |board, _| {
        let ended = run(board, WITHIN, async |client, mut events, posts| {
            tell_time(client);
            is(ask(client, posts, &says(1)).await, SUCCESS);
            is(ask(client, posts, &says(2)).await, SUCCESS);
            let (began, third) = (Instant::now(), says(3));
            is(ask(client, posts, &third).await, NO_ROOM);
            let waited = began.elapsed();
            assert!((Duration::from_millis(1990)..Duration::from_millis(2500)).contains(&waited), "{waited:?}");
            is(ask(client, posts, &third).await, NO_ROOM);
            assert!(began.elapsed() < waited + Duration::from_millis(500), "one has waited in vain, the next need not");
            for number in 1..=2 {
                assert_eq!(events.recv().await.unwrap().message_id().unwrap().as_str(), format!("om_{number}"));
            }
            // The loop that brings room has its turn first.
            yield_now().await;
            let heard = async { assert!(events.recv().await.is_some()) };
            is(join(ask(client, posts, &third), heard).await.0, SUCCESS);
            client.shut_down().await;
        });
        let Ended { stats, .. } = ended.await;
        assert_eq!((stats.accepted, stats.refused(Refusal::InboxFull)), (3, 2));
    });
}

#[test]
fn a_click_is_answered_by_the_program_and_one_left_open_gets_nothing_to_show() {
    story(async |board, _| {
        let ended = run(board, WITHIN, async |client, mut events, posts| {
            tell_time(client);
            let toast = r#"{"toast":{"type":"success","content":"saved"}}"#;
            let answers = async {
                let event = events.recv().await.unwrap().clone();
                assert!(event.is_callback());
                assert_eq!(client.respond(&event, toast), Ok(()));
            };
            let (answer, ()) = join(ask(client, posts, &Post::sealed(&knowing(click(1)))), answers).await;
            is(answer, (200, toast));
            let other = Post::sealed(&knowing(click(2)).replace("c-1", "c-2"));
            let answers = async {
                let event = events.recv().await.unwrap().clone();
                assert_eq!(client.respond(&event, toast), Ok(()));
            };
            let answered = ask_with(client, posts, &other, toast.len() - 1);
            is(join(answered, answers).await.0, (200, "{}"));
            let left_open = Post::sealed(&knowing(click(3)).replace("c-1", "c-3"));
            let ends = async {
                events.recv().await.unwrap();
                client.shut_down().await;
            };
            is(join(ask(client, posts, &left_open), ends).await.0, (200, "{}"));
        });
        let Ended { stats, .. } = ended.await;
        assert_eq!((stats.accepted, stats.callbacks_answered, stats.callbacks_unanswered), (3, 2, 1));
    });
}

#[test]
fn where_no_more_requests_may_wait_an_event_is_refused_and_a_click_gets_nothing_to_show() {
    story(async |board, _| {
        let ended = run(board, WITHIN, async |client, mut events, posts| {
            tell_time(client);
            let click = |number| Post::sealed(&knowing(click(number)).replace("c-1", &format!("c-{number}")));
            let clicks: [Post; WAITING] = std::array::from_fn(click);
            let mut waiting = clicks.each_ref().map(|click| Box::pin(ask(client, posts, click)));
            for request in &mut waiting {
                assert!(poll_once(request).is_pending());
            }
            let (refused, late) = (says(10), click(11));
            let Poll::Ready(answer) = poll_once(pin!(ask(client, posts, &refused))) else { panic!() };
            is(answer, NO_ROOM);
            let Poll::Ready(answer) = poll_once(pin!(ask(client, posts, &late))) else { panic!() };
            is(answer, (200, "{}"));
            let responds = async {
                for _ in 0..WAITING {
                    let event = events.recv().await.unwrap().clone();
                    assert_eq!(client.respond(&event, r#"{"card":{}}"#), Ok(()));
                }
            };
            for answer in join(join_array(waiting), responds).await.0 {
                is(answer, (200, r#"{"card":{}}"#));
            }
            // Their places are free again, and nothing of the refused event was remembered.
            let hears = async { assert_eq!(events.recv().await.unwrap().message_id().unwrap().as_str(), "om_10") };
            is(join(ask(client, posts, &refused), hears).await.0, SUCCESS);
            client.shut_down().await;
        });
        let Ended { stats, .. } = ended.await;
        assert_eq!((stats.accepted, stats.callbacks_answered, stats.refused(Refusal::InboxFull)), (5, 4, 2));
    });
}

#[test]
fn the_request_url_is_verified_signed_or_not_and_a_stranger_may_not_ask_for_ever() {
    story(async |board, _| {
        let ended = run(board, WITHIN, async |client, _events, posts| {
            let challenge = json!({"type": "url_verification", "token": TOKEN, "challenge": "a \"b\""}).to_string();
            let answer = json!({"challenge": "a \"b\""}).to_string();
            is(ask(client, posts, &Post::unsigned(challenge.clone())).await, (200, &answer));
            is(
                ask(client, posts, &Post::unsigned(json!({"encrypt": seal(&challenge)}).to_string())).await,
                (200, &answer),
            );
            let long = json!({"type": "url_verification", "token": TOKEN, "challenge": "c".repeat(80)}).to_string();
            assert_eq!(ask_with(client, posts, &Post::unsigned(long.clone()), ANSWER).await.0, 200);
            assert_eq!(ask_with(client, posts, &Post::unsigned(long), ANSWER - 1).await.0, 413);
            let other = challenge.replace(TOKEN, "guess");
            let mut answers = Vec::new();
            for _ in 0..20 {
                answers.push(ask(client, posts, &Post::unsigned(other.clone())).await.0);
            }
            assert_eq!(answers, [[401; 16].as_slice(), &[429; 4]].concat());
            tell_time(client);
            is(ask(client, posts, &Post::sealed(&challenge)).await, (200, &answer));
            client.shut_down().await;
        });
        let Ended { stats, notices, .. } = ended.await;
        let refused = |refusal| stats.refused(refusal);
        assert_eq!((stats.challenges, refused(Refusal::TooMany)), (4, 4));
        assert_eq!((refused(Refusal::TooBig), refused(Refusal::InboxFull)), (1, 0));
        assert!(notices.contains(&Notice::UrlVerified), "{notices:?}");
    });
}

#[test]
fn a_board_that_does_not_know_the_time_lets_the_platform_try_again_unless_it_said_otherwise() {
    let lenient = Freshness::WithinOnceClockKnown { seconds: 3600 };
    for (freshness, answer, clock_unknown) in [(WITHIN, NO_ROOM, 1), (lenient, SUCCESS, 0)] {
        story(async move |board, _| {
            let ended = run(board, freshness, async |client, _events, posts| {
                is(ask(client, posts, &says(1)).await, answer);
                tell_time(client);
                is(ask(client, posts, &says(1)).await, SUCCESS);
                client.shut_down().await;
            });
            let Ended { stats, .. } = ended.await;
            assert_eq!((stats.accepted, stats.refused(Refusal::ClockUnknown)), (1, clock_unknown));
        });
    }
}

#[test]
fn a_peer_that_hangs_up_keeps_no_place_and_its_event_is_heard_once() {
    story(async |board, _| {
        let ended = run(board, WITHIN, async |client, mut events, posts| {
            tell_time(client);
            for number in 1..=6 {
                let request = says(number);
                assert!(poll_once(pin!(ask(client, posts, &request))).is_pending());
                assert_eq!(events.recv().await.unwrap().message_id().unwrap().as_str(), format!("om_{number}"));
                is(ask(client, posts, &request).await, SUCCESS);
            }
            // Two at once, each with its own answer; the first one's peer is gone.
            let (gone, first, second) = (says(7), Post::sealed(&knowing(click(8))), says(9));
            assert!(poll_once(pin!(ask(client, posts, &gone))).is_pending());
            let heard = async {
                assert_eq!(events.recv().await.unwrap().message_id().unwrap().as_str(), "om_7");
                let clicked = events.recv().await.unwrap().clone();
                assert_eq!(events.recv().await.unwrap().message_id().unwrap().as_str(), "om_9");
                client.respond(&clicked, r#"{"card":{}}"#).unwrap();
            };
            let later = async {
                yield_now().await;
                ask(client, posts, &second).await
            };
            let (clicked, said, ()) = join3(ask(client, posts, &first), later, heard).await;
            is(clicked, (200, r#"{"card":{}}"#));
            is(said, SUCCESS);
            client.shut_down().await;
        });
        let Ended { stats, .. } = ended.await;
        assert_eq!((stats.accepted, stats.callbacks_answered, stats.dropped(DropReason::Duplicate)), (9, 1, 6));
    });
}
