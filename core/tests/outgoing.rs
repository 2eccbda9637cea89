//! Outgoing text: mentions put in, long texts cut, held against the recorded cases of the channel SDK
//! (`conformance/vectors/channel.json`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests may panic"
)]

#[path = "outgoing/promises.rs"]
mod promises;

use larkwire_core::outgoing::{
    Chunk, MAX_CHARS, MENTION_ALL, Mode, resolve_mentions, split, split_markdown, write_mention,
};
use larkwire_core::wire::json;
use larkwire_core::wire::writer::{TooSmall, Writer};
use promises::{check, tags};
use serde_json::Value;

const MODES: [Mode; 4] = [Mode::Character, Mode::Markdown, Mode::Newline, Mode::Paragraph];
const TAG: &str = "<at user_id=\"ou_x\">Bob</at>";
const FAMILY: &str = "👨‍👩‍👧‍👦";

fn cases(group: &str) -> Vec<Value> {
    let path = format!("{}/../conformance/vectors/channel.json", env!("CARGO_MANIFEST_DIR"));
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all[group].as_array().unwrap().clone()
}

fn pieces(text: &str, limit: usize, mode: Mode) -> Vec<String> {
    split(text, limit, mode).map(|chunk| chunk.to_string()).collect()
}

fn markdown(text: &str, limit: usize) -> Vec<String> {
    pieces(text, limit, Mode::Markdown)
}

fn limit_of(case: &Value) -> usize {
    case["limit"].as_u64().unwrap().try_into().unwrap()
}

fn resolve(text: &str, roster: &[(&str, &str)]) -> String {
    let mut out = vec![0; text.len() * 64 + 64];
    let mut w = Writer::new(&mut out);
    resolve_mentions(&mut w, text, roster);
    let len = w.finish().unwrap();
    out.truncate(len);
    String::from_utf8(out).unwrap()
}

// Splitting.

#[test]
fn long_texts_are_cut_where_the_channel_sdk_cuts_them() {
    let cases = cases("chunk_text");
    assert_eq!(cases.len(), 8);
    for case in cases {
        let mode = match case["mode"].as_str().unwrap() {
            "newline" => Mode::Newline,
            "paragraph" => Mode::Paragraph,
            "none" => Mode::Character,
            other => panic!("{other}"),
        };
        let text = case["text"].as_str().unwrap();
        assert_eq!(serde_json::json!(pieces(text, limit_of(&case), mode)), case["chunks"], "{}", case["name"]);
        check(text, limit_of(&case), mode);
    }
}

#[test]
fn code_fences_and_headings_are_cut_as_in_the_channel_sdk() {
    let cases = cases("split_with_code_fences");
    assert_eq!(cases.len(), 3);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        assert_eq!(serde_json::json!(markdown(text, limit_of(&case))), case["chunks"], "{}", case["name"]);
    }
}

#[test]
fn an_empty_text_is_no_message() {
    for mode in MODES {
        assert_eq!(pieces("", 10, mode), Vec::<String>::new());
    }
}

#[test]
fn a_line_that_fills_a_message_is_not_followed_by_an_empty_one() {
    assert_eq!(pieces("aaaa\nbbbb\n", 4, Mode::Newline), ["aaaa", "bbbb"]);
    assert_eq!(pieces("aaaa\r\nbbbb", 4, Mode::Newline), ["aaaa", "bbbb"]);
    assert_eq!(pieces("aaaa\nbbbb\n", 4, Mode::Character), ["aaaa", "\nbbb", "b\n"]);
}

#[test]
fn lines_from_windows_leave_no_carriage_return_behind() {
    assert_eq!(pieces("aa\r\nbb\r\ncc", 7, Mode::Newline), ["aa", "bb\r\ncc"]);
    assert_eq!(pieces("aa\r\n\r\nbb\r\ncc", 11, Mode::Paragraph), ["aa", "bb\r\ncc"]);
    assert_eq!(pieces("aa\n\r\r\nbb\r\ncc", 9, Mode::Paragraph), ["aa\n\r", "bb\r\ncc"]);
}

#[test]
fn a_paragraph_too_long_for_one_message_is_cut_at_a_line_and_a_line_anywhere() {
    assert_eq!(pieces("aa\nbb\ncc\n\ndd", 7, Mode::Paragraph), ["aa\nbb", "cc\n\ndd"]);
    assert_eq!(pieces("abcdefgh\n\ni", 5, Mode::Paragraph), ["abcde", "fgh", "i"]);
}

