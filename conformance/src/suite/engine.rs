//! Runs a scenario: sets the platform up, starts the subject, takes step after step, and judges.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::expected::Expected;
use super::lab::Lab;
use super::log::Seen;
use super::outcome::{Outcome, Verdict};
use super::scenario::{Clock, Rule, Scenario, Step, Total};
use super::shim::Command;
use super::steps::{App, Cut, How, Inject, Peer, Push};
use super::subject::Subject;
use crate::platform::{self, AppSpec};

/// How long it is quiet before anything is counted that must not be more.
const QUIET: Duration = Duration::from_millis(300);
/// How long what is counted in the end may be on its way.
const OWED: Duration = Duration::from_secs(2);
/// How long a client has to end.
const STOP: Duration = Duration::from_secs(5);
/// What a client cannot do that knows the long connection only.
pub(super) const NO_WEBHOOK: &str = "settings.webhook";

/// What is the same for all scenarios of a run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Makes ids, URLs and the choice of connections repeatable.
    pub seed: u64,
    /// One of our own runtimes: the rules that hold everywhere are judged, too.
    pub own: bool,
    /// How long a shim has to say that it is ready, and a client to connect.
    pub patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        // An interpreter with a large SDK takes its time on a busy machine.
        Self { seed: 1, own: false, patience: Duration::from_secs(20) }
    }
}

/// A scenario about to be run.
#[derive(Debug)]
pub struct Run<'a> {
    /// Which one.
    pub scenario: &'a Scenario,
    /// How.
    pub settings: Settings,
}

/// Why a scenario is over.
pub(super) enum Over {
    Fail { step: Option<usize>, what: String },
    Unimplemented(String),
}

impl Over {
    pub(super) fn fail(what: impl Into<String>) -> Self {
        Self::Fail { step: None, what: what.into() }
    }

    /// In this step, unless another is to blame.
    fn at(self, at: usize) -> Self {
        match self {
            Self::Fail { step, what } => Self::Fail { step: step.or(Some(at)), what },
            unimplemented @ Self::Unimplemented(_) => unimplemented,
        }
    }
}

