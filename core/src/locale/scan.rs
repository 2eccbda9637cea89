//! The strings of a JSON text, read from an iterator of characters.
//!
//! The pull reader of `wire::json` borrows its document; message content is JSON inside a JSON string, and no unescaped
//! copy of it exists. What is malformed ends the scan, and what is no string is not validated: the answer is a hint,
//! and the reader has the last word.

/// How deep arrays and objects may nest; the next one ends the scan.
const MAX_DEPTH: usize = 64;

/// What the scan found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Token {
    /// A character of a string value.
    Char(char),
    /// A string value ends, maybe without having had a character.
    End,
    /// A member's key, see [`Scan::key`].
    Key,
    /// An object begins.
    Object,
}

/// Walks a JSON text and gives its keys and the characters of its string values, escapes resolved. A lone surrogate
/// reads as U+FFFD.
pub(crate) struct Scan<'a> {
    /// An iterator's `next`. As a type parameter it would be two copies of all this on a board.
    chars: &'a mut dyn FnMut() -> Option<char>,
    depth: u8,
    /// What stood behind a first half of a surrogate pair and is not its second half.
    held: Option<Unit>,
    key: [u8; 24],
    /// In bytes; more than there is room for when the key is too long or not ASCII.
    key_len: u8,
    known: &'static [&'static str],
    /// One bit for each open container, the innermost lowest: 1 for an object.
    objects: u64,
    /// For each open container the known key that strings in it belong to, as a position in `known`.
    owners: [u8; MAX_DEPTH],
    state: State,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    Colon,
    Done,
    /// The first element, or the end of the array.
    First,
    /// The first key, or the end of the object.
    FirstKey,
    Key,
    /// A comma, or the end of the array or object.
    More,
    /// Inside a string value.
    Text,
    Value,
    /// Inside a number, `true`, `false` or `null`.
    Word,
}

/// A piece of a JSON string.
#[derive(Clone, Copy)]
enum Unit {
    Char(char),
    /// The closing quotation mark.
    End,
    /// `\uXXXX`.
    Escape(u16),
}

impl<'a> Scan<'a> {
    /// A scan at the start of a document; [`owner`](Self::owner) tells the `known` keys, at most 255, from each other.
    pub(crate) fn new(chars: &'a mut dyn FnMut() -> Option<char>, known: &'static [&'static str]) -> Self {
        Self {
            chars,
            depth: 0,
            held: None,
            key: [0; 24],
            key_len: 0,
            known,
            objects: 0,
            owners: [u8::MAX; MAX_DEPTH],
            state: State::Value,
        }
    }

    /// How many arrays and objects are open.
    pub(crate) fn depth(&self) -> u8 {
        self.depth
    }

    /// The key read last, if its object has not ended. Empty for one that is not ASCII or longer than 24 bytes.
    pub(crate) fn key(&self) -> &[u8] {
        self.key.get(..usize::from(self.key_len)).unwrap_or_default()
    }

    /// The known key that a string value here belongs to; an array's elements belong to the array's key. Empty where
    /// the key is none of them.
    pub(crate) fn owner(&self) -> &'static str {
        self.known.get(usize::from(self.owner_id())).copied().unwrap_or_default()
    }

    /// The next find, `None` at the end of the document and wherever it is malformed.
    pub(crate) fn next(&mut self) -> Option<Token> {
        let token = self.advance();
        if token.is_none() {
            self.state = State::Done;
        }
        token
    }

    fn advance(&mut self) -> Option<Token> {
        loop {
            if self.state == State::Text {
                let ch = self.text_char()?;
                if ch.is_none() {
                    self.state = State::More;
                }
                return Some(ch.map_or(Token::End, Token::Char));
            } else if self.state == State::Done {
                return None;
            }
            let ch = (self.chars)()?;
            if matches!(ch, ' ' | '\t' | '\n' | '\r') {
                if self.state == State::Word {
                    self.state = State::More;
                }
                continue;
            }
            let in_object = self.objects & 1 == 1;
            self.state = match (self.state, ch) {
                (State::First | State::Value, '"') => State::Text,
                (State::First | State::Value, '{') => {
                    self.open(true)?;
                    self.state = State::FirstKey;
                    return Some(Token::Object);
                }
                (State::First | State::Value, '[') => {
                    self.open(false)?;
                    State::First
                }
                (State::First | State::Value | State::Word, '+' | '-' | '.' | '0'..='9' | 'A'..='Z' | 'a'..='z') => {
                    State::Word
                }
                (State::FirstKey | State::Key, '"') => {
                    self.read_key()?;
                    self.state = State::Colon;
                    return Some(Token::Key);
                }
                (State::Colon, ':') => State::Value,
                (State::More | State::Word, ',') if self.depth > 0 => {
                    if in_object {
                        State::Key
                    } else {
                        State::Value
                    }
                }
                (State::FirstKey, '}') | (State::First, ']') => self.close(),
                (State::More | State::Word, '}') if self.depth > 0 && in_object => self.close(),
                (State::More | State::Word, ']') if self.depth > 0 && !in_object => self.close(),
                _ => return None,
            };
        }
    }

