//! Are scenarios, requirements, cases and known failures in step?

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

use serde::Deserialize;

use super::known::Known;
use super::load::{Problem, load_all, position};
use super::requirements::{Level, Requirements};
use super::scenario::Scenario;
use crate::platform::webhook::hostile_list;

/// Everything the suite consists of.
#[derive(Debug)]
pub struct Suite {
    /// By area and name.
    pub scenarios: Vec<Scenario>,
    /// What they prove.
    pub requirements: Requirements,
    /// Hard cases, and where each is tried.
    pub cases: Cases,
    /// What cannot be read.
    pub unreadable: Vec<Problem>,
    /// What is not in step.
    pub problems: Vec<Problem>,
}

/// `cases.toml`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cases {
    #[serde(default, rename = "case")]
    all: Vec<toml::Spanned<Case>>,
}

/// Something that has gone wrong elsewhere. One of `scenarios`, `shown_by` and `why`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// `D7`, `W13` …
    pub id: String,
    /// What it is.
    pub text: String,
    /// Scenarios that try it.
    #[serde(default)]
    pub scenarios: Vec<String>,
    /// Tests that show it.
    #[serde(default)]
    pub shown_by: Vec<String>,
    /// Why no peer can bring it about.
    #[serde(default)]
    pub why: String,
}

impl Cases {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Case> {
        self.all.iter().map(toml::Spanned::get_ref)
    }
}

impl Suite {
    /// Reads all of it, and checks that it is in step. `root` is that of the repository.
    ///
    /// # Errors
    /// A file or folder cannot be read.
    pub fn load(root: &Path) -> io::Result<Self> {
        let folder = root.join("conformance");
        let (scenarios, mut unreadable) = load_all(&folder.join("scenarios"))?;
        let requirements = match Requirements::load(&folder.join("requirements.toml"))? {
            Ok(requirements) => requirements,
            Err(problem) => {
                unreadable.push(problem);
                Requirements::default()
            }
        };
        let cases = match read_cases(&folder.join("cases.toml")) {
            Ok(cases) => cases,
            Err(problem) => {
                unreadable.push(problem);
                Cases::default()
            }
        };
        let mut suite = Self { scenarios, requirements, cases, unreadable, problems: Vec::new() };
        let mut found = suite.check_scenarios();
        found.extend(suite.check_hostile());
        found.extend(suite.check_requirements(root));
        found.extend(suite.check_cases(root));
        found.extend(suite.check_known(&folder.join("known"))?);
        suite.problems = found;
        Ok(suite)
    }

    /// Scenarios by the requirement they prove.
    #[must_use]
    pub fn proofs(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut proofs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for scenario in &self.scenarios {
            for id in &scenario.body.proves {
                proofs.entry(id).or_default().push(&scenario.id);
            }
        }
        proofs
    }

    fn check_scenarios(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut titles = BTreeMap::new();
        for scenario in &self.scenarios {
            let place = |what: String| {
                let (line, column) = scenario.source.find("proves").map_or((0, 0), |at| position(&scenario.source, at));
                Problem { file: scenario.file.clone(), line, column, what }
            };
            let mut levels = BTreeSet::new();
            for id in &scenario.body.proves {
                match self.requirements.find(id) {
                    Some(requirement) => drop(levels.insert(requirement.level)),
                    None => problems.push(place(format!("there is no requirement {id}"))),
                }
            }
            if levels.len() > 1 {
                problems.push(place("it proves a must and a policy: make two of it".to_owned()));
            }
            if let Some(other) = titles.insert(scenario.body.title.as_str(), &scenario.id) {
                problems.push(place(format!("{other} has the same title")));
            }
        }
        problems
    }

