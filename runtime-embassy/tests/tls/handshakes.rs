//! Real handshakes with a good server: what is opened and how it goes on, and what is refused before a word is said.

use std::cell::Cell;
use std::sync::Arc;

use embassy_futures::join::join;
use embassy_futures::select::{Either, select};
use embassy_futures::yield_now;
use embedded_io_async::{Read as _, Write as _};
use larkwire_core::{Closed, UnixMillis};
use larkwire_embassy::{Connect as _, Destination, Stream as _, TlsBroken, TlsBuffers, TlsConnect, TlsFault, Trust};
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use ring::digest::{SHA256, digest};
use rustls::ServerConfig;

use crate::pki::*;
use crate::server::*;
use crate::support::platform::{dns, listener};
use crate::support::{beside, leak, story};

/// A question and its answer over one stream; the host that the server was asked for.
fn opens(server: Arc<ServerConfig>, trust: Trust<'static>, host: &'static str) {
    story(move |board, platform| async move {
        let (mut connect, faults) = connector(board, trust);
        let client = async {
            let mut stream = connect.connect(&to(host)).await.unwrap();
            let (mut reader, mut writer) = stream.split();
            writer.write_all(b"question").await.unwrap();
            writer.flush().await.unwrap();
            let mut answer = [0; 6];
            reader.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"answer");
            stream.close().await;
        };
        let server = async {
            let mut line = Line::accept(platform, 443, &server).await;
            let mut question = [0; 8];
            line.read_exact(&mut question).await.unwrap();
            assert_eq!(&question, b"question");
            let named = (host == HOST).then_some(HOST);
            assert_eq!(line.tls.server_name(), named);
            line.write_all(b"answer").await.unwrap();
            assert_eq!(line.read_to_end().await, (Vec::new(), true));
        };
        beside(dns(platform), client, server).await;
        assert_eq!(faults.get(), None);
    });
}

/// The server shows `chain`, and hears nothing.
fn refused(chain: &[&Signed], trust: Trust<'static>, host: &'static str, unix: UnixMillis, fault: TlsFault) {
    let server = config(chain);
    story(move |board, platform| async move {
        let (mut connect, faults) = connector_with(board, trust, Day(Some(unix)), Dice(Some(0)));
        let client = async {
            let opened = connect.connect(&to(host)).await.map(drop);
            assert_eq!((opened, faults.take()), (Err(Closed::Tls), Some(fault)));
        };
        let server = async {
            let mut line = Line::accept(platform, 443, &server).await;
            assert_eq!(line.read_to_end().await, (Vec::new(), false));
        };
        beside(dns(platform), client, server).await;
    });
}

#[test]
fn a_server_with_a_chain_to_a_trusted_root_is_spoken_to() {
    let root = common_root();
    opens(config(&[&root.server()]), trust(root), HOST);
    let (one, stranger) = (root.authority("One"), crate::pki::root("Stranger"));
    let two = one.authority("Two");
    opens(config(&[&two.server(), &stranger, &one, &two, root]), trust(root), HOST);
    opens(config(&[&root.sign(server(&["10.0.2.2"]))]), trust(root), "10.0.2.2");
}

#[test]
fn a_server_with_a_pinned_key_is_spoken_to_whatever_its_certificate_says() {
    let server = common_root().server_with(|params| params.not_after = date_time_ymd(2026, 2, 1));
    let key = rcgen::PublicKeyData::subject_public_key_info(&server.key);
    let pins: &'static _ = leak([<[u8; 32]>::try_from(digest(&SHA256, &key).as_ref()).unwrap()]);
    opens(config(&[&server]), Trust::Pins(pins), "10.0.2.2");
    refused(&[&common_root().server()], Trust::Pins(pins), HOST, NOW, TlsFault::NotPinned);
}

#[cfg(feature = "tls-p384")]
#[test]
fn a_server_with_a_key_of_p384_is_spoken_to() {
    let p384 = || rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let root = root_of("P-384", p384());
    opens(config(&[&root.sign_for(server(&[HOST]), p384())]), trust(&root), HOST);
}

#[cfg(feature = "tls-rsa")]
#[test]
fn a_server_with_a_key_of_rsa_is_spoken_to() {
    let root = root_of("RSA", rsa_key(4096, &rcgen::PKCS_RSA_SHA256));
    for bits in [2048, 4096] {
        let server = root.sign_for(server(&[HOST]), rsa_key(bits, &rcgen::PKCS_RSA_SHA256));
        opens(config(&[&server]), trust(&root), HOST);
    }
}

