//! What the open platform says: credentials, who the bot is, scopes, and the time.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use larkwire_tokio::connect::NetConnect;
use larkwire_tokio::core::fault::{CallFault, CallFaultKind};
use larkwire_tokio::core::{AckReactions, LinkMode, UnixMillis};
use serde_json::Value;

use super::probe::{Came, LIMIT, Probe};
use super::report::Say;
use crate::files::Bot;

/// The app is disabled, or not installed (protocol section 15).
const DISABLED: i64 = 99_991_662;
const NOT_INSTALLED: i64 = 99_991_673;
/// A scope is missing (protocol section 16.5).
const NO_SCOPE: i64 = 99_991_672;
/// What to do about credentials that are wrong.
pub(super) const COPY: &str = "copy app_id and app_secret anew from the developer console (Credentials & Basic Info)";
/// What a person sees between here and the platform.
pub(super) const PORTAL: &str = "open a web page from this machine: a captive portal or a proxy may answer instead of \
                                 the platform; then check domain";

/// How far the doctor came with the platform.
pub(super) enum Reach {
    /// What bot info says, in JSON.
    Bot(String),
    /// There is a token, and bot info was refused.
    NoBot(CallFault),
    /// There is a token, and bot info came to nothing: why, and what to do.
    NoAnswer(String, &'static str),
    /// The platform gave no token, for the reason of this code.
    NoToken(i64),
    /// Whoever answered, if anybody, is not the platform.
    Nobody,
}

/// The answers to the first two calls.
pub(super) struct Answers {
    pub(super) reach: Reach,
    /// Milliseconds that the platform's clock is ahead of this machine's.
    ahead_ms: Option<i128>,
}

/// One token and one bot info.
pub(super) async fn credentials(bot: &Bot, net: &Arc<NetConnect>, say: &Say) -> Answers {
    const NAME: &str = "credentials";
    say.begin(NAME);
    let settings = bot.settings.same_app().link(LinkMode::Off);
    let probe = match Probe::start(&settings, net) {
        Ok(probe) => probe,
        Err(error) => {
            say.failed(NAME, &error.to_string(), "");
            return Answers { reach: Reach::Nobody, ahead_ms: None };
        }
    };
    let came = probe.bot_info().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|now| i128::try_from(now.as_millis()).ok());
    let ahead_ms = probe.client.platform_time().zip(now).map(|(UnixMillis(theirs), ours)| i128::from(theirs) - ours);
    let (reach, trouble) = judge(came, ahead_ms.is_some(), &probe);
    match trouble {
        None => say.ok(NAME, "the platform gives this app tokens"),
        Some((message, next_step)) => say.failed(NAME, &message, next_step),
    }
    Answers { reach, ahead_ms }
}

/// What went wrong, and what to do.
type Trouble = (String, &'static str);

/// How far it came, and why there was no token where there was none. `answered`: some answer came.
fn judge(came: Came, answered: bool, probe: &Probe) -> (Reach, Option<Trouble>) {
    let nobody = |trouble| (Reach::Nobody, Some(trouble));
    let no_answer = |(message, next_step)| (Reach::NoAnswer(message, next_step), None);
    match came {
        Came::Answer(bot) => (Reach::Bot(bot), None),
        Came::Stranger(fatal) => {
            let next_step = match fatal.code {
                10_003 => {
                    "check app_id, letter by letter; an app of the other region is unknown here, too (see discovery)"
                }
                _ => COPY,
            };
            let said = said(fatal.code, fatal.message.as_str());
            let message = format!("the platform does not accept app_id and app_secret{said}");
            (Reach::NoToken(fatal.code), Some((message, next_step)))
        }
        Came::NoToken(0, _) => nobody(probe.network(None)),
        Came::NoToken(status @ 100..600, message) if message.is_empty() => nobody(foreign(status)),
        Came::NoToken(code, message) => no_token(code, &message),
        Came::Refused(fault)
            if matches!(fault.code, DISABLED | NOT_INSTALLED) || fault.kind == CallFaultKind::Token =>
        {
            no_token(fault.code, fault.message.as_str())
        }
        Came::Refused(fault) if fault.kind == CallFaultKind::Answer => no_answer(foreign(fault.code)),
        Came::Refused(fault) => (Reach::NoBot(fault), None),
        Came::Retried(CallFaultKind::Network, _) => no_answer(probe.network(None)),
        Came::Retried(_, code) => {
            no_answer((format!("the platform is busy, or limits the app{}", said(code, "")), "try again later"))
        }
        // The answer that told the time was the token.
        Came::Silence if answered => no_answer(probe.network(Some(LIMIT))),
        Came::Silence => nobody(probe.network(Some(LIMIT))),
    }
}

fn no_token(code: i64, message: &str) -> (Reach, Option<Trouble>) {
    let what = match code {
        DISABLED => "the app is disabled",
        NOT_INSTALLED => "the app is not installed",
        _ => "the platform gives this app no token",
    };
    let fault = CallFault { kind: CallFaultKind::Refused, code, message: Default::default() };
    (Reach::NoToken(code), Some((format!("{what}{}", said(code, message)), fault.next_step())))
}

/// An answer without a word of the platform's, by its HTTP status.
pub(super) fn foreign(status: i64) -> Trouble {
    match status {
        429 | 500.. => {
            (format!("the platform, or something before it, is busy (HTTP status {status})"), "try again later")
        }
        _ => (format!("what answers is not the platform: no JSON of its kind (HTTP status {status})"), PORTAL),
    }
}

/// The platform's code and words.
fn said(code: i64, message: &str) -> String {
    if message.is_empty() { format!(" (code {code})") } else { format!(" (code {code}: {message})") }
}

impl Answers {
    /// Why discovery could tell nothing new.
    pub(super) fn makes_discovery_useless(&self) -> Option<&'static str> {
        match self.reach {
            Reach::Nobody => Some("the platform was not reached"),
            Reach::NoToken(DISABLED | NOT_INSTALLED) => Some("the app itself comes first"),
            // Discovery knows wrong credentials from a wrong region.
            _ => None,
        }
    }
}