    /// What the platform can do to a webhook is done to it somewhere.
    fn check_hostile(&self) -> Vec<Problem> {
        let sent: BTreeSet<&str> = self.scenarios.iter().flat_map(Scenario::hostile_names).collect();
        let unsent = hostile_list().filter(|case| !sent.contains(case.name));
        let place =
            |what: String| Problem { file: "conformance/scenarios/webhook".to_owned(), line: 0, column: 0, what };
        unsent.map(|case| place(format!("no scenario sends the hostile request {}", case.name))).collect()
    }

    fn check_requirements(&self, root: &Path) -> Vec<Problem> {
        let proofs = self.proofs();
        let mut problems = Vec::new();
        let mut ids = BTreeSet::new();
        for requirement in self.requirements.iter() {
            let id = requirement.id.as_str();
            let file = || "conformance/requirements.toml".to_owned();
            let place = |what: String| Problem { file: file(), line: 0, column: 0, what };
            if !ids.insert(id) {
                problems.push(place(format!("{id} is there twice")));
            }
            let proved = proofs.contains_key(id);
            if !proved && requirement.shown_by.is_empty() {
                problems.push(place(format!("{id} has no scenario and no test")));
            }
            if requirement.level == Level::Must && !proved {
                problems.push(place(format!("{id} binds every client, but no scenario proves it")));
            }
            for test in requirement.shown_by.iter().filter(|test| !test_exists(root, test)) {
                problems.push(place(format!("{id}: there is no test {test}")));
            }
        }
        problems
    }

    fn check_cases(&self, root: &Path) -> Vec<Problem> {
        let file = "conformance/cases.toml";
        let source = fs::read_to_string(root.join(file)).unwrap_or_default();
        let mut problems = Vec::new();
        let mut ids = BTreeSet::new();
        for spanned in &self.cases.all {
            let (line, column) = position(&source, spanned.span().start);
            let place = |what: String| Problem { file: file.to_owned(), line, column, what };
            let case = spanned.get_ref();
            if !ids.insert(case.id.as_str()) {
                problems.push(place(format!("{} is there twice", case.id)));
            }
            if case.scenarios.is_empty() && case.shown_by.is_empty() && case.why.is_empty() {
                problems.push(place(format!("{} is tried nowhere: scenarios, shown_by or why", case.id)));
            }
            for id in case.scenarios.iter().filter(|id| !self.scenarios.iter().any(|scenario| scenario.id == **id)) {
                problems.push(place(format!("{}: there is no scenario {id}", case.id)));
            }
            for test in case.shown_by.iter().filter(|test| !test_exists(root, test)) {
                problems.push(place(format!("{}: there is no test {test}", case.id)));
            }
        }
        problems
    }

    fn check_known(&self, folder: &Path) -> io::Result<Vec<Problem>> {
        let mut problems = Vec::new();
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry?.path();
            let Some(subject) = path.file_stem().and_then(|name| name.to_str()) else { continue };
            match Known::load(folder, subject)? {
                Ok(known) => problems.extend(known.stale(|id| self.scenarios.iter().any(|scenario| scenario.id == id))),
                Err(problem) => problems.push(problem),
            }
        }
        Ok(problems)
    }
}

fn read_cases(path: &Path) -> Result<Cases, Problem> {
    let problem = |line, column, what| Problem { file: "conformance/cases.toml".to_owned(), line, column, what };
    let source = fs::read_to_string(path).map_err(|error| problem(0, 0, error.to_string()))?;
    toml::from_str(&source).map_err(|error: toml::de::Error| {
        let (line, column) = error.span().map_or((0, 0), |span| position(&source, span.start));
        problem(line, column, error.message().trim().to_owned())
    })
}

/// Whether `path::name` is a function in that file.
fn test_exists(root: &Path, test: &str) -> bool {
    let Some((path, name)) = test.split_once("::") else { return false };
    let name = name.rsplit("::").next().unwrap_or(name);
    let text = fs::read_to_string(root.join(path)).unwrap_or_default();
    text.contains(&format!("fn {name}(")) || text.contains(&format!("fn {name}<"))
}
