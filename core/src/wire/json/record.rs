//! Objects some of whose members have places: one pass, by tables, for any order of members and however they nest.
//!
//! Any member may be missing, null or of another type; of a repeated one the last wins, so that what is checked is what is
//! used (protocol section 11.2).

use super::names::{Key, Name};
use super::{Error, Item, Reader, Sort, Str, Value};

/// Where a value lies in a document: 12 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    start: u32,
    len: u32,
    pub(crate) sort: Sort,
    /// Whether there is one.
    pub(crate) known: bool,
}

impl Span {
    pub(crate) const NONE: Self = Self { start: 0, len: 0, sort: Sort::Array, known: false };

    #[inline]
    fn of(item: Item) -> Self {
        match (u32::try_from(item.start), u32::try_from(item.end.wrapping_sub(item.start))) {
            (Ok(start), Ok(len)) => Self { start, len, sort: item.sort, known: true },
            _ => Self::NONE,
        }
    }

    /// Its bytes in the document, without quotes; empty where there is none.
    pub(crate) fn text<'a>(&self, document: &'a str) -> &'a str {
        let start = self.start as usize;
        document.get(start..start.saturating_add(self.len as usize)).unwrap_or_default()
    }

    /// A string, or any other value as it is written.
    pub(crate) fn str<'a>(&self, document: &'a str) -> Option<Str<'a>> {
        self.known.then(|| Str::from_raw(self.text(document), self.sort == Sort::Escaped))
    }

    /// A string.
    pub(crate) fn string<'a>(&self, document: &'a str) -> Option<Str<'a>> {
        if let Sort::Plain | Sort::Escaped = self.sort { self.str(document) } else { None }
    }

    /// Whatever it is.
    pub(crate) fn value<'a>(&self, document: &'a str) -> Option<Value<'a>> {
        self.known.then(|| self.sort.value(self.text(document)))
    }

    /// Whether it says anything: it is there, not null, and no empty string.
    pub(crate) fn says_something(&self) -> bool {
        self.known && self.sort != Sort::Null && self.len > 0
    }
}

/// Which values a member may have; any other counts as absent (protocol section 11.2).
#[derive(Clone, Copy, Eq, PartialEq)]
enum Takes {
    Any,
    Array,
    /// An id or name: a non-empty string, or a number as it is written.
    Name,
    Object,
    /// Any; of an object the members too, by the level of this index.
    Level(u8),
}

impl Takes {
    #[inline]
    fn admits(self, item: Item) -> bool {
        match self {
            Self::Any | Self::Level(_) => true,
            Self::Array => item.sort == Sort::Array,
            Self::Name => matches!(item.sort, Sort::Plain | Sort::Escaped | Sort::Number) && item.start < item.end,
            Self::Object => item.sort == Sort::Object,
        }
    }
}

/// The place of a member, by index, and what it takes.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    index: u8,
    takes: Takes,
}

impl Name<Place> {
    /// A member that may be anything.
    pub(crate) const fn any(name: &'static str, index: u8) -> Self {
        Self::new(name, Place { index, takes: Takes::Any })
    }

    /// A member that is an array.
    pub(crate) const fn array(name: &'static str, index: u8) -> Self {
        Self::new(name, Place { index, takes: Takes::Array })
    }

    /// A member that is an object of that level, or anything.
    pub(crate) const fn level(name: &'static str, index: u8, level: u8) -> Self {
        Self::new(name, Place { index, takes: Takes::Level(level) })
    }

    /// A member that is an id or name: a non-empty string, or a number as it is written.
    pub(crate) const fn id(name: &'static str, index: u8) -> Self {
        Self::new(name, Place { index, takes: Takes::Name })
    }

    /// A member that is an object, whatever is in it.
    pub(crate) const fn object(name: &'static str, index: u8) -> Self {
        Self::new(name, Place { index, takes: Takes::Object })
    }
}

/// An object: its members in the order in which they are expected, and the first and last of their places, those of
/// levels within it included. They are emptied when it begins anew.
pub(crate) struct Level {
    pub(crate) names: &'static [Name<Place>],
    pub(crate) first: u8,
    pub(crate) last: u8,
}

/// The places of a document that was validated before, which is an object of the first of `levels`; none of another.
pub(crate) fn of<const N: usize>(document: &str, levels: &[Level]) -> [Span; N] {
    let (mut reader, mut spans) = (Reader::new(document), [Span::NONE; N]);
    if let Ok(true) = reader.enter_object() {
        // There is no error to tell of.
        let _ = read(&mut reader, levels, &mut spans);
    }
    spans
}

