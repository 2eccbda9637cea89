//! `allowed_users`: no slip opens the gate, and every slip is told.

use super::*;

fn with(list: &str) -> String {
    format!("[lark]\napp_id = \"cli_0123456789abcdef\"\napp_secret = \"s\"\nallowed_users = {list}\n")
}

#[track_caller]
fn warned(list: &str, users: &[&str], words: &[&str]) {
    let bot = bot(&with(list));
    assert_eq!(bot.allowed_users, users);
    assert_eq!(bot.warnings.len(), 1, "{:?}", bot.warnings);
    has(&bot.warnings[0], &[&["line 4: [lark] allowed_users"], words].concat());
}

#[test]
fn ids_are_taken_as_they_are() {
    for list in [&["ou_1", "on_2", "a1b2c3d4"][..], &["*"]] {
        let bot = bot(&with(&format!("{list:?}")));
        assert_eq!(bot.allowed_users, list);
        assert!(bot.warnings.is_empty(), "{:?}", bot.warnings);
    }
}

#[test]
fn an_empty_list_lets_nobody_in_and_says_so() {
    warned("[]", &[], &["nobody may speak", "\"*\""]);
    let absent = bot("[lark]\napp_id = \"cli_0123456789abcdef\"\napp_secret = \"s\"\n");
    has(&absent.warnings[0], &["line 1: [lark] allowed_users", "nobody may speak"]);
}

#[test]
fn a_star_with_spaces_does_not_open_the_gate() {
    for entry in [" * ", "* ", "\\t*", "\\u3000*", "*\\u00A0", "*\\n"] {
        refused(&with(&format!("[\"{entry}\"]")), &["line 4: [lark] allowed_users entry \"", "*"]);
    }
    for entry in ["**", "ou_*", "＊"] {
        warned(&format!("[\"{entry}\"]"), &[entry], &[entry, "matches nobody"]);
    }
}

#[test]
fn blank_and_invisible_entries_are_refused() {
    for entry in ["", " ", "\\t", "\\u3000"] {
        refused(&with(&format!("[\"ou_1\", \"{entry}\"]")), &["entry 2 is blank"]);
    }
    for entry in ["ou_\\u0000", "ou_\\u200B1", "\\uFEFFou_1", "ou_1\\n", "ou_\\u202E1", "ou_\\u007F"] {
        refused(&with(&format!("[\"{entry}\"]")), &["invisible", "ou_"]);
    }
    refused(&with("[\"ou_1 \"]"), &["\"ou_1 \"", "write \"ou_1\""]);
}

#[test]
fn an_entry_on_its_own_line_is_named_with_that_line() {
    refused(&with("[\n  \"ou_1\",\n  \" ou_2\",\n]"), &["line 6", "\" ou_2\""]);
    refused(&with("[\n  \"ou_1\",\n  7,\n]"), &["line 6", "entry 2", "a number"]);
}

#[test]
fn a_text_is_not_a_list() {
    refused(&with("\"ou_1\""), &["line 4", "allowed_users must not be a text", "[\"ou_…\""]);
    refused(&with("true"), &["allowed_users must not be true or false"]);
}

#[test]
fn entries_that_match_nobody_are_told_about() {
    for entry in ["zhang@example.com", "Zhang San", "张三"] {
        warned(&format!("[\"{entry}\"]"), &[entry], &[entry, "only ids"]);
    }
    warned("[\"oc_1\"]", &["oc_1"], &["chat's id"]);
    warned("[\"cli_1\"]", &["cli_1"], &["app's id"]);
    warned("[\"om_1\"]", &["om_1"], &["message's id"]);
    warned("[\"OU_1\"]", &["OU_1"], &["taken for a user id"]);
    warned(&format!("[\"{} x\"]", "y".repeat(70)), &[&format!("{} x", "y".repeat(70))], &["72 characters"]);
}

#[test]
fn duplicates_and_a_star_among_ids_are_told_about() {
    warned("[\"ou_1\", \"ou_1\"]", &["ou_1"], &["\"ou_1\" is there twice"]);
    warned("[\"ou_1\", \"*\"]", &["ou_1", "*"], &["\"*\"", "no effect"]);
}
