//! What goes on once a second beside the bot: the watchdog is petted, and the bot is told when the clock was set.

use core::convert::Infallible;

use embassy_time::{Duration, Instant, Ticker, Timer};
use larkwire_embassy::core::{Seed, UnixMillis};
use larkwire_embassy::{Client, Entropy, WallClock};

use crate::Say;

const BEAT: Duration = Duration::from_secs(1);
/// A clock that is off by so many milliseconds from what the bot counts on was set meanwhile.
const SET_MS: u64 = 2000;

pub(crate) async fn beat(client: Client<'_>, clock: impl WallClock, pet: fn()) -> Infallible {
    let mut told = None;
    let mut ticker = Ticker::every(BEAT);
    loop {
        pet();
        if let Some(unix) = clock.unix() {
            let expected = told.map(|(at, UnixMillis(then))| at_now(at, then));
            if expected.is_none_or(|expected| unix.0.abs_diff(expected) >= SET_MS) {
                client.set_wall_clock(unix);
                told = Some((Instant::now(), unix));
            }
        }
        ticker.next().await;
    }
}

fn at_now(at: Instant, then: u64) -> u64 {
    then.saturating_add(at.elapsed().as_millis())
}

/// The bot's randomness. It waits until the board has some: a bot that can be predicted must not start.
pub async fn seed(entropy: &mut impl Entropy, pet: fn(), say: Say) -> Seed {
    loop {
        let mut bytes = [0; 32];
        match entropy.fill(&mut bytes) {
            Ok(()) => return Seed(bytes),
            Err(error) => say(format_args!("no entropy: {error}")),
        }
        pet();
        Timer::after(BEAT).await;
    }
}
