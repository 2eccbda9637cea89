//! Bots that talk to each other: counted a chat, so that no conversation of machines goes on for ever (protocol section
//! 13).

use crate::time::Instant;

/// Chats watched at once; the one that was quiet longest makes room.
const CHATS: usize = 8;
/// Messages of bots that are let through within [`WINDOW_MS`] while no person speaks; the next one trips the guard.
const ALLOWED: usize = 4;
const WINDOW_MS: u64 = 60_000;

#[derive(Clone, Copy, Debug)]
struct Chat {
    key: u64,
    /// When bots spoke last, oldest first.
    times: [Instant; ALLOWED],
    len: usize,
}

#[derive(Debug)]
pub(crate) struct Loops {
    chats: [Chat; CHATS],
}

impl Default for Loops {
    fn default() -> Self {
        Self { chats: [Chat { key: 0, times: [Instant::ZERO; ALLOWED], len: 0 }; CHATS] }
    }
}

impl Loops {
    /// Whether a bot has spoken anywhere.
    pub(crate) fn is_any_watched(&self) -> bool {
        self.chats.iter().any(|chat| chat.len > 0)
    }

    /// Whether one more message of a bot in this chat is one too many.
    pub(crate) fn is_tripped(&self, now: Instant, key: u64) -> bool {
        let chat = self.chats.iter().find(|chat| chat.key == key && chat.len == ALLOWED);
        chat.and_then(|chat| chat.times.first()).is_some_and(|first| now.since(*first) < WINDOW_MS)
    }

    /// A bot spoke, whether or not it was heard.
    pub(crate) fn bot_spoke(&mut self, now: Instant, key: u64) {
        let known = self.chats.iter().position(|chat| chat.key == key && chat.len > 0);
        let last = |chat: &Chat| chat.len.checked_sub(1).and_then(|last| chat.times.get(last)).copied();
        let quietest = || {
            let chats = self.chats.iter().enumerate();
            chats.min_by_key(|(_, chat)| last(chat).unwrap_or(Instant::ZERO)).map(|(index, _)| index)
        };
        let Some(index) = known.or_else(quietest) else { return };
        let Some(chat) = self.chats.get_mut(index) else { return };
        if chat.key != key {
            (chat.key, chat.len) = (key, 0);
        }
        if chat.len == ALLOWED {
            chat.times.rotate_left(1);
            chat.len = chat.len.saturating_sub(1);
        }
        if let Some(place) = chat.times.get_mut(chat.len) {
            *place = now;
            chat.len = chat.len.saturating_add(1);
        }
    }

    /// A person spoke: bots may answer again.
    pub(crate) fn person_spoke(&mut self, key: u64) {
        for chat in self.chats.iter_mut().filter(|chat| chat.key == key) {
            chat.len = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Loops;
    use crate::time::Instant;

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn the_fifth_message_of_bots_within_a_minute_is_one_too_many() {
        let mut loops = Loops::default();
        for n in 0..4 {
            assert!(!loops.is_tripped(at(n * 1000), 7), "{n}");
            loops.bot_spoke(at(n * 1000), 7);
        }
        assert!(loops.is_tripped(at(4000), 7));
        assert!(!loops.is_tripped(at(4000), 8), "another chat");
        assert!(!loops.is_tripped(at(60_000), 7), "a minute after the first");
    }

    #[test]
    fn a_person_who_speaks_lets_bots_speak_again() {
        let mut loops = Loops::default();
        (0..4).for_each(|n| loops.bot_spoke(at(n), 7));
        loops.person_spoke(7);
        assert!(!loops.is_tripped(at(10), 7));
    }

    #[test]
    fn chats_without_end_take_no_more_memory() {
        let mut loops = Loops::default();
        for n in 1..1000 {
            loops.bot_spoke(at(n), n);
        }
        (0..4).for_each(|n| loops.bot_spoke(at(2000 + n), 5000));
        assert!(loops.is_tripped(at(2010), 5000));
    }
}
