//! Ways a long connection ends.
#![cfg(feature = "platform")]
#![allow(clippy::unwrap_used, clippy::panic, dead_code, reason = "a test ends where it fails")]

mod common;

use std::time::Duration;

use common::{APP, Client, Socket, hello, platform, wait};
use futures_util::{SinkExt as _, StreamExt as _};
use larkwire_conformance::platform::{ClosedBy, Inject, Kind};
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Reads until there is a Close frame or an error.
async fn end(socket: &mut Socket) -> Result<Option<CloseFrame>, Error> {
    loop {
        match tokio::time::timeout(common::LONG, socket.next()).await.unwrap() {
            Some(Ok(Message::Close(frame))) => return Ok(frame),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error),
            None => return Ok(None),
        }
    }
}

fn closed_by(kind: &Kind, wanted: ClosedBy) -> bool {
    matches!(kind, Kind::ConnectionClosed { by, .. } if *by == wanted)
}

#[tokio::test]
async fn a_cut_connection_ends_without_a_word() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    client.pong().await;
    assert_eq!(platform.cut(APP), 1);
    assert_eq!(platform.connections(APP), 0);
    let error = end(&mut client.socket).await.unwrap_err();
    assert!(matches!(error, Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)), "{error}");
    wait(&platform, |kind| closed_by(kind, ClosedBy::Platform)).await;
}

#[tokio::test]
async fn a_reset_connection_ends_with_a_reset() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    client.pong().await;
    assert_eq!(platform.cut_rst(APP), 1);
    let Err(Error::Io(error)) = end(&mut client.socket).await else { panic!("not an error of the stream") };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_half_open_connection_is_silent_and_still_gets_its_share() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    client.pong().await;
    assert_eq!(platform.half_open(APP), 1);
    client.ping().await;
    platform.push(&hello()).unwrap();
    wait(&platform, |kind| matches!(kind, Kind::Pushed { .. })).await;
    let silence = tokio::time::timeout(Duration::from_millis(50), client.socket.next()).await;
    assert!(silence.is_err(), "{silence:?}");
    assert_eq!(platform.connections(APP), 1);
    assert_eq!(platform.cut(APP), 1);
    assert!(end(&mut client.socket).await.is_err());
}

#[tokio::test]
async fn a_closed_connection_ends_with_the_wanted_code_after_what_was_sent_before() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    platform.push(&hello()).unwrap();
    assert_eq!(platform.close(APP, 1012), 1);
    client.data().await;
    let frame = end(&mut client.socket).await.unwrap().unwrap();
    assert_eq!(u16::from(frame.code), 1012);
}

#[tokio::test]
async fn the_clients_own_goodbye_is_recorded_with_its_code() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    let goodbye = CloseFrame { code: CloseCode::Normal, reason: "bye".into() };
    client.socket.close(Some(goodbye)).await.unwrap();
    let closed = wait(&platform, |kind| closed_by(kind, ClosedBy::Client)).await;
    assert!(matches!(closed.kind, Kind::ConnectionClosed { code: Some(1000), reason, .. } if reason == "bye"));
    assert_eq!(platform.connections(APP), 0);
}

#[tokio::test]
async fn a_client_that_vanishes_is_noticed() {
    let platform = platform().await;
    drop(Client::connect(&platform).await);
    wait(&platform, |kind| closed_by(kind, ClosedBy::Network)).await;
}

#[tokio::test]
async fn what_a_client_must_not_send_is_held_against_it() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    client.socket.send(Message::Text("hello".into())).await.unwrap();
    wait(&platform, |kind| matches!(kind, Kind::ClientFault { what, .. } if what.contains("text"))).await;
    client.socket.send(Message::Binary(vec![0xff].into())).await.unwrap();
    wait(&platform, |kind| matches!(kind, Kind::ClientFault { what, .. } if what.contains("undecodable"))).await;
    assert_eq!(platform.connections(APP), 1);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_still_heard() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    platform.inject(APP, &Inject::Binary(vec![0; 32 << 20]));
    platform.push(&hello()).unwrap();
    client.ping().await;
    wait(&platform, |kind| matches!(kind, Kind::Pinged { first: false, .. })).await;
}

#[tokio::test]
async fn anything_can_be_injected() {
    let platform = platform().await;
    let mut client = Client::connect(&platform).await;
    client.pong().await;
    platform.inject(APP, &Inject::Binary(vec![0xff]));
    assert_eq!(client.socket.next().await.unwrap().unwrap(), Message::Binary(vec![0xff].into()));
    platform.inject(APP, &Inject::Text("hello".into()));
    assert_eq!(client.socket.next().await.unwrap().unwrap(), Message::Text("hello".into()));
    // A frame with a reserved bit.
    platform.inject(APP, &Inject::Bytes(vec![0xc2, 0]));
    let error = end(&mut client.socket).await.unwrap_err();
    assert!(matches!(error, Error::Protocol(ProtocolError::NonZeroReservedBits)), "{error}");
}
