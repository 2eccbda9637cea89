//! What an attempt's outcome means: try again, how soon, or tell a person. The tables of protocol sections 2.4, 2.5, 3.

use super::retry::Pace;
use crate::fault::{Fatal, FatalReason, LinkFault};
use crate::text::Short;
use crate::wire::http::Head;

/// How a failed attempt goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// A person is needed; the fault is for those who go on all the same.
    Fatal(Fatal, LinkFault),
    Retry(Failure),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    pub(crate) fault: LinkFault,
    pub(crate) pace: Pace,
    /// The wait is at least this long.
    pub(crate) floor_ms: u64,
    /// Authentication was refused, not the network lost.
    pub(crate) auth: bool,
}

impl From<LinkFault> for Failure {
    fn from(fault: LinkFault) -> Self {
        Self { fault, pace: Pace::Normal, floor_ms: 0, auth: false }
    }
}

impl From<LinkFault> for Outcome {
    fn from(fault: LinkFault) -> Self {
        Self::Retry(fault.into())
    }
}

/// More than 50 connections of the app.
const TOO_MANY: i64 = 1_000_040_350;
/// The app belongs to the other domain.
const WRONG_DOMAIN: i64 = 1_000_040_351;

/// The class of a discovery code (protocol section 2.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CodeClass {
    Fatal(FatalReason),
    Ok,
    Retry,
    Slow,
}

/// `None` for a code that the protocol does not list.
pub(crate) fn code_class(code: i64) -> Option<CodeClass> {
    Some(match code {
        0 => CodeClass::Ok,
        1 | 1_000_040_343 | 1_000_040_345 => CodeClass::Retry,
        403 => CodeClass::Fatal(FatalReason::Forbidden),
        9499 => CodeClass::Fatal(FatalReason::Refused),
        514 | 10_003 | 10_014 | 1_000_040_344 => CodeClass::Fatal(FatalReason::Credentials),
        TOO_MANY => CodeClass::Slow,
        WRONG_DOMAIN => CodeClass::Fatal(FatalReason::WrongRegion),
        _ => return None,
    })
}

/// What a discovery answer with a non-zero `code` means.
pub(crate) fn refused_discovery(code: i64, message: Short<80>, class: CodeClass, floor_ms: u64) -> Outcome {
    let fault = LinkFault::DiscoveryCode(code);
    match class {
        CodeClass::Fatal(reason) => Outcome::Fatal(Fatal { reason, code, message, last: None }, fault),
        CodeClass::Slow => Outcome::Retry(Failure { pace: Pace::Slow, floor_ms, ..fault.into() }),
        CodeClass::Ok | CodeClass::Retry => Outcome::Retry(Failure { floor_ms, ..fault.into() }),
    }
}

/// What a refused upgrade means (protocol section 3).
pub(crate) fn refused_upgrade(head: &Head<'_>) -> Outcome {
    // Without a message the status header is not trusted either (the SDKs agree on that).
    let told = head.header("Handshake-Msg").is_some();
    let status = head.header_i64("Handshake-Status").filter(|_| told).unwrap_or_default();
    let auth = head.header_i64("Handshake-Autherrcode").unwrap_or_default();
    let message = head.header("Handshake-Msg").map(Short::from_bytes).unwrap_or_default();
    let floor_ms = head.retry_after_secs().map_or(0, |seconds| u64::from(seconds).saturating_mul(1000));
    let fault = LinkFault::Refused { http: head.status, status, auth };
    let fatal = |reason, code| Outcome::Fatal(Fatal { reason, code, message, last: None }, fault);
    let decisive = if status != 0 { status } else { i64::from(head.status) };
    match (decisive, auth) {
        (403, _) => fatal(FatalReason::Forbidden, 403),
        (514, TOO_MANY) => Outcome::Retry(Failure { pace: Pace::Slow, floor_ms, ..fault.into() }),
        (514, WRONG_DOMAIN) => fatal(FatalReason::WrongRegion, WRONG_DOMAIN),
        (514, _) => Outcome::Retry(Failure { floor_ms, auth: true, ..fault.into() }),
        _ => Outcome::Retry(Failure { floor_ms, ..fault.into() }),
    }
}
