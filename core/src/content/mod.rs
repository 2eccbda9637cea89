//! Message content: readable text, mentions and typed media keys (protocol section 12). Nothing is copied but the text
//! that is asked for, nothing recurses, and the work is linear in what came in.
//!
//! ```text
//! message_type, content ─► Content ──┬─ write_text(Reading) ─► prose, post, card, marker ─► Out ─► Writer
//!                                    ├─ resources() ─────────► Resource { kind, key, … }
//! mentions ──────────────► Mentions ─┘─ of(open_id), is_all()
//! ```
//!
//! ```
//! use larkwire_core::content::{Content, Form, Mentions, Reading};
//! let mentions = Mentions::new(
//!     r#"[{"key":"@_user_1","id":{"open_id":"ou_bot"},"name":"Bot"},
//!         {"key":"@_user_2","id":{"open_id":"ou_b"},"name":"Bob"}]"#,
//! );
//! assert!(mentions.of("ou_bot"));
//! let content = Content::new("text", r#"{"text":"@_user_1 hello @_user_2"}"#);
//! let full = Reading { mentions, ..Reading::default() };
//! let body = Reading { form: Form::Body, own_open_id: Some("ou_bot"), ..full };
//! let mut out = [0; 64];
//! assert_eq!(content.text(full, &mut out)?, "@Bot hello @Bob");
//! assert_eq!(content.text(body, &mut out)?, "hello @Bob");
//! # Ok::<(), larkwire_core::wire::writer::TooSmall>(())
//! ```
//!
//! # What is written
//!
//! | kind | text | without what it needs |
//! |---|---|---|
//! | text | `text` | nothing |
//! | post | `# title`, then paragraphs and files, a blank line between them | nothing |
//! | image | `![image](image_key)` | `[image]` |
//! | file, folder | `<file key="…" name="…"/>`, `<folder …/>` | `[file]`, `[folder]` |
//! | audio | `<audio key="…" duration="1.5s"/>` | `[audio]` |
//! | media | `<video key="…" name="…" duration="61s"/>` | `[video]` |
//! | sticker | `<sticker key="…"/>` | `[sticker]` |
//! | interactive | title, then one line for each element or paragraph | `[interactive]` |
//! | hongbao | `<hongbao text="…"/>` | `[hongbao]` |
//! | calendar | `<calendar_invite>`, `📅 summary`, `🕙 start ~ end`, `</calendar_invite>` | the lines there are |
//! | share_chat, share_user | `<share_chat id="oc_…"/>`, `<share_user id="ou_…"/>` | `[share_chat]`, `[share_user]` |
//! | system | the template, each `{name}` filled in or dropped, trimmed | `[system]` |
//! | location | `<location name="…" lng="1.5" lat="2.0"/>` | empty attributes |
//! | video_chat | `<meeting>`, `📹 topic`, `🕙 start`, `</meeting>` | the lines there are |
//! | todo | `<todo>`, title, paragraphs, `Due: …`, `</todo>` | the lines there are |
//! | vote | `<vote>`, topic, `• option` each, `</vote>` | the lines there are |
//! | merge_forward | `<forwarded_messages/>` | |
//! | anything else | `text` | `[unsupported message]` |
//!
//! Nodes of posts: text with its style (`**bold**`, `*italic*`, `~~lineThrough~~`, `<u>underline</u>`), `[text](href)`,
//! `@name`, `![image](key)`, `[media:key]`, `:EMOJI:`, `---`, fenced code, Markdown as it is but for its `<at …>` tags,
//! and of unknown tags the `text`. A missing duration is `0s`. Times are UTC, `2023-11-14 22:13:20 UTC`: a board has no
//! time zone. Attributes are escaped as in XML. Placeholders of mentions are replaced in whatever people write: text,
//! posts but for their code, cards, summaries, topics and options.
//!
//! Content that is no JSON has no text (protocol section 11.2). JSON that is no object reads as `{}`. A number where
//! text should be stands as it is written; any other type counts as absent; the last of repeated members wins.

mod card;
mod kind;
mod marker;
mod mentions;
mod node;
mod out;
mod post;
mod prose;
mod resource;

use core::fmt;

pub use kind::Kind;
pub use mentions::{Mention, Mentions};
pub use resource::{Resource, ResourceKind, Resources};

