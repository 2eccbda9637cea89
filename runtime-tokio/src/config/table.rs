//! One bot's table: typed values by key, and everything there is to say about them.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::nearest::nearest;
use super::text::Source;

/// A key of ours.
pub(super) struct Key {
    pub(super) name: &'static str,
    /// What to write: the end of a sentence.
    example: &'static str,
}

const fn key(name: &'static str, example: &'static str) -> Key {
    Key { name, example }
}

const FLAG: &str = "true or false, without quotes";

/// All keys that mean something, alphabetically.
pub(super) const KEYS: [Key; 32] = [
    key("ack_reactions", "\"auto\", \"off\", \"zh-CN\", \"zh-TW\", \"en\" or \"ja\""),
    key("allow_bots", FLAG),
    key("allowed_users", "a list: [\"ou_…\", \"on_…\"] or [\"*\"]"),
    key("app_id", "\"cli_…\""),
    key("app_secret", "a text in quotes"),
    key("app_secret_file", "a path in quotes"),
    key("chat_locales", "a table: { \"oc_…\" = \"ja\" }"),
    key("dedup_file", "a path in quotes"),
    key("dedup_window_secs", "seconds without quotes: 43200"),
    key("domain", "\"feishu\", \"lark\" or \"https://…\""),
    key("enabled", FLAG),
    key("encrypt_key", "a text in quotes"),
    key("encrypt_key_file", "a path in quotes"),
    key("max_attempts", "a number without quotes: 10"),
    key("mention_only", FLAG),
    key("port", "a number without quotes: 8080"),
    key("receive_mode", "\"websocket\" or \"webhook\""),
    key("respond_to_mention_all", FLAG),
    key("split_text_at", "a number without quotes: 3500"),
    key("stale_after_secs", "seconds without quotes: 1800"),
    key("use_feishu", FLAG),
    key("verification_token", "a text in quotes"),
    key("verification_token_file", "a path in quotes"),
    key("webhook_allow_missing_token", FLAG),
    key("webhook_host", "\"0.0.0.0\", \"[::]\" or \"127.0.0.1\""),
    key("webhook_max_age_secs", "seconds without quotes: 3600"),
    key("webhook_max_body", "bytes without quotes: 524288"),
    key("webhook_old_cards", FLAG),
    key("webhook_path", "\"/lark\""),
    key("webhook_tls_cert_file", "a path in quotes"),
    key("webhook_tls_key_file", "a path in quotes"),
    key("proxy_url", "nothing here"),
];

/// Keys of other programs that read the same table.
const WITHOUT_EFFECT: [&str; 4] =
    ["approval_timeout_secs", "draft_update_interval_ms", "per_user_session", "stream_mode"];

/// Whether larkwire, or a program it shares the table with, has such a key.
pub(super) fn is_known(key: &str) -> bool {
    KEYS.iter().any(|known| known.name == key) || WITHOUT_EFFECT.contains(&key)
}

/// A key as messages show it. One that looks like none of anybody's keys is not quoted: it may be a secret in the wrong
/// place.
pub(super) fn show(key: &str) -> &str {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    let keylike = key.len() <= 40 && (key.bytes().all(plain) || nearest_key(key).is_some());
    if keylike && !key.is_empty() { key } else { "this key" }
}

fn nearest_key(key: &str) -> Option<&'static str> {
    nearest(key, KEYS.iter().map(|known| known.name).chain(WITHOUT_EFFECT))
}

/// A bot's table.
pub(super) struct Table<'a> {
    /// `NAME` of `[lark.NAME]`.
    pub(super) name: Option<&'a str>,
    /// As it stands in the brackets; empty at the top of the file.
    pub(super) path: String,
    /// Where it begins.
    pub(super) at: usize,
    keys: &'a DeTable<'a>,
    source: &'a Source<'a>,
    /// Known keys that somebody probably meant, and where.
    meant: Vec<(&'static str, usize)>,
    /// Keys with an error, so that one mistake is told once.
    faulty: Vec<String>,
    /// With their places.
    errors: Vec<(usize, String)>,
    warnings: Vec<(usize, String)>,
}

