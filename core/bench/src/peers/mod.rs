//! Other ways to do the same, written for this comparison: as agent projects do it, with care, and with the fastest
//! parsers there are. Each makes the same text and the same ack of the same bytes; the tests here say so.
//!
//! They do what a bot needs and no more: no limits, no split messages, no strict duplicate members, no reports.

pub mod borrowed;
pub mod frames;
pub mod hand;
pub mod owned;
pub mod said;
pub mod socket;

use bytes::Bytes;

/// One way to deal with frames.
pub trait Reads {
    /// What is said in a message that nobody has seen before, and the ack; `None` for anything else.
    fn message(&mut self, frame: &Bytes) -> Option<(&str, &[u8])>;
}

/// What an ack says when there is nothing to say.
pub const RECEIVED: &[u8] = br#"{"code":200}"#;
/// The only type of event that is read.
pub const MESSAGE_EVENT: &str = "im.message.receive_v1";

#[cfg(test)]
mod tests {
    use super::{Reads, hand, owned};
    use crate::input::{Inputs, Kind, SIZES, Script};
    use crate::messages::Messages;
    use crate::ours::Open;
    use crate::peers::hand::{Serde, Simd, Sonic};
    use crate::peers::socket::Socket;

    /// What is said and the ack, of a message that is new.
    fn message<'m>(ours: &'m mut Messages, frame: &[u8]) -> Option<(&'m str, &'m [u8])> {
        ours.handle(frame, true);
        let (text, ack) = ours.last();
        (!text.is_empty()).then(|| (std::str::from_utf8(text).expect("text"), ack))
    }

    fn all() -> Vec<(&'static str, Box<dyn Reads>)> {
        vec![
            ("owned", Box::new(owned::Owned::default())),
            ("careful", Box::new(hand::Careful::default())),
            ("serde_json", Box::new(hand::Hand::<Serde>::default())),
            ("sonic-rs", Box::new(hand::Hand::<Sonic>::default())),
            ("simd-json", Box::new(hand::Hand::<Simd>::default())),
        ]
    }

    #[test]
    fn every_peer_makes_the_same_text_and_ack() {
        let (mut ours, mut peers) = (Messages::new(&["*"]), all());
        let mut seen = 0;
        for size in SIZES {
            for (kind, script) in [Kind::Text, Kind::Post].into_iter().flat_map(|kind| Script::ALL.map(|s| (kind, s))) {
                // Each event has ids of its own, over all sizes.
                let inputs = Inputs::new(seen + 3, size, kind, script);
                for frame in &inputs.frames[seen..] {
                    let (text, ack) = message(&mut ours, frame).expect("a new message");
                    assert!(text.len() > size / 25 && !text.contains("@_user"), "{text}");
                    for (name, peer) in &mut peers {
                        let (their_text, their_ack) = peer.message(frame).expect("a new message");
                        assert_eq!(their_text, text, "{name} {size} {kind:?} {script:?}");
                        assert_eq!(their_ack, ack, "{name} {size} {kind:?} {script:?}");
                    }
                }
                seen += 3;
                let again = &inputs.frames[seen - 1];
                assert!(message(&mut ours, again).is_none(), "a duplicate");
                peers.iter_mut().for_each(|(name, peer)| assert!(peer.message(again).is_none(), "{name}"));
            }
        }
    }

    #[test]
    fn over_a_socket_the_acks_are_the_same_but_for_their_masks() {
        let mut open = Open::new();
        let mut sockets: Vec<_> = all().into_iter().map(|(name, peer)| (name, Socket::new(peer))).collect();
        let inputs = Inputs::new(3, 1440, Kind::Text, Script::Chinese);
        for bytes in &inputs.ws_frames {
            let (read, acked) = open.receive(bytes);
            for (name, socket) in &mut sockets {
                assert_eq!(socket.receive(bytes), (read, acked), "{name}");
            }
        }
    }

    #[test]
    fn a_message_of_a_person_who_may_not_speak_is_refused() {
        let inputs = Inputs::new(1, 1440, Kind::Text, Script::Ascii);
        let mut ours = Messages::new(&["ou_somebody_else"]);
        assert!(message(&mut ours, &inputs.frames[0]).is_none());
        assert_eq!(ours.stats().dropped(larkwire_core::fault::DropReason::SenderNotAllowed), 1);
    }
}
