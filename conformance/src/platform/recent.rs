//! A map that forgets its oldest entries.

use std::collections::{HashMap, VecDeque};

/// Entries that are remembered.
const REMEMBERED: usize = 10_000;

#[derive(Debug)]
pub(super) struct Recent<V> {
    map: HashMap<String, V>,
    order: VecDeque<String>,
}

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self { map: HashMap::new(), order: VecDeque::new() }
    }
}

impl<V> Recent<V> {
    pub(super) fn insert(&mut self, key: &str, value: V) {
        if self.map.insert(key.to_owned(), value).is_none() {
            self.order.push_back(key.to_owned());
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.map.remove(&oldest);
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<&V> {
        self.map.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.map.get_mut(key)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.map.values()
    }
}
