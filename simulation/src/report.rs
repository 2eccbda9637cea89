//! What people and machines read.

use std::io::{IsTerminal as _, Write as _};

use crate::clock::{YEAR, span};
use crate::figures::Figures;
use crate::herd::Herd;
use crate::plan::Kind;

/// A line on standard output; nobody listening is no reason to fail.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// How far it is: one line that is written over on a terminal, now and then a new one elsewhere.
pub(crate) struct Progress {
    quiet: bool,
    terminal: bool,
    last: std::time::Instant,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet, terminal: std::io::stderr().is_terminal(), last: std::time::Instant::now() }
    }

    pub(crate) fn at(&mut self, figures: &Figures, lives: u64, wanted: u64) {
        let pause = if self.terminal { 200 } else { 5000 };
        if self.quiet || self.last.elapsed().as_millis() < pause {
            return;
        }
        self.last = std::time::Instant::now();
        let done = figures.simulated() as f64 / YEAR as f64;
        let line =
            format!("{done:.2} of {:.0} years, {lives} lives, {} events", wanted as f64 / YEAR as f64, figures.events);
        let mut err = std::io::stderr().lock();
        let _ = if self.terminal { write!(err, "\r\x1b[K{line}") } else { writeln!(err, "{line}") };
        let _ = err.flush();
    }

    pub(crate) fn end(&self) {
        if !self.quiet && self.terminal {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

fn years(ms: u64) -> String {
    format!("{:.2}", ms as f64 / YEAR as f64)
}

pub(crate) fn table(figures: &mut Figures, seconds: f64) {
    let row = |name: &str, value: String| say(&format!("{name:<34} {value}"));
    let totals: std::collections::BTreeMap<&str, u64> =
        figures.totals_mut().into_iter().map(|(name, n)| (name, *n)).collect();
    let n = |name: &str| totals.get(name).copied().unwrap_or_default();
    row("simulated years", format!("{} in {seconds:.1} s", years(figures.simulated())));
    for kind in Kind::ALL {
        let (lives, ms) = figures.lives.get(&kind).copied().unwrap_or_default();
        row(&format!("  {} lives", kind.name()), format!("{lives}, {} years", years(ms)));
    }
    row("past 2^32 ms; near 2^64 ms", format!("{}; {} lives", figures.wraps.0, figures.wraps.1));
    row("bots started; ended by a verdict", format!("{}; {}", n("bots"), n("fatal")));
    row("dials; discoveries; connections", format!("{}; {}; {}", n("dials"), n("discoveries"), n("connections")));
    row("connections or attempts that failed", n("link_faults").to_string());
    row("pings", n("pings").to_string());
    row("events", n("events").to_string());
    row("deliveries; redeliveries", format!("{}; {}", n("deliveries"), n("redeliveries")));
    row("  sent again although acked", n("duplicates").to_string());
    row("  acked; not acked in 3 s", format!("{}; {}", n("acks"), n("unacked")));
    row("  on healthy links: all acked", n("clean").to_string());
    row("nonsense pushed", n("nonsense").to_string());
    for (fate, count) in &figures.fates {
        row(&format!("events: {fate}"), count.to_string());
    }
    for (reason, count) in &figures.drops {
        row(&format!("deliveries dropped: {reason}"), count.to_string());
    }
    for (why, count) in &figures.again {
        row(&format!("again: {why}"), count.to_string());
    }
    row("ids pushed out inside the window", n("evicted").to_string());
    row(
        "calls; done; not taken; gone",
        format!("{}; {}; {}; {}", n("calls"), n("calls_done"), n("calls_refused"), n("calls_gone")),
    );
    row("tokens; refused; reactions", format!("{}; {}; {}", n("tokens"), n("tokens_refused"), n("reactions")));
    row("notices nobody could take", n("notices_lost").to_string());
    row("connected again", format!("{} times", n("returns")));
    row("  longest, and T then", format!("{} of {}", span(figures.longest.0), span(figures.longest.1)));
    row("  nearest to its T", format!("{} of {}", span(figures.nearest.0), span(figures.nearest.1)));
    for (nth, waits) in figures.waits.iter().enumerate().filter(|(_, waits)| waits.n > 0) {
        let text =
            format!("{:.3} ({:.3} to {:.3}) of the limit, {} times", waits.mean(), waits.least, waits.most, waits.n);
        row(&format!("wait {nth}{}", if nth == 8 { " and later" } else { "" }), text);
    }
    row("bytes of a bot: peak; at rest", format!("{}; {}", figures.peak, figures.rest));
    row("  most growth at rest", format!("{}, {} bots judged", figures.growth, n("judged")));
    row("faults", figures.faults.values().sum::<u64>().to_string());
    for (fault, count) in &figures.faults {
        row(&format!("  {fault}"), count.to_string());
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for ch in text.chars() {
        match ch {
            '"' | '\\' => out.extend(['\\', ch]),
            ch if ch < ' ' => out.push(' '),
            ch => out.push(ch),
        }
    }
    out + "\""
}

/// One line of JSON.
pub(crate) fn json(figures: &mut Figures, base: u64, seconds: f64, failure: Option<(u64, &str)>) {
    let mut members = vec![
        format!("\"base_seed\":{base}"),
        format!("\"simulated_ms\":{}", figures.simulated()),
        format!("\"seconds\":{seconds:.1}"),
        format!("\"lives\":{}", figures.lives.values().map(|(lives, _)| lives).sum::<u64>()),
        format!("\"longest_return_ms\":{},\"its_limit_ms\":{}", figures.longest.0, figures.longest.1),
        format!("\"peak_bytes\":{},\"at_rest_bytes\":{}", figures.peak, figures.rest),
    ];
    members.extend(figures.totals_mut().into_iter().map(|(name, n)| format!("\"{name}\":{n}")));
    for (name, map) in
        [("faults", &figures.faults), ("drops", &figures.drops), ("again", &figures.again), ("fates", &figures.fates)]
    {
        let inner: Vec<String> = map.iter().map(|(key, n)| format!("{}:{n}", quoted(key))).collect();
        members.push(format!("\"{name}\":{{{}}}", inner.join(",")));
    }
    members.push(match failure {
        Some((seed, what)) => format!("\"failed_seed\":{seed},\"failure\":{}", quoted(what)),
        None => "\"failure\":null".to_owned(),
    });
    say(&format!("{{{}}}", members.join(",")));
}

pub(crate) fn herd(herd: &Herd) {
    let (second, most) = herd.most();
    say(&format!(
        "herd of {} bots, cut at once, dials refused for {} s: {} came back, at most {most} in one second (second {second}; the limit is {})",
        herd.bots,
        herd.outage / 1000,
        herd.all(),
        herd.bound()
    ));
    let widest = most.max(1);
    for (ten, arrivals) in herd.arrivals.chunks(10).enumerate().filter(|(_, arrivals)| arrivals.iter().any(|n| *n > 0))
    {
        let (sum, most) = (arrivals.iter().sum::<u64>(), arrivals.iter().max().copied().unwrap_or_default());
        let bar = "#".repeat((most * 40 / widest) as usize);
        say(&format!("  {:>4} s  {sum:>4} in 10 s, at most {most:>3} a second  {bar}", ten * 10));
    }
}
