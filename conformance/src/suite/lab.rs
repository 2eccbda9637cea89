//! A platform, a subject, and the log of what was seen of both.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use super::engine::{NO_WEBHOOK, Over, Settings, app_names, changed, unimplemented};
use super::expected::{Expected, record_kind};
use super::log::{Names, Observation, Seen};
use super::outcome::Evidence;
use super::scenario::Scenario;
use super::shim::{self, Command, Report, Start, VERSION};
use super::subject::{Heard, Running, Setup, Subject};
use crate::platform::{AppSpec, ClientConfig, Kind, Platform, PlatformConfig, Subscription};

/// How long a new connection may be without a ping before it is used.
const SETTLED: Duration = Duration::from_secs(1);
/// How long a process has to be gone.
const GONE: Duration = Duration::from_secs(5);
/// Observations in the evidence of a failure.
const SEEN: usize = 60;
/// Frames in the evidence of a failure.
const FRAMES: usize = 16;
/// Characters of each line of standard error in the evidence.
const SHOWN: usize = 2000;
/// Lines of standard error in the evidence of a failure.
const LINES: usize = 40;

pub(super) struct Lab<'a> {
    pub(super) scenario: &'a Scenario,
    subject: &'a dyn Subject,
    setup: Setup,
    patience: Duration,
    running: Option<Running>,
    records: Subscription,
    begun: Instant,
    last_call: u64,
    pub(super) platform: Arc<Platform>,
    pub(super) app: AppSpec,
    pub(super) log: Vec<Observation>,
    pub(super) names: Names,
    pub(super) client: Option<(String, String)>,
    /// Half-open connections, which count as open for ever.
    pub(super) excused: usize,
    own: bool,
    /// How much of the log was looked at for what ends every story.
    judged: usize,
    /// Of the present process.
    told_to_stop: bool,
    /// Of the present process.
    ended: bool,
}

impl<'a> Lab<'a> {
    /// A platform as the scenario wants it.
    pub(super) async fn set_up(
        scenario: &'a Scenario,
        settings: Settings,
        subject: &'a dyn Subject,
    ) -> Result<Self, String> {
        let given = &scenario.body.given;
        let ms = |value: Option<u64>, default: Duration| value.map_or(default, Duration::from_millis);
        let default = PlatformConfig::default();
        let config = PlatformConfig {
            // Reconnecting is common; nobody wants to wait 30 s for it.
            client_config: given.client_config.clone().unwrap_or(ClientConfig {
                reconnect_nonce: Some(1),
                reconnect_interval: Some(1),
                ..ClientConfig::default()
            }),
            ack_timeout: ms(given.platform.ack_timeout_ms, default.ack_timeout),
            first_ping_within: ms(given.platform.first_ping_within_ms, default.first_ping_within),
            url_lifetime: given.platform.url_lifetime_s.map_or(default.url_lifetime, Duration::from_secs),
            redelivery: given.platform.redelivery_s.as_ref().map_or_else(
                || default.redelivery.clone(),
                |waits| waits.iter().filter_map(|wait| Duration::try_from_secs_f64(*wait).ok()).collect(),
            ),
            max_connections: given.platform.max_connections.unwrap_or(default.max_connections),
            options: given.options.clone(),
            seed: Some(settings.seed),
            ..default
        };
        let platform = if subject.in_memory() {
            Platform::in_memory(config)
        } else {
            Platform::start(config).await.map_err(|error| format!("no port on loopback could be taken: {error}"))?
        };
        let app = changed(AppSpec::new("cli_0123456789abcdef", "5ecretOfTheApp0123456789abcdef"), &given.app);
        platform.add_app(app.clone());
        platform.faults(|faults| faults.clone_from(&given.faults));
        for (chat_id, info) in &given.chats {
            platform.describe_chat(&app.app_id, chat_id, info).map_err(|error| error.to_string())?;
        }
        let mut names = Names::default();
        names.add("app", app_names(&app));
        names.set_secrets(given.app.wrong_secret.iter().cloned().collect());
        let platform = Arc::new(platform);
        let start = Start {
            conform: VERSION,
            base_url: platform.base_url(),
            app_id: given.app.wrong_id.clone().unwrap_or_else(|| app.app_id.clone()),
            app_secret: given.app.wrong_secret.clone().unwrap_or_else(|| app.app_secret.clone()),
            settings: shim::Settings {
                webhook: given.webhook.as_ref().map(super::scenario::GivenWebhook::settings),
                ..given.settings.clone()
            },
        };
        Ok(Self {
            scenario,
            subject,
            setup: Setup::new(start, settings.seed)?,
            patience: settings.patience,
            running: None,
            records: platform.subscribe(),
            begun: Instant::now(),
            last_call: 0,
            platform,
            app,
            log: Vec::new(),
            names,
            client: None,
            excused: 0,
            own: settings.own,
            judged: 0,
            told_to_stop: false,
            ended: false,
        })
    }

