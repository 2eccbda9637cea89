//! The same, with its allocations counted.

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

fn main() {
    speed_bare::run(|| {
        let stats = ALLOCATOR.stats();
        u64::try_from(stats.allocations + stats.reallocations).ok()
    });
}
