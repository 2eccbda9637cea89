//! Who the bot is, and its secrets: from the environment, from the file, or from files of their own.

use std::path::{Path, PathBuf};

use larkwire_core::Config;
use zeroize::Zeroizing;

use super::table::{Blank, Table};
use super::text;
use crate::Secret;

/// A secret's file that is longer than this is another file.
const SECRET_LIMIT: u64 = 16 * 1024;

/// What lies around the file.
pub(super) struct Surroundings<'a> {
    /// Where relative paths begin.
    pub(super) base: &'a Path,
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    /// The file has one bot only.
    pub(super) alone: bool,
}

impl Surroundings<'_> {
    /// The first variable for `key` that is set, and its value without white space around it.
    fn variable(&self, table: &Table<'_>, key: &str) -> Option<(String, Zeroizing<String>)> {
        let key = key.to_ascii_uppercase();
        let named = table.name.map(|name| format!("LARKWIRE_{}_{key}", variable_part(name)));
        let plain = (self.alone || table.name.is_none()).then(|| format!("LARKWIRE_{key}"));
        named.into_iter().chain(plain).find_map(|name| {
            let value = Zeroizing::new((self.env)(&name)?);
            let value = Zeroizing::new(value.trim().to_owned());
            (!value.is_empty()).then_some((name, value))
        })
    }

    /// How the message about a missing key goes on.
    fn or_variable(&self, table: &Table<'_>, key: &str) -> String {
        let key = key.to_ascii_uppercase();
        match table.name {
            Some(name) => format!("LARKWIRE_{}_{key}", variable_part(name)),
            None => format!("LARKWIRE_{key}"),
        }
    }
}

/// `NAME` as it stands in the names of variables.
pub(super) fn variable_part(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}

/// The secrets of one bot, used or not.
#[derive(Default)]
pub(super) struct Secrets {
    /// What no message may hold.
    pub(super) all: Vec<Secret>,
    /// Whether one of them stands in the configuration file.
    pub(super) in_the_file: bool,
}

impl Secrets {
    /// The secret that `key`, its file or its variable gives; the environment wins.
    pub(super) fn take(&mut self, table: &mut Table<'_>, around: &Surroundings<'_>, key: &str) -> Option<Secret> {
        let file_key = format!("{key}_file");
        let written = table.trimmed(key, Blank::Absent);
        let path = table.trimmed(&file_key, Blank::Absent);
        self.all.extend(written.map(Secret::new));
        self.in_the_file |= written.is_some();
        if written.is_some() && path.is_some() {
            let what = format!("and {key} are both given: keep one");
            table.error(table.place(&file_key), &file_key, &what);
        }
        let taken = if let Some((variable, value)) = around.variable(table, key) {
            self.all.push(Secret::from(value.as_str()));
            if value.chars().any(char::is_control) {
                let what = format!("from {variable} holds line breaks or other control characters: remove them");
                table.error(table.at, key, &what);
            }
            Some(Secret::from(value.as_str()))
        } else if let Some((variable, path)) = around.variable(table, &file_key) {
            let origin = format!("from {variable}");
            from_file(table, table.at, &file_key, &origin, Path::new(path.as_str()))
        } else if let Some(text) = written {
            Some(Secret::new(text))
        } else if let Some(path) = path {
            let at = table.place(&file_key);
            from_file(table, at, &file_key, "(a relative path starts at this file's folder)", &around.base.join(path))
        } else {
            None
        };
        self.all.extend(taken.clone());
        taken
    }
}

/// Says in `table` what is wrong with the file. The path is not quoted: people paste the secret itself there.
fn from_file(table: &mut Table<'_>, at: usize, key: &str, origin: &str, path: &Path) -> Option<Secret> {
    let (text, open_to_all) = match text::read(path, SECRET_LIMIT) {
        Ok(file) => (alone(&file.bytes), file.open_to_all),
        Err(reason) => (Err(reason), false),
    };
    if open_to_all {
        table.warn(at, key, &format!("{origin}: everybody on this machine can read the file; `chmod 600` it"));
    }
    if let Err(reason) = &text {
        table.error(at, key, &format!("{origin} gives no secret: {reason}"));
    }
    // After an error an empty one, so that it is not missing as well.
    Some(text.unwrap_or_else(|_| Secret::from("")))
}

/// The one line of a secret's file.
fn alone(bytes: &[u8]) -> Result<Secret, String> {
    let text = text::decode(bytes).map_err(|(_, reason)| reason.to_owned())?.trim();
    if text.is_empty() {
        Err("the file is empty".into())
    } else if text.chars().any(char::is_control) {
        Err("the file must hold the secret alone, in one line".into())
    } else {
        Ok(Secret::from(text))
    }
}

/// `app_id` and `app_secret`, required; empty where there is an error.
pub(super) fn app(table: &mut Table<'_>, around: &Surroundings<'_>, secrets: &mut Secrets) -> (String, Secret) {
    let errors = table.errors();
    let secret = secrets.take(table, around, "app_secret");
    if secret.is_none() && table.errors() == errors {
        let variable = around.or_variable(table, "app_secret");
        table.missing("app_secret", "", &format!(", or app_secret_file, or set {variable}"));
    }
    let secret = secret.unwrap_or_else(|| Secret::new(""));

    let errors = table.errors();
    let written = table.trimmed("app_id", Blank::Absent);
    let (origin, id) = match around.variable(table, "app_id") {
        Some((variable, id)) => (format!("from {variable} "), id.to_string()),
        None => (String::new(), written.unwrap_or_default().to_owned()),
    };
    if id.is_empty() {
        if table.errors() == errors {
            let variable = around.or_variable(table, "app_id");
            table.missing("app_id", "", &format!(", or set {variable}"));
        }
        return (id, secret);
    }
    let at = if origin.is_empty() { table.place("app_id") } else { table.at };
    let looks_right = |id: &str| Config { app_id: id, ..Config::default() }.app_id_looks_right();
    if id == secret.expose() {
        table.error(at, "app_id", &format!("{origin}is the same text as app_secret: one of them is pasted wrongly"));
    } else if !looks_right(&id) && looks_right(secret.expose()) {
        table.error(at, "app_id", &format!("{origin}and app_secret are exchanged: the id is the one with cli_"));
    } else if id.chars().any(char::is_control) {
        table.error(at, "app_id", &format!("{origin}holds control characters: remove them"));
    } else if !looks_right(&id) {
        let what = format!("{origin}does not look like an app id, which is cli_ and 16 hexadecimal digits");
        table.warn(at, "app_id", &what);
    }
    (id, secret)
}

/// A path that starts at the configuration file's folder.
pub(super) fn path(table: &mut Table<'_>, around: &Surroundings<'_>, key: &str) -> Option<PathBuf> {
    let path = around.base.join(table.trimmed(key, Blank::Error)?);
    if path.is_dir() {
        table.error(table.place(key), key, "is a folder: name a file in it");
    }
    Some(path)
}
