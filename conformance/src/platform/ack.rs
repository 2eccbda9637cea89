//! Is an acknowledgement the faithful echo it has to be?

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::compose::SentFrame;
use super::frame::{Frame, Received};
use super::kind::AckFault;

/// What an acknowledgement says.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Verdict {
    pub(super) code: Option<i64>,
    pub(super) data: Option<Value>,
    pub(super) biz_rt: Option<String>,
    pub(super) faults: Vec<AckFault>,
}

/// Compares an acknowledgement with the frame it answers.
pub(super) fn judge(sent: &SentFrame, ack: &Received, callback: bool) -> Verdict {
    let mut verdict = Verdict::default();
    for field in &ack.missing {
        verdict.fault(field, "written", "absent");
    }
    verdict.compare_fields(&sent.frame, &ack.frame);
    verdict.compare_headers(&sent.frame, &ack.frame);
    if ack.unknown != sent.unknown {
        verdict.fault("unknown fields", format!("{:02x?}", sent.unknown), format!("{:02x?}", ack.unknown));
    }
    verdict.read_payload(ack.frame.payload.as_deref().unwrap_or_default());
    if callback && verdict.code == Some(200) && verdict.data.is_none() {
        verdict.fault("data", "the answer to a callback, at least {}", "absent");
    }
    verdict
}

/// `code` of an acknowledgement's payload.
pub(super) fn code(payload: Option<&[u8]>) -> Option<i64> {
    let payload: Value = serde_json::from_slice(payload?).ok()?;
    payload.get("code")?.as_i64()
}

impl Verdict {
    pub(super) fn fault(&mut self, field: &str, expected: impl Into<String>, found: impl Into<String>) {
        self.faults.push(AckFault { field: field.to_owned(), expected: expected.into(), found: found.into() });
    }

    fn compare<T: PartialEq + std::fmt::Debug>(&mut self, field: &str, expected: &T, found: &T) {
        if expected != found {
            let words = |value: String| match value.strip_prefix("Some(").and_then(|inner| inner.strip_suffix(')')) {
                Some(inner) => inner.to_owned(),
                None if value == "None" => "absent".to_owned(),
                None => value,
            };
            self.fault(field, words(format!("{expected:?}")), words(format!("{found:?}")));
        }
    }

    fn compare_fields(&mut self, sent: &Frame, ack: &Frame) {
        self.compare("SeqID", &sent.seq_id, &ack.seq_id);
        self.compare("LogID", &sent.log_id, &ack.log_id);
        self.compare("service", &sent.service, &ack.service);
        // An official SDK always writes these three, empty where they were absent.
        let set = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
        self.compare("payload_encoding", &set(&sent.payload_encoding), &set(&ack.payload_encoding));
        self.compare("payload_type", &set(&sent.payload_type), &set(&ack.payload_type));
        self.compare("LogIDNew", &set(&sent.log_id_new), &set(&ack.log_id_new));
    }

    /// All headers as they were, in order, then `biz_rt`.
    fn compare_headers(&mut self, sent: &Frame, ack: &Frame) {
        let own = sent.headers.len();
        for (index, header) in sent.headers.iter().enumerate() {
            self.compare(&format!("headers[{index}]"), &Some(header), &ack.headers.get(index));
        }
        match ack.headers.get(own..).unwrap_or_default() {
            [added] if added.key == "biz_rt" => {
                if added.value.parse::<u64>().is_err() {
                    self.fault("biz_rt", "milliseconds, 0 or more", &added.value);
                }
                self.biz_rt = Some(added.value.clone());
            }
            [] => self.fault("biz_rt", "a header after all others", "absent"),
            added => {
                self.biz_rt = added.iter().find(|header| header.key == "biz_rt").map(|header| header.value.clone());
                self.fault("headers", "biz_rt and nothing else added", format!("{added:?}"));
            }
        }
    }

    /// Any of the styles that official clients write.
    fn read_payload(&mut self, payload: &[u8]) {
        let Ok(Value::Object(payload)) = serde_json::from_slice(payload) else {
            return self.fault("payload", "a JSON object", String::from_utf8_lossy(payload));
        };
        self.code = payload.get("code").and_then(Value::as_i64);
        if self.code.is_none() {
            self.fault("code", "a number", "absent or something else");
        }
        if let Some(headers) = payload.get("headers").filter(|headers| !headers.is_object() && !headers.is_null()) {
            self.fault("payload headers", "an object or null", headers.to_string());
        }
        match payload.get("data") {
            None | Some(Value::Null) => {}
            // What PRX writes where there is no answer.
            Some(Value::Array(items)) if items.is_empty() => {}
            Some(data) => {
                self.data = data
                    .as_str()
                    .and_then(|text| STANDARD.decode(text).ok())
                    .and_then(|json| serde_json::from_slice(&json).ok());
                if self.data.is_none() {
                    self.fault("data", "base64 of JSON", data.to_string());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::Header;
    use super::*;

    fn sent() -> SentFrame {
        let headers = vec![Header::new("type", "event"), Header::new("message_id", "m1")];
        let frame = Frame { seq_id: 11, log_id: 22, service: 33, method: 1, headers, ..Frame::default() };
        SentFrame { frame, unknown: Vec::new(), completes: true }
    }

    fn ack(change: impl FnOnce(&mut Frame)) -> Received {
        let mut frame = sent().frame;
        frame.headers.push(Header::new("biz_rt", "0"));
        frame.payload = Some(br#"{"code":200}"#.to_vec());
        change(&mut frame);
        Received { frame, missing: Vec::new(), unknown: Vec::new(), bytes: Vec::new() }
    }

    fn fields(ack: &Received, callback: bool) -> Vec<String> {
        judge(&sent(), ack, callback).faults.into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn every_known_style_of_payload_is_understood() {
        for payload in [
            r#"{"code":200}"#,
            r#"{"code": 200}"#,
            r#"{"code":200,"headers":null,"data":null}"#,
            r#"{"code":200,"headers":{},"data":[]}"#,
        ] {
            let verdict = judge(&sent(), &ack(|frame| frame.payload = Some(payload.into())), false);
            assert_eq!(verdict, Verdict { code: Some(200), biz_rt: Some("0".into()), ..Verdict::default() });
        }
    }

    #[test]
    fn the_answer_of_a_callback_is_decoded_and_its_absence_is_a_fault() {
        let answered = ack(|frame| frame.payload = Some(br#"{"code":200,"data":"e30="}"#.to_vec()));
        assert_eq!(judge(&sent(), &answered, true).data, Some(serde_json::json!({})));
        assert_eq!(fields(&answered, true), [""; 0]);
        assert_eq!(fields(&ack(|_| {}), true), ["data"]);
    }

    #[test]
    fn each_deviation_is_named() {
        assert_eq!(fields(&ack(|frame| frame.seq_id = 0), false), ["SeqID"]);
        assert_eq!(fields(&ack(|frame| frame.payload_type = Some("x".into())), false), ["payload_type"]);
        assert_eq!(fields(&ack(|frame| frame.headers.swap(0, 1)), false), ["headers[0]", "headers[1]"]);
        assert_eq!(fields(&ack(|frame| frame.headers.truncate(2)), false), ["biz_rt"]);
        assert_eq!(fields(&ack(|frame| frame.headers[2].value = "-3".into()), false), ["biz_rt"]);
        assert_eq!(fields(&ack(|frame| frame.payload = Some(b"[]".to_vec())), false), ["payload"]);
        assert_eq!(
            fields(&ack(|frame| frame.payload = Some(br#"{"code":200,"data":[123]}"#.to_vec())), false),
            ["data"]
        );
    }
}
