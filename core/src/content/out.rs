//! Where text goes, in runs or character by character: trimming, collapsing and escaping happen here and nowhere else.

use core::fmt;

use super::mentions::Lookup;
use crate::wire::scan::find_double_blank;
use crate::wire::writer::Writer;

/// What separates two pieces, written only if both say something.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Gap {
    #[default]
    Nothing,
    Line,
    Paragraph,
}

/// What is done to a text as it is made.
#[derive(Clone, Copy, Default)]
pub(super) struct Style {
    /// White space at both ends is left out.
    pub(super) trim: bool,
    /// Of several blanks side by side only the first is written, from the beginning.
    pub(super) collapse: bool,
    pub(super) escape_html: bool,
}

/// A text in the making.
pub(super) struct Out<'w, 'b, 'a> {
    /// `None`: only looked at.
    w: Option<&'w mut Writer<'b>>,
    style: Style,
    /// Where the text begins in the writer, and where what was written so far ends once it is trimmed.
    start: usize,
    end: usize,
    /// Bytes so far, before trimming, collapsing and escaping.
    len: usize,
    gap: Gap,
    after_blank: bool,
    /// Blanks are never collapsed: code.
    pub(super) verbatim: bool,
    /// Everyone was mentioned.
    pub(super) all: bool,
    /// A mention was taken out.
    removed: bool,
    /// What was written before that must be collapsed as well: begin again.
    pub(super) again: bool,
    pub(super) lookup: Lookup<'a>,
}

impl<'a> Out<'static, 'static, 'a> {
    pub(super) fn looking(lookup: Lookup<'a>) -> Self {
        Out::new(None, Style::default(), lookup)
    }
}

impl<'w, 'b, 'a> Out<'w, 'b, 'a> {
    pub(super) fn writing(w: &'w mut Writer<'b>, style: Style, lookup: Lookup<'a>) -> Self {
        Self::new(Some(w), style, lookup)
    }

    fn new(w: Option<&'w mut Writer<'b>>, style: Style, lookup: Lookup<'a>) -> Self {
        let start = w.as_ref().map_or(0, |w| w.len());
        Self {
            w,
            style,
            start,
            end: start,
            len: 0,
            gap: Gap::Nothing,
            after_blank: false,
            verbatim: false,
            all: false,
            removed: false,
            again: false,
            lookup,
        }
    }

    /// A mention is taken out: the blanks this leaves side by side become one, in all of the text.
    pub(super) fn remove(&mut self) {
        self.removed = true;
        if !self.style.collapse {
            self.style.collapse = true;
            self.again = self.w.as_ref().is_some_and(|w| w.len() > self.start);
        }
    }

    /// Leaves out the white space at the end.
    pub(super) fn finish(self) {
        if let Some(w) = self.w.filter(|_| self.style.trim) {
            w.truncate(self.end);
        }
    }

    /// Whether nothing was said, not even what was taken out.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0 && !self.removed
    }

    /// Separates what comes from what was; the widest of several gaps counts.
    pub(super) fn gap(&mut self, gap: Gap) {
        if self.len > 0 {
            self.gap = self.gap.max(gap);
        }
    }

    pub(super) fn char(&mut self, c: char) {
        self.fill_gap();
        self.put(c);
    }

    fn fill_gap(&mut self) {
        let lines = match core::mem::take(&mut self.gap) {
            Gap::Nothing => 0,
            Gap::Line => 1,
            Gap::Paragraph => 2,
        };
        for _ in 0..lines {
            self.put('\n');
        }
    }

    pub(super) fn str(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.fill_gap();
        self.len = self.len.saturating_add(text.len());
        if self.style.escape_html || self.verbatim {
            return text.chars().for_each(|c| self.write(c));
        }
        // White space that may turn out to be the end is written by itself: it needs no room then.
        let spoken = text.trim_end();
        let (spoken, blank) = text.split_at_checked(spoken.len()).unwrap_or((text, ""));
        self.piece(if self.is_untold() { spoken.trim_start() } else { spoken });
        self.mark(!spoken.is_empty());
        if !self.is_untold() {
            self.piece(blank);
        }
    }

    /// Whether all that came so far is left out.
    fn is_untold(&self) -> bool {
        self.style.trim && self.end == self.start
    }

    /// The text does not end before what was written so far.
    fn mark(&mut self, spoken: bool) {
        if let Some(w) = self.w.as_ref().filter(|_| spoken) {
            self.end = w.len();
        }
    }

    fn piece(&mut self, text: &str) {
        let Some(w) = self.w.as_mut().filter(|_| !text.is_empty()) else { return };
        if self.style.collapse {
            self.collapsed(text);
        } else {
            w.bytes(text.as_bytes());
            self.after_blank = text.ends_with(is_blank);
        }
    }

    /// Writes a run, of several blanks side by side the first only.
    fn collapsed(&mut self, text: &str) {
        let Some(w) = &mut self.w else { return };
        let mut rest = if self.after_blank { text.trim_start_matches(is_blank) } else { text };
        self.after_blank = text.ends_with(is_blank);
        while !rest.is_empty() {
            let (run, after) = rest.split_at_checked(find_double_blank(rest.as_bytes())).unwrap_or((rest, ""));
            w.bytes(run.as_bytes());
            rest = after.trim_start_matches(is_blank);
        }
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
        self.len = self.len.saturating_add(c.len_utf8());
        self.write(c);
    }

    fn write(&mut self, c: char) {
        let spoken = !c.is_whitespace();
        if !spoken && self.is_untold() {
            return;
        }
        let Some(w) = &mut self.w else { return };
        let blank = is_blank(c) && !self.verbatim;
        if blank && self.after_blank && self.style.collapse {
            return;
        }
        self.after_blank = blank;
        match entity(c).filter(|_| self.style.escape_html) {
            Some(entity) => w.bytes(entity.as_bytes()),
            None => w.bytes(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        self.mark(spoken);
    }
}

impl fmt::Write for Out<'_, '_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.str(text);
        Ok(())
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
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
