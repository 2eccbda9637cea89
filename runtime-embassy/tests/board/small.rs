//! A small board, which holds one stream at a time: the long connection and the answers take turns.

use larkwire_conformance::platform::{Kind, Platform};

use crate::support::{
    APP, Door, Firmware, Story, answer, answered, count, message_id, platform, port_of, said, seen, stop,
};

/// Three messages, one after the other: each is answered and acknowledged, over connections that were closed in order.
async fn takes_turns(platform: &Platform, firmware: Firmware) {
    for id in ["one", "two", "three"] {
        platform.push(&said(id, id)).unwrap();
        assert_eq!(answer(platform, id).await, format!("echo: {id}"));
        let message = message_id(id);
        let reacted = |kind: &Kind| matches!(kind, Kind::Reacted { message_id, .. } if *message_id == message);
        seen(platform, "a reaction", reacted).await;
        // Everything that was said goes out in one turn, and no longer than it lasts is the bot away.
        assert!(platform.connections(APP) <= 1);
    }
    let end = stop(platform, firmware).await;
    assert_eq!(end.code, 0, "{:#?}", end.lines);
    assert_eq!((end.stat("answered"), end.stat("link_faults")), (3, 0), "{:#?}", end.lines);
    assert!(end.stat("links") >= 3, "{:#?}", end.lines);
    assert_eq!(answered(platform), ["one", "two", "three"].map(message_id));
    assert_eq!(count(platform, |kind| matches!(kind, Kind::ClientFault { .. })), 0);
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_small_board_answers_in_turns() {
    let _story = Story::begins("a small board takes turns");
    let platform = platform().await;
    let firmware = Firmware::at(port_of(&platform)).small().start();
    takes_turns(&platform, firmware).await;
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_small_board_answers_in_turns_over_one_tls_session_at_a_time() {
    let _story = Story::begins("a small board takes turns, in TLS");
    let platform = platform().await;
    let door = Door::to(port_of(&platform)).await;
    let firmware = Firmware::at_door(&door).small().start();
    takes_turns(&platform, firmware).await;
}
