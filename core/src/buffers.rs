//! The memory of a bot on a board: one value, sized in one place.

use core::fmt;

use crate::api::{AckReaction, CallSlot, HttpLane};
use crate::config::Storage;
use crate::gate::SeenEntry;
use crate::hints::ChatLocale;
use crate::link::{CallbackSlot, FinishedId, PartSet};
use crate::notice::Notice;
use crate::storage::{Region, Slots};

/// A callback's head, some 300 bytes, and its answer.
const CALLBACK: usize = 640;

/// An allow-list of some 14 ids.
const ALLOWED: usize = 512;

/// What a request takes beside its token and text: a head of 512 bytes, and path, ids and JSON around the text.
const AROUND_TEXT: usize = 512 + 256;

/// All buffers of one bot with one `Http` lane and one call at a time.
///
/// | parameter | bytes, or entries | small board | roomy board |
/// |---|---|---|---|
/// | `MESSAGE` | the longest message, three times | 2048 | 8192 |
/// | `OUT` | acks and the upgrade request | 1024 | 2048 |
/// | `HTTP` | the longest HTTP answer, the longest request with its token, one call | 2048 | 6144 |
/// | `TOKEN` | the tenant token and 7 bytes | 1024 | 4104 |
/// | `SEEN` | remembered ids of 16 bytes (24 on hosts), two a chat message | 256 | 2048 |
///
/// | fixed part | bytes | |
/// |---|---|---|
/// | `texts`, `url` | 256, 512 | app id, secret, host; the one-time URL of the socket |
/// | `callback` | 640 | one callback that waits for its answer: a head of some 300 bytes, and some 340 for the answer |
/// | `allowed` | 512 | some 14 ids of `allowed_users`; 2 bytes for `*` |
/// | `part_sets`, `finished` | 2 × 328, 8 × 16 | split messages: two under assembly, eight that are done |
/// | `reactions` | 4 × 120 | acknowledgement reactions that were not sent yet |
/// | `chat_locales` | 4 × 16 | chats whose language was told |
///
/// All in all 3 `MESSAGE` + `OUT` + 3 `HTTP` + `TOKEN` + 24 `SEEN` + 3248 on a 64-bit host: 24 KB for the small board,
/// 100 KB for the roomy one. On a board an id takes 16 bytes, which is 2 and 16 KB less, and pointers are half as long.
/// Other sizes of the fixed parts are a matter of one's own [`Storage`].
///
/// A request has `HTTP` − `TOKEN` − 512 bytes for its path and JSON: 512 on the small board, which is a text of
/// [`TEXT_ROOM`](Self::TEXT_ROOM) bytes, or a small card. With 1024 more `HTTP` it is three times as much, for 3 KB. An
/// answer that does not fit `HTTP` with its head fails the call: chats with long descriptions want 4096.
///
/// ```
/// use larkwire_core::Buffers;
/// let mut buffers = Buffers::<2048, 1024, 2048, 1024, 256>::new();
/// let mut tables = buffers.tables();
/// let storage = tables.storage();
/// assert_eq!(storage.socket_in.cap(), 2048);
/// ```
pub struct Buffers<const MESSAGE: usize, const OUT: usize, const HTTP: usize, const TOKEN: usize, const SEEN: usize> {
    texts: [u8; 256],
    socket_in: [u8; MESSAGE],
    socket_out: [u8; OUT],
    url: [u8; 512],
    parts: [u8; MESSAGE],
    assembled: [u8; MESSAGE],
    http_in: [u8; HTTP],
    http_out: [u8; HTTP],
    call: [u8; HTTP],
    callback: [u8; CALLBACK],
    allowed: [u8; ALLOWED],
    token: [u8; TOKEN],
    seen: [SeenEntry; SEEN],
    part_sets: [PartSet; 2],
    finished: [FinishedId; 8],
    reactions: [AckReaction; 4],
    chat_locales: [ChatLocale; 4],
}

