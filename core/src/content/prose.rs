//! Text that people write: placeholders of mentions as whole tokens, `<at …>` tags, entities (protocol section 12.3).
//!
//! What stands for a mention is looked at once; the name that comes instead never is. Looking ahead ends at the next
//! `<` or after a run of digits, so that every character is read a bounded number of times.

use core::iter::{Take, once};

use super::mentions::Mention;
use super::out::Out;
use crate::wire::json::{Str, Unescaped};
use crate::wire::scan::Set;

const USER: &str = "_user_";
/// Begins an escape, a placeholder, a tag or an entity, where there may be such.
const MEANS: Set<4> = Set::new(*b"\\@<&");

impl Out<'_, '_, '_> {
    /// Writes text with its placeholders replaced, and its `<at …>` tags if it may have such.
    pub(super) fn prose(&mut self, mut chars: Words<'_>, tags: bool) {
        loop {
            self.str(chars.run());
            let Some(c) = chars.next() else { return };
            let after = match c {
                '@' => self.placeholder(&chars),
                '<' if tags => self.tag(&chars),
                _ => None,
            };
            match after {
                Some(after) => chars = after,
                None => self.char(c),
            }
        }
    }

    /// Someone mentioned by key or open_id, with the name that stands there if any.
    pub(super) fn at(&mut self, id: Take<Words<'_>>, name: Take<Words<'_>>) {
        if id.clone().eq("all".chars()) || id.clone().eq("@_all".chars()) {
            self.everyone();
        } else if self.lookup.is_own(|own| id.clone().eq(own.chars())) {
            self.remove();
        } else {
            let is = |text: Option<Str<'_>>| text.is_some_and(|text| text.chars().eq(id.clone()));
            let found = self.lookup.find(|mention| is(mention.key) || is(mention.open_id));
            if found.is_some_and(|mention| self.mention(&mention)) {
                return;
            }
            let named = name.clone().next().is_some();
            if named || id.clone().next().is_some_and(|c| c != '@') {
                self.char('@');
            }
            if named { self.name(name) } else { self.name(id) }
        }
    }

    /// What stands after an `@`, if it is a placeholder with something to put in its place; gives what follows it.
    fn placeholder<'t>(&mut self, chars: &Words<'t>) -> Option<Words<'t>> {
        if let Some(after) = eat(chars, "_all") {
            let word = after.clone().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
            return (!word).then(|| {
                self.everyone();
                after
            });
        }
        let mut after = eat(chars, USER)?;
        let mut len = USER.len();
        let mut ahead = after.clone();
        while ahead.next().is_some_and(|c| c.is_ascii_digit()) {
            after = ahead.clone();
            len = len.saturating_add(1);
        }
        if len == USER.len() {
            return None;
        }
        let token = once('@').chain(chars.clone().take(len));
        let mention = self.lookup.find(|mention| mention.key.is_some_and(|key| key.chars().eq(token.clone())))?;
        self.mention(&mention).then_some(after)
    }

    /// What stands after a `<`, if it is `at id="…">name</at>`; gives what follows it.
    fn tag<'t>(&mut self, chars: &Words<'t>) -> Option<Words<'t>> {
        let mut chars = eat(chars, "at")?;
        let mut id = None;
        let closed = loop {
            let before = chars.clone();
            match chars.next()? {
                c if c.is_whitespace() => {}
                '>' => break false,
                '/' => {
                    chars = eat(&chars, ">")?;
                    break true;
                }
                '<' => return None,
                _ => {
                    let (name, after) = take(before, |c| matches!(c, '=' | '>' | '/' | '<') || c.is_whitespace());
                    chars = after;
                    let Some(mut value) = eat(&chars, "=") else { continue };
                    let quote = value.clone().next().filter(|c| matches!(c, '"' | '\''));
                    if quote.is_some() {
                        value.next();
                    }
                    let (text, after) = take(value, |c| match quote {
                        Some(quote) => c == quote || c == '<',
                        None => matches!(c, '>' | '/' | '<') || c.is_whitespace(),
                    });
                    chars = after;
                    if quote.is_some() && chars.next() != quote {
                        return None;
                    }
                    if ["id", "open_id", "user_id"].iter().any(|known| name.clone().eq(known.chars())) {
                        id = Some(text);
                    }
                }
            }
        };
        let id = id?;
        let (mut name, mut after) = take(chars, |c| c == '<' || closed);
        if !closed {
            after = eat(&after, "</at>")?;
        }
        if name.clone().next() == Some('@') {
            name.next();
        }
        self.at(id, name);
        Some(after)
    }

    /// Writes who is mentioned. `false`: there is no name.
    fn mention(&mut self, mention: &Mention<'_>) -> bool {
        if mention.open_id.is_some_and(|id| self.lookup.is_own(|own| id == *own)) {
            self.remove();
        } else if mention.is_all() {
            self.everyone();
        } else if let Some(name) = mention.name {
            self.char('@');
            self.name(name.chars());
        } else {
            return false;
        }
        true
    }

    fn everyone(&mut self) {
        self.all = true;
        self.str("@all");
    }
}

