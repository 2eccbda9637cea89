//! Where a long text is cut.

use core::fmt;
use core::iter::FusedIterator;

use super::glyph::Glyphs;
use super::markdown::{Fence, is_heading, line_break};
use super::mention::tag_len;

/// How many characters the official SDK puts into one message.
pub const DEFAULT_CHARS: usize = 3_500;

/// The largest limit whose pieces fit the platform's 150 KB for a text message, whatever their characters: one takes at
/// most 7 bytes (a control character, escaped as content and again in the request). Only a mention tag
/// or a fence line that is itself too long leads to a larger piece.
pub const MAX_CHARS: usize = 20_000;

/// Where a text may be cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Behind any character.
    Character,
    /// As [`Newline`](Mode::Newline), and: code fences are closed and opened again, a heading in the second half of a
    /// piece starts the next one, a heading or an opening fence does not end a piece.
    Markdown,
    /// At the last line break within the limit, else as [`Character`](Mode::Character).
    Newline,
    /// At the last empty line within the limit, else as [`Newline`](Mode::Newline).
    Paragraph,
}

/// One message of a split text. It reads, and displays, as its [parts](Chunk::parts) one after the other. `Debug` shows the
/// size only: what people read is not for logs.
#[derive(Clone, Copy, Default, Eq, PartialEq)]
pub struct Chunk<'a> {
    /// The line that opens a code fence again, without its line break; empty outside of fences.
    pub open: &'a str,
    /// A part of the original text; never empty when [`split`] made it.
    pub text: &'a str,
    /// The line that closes a code fence, without its line break; empty outside of fences.
    pub close: &'a str,
}

impl<'a> Chunk<'a> {
    /// What the piece is made of: opening line, line break, text, line break, closing line; empty where not needed.
    pub fn parts(&self) -> [&'a str; 5] {
        let after_open = if self.open.is_empty() { "" } else { "\n" };
        let before_close = if self.close.is_empty() || self.text.ends_with('\n') { "" } else { "\n" };
        [self.open, after_open, self.text, before_close, self.close]
    }

    /// The characters of all parts.
    pub fn chars(&self) -> impl Iterator<Item = char> + Clone + use<'a> {
        self.parts().into_iter().flat_map(str::chars)
    }

    /// The size of all parts in bytes.
    pub fn len(&self) -> usize {
        self.parts().iter().fold(0, |len, part| len.saturating_add(part.len()))
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is nothing to see in it: white space of the original that is no use as a message.
    pub fn is_blank(&self) -> bool {
        self.parts().iter().all(|part| part.trim().is_empty())
    }
}

impl fmt::Debug for Chunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunk({} bytes)", self.len())
    }
}

impl fmt::Display for Chunk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().iter().try_for_each(|part| f.write_str(part))
    }
}

impl<'a> From<&'a str> for Chunk<'a> {
    fn from(text: &'a str) -> Self {
        Self { text, ..Self::default() }
    }
}

/// Cuts `text` into pieces of at most `limit_chars` characters (Unicode scalar values); 0 is no limit. An empty text has
/// no piece.
///
/// - The texts of the pieces, one after the other, are `text` less what was left out where it was cut: one line break
///   (`\n` or `\r\n`), in [`Mode::Paragraph`] up to two, in [`Mode::Character`] nothing.
/// - A first character that is a line break is no place to cut at. A line that fills the limit to the last character
///   is cut at its end, the line break behind it left out.
/// - No cut falls into a mention tag (`<at …>name</at>`) or a visible character made of several (base and marks, emoji
///   sequences, flags), unless that character alone is longer than the limit.
/// - A piece is longer than the limit only
///   - by one mention tag or opening fence line that does not fit into any piece, which stands at its start; such a
///     fence line is followed by one more character, tag or closing line;
///   - by the closing fence line, added or its own: it is not counted, as in the official SDK;
///   - if the fence opened again leaves no room: one character or tag is in it all the same.
/// - The work is linear: at most a few times the text, whatever is in it.
pub fn split(text: &str, limit_chars: usize, mode: Mode) -> Chunks<'_> {
    let limit = if limit_chars == 0 { usize::MAX } else { limit_chars };
    Chunks { rest: text, limit, mode, fence: None, in_line: false }
}