impl<const MESSAGE: usize, const OUT: usize, const HTTP: usize, const TOKEN: usize, const SEEN: usize>
    Buffers<MESSAGE, OUT, HTTP, TOKEN, SEEN>
{
    /// Bytes of text, escaped, that one request always has room for: what is left of `HTTP` beside the longest token and
    /// 768 bytes around the text.
    pub const TEXT_ROOM: usize = HTTP.saturating_sub(TOKEN).saturating_sub(AROUND_TEXT);

    /// Empty buffers, all zero; on a board in a `static`, where they take no flash and never pass over the stack.
    pub const fn new() -> Self {
        Self {
            texts: [0; 256],
            socket_in: [0; MESSAGE],
            socket_out: [0; OUT],
            url: [0; 512],
            parts: [0; MESSAGE],
            assembled: [0; MESSAGE],
            http_in: [0; HTTP],
            http_out: [0; HTTP],
            call: [0; HTTP],
            callback: [0; CALLBACK],
            allowed: [0; ALLOWED],
            token: [0; TOKEN],
            seen: [SeenEntry::EMPTY; SEEN],
            part_sets: [PartSet::EMPTY; 2],
            finished: [FinishedId::EMPTY; 8],
            reactions: [AckReaction::EMPTY; 4],
            chat_locales: [ChatLocale::EMPTY; 4],
        }
    }

    /// The tables over these buffers.
    pub fn tables(&mut self) -> Tables<'_> {
        Tables {
            http: [HttpLane::new(Region::fixed(&mut self.http_in), Region::fixed(&mut self.http_out))],
            outbox: [CallSlot::new(Region::fixed(&mut self.call))],
            callbacks: [CallbackSlot::new(Region::fixed(&mut self.callback))],
            texts: &mut self.texts,
            socket_in: &mut self.socket_in,
            socket_out: &mut self.socket_out,
            url: &mut self.url,
            allowed: &mut self.allowed,
            chat_locales: &mut self.chat_locales,
            parts: &mut self.parts,
            assembled: &mut self.assembled,
            token: &mut self.token,
            seen: &mut self.seen,
            part_sets: &mut self.part_sets,
            finished: &mut self.finished,
            reactions: &mut self.reactions,
            notices: [Notice::Connected; 4],
        }
    }
}

impl<const MESSAGE: usize, const OUT: usize, const HTTP: usize, const TOKEN: usize, const SEEN: usize> Default
    for Buffers<MESSAGE, OUT, HTTP, TOKEN, SEEN>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<const MESSAGE: usize, const OUT: usize, const HTTP: usize, const TOKEN: usize, const SEEN: usize> fmt::Debug
    for Buffers<MESSAGE, OUT, HTTP, TOKEN, SEEN>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The app secret and the token lie in them.
        write!(f, "Buffers({} bytes)", size_of::<Self>())
    }
}

/// [`Buffers`] with the tables that borrow from them and four places for notices that nobody took yet, some 1.4 KB; lent
/// to one bot.
pub struct Tables<'s> {
    http: [HttpLane<'s>; 1],
    outbox: [CallSlot<'s>; 1],
    callbacks: [CallbackSlot<'s>; 1],
    texts: &'s mut [u8],
    socket_in: &'s mut [u8],
    socket_out: &'s mut [u8],
    url: &'s mut [u8],
    allowed: &'s mut [u8],
    chat_locales: &'s mut [ChatLocale],
    parts: &'s mut [u8],
    assembled: &'s mut [u8],
    token: &'s mut [u8],
    seen: &'s mut [SeenEntry],
    part_sets: &'s mut [PartSet],
    finished: &'s mut [FinishedId],
    reactions: &'s mut [AckReaction],
    notices: [Notice; 4],
}

impl fmt::Debug for Tables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tables")
    }
}

impl<'s> Tables<'s> {
    /// The storage to construct the bot with.
    pub fn storage(&'s mut self) -> Storage<'s> {
        Storage {
            texts: Region::fixed(self.texts),
            socket_in: Region::fixed(self.socket_in),
            socket_out: Region::fixed(self.socket_out),
            url: Region::fixed(self.url),
            parts: Region::fixed(self.parts),
            assembled: Region::fixed(self.assembled),
            part_sets: Slots::fixed(self.part_sets),
            finished: Slots::fixed(self.finished),
            seen: Slots::fixed(self.seen),
            allowed: Region::fixed(self.allowed),
            chat_locales: Slots::fixed(self.chat_locales),
            callbacks: Slots::fixed(&mut self.callbacks),
            http: Slots::fixed(&mut self.http),
            outbox: Slots::fixed(&mut self.outbox),
            reactions: Slots::fixed(self.reactions),
            token: Region::fixed(self.token),
            notices: Slots::fixed(&mut self.notices),
        }
    }
}
