//! Notices as `tracing` events: reconnects are ordinary and say so at level info, what costs a message is a warning.

use larkwire_core::fault::{DropReason, LinkFault};
use larkwire_core::{End, Notice};

pub(crate) fn log(notice: &Notice) {
    match *notice {
        Notice::AuthRejected => {
            tracing::warn!(
                "the platform keeps refusing the upgrade: check the app's credentials and state in the console"
            );
        }
        Notice::CallRetried { kind, code, wait_ms } => {
            tracing::info!(code, "a call failed ({}) and is tried again in {}", kind.next_step(), seconds(wait_ms));
        }
        Notice::ClockOff { ahead_s } => {
            tracing::warn!(
                ahead_s,
                "this machine's clock is minutes off from the platform's, which serves instead: set it"
            );
        }
        Notice::Connected => tracing::info!("connected"),
        Notice::Dropped { reason: reason @ DropReason::Duplicate, trace_id, .. } => {
            tracing::info!(%trace_id, "event not delivered: {reason}");
        }
        // A busy group would fill the log with what was never meant for the bot.
        Notice::Dropped { reason: reason @ (DropReason::NoMention | DropReason::SelfSent), trace_id, .. } => {
            tracing::debug!(%trace_id, "event not delivered: {reason}");
        }
        Notice::Dropped { reason: reason @ DropReason::SenderNotAllowed, trace_id, actor, .. } => {
            tracing::warn!(%trace_id, %actor, "event not delivered: {reason}; to change that, allow this id");
        }
        Notice::Dropped { reason, bytes, trace_id, .. } => {
            tracing::warn!(%trace_id, bytes, "event not delivered: {reason}");
        }
        Notice::IdentityFailed { fault, wait_ms } => {
            tracing::warn!("the platform does not say who the bot is: {fault}; asked again in {}", seconds(wait_ms));
        }
        Notice::IdentityKnown { open_id } => tracing::info!(%open_id, "the bot knows itself"),
        #[cfg(feature = "webhook")]
        Notice::PostRefused { reason, times } => {
            tracing::warn!(times, "requests to the webhook were refused; the last one: {reason}");
        }
        #[cfg(feature = "webhook")]
        Notice::UrlVerified => tracing::info!("the platform has verified the request URL"),
        Notice::ReactionFailed { fault } => tracing::warn!("a reaction did not get through: {fault}"),
        Notice::LinkLost { fault: fault @ LinkFault::DiscoveryCode(_), wait_ms } => {
            tracing::warn!("{fault}; next attempt in {}", seconds(wait_ms));
        }
        Notice::LinkLost { fault, wait_ms } => tracing::info!("{fault}; next attempt in {}", seconds(wait_ms)),
        Notice::TokenFailed { code, message, wait_ms } => {
            tracing::warn!(code, %message, "no token from the platform; next try in {}", seconds(wait_ms));
        }
        _ => tracing::info!(?notice, "notice"),
    }
}

pub(crate) fn log_end(end: &End) {
    match end {
        End::Fatal(fatal) => tracing::error!(target: "larkwire_tokio::end", "{fatal}"),
        End::Stopped => tracing::info!("stopped"),
    }
}

/// Milliseconds as a person says them.
fn seconds(ms: u64) -> String {
    if ms < 1000 { format!("{ms} ms") } else { format!("{}.{} s", ms / 1000, ms % 1000 / 100) }
}
