//! Rich text: which of its shapes a post has, its nodes, and what they read like (protocol section 12.2).

use super::known;
use super::marker;
use super::out::{Gap, Out};
use super::prose::Words;
use crate::wire::json::record::{self, Level, Place};
use crate::wire::json::{Error, Name, Reader, Span, Str, Value};

/// Writes a post. Whatever its shape, it is never dropped.
pub(super) fn write(top: Top<'_>, out: &mut Out<'_, '_, '_>) {
    let post = Post::of(top);
    if let Some(title) = post.title {
        out.str("# ");
        out.prose(title.into(), false);
    }
    if post.paragraphs.is_none()
        && let Some(text) = post.text
    {
        out.gap(Gap::Paragraph);
        out.prose(text.into(), false);
    }
    for step in post.nodes() {
        match step {
            Step::Paragraph => out.gap(Gap::Paragraph),
            Step::Node(node) => node.write(out),
            Step::Text(text) => out.prose(text.into(), false),
        }
    }
    for step in post.files() {
        match step {
            Step::Paragraph => out.gap(Gap::Paragraph),
            Step::Node(file) => {
                let what = if file.is_folder() { "folder" } else { "file" };
                marker::file(out, what, file.str(Part::FileKey), file.str(Part::FileName));
            }
            Step::Text(_) => marker::file(out, "file", None, None),
        }
    }
}

/// What a post, or one of its languages, is read by; `text` is that of other kinds too. By the number of its place.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Member {
    Text,
    Title,
    Content,
    ContentV2,
    Files,
    Post,
}

static TOP: [Level; 1] = [Level {
    names: &[
        Name::id("text", Member::Text as u8),
        Name::id("title", Member::Title as u8),
        Name::any("content", Member::Content as u8),
        Name::array("content_v2", Member::ContentV2 as u8),
        Name::array("files", Member::Files as u8),
        Name::any("post", Member::Post as u8),
    ],
    first: Member::Text as u8,
    last: Member::Post as u8,
}];

/// The members of a content's top level that are known, read once.
#[derive(Clone, Copy)]
pub(super) struct Top<'c> {
    json: &'c str,
    members: [Span; 6],
}

impl<'c> Top<'c> {
    /// Reads and validates all of a document.
    pub(super) fn read(json: &'c str) -> Result<Self, Error> {
        let (mut reader, mut top) = (Reader::new(json), Self { json, members: [Span::NONE; 6] });
        if reader.enter_object()? {
            record::read(&mut reader, &TOP, &mut top.members)?;
        }
        reader.finish()?;
        Ok(top)
    }

    /// Of a document that was validated before.
    fn of(json: &'c str) -> Self {
        Self { json, members: record::of(json, &TOP) }
    }

    pub(super) fn text(&self) -> Option<Str<'c>> {
        self.member(Member::Text).str(self.json)
    }

    fn member(&self, member: Member) -> Span {
        self.members.get(member as usize).copied().unwrap_or(Span::NONE)
    }
}

/// The parts of a post, or of one of its languages.
#[derive(Clone, Copy, Default)]
pub(super) struct Post<'c> {
    title: Option<Str<'c>>,
    /// `content_v2` or `content`, if it is an array.
    paragraphs: Option<&'c str>,
    files: Option<&'c str>,
    /// What else may be there to read.
    text: Option<Str<'c>>,
}

impl<'c> Post<'c> {
    /// Flat, else the first language of zh_cn, en_us, ja_jp and any other, else the same one level down in `post`.
    pub(super) fn of(top: Top<'c>) -> Self {
        let flat = Self::flat(top);
        if flat.paragraphs.is_some() {
            return flat;
        }
        let inner = top.member(Member::Post).value(top.json);
        let language = Self::language(top.json).or_else(|| match inner {
            Some(Value::Object(inner)) => Self::language(inner),
            _ => None,
        });
        let Some(language) = language else { return flat };
        Self {
            title: language.title.or(flat.title),
            files: language.files.or(flat.files),
            text: language.text.or(flat.text),
            ..language
        }
    }

