//! JSON into types of your own: serde over the [`Reader`], without a heap. Feature `serde`.
//!
//! A string is borrowed from the text where it has no escapes, else unescaped into the scratch buffer, so that `&str`
//! members always work. As everywhere here, numbers and booleans may come as strings (protocol section 11.2). Of
//! a repeated member the last does not win: serde refuses it.
//!
//! ```
//! #[derive(serde::Deserialize)]
//! struct Answer<'a> {
//!     code: i64,
//!     msg: &'a str,
//! }
//! let mut scratch = [0; 64];
//! let answer: Answer<'_> = larkwire_core::decode::from_str(r#"{"code":"0","msg":"\u597d"}"#, &mut scratch)?;
//! assert_eq!((answer.code, answer.msg), (0, "好"));
//! # Ok::<(), larkwire_core::decode::DecodeError>(())
//! ```

mod error;

pub use error::{DecodeError, DecodeErrorKind};

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::Event;
use crate::wire::json::{Number, Reader, Str, Value};

/// Reads `json`, one whole document, as a `T`. A `scratch` as long as `json` is always enough; it takes the strings that
/// have escapes.
///
/// # Errors
/// [`DecodeError`]: no JSON, not of the shape of `T`, or `scratch` too small.
pub fn from_str<'de, T: Deserialize<'de>>(json: &'de str, scratch: &'de mut [u8]) -> Result<T, DecodeError> {
    let mut decoder = Decoder { text: json, reader: Reader::new(json), scratch };
    match T::deserialize(&mut decoder) {
        Ok(value) => Ok(decoder.reader.finish().map(|()| value)?),
        Err(error) if error.at == DecodeError::SOMEWHERE => Err(DecodeError { at: decoder.reader.position(), ..error }),
        Err(error) => Err(error),
    }
}

impl<'a> Event<'a> {
    /// The [`body`](Self::body) as a type of yours; no body counts as `{}`. A `scratch` as long as the body is always
    /// enough. Feature `serde`.
    ///
    /// ```
    /// # use larkwire_core::{Event, decode::DecodeError};
    /// #[derive(serde::Deserialize)]
    /// struct Ticket<'a> {
    ///     ticket_id: &'a str,
    ///     stage: Option<u8>,
    /// }
    /// fn ticket<'a>(event: &Event<'a>, scratch: &'a mut [u8]) -> Result<Ticket<'a>, DecodeError> {
    ///     event.decode(scratch)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`DecodeError`]: not of the shape of `T`, or `scratch` too small.
    pub fn decode<T: Deserialize<'a>>(&self, scratch: &'a mut [u8]) -> Result<T, DecodeError> {
        from_str(if self.body().is_empty() { "{}" } else { self.body() }, scratch)
    }
}

/// Serde asks, and a type's nesting is that of the text, which the reader bounds.
struct Decoder<'de> {
    text: &'de str,
    reader: Reader<'de>,
    /// What is left of the buffer.
    scratch: &'de mut [u8],
}

impl<'de> Decoder<'de> {
    /// The first byte of the next value; 0 at the end, where the reader will say what is wrong.
    fn peek(&self) -> u8 {
        let rest = self.text.get(self.reader.position()..).unwrap_or_default();
        rest.bytes().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).unwrap_or_default()
    }

    fn text(&mut self, text: Str<'de>) -> Result<&'de str, DecodeError> {
        if let Some(plain) = text.plain() {
            return Ok(plain);
        }
        let too_small = DecodeError::new(DecodeErrorKind::Scratch);
        let (room, rest) =
            core::mem::take(&mut self.scratch).split_at_mut_checked(text.unescaped_len()).ok_or(too_small)?;
        self.scratch = rest;
        text.unescape(room).map_err(|_| too_small)
    }

    fn object<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DecodeError> {
        self.reader.enter_object()?;
        let mut items = Items { decoder: self, object: true, ended: false };
        let value = visitor.visit_map(&mut items)?;
        items.end().map(|()| value)
    }

    fn array<V: Visitor<'de>>(&mut self, visitor: V) -> Result<V::Value, DecodeError> {
        self.reader.enter_array()?;
        let mut items = Items { decoder: self, object: false, ended: false };
        let value = visitor.visit_seq(&mut items)?;
        items.end().map(|()| value)
    }

    fn scalar<V: Visitor<'de>>(&mut self, value: Value<'de>, visitor: V) -> Result<V::Value, DecodeError> {
        match value {
            Value::Array(_) | Value::Object(_) => Err(DecodeError::new(DecodeErrorKind::Type)),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Null => visitor.visit_unit(),
            Value::Number(number) => visit_number(number, visitor),
            Value::String(text) => visitor.visit_borrowed_str(self.text(text)?),
        }
    }
}

fn visit_number<'de, V: Visitor<'de>>(number: Number<'de>, visitor: V) -> Result<V::Value, DecodeError> {
    if let Some(value) = number.as_u64() {
        visitor.visit_u64(value)
    } else if let Some(value) = number.as_i64() {
        visitor.visit_i64(value)
    } else {
        match number.raw().parse() {
            Ok(value) if f64::is_finite(value) => visitor.visit_f64(value),
            _ => Err(DecodeError::new(DecodeErrorKind::Number)),
        }
    }
}

