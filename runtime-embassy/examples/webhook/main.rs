//! A bot that is posted its events, and no long connection: two boards on a cable, both in this process. One serves the
//! request URL, the other one plays the platform and posts a signed event.
//!
//! ```sh
//! cargo run -p larkwire-embassy --example webhook --features webhook
//! ```
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, reason = "an example on a host")]
#![allow(clippy::arithmetic_side_effects, reason = "an example on a host")]

#[path = "../../tests/cable/mod.rs"]
#[allow(dead_code, reason = "a part of the tests' harness")]
mod cable;
mod serve;

use std::pin::Pin;

use cable::{BOARD, leak, listener, tcp, two_boards};
use embassy_executor::Executor;
use embassy_futures::join::join;
use embassy_futures::select::{select, select3};
use embassy_net::{IpAddress, Stack};
use embedded_io_async::Write as _;
use larkwire_embassy::core::webhook::{Freshness, PostSlot, Quota, QuotaEntry, Webhook, WebhookRules};
use larkwire_embassy::core::{Bot, Config, GateRules, LinkMode, OwnOpenId, Region, Secret, Seed, Slots, UnixMillis};
use larkwire_embassy::webhook::Posts;
use larkwire_embassy::{Buffers, Channel, Resources};

const ENCRYPT_KEY: &str = "encrypt key";
const VERIFICATION_TOKEN: &str = "token";
/// Bytes of the longest body, and of an event.
const BODY: usize = 2048;
/// Bytes of the longest head.
const HEAD: usize = 2048;

type Task = Pin<Box<dyn Future<Output = ()>>>;

#[embassy_executor::task(pool_size = 2)]
async fn task(future: Task) {
    future.await;
}

fn main() {
    leak(Executor::new()).run(|spawner| {
        let (board, platform, _, net) = two_boards();
        spawner.spawn(task(Box::pin(async move { drop(net.await) })).unwrap());
        let both = async move {
            let answer = select(bot(board), post(platform)).await;
            println!("{answer:?}");
            std::process::exit(0);
        };
        spawner.spawn(task(Box::pin(both)).unwrap());
    })
}

/// The board: the bot, its program, and one connection at a time.
async fn bot(stack: Stack<'static>) {
    let mut buffers = Buffers::<2048, 1024, 2048, 1024, 256>::new();
    let mut tables = buffers.tables();
    let config = Config {
        app_id: "cli_0123456789abcdef",
        app_secret: Secret::new("secret"),
        gate: GateRules { allowed_users: &["*"], ..GateRules::default() },
        link: LinkMode::Off,
        own_open_id: OwnOpenId::Unused,
        ..Config::default()
    };
    let mut bot = Bot::new(config, tables.storage(), Seed([7; 32])).unwrap();

    // How old a request may be has no default: this board knows the time, and refuses requests until it does.
    let freshness = Freshness::Within { seconds: 3600 };
    let rules = WebhookRules {
        max_body: BODY,
        ..WebhookRules::new(Secret::new(ENCRYPT_KEY), Secret::new(VERIFICATION_TOKEN), freshness)
    };
    let mut texts = [0; 64];
    let webhook = Webhook::new(&rules, Region::fixed(&mut texts)).unwrap();
    let mut room = [[0; BODY]; 2];
    let mut slots = room.each_mut().map(|room| PostSlot::new(Region::fixed(room)));
    bot.accept_posts(&webhook, Slots::fixed(&mut slots));
    let mut strangers = [QuotaEntry::EMPTY; 16];
    let posts = Posts::new(webhook, Quota::new(Slots::fixed(&mut strangers)));

    let mut resources = Resources::new(bot).unwrap();
    let (client, runner) = resources.split();
    client.set_wall_clock(UnixMillis(1_700_000_000_000));
    let mut channel = Channel::<BODY, 2>::new();
    let (inbox, mut events) = channel.split();
    let program = async {
        while let Some(event) = events.recv().await {
            let mut room = [0; BODY];
            println!("somebody said: {:?}", event.text(&mut room));
        }
    };
    let server = async {
        let (mut socket, mut buffer) = (listener(stack), [0; HEAD + BODY]);
        loop {
            socket.accept(8000).await.unwrap();
            let peer = match socket.remote_endpoint().map(|end| end.addr) {
                Some(IpAddress::Ipv4(address)) => u64::from(u32::from(address)),
                None => 0,
            };
            let _ = serve::serve(&mut socket, client, &posts, peer, &mut buffer).await;
            serve::hang_up(&mut socket).await;
        }
    };
    select3(runner.run(tcp(stack), [tcp(stack)], inbox, |notice| println!("notice: {notice:?}")), program, server)
        .await;
}

/// The platform: what it posts, and what it is answered.
async fn post(stack: Stack<'static>) -> String {
    let body = r#"{"schema":"2.0","header":{"event_id":"ev_1","event_type":"im.message.receive_v1","app_id":"cli_0123456789abcdef","token":"token"},"event":{"sender":{"sender_id":{"open_id":"ou_1"},"sender_type":"user"},"message":{"message_id":"om_1","chat_id":"oc_1","chat_type":"p2p","message_type":"text","content":"{\"text\":\"hello\"}"}}}"#;
    let (timestamp, nonce) = ("1700000000", "n1");
    let signed = [timestamp, nonce, ENCRYPT_KEY, body].concat();
    let digest = ring::digest::digest(&ring::digest::SHA256, signed.as_bytes());
    let signature: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: bot.example\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         X-Lark-Request-Timestamp: {timestamp}\r\nX-Lark-Request-Nonce: {nonce}\r\nX-Lark-Signature: {signature}\r\n\r\n",
        serve::PATH,
        body.len(),
    );
    let mut socket = listener(stack);
    socket.connect((BOARD, 8000)).await.unwrap();
    let (mut reader, mut writer) = socket.split();
    let asked = async { writer.write_all((head + body).as_bytes()).await.unwrap() };
    let answered = async {
        let (mut answer, mut len) = ([0; 512], 0);
        while !answer[..len].ends_with(b"}") {
            len += reader.read(&mut answer[len..]).await.unwrap();
        }
        String::from_utf8_lossy(&answer[..len]).into_owned()
    };
    join(asked, answered).await.1
}