    fn language(json: &'c str) -> Option<Self> {
        let (mut reader, mut best) = (Reader::new(json), None);
        reader.enter_object().ok()?;
        while let Some(key) = reader.next_key().ok()? {
            let Value::Object(value) = reader.value().ok()? else { continue };
            let post = Self::flat(Top::of(value));
            let rank = ["zh_cn", "en_us", "ja_jp"].iter().position(|name| key == *name).unwrap_or(3);
            // One with only a title is better than nothing, but no more than that.
            let rank = match post {
                Self { paragraphs: Some(_), .. } => rank,
                Self { title: None, text: None, .. } => continue,
                _ => rank.saturating_add(4),
            };
            if best.is_none_or(|(least, _)| rank < least) {
                best = Some((rank, post));
            }
        }
        best.map(|(_, post)| post)
    }

    fn flat(top: Top<'c>) -> Self {
        let array = |member| match top.member(member).value(top.json) {
            Some(Value::Array(array)) => Some(array),
            _ => None,
        };
        Self {
            title: top.member(Member::Title).str(top.json),
            paragraphs: array(Member::ContentV2).or(array(Member::Content)),
            files: array(Member::Files),
            text: top.text().or(top.member(Member::Content).value(top.json).and_then(known)),
        }
    }

    pub(super) fn nodes(&self) -> Nodes<'c> {
        Nodes::of(self.paragraphs.unwrap_or_default())
    }

    pub(super) fn files(&self) -> Nodes<'c> {
        Nodes::of(self.files.unwrap_or_default())
    }
}

#[allow(clippy::large_enum_variant, reason = "there is no heap to put it on, and it lives for a moment")]
pub(super) enum Step<'c> {
    Node(Node<'c>),
    Paragraph,
    /// Text in the place of a node.
    Text(Str<'c>),
}

/// Walks paragraphs and their nodes. A node outside a paragraph is one of its own; text in the place of a node is text.
#[derive(Clone)]
pub(super) struct Nodes<'c> {
    json: &'c str,
    reader: Reader<'c>,
    inside: bool,
    alone: Option<Value<'c>>,
}

impl<'c> Nodes<'c> {
    pub(super) fn of(json: &'c str) -> Self {
        let mut reader = Reader::new(json);
        // Where there is no array to enter, the reader has nothing to give either.
        let _ = reader.enter_array();
        Self { json, reader, inside: false, alone: None }
    }
}

impl<'c> Iterator for Nodes<'c> {
    type Item = Step<'c>;

    fn next(&mut self) -> Option<Step<'c>> {
        loop {
            let value = if let Some(value) = self.alone.take() {
                value
            } else if self.inside {
                if !self.reader.next_element().ok()? {
                    self.inside = false;
                    continue;
                }
                match self.reader.enter_object_or_value().ok()? {
                    Some(value) => value,
                    None => return Node::read(&mut self.reader).map(Step::Node),
                }
            } else {
                if !self.reader.next_element().ok()? {
                    return None;
                }
                if next_byte(self.json, &self.reader) == Some(b'[') {
                    self.inside = self.reader.enter_array().ok()?;
                } else {
                    self.alone = Some(self.reader.value().ok()?);
                }
                return Some(Step::Paragraph);
            };
            match value {
                Value::Object(node) => return Some(Step::Node(Node { json: node, parts: record::of(node, &NODE) })),
                Value::String(text) => return Some(Step::Text(text)),
                _ => {}
            }
        }
    }
}

/// The first byte of the value that comes next.
pub(super) fn next_byte(json: &str, reader: &Reader<'_>) -> Option<u8> {
    json.as_bytes().get(reader.position()..)?.trim_ascii_start().first().copied()
}

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

const PARTS: usize = 15;

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
