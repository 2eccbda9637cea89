//! What a board is for: it connects, hears and answers.

use larkwire_conformance::platform::{Kind, Push, Record};

use crate::support::{
    ANN, APP, Firmware, LONG, Story, answer, answered, count, message_id, platform, port_of, said, seen, stop,
};

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_board_has_link_lease_and_connection_moments_after_power_up() {
    let _story = Story::begins("power-up: link, lease, discovery, upgrade");
    let platform = platform().await;
    let mut firmware = Firmware::at(port_of(&platform)).start();
    firmware.hear("lease 10.0.2.15/24").await;
    seen(&platform, "a ping", |kind| matches!(kind, Kind::Pinged { first: true, .. })).await;
    assert_eq!(platform.connections(APP), 1);
    assert_eq!(count(&platform, |kind| matches!(kind, Kind::ClientFault { .. })), 0);
    let end = stop(&platform, firmware).await;
    assert_eq!(end.code, 0, "{:#?}", end.lines);
    assert_eq!((end.stat("links"), end.stat("link_faults")), (1, 0));
    assert!(["link up", "connected"].iter().all(|said| end.lines.iter().any(|line| line.ends_with(said))));
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_message_is_answered_and_gets_its_reaction_whole_or_in_parts() {
    let _story = Story::begins("a message whole, split, with reaction");
    let platform = platform().await;
    let firmware = Firmware::at(port_of(&platform)).start();
    platform.push(&said("whole", "hello")).unwrap();
    platform.push(&said("split", "in three parts").parts(3).part_order([2, 0, 1])).unwrap();
    assert_eq!(answer(&platform, "whole").await, "echo: hello");
    assert_eq!(answer(&platform, "split").await, "echo: in three parts");
    for id in ["whole", "split"] {
        let id = message_id(id);
        let reacted = |kind: &Kind| matches!(kind, Kind::Reacted { message_id, .. } if *message_id == id);
        seen(&platform, "a reaction", reacted).await;
    }
    let end = stop(&platform, firmware).await;
    assert_eq!((end.code, end.stat("accepted")), (0, 3), "{:#?}", end.lines);
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_message_that_comes_three_times_is_answered_once() {
    let _story = Story::begins("duplicates");
    let platform = platform().await;
    let firmware = Firmware::at(port_of(&platform)).start();
    let push = platform.push(&said("again", "once is enough").times(3)).unwrap();
    answer(&platform, "again").await;
    let mut left = 3;
    let last_ack = |record: &Record| {
        left -= i32::from(matches!(record.kind, Kind::Acked { push: of, settled: true, .. } if of == push));
        left == 0
    };
    assert!(platform.wait_for(last_ack, LONG).await.is_some());
    let end = stop(&platform, firmware).await;
    assert_eq!((end.code, end.stat("duplicates")), (0, 2), "{:#?}", end.lines);
    assert_eq!(answered(&platform), [message_id("again")]);
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn somebody_who_is_not_on_the_list_gets_no_answer() {
    let _story = Story::begins("the allow-list");
    let platform = platform().await;
    let mut firmware = Firmware::at(port_of(&platform)).arg("allow", ANN).start();
    platform.push(&Push::message("oc_eve", "p2p", "ou_eve", "let me in").message_id(message_id("eve"))).unwrap();
    let line = firmware.hear("dropped").await;
    assert!(line.contains("sender_not_allowed") && line.contains("ou_eve"), "{line}");
    platform.push(&said("ann", "it is me")).unwrap();
    assert_eq!(answer(&platform, "ann").await, "echo: it is me");
    let end = stop(&platform, firmware).await;
    assert_eq!((end.code, end.stat("denied")), (0, 1), "{:#?}", end.lines);
    assert_eq!(answered(&platform), [message_id("ann")]);
}
