//! How a client that is measured is started, and asked what it has counted: `SPEED_URL` is the platform, `SPEED_ROOTS` a
//! file of certificates to be trusted, and to each line `count` on standard input it answers with a line of JSON.

use std::io::{self, BufRead as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, process, thread};

/// The app all clients are.
pub const APP_ID: &str = "cli_0123456789abcdef";
/// Its secret.
pub const APP_SECRET: &str = "secret";

static EVENTS: AtomicU64 = AtomicU64::new(0);

/// The handler was given an event.
pub fn count() {
    // One thread counts, another only reads.
    EVENTS.store(EVENTS.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// As [`count`], where handlers run on several threads.
pub fn count_shared() {
    EVENTS.fetch_add(1, Ordering::Relaxed);
}

/// The platform's URL.
pub fn url() -> String {
    env::var("SPEED_URL").unwrap_or_default()
}

/// The certificates to be trusted, in PEM.
pub fn roots() -> Option<String> {
    let path = env::var_os("SPEED_ROOTS")?;
    fs::read_to_string(path).ok()
}

/// Answers on standard input, from a thread of its own, until it is closed; then the process ends. `allocations` says how
/// many there were, where they are counted.
pub fn answer(allocations: fn() -> Option<u64>) {
    thread::spawn(move || {
        for line in io::stdin().lock().lines() {
            let Ok("count") = line.as_deref() else { break };
            let events = EVENTS.load(Ordering::Relaxed);
            let said = match allocations() {
                Some(count) => format!("{{\"events\":{events},\"allocations\":{count}}}\n"),
                None => format!("{{\"events\":{events}}}\n"),
            };
            if io::stdout().write_all(said.as_bytes()).and_then(|()| io::stdout().flush()).is_err() {
                break;
            }
        }
        process::exit(0);
    });
}
