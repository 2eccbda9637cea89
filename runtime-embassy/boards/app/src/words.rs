//! A notice as one line: a word for machines first, then what people want to know.

use larkwire_embassy::Notice;

use crate::Say;

/// A small board has a word for machines only: what people want to know is told by the codes that stand with it.
#[cfg(feature = "small")]
pub(crate) fn notice(say: Say, notice: &Notice) {
    match notice {
        Notice::Connected => say(format_args!("connected")),
        Notice::Dropped { reason, .. } => say(format_args!("dropped {}", reason.as_str())),
        Notice::IdentityKnown { .. } => say(format_args!("identity")),
        Notice::LinkLost { wait_ms, .. } => say(format_args!("link_lost wait_ms={wait_ms}")),
        Notice::TokenFailed { code, .. } => say(format_args!("token_failed code={code}")),
        _ => say(format_args!("notice")),
    }
}

#[cfg(not(feature = "small"))]
pub(crate) fn notice(say: Say, notice: &Notice) {
    match notice {
        Notice::AuthRejected => say(format_args!("auth_rejected")),
        Notice::ClockOff { ahead_s } => say(format_args!("clock_off ahead_s={ahead_s}")),
        Notice::CallRetried { kind, code, wait_ms } => {
            say(format_args!("call_retried wait_ms={wait_ms} code={code} {kind:?}"));
        }
        Notice::Connected => say(format_args!("connected")),
        Notice::Dropped { reason, bytes, actor, .. } => {
            say(format_args!("dropped {} bytes={bytes} actor={actor}", reason.as_str()));
        }
        Notice::IdentityFailed { fault, wait_ms } => say(format_args!("identity_failed wait_ms={wait_ms} {fault}")),
        Notice::IdentityKnown { open_id } => say(format_args!("identity {open_id}")),
        Notice::LinkLost { fault, wait_ms } => say(format_args!("link_lost wait_ms={wait_ms} {fault}")),
        Notice::ReactionFailed { fault } => say(format_args!("reaction_failed {fault}")),
        Notice::TokenFailed { code, message, wait_ms } => {
            say(format_args!("token_failed wait_ms={wait_ms} code={code} {message}"));
        }
        // A later engine may have more to tell.
        _ => say(format_args!("notice")),
    }
}
