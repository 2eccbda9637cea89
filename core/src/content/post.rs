//! Rich text: which of its shapes a post has, its nodes, and what they read like (protocol section 12.2).

use super::node::{Node, Part};
use super::out::{Gap, Out};
use super::{known, marker};
use crate::wire::json::record::{self, Level};
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

const MEMBERS: usize = Member::Post as usize + 1;

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
    members: [Span; MEMBERS],
}

impl<'c> Top<'c> {
    /// Reads and validates all of a document.
    pub(super) fn read(json: &'c str) -> Result<Self, Error> {
        let (mut reader, mut top) = (Reader::new(json), Self { json, members: [Span::NONE; MEMBERS] });
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
                Value::Object(node) => return Some(Step::Node(Node::of(node))),
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

#[cfg(test)]
mod tests {
    use super::{MEMBERS, TOP};
    use crate::wire::json::record;

    #[test]
    fn the_table_fits_its_places() {
        record::assert_sound(&TOP, MEMBERS, None);
    }
}