#[test]
fn a_mention_is_never_cut() {
    let text = format!("hello {TAG} and bye");
    assert_eq!(pieces(&text, 10, Mode::Character), ["hello ", TAG, " and bye"]);
    assert_eq!(pieces(&text, 40, Mode::Newline), [format!("hello {TAG} and by"), "e".to_owned()]);
    for limit in 1..60 {
        for mode in MODES {
            check(&text, limit, mode);
        }
    }
    // What only starts like one is text.
    assert_eq!(pieces("<at user_id=\"ou_x\"", 10, Mode::Newline), ["<at user_i", "d=\"ou_x\""]);
    assert_eq!(pieces("<attr a>b</at>", 10, Mode::Newline), ["<attr a>b<", "/at>"]);
}

#[test]
fn emoji_and_accents_stay_whole() {
    let text = format!("{FAMILY}{FAMILY}");
    assert_eq!(FAMILY.chars().count(), 7);
    assert_eq!(pieces(&text, 10, Mode::Character), [FAMILY, FAMILY]);
    assert_eq!(pieces("xe\u{301}e\u{301}", 4, Mode::Newline), ["xe\u{301}", "e\u{301}"]);
    assert_eq!(pieces("🇩🇪🇫🇷", 3, Mode::Newline), ["🇩🇪", "🇫🇷"]);
    assert_eq!(pieces("a👍🏽", 2, Mode::Newline), ["a", "👍🏽"]);
    assert_eq!(pieces("ab❤\u{fe0f}c", 3, Mode::Newline), ["ab", "❤\u{fe0f}c"]);
    // Longer than a message: no way but through it.
    assert_eq!(pieces(FAMILY, 3, Mode::Character).concat(), FAMILY);
    assert!(pieces(FAMILY, 3, Mode::Character).iter().all(|piece| piece.chars().count() <= 3));
    let marks = format!("a{}", "\u{301}".repeat(50_000));
    assert_eq!(pieces(&marks, 1000, Mode::Newline).len(), 51);
}

#[test]
fn a_heading_starts_a_message_rather_than_ending_one() {
    assert_eq!(markdown("some text\n\n## Next\nmore text", 24), ["some text\n", "## Next\nmore text"]);
    // In the first half it is worth no short message.
    assert_eq!(markdown("text\n# Next\nmore\nand more text", 26), ["text\n# Next\nmore", "and more text"]);
    // No heading is left alone at the end.
    assert_eq!(markdown("a\n# Head\n\nbbbbbbbbbbbb", 20), ["a", "# Head\n\nbbbbbbbbbbbb"]);
    // Not headings: a tag, a channel, a comment in code.
    assert_eq!(markdown("aaaaaa\n#tag\nbbbbbb", 14), ["aaaaaa\n#tag", "bbbbbb"]);
    assert_eq!(markdown("```sh\nls\n# all\nls -a\n```", 16), ["```sh\nls\n# all\n```", "```sh\nls -a\n```"]);
}

#[test]
fn code_goes_on_as_code_in_the_next_message() {
    assert_eq!(
        markdown("~~~~ rust x\nlet a;\nlet b;\n~~~~\nend", 20),
        ["~~~~ rust x\nlet a;\n~~~~", "~~~~ rust x\nlet b;\n~~~~", "end"]
    );
    // A fence that is just opened goes to the next message with its code.
    assert_eq!(markdown("intro\n```py\nline\n```", 12), ["intro", "```py\nline\n```"]);
    // Its closing line is no message of its own.
    assert_eq!(markdown("```\naaaa\n```\nb", 8), ["```\naaaa\n```", "b"]);
    // Another fence within it is code.
    assert_eq!(markdown("````md\n```\nx\n```\ny\n````", 13), ["````md\n```\nx\n````", "````md\n```\ny\n````"]);
    // In a list.
    assert_eq!(
        markdown("1. do\n\n     ```sh\n     ls\n     cd\n     ```\n2. go", 29),
        ["1. do\n\n     ```sh\n     ls\n     ```", "     ```sh\n     cd\n     ```", "2. go"]
    );
    // A code span is no fence.
    assert_eq!(markdown("```x``` is code\nand this is not", 20), ["```x``` is code", "and this is not"]);
}

