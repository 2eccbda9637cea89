//! One page that needs nothing else: `page.html` with its style, its script and the data in it.

use serde_json::json;

use super::super::check::Suite;
use super::super::load::AREAS;
use super::super::results::Results;

const PAGE: &str = include_str!("page.html");
const SCRIPT: &str = concat!(include_str!("page-scenario.js"), include_str!("page.js"));
const STYLE: &str = include_str!("page.css");

pub(super) fn page(suite: &Suite, all: &[Results]) -> String {
    let scenarios: Vec<_> = suite
        .scenarios
        .iter()
        .map(|scenario| {
            json!({
                "id": scenario.id,
                "area": scenario.area(),
                "title": scenario.body.title,
                "story": scenario.body.story,
                "level": suite.requirements.level(&scenario.body.proves).map(super::level_word),
                "proves": scenario.body.proves,
                "source": scenario.source,
            })
        })
        .collect();
    let requirements: Vec<_> = suite
        .requirements
        .iter()
        .map(|requirement| {
            json!({
                "id": requirement.id,
                "level": super::level_word(requirement.level),
                "text": requirement.text,
                "source": requirement.source,
            })
        })
        .collect();
    let data = json!({
        "date": super::today(),
        "areas": AREAS,
        "scenarios": scenarios,
        "requirements": requirements,
        "subjects": all,
    });
    // Inside of a script element nothing may look like its end.
    let data = data.to_string().replace('<', "\\u003c");
    // The data comes last: what peers said may look like a mark.
    let page = PAGE.replacen("/*CSS*/", STYLE.trim_end(), 1).replacen("/*JS*/", SCRIPT.trim_end(), 1);
    page.replacen("/*DATA*/null", &data, 1)
}
