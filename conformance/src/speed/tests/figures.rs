//! What is read of the kernel and of other tools, and what becomes of it.

use std::time::{Duration, Instant};

use crate::speed::process::{Cpu, own_cpu, peak_in, peak_kib};
use crate::speed::round::Sample;
use crate::speed::syscalls::{perf_count, strace_count};
use crate::speed::table::{Row, Table, median};

fn sample(events_per_s: f64, cpu: f64, max_us: f64) -> Sample {
    Sample {
        events: 1000,
        seconds: 1.0,
        events_per_s,
        cpu_us_per_event: cpu,
        server_us_per_event: 0.5,
        server_busy: 0.25,
        p50_us: 10.0,
        p99_us: 20.0,
        max_us,
        peak_rss_mib: 4.5,
        refused: 0,
        strange: 0,
        lost: 0,
        unseen: 0,
    }
}

fn row(name: &str, samples: Vec<Sample>) -> Row {
    Row { name: name.to_owned(), samples, ..Row::default() }
}

#[test]
fn a_median_is_the_middle() {
    assert_eq!(median(vec![]), None);
    assert_eq!(median(vec![3.0]), Some(3.0));
    assert_eq!(median(vec![9.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(vec![4.0, 1.0, 100.0, 2.0]), Some(3.0));
}

#[test]
fn a_table_has_medians_and_ratios_and_says_what_is_wrong() {
    let ours =
        row("larkwire", vec![sample(100_000.0, 2.0, 50.0), sample(80_000.0, 4.0, 90.0), sample(90_000.0, 3.0, 60.0)]);
    let mut other = row("other", vec![Sample { lost: 3, refused: 1, ..sample(9_000.0, 30.0, 1234.0) }]);
    other.syscalls_per_event = Some(2.04);
    let mut gone = row("gone", vec![]);
    gone.failed = Some("SKIP: node is not installed".to_owned());
    let table = Table {
        title: "Window 64".to_owned(),
        reference: "larkwire".to_owned(),
        rows: vec![ours, other, gone],
        remarks: vec!["a quiet machine".to_owned()],
    };
    let lines: Vec<_> = table.markdown().lines().map(str::to_owned).collect();
    let header = lines[2].matches('|').count();
    assert!(lines[3..6].iter().all(|line| line.matches('|').count() == header), "{lines:#?}");
    assert_eq!(
        lines[4],
        "| larkwire | 90 000 | 1.00 | 3.00 | 1.00 | 2.00–4.00 | 10.0 | 20.0 | 90.0 | 4.50 |  |  | 25 % |"
    );
    assert_eq!(
        lines[5],
        "| other | 9 000 | 0.10 | 30.0 | 10.00 | 30.0–30.0 | 10.0 | 20.0 | 1 234 | 4.50 | 2.04 |  | 25 % |"
    );
    assert_eq!(
        lines[7..],
        [
            "- other: 1 events answered with another code than 200, 3 events never acked",
            "- gone: SKIP: node is not installed",
            "- a quiet machine",
        ]
    );
    let json: serde_json::Value = serde_json::to_value(&table).unwrap();
    assert_eq!(json["rows"][0]["samples"][1]["cpu_us_per_event"], 4.0);
}

#[test]
fn counts_of_tools_are_read() {
    let perf = "# started on Mon Nov 23 03:46:40 2026\n\n5400,,raw_syscalls:sys_enter,81160743,100.00,,\n";
    assert_eq!(perf_count(perf), Some(5400));
    assert_eq!(perf_count("<not counted>,,raw_syscalls:sys_enter,0,0.00,,\n"), None);
    let strace = "% time     seconds  usecs/call     calls    errors syscall\n\
        100.00    0.000289           2       109        14 read\n\
        ------ ----------- ----------- --------- --------- ----------------\n\
        100.00    0.000289           2       123        14 total\n";
    assert_eq!(strace_count(strace), Some(123));
    assert_eq!(strace_count(""), None);
}

#[test]
fn the_kernel_tells_what_a_process_has_used() {
    assert_eq!(peak_in("Name:\tx\nVmPeak:\t  900 kB\nVmHWM:\t    4321 kB\n"), Some(4321));
    assert_eq!(peak_in("Name:\tx\n"), None);
    let id = std::process::id();
    assert!(peak_kib(id).unwrap() > 100);
    let (before, own) = (Cpu::of(id).unwrap(), own_cpu());
    let until = Instant::now() + Duration::from_secs(20);
    // On a busy machine it takes a while to be on a processor for so long.
    while own_cpu() - own < Duration::from_millis(50) && Instant::now() < until {
        std::hint::black_box((0..100_000_u64).sum::<u64>());
    }
    let used = Cpu::of(id).unwrap().since(&before);
    assert!(used >= Duration::from_millis(40), "{used:?}");
    assert!(Cpu::of(u32::MAX).is_err());
}
