//! Members whose names are known, found where they stand: most members of the platform's events are, and they come in the
//! same order each time.

use super::Error;
use super::places::Item;
use super::reader::Reader;

/// Bytes that are compared at once.
#[cfg(target_pointer_width = "64")]
const WIDTH: usize = 16;

/// A name that is known, and what it stands for.
#[derive(Clone, Copy)]
pub(crate) struct Name<T> {
    name: &'static str,
    means: T,
    /// For small processors it would be many bytes, and flash.
    #[cfg(target_pointer_width = "64")]
    quoted: Quoted,
}

/// A name as it stands in a document, with its quotes; no bit set in `mask` where that is too long.
#[cfg(target_pointer_width = "64")]
#[derive(Clone, Copy)]
struct Quoted {
    word: u128,
    mask: u128,
}

#[cfg(target_pointer_width = "64")]
impl Quoted {
    const fn new(name: &str) -> Self {
        let (mut word, mut mask) = (0, 0);
        if name.len() <= WIDTH.wrapping_sub(2) {
            // From the last byte to the first: each one moves those before it up.
            word = b'"' as u128;
            mask = 0xFF;
            let mut rest = name.as_bytes();
            while let [before @ .., last] = rest {
                word = (word << 8) | *last as u128;
                mask = (mask << 8) | 0xFF;
                rest = before;
            }
            word = (word << 8) | b'"' as u128;
            mask = (mask << 8) | 0xFF;
        }
        Self { word, mask }
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

    /// Bytes of the name with its quotes.
    fn len(&self) -> usize {
        self.name.len().wrapping_add(2)
    }
}

/// A member whose key was read, and its value if that is plain text.
pub(crate) struct Member<T> {
    pub(crate) key: Item,
    /// What its name stands for, if it is known.
    pub(crate) means: Option<T>,
    value: Option<Item>,
}

impl<T> Member<T> {
    /// Whether the value was read with the key: it is a string.
    pub(crate) fn is_text(&self) -> bool {
        self.value.is_some()
    }

    /// The value, read where that was not done yet.
    #[inline]
    pub(crate) fn item(&self, reader: &mut Reader<'_>) -> Result<Item, Error> {
        match self.value {
            Some(item) => Ok(item),
            None => reader.item(),
        }
    }
}

impl Reader<'_> {
    /// The next member of the object. `names` stand in the order in which they are expected, the next one at `expected`.
    #[inline]
    pub(crate) fn member<T: Copy>(
        &mut self,
        names: &[Name<T>],
        expected: &mut usize,
    ) -> Result<Option<Member<T>>, Error> {
        if let Some((index, name)) = self.find_name(names, *expected) {
            let key = self.pass_key(name.len());
            *expected = index.wrapping_add(1);
            return Ok(Some(Member { key, means: Some(name.means), value: self.plain_value() }));
        }
        let Some(key) = self.key()? else { return Ok(None) };
        let mut room = [0; 24];
        let text = self.name(key, &mut room);
        let index = names.iter().position(|name| name.name.as_bytes() == text);
        if let Some(index) = index {
            *expected = index.wrapping_add(1);
        }
        let means = index.and_then(|index| names.get(index)).map(|name| name.means);
        Ok(Some(Member { key, means, value: self.plain_value() }))
    }

    /// The name that comes next, if it is known and stands there as the platform writes it.
    #[cfg(target_pointer_width = "64")]
    #[inline]
    fn find_name<'n, T: Copy>(&self, names: &'n [Name<T>], expected: usize) -> Option<(usize, &'n Name<T>)> {
        let text = self.at_key()?;
        let word = u128::from_le_bytes(*text.first_chunk::<WIDTH>()?);
        let is = |name: &Name<T>| {
            let Quoted { word: quoted, mask } = name.quoted;
            mask != 0 && (word ^ quoted) & mask == 0 && text.get(name.len()) == Some(&b':')
        };
        if let Some(name) = names.get(expected).filter(|name| is(name)) {
            return Some((expected, name));
        }
        names.iter().enumerate().find(|(_, name)| is(name))
    }

    /// Small processors read the key first.
    #[cfg(not(target_pointer_width = "64"))]
    fn find_name<'n, T: Copy>(&self, _: &'n [Name<T>], _: usize) -> Option<(usize, &'n Name<T>)> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Name;
    use crate::wire::json::Reader;

    const NAMES: [Name<u8>; 4] = [
        Name::new("a", 1),
        Name::new("create_time", 2),
        Name::new("a_name_of_length", 3),
        Name::new("a_name_of_leng", 4),
    ];

    /// What the names of an object mean, in its order.
    fn meanings(json: &str) -> std::vec::Vec<Option<u8>> {
        let (mut reader, mut expected, mut found) = (Reader::new(json), 0, std::vec![]);
        assert!(reader.enter_object().unwrap());
        while let Some(member) = reader.member(&NAMES, &mut expected).unwrap() {
            member.item(&mut reader).unwrap();
            found.push(member.means);
        }
        reader.finish().unwrap();
        found
    }

    #[test]
    fn names_are_known_in_any_order_however_they_are_written() {
        let tail = "                ";
        assert_eq!(
            meanings(r#"{"a":"x","create_time":1,"a_name_of_leng":[{}],"a_name_of_length":{}}"#),
            [Some(1), Some(2), Some(4), Some(3)]
        );
        assert_eq!(meanings(&std::format!(r#"{{ "create_time" :"" , "a": null}}{tail}"#)), [Some(2), Some(1)]);
        assert_eq!(
            meanings(r#"{"a_name_of_length":"","\u0061":"","b":"","a_":"","":"","a":""}"#),
            [Some(3), Some(1), None, None, None, Some(1)]
        );
    }

    #[test]
    fn a_name_that_only_begins_like_a_known_one_is_another() {
        assert_eq!(meanings(r#"{"a\"":"","create_time2":"","create_tim":"","a_name_of_lengths":0}"#), [None; 4]);
    }
}
