//! What a caller of `split` may rely on, told by a simpler reading of the same rules, for any text.

use larkwire_core::outgoing::{Chunk, DEFAULT_CHARS, MAX_CHARS, MENTION_ALL, Mode, split};
use larkwire_core::wire::json;
use proptest::prelude::*;

use super::{FAMILY, MODES, TAG, resolve};

/// The spans of mention tags.
pub(crate) fn tags(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("<at") {
        let Some(shown) = text[start + 3..].find(['<', '>', '\n']).map(|at| start + 3 + at) else { continue };
        let Some(end) = text[shown + 1..].find(['<', '\n']).map(|at| shown + 1 + at) else { continue };
        let spaced = text[start + 3..].starts_with([' ', '\t']);
        if spaced && text[shown..].starts_with('>') && text[end..].starts_with("</at>") {
            found.push(start..end + 5);
        }
    }
    found
}

fn run_of(line: &str) -> Option<(char, usize, usize)> {
    let bare = line.trim_start_matches([' ', '\t']);
    let sign = bare.chars().next().filter(|sign| "`~".contains(*sign))?;
    let run = bare.chars().take_while(|ch| *ch == sign).count();
    (run >= 3).then_some((sign, line.len() - bare.len(), run))
}

fn opens(line: &str) -> Option<(char, usize, usize)> {
    let (sign, indent, run) = run_of(line)?;
    (indent + run <= 64 && !(sign == '`' && line[indent + run..].contains('`'))).then_some((sign, indent, run))
}

fn closes(line: &str, (sign, indent, run): (char, usize, usize)) -> bool {
    run_of(line).is_some_and(|(s, i, r)| {
        s == sign
            && r >= run
            && i <= indent + 3
            && line[i + r..].trim_end_matches('\n').trim_matches([' ', '\t', '\r']).is_empty()
    })
}

fn open_at_end(shown: &str) -> bool {
    let mut open = None;
    for line in shown.split('\n') {
        open = match open {
            Some(fence) if closes(line, fence) => None,
            Some(fence) => Some(fence),
            None => opens(line),
        };
    }
    open.is_some()
}

/// Whether `text` is as short as a piece can be: an opening fence line if there is one, one character or tag.
fn is_minimal(text: &str) -> bool {
    let one = |text: &str| text.chars().count() <= 1 || tags(text).first() == Some(&(0..text.len()));
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    one(text) || (opens(line).is_some() && one(rest))
}

/// The text without the closing fence line it ends with.
fn without_close(text: &str) -> &str {
    let (before, line) = text.rsplit_once('\n').unwrap_or(("", text));
    if run_of(line).is_some_and(|(_, i, r)| line[i + r..].trim().is_empty()) {
        before.strip_suffix('\r').unwrap_or(before)
    } else {
        text
    }
}

/// Every promise of `split`, and the pieces.
pub(crate) fn check(text: &str, limit: usize, mode: Mode) -> Vec<Chunk<'_>> {
    let chunks: Vec<_> = split(text, limit, mode).collect();
    let tags = tags(text);
    let mut at = 0;
    for chunk in &chunks {
        let what = || format!("{text:?} limit {limit} {mode:?}: {chunk:?}");
        assert!(!chunk.text.is_empty(), "{}", what());
        let span = json::range_in(text, chunk.text).unwrap();
        let left_out = &text[at..span.start];
        left_out_is_allowed(left_out, at == 0, mode).unwrap_or_else(|| panic!("{}: {left_out:?}", what()));
        for cut in [span.start, span.end] {
            let tag = tags.iter().find(|tag| tag.start < cut && cut < tag.end);
            assert!(tag.is_none(), "a mention is cut: {}", what());
        }
        let opened = if chunk.open.is_empty() { 0 } else { chunk.open.chars().count() + 1 };
        let fits = |text: &str| limit == 0 || opened + text.chars().count() <= limit || is_minimal(text);
        assert!(
            fits(chunk.text) || (mode == Mode::Markdown && fits(without_close(chunk.text))),
            "too long: {}",
            what()
        );
        let shown = chunk.to_string();
        assert_eq!((shown.len(), shown.chars().count()), (chunk.len(), chunk.chars().count()));
        if mode == Mode::Markdown {
            assert!(!open_at_end(&shown), "an open fence: {}", what());
        } else {
            assert_eq!((chunk.open, chunk.close), ("", ""));
        }
        at = span.end;
    }
    left_out_is_allowed(&text[at..], at == 0, mode)
        .unwrap_or_else(|| panic!("{text:?} {limit} {mode:?}: the end is lost"));
    chunks
}

