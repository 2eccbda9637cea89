//! Pages for a repository.

use std::fmt::Write as _;

use super::super::check::Suite;
use super::super::load::AREAS;
use super::super::outcome::Verdict;
use super::super::requirements::{Level, Requirement};
use super::super::results::{Judged, Results, Status};
use super::level_word;

/// The matrix of clients and areas, and every failure that counts.
pub(super) fn report(suite: &Suite, all: &[Results]) -> String {
    let mut page = String::from("# Conformance report\n\n");
    let musts = suite.scenarios.iter().filter(|scenario| level_of(suite, &scenario.body.proves) == Level::Must).count();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        page,
        "Written by `conform report`; do not edit. {} scenarios, {musts} of which bind every client (**must**); the others \
         are choices of larkwire (**policy**), by which only its own runtimes are judged.\n",
        suite.scenarios.len()
    );
    clients(&mut page, all);
    matrix(&mut page, suite, all, Level::Must, "What binds every client");
    matrix(&mut page, suite, all, Level::Policy, "Choices of larkwire, for information");
    for results in all {
        failures(&mut page, suite, results);
    }
    page
}

fn clients(page: &mut String, all: &[Results]) {
    page.push_str(
        "## Clients\n\n| subject | client | version | run on | must | policy | took |\n|---|---|---|---|---|---|---|\n",
    );
    for results in all {
        let share = |level| {
            let fitting = results.results.iter().filter(|judged| judged.level == level).count();
            match fitting {
                0 => "not run".to_owned(),
                _ => format!("{} of {fitting}", results.count(Status::Pass, Some(level))),
            }
        };
        let Results { subject, about, client, version, date, .. } = results;
        let _ = match &results.unavailable {
            Some(why) => {
                writeln!(page, "| {subject} | {} | – | {date} | could not be had: {} | | |", cell(about), cell(why))
            }
            None => writeln!(
                page,
                "| {subject} | {} ({}) | {} | {date} | {} | {} | {:.1} s |",
                cell(about),
                cell(client),
                cell(version),
                share(Level::Must),
                share(Level::Policy),
                results.took_ms as f64 / 1000.0
            ),
        };
    }
    page.push('\n');
}

fn matrix(page: &mut String, suite: &Suite, all: &[Results], level: Level, title: &str) {
    let shown: Vec<_> = all.iter().filter(|results| results.unavailable.is_none()).collect();
    let _ =
        writeln!(page, "## {title}\n\nPassed of those that were run; `–n`: failed, `?n`: the client cannot do it.\n");
    let names: Vec<_> = shown.iter().map(|results| results.subject.as_str()).collect();
    let _ = writeln!(page, "| area | scenarios | {} |", names.join(" | "));
    let _ = writeln!(page, "|---|---|{}", "---|".repeat(shown.len()));
    for area in AREAS {
        let scenarios: Vec<_> = suite
            .scenarios
            .iter()
            .filter(|scenario| scenario.area() == area && level_of(suite, &scenario.body.proves) == level)
            .map(|scenario| scenario.id.as_str())
            .collect();
        if scenarios.is_empty() {
            continue;
        }
        let cells = shown.iter().map(|results| {
            let of = |status: Status| {
                let fits =
                    |judged: &&Judged| judged.status == status && scenarios.contains(&judged.outcome.scenario.as_str());
                results.results.iter().filter(fits).count()
            };
            let (passed, failed) =
                (of(Status::Pass) + of(Status::UnexpectedPass), of(Status::Fail) + of(Status::KnownFail));
            let run = |judged: &Judged| scenarios.contains(&judged.outcome.scenario.as_str());
            if !results.results.iter().any(run) {
                return "not run".to_owned();
            }
            let mut text = format!("{passed}");
            for (count, mark) in [(failed, '–'), (of(Status::Unimplemented), '?')] {
                if count > 0 {
                    let _ = write!(text, " {mark}{count}");
                }
            }
            text
        });
        let _ = writeln!(page, "| {area} | {} | {} |", scenarios.len(), cells.collect::<Vec<_>>().join(" | "));
    }
    page.push('\n');
}

fn failures(page: &mut String, suite: &Suite, results: &Results) {
    let counts = |judged: &&Judged| results.own || judged.level == Level::Must;
    let failed = |judged: &&Judged| matches!(judged.status, Status::Fail | Status::KnownFail | Status::UnexpectedPass);
    let failures: Vec<_> = results.results.iter().filter(failed).filter(counts).collect();
    if failures.is_empty() {
        return;
    }
    let _ = writeln!(page, "## {}: what failed\n", results.subject);
    for judged in failures {
        let id = &judged.outcome.scenario;
        let scenario = suite.scenarios.iter().find(|scenario| scenario.id == *id);
        let title = scenario.map_or("", |scenario| scenario.body.title.as_str());
        let _ = writeln!(page, "**[{id}](scenarios/{id}.toml)**: {title}\n");
        if let Some(scenario) = scenario {
            for requirement in scenario.body.proves.iter().filter_map(|id| suite.requirements.find(id)) {
                let _ = writeln!(page, "- {} ({}): {}", requirement.id, requirement.source, requirement.text);
            }
        }
        match &judged.outcome.verdict {
            Verdict::Fail { what, line: Some(line), .. } => {
                let _ = writeln!(page, "- line {line}: {}", cell(what));
            }
            Verdict::Fail { what, .. } => {
                let _ = writeln!(page, "- {}", cell(what));
            }
            _ => page.push_str("- it passed, though it is known to fail\n"),
        }
        if let Some(reason) = &judged.known {
            let _ = writeln!(page, "- known: {reason}");
        }
        let _ = writeln!(page, "- again: `{}`\n", judged.repeat);
    }
}

/// `docs/requirements.md`.
#[must_use]
pub fn requirements(suite: &Suite) -> String {
    let mut page = String::from(
        "# Requirements\n\nWhat a client of the long connection or a webhook does, and what shows it. Written by `conform check --write` \
         from `conformance/requirements.toml`;\ndo not edit. **must** binds every client; **policy** is a choice of larkwire. \
         Sections are those of [protocol.md](protocol.md).\n",
    );
    let proofs = suite.proofs();
    let mut area = "";
    for requirement in suite.requirements.iter() {
        let of = requirement.id.split('.').next().unwrap_or_default();
        if of != area {
            area = of;
            let _ = writeln!(page, "\n## {area}\n\n| id | level | | from | shown by |\n|---|---|---|---|---|");
        }
        let Requirement { id, level, text, source, shown_by } = requirement;
        let scenarios = proofs.get(id.as_str()).into_iter().flatten();
        let mut shown: Vec<_> = scenarios.map(|id| format!("[{id}](../conformance/scenarios/{id}.toml)")).collect();
        shown.extend(shown_by.iter().map(|test| {
            let (path, name) = test.split_once("::").unwrap_or((test, ""));
            format!("[`{name}`](../{path})")
        }));
        let _ = writeln!(
            page,
            "| <a id=\"{id}\"></a>{id} | {} | {} | {} | {} |",
            level_word(*level),
            cell(text),
            cell(source),
            shown.join(", ")
        );
    }
    page
}

fn level_of(suite: &Suite, proves: &[String]) -> Level {
    suite.requirements.level(proves).unwrap_or(Level::Must)
}

/// Text that does not end a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ").replace('<', "&lt;")
}
