//! Text on its way out: mentions put in, long texts cut into messages. Borrowed pieces, no allocation, linear work.
//!
//! ```text
//!  "hi @Bob …" ─ resolve_mentions ─► "hi <at user_id="ou_b">Bob</at> …" ─ split, split_markdown ─► Chunk, Chunk, …
//!                    mention                                                split
//!                                            where a character may end: glyph      which lines are fences: markdown
//! ```
//! Each [`Chunk`] is one message; its [parts](Chunk::parts) go into a JSON string one after the other:
//!
//! ```
//! use larkwire_core::outgoing::{DEFAULT_CHARS, resolve_mentions, split_markdown};
//! use larkwire_core::wire::{json, writer::Writer};
//! let mut buffer = [0; 256];
//! let mut w = Writer::new(&mut buffer);
//! resolve_mentions(&mut w, "hi @Bob", &[("Bob", "ou_b")]);
//! let len = w.finish().unwrap();
//! let text = str::from_utf8(&buffer[..len]).unwrap();
//! for chunk in split_markdown(text, DEFAULT_CHARS) {
//!     let mut content = [0; 256];
//!     let mut w = Writer::new(&mut content);
//!     w.bytes(b"{\"text\":\"");
//!     for part in chunk.parts() {
//!         json::write_str_escaped_inner(&mut w, part);
//!     }
//!     w.bytes(b"\"}");
//!     let len = w.finish().unwrap();
//!     assert_eq!(&content[..len], br#"{"text":"hi <at user_id=\"ou_b\">Bob</at>"}"#);
//! }
//! ```

mod glyph;
mod markdown;
mod mention;
mod split;

pub use mention::{MENTION_ALL, resolve_mentions, write_mention};
pub use split::{Chunk, Chunks, DEFAULT_CHARS, MAX_CHARS, Mode, split, split_markdown};
