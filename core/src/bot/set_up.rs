//! How a bot is made: configuration checked, texts copied, storage handed to whom it belongs.

use super::{Bot, Stopping};
use crate::api::{Api, HttpLane, OwnOpenId};
use crate::config::{Config, ConfigError, Storage};
use crate::gate::Gate;
use crate::hints::Hints;
use crate::link::intake;
use crate::link::{Link, Session, SessionRules, SessionStorage};
use crate::notice::Report;
use crate::rng::{Rng, Seed};
use crate::shared::{Account, Rules, Shared, Texts};
use crate::time::Instant;

/// The shortest useful `socket_out`: an upgrade request.
const LEAST_OUT: usize = 768;
/// The shortest useful HTTP buffers: a discovery answer, a token request.
const LEAST_HTTP: usize = 1024;

impl<'s> Bot<'s> {
    /// A bot that has not been told the time yet: it wishes for nothing until its deadline at instant 0 is told.
    ///
    /// # Errors
    /// [`ConfigError`] names the field or the storage that is wrong, with the size it needs.
    pub fn new(config: Config<'_>, storage: Storage<'s>, seed: Seed) -> Result<Self, ConfigError> {
        let url = config.check()?;
        check_storage(&storage)?;
        let needed = Gate::needed(&config.gate);
        if storage.allowed.cap() < needed {
            return Err(ConfigError::Storage { name: "allowed", needed });
        }
        let mut texts = Texts::new(storage.texts);
        let agent = concat!("larkwire/v", env!("CARGO_PKG_VERSION"));
        let mut word = [0; 64];
        let source = sanitized(config.source, &mut word);
        let separator = if source.is_empty() { "" } else { " source/" };
        let pieces = [config.app_id, config.app_secret.expose(), url.host, url.target, agent, separator, source];
        let needed = pieces.iter().fold(0, |sum: usize, text| sum.saturating_add(text.len()));
        let too_small = ConfigError::Storage { name: "texts", needed };
        if texts.cap() < needed {
            // Before the secret is copied.
            return Err(too_small);
        }
        let mut keep = |text: &str| texts.add(text).ok_or(too_small);
        let (app_id, app_secret) = (keep(config.app_id)?, keep(config.app_secret.expose())?);
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
            ack_reactions: config.ack_reactions,
            locale_of: config.locale_of,
            planned_turns: config.planned_turns,
            identity_first: config.gate.mention_only || config.planned_turns,
        };
        let mut session = Session::new(
            SessionRules {
                app_id: config.app_id,
                dedup_window_ms: config.dedup_window_ms,
                gate: config.gate,
                pong_timeout_ms: config.pong_timeout_ms,
            },
            SessionStorage {
                parts: storage.parts,
                assembled: storage.assembled,
                part_sets: storage.part_sets,
                finished: storage.finished,
                seen: storage.seen,
                allowed: storage.allowed,
                callbacks: storage.callbacks,
            },
            &seed,
        );
        if let OwnOpenId::Given(open_id) = config.own_open_id {
            session.handle_identity(open_id);
        }
        let mut rng = Rng::new(&seed);
        // The session drew its hash key from the same seed; masks and ids must not repeat it.
        let _: [u8; 16] = rng.bytes();
        Ok(Self {
            shared: Shared {
                now: Instant::ZERO,
                wall: None,
                platform_wall: None,
                wall_is_off: false,
                rng,
                report: Report::new(storage.notices),
                rules,
                account,
            },
            link: Link::new(session, storage.socket_in, storage.socket_out, storage.url, config.link),
            hints: Hints::new(storage.chat_locales),
            api: Api::new(storage.http, storage.outbox, storage.reactions, storage.token, config.own_open_id),
            #[cfg(feature = "webhook")]
            desk: crate::webhook::Desk::new(crate::Slots::fixed(&mut [])),
            stopping: Stopping::No,
            turn: None,
            linger: Instant::ZERO,
            started: false,
            end: None,
        })
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
