//! What the open platform's codes mean for a call (protocol sections 15, 16.5).

use super::exchange::Answer;
use crate::fault::{CallFault, CallFaultKind};
use crate::text::Short;
use crate::wire::json::{self, Reader, Value};

/// What happens to the call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum CallClass {
    /// Tried again a few times, after a pause.
    Again,
    /// It failed.
    Final,
    /// Tried again as long as its time lasts.
    Network,
    /// Tried again once, with a new token.
    Token,
}

/// The members every answer has.
#[derive(Default)]
pub(super) struct Common<'a> {
    pub(super) code: Option<i64>,
    pub(super) message: Short<96>,
    pub(super) data: &'a str,
}

pub(super) fn common(body: &[u8]) -> Result<Common<'_>, json::Error> {
    let mut common = Common::default();
    let mut reader = Reader::from_bytes(body)?;
    if reader.enter_object()? {
        while let Some(key) = reader.next_key()? {
            let value = reader.value()?;
            if key == "code" {
                common.code = value.as_i64();
            } else if key == "msg" {
                common.message = value.as_str().map(|text| Short::from_chars(text.chars())).unwrap_or_default();
            } else if key == "data" || key == "bot" {
                // Bot info has its data at the top level, under a name of its own.
                if let Value::Object(raw) = value {
                    common.data = raw;
                }
            }
        }
    }
    reader.finish()?;
    Ok(common)
}

/// Reads a call's answer: the `data` object, or what went wrong.
pub(super) fn read<'a>(answer: &Answer<'a>) -> Result<&'a str, (CallClass, CallFault)> {
    let success = (200..300).contains(&answer.status);
    let common = match common(answer.body) {
        Ok(common) if common.code.is_some() => common,
        _ => Common { code: None, ..Common::default() },
    };
    let (class, kind) = match (answer.status, common.code) {
        (_, Some(0)) if success => return Ok(common.data),
        (401, _) => (CallClass::Token, CallFaultKind::Token),
        (429, _) => (CallClass::Again, CallFaultKind::Rate),
        (_, Some(code)) if code != 0 => class_of(code).unwrap_or(if answer.status >= 500 {
            (CallClass::Again, CallFaultKind::Busy)
        } else {
            (CallClass::Final, CallFaultKind::Refused)
        }),
        (500.., _) => (CallClass::Again, CallFaultKind::Busy),
        _ => (CallClass::Final, CallFaultKind::Answer),
    };
    let code = common.code.filter(|code| *code != 0).unwrap_or_else(|| i64::from(answer.status));
    Err((class, CallFault { kind, code, message: common.message }))
}

/// On a removal these say that there is nothing left to remove (protocol section 14.1).
pub(super) fn is_gone(code: i64) -> bool {
    matches!(code, 231_003 | 231_007 | 231_010 | 231_011)
}

fn class_of(code: i64) -> Option<(CallClass, CallFaultKind)> {
    use CallClass::{Again, Final, Token};
    Some(match code {
        99_991_400 | 99_991_402 | 230_020 | 11_232 | 11_233 | 11_247 | 11_020 | 11_021 => (Again, CallFaultKind::Rate),
        230_049 | 231_015 | 1500 => (Again, CallFaultKind::Busy),
        99_991_661 | 99_991_663..=99_991_666 | 99_991_668 | 99_991_671 | 99_991_677 => (Token, CallFaultKind::Token),
        99_991_672 | 99_991_676 | 99_991_679 | 230_027 | 230_013 | 230_006 | 230_018 | 230_035 | 230_038 | 230_053
        | 232_025 | 234_002 | 14_005 | 230_012 | 230_015 | 230_017 | 230_026 | 230_031 | 230_036 | 230_075
        | 99_991_662 | 99_991_673 | 231_002 | 231_007 | 231_008 | 231_013 => (Final, CallFaultKind::Permission),
        230_002 | 230_011 | 230_019 | 230_029 | 230_050 | 230_111 | 231_003..=231_005 | 232_009 | 99_992_354 => {
            (Final, CallFaultKind::TargetGone)
        }
        230_001 | 230_034 | 230_054 | 230_055 | 230_099 | 230_071 | 230_072 | 230_022 | 230_028 | 231_001 | 231_010
        | 231_011 | 231_012 | 231_014 | 232_006 => (Final, CallFaultKind::Format),
        230_025 => (Final, CallFaultKind::Size),
        _ => return None,
    })
}

/// What the code itself says to do, where it says more than its class (protocol sections 14.1, 15, 16.5).
pub(crate) const fn hint(code: i64) -> Option<&'static str> {
    Some(match code {
        11_232 | 11_233 | 11_247 => "the platform is under pressure, often at the full hour: try again a little later",
        230_001 => "check that the id is of the kind that was named; ext= in the message says which field",
        230_002 => "invite the bot to the chat",
        230_006 | 232_025 => "switch the bot ability on in the console and publish a version",
        230_011 => "the message was recalled: send to the chat instead of replying",
        230_012 | 230_017 | 230_026 => "only the bot's own messages can be changed or taken back",
        230_013 => "add the person to the app's availability in the console",
        230_018 | 230_035 => "ask the group's owner to let the bot speak",
        230_020 => "send less often to this chat: 5 messages a second are shared by all bots in it",
        230_022 | 230_028 => "the content was refused by a check for sensitive words: say it differently",
        230_025 => "send less at once: text at most 150 KB, cards and posts 30 KB",
        230_031 => "the message is older than 14 days: send a new card",
        230_038 => "the person is in another organisation: enable external sharing for the app",
        230_053 => "the person does not want messages of bots",
        // The platform uses these for edits, too.
        230_071 | 230_072 => {
            "only the bot's own messages can be edited, 20 times at most; where replies in topics are refused, leave \
             in_thread out"
        }
        230_099 => "correct the card; ErrCode in the message says which part",
        231_001 => "use one of the platform's emoji_type names, case-sensitive and untranslated",
        231_002 | 231_008 => "invite the bot to the chat",
        231_003 => "the message was deleted, or never was in a chat the bot can see",
        231_007 => "only the bot's own reactions can be taken away",
        232_006 => "give the id of a chat (oc_…) that the bot is in",
        99_991_662 => "enable the app in the console",
        99_991_673 => "install the app in the organisation",
        99_991_672 | 99_991_676 | 99_991_679 | 230_027 => {
            "add the scope that the message names in the console, and publish a version"
        }
        99_991_543 | 10_003 | 10_014 => "check app_id and app_secret in the developer console",
        99_992_354 => "give the id of a message (om_…); an id of a topic (omt_…) is none",
        _ => return None,
    })
}
