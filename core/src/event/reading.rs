//! What a message says, for people: its content unescaped, and its text (protocol section 12).

use super::{Event, Message};
use crate::content::{Content, Form, Kind, Mentions, Reading};
use crate::locale::{Locale, locale_of};
use crate::wire::json::Str;
use crate::wire::scan;
use crate::wire::writer::{TooSmall, Writer};

impl<'a> Event<'a> {
    /// The bot's own `open_id`, where it was known when the event came.
    pub fn own_open_id(&self) -> Option<&'a str> {
        known(self.own)
    }

    /// The same event, read by a bot with this `open_id`.
    #[must_use]
    pub fn with_own_open_id(self, own: &'a str) -> Self {
        Self { own: own.as_bytes(), ..self }
    }

    /// The language whose reactions suit the event (protocol section 14.3), English where nothing tells.
    pub fn locale(&self) -> Locale {
        let Some(message) = self.message() else { return Locale::En };
        let kind = message.message_type();
        let is_post = kind.is_some_and(|kind| kind == "post");
        // Names in the tags of an old message say nothing of its language.
        let text = message.content().or(message.legacy_text_without_at_bot()).or(message.legacy_text());
        let body = self.body();
        let body = if crate::locale::may_name(body) && !message.is_legacy() { body } else { "" };
        // Without a letter that is not ASCII, written out or as an escape, there is nothing to tell by.
        let is_ascii = text.is_none_or(|text| text.raw().is_ascii() && !text.raw().contains("\\u"));
        if is_ascii && body.is_empty() && !is_post {
            return Locale::En;
        }
        if let Some(inside) = text.and_then(|text| message.inside(text)).filter(|_| body.is_empty()) {
            return crate::locale::detect(inside.chars());
        }
        let text = text.iter().flat_map(|text| text.chars());
        if message.is_legacy() {
            return crate::locale::detect(text);
        }
        locale_of(body.chars(), if is_post { "post" } else { "" }, text).0
    }
}

