//! The language of a text, from its characters (protocol section 14.3, rule 4).

use super::Locale;
use super::tables::{Says, is_traditional_word, says};

/// Tells the language of a text that is fed to it character by character.
///
/// One kana letter decides for Japanese. Without one, forms that only Traditional Chinese has are counted against forms
/// that only Simplified Chinese has; what is ordinary Japanese counts for neither. More of the former is `zh-TW`, any
/// other text with a Chinese character is `zh-CN`, and the rest `en`.
///
/// URLs do not count. Nor do the placeholders `@_user_N` and `@_all`, or anything else in ASCII: the absence of all
/// other letters is what makes a text `en`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Detector {
    /// The character before, when it is of the basic plane: two of them may be a word.
    before: u16,
    han: bool,
    kana: bool,
    simplified: u16,
    traditional: u16,
    url: Url,
}

/// No character before it speaks for a language.
const FIRST: char = '\u{3005}';

impl Detector {
    /// A detector that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next character of the text.
    pub fn push(&mut self, ch: char) {
        if self.url.holds(ch) {
            self.before = 0;
            return;
        }
        let this = u16::try_from(u32::from(ch)).unwrap_or_default();
        if ch < FIRST {
            self.before = this;
            return;
        }
        self.kana |= is_kana_letter(ch);
        self.han |= is_han(ch);
        match says(this) {
            Says::Traditional => self.traditional = self.traditional.saturating_add(1),
            Says::Simplified => self.simplified = self.simplified.saturating_add(1),
            Says::InWord if is_traditional_word(self.before, this) => {
                self.traditional = self.traditional.saturating_add(1);
            }
            Says::InWord | Says::Nothing => {}
        }
        self.before = this;
    }

    /// The language of the text so far.
    pub fn locale(&self) -> Locale {
        if self.kana {
            Locale::Ja
        } else if self.traditional > self.simplified {
            Locale::ZhTw
        } else if self.han {
            Locale::ZhCn
        } else {
            Locale::En
        }
    }

    /// Whether [`locale`](Self::locale) says `zh-CN` only because nothing decided: there are Chinese characters, but
    /// all could also stand in a Japanese or a Traditional text, or as many speak for one as for the other. Next step:
    /// prefer what is known about the chat.
    pub fn is_ambiguous(&self) -> bool {
        self.han && !self.kana && self.traditional == self.simplified
    }
}

/// The language of a text, as [`Detector`] tells it.
pub fn detect(chars: impl Iterator<Item = char>) -> Locale {
    let mut detector = Detector::new();
    chars.for_each(|ch| detector.push(ch));
    detector.locale()
}

/// Never the middle dot U+30FB nor the long mark U+30FC, which also stand in texts that are not Japanese.
fn is_kana_letter(ch: char) -> bool {
    matches!(ch, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9d}')
}

/// Ideographs of every plane, with the iteration mark 々 and the zero 〇.
fn is_han(ch: char) -> bool {
    matches!(
        ch,
        '\u{3005}'..='\u{3007}'
            | '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{3ffff}'
    )
}

/// Where in or before a URL the text is.
#[derive(Clone, Copy, Debug, Default)]
enum Url {
    /// So much of `http` has been read.
    Scheme(u8),
    #[default]
    Text,
    /// `http` and perhaps `s`: the colon must follow, or the `s`.
    Colon,
    /// The first slash must follow.
    Slash,
    /// The second slash must follow.
    SecondSlash,
    /// Inside; whether the character before was an ASCII letter or digit.
    Inside(bool),
}

impl Url {
    /// Whether `ch` lies inside a URL, behind its `://`.
    ///
    /// A URL ends at a blank, a quotation mark, a bracket that closes one, and at punctuation that is not ASCII. A letter of
    /// Chinese or Japanese belongs to it behind a separator (`/wiki/漢字`) and ends it right behind a letter or digit
    /// (`/report.pdf帮我看看`): there people leave out the blank.
    fn holds(&mut self, ch: char) -> bool {
        let lower = ch.to_ascii_lowercase();
        *self = match (*self, lower) {
            (Self::Inside(after_ascii), _) if !ends_url(ch) && !(after_ascii && (is_han(ch) || is_kana_letter(ch))) => {
                *self = Self::Inside(ch.is_ascii_alphanumeric());
                return true;
            }
            (Self::Scheme(1), 't') => Self::Scheme(2),
            (Self::Scheme(2), 't') => Self::Scheme(3),
            (Self::Scheme(3), 'p') => Self::Scheme(4),
            (Self::Scheme(4), 's') => Self::Colon,
            (Self::Scheme(4) | Self::Colon, ':') => Self::Slash,
            (Self::Slash, '/') => Self::SecondSlash,
            (Self::SecondSlash, '/') => Self::Inside(false),
            (_, 'h') => Self::Scheme(1),
            _ => Self::Text,
        };
        false
    }
}

fn ends_url(ch: char) -> bool {
    matches!(
        ch,
        '\0'..=' ' | '"' | '<' | '>' | ')'
            | '\u{7f}'..='\u{a0}'
            | '\u{2000}'..='\u{206f}'
            | '\u{3000}'..='\u{3004}'
            | '\u{3008}'..='\u{303f}'
            | '\u{ff00}'..='\u{ff65}'
    )
}

#[cfg(test)]
mod tests {
    use super::{Detector, Locale, detect};

    #[test]
    fn the_words_of_a_url_are_not_the_writers() {
        for text in [
            "https://a.example/wiki/日本語 です",
            "HTTP://a.example/ひらがな を",
            "hhttps://a.example/说明のだ漢 見て",
            "[x](https://a.example/说明)の",
        ] {
            assert_eq!(detect(text.chars()), Locale::Ja, "{text}");
        }
        for text in
            ["https://a.example/体/说明 thanks", "see http://a.example/?q=说明&r=說明のだ", "https://例え.example/の"]
        {
            assert_eq!(detect(text.chars()), Locale::En, "{text}");
        }
        for text in
            ["https://a.example/x.pdf幫我看", "「http://a.example/の」幫我看", "http:/a幫我看", "httpx://幫我看"]
        {
            assert_eq!(detect(text.chars()), Locale::ZhTw, "{text}");
        }
    }

    #[test]
    fn a_text_that_nothing_decides_says_so() {
        let ambiguous = |text: &str| {
            let mut detector = Detector::new();
            text.chars().for_each(|ch| detector.push(ch));
            detector.is_ambiguous()
        };
        for text in ["你好", "明日会議中止", "時間", "国學院说"] {
            assert!(ambiguous(text), "{text}");
        }
        for text in ["", "hello", "你们好", "你們好", "謝謝", "明日は", "・ー"] {
            assert!(!ambiguous(text), "{text}");
        }
    }

    #[test]
    fn a_very_long_text_does_not_count_past_its_end() {
        assert_eq!(detect(core::iter::repeat_n('说', 70_000).chain("說".chars())), Locale::ZhCn);
        assert_eq!(detect(core::iter::repeat_n('說', 70_000).chain("说".chars())), Locale::ZhTw);
    }
}