use crate::wire::json::{Reader, Str, Value};
use crate::wire::scan;
use crate::wire::writer::{TooSmall, Writer};
use mentions::Lookup;
use out::{Out, Style};
use post::Top;
use prose::Words;

/// Which of the two texts is wanted (protocol section 12.3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Form {
    /// What was said to the bot: its own mentions are taken out, the runs of spaces and tabs this leaves become one
    /// (but in code blocks of posts), and the whole is trimmed. Without
    /// [`own_open_id`](Reading::own_open_id) it is [`Full`](Form::Full), trimmed.
    Body,
    /// What was written: every placeholder that has a name becomes `@name`.
    #[default]
    Full,
}

/// How a text is to be read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading<'a> {
    /// Who the placeholders stand for.
    ///
    /// Looking them up goes on from the last hit and starts over at the end. It reads at most 512 KiB plus eight times
    /// the length of the array, names that are written included; placeholders beyond that stay as they are. In the
    /// order of the array no number of mentions comes near it.
    pub mentions: Mentions<'a>,
    /// Which text.
    pub form: Form,
    /// The bot's open_id: whose mentions [`Form::Body`] takes out. Names are never compared.
    pub own_open_id: Option<&'a str>,
    /// Whether `& < > " '` are written as HTML entities, our own markers included.
    pub escape_html: bool,
}

/// What makes a text of content.
type Render<'c> = fn(&Content<'c>, &mut Out<'_, '_, '_>);

#[derive(Clone, Copy)]
enum Source<'c> {
    /// Neither parsed nor text.
    Broken,
    Json(Top<'c>),
    Plain,
    /// The text of a JSON that is not at hand.
    Text,
}

/// The content of a message, borrowed. `Debug` shows kind and size only: what people write is not for logs.
#[derive(Clone, Copy)]
pub struct Content<'c> {
    kind: Kind,
    source: Source<'c>,
    json: &'c str,
}

impl<'c> Content<'c> {
    /// Content as it stands in a message of envelope v2, unescaped, with the message's type: its text, or a [`Kind`].
    pub fn new(message_type: impl Into<Kind>, json: &'c str) -> Self {
        let source = Top::read(json).map_or(Source::Broken, Source::Json);
        Self { kind: message_type.into(), source, json }
    }

    /// Text that no JSON is around: `text` of a v1 message (protocol section 11.4). `<at open_id="…">name</at>` in it
    /// is read as in the Markdown of posts.
    pub fn plain(text: &'c str) -> Self {
        Self { kind: Kind::Text, source: Source::Plain, json: text }
    }

    /// The content of a message of the kind text, whose JSON is not at hand: only its text can be asked for.
    pub(crate) fn of_text(text: &'c str) -> Self {
        Self { kind: Kind::Text, source: Source::Text, json: text }
    }

