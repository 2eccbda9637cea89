//! Reading by places, for what keeps spans instead of borrows, and the straight path for documents that are written as the
//! platform writes them: no white space, few escapes.

use super::reader::{Next, Reader};
use super::text::SPECIAL;
use super::{Error, Number, Str, Value};

/// What a value is; a string with or without escapes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sort {
    Array,
    Escaped,
    False,
    Null,
    Number,
    Object,
    Plain,
    True,
}

impl Sort {
    /// The value whose text that is.
    #[inline]
    pub(super) fn value(self, text: &str) -> Value<'_> {
        match self {
            Self::Array => Value::Array(text),
            Self::Escaped => Value::String(Str::from_raw(text, true)),
            Self::False => Value::Bool(false),
            Self::Null => Value::Null,
            Self::Number => Value::Number(Number { raw: text }),
            Self::Object => Value::Object(text),
            Self::Plain => Value::String(Str::from_raw(text, false)),
            Self::True => Value::Bool(true),
        }
    }
}

/// Where a value lies in the text; of a string, what is between its quotes.
#[derive(Clone, Copy)]
pub(crate) struct Item {
    pub(crate) sort: Sort,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl<'a> Reader<'a> {
    /// The next value, as a place.
    pub(crate) fn item(&mut self) -> Result<Item, Error> {
        if self.next == Next::Value
            && let Some(text) = self.plain_value()
        {
            return Ok(text);
        }
        self.any_item()
    }

    /// The value that comes now, if it is plain text, as most are.
    #[cfg_attr(feature = "simd", inline(always))]
    pub(super) fn plain_value(&mut self) -> Option<Item> {
        let text = self.plain_string(self.at)?;
        (self.at, self.next) = (text.end.wrapping_add(1), Next::More);
        Some(text)
    }

    /// Where a key begins, if one comes now.
    #[cfg(target_pointer_width = "64")]
    #[inline]
    pub(super) fn start_of_key(&self) -> Option<usize> {
        match self.next {
            _ if !self.in_object() => None,
            Next::First => Some(self.at),
            Next::More => (self.ahead() == Some(b',')).then_some(self.at.wrapping_add(1)),
            Next::Value => None,
        }
    }

    /// Passes over a key and the colon that ends there, where they were seen.
    #[cfg(target_pointer_width = "64")]
    #[inline]
    pub(super) fn pass_key(&mut self, end: usize) {
        (self.at, self.next) = (end, Next::Value);
    }

    /// All of the document.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// The next key of the object, as a place.
    pub(crate) fn key(&mut self) -> Result<Option<Item>, Error> {
        // As the platform writes it: no white space, no escapes.
        if self.in_object() {
            let start = match (self.next, self.ahead()) {
                (Next::First, _) => self.at,
                (Next::More, Some(b',')) => self.at.wrapping_add(1),
                (Next::More, Some(b'}')) => {
                    self.close();
                    return Ok(None);
                }
                _ => return self.any_key(),
            };
            if let Some(key) = self.plain_string(start)
                && self.text.as_bytes().get(key.end.wrapping_add(1)) == Some(&b':')
            {
                (self.at, self.next) = (key.end.wrapping_add(2), Next::Value);
                return Ok(Some(key));
            }
        }
        self.any_key()
    }

    /// A key to be compared with short ones that are known: unescaped in `room` where that is needed, empty where it is
    /// longer than that.
    #[inline]
    pub(crate) fn name<'b>(&self, key: Item, room: &'b mut [u8; 24]) -> &'b [u8]
    where
        'a: 'b,
    {
        if key.sort == Sort::Plain {
            return self.text.as_bytes().get(key.start..key.end).unwrap_or_default();
        }
        Str::from_raw(self.text_of(key), true).unescape(room).unwrap_or_default().as_bytes()
    }

    /// What lies there.
    #[inline]
    pub(crate) fn value_of(&self, item: Item) -> Value<'a> {
        item.sort.value(self.text_of(item))
    }

    #[inline]
    pub(super) fn text_of(&self, item: Item) -> &'a str {
        self.text.get(item.start..item.end).unwrap_or_default()
    }

    /// Steps into the object that is the next value (`None`), or gives the value.
    pub(crate) fn enter_object_or_value(&mut self) -> Result<Option<Value<'a>>, Error> {
        Ok(self.enter_object_or_item()?.map(|item| self.value_of(item)))
    }

    /// The same with a place.
    pub(crate) fn enter_object_or_item(&mut self) -> Result<Option<Item>, Error> {
        if self.begin_value()? == b'{' { self.open(true).map(|()| None) } else { self.item().map(Some) }
    }

    /// The string that begins at `start`, if it is all plain characters.
    #[cfg_attr(feature = "simd", inline(always))]
    fn plain_string(&self, start: usize) -> Option<Item> {
        let (b'"', rest) = self.text.as_bytes().get(start..)?.split_first()? else { return None };
        let len = SPECIAL.find(rest);
        let start = start.wrapping_add(1);
        let item = Item { sort: Sort::Plain, start, end: start.wrapping_add(len) };
        (rest.get(len) == Some(&b'"')).then_some(item)
    }
}
