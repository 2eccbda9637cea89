//! Figures for people and for programs.

use std::fmt::Write as _;

use crate::cases::Case;
use crate::input::{ORDINARY, SIZES};

/// What was measured of one benchmark, per event.
#[derive(Clone, Copy)]
pub struct Figure {
    /// Which.
    pub case: Case,
    /// Instructions of the processor.
    pub instructions: f64,
    /// Blocks asked of the heap.
    pub allocations: f64,
}

/// How figures are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// An object a line.
    Json,
    /// As `core/bench/ledger/instructions.txt` has them.
    Ledger,
    /// Tables, one a stage.
    Markdown,
}

/// All figures in one of the formats.
pub fn write(figures: &[Figure], format: Format) -> String {
    let mut out = String::new();
    match format {
        Format::Json => {
            for Figure { case, instructions, allocations } in figures {
                let name = case.name();
                let _ = writeln!(
                    out,
                    r#"{{"name":"{name}","instructions":{instructions:.0},"allocations":{allocations:.2}}}"#
                );
            }
        }
        Format::Ledger => {
            for Figure { case, instructions, allocations } in figures {
                let name = case.name().replace(' ', "_");
                let _ = writeln!(out, "{name:<48} {instructions:>10.0} {allocations:>8.2}");
            }
        }
        Format::Markdown => markdown(figures, &mut out),
    }
    out
}

/// A table for each stage: instructions at each size and, in brackets, how many times as many as the engine's.
fn markdown(figures: &[Figure], out: &mut String) {
    let mut stages: Vec<&str> = figures.iter().map(|figure| figure.case.stage).collect();
    stages.dedup();
    for stage in stages {
        let _ = write!(out, "\n### {stage}\n\n| by | text |");
        for size in SIZES {
            let _ = write!(out, " {size} B |");
        }
        let _ = writeln!(out, " allocations |\n|---|---|---:|---:|---:|---:|---:|");
        let of_stage: Vec<&Figure> = figures.iter().filter(|figure| figure.case.stage == stage).collect();
        let mut rows: Vec<_> = of_stage.iter().map(|figure| (figure.case.who, figure.case.script)).collect();
        rows.dedup();
        rows.sort_by_key(|(_, script)| script.name());
        for (who, script) in rows {
            let at = |who: &str, size| {
                let is = |case: &Case| case.who == who && case.script == script && case.size == size;
                of_stage.iter().find(|figure| is(&figure.case))
            };
            let _ = write!(out, "| {who} | {} |", script.name());
            for size in SIZES {
                let Some(figure) = at(who, size) else {
                    let _ = write!(out, " |");
                    continue;
                };
                let _ = write!(out, " {}", grouped(figure.instructions));
                if let Some(ours) = at("larkwire", size).filter(|_| who != "larkwire") {
                    let _ = write!(out, " ({:.1}×)", figure.instructions / ours.instructions);
                }
                let _ = write!(out, " |");
            }
            let allocations = at(who, ORDINARY).map(|figure| figure.allocations);
            let _ = writeln!(out, " {} |", allocations.map(|n| format!("{n:.0}")).unwrap_or_default());
        }
    }
}

/// A whole number with its thousands apart.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::grouped;
    #[cfg(feature = "peers")]
    use super::{Figure, Format, write};
    #[cfg(feature = "peers")]
    use crate::cases;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([7.0, 999.4, 1000.0, 1_234_567.0].map(grouped), ["7", "999", "1 000", "1 234 567"]);
    }

    #[cfg(feature = "peers")]
    #[test]
    fn a_peer_is_told_beside_the_engine() {
        let all = cases::all();
        let frame =
            |who: &str| all.iter().find(|case| case.stage == "frame" && case.who == who).copied().expect("it is");
        let figure = |who: &str, instructions| Figure { case: frame(who), instructions, allocations: 1.0 };
        let figures = [figure("larkwire", 1000.0), figure("prost owned", 2500.0)];
        let table = write(&figures, Format::Markdown);
        assert!(table.contains("### frame") && table.contains("| larkwire | ascii | 1 000 | |"), "{table}");
        assert!(table.contains("| prost owned | ascii | 2 500 (2.5×) | |"), "{table}");
        let ledger = write(&figures, Format::Ledger);
        assert!(
            ledger.starts_with("frame/larkwire/ascii/400 ") && ledger.contains("frame/prost_owned/ascii/400 "),
            "{ledger}"
        );
    }
}
