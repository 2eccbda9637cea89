//! A process, and what is looked at while it is driven.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::process::{Counted, Cpu, Process, own_cpu};
use super::pump::Watch;
use super::syscalls::{Counting, Tool};

pub(super) struct Probe {
    pub(super) process: Process,
    pub(super) what: What,
}

/// What is looked at.
pub(super) enum What {
    /// Time on a processor, of the process and of the thread that drives it.
    Cpu { before: (Cpu, Duration), used: (Duration, Duration) },
    /// System calls.
    Syscalls { tool: Tool, folder: PathBuf, counting: Option<Counting>, count: u64 },
    /// What it counts itself, at the beginning and at the end.
    Allocations { before: Counted, after: Counted },
}

impl What {
    pub(super) fn cpu() -> Self {
        Self::Cpu { before: (Cpu::default(), Duration::ZERO), used: (Duration::ZERO, Duration::ZERO) }
    }

    pub(super) fn syscalls(tool: Tool, folder: &Path) -> Self {
        Self::Syscalls { tool, folder: folder.to_owned(), counting: None, count: 0 }
    }

    pub(super) fn allocations() -> Self {
        Self::Allocations { before: Counted::default(), after: Counted::default() }
    }
}

impl Watch for Probe {
    fn begin(&mut self) -> Result<(), String> {
        match &mut self.what {
            What::Cpu { before, .. } => *before = (Cpu::of(self.process.id())?, own_cpu()),
            What::Syscalls { tool, folder, counting, .. } => {
                *counting = Some(Counting::begin(*tool, self.process.id(), folder)?);
            }
            What::Allocations { before, .. } => *before = self.process.ask()?,
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        match &mut self.what {
            What::Cpu { before, used } => {
                let client = Cpu::of(self.process.id())?;
                *used = (client.since(&before.0), own_cpu().saturating_sub(before.1));
            }
            What::Syscalls { counting, count, .. } => {
                *count = counting.take().map_or(Ok(0), Counting::end)?;
            }
            What::Allocations { after, .. } => *after = self.process.ask()?,
        }
        Ok(())
    }
}

impl Probe {
    /// Of the process, and of the thread that drove it.
    pub(super) fn cpu_used(&self) -> (Duration, Duration) {
        match &self.what {
            What::Cpu { used, .. } => *used,
            _ => (Duration::ZERO, Duration::ZERO),
        }
    }

    pub(super) fn syscalls(&self) -> u64 {
        match &self.what {
            What::Syscalls { count, .. } => *count,
            _ => 0,
        }
    }

    pub(super) fn allocations_per_event(&self) -> Result<f64, String> {
        let What::Allocations { before, after } = &self.what else { return Err("was not asked".to_owned()) };
        let (Some(first), Some(last)) = (before.allocations, after.allocations) else {
            return Err("counts no allocations".to_owned());
        };
        match after.events.saturating_sub(before.events) {
            0 => Err("was given no event".to_owned()),
            events => Ok(last.saturating_sub(first) as f64 / events as f64),
        }
    }
}