impl Run<'_> {
    /// Runs it. On tokio's paused clock for subjects inside the process, else in real time.
    pub async fn run(&self, subject: &dyn Subject) -> Outcome {
        let scenario = self.scenario;
        let skipped = |why: &str| Outcome {
            scenario: scenario.id.clone(),
            verdict: Verdict::Skipped { why: why.to_owned() },
            took_ms: 0,
            evidence: None,
            client: None,
        };
        if scenario.body.given.webhook.is_some() && !subject.serves_webhooks() {
            return Outcome { verdict: Verdict::Unimplemented { what: NO_WEBHOOK.to_owned() }, ..skipped("") };
        }
        if scenario.body.given.clock == Clock::Virtual && !subject.in_memory() {
            return skipped(&format!("it needs virtual time: {}", scenario.body.given.why));
        }
        let started = Instant::now();
        let mut lab = match Lab::set_up(scenario, self.settings, subject).await {
            Ok(lab) => lab,
            Err(why) => return Outcome { verdict: Verdict::fail(why), ..skipped("") },
        };
        let judged = self.story(&mut lab).await;
        let verdict = match judged {
            Ok(()) => Verdict::Pass,
            Err(Over::Unimplemented(what)) => Verdict::Unimplemented { what: lab.redacted(&what) },
            Err(Over::Fail { step, what }) => Verdict::Fail {
                step: step.map(|step| step + 1),
                line: step.map(|step| scenario.step_line(step)),
                source: step.map(|step| scenario.step_source(step)).unwrap_or_default(),
                what: lab.redacted(&what),
            },
        };
        let evidence = (!matches!(verdict, Verdict::Pass)).then(|| lab.evidence());
        let client = lab.client.take();
        lab.tear_down().await;
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Outcome { scenario: scenario.id.clone(), verdict, took_ms, evidence, client }
    }

    async fn story(&self, lab: &mut Lab<'_>) -> Result<(), Over> {
        let body = &self.scenario.body;
        lab.start().await?;
        if body.given.open && body.given.webhook.is_none() {
            let open = Expected::Upgraded(super::expected::Upgraded::default());
            lab.wait_for(&open, 0, self.settings.patience).await?.ok_or_else(|| {
                let within = self.settings.patience.as_secs();
                Over::fail(format!("the client did not open the long connection within {within} s"))
            })?;
        }
        for (index, step) in body.steps.iter().enumerate() {
            self.step(lab, step.get_ref()).await.map_err(|over| over.at(index))?;
        }
        let bounded = |total: &Total| total.exactly.is_some() || total.at_most.is_some();
        if body.finally.iter().any(|total| bounded(total.get_ref())) {
            // What comes once too often comes a moment later.
            lab.pass(QUIET).await?;
        }
        for total in &body.finally {
            count(lab, total.get_ref()).await?;
        }
        lab.listen();
        lab.check_new()?;
        self.stop(lab).await
    }

    /// Own runtimes are told to stop and watched; foreign ones only where the scenario did so itself.
    async fn stop(&self, lab: &mut Lab<'_>) -> Result<(), Over> {
        if !self.settings.own {
            return Ok(());
        }
        let allowed = |rule: Rule| self.scenario.body.allow.contains(&rule);
        if !lab.has_ended() {
            lab.say(Command::Stop);
            let ended = Expected::Ended(super::expected::Ended::default());
            if lab.wait_for(&ended, 0, STOP).await?.is_none() && !allowed(Rule::Stop) {
                return Err(Over::fail("house rule: the shim did not end within 5 s of stop"));
            }
        }
        lab.judge_house_rules(allowed(Rule::AckFaults), allowed(Rule::ClientFaults))
    }

    async fn step(&self, lab: &mut Lab<'_>, step: &Step) -> Result<(), Over> {
        if let Some(peer) = &step.peer {
            return act(lab, peer).await;
        }
        if let Some(app) = &step.app {
            return program(lab, app).await;
        }
        let after = step.after.as_deref().and_then(|label| lab.names.place(label));
        if let Some(expected) = &step.expect {
            return expect(lab, step, expected, after).await;
        }
        if let Some(unwanted) = &step.never {
            lab.listen();
            let from = after.map_or(lab.log.len(), |place| place + 1);
            let for_ms = step.for_ms.unwrap_or_default();
            if let Some(index) = lab.wait_for(unwanted, from, Duration::from_millis(for_ms)).await? {
                let seen = lab.words(index);
                return Err(Over::fail(format!("never {} for {for_ms} ms, but it was seen: {seen}", unwanted.words())));
            }
        }
        Ok(())
    }
}

async fn expect(lab: &mut Lab<'_>, step: &Step, expected: &Expected, after: Option<usize>) -> Result<(), Over> {
    let within = Duration::from_millis(step.within_ms.unwrap_or_default());
    let begun = lab.now_ms();
    let due = Instant::now() + within;
    let mut from = after.map_or(0, |place| place + 1);
    let since = after.map_or(begun, |place| lab.log.get(place).map_or(begun, |observation| observation.at_ms));
    let times = step.times.unwrap_or(1);
    for number in 1..=times {
        let left = due.saturating_duration_since(Instant::now());
        let Some(index) = lab.wait_for(expected, from, left).await? else {
            let which = if times > 1 { format!(" ({number} of {times})") } else { String::new() };
            let instead = lab.closest(expected, from);
            let what = format!("expected {}{which} within {} ms; {instead}", expected.words(), within.as_millis());
            return Err(Over::fail(what));
        };
        lab.take(index);
        // What stands before did not fit.
        from = index + 1;
        let at = lab.log.get(index).map_or(0, |observation| observation.at_ms);
        // Without a floor it may have been seen before this step began.
        if let Some(floor) = step.not_before_ms
            && at < since + floor
        {
            let early = at.saturating_sub(since);
            let seen = lab.words(index);
            return Err(Over::fail(format!("it came after {early} ms, which is before {floor} ms: {seen}")));
        }
        if let Some(label) = &step.label {
            lab.call_it(label, index);
        }
    }
    Ok(())
}

