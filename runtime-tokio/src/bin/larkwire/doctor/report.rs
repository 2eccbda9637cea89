//! What was found, for people and for programs.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use larkwire_tokio::Settings;
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::exit::Exit;

/// A check that takes longer than this says that it is still there.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Status {
    Failed,
    Ok,
    Skipped,
    Warning,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Ok => "ok",
            Self::Skipped => "skipped",
            Self::Warning => "warning",
        }
    }

    /// Its mark, and the colour of that by the terminal's number.
    fn mark(self) -> (char, u8) {
        match self {
            Self::Failed => ('✗', 31),
            Self::Ok => ('✓', 32),
            Self::Skipped => ('-', 2),
            Self::Warning => ('!', 33),
        }
    }
}

/// One line of the doctor's.
#[derive(Debug)]
pub(super) struct Finding {
    name: &'static str,
    status: Status,
    message: String,
    /// Empty where nothing is to be done, or the message says it.
    next_step: String,
}

impl Finding {
    fn new(name: &'static str, status: Status, message: &str, next_step: &str) -> Self {
        // What others wrote must not move the cursor.
        let plain = |text: &str| text.replace(char::is_control, " ");
        Self { name, status, message: plain(message), next_step: plain(next_step) }
    }

    pub(super) fn failed(name: &'static str, message: &str, next_step: &str) -> Self {
        Self::new(name, Status::Failed, message, next_step)
    }

    pub(super) fn warning(name: &'static str, message: &str, next_step: &str) -> Self {
        Self::new(name, Status::Warning, message, next_step)
    }

    fn json(&self, bot: Option<&str>) -> String {
        let next_step = (!self.next_step.is_empty()).then_some(&self.next_step);
        json!({
            "kind": "check", "bot": bot, "name": self.name, "status": self.status.as_str(),
            "message": self.message, "next_step": next_step,
        })
        .to_string()
    }

    fn text(&self, colour: bool) -> String {
        let (mark, number) = self.status.mark();
        let mark = if colour { format!("\x1b[{number}m{mark}\x1b[0m") } else { mark.to_string() };
        let skipped = if self.status == Status::Skipped { "skipped: " } else { "" };
        let mut text = format!("{mark} {:<12}{skipped}{}", self.name, self.message);
        if !self.next_step.is_empty() {
            text.push_str(&format!("\n{:14}→ {}", "", self.next_step));
        }
        text
    }
}

/// What the examination of a bot tells while it goes on.
pub(super) enum Said {
    /// This check has begun.
    Begun(&'static str),
    Found(Finding),
}

/// Where the checks of one bot say what they found.
pub(super) struct Say {
    sender: mpsc::UnboundedSender<Said>,
    settings: Settings,
}

impl Say {
    pub(super) fn new(sender: mpsc::UnboundedSender<Said>, settings: &Settings) -> Self {
        Self { sender, settings: settings.clone() }
    }

    pub(super) fn begin(&self, name: &'static str) {
        // Nobody listens only once the command is ending.
        let _ = self.sender.send(Said::Begun(name));
    }

    pub(super) fn ok(&self, name: &'static str, message: &str) {
        self.say(name, Status::Ok, message, "");
    }

    pub(super) fn warning(&self, name: &'static str, message: &str, next_step: &str) {
        self.say(name, Status::Warning, message, next_step);
    }

    pub(super) fn failed(&self, name: &'static str, message: &str, next_step: &str) {
        self.say(name, Status::Failed, message, next_step);
    }

    pub(super) fn skipped(&self, name: &'static str, why: &str) {
        self.say(name, Status::Skipped, why, "");
    }

    fn say(&self, name: &'static str, status: Status, message: &str, next_step: &str) {
        // The platform's own words may repeat what it was sent.
        let message = self.settings.redacted(message);
        let _ = self.sender.send(Said::Found(Finding::new(name, status, &message, next_step)));
    }
}

/// Stdout, and on a terminal a line on stderr while something takes long.
pub(super) struct Show {
    json: bool,
    colour: bool,
    progress: bool,
    /// Such a line stands there now.
    waiting: bool,
    bots: usize,
    failed: u32,
    ok: u32,
    skipped: u32,
    warnings: u32,
}

impl Drop for Show {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Show {
    pub(super) fn new(json: bool) -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let progress = std::io::stderr().is_terminal();
        Self { json, colour, progress, waiting: false, bots: 0, failed: 0, ok: 0, skipped: 0, warnings: 0 }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed > 0
    }

    /// Shows what is said of a bot until its examination is over, and gives its result.
    pub(super) async fn bot(
        &mut self,
        name: Option<&str>,
        mut said: mpsc::UnboundedReceiver<Said>,
        examination: JoinHandle<bool>,
    ) -> bool {
        if let (Some(name), false) = (name, self.json) {
            let gap = if self.bots > 0 { "\n" } else { "" };
            self.line(&format!("{gap}{name}"));
        }
        self.bots += 1;
        let (mut begun, mut check) = (Instant::now(), None);
        let mut second = tokio::time::interval(Duration::from_secs(1));
        loop {
            let said = tokio::select! {
                said = said.recv() => said,
                _ = second.tick(), if self.progress && check.is_some() => {
                    self.wait(check.unwrap_or_default(), begun.elapsed());
                    continue;
                }
            };
            match said {
                Some(Said::Begun(name)) => (begun, check) = (Instant::now(), Some(name)),
                Some(Said::Found(finding)) => {
                    check = None;
                    self.finding(name, &finding);
                }
                None => break,
            }
        }
        examination.await.unwrap_or_else(|error| {
            let message = format!("the examination broke off: {error}");
            self.finding(name, &Finding::failed("doctor", &message, "report this with what was printed"));
            true
        })
    }

    pub(super) fn finding(&mut self, bot: Option<&str>, finding: &Finding) {
        let counter = match finding.status {
            Status::Failed => &mut self.failed,
            Status::Ok => &mut self.ok,
            Status::Skipped => &mut self.skipped,
            Status::Warning => &mut self.warnings,
        };
        *counter += 1;
        let line = if self.json { finding.json(bot) } else { finding.text(self.colour) };
        self.line(&line);
    }

    pub(super) fn summary(&mut self) {
        let Self { bots, failed, ok, skipped, warnings, .. } = *self;
        let line = if self.json {
            json!({
                "kind": "summary", "bots": bots, "failed": failed, "ok": ok, "skipped": skipped, "warnings": warnings,
            })
            .to_string()
        } else {
            let s = if warnings == 1 { "" } else { "s" };
            format!("\n{failed} failed, {warnings} warning{s}, {ok} ok, {skipped} skipped")
        };
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        self.clear();
        if writeln!(std::io::stdout().lock(), "{line}").is_err() {
            // Nobody reads any more.
            Exit::output_closed().leave();
        }
    }

    fn wait(&mut self, check: &str, since: Duration) {
        if since >= PATIENCE {
            // Where not even stderr can be written nothing is left to be told.
            let _ = write!(std::io::stderr(), "\r\x1b[2K… {check}: {} s so far", since.as_secs());
            self.waiting = true;
        }
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.waiting) {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_and_marks_for_everybody() {
        let finding = Finding::failed("proxy", "it is\x1b[31m not there\n", "start it");
        assert_eq!(finding.text(false), "✗ proxy       it is [31m not there \n              → start it");
        assert!(finding.text(true).starts_with("\x1b[31m✗\x1b[0m proxy"));
        assert!(!finding.json(None).contains('\x1b'));
    }
}
