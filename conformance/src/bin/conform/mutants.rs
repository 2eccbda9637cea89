//! `conform mutants`

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use clap::Args;
use larkwire_conformance::suite::{Suite, Verdict, bite_all};

use crate::terminal::{error, line};
use crate::{FAILED, WELL};

#[derive(Args)]
pub(crate) struct Options {
    /// Makes ids, URLs and the choice of connections repeatable
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn mutants(root: &Path, options: &Options) -> Result<u8, Box<dyn Error>> {
    let suite = Suite::load(root)?;
    for problem in &suite.unreadable {
        error(&problem.to_string());
    }
    let started = Instant::now();
    let bites = bite_all(&suite.scenarios, options.seed);
    let (mut defects, mut caught, mut unfair) = (0, 0, 0);
    let mut last = None;
    for bite in &bites {
        let Some(defect) = bite.defect else {
            if !bite.is_right() {
                unfair += 1;
                line(&format!("UNFAIR {}: the client without a defect does not pass it", bite.scenario))?;
            }
            continue;
        };
        if last != Some(defect) {
            last = Some(defect);
            defects += 1;
            let of_it = || bites.iter().filter(move |bite| bite.defect == Some(defect));
            let is_caught = of_it().any(|bite| bite.is_right());
            caught += usize::from(is_caught);
            let word = if is_caught { "caught" } else { "MISSED" };
            line(&format!("{word} {}: {}", defect.name(), defect.about()))?;
        }
        match bite.outcome.as_ref().map(|outcome| &outcome.verdict) {
            Some(Verdict::Fail { what, .. }) => {
                let what: String = what.chars().take(160).collect();
                line(&format!("       {}: {what}", bite.scenario))?;
            }
            Some(other) => line(&format!("       {}: {}", bite.scenario, other.word()))?,
            None => line(&format!("       {}: there is no such scenario", bite.scenario))?,
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    line(&format!(
        "{caught} of {defects} defects caught, {unfair} scenarios unfair, {} runs in {seconds:.1} s",
        bites.len()
    ))?;
    Ok(if caught == defects && unfair == 0 { WELL } else { FAILED })
}
