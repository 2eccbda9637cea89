//! The inbox: the runtime's channel, or with a `state_dir` its journal in a flash.

use std::path::Path;

use embassy_executor::Spawner;
use embassy_net::Stack;
use larkwire_embassy::journal::{FlashJournal, JournalChannel};
use larkwire_embassy::{Channel, Client, End, Inbox, Runner};
use tokio::sync::oneshot;

use crate::cable::{leak, tcp};
use crate::flash::{CAPACITY, FileFlash};
use crate::set_up::{MESSAGE, SEEN};
use crate::{Lines, shim, spawn, talk};

/// The longest event in the journal, whose records lie in blocks of the flash; and how many it keeps.
const STORED: usize = 16 * 1024;
const RECORD: usize = STORED + 160;
const OPEN: usize = 16;

/// The bot and what it is run with.
pub(crate) struct Parts {
    pub(crate) spawner: Spawner,
    pub(crate) client: Client<'static>,
    pub(crate) runner: Runner<'static, 1>,
    pub(crate) board: Stack<'static>,
    pub(crate) lines: Lines,
}

impl Parts {
    /// Runs the bot with an inbox of so many events.
    ///
    /// # Errors
    /// What is wrong with the journal.
    pub(crate) async fn run<const EVENTS: usize>(self, state_dir: Option<&str>) -> Result<End, String> {
        match state_dir {
            None => Ok(self.with_channel::<EVENTS>().await),
            Some(folder) => self.with_journal::<EVENTS>(Path::new(folder)).await,
        }
    }

    async fn with_channel<const EVENTS: usize>(self) -> End {
        let (inbox, mut events) = leak(Channel::<MESSAGE, EVENTS>::new()).split();
        let next = async || {
            let event = events.recv().await?;
            shim::say(&shim::event(&event.view()));
            Some(event.response_id())
        };
        self.run_with(inbox, next).await
    }

    async fn with_journal<const EVENTS: usize>(self, folder: &Path) -> Result<End, String> {
        let flash = FileFlash::open(&folder.join("flash")).map_err(|error| error.to_string())?;
        let journal = FlashJournal::<_, OPEN, RECORD>::new(flash, 0..CAPACITY).map_err(|fault| fault.to_string())?;
        let channel = leak(JournalChannel::<_, STORED, EVENTS>::new(journal));
        let mut ids = vec![0; 32 + 16 * SEEN];
        let opened = channel.open(self.client, &mut ids).await;
        let (inbox, mut events, _) = opened.map_err(|fault| fault.to_string())?;
        let next = async || {
            let event = events.recv().await?;
            shim::say(&shim::event(&event.view()));
            if let Err(fault) = events.done(&event).await {
                shim::note(&fault.to_string());
            }
            Some(event.response_id())
        };
        Ok(self.run_with(inbox, next).await)
    }

    async fn run_with(self, inbox: impl Inbox + 'static, next: impl AsyncFnMut() -> Option<talk::Taken>) -> End {
        let Self { spawner, client, runner, board, lines } = self;
        let (ending, ended) = oneshot::channel();
        spawn(spawner, async move {
            let hook = |notice| shim::note(&format!("{notice:?}"));
            let _ = ending.send(runner.run(tcp(board), [tcp(board)], inbox, hook).await);
        });
        talk::talk(client, lines, next, ended).await
    }
}
