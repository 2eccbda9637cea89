//! Whether a message mentions the bot, or everyone (protocol section 12.3). Nothing is copied: the gate has no buffer.

use crate::content::Mentions;
use crate::event::Message;
use crate::locale::{Scan, Token};
use crate::text::Short;

const ALL: &[u8] = b"@_all";

/// An entry of `mentions` carries exactly this `open_id`. Names prove nothing.
pub(super) fn is_mentioned(message: &Message<'_>, open_id: &[u8]) -> bool {
    Mentions::validated(message.mentions()).of_bytes(open_id)
}

/// Everyone is mentioned: by an entry, or by `@_all` in the text, which often has none.
pub(crate) fn is_all(message: &Message<'_>) -> bool {
    if Mentions::validated(message.mentions()).is_all() {
        return true;
    }
    let Some(content) = message.content() else { return false };
    let mut chars = content.chars();
    let mut next = || chars.next();
    let mut scan = Scan::new(&mut next, &["text", "user_id"]);
    // How much of ALL the last characters of a text were, and the id of an `at` node so far.
    let (mut matched, mut id) = (0_usize, Short::<8>::EMPTY);
    while let Some(token) = scan.next() {
        match token {
            Token::Char(ch) if scan.owner() == "text" => {
                if matched == ALL.len() && !(ch.is_ascii_alphanumeric() || ch == '_') {
                    return true;
                }
                let fits = ALL.get(matched).is_some_and(|byte| char::from(*byte) == ch);
                matched = if fits { matched.saturating_add(1) } else { usize::from(ch == '@') };
            }
            Token::Char(ch) if scan.owner() == "user_id" => {
                id = Short::from_chars(id.as_str().chars().chain([ch]));
            }
            Token::End => {
                if matched == ALL.len() || matches!(id.as_str(), "all" | "@_all") {
                    return true;
                }
                (matched, id) = (0, Short::EMPTY);
            }
            Token::Char(_) | Token::Key | Token::Object => {}
        }
    }
    false
}
