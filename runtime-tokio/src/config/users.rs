//! `allowed_users` (protocol section 13). An entry is taken exactly as it is written, or not at all: nothing is trimmed,
//! so that no slip opens the gate.

use std::collections::HashSet;

use super::table::Table;

const KEY: &str = "allowed_users";

/// The entries, each once.
pub(super) fn allowed(table: &mut Table<'_>) -> Vec<String> {
    let errors = table.errors();
    let entries = table.texts(KEY).unwrap_or_default();
    let mut seen = HashSet::new();
    let mut users = Vec::new();
    for (number, (at, entry)) in (1..).zip(entries) {
        let shown = show(entry);
        if entry.trim().is_empty() {
            table.error(at, KEY, &format!("entry {number} is blank: remove it"));
        } else if entry.chars().any(is_invisible) {
            let what = format!("entry {shown} holds control or invisible characters: type it anew");
            table.error(at, KEY, &what);
        } else if entry.trim() != entry {
            let everybody = if entry.trim() == "*" { " if everybody may speak to the bot" } else { "" };
            let what = format!("entry {shown} begins or ends with a space: write {}{everybody}", show(entry.trim()));
            table.error(at, KEY, &what);
        } else if seen.insert(entry) {
            if let Some(doubt) = doubt(entry) {
                table.warn(at, KEY, &format!("entry {shown} {doubt}"));
            }
            users.push(entry.to_owned());
        } else {
            table.warn(at, KEY, &format!("entry {shown} is there twice"));
        }
    }
    let at = table.place(KEY);
    if users.iter().any(|user| user == "*") && users.len() > 1 {
        table.warn(at, KEY, "holds \"*\", which lets everybody in, so that the other entries have no effect");
    }
    if users.is_empty() && table.errors() == errors {
        table.warn(
            at,
            KEY,
            "is empty: nobody may speak to this bot; add ids (\"ou_…\", \"on_…\"), or \"*\" for everybody",
        );
    }
    users
}

/// Why an entry will hardly match anybody.
fn doubt(entry: &str) -> Option<&'static str> {
    const NOT_A_USER: [(&str, &str); 3] = [
        ("cli_", "is an app's id and matches nobody; users have ou_… or on_…"),
        ("oc_", "is a chat's id and matches nobody; users have ou_… or on_…"),
        ("om_", "is a message's id and matches nobody; users have ou_… or on_…"),
    ];
    if entry == "*" {
        return None;
    }
    if entry.contains(['*', '＊']) {
        return Some("is no pattern and matches nobody: \"*\" alone lets everybody in");
    }
    if entry.contains('@') || entry.contains(char::is_whitespace) {
        return Some(
            "looks like an e-mail address or a display name: only ids match (\"ou_…\", \"on_…\" or a user id)",
        );
    }
    if let Some((_, doubt)) = NOT_A_USER.iter().find(|(prefix, _)| entry.starts_with(prefix)) {
        return Some(doubt);
    }
    let prefix = entry.get(..3).filter(|prefix| matches!(prefix.to_ascii_lowercase().as_str(), "ou_" | "on_"));
    if prefix.is_some_and(|prefix| prefix != prefix.to_ascii_lowercase()) {
        return Some("is taken for a user id: open and union ids begin with a small ou_ or on_");
    }
    if !entry.is_ascii() {
        return Some("looks like a display name: only ids match (\"ou_…\", \"on_…\" or a user id)");
    }
    None
}

/// Characters that make two entries look the same which are not.
pub(super) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
        )
}

/// A text as messages show it: in quotes and escaped. A long one is not shown; whoever sees a part of it would not
/// recognise a secret in it either.
pub(super) fn show(text: &str) -> String {
    match text.chars().count() {
        0..=60 => format!("{text:?}"),
        characters => format!("(a text of {characters} characters)"),
    }
}
