//! The same bot over TLS: to servers that have proved who they are, and to no others.

use crate::support::{Door, Firmware, Story, answer, answered, message_id, platform, port_of, said, stop};

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_message_over_tls_is_answered_before_and_after_the_cable_was_pulled() {
    let _story = Story::begins("TLS: messages, and the cable pulled in between");
    let platform = platform().await;
    let door = Door::to(port_of(&platform)).await;
    let mut firmware = Firmware::at_door(&door).start();
    platform.push(&said("before", "你好 over TLS 🙂")).unwrap();
    assert_eq!(answer(&platform, "before").await, "echo: 你好 over TLS 🙂");
    firmware.plug(false).await;
    firmware.hear("link down").await;
    platform.push(&said("after", "are you there?")).unwrap();
    firmware.hear("link_lost").await;
    firmware.plug(true).await;
    assert_eq!(answer(&platform, "after").await, "echo: are you there?");
    let end = stop(&platform, firmware).await;
    assert_eq!((end.code, end.stat("links")), (0, 2), "{:#?}", end.lines);
    assert_eq!(answered(&platform), ["before", "after"].map(message_id));
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_server_of_another_authority_is_refused_and_hears_nothing() {
    let _story = Story::begins("TLS: a server of another authority");
    let platform = platform().await;
    let (mut door, other) = (Door::to(port_of(&platform)).await, Door::to(port_of(&platform)).await);
    door.ca.clone_from(&other.ca);
    let mut firmware = Firmware::at_door(&door).start();
    let line = firmware.hear("link_lost").await;
    assert!(line.contains("TLS failed"), "{line}");
    println!("refused: {}", firmware.hear("tls ").await);
    assert!(platform.records().is_empty(), "nothing was said to it");
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_clock_from_1970_is_named_and_a_right_one_opens_the_door() {
    let _story = Story::begins("TLS: a clock from zero that is set right");
    let platform = platform().await;
    let door = Door::to(port_of(&platform)).await;
    let mut firmware = Firmware::at_door(&door).arg("clock", "jumping").start();
    println!("refused: {}", firmware.hear("tls ").await);
    platform.push(&said("right", "what time is it?")).unwrap();
    assert_eq!(answer(&platform, "right").await, "echo: what time is it?");
    assert_eq!(stop(&platform, firmware).await.code, 0);
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn without_a_clock_nothing_is_opened() {
    let _story = Story::begins("TLS: no clock");
    let platform = platform().await;
    let door = Door::to(port_of(&platform)).await;
    let mut firmware = Firmware::at_door(&door).arg("clock", "missing").start();
    println!("refused: {}", firmware.hear("tls ").await);
    assert!(platform.records().is_empty(), "nothing was said to it");
}
