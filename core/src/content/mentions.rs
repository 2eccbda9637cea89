//! Who is mentioned (protocol section 12.3), and finding the one a placeholder stands for.

use core::fmt;

use super::{Form, Reading};
use crate::wire::json::record::{self, Level};
use crate::wire::json::{Name, Reader, Span, Str, Value};

/// The entries of a message's `mentions`, borrowed. `Debug` shows the size only.
#[derive(Clone, Copy)]
pub struct Mentions<'a> {
    json: &'a str,
}

impl Mentions<'_> {
    /// Nobody is mentioned.
    pub const NONE: Mentions<'static> = Mentions { json: "" };
}

impl<'a> Mentions<'a> {
    /// The mentions in the text of a JSON array. Anything else counts as [`NONE`](Mentions::NONE).
    pub fn new(json: &'a str) -> Self {
        let mut reader = Reader::new(json);
        let array = matches!(reader.value(), Ok(Value::Array(_))) && reader.finish().is_ok();
        Self { json: if array { json } else { "" } }
    }

    /// An array that was read and validated before.
    pub(crate) fn validated(json: &'a str) -> Self {
        Self { json }
    }

    /// The entries in their order; what is no object is passed over.
    pub fn iter(&self) -> impl Iterator<Item = Mention<'a>> + Clone + use<'a> {
        self.entries()
    }

    /// Whether that person or bot is mentioned: an entry with exactly this `id.open_id`. Names prove nothing.
    pub fn of(&self, open_id: &str) -> bool {
        self.of_bytes(open_id.as_bytes())
    }

    pub(crate) fn of_bytes(&self, open_id: &[u8]) -> bool {
        self.entries().any(|mention| mention.open_id.is_some_and(|id| id.equals(open_id)))
    }

    /// Whether an entry mentions everyone. Often there is none: ask
    /// [`Content::mentions_all`](super::Content::mentions_all) too.
    pub fn is_all(&self) -> bool {
        self.entries().any(|mention| mention.is_all())
    }

    fn entries(&self) -> Entries<'a> {
        let mut reader = Reader::new(self.json);
        // Where there is no array to enter, the reader has nothing to give either.
        let _ = reader.enter_array();
        Entries { reader }
    }
}

impl Default for Mentions<'_> {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Debug for Mentions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mentions({} bytes)", self.json.len())
    }
}

/// One entry of `mentions`. Every field may be unknown (`None`): absent, `null` and `""` mean the same.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Mention<'a> {
    /// The placeholder in the text: `@_user_1`, `@_all`.
    pub key: Option<Str<'a>>,
    /// `ou_…`; `id` as plain text is one if it starts so.
    pub open_id: Option<Str<'a>>,
    /// `on_…`; `id` as plain text is one if it starts so.
    pub union_id: Option<Str<'a>>,
    /// One per person and organisation, or `all`; also `id` as any other plain text.
    pub user_id: Option<Str<'a>>,
    /// What people see behind the `@`.
    pub name: Option<Str<'a>>,
    /// `user`, `bot` or a value of the future.
    pub mentioned_type: Option<Str<'a>>,
    /// The organisation.
    pub tenant_key: Option<Str<'a>>,
}

impl<'a> Mention<'a> {
    /// Whether it mentions everyone.
    pub fn is_all(&self) -> bool {
        self.key.is_some_and(|key| key == "@_all") || self.user_id.is_some_and(|id| id == "all")
    }

