//! Where the bots are in a file that may be another program's, too.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::nearest::nearest;
use super::table::{KEYS, Table, is_known, show};
use super::text::Source;

/// The tables of bots in the order of the file, and what is wrong around them.
pub(super) struct Found<'a> {
    pub(super) tables: Vec<Table<'a>>,
    pub(super) errors: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// Keys that were known at the top of the file before there were tables; besides tables they are a mistake.
const AT_THE_TOP: [&str; 5] = ["app_id", "app_secret", "app_secret_file", "domain", "max_attempts"];

/// Finds `[channels_config.lark]`, `[channels.lark]`, `[lark]`, `[lark.NAME]`, or keys without a table.
pub(super) fn tables<'a>(document: &'a DeTable<'a>, source: &'a Source<'a>) -> Found<'a> {
    let mut found = Found { tables: Vec::new(), errors: Vec::new(), warnings: Vec::new() };
    for parent in ["channels_config", "channels"] {
        let inner = document.get(parent).and_then(|value| value.get_ref().as_table());
        if let Some(value) = inner.and_then(|inner| inner.get("lark")) {
            found.single(format!("{parent}.lark"), value, source);
        }
    }
    if let Some(value) = document.get("lark") {
        match value.get_ref() {
            DeValue::Table(keys) => found.lark(keys, value.span().start, source),
            _ => found.single("lark".into(), value, source),
        }
    }
    found.tables.sort_by_key(|table| table.at);
    if !found.tables.is_empty() || !found.errors.is_empty() {
        for key in AT_THE_TOP {
            if let Some(value) = document.get(key) {
                let what = format!("{key} stands outside of the bot's table and has no effect: move it into the table");
                found.warnings.push(source.say(value.span().start, &what));
            }
        }
        return found;
    }
    let ours = |value: &Spanned<DeValue<'_>>| !holds_tables(value.get_ref());
    if KEYS.iter().any(|key| document.get(key.name).is_some_and(ours)) {
        let mut table = Table::new(None, String::new(), 0, document, source);
        table.unknown_keys(|_, value| holds_tables(value));
        found.tables.push(table);
    } else {
        let (at, hint) = look_alike(document).unwrap_or((0, String::new()));
        let what = format!("no bot is configured here{hint}: write [channels_config.lark] with app_id and app_secret");
        found.errors.push(source.say(at, &what));
    }
    found
}

impl<'a> Found<'a> {
    /// A value that must be one bot's table.
    fn single(&mut self, path: String, value: &'a Spanned<DeValue<'a>>, source: &'a Source<'a>) {
        let at = value.span().start;
        if let DeValue::Table(keys) = value.get_ref() {
            let mut table = Table::new(None, path, at, keys, source);
            table.unknown_keys(|_, _| false);
            self.tables.push(table);
        } else {
            let what = format!("{path} must be a table: write [{path}] once, or [lark.NAME] for each of several bots");
            self.errors.push(source.say(at, &what));
        }
    }

    /// `[lark]`: a bot, or the roof of several, or both.
    fn lark(&mut self, keys: &'a DeTable<'a>, at: usize, source: &'a Source<'a>) {
        let is_bot = |key: &str, value: &DeValue<'_>| value.is_table() && !is_known(key);
        let mut several = false;
        for (key, value) in keys.iter() {
            let (name, at) = (key.get_ref().as_ref(), value.span().start);
            let Some(inner) = value.get_ref().as_table().filter(|_| is_bot(name, value.get_ref())) else { continue };
            several = true;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
                let what = "[lark.NAME]: a name is made of A-Z, a-z, 0-9, - and _, because it is part of the names of \
                            environment variables";
                self.errors.push(source.say(at, what));
                continue;
            }
            let mut table = Table::new(Some(name), format!("lark.{name}"), at, inner, source);
            table.unknown_keys(|_, _| false);
            self.tables.push(table);
        }
        if !several || keys.contains_key("app_id") {
            let mut table = Table::new(None, "lark".into(), at, keys, source);
            table.unknown_keys(is_bot);
            self.tables.push(table);
            return;
        }
        for (key, _) in keys.iter().filter(|(key, value)| !is_bot(key.get_ref(), value.get_ref())) {
            let what = format!(
                "[lark] {}: the tables [lark.NAME] inherit nothing; write it into each of them, or give [lark] an \
                 app_id of its own",
                show(key.get_ref())
            );
            self.errors.push(source.say(key.span().start, &what));
        }
    }
}

/// A table, or a list of tables.
fn holds_tables(value: &DeValue<'_>) -> bool {
    let list = value.as_array();
    value.is_table() || list.is_some_and(|list| list.iter().any(|entry| entry.get_ref().is_table()))
}

/// A table that was probably meant to be a bot's.
fn look_alike(document: &DeTable<'_>) -> Option<(usize, String)> {
    let meant = |path: &str, key: &str| match key {
        "feishu" => Some(format!(" ([{path}feishu] is not read: name it [{path}lark] and set use_feishu = true)")),
        _ => nearest(key, ["lark"]).map(|_| format!(" (is this line meant to be [{path}lark]?)")),
    };
    for (key, value) in document.iter() {
        let (name, at) = (key.get_ref().as_ref(), value.span().start);
        let Some(table) = value.get_ref().as_table() else { continue };
        if let Some(hint) = meant("", name) {
            return Some((at, hint));
        }
        let Some(parent) = nearest(name, ["channels", "channels_config"]) else { continue };
        for (key, value) in table.iter().filter(|(_, value)| value.get_ref().is_table()) {
            let path = format!("{parent}.");
            if let Some(hint) = meant(&path, key.get_ref()) {
                return Some((value.span().start, hint));
            }
        }
    }
    None
}
