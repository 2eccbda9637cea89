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
        Notice::Connected => tracing::info!("connected"),
        Notice::Dropped { reason: reason @ DropReason::Duplicate, trace_id, .. } => {
            tracing::info!(%trace_id, "event not delivered: {reason}");
        }
        Notice::Dropped { reason, bytes, trace_id } => {
            tracing::warn!(%trace_id, bytes, "event not delivered: {reason}");
        }
        Notice::LinkLost { fault: fault @ LinkFault::DiscoveryCode(_), wait_ms } => {
            tracing::warn!("{fault}; next attempt in {}", seconds(wait_ms));
        }
        Notice::LinkLost { fault, wait_ms } => tracing::info!("{fault}; next attempt in {}", seconds(wait_ms)),
        Notice::TokenFailed { code, wait_ms } => {
            tracing::warn!(code, "no token from the platform; next try in {}", seconds(wait_ms));
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
