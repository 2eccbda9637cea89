//! Instructions of stretches between lap marks: a program calls itself under callgrind, which writes a profile each time
//! a mark is passed.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use crate::lap_mark;

/// Callgrind counts each round of a repeated instruction, which the processor does not: a long copy by `rep movsb` would
/// weigh thirty times what it does in pieces of 32 bytes. glibc is told to copy in pieces.
const COPY_IN_PIECES: &str =
    "glibc.cpu.x86_rep_movsb_threshold=1000000000:glibc.cpu.x86_rep_stosb_threshold=1000000000";

/// The program calls itself with this under callgrind.
pub const INSIDE: &str = "--inside";

/// What makes ready comes first; only what is handed to this is counted.
pub fn lap(n: usize, stretch: &mut dyn FnMut()) {
    lap_mark(n);
    stretch();
    lap_mark(n);
}

/// Whether callgrind can be had: without it a benchmark is skipped, and what goes wrong with it is a failure.
pub fn is_there() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|told| told.status.success())
}

/// Runs this program with [`INSIDE`] and `words`; the instructions of each of its `laps`. The profiles stay in
/// `target/callgrind` under the benchmark's name, that of lap `n` as number `2 n + 2`.
///
/// # Errors
/// Why nothing could be counted.
pub fn count(name: &str, laps: usize, words: &[String]) -> Result<Vec<f64>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/callgrind").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let program = env::current_exe().map_err(|error| error.to_string())?;
    // Lines make profiles of hundreds of laps large.
    let lines = if laps > 20 { "--dump-line=no" } else { "--dump-line=yes" };
    let ran = Command::new("valgrind")
        .args(["-q", "--tool=callgrind", "--dump-before=*lap_mark*", lines])
        .arg(format!("--callgrind-out-file={}", folder.join("profile").display()))
        .env("GLIBC_TUNABLES", COPY_IN_PIECES)
        .arg(program)
        .arg(INSIDE)
        .args(words)
        .output()
        .map_err(|error| format!("valgrind cannot be started: {error}"))?;
    if !ran.status.success() {
        return Err(format!("valgrind: {}: {}", ran.status, String::from_utf8_lossy(&ran.stderr)));
    }
    (0..laps)
        .map(|n| {
            // The profiles before a mark are, in turn, of what makes ready and of what is measured.
            let profile = folder.join(format!("profile.{}", 2 * n + 2));
            let text = fs::read_to_string(&profile).map_err(|error| format!("{}: {error}", profile.display()))?;
            let total = text.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
            let total = total.and_then(|total| total.trim().parse().ok());
            total.ok_or_else(|| format!("{}: a profile without a total", profile.display()))
        })
        .collect()
}
