//! Wall time of the same benchmarks, by divan: `cargo bench --bench time [-- NAME]`. Figures of one run may be compared
//! with each other, and with nothing else.

use divan::Bencher;
use divan::counter::BytesCount;
use larkwire_bench::cases::{self, Case};

fn main() {
    divan::main();
}

/// divan wants a name for each.
struct Named(Case);

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.name())
    }
}

fn named() -> Vec<Named> {
    cases::all().into_iter().map(Named).collect()
}

/// A sample is a whole stretch of new events, so that none of them is a duplicate.
#[divan::bench(args = named(), sample_count = 20, sample_size = 1)]
fn stretch(bencher: Bencher<'_, '_>, Named(case): &Named) {
    let events = case.events();
    bencher
        .counter(BytesCount::new(events * case.size))
        .with_inputs(|| {
            let mut work = case.work();
            (0..events).for_each(|n| assert!(work(n) > 0, "nothing was done"));
            work
        })
        .bench_local_values(|mut work| {
            (events..2 * events).for_each(|n| _ = divan::black_box(work(n)));
            work
        });
}
