//! What an event costs as things grow: the number of remembered ids, and the length of a message.
//!
//! `cargo bench --bench growth [-- --write]`: prints the figures and the slope of each line, the exponent of the power
//! that fits best: 0 is flat, 1 linear. `--write` makes the pictures in docs/speed. Needs valgrind for instructions; times
//! are the best of some rounds on this machine.

use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant as Clock;
use std::{env, fs};

use larkwire_bench::callgrind::{self, INSIDE};
use larkwire_bench::input::{self, Inputs, Kind, Script};
use larkwire_bench::ours::Open;
use larkwire_bench::plot::{Chart, Line};
use larkwire_core::{Instant, Seen, Slots};

const IDS: [usize; 5] = [100, 1000, 10_000, 100_000, 1_000_000];
const BYTES: [usize; 7] = [400, 2000, 10_000, 50_000, 250_000, 1_000_000, 4_000_000];
/// Lookups of a stretch.
const LOOKUPS: usize = 2000;
const ROUNDS: usize = 15;

/// What a stretch does, made ready for a place on the x axis.
type Make = fn(usize) -> Box<dyn FnMut()>;

/// A line, the place on the x axis, and what is measured there.
struct Point {
    line: &'static str,
    x: usize,
    /// How many of what is counted a stretch does.
    of: usize,
    make: Make,
}

fn main() -> ExitCode {
    if cfg!(debug_assertions) {
        eprintln!("a debug build measures nothing: use cargo bench");
        return ExitCode::from(2);
    }
    let points: Vec<Point> = ids().into_iter().chain(messages()).collect();
    if env::args().any(|word| word == INSIDE) {
        for (n, point) in points.iter().enumerate() {
            let mut work = (point.make)(point.x);
            work();
            callgrind::lap(n, &mut work);
        }
        return ExitCode::SUCCESS;
    }
    if !callgrind::is_there() {
        println!("SKIP growth: valgrind cannot be had");
        return ExitCode::SUCCESS;
    }
    let times: Vec<f64> = points.iter().map(time).collect();
    let counted = match callgrind::count("growth", points.len(), &[]) {
        Ok(counted) => counted,
        Err(why) => {
            eprintln!("growth: {why}");
            return ExitCode::FAILURE;
        }
    };
    let instructions: Vec<f64> = counted.iter().zip(&points).map(|(n, point)| n / point.of as f64).collect();
    let charts = [
        ("dedup-instructions", chart(true, "instructions", "instructions per lookup", &points, &instructions)),
        ("dedup-time", chart(true, "time", "ns per lookup", &points, &times)),
        ("message-instructions", chart(false, "instructions", "instructions per message", &points, &instructions)),
        ("message-time", chart(false, "time", "ns per message", &points, &times)),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/speed");
    for (name, chart) in &charts {
        println!("{}", chart.title);
        for line in &chart.lines {
            let values: Vec<String> = line.points.iter().map(|(x, y)| format!("{x:.0}: {y:.1}")).collect();
            println!("  {:24} slope {:5.2}   {}", line.name, line.slope(chart.slopes_from), values.join("   "));
        }
        if env::args().any(|word| word == "--write") {
            fs::create_dir_all(&folder).expect("the repository can be written");
            fs::write(folder.join(format!("{name}.svg")), chart.svg()).expect("the repository can be written");
        }
    }
    ExitCode::SUCCESS
}

/// Best nanoseconds of one of what is counted.
fn time(point: &Point) -> f64 {
    let mut work = (point.make)(point.x);
    work();
    let round = |work: &mut Box<dyn FnMut()>| {
        let start = Clock::now();
        work();
        start.elapsed().as_nanos() as f64
    };
    (0..ROUNDS).map(|_| round(&mut work)).fold(f64::MAX, f64::min) / point.of as f64
}

fn chart(is_of_ids: bool, what: &str, y: &'static str, points: &[Point], values: &[f64]) -> Chart {
    let of_ids = |line: &str| line.starts_with("id ");
    let mut lines: Vec<Line> = Vec::new();
    for (point, value) in points.iter().zip(values).filter(|(point, _)| of_ids(point.line) == is_of_ids) {
        if lines.last().is_none_or(|line| line.name != point.line) {
            lines.push(Line { name: point.line.to_string(), points: Vec::new() });
        }
        lines.last_mut().expect("there is one").points.push((point.x as f64, *value));
    }
    let (title, x) = if is_of_ids {
        (format!("Remembered ids: {what} of a lookup"), "ids in the table")
    } else {
        (format!("Length of a message: {what} from received bytes to text and ack"), "bytes of the event's JSON")
    };
    // Most of what a short message costs, it costs whatever its length.
    Chart { title, x, y, lines, slopes_from: if is_of_ids { 0.0 } else { 50_000.0 } }
}

fn ids() -> Vec<Point> {
    let lines: [(&str, Make); 3] = [
        ("id found", |held| {
            let seen = table(held);
            // Spread over the whole table.
            let keys: Vec<u64> = (0..LOOKUPS).map(|n| key(n * 7919 % held)).collect();
            Box::new(move || keys.iter().for_each(|key| assert!(seen.contains(NOW, black_box(*key)))))
        }),
        ("id not found", |held| {
            let seen = table(held);
            let keys: Vec<u64> = (0..LOOKUPS).map(|n| key(held + n)).collect();
            Box::new(move || keys.iter().for_each(|key| assert!(!seen.contains(NOW, black_box(*key)))))
        }),
        ("id added, oldest out", |held| {
            let mut seen = table(held);
            let mut next = held;
            Box::new(move || {
                for _ in 0..LOOKUPS {
                    black_box(seen.insert(NOW, black_box(key(next))));
                    next += 1;
                }
            })
        }),
    ];
    let all = lines.into_iter().flat_map(|(line, make)| IDS.map(|x| Point { line, x, of: LOOKUPS, make }));
    all.collect()
}

const NOW: Instant = Instant::from_millis(1);

/// A full table.
fn table(held: usize) -> Seen<'static> {
    let mut seen = Seen::new(Slots::growable(held), 1000);
    (0..held).for_each(|n| _ = seen.insert(NOW, key(n)));
    seen
}

