//! A scenario as it stands in its file: what is given, what happens, what is to be seen.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;

use super::expected::Expected;
use super::shim::{Handle, Settings, WebhookOptions, WebhookSettings};
use super::steps::{App, Peer};
use crate::platform::{AppSpec, AppState, ClientConfig, Faults, Options, Resend, WebhookSpec};

/// One story with a verdict.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// `area/name`, from the path of its file.
    pub id: String,
    /// From the root of the repository, for messages.
    pub file: String,
    /// Text of the file.
    pub source: String,
    /// What it says.
    pub body: Body,
    /// Where each step stands in the source.
    pub(crate) spans: Vec<Range<usize>>,
}

/// The content of a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// What a user would notice, in one sentence.
    pub title: String,
    /// Ids of the requirements that it proves, all of one level.
    pub proves: Vec<String>,
    /// Why it matters, and what to look for where it fails.
    #[serde(default)]
    pub story: String,
    /// What is so before the client starts.
    #[serde(default)]
    pub given: Given,
    /// What happens, one after the other.
    pub(crate) steps: Vec<toml::Spanned<Step>>,
    /// What holds of everything that was seen, after the last step.
    #[serde(default)]
    pub(crate) finally: Vec<toml::Spanned<Total>>,
    /// Faults of our own runtimes that are part of the story: see [`Rule`].
    #[serde(default)]
    pub(crate) allow: Vec<Rule>,
}

/// What our own runtimes must do in every scenario, unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Every acknowledgement is a faithful echo.
    AckFaults,
    /// The platform has nothing to object to.
    ClientFaults,
    /// `stop` is answered in time.
    Stop,
}

/// What is so before the client starts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Given {
    /// The steps begin when the long connection is open.
    pub open: bool,
    /// Whether it can be waited for.
    pub clock: Clock,
    /// Why it cannot.
    pub why: String,
    /// What the bot is to be like.
    pub settings: Settings,
    /// What handlers do.
    pub handle: Option<Handle>,
    /// What the client is told at discovery and in pongs.
    pub client_config: Option<ClientConfig>,
    /// What goes wrong from the start.
    pub faults: Faults,
    /// How the platform may differ.
    pub options: Options,
    /// What the app is like.
    pub app: GivenApp,
    /// What the platform is like.
    pub platform: GivenPlatform,
    /// What chat info says of chats.
    pub chats: BTreeMap<String, serde_json::Value>,
    /// Events come by webhook, not over the long connection.
    pub webhook: Option<GivenWebhook>,
}

impl Default for Given {
    fn default() -> Self {
        Self {
            open: true,
            clock: Clock::Any,
            why: String::new(),
            settings: Settings::default(),
            handle: None,
            client_config: None,
            faults: Faults::default(),
            options: Options::default(),
            app: GivenApp::default(),
            platform: GivenPlatform::default(),
            chats: BTreeMap::new(),
            webhook: None,
        }
    }
}

/// Which time a scenario needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// It fits into a minute of real time.
    Any,
    /// Hours pass: only where time is virtual.
    Virtual,
}

/// The app, where it is not an ordinary one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GivenApp {
    pub(crate) secret: Option<String>,
    pub(crate) bot_open_id: Option<String>,
    pub(crate) bot_name: Option<String>,
    pub(crate) other_region: Option<bool>,
    pub(crate) state: Option<AppState>,
    pub(crate) bot: Option<bool>,
    pub(crate) activate_status: Option<i64>,
    pub(crate) long_connection: Option<bool>,
    pub(crate) scopes: Option<Vec<String>>,
    /// What the client is given instead of the right secret.
    pub(crate) wrong_secret: Option<String>,
    /// What the client is given instead of a known id.
    pub(crate) wrong_id: Option<String>,
}

/// The platform, where it is not an ordinary one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GivenPlatform {
    pub(crate) ack_timeout_ms: Option<u64>,
    pub(crate) redelivery_s: Option<Vec<f64>>,
    pub(crate) first_ping_within_ms: Option<u64>,
    pub(crate) max_connections: Option<usize>,
    pub(crate) url_lifetime_s: Option<u64>,
}