    /// Which kind of message it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The content as it was given.
    pub fn json(&self) -> &'c str {
        self.json
    }

    /// Whether [`json`](Self::json) is JSON; if not, only it is left: there is no text (but of [`plain`](Self::plain)),
    /// no field and no resource.
    pub fn is_json(&self) -> bool {
        matches!(self.source, Source::Json(_))
    }

    /// The last member of that name at the top level, such as `chat_id` of a share_chat or `latitude` of a location.
    pub fn field(&self, name: &str) -> Option<Value<'c>> {
        if self.is_json() { member(self.json, |key| *key == *name) } else { None }
    }

    /// The media that can be downloaded with the message's id: the message's own, or those of a post: nodes first, then
    /// images in Markdown, then the list of files. Folders and cards have none.
    pub fn resources(&self) -> Resources<'c> {
        Resources::of(self)
    }

    /// Whether everyone is mentioned in it: `@_all` as a whole word, an `at` node or tag for `all` or `@_all`. The
    /// platform may or may not list that mention: ask [`Mentions::is_all`] too.
    pub fn mentions_all(&self) -> bool {
        let mut out = Out::looking(Lookup::new(Reading::default()));
        self.render(&mut out);
        out.all
    }

    /// Appends the text. [`Writer::finish`] says what room was missing.
    pub fn write_text(&self, w: &mut Writer<'_>, reading: Reading<'_>) {
        self.write_by(Self::render, w, reading);
    }

    /// The text, written to the start of `out`.
    ///
    /// # Errors
    /// [`TooSmall`] with the size of the text. Next step: a buffer of that size.
    pub fn text<'b>(&self, reading: Reading<'_>, out: &'b mut [u8]) -> Result<&'b str, TooSmall> {
        self.text_by(Self::render, reading, out)
    }

    /// As [`text`](Self::text), where it is known to be of the kind [`Kind::Text`]: no other kind is linked for it.
    pub(crate) fn words<'b>(&self, reading: Reading<'_>, out: &'b mut [u8]) -> Result<&'b str, TooSmall> {
        self.text_by(Self::render_words, reading, out)
    }

    fn text_by<'b>(&self, render: Render<'c>, reading: Reading<'_>, out: &'b mut [u8]) -> Result<&'b str, TooSmall> {
        let mut w = Writer::new(out);
        self.write_by(render, &mut w, reading);
        let len = w.finish()?;
        // It is text by construction; without unsafe code the check is the price of saying so.
        Ok(scan::utf8(out.get(..len).unwrap_or_default()).unwrap_or_default())
    }

    /// As [`write_text`](Self::write_text), where it is known to be of the kind [`Kind::Text`]: no other kind is linked
    /// for it.
    pub(crate) fn write_words(&self, w: &mut Writer<'_>, reading: Reading<'_>) {
        self.write_by(Self::render_words, w, reading);
    }

    fn render_words(&self, out: &mut Out<'_, '_, '_>) {
        out.prose(Words::of(self.own_text()), false);
    }

    fn write_by(&self, render: Render<'c>, w: &mut Writer<'_>, reading: Reading<'_>) {
        let trim = reading.form == Form::Body || self.kind == Kind::System;
        let mut style = Style { trim, collapse: false, escape_html: reading.escape_html };
        let start = w.len();
        for _ in 0..2 {
            w.truncate(start);
            let mut out = Out::writing(w, style, Lookup::new(reading));
            render(self, &mut out);
            // Whether blanks are to be collapsed may show behind the first of them.
            style.collapse = out.again;
            out.finish();
            if !style.collapse {
                return;
            }
        }
    }

    fn render(&self, out: &mut Out<'_, '_, '_>) {
        match (self.source, self.kind) {
            (Source::Broken, _) => {}
            (Source::Plain, _) => out.prose(Str::from_raw(self.json, false).into(), true),
            (Source::Json(_), Kind::Interactive) => card::write(self, out),
            (Source::Json(top), Kind::Post) => post::write(top, out),
            (Source::Json(_) | Source::Text, _) => marker::write(self, out),
        }
    }

    /// The field as text, if there is any.
    fn known(&self, name: &str) -> Option<Str<'c>> {
        if name == "text" { self.own_text() } else { self.field(name).and_then(known) }
    }

    /// The member `text`, which most have.
    fn own_text(&self) -> Option<Str<'c>> {
        match &self.source {
            Source::Json(top) => top.text(),
            Source::Text => Some(Str::from_raw(self.json, false)).filter(|text| !text.is_empty()),
            Source::Broken | Source::Plain => None,
        }
    }
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content").field("kind", &self.kind).field("bytes", &self.json.len()).finish()
    }
}

/// A name, key or text: a non-empty string, or a number as it is written.
fn known(value: Value<'_>) -> Option<Str<'_>> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text),
        Value::Number(number) => Some(Str::from_raw(number.raw(), false)),
        _ => None,
    }
}

/// The last member of an object whose key `is` it; nothing for any other value.
fn member<'c>(json: &'c str, is: impl Fn(&Str<'c>) -> bool) -> Option<Value<'c>> {
    let (mut reader, mut found) = (Reader::new(json), None);
    if reader.enter_object().ok()? {
        while let Some(key) = reader.next_key().ok()? {
            let value = reader.value().ok()?;
            if is(&key) {
                found = Some(value);
            }
        }
    }
    found
}

/// The elements of an array; none for any other value.
fn elements<'c>(value: Option<Value<'c>>) -> impl Iterator<Item = Value<'c>> + use<'c> {
    let mut reader = Reader::new(if let Some(Value::Array(array)) = value { array } else { "[]" });
    let entered = reader.enter_array().unwrap_or(false);
    core::iter::from_fn(move || if entered && reader.next_element().ok()? { reader.value().ok() } else { None })
}
