//! [`Bot`]: facts in, wishes out. Dispatch only; the work is done in `link`, `api` and `gate`.

use crate::api::{self, Api, Call, CallId, Completion, HttpLane, Identity, Job};
use crate::config::{Config, ConfigError, Storage};
use crate::event::{DeliveryId, Event, ResponseId, Verdict};
use crate::fault::{End, Fatal, Misuse};
use crate::gate::RestoreError;
use crate::lane::{Attempt, Closed, Lane, Wish};
use crate::link::intake;
use crate::link::{Link, Phase, Session, SessionRules, SessionStorage};
use crate::notice::{Notice, Report, Stats, count};
use crate::rng::{Rng, Seed};
use crate::shared::{Account, Rules, Shared, Texts};
use crate::time::{Deadline, Earliest, Instant, UnixMillis, Why};
use crate::wire::writer::Writer;

/// Accepted calls may take this long after [`Bot::shut_down`].
const DRAIN_MS: u64 = 10_000;
/// Owed acks and a shown event may take this long after that.
const FLUSH_MS: u64 = 2000;
/// The shortest useful `socket_out`: an upgrade request.
const LEAST_OUT: usize = 768;
/// The shortest useful HTTP buffers: a discovery answer, a token request.
const LEAST_HTTP: usize = 1024;

/// Where the bot stands, for people and health checks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// The stream to the socket host is being opened, or the upgrade is not answered yet.
    Connecting,
    /// The connection is being closed.
    Closing,
    /// Ended as asked.
    Closed,
    /// The platform is asked where to connect.
    Discovering,
    /// Ended for a reason that needs a person: [`Bot::ended`] says it.
    Fatal,
    /// Constructed, and not told the time yet.
    Idle,
    /// The long connection is open.
    Open,
    /// No long connection is wanted ([`LinkMode`](crate::LinkMode)), and discovery, if it was, is done.
    Resting,
    /// A pause after a failure.
    Waiting {
        /// Attempts that failed in a row.
        failures: u32,
        /// When the next one starts.
        until: Instant,
    },
}

#[derive(Clone, Copy, Debug)]
enum Stopping {
    No,
    /// Until accepted calls are finished.
    Draining {
        by: Instant,
    },
    /// Until owed acks are written.
    Flushing {
        by: Instant,
    },
    /// The close handshake runs.
    Closing,
}

/// One bot: a protocol engine that is told facts and read for wishes.
///
/// See the [crate's documentation](crate) for the loop that drives it and the contract that holds for any caller.
pub struct Bot<'s> {
    shared: Shared<'s>,
    link: Link<'s>,
    api: Api<'s>,
    stopping: Stopping,
    started: bool,
    end: Option<End>,
}

impl core::fmt::Debug for Bot<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Bot")
            .field("account", &self.shared.account)
            .field("state", &self.state())
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

impl<'s> Bot<'s> {
    /// A bot that has not been told the time yet: it wishes for nothing until its deadline at instant 0 is told.
    ///
    /// # Errors
    /// [`ConfigError`] names the field or the storage that is wrong, with the size it needs.
    pub fn new(config: Config<'_>, storage: Storage<'s>, seed: Seed) -> Result<Self, ConfigError> {
        let url = config.check()?;
        check_storage(&storage)?;
        let mut texts = Texts::new(storage.texts);
        let agent = concat!("larkwire/v", env!("CARGO_PKG_VERSION"));
        let mut word = [0; 64];
        let source = sanitized(config.source, &mut word);
        let separator = if source.is_empty() { "" } else { " source/" };
        let pieces = [config.app_id, config.app_secret, url.host, url.target, agent, separator, source];
        let needed = pieces.iter().fold(0, |sum: usize, text| sum.saturating_add(text.len()));
        let too_small = ConfigError::Storage { name: "texts", needed };
        let mut keep = |text: &str| texts.add(text).ok_or(too_small);
        let (app_id, app_secret) = (keep(config.app_id)?, keep(config.app_secret)?);
        let (host, prefix) = (keep(url.host)?, keep(url.target)?);
        let user_agent = {
            let first = keep(agent)?;
            keep(separator)?;
            first.to(&keep(source)?)
        };
        let account =
            Account { app_id, app_secret, user_agent, host, port: url.port, tls: url.scheme.tls(), prefix, texts };
        let rules = Rules {
            max_attempts: config.max_attempts,
            follow_reconnect_count: config.follow_reconnect_count,
            on_fatal: config.on_fatal,
            unknown_code_is_fatal: config.unknown_code_is_fatal,
            allow_plaintext: config.dangerously_allow_plaintext,
            call_timeout_ms: u64::from(config.call_timeout_ms),
            link: config.link,
            identity_first: false,
        };
        let session = Session::new(
            SessionRules {
                app_id: config.app_id,
                dedup_window_ms: config.dedup_window_ms,
                pong_timeout_ms: config.pong_timeout_ms,
            },
            SessionStorage {
                parts: storage.parts,
                assembled: storage.assembled,
                part_sets: storage.part_sets,
                finished: storage.finished,
                seen: storage.seen,
                callbacks: storage.callbacks,
            },
            &seed,
        );
        let mut rng = Rng::new(&seed);
        // The session drew its hash key from the same seed; masks and ids must not repeat it.
        let _: [u8; 16] = rng.bytes();
        Ok(Self {
            shared: Shared {
                now: Instant::ZERO,
                wall: None,
                platform_wall: None,
                rng,
                report: Report::new(storage.notices),
                rules,
                account,
            },
            link: Link::new(session, storage.socket_in, storage.socket_out, storage.url, config.link),
            api: Api::new(storage.http, storage.outbox, storage.reactions, storage.token, config.own_open_id),
            stopping: Stopping::No,
            started: false,
            end: None,
        })
    }

