//! What messages of the simple kinds read like: a text, or a short marker with the keys (protocol section 12.4).

use core::fmt::Write as _;

use super::out::{Gap, Out};
use super::post::{Nodes, Step};
use super::prose::Words;
use super::{Content, Kind, elements, known, member};
use crate::time::UnixMillis;
use crate::wire::json::{Str, Value};

/// How many `{name}`s of a system template are filled in; further ones stay as they are.
const MAX_NAMES: u32 = 32;

pub(super) fn write(content: &Content<'_>, out: &mut Out<'_, '_, '_>) {
    let key = || content.known("file_key");
    let name = || content.known("file_name");
    let duration = || duration(content.field("duration")).unwrap_or(0);
    match content.kind() {
        Kind::Audio => tag(out, "audio", key(), |out, key| {
            out.attribute("key", key.chars());
            seconds(out, duration());
        }),
        Kind::Calendar => calendar(content, out),
        Kind::File => file(out, "file", key(), name()),
        Kind::Folder => file(out, "folder", key(), name()),
        Kind::Hongbao => tag(out, "hongbao", content.known("text"), |out, text| out.attribute("text", text.chars())),
        Kind::Image => image(out, content.known("image_key")),
        Kind::Location => location(content, out),
        Kind::Media => tag(out, "video", key(), |out, key| {
            out.attribute("key", key.chars());
            out.attribute("name", Words::of(name()));
            seconds(out, duration());
        }),
        Kind::MergeForward => out.str("<forwarded_messages/>"),
        Kind::ShareChat => tag(out, "share_chat", content.known("chat_id"), |out, id| out.attribute("id", id.chars())),
        Kind::ShareUser => tag(out, "share_user", content.known("user_id"), |out, id| out.attribute("id", id.chars())),
        Kind::Sticker => tag(out, "sticker", key(), |out, key| out.attribute("key", key.chars())),
        Kind::System => system(content, out),
        Kind::Text => out.prose(Words::of(content.known("text")), false),
        Kind::Todo => todo(content, out),
        Kind::VideoChat => {
            out.str("<meeting>");
            line(out, "📹 ", content.known("topic"));
            span(out, "🕙 ", content.field("start_time"), None);
            end(out, "</meeting>");
        }
        Kind::Vote => {
            out.str("<vote>");
            line(out, "", content.known("topic"));
            elements(content.field("options")).for_each(|option| line(out, "• ", known(option)));
            end(out, "</vote>");
        }
        Kind::Interactive | Kind::Post | Kind::Unknown => match content.known("text") {
            Some(text) => out.prose(text.into(), false),
            None => out.str("[unsupported message]"),
        },
    }
}

/// `![image](key)`
pub(super) fn image(out: &mut Out<'_, '_, '_>, key: Option<Str<'_>>) {
    match key {
        Some(key) => {
            out.str("![image](");
            out.name(key.chars());
            out.char(')');
        }
        None => out.str("[image]"),
    }
}

/// `<file key="…" name="…"/>`
pub(super) fn file(out: &mut Out<'_, '_, '_>, what: &str, key: Option<Str<'_>>, name: Option<Str<'_>>) {
    tag(out, what, key, |out, key| {
        out.attribute("key", key.chars());
        out.attribute("name", Words::of(name));
    });
}

/// Milliseconds, as a number or a string.
pub(super) fn duration(value: Option<Value<'_>>) -> Option<u64> {
    u64::try_from(value?.as_i64()?).ok()
}

/// `<what …/>`, or `[what]` without the key that matters.
fn tag<'o, 'w, 'b, 'a, 'c>(
    out: &'o mut Out<'w, 'b, 'a>,
    what: &str,
    key: Option<Str<'c>>,
    attributes: impl FnOnce(&mut Out<'w, 'b, 'a>, Str<'c>),
) {
    let Some(key) = key else {
        out.char('[');
        out.str(what);
        return out.char(']');
    };
    out.char('<');
    out.str(what);
    attributes(out, key);
    out.str("/>");
}

/// ` duration="1.5s"`
fn seconds(out: &mut Out<'_, '_, '_>, ms: u64) {
    // Writing to `Out` never fails, here and below.
    let _ = write!(out, " duration=\"{}", ms / 1000);
    match ms % 1000 {
        0 => {}
        rest if rest % 100 == 0 => drop(write!(out, ".{}", rest / 100)),
        rest if rest % 10 == 0 => drop(write!(out, ".{:02}", rest / 10)),
        rest => drop(write!(out, ".{rest:03}")),
    }
    out.str("s\"");
}

/// A line of its own, if there is something to say.
fn line(out: &mut Out<'_, '_, '_>, mark: &str, text: Option<Str<'_>>) {
    if let Some(text) = text {
        out.gap(Gap::Line);
        out.str(mark);
        out.prose(text.into(), false);
    }
}