/// As [`split`] with [`Mode::Markdown`]: every piece has all of its code fences closed, also the last one of a text that
/// ends within a fence.
///
/// ```
/// use larkwire_core::outgoing::split_markdown;
/// let mut pieces = split_markdown("```py\nfirst\nsecond\n```", 12);
/// assert_eq!(pieces.next().unwrap().to_string(), "```py\nfirst\n```");
/// assert_eq!(pieces.next().unwrap().to_string(), "```py\nsecond\n```");
/// assert!(pieces.next().is_none());
/// ```
pub fn split_markdown(text: &str, limit_chars: usize) -> Chunks<'_> {
    split(text, limit_chars, Mode::Markdown)
}

/// The pieces of a text, in order; see [`split`]. `Debug` shows the size of what is left only.
#[derive(Clone)]
pub struct Chunks<'a> {
    rest: &'a str,
    limit: usize,
    mode: Mode,
    /// The fence that is open before `rest`.
    fence: Option<Fence<'a>>,
    /// Whether `rest` starts within a line of the text.
    in_line: bool,
}

impl fmt::Debug for Chunks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chunks({} bytes)", self.rest.len())
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Chunk<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let cut = self.find_cut();
        let text = self.rest.get(..cut.end)?;
        let open = self.fence;
        let left_open = if self.mode == Mode::Markdown { Fence::at_end(text, open) } else { None };
        self.in_line = !self.is_line_start(cut.next);
        self.rest = self.rest.get(cut.next..)?;
        self.fence = cut.fence;
        Some(Chunk {
            open: open.map_or("", |fence| fence.line),
            text,
            close: left_open.map_or("", |fence| fence.marker),
        })
    }
}

impl FusedIterator for Chunks<'_> {}

/// A place to cut at.
#[derive(Clone, Copy)]
struct Cut<'a> {
    /// Where the piece ends.
    end: usize,
    /// Where the next one starts; what is between is left out.
    next: usize,
    /// The fence that is open there.
    fence: Option<Fence<'a>>,
}

/// The last place of each kind, the best kind first.
#[derive(Default)]
struct Cuts<'a> {
    heading: Option<Cut<'a>>,
    paragraph: Option<Cut<'a>>,
    line: Option<Cut<'a>>,
    /// Between two visible characters or tags.
    glyph: Option<Cut<'a>>,
    /// Within a visible character.
    character: Option<Cut<'a>>,
}

impl<'a> Cuts<'a> {
    fn best(&self) -> Option<Cut<'a>> {
        self.heading.or(self.paragraph).or(self.line).or(self.glyph).or(self.character)
    }
}

/// What is taken as a whole.
enum Unit<'a> {
    Character(char),
    /// A closing fence line, without its line break.
    Close,
    /// An opening fence line, with its line break.
    Open(Fence<'a>),
    Tag,
}

