//! Bytes of a file, what they say, and in which line.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use zeroize::Zeroizing;

/// More than this is no configuration file.
pub(super) const CONFIG_LIMIT: u64 = 1024 * 1024;

/// A file's bytes.
pub(super) struct Bytes {
    /// Secrets may stand in it.
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// Every user of this machine can read it, and its owner could change that.
    pub(super) open_to_all: bool,
}

/// Reads at most `limit` bytes; an error says why it cannot, without the path.
pub(super) fn read(path: &Path, limit: u64) -> Result<Bytes, String> {
    let describe = |error: std::io::Error| error.to_string();
    let file = File::open(path).map_err(describe)?;
    let about = file.metadata().map_err(describe)?;
    if about.is_dir() {
        return Err("this is a folder; name a file in it".into());
    }
    // Room for all of it at once: a vector that grows would leave copies behind.
    let room = usize::try_from(about.len().min(limit)).unwrap_or_default().saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(limit + 1).read_to_end(&mut bytes).map_err(describe)?;
    if bytes.len() as u64 > limit {
        return Err(format!("it is longer than {} KiB; is it the right file?", limit / 1024));
    }
    Ok(Bytes { bytes, open_to_all: about.is_file() && open_to_all(&about) })
}

/// A file that nobody can write (mode 0444) is left alone: so containers mount secrets, and there is nothing to change.
#[cfg(unix)]
fn open_to_all(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let mode = about.permissions().mode();
    mode & 0o004 != 0 && mode & 0o222 != 0
}

#[cfg(not(unix))]
fn open_to_all(_: &std::fs::Metadata) -> bool {
    false
}

/// The text, without a byte order mark. An error is a line, where there is one, and the reason.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, (Option<usize>, &'static str)> {
    let line = |at: usize| bytes.iter().take(at).filter(|b| **b == b'\n').count() + 1;
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err((None, "the file is UTF-16; save it as UTF-8"));
    }
    let bytes = bytes.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(bytes);
    if let Some(at) = bytes.iter().position(|b| *b == 0) {
        return Err((Some(line(at)), "there is a NUL byte: the file is UTF-16 or no text; save it as UTF-8"));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        (Some(line(error.valid_up_to())), "not UTF-8 (perhaps Latin-1, Windows-1252 or GBK); save it as UTF-8")
    })
}

/// A text that knows its lines.
pub(super) struct Source<'a> {
    /// The beginning of every message: the file's name and `, `, or nothing.
    label: &'a str,
    text: &'a str,
    /// Where lines begin, except the first.
    starts: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(label: &'a str, text: &'a str) -> Self {
        Self { label, text, starts: text.match_indices('\n').map(|(at, _)| at + 1).collect() }
    }

    /// The line, from 1, of a byte offset.
    pub(super) fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at) + 1
    }

    /// The column in characters, from 1, of a byte offset.
    pub(super) fn column(&self, at: usize) -> usize {
        let start = self.text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
        self.text.get(start..at).map_or(1, |before| before.chars().count() + 1)
    }

    /// A message with its place.
    pub(super) fn say(&self, at: usize, what: &str) -> String {
        format!("{}line {}: {what}", self.label, self.line(at))
    }
}
