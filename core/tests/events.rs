//! Events as an application sees them: by type, by who acted, field by field, and in types of its own.
#![cfg(feature = "alloc")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "tests may panic"
)]

mod support;

#[cfg(feature = "serde")]
#[path = "events/decoding.rs"]
mod decoding;
#[path = "events/language.rs"]
mod language;
#[path = "events/legacy.rs"]
mod legacy;
#[path = "events/leniency.rs"]
mod leniency;
#[path = "events/random.rs"]
mod random;
#[path = "events/tell.rs"]
mod tell;
#[path = "events/types.rs"]
mod types;

use larkwire_core::{Config, Event, GateRules, OwnOpenId, Storage, Verdict};
use serde_json::{Value, json};
use support::{App, World};
use tell::{tell, who};

/// A bot on a platform that sends one event after the other.
struct Platform {
    world: World,
    sent: usize,
}

impl Platform {
    fn new() -> Self {
        // Bots are let through here, so that their events can be looked at, too.
        let gate = GateRules { allowed_users: &["*"], allow_bots: true, ..GateRules::default() };
        let own_open_id = OwnOpenId::Given("ou_me");
        let mut world = World::with(Config { gate, own_open_id, ..support::config() }, Storage::growable()).open();
        world.script.app = App::Hold;
        Self { world, sent: 0 }
    }

    /// Looks at the event as the bot hands it over; `None` when it does not.
    fn event<R>(&mut self, payload: &str, look: impl FnOnce(Event<'_>) -> R) -> Option<R> {
        self.sent += 1;
        self.world.event(&format!("frame {}", self.sent), payload);
        let seen = self.world.bot.poll_delivery().map(look);
        if seen.is_some() {
            self.world.decide(Verdict::Accepted);
        }
        seen
    }
}

fn with_event<R>(payload: &Value, look: impl FnOnce(Event<'_>) -> R) -> R {
    Platform::new().event(&payload.to_string(), look).expect("an event the bot hands over")
}

fn v2(event_type: &str, event: Value) -> Value {
    json!({"schema": "2.0", "header": {"event_type": event_type, "create_time": "1700000000000"}, "event": event})
}

fn v1(event: Value) -> Value {
    json!({"uuid": "u1", "ts": "1502199207.7171419", "token": "", "type": "event_callback", "event": event})
}

/// All that the event's view tells, in one line.
fn told(payload: &Value) -> String {
    with_event(payload, |event| tell(&event))
}

/// Who acted, where, on what, in one line.
fn asked(payload: &Value) -> String {
    with_event(payload, |event| who(&event))
}
