//! Reads scenarios, and says where one is wrong: file, line, column, and what was expected.

use std::collections::HashSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use super::expected::Expected;
use super::scenario::{Body, Clock, Given, Scenario, Step, Total};
use super::steps::{App, CALLS, Inject, Peer, Push, is_hex};
use crate::platform::webhook::hostile_list;

/// The areas a scenario may be of, in the order of reports.
pub const AREAS: [&str; 15] = [
    "discover", "upgrade", "frame", "parts", "ack", "gate", "ping", "redial", "token", "call", "limits", "hostile",
    "locale", "callback", "webhook",
];

/// In real time, nobody wants to wait longer than this to see that nothing happens.
const LONGEST_SILENCE_MS: u64 = 45_000;

/// What is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which file.
    pub file: String,
    /// From 1; 0 where it concerns the whole file.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}:{}: {}", self.file, self.column, self.what),
        }
    }
}

/// Every scenario under a folder, by id; and what is wrong with those that cannot be read.
///
/// # Errors
/// The folder cannot be read.
pub fn load_all(folder: &Path) -> io::Result<(Vec<Scenario>, Vec<Problem>)> {
    let mut files = Vec::new();
    for area in fs::read_dir(folder)? {
        let area = area?.path();
        if area.is_dir() {
            for file in fs::read_dir(area)? {
                files.push(file?.path());
            }
        } else {
            files.push(area);
        }
    }
    files.sort();
    let (mut scenarios, mut problems) = (Vec::new(), Vec::new());
    for file in files {
        match load(folder, &file) {
            Ok(scenario) => scenarios.push(scenario),
            Err(found) => problems.extend(found),
        }
    }
    let area = |scenario: &Scenario| AREAS.iter().position(|area| *area == scenario.area());
    scenarios.sort_by(|one, other| (area(one), &one.id).cmp(&(area(other), &other.id)));
    Ok((scenarios, problems))
}

fn load(folder: &Path, path: &Path) -> Result<Scenario, Vec<Problem>> {
    let inside: PathBuf = path.strip_prefix(folder).unwrap_or(path).to_owned();
    let file = Path::new("conformance/scenarios").join(&inside).display().to_string();
    let whole = |what: String| vec![Problem { file: file.clone(), line: 0, column: 0, what }];
    let id = inside.with_extension("").display().to_string().replace('\\', "/");
    let area = id.split('/').next().unwrap_or_default();
    if path.extension().is_none_or(|extension| extension != "toml") || id.split('/').count() != 2 {
        return Err(whole("a scenario is a file AREA/NAME.toml".to_owned()));
    }
    if !AREAS.contains(&area) {
        return Err(whole(format!("there is no area {area}; there are {}", AREAS.join(", "))));
    }
    let source = fs::read_to_string(path).map_err(|error| whole(error.to_string()))?;
    parse(&id, &file, source)
}

/// A scenario from its text.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse(id: &str, file: &str, source: String) -> Result<Scenario, Vec<Problem>> {
    let problem = |span: Option<Range<usize>>, what: String| {
        let (line, column) = span.map_or((0, 0), |span| position(&source, span.start));
        Problem { file: file.to_owned(), line, column, what }
    };
    let body: Body =
        toml::from_str(&source).map_err(|error| vec![problem(error.span(), error.message().trim().to_owned())])?;
    let mut faults = Vec::new();
    if body.title.trim().is_empty() {
        faults.push(problem(None, "title is empty: say what a user would notice".to_owned()));
    }
    if body.proves.is_empty() {
        faults.push(problem(None, "proves is empty: name the requirements".to_owned()));
    }
    if body.given.clock == Clock::Virtual && body.given.why.is_empty() {
        faults.push(problem(None, "given.clock is virtual: say in given.why what takes so long".to_owned()));
    }
    if body.given.settings.webhook.is_some() {
        faults.push(problem(None, "settings.webhook is made of given.webhook: say it there".to_owned()));
    }
    let mut known = HashSet::from(["app".to_owned()]);
    let mut silence = 0;
    for step in &body.steps {
        let span = step.span();
        let step = step.get_ref();
        silence += step.for_ms.unwrap_or_default().max(step.not_before_ms.unwrap_or_default());
        if let Err(what) = check_step(step, &mut known).and_then(|()| check_webhook(step, &body.given)) {
            faults.push(problem(Some(span), what));
        }
    }
    if body.given.clock == Clock::Any && silence > LONGEST_SILENCE_MS {
        faults.push(problem(None, format!("it waits {silence} ms for nothing to happen: given.clock = \"virtual\"")));
    }
    for total in &body.finally {
        let of = &total.get_ref().of;
        let webhook = || check_expected_of_webhook(of, &body.given);
        if let Err(what) = check_total(total.get_ref(), &known).and_then(|()| webhook()) {
            faults.push(problem(Some(total.span()), what));
        }
    }
    let judges = |step: &toml::Spanned<Step>| step.get_ref().expect.is_some() || step.get_ref().never.is_some();
    if body.finally.is_empty() && !body.steps.iter().any(judges) {
        faults.push(problem(None, "nothing is expected: it needs a step with expect or never, or finally".to_owned()));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let spans = whole_steps(&source, body.steps.iter().map(toml::Spanned::span));
    Ok(Scenario { id: id.to_owned(), file: file.to_owned(), source, body, spans })
}

