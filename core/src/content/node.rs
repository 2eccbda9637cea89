//! A node of a post, or an element of a card: what it is, and what it reads like (protocol section 12.2).

use super::marker;
use super::out::{Gap, Out};
use super::prose::Words;
use crate::wire::json::record::{self, Level, Place};
use crate::wire::json::{Name, Reader, Span, Str, Value};

/// What a node is read by, by the number of its place.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Part {
    Tag,
    Text,
    UserId,
    UserName,
    ImageKey,
    FileKey,
    FileName,
    Duration,
    IsFolder,
    Content,
    EmojiType,
    Href,
    Language,
    Style,
    UnEscape,
}

const PARTS: usize = Part::UnEscape as usize + 1;

static NODE: [Level; 1] = [Level {
    names: &[
        part("tag", Part::Tag),
        part("text", Part::Text),
        part("user_id", Part::UserId),
        part("user_name", Part::UserName),
        part("image_key", Part::ImageKey),
        part("img_key", Part::ImageKey),
        part("file_key", Part::FileKey),
        part("file_name", Part::FileName),
        Name::any("duration", Part::Duration as u8),
        Name::any("is_folder", Part::IsFolder as u8),
        part("content", Part::Content),
        part("emoji_type", Part::EmojiType),
        part("href", Part::Href),
        part("language", Part::Language),
        Name::any("style", Part::Style as u8),
        Name::any("un_escape", Part::UnEscape as u8),
    ],
    first: Part::Tag as u8,
    last: Part::UnEscape as u8,
}];

const fn part(name: &'static str, part: Part) -> Name<Place> {
    Name::id(name, part as u8)
}

/// A node of a paragraph, or an element of a card that has no others in it.
#[derive(Clone, Copy)]
pub(super) struct Node<'c> {
    json: &'c str,
    parts: [Span; PARTS],
}

impl<'c> Node<'c> {
    /// A node whose text was validated before.
    pub(super) fn of(json: &'c str) -> Self {
        Self { json, parts: record::of(json, &NODE) }
    }

    /// Reads a node whose brace the reader has just passed. The text was validated as a whole: there is no error to tell
    /// of.
    pub(super) fn read(reader: &mut Reader<'c>) -> Option<Self> {
        let mut node = Self { json: reader.text(), parts: [Span::NONE; PARTS] };
        record::read(reader, &NODE, &mut node.parts).ok()?;
        Some(node)
    }

    fn span(&self, part: Part) -> Span {
        self.parts.get(part as usize).copied().unwrap_or(Span::NONE)
    }

    pub(super) fn str(&self, part: Part) -> Option<Str<'c>> {
        self.span(part).str(self.json)
    }

    fn value(&self, part: Part) -> Option<Value<'c>> {
        self.span(part).value(self.json)
    }

    pub(super) fn duration_ms(&self) -> Option<u64> {
        marker::duration(self.value(Part::Duration))
    }

    pub(super) fn is_folder(&self) -> bool {
        self.is_true(Part::IsFolder)
    }

    fn is_true(&self, part: Part) -> bool {
        self.value(part).and_then(|value| value.as_bool()) == Some(true)
    }

    pub(super) fn is(&self, tag: &str) -> bool {
        self.str(Part::Tag).is_some_and(|text| text == *tag)
    }

    /// What it says: `text` in posts, `content` in cards.
    fn words(&self) -> Option<Str<'c>> {
        self.str(Part::Text).or(self.str(Part::Content))
    }

    pub(super) fn write(&self, out: &mut Out<'_, '_, '_>) {
        let mut room = [0; 24];
        match self.str(Part::Tag).map_or("", |tag| tag.name(&mut room)) {
            "a" => self.write_link(out),
            "at" => {
                let name = self.str(Part::UserName);
                if let Some(id) = self.str(Part::UserId).or(name) {
                    out.at(Words::from(id).take(usize::MAX), Words::of(name).take(usize::MAX));
                }
            }
            "code_block" => self.write_code(out),
            "emotion" => {
                if let Some(emoji) = self.str(Part::EmojiType) {
                    out.char(':');
                    out.name(emoji.chars());
                    out.char(':');
                }
            }
            "hr" => {
                out.gap(Gap::Line);
                out.str("---");
                out.gap(Gap::Line);
            }
            "img" => marker::image(out, self.str(Part::ImageKey)),
            "lark_md" | "markdown" | "md" => {
                if let Some(words) = self.words() {
                    out.prose(words.into(), true);
                }
            }
            "media" => {
                out.str("[media");
                if let Some(key) = self.str(Part::FileKey) {
                    out.char(':');
                    out.name(key.chars());
                }
                out.char(']');
            }
            _ => self.write_styled(out),
        }
    }

    fn write_styled(&self, out: &mut Out<'_, '_, '_>) {
        let Some(words) = self.words() else { return };
        let words = Words::from(words).resolved(self.is_true(Part::UnEscape));
        const MARKS: [(&str, &str, &str); 4] =
            [("bold", "**", "**"), ("italic", "*", "*"), ("lineThrough", "~~", "~~"), ("underline", "<u>", "</u>")];
        let style = self.value(Part::Style);
        if style.is_none() {
            return out.prose(words, false);
        }
        // Marks around nothing but space would be text.
        let visible = words.clone().any(|c| !c.is_whitespace());
        let styled = |mark: &str| {
            visible && super::elements(style).any(|value| value.as_str().is_some_and(|text| text == *mark))
        };
        for (style, open, _) in MARKS {
            if styled(style) {
                out.str(open);
            }
        }
        out.prose(words, false);
        for (style, _, close) in MARKS.into_iter().rev() {
            if styled(style) {
                out.str(close);
            }
        }
    }

    fn write_link(&self, out: &mut Out<'_, '_, '_>) {
        let (Some(words), Some(href)) = (self.words(), self.str(Part::Href)) else {
            return out.prose(Words::of(self.words().or(self.str(Part::Href))), false);
        };
        out.char('[');
        out.prose(Words::from(words).resolved(self.is_true(Part::UnEscape)), false);
        out.str("](");
        out.name(href.chars());
        out.char(')');
    }

    /// Code as it is, in a fence longer than any in it.
    fn write_code(&self, out: &mut Out<'_, '_, '_>) {
        let code = || Words::of(self.words());
        let (mut ticks, mut longest) = (0_usize, 2_usize);
        for c in code() {
            ticks = if c == '`' { ticks.saturating_add(1) } else { 0 };
            longest = longest.max(ticks);
        }
        let fence = |out: &mut Out<'_, '_, '_>| (0..=longest).for_each(|_| out.char('`'));
        out.gap(Gap::Line);
        fence(out);
        for c in Words::of(self.str(Part::Language)).filter(|c| !c.is_control() && !c.is_whitespace() && *c != '`') {
            out.char(c.to_ascii_lowercase());
        }
        out.char('\n');
        out.verbatim = true;
        let mut rest = code();
        loop {
            out.str(rest.run());
            let Some(c) = rest.next() else { break };
            out.char(c);
        }
        out.verbatim = false;
        out.gap(Gap::Line);
        fence(out);
        out.gap(Gap::Line);
    }
}

#[cfg(test)]
mod tests {
    use super::{NODE, PARTS};
    use crate::wire::json::record;

    #[test]
    fn the_table_fits_its_places() {
        record::assert_sound(&NODE, PARTS, None);
    }
}
