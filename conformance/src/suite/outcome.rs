//! What came of a scenario.

use serde::{Deserialize, Serialize};

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// As it should not.
    Fail {
        /// The step, from 1; `None` where no step is to blame.
        step: Option<usize>,
        /// The line of the file in which it begins.
        line: Option<usize>,
        /// The step as it stands in the file.
        source: String,
        /// What should have been, and what was.
        what: String,
    },
    /// As it should.
    Pass,
    /// Not run, and why.
    Skipped {
        /// For people.
        why: String,
    },
    /// The client cannot do it.
    Unimplemented {
        /// What.
        what: String,
    },
}

/// A scenario, what came of it, and what was seen.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// `area/name`
    pub scenario: String,
    /// How it ended.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Milliseconds it took, in the time of the scenario.
    pub took_ms: u64,
    /// For those that did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Name and version, as the shim said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<(String, String)>,
}

/// What a person can judge by.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// The last things that were seen, oldest first.
    pub seen: Vec<String>,
    /// The last frames, oldest first.
    pub frames: Vec<String>,
    /// The end of standard error.
    pub stderr: Vec<String>,
}

impl Verdict {
    /// A failure without a step.
    #[must_use]
    pub fn fail(what: impl Into<String>) -> Self {
        Self::Fail { step: None, line: None, source: String::new(), what: what.into() }
    }

    /// One word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Fail { .. } => "fail",
            Self::Pass => "pass",
            Self::Skipped { .. } => "skipped",
            Self::Unimplemented { .. } => "unimplemented",
        }
    }
}
