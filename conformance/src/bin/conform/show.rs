//! `conform report`, `conform list`, `conform subjects`

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use larkwire_conformance::suite::report::{self, Format};
use larkwire_conformance::suite::subject::Descriptor;
use larkwire_conformance::suite::{Results, Suite};

use crate::WELL;
use crate::run::kept;
use crate::terminal::{error, line};

#[derive(Args)]
pub(crate) struct Options {
    /// html, md, junit or json
    #[arg(long, default_value = "md")]
    format: String,
    /// Where to; standard output by default
    #[arg(long)]
    output: Option<PathBuf>,
    /// Files of runs, as they are kept under target/conformance/results; all of those by default
    files: Vec<PathBuf>,
}

#[derive(Args)]
pub(crate) struct ListOptions {
    /// Only this area
    #[arg(long)]
    area: Option<String>,
}

pub(crate) fn report(root: &Path, options: &Options) -> Result<u8, Box<dyn Error>> {
    let suite = Suite::load(root)?;
    let (format, _) = Format::parse(&options.format)?;
    let mut files = options.files.clone();
    if files.is_empty() {
        let entries = fs::read_dir(kept(root)).map_err(|_| "no run is kept yet: `conform run --subject core`")?;
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    let mut all = Vec::new();
    for file in &files {
        let text = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let results: Results = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        all.push(results);
    }
    all.sort_by(|one, other| (!one.own, &one.subject).cmp(&(!other.own, &other.subject)));
    let text = report::write(format, &suite, &all);
    match &options.output {
        Some(file) => fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?,
        None => line(&text)?,
    }
    Ok(WELL)
}

pub(crate) fn list(root: &Path, options: &ListOptions) -> Result<u8, Box<dyn Error>> {
    let suite = Suite::load(root)?;
    for problem in &suite.unreadable {
        error(&problem.to_string());
    }
    for scenario in &suite.scenarios {
        if options.area.as_deref().is_none_or(|area| area == scenario.area()) {
            let level = suite.requirements.level(&scenario.body.proves).map_or("", report::level_word);
            line(&format!("{level:6} {:45} {}", scenario.id, scenario.body.title))?;
        }
    }
    Ok(WELL)
}

pub(crate) fn subjects(root: &Path) -> Result<u8, Box<dyn Error>> {
    line("core             larkwire's engine, in virtual time")?;
    line("reference        the suite's own client, in virtual time; --defect makes it worse")?;
    for descriptor in Descriptor::all(root)? {
        let whose = if descriptor.own { "" } else { "  (foreign)" };
        line(&format!("{:16} {} {}{whose}", descriptor.name, descriptor.about, descriptor.version))?;
    }
    Ok(WELL)
}
