//! What people see while it runs: colours and progress on a terminal only.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use larkwire_conformance::suite::Status;

/// One line on standard error.
pub(crate) fn error(text: &str) {
    // With standard error closed, the exit code has to do.
    let _ = writeln!(io::stderr(), "conform: {text}");
}

/// One line on standard output.
///
/// # Errors
/// Nobody reads it any more.
pub(crate) fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// A status in its colour.
pub(crate) fn coloured(status: Status) -> String {
    let word = format!("{:15}", status.word());
    let colour = match status {
        Status::Pass => 32,
        Status::Fail | Status::UnexpectedPass => 31,
        Status::KnownFail => 33,
        Status::Skipped | Status::Unimplemented => 90,
    };
    if has_colours() { format!("\x1b[{colour}m{word}\x1b[0m") } else { word }
}

fn has_colours() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// A line that says how far it is, on a terminal; elsewhere a line now and then.
pub(crate) struct Progress {
    name: String,
    total: usize,
    quiet: bool,
    state: Mutex<State>,
}

struct State {
    done: usize,
    failed: usize,
    told: Instant,
}

impl Progress {
    pub(crate) fn new(name: &str, total: usize, quiet: bool) -> Self {
        let state = State { done: 0, failed: 0, told: Instant::now() };
        Self { name: name.to_owned(), total, quiet, state: Mutex::new(state) }
    }

    /// One more is done.
    pub(crate) fn add(&self, scenario: &str, failed: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done += 1;
        state.failed += usize::from(failed);
        let terminal = io::stderr().is_terminal();
        let every = if terminal { 0 } else { 10 };
        if self.quiet || (state.done < self.total && state.told.elapsed().as_secs() < every) {
            return;
        }
        state.told = Instant::now();
        let failed = if state.failed > 0 { format!(", {} failed", state.failed) } else { String::new() };
        let text = format!("{}: {} of {}{failed}", self.name, state.done, self.total);
        let mut stderr = io::stderr().lock();
        // Progress is not worth failing for.
        let _ = match (terminal, state.done == self.total) {
            (true, true) => write!(stderr, "\r\x1b[K"),
            (true, false) => write!(stderr, "\r\x1b[K{text}  {scenario}"),
            (false, _) => writeln!(stderr, "{text}"),
        };
        let _ = stderr.flush();
    }
}