/// What follows `word`, if that comes next.
fn eat<'t>(chars: &Words<'t>, word: &str) -> Option<Words<'t>> {
    let mut chars = chars.clone();
    word.chars().all(|c| chars.next() == Some(c)).then_some(chars)
}

/// The characters before the first that `ends` them, and the rest from that one on.
fn take<'t>(chars: Words<'t>, ends: impl Fn(char) -> bool) -> (Take<Words<'t>>, Words<'t>) {
    let (mut rest, mut len) = (chars.clone(), 0_usize);
    let mut ahead = rest.clone();
    while ahead.next().is_some_and(|c| !ends(c)) {
        rest = ahead.clone();
        len = len.saturating_add(1);
    }
    (chars.take(len), rest)
}

/// The characters of a text, in nodes with `un_escape` with its HTML entities resolved. One type for every text, so that
/// what reads it stands in flash once.
#[derive(Clone)]
pub(super) struct Words<'t> {
    chars: Unescaped<'t>,
    entities: bool,
}

impl<'t> Words<'t> {
    /// A text that may not be there.
    pub(super) fn of(text: Option<Str<'t>>) -> Self {
        Self { chars: text.unwrap_or(Str::from_raw("", false)).chars(), entities: false }
    }

    /// Takes the characters before the next one that may be more than itself, in one piece.
    pub(super) fn run(&mut self) -> &'t str {
        let rest = self.chars.as_raw();
        let (run, after) = rest.split_at_checked(MEANS.find(rest.as_bytes())).unwrap_or((rest, ""));
        self.chars.set_raw(after);
        run
    }

    /// The same, with entities resolved if they are to be.
    pub(super) fn resolved(self, entities: bool) -> Self {
        Self { entities, ..self }
    }
}

impl<'t> From<Str<'t>> for Words<'t> {
    fn from(text: Str<'t>) -> Self {
        Self::of(Some(text))
    }
}

impl Iterator for Words<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let c = self.chars.next()?;
        if self.entities
            && c == '&'
            && let Some((c, after)) = entity(self.chars.clone())
        {
            self.chars = after;
            return Some(c);
        }
        Some(c)
    }
}

/// The character an entity stands for, whose `&` was just read. Nine characters are enough for every number.
fn entity(mut chars: Unescaped<'_>) -> Option<(char, Unescaped<'_>)> {
    let mut room = [0; 9];
    let mut len = 0_usize;
    loop {
        match chars.next()? {
            ';' => break,
            c => *room.get_mut(len)? = u8::try_from(c).ok()?,
        }
        len = len.saturating_add(1);
    }
    let name = core::str::from_utf8(room.get(..len)?).ok()?;
    let c = match name {
        "amp" => '&',
        "apos" => '\'',
        "gt" => '>',
        "lt" => '<',
        "nbsp" => ' ',
        "quot" => '"',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((c, chars))
}
