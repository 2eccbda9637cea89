//! `conform check`

use std::error::Error;
use std::fs;
use std::path::Path;

use clap::Args;
use larkwire_conformance::suite::{Level, Suite, report};

use crate::terminal::{error, line};
use crate::{FAILED, WELL};

#[derive(Args)]
pub(crate) struct Options {
    /// Write docs/requirements.md anew
    #[arg(long)]
    write: bool,
}

pub(crate) fn check(root: &Path, options: &Options) -> Result<u8, Box<dyn Error>> {
    let suite = Suite::load(root)?;
    let mut bad = suite.unreadable.len() + suite.problems.len();
    for problem in suite.unreadable.iter().chain(&suite.problems) {
        error(&problem.to_string());
    }
    let page = report::requirements(&suite);
    let path = root.join("docs/requirements.md");
    if options.write {
        fs::write(&path, &page)?;
    } else if fs::read_to_string(&path).unwrap_or_default() != page {
        bad += 1;
        error("docs/requirements.md is not up to date: run `conform check --write`");
    }
    let level = |level: Level| suite.requirements.iter().filter(|requirement| requirement.level == level).count();
    let shown = suite.requirements.iter().filter(|requirement| !requirement.shown_by.is_empty()).count();
    let proofs = suite.proofs();
    let orphans = suite
        .requirements
        .iter()
        .filter(|requirement| !proofs.contains_key(requirement.id.as_str()) && requirement.shown_by.is_empty())
        .count();
    line(&format!(
        "{} requirements ({} must, {} policy; {shown} shown by tests), {} scenarios, {} cases, orphans {orphans}, {bad} problems",
        suite.requirements.iter().count(),
        level(Level::Must),
        level(Level::Policy),
        suite.scenarios.len(),
        suite.cases.iter().count(),
    ))?;
    Ok(if bad == 0 { WELL } else { FAILED })
}