#[test]
fn a_fence_nobody_closed_is_closed() {
    assert_eq!(markdown("```py\ncode", 0), ["```py\ncode\n```"]);
    assert_eq!(markdown("```py\ncode\n", 0), ["```py\ncode\n```"]);
    assert_eq!(markdown("~~~\nsome\ncode", 10), ["~~~\nsome\n~~~", "~~~\ncode\n~~~"]);
    assert_eq!(markdown("```", 1), ["```\n```"]);
    // Other modes know nothing of fences.
    assert_eq!(pieces("```py\ncode", 0, Mode::Newline), ["```py\ncode"]);
}

#[test]
fn a_line_cut_in_two_does_not_open_a_fence_by_its_looks() {
    let text = "say ```now\nand then\nmore";
    for limit in 1..30 {
        check(text, limit, Mode::Markdown);
    }
    // Where it cannot be helped, it is closed at once.
    assert_eq!(markdown("word```now and", 4), ["word", "```n\n```", "ow a", "nd"]);
}

#[test]
fn fences_longer_than_a_message_still_hold_its_code() {
    assert_eq!(markdown("```python\nab\n```", 3), ["```python\na\n```", "```python\nb\n```"]);
    // A novel behind the fence is not told again in each message.
    let text = format!("```{}\n{}\n```", "info".repeat(10_000), "code\n".repeat(2_000));
    let chunks = check(&text, 100, Mode::Markdown);
    assert!(chunks[1..].iter().all(|chunk| chunk.open == "```" && chunk.close.len() <= 3));
    assert!(chunks.iter().map(Chunk::len).sum::<usize>() < 2 * text.len());
    // A run drawn as a rule is text.
    let rule = "`".repeat(50_000);
    assert_eq!(markdown(&rule, 1000).len(), 50);
}

#[test]
fn only_line_breaks_still_make_progress() {
    for limit in 1..5 {
        for mode in MODES {
            check(&"\n".repeat(20), limit, mode);
        }
    }
    assert!(split("\n\n\n", 2, Mode::Newline).all(|chunk| chunk.is_blank()));
    assert!(split("a\nb", 2, Mode::Newline).all(|chunk| !chunk.is_blank()));
}

#[test]
fn the_largest_limit_fits_the_platform_whatever_the_characters() {
    for ch in ["\u{1}", "\"", "\\", "\n", "🙂", "中"] {
        let text = ch.repeat(30_000);
        let chunk = split(&text, MAX_CHARS, Mode::Character).next().unwrap();
        let once = serde_json::json!({ "text": chunk.to_string() }).to_string();
        let twice = serde_json::to_string(&once).unwrap();
        assert!(twice.len() < 150_000, "{ch:?}: {}", twice.len());
    }
}

#[test]
fn a_piece_can_be_made_of_any_text() {
    let chunk = Chunk::from("hi");
    assert_eq!((chunk.to_string().as_str(), chunk.len(), chunk.is_empty()), ("hi", 2, false));
    assert!(Chunk::from("").is_empty());
    let fenced = Chunk { open: "```py", text: "x", close: "```" };
    assert_eq!(fenced.to_string(), "```py\nx\n```");
    assert_eq!(fenced.chars().collect::<String>(), fenced.parts().concat());
}

// Mentions.

#[test]
fn names_become_mentions_as_in_the_channel_sdk() {
    let cases = cases("resolve_mentions_in_text");
    assert_eq!(cases.len(), 4);
    for case in cases {
        let roster = case["roster"].as_object().unwrap();
        let roster: Vec<_> = roster.iter().map(|(name, id)| (name.as_str(), id.as_str().unwrap())).collect();
        assert_eq!(resolve(case["text"].as_str().unwrap(), &roster), case["out"].as_str().unwrap());
    }
}

#[test]
fn nobody_is_mentioned_by_half_a_name() {
    let roster = [("Bob", "ou_b"), ("", "ou_none"), ("Nobody", "")];
    for text in [
        "@Bobby",
        "@Bob1",
        "@Bob_1",
        "@bob",
        "@ Bob",
        "Bob",
        "@Bobé",
        "@Bob\u{301}",
        "a@Bob.com",
        "é@Bob",
        "7@Bob",
        "@",
        "@Nobody",
        "https://video.example/@Bob",
        "https://video.example/x/@Bob/1",
    ] {
        assert_eq!(resolve(text, &roster), text);
    }
}

