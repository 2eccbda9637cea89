//! The platform's frames by `prost`, and the golden bytes of protocol section 4.4.

use prost::Message as _;

pub(crate) const APP_ID: &str = "cli_0123456789abcdef";

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PbHeader {
    #[prost(string, required, tag = "1")]
    pub(crate) key: String,
    #[prost(string, required, tag = "2")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Pb {
    #[prost(uint64, required, tag = "1")]
    pub(crate) seq_id: u64,
    #[prost(uint64, required, tag = "2")]
    pub(crate) log_id: u64,
    #[prost(int32, required, tag = "3")]
    pub(crate) service: i32,
    #[prost(int32, required, tag = "4")]
    pub(crate) method: i32,
    #[prost(message, repeated, tag = "5")]
    pub(crate) headers: Vec<PbHeader>,
    #[prost(string, optional, tag = "6")]
    pub(crate) payload_encoding: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub(crate) payload_type: Option<String>,
    #[prost(bytes = "vec", optional, tag = "8")]
    pub(crate) payload: Option<Vec<u8>>,
    #[prost(string, optional, tag = "9")]
    pub(crate) log_id_new: Option<String>,
}

impl Pb {
    pub(crate) fn header(&self, key: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.key == key).map(|header| header.value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.payload.as_deref().unwrap_or_default()).unwrap()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }
}

pub(crate) const SERVICE: i32 = 33_554_678;

pub(crate) fn pb(method: i32, headers: &[(&str, &str)], payload: Option<&[u8]>) -> Pb {
    Pb {
        seq_id: 11,
        log_id: 22,
        service: SERVICE,
        method,
        headers: headers
            .iter()
            .map(|(key, value)| PbHeader { key: (*key).to_owned(), value: (*value).to_owned() })
            .collect(),
        payload: payload.map(<[u8]>::to_vec),
        ..Pb::default()
    }
}

/// A data frame that holds a whole message.
pub(crate) fn event_frame(id: &str, payload: &str) -> Vec<u8> {
    part_frame(id, "1", "0", payload.as_bytes())
}

/// One part of a split message, `sum` and `seq` as the peer writes them.
pub(crate) fn part_frame(id: &str, sum: &str, seq: &str, payload: &[u8]) -> Vec<u8> {
    let headers = [("type", "event"), ("message_id", id), ("trace_id", "t1"), ("sum", sum), ("seq", seq)];
    pb(1, &headers, Some(payload)).bytes()
}

pub(crate) fn pong_frame(payload: Option<&str>) -> Vec<u8> {
    pb(0, &[("type", "pong")], payload.map(str::as_bytes)).bytes()
}

/// An `im.message.receive_v1` of the test's app.
pub(crate) fn message_json(event_id: &str, message_id: &str, text: &str) -> String {
    let content = serde_json::json!({ "text": text }).to_string();
    serde_json::json!({
        "schema": "2.0",
        "header": {"event_id": event_id, "event_type": "im.message.receive_v1", "create_time": "1700000000000",
            "tenant_key": "tk", "app_id": APP_ID, "token": ""},
        "event": {
            "sender": {"sender_id": {"open_id": "ou_1", "union_id": "on_1", "user_id": null}, "sender_type": "user"},
            "message": {"message_id": message_id, "chat_id": "oc_1", "chat_type": "p2p", "message_type": "text",
                "create_time": "1700000000000", "content": content}
        }
    })
    .to_string()
}

/// An event of another type, untyped for the engine.
pub(crate) fn other_json(event_id: &str, event_type: &str) -> String {
    serde_json::json!({
        "schema": "2.0",
        "header": {"event_id": event_id, "event_type": event_type, "app_id": APP_ID},
        "event": {"x": 1}
    })
    .to_string()
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) const H: &str = "080b101618f681801020012a0d0a047479706512056576656e742a100a0a6d6573736167655f696412026d312a0e0a0874726163655f6964120274312a080a0373756d1201312a080a03736571120130";
pub(crate) const P: &str = r#"{"schema":"2.0","header":{"event_id":"e1","event_type":"im.message.receive_v1","token":"","create_time":"1700000000000","tenant_key":"tk","app_id":"cli_x"},"event":{"message":{"message_id":"om_1","content":"{\"text\":\"hi\"}"}}}"#;
pub(crate) const G2: &str = "0800100018f681801020002a0c0a0474797065120470696e67";
pub(crate) const BIZ_RT_0: &str = "2a0b0a0662697a5f7274120130";
/// The payload `{"code":200}` as field 8.
pub(crate) const CODE_200: &str = "420c7b22636f6465223a3230307d";
/// The payload `{"code":200,"data":"e30="}` as field 8.
pub(crate) const EMPTY_OBJECT: &str = "421a7b22636f6465223a3230302c2264617461223a226533303d227d";

pub(crate) fn g9() -> Vec<u8> {
    [hex(H), hex("42e401"), P.as_bytes().to_vec()].concat()
}

pub(crate) fn g15() -> Vec<u8> {
    let before = hex("2a0d0a08782d637573746f6d12013132003a046a736f6e42e401");
    [hex(H), before, P.as_bytes().to_vec(), hex("4a024c31")].concat()
}
