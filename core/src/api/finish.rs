//! What came of an exchange: answers read, faults sorted, tries counted (protocol sections 13 to 16).

use super::call::{write_message_path, write_reaction as write_reaction_body};
use super::codes::{self, CallClass};
use super::exchange::{Answer, Fault, HttpLane};
use super::{Api, Finished, token};
use crate::fault::{CallFault, CallFaultKind, Fatal, FatalReason};
use crate::notice::{Notice, count};
use crate::shared::{Account, OnFatal, Shared};
use crate::text::Short;
use crate::wire::http::{self, HttpError, Method};
use crate::wire::writer::Writer;

/// Tries of a call that the platform is too busy for.
const TRIES: u8 = 3;
/// No call waits longer between tries, whatever the platform says (protocol section 16.5).
const CALL_WAIT_MS: u64 = 60_000;
/// A pause before the one retry of a reaction, unless the platform names a longer one.
const REACTION_WAIT_MS: u64 = 1000;

type Outcome<'a> = Result<&'a str, (CallClass, CallFault)>;

/// What an exchange with a token came to: the answer's data, or why there is none; and how long the platform wants to
/// be left alone.
fn outcome<'a>(fault: Option<Fault>, answer: Option<&Answer<'a>>) -> (Outcome<'a>, u64) {
    let without_answer = |class, kind| Err((class, CallFault { kind, code: 0, message: Short::EMPTY }));
    match (fault, answer) {
        (None, Some(answer)) => (codes::read(answer), answer.floor_ms().min(CALL_WAIT_MS)),
        // It would be as long the next time, and what was asked for may be done.
        (Some(Fault::Overrun), _) => {
            let message = Short::new("it is longer than the lane's storage");
            (Err((CallClass::Final, CallFault { kind: CallFaultKind::Answer, code: 0, message })), 0)
        }
        (Some(Fault::Request), _) => (without_answer(CallClass::Final, CallFaultKind::Size), 0),
        _ => (without_answer(CallClass::Network, CallFaultKind::Network), 0),
    }
}

