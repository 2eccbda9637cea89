//! Bodies: which of the bytes after a head are content, and when it is complete.

use super::head::is_control;
use super::{Framing, HttpError};

/// The longest chunk line (size, extensions, CRLF), in bytes.
pub const MAX_CHUNK_LINE: u16 = 256;

/// The most bytes of trailers after the last chunk, with their final empty line.
pub const MAX_TRAILERS: u16 = 1024;

/// What lies at the front of the input: first `skip` bytes of framing, then `data` bytes of content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Step {
    /// Bytes of chunk lines and trailers; drop them.
    pub skip: usize,
    /// Bytes of content after them.
    pub data: usize,
}

/// Follows one body through whatever pieces it comes in (RFC 9112 sections 6 and 7), in a few words of state and without a
/// buffer.
///
/// Call [`step`](Body::step), remove `skip` and `data` bytes, and call again, until it takes nothing (more input is
/// needed) or [`is_complete`](Body::is_complete). Each input byte is looked at once. Bytes after the body are never taken.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    state: State,
    /// Content bytes until the end of the chunk or body; while a chunk size is being read, its value so far.
    left: u64,
    /// Bytes of the chunk line or of the trailers so far.
    line: u16,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Data,
    DataCr,
    DataLf,
    Done,
    EndLf,
    Extension,
    Failed(HttpError),
    Length,
    Pad,
    Size,
    SizeLf,
    TrailerLf,
    TrailerStart,
    TrailerText,
    UntilClose,
}

impl Body {
    /// A body of which nothing has arrived yet.
    pub fn new(framing: Framing) -> Self {
        let (state, left) = match framing {
            Framing::Chunked => (State::Size, 0),
            Framing::Empty | Framing::Length(0) => (State::Done, 0),
            Framing::Length(left) => (State::Length, left),
            Framing::UntilClose => (State::UntilClose, 0),
        };
        Self { state, left, line: 0 }
    }

    /// Looks at the front of `input`, which starts where the last step ended, and takes what it reports.
    ///
    /// # Errors
    /// [`BareCr`](HttpError::BareCr), [`BareLf`](HttpError::BareLf), [`Chunk`](HttpError::Chunk),
    /// [`ChunkLine`](HttpError::ChunkLine), [`Control`](HttpError::Control), [`Trailers`](HttpError::Trailers), again on
    /// every later call: drop the connection.
    pub fn step(&mut self, input: &[u8]) -> Result<Step, HttpError> {
        let mut skip = 0_usize;
        for &byte in input {
            match self.state {
                State::Data | State::Done | State::Failed(_) | State::Length | State::UntilClose => break,
                _ => self.state = self.framing_byte(byte).unwrap_or_else(State::Failed),
            }
            skip = skip.saturating_add(1);
        }
        let rest = input.len().saturating_sub(skip);
        let data = match self.state {
            State::Data | State::Length => usize::try_from(self.left).map_or(rest, |left| left.min(rest)),
            State::Failed(error) => return Err(error),
            State::UntilClose => return Ok(Step { skip, data: rest }),
            _ => 0,
        };
        self.left = self.left.saturating_sub(data as u64);
        self.state = match self.state {
            State::Data if self.left == 0 => State::DataCr,
            State::Length if self.left == 0 => State::Done,
            same => same,
        };
        Ok(Step { skip, data })
    }

    /// Whether the whole body has been taken. Never true for [`Framing::UntilClose`]: see [`at_close`](Body::at_close).
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Tells that the connection was closed: `Ok` means that the body taken so far is the whole body.
    ///
    /// # Errors
    /// [`Truncated`](HttpError::Truncated), or the fault an earlier step has told.
    pub fn at_close(&self) -> Result<(), HttpError> {
        match self.state {
            State::Done | State::UntilClose => Ok(()),
            State::Failed(error) => Err(error),
            _ => Err(HttpError::Truncated),
        }
    }

    /// The state after one byte that is not content.
    fn framing_byte(&mut self, byte: u8) -> Result<State, HttpError> {
        self.line = self.line.saturating_add(1);
        match self.state {
            State::Extension | State::Pad | State::Size | State::SizeLf if self.line > MAX_CHUNK_LINE => {
                return Err(HttpError::ChunkLine);
            }
            State::EndLf | State::TrailerLf | State::TrailerStart | State::TrailerText if self.line > MAX_TRAILERS => {
                return Err(HttpError::Trailers);
            }
            _ => {}
        }
        match (self.state, byte) {
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                // So far the line holds digits only. 2^63−1 is the largest size, so that no sum can wrap
                // (RUSTSEC-2021-0079).
                if self.line > 16 || self.left >> 59 != 0 {
                    return Err(HttpError::Chunk);
                }
                let digit = if byte.is_ascii_digit() { byte & 0x0F } else { (byte & 0x0F).wrapping_add(9) };
                self.left = self.left << 4 | u64::from(digit);
                Ok(State::Size)
            }
            (State::Size, _) if self.line == 1 => Err(HttpError::Chunk),
            // RFC 9112 section 7.1.1 obliges a reader to take blanks before a semicolon, and nowhere else.
            (State::Size | State::Pad, b' ' | b'\t') => Ok(State::Pad),
            (State::Size | State::Pad, b';') => Ok(State::Extension),
            (State::Size | State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Size | State::Pad | State::Extension | State::TrailerStart | State::TrailerText, b'\n') => {
                Err(HttpError::BareLf)
            }
            (State::SizeLf, b'\n') if self.left == 0 => {
                self.line = 0;
                Ok(State::TrailerStart)
            }
            (State::SizeLf, b'\n') => Ok(State::Data),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => {
                (self.line, self.left) = (0, 0);
                Ok(State::Size)
            }
            (State::TrailerStart, b'\r') => Ok(State::EndLf),
            (State::TrailerText, b'\r') => Ok(State::TrailerLf),
            (State::TrailerLf, b'\n') => Ok(State::TrailerStart),
            (State::EndLf, b'\n') => Ok(State::Done),
            (State::SizeLf | State::DataLf | State::TrailerLf | State::EndLf, _) => Err(HttpError::BareCr),
            (State::Extension | State::TrailerStart | State::TrailerText, byte) if is_control(byte) => {
                Err(HttpError::Control)
            }
            (State::Extension, _) => Ok(State::Extension),
            (State::TrailerStart | State::TrailerText, _) => Ok(State::TrailerText),
            _ => Err(HttpError::Chunk),
        }
    }
}
