//! What the socket brings after the upgrade, through a whole bot: the same observations for every way of cutting it.

use larkwire_core::fault::LinkFault;
use larkwire_core::{Attempt, Bot, Buffers, Config, Instant, Lane, Notice, Secret, Seed, State, Stats, Verdict, Wish};

use crate::platform::{APP_ID, SECRET, World, check_client_frames};

/// The first byte says what becomes of events, the second how to cut; the rest is what comes in.
pub fn run(data: &[u8]) {
    let Some((&[mode, chop], bytes)) = data.split_first_chunk() else { return };
    let verdict = match mode & 3 {
        0 | 1 => Verdict::Accepted,
        2 => Verdict::Discarded,
        _ => Verdict::Refused,
    };
    let whole = observe(bytes, usize::MAX, verdict);
    for chop in [1, usize::from(chop) + 2] {
        let cut = observe(bytes, chop, verdict);
        assert_eq!(
            (&cut.events, cut.stats, cut.state),
            (&whole.events, whole.stats, whole.state),
            "in pieces of {chop}"
        );
        if whole.state == State::Open {
            assert_eq!(cut.written, whole.written, "in pieces of {chop}");
        } else {
            // What was not written yet when a connection is dropped is lost with it.
            let shorter = cut.written.len().min(whole.written.len());
            assert_eq!(cut.written[..shorter], whole.written[..shorter], "in pieces of {chop}");
        }
    }
}

/// What became of the bytes.
pub(crate) struct Observed {
    pub(crate) events: Vec<String>,
    pub(crate) written: Vec<u8>,
    pub(crate) stats: Stats,
    pub(crate) state: State,
    pub(crate) fault: Option<LinkFault>,
}

fn observe(bytes: &[u8], chop: usize, verdict: Verdict) -> Observed {
    // Output for the answers to everything in one piece; input small enough that messages can be too big for it.
    let mut buffers = Box::new(Buffers::<1024, 16_384, 1024, 128, 64>::new());
    let mut tables = buffers.tables();
    let config = Config { app_id: APP_ID, app_secret: Secret::new(SECRET), ..Config::default() };
    let bot = Bot::new(config, tables.storage(), Seed([7; 32])).expect("the configuration is sound");
    let mut world = World::new(bot, 0);
    world.timeout();
    world.serve();
    world.serve();
    assert_eq!(world.bot.state(), State::Open);
    while world.bot.take_notice().is_some() {}
    world.drain(0);
    check_client_frames(&mut world.streams[0].written);
    let attempt = world.streams[0].attempt.expect("the socket is open");
    pour(world, attempt, bytes, chop, verdict)
}

/// Hands `bytes` to the socket in pieces of `chop` at most.
pub(crate) fn pour(world: World<'_>, attempt: Attempt, bytes: &[u8], chop: usize, verdict: Verdict) -> Observed {
    let World { mut bot, now, .. } = world;
    let now = Instant::from_millis(now);
    let (mut events, mut written) = (Vec::new(), Vec::new());
    let mut rest = bytes;
    while !rest.is_empty() {
        let room = bot.poll_receive(Lane::Socket);
        if room == 0 {
            assert!(!is_up(&bot, attempt), "nobody will ever read again");
            break;
        }
        let (piece, after) = rest.split_at(rest.len().min(chop).min(room));
        rest = after;
        bot.handle_received(now, Lane::Socket, attempt, piece);
        loop {
            let shown = bot.poll_delivery().map(|event| (event.id(), event.json().to_owned()));
            let n = bot.poll_transmit(Lane::Socket).len();
            if let Some((id, json)) = shown {
                events.push(json);
                bot.handle_delivered(now, id, verdict);
            } else if n > 0 {
                written.extend(bot.poll_transmit(Lane::Socket));
                bot.handle_transmitted(now, Lane::Socket, attempt, n);
            } else {
                break;
            }
        }
    }
    check_client_frames(&mut written.clone());
    let mut stats = *bot.stats();
    // How often the state was seen to change does depend on how often one looks.
    stats.transitions = 0;
    let state = bot.state();
    let lost = |notice| if let Notice::LinkLost { fault, .. } = notice { Some(fault) } else { None };
    let fault = std::iter::from_fn(|| bot.take_notice()).find_map(lost);
    Observed { events, written, stats, state, fault }
}

fn is_up(bot: &Bot<'_>, attempt: Attempt) -> bool {
    matches!(bot.poll_lane(Lane::Socket), Wish::Up(target) if target.attempt == attempt)
}
