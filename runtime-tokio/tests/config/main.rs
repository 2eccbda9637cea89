//! The configuration file: what works, what is refused, and what a person reads about it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests may panic"
)]

mod bots;
mod files;
mod keys;
mod secrets;
mod users;

use std::path::{Path, PathBuf};

use larkwire_tokio::config::{BotConfig, ConfigError, Loaded, parse};

/// A bot that needs nothing more.
const GOOD: &str =
    "[lark]\napp_id = \"cli_0123456789abcdef\"\napp_secret = \"open sesame 1\"\nallowed_users = [\"ou_1\"]\n";

fn read_with(text: &str, vars: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    parse(text.as_bytes(), Path::new(""), |name| {
        vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

#[track_caller]
fn loaded(text: &str) -> Loaded {
    read_with(text, &[]).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The only bot of a file.
#[track_caller]
fn bot(text: &str) -> BotConfig {
    let mut loaded = loaded(text);
    assert_eq!((loaded.bots.len(), loaded.warnings.as_slice()), (1, &[][..]), "{text}");
    loaded.bots.remove(0)
}

/// `GOOD` and a line more, which is its fifth.
#[track_caller]
fn good_with(line: &str) -> BotConfig {
    bot(&format!("{GOOD}{line}\n"))
}

#[track_caller]
fn refused(text: &str, words: &[&str]) {
    let error = read_with(text, &[]).expect_err(text);
    assert_eq!(error.errors.len(), 1, "one mistake, one sentence: {error}\n{text}");
    has(&error.errors[0], words);
}

#[track_caller]
fn refused_with(line: &str, words: &[&str]) {
    refused(&format!("{GOOD}{line}\n"), &[&["line 5: [lark]"], words].concat());
}

#[track_caller]
fn warned_with(line: &str, words: &[&str]) {
    let bot = good_with(line);
    assert_eq!(bot.warnings.len(), 1, "{:?}", bot.warnings);
    has(&bot.warnings[0], &[&["line 5: [lark]"], words].concat());
}

#[track_caller]
fn has(message: &str, words: &[&str]) {
    for word in words {
        assert!(message.contains(word), "{word:?} in {message:?}");
    }
}

/// A directory that goes with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("config-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
