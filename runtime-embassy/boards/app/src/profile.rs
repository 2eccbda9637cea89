//! **Every size of a board's bot, in one place.** Choose a profile by feature, or write one of your own here.
//!
//! | | `small` | neither | `roomy` |
//! |---|---|---|---|
//! | streams at once | 1, in planned turns | 2 | 2 |
//! | longest message, bytes of JSON | 2048 | 2048 | 8192 |
//! | tenant token | 1024 | 1024 | 4096 |
//! | HTTP answer, request, call, each | 2048 | 2048 | 6144 |
//! | remembered ids, two a message | 128 | 256 | 2048 |
//! | messages in the inbox, the one at work included | 2 | 4 | 4 |
//! | one stream's window and its send buffer | 1024 + 1024 | 1024 + 1024 | 4096 + 2048 |
//! | read | texts | texts, posts, cards and all other kinds | the same |
//! | reactions | from the English table | in the language of the message | the same |
//!
//! TLS takes a record each way for each stream: 16 640 + 2048 bytes.

use larkwire_embassy::core::Config;
use larkwire_embassy::{Buffers, Event};

#[cfg(all(feature = "small", feature = "roomy"))]
compile_error!("features small and roomy: choose one");

#[cfg(feature = "roomy")]
mod sizes {
    pub(crate) const MESSAGE: usize = 8192;
    pub(crate) const OUT: usize = 2048;
    pub(crate) const HTTP: usize = 6144;
    // The longest there are, and the word before them.
    pub(crate) const TOKEN: usize = 4096 + 8;
    // The conformance suite asks for little, and its channel wants the RAM.
    pub(crate) const SEEN: usize = if cfg!(feature = "conform") { 512 } else { 2048 };
    pub(crate) const EVENTS: usize = 4;
    pub(crate) const STREAM_IN: usize = 4096;
    pub(crate) const STREAM_OUT: usize = 2048;
}

#[cfg(not(feature = "roomy"))]
mod sizes {
    pub(crate) const MESSAGE: usize = 2048;
    pub(crate) const OUT: usize = 1024;
    pub(crate) const HTTP: usize = 2048;
    pub(crate) const TOKEN: usize = 1024;
    pub(crate) const SEEN: usize = if cfg!(feature = "small") { 128 } else { 256 };
    pub(crate) const EVENTS: usize = if cfg!(feature = "small") { 2 } else { 4 };
    pub(crate) const STREAM_IN: usize = 1024;
    pub(crate) const STREAM_OUT: usize = 1024;
}

pub(crate) use sizes::{EVENTS, MESSAGE, STREAM_IN, STREAM_OUT};

/// Streams at once: the long connection and HTTP, or one for both.
pub const STREAMS: usize = if cfg!(feature = "small") { 1 } else { 2 };
/// Connectors for HTTP alone.
pub(crate) const HTTP_LANES: usize = STREAMS - 1;
/// Sockets of the network stack: DHCP, DNS, and the streams; one more for what a suite controls the bot by.
pub const SOCKETS: usize = 2 + STREAMS + if cfg!(feature = "conform") { 1 } else { 0 };
/// What is said, with working room: the content lies in the envelope, and both stand here beside each other.
pub(crate) const SAID: usize = if cfg!(feature = "small") { MESSAGE + MESSAGE / 4 } else { 2 * MESSAGE };

/// What the engine keeps.
pub type Memory = Buffers<MESSAGE, { sizes::OUT }, { sizes::HTTP }, { sizes::TOKEN }, { sizes::SEEN }>;

const _: () = assert!(Memory::TEXT_ROOM >= 256, "HTTP has no room for an answer beside TOKEN");
const _: () = assert!(sizes::SEEN >= 2 * EVENTS, "every message in the inbox must be remembered");

/// What the engine is told of the profile.
pub(crate) fn of_profile(config: Config<'_>) -> Config<'_> {
    #[cfg(feature = "small")]
    let config = Config { locale_of: |_| larkwire_embassy::core::Locale::En, ..config };
    Config { planned_turns: STREAMS == 1, ..config }
}

/// What was said to the bot.
pub(crate) fn said<'r>(event: &Event<MESSAGE>, room: &'r mut [u8]) -> Option<&'r str> {
    if cfg!(feature = "small") { event.plain_text(room) } else { event.text(room) }
}
