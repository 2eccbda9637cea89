//! JUnit's XML, as CI systems read it.

use std::fmt::Write as _;

use super::super::check::Suite;
use super::super::outcome::Verdict;
use super::super::requirements::Level;
use super::super::results::{Judged, Results, Status};

pub(super) fn report(suite: &Suite, all: &[Results]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for results in all {
        let (tests, seconds) = (results.results.len(), results.took_ms as f64 / 1000.0);
        let failing = |judged: &&Judged| {
            let binding = results.own || judged.level == Level::Must;
            judged.status == Status::UnexpectedPass || (judged.status == Status::Fail && binding)
        };
        let failures = results.results.iter().filter(failing).count();
        let skipped = tests - results.count(Status::Pass, None) - failures;
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" skipped=\"{skipped}\" time=\"{seconds:.3}\">",
            escaped(&results.subject)
        );
        if let Some(why) = &results.unavailable {
            let _ = writeln!(xml, "    <system-out>{}</system-out>", escaped(why));
        }
        for judged in &results.results {
            let id = &judged.outcome.scenario;
            let title = suite.scenarios.iter().find(|scenario| scenario.id == *id).map(|scenario| &scenario.body.title);
            let name = format!("{id}: {}", title.map_or("", String::as_str));
            let seconds = judged.outcome.took_ms as f64 / 1000.0;
            let area = id.split('/').next().unwrap_or_default();
            let _ = write!(
                xml,
                "    <testcase classname=\"{}.{area}\" name=\"{}\" time=\"{seconds:.3}\"",
                escaped(&results.subject),
                escaped(&name)
            );
            let binding = results.own || judged.level == Level::Must;
            let inner = match (&judged.outcome.verdict, judged.status) {
                (Verdict::Fail { what, .. }, Status::Fail) if binding => {
                    let text = escaped(&format!("{what}\n{}\n{}", judged.repeat, super::evidence(judged)));
                    format!("<failure message=\"{}\">{text}</failure>", escaped(what))
                }
                (_, Status::UnexpectedPass) => {
                    "<failure message=\"it passed, though it is known to fail\"/>".to_owned()
                }
                (Verdict::Fail { what, .. }, _) => {
                    format!("<skipped message=\"{}: {}\"/>", judged.status.word(), escaped(what))
                }
                (Verdict::Skipped { why: what } | Verdict::Unimplemented { what }, _) => {
                    format!("<skipped message=\"{}: {}\"/>", judged.status.word(), escaped(what))
                }
                (Verdict::Pass, _) => String::new(),
            };
            let _ = match inner.is_empty() {
                true => writeln!(xml, "/>"),
                false => writeln!(xml, ">{inner}</testcase>"),
            };
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

/// Text as XML takes it; control characters, which it does not take, become a replacement.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
