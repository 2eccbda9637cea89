//! How many posted events one core verifies, decrypts and hands over in a second, and what it takes: `cargo run --release
//! -p larkwire-core --features webhook,alloc --example webhook_speed`.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "it prints what it found"
)]

use std::hint::black_box;
use std::time::{Duration, Instant as Clock};

use aes::Aes256;
use aes::cipher::{Array, BlockModeEncrypt as _, KeyIvInit as _};
use base64ct::{Base64, Encoding as _};
use larkwire_core::webhook::{Checked, Freshness, PostSlot, Posting, RequestHead, Webhook, WebhookRules};
use larkwire_core::{
    Bot, Config, GateRules, Instant, LinkMode, Region, Secret, Seed, Slots, Storage, UnixMillis, Verdict,
};
use sha2::{Digest as _, Sha256};

const KEY: &str = "an encrypt key";
const TOKEN: &str = "a verification token";
const NOW: u64 = 1_700_000_000;
/// Of each size so many times, and the fastest time counts: the others were disturbed.
const ROUNDS: usize = 7;

struct Request {
    signature: String,
    body: Vec<u8>,
}

fn request(n: u64, text_len: usize, text: &str) -> Request {
    let text: String = text
        .chars()
        .cycle()
        .scan(0, |len, ch| {
            *len += ch.len_utf8();
            (*len <= text_len).then_some(ch)
        })
        .collect();
    let plain = format!(
        r#"{{"schema":"2.0","header":{{"event_id":"event-{n:020}","event_type":"im.message.receive_v1","create_time":"1700000000000","token":"{TOKEN}","app_id":"cli_0123456789abcdef","tenant_key":"1234567890abcdef"}},"event":{{"sender":{{"sender_id":{{"union_id":"on_0123456789abcdef0123456789abcdef","user_id":"u1","open_id":"ou_0123456789abcdef0123456789abcdef"}},"sender_type":"user","tenant_key":"1234567890abcdef"}},"message":{{"message_id":"om_{n:032}","create_time":"1700000000000","update_time":"1700000000000","chat_id":"oc_0123456789abcdef0123456789abcdef","chat_type":"p2p","message_type":"text","content":"{{\"text\":\"{text}\"}}"}}}}}}"#
    );
    let iv = [7; 16];
    let padding = 16 - plain.len() % 16;
    let mut sealed = plain.into_bytes();
    sealed.resize(sealed.len() + padding, u8::try_from(padding).unwrap());
    let (blocks, _) = Array::slice_as_chunks_mut(&mut sealed);
    cbc::Encryptor::<Aes256>::new(&Sha256::digest(KEY), &iv.into()).encrypt_blocks(blocks);
    let whole = [&iv, sealed.as_slice()].concat();
    let mut base64 = vec![0; Base64::encoded_len(&whole)];
    let body = format!(r#"{{"encrypt":"{}"}}"#, Base64::encode(&whole, &mut base64).unwrap()).into_bytes();
    let mut hash = Sha256::new();
    for piece in [NOW.to_string().as_bytes(), b"nonce", KEY.as_bytes(), &body] {
        hash.update(piece);
    }
    let signature = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Request { signature, body }
}

/// The fastest time per event.
fn fastest(events: usize, mut run: impl FnMut()) -> Duration {
    (0..ROUNDS)
        .map(|_| {
            let start = Clock::now();
            run();
            start.elapsed() / u32::try_from(events).unwrap()
        })
        .min()
        .unwrap()
}

fn main() {
    if cfg!(debug_assertions) {
        eprintln!("a debug build measures nothing: use --release");
        std::process::exit(2);
    }
    println!(
        "| event, bytes | text | body, bytes | verified and decrypted, µs | handed over too, µs | events/s | MB/s |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (text_len, name, text) in [
        (10, "ASCII", "hello world "),
        (1000, "ASCII", "hello world "),
        (1000, "Chinese", "你好世界"),
        (16_000, "ASCII", "hello world "),
        (128_000, "Chinese", "你好世界"),
    ] {
        let many = (64 * 1024 * 1024 / ROUNDS / (text_len + 800)).min(4000);
        let requests: Vec<_> = (0..many as u64).map(|n| request(n, text_len, text)).collect();
        let rules = WebhookRules::new(Secret::new(KEY), Secret::new(TOKEN), Freshness::Within { seconds: 3600 });
        let webhook = Webhook::new(&rules, Region::growable(256)).unwrap();
        let unix = Some(UnixMillis(NOW * 1000));
        let stamp = NOW.to_string();
        let mut body = Vec::new();
        let mut plain = 0;
        let mut check = |request: &Request, with: &mut dyn FnMut(Checked<'_>)| {
            body.clear();
            body.extend_from_slice(&request.body);
            let head = RequestHead::new(
                "POST",
                [
                    ("content-type", b"application/json; charset=utf-8".as_slice()),
                    ("x-lark-request-timestamp", stamp.as_bytes()),
                    ("x-lark-request-nonce", b"nonce"),
                    ("x-lark-signature", request.signature.as_bytes()),
                ],
            );
            with(webhook.check(&head, &mut body, unix).unwrap());
        };
        check(&requests[0], &mut |checked| {
            if let Checked::Posted(posted) = checked {
                plain = posted.json().len();
            }
        });
        let verified = fastest(many, || {
            for request in &requests {
                check(request, &mut |checked| {
                    black_box(checked);
                });
            }
        });
        let handed = fastest(many, || {
            let config = Config {
                app_id: "cli_0123456789abcdef",
                app_secret: Secret::new("secret"),
                gate: GateRules { allowed_users: &["*"], ..GateRules::default() },
                link: LinkMode::Off,
                ..Config::default()
            };
            let mut bot = Bot::new(config, Storage::growable(), Seed([7; 32])).unwrap();
            bot.accept_posts(&webhook, Slots::growable_with(4, || PostSlot::new(Region::growable(1024 * 1024))));
            let now = Instant::from_millis(1);
            for request in &requests {
                check(request, &mut |checked| {
                    let Checked::Posted(posted) = checked else { return };
                    let Posting::Waiting(_) = bot.handle_posted(now, &posted) else { panic!("not handed over") };
                    let event = bot.poll_delivery().unwrap().id();
                    bot.handle_delivered(now, event, Verdict::Accepted);
                    let answer = bot.poll_posted().unwrap();
                    let (id, status) = (answer.id, answer.reply.status);
                    assert_eq!(status, 200);
                    bot.handle_answered(now, id);
                });
            }
        });
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        println!(
            "| {plain} | {name} | {} | {:.2} | {:.2} | {:.0} | {:.0} |",
            requests[0].body.len(),
            micros(verified),
            micros(handed),
            1.0 / handed.as_secs_f64(),
            requests[0].body.len() as f64 / handed.as_secs_f64() / 1e6,
        );
    }
}
