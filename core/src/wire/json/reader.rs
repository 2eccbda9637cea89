//! The pull reader: the caller walks, the reader validates.

use core::fmt;

use super::places::{Item, Sort};
use super::text::SPECIAL;
use super::{Error, ErrorKind, Str, Value};
use crate::wire::scan;

/// How deep arrays and objects may nest: 64 are read, 65 are refused.
pub const MAX_DEPTH: u32 = 64;

/// How many readers a thread has made: what must not be parsed made none.
#[cfg(test)]
pub(crate) mod tally {
    use std::cell::Cell;

    std::thread_local! {
        static READERS: Cell<u64> = const { Cell::new(0) };
    }

    pub(super) fn add() {
        READERS.set(READERS.get().saturating_add(1));
    }

    #[cfg(feature = "webhook")]
    pub(crate) fn readers() -> u64 {
        READERS.get()
    }
}

/// What the grammar allows next.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Next {
    /// A value: at the start, after a key, after `next_element`.
    Value,
    /// The first member or element, or the end.
    First,
    /// A comma or the end.
    More,
}

/// Reads one document from its start, each value once, in the order of the text.
///
/// A walk calls [`enter_object`](Self::enter_object), then [`next_key`](Self::next_key) until it says `None`, and
/// after each key exactly one of [`value`](Self::value), [`skip`](Self::skip), `enter_object` or
/// [`enter_array`](Self::enter_array); arrays likewise with [`next_element`](Self::next_element);
/// [`finish`](Self::finish) at the end. Asking otherwise is [`ErrorKind::Order`]. After an error the reader is of no
/// further use. The last of duplicate keys wins if the caller lets it, as here:
///
/// ```
/// use larkwire_core::wire::json::{Error, Reader, Value};
/// fn schema(text: &str) -> Result<Option<Value<'_>>, Error> {
///     let mut reader = Reader::new(text);
///     let mut schema = None;
///     if reader.enter_object()? {
///         while let Some(key) = reader.next_key()? {
///             if key == "schema" { schema = Some(reader.value()?) } else { reader.skip()? }
///         }
///     }
///     reader.finish()?;
///     Ok(schema)
/// }
/// assert!(schema(r#"{"sch\u0065ma":"2.0","event":{}}"#).unwrap().unwrap().as_str().unwrap() == "2.0");
/// assert!(schema(r#"{"schema":"2.0","event":{},}"#).is_err());
/// ```
#[derive(Clone)]
pub struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    /// One bit for each open container, the innermost lowest: 1 for an object.
    pub(super) stack: u64,
    pub(super) depth: u32,
    pub(super) next: Next,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `text`. A byte order mark is no white space here; the envelope reader skips it.
    pub fn new(text: &'a str) -> Self {
        #[cfg(test)]
        tally::add();
        Self { text, at: 0, stack: 0, depth: 0, next: Next::Value }
    }

    /// A reader over bytes, all of which are checked to be UTF-8 first.
    ///
    /// # Errors
    /// [`ErrorKind::Utf8`] at the first byte that is not text.
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, Error> {
        if let Some(text) = scan::utf8(bytes) {
            return Ok(Self::new(text));
        }
        let valid = core::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
        Err(Error { at: valid, kind: ErrorKind::Utf8 })
    }

    /// The next value. Arrays and objects are validated, skipped and given as text.
    ///
    /// # Errors
    /// [`Error`] where the text breaks the grammar.
    pub fn value(&mut self) -> Result<Value<'a>, Error> {
        let item = self.item()?;
        Ok(self.value_of(item))
    }

    /// Validates the next value and passes over it.
    ///
    /// # Errors
    /// [`Error`] where the text breaks the grammar.
    pub fn skip(&mut self) -> Result<(), Error> {
        self.item().map(|_| ())
    }

    /// Steps into the object that is the next value. `false`: the value was something else, was validated and passed
    /// over, because a value of the wrong type counts as absent (protocol section 11.2).
    ///
    /// # Errors
    /// [`Error`] where the text breaks the grammar.
    pub fn enter_object(&mut self) -> Result<bool, Error> {
        self.enter(b'{')
    }

    /// Steps into the array that is the next value; otherwise as [`enter_object`](Self::enter_object).
    ///
    /// # Errors
    /// [`Error`] where the text breaks the grammar.
    pub fn enter_array(&mut self) -> Result<bool, Error> {
        self.enter(b'[')
    }

    /// The next key of the object. `None`: the object has ended and the reader stands after it.
    ///
    /// # Errors
    /// [`Error`] where the text breaks the grammar.
    pub fn next_key(&mut self) -> Result<Option<Str<'a>>, Error> {
        let key = self.key()?;
        Ok(key.map(|key| Str::from_raw(self.text_of(key), key.sort == Sort::Escaped)))
    }

    /// Steps to the next element of the array. `false`: the array has ended and the reader stands after it.
    ///
    /// # Errors
    /// [`Error`] where the text breaks the grammar.
    pub fn next_element(&mut self) -> Result<bool, Error> {
        self.next_item(false)
    }

    /// Ends the reading of a document whose value was read.
    ///
    /// # Errors
    /// [`ErrorKind::Trailing`] when anything but white space follows.
    pub fn finish(mut self) -> Result<(), Error> {
        if self.next == Next::Value || self.depth > 0 {
            return self.fail(ErrorKind::Order);
        }
        self.white_space();
        if self.at < self.text.len() { self.fail(ErrorKind::Trailing) } else { Ok(()) }
    }

    /// How far the reader has come, in bytes from the start of the text.
    pub fn position(&self) -> usize {
        self.at
    }

    fn enter(&mut self, bracket: u8) -> Result<bool, Error> {
        if self.begin_value()? == bracket {
            self.open(bracket == b'{').map(|()| true)
        } else {
            self.skip().map(|()| false)
        }
    }

    #[inline(never)]
    pub(super) fn any_item(&mut self) -> Result<Item, Error> {
        let first = self.begin_value()?;
        let start = self.at;
        let sort = match first {
            b'{' => Sort::Object,
            b'[' => Sort::Array,
            _ => return self.scalar(first),
        };
        self.skip_container(sort == Sort::Object)?;
        Ok(Item { sort, start, end: self.at })
    }

    #[inline(never)]
    pub(super) fn any_key(&mut self) -> Result<Option<Item>, Error> {
        if !self.next_item(true)? {
            return Ok(None);
        }
        if self.peek()? != b'"' {
            return self.fail(ErrorKind::Key);
        }
        let key = self.string()?;
        self.white_space();
        if self.peek()? != b':' {
            return self.fail(ErrorKind::Colon);
        }
        self.step();
        Ok(Some(key))
    }

    fn skip_container(&mut self, object: bool) -> Result<(), Error> {
        let outside = self.depth;
        self.open(object)?;
        while self.depth > outside {
            let more = if self.in_object() { self.key()?.is_some() } else { self.next_element()? };
            if !more {
                continue;
            }
            if self.plain_value().is_some() {
                continue;
            }
            match self.begin_value()? {
                bracket @ (b'{' | b'[') => self.open(bracket == b'{')?,
                first => {
                    self.scalar(first)?;
                }
            }
        }
        Ok(())
    }

    /// The first byte of the value that must come now.
    pub(super) fn begin_value(&mut self) -> Result<u8, Error> {
        if self.next != Next::Value {
            return self.fail(ErrorKind::Order);
        }
        self.white_space();
        self.peek()
    }

    pub(super) fn open(&mut self, object: bool) -> Result<(), Error> {
        if self.depth >= MAX_DEPTH {
            return self.fail(ErrorKind::Depth);
        }
        self.step();
        self.depth = self.depth.saturating_add(1);
        self.stack = (self.stack << 1) | u64::from(object);
        self.next = Next::First;
        Ok(())
    }

    fn next_item(&mut self, object: bool) -> Result<bool, Error> {
        if self.next == Next::Value || self.depth == 0 || self.in_object() != object {
            return self.fail(ErrorKind::Order);
        }
        self.white_space();
        match self.peek()? {
            b'}' if object => self.close(),
            b']' if !object => self.close(),
            b',' if self.next == Next::More => {
                self.step();
                self.white_space();
                self.next = Next::Value;
            }
            _ if self.next == Next::More => return self.fail(ErrorKind::Comma),
            _ => self.next = Next::Value,
        }
        Ok(self.next == Next::Value)
    }

    #[inline]
    pub(super) fn close(&mut self) {
        self.step();
        self.depth = self.depth.wrapping_sub(1);
        self.stack >>= 1;
        self.next = Next::More;
    }

    /// Whether the innermost open container is an object; `false` where none is open.
    pub(super) fn in_object(&self) -> bool {
        self.stack & 1 == 1
    }

    fn scalar(&mut self, first: u8) -> Result<Item, Error> {
        let item = match first {
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => self.number()?,
            b'f' => self.literal("false", Sort::False)?,
            b'n' => self.literal("null", Sort::Null)?,
            b't' => self.literal("true", Sort::True)?,
            _ => return self.fail(ErrorKind::Value),
        };
        self.next = Next::More;
        Ok(item)
    }

    fn literal(&mut self, word: &str, sort: Sort) -> Result<Item, Error> {
        let start = self.at;
        for byte in word.bytes() {
            if self.peek()? != byte {
                return self.fail(ErrorKind::Literal);
            }
            self.step();
        }
        Ok(Item { sort, start, end: self.at })
    }

    fn number(&mut self) -> Result<Item, Error> {
        let start = self.at;
        if self.peek()? == b'-' {
            self.step();
        }
        if self.peek()? == b'0' {
            self.step();
        } else {
            self.digits()?;
        }
        if self.ahead() == Some(b'.') {
            self.step();
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.ahead() {
            self.step();
            if let b'+' | b'-' = self.peek()? {
                self.step();
            }
            self.digits()?;
        }
        Ok(Item { sort: Sort::Number, start, end: self.at })
    }

    fn digits(&mut self) -> Result<(), Error> {
        if !self.peek()?.is_ascii_digit() {
            return self.fail(ErrorKind::Number);
        }
        while self.ahead().is_some_and(|byte| byte.is_ascii_digit()) {
            self.step();
        }
        Ok(())
    }

    /// The string whose opening quote comes next.
    fn string(&mut self) -> Result<Item, Error> {
        self.step();
        let start = self.at;
        self.at = start.wrapping_add(SPECIAL.find(self.rest()));
        let mut sort = Sort::Plain;
        if self.ahead() != Some(b'"') {
            sort = Sort::Escaped;
            self.escaped_string()?;
        }
        let item = Item { sort, start, end: self.at };
        self.step();
        Ok(item)
    }

    /// Goes on to the closing quote from where a string holds more than plain characters.
    #[inline(never)]
    fn escaped_string(&mut self) -> Result<(), Error> {
        loop {
            // An escape of one character, the usual.
            if let [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] = self.rest() {
                self.at = self.at.wrapping_add(2);
            } else {
                match self.peek()? {
                    b'"' => return Ok(()),
                    b'\\' => self.escape()?,
                    _ => return self.fail(ErrorKind::Control),
                }
            }
            self.at = self.at.wrapping_add(SPECIAL.find(self.rest()));
        }
    }

    fn escape(&mut self) -> Result<(), Error> {
        self.step();
        match self.peek()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.step(),
            b'u' => {
                self.step();
                for _ in 0..4 {
                    if !self.peek()?.is_ascii_hexdigit() {
                        return self.fail(ErrorKind::Escape);
                    }
                    self.step();
                }
            }
            _ => return self.fail(ErrorKind::Escape),
        }
        Ok(())
    }

    fn white_space(&mut self) {
        // The platform writes none: one comparison tells.
        while self.ahead().is_some_and(|byte| byte <= b' ')
            && matches!(self.ahead(), Some(b' ' | b'\t' | b'\n' | b'\r'))
        {
            self.step();
        }
    }

    fn peek(&self) -> Result<u8, Error> {
        self.ahead().ok_or(Error { at: self.at, kind: ErrorKind::End })
    }

    pub(super) fn ahead(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// Passes over a byte that is there: the place never wraps.
    fn step(&mut self) {
        self.at = self.at.wrapping_add(1);
    }

    fn fail<T>(&self, kind: ErrorKind) -> Result<T, Error> {
        Err(Error { at: self.at, kind })
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("at", &self.at).field("depth", &self.depth).finish_non_exhaustive()
    }
}
