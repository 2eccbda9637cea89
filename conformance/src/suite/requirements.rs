//! What clients must do, from `requirements.toml`.

use std::path::Path;
use std::{fs, io};

use serde::{Deserialize, Serialize};

use super::load::{Problem, position};

/// Whom a requirement binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Every client: a fact of the wire.
    Must,
    /// Our own runtimes: a choice.
    Policy,
}

/// One thing that a client does.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirement {
    /// `area.name`
    pub id: String,
    /// Whom it binds.
    pub level: Level,
    /// What it says.
    pub text: String,
    /// Where it comes from.
    pub source: String,
    /// Tests that show it, where no peer can: `path::name`.
    #[serde(default)]
    pub shown_by: Vec<String>,
}

/// All of them, in the order of the file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requirements {
    #[serde(rename = "requirement")]
    all: Vec<Requirement>,
}

impl Requirements {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read; what is wrong with it is the inner error.
    pub fn load(path: &Path) -> io::Result<Result<Self, Problem>> {
        let source = fs::read_to_string(path)?;
        Ok(toml::from_str(&source).map_err(|error: toml::de::Error| {
            let (line, column) = error.span().map_or((0, 0), |span| position(&source, span.start));
            let file = "conformance/requirements.toml".to_owned();
            Problem { file, line, column, what: error.message().trim().to_owned() }
        }))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Requirement> {
        self.all.iter()
    }

    /// The one with this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Requirement> {
        self.all.iter().find(|requirement| requirement.id == id)
    }

    /// The level of a scenario that proves these: `must` if any of them is. `None` if none is known.
    #[must_use]
    pub fn level(&self, proves: &[String]) -> Option<Level> {
        proves.iter().filter_map(|id| self.find(id)).map(|requirement| requirement.level).min()
    }
}
