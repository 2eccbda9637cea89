//! Bytes, lines, files and folders.

use larkwire_tokio::config::load;

use super::*;

fn none(_: &str) -> Option<String> {
    None
}

#[track_caller]
fn bytes_refused(bytes: &[u8], words: &[&str]) {
    let error = parse(bytes, Path::new(""), none).unwrap_err();
    assert_eq!(error.errors.len(), 1);
    has(&error.errors[0], words);
}

#[test]
fn a_byte_order_mark_is_skipped() {
    assert_eq!(bot(&format!("\u{FEFF}{GOOD}")).app_id, "cli_0123456789abcdef");
    refused(&format!("\u{FEFF}{GOOD}port = \"1\"\n"), &["line 5"]);
}

#[test]
fn windows_line_ends_count_once() {
    assert_eq!(bot(&GOOD.replace('\n', "\r\n")).app_secret.expose(), "open sesame 1");
    refused(&format!("{GOOD}port = \"1\"\n").replace('\n', "\r\n"), &["line 5"]);
}

#[test]
fn other_encodings_are_named() {
    for (mark, encode) in [(0xFEFF_u16, u16::to_le_bytes as fn(u16) -> [u8; 2]), (0xFEFF, u16::to_be_bytes)] {
        let with_mark: Vec<u8> = [mark].into_iter().chain(GOOD.encode_utf16()).flat_map(encode).collect();
        bytes_refused(&with_mark, &["UTF-16", "save it as UTF-8"]);
        bytes_refused(&with_mark[2..], &["line 1", "NUL", "save it as UTF-8"]);
    }
    let mut latin = format!("{GOOD}# M").into_bytes();
    latin.extend([0xFC, b'n']);
    bytes_refused(&latin, &["line 5", "Latin-1", "save it as UTF-8"]);
    bytes_refused(format!("{GOOD}# \0\n").as_bytes(), &["line 5", "NUL"]);
}

#[test]
fn a_slip_in_the_syntax_is_told_with_its_place() {
    refused(&format!("{GOOD}port = \n"), &["line 5, column "]);
    refused(&format!("{GOOD}receive_mode = websocket\n"), &["line 5, column 16"]);
    refused(&format!("{GOOD}app_secret = \"again\"\n"), &["line 5, column 1: duplicate key"]);
    refused(&format!("{GOOD}[lark]\n"), &["line 5, column 2: duplicate key"]);
    refused(&format!("{GOOD}dedup_file = \"C:\\seen\"\n"), &["line 5, column "]);
    refused(&format!("{GOOD}chat_locales = {{ \"群\" = x }}\n"), &["line 5, column 24"]);
}

#[test]
fn nesting_without_end_is_refused() {
    bytes_refused(format!("{GOOD}x = {}", "[".repeat(100_000)).as_bytes(), &["line 5"]);
}

#[test]
fn a_large_list_is_read_in_no_time() {
    let list: Vec<_> = (0..30_000).map(|n| format!("\n\"user {n}\"")).collect();
    let text = format!("{}allowed_users = [{}]\n", &GOOD[..GOOD.find("allowed").unwrap()], list.join(","));
    let bot = bot(&text);
    assert_eq!((bot.allowed_users.len(), bot.warnings.len()), (30_000, 30_000));
    has(&bot.warnings[29_999], &["line 30004:"]);
}

#[test]
fn a_file_is_named_in_every_message() {
    let directory = Directory::new("named");
    let path = directory.file("bot.toml", format!("{GOOD}port = 1\n"));
    let loaded = load(&path, none).unwrap();
    has(&loaded.bots[0].warnings[0], &["bot.toml, line 5: [lark] port"]);
    let path = directory.file("bad.toml", format!("{GOOD}port = 0\n"));
    has(&load(&path, none).unwrap_err().to_string(), &["bad.toml, line 5: [lark] port"]);
    let path = directory.file("worse.toml", "[");
    has(&load(&path, none).unwrap_err().to_string(), &["worse.toml, line 1, column"]);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let directory = Directory::new("unreadable");
    has(&load(&directory.0.join("missing.toml"), none).unwrap_err().to_string(), &["missing.toml: "]);
    has(&load(&directory.0, none).unwrap_err().to_string(), &["folder"]);
    let path = directory.file("huge.toml", vec![b'#'; 2 * 1024 * 1024]);
    has(&load(&path, none).unwrap_err().to_string(), &["huge.toml: ", "longer than 1024 KiB"]);
}

