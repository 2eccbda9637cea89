//! A board on which nothing happens.

use std::time::Instant;

use larkwire_conformance::platform::Kind;

use crate::support::{Firmware, LONG, Story, platform, port_of, stop};

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_day_without_a_network_is_a_day_of_patient_attempts() {
    let _story = Story::begins("24 h alone, in virtual time");
    let end = Firmware::at(9).arg("clock", "missing").alone(24).start().end().await;
    assert_eq!(end.code, 0, "{:#?}", end.lines.last());
    assert!(end.lines.iter().any(|line| line.contains("86400000 over after 86400 s")), "{:#?}", end.lines.last());
    let attempts = end.lines.iter().filter(|line| line.contains("link_lost")).count();
    println!("attempts {attempts}");
    // Each takes 15 s, and the pause behind it two minutes at most.
    assert!((86_400 / 135..86_400 / 15).contains(&attempts), "{attempts}");
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_board_that_waits_for_messages_sleeps() {
    let _story = Story::begins("processor time while idle");
    let platform = platform().await;
    let firmware = Firmware::at(port_of(&platform)).start();
    let pinged = |kind: &Kind| matches!(kind, Kind::Pinged { .. });
    let first = platform.wait_for(|record| pinged(&record.kind), LONG).await.unwrap();
    let (began, used) = (Instant::now(), firmware.processor_time());
    let mut last = first.number;
    for _ in 0..2 {
        last = platform.wait_for_after(last, |record| pinged(&record.kind), LONG).await.unwrap().number;
    }
    let share = (firmware.processor_time() - used) / began.elapsed().as_secs_f64();
    println!("idle {:.1} % of a core over {:.1} s", share * 100.0, began.elapsed().as_secs_f64());
    // 3 % on a machine of one's own.
    assert!(share < 0.1, "{share}");
    assert_eq!(stop(&platform, firmware).await.code, 0);
}
