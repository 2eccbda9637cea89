//! Who may speak to the bot, and when (protocol section 13).
//!
//! ```text
//! envelope ─► seen? ─► stale? ─► self or bot? ─► allow-list ─► group: mentioned? ─► inbox
//! ```
//! The list concerns everything that somebody does towards the bot: messages, cards, link previews, menus, comments,
//! reactions, opening its chat. What nobody in particular does (a chat is renamed, the bot is added) passes.

use super::loops::Loops;
use super::mention;
use crate::event::typed::{Actor, ActorKind};
use crate::event::{Event, Message};
use crate::fault::DropReason;
use crate::storage::Region;
use crate::text::Short;
use crate::time::{Instant, UnixMillis};
use crate::wire::json::Str;

/// The rules of the gate.
#[derive(Clone, Copy, Debug, Default)]
pub struct GateRules<'a> {
    /// Who may speak: `ou_…` is compared with the open_id, `on_…` with the union_id, anything else with the user_id,
    /// exactly; `*` is everybody. **Empty denies all.**
    pub allowed_users: &'a [&'a str],
    /// In groups only messages that mention the bot count. Everything but `p2p` is a group.
    pub mention_only: bool,
    /// A mention of everyone (`@_all`) counts as one of the bot.
    pub respond_to_mention_all: bool,
    /// Other bots may speak too, at most four times a minute and chat while no person does.
    pub allow_bots: bool,
    /// Messages older than this many milliseconds are dropped, where a clock is known; 0 for none.
    pub stale_after_ms: u64,
}

/// Whether an entry of an allow-list could ever match: blank ones and such with spaces cannot be meant.
pub(crate) fn is_sound(entry: &str) -> bool {
    !entry.is_empty() && !entry.chars().any(|ch| ch.is_whitespace() || ch.is_control())
}

#[derive(Debug)]
pub(crate) struct Gate<'s> {
    /// The entries of the allow-list, each behind the other with a line feed after it.
    allowed: Region<'s>,
    len: usize,
    anyone: bool,
    mention_only: bool,
    respond_to_mention_all: bool,
    allow_bots: bool,
    stale_after_ms: u64,
    own_open_id: Short<64>,
    pub(crate) loops: Loops,
}

impl<'s> Gate<'s> {
    /// Copies the rules; what does not fit the region is left out, which denies more, never less.
    pub(crate) fn new(rules: &GateRules<'_>, mut allowed: Region<'s>) -> Self {
        let mut len = 0_usize;
        for entry in rules.allowed_users.iter().filter(|entry| is_sound(entry)) {
            let text_end = len.saturating_add(entry.len());
            let end = text_end.saturating_add(1);
            if !allowed.ensure(end) {
                break;
            }
            if let Some((last, room)) = allowed.bytes_mut().get_mut(len..end).and_then(<[u8]>::split_last_mut) {
                room.copy_from_slice(entry.as_bytes());
                *last = b'\n';
                len = end;
            }
        }
        Self {
            allowed,
            len,
            anyone: rules.allowed_users.contains(&"*"),
            mention_only: rules.mention_only,
            respond_to_mention_all: rules.respond_to_mention_all,
            allow_bots: rules.allow_bots,
            stale_after_ms: rules.stale_after_ms,
            own_open_id: Short::EMPTY,
            loops: Loops::default(),
        }
    }

    /// The bytes that an allow-list takes.
    pub(crate) fn needed(rules: &GateRules<'_>) -> usize {
        rules.allowed_users.iter().fold(0, |sum: usize, entry| sum.saturating_add(entry.len()).saturating_add(1))
    }

    pub(crate) fn set_own_open_id(&mut self, open_id: Short<64>) {
        self.own_open_id = open_id;
    }

    /// The bot's own `open_id`, empty while unknown.
    pub(crate) fn own_open_id(&self) -> &[u8] {
        self.own_open_id.as_bytes()
    }

    /// Whether the event may reach the application, which `actor` caused. `own_app`: this very app did. `chat`: the chat's
    /// hash.
    pub(crate) fn check(
        &self,
        now: Instant,
        unix: Option<UnixMillis>,
        event: &Event<'_>,
        actor: &Actor<'_>,
        own_app: bool,
        chat: Option<u64>,
    ) -> Result<(), DropReason> {
        let message = event.message();
        if message.is_some_and(|message| self.is_stale(&message, unix)) {
            return Err(DropReason::Stale);
        }
        let known = !self.own_open_id.is_empty();
        let is_self = known && actor.ids.open_id.is_some_and(|id| id.equals(self.own_open_id()));
        if own_app || is_self {
            return Err(DropReason::SelfSent);
        }
        if is_bot(actor) {
            if !self.allow_bots {
                return Err(DropReason::BotSender);
            }
            if !known {
                // It could be the bot itself, and answering oneself never ends.
                return Err(DropReason::BotIdentityUnknown);
            }
            if let Some(chat) = chat.filter(|_| message.is_some())
                && self.loops.is_tripped(now, chat)
            {
                return Err(DropReason::BotLoop);
            }
        }
        if !self.is_allowed(actor) {
            return Err(DropReason::SenderNotAllowed);
        }
        match message {
            Some(message) if self.mention_only && !message.is_p2p() => self.check_mention(&message, known),
            _ => Ok(()),
        }
    }

    fn is_stale(&self, message: &Message<'_>, unix: Option<UnixMillis>) -> bool {
        // Mostly there is no such rule, and the time need not be read.
        let Some(UnixMillis(now)) = unix.filter(|_| self.stale_after_ms > 0) else { return false };
        message.create_time().is_some_and(|UnixMillis(then)| now.saturating_sub(then) > self.stale_after_ms)
    }

    fn is_allowed(&self, actor: &Actor<'_>) -> bool {
        if self.anyone {
            return true;
        }
        // Each has its end behind it, so that nothing comes after the last one, which no id is either.
        self.allowed.slice(0, self.len).split(|byte| *byte == b'\n').any(|entry| {
            let id: Option<Str<'_>> = match entry {
                [b'o', b'u', b'_', ..] => actor.ids.open_id,
                [b'o', b'n', b'_', ..] => actor.ids.union_id,
                _ => actor.ids.user_id,
            };
            !entry.is_empty() && id.is_some_and(|id| id.equals(entry))
        })
    }

    fn check_mention(&self, message: &Message<'_>, known: bool) -> Result<(), DropReason> {
        // Envelope v1 says itself whether the bot is meant.
        let mentioned =
            message.legacy_is_mention().unwrap_or_else(|| known && mention::is_mentioned(message, self.own_open_id()));
        if mentioned || (self.respond_to_mention_all && mention::is_all(message)) {
            return Ok(());
        }
        let unknown = !known && !message.is_legacy();
        Err(if unknown { DropReason::BotIdentityUnknown } else { DropReason::NoMention })
    }
}

pub(crate) fn is_bot(actor: &Actor<'_>) -> bool {
    match actor.kind {
        ActorKind::App => true,
        ActorKind::Unknown(kind) => kind.is_some_and(|kind| kind == "bot"),
        ActorKind::User => false,
    }
}
