//! What came of a table's rounds: medians, and how they compare.

use std::fmt::Write as _;

use serde::Serialize;

use super::round::Sample;

/// One load, and what every client did with it.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// What the clients were given, in a line.
    pub title: String,
    /// The client that the others are compared with.
    pub reference: String,
    /// As they are shown.
    pub rows: Vec<Row>,
    /// What was left out or is to be known, in sentences.
    pub remarks: Vec<String>,
}

/// One client.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What it runs on.
    pub runtime: String,
    /// Its rounds.
    pub samples: Vec<Sample>,
    /// System calls for an event, in a round of its own.
    pub syscalls_per_event: Option<f64>,
    /// Allocations for an event, in a round of its own.
    pub allocations_per_event: Option<f64>,
    /// Why there is nothing more to be told of it.
    pub failed: Option<String>,
}

impl Row {
    /// The middle of its rounds, of one figure; `None` if there was no round.
    pub fn median(&self, figure: impl Fn(&Sample) -> f64) -> Option<f64> {
        median(self.samples.iter().map(figure).collect())
    }

    fn most(&self, figure: impl Fn(&Sample) -> f64) -> Option<f64> {
        self.samples.iter().map(figure).max_by(f64::total_cmp)
    }

    /// What a reader has to know before believing the figures.
    fn blemishes(&self) -> Vec<String> {
        type Figure = fn(&Sample) -> u64;
        let kinds: [(Figure, &str); 4] = [
            (|sample| sample.refused, "events answered with another code than 200"),
            (|sample| sample.strange, "acks of no event"),
            (|sample| sample.lost, "events never acked"),
            (|sample| sample.unseen, "events acked and not given to the handler"),
        ];
        let told = kinds.iter().filter_map(|(figure, what)| {
            let count: u64 = self.samples.iter().map(figure).sum();
            (count > 0).then(|| format!("{count} {what}"))
        });
        told.collect()
    }
}

/// The middle value; of an even number the mean of the two in the middle.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some((lower + upper) / 2.0)
}

/// Three digits that count.
fn short(value: f64) -> String {
    match value.abs() {
        at if at >= 100.0 => thousands(value.round() as i64),
        at if at >= 10.0 => format!("{value:.1}"),
        at if at >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn thousands(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    if value < 0 { format!("-{out}") } else { out }
}

impl Table {
    /// As Markdown: medians of the rounds, the slowest ack of all, and how each compares with the reference.
    pub fn markdown(&self) -> String {
        let mut out = format!("### {}\n\n", self.title);
        out.push_str(
            "| client | events/s | × | CPU µs/event | × | min–max | p50 µs | p99 µs | max µs | peak RSS MiB | syscalls/event | allocations/event | server |\n",
        );
        out.push_str("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
        let reference = self.rows.iter().find(|row| row.name == self.reference);
        let compared = |row: &Row, figure: fn(&Sample) -> f64| match (
            row.median(figure),
            reference.and_then(|reference| reference.median(figure)),
        ) {
            (Some(own), Some(other)) if other > 0.0 => format!("{:.2}", own / other),
            _ => String::new(),
        };
        let shown = |value: Option<f64>| value.map(short).unwrap_or_default();
        for row in &self.rows {
            if row.samples.is_empty() {
                continue;
            }
            let cpu: fn(&Sample) -> f64 = |sample| sample.cpu_us_per_event;
            let least = row.samples.iter().map(cpu).min_by(f64::total_cmp);
            let cells = [
                row.name.clone(),
                shown(row.median(|sample| sample.events_per_s)),
                compared(row, |sample| sample.events_per_s),
                shown(row.median(cpu)),
                compared(row, cpu),
                format!("{}–{}", shown(least), shown(row.most(cpu))),
                shown(row.median(|sample| sample.p50_us)),
                shown(row.median(|sample| sample.p99_us)),
                shown(row.most(|sample| sample.max_us)),
                shown(row.median(|sample| sample.peak_rss_mib)),
                shown(row.syscalls_per_event),
                shown(row.allocations_per_event),
                row.median(|sample| sample.server_busy * 100.0).map(|busy| format!("{busy:.0} %")).unwrap_or_default(),
            ];
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
        out.push('\n');
        for row in &self.rows {
            if let Some(why) = &row.failed {
                let _ = writeln!(out, "- {}: {why}", row.name);
            }
            let blemishes = row.blemishes();
            if !blemishes.is_empty() {
                let _ = writeln!(out, "- {}: {}", row.name, blemishes.join(", "));
            }
        }
        for remark in &self.remarks {
            let _ = writeln!(out, "- {remark}");
        }
        out
    }
}