#[test]
fn a_server_with_a_wrong_certificate_hears_nothing() {
    let root = common_root();
    let clients = |params: &mut rcgen::CertificateParams| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    };
    let (leaf, stranger) = (root.server(), crate::pki::root("Stranger"));
    let (before, after) = (UnixMillis(NOW.0 - 31_536_000_000), UnixMillis(NOW.0 + 31_536_000_000));
    for (chain, unix, fault) in [
        (&[&root.sign(server(&["other.test"]))][..], NOW, TlsFault::NameMismatch),
        (&[&stranger.server(), &stranger], NOW, TlsFault::UnknownIssuer),
        (&[&crate::pki::root("Root").server()], NOW, TlsFault::BadSignature),
        (&[&leaf], after, TlsFault::Expired),
        (&[&leaf], before, TlsFault::NotYetValid),
        (&[&leaf], UnixMillis(0), TlsFault::NotYetValid),
        (&[&leaf.server(), &leaf], NOW, TlsFault::NotAnIssuer),
        (&[&root.server_with(clients)], NOW, TlsFault::NotForServers),
        (&[&root.authority("Missing").server()], NOW, TlsFault::UnknownIssuer),
        (&[&leaf; 9], NOW, TlsFault::TooManyCertificates),
    ] {
        refused(chain, trust(root), HOST, unix, fault);
    }
    refused(&[&leaf], trust(root), "10.0.2.2", NOW, TlsFault::NameMismatch);
}

#[test]
fn certificates_that_fit_no_record_are_refused() {
    let fat = common_root().server_with(|params| {
        let hosts = (0..90).map(|number| format!("{number}.{}.{}.test", "a".repeat(60), "b".repeat(60)));
        params.subject_alt_names = hosts.map(|host| rcgen::SanType::DnsName(host.try_into().unwrap())).collect();
    });
    refused(&[&fat, &fat], trust(common_root()), HOST, NOW, TlsFault::ChainTooLong);
}

#[test]
fn nothing_is_sent_without_a_clock_entropy_or_tls() {
    story(|board, platform| async move {
        let listens = async {
            let mut socket = listener(platform);
            socket.accept(443).await.unwrap();
        };
        let dials = async {
            let plain = Destination { tls: false, ..to_host() };
            for (day, dice, to, fault) in [
                (None, Some(0), to_host(), TlsFault::NoClock),
                (Some(NOW), None, to_host(), TlsFault::NoEntropy),
                (Some(NOW), Some(0), plain, TlsFault::PlaintextAsked),
                (Some(NOW), Some(0), to("no host"), TlsFault::InvalidHost),
            ] {
                let (mut connect, faults) = connector_with(board, trust(common_root()), Day(day), Dice(dice));
                let opened = connect.connect(&to).await.map(drop);
                assert_eq!((opened, faults.take()), (Err(Closed::Tls), Some(fault)));
            }
            for _ in 0..1000 {
                yield_now().await;
            }
        };
        assert!(matches!(select(listens, dials).await, Either::Second(())));
    });
}

#[test]
fn buffers_that_are_too_small_are_named() {
    story(|board, _| async move {
        for (at, needed) in [(0, 512), (1, 512), (2, 16_640), (3, 2048)] {
            let mut all = buffers();
            let place = [&mut all.tcp_rx, &mut all.tcp_tx, &mut all.record_rx, &mut all.record_tx].into_iter().nth(at);
            *place.unwrap() = Vec::leak(vec![0; needed - 1]);
            let made = TlsConnect::new(board, all, Trust::Roots(&[]), Day(None), Dice(None), leak(Cell::new(None)));
            assert_eq!(made.err(), Some(TlsFault::BufferTooSmall { needed }));
        }
        let (connect, faults) = connector_with(board, Trust::Pins(&[]), Day(None), Dice(Some(77)));
        faults.set(Some(TlsFault::NotPinned));
        assert_eq!(format!("{connect:?}"), "TlsConnect { trust: Pins(0), fault: Some(NotPinned), .. }");
        assert_eq!(format!("{:?}", buffers()), format!("TlsBuffers([2048, 2048, {}, 2048])", TlsBuffers::RECORD_RX));
    });
}