#[test]
fn paths_start_at_the_folder_of_the_file() {
    let directory = Directory::new("relative");
    directory.file("secret", "open sesame 2\n");
    let text = GOOD.replace("app_secret = \"open sesame 1\"", "app_secret_file = \"secret\"");
    let path = directory.file("bot.toml", format!("{text}dedup_file = \"seen.bin\"\n"));
    let bot = &load(&path, none).unwrap().bots[0];
    assert_eq!(bot.app_secret.expose(), "open sesame 2");
    assert_eq!(bot.dedup_file.as_deref(), Some(directory.0.join("seen.bin").as_path()));
    let path = directory.file("folder.toml", format!("{GOOD}dedup_file = \".\"\n"));
    has(&load(&path, none).unwrap_err().to_string(), &["line 5: [lark] dedup_file is a folder"]);
}

#[cfg(unix)]
#[test]
fn a_file_with_secrets_that_everybody_can_read_is_told_about() {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    let directory = Directory::new("modes");
    let path = directory.file("bot.toml", GOOD);
    let warnings = |mode: u32| {
        set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        load(&path, none).unwrap().warnings
    };
    has(&warnings(0o644)[0], &["bot.toml", "everybody", "chmod 600"]);
    assert!(warnings(0o600).is_empty());
    assert!(warnings(0o640).is_empty());

    let secret = directory.file("secret", "open sesame 2");
    let path =
        directory.file("by-file.toml", GOOD.replace("app_secret = \"open sesame 1\"", "app_secret_file = \"secret\""));
    let warnings = |mode: u32| {
        set_permissions(&secret, Permissions::from_mode(mode)).unwrap();
        let loaded = load(&path, none).unwrap();
        assert!(loaded.warnings.is_empty(), "no secret in the file itself: {:?}", loaded.warnings);
        loaded.bots[0].warnings.clone()
    };
    has(&warnings(0o644)[0], &["line 3: [lark] app_secret_file", "everybody", "chmod 600"]);
    assert!(warnings(0o600).is_empty());
    assert!(warnings(0o444).is_empty(), "so containers mount secrets");
}

#[test]
fn the_examples_of_the_documentation_work() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let page = std::fs::read_to_string(page).unwrap();
    let directory = Directory::new("documentation");
    directory.file("app_secret", "open sesame 2\n");
    let examples: Vec<_> = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(examples.len() >= 4);
    for example in examples {
        let loaded = parse(example.as_bytes(), &directory.0, |name| {
            name.ends_with("_APP_SECRET").then(|| "by environment".to_owned())
        });
        let loaded = loaded.unwrap_or_else(|error| panic!("{error}\n{example}"));
        assert!(!loaded.bots.is_empty() && loaded.warnings.is_empty());
        for bot in loaded.bots {
            let told: Vec<_> = bot.warnings.iter().filter(|warning| !warning.contains("read the file")).collect();
            assert!(told.is_empty(), "{told:?}\n{example}");
        }
    }
    let keys: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(keys.len() >= 25, "{keys:?}");
    for key in keys.into_iter().filter(|key| !key.starts_with("LARKWIRE_")) {
        let text = format!("[lark.a]\napp_id = \"cli_1\"\n[lark.b]\n{key} = 1979-05-27\n");
        let error = read_with(&text, &[]).unwrap_err();
        assert!(!format!("{error:?}").contains("not known here"), "{key}");
    }
}