/// An integer that a string holds as JSON would write it.
enum Integer {
    I64(i64),
    U64(u64),
}

impl Integer {
    fn in_text(text: Str<'_>) -> Option<Self> {
        if let Some(value) = Value::String(text).as_i64() {
            return Some(Self::I64(value));
        }
        // The upper half of 64 bits.
        let digits = text.plain().filter(|digits| matches!(digits.as_bytes().first(), Some(b'1'..=b'9')))?;
        digits.parse().ok().map(Self::U64)
    }

    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self {
            Self::I64(value) => visitor.visit_i64(value),
            Self::U64(value) => visitor.visit_u64(value),
        }
    }
}

/// What a number, or a string that holds one, is asked for.
macro_rules! integers {
    ($($name:ident)*) => {
        $(fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            if self.peek() != b'"' {
                return self.deserialize_any(visitor);
            }
            let value = self.reader.value()?;
            match value.as_str().and_then(Integer::in_text) {
                Some(integer) => integer.visit(visitor),
                None => self.scalar(value, visitor),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for &mut Decoder<'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.peek() {
            b'{' => self.object(visitor),
            b'[' => self.array(visitor),
            _ => {
                let value = self.reader.value()?;
                self.scalar(value, visitor)
            }
        }
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.peek() != b'"' {
            return self.deserialize_any(visitor);
        }
        let value = self.reader.value()?;
        match value.as_bool() {
            Some(value) => visitor.visit_bool(value),
            None => self.scalar(value, visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        if self.peek() != b'n' {
            return visitor.visit_some(self);
        }
        self.reader.skip()?;
        visitor.visit_none()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    /// `"Variant"`, or `{"Variant": …}`.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        if self.peek() == b'{' {
            self.reader.enter_object()?;
            let mut items = Items { decoder: self, object: true, ended: false };
            let value = visitor.visit_enum(&mut items)?;
            return items.end().map(|()| value);
        }
        match self.reader.value()? {
            Value::String(text) => visitor.visit_enum(BorrowedStrDeserializer::new(self.text(text)?)),
            _ => Err(DecodeError::new(DecodeErrorKind::Type)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.reader.skip()?;
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
    }
}

/// The members or elements of the container that was entered.
struct Items<'x, 'de> {
    decoder: &'x mut Decoder<'de>,
    object: bool,
    ended: bool,
}

impl<'de> Items<'_, 'de> {
    fn key(&mut self) -> Result<Option<Key<'de>>, DecodeError> {
        if self.ended {
            return Ok(None);
        }
        let Some(key) = self.decoder.reader.next_key()? else {
            self.ended = true;
            return Ok(None);
        };
        self.decoder.text(key).map(|text| Some(Key { text }))
    }

    fn step(&mut self) -> Result<bool, DecodeError> {
        self.ended = self.ended || !self.decoder.reader.next_element()?;
        Ok(!self.ended)
    }

    /// A type that stops early does not fit.
    fn end(mut self) -> Result<(), DecodeError> {
        let more = if self.object { !self.ended && self.decoder.reader.next_key()?.is_some() } else { self.step()? };
        if more { Err(DecodeError::new(DecodeErrorKind::Length)) } else { Ok(()) }
    }
}

impl<'de> de::SeqAccess<'de> for Items<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, DecodeError> {
        if self.step()? { seed.deserialize(&mut *self.decoder).map(Some) } else { Ok(None) }
    }
}

impl<'de> de::MapAccess<'de> for Items<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, DecodeError> {
        self.key()?.map(|key| seed.deserialize(key)).transpose()
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, DecodeError> {
        seed.deserialize(&mut *self.decoder)
    }
}

impl<'de> de::EnumAccess<'de> for &mut Items<'_, 'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<(T::Value, Self), DecodeError> {
        let key = self.key()?.ok_or(DecodeError::new(DecodeErrorKind::Length))?;
        seed.deserialize(key).map(|variant| (variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for &mut Items<'_, 'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        Deserialize::deserialize(&mut *self.decoder)
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, DecodeError> {
        seed.deserialize(&mut *self.decoder)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.decoder.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, DecodeError> {
        self.decoder.deserialize_any(visitor)
    }
}

/// The name of a member; as the key of a map it may hold a number or a truth value.
struct Key<'de> {
    text: &'de str,
}

macro_rules! integer_keys {
    ($($name:ident)*) => {
        $(fn $name<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            match Integer::in_text(Str::from_raw(self.text, false)) {
                Some(integer) => integer.visit(visitor),
                None => self.deserialize_any(visitor),
            }
        })*
    };
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_str(self.text)
    }

    integer_keys! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match Value::String(Str::from_raw(self.text, false)).as_bool() {
            Some(value) => visitor.visit_bool(value),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.text))
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}
