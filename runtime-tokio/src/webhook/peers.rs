//! Who takes what there is little of, and who has to go first: of those who hold the most, the oldest.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// The part of an address that its owner cannot change at will.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => (address.to_bits() >> 64 << 64).to_be_bytes().into(),
        v4 => v4,
    }
}

/// Holders by age, with the network that each comes from; unknown ones count as one network.
pub(super) type Holders = BTreeMap<u64, Option<IpAddr>>;

/// The oldest holder of the network that holds the most, and that network.
pub(super) fn first_to_go(holders: &Holders) -> Option<(u64, Option<IpAddr>)> {
    let mut held: HashMap<Option<IpAddr>, (usize, u64)> = HashMap::new();
    for (id, network) in holders {
        held.entry(*network).or_insert((0, *id)).0 += 1;
    }
    // Of equals, the one whose oldest is older.
    let most = held.into_iter().max_by_key(|(_, (many, oldest))| (*many, std::cmp::Reverse(*oldest)));
    most.map(|(network, (_, oldest))| (oldest, network))
}

#[cfg(test)]
mod tests {
    use super::{Holders, first_to_go, network};

    #[test]
    fn the_oldest_of_those_who_hold_the_most_goes_first() {
        let ip = |text: &str| Some(network(text.parse().unwrap()));
        let (one, many) = (ip("192.0.2.1"), ip("2001:db8::1"));
        let mut holders = Holders::from([(1, one), (2, many), (3, ip("2001:db8::ffff:1"))]);
        assert_eq!(first_to_go(&holders), Some((2, many)));
        holders.remove(&2);
        assert_eq!(first_to_go(&holders), Some((1, one)));
        assert_eq!(first_to_go(&Holders::new()), None);
        assert_eq!(ip("::ffff:192.0.2.1"), one);
    }
}