impl<'a> Chunks<'a> {
    /// Takes units until one does not fit, noting places to cut at, and gives the best of them.
    fn find_cut(&self) -> Cut<'a> {
        let mut cuts = Cuts::default();
        let mut fence = self.fence;
        let mut used = fence.map_or(0, |fence| fence.line.chars().count().saturating_add(1));
        let (mut at, mut line_start) = (0, !self.in_line);
        let mut glyphs = Glyphs::default();
        // Whether this line is a heading; whether nothing but a heading was seen since.
        let (mut heading, mut bare_heading) = (false, false);
        // The line break directly before `at`, if it is a place to cut at.
        let mut broken: Option<Cut<'a>> = None;
        while let Some((unit, len)) = self.unit(at, line_start, fence) {
            let end = at.saturating_add(len);
            let chars = if let Unit::Character(_) = unit { 1 } else { self.between(at, end).chars().count() };
            used = used.saturating_add(chars);
            if used > self.limit
                && let Some(cut) = cuts.best()
            {
                return self.settle(cut);
            }
            if line_start {
                heading = self.mode == Mode::Markdown && fence.is_none() && is_heading(self.after(at));
            }
            line_start = false;
            let line_break_before = broken.take();
            match unit {
                Unit::Character('\n') => {
                    line_start = true;
                    let start = if self.between(0, at).ends_with('\r') { at.saturating_sub(1) } else { at };
                    let cut = Cut { end: start, next: end, fence };
                    let before_heading = self.mode == Mode::Markdown && fence.is_none() && is_heading(self.after(end));
                    if start > 0 && self.mode != Mode::Character {
                        broken = Some(cut);
                        if before_heading && used > self.limit / 2 {
                            cuts.heading = broken;
                        }
                        if before_heading || !bare_heading {
                            cuts.line = broken;
                        }
                        if self.mode == Mode::Paragraph
                            && let Some(first) = line_break_before
                        {
                            cuts.paragraph = Some(Cut { next: end, ..first });
                        }
                    }
                }
                // Carries the line break before it on to its `\n`.
                Unit::Character('\r') if self.after(end).starts_with('\n') => broken = line_break_before,
                Unit::Character(ch) => bare_heading = if ch.is_whitespace() { bare_heading } else { heading },
                Unit::Close => fence = None,
                Unit::Open(opened) => {
                    (fence, line_start, bare_heading) = (Some(opened), true, false);
                    glyphs = Glyphs::default();
                    at = end;
                    continue; // a fence with nothing in it is no end of a piece
                }
                Unit::Tag => bare_heading = heading,
            }
            at = end;
            glyphs.push(if let Unit::Character(ch) = unit { ch } else { '>' });
            let here = Some(Cut { end, next: end, fence });
            cuts.character = here;
            if self.after(end).chars().next().is_none_or(|next| glyphs.ends_before(next)) {
                cuts.glyph = here;
            }
        }
        Cut { end: self.rest.len(), next: self.rest.len(), fence }
    }

    /// What stands at `at`, and its length in bytes.
    fn unit(&self, at: usize, line_start: bool, fence: Option<Fence<'a>>) -> Option<(Unit<'a>, usize)> {
        let text = self.after(at);
        if line_start && self.mode == Mode::Markdown {
            let line = match fence {
                Some(fence) => fence.closed_by(text).map(|len| (Unit::Close, len)),
                None => Fence::opened_by(text).map(|(fence, len)| (Unit::Open(fence), len)),
            };
            if line.is_some() {
                return line;
            }
        }
        if let Some(len) = tag_len(text) {
            return Some((Unit::Tag, len));
        }
        text.chars().next().map(|ch| (Unit::Character(ch), ch.len_utf8()))
    }

    /// Leaves out a line break that a cut in a line happens to precede, and takes in the line that closes a fence
    /// rather than leave it to a piece with an empty fence.
    fn settle(&self, mut cut: Cut<'a>) -> Cut<'a> {
        if self.mode == Mode::Character {
            return cut;
        }
        if cut.next == cut.end {
            cut.next = self.after_line_break(cut.end);
        }
        let closing = cut.fence.filter(|_| self.is_line_start(cut.next));
        if let Some(len) = closing.and_then(|fence| fence.closed_by(self.after(cut.next))) {
            let end = cut.next.saturating_add(len);
            cut = Cut { end, next: self.after_line_break(end), fence: None };
        }
        cut
    }

    fn after_line_break(&self, at: usize) -> usize {
        at.saturating_add(line_break(self.after(at)))
    }

    /// Whether a line of the text starts at `at`, which is not 0.
    fn is_line_start(&self, at: usize) -> bool {
        self.between(0, at).ends_with('\n')
    }

    fn after(&self, at: usize) -> &'a str {
        self.rest.get(at..).unwrap_or_default()
    }

    fn between(&self, start: usize, end: usize) -> &'a str {
        self.rest.get(start..end).unwrap_or_default()
    }
}
