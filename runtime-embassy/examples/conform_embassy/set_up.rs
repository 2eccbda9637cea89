//! The bot as the suite wants it, with the tables of a roomy board and more bytes in them.

use std::array::from_fn;

use larkwire_embassy::core::link::{CallbackSlot, FinishedId, PartSet};
use larkwire_embassy::core::{
    AckReaction, Bot, CallSlot, ChatLocale, Config, Domain, GateRules, HttpLane, OnFatal, Region, Secret, Seed,
    SeenEntry, Slots, Storage,
};
use larkwire_embassy::{Notice, Resources};
use serde_json::Value;

use crate::cable::{PLATFORM, leak};
use crate::shim::{self, flag, number, text};

/// The longest message, event or answer.
pub(crate) const MESSAGE: usize = 1024 * 1024;
/// Requests and answers of calls.
pub(crate) const HTTP: usize = 256 * 1024;
/// Remembered ids, two a message.
pub(crate) const SEEN: usize = 4096;

/// Makes the bot; else what is wrong with its settings.
pub(crate) fn set_up(start: &Value) -> Result<Resources<'static, 1>, String> {
    let told = &start["settings"];
    let seconds = |name| number::<u64>(told, name).map(|seconds| seconds.saturating_mul(1000));
    let defaults = Config::default();
    let mut seed = [0; 32];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut seed).map_err(|error| error.to_string())?;
    // The far board's doors have the platform's ports.
    let domain = text(start, "base_url").replace("127.0.0.1", &PLATFORM.to_string());
    let config = Config {
        app_id: text(start, "app_id"),
        app_secret: Secret::new(text(start, "app_secret")),
        domain: Domain::Custom(&domain),
        dangerously_allow_plaintext: true,
        gate: GateRules {
            allowed_users: &shim::allowed_users(told),
            mention_only: flag(told, "mention_only"),
            respond_to_mention_all: flag(told, "respond_to_mention_all"),
            allow_bots: flag(told, "allow_bots"),
            stale_after_ms: seconds("stale_after_s").unwrap_or_default(),
        },
        ack_reactions: shim::ack_reactions(told),
        dedup_window_ms: seconds("dedup_window_s").unwrap_or(defaults.dedup_window_ms),
        pong_timeout_ms: number(told, "pong_timeout_ms").unwrap_or(defaults.pong_timeout_ms),
        max_attempts: number(told, "max_attempts"),
        follow_reconnect_count: flag(told, "follow_reconnect_count"),
        on_fatal: if flag(told, "retry_fatal") { OnFatal::SlowRetry } else { OnFatal::End },
        ..defaults
    };
    let bot = Bot::new(config, storage(), Seed(seed)).map_err(|error| error.to_string())?;
    Ok(Resources::new(bot).map_err(|error| error.to_string())?.text_room(HTTP / 2))
}

fn storage() -> Storage<'static> {
    let region = |bytes: usize| Region::fixed(vec![0; bytes].leak());
    Storage {
        texts: region(1024),
        socket_in: region(MESSAGE + 4096),
        socket_out: region(256 * 1024),
        url: region(4096),
        parts: region(2 * MESSAGE),
        assembled: region(MESSAGE),
        part_sets: Slots::fixed(leak([PartSet::EMPTY; 8])),
        finished: Slots::fixed(leak([FinishedId::EMPTY; 64])),
        allowed: region(16 * 1024),
        chat_locales: Slots::fixed(leak([ChatLocale::EMPTY; 4])),
        seen: Slots::fixed(leak([SeenEntry::EMPTY; SEEN])),
        callbacks: Slots::fixed(leak::<[_; 16]>(from_fn(|_| CallbackSlot::new(region(128 * 1024))))),
        http: Slots::fixed(leak([HttpLane::new(region(HTTP), region(HTTP))])),
        outbox: Slots::fixed(leak::<[_; 4]>(from_fn(|_| CallSlot::new(region(HTTP))))),
        reactions: Slots::fixed(leak([AckReaction::EMPTY; 16])),
        token: region(4096 + 8),
        notices: Slots::fixed(leak([Notice::Connected; 16])),
    }
}
