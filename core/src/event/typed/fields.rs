//! How a field is found and read, and the macro that makes a view of a list of fields.

use crate::time::UnixMillis;
use crate::wire::json::{Reader, Str, Value};

/// The value at the end of `path`. Each member on the way passes over its object once.
pub(super) fn find<'a>(json: &'a str, path: &[&str]) -> Option<Value<'a>> {
    let Some((first, rest)) = path.split_first() else { return Reader::new(json).value().ok() };
    rest.iter().try_fold(member(json, first)?, |value, key| match value {
        Value::Object(text) => member(text, key),
        _ => None,
    })
}

fn member<'a>(object: &'a str, name: &str) -> Option<Value<'a>> {
    let mut reader = Reader::new(object);
    let mut found = None;
    if reader.enter_object().ok()? {
        while let Some(key) = reader.next_key().ok()? {
            let value = reader.value().ok()?;
            if key == name {
                found = Some(value);
            }
        }
    }
    found
}

/// What a value can be read as; `None` counts as absent (protocol section 11.2).
pub(super) trait Part<'a>: Sized {
    fn part(value: Value<'a>) -> Option<Self>;
}

impl<'a> Part<'a> for Str<'a> {
    /// A text that is not empty, or a number as it is written.
    fn part(value: Value<'a>) -> Option<Self> {
        match value {
            Value::String(text) if !text.is_empty() => Some(text),
            Value::Number(number) => Some(Str::from_raw(number.raw(), false)),
            _ => None,
        }
    }
}

impl<'a> Part<'a> for UnixMillis {
    fn part(value: Value<'a>) -> Option<Self> {
        Self::from_platform(value.as_i64()?)
    }
}

impl<'a> Part<'a> for Value<'a> {
    fn part(value: Value<'a>) -> Option<Self> {
        (!value.is_null()).then_some(value)
    }
}

impl<'a> Part<'a> for bool {
    fn part(value: Value<'a>) -> Option<Self> {
        value.as_bool()
    }
}

/// What a view's method returns, from the first of several places that has it.
pub(super) trait Field<'a> {
    fn field(json: &'a str, places: &[&[&str]]) -> Self;
}

impl<'a, T: Part<'a>> Field<'a> for Option<T> {
    fn field(json: &'a str, places: &[&[&str]]) -> Self {
        places.iter().find_map(|path| find(json, path).and_then(T::part))
    }
}

/// The elements of an array; none of anything else. Those that are no `T` are passed over.
pub(super) fn elements<'a, T: Part<'a>>(array: Option<Value<'a>>) -> impl Iterator<Item = T> + Clone + use<'a, T> {
    let mut reader = Reader::new(if let Some(Value::Array(text)) = array { text } else { "[]" });
    // Out of step, the reader fails, and there are no elements.
    let _ = reader.enter_array();
    Elements { reader }.filter_map(T::part)
}

#[derive(Clone)]
struct Elements<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        if self.reader.next_element().ok()? { self.reader.value().ok() } else { None }
    }
}

/// A view on the text of an object: `name: type;` where the member has the field's name, else
/// `name: type = "member"."member" | "other place";`.
macro_rules! view {
    (
        $(#[$doc:meta])* $view:ident {
            $($(#[$field_doc:meta])* $field:ident: $type:ty $(= $($($key:literal).+)|+)?;)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $view<'a> {
            pub(in crate::event::typed) json: &'a str,
        }

        impl<'a> $view<'a> {
            $($(#[$field_doc])*
            pub fn $field(&self) -> $type {
                $crate::event::typed::fields::Field::field(
                    self.json,
                    $crate::event::typed::fields::places!($field $(= $($($key).+)|+)?),
                )
            })*

            /// Any other field, as [`Event::field`](crate::Event::field).
            pub fn field(&self, path: &[&str]) -> Option<$crate::wire::json::Value<'a>> {
                $crate::event::typed::fields::find(self.json, path)
            }
        }

        impl Default for $view<'_> {
            fn default() -> Self {
                Self { json: "{}" }
            }
        }

        impl core::fmt::Debug for $view<'_> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                // What people write is not for logs.
                write!(f, concat!(stringify!($view), "({} bytes)"), self.json.len())
            }
        }
    };
}

macro_rules! places {
    ($field:ident) => {
        &[&[stringify!($field)]]
    };
    ($field:ident = $($($key:literal).+)|+) => {
        &[$(&[$($key),+]),+]
    };
}

/// Makes a view a part of other views.
macro_rules! nested {
    ($($view:ident),*) => {
        $(impl<'a> $crate::event::typed::fields::Part<'a> for $view<'a> {
            fn part(value: $crate::wire::json::Value<'a>) -> Option<Self> {
                if let $crate::wire::json::Value::Object(json) = value { Some(Self { json }) } else { None }
            }
        }

        impl<'a> $crate::event::typed::fields::Field<'a> for $view<'a> {
            fn field(json: &'a str, places: &[&[&str]]) -> Self {
                Option::field(json, places).unwrap_or_default()
            }
        })*
    };
}

pub(super) use {nested, places, view};
