//! The two kinds of lines that matter to a cut: code fences and headings (CommonMark 0.31 sections 4.5 and 4.2).
//!
//! Fences may be indented deeper than CommonMark's three columns, because lists hold them; fences in quotes (`> `) or
//! behind a list's bullet on the same line are not seen.

/// The longest run of fence characters, indentation included, that is taken for a fence, in bytes. It is repeated in
/// every piece; a longer one was drawn as a rule.
const MARKER: usize = 64;
/// A longer line, in bytes, is opened again without its info string, for the same reason.
const LINE: usize = 80;

/// An open code fence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fence<'a> {
    /// The line that opens it again, without line break.
    pub(super) line: &'a str,
    /// Indentation and run: the line that closes it.
    pub(super) marker: &'a str,
    sign: char,
    indent: usize,
    run: usize,
}

impl<'a> Fence<'a> {
    /// The fence that the first line of `text` opens, and the length of that line with its line break.
    pub(super) fn opened_by(text: &'a str) -> Option<(Self, usize)> {
        let (sign, indent, run) = marker(text)?;
        let end = indent.saturating_add(run);
        let line = text.split_inclusive('\n').next()?;
        let info = line.get(end..)?;
        if end > MARKER || (sign == '`' && info.contains('`')) {
            return None;
        }
        let marker = line.get(..end)?;
        let again = line.trim_end();
        let again = if again.len() > LINE { marker } else { again };
        Some((Self { line: again, marker, sign, indent, run }, line.len()))
    }

    /// The length of the first line of `text`, without its line break, if that closes this fence.
    pub(super) fn closed_by(&self, text: &str) -> Option<usize> {
        let (sign, indent, run) = marker(text)?;
        if sign != self.sign || run < self.run || indent > self.indent.saturating_add(3) {
            return None;
        }
        let tail = text.get(indent.saturating_add(run)..)?;
        let after = tail.trim_start_matches([' ', '\t', '\r']);
        // The `\r` directly before the `\n` belongs to the line break.
        let carriage_return = match after.chars().next() {
            None => 0,
            Some('\n') => usize::from(tail.get(..tail.len().saturating_sub(after.len()))?.ends_with('\r')),
            Some(_) => return None,
        };
        Some(text.len().saturating_sub(after.len()).saturating_sub(carriage_return))
    }

    /// The fence that is open at the end of `text` as it is shown, `open` being the one open before it. A line that a
    /// cut left in part counts as it looks, because so will the client that renders it.
    pub(super) fn at_end(text: &'a str, open: Option<Self>) -> Option<Self> {
        text.split_inclusive('\n').fold(open, |open, line| match open {
            Some(fence) => fence.closed_by(line).is_none().then_some(fence),
            None => Self::opened_by(line).map(|(fence, _)| fence),
        })
    }
}

/// Sign, indentation and length of the run that `text` starts with.
fn marker(text: &str) -> Option<(char, usize, usize)> {
    let unindented = text.trim_start_matches([' ', '\t']);
    let sign = unindented.chars().next().filter(|sign| matches!(sign, '`' | '~'))?;
    let run = unindented.len().saturating_sub(unindented.trim_start_matches(sign).len());
    (run >= 3).then_some((sign, text.len().saturating_sub(unindented.len()), run))
}

/// Whether the first line of `text` is a heading with `#`.
pub(super) fn is_heading(text: &str) -> bool {
    let unindented = (0..3).fold(text, |text, _| text.strip_prefix(' ').unwrap_or(text));
    let after = (0..6).fold(unindented, |text, _| text.strip_prefix('#').unwrap_or(text));
    after.len() < unindented.len() && (after.is_empty() || after.starts_with([' ', '\t', '\n', '\r']))
}

/// The length of the line break that `text` starts with, or 0.
pub(super) fn line_break(text: &str) -> usize {
    if text.starts_with('\n') {
        1
    } else if text.starts_with("\r\n") {
        2
    } else {
        0
    }
}
