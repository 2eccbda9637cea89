//! The shim of the conformance suite: see conformance/PROTOCOL.md. It is no example of a bot; `boards/app` is one.
//!
//! ```text
//!  suite ── lines ── this ── bot ── stack ══ cable ══ stack ── bridge ── loopback ── platform
//! ```

#[path = "../../tests/cable/mod.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a part of the tests' harness")]
mod cable;
mod flash;
mod inbox;
mod set_up;
#[path = "../../../conformance/subjects/shim.rs"]
mod shim;
mod talk;

use std::pin::Pin;
use std::time::{SystemTime, UNIX_EPOCH};

use cable::bridge::Bridge;
use cable::{leak, two_boards};
use embassy_executor::{Executor, Spawner};
use embassy_net::Stack;
use inbox::Parts;
use larkwire_embassy::core::UnixMillis;
use serde_json::{Value, json};
use set_up::MESSAGE;
use shim::{number, text};
use tokio::sync::mpsc;

/// Events pass over the stack when the inbox is made.
const STACK: usize = 64 * MESSAGE;

type Task = Pin<Box<dyn Future<Output = ()>>>;
type Lines = mpsc::UnboundedReceiver<Value>;

#[embassy_executor::task(pool_size = 4)]
async fn task(future: Task) {
    future.await;
}

fn spawn(spawner: Spawner, future: impl Future<Output = ()> + 'static) {
    // Four are all that there are: the stacks, the bridge, the bot, and the one for the suite.
    if let Ok(token) = task(Box::pin(future)) {
        spawner.spawn(token);
    }
}

fn main() -> std::io::Result<()> {
    // The bridge's sockets; everything else belongs to embassy.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    let boards = move || -> () {
        let _inside = handle.enter();
        leak(Executor::new()).run(|spawner| {
            let (board, far, _, net) = two_boards();
            spawn(spawner, async move { drop(net.await) });
            spawn(spawner, suite(spawner, board, far));
        })
    };
    std::thread::Builder::new().stack_size(STACK).spawn(boards)?;
    runtime.block_on(std::future::pending())
}

async fn suite(spawner: Spawner, board: Stack<'static>, far: Stack<'static>) {
    let mut lines = shim::lines();
    let start = shim::start(&mut lines).await;
    shim::ready("larkwire-embassy", env!("CARGO_PKG_VERSION"), None);
    let ended = match set_up::set_up(&start) {
        Ok(resources) => {
            let port = text(&start, "base_url").rsplit(':').next().and_then(|port| port.parse().ok());
            spawn(spawner, leak(Bridge::to(port.unwrap_or_default())).run(far));
            let (client, runner) = leak(resources).split();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            client.set_wall_clock(UnixMillis(u64::try_from(now).unwrap_or_default()));
            let parts = Parts { spawner, client, runner, board, lines };
            let told = &start["settings"];
            let state_dir = told["state_dir"].as_str();
            match number(told, "inbox").unwrap_or(4) {
                1 => parts.run::<1>(state_dir).await,
                2 => parts.run::<2>(state_dir).await,
                3 => parts.run::<3>(state_dir).await,
                4_usize => parts.run::<4>(state_dir).await,
                5 => parts.run::<5>(state_dir).await,
                8 => parts.run::<8>(state_dir).await,
                10 => parts.run::<10>(state_dir).await,
                _ => shim::unimplemented("settings.inbox"),
            }
        }
        Err(error) => Err(error),
    };
    shim::say(&match ended {
        Ok(end) => shim::ended(&end),
        Err(error) => json!({"is": "ended", "how": "fatal", "text": error}),
    });
    std::process::exit(0);
}
