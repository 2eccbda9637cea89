//! Everything that was seen in a scenario, in order, and the names that steps gave to things.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use super::shim::Report;
use crate::platform::Record;

/// One thing that was seen.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    /// The process is over.
    Exited(Option<i32>),
    /// Not of the protocol: what came, and what is wrong with it.
    Garbage(String),
    /// A line of standard error.
    Output(String),
    /// The platform wrote it down.
    Platform(Box<Record>),
    /// The shim said it.
    Shim(Report),
}

impl Seen {
    /// Its kind, and what is known of it.
    pub(crate) fn parts(&self) -> (String, Value) {
        let (tag, value) = match self {
            Self::Exited(code) => return ("exited".to_owned(), json!({ "code": code })),
            Self::Garbage(text) => return ("garbage".to_owned(), json!({ "text": text })),
            Self::Output(text) => return ("output".to_owned(), json!({ "text": text })),
            Self::Platform(record) => ("kind", json!(record)),
            Self::Shim(report) => ("is", json!(report)),
        };
        (value.get(tag).and_then(Value::as_str).unwrap_or_default().to_owned(), value)
    }

    /// One line for people; `redact` takes secrets out of a text.
    pub(crate) fn words(&self, redact: &dyn Fn(&str) -> String) -> String {
        let (kind, members) = self.parts();
        let who = match self {
            Self::Platform(_) => "platform",
            _ => "client",
        };
        let mut words = format!("{who:8} {kind}");
        for (name, value) in members.as_object().into_iter().flatten() {
            if matches!(name.as_str(), "kind" | "is" | "number" | "at_ms" | "app_id") || value.is_null() {
                continue;
            }
            let value = super::steps::fill_json(value, redact).to_string();
            let short: String = value.chars().take(240).collect();
            words.push_str(&format!(" {name}={short}{}", if short.len() < value.len() { "…" } else { "" }));
        }
        words
    }
}

/// … and when.
#[derive(Clone, Debug)]
pub(crate) struct Observation {
    /// Milliseconds since the scenario began.
    pub(crate) at_ms: u64,
    pub(crate) seen: Seen,
    /// Its kind, and what is known of it: made once, since every step looks at it.
    pub(crate) parts: (String, Value),
    /// A step has had it.
    pub(crate) taken: bool,
}

/// What labels stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    members: BTreeMap<String, BTreeMap<String, String>>,
    /// Several where a push has a `count`.
    pushes: BTreeMap<String, Vec<u64>>,
    /// Ids of event and message of each of them.
    ids: BTreeMap<String, Vec<BTreeMap<String, String>>>,
    calls: BTreeMap<String, Vec<u64>>,
    /// Where what was seen stands in the log.
    places: BTreeMap<String, usize>,
    secrets: HashSet<String>,
}

impl Names {
    pub(crate) fn add(&mut self, label: &str, members: BTreeMap<String, String>) {
        self.members.entry(label.to_owned()).or_default().extend(members);
    }

    pub(crate) fn add_push(&mut self, label: &str, id: u64) {
        self.pushes.entry(label.to_owned()).or_default().push(id);
    }

    /// What a push is known by. Of several with this label the first one gives it its members.
    pub(crate) fn add_ids(&mut self, label: &str, ids: BTreeMap<String, String>) {
        if !self.ids.contains_key(label) {
            self.add(label, ids.clone());
        }
        self.ids.entry(label.to_owned()).or_default().push(ids);
    }

    /// What is called `label` is called `shared`, too.
    pub(crate) fn share(&mut self, label: &str, shared: &str) {
        for ids in self.ids.get(label).cloned().unwrap_or_default() {
            self.add_ids(shared, ids);
        }
        for id in self.pushes.get(label).cloned().unwrap_or_default() {
            self.add_push(shared, id);
        }
    }

    pub(crate) fn add_call(&mut self, label: &str, id: u64) {
        self.calls.entry(label.to_owned()).or_default().push(id);
    }