fn left_out_is_allowed(gap: &str, first: bool, mode: Mode) -> Option<()> {
    let breaks = match mode {
        _ if first => 0,
        Mode::Character => 0,
        Mode::Markdown | Mode::Newline => 1,
        Mode::Paragraph => 2,
    };
    let rest =
        (0..breaks).fold(gap, |gap, _| gap.strip_prefix("\r\n").or_else(|| gap.strip_prefix('\n')).unwrap_or(gap));
    rest.is_empty().then_some(())
}

#[test]
fn monotonous_texts_of_any_size_are_cut_as_promised() {
    let units = [
        "a",
        "\n",
        "\r\n",
        "@",
        "<",
        "<at ",
        "<at >",
        TAG,
        "```\n",
        "```\na\n",
        "`",
        " ",
        " \n",
        "# a\n",
        FAMILY,
        "🇩🇪",
        "\u{301}",
        "word ",
        "a\n\n",
        "~~~\n```\n",
        "中",
        "a\n<at x>b</at>\n",
        "    ```\n",
    ];
    for unit in units {
        let text = unit.repeat(600 / unit.len());
        for limit in [1, 2, 3, 50, 0] {
            for mode in MODES {
                check(&text, limit, mode);
            }
        }
        // As large as the platform takes it.
        let text = unit.repeat(150_000 / unit.len());
        for (limit, mode) in [(1, Mode::Markdown), (DEFAULT_CHARS, Mode::Markdown), (MAX_CHARS, Mode::Paragraph)] {
            let mut kept = 0;
            for chunk in split(&text, limit, mode) {
                kept += chunk.text.len();
                assert!(limit == 1 || chunk.chars().count() <= limit + "\n    ```".len(), "{unit:?} {limit} {mode:?}");
            }
            assert!(kept >= text.len() / 4 && kept <= text.len(), "{unit:?} {limit} {mode:?}: {kept}");
        }
    }
}

/// Texts of everything a cut could break.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec!["a", "word ", "中文", "é", "e\u{301}", FAMILY, "🇩🇪", "👍🏽", "@Bob", "long_word_without_any_space"]),
        4 => prop::sample::select(vec!["\n", "\n\n", "\r\n", "\r", " ", "    ", "\t"]),
        3 => prop::sample::select(vec!["```", "\n```\n", "\n```py\n", "````", "\n~~~\n", "~~~ x", "`", "~", "\n   ```\n", "```x`"]),
        2 => prop::sample::select(vec!["\n# ", "# Head\n", "#", "\n## Head\n"]),
        3 => prop::sample::select(vec![TAG, MENTION_ALL, "<at ", "<at x>", "</at>", "<", ">", "<at x>\n```\n</at>"]),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_cut_as_promised(text in soup(), limit in prop_oneof![0_usize..8, 0_usize..80]) {
        for mode in MODES {
            let chunks = check(&text, limit, mode);
            prop_assert_eq!(split(&text, limit, mode).clone().collect::<Vec<_>>(), chunks);
        }
    }

    #[test]
    fn any_characters_are_cut_as_promised(text in "\\PC{0,60}", limit in 0_usize..20) {
        for mode in MODES {
            check(&text, limit, mode);
        }
    }

    #[test]
    fn resolving_twice_changes_nothing_more(text in soup()) {
        let roster = [("Bob", "ou_b"), ("word", "ou_w")];
        let once = resolve(&text, &roster);
        prop_assert_eq!(resolve(&once, &roster), once.clone());
        prop_assert!(tags(&once).len() >= tags(&text).len());
    }
}
