//! "Did you mean".

/// The word in `known` that `word` was probably meant to be: at most 3 edits away, and less than half of it. Capitals,
/// `-` and `_` make no difference.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let plain = |text: &str| -> Vec<char> {
        text.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
    };
    let word = plain(word);
    // No key is that long, and the work stays small.
    if word.is_empty() || word.len() > 64 {
        return None;
    }
    let near = |candidate: &&str| {
        let edits = distance(&word, &plain(candidate));
        (edits <= 3 && edits * 2 <= word.len()).then_some(edits)
    };
    known.into_iter().filter_map(|candidate| Some((near(&candidate)?, candidate))).min().map(|(_, candidate)| candidate)
}

/// Levenshtein's distance: how many characters are added, removed or replaced.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = replaced.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_word_is_recognised_and_another_word_is_not() {
        let known = ["allowed_users", "app_id", "port"];
        for (word, meant) in [
            ("allow_users", Some("allowed_users")),
            ("allowedUsers", Some("allowed_users")),
            ("App-ID", Some("app_id")),
            ("prot", Some("port")),
            ("colour", None),
            ("xy", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
        assert_eq!(nearest(&"port".repeat(1000), known), None);
    }

    #[test]
    fn distances_are_those_of_the_book() {
        for (a, b, edits) in
            [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("same", "same", 0), ("ab", "ba", 2)]
        {
            assert_eq!(distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>()), edits, "{a} {b}");
        }
    }
}
