//! Bots from flags, environment and file, in that order.

use std::path::{Path, PathBuf};

use larkwire_tokio::config::{self, BotConfig, ConfigError, Loaded};
use larkwire_tokio::core::AckReactions;
use larkwire_tokio::{Secret, Settings};
use zeroize::Zeroizing;

use crate::args::{Connection, Run};
use crate::exit::Exit;

/// One bot as it was asked for.
pub(crate) struct Bot {
    /// NAME of `[lark.NAME]`.
    pub(crate) name: Option<String>,
    pub(crate) settings: Settings,
    /// What the file says of it, where there is a file.
    pub(crate) config: Option<BotConfig>,
    /// What a person should know, in words.
    pub(crate) warnings: Vec<String>,
}

/// The bots that `run` and the environment name; all of a file's, unless one was chosen.
pub(crate) fn bots(run: &Run, env: impl Fn(&str) -> Option<String>) -> Result<Vec<Bot>, Exit> {
    let mut bots = connections(&run.connection, env)?;
    for bot in &mut bots {
        let mut settings = bot.settings.clone();
        if !run.allow.is_empty() {
            settings = run.allow.iter().fold(settings.allow_nobody(), |settings, id| settings.allow(id));
            // The flag has filled what the file left empty.
            bot.warnings.retain(|warning| !warning.contains("allowed_users is empty"));
        }
        if run.mention_only {
            settings = settings.mention_only(true);
        }
        match (run.reactions, &bot.config) {
            (Some(reactions), _) => settings = settings.ack_reactions(reactions),
            (None, None) => settings = settings.ack_reactions(AckReactions::Auto),
            (None, Some(_)) => {}
        }
        if let Some(path) = &run.dedup_file {
            settings = settings.dedup_file(path);
        }
        bot.settings = settings;
    }
    if run.dedup_file.is_some() && bots.len() > 1 {
        return Err(Exit::configuration(
            "--dedup-file serves one bot: give dedup_file in each table, or choose one --bot",
        ));
    }
    Ok(bots)
}

/// The one bot that a command is for.
pub(crate) fn one(connection: &Connection, env: impl Fn(&str) -> Option<String>) -> Result<Bot, Exit> {
    let mut bots = connections(connection, env)?;
    match (bots.pop(), bots.len()) {
        (Some(bot), 0) => Ok(bot),
        (Some(last), _) => {
            let names: Vec<_> = bots.iter().chain([&last]).filter_map(|bot| bot.name.as_deref()).collect();
            Err(Exit::configuration(format!(
                "the file holds several bots: choose one with --bot ({})",
                names.join(", ")
            )))
        }
        (None, _) => Err(Exit::configuration("the file holds no bot")),
    }
}

/// The file that was asked for.
pub(crate) fn path(flags: &Connection, env: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let named = || env("LARKWIRE_CONFIG").filter(|path| !path.trim().is_empty());
    flags.config.clone().or_else(|| named().map(PathBuf::from))
}

/// As [`bots`], without what only `run` takes.
pub(crate) fn connections(flags: &Connection, env: impl Fn(&str) -> Option<String>) -> Result<Vec<Bot>, Exit> {
    let env = |name: &str| env(name).filter(|value| !value.trim().is_empty());
    let mut bots = match &path(flags, env) {
        Some(path) => from_file(path, flags, env)?,
        None => vec![from_flags(flags, env)?],
    };
    let attempts = match (flags.max_attempts, env("LARKWIRE_MAX_ATTEMPTS")) {
        (Some(attempts), _) => Some(attempts),
        (None, Some(text)) => match text.trim().parse() {
            Ok(attempts) if attempts > 0 => Some(attempts),
            _ => return Err(Exit::configuration("LARKWIRE_MAX_ATTEMPTS is not a number from 1")),
        },
        (None, None) => None,
    };
    let domain = flags.domain.clone().or_else(|| env("LARKWIRE_DOMAIN"));
    for bot in &mut bots {
        let mut settings = bot.settings.clone();
        if let Some(domain) = &domain {
            settings = settings.domain(domain);
        }
        if let Some(attempts) = attempts {
            settings = settings.max_attempts(attempts);
        }
        bot.settings = settings;
    }
    Ok(bots)
}

