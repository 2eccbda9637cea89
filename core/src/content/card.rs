//! Cards, as they are received (post-like paragraphs) and as they are sent (elements in elements); protocol section 12.1.
//!
//! Elements nest as deeply as JSON may, so the walk keeps its own stack of bits. An element is looked at before the walk
//! goes into it, but only up to the first element inside: each byte is read at most twice.

use super::node::Node;
use super::out::{Gap, Out};
use super::post::next_byte;
use super::{Content, known, member};
use crate::wire::json::{Reader, Str, Value};

/// Writes title and elements, each on lines of its own.
pub(super) fn write(content: &Content<'_>, out: &mut Out<'_, '_, '_>) {
    let inside = |value, name: &str| match value {
        Some(Value::Object(object)) => member(object, |key| *key == *name),
        _ => None,
    };
    let title = inside(content.field("header"), "title").or_else(|| content.field("title"));
    if let Some(title) = title.and_then(known).or_else(|| inside(title, "content").and_then(known)) {
        out.prose(title.into(), false);
    }
    out.gap(Gap::Line);
    let elements = content.field("elements").or_else(|| inside(content.field("body"), "elements"));
    if let Some(Value::Array(elements)) = elements {
        // The text was validated as a whole: there is no error to tell of.
        let _ = Walk { json: elements, reader: Reader::new(elements), objects: 0, inline: 0, depth: 0 }.write(out);
    }
    if out.is_empty() {
        out.str("[interactive]");
    }
}

struct Walk<'c> {
    json: &'c str,
    reader: Reader<'c>,
    /// One bit for each open array or object, the innermost lowest: 1 for an object.
    objects: u64,
    /// Likewise: 1 for an array in an array, whose nodes stand in one line.
    inline: u64,
    depth: u32,
}

impl Walk<'_> {
    fn write(mut self, out: &mut Out<'_, '_, '_>) -> Option<()> {
        if self.reader.enter_array().ok()? {
            self.open(false, false);
        }
        while self.depth > 0 {
            let (in_object, in_line) = (self.objects & 1 == 1, self.inline & 1 == 1);
            let key = if in_object { self.reader.next_key().ok()? } else { None };
            if !(in_object && key.is_some() || !in_object && self.reader.next_element().ok()?) {
                self.close();
                out.gap(Gap::Line);
                continue;
            }
            if !in_line {
                out.gap(Gap::Line);
            }
            let wanted = key.is_none_or(|key| holds_elements(&key));
            match next_byte(self.json, &self.reader) {
                Some(b'{') if wanted => {
                    let is_leaf = self.is_leaf()?;
                    self.reader.enter_object().ok()?;
                    if is_leaf {
                        Node::read(&mut self.reader)?.write(out);
                    } else {
                        self.open(true, false);
                    }
                }
                Some(b'[') if wanted => {
                    self.reader.enter_array().ok()?;
                    self.open(false, !in_object);
                }
                _ => {
                    let value = self.reader.value().ok()?;
                    let said = key.is_none_or(|key| key == "content" || key == "text" || key == "title");
                    if let Some(text) = known(value).filter(|_| said) {
                        out.prose(text.into(), false);
                    }
                }
            }
        }
        Some(())
    }

    /// Whether the element that comes next has no others in it.
    fn is_leaf(&self) -> Option<bool> {
        let mut ahead = self.reader.clone();
        ahead.enter_object().ok()?;
        while let Some(key) = ahead.next_key().ok()? {
            if holds_elements(&key) && matches!(next_byte(self.json, &ahead), Some(b'{' | b'[')) {
                return Some(false);
            }
            ahead.skip().ok()?;
        }
        Some(true)
    }

    fn open(&mut self, object: bool, inline: bool) {
        self.objects = self.objects << 1 | u64::from(object);
        self.inline = self.inline << 1 | u64::from(inline);
        self.depth = self.depth.saturating_add(1);
    }

    fn close(&mut self) {
        self.objects >>= 1;
        self.inline >>= 1;
        self.depth = self.depth.saturating_sub(1);
    }
}

/// Members under which there is something to read; others hold values, behaviour and looks.
fn holds_elements(key: &Str<'_>) -> bool {
    const KEYS: [&str; 9] = ["actions", "body", "columns", "content", "elements", "fields", "header", "text", "title"];
    KEYS.iter().any(|name| *key == *name)
}
