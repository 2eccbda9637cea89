//! `known/SUBJECT.txt`: failures that are known, each with its reason. They are run all the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use super::load::{AREAS, Problem};

/// The known failures of one subject.
#[derive(Clone, Debug, Default)]
pub struct Known {
    reasons: BTreeMap<String, (usize, String)>,
    file: String,
}

impl Known {
    /// Reads the file; there need not be one. What is wrong with it is the inner error.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn load(folder: &Path, subject: &str) -> io::Result<Result<Self, Problem>> {
        let file = format!("conformance/known/{subject}.txt");
        match fs::read_to_string(folder.join(format!("{subject}.txt"))) {
            Ok(text) => Ok(Self::parse(&text, &file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Ok(Self::default())),
            Err(error) => Err(error),
        }
    }

    /// From the text of a file: lines `area/name reason`, blank ones, and those that begin with `#`. `area/*` is all of an
    /// area.
    ///
    /// # Errors
    /// A line without a reason, or a scenario named twice.
    pub fn parse(text: &str, file: &str) -> Result<Self, Problem> {
        let mut reasons = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: String| Problem { file: file.to_owned(), line: index + 1, column: 1, what };
            let Some((id, reason)) = line.split_once(char::is_whitespace) else {
                return Err(wrong(format!("{line}: a known failure needs a reason behind the scenario's id")));
            };
            if reasons.insert(id.to_owned(), (index + 1, reason.trim().to_owned())).is_some() {
                return Err(wrong(format!("{id} is known already")));
            }
        }
        Ok(Self { reasons, file: file.to_owned() })
    }

    /// Why this scenario is known to fail.
    #[must_use]
    pub fn reason(&self, scenario: &str) -> Option<&str> {
        let area = scenario.split('/').next().map(|area| format!("{area}/*")).unwrap_or_default();
        let known = self.reasons.get(scenario).or_else(|| self.reasons.get(&area));
        known.map(|(_, reason)| reason.as_str())
    }

    /// Lines that match no scenario.
    pub fn stale<'a>(&'a self, exists: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = Problem> + 'a {
        let stale = self.reasons.iter().filter(move |(id, _)| match id.strip_suffix("/*") {
            Some(area) => !AREAS.contains(&area),
            None => !exists(id),
        });
        stale.map(|(id, (line, _))| Problem {
            file: self.file.clone(),
            line: *line,
            column: 1,
            what: format!("there is no scenario {id}"),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends where it fails")]
mod tests {
    use super::*;

    #[test]
    fn a_known_failure_has_a_reason_and_a_scenario() {
        let known = Known::parse("# why\n\nack/late  waits for the handler\n", "known/x.txt").unwrap();
        assert_eq!(known.reason("ack/late"), Some("waits for the handler"));
        assert_eq!(
            known.stale(|_| false).next().unwrap().to_string(),
            "known/x.txt:3:1: there is no scenario ack/late"
        );
        let all = Known::parse("webhook/*  has none\nhook/*  no such area\n", "f").unwrap();
        assert_eq!((all.reason("webhook/message"), all.reason("ack/late")), (Some("has none"), None));
        assert_eq!(all.stale(|_| false).count(), 1);
        assert_eq!(Known::parse("ack/late\n", "f").unwrap_err().line, 1);
    }
}