/// Reads an object that was entered, of the first of `levels`, to its end.
pub(crate) fn read(reader: &mut Reader<'_>, levels: &[Level], spans: &mut [Span]) -> Result<(), Error> {
    walk(reader, levels, 0, spans)
}

/// It calls itself for a level within: as deep as the tables are.
fn walk(reader: &mut Reader<'_>, levels: &[Level], level: u8, spans: &mut [Span]) -> Result<(), Error> {
    let names = levels.get(usize::from(level)).map_or(&[][..], |level| level.names);
    let mut expected = 0;
    loop {
        let index = match reader.known_key(names, expected)? {
            Key::Known(index) => index,
            Key::Unknown => {
                reader.item()?;
                continue;
            }
            Key::End => return Ok(()),
        };
        expected = index.wrapping_add(1);
        let Some(&Name { means: Place { index, takes }, .. }) = names.get(index) else { continue };
        let item = match takes {
            Takes::Level(inner) => read_level(reader, levels, inner, spans)?,
            _ => match reader.plain_value() {
                Some(text) => text,
                None => reader.any_item()?,
            },
        };
        if let Some(span) = spans.get_mut(usize::from(index)) {
            *span = if takes.admits(item) { Span::of(item) } else { Span::NONE };
        }
    }
}

#[inline(never)]
fn read_level(reader: &mut Reader<'_>, levels: &[Level], level: u8, spans: &mut [Span]) -> Result<Item, Error> {
    if let Some(Level { first, last, .. }) = levels.get(usize::from(level)) {
        spans.get_mut(usize::from(*first)..=usize::from(*last)).unwrap_or_default().fill(Span::NONE);
    }
    if let Some(item) = reader.enter_object_or_item()? {
        return Ok(item);
    }
    let start = reader.position().wrapping_sub(1);
    walk(reader, levels, level, spans)?;
    Ok(Item { sort: Sort::Object, start, end: reader.position() })
}

#[cfg(test)]
pub(crate) use tests::assert_sound;

#[cfg(test)]
mod tests {
    use super::{Level, Span, Takes, of, read};
    use crate::wire::json::record::Place;
    use crate::wire::json::{Name, Reader};

    /// That tables fit so many places; `ignored` is that of members that nobody reads.
    pub(crate) fn assert_sound(levels: &[Level], places: usize, ignored: Option<u8>) {
        for level in levels {
            assert!(level.first <= level.last && usize::from(level.last) < places);
            for Place { index, takes } in level.names.iter().map(|name| name.means) {
                assert!(Some(index) == ignored || (level.first..=level.last).contains(&index), "place {index}");
                if let Takes::Level(inner) = takes {
                    let inner = levels.get(usize::from(inner)).unwrap();
                    assert!(level.first <= inner.first && inner.last <= level.last);
                }
            }
        }
    }

    static LEVELS: [Level; 1] =
        [Level { names: &[Name::any("a", 0), Name::id("b", 7), Name::level("c", 1, 5)], first: 0, last: 1 }];

    #[test]
    fn a_table_that_names_what_is_not_there_loses_that_and_no_more() {
        let json = r#"{"b":"x","c":{"a":"inner"},"a":"outer"}"#;
        let (mut reader, mut spans) = (Reader::new(json), [Span::NONE; 2]);
        assert!(reader.enter_object().unwrap());
        read(&mut reader, &LEVELS, &mut spans).unwrap();
        reader.finish().unwrap();
        assert_eq!(spans.map(|span| span.text(json)), ["outer", r#"{"a":"inner"}"#]);
    }

    #[test]
    fn what_is_no_object_has_no_places() {
        let spans: [Span; 2] = of(r#"["a","outer"]"#, &LEVELS);
        assert!(spans.iter().all(|span| !span.known));
    }

    #[test]
    fn only_what_is_there_and_not_null_and_not_empty_says_something() {
        for (value, says) in [("null", false), ("\"\"", false), ("\"2.0\"", true), ("2", true), ("{}", true)] {
            let json = std::format!(r#"{{"a":{value}}}"#);
            let [span, _]: [Span; 2] = of(&json, &LEVELS);
            assert_eq!(span.says_something(), says, "{value}");
        }
        assert!(!Span::NONE.says_something());
    }
}
