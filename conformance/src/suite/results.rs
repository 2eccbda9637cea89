//! What came of a run: every outcome with its judgement, to be shown and kept.

use serde::{Deserialize, Serialize};

use super::known::Known;
use super::outcome::{Outcome, Verdict};
use super::requirements::{Level, Requirements};
use super::scenario::Scenario;

/// How an outcome counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It failed, and nobody knew.
    Fail,
    /// It failed as it is known to.
    KnownFail,
    /// It passed.
    Pass,
    /// It was not run.
    Skipped,
    /// The client cannot do it.
    Unimplemented,
    /// It passed, though it is known to fail: the line in `known/` is stale.
    UnexpectedPass,
}

impl Status {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::KnownFail => "known-fail",
            Self::Pass => "pass",
            Self::Skipped => "skipped",
            Self::Unimplemented => "unimplemented",
            Self::UnexpectedPass => "unexpected-pass",
        }
    }
}

/// One scenario's result.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Judged {
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// How it counts.
    pub status: Status,
    /// Whom the scenario binds.
    pub level: Level,
    /// Why the failure is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
    /// The command that repeats it.
    pub repeat: String,
}

/// All results of one client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Results {
    /// As it is called.
    pub subject: String,
    /// What it is.
    pub about: String,
    /// One of our own runtimes.
    pub own: bool,
    /// As the shim says.
    pub client: String,
    /// As the shim says.
    pub version: String,
    /// The day, `2026-11-22`.
    pub date: String,
    /// The seed of the run.
    pub seed: u64,
    /// Milliseconds that the run took.
    pub took_ms: u64,
    /// Why nothing was run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
    /// In the order of the scenarios.
    pub results: Vec<Judged>,
}

impl Results {
    /// How many have this status, and this level.
    #[must_use]
    pub fn count(&self, status: Status, level: Option<Level>) -> usize {
        let fits = |judged: &&Judged| judged.status == status && level.is_none_or(|level| judged.level == level);
        self.results.iter().filter(fits).count()
    }

    /// Failures that count: of our own runtimes all, of others those of what binds everybody. And passes that nobody
    /// expected.
    pub fn bad(&self) -> impl Iterator<Item = &Judged> {
        let counts =
            |judged: &&Judged| self.own || judged.level == Level::Must || judged.status == Status::UnexpectedPass;
        // What ours cannot do has to be known, too.
        let bad = |judged: &&Judged| match judged.status {
            Status::Fail | Status::UnexpectedPass => true,
            Status::Unimplemented => self.own && judged.known.is_none(),
            Status::KnownFail | Status::Pass | Status::Skipped => false,
        };
        self.results.iter().filter(bad).filter(counts)
    }
}

/// What an outcome counts as.
#[must_use]
pub fn judge(
    outcome: Outcome,
    scenario: &Scenario,
    requirements: &Requirements,
    known: &Known,
    how_to_repeat: &str,
    seed: u64,
) -> Judged {
    let reason = known.reason(&scenario.id).map(str::to_owned);
    let status = match (&outcome.verdict, &reason) {
        (Verdict::Fail { .. }, None) => Status::Fail,
        (Verdict::Fail { .. }, Some(_)) => Status::KnownFail,
        (Verdict::Pass, None) => Status::Pass,
        (Verdict::Pass, Some(_)) => Status::UnexpectedPass,
        (Verdict::Skipped { .. }, _) => Status::Skipped,
        (Verdict::Unimplemented { .. }, _) => Status::Unimplemented,
    };
    let level = requirements.level(&scenario.body.proves).unwrap_or(Level::Must);
    let repeat = format!("conform run {how_to_repeat} --case {} --seed {seed}", scenario.id);
    Judged { outcome, status, level, known: reason, repeat }
}