impl<'a> Message<'a> {
    /// The message's content as JSON of its own, unescaped into `scratch`: kind, media keys, any field.
    ///
    /// # Errors
    /// [`TooSmall`] with the size of the content, at most that of [`content`](Self::content) as it stands.
    pub fn read_content<'b>(&self, scratch: &'b mut [u8]) -> Result<Content<'b>, TooSmall> {
        if let Some(text) = self.legacy_text().filter(|_| self.is_legacy()) {
            return Ok(Content::plain(text.unescape(scratch)?));
        }
        let Some(content) = self.content() else { return Ok(Content::plain("")) };
        let json = content.unescape(scratch)?;
        let kind = self.message_type();
        let kind = kind.map_or(Kind::Unknown, Kind::from);
        Ok(Content::new(kind, json))
    }

    /// How [`Content::text`] is to read this message: who its placeholders stand for, and who the bot is.
    pub fn reading(&self, form: Form) -> Reading<'a> {
        Reading {
            mentions: Mentions::validated(self.mentions()),
            form,
            own_open_id: known(self.own),
            ..Reading::default()
        }
    }

    /// What was said, as readable text: of posts, cards and every other kind, too. [`Form::Body`] is what was said to the
    /// bot, without its own mention. Empty where there is nothing to say.
    ///
    /// `out` is working room, too: the text comes to its start, the unescaped content goes to its end. Twice the length
    /// of [`content`](Self::content) and some for the names of who is mentioned are usually enough.
    ///
    /// # Errors
    /// [`TooSmall`]: give at least `needed` bytes. When not even the content fits, that is a guess, and the next answer
    /// is exact.
    pub fn text<'b>(&self, form: Form, out: &'b mut [u8]) -> Result<&'b str, TooSmall> {
        let said = match form {
            Form::Body if self.is_legacy() => self.legacy_text_without_at_bot().or(self.legacy_text()),
            _ => self.content().or(self.legacy_text()),
        };
        let Some(said) = said else { return Ok("") };
        if let Some(content) = self.as_it_stands(said) {
            return content.text(self.reading(form), out);
        }
        read_by(said, out, |scratch, room| {
            let content =
                if self.is_legacy() { Content::plain(said.unescape(scratch)?) } else { self.read_content(scratch)? };
            let mut w = Writer::new(room);
            content.write_text(&mut w, self.reading(form));
            w.finish()
        })
    }

    /// As [`text`](Self::text), for messages of the kind `text` alone; `None` for any other kind. A board that reads with
    /// nothing else spares the flash for posts, cards and the rest, some 14 KB.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub fn plain_text<'b>(&self, form: Form, out: &'b mut [u8]) -> Result<Option<&'b str>, TooSmall> {
        if self.is_legacy() || self.message_type().is_none_or(|kind| kind != "text") {
            return Ok(None);
        }
        let Some(json) = self.content() else { return Ok(None) };
        if let Some(content) = self.as_it_stands(json) {
            return content.words(self.reading(form), out).map(Some);
        }
        let words = read_by(json, out, |scratch, room| {
            let content = Content::new(Kind::Text, json.unescape(scratch)?);
            let mut w = Writer::new(room);
            content.write_words(&mut w, self.reading(form));
            w.finish()
        });
        words.map(Some)
    }

    /// The content of a text that stands in the event as it will be read: nothing needs to be copied or read twice.
    fn as_it_stands(&self, said: Str<'a>) -> Option<Content<'a>> {
        self.inside(said).map(Content::of_text)
    }

    /// The text of a text, where JSON escapes nothing in it.
    fn inside(&self, said: Str<'a>) -> Option<&'a str> {
        let inside = said.raw().strip_prefix(r#"{\"text\":\""#)?.strip_suffix(r#"\"}"#)?;
        let is_plain = said.has_escapes() && !scan::has_backslash(inside.as_bytes());
        let is_text = || !self.is_legacy() && self.message_type().is_some_and(|kind| kind == "text");
        (is_plain && is_text()).then_some(inside)
    }

    /// Whether the bot is mentioned by its `open_id`; never by name.
    pub fn mentions_bot(&self) -> bool {
        match self.legacy_is_mention() {
            Some(mentioned) => mentioned,
            None => !self.own.is_empty() && Mentions::validated(self.mentions()).of_bytes(self.own),
        }
    }

    /// Whether everyone is mentioned.
    pub fn mentions_all(&self) -> bool {
        crate::gate::mentions_all(self)
    }
}

/// An id that may not be known.
fn known(id: &[u8]) -> Option<&str> {
    core::str::from_utf8(id).ok().filter(|id| !id.is_empty())
}

/// Lets `read` make a text of what is said: it is given room to unescape that into, and room for the text, whose length
/// it gives. The length of what is said once it is unescaped takes a look at all of it, so it is asked for only where the
/// room is scarce.
fn read_by<'b>(
    said: Str<'_>,
    out: &'b mut [u8],
    read: impl Fn(&mut [u8], &mut [u8]) -> Result<usize, TooSmall>,
) -> Result<&'b str, TooSmall> {
    let raw = said.raw().len();
    let at = out.len().saturating_sub(raw);
    let mut done = Err(TooSmall { needed: raw });
    if at >= raw {
        let (room, scratch) = out.split_at_mut_checked(at).unwrap_or_default();
        done = read(scratch, room);
    }
    if done.is_err() {
        let len = said.unescaped_len();
        let guess = TooSmall { needed: len.saturating_mul(2) };
        let at = out.len().checked_sub(len).ok_or(guess)?;
        let (room, scratch) = out.split_at_mut_checked(at).ok_or(guess)?;
        // What is missing in all, when the text wants more than was left beside its unescaped content.
        done = read(scratch, room).map_err(|TooSmall { needed }| TooSmall { needed: needed.saturating_add(len) });
    }
    // It is text by construction; without unsafe code the check is the price of saying so.
    Ok(scan::utf8(out.get(..done?).unwrap_or_default()).unwrap_or_default())
}
