//! Which messages of a handshake one sealed record may hold (RFC 8446 section 4).

const NEW_SESSION_TICKET: u8 = 4;
const ENCRYPTED_EXTENSIONS: u8 = 8;
const CERTIFICATE: u8 = 11;
const CERTIFICATE_REQUEST: u8 = 13;
const CERTIFICATE_VERIFY: u8 = 15;
const FINISHED: u8 = 20;

/// Whether each message is whole, as long as its parts say, and in its place: tickets and nothing else in an open stream,
/// no tickets before, and nothing behind Finished.
pub(super) fn are_in_place(mut messages: &[u8], is_open: bool) -> bool {
    while let [kind, a, b, c, body @ ..] = messages {
        let len = usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).ok();
        if (*kind == NEW_SESSION_TICKET) != is_open || len.is_none() || len != len_by_parts(*kind, body) {
            return false;
        }
        match len.and_then(|len| body.get(len..)) {
            Some(rest) if *kind != FINISHED || rest.is_empty() => messages = rest,
            // Certificates that go on in the next record: too many bytes, to be refused by that name.
            None if *kind == CERTIFICATE => return true,
            _ => return false,
        }
    }
    messages.is_empty()
}

/// The length of a message's body by the lengths that stand in it; none for messages that never come sealed from a server
/// that behaves.
fn len_by_parts(kind: u8, body: &[u8]) -> Option<usize> {
    // Bytes of a fixed length, then parts that begin with their length, in so many bytes.
    let (fixed, parts): (usize, &[usize]) = match kind {
        NEW_SESSION_TICKET => (8, &[1, 2, 2]),
        ENCRYPTED_EXTENSIONS => (0, &[2]),
        CERTIFICATE => (0, &[1, 3]),
        CERTIFICATE_REQUEST => (0, &[1, 2]),
        CERTIFICATE_VERIFY => (2, &[2]),
        FINISHED => (32, &[]),
        _ => return None,
    };
    let mut len = fixed;
    for width in parts {
        let field = body.get(len..)?.get(..*width)?;
        let part = field.iter().fold(0_usize, |sum, byte| (sum << 8) | usize::from(*byte));
        len = len.checked_add(*width)?.checked_add(part)?;
    }
    Some(len)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let [high, low] = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind, 0, high, low][..], body].concat()
    }

    fn flight() -> [Vec<u8>; 5] {
        [
            message(ENCRYPTED_EXTENSIONS, &[0, 4, 0, 0, 0, 0]),
            message(CERTIFICATE_REQUEST, &[1, 9, 0, 0]),
            message(CERTIFICATE, &[0, 0, 0, 6, 0, 0, 1, 7, 0, 0]),
            message(CERTIFICATE_VERIFY, &[4, 3, 0, 2, 1, 1]),
            message(FINISHED, &[5; 32]),
        ]
    }

    #[test]
    fn a_handshake_ends_with_finished() {
        let [extensions, request, certificate, proof, finished] = flight();
        assert!(are_in_place(&flight().concat(), false));
        for message in flight() {
            assert!(are_in_place(&message, false) && !are_in_place(&message, true), "{message:?}");
            for after in [&extensions, &request, &certificate, &proof, &finished] {
                assert!(!are_in_place(&[&finished[..], after].concat(), false));
            }
        }
    }

    #[test]
    fn an_open_stream_takes_tickets_and_nothing_else() {
        let ticket = message(NEW_SESSION_TICKET, &[0, 0, 0, 1, 0, 0, 0, 2, 1, 9, 0, 3, 1, 2, 3, 0, 0]);
        assert!(are_in_place(&ticket, true) && are_in_place(&[&ticket[..], &ticket].concat(), true));
        assert!(!are_in_place(&ticket, false));
        for other in flight().into_iter().chain([message(24, &[0]), message(2, &[0; 40]), message(1, &[])]) {
            assert!(!are_in_place(&[&ticket[..], &other].concat(), true), "{other:?}");
        }
    }

    #[test]
    fn lengths_that_do_not_agree_hide_nothing() {
        let [extensions, _, certificate, ..] = flight();
        for message in flight() {
            for (at, change) in [(3, 1), (3, 255), (2, 1), (1, 1)] {
                let mut bytes = message.clone();
                bytes[at] = bytes[at].wrapping_add(change);
                assert!(!are_in_place(&bytes, false), "{bytes:?}");
                assert!(!are_in_place(&[&bytes[..], &flight().concat()].concat(), false), "{bytes:?}");
            }
            for len in 1..message.len() {
                let is_begun = message == certificate && len >= 8;
                assert_eq!(are_in_place(&message[..len], false), is_begun, "{:?}", &message[..len]);
            }
        }
        assert!(are_in_place(&[&extensions[..], &certificate[..10]].concat(), false));
    }
}
