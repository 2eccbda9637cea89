//! How many connections there may be, and which one goes for a new one: of the network with the most unverified, the oldest.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::AbortHandle;

use super::peers::{Holders, first_to_go, network};

/// Connections at once. One that sends nothing lives 5 s. Many systems allow a process 1024 files, and the bots need some.
const MOST: usize = 512;

#[derive(Debug, Default)]
struct Inner {
    /// All of them, by age.
    open: BTreeMap<u64, Option<AbortHandle>>,
    /// Those that brought no event of the platform, or something else since.
    unverified: Holders,
    next: u64,
}

impl Inner {
    /// Takes the place of one that has to go.
    fn evict(&mut self) -> Option<AbortHandle> {
        let gone = first_to_go(&self.unverified).map(|(id, _)| id).or_else(|| Some(*self.open.first_key_value()?.0))?;
        self.unverified.remove(&gone);
        self.open.remove(&gone).flatten()
    }
}

/// Every open connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections(Arc<Mutex<Inner>>);

/// One of them; dropping it makes its place free.
#[derive(Debug)]
pub(super) struct Connection {
    id: u64,
    network: Option<IpAddr>,
    all: Connections,
}

impl Connections {
    fn with<R>(&self, with: impl FnOnce(&mut Inner) -> R) -> R {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A place for one more, if need be by hanging up on another.
    pub(super) fn admit(&self, peer: IpAddr) -> Connection {
        let network = Some(network(peer));
        let (id, gone) = self.with(|inner| {
            let gone = if inner.open.len() >= MOST { inner.evict() } else { None };
            let id = inner.next;
            inner.next += 1;
            inner.open.insert(id, None);
            inner.unverified.insert(id, network);
            (id, gone)
        });
        if let Some(gone) = gone {
            gone.abort();
        }
        Connection { id, network, all: self.clone() }
    }

    /// The system has no room for one more: makes some.
    pub(super) fn make_room(&self) {
        if let Some(gone) = self.with(Inner::evict) {
            gone.abort();
        }
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

    /// It brought an event of the platform: unverified go first from now on.
    pub(super) fn proved(&self) {
        self.all.with(|inner| inner.unverified.remove(&self.id));
    }

    /// It brought something else: what it proved before is worth no more than that.
    pub(super) fn failed(&self) {
        self.all.with(|inner| {
            if inner.open.contains_key(&self.id) {
                inner.unverified.insert(self.id, self.network);
            }
        });
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.with(|inner| {
            inner.unverified.remove(&self.id);
            inner.open.remove(&self.id);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Connection, Connections, MOST};

    fn from(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn holds(all: &Connections, connection: &Connection) -> bool {
        all.with(|inner| inner.open.contains_key(&connection.id))
    }

    #[test]
    fn the_oldest_stranger_goes_for_a_newcomer_and_the_platform_stays() {
        let all = Connections::default();
        let mut open: Vec<_> = (0..MOST).map(|_| all.admit(from(1))).collect();
        open[0].proved();
        open.push(all.admit(from(1)));
        assert_eq!(all.len(), MOST);
        assert!(holds(&all, &open[0]) && !holds(&all, &open[1]));
        // The task of the one that went ends a little later, and takes nobody else's place with it.
        drop(open.remove(1));
        assert_eq!(all.len(), MOST);
        // Where all have proved themselves, the oldest goes.
        open.iter().for_each(Connection::proved);
        open.push(all.admit(from(1)));
        assert!(!holds(&all, &open[0]) && all.len() == MOST);
    }

    #[test]
    fn who_floods_takes_places_from_himself() {
        let all = Connections::default();
        let platform = all.admit(from(1));
        let mut flood: Vec<_> = (0..MOST * 3).map(|_| all.admit(from(2))).collect();
        assert!(holds(&all, &platform));
        assert!(holds(&all, flood.last().unwrap()));
        flood.clear();
        assert_eq!(all.len(), 1);
    }

    #[test]
    fn a_forged_request_takes_the_proof_away() {
        let all = Connections::default();
        let mut open: Vec<_> = (0..MOST).map(|_| all.admit(from(1))).collect();
        open.iter().for_each(Connection::proved);
        open[7].failed();
        open.push(all.admit(from(1)));
        assert!(!holds(&all, &open[7]) && holds(&all, &open[0]));
    }
}
