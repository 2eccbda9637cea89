//! How long the pieces of a text may be, so that each fits the one buffer for requests.

use larkwire_core::outgoing::{Chunk, split_markdown};
use larkwire_core::wire::json::write_str_escaped_inner;
use larkwire_core::wire::writer::Writer;

/// The limit in characters for [`split_markdown`] whose pieces take at most `room` bytes each in a request; 0, which is
/// no limit, for no room. What cannot be split (a mention, the opening line of a fence) may take more all the same.
pub(crate) fn limit(text: &str, room: usize) -> usize {
    // A character takes 7 bytes at most: below this, only what cannot be split is too long.
    let least = (room / 8).max(1);
    let mut limit = room;
    while limit > least {
        let longest = split_markdown(text, limit).map(|piece| len(&piece)).max().unwrap_or_default();
        if longest <= room {
            break;
        }
        // An eighth at least, so that there are few rounds whatever the text.
        let fair = limit.saturating_mul(room).checked_div(longest).unwrap_or_default();
        limit = fair.min(limit.saturating_sub(limit.div_ceil(8))).max(least);
    }
    limit
}

/// Bytes of a piece in a request: `content` is JSON inside a JSON string, so it is escaped twice.
fn len(piece: &Chunk<'_>) -> usize {
    let mut request = Writer::counting();
    for ch in piece.chars() {
        let (mut utf8, mut escaped) = ([0; 4], [0; 8]);
        let mut content = Writer::new(&mut escaped);
        write_str_escaped_inner(&mut content, ch.encode_utf8(&mut utf8));
        let len = content.len();
        let content = escaped.get(..len).and_then(|content| core::str::from_utf8(content).ok());
        write_str_escaped_inner(&mut request, content.unwrap_or_default());
    }
    request.len()
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    fn longest(text: &str, room: usize) -> usize {
        split_markdown(text, limit(text, room)).map(|piece| len(&piece)).max().unwrap_or_default()
    }

    #[test]
    fn a_piece_fits_its_room_and_makes_use_of_it_whatever_the_characters() {
        for character in ["a", "\"", "\\", "\u{1}", "é", "中", "🙂", "a\n", "中文 \"x\"\n"] {
            let text = character.repeat(400);
            let longest = longest(&text, 256);
            assert!((200..=256).contains(&longest), "{character:?}: {longest}");
        }
    }

    #[test]
    fn a_short_text_stays_whole_and_no_room_is_no_limit() {
        assert_eq!(split_markdown("hi", limit("hi", 256)).count(), 1);
        assert_eq!(limit("hi", 0), 0);
        assert_eq!(limit("", 256), 256);
    }

    #[test]
    fn what_cannot_be_split_does_not_make_crumbs_of_the_rest() {
        let text = format!("{} <at user_id=\"ou_1\">{}</at>", "word ".repeat(100), "n".repeat(400));
        assert_eq!(limit(&text, 256), 32);
        assert!(longest(&text, 256) > 400);
    }

    #[test]
    fn code_fences_that_are_closed_and_opened_again_fit_too() {
        let text = format!("```python\n{}```", "print(\"中文\")\n".repeat(60));
        assert!(longest(&text, 256) <= 256);
    }
}
