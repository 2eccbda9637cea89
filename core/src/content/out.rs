//! Where text goes, character by character: trimming, collapsing and escaping happen here and nowhere else.

use core::fmt;

use super::mentions::Lookup;
use crate::wire::writer::Writer;

/// What separates two pieces, written only if both say something.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Gap {
    #[default]
    Nothing,
    Line,
    Paragraph,
}

/// Which characters are written, found out by a measuring run.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    start: usize,
    end: usize,
    collapse: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { start: 0, end: usize::MAX, collapse: false }
    }
}

/// A text in the making.
pub(super) struct Out<'w, 'b, 'a> {
    /// `None`: only measured.
    w: Option<&'w mut Writer<'b>>,
    plan: Plan,
    escape_html: bool,
    /// Characters so far, before trimming and collapsing.
    chars: usize,
    gap: Gap,
    after_blank: bool,
    /// Blanks are never collapsed: code.
    pub(super) verbatim: bool,
    /// Everyone was mentioned.
    pub(super) all: bool,
    /// A mention was taken out.
    pub(super) removed: bool,
    pub(super) lookup: Lookup<'a>,
}

impl<'a> Out<'static, 'static, 'a> {
    pub(super) fn measuring(lookup: Lookup<'a>) -> Self {
        Out::new(None, Plan { start: usize::MAX, end: 0, collapse: false }, lookup, false)
    }
}

impl<'w, 'b, 'a> Out<'w, 'b, 'a> {
    pub(super) fn writing(w: &'w mut Writer<'b>, plan: Plan, lookup: Lookup<'a>, escape_html: bool) -> Self {
        Self::new(Some(w), plan, lookup, escape_html)
    }

    fn new(w: Option<&'w mut Writer<'b>>, plan: Plan, lookup: Lookup<'a>, escape_html: bool) -> Self {
        Self {
            w,
            plan,
            escape_html,
            chars: 0,
            gap: Gap::Nothing,
            after_blank: false,
            verbatim: false,
            all: false,
            removed: false,
            lookup,
        }
    }

    /// What a measuring run found: trimmed, and collapsed where a mention went.
    pub(super) fn plan(&self) -> Plan {
        Plan { collapse: self.removed, ..self.plan }
    }

    /// Whether nothing was said, not even what was taken out.
    pub(super) fn is_empty(&self) -> bool {
        self.chars == 0 && !self.removed
    }

    /// Separates what comes from what was; the widest of several gaps counts.
    pub(super) fn gap(&mut self, gap: Gap) {
        if self.chars > 0 {
            self.gap = self.gap.max(gap);
        }
    }

    pub(super) fn char(&mut self, c: char) {
        let lines = match core::mem::take(&mut self.gap) {
            Gap::Nothing => 0,
            Gap::Line => 1,
            Gap::Paragraph => 2,
        };
        for _ in 0..lines {
            self.put('\n');
        }
        self.put(c);
    }

    pub(super) fn str(&mut self, text: &str) {
        text.chars().for_each(|c| self.char(c));
    }

    /// A name: nothing in it may break the line.
    pub(super) fn name(&mut self, mut name: impl Iterator<Item = char>) {
        self.each(&mut name);
    }

    /// One function for whatever gives the characters.
    fn each(&mut self, name: &mut dyn Iterator<Item = char>) {
        name.for_each(|c| self.char(if c.is_control() { ' ' } else { c }));
    }

    /// ` name="value"`: nothing in the value may end the attribute.
    pub(super) fn attribute(&mut self, name: &str, mut value: impl Iterator<Item = char>) {
        self.quoted(name, &mut value);
    }

    fn quoted(&mut self, name: &str, value: &mut dyn Iterator<Item = char>) {
        self.char(' ');
        self.str(name);
        self.str("=\"");
        for c in value {
            match entity(c).filter(|_| c != '\'') {
                Some(entity) => self.str(entity),
                None => self.name(core::iter::once(c)),
            }
        }
        self.char('"');
    }

    fn put(&mut self, c: char) {
        let at = self.chars;
        self.chars = at.saturating_add(1);
        let Some(w) = &mut self.w else {
            if !c.is_whitespace() {
                self.plan.start = self.plan.start.min(at);
                self.plan.end = self.chars;
            }
            return;
        };
        if at < self.plan.start || at >= self.plan.end {
            return;
        }
        let blank = matches!(c, ' ' | '\t') && !self.verbatim;
        if blank && self.after_blank && self.plan.collapse {
            return;
        }
        self.after_blank = blank;
        match entity(c).filter(|_| self.escape_html) {
            Some(entity) => w.bytes(entity.as_bytes()),
            None => w.bytes(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

impl fmt::Write for Out<'_, '_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.str(text);
        Ok(())
    }
}

fn entity(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#x27;"),
        _ => None,
    }
}
