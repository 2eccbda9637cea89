//! The shim of the conformance suite: see conformance/PROTOCOL.md. It is no example of a bot; `boards/app` is one.
//!
//! ```text
//!  suite ── lines ── this ── bot ── stack ══ cable ══ stack ── bridge ── loopback ── platform
//! ```

#[path = "../../tests/cable/mod.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a part of the tests' harness")]
mod cable;
mod calls;
mod set_up;
#[path = "../../../conformance/subjects/shim.rs"]
mod shim;

use std::convert::Infallible;
use std::pin::Pin;
use std::time::{SystemTime, UNIX_EPOCH};

use cable::bridge::Bridge;
use cable::{leak, tcp, two_boards};
use embassy_executor::{Executor, Spawner};
use embassy_net::Stack;
use embassy_time::Duration;
use larkwire_embassy::core::UnixMillis;
use larkwire_embassy::{Channel, Client, End, Runner};
use serde_json::{Value, json};
use set_up::MESSAGE;
use shim::{Handling, number, text};
use tokio::sync::{mpsc, oneshot};

/// Events pass over the stack when the inbox is made.
const STACK: usize = 64 * MESSAGE;

type Task = Pin<Box<dyn Future<Output = ()>>>;
type Lines = mpsc::UnboundedReceiver<Value>;

#[embassy_executor::task(pool_size = 256)]
async fn task(future: Task) {
    future.await;
}

fn spawn(spawner: Spawner, future: impl Future<Output = ()> + 'static) {
    match task(Box::pin(future)) {
        Ok(token) => spawner.spawn(token),
        Err(_) => shim::unimplemented("more than 250 calls at once"),
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
    let start = shim::start(&mut lines, "larkwire-embassy", env!("CARGO_PKG_VERSION")).await;
    let ended = match set_up::set_up(&start) {
        Ok(resources) => {
            let port = text(&start, "base_url").rsplit(':').next().and_then(|port| port.parse().ok());
            spawn(spawner, leak(Bridge::to(port.unwrap_or_default())).run(far));
            let (client, runner) = leak(resources).split();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            client.set_wall_clock(UnixMillis(u64::try_from(now).unwrap_or_default()));
            shim::ended(&match number(&start["settings"], "inbox").unwrap_or(4) {
                1 => talk::<1>(spawner, client, runner, board, lines).await,
                2 => talk::<2>(spawner, client, runner, board, lines).await,
                3 => talk::<3>(spawner, client, runner, board, lines).await,
                4_usize => talk::<4>(spawner, client, runner, board, lines).await,
                5 => talk::<5>(spawner, client, runner, board, lines).await,
                8 => talk::<8>(spawner, client, runner, board, lines).await,
                10 => talk::<10>(spawner, client, runner, board, lines).await,
                _ => shim::unimplemented("settings.inbox"),
            })
        }
        Err(error) => json!({"is": "ended", "how": "fatal", "text": error}),
    };
    shim::say(&ended);
    std::process::exit(0);
}

/// Does what the suite says, and says what the client does, until the client has ended.
async fn talk<const EVENTS: usize>(
    spawner: Spawner,
    client: Client<'static>,
    runner: Runner<'static, 1>,
    board: Stack<'static>,
    mut lines: Lines,
) -> End {
    let (inbox, mut events) = leak(Channel::<MESSAGE, EVENTS>::new()).split();
    let (ending, mut ended) = oneshot::channel();
    spawn(spawner, async move {
        let hook = |notice| shim::note(&format!("{notice:?}"));
        let _ = ending.send(runner.run(tcp(board), [tcp(board)], inbox, hook).await);
    });
    let mut handling = Handling::new();
    let (calling, mut called) = mpsc::channel::<Infallible>(1);
    let end = loop {
        tokio::select! {
            // What was taken before the end is told before it.
            biased;
            Some(line) = lines.recv() => match text(&line, "do") {
                "handle" => handling.tell(&line),
                "call" => {
                    let calling = calling.clone();
                    spawn(spawner, async move {
                        calls::call(client, &line).await;
                        drop(calling);
                    });
                }
                "stop" => client.begin_shut_down(),
                _ => {}
            },
            Some(event) = events.recv(), if !handling.hold => {
                shim::say(&shim::event(&event.view()));
                if let Some((id, answer)) = event.response_id().zip(handling.answer()) {
                    let after = Duration::try_from(handling.after).unwrap_or(Duration::MAX);
                    spawn(spawner, calls::respond(client, id, answer, after));
                }
            }
            end = &mut ended => break end.unwrap_or(End::Stopped),
        }
    };
    // The end answers them all.
    drop(calling);
    called.recv().await;
    end
}
