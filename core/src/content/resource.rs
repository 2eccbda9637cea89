//! The media of a message, by the keys they are downloaded with.

use super::marker::duration;
use super::node::Part;
use super::post::{Nodes, Post, Step};
use super::{Content, Kind, Source};
use crate::wire::json::Str;

/// What a resource is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ResourceKind {
    /// A voice message.
    Audio,
    /// Any file.
    File,
    /// A picture.
    Image,
    /// A sticker.
    Sticker,
    /// A video.
    Video,
}

impl ResourceKind {
    /// The word of the platform's own channel for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::File => "file",
            Self::Image => "image",
            Self::Sticker => "sticker",
            Self::Video => "video",
        }
    }
}

/// Something that can be downloaded with the message's id and this key.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Resource<'c> {
    /// What it is.
    pub kind: ResourceKind,
    /// The `image_key` of an image, else the `file_key`.
    pub key: Str<'c>,
    /// What the sender called it, where that can be the name of a file in a folder of yours: at most 255 bytes, no `/`, `\`
    /// or `:`, no control characters, none that turn the direction of writing, and not `.` or `..`. `None` otherwise.
    pub file_name: Option<Str<'c>>,
    /// How long it plays, in milliseconds.
    pub duration_ms: Option<u64>,
    /// The `image_key` of the picture shown before a video plays.
    pub cover_image_key: Option<Str<'c>>,
}

impl<'c> Resource<'c> {
    fn new(kind: ResourceKind, key: Str<'c>) -> Self {
        Self { kind, key, file_name: None, duration_ms: None, cover_image_key: None }
    }
}

/// The resources of a message, in order: see [`Content::resources`].
#[derive(Clone)]
pub struct Resources<'c> {
    own: Option<Resource<'c>>,
    nodes: Nodes<'c>,
    markdown: Nodes<'c>,
    /// What was not yet looked at of the Markdown at hand.
    rest: &'c str,
    files: Nodes<'c>,
}

impl<'c> Resources<'c> {
    pub(super) fn of(content: &Content<'c>) -> Self {
        let post = match (content.source, content.kind) {
            (Source::Json(top), Kind::Post) => Post::of(top),
            _ => Post::default(),
        };
        Self { own: own(content), nodes: post.nodes(), markdown: post.nodes(), rest: "", files: post.files() }
    }
}

/// The longest name that usual file systems take, in bytes.
const MAX_LEAF: usize = 255;

/// Whether a name can only name a file in the folder it is joined to, and reads as it is.
fn is_leaf(name: &Str<'_>) -> bool {
    let turns =
        |ch| matches!(ch, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let fits = |ch: char| !ch.is_control() && !turns(ch) && !matches!(ch, '/' | '\\' | ':');
    name.unescaped_len() <= MAX_LEAF
        && name.chars().all(fits)
        && name.chars().any(|ch| ch != '.' && !ch.is_whitespace())
}

/// The resource of a message that is one.
fn own<'c>(content: &Content<'c>) -> Option<Resource<'c>> {
    let (kind, key) = match content.kind() {
        Kind::Audio => (ResourceKind::Audio, "file_key"),
        Kind::File => (ResourceKind::File, "file_key"),
        Kind::Image => (ResourceKind::Image, "image_key"),
        Kind::Media => (ResourceKind::Video, "file_key"),
        Kind::Sticker => (ResourceKind::Sticker, "file_key"),
        _ => return None,
    };
    let own = Resource::new(kind, content.known(key)?);
    let playing = matches!(kind, ResourceKind::Audio | ResourceKind::Video);
    Some(Resource {
        file_name: content.known("file_name").filter(is_leaf),
        duration_ms: if playing { duration(content.field("duration")) } else { None },
        cover_image_key: if kind == ResourceKind::Video { content.known("image_key") } else { None },
        ..own
    })
}

impl<'c> Iterator for Resources<'c> {
    type Item = Resource<'c>;

    fn next(&mut self) -> Option<Resource<'c>> {
        if let Some(own) = self.own.take() {
            return Some(own);
        }
        for step in &mut self.nodes {
            let Step::Node(node) = step else { continue };
            let image_key = node.str(Part::ImageKey);
            if let Some(key) = image_key.filter(|_| node.is("img")) {
                return Some(Resource::new(ResourceKind::Image, key));
            }
            if let Some(key) = node.str(Part::FileKey).filter(|_| node.is("media")) {
                return Some(Resource {
                    file_name: node.str(Part::FileName).filter(is_leaf),
                    duration_ms: node.duration_ms(),
                    cover_image_key: image_key,
                    ..Resource::new(ResourceKind::Video, key)
                });
            }
        }
        loop {
            if let Some(key) = next_image(&mut self.rest) {
                return Some(Resource::new(ResourceKind::Image, Str::from_raw(key, false)));
            }
            match self.markdown.next() {
                Some(Step::Node(node)) if node.is("md") => {
                    self.rest = node.str(Part::Text).map_or("", |text| text.raw());
                }
                Some(_) => {}
                None => break,
            }
        }
        self.files.find_map(|step| match step {
            Step::Node(file) if !file.is_folder() => {
                let file_name = file.str(Part::FileName).filter(is_leaf);
                Some(Resource { file_name, ..Resource::new(ResourceKind::File, file.str(Part::FileKey)?) })
            }
            _ => None,
        })
    }
}

/// The key of the next `![…](img_…)`. A key has no characters that JSON escapes, so that the text as it stands in the
/// document will do.
fn next_image<'c>(rest: &mut &'c str) -> Option<&'c str> {
    while let Some((_, after)) = rest.split_once('!') {
        *rest = after;
        let Some(after) = after.strip_prefix('[') else { continue };
        *rest = after;
        let Some(at) = after.find(['[', ']']) else { continue };
        let Some(target) = after.get(at..).and_then(|target| target.strip_prefix("](")) else { continue };
        let len = target.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')).count();
        let (key, end) = target.split_at_checked(len)?;
        if key.starts_with("img_") && end.starts_with(')') {
            *rest = end;
            return Some(key);
        }
    }
    None
}
