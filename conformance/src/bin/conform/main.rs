//! `conform`: holds clients of the Lark/Feishu event channel against the suite.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod check;
mod mutants;
mod run;
mod show;
#[cfg(all(target_os = "linux", feature = "speed"))]
mod speed;
mod terminal;

/// Holds clients of the Lark/Feishu event channel against one suite of scenarios.
///
/// A client is a subject of the repository (conformance/subjects), the engine itself (`core`), or any command that speaks
/// the shim protocol (conformance/PROTOCOL.md). conformance/README.md shows how to test your own in ten minutes.
#[derive(Parser)]
#[command(version, name = "conform")]
struct Options {
    /// Root of the repository; found from the working directory by default
    #[arg(long, global = true)]
    root: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenarios against clients
    Run(Box<run::Options>),
    /// Check that scenarios, requirements, cases and known failures are in step
    Check(check::Options),
    /// Check that the suite bites: a client with one defect at a time must fail
    Mutants(mutants::Options),
    /// Write reports of runs that are kept
    Report(show::Options),
    /// List scenarios
    List(show::ListOptions),
    /// List the clients that the suite knows
    Subjects,
    /// Measure what clients cost, side by side (Linux)
    #[cfg(all(target_os = "linux", feature = "speed"))]
    Speed(Box<speed::Options>),
}

/// Exit codes: 0 everything is well; 1 something failed; 2 the command line is wrong; 3 a client could not be had.
const WELL: u8 = 0;
const FAILED: u8 = 1;
const WRONG: u8 = 2;
const UNAVAILABLE: u8 = 3;

fn main() -> ExitCode {
    let options = Options::parse();
    let Some(root) = options.root.or_else(find_root) else {
        terminal::error("there is no folder conformance/scenarios here or above: give --root");
        return ExitCode::from(WRONG);
    };
    let done = match options.command {
        Command::Run(options) => run::run(&root, &options),
        Command::Check(options) => check::check(&root, &options),
        Command::Mutants(options) => mutants::mutants(&root, &options),
        Command::Report(options) => show::report(&root, &options),
        Command::List(options) => show::list(&root, &options),
        Command::Subjects => show::subjects(&root),
        #[cfg(all(target_os = "linux", feature = "speed"))]
        Command::Speed(options) => speed::speed(&root, &options),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            terminal::error(&error.to_string());
            ExitCode::from(WRONG)
        }
    }
}

fn find_root() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().find(|folder| folder.join("conformance/scenarios").is_dir()).map(Path::to_owned)
}