    /// Reads an entry whose brace the reader has just passed. The array was validated as a whole: there is no error to
    /// tell of.
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let mut places = [Span::NONE; PLACES];
        record::read(reader, &LEVELS, &mut places).ok()?;
        let [id, mut open_id, mut union_id, mut user_id, key, mentioned_type, name, tenant_key] = places;
        if let Some(text) = id.string(reader.text()) {
            let starts = |prefix: &str| text.chars().take(prefix.len()).eq(prefix.chars());
            let place = if starts("ou_") {
                &mut open_id
            } else if starts("on_") {
                &mut union_id
            } else {
                &mut user_id
            };
            *place = if text.is_empty() { Span::NONE } else { id };
        }
        let str = |span: Span| span.str(reader.text());
        Some(Self {
            key: str(key),
            open_id: str(open_id),
            union_id: str(union_id),
            user_id: str(user_id),
            name: str(name),
            mentioned_type: str(mentioned_type),
            tenant_key: str(tenant_key),
        })
    }
}

/// An entry, and its `id` where that is an object; both in the order in which the platform writes them.
static LEVELS: [Level; 2] = [
    Level {
        names: &[
            Name::level("id", 0, 1),
            Name::id("key", 4),
            Name::id("mentioned_type", 5),
            Name::id("name", 6),
            Name::id("tenant_key", 7),
        ],
        first: 0,
        last: 7,
    },
    Level { names: &[Name::id("open_id", 1), Name::id("union_id", 2), Name::id("user_id", 3)], first: 1, last: 3 },
];
const PLACES: usize = 8;

#[derive(Clone)]
struct Entries<'a> {
    reader: Reader<'a>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Mention<'a>;

    fn next(&mut self) -> Option<Mention<'a>> {
        while self.reader.next_element().ok()? {
            if self.reader.enter_object().ok()? {
                return Mention::read(&mut self.reader);
            }
        }
        None
    }
}

/// Finds entries. Placeholders come in the order of the entries, so that going on from the last hit finds most at once.
pub(super) struct Lookup<'a> {
    mentions: Mentions<'a>,
    entries: Entries<'a>,
    last: Option<Mention<'a>>,
    /// Bytes that may still be read, or written as names: what keeps ten thousand misses, or one long name ten thousand
    /// times, from taking minutes.
    budget: usize,
    /// Whose mentions are taken out.
    own: Option<&'a str>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(reading: Reading<'a>) -> Self {
        let mentions = reading.mentions;
        Self {
            mentions,
            entries: mentions.entries(),
            last: None,
            budget: mentions.json.len().saturating_mul(8).saturating_add(512 * 1024),
            own: if reading.form == Form::Body { reading.own_open_id } else { None },
        }
    }

    /// Whether this open_id is the one whose mentions are taken out.
    pub(super) fn is_own(&self, is: impl FnOnce(&str) -> bool) -> bool {
        self.own.is_some_and(is)
    }

    /// The next entry that `is` it. Entries that repeat a key take turns.
    pub(super) fn find(&mut self, is: impl Fn(&Mention<'a>) -> bool) -> Option<Mention<'a>> {
        if self.budget == 0 {
            return None;
        }
        if let Some(last) = self.last.filter(&is) {
            return Some(self.hit(last));
        }
        let start = self.entries.reader.position();
        let mut wrapped = false;
        loop {
            let before = self.entries.reader.position();
            let next = self.entries.next();
            self.budget = self.budget.saturating_sub(self.entries.reader.position().saturating_sub(before));
            match next {
                Some(mention) if is(&mention) => return Some(self.hit(mention)),
                Some(_) => {}
                None if wrapped => return None,
                None => {
                    self.entries = self.mentions.entries();
                    wrapped = true;
                }
            }
            if self.budget == 0 || (wrapped && self.entries.reader.position() >= start) {
                return None;
            }
        }
    }

    fn hit(&mut self, mention: Mention<'a>) -> Mention<'a> {
        self.budget = self.budget.saturating_sub(mention.name.map_or(0, |name| name.raw().len()));
        self.last = Some(mention);
        mention
    }
}

#[cfg(test)]
mod tests {
    use super::{LEVELS, PLACES};
    use crate::wire::json::record;

    #[test]
    fn the_tables_fit_their_places() {
        record::assert_sound(&LEVELS, PLACES, None);
    }
}
