//! Whether a message mentions the bot, or everyone (protocol section 12.3). Nothing is copied: the gate has no buffer.

use crate::content::Mentions;
use crate::event::Message;
use crate::locale::{Scan, Token};

const ALL: &[u8] = b"@_all";

/// An entry of `mentions` carries exactly this `open_id`. Names prove nothing.
pub(super) fn is_mentioned(message: &Message<'_>, open_id: &str) -> bool {
    Mentions::new(message.mentions()).of(open_id)
}

/// Everyone is mentioned: by an entry, or by `@_all` in the text, which often has none.
pub(super) fn is_all(message: &Message<'_>) -> bool {
    if Mentions::new(message.mentions()).is_all() {
        return true;
    }
    let Some(content) = message.content() else { return false };
    let mut scan = Scan::new(content.chars());
    // How much of ALL the last characters were, and whether `user_id` is "all" so far.
    let (mut matched, mut word) = (0_usize, 0_usize);
    while let Some(token) = scan.next() {
        match token {
            Token::Key => (matched, word) = (0, 0),
            Token::Char(ch) => {
                if scan.key() == "text" {
                    if matched == ALL.len() && !(ch.is_ascii_alphanumeric() || ch == '_') {
                        return true;
                    }
                    let fits = ALL.get(matched).is_some_and(|byte| char::from(*byte) == ch);
                    matched = if fits { matched.saturating_add(1) } else { usize::from(ch == '@') };
                } else if scan.key() == "user_id" {
                    // `all` or `@_all` of an `at` node.
                    let rest = if word == 0 && ch == 'a' { 2 } else { word };
                    let fits = ALL.get(rest).is_some_and(|byte| char::from(*byte) == ch);
                    word = if fits { rest.saturating_add(1) } else { usize::MAX };
                }
            }
            Token::End => {
                let (text, user_id) = (scan.key() == "text", scan.key() == "user_id");
                if (text && matched == ALL.len()) || (user_id && word == ALL.len()) {
                    return true;
                }
                (matched, word) = (0, 0);
            }
        }
    }
    false
}