async fn count(lab: &mut Lab<'_>, total: &Total) -> Result<(), Over> {
    // What is owed may still be on its way: a client may acknowledge before it says what it got.
    let owed = total.exactly.or(total.at_least).unwrap_or_default();
    let found = lab.count(&total.of, owed, OWED).await?;
    let fits = total.exactly.is_none_or(|exactly| found == exactly)
        && total.at_least.is_none_or(|least| found >= least)
        && total.at_most.is_none_or(|most| found <= most);
    if fits {
        return Ok(());
    }
    let bounds = [("exactly", total.exactly), ("at least", total.at_least), ("at most", total.at_most)];
    let bounds: Vec<_> =
        bounds.iter().filter_map(|(name, bound)| bound.map(|bound| format!("{name} {bound}"))).collect();
    Err(Over::fail(format!("finally: {} was seen {found} times, not {}", total.of.words(), bounds.join(" and "))))
}

/// The platform's part of a step.
async fn act(lab: &mut Lab<'_>, peer: &Peer) -> Result<(), Over> {
    if matches!(peer, Peer::Push(_) | Peer::Interleave(_) | Peer::Inject(_)) {
        lab.settle().await?;
    }
    let platform = Arc::clone(&lab.platform);
    let app_id = lab.app.app_id.clone();
    match peer {
        Peer::Advance(advance) => {
            let by = Duration::try_from_secs_f64(advance.seconds).map_err(|error| Over::fail(error.to_string()))?;
            platform.advance(by);
        }
        Peer::App(change) => {
            lab.app = changed(lab.app.clone(), change);
            platform.add_app(lab.app.clone());
        }
        Peer::Challenge(_) => drop(platform.challenge(&app_id).await.map_err(|error| Over::fail(error.to_string()))?),
        Peer::ClientConfig(config) => platform.set_client_config(config.clone()),
        Peer::Close(close) => needs_one(platform.close(&app_id, close.code))?,
        Peer::Cut(Cut { how: How::Fin }) => needs_one(platform.cut(&app_id))?,
        Peer::Cut(Cut { how: How::HalfOpen }) => {
            let connections = platform.half_open(&app_id);
            needs_one(connections)?;
            lab.excused += connections;
        }
        Peer::Cut(Cut { how: How::Reset }) => needs_one(platform.cut_rst(&app_id))?,
        Peer::Faults(faults) => platform.faults(|present| present.clone_from(faults)),
        Peer::Hostile(hostile) => {
            for name in hostile.names() {
                platform.hostile(&app_id, name).await.map_err(|error| Over::fail(error.to_string()))?;
            }
        }
        Peer::Inject(inject) => inject_it(lab, inject)?,
        Peer::Interleave(pushes) => push(lab, pushes)?,
        Peer::Options(options) => platform.options(|present| present.clone_from(options)),
        Peer::Push(one) => push_each(lab, one).await?,
        Peer::RevokeTokens(revoke) => drop(platform.revoke_tokens_after(&app_id, revoke.after_calls)),
    }
    Ok(())
}

/// A push, or as many of its kind as it says; all of them have its name.
async fn push_each(lab: &mut Lab<'_>, one: &Push) -> Result<(), Over> {
    let all = one.each();
    let Some(every) = one.every_ms.map(Duration::from_millis) else { return push_as(lab, &all, &one.label) };
    for (number, one_of_them) in all.iter().enumerate() {
        if number > 0 {
            lab.pass(every).await?;
        }
        push_as(lab, std::slice::from_ref(one_of_them), &one.label)?;
    }
    Ok(())
}

/// Pushes with names of their own, and one that they share.
fn push_as(lab: &mut Lab<'_>, pushes: &[Push], shared: &str) -> Result<(), Over> {
    push(lab, pushes)?;
    for push in pushes.iter().filter(|push| push.label != shared) {
        lab.names.share(&push.label, shared);
    }
    Ok(())
}

