//! Durations by the million: 64 classes for each power of two, so that a value is told to 1.6 %.

/// How often each duration was seen.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    classes: Vec<u64>,
    count: u64,
    most: u64,
}

/// Classes of one power of two.
const PER_POWER: u64 = 64;

impl Histogram {
    pub(super) fn new() -> Self {
        Self { classes: vec![0; class(u64::MAX) + 1], count: 0, most: 0 }
    }

    pub(super) fn add(&mut self, ns: u64) {
        self.classes[class(ns)] += 1;
        self.count += 1;
        self.most = self.most.max(ns);
    }

    /// The longest, exactly.
    pub(super) fn most(&self) -> u64 {
        self.most
    }

    /// Of 1000 durations, `per_mille` are this long or shorter.
    pub(super) fn quantile(&self, per_mille: u64) -> u64 {
        let rank = (self.count * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (class, count) in self.classes.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return middle(class).min(self.most);
            }
        }
        self.most
    }
}

fn class(ns: u64) -> usize {
    let power = u64::from(ns.max(1).ilog2());
    // Below 64, every value has a class of its own.
    let shift = power.saturating_sub(6);
    (shift * PER_POWER + (ns >> shift)) as usize
}

fn middle(class: usize) -> u64 {
    let class = class as u64;
    let shift = (class / PER_POWER).saturating_sub(1);
    let low = (class - shift * PER_POWER) << shift;
    low + ((1 << shift) >> 1)
}
