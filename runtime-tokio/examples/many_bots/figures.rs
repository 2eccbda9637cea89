//! What the system says of this process.

/// Kilobytes of memory that this process holds.
pub(crate) fn resident() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux");
    let line = rollup.lines().find(|line| line.starts_with("Rss:")).expect("its resident memory");
    line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number")
}

/// Nanoseconds that the threads of this process have run.
pub(crate) fn cpu_ns() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux");
    let ran = |thread: std::fs::DirEntry| {
        // One that has just ended says nothing any more.
        let line = std::fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        line.split_whitespace().next().and_then(|word| word.parse::<u64>().ok()).unwrap_or_default()
    };
    threads.flatten().map(ran).sum()
}
