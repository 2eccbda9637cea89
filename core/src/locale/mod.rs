//! Which acknowledgement reaction suits the writer of a message (protocol sections 14.2 and 14.3).
//!
//! ```text
//!   event body ──► scan ─► strings under locale, language, ... ─► Locale::from_tag ─┐ first that maps
//!   content    ──► scan ─┬ zh_cn, en_us, ... of a wrapped post ─► Locale::from_tag ─┤ first that maps
//!                        └ strings under text, title, ... ──────► Detector ─────────┴──► Locale ─► reactions
//!                                                                    └ tables
//! ```
//!
//! Everything is read once, character by character, into a state of fixed size: content is JSON inside a JSON string,
//! and there is no buffer to unescape it into.

mod detect;
mod message;
mod scan;
mod tables;

pub use detect::{Detector, detect};
pub use message::locale_of;
pub(crate) use message::may_name;

pub(crate) use scan::{Scan, Token};

/// A language that has a table of acknowledgement reactions. Whatever has none takes that of English.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Locale {
    /// English, and every language without a table.
    En,
    /// Japanese.
    Ja,
    /// Simplified Chinese.
    ZhCn,
    /// Traditional Chinese.
    ZhTw,
}

impl Locale {
    /// The language tag: `en`, `ja`, `zh-CN` or `zh-TW`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ja => "ja",
            Self::ZhCn => "zh-CN",
            Self::ZhTw => "zh-TW",
        }
    }

    /// Reads a tag such as `zh_TW`, `zh-Hant-HK`, `ja-JP`, whatever its case and separators. The first 32 characters
    /// are looked at, blanks in front included. `None` for every other language.
    pub fn from_tag(tag: impl Iterator<Item = char>) -> Option<Self> {
        let mut read = Tag::default();
        tag.take(32).for_each(|ch| read.push(ch));
        read.locale()
    }

    /// The `emoji_type` names to choose from (protocol section 14.2). Never a localised display name: that is refused
    /// with 231001.
    pub const fn reactions(self) -> &'static [&'static str] {
        match self {
            Self::En | Self::Ja => &["OK", "THUMBSUP", "THANKS", "MUSCLE", "FINGERHEART", "APPLAUSE", "SMILE", "DONE"],
            Self::ZhCn => &["OK", "JIAYI", "APPLAUSE", "THUMBSUP", "MUSCLE", "SMILE", "DONE"],
            Self::ZhTw => &["OK", "JIAYI", "APPLAUSE", "THUMBSUP", "FINGERHEART", "SMILE", "DONE"],
        }
    }
}

/// A language tag as it arrives, lowered and with one kind of separator.
#[derive(Clone, Copy, Default)]
struct Tag {
    lowered: [u8; 32],
    len: u8,
    seen: u8,
}

impl Tag {
    fn push(&mut self, ch: char) {
        if usize::from(self.seen) == self.lowered.len() {
            return;
        }
        self.seen = self.seen.saturating_add(1);
        if self.len == 0 && ch <= ' ' {
            return;
        }
        if let Some(place) = self.lowered.get_mut(usize::from(self.len)) {
            // What is not ASCII is part of no tag, and must not vanish from between two letters that are.
            *place = if ch == '-' { b'_' } else { u8::try_from(ch).unwrap_or(b'?').to_ascii_lowercase() };
            self.len = self.len.saturating_add(1);
        }
    }

    fn locale(&self) -> Option<Locale> {
        let tag = self.lowered.get(..usize::from(self.len)).unwrap_or_default();
        let starts = |start: &str| tag.starts_with(start.as_bytes());
        if starts("ja") {
            Some(Locale::Ja)
        } else if starts("en") {
            Some(Locale::En)
        } else if tag.windows(4).any(|part| part == b"hant") || ["zh_tw", "zh_hk", "zh_mo"].into_iter().any(starts) {
            Some(Locale::ZhTw)
        } else if starts("zh") {
            Some(Locale::ZhCn)
        } else {
            None
        }
    }
}
