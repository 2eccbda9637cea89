//! Settings from flags, environment and file, in that order.

use std::path::{Path, PathBuf};

use larkwire_tokio::Settings;
use serde::Deserialize;

use crate::args::Run;
use crate::exit::Exit;

/// The file given with `--config`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    app_id: Option<String>,
    #[serde(default, deserialize_with = "secret")]
    app_secret: Option<String>,
    app_secret_file: Option<PathBuf>,
    domain: Option<String>,
    max_attempts: Option<u32>,
}

/// Takes a text, and quotes nothing else: a number here is a secret without its quotes.
fn secret<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    match toml::Value::deserialize(value)? {
        toml::Value::String(secret) => Ok(Some(secret)),
        _ => Err(serde::de::Error::custom("app_secret must be a text in quotes")),
    }
}

/// The settings that `run` and the environment name.
pub(crate) fn settings(run: &Run, env: impl Fn(&str) -> Option<String>) -> Result<Settings, Exit> {
    let env = |name: &str| env(name).filter(|value| !value.trim().is_empty());
    let path = run.config.clone().or_else(|| env("LARKWIRE_CONFIG").map(PathBuf::from));
    let file = path.as_deref().map(read_file).transpose()?.unwrap_or_default();

    let app_id = run.app_id.clone().or_else(|| env("LARKWIRE_APP_ID")).or(file.app_id).ok_or_else(|| {
        Exit::configuration("app_id is missing: give --app-id, LARKWIRE_APP_ID, or app_id in the file")
    })?;
    let secret = if let Some(path) = &run.app_secret_file {
        read_secret(path)?
    } else if let Some(secret) = env("LARKWIRE_APP_SECRET") {
        secret
    } else if let Some(path) = env("LARKWIRE_APP_SECRET_FILE") {
        read_secret(Path::new(&path))?
    } else if let Some(secret) = file.app_secret {
        secret
    } else if let Some(secret_path) = file.app_secret_file {
        // Beside the file that names it.
        let base = path.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        read_secret(&base.join(secret_path))?
    } else {
        return Err(Exit::configuration(
            "the app secret is missing: give LARKWIRE_APP_SECRET, --app-secret-file, or app_secret in the file",
        ));
    };
    let mut settings = Settings::new(app_id, secret);
    if let Some(domain) = run.domain.clone().or_else(|| env("LARKWIRE_DOMAIN")).or(file.domain) {
        settings = settings.domain(domain);
    }
    let attempts = match (run.max_attempts, env("LARKWIRE_MAX_ATTEMPTS")) {
        (Some(attempts), _) => Some(attempts),
        (None, Some(text)) => match text.trim().parse() {
            Ok(attempts) if attempts > 0 => Some(attempts),
            _ => return Err(Exit::configuration("LARKWIRE_MAX_ATTEMPTS is not a number from 1")),
        },
        (None, None) => file.max_attempts,
    };
    match attempts {
        Some(0) => Err(Exit::configuration("max_attempts must be at least 1")),
        Some(attempts) => Ok(settings.max_attempts(attempts)),
        None => Ok(settings),
    }
}

fn read_file(path: &Path) -> Result<File, Exit> {
    let text = read(path)?;
    // The parser's own message quotes the line, and the line may be the secret's.
    toml::from_str(&text).map_err(|error| {
        let line = error.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.split('\n').count());
        Exit::configuration(format!("{}, line {line}: {}", path.display(), error.message()))
    })
}

fn read_secret(path: &Path) -> Result<String, Exit> {
    let secret = read(path)?.trim().to_owned();
    if secret.is_empty() { Err(Exit::configuration(format!("{} is empty", path.display()))) } else { Ok(secret) }
}

fn read(path: &Path) -> Result<String, Exit> {
    std::fs::read_to_string(path).map_err(|error| Exit::configuration(format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        Run { config: None, domain: None, app_id: None, app_secret_file: None, max_attempts: None, no_commands: false }
    }

    fn env<'a>(vars: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn a_missing_setting_is_named_with_all_the_ways_to_give_it() {
        let error = settings(&run(), env(&[])).unwrap_err();
        assert!(format!("{error:?}").contains("LARKWIRE_APP_ID"));
        let error = settings(&run(), env(&[("LARKWIRE_APP_ID", "cli_x")])).unwrap_err();
        assert!(format!("{error:?}").contains("--app-secret-file"));
    }

    #[test]
    fn a_flag_wins_over_the_environment() {
        let flags = Run { app_id: Some("cli_flag".into()), ..run() };
        let vars = [("LARKWIRE_APP_ID", "cli_env"), ("LARKWIRE_APP_SECRET", "s")];
        let settings = settings(&flags, env(&vars)).unwrap();
        assert!(format!("{settings:?}").contains("cli_flag"));
    }
}
