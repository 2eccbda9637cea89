//! Which reaction acknowledges a message: the setting, and what the application told of single chats (protocol section
//! 14.3).

use core::hash::Hasher as _;

use siphasher::sip::SipHasher13;

use crate::fault::Misuse;
use crate::locale::Locale;
use crate::storage::Slots;
use crate::wire::json::Str;

/// Whether chat messages are acknowledged with a reaction once they are in the inbox.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum AckReactions {
    /// In the language of each message.
    Auto,
    /// From the table of this language.
    Fixed(Locale),
    /// No.
    #[default]
    Off,
}

/// One chat whose language the application told.
#[derive(Clone, Copy, Debug)]
pub struct ChatLocale {
    used: bool,
    locale: Locale,
    chat: u64,
}

impl ChatLocale {
    /// A free place, all zero: a board's table costs no flash.
    pub const EMPTY: Self = Self { used: false, locale: Locale::En, chat: 0 };

    fn is(&self, chat: u64) -> bool {
        self.used && self.chat == chat
    }
}

impl Default for ChatLocale {
    fn default() -> Self {
        Self::EMPTY
    }
}

#[derive(Debug)]
pub(crate) struct Hints<'s> {
    slots: Slots<'s, ChatLocale>,
}

impl<'s> Hints<'s> {
    pub(crate) fn new(mut slots: Slots<'s, ChatLocale>) -> Self {
        // The table may have served another bot.
        slots.as_mut_slice().fill(ChatLocale::EMPTY);
        Self { slots }
    }

    pub(crate) fn set(&mut self, chat_id: &str, locale: Option<Locale>) -> Result<(), Misuse> {
        let chat = hash(chat_id.chars());
        let index = match (self.slots.as_slice().iter().position(|slot| slot.is(chat)), locale) {
            (Some(index), _) => index,
            (None, None) => return Ok(()),
            (None, Some(_)) => self.slots.find_free(|slot| !slot.used).ok_or(Misuse::Full)?,
        };
        if let Some(slot) = self.slots.get_mut(index) {
            *slot = locale.map_or(ChatLocale::EMPTY, |locale| ChatLocale { used: true, locale, chat });
        }
        Ok(())
    }

    pub(crate) fn get(&self, chat_id: Str<'_>) -> Option<Locale> {
        let chat = hash(chat_id.chars());
        self.slots.as_slice().iter().find(|slot| slot.is(chat)).map(|slot| slot.locale)
    }
}

/// Without a secret key: the application chose the ids in the table, so nobody else can fill it with look-alikes.
fn hash(chat_id: impl Iterator<Item = char>) -> u64 {
    let mut hasher = SipHasher13::new();
    chat_id.for_each(|ch| hasher.write_u32(u32::from(ch)));
    hasher.finish()
}
