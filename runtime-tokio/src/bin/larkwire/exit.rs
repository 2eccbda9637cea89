//! How the command ends: a code that means something, and one sentence for a person.

use larkwire_tokio::core::fault::{CallFaultKind, Fatal, FatalReason};
use larkwire_tokio::{CallError, End};

/// An exit code and the sentence that goes with it, empty where there is nothing to say.
#[derive(Debug)]
pub(crate) struct Exit {
    code: u8,
    sentence: String,
}

impl Exit {
    pub(crate) const OK: Self = Self { code: 0, sentence: String::new() };

    pub(crate) fn is_ok(&self) -> bool {
        self.code == 0
    }

    /// What it says, empty where there is nothing to say.
    pub(crate) fn sentence(&self) -> &str {
        &self.sentence
    }

    /// A call that came to nothing.
    pub(crate) fn call(error: &CallError) -> Self {
        let code = match error {
            CallError::Failed { fault, .. } => match fault.kind {
                CallFaultKind::Token => 4,
                CallFaultKind::Network | CallFaultKind::Answer | CallFaultKind::Busy | CallFaultKind::Rate => 7,
                CallFaultKind::Permission => 6,
                _ => 8,
            },
            CallError::Misuse(_) => 2,
        };
        Self { code, sentence: error.to_string() }
    }

    pub(crate) fn other(sentence: impl Into<String>) -> Self {
        Self { code: 1, sentence: sentence.into() }
    }

    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self { code: 2, sentence: sentence.into() }
    }

    pub(crate) fn configuration(sentence: impl Into<String>) -> Self {
        Self { code: 3, sentence: sentence.into() }
    }

    pub(crate) fn output_closed() -> Self {
        Self { code: 9, sentence: "stdout was closed, so nobody could take events any more".into() }
    }

    pub(crate) fn interrupted() -> Self {
        Self { code: 130, sentence: "interrupted".into() }
    }

    /// The same end, of the one bot that is named.
    pub(crate) fn of_bot(self, name: &str) -> Self {
        let sentence = if self.sentence.is_empty() { String::new() } else { format!("bot {name}: {}", self.sentence) };
        Self { sentence, ..self }
    }

    pub(crate) fn ended(end: &End) -> Self {
        match end {
            End::Stopped => Self::OK,
            End::Fatal(fatal) => Self { code: code_of(fatal), sentence: fatal.to_string() },
        }
    }

    /// Says the sentence and ends the process.
    #[expect(clippy::print_stderr, reason = "the last word of a command")]
    pub(crate) fn leave(self) -> ! {
        if !self.sentence.is_empty() {
            eprintln!("larkwire: {}", self.sentence);
        }
        std::process::exit(i32::from(self.code))
    }
}

fn code_of(fatal: &Fatal) -> u8 {
    match fatal.reason {
        FatalReason::Credentials => 4,
        FatalReason::WrongRegion => 5,
        FatalReason::Forbidden => 6,
        FatalReason::GaveUp => 7,
        FatalReason::Refused => 8,
    }
}
