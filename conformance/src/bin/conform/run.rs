//! `conform run`

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, io};

use clap::{Args, ValueEnum};
use larkwire_conformance::suite::report::{self, Format};
use larkwire_conformance::suite::subject::{
    CoreSubject, Defect, Descriptor, ProcessSubject, ReferenceSubject, Subject,
};
use larkwire_conformance::suite::{
    Known, Level, Results, RunSettings, Scenario, Status, Suite, Verdict, judge, run_all, today,
};

use crate::terminal::{Progress, coloured, error, line};
use crate::{FAILED, UNAVAILABLE, WELL, WRONG};

#[derive(Args)]
pub(crate) struct Options {
    /// A client the suite knows (`conform subjects`), `core` or `reference`; may be given several times
    #[arg(long)]
    subject: Vec<String>,
    /// A shim of your own: its command, in one argument
    #[arg(long, conflicts_with = "subject")]
    command: Option<String>,
    /// Only scenarios of this area; may be given several times
    #[arg(long)]
    area: Vec<String>,
    /// Only this scenario, AREA/NAME; may be given several times
    #[arg(long)]
    case: Vec<String>,
    /// Only scenarios of this level
    #[arg(long)]
    level: Option<OnlyLevel>,
    /// Makes ids, URLs and the choice of connections repeatable
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many scenarios at the same time; by default what the client's description says
    #[arg(long)]
    jobs: Option<usize>,
    /// For `core`: the most bytes that are read at a time
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    chop: Option<u32>,
    /// For `reference`: what is to be wrong with it (`conform mutants` has the names)
    #[arg(long)]
    defect: Option<String>,
    /// Treat --command as one of our own runtimes: policies and house rules count
    #[arg(long, requires = "command")]
    own: bool,
    /// Seconds that a shim has to say that it is ready, and a client to connect; by default what the client's description
    /// says, or 20
    #[arg(long)]
    patience: Option<u64>,
    /// Report to write; may be given several times. With =FILE into a file, else to standard output
    #[arg(long, value_name = "FORMAT[=FILE]")]
    report: Vec<String>,
    /// Say nothing of what passes, and no progress
    #[arg(long)]
    quiet: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum OnlyLevel {
    Must,
    Policy,
}

const PATIENCE_S: u64 = 20;

/// A client about to be run.
struct Chosen {
    name: String,
    about: String,
    own: bool,
    how_to_repeat: String,
    jobs: usize,
    patience_s: u64,
    subject: Result<Arc<dyn Subject>, String>,
}

pub(crate) fn run(root: &Path, options: &Options) -> Result<u8, Box<dyn Error>> {
    let suite = Suite::load(root)?;
    if !suite.unreadable.is_empty() {
        for problem in &suite.unreadable {
            error(&problem.to_string());
        }
        return Ok(WRONG);
    }
    let formats = options.report.iter().map(|wanted| Format::parse(wanted)).collect::<Result<Vec<_>, _>>()?;
    let scenarios = chosen_scenarios(&suite, options)?;
    if scenarios.is_empty() {
        return Err("no scenario is of that area, case and level together".into());
    }
    let mut all = Vec::new();
    for chosen in choose(root, options)? {
        let results = hold(root, &suite, &scenarios, chosen, options)?;
        tell(&results, options.quiet)?;
        all.push(results);
    }
    for (format, file) in &formats {
        let text = report::write(*format, &suite, &all);
        match file {
            Some(file) => fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?,
            None => line(&text)?,
        }
    }
    let failed = all.iter().any(|results| results.bad().next().is_some());
    let unavailable = all.iter().any(|results| results.unavailable.is_some());
    let failed = failed || all.iter().any(|results| results.own && results.unavailable.is_some());
    Ok(if failed {
        FAILED
    } else if unavailable {
        UNAVAILABLE
    } else {
        WELL
    })
}

fn chosen_scenarios(suite: &Suite, options: &Options) -> Result<Vec<Scenario>, String> {
    if let Some(id) = options.case.iter().find(|id| !suite.scenarios.iter().any(|scenario| scenario.id == **id)) {
        return Err(format!("there is no scenario {id}; `conform list` shows all"));
    }
    if let Some(area) =
        options.area.iter().find(|area| !suite.scenarios.iter().any(|scenario| scenario.area() == **area))
    {
        return Err(format!("there is no area {area}; `conform list` shows all"));
    }
    let level = options.level.map(|level| match level {
        OnlyLevel::Must => Level::Must,
        OnlyLevel::Policy => Level::Policy,
    });
    let fits = |scenario: &&Scenario| {
        (options.area.is_empty() || options.area.iter().any(|area| area == scenario.area()))
            && (options.case.is_empty() || options.case.contains(&scenario.id))
            && level.is_none_or(|level| suite.requirements.level(&scenario.body.proves) == Some(level))
    };
    Ok(suite.scenarios.iter().filter(fits).cloned().collect())
}

fn choose(root: &Path, options: &Options) -> Result<Vec<Chosen>, Box<dyn Error>> {
    if let Some(command) = &options.command {
        let words = command.split_whitespace().map(str::to_owned).collect();
        // Whoever brings a shim wants to know what it does with everything; one that knows no webhooks says so.
        let subject = ProcessSubject { command: words, folder: std::env::current_dir()?, webhook: true };
        return Ok(vec![Chosen {
            name: "command".to_owned(),
            about: command.clone(),
            own: options.own,
            how_to_repeat: format!("--command {command:?}{}", if options.own { " --own" } else { "" }),
            jobs: options.jobs.unwrap_or(2),
            patience_s: options.patience.unwrap_or(PATIENCE_S),
            subject: Ok(Arc::new(subject)),
        }]);
    }
    if options.subject.is_empty() {
        return Err("give --subject NAME or --command SHIM; `conform subjects` shows the names".into());
    }
    let known = Descriptor::all(root)?;
    let mut chosen = Vec::new();
    for name in &options.subject {
        if name == "core" {
            let chop = options.chop.and_then(|chop| usize::try_from(chop).ok()).unwrap_or(usize::MAX);
            let cut = options.chop.map(|chop| format!(" --chop {chop}")).unwrap_or_default();
            let cores = std::thread::available_parallelism().map_or(2, usize::from);
            chosen.push(Chosen {
                name: name.clone(),
                about: "larkwire's engine, in virtual time".to_owned(),
                own: true,
                how_to_repeat: format!("--subject core{cut}"),
                jobs: options.jobs.unwrap_or(cores),
                patience_s: options.patience.unwrap_or(PATIENCE_S),
                subject: Ok(Arc::new(CoreSubject { chop })),
            });
            continue;
        }
        if name == "reference" {
            chosen.push(reference(options)?);
            continue;
        }
        let Some(descriptor) = known.iter().find(|descriptor| descriptor.name == *name) else {
            return Err(format!("there is no subject {name}; `conform subjects` shows the names").into());
        };
        if !options.quiet {
            error(&format!("{name}: getting it ready"));
        }
        let subject = descriptor.prepare().map(|subject| Arc::new(subject) as Arc<dyn Subject>);
        chosen.push(Chosen {
            name: name.clone(),
            about: descriptor.about.clone(),
            own: descriptor.own,
            how_to_repeat: format!("--subject {name}"),
            jobs: options.jobs.unwrap_or(descriptor.jobs),
            patience_s: options.patience.or(descriptor.patience_s).unwrap_or(PATIENCE_S),
            subject: subject.map_err(|error| error.to_string()),
        });
    }
    Ok(chosen)
}

/// The second client, which the suite is tried on itself.
fn reference(options: &Options) -> Result<Chosen, String> {
    let by_name = |name: &String| {
        let found = Defect::ALL.iter().find(|defect| defect.name() == *name).copied();
        found.ok_or_else(|| format!("there is no defect {name}; `conform mutants` shows all"))
    };
    let defect = options.defect.as_ref().map(by_name).transpose()?;
    let with = defect.map(|defect| format!(" --defect {}", defect.name())).unwrap_or_default();
    Ok(Chosen {
        name: "reference".to_owned(),
        about: defect.map_or("the suite's own client, in virtual time", Defect::about).to_owned(),
        own: true,
        how_to_repeat: format!("--subject reference{with}"),
        jobs: options.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(2, usize::from)),
        patience_s: options.patience.unwrap_or(PATIENCE_S),
        subject: Ok(Arc::new(ReferenceSubject { defect })),
    })
}

