//! Numbers that do not fit a processor of 32 bits: whatever they do to one connection, the board is there for the next.

use larkwire_conformance::platform::Inject;

use crate::support::{APP, Firmware, Story, answer, platform, port_of, said, stop};

/// A field of protobuf that is as long as it says.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    let len = u8::try_from(value.len()).unwrap();
    assert!(len < 128);
    [&[number << 3 | 2, len], value].concat()
}

/// A frame of an event whose headers are these.
fn event(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x08, 1, 0x10, 1, 0x18, 1, 0x20, 1];
    for (key, value) in headers {
        frame.extend(field(5, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat()));
    }
    frame.extend(field(8, payload));
    frame
}

#[tokio::test]
#[ignore = "needs the firmware image and QEMU: .ci/board"]
async fn lengths_that_wrap_thirty_two_bits_cost_a_message_or_a_connection_and_nothing_else() {
    let _story = Story::begins("lengths that wrap 32 bits");
    let platform = platform().await;
    let firmware = Firmware::at(port_of(&platform)).start();
    platform.push(&said("before", "before")).unwrap();
    answer(&platform, "before").await;
    let part = |sum: &str, seq: &str| {
        Inject::Binary(event(&[("type", "event"), ("message_id", "m"), ("sum", sum), ("seq", seq)], b"{}"))
    };
    let hostile = [
        ("a part of 2^32 + 1", part("4294967297", "0")),
        ("part 2^32 of two", part("2", "4294967296")),
        ("a payload of 2^32 + 3 bytes", Inject::Binary(vec![0x42, 0x83, 0x80, 0x80, 0x80, 0x10, 1, 2, 3])),
        ("a header of 2^64 - 1 bytes", Inject::Binary([&[0x2a][..], &[0xff; 9], &[1]].concat())),
        ("a frame of 2^63 bytes", Inject::Bytes(vec![0x82, 0x7f, 0x80, 0, 0, 0, 0, 0, 0, 0])),
        ("a frame of 2^32 + 5 bytes", Inject::Bytes(vec![0x82, 0x7f, 0, 0, 0, 1, 0, 0, 0, 5, b'{', b'}', 1, 2, 3])),
    ];
    for (n, (what, bytes)) in hostile.iter().enumerate() {
        // The one before may have cost the connection.
        platform.push(&said(&format!("ready-{n}"), what)).unwrap();
        answer(&platform, &format!("ready-{n}")).await;
        assert_eq!(platform.inject(APP, bytes), 1, "{what}");
        platform.push(&said(&format!("after-{n}"), what)).unwrap();
        assert_eq!(answer(&platform, &format!("after-{n}")).await, format!("echo: {what}"));
    }
    let end = stop(&platform, firmware).await;
    assert_eq!(end.code, 0, "{:#?}", end.lines);
    println!("links {}", end.stat("links"));
}
