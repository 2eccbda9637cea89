//! Who and how called: what many events share.

use super::fields::{Field, Part, find, nested, view};
use crate::wire::json::{Reader, Str, Value};

/// The ids of one person or app; each may be unknown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ids<'a> {
    /// `ou_…`, one per person and app.
    pub open_id: Option<Str<'a>>,
    /// `on_…`, one per person and developer.
    pub union_id: Option<Str<'a>>,
    /// One per person and organisation; needs a scope.
    pub user_id: Option<Str<'a>>,
}

impl<'a> Ids<'a> {
    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Those that are known.
    pub fn iter(&self) -> impl Iterator<Item = Str<'a>> + Clone + use<'a> {
        [self.open_id, self.union_id, self.user_id].into_iter().flatten()
    }

    fn read(object: &'a str) -> Option<Self> {
        let mut ids = Self::default();
        let mut reader = Reader::new(object);
        if reader.enter_object().ok()? {
            while let Some(key) = reader.next_key().ok()? {
                let value = Str::part(reader.value().ok()?);
                if key == "open_id" {
                    ids.open_id = value;
                } else if key == "union_id" {
                    ids.union_id = value;
                } else if key == "user_id" {
                    ids.user_id = value;
                }
            }
        }
        Some(ids)
    }
}

impl<'a> Part<'a> for Ids<'a> {
    fn part(value: Value<'a>) -> Option<Self> {
        match value {
            Value::Object(text) => Self::read(text).filter(|ids| !ids.is_empty()),
            _ => None,
        }
    }
}

impl<'a> Field<'a> for Ids<'a> {
    fn field(json: &'a str, places: &[&[&str]]) -> Self {
        places.iter().find_map(|path| find(json, path).and_then(Self::part)).unwrap_or_default()
    }
}

view! {
    /// A name in several languages.
    I18n {
        /// English
        en_us: Option<Str<'a>>;
        /// Japanese
        ja_jp: Option<Str<'a>>;
        /// Chinese
        zh_cn: Option<Str<'a>>;
    }
}

view! {
    /// A person in a list.
    User {
        /// As shown in the chat; unknown for moderators.
        name: Option<Str<'a>>;
        /// The person's organisation.
        tenant_key: Option<Str<'a>>;
        /// All three ids.
        user_id: Ids<'a>;
    }
}

nested!(I18n, User);