fn hold(
    root: &Path,
    suite: &Suite,
    scenarios: &[Scenario],
    chosen: Chosen,
    options: &Options,
) -> Result<Results, Box<dyn Error>> {
    let known = match Known::load(&root.join("conformance/known"), &chosen.name)? {
        Ok(known) => known,
        Err(problem) => return Err(problem.to_string().into()),
    };
    let mut results = Results {
        subject: chosen.name.clone(),
        about: chosen.about,
        own: chosen.own,
        client: chosen.name,
        version: String::new(),
        date: today(),
        seed: options.seed,
        took_ms: 0,
        unavailable: None,
        results: Vec::new(),
    };
    let subject = match chosen.subject {
        Ok(subject) => subject,
        Err(why) => {
            results.unavailable = Some(why);
            keep(root, &results, options)?;
            return Ok(results);
        }
    };
    let progress = Progress::new(&results.subject, scenarios.len(), options.quiet);
    let settings =
        RunSettings { seed: options.seed, own: results.own, patience: Duration::from_secs(chosen.patience_s) };
    let started = Instant::now();
    let outcomes = run_all(scenarios, &subject, settings, chosen.jobs, &|outcome| {
        progress.add(&outcome.scenario, matches!(outcome.verdict, Verdict::Fail { .. }));
    });
    results.took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    for (outcome, scenario) in outcomes.into_iter().zip(scenarios) {
        if let Some((client, version)) = &outcome.client {
            results.client.clone_from(client);
            results.version.clone_from(version);
        }
        let how = &chosen.how_to_repeat;
        results.results.push(judge(outcome, scenario, &suite.requirements, &known, how, options.seed));
    }
    keep(root, &results, options)?;
    Ok(results)
}

