//! Who sent it, and when (S4 to S14; protocol sections 17.2 and 17.3). S5's "nothing is parsed before" counts readers and
//! stands beside the code, in `webhook::check`.

use larkwire_core::webhook::Refusal;

use crate::support::*;

fn event() -> String {
    posted_message("e1", "om_1", "hi")
}

#[test]
fn s04_a_rightly_signed_event_passes_encrypted_and_plain() {
    for post in [Post::sealed(&event()), Post::signed(event())] {
        assert_eq!(post.check(), Ok(Verified::Event(event(), true)));
    }
}

#[test]
fn s04_header_names_are_found_in_any_case() {
    let post = Post::sealed(&event());
    for change in [str::to_lowercase, str::to_uppercase] {
        let headers = post.headers.iter().map(|(name, value)| (change(name), value.clone())).collect();
        assert!(Post { headers, ..post.clone() }.is_accepted());
    }
}

#[test]
fn s05_one_bit_changed_anywhere_is_refused() {
    let flips = |bytes: &[u8]| {
        let bytes = bytes.to_vec();
        (0..bytes.len() * 8).map(move |bit| {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        })
    };
    for post in [Post::sealed(&event()), Post::signed(event())] {
        for body in flips(&post.body) {
            assert_eq!(Post { body, ..post.clone() }.check(), Err(Refusal::SignatureWrong));
        }
        for name in [TIMESTAMP, NONCE, SIGNATURE] {
            for value in flips(post.get(name).as_bytes()) {
                let refusal = post.clone().without(name).and(name, value.as_slice()).check().unwrap_err();
                assert_eq!(refusal, Refusal::SignatureWrong, "{name} {value:?}");
            }
        }
    }
}

#[test]
fn s05_another_key_does_not_open_the_door() {
    let body = wrap(&encrypt("the app's encrypt Key", event().as_bytes()));
    assert_eq!(Post::signed(body).check(), Err(Refusal::Undecryptable), "signed by one, encrypted by another");
    let post = Post::sealed(&event());
    let forged = post.clone().set(SIGNATURE, &to_hex(&[0x5a; 32]));
    assert_eq!((forged.check(), post.is_accepted()), (Err(Refusal::SignatureWrong), true));
}

#[test]
fn s06_each_signed_header_is_needed() {
    let post = Post::sealed(&event());
    for name in [TIMESTAMP, NONCE, SIGNATURE] {
        assert_eq!(post.clone().without(name).check(), Err(Refusal::SignatureMissing), "{name}");
        for blank in ["", " ", "\t "] {
            assert_eq!(post.clone().set(name, blank).check(), Err(Refusal::SignatureMissing), "{name} {blank:?}");
        }
    }
    assert_eq!(Post::plain(post.body).check(), Err(Refusal::SignatureMissing));
}

#[test]
fn s07_a_signed_header_twice_is_refused_whichever_is_right() {
    let post = Post::sealed(&event());
    for name in [TIMESTAMP, NONCE, SIGNATURE] {
        let right = post.get(name).to_owned();
        for (first, second) in
            [(right.as_str(), right.as_str()), (&right, "x"), ("x", &right), (&right, ""), ("", &right)]
        {
            let twice = post.clone().without(name).and(name, first).and(&name.to_lowercase(), second);
            assert_eq!(twice.check(), Err(Refusal::SignatureRepeated), "{name} {first:?} {second:?}");
        }
    }
    // Also where nothing needs a signature.
    let url = Post::plain(verification(TOKEN.into(), "c".into())).and(SIGNATURE, "a").and(SIGNATURE, "a");
    assert_eq!(url.check(), Err(Refusal::SignatureRepeated));
}

#[test]
fn s08_a_signature_in_upper_case_is_never_taken() {
    let post = Post::sealed(&event());
    let upper = post.get(SIGNATURE).to_uppercase();
    assert_eq!(post.clone().set(SIGNATURE, &upper).check(), Err(Refusal::SignatureWrong));
    // One digit is enough.
    let at = upper.find(|digit: char| digit.is_ascii_uppercase()).expect("a hash without letters");
    let mut mixed = post.get(SIGNATURE).to_owned();
    mixed.replace_range(at..=at, &upper[at..=at]);
    assert_eq!(post.set(SIGNATURE, &mixed).check(), Err(Refusal::SignatureWrong));
}

#[test]
fn s09_a_signature_of_another_length_is_refused() {
    let post = Post::sealed(&event());
    let right = post.get(SIGNATURE).to_owned();
    for len in 1..64 {
        assert_eq!(post.clone().set(SIGNATURE, &right[..len]).check(), Err(Refusal::SignatureWrong), "{len}");
    }
    for wrong in [format!("{right}0"), format!("{right}00"), format!("0{right}"), right.repeat(2), format!("0x{right}")]
    {
        assert_eq!(post.clone().set(SIGNATURE, &wrong).check(), Err(Refusal::SignatureWrong), "{wrong}");
    }
    let long = post.clone().set(SIGNATURE, &right.repeat(10_000));
    assert_eq!(long.check(), Err(Refusal::SignatureWrong));
    for odd in ["g".repeat(64), "é".repeat(32), "-1".repeat(32), "+f".repeat(32)] {
        assert_eq!(post.clone().set(SIGNATURE, &odd).check(), Err(Refusal::SignatureWrong), "{odd}");
    }
}

