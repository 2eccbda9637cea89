//! What is held against the suite: the engine itself, or a client behind a shim.

mod core;
mod descriptor;
mod driver;
mod process;
mod program;
mod reference;
mod webhook;

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::shim::{Command, Report, Start};
use crate::platform::{Platform, WebhookListener};

pub use self::core::CoreSubject;
pub use self::descriptor::{Descriptor, DescriptorError};
pub use self::process::ProcessSubject;
pub use self::reference::{Defect, ReferenceSubject};

/// Where subjects inside the process say that their webhook is; nobody looks the name up.
const URL: &str = "http://bot/lark";

/// A client that can be started.
pub trait Subject: fmt::Debug + Send + Sync {
    /// It runs inside this process, on tokio's clock, over [`Platform::connect`].
    fn in_memory(&self) -> bool;

    /// It can be told that events come by webhook. Otherwise such scenarios are not tried.
    fn serves_webhooks(&self) -> bool;

    /// Starts it. `start` of the setup is said to it right afterwards.
    ///
    /// # Errors
    /// It could not be started; in words.
    fn start(&self, platform: &Arc<Platform>, setup: &Setup) -> Result<Running, String>;
}

/// What a subject is started with; it lives as long as the scenario, over restarts.
#[derive(Debug)]
pub struct Setup {
    /// What is said first.
    pub start: Start,
    /// Makes a run repeatable, where the subject can.
    pub seed: u64,
    /// What a subject inside the process keeps over a restart.
    pub memory: Arc<Mutex<Vec<u8>>>,
    folder: Option<PathBuf>,
}

impl Setup {
    /// With a folder, where the scenario wants one.
    ///
    /// # Errors
    /// The folder cannot be made; in words.
    pub(crate) fn new(mut start: Start, seed: u64) -> Result<Self, String> {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let mut folder = None;
        if start.settings.state_dir.is_some() {
            let name = format!("larkwire-conform-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            start.settings.state_dir = Some(path.display().to_string());
            folder = Some(path);
        }
        Ok(Self { start, seed, memory: Arc::default(), folder })
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // What is left in a temporary folder does no harm.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// What comes from a subject.
#[derive(Clone, Debug)]
pub enum Heard {
    /// It is over.
    Exited(Option<i32>),
    /// It broke the protocol, in words.
    Garbage(String),
    /// It said something.
    Report(Report),
    /// A line of standard error.
    Stderr(String),
}

/// A subject that was started.
#[derive(Debug)]
pub struct Running {
    /// What it is told. When this is dropped, it leaves at once.
    pub commands: UnboundedSender<Command>,
    /// What it says.
    pub heard: UnboundedReceiver<Heard>,
    /// Takes the connections of its webhook; for subjects inside the process.
    pub posts: Option<UnboundedSender<WebhookListener>>,
    /// What it runs in.
    pub task: JoinHandle<()>,
}

impl Running {
    /// Ends it, and gives what it said last. Unless that is to be at once, it has a moment to leave by itself.
    pub async fn kill(self, at_once: bool) -> UnboundedReceiver<Heard> {
        let Self { commands, heard, mut task, .. } = self;
        drop(commands);
        if at_once || timeout(Duration::from_secs(2), &mut task).await.is_err() {
            task.abort();
            // Its end is all that matters.
            let _ = task.await;
        }
        heard
    }
}