impl Api<'_> {
    /// A token exchange ended. `Some`: the bot cannot go on. Before discovery has said so, wrong credentials are not the
    /// end: discovery tells more (a wrong region looks the same to the token's endpoint).
    pub(crate) fn token_finished(
        &mut self,
        finished: Finished,
        discovered: bool,
        shared: &mut Shared<'_>,
    ) -> Option<Fatal> {
        let answer = self.lanes.get(finished.lane).and_then(HttpLane::answer).filter(|_| finished.fault.is_none());
        let floor_ms = answer.as_ref().map_or(0, |answer| answer.floor_ms().min(CALL_WAIT_MS));
        let refused = match answer {
            Some(answer) => token::read(&answer),
            None => Err(token::Refused::default()),
        };
        match refused.and_then(|(token, expire)| self.token.store(token, expire, shared.now)) {
            Ok(()) => None,
            Err(refused)
                if refused.credentials
                    && shared.rules.on_fatal == OnFatal::End
                    && (discovered || self.outbox.is_any_open()) =>
            {
                Some(Fatal {
                    reason: FatalReason::Credentials,
                    code: refused.code,
                    message: Short::new(refused.message.as_str()),
                    last: None,
                })
            }
            Err(refused) => {
                let wait_ms = self.token.failed(refused, floor_ms, &mut shared.rng, shared.now);
                let message = Short::new(refused.message.as_str());
                shared.report.notice(Notice::TokenFailed { code: refused.code, message, wait_ms });
                // Where streams take turns, a lookup that is due at every chance would cost one each.
                let costs_turns = shared.rules.planned_turns && self.lookup.is_due(shared.now);
                if self.lookup.is_first() || costs_turns {
                    self.lookup.failed(wait_ms, &mut shared.rng, shared.now);
                }
                None
            }
        }
    }

    /// The exchange of a call ended.
    pub(crate) fn call_finished(&mut self, finished: Finished, slot: usize, shared: &mut Shared<'_>) {
        let answer = self.lanes.get(finished.lane).and_then(HttpLane::answer);
        if let Some(answer) = answer.filter(|_| finished.fault.is_none()) {
            self.outbox.set_log_id(slot, answer.log_id);
        }
        let (outcome, floor_ms) = outcome(finished.fault, answer.as_ref());
        let (class, fault) = match outcome {
            Ok(data) => return self.outbox.succeed(slot, data, &mut shared.report),
            Err((_, fault)) if codes::is_gone(fault.code) && self.outbox.is_done_when_gone(slot) => {
                return self.outbox.succeed(slot, "", &mut shared.report);
            }
            Err(failed) => failed,
        };
        if class == CallClass::Token {
            self.token.invalidate(self.outbox.token_of(slot));
        }
        let wait_ms = match class {
            CallClass::Final => None,
            CallClass::Token => self.outbox.forgive_token(slot).then_some(0),
            CallClass::Network => Some(self.outbox.backoff(slot, &mut shared.rng)),
            CallClass::Again => {
                self.outbox.count_try(slot, TRIES).then(|| self.outbox.backoff(slot, &mut shared.rng).max(floor_ms))
            }
        };
        match wait_ms.filter(|_| shared.now < self.outbox.expires(slot)) {
            Some(wait_ms) => {
                self.outbox.again(slot, shared.now.after(wait_ms), fault);
                if wait_ms > 0 {
                    shared.report.notice(Notice::CallRetried { kind: fault.kind, code: fault.code, wait_ms });
                }
            }
            None => self.outbox.fail(slot, fault, &mut shared.report),
        }
    }

    /// The bot's identity was asked for; `true`: it is known now.
    pub(crate) fn lookup_finished(&mut self, finished: Finished, shared: &mut Shared<'_>) -> bool {
        let answer = self.lanes.get(finished.lane).and_then(HttpLane::answer);
        let (outcome, floor_ms) = outcome(finished.fault, answer.as_ref());
        let fault = match outcome {
            Ok(data) if self.lookup.succeed(data) => return true,
            Ok(_) => CallFault { kind: CallFaultKind::Answer, code: 0, message: Short::EMPTY },
            Err((CallClass::Token, fault)) => {
                self.token.invalidate(self.lookup.token_serial());
                if self.lookup.forgive_token() {
                    return false;
                }
                fault
            }
            Err((_, fault)) => fault,
        };
        let wait_ms = self.lookup.failed(floor_ms, &mut shared.rng, shared.now);
        shared.report.notice(Notice::IdentityFailed { fault, wait_ms });
        false
    }

    /// An acknowledgement reaction was sent, or not: nobody waits for it.
    pub(crate) fn reaction_finished(&mut self, finished: Finished, slot: usize, shared: &mut Shared<'_>) {
        let answer = self.lanes.get(finished.lane).and_then(HttpLane::answer);
        let (outcome, floor_ms) = outcome(finished.fault, answer.as_ref());
        let (class, fault) = match outcome {
            Ok(_) => {
                count(&mut shared.report.stats.reactions_sent);
                return self.reactions.finish(slot);
            }
            Err(failed) => failed,
        };
        if class == CallClass::Token {
            self.token.invalidate(self.reactions.token_of(slot));
        }
        let retried = matches!(class, CallClass::Token) || fault.kind == CallFaultKind::Rate;
        if retried && self.reactions.may_retry(slot) {
            let wait_ms = if class == CallClass::Token { 0 } else { floor_ms.max(REACTION_WAIT_MS) };
            return self.reactions.again(slot, shared.now.after(wait_ms));
        }
        if fault.code == 231_001 {
            self.reactions.disable(slot);
        }
        count(&mut shared.report.stats.reactions_dropped);
        shared.report.notice(Notice::ReactionFailed { fault });
        self.reactions.finish(slot);
    }
}

pub(super) fn write_lookup(w: &mut Writer<'_>, authorization: &str, account: &Account<'_>) -> Result<(), HttpError> {
    let headers = [
        ("Authorization", authorization),
        ("Accept", "application/json"),
        ("User-Agent", account.texts.get(&account.user_agent)),
    ];
    let target = [account.texts.get(&account.prefix), "/open-apis/bot/v3/info"];
    http::write_request(w, Method::Get, &target, account.authority(), &headers, None)
}

pub(super) fn write_reaction(
    w: &mut Writer<'_>,
    message_id: &str,
    emoji_type: &str,
    authorization: &str,
    account: &Account<'_>,
) -> Result<(), HttpError> {
    // An id of 64 bytes, each three characters long at worst, and the path around it.
    let mut room = [0; 256];
    let mut path = Writer::new(&mut room);
    write_message_path(&mut path, message_id, b"/reactions");
    let len = path.finish().map_err(|_| HttpError::RequestTarget)?;
    let path = room.get(..len).and_then(|path| core::str::from_utf8(path).ok()).ok_or(HttpError::RequestTarget)?;
    let mut counting = Writer::counting();
    write_reaction_body(&mut counting, emoji_type);
    let headers = [
        ("Authorization", authorization),
        ("Accept", "application/json"),
        ("User-Agent", account.texts.get(&account.user_agent)),
        ("Content-Type", "application/json; charset=utf-8"),
    ];
    let target = [account.texts.get(&account.prefix), path];
    http::write_request(w, Method::Post, &target, account.authority(), &headers, Some(counting.len()))?;
    write_reaction_body(w, emoji_type);
    Ok(())
}