    pub(crate) fn add_place(&mut self, label: &str, index: usize, seen: &Seen) {
        self.places.insert(label.to_owned(), index);
        let (_, members) = seen.parts();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let members = members.as_object().into_iter().flatten();
        self.add(label, members.map(|(name, value)| (name.clone(), text(value))).collect());
    }

    pub(crate) fn set_secrets(&mut self, secrets: Vec<String>) {
        // Anything shorter is found by accident.
        self.secrets.extend(secrets.into_iter().filter(|secret| secret.len() >= 8));
    }

    pub(crate) fn has_secret(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| text.contains(secret.as_str()))
    }

    /// Whether one is in any of the texts of a value.
    pub(crate) fn has_secret_in(&self, value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().any(|item| self.has_secret_in(item)),
            Value::Object(members) => members.values().any(|member| self.has_secret_in(member)),
            Value::String(text) => self.has_secret(text),
            _ => false,
        }
    }

    /// Without secrets: what is shown may be kept for long.
    pub(crate) fn redacted(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), "[secret]");
            }
        }
        text
    }

    pub(crate) fn place(&self, label: &str) -> Option<usize> {
        self.places.get(label).copied()
    }

    /// Whether what the platform calls by this number is the push, or one of them.
    pub(crate) fn is_pushed(&self, label: &str, id: u64) -> bool {
        self.pushes.get(label).is_some_and(|ids| ids.contains(&id))
    }

    pub(crate) fn is_call(&self, label: &str, id: u64) -> bool {
        self.calls.get(label).is_some_and(|ids| ids.contains(&id))
    }

    /// Whether an event that a handler got is this push. One without ids is taken for a push that has none, or for one of
    /// its type that is no message: some clients hand those over without their envelope.
    pub(crate) fn is_push(&self, label: &str, event_id: &str, message_id: &str, event_type: &str) -> bool {
        let Some(all) = self.ids.get(label) else { return false };
        let is = |name: &str, value: &str| all.iter().any(|ids| ids.get(name).map(String::as_str) == Some(value));
        match (event_id, message_id) {
            ("", "") => all.iter().any(|ids| ids.contains_key("idless")) || is("event_type", event_type),
            ("", message_id) => is("message_id", message_id),
            (event_id, _) => is("event_id", event_id),
        }
    }

    /// `$label.member` replaced by what it stands for.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            let (before, from) = rest.split_at(at);
            filled.push_str(before);
            let reference = reference(from);
            let value = reference.and_then(|(label, member, _)| self.members.get(label)?.get(member));
            match (reference, value) {
                (Some((_, _, len)), Some(value)) => {
                    filled.push_str(value);
                    rest = from.get(len..).unwrap_or_default();
                }
                _ => {
                    filled.push('$');
                    rest = from.get(1..).unwrap_or_default();
                }
            }
        }
        filled.push_str(rest);
        filled
    }
}

/// The label and member at the beginning of `$label.member …`, and how long that is.
fn reference(text: &str) -> Option<(&str, &str, usize)> {
    let word = |text: &str| text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let after = text.strip_prefix('$')?;
    let label = after.get(..word(after))?;
    let member_and_rest = after.get(label.len()..)?.strip_prefix('.')?;
    let member = member_and_rest.get(..word(member_and_rest))?;
    let sound = !label.is_empty() && !member.is_empty();
    sound.then(|| (label, member, 1 + label.len() + 1 + member.len()))
}

/// The labels in a text.
pub(crate) fn references(text: &str) -> Vec<String> {
    text.match_indices('$')
        .filter_map(|(at, _)| reference(text.get(at..)?))
        .map(|(label, _, _)| label.to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in_and_other_dollars_stay() {
        let mut names = Names::default();
        names.add("m", BTreeMap::from([("message_id".to_owned(), "om_1".to_owned())]));
        assert_eq!(names.fill("$m.message_id, $m.other, $5, $"), "om_1, $m.other, $5, $");
        assert_eq!(references("$m.message_id and $n.x, $5"), ["m", "n"]);
    }
}
