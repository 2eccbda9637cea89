//! Events that survive a loss of power: stored before they are accepted, kept until the program has dealt with them.
//!
//! ```text
//! bot ─ offer ─► JournalInbox ─ finish ─► Journal::store ─► queue ─► JournalEvents ─ recv ─► program
//!                     │ accepted, acked                     ▲ first what was left        │
//!                     ▼                                     │ before the restart         ▼
//!                 platform              flash ◄── Journal::handled ◄──────────────────  done
//! ```
//! | file | what is in it |
//! |---|---|
//! | `channel.rs` | [`JournalChannel`] with its two ends |
//! | `flash.rs` | [`FlashJournal`]: a [`Journal`] in NOR flash, its places and its records in order |
//! | `bank.rs` | one half of the flash: records written, read back, moved to the other half |
//! | `record.rs` | a record's bytes |
//!
//! What is promised, with it and without it, stands with [`JournalChannel`].
//!
//! ```no_run
//! use embassy_futures::join::join;
//! use embedded_storage_async::nor_flash::NorFlash;
//! use larkwire_embassy::core::{Body, Call};
//! use larkwire_embassy::journal::{FlashJournal, JournalChannel, JournalFault};
//! use larkwire_embassy::{Client, Runner, TcpConnect};
//!
//! /// Two events of 1024 bytes, in the last 64 KB of a flash of 2 MB; the bot remembers 256 ids.
//! async fn echo<F: NorFlash>(
//!     client: Client<'_>,
//!     runner: Runner<'_, 1>,
//!     [socket, http]: [TcpConnect<'_>; 2],
//!     flash: F,
//! ) -> Result<(), JournalFault> {
//!     let journal = FlashJournal::<F, 2, { 1024 + 160 }>::new(flash, 0x1F_0000..0x20_0000)?;
//!     let mut channel = JournalChannel::<_, 1024, 2>::new(journal);
//!     let mut ids = [0; 32 + 16 * 256];
//!     let (inbox, mut events, _restored) = channel.open(client, &mut ids).await?;
//!     let program = async {
//!         while let Some(event) = events.recv().await {
//!             let mut room = [0; 2048];
//!             if let (Some(id), Some(text)) = (event.message_id(), event.text(&mut room)) {
//!                 let id = id.as_str();
//!                 // Said again after a loss of power, it is not sent again for an hour.
//!                 let uuid = id.get(..50).unwrap_or(id);
//!                 let call = Call::Reply { message_id: id, body: Body::text(text), in_thread: false, uuid: Some(uuid) };
//!                 let _ = client.call(call).await;
//!             }
//!             events.done(&event).await?;
//!         }
//!         Ok(())
//!     };
//!     let (_end, done) = join(runner.run(socket, [http], inbox, |_notice| {}), program).await;
//!     done
//! }
//! ```

mod bank;
mod channel;
mod flash;
mod record;

pub use channel::{JournalChannel, JournalEvents, JournalInbox};
pub use flash::FlashJournal;

use core::fmt;

use larkwire_core as core_api;

use crate::event::Event;

/// Names an event in a [`Journal`]; later ones have higher numbers.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Entry(pub u32);

/// Bytes that ids begin with in what [`Client::write_seen`](crate::Client::write_seen) writes: the key that they are hashed
/// with, and whose they are.
pub const IDS_HEADER: usize = 32;
/// Bytes of one id.
pub const ID: usize = 16;

/// Where events lie from before they are accepted until the program has dealt with them, and their ids for longer.
///
/// [`FlashJournal`] is one; [`JournalChannel`] drives it. What returned without an error must be there after a loss of
/// power; what was on its way may or may not be there, and nothing else may suffer.
pub trait Journal {
    /// Reads what is there; the first call, and the only one that has to be repeated after an error. `ids` gets the
    /// header and as many of the newest ids as fit: what [`Client::restore_seen`](crate::Client::restore_seen) takes.
    fn restore(&mut self, ids: &mut [u8]) -> impl Future<Output = Result<Restored, JournalFault>>;

    /// Begins anew for the bot whose ids have this header: what was there is another one's, or nothing.
    fn begin(&mut self, header: &[u8; IDS_HEADER]) -> impl Future<Output = Result<(), JournalFault>>;

    /// How many more events it can keep until some are handled.
    fn room(&self) -> usize;

    /// Keeps an event, together with its ids of [`ID`] bytes each.
    fn store(&mut self, ids: &[u8], event: &core_api::Event<'_>) -> impl Future<Output = Result<Entry, JournalFault>>;

    /// The event is dealt with; its ids stay. Whether it was there: said twice it does no harm.
    fn handled(&mut self, entry: Entry) -> impl Future<Output = Result<bool, JournalFault>>;

    /// The oldest event behind `after` that is not handled; without it when it is longer than `N`, or cannot be read.
    fn unhandled<const N: usize>(
        &mut self,
        after: Option<Entry>,
    ) -> impl Future<Output = Result<Option<(Entry, Option<Event<N>>)>, JournalFault>>;
}

/// What a [`Journal`] held when the board started.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Restored {
    /// Bytes of the ids, their header among them; 0 for a journal that was never begun.
    pub ids: usize,
    /// Events that were stored and not handled.
    pub unhandled: usize,
    /// Records that were written whole and cannot be read any more. Next step: none for one; more of them say that the
    /// flash wears out.
    pub corrupt: u32,
}

/// What is wrong with a [`Journal`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum JournalFault {
    /// The flash cannot be read. Next step: [`Journal::begin`] anew; when it comes back, the flash is worn out.
    Corrupt,
    /// `ids` has no room for the [`IDS_HEADER`]. Next step: give it 32 bytes and 16 for each remembered id.
    NoRoom,
    /// The flash refused to read, write or erase. Next step: look at its driver, and whether it is worn out.
    Flash,
    /// As many events as there are places wait for [`JournalEvents::done`]. Next step: say `done` for every event.
    Full,
    /// The part of the flash does not begin and end with pages, or is smaller than the journal needs. Next step: give it
    /// so many bytes.
    Range {
        /// Bytes that are enough.
        needed: u32,
    },
    /// The bot has restored ids, or delivered an event, before the journal was opened. Next step: open the journal first,
    /// once, and do not restore ids by other means.
    TooLate,
    /// An event, or a record that is in the flash already, is longer than a record may be. Next step: a larger `RECORD`.
    TooLong,
    /// [`Journal::restore`] was not called, or [`Journal::begin`] not after it found nothing.
    Unopened,
}

impl fmt::Display for JournalFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corrupt => f.write_str("the journal cannot be read: begin it anew"),
            Self::Flash => f.write_str("the journal's flash refused: look at its driver and its age"),
            Self::Full => f.write_str("every place of the journal waits to be done"),
            Self::Range { needed } => write!(f, "the journal wants whole pages of flash, {needed} bytes"),
            Self::NoRoom => f.write_str("the room for the journal's ids is shorter than 32 bytes"),
            Self::TooLate => {
                f.write_str("the journal was opened after the bot had restored or delivered: open it first")
            }
            Self::TooLong => f.write_str("the event is longer than a record of the journal: make records larger"),
            Self::Unopened => f.write_str("the journal was not restored first"),
        }
    }
}

impl core::error::Error for JournalFault {}
