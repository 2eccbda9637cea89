//! How many connections there may be, and which one goes for a new one: the oldest that has not proved to be the
//! platform's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

/// Connections at once. One that sends nothing lives 5 s.
const MOST: usize = 1024;

#[derive(Debug, Default)]
struct Inner {
    /// All of them, by age.
    open: BTreeMap<u64, Option<AbortHandle>>,
    /// Those that brought no verified request yet.
    unproven: BTreeMap<u64, ()>,
    next: u64,
}

/// Every open connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections(Arc<Mutex<Inner>>);

/// One of them; dropping it makes its place free.
#[derive(Debug)]
pub(super) struct Connection {
    id: u64,
    all: Connections,
}

impl Connections {
    fn with<R>(&self, with: impl FnOnce(&mut Inner) -> R) -> R {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A place for one more, if need be by hanging up on the oldest stranger. `None`: all are the platform's.
    pub(super) fn admit(&self) -> Option<Connection> {
        let (id, gone) = self.with(|inner| {
            let mut gone = None;
            if inner.open.len() >= MOST {
                let (oldest, ()) = inner.unproven.pop_first()?;
                gone = inner.open.remove(&oldest).flatten();
            }
            let id = inner.next;
            inner.next += 1;
            inner.open.insert(id, None);
            inner.unproven.insert(id, ());
            Some((id, gone))
        })?;
        if let Some(gone) = gone {
            gone.abort();
        }
        Some(Connection { id, all: self.clone() })
    }

    pub(super) fn len(&self) -> usize {
        self.with(|inner| inner.open.len())
    }

    /// Hangs up on all.
    pub(super) fn abort(&self) {
        let all = self.with(|inner| inner.open.values_mut().filter_map(Option::take).collect::<Vec<_>>());
        all.iter().for_each(AbortHandle::abort);
    }

    /// Says how the connection is ended from outside.
    pub(super) fn started(&self, id: u64, task: AbortHandle) {
        self.with(|inner| {
            if let Some(place) = inner.open.get_mut(&id) {
                *place = Some(task);
            } else {
                // It had to go, or was done, before it was known.
                task.abort();
            }
        });
    }
}

impl Connection {
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// It brought a verified request: strangers go first from now on.
    pub(super) fn proved(&self) {
        self.all.with(|inner| inner.unproven.remove(&self.id));
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.with(|inner| {
            inner.unproven.remove(&self.id);
            inner.open.remove(&self.id);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{Connections, MOST};

    #[test]
    fn the_oldest_stranger_goes_for_a_newcomer_and_the_platform_stays() {
        let all = Connections::default();
        let mut open: Vec<_> = (0..MOST).map(|_| all.admit().unwrap()).collect();
        open[0].proved();
        open.push(all.admit().unwrap());
        assert_eq!(all.len(), MOST);
        assert!(all.with(|inner| inner.open.contains_key(&0) && !inner.open.contains_key(&1)));
        // The task of the one that went ends a little later, and takes nobody else's place with it.
        drop(open.remove(1));
        assert_eq!(all.len(), MOST);
        open.iter().for_each(super::Connection::proved);
        assert!(all.admit().is_none());
    }
}
