//! What a reader sees as one character: the common cases of Unicode's grapheme clusters (UAX #29), without its tables.

const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// Follows a text character by character and knows where a visible character may end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Glyphs {
    last: Option<char>,
    /// Whether the last character is the first half of a flag.
    half_flag: bool,
}

impl Glyphs {
    pub(super) fn push(&mut self, ch: char) {
        self.half_flag = is_regional(ch) && !self.half_flag;
        self.last = Some(ch);
    }

    /// Whether `next` starts a visible character of its own.
    pub(super) fn ends_before(&self, next: char) -> bool {
        let Some(last) = self.last else { return true };
        let joined = match next {
            '\n' => last == '\r',
            _ if extends(next) => !last.is_control(),
            _ if is_regional(next) => self.half_flag,
            _ => last == ZERO_WIDTH_JOINER && !next.is_ascii(),
        };
        !joined
    }
}

fn is_regional(ch: char) -> bool {
    matches!(ch, '\u{1f1e6}'..='\u{1f1ff}')
}

/// Whether `ch` only changes the character before it: marks of the larger scripts, joiners, variation selectors, skin
/// tones, tags.
pub(super) fn extends(ch: char) -> bool {
    matches!(ch,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' // Latin, Greek, Cyrillic
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}' // Hebrew
        | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}' // Arabic
        | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e4}' | '\u{6e7}' | '\u{6e8}' | '\u{6ea}'..='\u{6ed}'
        | '\u{900}'..='\u{903}' | '\u{93a}'..='\u{93c}' | '\u{93e}'..='\u{94f}' // Devanagari
        | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' // Thai
        | '\u{1160}'..='\u{11ff}' // Hangul vowels and finals
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}'
        | '\u{200c}' | ZERO_WIDTH_JOINER
        | '\u{302a}'..='\u{302f}' | '\u{3099}' | '\u{309a}' // Chinese, Japanese
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' // variation selectors
        | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}') // skin tones, tags
}

/// Whether `ch` belongs to a word that spaces set apart: a letter or digit, but not of a script written without spaces
/// (Chinese, Japanese, Thai …), nor of Korean, whose particles stand directly after a name.
pub(super) fn is_word(ch: char) -> bool {
    let unspaced = matches!(ch,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' // Thai, Lao, Burmese, Khmer
        | '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}');
    ch.is_alphanumeric() && !unspaced
}

#[cfg(test)]
mod tests {
    use super::Glyphs;

    /// Where a text may be cut, as the characters that begin a new visible one.
    fn starts(text: &str) -> std::string::String {
        let mut glyphs = Glyphs::default();
        text.chars()
            .filter(|ch| {
                let starts = glyphs.ends_before(*ch);
                glyphs.push(*ch);
                starts
            })
            .collect()
    }

    #[test]
    fn what_readers_see_as_one_is_not_cut() {
        for (text, expected) in [
            ("ab", "ab"),
            ("\u{301}a", "\u{301}a"),
            ("e\u{301}f", "ef"),
            ("\r\n\n", "\r\n"),
            ("\n\u{301}", "\n\u{301}"),
            ("🇩🇪🇫🇷", "🇩🇫"),
            ("👩\u{200d}💻!", "👩!"),
            ("👩\u{200d}a", "👩a"),
            ("👍\u{1f3fd}👍", "👍👍"),
        ] {
            assert_eq!(starts(text), expected, "{text:?}");
        }
    }
}