#[test]
fn what_answers_no_handshake_or_ends_it_is_no_server() {
    story(|board, platform| async move {
        let (mut connect, faults) = connector(board, trust(common_root()));
        let client = async {
            for (closed, fault) in [
                (Closed::Eof, None),
                (Closed::Tls, Some(TlsFault::Handshake)),
                (Closed::Tls, Some(TlsFault::ServerAlert(70))),
                (Closed::Refused, None),
            ] {
                let opened = connect.connect(&to_host()).await.map(drop);
                assert_eq!((opened, faults.take()), (Err(closed), fault));
            }
            assert_eq!(connect.connect(&to("nowhere.test")).await.map(drop), Err(Closed::Dns));
        };
        let server = async {
            for answer in [&b""[..], b"HTTP/1.1 400 Bad Request\r\n\r\n", &[21, 3, 3, 0, 2, 2, 70]] {
                let mut socket = listener(platform);
                socket.accept(443).await.unwrap();
                assert!(socket.read(&mut [0; 512]).await.unwrap() > 0);
                socket.write_all(answer).await.unwrap();
                socket.close();
                let _ = socket.flush().await;
            }
        };
        beside(dns(platform), client, server).await;
    });
}

#[test]
fn a_handshake_that_is_given_up_leaves_no_connection() {
    story(|board, platform| async move {
        let (mut connect, _) = connector(board, trust(common_root()));
        let hello = Cell::new(false);
        let client = async {
            let waits = async {
                while !hello.get() {
                    yield_now().await;
                }
            };
            let given_up = select(connect.connect(&to_host()), waits).await;
            assert!(matches!(given_up, Either::Second(())));
        };
        let server = async {
            let mut socket = listener(platform);
            socket.accept(443).await.unwrap();
            assert!(socket.read(&mut [0; 512]).await.unwrap() > 0);
            hello.set(true);
            assert!(socket.read(&mut [0; 512]).await.is_err());
        };
        beside(dns(platform), client, server).await;
    });
}

#[test]
fn a_read_that_was_given_up_is_not_taken_up_again() {
    between(
        |mut connect, _| async move {
            let mut stream = connect.connect(&to_host()).await.unwrap();
            let (mut reader, mut writer) = stream.split();
            let given_up = select(reader.read(&mut [0; 9]), yield_now()).await;
            assert!(matches!(given_up, Either::Second(())));
            assert_eq!(reader.read(&mut [0; 9]).await, Err(TlsBroken::Wire));
            // The other half is as good as before, and so is the goodbye.
            writer.write_all(b"go").await.unwrap();
            assert_eq!(stream.split().0.read(&mut [0; 9]).await, Err(TlsBroken::Wire));
            stream.close().await;
            assert_eq!(stream.split().0.read(&mut [0; 9]).await, Err(TlsBroken::Wire));
            assert_eq!(stream.split().1.write(b"late").await, Err(TlsBroken::Wire));
        },
        |mut line| async move {
            assert_eq!(line.read_to_end().await, (b"go".to_vec(), true));
            line.close().await;
        },
    );
}

/// Opens a stream to a good server, and goes on with both ends of it.
fn between<C, S>(
    client: impl FnOnce(Connector, Faults) -> C + Send + 'static,
    server: impl FnOnce(Line) -> S + Send + 'static,
) where
    C: Future<Output = ()>,
    S: Future<Output = ()>,
{
    let root = common_root();
    let config = config(&[&root.server()]);
    story(move |board, platform| async move {
        let (connect, faults) = connector(board, trust(root));
        let server = async { server(Line::accept(platform, 443, &config).await).await };
        beside(dns(platform), client(connect, faults), server).await;
    });
}

