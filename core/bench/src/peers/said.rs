//! What is said in a message, written into room that is used again.

use memchr::memmem;

use super::borrowed::{Mention, PostContent};
use crate::input::OWN;

/// A text with its placeholders filled in; the bot's own is left out, and the whole is trimmed.
pub fn text(text: &str, mentions: &[Mention<'_>], out: &mut String) {
    out.clear();
    filled(text, mentions, out);
    trim(out);
}

/// A post as text: its title, its paragraphs, a blank line between them.
pub fn post(post: &PostContent<'_>, mentions: &[Mention<'_>], out: &mut String) {
    out.clear();
    if !post.title.is_empty() {
        out.push_str("# ");
        out.push_str(&post.title);
    }
    for paragraph in &post.content {
        if !out.is_empty() {
            out.push_str("\n\n");
        }
        for node in paragraph {
            if node.tag != "at" {
                filled(&node.text, mentions, out);
                continue;
            }
            if !mentions.iter().any(|mention| mention.key == node.user_id && mention.id.open_id == OWN) {
                out.push('@');
                out.push_str(&node.user_name);
            }
        }
    }
    trim(out);
}

fn filled(text: &str, mentions: &[Mention<'_>], out: &mut String) {
    let mut rest = text;
    while !mentions.is_empty()
        && let Some(at) = memmem::find(rest.as_bytes(), b"@_user_")
    {
        let (before, placeholder) = rest.split_at(at);
        let digits = placeholder.bytes().skip("@_user_".len()).take_while(u8::is_ascii_digit).count();
        let (placeholder, after) = placeholder.split_at("@_user_".len() + digits);
        out.push_str(before);
        match mentions.iter().find(|mention| mention.key == placeholder) {
            Some(mention) if mention.id.open_id == OWN => {}
            Some(mention) => {
                out.push('@');
                out.push_str(&mention.name);
            }
            None => out.push_str(placeholder),
        }
        rest = after;
    }
    out.push_str(rest);
}

fn trim(out: &mut String) {
    out.truncate(out.trim_end().len());
    let start = out.len() - out.trim_start().len();
    out.drain(..start);
}