    // ---- wishes ----

    /// How many `Http` lanes there are.
    pub fn http_lanes(&self) -> u8 {
        u8::try_from(self.api.lanes.as_slice().len()).unwrap_or(u8::MAX)
    }

    /// What is wanted of a lane.
    pub fn poll_lane(&self, lane: Lane) -> Wish<'_> {
        let target = match lane {
            Lane::Socket => self.link.target(),
            Lane::Http(index) => self.api.target(usize::from(index), &self.shared),
        };
        target.map_or(Wish::Down, Wish::Up)
    }

    /// How many received bytes the lane can take now.
    pub fn poll_receive(&self, lane: Lane) -> usize {
        match lane {
            Lane::Socket => self.link.room(),
            Lane::Http(index) => self.api.lanes.get(usize::from(index)).map_or(0, HttpLane::room),
        }
    }

    /// The bytes to write next on the lane; the first of them change only by
    /// [`handle_transmitted`](Self::handle_transmitted) within an attempt.
    pub fn poll_transmit(&self, lane: Lane) -> &[u8] {
        match lane {
            Lane::Socket => self.link.output(),
            Lane::Http(index) => self.api.lanes.get(usize::from(index)).map_or(&[], HttpLane::output),
        }
    }

    /// The event at the head of the line. It stays there until it is decided, or refused after 2 s.
    pub fn poll_delivery(&self) -> Option<Event<'_>> {
        if matches!(self.stopping, Stopping::No) { self.link.event() } else { None }
    }

    /// Whether [`poll_delivery`](Self::poll_delivery) has an event; cheaper than asking for it.
    pub fn is_delivery_waiting(&self) -> bool {
        matches!(self.stopping, Stopping::No) && self.link.session.is_shown()
    }

    /// Whether events are refused until [`handle_inbox`](Self::handle_inbox) tells room again: one has waited in vain.
    pub fn is_room_wanted(&self) -> bool {
        matches!(self.stopping, Stopping::No) && self.link.session.is_room_wanted()
    }

    /// The oldest result of a call that was not taken yet.
    pub fn poll_completion(&self) -> Option<Completion<'_>> {
        self.api.outbox.completion()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due, and why. `None` only after the end.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if self.end.is_some() {
            return None;
        }
        let mut earliest = Earliest::default();
        if !self.started {
            earliest.add(Instant::ZERO, Why::Brake);
        }
        self.link.deadlines(&mut earliest);
        self.api.deadlines(self.shared.now, &mut earliest);
        match self.stopping {
            Stopping::Draining { by } => earliest.add(by, Why::Draining),
            Stopping::Flushing { by } => earliest.add(by, Why::Closing),
            Stopping::No | Stopping::Closing => {}
        }
        earliest.get()
    }

    // ---- facts ----

    /// The stream of this attempt is open, TLS included.
    pub fn handle_opened(&mut self, now: Instant, lane: Lane, attempt: Attempt) {
        self.fact(now, |bot| match lane {
            Lane::Socket => bot.link.handle_opened(attempt, &mut bot.shared),
            Lane::Http(index) => {
                let finished = bot.api.handle_opened(usize::from(index), attempt, &mut bot.shared);
                bot.finish(finished);
            }
        });
    }

    /// The stream of this attempt could not be opened, or has ended.
    pub fn handle_closed(&mut self, now: Instant, lane: Lane, attempt: Attempt, why: Closed) {
        self.fact(now, |bot| match lane {
            Lane::Socket => bot.link.handle_closed(attempt, why, &mut bot.shared),
            Lane::Http(index) => {
                let finished = bot.api.handle_closed(usize::from(index), attempt, why, &mut bot.shared);
                bot.finish(finished);
            }
        });
    }

    /// Bytes came in: at most as many as [`poll_receive`](Self::poll_receive) said, else the attempt ends.
    pub fn handle_received(&mut self, now: Instant, lane: Lane, attempt: Attempt, bytes: &[u8]) {
        self.fact(now, |bot| match lane {
            Lane::Socket => bot.link.handle_received(attempt, bytes, &mut bot.shared),
            Lane::Http(index) => {
                let finished = bot.api.handle_received(usize::from(index), attempt, bytes);
                bot.finish(finished);
            }
        });
    }

    /// The first `n` bytes of [`poll_transmit`](Self::poll_transmit) were written.
    pub fn handle_transmitted(&mut self, now: Instant, lane: Lane, attempt: Attempt, n: usize) {
        self.fact(now, |bot| match lane {
            Lane::Socket => bot.link.handle_transmitted(attempt, n, &mut bot.shared),
            Lane::Http(index) => bot.api.handle_transmitted(usize::from(index), attempt, n),
        });
    }

    /// What became of the event at the head of the line. A late `Accepted` still keeps a redelivery from being handed
    /// over again; other late verdicts are ignored.
    pub fn handle_delivered(&mut self, now: Instant, id: DeliveryId, verdict: Verdict) {
        self.fact(now, |bot| bot.link.handle_delivered(id, verdict, &mut bot.shared));
    }

    /// The result of this call was taken; its place in the outbox is free again. Legal after the end, too.
    pub fn handle_completed(&mut self, now: Instant, id: CallId) {
        self.api.outbox.taken(id);
        self.fact(now, |_| {});
    }

    /// How many more events the inbox has room for; the bot counts it down as events are accepted. An event is offered
    /// whether or not room was told. After one has waited for 2 s in vain, further ones are refused at once until room is
    /// told again: see [`is_room_wanted`](Self::is_room_wanted).
    pub fn handle_inbox(&mut self, now: Instant, room: usize) {
        self.fact(now, |bot| bot.link.session.handle_inbox(room));
    }

    /// The wall clock, or that there is none.
    pub fn handle_wall_clock(&mut self, now: Instant, unix: Option<UnixMillis>) {
        self.fact(now, |bot| bot.shared.wall = unix.map(|unix| (bot.shared.now, unix)));
    }

    /// The time is `now`; does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.fact(now, |bot| {
            bot.started = true;
            bot.link.handle_timeout(&mut bot.shared);
            for index in 0..bot.api.lanes.as_slice().len() {
                let finished = bot.api.handle_timeout(index, &mut bot.shared);
                bot.finish(finished);
            }
        });
    }

    // ---- commands ----

    /// Puts a call into the outbox.
    ///
    /// # Errors
    /// [`Misuse`]: nothing was accepted, and the message says what to change.
    pub fn submit(&mut self, now: Instant, call: Call<'_>) -> Result<CallId, Misuse> {
        if self.end.is_some() || !matches!(self.stopping, Stopping::No) {
            return Err(Misuse::Stopping);
        }
        let mut result = Err(Misuse::Stopping);
        self.fact(now, |bot| result = bot.api.submit(&call, &mut bot.shared));
        result
    }

    /// Answers a callback that was taken with [`Verdict::Later`]: a JSON object such as
    /// `{"toast":{"type":"info","content":"saved"}}` (protocol section 11.3).
    ///
    /// # Errors
    /// [`Misuse`]: the answer was not taken, and the message says what to do; [`Misuse::Late`] when 2.5 s were over.
    pub fn respond(&mut self, now: Instant, id: ResponseId, body: &[u8]) -> Result<(), Misuse> {
        let mut result = Err(Misuse::Stopping);
        self.fact(now, |bot| result = bot.link.respond(id, body, &mut bot.shared));
        result
    }

    /// Asks the platform again who the bot is. Every lookup is a call on the app's monthly quota.
    pub fn refresh_identity(&mut self, now: Instant) {
        self.fact(now, |bot| bot.api.lookup.refresh(bot.shared.now));
    }

    /// Ends in order: no more events, accepted calls finished (10 s at most), acks written (2 s), the socket closed with
    /// 1000 (2 s). Calling it again changes nothing.
    pub fn shut_down(&mut self, now: Instant) {
        self.fact(now, |bot| {
            if let Stopping::No = bot.stopping {
                bot.link.session.stop_accepting();
                bot.stopping = Stopping::Draining { by: bot.shared.now.after(DRAIN_MS) };
            }
        });
    }

    // ---- reports ----

    /// Takes the oldest notice nobody has taken.
    pub fn take_notice(&mut self) -> Option<Notice> {
        self.shared.report.take()
    }

    /// Where the bot stands.
    pub fn state(&self) -> State {
        match (self.end, self.link.phase()) {
            (Some(End::Fatal(_)), _) => State::Fatal,
            (Some(End::Stopped), _) => State::Closed,
            (None, _) if !self.started => State::Idle,
            (None, Phase::Closing { .. } | Phase::Ended) => State::Closing,
            (None, _) if matches!(self.stopping, Stopping::Flushing { .. } | Stopping::Closing) => State::Closing,
            (None, Phase::Waiting { until }) => State::Waiting { failures: self.link.failures(), until },
            (None, Phase::Discovering) => State::Discovering,
            (None, Phase::Connecting { .. } | Phase::Upgrading { .. }) => State::Connecting,
            (None, Phase::Open) => State::Open,
            (None, Phase::Resting) => State::Resting,
        }
    }

    /// Whether the platform keeps refusing the authentication of upgrades (three in a row); the bot goes on trying.
    pub fn is_auth_rejected(&self) -> bool {
        self.link.auth_rejected()
    }

    /// How many delivered ids were remembered since construction: what [`write_seen`](Self::write_seen) goes on from.
    pub fn seen_count(&self) -> u64 {
        self.link.session.seen_count()
    }

    /// Writes the ids remembered after the first `from`, for a file or flash: 16 bytes each, behind a header of 32 bytes
    /// when `from` is 0. Appended to what was written before, it is what [`restore_seen`](Self::restore_seen) takes.
    pub fn write_seen(&self, from: u64, w: &mut Writer<'_>) {
        self.link.session.write_seen(self.shared.now, self.shared.unix(), from, w);
    }

    /// Takes back what [`write_seen`](Self::write_seen) wrote, before the first event, so that a restart does not reopen
    /// the window; how many ids it was. Tell the wall clock first: without it every record counts as new.
    ///
    /// # Errors
    /// [`RestoreError`]: nothing changed.
    pub fn restore_seen(&mut self, now: Instant, bytes: &[u8]) -> Result<usize, RestoreError> {
        self.shared.now = self.shared.now.max(now);
        let app_id = self.shared.account.texts.get(&self.shared.account.app_id);
        self.link.session.restore_seen(self.shared.now, self.shared.unix(), app_id, bytes)
    }

    /// What the bot knows of itself.
    pub fn identity(&self) -> Identity<'_> {
        self.api.lookup.identity()
    }

    /// The platform's clock as its last HTTP answer told it, and when that came in: good to a second or two.
    pub fn platform_clock(&self) -> Option<(Instant, UnixMillis)> {
        self.shared.platform_wall
    }

    /// How the bot ended, once it has.
    pub fn ended(&self) -> Option<End> {
        self.end
    }

    /// The counters.
    pub fn stats(&self) -> &Stats {
        &self.shared.report.stats
    }

    /// The pace the platform asked for, after clamping.
    pub fn client_config(&self) -> &crate::link::ClientConfig {
        self.link.session.client_config()
    }

    // ---- inside ----

    /// Every fact goes through here: time never runs back, nothing happens after the end, and whatever the fact made
    /// possible is started.
    fn fact(&mut self, now: Instant, fact: impl FnOnce(&mut Self)) {
        self.shared.now = self.shared.now.max(now);
        if self.end.is_some() {
            return;
        }
        let before = core::mem::discriminant(&self.state());
        fact(self);
        self.settle();
        if before != core::mem::discriminant(&self.state()) {
            count(&mut self.shared.report.stats.transitions);
        }
    }

    fn settle(&mut self) {
        if self.end.is_none()
            && let Some(fatal) = self.link.take_fatal()
        {
            self.finish_with(End::Fatal(fatal));
        }
        // A request that does not fit its lane ends at once and frees the lane again: at most once a call and lane.
        while self.end.is_none() {
            let first = self.started && self.shared.rules.identity_first && self.api.lookup.is_first();
            let discovery = self.started && self.link.phase() == Phase::Discovering && !first;
            let identity = first || (self.started && self.link.has_discovered());
            let finished = self.api.schedule(discovery, identity, &mut self.shared);
            if finished.is_none() {
                break;
            }
            self.finish(finished);
        }
        self.stop_step();
    }

    fn finish(&mut self, finished: Option<api::Finished>) {
        let Some(finished) = finished else { return };
        let mut fatal: Option<Fatal> = None;
        let answer = self.api.lanes.get(finished.lane).and_then(HttpLane::answer);
        if let Some(date) = answer.filter(|_| finished.fault.is_none()).and_then(|answer| answer.date) {
            self.shared.platform_wall = Some((self.shared.now, date));
        }
        match finished.job {
            Job::Discover => {
                let lane = self.api.lanes.get(finished.lane);
                let answer = lane.and_then(HttpLane::answer).filter(|_| finished.fault.is_none());
                let (url, session) = (&mut self.link.url, &mut self.link.session);
                let config = session.client_config_mut();
                let result = api::read_discovery(answer, finished.fault, &self.shared.rules, url, config);
                self.api.release(finished.lane, self.shared.now);
                self.link.handle_discovered(result, &mut self.shared);
                fatal = self.link.take_fatal();
            }
            Job::Token => {
                fatal = self.api.token_finished(finished, self.link.has_discovered(), &mut self.shared);
                self.api.release(finished.lane, self.shared.now);
            }
            Job::Identity => {
                if self.api.lookup_finished(finished, &mut self.shared) {
                    let open_id = self.api.lookup.open_id();
                    self.shared.report.notice(Notice::IdentityKnown { open_id });
                }
                self.api.release(finished.lane, self.shared.now);
            }
            Job::React(slot) => {
                self.api.reaction_finished(finished, slot, &mut self.shared);
                self.api.release(finished.lane, self.shared.now);
            }
            Job::Call(slot) => {
                self.api.call_finished(finished, slot, &mut self.shared);
                self.api.release(finished.lane, self.shared.now);
            }
        }
        if let Some(fatal) = fatal {
            self.finish_with(End::Fatal(fatal));
        }
    }

    /// Goes on with shutting down as far as it can.
    fn stop_step(&mut self) {
        if self.end.is_some() {
            return;
        }
        let now = self.shared.now;
        if let Stopping::Draining { by } = self.stopping
            && (!self.api.outbox.is_any_open() || by <= now)
        {
            self.stopping = Stopping::Flushing { by: now.after(FLUSH_MS) };
            self.link.stop_responses(&mut self.shared);
        }
        if let Stopping::Flushing { by } = self.stopping
            && (self.link.is_flushed() || by <= now)
        {
            self.stopping = Stopping::Closing;
            self.link.close(&mut self.shared);
        }
        if let (Stopping::Closing, Phase::Ended) = (self.stopping, self.link.phase()) {
            self.finish_with(End::Stopped);
        }
    }

    fn finish_with(&mut self, end: End) {
        self.end = Some(end);
        self.link.end(&mut self.shared);
        self.api.end(&mut self.shared);
    }
}