fn push(lab: &mut Lab<'_>, pushes: &[Push]) -> Result<(), Over> {
    let mut made = Vec::with_capacity(pushes.len());
    for push in pushes {
        let names = lab.names.clone();
        let fill = |text: &str| names.fill(text);
        lab.names.add_ids(&push.label, push.names(&fill));
        let names = lab.names.clone();
        let fill = |text: &str| names.fill(text);
        let push: platform::Push =
            serde_json::from_value(push.to_json(&fill)).map_err(|error| Over::fail(error.to_string()))?;
        made.push(push);
    }
    let ids = lab.platform.push_interleaved(&made).map_err(|error| Over::fail(error.to_string()))?;
    for (push, id) in pushes.iter().zip(ids) {
        lab.names.add_push(&push.label, id.number());
    }
    Ok(())
}

/// Whatever is done to a connection that is not there proves nothing.
fn needs_one(connections: usize) -> Result<(), Over> {
    match connections {
        0 => Err(Over::fail("the client has no connection at this moment to do this to")),
        _ => Ok(()),
    }
}

fn inject_it(lab: &Lab<'_>, inject: &Inject) -> Result<(), Over> {
    let what = if let Some(frame) = &inject.frame {
        let payload = frame.payload.clone().map(String::into_bytes);
        let frame = platform::Frame {
            seq_id: frame.seq_id,
            log_id: frame.log_id,
            service: frame.service,
            method: frame.method,
            headers: frame.headers.iter().map(|(key, value)| platform::Header::new(key, value)).collect(),
            payload: payload.or_else(|| frame.payload_len.map(|len| vec![b' '; len])),
            ..platform::Frame::default()
        };
        platform::Inject::Binary(prost::Message::encode_to_vec(&frame))
    } else if let Some(hex) = &inject.binary {
        platform::Inject::Binary(super::steps::unhex(hex))
    } else if let Some(hex) = &inject.bytes {
        platform::Inject::Bytes(super::steps::unhex(hex))
    } else {
        platform::Inject::Text(inject.text.clone().unwrap_or_default())
    };
    for _ in 0..inject.times.unwrap_or(1) {
        needs_one(lab.platform.inject(&lab.app.app_id, &what))?;
    }
    Ok(())
}

/// The program's part of a step.
async fn program(lab: &mut Lab<'_>, app: &App) -> Result<(), Over> {
    match app {
        App::Call(call) => {
            for _ in 0..call.times.unwrap_or(1) {
                let id = lab.next_call();
                let names = lab.names.clone();
                lab.say(Command::Call(call.call(id, &|text| names.fill(text))));
                if let Some(label) = &call.label {
                    lab.names.add_call(label, id);
                }
            }
        }
        App::Handle(handle) => lab.say(Command::Handle(handle.handle())),
        App::Restart(_) => {
            lab.kill().await;
            lab.start().await?;
        }
        App::Stop(_) => lab.say(Command::Stop),
    }
    Ok(())
}

/// An app with these changes.
pub(super) fn changed(mut app: AppSpec, change: &super::scenario::GivenApp) -> AppSpec {
    fn set<T: Clone>(member: &mut T, value: Option<&T>) {
        if let Some(value) = value {
            member.clone_from(value);
        }
    }
    set(&mut app.app_secret, change.secret.as_ref());
    set(&mut app.bot_open_id, change.bot_open_id.as_ref());
    set(&mut app.bot_name, change.bot_name.as_ref());
    set(&mut app.other_region, change.other_region.as_ref());
    set(&mut app.state, change.state.as_ref());
    set(&mut app.bot, change.bot.as_ref());
    set(&mut app.activate_status, change.activate_status.as_ref());
    set(&mut app.long_connection, change.long_connection.as_ref());
    if let Some(scopes) = &change.scopes {
        app.scopes = Some(scopes.clone());
    }
    app
}

/// The names of an app, for `$app.bot_open_id` and so on.
pub(super) fn app_names(app: &AppSpec) -> BTreeMap<String, String> {
    [("id", &app.app_id), ("bot_open_id", &app.bot_open_id), ("bot_name", &app.bot_name)]
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .into()
}

/// Whether the client says by this that it cannot do something.
pub(super) fn unimplemented(seen: &Seen) -> Option<String> {
    match seen {
        Seen::Shim(super::shim::Report::Unimplemented { what }) => Some(what.clone()),
        Seen::Exited(Some(super::shim::UNIMPLEMENTED)) => Some("exit code 89".to_owned()),
        _ => None,
    }
}
