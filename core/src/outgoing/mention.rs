//! Mentions in outgoing text (protocol section 16.2).

use core::cmp::Reverse;

use super::glyph::{extends, is_word};
use crate::wire::writer::Writer;

/// Mentions everybody in the chat.
pub const MENTION_ALL: &str = "<at user_id=\"all\"></at>";

/// Writes a mention of `open_id`, shown as `name`: `<at user_id="ou_x">name</at>`.
///
/// The id is escaped as an attribute; the name loses `<` and `>`, so that it cannot hold a tag, and stays on one line.
pub fn write_mention(w: &mut Writer<'_>, open_id: &str, name: &str) {
    w.bytes(b"<at user_id=\"");
    for ch in open_id.chars() {
        match ch {
            '"' => w.bytes(b"&quot;"),
            '&' => w.bytes(b"&amp;"),
            '\'' => w.bytes(b"&#39;"),
            '<' => w.bytes(b"&lt;"),
            '>' => w.bytes(b"&gt;"),
            _ => write_char(w, ch),
        }
    }
    w.bytes(b"\">");
    for ch in name.chars() {
        match ch {
            '<' | '>' => {}
            '\n' | '\r' => w.byte(b' '),
            _ => write_char(w, ch),
        }
    }
    w.bytes(b"</at>");
}

/// Writes `text`, each `@Name` of `roster` (pairs of name and open_id) turned into a mention. Returns how many.
///
/// - At each `@` the longest name that fits wins; of equal names the first. Upper and lower case differ.
/// - A name ends where its word ends: `@Bobby` and `@Bob_1` do not mention Bob, `@Bob's`, `_@Bob_` and `@Bob您好` do.
/// - An `@` that a letter or digit precedes is no mention (`a@Bob.com`), unless that belongs to a script without
///   spaces (`你好@Bob`) or to the mention before it (`@Bob@Al`); nor is one that starts a part of a URL's path.
/// - A mention tag that is there already stays as it is. Pairs with an empty name or id are passed over.
///
/// The work is at most the length of `text` times the size of `roster`.
pub fn resolve_mentions(w: &mut Writer<'_>, text: &str, roster: &[(&str, &str)]) -> usize {
    let mut count: usize = 0;
    let mut rest = text;
    // The character before `rest`, none after a tag.
    let mut last = None;
    let mut in_url = false;
    while let Some(ch) = rest.chars().next() {
        if let Some((tag, after)) = tag_len(rest).and_then(|len| rest.split_at_checked(len)) {
            w.bytes(tag.as_bytes());
            (rest, last, in_url) = (after, None, false);
            continue;
        }
        let starts = ch == '@' && !last.is_some_and(|last| is_word(last) || (in_url && last == '/'));
        if starts && let Some((name, open_id, after)) = longest(rest, roster) {
            write_mention(w, open_id, name);
            count = count.saturating_add(1);
            (rest, last, in_url) = (after, None, false);
            continue;
        }
        write_char(w, ch);
        in_url = (in_url || rest.starts_with("://")) && ch.is_ascii_graphic();
        last = Some(ch);
        rest = rest.get(ch.len_utf8()..).unwrap_or_default();
    }
    count
}

/// The longest name that stands behind the `@` at the start of `text`, its id, and what follows.
fn longest<'t, 'r>(text: &'t str, roster: &[(&'r str, &'r str)]) -> Option<(&'r str, &'r str, &'t str)> {
    let text = text.strip_prefix('@')?;
    roster
        .iter()
        .filter(|(name, open_id)| !name.is_empty() && !open_id.is_empty())
        .filter_map(|(name, open_id)| Some((*name, *open_id, text.strip_prefix(*name)?)))
        .filter(|(name, _, after)| is_whole(name, after))
        .min_by_key(|(name, ..)| Reverse(name.len()))
}

/// Whether `name` ends before `after`, rather than being the start of a longer name.
fn is_whole(name: &str, after: &str) -> bool {
    let mut after = after.chars();
    let next = match after.next() {
        Some('_') => after.next(), // a word goes on behind it, or emphasis ends with it
        next => next,
    };
    !next.is_some_and(|next| extends(next) || (is_word(next) && name.chars().next_back().is_some_and(is_word)))
}

/// The length of the mention tag `text` starts with: `<at …>name</at>` on one line, without another `<` or `>` in the
/// attributes, without another `<` in the name. Nothing behind the next `<` is looked at, so that looking at each is
/// linear.
pub(super) fn tag_len(text: &str) -> Option<usize> {
    let attributes = text.strip_prefix("<at").filter(|rest| rest.starts_with([' ', '\t']))?;
    let (_, name) = attributes.split_at_checked(attributes.find(['<', '>', '\n'])?)?;
    let name = name.strip_prefix('>')?;
    let (_, close) = name.split_at_checked(name.find(['<', '\n'])?)?;
    let after = close.strip_prefix("</at>")?;
    Some(text.len().saturating_sub(after.len()))
}

fn write_char(w: &mut Writer<'_>, ch: char) {
    w.bytes(ch.encode_utf8(&mut [0; 4]).as_bytes());
}