#[test]
fn a_name_is_found_among_marks_and_scripts_without_spaces() {
    let roster = [("Bob", "ou_b"), ("张三", "ou_z")];
    let bob = "<at user_id=\"ou_b\">Bob</at>";
    for (before, after) in [
        ("", ""),
        ("", "'s"),
        ("(", ")"),
        ("**", "**"),
        ("_", "_"),
        ("你好", "您好"),
        ("Thanks.", "-"),
        ("@", "@"),
        ("", "님"),
        ("and/", "/"),
        ("https://x.example, ", ""),
        ("https://x.example，", "。"),
        ("\n", "\r\n"),
    ] {
        assert_eq!(resolve(&format!("{before}@Bob{after}"), &roster), format!("{before}{bob}{after}"));
    }
    assert_eq!(resolve("请@张三看abc", &roster), "请<at user_id=\"ou_z\">张三</at>看abc");
    assert_eq!(resolve("@张三abc", &roster), "<at user_id=\"ou_z\">张三</at>abc");
    assert_eq!(resolve("@Bob@Bob", &roster), format!("{bob}{bob}"));
}

#[test]
fn the_longest_name_that_fits_is_meant() {
    let roster = [("John", "ou_j"), ("John Smith", "ou_js"), ("John", "ou_other")];
    assert_eq!(resolve("@John Smith", &roster), "<at user_id=\"ou_js\">John Smith</at>");
    assert_eq!(resolve("@John Smithers", &roster), "<at user_id=\"ou_j\">John</at> Smithers");
}

#[test]
fn a_mention_that_is_there_already_stays() {
    let roster = [("Bob", "ou_b")];
    for text in ["<at user_id=\"ou_x\">@Bob</at>", MENTION_ALL, "<at user_id=\"@Bob\"></at>"] {
        assert_eq!(resolve(text, &roster), text);
    }
    assert_eq!(resolve(&format!("{TAG}@Bob"), &roster), format!("{TAG}<at user_id=\"ou_b\">Bob</at>"));
    assert_eq!(resolve("<at @Bob", &roster), "<at <at user_id=\"ou_b\">Bob</at>");
}

#[test]
fn no_id_and_no_name_can_break_out_of_the_tag() {
    let mut out = [0; 128];
    let mut w = Writer::new(&mut out);
    write_mention(&mut w, "a\"b'<c>&", "</at><b>x &\n\"y\"");
    let len = w.finish().unwrap();
    let tag = str::from_utf8(&out[..len]).unwrap();
    assert_eq!(tag, "<at user_id=\"a&quot;b&#39;&lt;c&gt;&amp;\">/atbx & \"y\"</at>");
    assert_eq!(tags(tag).first(), Some(&(0..tag.len())));
}

#[test]
fn a_buffer_too_small_says_what_is_needed_and_mentions_are_counted() {
    let mut out = [0; 8];
    let mut w = Writer::new(&mut out);
    assert_eq!(resolve_mentions(&mut w, "@Bob, @Bob, @Al", &[("Bob", "ou_x")]), 2);
    assert_eq!(w.finish(), Err(TooSmall { needed: 2 * TAG.len() + ", , @Al".len() }));
}

#[test]
fn ten_thousand_at_signs_are_just_text() {
    let text = "@".repeat(10_000);
    let long = "@".repeat(200);
    assert_eq!(resolve(&text, &[("Bob", "ou_b"), ("@b", "ou_c")]), text);
    assert_eq!(resolve(&text, &[(long.as_str(), "ou_b")]).matches("<at").count(), 10_000 / 201);
}

#[test]
fn nothing_is_taken_from_the_heap() {
    let text = format!("# Title\nhi @Bob\n```py\n{}```\n{TAG} bye", "line\n".repeat(200));
    let mut out = vec![0; 8192];
    let info = allocation_counter::measure(|| {
        let mut w = Writer::new(&mut out);
        resolve_mentions(&mut w, &text, &[("Bob", "ou_b"), ("Al", "ou_a")]);
        let len = w.finish().unwrap();
        let text = str::from_utf8(&out[..len]).unwrap();
        for mode in MODES {
            let mut counter = Writer::counting();
            for chunk in split(text, 100, mode) {
                chunk.parts().iter().for_each(|part| json::write_str_escaped_inner(&mut counter, part));
            }
            assert!(counter.len() >= text.len());
        }
        assert!(split_markdown(text, 100).count() > 10);
    });
    assert_eq!(info.count_total, 0);
}