    /// Starts the subject and waits until it is ready.
    pub(super) async fn start(&mut self) -> Result<(), Over> {
        (self.told_to_stop, self.ended) = (false, false);
        let from = self.log.len();
        let running = self.subject.start(&self.platform, &self.setup).map_err(Over::fail)?;
        self.running = Some(running);
        self.say(Command::Start(self.setup.start.clone()));
        let handle = self.scenario.body.given.handle.clone();
        // What is posted may be there before a line that is said now; a long connection has to be made first.
        let at_once = self.scenario.body.given.webhook.is_some();
        if let Some(handle) = handle.clone().filter(|_| at_once) {
            self.say(Command::Handle(handle));
        }
        let due = Instant::now() + self.patience;
        let mut next = from;
        loop {
            while let Some(observation) = self.log.get(next) {
                if let Seen::Shim(Report::Ready { conform, client, version, webhook_url }) = &observation.seen {
                    if *conform != VERSION {
                        let what =
                            format!("the shim speaks version {conform} of the protocol, this suite version {VERSION}");
                        return Err(Over::fail(what));
                    }
                    self.client = Some((client.clone(), version.clone()));
                    let url = webhook_url.clone();
                    self.subscribe(url.as_deref())?;
                    if let Some(handle) = handle.filter(|_| !at_once) {
                        self.say(Command::Handle(handle));
                    }
                    return Ok(());
                }
                next += 1;
            }
            self.check_new()?;
            if !self.pump(due).await {
                return Err(Over::fail(format!("the shim did not say ready within {} s", self.patience.as_secs())));
            }
        }
    }

    /// What is pushed goes to the client's webhook, where the scenario wants that.
    fn subscribe(&self, url: Option<&str>) -> Result<(), Over> {
        let Some(webhook) = &self.scenario.body.given.webhook else { return Ok(()) };
        // A client that knows nothing of webhooks may have overlooked the setting.
        let url = url.ok_or_else(|| Over::Unimplemented(NO_WEBHOOK.to_owned()))?;
        let fail = |error: crate::platform::WebhookError| Over::fail(format!("the client's webhook: {error}"));
        self.platform.subscribe_webhook(webhook.spec(&self.app, url)).map_err(fail)?;
        if let Some(posts) = self.running.as_ref().and_then(|running| running.posts.as_ref()) {
            let listener = self.platform.listen_webhook(&self.app.app_id).map_err(fail)?;
            // One that has ended already serves nobody.
            let _ = posts.send(listener);
        }
        Ok(())
    }

    /// A subject that is gone does not hear it.
    pub(super) fn say(&mut self, command: Command) {
        self.told_to_stop |= command == Command::Stop;
        if let Some(running) = &self.running {
            let _ = running.commands.send(command);
        }
    }

