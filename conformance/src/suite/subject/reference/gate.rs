//! Who may speak, and what came before: protocol sections 10 and 13.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::Client;
use super::defects::Defect;
use super::envelope::{Happening, Message, Who};
use super::text::mentions_all;

/// Messages of bots in a chat without one of a person.
const LOOP: usize = 4;
/// Within this time.
const LOOP_WITHIN: Duration = Duration::from_secs(60);
/// How long ids are remembered by default.
const WINDOW_S: u64 = 12 * 60 * 60;

/// Ids of what was accepted, and when, in milliseconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Seen {
    ids: HashMap<String, u64>,
}

fn keys(client: &Client, happening: &Happening) -> Vec<String> {
    let event = Some(&happening.id).filter(|id| !id.is_empty() && !client.has(Defect::DedupByMessageIdOnly));
    let message = happening.message.as_ref().map(|message| &message.id);
    let message = message.filter(|id| !id.is_empty() && !client.has(Defect::DedupByEventIdOnly));
    event.map(|id| format!("e:{id}")).into_iter().chain(message.map(|id| format!("m:{id}"))).collect()
}

impl Seen {
    pub(super) fn load(client_memory: &[u8]) -> Self {
        Self { ids: serde_json::from_slice(client_memory).unwrap_or_default() }
    }

    pub(super) fn save(&self) -> Vec<u8> {
        serde_json::to_vec(&self.ids).unwrap_or_default()
    }

    pub(super) fn forget(&mut self) {
        self.ids.clear();
    }

    pub(super) fn knows(&self, client: &Client, happening: &Happening) -> bool {
        let window = client.start.settings.dedup_window_s.unwrap_or(WINDOW_S) * 1000;
        let now = client.wall_ms();
        let known = |key: &String| self.ids.get(key).is_some_and(|at| now.saturating_sub(*at) < window);
        !client.has(Defect::NoDedup) && keys(client, happening).iter().any(known)
    }

    pub(super) fn note(&mut self, client: &Client, happening: &Happening) {
        let now = client.wall_ms();
        self.ids.extend(keys(client, happening).into_iter().map(|key| (key, now)));
    }
}

/// When bots spoke in a chat since the last person.
pub(super) type Loops = HashMap<String, Vec<Instant>>;

/// Whether it may pass.
pub(super) fn admits(client: &Client, happening: &Happening) -> bool {
    !is_stale(client, happening) && may_speak(client, happening) && is_meant(client, happening)
}

fn is_stale(client: &Client, happening: &Happening) -> bool {
    let limit = client.start.settings.stale_after_s.unwrap_or_default() * 1000;
    let created = happening.message.as_ref().and_then(|message| message.created);
    limit > 0 && created.is_some_and(|created| client.wall_ms().saturating_sub(created) > limit)
}

fn may_speak(client: &Client, happening: &Happening) -> bool {
    let Some(who) = &happening.who else { return true };
    let own = client.identity();
    let itself = own.as_ref().is_some_and(|own| who.open_id == *own)
        || who.app.as_ref().is_some_and(|app| *app == client.start.app_id);
    if itself {
        return client.has(Defect::HearsItself);
    }
    let settings = &client.start.settings;
    if who.app.is_some() {
        let bots = settings.allow_bots.unwrap_or_default() || client.has(Defect::HearsBots);
        if !bots || (own.is_none() && !client.has(Defect::HearsBots)) {
            return false;
        }
        if let Some(message) = &happening.message
            && client.bots_in(&message.chat_id, LOOP_WITHIN) >= LOOP
        {
            return false;
        }
    }
    match &settings.allowed_users {
        None => true,
        Some(entries) if entries.is_empty() => client.has(Defect::EmptyListAllowsAll),
        Some(entries) => entries.iter().any(|entry| fits(client, entry, who)),
    }
}

/// Each entry is compared with the kind of id it is.
fn fits(client: &Client, entry: &str, who: &Who) -> bool {
    if client.has(Defect::AllowListAnyKind) && [&who.open_id, &who.union_id, &who.user_id].contains(&&entry.to_owned())
    {
        return true;
    }
    if client.has(Defect::AllowListLetterCase) && entry.eq_ignore_ascii_case(&who.open_id) {
        return true;
    }
    match entry {
        "*" => true,
        _ if client.has(Defect::AllowListOpenIdOnly) => entry == who.open_id,
        _ if entry.starts_with("ou_") => entry == who.open_id,
        _ if entry.starts_with("on_") => entry == who.union_id,
        _ => entry == who.user_id,
    }
}

/// A message in a group needs a mention, where that is wanted.
fn is_meant(client: &Client, happening: &Happening) -> bool {
    let Some(message) = &happening.message else { return true };
    let settings = &client.start.settings;
    let direct = matches!(message.chat_type.as_str(), "p2p" | "private")
        || message.chat_type == "topic_group" && client.has(Defect::TopicAsDirect);
    if direct || settings.mention_only != Some(true) {
        return true;
    }
    let all = settings.respond_to_mention_all == Some(true) || client.has(Defect::AllOpensGate);
    mentions_bot(client, message)
        || all && mentions_all(message.raw_text.as_deref().unwrap_or_default(), &message.mentions)
}

fn mentions_bot(client: &Client, message: &Message) -> bool {
    if client.has(Defect::AnyMentionOpens) && !message.mentions.is_empty() {
        return true;
    }
    let own = client.identity();
    message.is_mention || own.is_some_and(|own| message.mentions.iter().any(|mention| mention.open_id == own))
}
