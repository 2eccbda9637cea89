//! What a board may lack when it starts: randomness, the time, the right secret, an end of its loops.

use larkwire_conformance::platform::{Kind, Record};

use crate::support::{Firmware, LONG, Story, answer, answered, message_id, platform, port_of, said, stop};

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_board_without_randomness_waits_for_it_and_starts_then() {
    let _story = Story::begins("randomness that fails twice");
    let platform = platform().await;
    let mut firmware = Firmware::at(port_of(&platform)).arg("entropy_fails", 2).start();
    for _ in 0..2 {
        firmware.hear("no entropy").await;
        assert_eq!(platform.records().len(), 0);
    }
    firmware.hear("connected").await;
    assert_eq!(stop(&platform, firmware).await.code, 0);
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_clock_that_starts_with_1970_makes_no_message_old() {
    let _story = Story::begins("a clock from zero");
    let platform = platform().await;
    let firmware = Firmware::at(port_of(&platform)).arg("clock", "zero").arg("stale_ms", 60_000).start();
    platform.push(&said("now", "what time is it?")).unwrap();
    assert_eq!(answer(&platform, "now").await, "echo: what time is it?");
    assert_eq!(stop(&platform, firmware).await.code, 0);
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_clock_that_jumps_between_1970_and_the_future_loses_nothing() {
    let _story = Story::begins("a clock that jumps every 2 s");
    let platform = platform().await;
    let firmware = Firmware::at(port_of(&platform)).arg("clock", "jumping").start();
    let ids = ["first", "second", "third", "fourth"];
    let mut ping = 0;
    for id in ids {
        platform.push(&said(id, id)).unwrap();
        assert_eq!(answer(&platform, id).await, format!("echo: {id}"));
        // A ping later the clock is another one.
        let pinged = |record: &Record| matches!(record.kind, Kind::Pinged { .. });
        ping = platform.wait_for_after(ping, pinged, LONG).await.expect("the board pings").number;
    }
    let end = stop(&platform, firmware).await;
    assert_eq!((end.code, end.stat("links")), (0, 1), "{:#?}", end.lines);
    assert_eq!(answered(&platform), ids.map(message_id));
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_wrong_secret_ends_the_bot_with_a_code_of_its_own() {
    let _story = Story::begins("a wrong secret");
    let platform = platform().await;
    let end = Firmware::at(port_of(&platform)).arg("secret", "not-this-one").start().end().await;
    assert_eq!(end.code, 10, "{:#?}", end.lines);
    assert!(end.lines.iter().any(|line| line.contains("does not accept the app's credentials")), "{:#?}", end.lines);
}

/// Every other story ends without a bite: here is what one looks like.
#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_program_that_hangs_is_bitten_by_the_watchdog() {
    let _story = Story::begins("the watchdog");
    let platform = platform().await;
    let mut firmware = Firmware::at(port_of(&platform)).arg("hang_s", 1).start();
    firmware.hear("hanging").await;
    let end = firmware.last_words().await;
    assert_eq!(end.code, 103, "{:#?}", end.lines);
    assert!(end.lines.iter().any(|line| line.contains("the watchdog bit")), "{:#?}", end.lines);
}
