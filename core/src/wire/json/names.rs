//! Names that are known, found where they stand: most members of the platform's events are, and they come in the same
//! order each time.

use super::Error;
use super::reader::Reader;

/// Bytes that are compared at once.
#[cfg(target_pointer_width = "64")]
const WIDTH: usize = 16;

/// A name that is known, and what it stands for.
#[derive(Clone, Copy)]
pub(crate) struct Name<T> {
    name: &'static str,
    pub(super) means: T,
    /// For small processors it would be many bytes, and flash.
    #[cfg(target_pointer_width = "64")]
    quoted: Quoted,
}

/// A name as it stands in a document, with its quotes and the colon. Where that is too long, no bit is looked at and one
/// is wanted: it never is the one.
#[cfg(target_pointer_width = "64")]
#[derive(Clone, Copy)]
struct Quoted {
    word: u128,
    mask: u128,
    len: usize,
}

#[cfg(target_pointer_width = "64")]
impl Quoted {
    const fn new(name: &str) -> Self {
        let (mut word, mut mask) = (1, 0);
        let len = name.len().wrapping_add(3);
        if len <= WIDTH {
            // From the last byte to the first: each one moves those before it up.
            word = (b':' as u128) << 8 | b'"' as u128;
            mask = 0xFFFF;
            let mut rest = name.as_bytes();
            while let [before @ .., last] = rest {
                word = (word << 8) | *last as u128;
                mask = (mask << 8) | 0xFF;
                rest = before;
            }
            word = (word << 8) | b'"' as u128;
            mask = (mask << 8) | 0xFF;
        }
        Self { word, mask, len }
    }
}

impl<T: Copy> Name<T> {
    /// A name without anything that JSON would escape.
    pub(crate) const fn new(name: &'static str, means: T) -> Self {
        Self {
            name,
            means,
            #[cfg(target_pointer_width = "64")]
            quoted: Quoted::new(name),
        }
    }
}

/// A key that was read.
pub(super) enum Key {
    /// There was none: the object has ended.
    End,
    /// The name of this index.
    Known(usize),
    Unknown,
}

impl Reader<'_> {
    /// The next key of the object. `names` stand in the order in which they are expected, the next one at `expected`.
    #[inline]
    pub(super) fn known_key<T: Copy>(&mut self, names: &[Name<T>], expected: usize) -> Result<Key, Error> {
        #[cfg(target_pointer_width = "64")]
        if let Some(index) = self.pass_name(names, expected) {
            return Ok(Key::Known(index));
        }
        // Small processors read the key first.
        #[cfg(not(target_pointer_width = "64"))]
        let _ = expected;
        self.any_known_key(names)
    }

    #[inline(never)]
    fn any_known_key<T: Copy>(&mut self, names: &[Name<T>]) -> Result<Key, Error> {
        let Some(key) = self.key()? else { return Ok(Key::End) };
        let mut room = [0; 24];
        let text = self.name(key, &mut room);
        let index = names.iter().position(|name| name.name.as_bytes() == text);
        Ok(index.map_or(Key::Unknown, Key::Known))
    }

    /// Passes over the name that comes next, if it is known and stands there as the platform writes it.
    #[cfg(target_pointer_width = "64")]
    #[inline]
    fn pass_name<T: Copy>(&mut self, names: &[Name<T>], expected: usize) -> Option<usize> {
        let start = self.start_of_key()?;
        let word = u128::from_le_bytes(*self.text.as_bytes().get(start..)?.first_chunk::<WIDTH>()?);
        let is = |name: &Name<T>| word & name.quoted.mask == name.quoted.word;
        let (index, name) = match names.get(expected) {
            Some(name) if is(name) => (expected, name),
            _ => names.iter().enumerate().find(|(_, name)| is(name))?,
        };
        self.pass_key(start.wrapping_add(name.quoted.len));
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, Name};
    use crate::wire::json::Reader;

    const NAMES: [Name<u8>; 4] =
        [Name::new("a", 1), Name::new("create_time", 2), Name::new("a_name_of_leng", 3), Name::new("a_name_of_len", 4)];

    /// What the names of an object mean, in its order.
    fn meanings(json: &str) -> std::vec::Vec<Option<u8>> {
        let (mut reader, mut expected, mut found) = (Reader::new(json), 0, std::vec![]);
        assert!(reader.enter_object().unwrap());
        loop {
            found.push(match reader.known_key(&NAMES, expected).unwrap() {
                Key::End => break,
                Key::Known(index) => {
                    expected = index + 1;
                    Some(NAMES[index].means)
                }
                Key::Unknown => None,
            });
            reader.skip().unwrap();
        }
        reader.finish().unwrap();
        found
    }

    #[test]
    fn names_are_known_in_any_order_however_they_are_written() {
        let tail = "                ";
        assert_eq!(
            meanings(r#"{"a":"x","create_time":1,"a_name_of_len":[{}],"a_name_of_leng":{}}"#),
            [Some(1), Some(2), Some(4), Some(3)]
        );
        assert_eq!(meanings(&std::format!(r#"{{ "create_time" :"" , "a": null}}{tail}"#)), [Some(2), Some(1)]);
        assert_eq!(
            meanings(r#"{"a_name_of_leng":"","\u0061":"","b":"","a_":"","":"","a":""}"#),
            [Some(3), Some(1), None, None, None, Some(1)]
        );
    }

    #[test]
    fn a_name_that_only_begins_like_a_known_one_is_another() {
        assert_eq!(meanings(r#"{"a\"":"","create_time2":"","create_tim":"","a_name_of_lengt":0}"#), [None; 4]);
    }

    #[test]
    fn an_array_has_no_names() {
        let mut reader = Reader::new(r#"["a","create_time"]"#);
        assert!(reader.enter_array().unwrap());
        assert!(reader.known_key(&NAMES, 0).is_err());
    }
}