    /// Ends the subject at once, and waits until the platform knows.
    pub(super) async fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            let mut heard = running.kill(!self.subject.in_memory()).await;
            while let Ok(last) = heard.try_recv() {
                if !matches!(last, Heard::Exited(_)) {
                    self.note(last.into());
                }
            }
        }
        let due = Instant::now() + GONE;
        while self.platform.connections(&self.app.app_id) > self.excused && self.pump(due).await {}
    }

    pub(super) async fn tear_down(mut self) {
        self.say(Command::Stop);
        if let Some(mut running) = self.running.take() {
            let gone = async { while !matches!(running.heard.recv().await, None | Some(Heard::Exited(_))) {} };
            let _ = timeout(GONE, gone).await;
            running.kill(false).await;
        }
        self.platform.stop().await;
    }

    pub(super) fn next_call(&mut self) -> u64 {
        self.last_call += 1;
        self.last_call
    }

    pub(super) fn now_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits for the next thing to be seen; false when the time is up first.
    async fn pump(&mut self, until: Instant) -> bool {
        let heard = async {
            match &mut self.running {
                Some(running) => running.heard.recv().await,
                None => std::future::pending().await,
            }
        };
        let seen = tokio::select! {
            biased;
            Some(record) = self.records.next() => Seen::Platform(Box::new(record)),
            heard = heard => match heard {
                Some(heard) => heard.into(),
                None => {
                    self.running = None;
                    return true;
                }
            },
            () = sleep_until(until) => return false,
        };
        self.note(seen);
        true
    }

    /// Lets time pass, and takes in what is seen meanwhile.
    pub(super) async fn pass(&mut self, time: Duration) -> Result<(), Over> {
        let due = Instant::now() + time;
        while self.pump(due).await {}
        self.check_new()
    }

    /// Waits for the first ping on the newest connection, a second at most: a client that loses what comes together with
    /// the 101 fails the scenarios about that, and not all others, too.
    pub(super) async fn settle(&mut self) -> Result<(), Over> {
        let due = Instant::now() + SETTLED;
        self.listen();
        while self.is_fresh() && self.pump(due).await {}
        self.check_new()
    }

    /// Nothing has come from the newest connection.
    fn is_fresh(&self) -> bool {
        for observation in self.log.iter().rev() {
            let Seen::Platform(record) = &observation.seen else { continue };
            match record.kind {
                Kind::Pinged { .. } | Kind::Acked { .. } | Kind::ConnectionClosed { .. } => return false,
                Kind::Upgraded { .. } => return true,
                _ => {}
            }
        }
        false
    }

    /// Takes in what is there already.
    pub(super) fn listen(&mut self) {
        while let Some(record) = self.records.try_next() {
            self.note(Seen::Platform(Box::new(record)));
        }
        while let Some(heard) = self.running.as_mut().and_then(|running| running.heard.try_recv().ok()) {
            self.note(heard.into());
        }
    }

    fn note(&mut self, seen: Seen) {
        self.ended |= matches!(seen, Seen::Shim(Report::Ended { .. }));
        let parts = seen.parts();
        self.log.push(Observation { at_ms: self.now_ms(), seen, parts, taken: false });
    }

    /// The first thing from there on that fits and that no step has had; waits for it.
    pub(super) async fn wait_for(
        &mut self,
        expected: &Expected,
        from: usize,
        within: Duration,
    ) -> Result<Option<usize>, Over> {
        let due = Instant::now() + within;
        let mut next = from;
        loop {
            self.check_new()?;
            // Secrets are given out as the story goes on; nothing but these asks for them meanwhile.
            if matches!(expected, Expected::Output(_)) {
                self.names.set_secrets(self.platform.secrets());
            }
            while let Some(observation) = self.log.get(next) {
                if !observation.taken && expected.fits(&observation.parts, &self.names) {
                    self.names.set_secrets(self.platform.secrets());
                    return Ok(Some(next));
                }
                next += 1;
            }
            if !self.pump(due).await {
                self.names.set_secrets(self.platform.secrets());
                return Ok(None);
            }
        }
    }

    /// How many of them were seen; waits until there are as many as are owed.
    pub(super) async fn count(&mut self, of: &Expected, owed: usize, within: Duration) -> Result<usize, Over> {
        let due = Instant::now() + within;
        self.listen();
        loop {
            self.check_new()?;
            let found = self.log.iter().filter(|observation| of.fits(&observation.parts, &self.names)).count();
            if found >= owed || !self.pump(due).await {
                return Ok(found);
            }
        }
    }

    /// Looks at everything new for what ends every story.
    pub(super) fn check_new(&mut self) -> Result<(), Over> {
        while self.judged < self.log.len() {
            self.judged += 1;
            self.fail_fast(self.judged - 1)?;
        }
        Ok(())
    }

    fn fail_fast(&self, index: usize) -> Result<(), Over> {
        let Some(observation) = self.log.get(index) else { return Ok(()) };
        if let Some(what) = unimplemented(&observation.seen) {
            return Err(Over::Unimplemented(what));
        }
        match &observation.seen {
            Seen::Garbage(what) => Err(Over::fail(what.clone())),
            Seen::Exited(code) if !self.may_leave(*code) => {
                let how = code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
                let unasked = if self.ended { " after ended" } else { "" };
                Err(Over::fail(format!("the shim left with {how}{unasked}")))
            }
            _ => Ok(()),
        }
    }

    /// Whether a process may end like this now.
    fn may_leave(&self, code: Option<i32>) -> bool {
        (self.told_to_stop || self.ended) && (code == Some(0) || !self.own)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(super) fn take(&mut self, index: usize) {
        if let Some(observation) = self.log.get_mut(index) {
            observation.taken = true;
        }
    }

    pub(super) fn call_it(&mut self, label: &str, index: usize) {
        if let Some(observation) = self.log.get(index) {
            self.names.add_place(label, index, &observation.seen);
        }
    }

    /// Without secrets.
    pub(super) fn redacted(&mut self, text: &str) -> String {
        self.names.set_secrets(self.platform.secrets());
        self.names.redacted(text)
    }

    pub(super) fn words(&self, index: usize) -> String {
        self.log.get(index).map(|observation| self.line(observation)).unwrap_or_default()
    }

    pub(super) fn line(&self, observation: &Observation) -> String {
        let at = Duration::from_millis(observation.at_ms).as_secs_f64();
        format!("{at:8.3} s {}", observation.seen.words(&|text| self.names.redacted(text)))
    }

    /// What was seen instead: the last of the same kind, or that there was none.
    pub(super) fn closest(&self, expected: &Expected, from: usize) -> String {
        let words = expected.words();
        let kind = words.split(' ').next().unwrap_or_default();
        let found_kind = record_kind(kind);
        let mut same = self.log.iter().skip(from).filter(|observation| observation.parts.0 == found_kind);
        match same.next_back() {
            Some(observation) => format!("the last {kind} was: {}", self.line(observation).trim_start()),
            None => match from {
                0 => format!("there was no {kind}"),
                _ => format!("there was no further {kind}"),
            },
        }
    }

    pub(super) fn evidence(&mut self) -> Evidence {
        self.listen();
        self.names.set_secrets(self.platform.secrets());
        let last = |len: usize, kept: usize| len.saturating_sub(kept);
        let (errors, seen): (Vec<_>, Vec<_>) =
            self.log.iter().partition(|observation| matches!(observation.seen, Seen::Output(_)));
        let frames = self.platform.frames();
        let frame = |tapped: &crate::platform::Tapped| {
            let at = Duration::from_millis(tapped.at_ms).as_secs_f64();
            let way = if tapped.from_client { "client → platform" } else { "platform → client" };
            format!("{at:8.3} s {way}: {}\n{}", self.names.redacted(&tapped.text), tapped.hex)
        };
        Evidence {
            seen: seen.iter().skip(last(seen.len(), SEEN)).map(|observation| self.line(observation)).collect(),
            frames: frames.iter().skip(last(frames.len(), FRAMES)).map(frame).collect(),
            stderr: errors
                .iter()
                .skip(last(errors.len(), LINES))
                .map(|observation| match &observation.seen {
                    Seen::Output(text) => self.names.redacted(text).chars().take(SHOWN).collect(),
                    _ => String::new(),
                })
                .collect(),
        }
    }
}

impl From<Heard> for Seen {
    fn from(heard: Heard) -> Self {
        match heard {
            Heard::Exited(code) => Self::Exited(code),
            Heard::Garbage(what) => Self::Garbage(what),
            Heard::Report(report) => Self::Shim(report),
            Heard::Stderr(line) => Self::Output(line),
        }
    }
}