impl<'a> Table<'a> {
    pub(super) fn new(
        name: Option<&'a str>,
        path: String,
        at: usize,
        keys: &'a DeTable<'a>,
        source: &'a Source<'a>,
    ) -> Self {
        Self {
            name,
            path,
            at,
            keys,
            source,
            meant: Vec::new(),
            faulty: Vec::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Warns about every key that has no effect, but for those that `skip` says are somebody else's.
    pub(super) fn unknown_keys(&mut self, skip: impl Fn(&str, &DeValue<'_>) -> bool) {
        let keys = self.keys;
        let mut in_order: Vec<_> = keys.iter().collect();
        in_order.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in in_order {
            let (name, at) = (key.get_ref().as_ref(), key.span().start);
            if name == "proxy_url" {
                self.warn(at, name, "has no effect in larkwire: set the environment variable HTTPS_PROXY instead");
            } else if WITHOUT_EFFECT.contains(&name) {
                self.warn(at, name, "has no effect in larkwire");
            } else if !is_known(name) && !skip(name, value.get_ref()) {
                if value.get_ref().as_table().is_some_and(|inner| inner.contains_key("app_id")) {
                    self.error(at, show(name), "is a bot inside of a bot: several bots are written as [lark.NAME]");
                } else if let Some(meant) = nearest_key(name) {
                    self.meant.push((meant, at));
                    let what = format!("is not known here and has no effect: did you mean {meant}?");
                    self.warn(at, show(name), &what);
                } else {
                    self.warn(at, show(name), "is not known here and has no effect: remove it");
                }
            }
        }
    }

    /// Whether the key is there, whatever its value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// How many errors there are so far.
    pub(super) fn errors(&self) -> usize {
        self.errors.len()
    }

    /// Errors and warnings in the order of the file.
    pub(super) fn messages(&mut self) -> (Vec<String>, Vec<String>) {
        let in_order = |said: &mut Vec<(usize, String)>| {
            said.sort_by_key(|(at, _)| *at);
            said.drain(..).map(|(_, message)| message).collect()
        };
        (in_order(&mut self.errors), in_order(&mut self.warnings))
    }

    /// Whether there is an error about the key already.
    pub(super) fn is_faulty(&self, key: &str) -> bool {
        self.faulty.iter().any(|faulty| faulty == key)
    }

    /// Where the key's value stands; the table's beginning when it is absent.
    pub(super) fn place(&self, key: &str) -> usize {
        self.keys.get(key).map_or(self.at, |value| value.span().start)
    }

    fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.keys.get(key)
    }

    /// A text; `None` when absent or an error.
    pub(super) fn text(&mut self, key: &str) -> Option<&'a str> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::String(text) if text.contains("${") => {
                self.error(
                    value.span().start,
                    key,
                    "holds ${…}, but variables are not filled in: write the value itself; secrets can come from the \
                     environment variable LARKWIRE_… or from a file instead",
                );
                None
            }
            DeValue::String(text) => Some(text),
            other => self.wrong_type(value.span().start, key, other),
        }
    }

    /// A text without white space around it, which is taken off with a warning. Blank: an error, or `None` where
    /// `blank` allows it.
    pub(super) fn trimmed(&mut self, key: &str, blank: Blank) -> Option<&'a str> {
        let text = self.text(key)?;
        let at = self.place(key);
        let trimmed = text.trim();
        if trimmed.is_empty() {
            if blank == Blank::Error {
                self.error_with_example(at, key, "is empty");
            }
            return None;
        }
        if trimmed.chars().any(char::is_control) {
            self.error(at, key, "holds line breaks or other control characters: remove them");
            return None;
        }
        if trimmed != text {
            self.warn(at, key, "begins or ends with white space, which is left out: remove it");
        }
        Some(trimmed)
    }

    /// `true` or `false`; `None` when absent or an error.
    pub(super) fn flag(&mut self, key: &str) -> Option<bool> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Boolean(flag) => Some(*flag),
            other => self.wrong_type(value.span().start, key, other),
        }
    }

    /// A whole number within `range`; `why` ends the sentence about one that is not.
    pub(super) fn number(&mut self, key: &str, range: RangeInclusive<u64>, why: &str) -> Option<u64> {
        let value = self.get(key)?;
        let DeValue::Integer(digits) = value.get_ref() else {
            return self.wrong_type(value.span().start, key, value.get_ref());
        };
        // A number that does not fit is out of range, too.
        match u64::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                let what = format!("must be from {} to {}{why}", range.start(), range.end());
                self.error(value.span().start, key, &what);
                None
            }
        }
    }

    /// The texts of a list with their places; `None` when absent or an error.
    pub(super) fn texts(&mut self, key: &str) -> Option<Vec<(usize, &'a str)>> {
        let value = self.get(key)?;
        let DeValue::Array(list) = value.get_ref() else {
            return self.wrong_type(value.span().start, key, value.get_ref());
        };
        let mut texts = Vec::new();
        for (number, entry) in (1..).zip(list.iter()) {
            match entry.get_ref() {
                DeValue::String(text) => texts.push((entry.span().start, text.as_ref())),
                other => {
                    let what = format!("entry {number} must be a text in quotes, not {}", describe(other));
                    self.error(entry.span().start, key, &what);
                }
            }
        }
        Some(texts)
    }

    /// A table's texts by key, in the order of the file; `None` when absent or an error.
    pub(super) fn pairs(&mut self, key: &str) -> Option<Vec<(usize, &'a str, &'a str)>> {
        let value = self.get(key)?;
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong_type(value.span().start, key, value.get_ref());
        };
        let mut pairs = Vec::new();
        for (name, value) in table.iter() {
            let at = name.span().start;
            match value.get_ref() {
                DeValue::String(text) => pairs.push((at, name.get_ref().as_ref(), text.as_ref())),
                other => {
                    let what = format!("the value must be a text in quotes, not {}", describe(other));
                    self.error(at, key, &what);
                }
            }
        }
        pairs.sort_unstable();
        Some(pairs)
    }

    /// Whether the value is `true` or `false`; a key that takes other things too asks first.
    pub(super) fn is_flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| matches!(value.get_ref(), DeValue::Boolean(_)))
    }

    fn wrong_type<T>(&mut self, at: usize, key: &str, value: &DeValue<'_>) -> Option<T> {
        self.error_with_example(at, key, &format!("must not be {}", describe(value)));
        None
    }

    /// A value that is none of the allowed words; it may be a secret in the wrong place and is not quoted.
    pub(super) fn unknown_word(&mut self, key: &str, word: &str, known: &[&'static str]) {
        let what = match nearest(word, known.iter().copied()) {
            Some(meant) => format!("has an unknown value (did you mean \"{meant}\"?)"),
            None => "has an unknown value".to_owned(),
        };
        self.error_with_example(self.place(key), key, &what);
    }

    /// A required key that is nowhere; `or` names the other ways to give it.
    pub(super) fn missing(&mut self, key: &str, why: &str, or: &str) {
        let meant = self.meant.iter().find(|(meant, _)| *meant == key);
        let (at, mistyped) = match meant {
            Some((_, at)) => (*at, " (is it mistyped in this line?)"),
            None => (self.place(key), ""),
        };
        self.error(at, key, &format!("is missing or empty{mistyped}{why}; write {}{or}", example(key)));
    }

    fn error_with_example(&mut self, at: usize, key: &str, what: &str) {
        self.error(at, key, &format!("{what}; write {}", example(key)));
    }

    pub(super) fn error(&mut self, at: usize, key: &str, what: &str) {
        let message = self.say(at, key, what);
        self.errors.push((at, message));
        self.faulty.push(key.to_owned());
    }

    pub(super) fn warn(&mut self, at: usize, key: &str, what: &str) {
        let message = self.say(at, key, what);
        self.warnings.push((at, message));
    }

    fn say(&self, at: usize, key: &str, what: &str) -> String {
        match self.path.as_str() {
            "" => self.source.say(at, &format!("{key} {what}")),
            path => self.source.say(at, &format!("[{path}] {key} {what}")),
        }
    }
}

fn example(key: &str) -> &'static str {
    KEYS.iter().find(|known| known.name == key).map_or("", |known| known.example)
}

/// What a blank text is.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Blank {
    /// The same as an absent key.
    Absent,
    /// An error.
    Error,
}

fn describe(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::Array(_) => "a list",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Integer(_) => "a number",
        DeValue::String(_) => "a text in quotes",
        DeValue::Table(_) => "a table",
    }
}
