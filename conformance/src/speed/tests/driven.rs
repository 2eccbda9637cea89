//! The pump, against a client in the same process.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::client::{Manner, Seen, client};
use crate::speed::event::Shape;
use crate::speed::pump::{Load, Measured, PumpError, Stretch, Watch, pump};
use crate::speed::server::Server;

/// How often it was told what.
#[derive(Default)]
struct Told(Vec<&'static str>);

impl Watch for Told {
    fn begin(&mut self) -> Result<(), String> {
        self.0.push("begin");
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        self.0.push("end");
        Ok(())
    }
}

fn load(window: usize, parts: usize) -> Load {
    Load {
        shape: Shape { size: 1440, parts },
        window,
        rate: None,
        warm_up: Duration::from_millis(1),
        stretch: Stretch::Events(300),
        stall: Duration::from_secs(20),
    }
}

fn drive(load: &Load, manner: Manner) -> (Result<Measured, PumpError>, Seen) {
    let server = Server::start(false).unwrap();
    let client = client(server.url(), manner);
    let mut link = server.link(Duration::from_secs(20), || false).unwrap();
    let mut told = Told::default();
    let measured = pump(&mut link, load, &mut told);
    if measured.is_ok() {
        assert_eq!(told.0, ["begin", "end"]);
    }
    drop(link);
    (measured, client.join().unwrap())
}

#[test]
fn a_client_is_given_new_events_as_long_as_it_acks_them() {
    for (window, parts) in [(1, 1), (1, 3), (64, 1), (64, 3), (512, 1)] {
        let (measured, seen) = drive(&load(window, parts), Manner::Well);
        let measured = measured.unwrap();
        assert!(measured.events >= 300, "{measured:?}");
        let acked = usize::try_from(measured.counts.acked).unwrap();
        assert_eq!((acked, measured.counts.strange), (seen.texts.len(), 0), "window {window}, {parts} parts");
        assert_eq!(seen.texts.iter().collect::<HashSet<_>>().len(), seen.texts.len(), "each is new");
        assert_eq!((seen.pongs, seen.ws_pongs), (1, 1));
        assert!(0 < measured.p50_ns && measured.p50_ns <= measured.p99_ns && measured.p99_ns <= measured.most_ns);
    }
}

#[test]
fn large_events_pass_too() {
    let shape = Shape { size: 128 * 1024, parts: 1 };
    let (measured, seen) = drive(&Load { shape, stretch: Stretch::Events(40), ..load(64, 1) }, Manner::Well);
    assert_eq!(usize::try_from(measured.unwrap().counts.acked).unwrap(), seen.texts.len());
}

#[test]
fn a_pace_is_kept() {
    let load = Load { rate: Some(500.0), stretch: Stretch::Time(Duration::from_millis(600)), ..load(1, 1) };
    let started = Instant::now();
    let (measured, _) = drive(&load, Manner::Well);
    let measured = measured.unwrap();
    // A busy machine is late, never early.
    assert!(measured.events <= 310 && measured.events > 50, "{} in {:?}", measured.events, started.elapsed());
}

#[test]
fn what_a_client_does_wrong_is_counted() {
    let (measured, seen) = drive(&load(64, 1), Manner::Fails);
    let counts = measured.unwrap().counts;
    assert_eq!((counts.acked, usize::try_from(counts.refused).unwrap()), (0, seen.texts.len()));
    let (measured, seen) = drive(&load(64, 1), Manner::Twice);
    let counts = measured.unwrap().counts;
    // The last repetitions are not waited for.
    assert!(counts.strange > 250 && counts.strange <= counts.acked, "{counts:?}");
    assert_eq!(usize::try_from(counts.acked).unwrap(), seen.texts.len());
    let (measured, _) = drive(&load(64, 3), Manner::EachPart);
    let counts = measured.unwrap().counts;
    assert!(counts.strange >= 2 * 250 && counts.acked >= 300, "{counts:?}");
}

#[test]
fn a_client_without_progress_is_given_up() {
    let load = Load { stall: Duration::from_millis(500), ..load(64, 1) };
    let (error, _) = drive(&load, Manner::StopsAfter(100));
    assert_eq!(error.unwrap_err().to_string(), "no ack for 0.5 s, after 100 events");
    let (error, _) = drive(&load, Manner::LeavesAfter(100));
    // Acks that it did not wait for may be lost with the connection.
    assert!(matches!(error, Err(PumpError::Gone(0..=100))), "{error:?}");
}