/// Who the bot is, by bot info (protocol section 16.2).
pub(super) fn identity(answers: &Answers, say: &Say) {
    const NAME: &str = "identity";
    match &answers.reach {
        Reach::Bot(bot) => known(&serde_json::from_str(bot).unwrap_or_default(), say),
        Reach::NoBot(fault) if fault.code == NO_SCOPE => say.skipped(NAME, "a scope is missing"),
        Reach::NoBot(fault) => {
            let said = said(fault.code, fault.message.as_str());
            if matches!(fault.code, 11_205 | 230_006 | 232_025) {
                let next_step = "switch the bot ability on in the console and publish a version";
                say.failed(NAME, &format!("the app has no bot: its bot ability is off{said}"), next_step);
            } else {
                say.failed(NAME, &format!("the platform does not say who the bot is{said}"), fault.next_step());
            }
        }
        Reach::NoAnswer(why, next_step) => {
            say.failed(NAME, &format!("the platform does not say who the bot is: {why}"), next_step);
        }
        Reach::NoToken(_) => say.skipped(NAME, "there is no token"),
        Reach::Nobody => say.skipped(NAME, "the platform was not reached"),
    }
}

fn known(bot: &Value, say: &Say) {
    const NAME: &str = "identity";
    let text = |name: &str| bot.get(name).and_then(Value::as_str).unwrap_or_default();
    let (open_id, app_name) = (text("open_id"), text("app_name"));
    let next_step = "switch the bot ability on in the console and publish a version";
    if open_id.is_empty() {
        return say.failed(NAME, "the platform names no open_id for the bot", next_step);
    }
    let who = format!("{open_id}, \"{app_name}\"");
    match bot.get("activate_status").and_then(Value::as_i64) {
        Some(2) => say.ok(NAME, &format!("{who}, enabled")),
        Some(status) => {
            say.warning(NAME, &format!("{who}: activate_status is {status}, where 2 is an enabled bot"), ENABLE);
        }
        None => say.warning(NAME, &format!("{who}: the platform does not say whether the bot is enabled"), ENABLE),
    }
}

const ENABLE: &str = "check in the console that a version is published, and that the organisation has enabled the app";

/// What the platform names as missing; it lists scopes to nobody (protocol section 16.5).
pub(super) fn scopes(bot: &Bot, answers: &Answers, say: &Say) {
    const NAME: &str = "scopes";
    match &answers.reach {
        Reach::NoBot(fault) if fault.code == NO_SCOPE => say.failed(
            NAME,
            &format!("a scope is missing{}", said(fault.code, fault.message.as_str())),
            "add it in the console (Permissions & Scopes), and publish a version",
        ),
        Reach::NoToken(_) => say.skipped(NAME, "there is no token"),
        Reach::Nobody => say.skipped(NAME, "the platform was not reached"),
        _ => {
            let mut needed = "im:message, im:message.group_at_msg, im:message.p2p_msg".to_owned();
            // Without a file `run` reacts.
            if bot.config.as_ref().is_none_or(|config| config.ack_reactions != AckReactions::Off) {
                needed.push_str(", and for reactions im:message.reactions:write_only");
            }
            say.skipped(NAME, &format!("the platform does not show them; this bot needs {needed}"));
        }
    }
}

/// This machine's clock against the platform's. `webhook_max_age_secs`: how far it may be off, where there is a webhook.
pub(super) fn clock(webhook_max_age_secs: Option<u32>, answers: &Answers, say: &Say) {
    const NAME: &str = "clock";
    const MINUTE: u128 = 60_000;
    let ahead_ms = match (&answers.reach, answers.ahead_ms) {
        // The time of somebody else proves nothing.
        (Reach::Nobody, _) => return say.skipped(NAME, "the platform was not reached"),
        (_, None) => return say.skipped(NAME, "the platform did not tell the time"),
        (_, Some(ahead_ms)) => ahead_ms,
    };
    let off = ahead_ms.unsigned_abs();
    if off <= MINUTE {
        return say.ok(NAME, &format!("within {} s of the platform's", off.div_ceil(1000).max(1)));
    }
    let amount =
        if off < 2 * MINUTE { format!("{} s", off / 1000) } else { format!("{} min", (off + MINUTE / 2) / MINUTE) };
    let direction = if ahead_ms > 0 { "behind" } else { "ahead of" };
    let message = format!("this machine's clock is {amount} {direction} the platform's");
    let next_step = "set the clock (NTP): signatures, certificates and stale_after_secs go by it";
    // Before every request is refused, a request that took its time is.
    let limit = webhook_max_age_secs.map(|seconds| (u128::from(seconds) * 500).clamp(MINUTE, 10 * MINUTE));
    if limit.is_some_and(|limit| off > limit) {
        say.failed(NAME, &message, next_step);
    } else {
        say.warning(NAME, &message, next_step);
    }
}
