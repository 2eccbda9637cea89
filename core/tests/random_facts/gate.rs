//! The rules of protocol sections 10 and 13 once more, written for readers and without the engine's code.

use std::collections::{BTreeMap, BTreeSet};

use larkwire_core::GateRules;
use larkwire_core::fault::DropReason;

use super::pool::{At, Deed, Kind, OWN};

pub(crate) struct Gate {
    pub(crate) rules: GateRules<'static>,
    pub(crate) seen: BTreeSet<String>,
    /// The wall clock, and when it was told.
    pub(crate) wall: Option<(u64, u64)>,
    /// When bots spoke in a chat, since a person did.
    bots: BTreeMap<&'static str, Vec<u64>>,
}

impl Gate {
    pub(crate) fn new(rules: GateRules<'static>) -> Self {
        Self { rules, seen: BTreeSet::new(), wall: None, bots: BTreeMap::new() }
    }

    pub(crate) fn keys(deed: &Deed) -> impl Iterator<Item = String> {
        let key = |kind: &str, id: String| (!id.is_empty()).then(|| format!("{kind}:{id}"));
        [key("event", deed.event_id()), key("message", deed.message_id())].into_iter().flatten()
    }

    pub(crate) fn remember(&mut self, deed: &Deed) {
        self.seen.extend(Self::keys(deed));
    }

    /// The application took it in time.
    pub(crate) fn accepted(&mut self, deed: &Deed, now: u64) {
        self.remember(deed);
        if deed.is_message() {
            let bots = self.bots.entry(deed.chat).or_default();
            if is_bot(deed) { bots.push(now) } else { bots.clear() }
        }
    }

    /// What the gate must say; `known`: the bot knows its own `open_id`.
    pub(crate) fn judge(&self, deed: &Deed, now: u64, known: bool) -> Result<(), DropReason> {
        let rules = &self.rules;
        match deed.kind {
            Kind::Broken => return Err(DropReason::Malformed),
            Kind::Foreign => return Err(DropReason::OtherApp),
            _ if Self::keys(deed).any(|key| self.seen.contains(&key)) => return Err(DropReason::Duplicate),
            Kind::News | Kind::Other => return Ok(()),
            _ => {}
        }
        if let (Kind::Message, Some(written), Some((at, unix))) = (deed.kind, deed.written, self.wall)
            && rules.stale_after_ms > 0
            && (unix + (now - at)).saturating_sub(written) > rules.stale_after_ms
        {
            return Err(DropReason::Stale);
        }
        let of_app = deed.kind == Kind::Reaction && deed.who.3 != "user";
        if deed.who.0 == OWN && (known || of_app) {
            return Err(DropReason::SelfSent);
        }
        if is_bot(deed) {
            if !rules.allow_bots {
                return Err(DropReason::BotSender);
            }
            if !known {
                return Err(DropReason::BotIdentityUnknown);
            }
            let spoken = self.bots.get(deed.chat).map_or(&[][..], |spoken| &spoken[spoken.len().saturating_sub(4)..]);
            if deed.is_message() && spoken.len() == 4 && now - spoken[0] < 60_000 {
                return Err(DropReason::BotLoop);
            }
        }
        let listed = rules.allowed_users.iter().any(|entry| match entry {
            &"*" => true,
            _ if of_app => false,
            entry if entry.starts_with("ou_") => *entry == deed.who.0,
            entry if entry.starts_with("on_") => *entry == deed.who.1 && deed.kind != Kind::OldCard,
            entry => *entry == deed.who.2,
        });
        if !listed {
            return Err(DropReason::SenderNotAllowed);
        }
        if !deed.is_message() || !rules.mention_only || matches!(deed.chat_type, "p2p" | "private") {
            return Ok(());
        }
        let legacy = deed.kind == Kind::V1;
        let all = !legacy && matches!(deed.at, At::All | At::AllInText);
        if (deed.at == At::Own && (known || legacy)) || (all && rules.respond_to_mention_all) {
            return Ok(());
        }
        Err(if known || legacy { DropReason::NoMention } else { DropReason::BotIdentityUnknown })
    }
}

fn is_bot(deed: &Deed) -> bool {
    matches!(deed.kind, Kind::Message | Kind::Reaction) && matches!(deed.who.3, "app" | "bot")
}
