//! `larkwire doctor`: why does a bot not work?
//!
//! ```text
//! files ── bots ──► examine, one task a bot ── findings ──► report ──► stdout, bot after bot
//!
//! local: config ─► proxy ──┬► api: credentials ─┬► identity, scopes, clock
//!                          │       (one probe)   └► link: discovery ─► connection, with --connect
//!                          └► webhook; local: dedup_file
//! ```
//! Calls of a healthy bot: a token, bot info, discovery; with `--connect` one more discovery, and one upgrade. Every
//! wait has a limit, together less than 45 s, and all bots are examined at the same time. A webhook is sent requests of
//! the doctor's own making, on this machine alone.

mod api;
mod link;
mod local;
mod probe;
mod report;
mod webhook;

use std::sync::Arc;

use larkwire_tokio::connect::NetConnect;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::args::{self, Connection};
use crate::exit::Exit;
use crate::files::{self, Bot};
use crate::ports::webhook_of;
use crate::run::interrupted;
use report::{Finding, Said, Say, Show};

const UNASKED: &str = "it is only opened with --connect, since a second one takes live events from a bot that runs";
const WEBHOOK: &str = "receive_mode = \"webhook\" uses no long connection";

pub(crate) async fn doctor(doctor: args::Doctor) -> Exit {
    tokio::select! {
        // Asked first: from here on Ctrl-C is heard.
        biased;
        () = interrupted() => Exit::interrupted(),
        exit = examine_all(doctor) => exit,
    }
}

async fn examine_all(doctor: args::Doctor) -> Exit {
    let mut show = Show::new(doctor.json);
    let bots = match files::connections(&doctor.connection, env) {
        Ok(bots) => bots,
        Err(exit) => {
            for finding in unreadable(&doctor.connection, &exit) {
                show.finding(None, &finding);
            }
            show.summary();
            return Exit::configuration("");
        }
    };
    let examined: Vec<_> = bots.into_iter().map(|bot| start(bot, doctor.connect)).collect();
    let mut usable = false;
    for (name, said, task) in examined {
        usable |= show.bot(name.as_deref(), said, task).await;
    }
    show.summary();
    match (show.has_failed(), usable) {
        (false, _) => Exit::OK,
        // What there is to say stands in the findings.
        (true, true) => Exit::other(""),
        (true, false) => Exit::configuration(""),
    }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Everything that is wrong with a configuration out of which no bot can be made.
fn unreadable(flags: &Connection, exit: &Exit) -> Vec<Finding> {
    // A mistyped key is often why another one is missing.
    let warnings = match files::path(flags, env).map(|path| files::load(&path, flags, env)) {
        Some(Err(error)) => error.warnings,
        Some(Ok(loaded)) => loaded.warnings,
        None => Vec::new(),
    };
    let failed = exit.sentence().lines().map(|line| Finding::failed("config", line, ""));
    failed.chain(warnings.iter().map(|line| Finding::warning("config", line, ""))).collect()
}

type Examined = (Option<String>, mpsc::UnboundedReceiver<Said>, JoinHandle<bool>);

fn start(bot: Bot, connect: bool) -> Examined {
    let (sender, said) = mpsc::unbounded_channel();
    let name = bot.name.clone();
    let say = Say::new(sender, &bot.settings);
    (name, said, tokio::spawn(async move { examine(&bot, connect, &say).await }))
}

/// All checks of one bot; `false` when its settings are wrong.
async fn examine(bot: &Bot, connect: bool, say: &Say) -> bool {
    let place = local::config(bot, say);
    match place.as_ref().map(|place| local::proxy(place, say)) {
        Some(Some(net)) => over_the_net(bot, connect, &Arc::new(net), say).await,
        Some(None) => not_over_the_net(bot, "the proxy setting comes first", say).await,
        None => {
            say.skipped("proxy", "the configuration comes first");
            not_over_the_net(bot, "the configuration comes first", say).await;
        }
    }
    local::dedup_file(bot, say);
    place.is_some()
}

async fn over_the_net(bot: &Bot, connect: bool, net: &Arc<NetConnect>, say: &Say) {
    let webhook = webhook_of(bot).is_some();
    let answers = api::credentials(bot, net, say).await;
    api::identity(&answers, say);
    let needless = if webhook { Some(WEBHOOK) } else { answers.makes_discovery_useless() };
    let discovered = match needless {
        Some(why) => {
            say.skipped("discovery", why);
            false
        }
        None => link::discovery(bot, net, say).await,
    };
    api::scopes(bot, &answers, say);
    api::clock(webhook_of(bot).map(|config| config.webhook_max_age_secs), &answers, say);
    webhook::webhook(bot, say).await;
    match (webhook, connect, discovered) {
        (true, ..) => say.skipped("connection", WEBHOOK),
        (_, false, _) => say.skipped("connection", UNASKED),
        (_, _, false) => say.skipped("connection", "discovery comes first"),
        (_, _, true) => link::connection(bot, net, say).await,
    }
}

async fn not_over_the_net(bot: &Bot, why: &str, say: &Say) {
    for name in ["credentials", "identity", "discovery", "scopes", "clock"] {
        say.skipped(name, why);
    }
    webhook::webhook(bot, say).await;
    say.skipped("connection", why);
}
