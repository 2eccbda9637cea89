//! Reports: what came of runs, for people and for machines.

mod html;
mod junit;
mod markdown;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use super::check::Suite;
use super::outcome::Verdict;
use super::requirements::Level;
use super::results::{Judged, Results, Status};

pub use self::markdown::requirements;

/// A form of report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One page that needs nothing else.
    Html,
    /// Everything, for machines.
    Json,
    /// For CI.
    Junit,
    /// A page for a repository.
    Markdown,
}

impl Format {
    /// `FORMAT` or `FORMAT=FILE`.
    ///
    /// # Errors
    /// There is no such format.
    pub fn parse(text: &str) -> Result<(Self, Option<PathBuf>), String> {
        let (name, file) = match text.split_once('=') {
            Some((name, file)) => (name, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let format = match name {
            "html" => Self::Html,
            "json" => Self::Json,
            "junit" => Self::Junit,
            "md" => Self::Markdown,
            _ => return Err(format!("there is no report {name:?}; there are html, md, junit and json")),
        };
        Ok((format, file))
    }
}

/// The report of these runs.
#[must_use]
pub fn write(format: Format, suite: &Suite, all: &[Results]) -> String {
    match format {
        Format::Html => html::page(suite, all),
        Format::Json => serde_json::to_string_pretty(all).unwrap_or_default(),
        Format::Junit => junit::report(suite, all),
        Format::Markdown => markdown::report(suite, all),
    }
}

/// `must` or `policy`.
#[must_use]
pub fn level_word(level: Level) -> &'static str {
    match level {
        Level::Must => "must",
        Level::Policy => "policy",
    }
}

/// One line about a run: `tokio: 140 of 140 must, 210 of 212 policy …`.
#[must_use]
pub fn summary(results: &Results) -> String {
    let mut line = format!("{}:", results.subject);
    for level in [Level::Must, Level::Policy] {
        let all = results.results.iter().filter(|judged| judged.level == level).count();
        if all > 0 {
            // Writing to a String cannot fail, here and below.
            let _ =
                write!(line, " {} of {all} {} passed,", results.count(Status::Pass, Some(level)), level_word(level));
        }
    }
    for status in [Status::Fail, Status::UnexpectedPass, Status::KnownFail, Status::Unimplemented, Status::Skipped] {
        let count = results.count(status, None);
        if count > 0 {
            let _ = write!(line, " {count} {},", status.word());
        }
    }
    let seconds = results.took_ms as f64 / 1000.0;
    let _ = write!(line, " in {seconds:.1} s");
    line
}

/// Everything that is known of one result.
#[must_use]
pub fn evidence(judged: &Judged) -> String {
    let mut text = String::new();
    if let Verdict::Fail { step: Some(step), source, .. } = &judged.outcome.verdict {
        let _ = writeln!(text, "step {step}:\n{source}\n");
    }
    if let Verdict::Skipped { why: what } | Verdict::Unimplemented { what } = &judged.outcome.verdict {
        let _ = writeln!(text, "{}: {what}", judged.outcome.verdict.word());
    }
    if let Some(evidence) = &judged.outcome.evidence {
        for (title, lines) in
            [("seen", &evidence.seen), ("frames", &evidence.frames), ("standard error", &evidence.stderr)]
        {
            if !lines.is_empty() {
                let _ = writeln!(text, "{title}:\n{}\n", lines.join("\n"));
            }
        }
    }
    text.trim_end().to_owned()
}

/// The day, in UTC, as `2026-11-22`.
#[must_use]
pub fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    crate::platform::iso_date(seconds)
}