/// From each step's header to the next one's.
fn whole_steps(source: &str, spans: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let starts: Vec<usize> = spans.map(|span| span.start).collect();
    let end_of = |start: usize| {
        let after = source.get(start + 2..).unwrap_or_default();
        after.find("\n[").map_or(source.len(), |at| start + 2 + at)
    };
    starts.into_iter().map(|start| start..end_of(start)).collect()
}

fn check_step(step: &Step, known: &mut HashSet<String>) -> Result<(), String> {
    let verbs = [
        ("peer", step.peer.is_some()),
        ("app", step.app.is_some()),
        ("expect", step.expect.is_some()),
        ("never", step.never.is_some()),
    ];
    let given: Vec<_> = verbs.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    let [verb] = given[..] else {
        return Err(format!(
            "a step has exactly one of peer, app, expect and never; this one has {}",
            match given.len() {
                0 => "none".to_owned(),
                _ => given.join(" and "),
            }
        ));
    };
    let options = [
        ("within_ms", step.within_ms.is_some(), &["expect"][..]),
        ("not_before_ms", step.not_before_ms.is_some(), &["expect"]),
        ("times", step.times.is_some(), &["expect"]),
        ("as", step.label.is_some(), &["expect"]),
        ("after", step.after.is_some(), &["expect", "never"]),
        ("for_ms", step.for_ms.is_some(), &["never"]),
    ];
    if let Some((name, ..)) = options.iter().find(|(_, given, verbs)| *given && !verbs.contains(&verb)) {
        return Err(format!("{name} does not go with {verb}"));
    }
    if let Some(label) = &step.after {
        needs(known, label)?;
    }
    if let Some(peer) = &step.peer {
        return check_peer(peer, known);
    }
    if let Some(app) = &step.app {
        return check_app(app, known);
    }
    for expected in step.expect.iter().chain(&step.never) {
        expected.labels().iter().try_for_each(|label| needs(known, label))?;
    }
    if verb == "expect" && step.within_ms.is_none() {
        return Err("expect needs within_ms".to_owned());
    }
    if verb == "never" && step.for_ms.is_none() {
        return Err("never needs for_ms".to_owned());
    }
    if step.times == Some(0) {
        return Err("times is 0: that is never".to_owned());
    }
    step.label.iter().try_for_each(|label| name(known, label))
}

/// What concerns webhooks needs one, and the names of hostile requests are those of the platform.
fn check_webhook(step: &Step, given: &Given) -> Result<(), String> {
    match &step.peer {
        Some(Peer::Challenge(_)) => needs_webhook("peer.challenge", given)?,
        Some(Peer::Hostile(hostile)) => {
            needs_webhook("peer.hostile", given)?;
            if given.webhook.as_ref().is_some_and(|webhook| webhook.encrypt_key.is_empty()) {
                return Err("peer.hostile needs an encrypt_key".to_owned());
            }
            if hostile.names().is_empty() {
                return Err("peer.hostile needs a name".to_owned());
            }
            hostile.names().iter().try_for_each(|name| is_hostile(name))?;
        }
        _ => {}
    }
    step.expect.iter().chain(&step.never).try_for_each(|expected| check_expected_of_webhook(expected, given))
}

fn check_expected_of_webhook(expected: &Expected, given: &Given) -> Result<(), String> {
    if expected.is_of_webhooks() {
        needs_webhook(expected.words().split(' ').next().unwrap_or_default(), given)?;
    }
    expected.hostile_name().map_or(Ok(()), is_hostile)
}

fn needs_webhook(what: &str, given: &Given) -> Result<(), String> {
    given.webhook.as_ref().map(drop).ok_or_else(|| format!("{what} needs given.webhook"))
}