    fn open(&mut self, object: bool) -> Option<()> {
        let owner = if object { u8::MAX } else { self.owner_id() };
        *self.owners.get_mut(usize::from(self.depth))? = owner;
        self.depth = self.depth.saturating_add(1);
        self.objects = self.objects << 1 | u64::from(object);
        Some(())
    }

    fn close(&mut self) -> State {
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
        self.key_len = 0;
        State::More
    }

    fn owner_id(&self) -> u8 {
        let innermost = usize::from(self.depth).checked_sub(1);
        innermost.and_then(|at| self.owners.get(at)).copied().unwrap_or(u8::MAX)
    }

    fn read_key(&mut self) -> Option<()> {
        self.key_len = 0;
        while let Some(ch) = self.text_char()? {
            if let (Some(place), true) = (self.key.get_mut(usize::from(self.key_len)), ch.is_ascii()) {
                *place = u8::try_from(ch).unwrap_or_default();
                self.key_len = self.key_len.saturating_add(1);
            } else {
                self.key_len = u8::MAX;
            }
        }
        let id = self.known.iter().position(|known| known.as_bytes() == self.key());
        let innermost = usize::from(self.depth).checked_sub(1)?;
        *self.owners.get_mut(innermost)? = id.and_then(|id| u8::try_from(id).ok()).unwrap_or(u8::MAX);
        Some(())
    }

    /// The next character of a string, `Some(None)` at its end.
    fn text_char(&mut self) -> Option<Option<char>> {
        let unit = match self.held.take() {
            Some(unit) => unit,
            None => self.unit()?,
        };
        Some(match unit {
            Unit::Char(ch) => Some(ch),
            Unit::End => None,
            Unit::Escape(high @ 0xd800..0xdc00) => {
                let next = self.unit()?;
                let pair = match next {
                    Unit::Escape(low @ 0xdc00..0xe000) => {
                        let above_basic_plane = u32::from(high & 0x3ff) << 10 | u32::from(low & 0x3ff);
                        char::from_u32(above_basic_plane.saturating_add(0x1_0000))
                    }
                    _ => None,
                };
                if pair.is_none() {
                    self.held = Some(next);
                }
                pair.or(Some(char::REPLACEMENT_CHARACTER))
            }
            Unit::Escape(code) => Some(char::from_u32(code.into()).unwrap_or(char::REPLACEMENT_CHARACTER)),
        })
    }

