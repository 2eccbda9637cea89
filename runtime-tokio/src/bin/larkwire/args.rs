//! What can be said on the command line.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};

const STYLES: Styles =
    Styles::styled().header(AnsiColor::Green.on_default().bold()).literal(AnsiColor::Cyan.on_default().bold());

/// Lark and Feishu bots: a long connection that comes back.
#[derive(clap::Parser, Debug)]
#[command(
    name = "larkwire",
    version,
    styles = STYLES,
    after_help = "Start with `larkwire demo`: it needs no account and no network. When something does not work with an \
        account, ask `larkwire doctor`.\n\n\
        Exit codes: 0 ok, 1 the demo's or the doctor's findings, 2 usage, 3 configuration, 4 credentials, 5 wrong \
        region, 6 forbidden, 7 gave up or no network, 8 refused for another reason, 9 output closed, 130 interrupted."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Show warnings and errors only.
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Show more than usual on stderr. LARKWIRE_LOG takes finer wishes, such as `larkwire_tokio=debug`.
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}

#[derive(clap::Subcommand, Debug)]
pub(crate) enum Command {
    Demo(Demo),
    Doctor(Doctor),
    React(React),
    Run(Run),
    Send(Send),
}

/// Watch a bot hold a long connection, or serve a webhook, on this machine alone.
///
/// Starts a platform inside the process, connects an echo bot to it through the real runtime and real sockets, sends
/// messages as users (some split, one twice, Chinese and emoji), cuts the connection once, and counts. Exit code 0 only
/// if every message was delivered once, acknowledged and answered.
///
/// With --webhook the platform posts to a URL of the bot's instead: it verifies the URL, signs and encrypts, loses an
/// answer so that an event comes twice, and a stranger forges one.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  larkwire demo\n  larkwire demo --webhook\n  larkwire demo --messages 1000 --json")]
pub(crate) struct Demo {
    /// How many messages the users send [default: 12, and 20 with --webhook].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    messages: Option<u32>,

    /// By webhook instead of a long connection.
    #[arg(long)]
    pub(crate) webhook: bool,

    /// One JSON object a line; the last is {"kind":"summary",…}.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Demo {
    pub(crate) fn messages(&self) -> u32 {
        self.messages.unwrap_or(if self.webhook { 20 } else { 12 })
    }
}

/// Which app, and where it lives. Every setting is taken from its flag, else from the environment, else from the file,
/// else from its default.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Connection {
    /// Settings in TOML: docs/configuration.md lists all keys [env: LARKWIRE_CONFIG].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// The bot [lark.NAME] of the file, where it holds several.
    #[arg(long, value_name = "NAME")]
    pub(crate) bot: Option<String>,

    /// `feishu`, `lark`, or an https URL (http for this machine only) [env: LARKWIRE_DOMAIN] [default: lark].
    #[arg(long, value_name = "URL")]
    pub(crate) domain: Option<String>,

    /// `cli_…` [env: LARKWIRE_APP_ID].
    #[arg(long, value_name = "ID")]
    pub(crate) app_id: Option<String>,

    /// A file that holds the app secret [env: LARKWIRE_APP_SECRET_FILE, or the secret itself in
    /// LARKWIRE_APP_SECRET].
    #[arg(long, value_name = "FILE")]
    pub(crate) app_secret_file: Option<PathBuf>,

    /// Give up after this many failed attempts in a row [env: LARKWIRE_MAX_ATTEMPTS] [default: never].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_attempts: Option<u32>,
}

/// Run a bot: events as JSON lines on stdout, commands as JSON lines on stdin.
///
/// Nobody may speak to the bot until somebody is allowed, by --allow or allowed_users in the file.
/// No flag takes the secret itself: give LARKWIRE_APP_SECRET, --app-secret-file, or app_secret in the file.
///
/// Commands, each with an optional "id" that comes back in its result: {"cmd":"reply","message_id":"om_…","text":"…"},
/// {"cmd":"send","chat_id":"oc_…","text":"…"}, and "edit", "recall", "react", "unreact", "patch_card", "update_card",
/// "respond", "chat_info". Instead of "text" a message takes "card" or "post", a JSON object. Ctrl-C, or the end of
/// stdin where it is a pipe or a terminal, ends in order.
///
/// With receive_mode = "webhook" in the file the platform posts to this machine: lines and commands are the same. Bots
/// may share a port, each at its webhook_path; GET /health tells a load balancer whether all of them run. The log says
/// what to enter in the developer console as Request URL.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example, with the secret in a file that only you can read:\n  \
    larkwire run --domain feishu --app-id cli_0123456789abcdef --app-secret-file secret --allow '*'\n\n\
    A file for --config, which PRX's own page writes as [channels_config.lark]:\n  \
    [lark]\n  app_id = \"cli_0123456789abcdef\"\n  app_secret_file = \"secret\"\n  use_feishu = true\n  \
    allowed_users = [\"ou_…\"]\n  mention_only = true\n\n\
    For a webhook, in addition:\n  \
    receive_mode = \"webhook\"\n  port = 8080\n  encrypt_key = \"…\"\n  verification_token = \"…\"\n\n\
    Environment: LARKWIRE_CONFIG, LARKWIRE_APP_ID, LARKWIRE_APP_SECRET, LARKWIRE_APP_SECRET_FILE, LARKWIRE_DOMAIN, \
    LARKWIRE_MAX_ATTEMPTS, LARKWIRE_LOG, HTTPS_PROXY, NO_PROXY, and with a file LARKWIRE_ENCRYPT_KEY, \
    LARKWIRE_VERIFICATION_TOKEN.")]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// Who may speak to the bot: ou_… (open_id), on_… (union_id), a user_id, or * for everybody. Again for more.
    #[arg(long, value_name = "ID")]
    pub(crate) allow: Vec<String>,

    /// In groups, hear only messages that mention the bot.
    #[arg(long)]
    pub(crate) mention_only: bool,

    /// Acknowledge messages with a reaction: auto (in the message's language), off, or en, ja, zh-CN, zh-TW
    /// [default: auto].
    #[arg(long, value_name = "WHICH", value_parser = reactions)]
    pub(crate) reactions: Option<larkwire_tokio::core::AckReactions>,

    /// Remember delivered events in this file, so that a restart does not deliver them again.
    #[arg(long, value_name = "FILE")]
    pub(crate) dedup_file: Option<PathBuf>,

    /// Ignore stdin: no commands, and its end means nothing.
    #[arg(long)]
    pub(crate) no_commands: bool,
}