fn is_hostile(name: &str) -> Result<(), String> {
    if hostile_list().any(|case| case.name == name) {
        return Ok(());
    }
    // There are more than a hundred: those that have a word in common are enough, if there are any.
    let words: Vec<&str> = name.split('-').collect();
    let alike = |case: &&str| case.split('-').any(|word| words.contains(&word));
    let mut near: Vec<&str> = hostile_list().map(|case| case.name).filter(alike).collect();
    if near.is_empty() {
        near = hostile_list().map(|case| case.name).collect();
    }
    Err(format!("there is no hostile request {name:?}; there are {}", near.join(", ")))
}

fn check_peer(peer: &Peer, known: &mut HashSet<String>) -> Result<(), String> {
    match peer {
        Peer::Push(push) => check_push(push, known),
        Peer::Interleave(pushes) if pushes.iter().any(|push| push.count.is_some()) => {
            Err("count does not go with interleave".to_owned())
        }
        Peer::Interleave(pushes) => pushes.iter().try_for_each(|push| check_push(push, known)),
        Peer::Inject(inject) => check_inject(inject),
        _ => Ok(()),
    }
}

fn check_push(push: &Push, known: &mut HashSet<String>) -> Result<(), String> {
    if push.contents() != 1 {
        return Err(format!(
            "a push has exactly one of text, text_len, message, click, event, raw and raw_hex; this one has {}",
            push.contents()
        ));
    }
    for text in push.text.iter().chain(&push.raw).chain(&push.event_id).chain(&push.message_id) {
        super::log::references(text).iter().try_for_each(|label| needs(known, label))?;
    }
    for (name, hex) in [("raw_hex", &push.raw_hex), ("unknown_fields", &push.unknown_fields)] {
        if hex.as_deref().is_some_and(|hex| !is_hex(hex)) {
            return Err(format!("{name} is not hex"));
        }
    }
    if push.count == Some(0) || push.every_ms.is_some() && push.count.is_none() {
        return Err("count is how many, at least 1; every_ms goes with it".to_owned());
    }
    if push.label.is_empty() {
        return Err("a push needs a name: as = \"…\"".to_owned());
    }
    if push.count.is_some() {
        push.each().iter().try_for_each(|each| name(known, &each.label))?;
    }
    name(known, &push.label)
}

fn check_inject(inject: &Inject) -> Result<(), String> {
    let given = [inject.frame.is_some(), inject.binary.is_some(), inject.bytes.is_some(), inject.text.is_some()];
    if given.iter().filter(|given| **given).count() != 1 {
        return Err("inject has exactly one of frame, binary, bytes and text".to_owned());
    }
    for (name, hex) in [("binary", &inject.binary), ("bytes", &inject.bytes)] {
        if hex.as_deref().is_some_and(|hex| !is_hex(hex)) {
            return Err(format!("{name} is not hex"));
        }
    }
    Ok(())
}

fn check_app(app: &App, known: &mut HashSet<String>) -> Result<(), String> {
    let App::Call(call) = app else { return Ok(()) };
    if !CALLS.iter().any(|(name, _)| *name == call.call) {
        let names: Vec<_> = CALLS.iter().map(|(name, _)| *name).collect();
        return Err(format!("there is no call {:?}; there are {}", call.call, names.join(", ")));
    }
    if let Some(member) = call.missing() {
        return Err(format!("the call {} needs {member}", call.call));
    }
    for text in call.message_id.iter().chain(&call.text).chain(&call.reaction_id).chain(&call.token) {
        super::log::references(text).iter().try_for_each(|label| needs(known, label))?;
    }
    call.label.iter().try_for_each(|label| name(known, label))
}

fn check_total(total: &Total, known: &HashSet<String>) -> Result<(), String> {
    let bounds = [total.exactly, total.at_least, total.at_most];
    if bounds.iter().all(Option::is_none) {
        return Err("finally needs exactly, at_least or at_most".to_owned());
    }
    total.of.labels().iter().try_for_each(|label| needs(known, label))
}

fn needs(known: &HashSet<String>, label: &str) -> Result<(), String> {
    if known.contains(label) {
        return Ok(());
    }
    let mut names: Vec<_> = known.iter().map(String::as_str).filter(|name| *name != "app").collect();
    names.sort_unstable();
    Err(match names.is_empty() {
        true => format!("nothing is called {label:?} before this step"),
        false => format!("nothing is called {label:?} before this step; there are {}", names.join(", ")),
    })
}

fn name(known: &mut HashSet<String>, label: &str) -> Result<(), String> {
    match known.insert(label.to_owned()) {
        true => Ok(()),
        false => Err(format!("something else is called {label:?} already")),
    }
}

/// Line and column of an offset, from 1.
pub(crate) fn position(source: &str, offset: usize) -> (usize, usize) {
    let before = source.get(..offset).unwrap_or(source);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}
