//! The `larkwire` command.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "tests may panic"))]

mod args;
mod commands;
mod demo;
mod doctor;
mod exit;
mod files;
mod lines;
mod once;
mod ports;
mod run;

use std::io::IsTerminal as _;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use args::{Args, Command};
use exit::Exit;

fn main() -> ! {
    let args = Args::parse();
    log_to_stderr(&args);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => Exit::other(format!("no threads to run on: {error}")).leave(),
    };
    let exit = runtime.block_on(async {
        match args.command {
            Command::Demo(demo) => demo::demo(demo).await,
            Command::Doctor(doctor) => doctor::doctor(doctor).await,
            Command::React(react) => once::react(react).await,
            Command::Run(run) => run::run(run).await,
            Command::Send(send) => once::send(send).await,
        }
    });
    // A read of stdin may still block a thread: leaving does not wait for it.
    exit.leave()
}

/// Notices go to stderr: level info, or as `LARKWIRE_LOG` says; colours only on a terminal.
fn log_to_stderr(args: &Args) {
    let default = match (args.quiet, args.verbose, &args.command) {
        (true, ..) => "warn",
        (_, true, _) => "debug",
        (_, _, Command::Run(_)) => "info",
        // It is warned of the request that the demo itself forges.
        (_, _, Command::Demo(demo)) if demo.webhook => "error",
        // The others say themselves what there is to say.
        (_, _, Command::Demo(_) | Command::React(_) | Command::Send(_)) => "warn",
        (_, _, Command::Doctor(_)) => "off",
    };
    let filter = EnvFilter::try_from_env("LARKWIRE_LOG").unwrap_or_else(|_| {
        // The command says itself how it ended.
        EnvFilter::new(format!("{default},larkwire_tokio::end=off"))
    });
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .init();
}
