//! A request as its head tells it (protocol section 17.1).

/// A header that is looked for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Field<'a> {
    /// Not there, or blank.
    #[default]
    Absent,
    One(&'a [u8]),
    /// There twice, whatever it says.
    Repeated,
}

impl<'a> Field<'a> {
    fn add(&mut self, seen: &mut bool, value: &'a [u8]) {
        if core::mem::replace(seen, true) {
            *self = Self::Repeated;
        } else if !value.trim_ascii().is_empty() {
            *self = Self::One(value.trim_ascii());
        }
    }

    pub(super) fn get(self) -> Option<&'a [u8]> {
        if let Self::One(value) = self { Some(value) } else { None }
    }
}

/// What the head of a request says that matters here: about 100 bytes, borrowed.
#[derive(Clone, Copy)]
pub struct RequestHead<'a> {
    pub(super) method: &'a str,
    pub(super) content_type: Field<'a>,
    pub(super) nonce: Field<'a>,
    pub(super) request_id: Field<'a>,
    pub(super) signature: Field<'a>,
    pub(super) timestamp: Field<'a>,
}

impl core::fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // A signature that was not used yet is as good as a key for an hour.
        f.debug_struct("RequestHead").field("method", &self.method).field("is_signed", &self.is_signed()).finish()
    }
}

impl<'a> RequestHead<'a> {
    /// Takes what matters out of all headers, given as names in any case and values.
    ///
    /// ```
    /// use larkwire_core::webhook::RequestHead;
    /// let headers = [("content-type", b"application/json".as_slice()), ("X-LARK-REQUEST-NONCE", b"n1")];
    /// let head = RequestHead::new("POST", headers);
    /// ```
    pub fn new(method: &'a str, headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut head = Self {
            method,
            content_type: Field::Absent,
            nonce: Field::Absent,
            request_id: Field::Absent,
            signature: Field::Absent,
            timestamp: Field::Absent,
        };
        let mut seen = [false; 5];
        for (name, value) in headers {
            let places = [
                ("content-type", &mut head.content_type),
                ("x-lark-request-nonce", &mut head.nonce),
                ("x-request-id", &mut head.request_id),
                ("x-lark-signature", &mut head.signature),
                ("x-lark-request-timestamp", &mut head.timestamp),
            ];
            for ((known, place), seen) in places.into_iter().zip(&mut seen) {
                if name.eq_ignore_ascii_case(known) {
                    place.add(seen, value);
                }
            }
        }
        head
    }

    /// `X-Request-Id`, to search for in the platform's log; empty when there is none.
    pub fn request_id(&self) -> &'a [u8] {
        self.request_id.get().unwrap_or_default()
    }

    /// Whether a signature is claimed. Without one only the verification of the request URL can pass, and that needs few
    /// requests: a limit for strangers belongs here, and none for the others, who are checked instead.
    pub fn is_signed(&self) -> bool {
        self.signed_parts().is_some()
    }

    /// Timestamp, nonce and signature, when none is missing.
    pub(super) fn signed_parts(&self) -> Option<[&'a [u8]; 3]> {
        Some([self.timestamp.get()?, self.nonce.get()?, self.signature.get()?])
    }

    /// One of the headers that are signed, or the signature, stands twice: one of them would be checked and the other
    /// used.
    pub(super) fn is_ambiguous(&self) -> bool {
        [self.timestamp, self.nonce, self.signature].contains(&Field::Repeated)
    }

    /// Whether the body may be JSON.
    pub(super) fn is_json(&self) -> bool {
        let said = match self.content_type {
            Field::Absent => return true,
            Field::Repeated => return false,
            Field::One(said) => said,
        };
        let end = said.iter().position(|byte| *byte == b';').unwrap_or(said.len());
        said.get(..end).unwrap_or_default().trim_ascii().eq_ignore_ascii_case(b"application/json")
    }
}

#[cfg(test)]
mod tests {
    use super::{Field, RequestHead};

    #[test]
    fn header_names_are_found_in_any_case_and_a_second_one_is_never_used() {
        let head = RequestHead::new("POST", [("x-LARK-signature", b" ab ".as_slice()), ("X-Lark-Request-Nonce", b"n")]);
        assert_eq!((head.signature, head.nonce, head.timestamp), (Field::One(b"ab"), Field::One(b"n"), Field::Absent));
        assert!(!head.is_signed() && !head.is_ambiguous());
        for (first, second) in [("a", "a"), ("a", ""), ("", "a"), ("", "")] {
            let twice = [("X-Lark-Signature", first.as_bytes()), ("x-lark-signature", second.as_bytes())];
            assert!(RequestHead::new("POST", twice).is_ambiguous());
        }
    }

    #[test]
    fn json_is_recognised_with_and_without_a_charset() {
        let is_json = |value: &str| RequestHead::new("POST", [("Content-Type", value.as_bytes())]).is_json();
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/json ;charset=utf-8", " "] {
            assert!(is_json(json), "{json}");
        }
        for other in
            ["text/plain", "application/jsonp", "application/x-www-form-urlencoded", "text/json; application/json"]
        {
            assert!(!is_json(other), "{other}");
        }
    }
}
