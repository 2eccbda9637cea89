//! What a message says: protocol section 12.

use serde_json::Value;

use super::Client;
use super::defects::Defect;
use super::envelope::text;

/// Whom a placeholder stands for.
#[derive(Clone, Debug, Default)]
pub(super) struct Mention {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) open_id: String,
    pub(super) user_id: String,
}

/// The content as text, with placeholders.
pub(super) fn said(kind: &str, content: &Value) -> String {
    let member = |name: &str| text(content, &format!("/{name}"));
    match kind {
        "text" | "hongbao" | "merge_forward" => member("text"),
        "post" | "interactive" => post(content),
        "image" | "sticker" | "audio" | "file" | "folder" | "media" | "video" | "share_chat" | "share_user" => {
            let members = content.as_object().into_iter().flatten();
            let attributes = members.map(|(name, value)| format!(" {name}=\"{}\"", value.as_str().unwrap_or_default()));
            format!("<{kind}{}/>", attributes.collect::<String>())
        }
        _ if !member("text").is_empty() => member("text"),
        _ => "[unsupported message]".to_owned(),
    }
}

/// A post, flat or wrapped by language, as Markdown.
fn post(content: &Value) -> String {
    let flat = |value: &&Value| {
        value.get("content").is_some_and(Value::is_array)
            || value.get("content_v2").or(value.get("elements")).is_some_and(Value::is_array)
    };
    let wrapped = || {
        let known = ["zh_cn", "en_us", "ja_jp"].into_iter().filter_map(|name| content.get(name));
        known.chain(content.as_object().into_iter().flat_map(|members| members.values())).find(flat)
    };
    let Some(post) = Some(content).filter(flat).or_else(wrapped) else { return text(content, "/title") };
    let array = |name: &str| post.get(name).and_then(Value::as_array);
    let paragraphs = array("content_v2")
        .or_else(|| array("content"))
        .or_else(|| array("elements"))
        .map(Vec::as_slice)
        .unwrap_or_default();
    let mut lines: Vec<String> = Some(text(post, "/title")).filter(|title| !title.is_empty()).into_iter().collect();
    lines.extend(paragraphs.iter().map(|nodes| nodes.as_array().into_iter().flatten().map(node).collect()));
    lines.join("\n")
}

fn node(node: &Value) -> String {
    let member = |name: &str| text(node, &format!("/{name}"));
    match member("tag").as_str() {
        "a" => format!("[{}]({})", member("text"), member("href")),
        "at" if member("user_id").starts_with("@_") => member("user_id"),
        "at" => format!("@{}", member("user_name")),
        "img" => format!("![image]({})", member("image_key")),
        "media" => format!("<media key=\"{}\"/>", member("file_key")),
        "emotion" => format!("[{}]", member("emoji_type")),
        "hr" => "---".to_owned(),
        "code_block" => format!("```{}\n{}\n```", member("language"), member("text")),
        _ => member("text"),
    }
}

/// A token of a text: what stands there, and whether it is a placeholder.
fn tokens(text: &str) -> Vec<(&str, bool)> {
    const USER: &str = "@_user_";
    const ALL: &str = "@_all";
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("@_") {
        let (before, from) = rest.split_at(at);
        let user = from.strip_prefix(USER).map_or(0, |digits| {
            let len = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            if len > 0 { USER.len() + len } else { 0 }
        });
        let all = from.strip_prefix(ALL).map_or(0, |next| {
            let goes_on = next.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            if goes_on { 0 } else { ALL.len() }
        });
        let len = user.max(all);
        let (token, after) = from.split_at(len.max(2));
        tokens.extend([(before, false), (token, len > 0)]);
        rest = after;
    }
    tokens.push((rest, false));
    tokens
}

/// Whether everybody is mentioned.
pub(super) fn mentions_all(text: &str, mentions: &[Mention]) -> bool {
    tokens(text).contains(&("@_all", true)) || mentions.iter().any(|one| one.key == "@_all" || one.user_id == "all")
}

/// What was said to the bot: its own mentions taken out, names for the others.
pub(super) fn body(client: &Client, text: &str, mentions: &[Mention], own: Option<&str>) -> String {
    let mut body = String::with_capacity(text.len());
    let (mut eat, mut own_gone) = (false, false);
    for (token, placeholder) in tokens(text) {
        if !placeholder {
            let mut token = token;
            if eat && client.has(Defect::EatsCharacter) {
                token = token.get(token.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default();
            }
            body.push_str(token);
            eat &= token.is_empty();
            continue;
        }
        let entry = mentions.iter().find(|mention| mention.key == token);
        match entry {
            Some(entry) if own.is_some_and(|own| entry.open_id == own) => (eat, own_gone) = (true, true),
            Some(entry) if !entry.name.is_empty() => {
                body.push('@');
                body.push_str(&entry.name);
                eat = client.has(Defect::EatsCharacter);
            }
            _ if token == "@_all" => body.push_str("@all"),
            _ => body.push_str(token),
        }
    }
    if own_gone { one_blank(body.trim()) } else { body.trim().to_owned() }
}

/// Runs of blanks become one.
fn one_blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !(matches!(c, ' ' | '\t') && out.ends_with([' ', '\t'])) {
            out.push(c);
        }
    }
    out
}

/// What a person wrote: without placeholders and links.
pub(super) fn written(text: &str) -> String {
    let plain: String =
        tokens(text).into_iter().filter(|(_, placeholder)| !placeholder).map(|(token, _)| token).collect();
    let mut written = String::new();
    let mut rest = plain.as_str();
    while let Some(at) = rest.find("http://").or_else(|| rest.find("https://")) {
        let (before, link) = rest.split_at(at);
        written.push_str(before);
        rest = link.find(char::is_whitespace).and_then(|end| link.get(end..)).unwrap_or_default();
    }
    written + rest
}