/// Keeps a run for `conform report`. A part of one takes the place of the same scenarios in the run that is kept.
fn keep(root: &Path, results: &Results, options: &Options) -> Result<(), Box<dyn Error>> {
    if options.chop.is_some() || matches!(results.subject.as_str(), "command" | "reference") {
        return Ok(());
    }
    let folder = kept(root);
    let file = folder.join(format!("{}.json", results.subject));
    let whole = options.area.is_empty() && options.case.is_empty();
    let mut all = results.clone();
    if !whole && results.unavailable.is_none() {
        let Ok(text) = fs::read(&file) else { return Ok(()) };
        all = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        for judged in &mut all.results {
            let again = results.results.iter().find(|again| again.outcome.scenario == judged.outcome.scenario);
            if let Some(again) = again {
                *judged = again.clone();
            }
        }
    }
    fs::create_dir_all(&folder)?;
    fs::write(file, serde_json::to_vec_pretty(&all)?)?;
    Ok(())
}

/// Where whole runs are kept, for `conform report`.
pub(crate) fn kept(root: &Path) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    target.join("conformance/results")
}

fn tell(results: &Results, quiet: bool) -> io::Result<()> {
    if let Some(why) = &results.unavailable {
        let word = if results.own { "FAIL" } else { "SKIP" };
        return line(&format!("{word} {}: {why}", results.subject));
    }
    for judged in &results.results {
        let id = &judged.outcome.scenario;
        let counts = results.own || judged.level == Level::Must;
        match (&judged.outcome.verdict, judged.status) {
            (Verdict::Fail { what, line: at, .. }, status) if !quiet || status == Status::Fail => {
                let level = if counts { "" } else { " (a policy of larkwire, for information)" };
                line(&format!("{} {id}{level}", coloured(status)))?;
                let at = at.map(|at| format!("conformance/scenarios/{id}.toml:{at}: ")).unwrap_or_default();
                line(&format!("    {at}{what}"))?;
                match &judged.known {
                    Some(reason) => line(&format!("    known: {reason}"))?,
                    None => line(&format!("    {}", judged.repeat))?,
                }
            }
            (Verdict::Pass, Status::UnexpectedPass) => {
                line(&format!("{} {id}: take its line out of conformance/known", coloured(judged.status)))?;
            }
            _ => {}
        }
    }
    let mut lacks: BTreeMap<&str, usize> = BTreeMap::new();
    for judged in &results.results {
        if let Verdict::Unimplemented { what } = &judged.outcome.verdict {
            *lacks.entry(what).or_default() += 1;
        }
    }
    if !lacks.is_empty() && !quiet {
        let lacks: Vec<_> = lacks.iter().map(|(what, count)| format!("{what} ({count})")).collect();
        line(&format!("unimplemented: {}", lacks.join(", ")))?;
    }
    // One case alone is looked into: everything that is known of it is shown.
    if let [judged] = &results.results[..] {
        line(&report::evidence(judged))?;
    }
    line(&report::summary(results))
}