/// As good as a hash.
fn key(n: usize) -> u64 {
    let n = (n as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// So many messages of a stretch, that short ones are not lost in the noise.
fn count(bytes: usize) -> usize {
    (400_000 / bytes).clamp(1, 50)
}

/// Stretches of new messages: one warms up, the others are measured.
fn stretches() -> usize {
    if env::args().any(|word| word == INSIDE) { 2 } else { ROUNDS + 1 }
}

fn messages() -> Vec<Point> {
    let lines: [(&str, Make); 3] = [
        ("one frame, ASCII", |bytes| whole(bytes, Script::Ascii)),
        ("one frame, Chinese", |bytes| whole(bytes, Script::Chinese)),
        ("16 parts, ASCII", |bytes| {
            let stretch = |first: usize| -> Vec<Vec<u8>> {
                let payload = |n| input::payload(n, bytes, Kind::Text, Script::Ascii);
                let parts = (first..first + count(bytes)).flat_map(|n| input::parts(n, 16, &payload(n)));
                parts.map(|part| input::ws_frame(&part)).collect()
            };
            let mut stretches =
                (0..stretches()).map(|round| stretch(round * count(bytes))).collect::<Vec<_>>().into_iter();
            let mut open = Open::for_messages_of(bytes);
            Box::new(move || {
                let parts = stretches.next().expect("one for each round");
                let read: usize = parts.iter().map(|part| open.receive(black_box(part)).0).sum();
                assert!(read > 0, "nothing was read");
            })
        }),
    ];
    lines.into_iter().flat_map(|(line, make)| BYTES.map(|x| Point { line, x, of: count(x), make })).collect()
}

fn whole(bytes: usize, script: Script) -> Box<dyn FnMut()> {
    let inputs = Inputs::new(stretches() * count(bytes), bytes, Kind::Text, script);
    let mut open = Open::for_messages_of(bytes);
    let mut next = 0;
    Box::new(move || {
        for frame in inputs.ws_frames.iter().skip(next).take(count(bytes)) {
            assert!(open.receive(black_box(frame)).0 > 0, "nothing was read");
        }
        next += count(bytes);
    })
}
