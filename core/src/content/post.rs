//! Rich text: which of its shapes a post has, its nodes, and what they read like (protocol section 12.2).

use super::marker;
use super::out::{Gap, Out};
use super::prose::Words;
use super::{known, member};
use crate::wire::json::{Reader, Str, Value};

/// Writes a post. Whatever its shape, it is never dropped.
pub(super) fn write(json: &str, out: &mut Out<'_, '_, '_>) {
    let post = Post::of(json);
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
        }
    }
    for step in post.files() {
        match step {
            Step::Paragraph => out.gap(Gap::Paragraph),
            Step::Node(file) => {
                marker::file(out, if file.folder { "folder" } else { "file" }, file.file_key, file.file_name);
            }
        }
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
    pub(super) fn of(json: &'c str) -> Self {
        let flat = Self::read(json);
        if flat.paragraphs.is_some() {
            return flat;
        }
        let inner = member(json, |key| *key == "post");
        let language = Self::language(json).or_else(|| match inner {
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
            let post = Self::read(value);
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

    fn read(json: &'c str) -> Self {
        let mut post = Self::default();
        // The text was validated as a whole: there is no error to tell of.
        let _ = post.read_members(json);
        post
    }

    fn read_members(&mut self, json: &'c str) -> Option<()> {
        let mut reader = Reader::new(json);
        let (mut content, mut content_v2, mut files) = (None, None, None);
        reader.enter_object().ok()?;
        while let Some(key) = reader.next_key().ok()? {
            let value = reader.value().ok()?;
            if key == "title" {
                self.title = known(value);
            } else if key == "content" {
                content = Some(value);
            } else if key == "content_v2" {
                content_v2 = Some(value);
            } else if key == "files" {
                files = Some(value);
            } else if key == "text" {
                self.text = known(value);
            }
        }
        let array = |value| if let Some(Value::Array(array)) = value { Some(array) } else { None };
        self.paragraphs = array(content_v2).or(array(content));
        self.files = array(files);
        self.text = self.text.or(content.and_then(known));
        Some(())
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
            let node = match value {
                Value::Object(node) => {
                    let mut reader = Reader::new(node);
                    reader.enter_object().ok()?;
                    Node::read(&mut reader)
                }
                Value::String(text) => Some(Node { text: Some(text), ..Node::default() }),
                _ => None,
            };
            if let Some(node) = node {
                return Some(Step::Node(node));
            }
        }
    }
}

/// The first byte of the value that comes next.
pub(super) fn next_byte(json: &str, reader: &Reader<'_>) -> Option<u8> {
    json.as_bytes().get(reader.position()..)?.trim_ascii_start().first().copied()
}

/// A node of a paragraph, or an element of a card that has no others in it.
#[derive(Clone, Copy, Default)]
pub(super) struct Node<'c> {
    pub(super) tag: Option<Str<'c>>,
    pub(super) text: Option<Str<'c>>,
    pub(super) image_key: Option<Str<'c>>,
    pub(super) file_key: Option<Str<'c>>,
    pub(super) file_name: Option<Str<'c>>,
    pub(super) duration_ms: Option<u64>,
    pub(super) folder: bool,
    content: Option<Str<'c>>,
    emoji_type: Option<Str<'c>>,
    href: Option<Str<'c>>,
    language: Option<Str<'c>>,
    style: Option<Value<'c>>,
    un_escape: bool,
    user_id: Option<Str<'c>>,
    user_name: Option<Str<'c>>,
}

impl<'c> Node<'c> {
    /// Reads a node whose brace the reader has just passed. The text was validated as a whole: there is no error to tell
    /// of.
    fn read(reader: &mut Reader<'c>) -> Option<Self> {
        let mut node = Self::default();
        while let Some(key) = reader.next_key().ok()? {
            node.member(key, reader.value().ok()?);
        }
        Some(node)
    }

    pub(super) fn member(&mut self, key: Str<'c>, value: Value<'c>) {
        let mut room = [0; 24];
        let place = match key.name(&mut room) {
            "content" => &mut self.content,
            "emoji_type" => &mut self.emoji_type,
            "file_key" => &mut self.file_key,
            "file_name" => &mut self.file_name,
            "href" => &mut self.href,
            "image_key" | "img_key" => &mut self.image_key,
            "language" => &mut self.language,
            "tag" => &mut self.tag,
            "text" => &mut self.text,
            "user_id" => &mut self.user_id,
            "user_name" => &mut self.user_name,
            "duration" => return self.duration_ms = marker::duration(Some(value)),
            "is_folder" => return self.folder = value.as_bool() == Some(true),
            "style" => return self.style = Some(value),
            "un_escape" => return self.un_escape = value.as_bool() == Some(true),
            _ => return,
        };
        *place = known(value);
    }

    pub(super) fn is(&self, tag: &str) -> bool {
        self.tag.is_some_and(|text| text == *tag)
    }

    /// What it says: `text` in posts, `content` in cards.
    fn words(&self) -> Option<Str<'c>> {
        self.text.or(self.content)
    }

    pub(super) fn write(&self, out: &mut Out<'_, '_, '_>) {
        let mut room = [0; 24];
        match self.tag.map_or("", |tag| tag.name(&mut room)) {
            "a" => self.write_link(out),
            "at" => {
                if let Some(id) = self.user_id.or(self.user_name) {
                    out.at(Words::from(id).take(usize::MAX), Words::of(self.user_name).take(usize::MAX));
                }
            }
            "code_block" => self.write_code(out),
            "emotion" => {
                if let Some(emoji) = self.emoji_type {
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
            "img" => marker::image(out, self.image_key),
            "lark_md" | "markdown" | "md" => {
                if let Some(words) = self.words() {
                    out.prose(words.into(), true);
                }
            }
            "media" => {
                out.str("[media");
                if let Some(key) = self.file_key {
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
        let words = Words::from(words).resolved(self.un_escape);
        const MARKS: [(&str, &str, &str); 4] =
            [("bold", "**", "**"), ("italic", "*", "*"), ("lineThrough", "~~", "~~"), ("underline", "<u>", "</u>")];
        if self.style.is_none() {
            return out.prose(words, false);
        }
        // Marks around nothing but space would be text.
        let visible = words.clone().any(|c| !c.is_whitespace());
        let styled = |style: &str| {
            visible && super::elements(self.style).any(|value| value.as_str().is_some_and(|text| text == *style))
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
        let (Some(words), Some(href)) = (self.words(), self.href) else {
            return out.prose(Words::of(self.words().or(self.href)), false);
        };
        out.char('[');
        out.prose(Words::from(words).resolved(self.un_escape), false);
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
        for c in Words::of(self.language).filter(|c| !c.is_control() && !c.is_whitespace() && *c != '`') {
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
