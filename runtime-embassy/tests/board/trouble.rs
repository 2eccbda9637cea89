//! What goes wrong on the way, and that the board comes back.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use larkwire_conformance::platform::PlatformConfig;

use crate::support::{
    APP, Firmware, Flow, Names, Story, Wire, answer, answered, message_id, platform, platform_with, port_of, quick,
    said, stop,
};

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn two_hundred_messages_survive_three_pulls_of_the_cable() {
    const MESSAGES: usize = 200;
    let _story = Story::begins("200 messages, the cable pulled three times");
    let platform = platform().await;
    let mut firmware = Firmware::at(port_of(&platform)).start();
    firmware.hear("connected").await;
    for batch in (0..MESSAGES).collect::<Vec<_>>().chunks(10) {
        for n in batch {
            platform.push(&said(&n.to_string(), &format!("message {n}"))).unwrap();
        }
        if [40, 90, 140].contains(&batch[0]) {
            firmware.plug(false).await;
            firmware.hear("link down").await;
            // What is said meanwhile waits on the platform or on the wire.
            let id = format!("meanwhile-{}", batch[0]);
            platform.push(&said(&id, "are you there?")).unwrap();
            if batch[0] == 90 {
                // So long that the connection is given up.
                firmware.hear("link_lost").await;
            }
            firmware.plug(true).await;
            firmware.hear("lease").await;
            answer(&platform, &id).await;
        }
        for n in batch {
            assert_eq!(answer(&platform, &n.to_string()).await, format!("echo: message {n}"));
        }
    }
    let end = stop(&platform, firmware).await;
    assert_eq!(end.code, 0, "{:#?}", end.lines);
    let answers = answered(&platform);
    let different: BTreeSet<&String> = answers.iter().collect();
    assert_eq!((answers.len(), different.len()), (MESSAGES + 3, MESSAGES + 3));
    assert!((0..MESSAGES).all(|n| different.contains(&message_id(&n.to_string()))));
    println!("links {}, duplicates {}", end.stat("links"), end.stat("duplicates"));
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_platform_that_falls_silent_is_left_and_found_again() {
    let _story = Story::begins("silence on an open connection");
    let platform = platform().await;
    let mut firmware = Firmware::at(port_of(&platform)).start();
    firmware.hear("connected").await;
    assert_eq!(platform.half_open(APP), 1);
    let line = firmware.hear("link_lost").await;
    assert!(line.contains("nothing came in"), "{line}");
    firmware.hear("connected").await;
    platform.push(&said("after", "still there?")).unwrap();
    assert_eq!(answer(&platform, "after").await, "echo: still there?");
    assert_eq!(stop(&platform, firmware).await.code, 0);
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_platform_that_starts_anew_knows_no_token_and_is_answered_all_the_same() {
    let _story = Story::begins("the platform starts anew");
    let before = platform().await;
    let port = port_of(&before);
    let mut firmware = Firmware::at(port).start();
    before.push(&said("before", "hello")).unwrap();
    answer(&before, "before").await;
    before.stop().await;
    drop(before);
    firmware.hear("link_lost").await;
    let listen = SocketAddr::from(([127, 0, 0, 1], port));
    let after = platform_with(PlatformConfig { listen, ..quick() }).await;
    after.push(&said("after", "hello again")).unwrap();
    assert_eq!(answer(&after, "after").await, "echo: hello again");
    let end = stop(&after, firmware).await;
    assert_eq!((end.code, end.stat("links")), (0, 2), "{:#?}", end.lines);
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_server_that_drips_is_named_and_used_once_it_flows() {
    let _story = Story::begins("a server that drips one byte a second");
    let platform = platform().await;
    let wire = Wire::to(port_of(&platform), Flow::Dripping).await;
    let mut firmware = Firmware::at(wire.port).start();
    let line = firmware.hear("link_lost").await;
    assert!(line.contains("discovery was not answered within 15 s"), "{line}");
    wire.set(Flow::Free);
    firmware.hear("connected").await;
    platform.push(&said("flow", "better?")).unwrap();
    assert_eq!(answer(&platform, "flow").await, "echo: better?");
    assert_eq!(stop(&platform, firmware).await.code, 0);
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn a_resolver_that_never_answers_is_named_and_used_once_it_does() {
    let _story = Story::begins("a resolver that does not answer");
    let platform = platform().await;
    let names = Names::silent().await;
    let firmware = Firmware::at(0).arg("url", format_args!("http://platform.test:{}", port_of(&platform)));
    // Nobody is at the other address; without port 53 the second half of the story is not told.
    let resolver = if names.is_ok() { "10.0.2.2" } else { "10.0.2.77" };
    let mut firmware = firmware.arg("dns", resolver).start();
    let line = firmware.hear("link_lost").await;
    assert!(line.contains("the host name did not resolve"), "{line}");
    match names {
        Ok(names) => {
            names.speak();
            firmware.hear("connected").await;
            assert_eq!(stop(&platform, firmware).await.code, 0);
        }
        Err(error) => println!("SKIP the resolver that answers at last: port 53 cannot be had ({error})"),
    }
}