/// 100 KB that repeat late.
fn bulk() -> Vec<u8> {
    (0_u32..100_000).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn a_read_that_waits_blocks_no_write_and_100_kb_go_both_ways_at_once() {
    between(
        |mut connect, _| async move {
            let mut stream = connect.connect(&to_host()).await.unwrap();
            let (mut reader, mut writer) = stream.split();
            let reads = async {
                let mut all = vec![0; 100_000];
                reader.read_exact(&mut all).await.unwrap();
                assert_eq!(all, bulk());
            };
            let writes = async {
                for chunk in bulk().chunks(700) {
                    writer.write_all(chunk).await.unwrap();
                    writer.flush().await.unwrap();
                }
            };
            join(reads, writes).await;
            stream.close().await;
        },
        |mut line| async move {
            // Not a byte of the answer before the first words, while the client reads already.
            let mut first = [0; 700];
            line.read_exact(&mut first).await.unwrap();
            let mut all = first.to_vec();
            for chunk in bulk().chunks(16_384) {
                line.write_all(chunk).await.unwrap();
            }
            let (rest, said_goodbye) = line.read_to_end().await;
            all.extend(rest);
            assert!(all == bulk() && said_goodbye);
        },
    );
}

#[test]
fn a_goodbye_of_the_server_is_an_end_and_a_cut_is_not() {
    between(
        |mut connect, faults| async move {
            let mut stream = connect.connect(&to_host()).await.unwrap();
            let (mut reader, mut writer) = stream.split();
            writer.write_all(b"go").await.unwrap();
            writer.flush().await.unwrap();
            assert_eq!(reader.read(&mut [0; 9]).await, Ok(3));
            assert_eq!(reader.read(&mut [0; 9]).await, Ok(0));
            assert_eq!(reader.read(&mut [0; 9]).await, Ok(0));
            assert_eq!(writer.write_all(b"late").await, Err(TlsBroken::Wire));
            stream.close().await;
            assert_eq!(faults.get(), None);
        },
        |mut line| async move {
            line.read_exact(&mut [0; 2]).await.unwrap();
            line.write_all(b"bye").await.unwrap();
            line.close().await;
        },
    );
    between(
        |mut connect, faults| async move {
            let mut stream = connect.connect(&to_host()).await.unwrap();
            let (mut reader, mut writer) = stream.split();
            writer.write_all(b"go").await.unwrap();
            writer.flush().await.unwrap();
            assert_eq!(reader.read(&mut [0; 9]).await, Ok(3));
            assert_eq!(reader.read(&mut [0; 9]).await, Err(TlsBroken::Wire));
            assert_eq!(faults.get(), None);
        },
        |mut line| async move {
            line.read_exact(&mut [0; 2]).await.unwrap();
            line.write_all(b"bye").await.unwrap();
            line.cut().await;
        },
    );
}

#[test]
fn new_keys_in_the_middle_of_a_stream_end_it_with_a_name() {
    between(
        |mut connect, faults| async move {
            let mut stream = connect.connect(&to_host()).await.unwrap();
            let (mut reader, mut writer) = stream.split();
            writer.write_all(b"go").await.unwrap();
            writer.flush().await.unwrap();
            assert_eq!(reader.read(&mut [0; 9]).await, Err(TlsBroken::Tls));
            assert_eq!(faults.take(), Some(TlsFault::Handshake));
        },
        |mut line| async move {
            line.read_exact(&mut [0; 2]).await.unwrap();
            line.tls.refresh_traffic_keys().unwrap();
            line.send().await.unwrap();
            line.read_to_end().await;
        },
    );
}

#[test]
fn half_a_record_is_followed_by_nothing() {
    between(
        |mut connect, _| async move {
            let mut stream = connect.connect(&to_host()).await.unwrap();
            let (_, mut writer) = stream.split();
            // Nobody reads: at last a write waits in the middle of a record, and is given up.
            let fills = async {
                loop {
                    writer.write_all(&[7; 1500]).await.unwrap();
                    writer.flush().await.unwrap();
                }
            };
            let waits = async {
                for _ in 0..5000 {
                    yield_now().await;
                }
            };
            assert!(matches!(select(fills, waits).await, Either::Second(())));
            assert_eq!(writer.write_all(b"more").await, Err(TlsBroken::Wire));
            assert_eq!(writer.flush().await, Err(TlsBroken::Wire));
            stream.close().await;
        },
        |mut line| async move {
            // The handshake only, and then nothing for a while.
            while line.tls.is_handshaking() {
                let _ = select(line.read(&mut [0; 1]), yield_now()).await;
            }
            for _ in 0..20_000 {
                yield_now().await;
            }
            let (_, said_goodbye) = line.read_to_end().await;
            assert!(!said_goodbye);
        },
    );
}

#[test]
fn a_connector_opens_one_stream_after_the_other() {
    let root = common_root();
    let config = config(&[&root.server()]);
    story(move |board, platform| async move {
        let (mut connect, _) = connector(board, trust(root));
        let client = async {
            for round in 0..3_u8 {
                // The server may not be back yet.
                let mut stream = loop {
                    match connect.connect(&to_host()).await {
                        Ok(stream) => break stream,
                        Err(why) => assert_eq!(why, Closed::Refused),
                    }
                };
                let (_, mut writer) = stream.split();
                writer.write_all(&[round]).await.unwrap();
                writer.flush().await.unwrap();
                // The second one is dropped without a goodbye.
                if round != 1 {
                    stream.close().await;
                }
            }
        };
        let server = async {
            for round in 0..3 {
                let mut line = Line::accept(platform, 443, &config).await;
                let (all, said_goodbye) = line.read_to_end().await;
                assert_eq!(said_goodbye, round != 1);
                assert!(all == [round] || round == 1);
                line.close().await;
            }
        };
        beside(dns(platform), client, server).await;
    });
}
