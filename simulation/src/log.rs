//! What happens in a life, for people: printed when one life is asked for, kept short when one fails.

use std::collections::VecDeque;

use crate::clock::{DAY, HOUR, MINUTE, SECOND};

pub(crate) struct Log {
    /// Lines to keep; 0: none are even made.
    keep: usize,
    print: bool,
    lines: VecDeque<String>,
}

impl Log {
    pub(crate) fn silent() -> Self {
        Self { keep: 0, print: false, lines: VecDeque::new() }
    }

    pub(crate) fn last(keep: usize) -> Self {
        Self { keep, ..Self::silent() }
    }

    pub(crate) fn printed() -> Self {
        Self { keep: 1, print: true, ..Self::silent() }
    }

    pub(crate) fn line(&mut self, now: u64, line: impl FnOnce() -> String) {
        if self.keep == 0 {
            return;
        }
        let line = format!(
            "{:3} d {:02}:{:02}:{:02}.{:03}  {}",
            now / DAY,
            now % DAY / HOUR,
            now % HOUR / MINUTE,
            now % MINUTE / SECOND,
            now % SECOND,
            line()
        );
        if self.print {
            crate::report::say(&line);
        } else {
            if self.lines.len() == self.keep {
                self.lines.pop_front();
            }
            self.lines.push_back(line);
        }
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}