/// How the app's webhook is set up, and what its client is to be like.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GivenWebhook {
    /// Empty: the app has none, and requests are plain and not signed.
    pub(crate) encrypt_key: String,
    pub(crate) verification_token: String,
    /// Clicks on cards come in the old form.
    pub(crate) old_cards: bool,
    /// What a redelivery looks like.
    pub(crate) resend: Resend,
    /// Questions for the challenge are signed.
    pub(crate) sign_challenge: bool,
    /// What the client is told besides its keys.
    pub(crate) options: WebhookOptions,
}

impl Default for GivenWebhook {
    fn default() -> Self {
        Self {
            encrypt_key: "3ncryptKeyOfTheApp".to_owned(),
            verification_token: "v3rificationTokenOfTheApp".to_owned(),
            old_cards: false,
            resend: Resend::default(),
            sign_challenge: false,
            options: WebhookOptions::default(),
        }
    }
}

impl GivenWebhook {
    /// What the client is told.
    pub(crate) fn settings(&self) -> WebhookSettings {
        WebhookSettings {
            encrypt_key: self.encrypt_key.clone(),
            verification_token: self.verification_token.clone(),
            options: self.options.clone(),
        }
    }

    /// What the platform is told.
    pub(crate) fn spec(&self, app: &AppSpec, url: &str) -> WebhookSpec {
        WebhookSpec {
            encrypt_key: Some(self.encrypt_key.clone()).filter(|key| !key.is_empty()),
            old_cards: self.old_cards,
            resend: self.resend,
            sign_challenge: self.sign_challenge,
            ..WebhookSpec::new(&app.app_id, url, &self.verification_token)
        }
    }
}

/// One thing that happens, or that is to be seen. Exactly one of `peer`, `app`, `expect` and `never`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    /// The platform does something.
    pub(crate) peer: Option<Peer>,
    /// The program does something.
    pub(crate) app: Option<App>,
    /// This is seen, within `within_ms`.
    pub(crate) expect: Option<Expected>,
    /// This is not seen, for `for_ms`.
    pub(crate) never: Option<Expected>,
    /// For `expect`: milliseconds from the beginning of the step.
    pub(crate) within_ms: Option<u64>,
    /// For `expect`: it comes no earlier than this after the beginning of the step, or after what `after` names.
    pub(crate) not_before_ms: Option<u64>,
    /// For `never`.
    pub(crate) for_ms: Option<u64>,
    /// For `expect` and `never`: only what came after what an earlier step called so.
    pub(crate) after: Option<String>,
    /// For `expect`: a name for what was seen.
    #[serde(rename = "as")]
    pub(crate) label: Option<String>,
    /// For `expect`: how many of them, each counted once.
    pub(crate) times: Option<usize>,
}

/// How often something was seen in the whole scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Total {
    pub(crate) of: Expected,
    pub(crate) exactly: Option<usize>,
    pub(crate) at_least: Option<usize>,
    pub(crate) at_most: Option<usize>,
}

impl Scenario {
    /// The part of the id before the slash.
    #[must_use]
    pub fn area(&self) -> &str {
        self.id.split('/').next().unwrap_or_default()
    }

    /// Names of the hostile requests that it sends.
    pub(crate) fn hostile_names(&self) -> impl Iterator<Item = &str> {
        let peers = self.body.steps.iter().filter_map(|step| step.get_ref().peer.as_ref());
        let hostile = peers.filter_map(|peer| match peer {
            Peer::Hostile(hostile) => Some(hostile.names()),
            _ => None,
        });
        hostile.flatten().map(String::as_str)
    }

    /// The text of a step, as it stands in the file.
    pub(crate) fn step_source(&self, step: usize) -> String {
        let Some(span) = self.spans.get(step) else { return String::new() };
        self.source.get(span.clone()).unwrap_or_default().trim().to_owned()
    }

    /// The line of the file in which a step begins, from 1.
    pub(crate) fn step_line(&self, step: usize) -> usize {
        self.spans.get(step).map_or(0, |span| super::load::position(&self.source, span.start).0)
    }
}
