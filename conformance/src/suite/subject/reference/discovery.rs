//! Where to connect: protocol section 2.

use std::time::Duration;

use hyper::Method;
use serde_json::json;
use tokio::time::timeout;

use super::Client;
use super::defects::Defect;
use super::http::{Answer, Question, ask};
use super::redial::Failure;

/// For request and answer.
const DEADLINE: Duration = Duration::from_secs(15);
/// The codes that are known, other than 0.
const KNOWN: [i64; 10] = [1, 403, 9499, 514, 10003, 10014, 1_000_040_343, 1_000_040_344, 1_000_040_345, 1_000_040_350];
/// The app belongs to the other domain.
const WRONG_REGION: i64 = 1_000_040_351;

/// A URL that may be used, once.
#[derive(Clone, Debug)]
pub(super) struct Door {
    /// Path and query, byte for byte.
    pub(super) target: String,
    pub(super) authority: String,
    pub(super) service: i32,
}

/// Asks for a URL.
pub(super) async fn discover(client: &Client) -> Result<Door, Failure> {
    let start = &client.start;
    let mut question = Question {
        method: Method::POST,
        target: "/callback/ws/endpoint".to_owned(),
        headers: vec![("locale", "zh".to_owned()), ("user-agent", client.agent())],
        body: Some(json!({ "AppID": start.app_id, "AppSecret": start.app_secret })),
    };
    let deadline = if client.has(Defect::NoDeadline) { Duration::from_secs(86_400) } else { DEADLINE };
    let mut answer = timeout(deadline, ask(&client.platform, &question)).await.ok().flatten();
    if let Some(elsewhere) = answer.as_ref().and_then(location).filter(|_| client.has(Defect::FollowsRedirects)) {
        question.target = elsewhere;
        answer = timeout(deadline, ask(&client.platform, &question)).await.ok().flatten();
    }
    let Some(answer) = answer else { return Err(Failure::Again { pause: None }) };
    let again = Failure::Again { pause: answer.pause() };
    judge(client, &answer)?;
    let data = answer.json.as_ref().and_then(|json| json.get("data")).cloned().unwrap_or_default();
    client.change_tempo(&data["ClientConfig"]);
    let url = data["URL"].as_str().unwrap_or_default();
    door(url).ok_or(again)
}

/// By code, where the status lets it speak.
fn judge(client: &Client, answer: &Answer) -> Result<(), Failure> {
    let again = || Failure::Again { pause: answer.pause() };
    let status = answer.status.as_u16();
    let code = answer.code().ok_or_else(again)?;
    let listed = KNOWN.contains(&code) || code == WRONG_REGION;
    if !(answer.status.is_success() || (answer.status.is_client_error() && status != 429 && listed)) {
        return Err(again());
    }
    match code {
        0 => Ok(()),
        1 if client.has(Defect::GivesUpWhenBusy) => Err(Failure::Fatal { code, text: answer.words() }),
        1 | 1_000_040_343 | 1_000_040_345 => Err(again()),
        1_000_040_350 => Err(Failure::Slow),
        WRONG_REGION => Err(Failure::Fatal { code, text: wrong_region() }),
        _ if client.has(Defect::NeverGivesUp) => Err(again()),
        _ => Err(Failure::Fatal { code, text: client.redacted(&answer.words()) }),
    }
}

/// What to tell people.
pub(super) fn wrong_region() -> String {
    "this app belongs to the other region".to_owned()
}

fn location(answer: &Answer) -> Option<String> {
    if !answer.status.is_redirection() {
        return None;
    }
    let url = answer.headers.get("location")?.to_str().ok()?;
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    Some(rest.find('/').map_or("/", |at| &rest[at..]).to_owned())
}

/// A URL that may be used: `ws` (there is no TLS in memory), a host, no user, no fragment, a number of the service.
fn door(url: &str) -> Option<Door> {
    let rest = url.strip_prefix("ws://")?;
    let slash = rest.find('/').unwrap_or(rest.len());
    let (authority, target) = rest.split_at(slash);
    if authority.is_empty() || authority.contains('@') || url.contains('#') || !loopback(authority) {
        return None;
    }
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let service = form_urlencoded::parse(query.as_bytes())
        .find(|(name, value)| name == "service_id" && !value.is_empty())?
        .1
        .parse()
        .ok()?;
    Some(Door { target: target.to_owned(), authority: authority.to_owned(), service })
}

fn loopback(authority: &str) -> bool {
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    matches!(host, "localhost" | "[::1]") || host.starts_with("127.")
}
