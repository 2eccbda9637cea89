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
#[derive(Clone, Copy, Debug, Default)]
pub struct ChatLocale(Option<(u64, Locale)>);

impl ChatLocale {
    /// A free place.
    pub const EMPTY: Self = Self(None);
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
        let same = |slot: &ChatLocale| slot.0.is_some_and(|(known, _)| known == chat);
        let index = match (self.slots.as_slice().iter().position(same), locale) {
            (Some(index), _) => index,
            (None, None) => return Ok(()),
            (None, Some(_)) => self.slots.find_free(|slot| slot.0.is_none()).ok_or(Misuse::Full)?,
        };
        if let Some(slot) = self.slots.get_mut(index) {
            slot.0 = locale.map(|locale| (chat, locale));
        }
        Ok(())
    }

    pub(crate) fn get(&self, chat_id: Str<'_>) -> Option<Locale> {
        let chat = hash(chat_id.chars());
        self.slots
            .as_slice()
            .iter()
            .find_map(|slot| slot.0.filter(|(known, _)| *known == chat))
            .map(|(_, locale)| locale)
    }
}

/// Without a secret key: the application chose the ids in the table, so nobody else can fill it with look-alikes.
fn hash(chat_id: impl Iterator<Item = char>) -> u64 {
    let mut hasher = SipHasher13::new();
    chat_id.for_each(|ch| hasher.write_u32(u32::from(ch)));
    hasher.finish()
}