/// Send a message, for scripts: no event is taken from a bot that runs elsewhere.
///
/// The message's id goes to stdout. Gives up after 20 s.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  larkwire send oc_… 'the build is green'\n  make 2>&1 | tail | larkwire send --reply-to om_… -\n  \
    larkwire send ou_… --card card.json"
)]
pub(crate) struct Send {
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// A chat (oc_…), a person (ou_…, on_…, a user_id) or an e-mail address; not with --reply-to.
    #[arg(value_name = "TO", required_unless_present = "reply_to")]
    pub(crate) to: Option<String>,

    /// The text; - reads it from stdin, without its last line break.
    #[arg(value_name = "TEXT", required_unless_present_any = ["card", "post", "to"], conflicts_with_all = ["card", "post"])]
    pub(crate) text: Option<String>,

    /// Answer this message (om_…).
    #[arg(long, value_name = "MESSAGE_ID")]
    pub(crate) reply_to: Option<String>,

    /// Answer in the topic that the message starts.
    #[arg(long, requires = "reply_to")]
    pub(crate) in_thread: bool,

    /// A file with a card in JSON; - reads stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "post")]
    pub(crate) card: Option<PathBuf>,

    /// A file with a post in JSON; - reads stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) post: Option<PathBuf>,

    /// What TO is, where its form does not show it.
    #[arg(long, value_name = "KIND", value_parser = ["chat_id", "email", "open_id", "union_id", "user_id"])]
    pub(crate) receive_id_type: Option<String>,

    /// The platform sends a message with the same value once an hour: for scripts that may run twice.
    #[arg(long, value_name = "VALUE")]
    pub(crate) uuid: Option<String>,

    /// One JSON object instead of the message's id.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Add a reaction to a message, or take one of the bot's own away.
///
/// The reaction's id goes to stdout. Gives up after 20 s.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  larkwire react om_… THUMBSUP\n  larkwire react om_… --remove ZCaCIjUBVVWSrm5L")]
pub(crate) struct React {
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// The message (om_…).
    #[arg(value_name = "MESSAGE_ID")]
    pub(crate) message_id: String,

    /// One of the platform's names, case-sensitive: THUMBSUP, OK, DONE, …
    #[arg(value_name = "EMOJI_TYPE", required_unless_present = "remove")]
    pub(crate) emoji_type: Option<String>,

    /// Take this reaction away instead: the id that adding it gave.
    #[arg(long, value_name = "REACTION_ID", conflicts_with = "emoji_type")]
    pub(crate) remove: Option<String>,

    /// One JSON object instead of the reaction's id.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Find out why a bot does not work: configuration, credentials, region, scopes, clock, proxy.
///
/// A handful of calls and no more; the long connection itself is only opened with --connect, because a second one takes
/// live events from a bot that runs. Exit code 0 when nothing is wrong (warnings are fine), 1 when something is.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  larkwire doctor --config larkwire.toml\n  larkwire doctor --config larkwire.toml --connect"
)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// Open the long connection, too, and wait for the first pong.
    #[arg(long)]
    pub(crate) connect: bool,

    /// One JSON object a check, and a summary.
    #[arg(long)]
    pub(crate) json: bool,
}

fn reactions(text: &str) -> Result<larkwire_tokio::core::AckReactions, String> {
    use larkwire_tokio::core::{AckReactions, Locale};
    match text {
        "auto" => Ok(AckReactions::Auto),
        "off" => Ok(AckReactions::Off),
        _ => {
            let locales = [Locale::En, Locale::Ja, Locale::ZhCn, Locale::ZhTw];
            let locale = locales.into_iter().find(|locale| locale.as_str().eq_ignore_ascii_case(text));
            locale.map(AckReactions::Fixed).ok_or_else(|| "auto, off, en, ja, zh-CN or zh-TW".into())
        }
    }
}
