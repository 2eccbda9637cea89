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
    after_help = "Start with `larkwire demo`: it needs no account and no network.\n\
        Exit codes: 0 ok, 1 the demo's promise was broken, 2 usage, 3 configuration, 4 credentials, 5 wrong region,\n\
        6 forbidden, 7 gave up, 8 refused for another reason, 9 output closed, 130 interrupted."
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
    Run(Run),
}

/// Watch a bot hold a long connection, on this machine alone.
///
/// Starts a platform inside the process, connects an echo bot to it through the real runtime and real sockets, sends
/// messages as users (some split, one twice, Chinese and emoji), cuts the connection once, and counts. Exit code 0 only
/// if every message was delivered once, acknowledged and answered.
#[derive(clap::Args, Debug)]
pub(crate) struct Demo {
    /// How many messages the users send.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) messages: u32,

    /// One JSON object a line; the last is {"kind":"summary",…}.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Run a bot: events as JSON lines on stdout, commands as JSON lines on stdin.
///
/// Every setting is taken from its flag, else from the environment, else from the file, else from its default.
/// No flag takes the secret itself: give LARKWIRE_APP_SECRET, --app-secret-file, or app_secret in the file.
///
/// Commands: {"cmd":"reply","message_id":"om_…","text":"…"} and {"cmd":"send","chat_id":"oc_…","text":"…"}, with an
/// optional "id" that comes back in the result. Ctrl-C, or the end of stdin where it is a pipe or a terminal, ends in
/// order.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example, with the secret in a file that only you can read:\n  \
    larkwire run --domain feishu --app-id cli_0123456789abcdef --app-secret-file ~/.larkwire-secret\n\n\
    The file given with --config is TOML: app_id, app_secret or app_secret_file, domain, max_attempts.\n\
    Environment: LARKWIRE_CONFIG, LARKWIRE_APP_ID, LARKWIRE_APP_SECRET, LARKWIRE_APP_SECRET_FILE, LARKWIRE_DOMAIN,\n\
    LARKWIRE_MAX_ATTEMPTS, LARKWIRE_LOG, and HTTPS_PROXY, NO_PROXY.")]
pub(crate) struct Run {
    /// Settings in TOML [env: LARKWIRE_CONFIG].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

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

    /// Ignore stdin: no commands, and its end means nothing.
    #[arg(long)]
    pub(crate) no_commands: bool,
}