fn end(out: &mut Out<'_, '_, '_>, tag: &str) {
    out.gap(Gap::Line);
    out.str(tag);
}

/// A line with a time, or with two.
fn span(out: &mut Out<'_, '_, '_>, mark: &str, start: Option<Value<'_>>, end: Option<Value<'_>>) {
    let time = |value: Option<Value<'_>>| UnixMillis::from_platform(value?.as_i64()?);
    let (start, end) = (time(start), time(end));
    if start.or(end).is_none() {
        return;
    }
    out.gap(Gap::Line);
    out.str(mark);
    if let Some(start) = start {
        utc(out, start);
    }
    if let Some(end) = end {
        out.str(if start.is_some() { " ~ " } else { "~ " });
        utc(out, end);
    }
}

/// `2023-11-14 22:13:20 UTC`
fn utc(out: &mut Out<'_, '_, '_>, at: UnixMillis) {
    let seconds = at.0 / 1000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // The calendar repeats every 400 years of 146 097 days. Years that begin in March have their leap day at the end.
    let days = days.saturating_add(719_468);
    let (era, day) = (days / 146_097, days % 146_097);
    let leaps = (day / 1460).saturating_add(day / 146_096).saturating_sub(day / 36_524);
    let year = day.saturating_sub(leaps) / 365;
    let before = year.saturating_mul(365).saturating_add(year / 4).saturating_sub(year / 100);
    let day = day.saturating_sub(before);
    let month = day.saturating_mul(5).saturating_add(2) / 153;
    let day = day.saturating_sub(month.saturating_mul(153).saturating_add(2) / 5).saturating_add(1);
    let month = if month < 10 { month.saturating_add(3) } else { month.saturating_sub(9) };
    let year = era.saturating_mul(400).saturating_add(year).saturating_add(u64::from(month <= 2));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let _ = write!(out, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC");
}

fn calendar(content: &Content<'_>, out: &mut Out<'_, '_, '_>) {
    out.str("<calendar_invite>");
    line(out, "📅 ", content.known("summary"));
    span(out, "🕙 ", content.field("start_time"), content.field("end_time"));
    end(out, "</calendar_invite>");
}

fn location(content: &Content<'_>, out: &mut Out<'_, '_, '_>) {
    out.str("<location");
    out.attribute("name", Words::of(content.known("name")));
    for (name, field) in [("lng", "longitude"), ("lat", "latitude")] {
        let value = content.field(field);
        // A coordinate is a fraction, also where it comes as an integer.
        let fraction = if value.and_then(|value| value.as_i64()).is_some() { ".0" } else { "" };
        out.attribute(name, Words::of(value.and_then(known)).chain(fraction.chars()));
    }
    out.str("/>");
}

fn todo(content: &Content<'_>, out: &mut Out<'_, '_, '_>) {
    out.str("<todo>");
    if let Some(Value::Object(summary)) = content.field("summary") {
        line(out, "", member(summary, |key| *key == "title").and_then(known));
        if let Some(Value::Array(paragraphs)) = member(summary, |key| *key == "content") {
            for step in Nodes::of(paragraphs) {
                match step {
                    Step::Paragraph => out.gap(Gap::Line),
                    Step::Node(node) => node.write(out),
                    Step::Text(text) => out.prose(text.into(), false),
                }
            }
        }
    }
    span(out, "Due: ", content.field("due_time"), None);
    end(out, "</todo>");
}

/// Fills in a template; a `{` that is never closed is text.
fn system(content: &Content<'_>, out: &mut Out<'_, '_, '_>) {
    let Some(template) = content.known("template") else { return out.str("[system]") };
    let (mut chars, mut left) = (template.chars(), MAX_NAMES);
    while let Some(c) = chars.next() {
        if c == '{' && left > 0 {
            let (mut after, mut len) = (chars.clone(), 0_usize);
            let ending = loop {
                match after.next() {
                    Some(c) if c != '{' && c != '}' => len = len.saturating_add(1),
                    ending => break ending,
                }
            };
            if ending == Some('}') {
                let name = chars.clone().take(len);
                system_value(out, member(content.json(), |key| key.chars().eq(name.clone())));
                (chars, left) = (after, left.saturating_sub(1));
                continue;
            }
        }
        out.name(core::iter::once(c));
    }
}

/// A name, several, or `divider_text`; anything else says nothing.
fn system_value(out: &mut Out<'_, '_, '_>, value: Option<Value<'_>>) {
    if let Some(Value::Object(object)) = value {
        let text = member(object, |key| *key == "text").and_then(known);
        return out.name(Words::of(text));
    }
    let one = value.and_then(known).into_iter();
    for (n, name) in one.chain(elements(value).filter_map(known)).enumerate() {
        if n > 0 {
            out.str(", ");
        }
        out.name(name.chars());
    }
}