/// Reads a file as flags and environment want it.
pub(crate) fn load(
    path: &Path,
    flags: &Connection,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Loaded, ConfigError> {
    // A flag stands for the variable of its name, and hides the secret that another variable may hold.
    let secret_file = flags.app_secret_file.as_ref().map(|path| path.to_string_lossy().into_owned());
    let with_flags = |name: &str| match name {
        "LARKWIRE_APP_ID" => flags.app_id.clone().or_else(|| env(name)),
        "LARKWIRE_APP_SECRET_FILE" => secret_file.clone().or_else(|| env(name)),
        "LARKWIRE_APP_SECRET" if secret_file.is_some() => None,
        _ => env(name),
    };
    config::load(path, with_flags)
}

fn from_file(path: &Path, flags: &Connection, env: impl Fn(&str) -> Option<String>) -> Result<Vec<Bot>, Exit> {
    let loaded = load(path, flags, env).map_err(|error| Exit::configuration(error.to_string()))?;
    let mut general = loaded.warnings;
    let mut bots = Vec::new();
    for bot in loaded.bots {
        match &flags.bot {
            Some(wanted) if bot.name.as_deref() != Some(wanted) => continue,
            None if !bot.enabled => continue,
            _ => {}
        }
        let mut warnings = std::mem::take(&mut general);
        warnings.extend(bot.warnings.iter().cloned());
        bots.push(Bot { name: bot.name.clone(), settings: Settings::from(&bot), config: Some(bot), warnings });
    }
    match (&flags.bot, bots.is_empty()) {
        (Some(name), true) => Err(Exit::configuration(format!("{}: there is no [lark.{name}]", path.display()))),
        (None, true) => Err(Exit::configuration(format!("{}: every bot in it is switched off", path.display()))),
        (_, false) => Ok(bots),
    }
}

fn from_flags(flags: &Connection, env: impl Fn(&str) -> Option<String>) -> Result<Bot, Exit> {
    if flags.bot.is_some() {
        return Err(Exit::configuration("--bot chooses from a file: give --config, too"));
    }
    let app_id = flags.app_id.clone().or_else(|| env("LARKWIRE_APP_ID")).ok_or_else(|| {
        Exit::configuration("app_id is missing: give --app-id, LARKWIRE_APP_ID, or app_id in a file with --config")
    })?;
    let secret = if let Some(path) = &flags.app_secret_file {
        read_secret(path)?
    } else if let Some(secret) = env("LARKWIRE_APP_SECRET") {
        Secret::from(secret)
    } else if let Some(path) = env("LARKWIRE_APP_SECRET_FILE") {
        read_secret(Path::new(&path))?
    } else {
        return Err(Exit::configuration(
            "the app secret is missing: give LARKWIRE_APP_SECRET, --app-secret-file, or app_secret in a file with \
             --config",
        ));
    };
    Ok(Bot { name: None, settings: Settings::new(app_id, secret), config: None, warnings: Vec::new() })
}

fn read_secret(path: &Path) -> Result<Secret, Exit> {
    let secret = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| Exit::configuration(format!("{}: {error}", path.display())))?;
    match secret.trim() {
        "" => Err(Exit::configuration(format!("{} is empty", path.display()))),
        secret => Ok(Secret::from(secret)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env<'a>(vars: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| vars.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn a_missing_setting_is_named_with_all_the_ways_to_give_it() {
        let error = |vars: &[(&str, &str)]| format!("{:?}", one(&Connection::default(), env(vars)).err().unwrap());
        assert!(error(&[]).contains("LARKWIRE_APP_ID"));
        assert!(error(&[("LARKWIRE_APP_ID", "cli_x")]).contains("--app-secret-file"));
    }

    #[test]
    fn a_flag_wins_over_the_environment() {
        let flags = Connection { app_id: Some("cli_flag".into()), ..Connection::default() };
        let vars = [("LARKWIRE_APP_ID", "cli_env"), ("LARKWIRE_APP_SECRET", "s")];
        let bot = one(&flags, env(&vars)).ok().unwrap();
        assert!(format!("{:?}", bot.settings).contains("cli_flag"));
    }
}
