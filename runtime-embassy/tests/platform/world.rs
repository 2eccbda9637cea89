//! A board, a platform, and a bridge between them; and the bot with the memory of a small board.

use std::time::Duration;

use embassy_futures::join::join3;
use embassy_futures::select::{Either, select};
use embassy_net::Stack;
use larkwire_conformance::platform::{Platform, PlatformConfig};
use larkwire_core::{Bot, Buffers, Config, Domain, GateRules, OwnOpenId, Secret, Seed};
use larkwire_embassy::{Channel, Client, Resources};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::boards::cable::bridge::Bridge;
use crate::boards::{APP_ID, BoardEvents, Cable, Ended, PLATFORM, leak, story_on_a_cable, watched};
use crate::watch::{SECRET, platform_with, port_of, quick};

/// The end of every story, on a busy machine.
const END: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) board: Stack<'static>,
    pub(crate) cable: Cable,
    pub(crate) bridge: &'static Bridge,
    pub(crate) platform: Platform,
    pub(crate) port: u16,
    base_url: &'static str,
}

/// Tells a story with a quick platform.
pub(crate) fn story<F: Future<Output = ()> + 'static>(tell: impl FnOnce(World) -> F + Send + 'static) {
    story_with(quick(), tell);
}

pub(crate) fn story_with<F: Future<Output = ()> + 'static>(
    config: PlatformConfig,
    tell: impl FnOnce(World) -> F + Send + 'static,
) {
    story_on_a_cable(END, async move |board, far, cable| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        let (_running, ended) = oneshot::channel::<()>();
        std::thread::spawn(move || runtime.block_on(ended));
        let _inside = handle.enter();
        let platform = platform_with(config).await;
        let port = port_of(&platform);
        let bridge = &*leak(Bridge::to(port));
        let base_url = &**leak(format!("http://{PLATFORM}:{port}"));
        let world = World { board, cable, bridge, platform, port, base_url };
        match select(bridge.run(far), tell(world)).await {
            Either::First(()) => unreachable!("the doors stay open"),
            Either::Second(()) => {}
        }
    });
}

impl World {
    /// Everybody may speak, and who the bot is does not matter.
    pub(crate) fn config(&self) -> Config<'static> {
        Config {
            app_id: APP_ID,
            app_secret: Secret::new(SECRET),
            domain: Domain::Custom(self.base_url),
            gate: GateRules { allowed_users: &["*"], ..GateRules::default() },
            own_open_id: OwnOpenId::Unused,
            dangerously_allow_plaintext: true,
            ..Config::default()
        }
    }

    /// Runs a bot with `program` beside a script, after which it is shut down.
    pub(crate) async fn run(
        &self,
        config: Config<'_>,
        program: impl AsyncFnOnce(Client<'static>, BoardEvents),
        script: impl AsyncFnOnce(Client<'static>),
    ) -> Ended {
        let (client, runner) = leak(Resources::<1>::new(small(config)).unwrap()).split();
        let (inbox, events) = leak(Channel::new()).split();
        let mut notices = Vec::new();
        let streams = (watched(self.board), [watched(self.board)]);
        let bot = runner.run(streams.0, streams.1, inbox, |notice| notices.push(notice));
        let (end, (), ()) = join3(bot, program(client, events), until_stopped(client, script)).await;
        Ended { end, stats: client.stats(), notices }
    }

    /// As [`World::run`], with one stream at a time and one connector for all.
    pub(crate) async fn run_in_turns(
        &self,
        program: impl AsyncFnOnce(Client<'static>, BoardEvents),
        script: impl AsyncFnOnce(Client<'static>),
    ) -> Ended {
        let config = Config { planned_turns: true, ..self.config() };
        let (client, runner) = leak(Resources::<0>::new(small(config)).unwrap()).split();
        let (inbox, events) = leak(Channel::new()).split();
        let mut notices = Vec::new();
        let bot = runner.run(watched(self.board), [], inbox, |notice| notices.push(notice));
        let (end, (), ()) = join3(bot, program(client, events), until_stopped(client, script)).await;
        Ended { end, stats: client.stats(), notices }
    }
}

async fn until_stopped(client: Client<'static>, script: impl AsyncFnOnce(Client<'static>)) {
    script(client).await;
    client.shut_down().await;
}

/// The small board of [`Buffers`].
fn small(config: Config<'_>) -> Bot<'static> {
    let tables = leak(leak(Buffers::<2048, 1024, 2048, 1024, 256>::new()).tables());
    Bot::new(config, tables.storage(), Seed([7; 32])).unwrap()
}

/// Answers what is heard, until the bot ends.
pub(crate) async fn echo(client: Client<'static>, mut events: BoardEvents) {
    while let Some(event) = events.recv().await {
        let mut room = [0; 2048];
        let said = event.message_id().zip(event.text(&mut room));
        let answer = said.map(|(id, text)| (id, format!("echo: {text}")));
        // Its place in the inbox is free while the answer is sent.
        drop(event);
        if let Some((id, answer)) = answer {
            client.reply_text(id.as_str(), &answer).await.unwrap();
        }
    }
}