#[test]
fn s10_the_bytes_count_as_they_came_however_the_json_is_written() {
    let odd = format!(
        "\n {{ \"schema\" :\t\"1.0\", \"sch\\u0065ma\":\"2.0\",\r\n\"header\":{{\"event_id\":\"e\\u0031\",\"event_type\":\"x\",\
         \"event_type\":\"im.message.receive_v1\",\"token\":\"{TOKEN}\"}},\"event\":{{\"message\":{{\"message_id\":\"om_1\",\
         \"content\":\"{{\\\"text\\\":\\\"中\\u4e2d \\ud83c\\udf89\\\"}}\"}}}},\"a\\/b\":1e2 }} "
    );
    for post in [Post::signed(odd.as_str()), Post::sealed(&odd)] {
        assert_eq!(post.check(), Ok(Verified::Event(odd.clone(), true)));
    }
    let encrypted = encrypt(KEY, event().as_bytes());
    let slashes = encrypted.replace('/', "\\/").replace('+', "\\u002b").replace('=', "\\u003D");
    for body in [
        format!("{{ \"encrypt\"\n:\t\"{encrypted}\" }}\r\n"),
        format!("{{\"encr\\u0079pt\":\"{slashes}\"}}"),
        format!("{{\"encrypt\":\"bm8=\",\"x\":[{{}}],\"encrypt\":\"{encrypted}\"}}"),
        format!("\u{feff}{{\"encrypt\":\"{encrypted}\"}}"),
        format!("\u{feff}{{\"encrypt\":\"{slashes}\"}}"),
    ] {
        assert_eq!(Post::signed(body.as_str()).check(), Ok(Verified::Event(event(), true)), "{body}");
        // The same JSON written in another way is other bytes.
        let tidy: serde_json::Value = serde_json::from_str(body.trim_start_matches('\u{feff}')).unwrap();
        let rewritten = Post { body: tidy.to_string().into_bytes(), ..Post::signed(body) };
        assert_eq!(rewritten.check(), Err(Refusal::SignatureWrong));
    }
    let marked = format!("\u{feff}{}", event());
    assert_eq!(Post::sealed(&marked).check(), Ok(Verified::Event(event(), true)));
}

fn aged(timestamp: &str, unix_ms: u64) -> Result<(), Refusal> {
    Post::plain(wrap(&encrypt(KEY, event().as_bytes())))
        .sign(timestamp, "n-1")
        .check_at(&webhook(), Some(unix_ms))
        .map(drop)
}

#[test]
fn s11_a_request_from_before_the_window_is_stale() {
    for seconds in [3601, 7200, 25_200, UNIX] {
        assert_eq!(aged(&(UNIX - seconds).to_string(), UNIX * 1000), Err(Refusal::Stale), "{seconds}");
    }
}

#[test]
fn s12_a_request_from_after_the_window_is_stale() {
    for seconds in [3601, 7200, 86_400, UNIX * 99] {
        assert_eq!(aged(&(UNIX + seconds).to_string(), UNIX * 1000), Err(Refusal::Stale), "{seconds}");
    }
}

#[test]
fn s13_the_edges_of_the_window_belong_to_it() {
    let (early, late) = ((UNIX - 3600).to_string(), (UNIX + 3600).to_string());
    assert_eq!((aged(&early, UNIX * 1000), aged(&late, UNIX * 1000)), (Ok(()), Ok(())));
    assert_eq!(aged(&early, UNIX * 1000 + 1), Err(Refusal::Stale), "to the millisecond");
    assert_eq!(aged(&late, UNIX * 1000 - 1), Err(Refusal::Stale));
    assert_eq!(aged(&(UNIX - 3601).to_string(), UNIX * 1000), Err(Refusal::Stale));
    assert_eq!(aged(&(UNIX + 3601).to_string(), UNIX * 1000), Err(Refusal::Stale));
}

#[test]
fn s14_a_timestamp_that_is_no_number_of_seconds_is_stale() {
    let odd = [
        "x",
        "-1700000000",
        "+1700000000",
        "1700000000.0",
        "1.7e9",
        "0x6553f100",
        "１７００００００００",
        "17 00",
        "1700000000,1700000000",
        // Milliseconds, twenty digits, beyond 64 bits.
        "1700000000000",
        "17000000001700000000",
        "18446744073709551615",
        "18446744073709551616",
        "99999999999999999999999999999999999999999",
        "0",
    ];
    for timestamp in odd {
        assert_eq!(aged(timestamp, UNIX * 1000), Err(Refusal::Stale), "{timestamp}");
        assert_eq!(Refusal::Stale.reply().status, 401);
    }
    // Clocks at their ends overflow nothing.
    for (timestamp, unix) in [("0", u64::MAX), ("18446744073709551615", 0), ("18446744073709551615", u64::MAX)] {
        let _ = aged(timestamp, unix);
    }
}

#[test]
fn digits_moved_between_timestamp_and_nonce_keep_the_signature_and_lose_the_age() {
    // What is signed is one text without borders.
    let post = Post::plain(event()).sign("1700000000", "7n");
    assert!(post.is_accepted());
    for (timestamp, nonce) in [("17000000007", "n"), ("170000000", "07n"), ("1", "7000000007n")] {
        assert_eq!(post.clone().set(TIMESTAMP, timestamp).set(NONCE, nonce).check(), Err(Refusal::Stale));
    }
    assert_eq!(post.clone().set(TIMESTAMP, "17000000007n").without(NONCE).check(), Err(Refusal::SignatureMissing));
}