    fn unit(&mut self) -> Option<Unit> {
        Some(match (self.chars)()? {
            '"' => Unit::End,
            '\\' => match (self.chars)()? {
                ch @ ('"' | '\\' | '/') => Unit::Char(ch),
                'b' => Unit::Char('\u{8}'),
                'f' => Unit::Char('\u{c}'),
                'n' => Unit::Char('\n'),
                'r' => Unit::Char('\r'),
                't' => Unit::Char('\t'),
                'u' => {
                    let mut code = 0_u16;
                    for _ in 0..4 {
                        let digit = (self.chars)()?.to_digit(16)?;
                        code = code << 4 | u16::try_from(digit).ok()?;
                    }
                    Unit::Escape(code)
                }
                _ => return None,
            },
            ch if ch < ' ' => return None,
            ch => Unit::Char(ch),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::string::{String, ToString as _};
    use std::vec::Vec;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::{Scan, Token};

    const KEYS: &[&str] = &["a", "text", "locale", "i18n_locale", "\"\\\n", "key_of_exactly_24_bytes_"];

    /// The known key (or none) and the text of every string value.
    fn scanned(text: &str) -> Vec<(&'static str, String)> {
        let mut chars = text.chars();
        let mut next = || chars.next();
        let mut scan = Scan::new(&mut next, KEYS);
        let (mut found, mut value) = (Vec::new(), String::new());
        while let Some(token) = scan.next() {
            match token {
                Token::Char(ch) => value.push(ch),
                Token::End => found.push((scan.owner(), core::mem::take(&mut value))),
                Token::Key | Token::Object => assert_eq!(value, "", "nothing lies inside a string"),
            }
        }
        assert_eq!(scan.next(), None, "what has ended stays ended");
        found
    }

    fn expected(value: &Value, owner: &'static str, found: &mut Vec<(&'static str, String)>) {
        match value {
            Value::String(text) => found.push((owner, text.clone())),
            Value::Array(elements) => elements.iter().for_each(|element| expected(element, owner, found)),
            Value::Object(members) => {
                for (key, value) in members {
                    expected(value, KEYS.iter().find(|known| *known == key).copied().unwrap_or_default(), found);
                }
            }
            _ => {}
        }
    }

    /// The same document with every character of its strings as `\uXXXX`.
    fn escaped(value: &Value) -> String {
        let string = |text: &str| {
            let units: String = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
            format!("\"{units}\"")
        };
        match value {
            Value::String(text) => string(text),
            Value::Array(elements) => {
                format!("[ {} ]", elements.iter().map(escaped).collect::<Vec<_>>().join(" , "))
            }
            Value::Object(members) => {
                let members = members.iter().map(|(key, value)| format!("{}:{}", string(key), escaped(value)));
                format!("{{{}}}", members.collect::<Vec<_>>().join(",\n"))
            }
            other => other.to_string(),
        }
    }

    fn documents() -> impl Strategy<Value = Value> {
        let text = prop_oneof![any::<String>(), "[a\"\\\\/\n\u{7f}é漢\u{1f600}]{0,6}", Just(String::new())];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text.prop_map(Value::from),
        ];
        let key = prop_oneof![proptest::sample::select(KEYS).prop_map(String::from), ".{0,30}", "[a-z_]{23,26}"];
        leaf.prop_recursive(6, 64, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((key.clone(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_string_is_seen_under_its_key_however_it_is_escaped(document in documents()) {
            let mut all = Vec::new();
            expected(&document, "", &mut all);
            for text in [document.to_string(), format!("{document:#}"), escaped(&document)] {
                prop_assert_eq!(&scanned(&text), &all);
                // Cut anywhere, the text gives what came before.
                let cut: String = text.chars().take(text.chars().count() / 2).collect();
                prop_assert!(all.starts_with(&scanned(&cut)));
            }
        }

        #[test]
        fn what_is_no_json_ends(text in "[\\[\\]{}:,\" \\\\untrue0-9a\u{d}é]{0,40}") {
            let seen = scanned(&text).len();
            if let Ok(document) = serde_json::from_str::<Value>(&text) {
                let mut all = Vec::new();
                expected(&document, "", &mut all);
                prop_assert!(all.len() <= seen, "serde_json keeps one of the members with the same key, not more");
            }
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_a_replacement_character() {
        let one = |text: &str| scanned(text).first().map(|(_, text)| text.clone());
        assert_eq!(one(r#""\ud83d\ude00""#).unwrap(), "\u{1f600}");
        assert_eq!(one(r#""\ud83dx""#).unwrap(), "\u{fffd}x");
        assert_eq!(one(r#""\ud83d""#).unwrap(), "\u{fffd}");
        assert_eq!(one(r#""\ud83d\ud83d\ude00""#).unwrap(), "\u{fffd}\u{1f600}");
        assert_eq!(one(r#""\ude00\u0041""#).unwrap(), "\u{fffd}A");
        assert_eq!(one(r#""\ud83d\n""#).unwrap(), "\u{fffd}\n");
    }

    #[test]
    fn sixty_four_levels_are_read_and_one_more_is_not() {
        let nested = |levels: usize| format!("{}\"x\"{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(scanned(&nested(64)).len(), 1);
        assert_eq!(scanned(&nested(65)).len(), 0);
    }

    #[test]
    fn an_element_behind_an_object_still_belongs_to_the_arrays_key() {
        assert_eq!(
            scanned(r#"{"text":[{"a":"1","z":"2"},"3"],"locale":"4"}"#),
            [("a", "1".into()), ("", "2".into()), ("text", "3".into()), ("locale", "4".into())]
        );
    }

    #[test]
    fn a_malformed_text_ends_where_it_is_malformed() {
        for text in
            ["[\"a\" \"b\"]", "[\"a\"}\"b\"", "[\"a\",]\"b\"", "\"a\",\"b\"", "[\"a\",\"b\u{1}\"]", "[\"a\",\"\\x\""]
        {
            assert_eq!(scanned(text).len(), 1, "{text}");
        }
        for text in ["", "]", "}", "{\"a\" \"b\"}", "{1:\"b\"}", "{\"a\",\"b\"}", "tr\"b\"", "{,\"a\":\"b\"}"] {
            assert_eq!(scanned(text).len(), 0, "{text}");
        }
    }
}
