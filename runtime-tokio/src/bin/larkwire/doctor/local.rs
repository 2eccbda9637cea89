//! What can be found out without the platform.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::Path;

use larkwire_tokio::config::BotConfig;
use larkwire_tokio::connect::{Destination, NetConnect};
use larkwire_tokio::core::{AckReactions, Bot as Engine, Config, Instant, LinkMode, OwnOpenId, Secret, Seed, Storage};

use super::probe::show;
use super::report::Say;
use crate::files::Bot;

/// No memory of a bot is longer.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Where the open platform is; `None` when the settings are wrong.
pub(super) fn config(bot: &Bot, say: &Say) -> Option<Destination> {
    const NAME: &str = "config";
    let place = match bot.settings.destination() {
        Ok(place) => place,
        Err(error) => {
            say.failed(NAME, &error.to_string(), "");
            return None;
        }
    };
    let rules = match &bot.config {
        Some(config) => rules(config),
        None => "by flags and environment; who may speak is told to `larkwire run` (--allow)".to_owned(),
    };
    say.ok(NAME, &format!("{} at {}; {rules}", bot.settings.app_id(), show(&place)));
    for warning in &bot.warnings {
        say.warning(NAME, warning, "");
    }
    let shape = Config { app_id: bot.settings.app_id(), ..Config::default() };
    if bot.config.is_none() && !shape.app_id_looks_right() {
        let next_step = "copy it anew from the developer console";
        say.warning(NAME, "app_id does not look like cli_ and 16 hexadecimal digits", next_step);
    }
    Some(place)
}

/// Who is heard, in a few words.
fn rules(config: &BotConfig) -> String {
    let who = match config.allowed_users.as_slice() {
        [] => "nobody may speak".to_owned(),
        users if users.iter().any(|user| user == "*") => "everybody may speak".to_owned(),
        [_] => "1 id may speak".to_owned(),
        users => format!("{} ids may speak", users.len()),
    };
    let groups = match (config.mention_only, config.respond_to_mention_all) {
        (false, _) => "in groups everything is heard",
        (true, false) => "in groups only mentions of the bot are heard",
        (true, true) => "in groups only mentions of the bot and of everyone are heard",
    };
    let bots = if config.allow_bots { "other bots are heard" } else { "other bots are not heard" };
    let reactions = match config.ack_reactions {
        AckReactions::Off => "no reactions",
        AckReactions::Auto => "reactions in the language of the message",
        AckReactions::Fixed(locale) => return format!("{who}, {groups}, {bots}, reactions in {}", locale.as_str()),
    };
    format!("{who}, {groups}, {bots}, {reactions}")
}

/// How streams are opened; `None` when the environment's proxies cannot be used.
pub(super) fn proxy(place: &Destination, say: &Say) -> Option<NetConnect> {
    const NAME: &str = "proxy";
    match NetConnect::new(&[]) {
        Ok(net) => {
            match net.proxy_for(place) {
                Some(proxy) => say.ok(NAME, &format!("{} is reached through the proxy {proxy}", show(place))),
                None => say.ok(NAME, &format!("{} is reached directly, without a proxy", show(place))),
            }
            Some(net)
        }
        Err(error) => {
            say.failed(NAME, &error.to_string(), "correct or remove that environment variable");
            None
        }
    }
}

/// Where delivered ids are remembered.
pub(super) fn dedup_file(bot: &Bot, say: &Say) {
    const NAME: &str = "dedup_file";
    let Some(path) = bot.config.as_ref().and_then(|config| config.dedup_file.as_deref()) else {
        return say.skipped(NAME, "none is set: after a restart, events of the last hours may come twice");
    };
    let shown = path.display();
    match look(path, bot.settings.app_id()) {
        Ok(Memory::New) => say.ok(NAME, &format!("{shown} is not there yet and can be written")),
        Ok(Memory::Good(ids)) => say.ok(NAME, &format!("{shown} holds {ids} ids of events and can be written")),
        Ok(Memory::InUse) => {
            let next_step = "end it before you start the bot here; --connect would take live events from it";
            say.warning(NAME, &format!("{shown} is in use by another process: this bot is running"), next_step);
        }
        Ok(Memory::Bad(why)) => {
            let next_step = "give every bot a file of its own; a file that no bot needs can be removed";
            say.failed(NAME, &format!("{shown}: {why}"), next_step);
        }
        Err(error) => {
            say.failed(NAME, &format!("{shown}: {error}"), "name a file in a folder that this user can write to");
        }
    }
}

enum Memory {
    Bad(String),
    Good(usize),
    InUse,
    New,
}

/// Looks at the file without changing it.
fn look(path: &Path, app_id: &str) -> io::Result<Memory> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => return Err(io::Error::other("it is not a file")),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return beside(path).map(|()| Memory::New),
        Err(error) => return Err(error),
    }
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Memory::InUse),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut bytes = Vec::new();
    (&file).take(LONGEST).read_to_end(&mut bytes)?;
    let config = Config {
        app_id,
        app_secret: Secret::new("-"),
        link: LinkMode::Off,
        own_open_id: OwnOpenId::Unused,
        ..Config::default()
    };
    let mut engine = Engine::new(config, Storage::growable(), Seed([0; 32])).map_err(io::Error::other)?;
    let restored = if bytes.is_empty() { Ok(0) } else { engine.restore_seen(Instant::ZERO, &bytes) };
    Ok(restored.map_or_else(|error| Memory::Bad(error.to_string()), Memory::Good))
}

/// Whether a file can be made there.
fn beside(path: &Path) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".doctor-{}", std::process::id()));
    let trial = path.with_file_name(name);
    File::create_new(&trial)?;
    fs::remove_file(trial)
}
