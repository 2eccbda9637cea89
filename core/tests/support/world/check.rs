//! The invariants of the contract.

use larkwire_core::wire::writer::Writer;
use larkwire_core::{State, Wish};

use super::{Told, View, World};

impl World {
    /// What holds after every fact.
    pub(super) fn check(&mut self, told: Told) {
        let bot = &self.bot;
        for lane in self.lanes().into_iter().cycle().take(if self.curious { 50 } else { 0 }) {
            let _ = (bot.poll_lane(lane), bot.poll_receive(lane), bot.poll_transmit(lane), bot.poll_delivery());
            let _ = (bot.poll_completion(), bot.poll_timeout(), bot.state(), bot.ended(), bot.stats());
            let _ = (bot.identity(), bot.platform_clock(), bot.is_room_wanted(), bot.is_delivery_waiting());
            bot.write_seen(None, &mut Writer::counting());
            #[cfg(feature = "webhook")]
            let _ = (bot.poll_posted(), bot.time_of_day(larkwire_core::Instant::from_millis(self.now)));
        }
        assert_eq!(bot.is_delivery_waiting(), bot.poll_delivery().is_some());
        assert_eq!((bot.identity(), bot.platform_clock()), (bot.identity(), bot.platform_clock()));
        assert_eq!(bot.poll_timeout(), bot.poll_timeout());
        let id = |event: larkwire_core::Event<'_>| (event.id(), event.json().len());
        assert_eq!(bot.poll_delivery().map(id), bot.poll_delivery().map(id));
        assert_eq!(bot.poll_completion().map(|c| c.id), bot.poll_completion().map(|c| c.id));
        #[cfg(feature = "webhook")]
        assert_eq!(bot.poll_posted(), bot.poll_posted());
        let up = self.lanes().into_iter().filter(|lane| bot.poll_lane(*lane) != Wish::Down).count();
        assert!(!self.alone || up <= 1, "{up} streams at {}", self.now);
        let mut any_up = false;
        for lane in self.lanes() {
            let wish = bot.poll_lane(lane);
            assert_eq!(wish, bot.poll_lane(lane));
            let (room, bytes) = (bot.poll_receive(lane), bot.poll_transmit(lane));
            assert_eq!((room, bytes), (bot.poll_receive(lane), bot.poll_transmit(lane)));
            let attempt = match wish {
                Wish::Up(target) => Some(target.attempt),
                Wish::Down => {
                    assert!(room == 0 && bytes.is_empty(), "{lane:?} is down: {room} {bytes:?}");
                    None
                }
            };
            any_up |= attempt.is_some();
            let view = self.views.entry(lane).or_default();
            if attempt.is_some() && attempt == view.attempt {
                let kept = match told {
                    Told::Transmitted(of, n) if of == lane => &view.shown[n.min(view.shown.len())..],
                    _ => &view.shown,
                };
                assert!(bytes.starts_with(kept), "{lane:?}: what was shown changed at {}", self.now);
                let read = told == Told::Received(lane);
                assert!(read || room >= view.room, "{lane:?}: room shrank from {} to {room}", view.room);
            }
            *view = View { attempt, shown: bytes.to_vec(), room };
        }
        if bot.ended().is_some() {
            assert!(!any_up && bot.poll_timeout().is_none() && bot.poll_delivery().is_none());
            self.ended_at.get_or_insert(self.now);
        } else if bot.poll_timeout().is_none() {
            assert!(bot.state() == State::Resting && !any_up, "asleep without an alarm: {:?}", bot.state());
        }
        let ended = matches!(bot.state(), State::Fatal | State::Closed);
        assert_eq!(ended, bot.ended().is_some());
        if self.states.last().map(|(_, state)| state) != Some(&bot.state()) {
            self.states.push((self.now, bot.state()));
        }
    }
}