/// The longest text of `source` that a `User-Agent` may carry (protocol section 2.2).
fn sanitized<'a>(source: &str, room: &'a mut [u8; 64]) -> &'a str {
    let mut len = 0_usize;
    for (place, ch) in room.iter_mut().zip(source.chars()) {
        let allowed = ch.is_ascii_alphanumeric() || matches!(ch, '.' | '_' | '-');
        *place = if allowed { u8::try_from(ch).unwrap_or(b'_') } else { b'_' };
        len = len.saturating_add(1);
    }
    core::str::from_utf8(room.get(..len).unwrap_or_default()).unwrap_or_default()
}

fn check_storage(storage: &Storage<'_>) -> Result<(), ConfigError> {
    let lanes = storage.http.as_slice();
    let least = [
        ("socket_in", storage.socket_in.cap(), intake::LEAST),
        ("socket_out", storage.socket_out.cap(), LEAST_OUT),
        ("url", storage.url.cap(), 128),
        ("http", storage.http.cap(), 1),
        ("http.input", lanes.iter().map(HttpLane::input_cap).min().unwrap_or(LEAST_HTTP), LEAST_HTTP),
        ("http.output", lanes.iter().map(HttpLane::output_cap).min().unwrap_or(LEAST_HTTP), LEAST_HTTP),
    ];
    match least.into_iter().find(|(_, given, needed)| given < needed) {
        Some((name, _, needed)) => Err(ConfigError::Storage { name, needed }),
        None => Ok(()),
    }
}
