//! Makes the frames of a [`Push`]: ids and payload once, new frames for each delivery.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng as _, RngExt as _};
use serde::Serialize;
use serde_json::{Value, json};

use super::config::AppSpec;
use super::frame::{DATA, Frame, Header};
use super::push::{Payload, Push, Route};

/// The one tenant of the platform.
pub(super) const TENANT_KEY: &str = "tenant";

/// Version 2, with its members in the order of the live platform.
#[derive(Serialize)]
struct Envelope<'a> {
    schema: &'a str,
    header: EnvelopeHeader<'a>,
    event: Value,
}

#[derive(Serialize)]
struct EnvelopeHeader<'a> {
    event_id: &'a str,
    event_type: &'a str,
    create_time: String,
    token: &'a str,
    app_id: &'a str,
    tenant_key: &'a str,
}

impl Push {
    /// Fixes the ids and the payload, which stay the same in every copy and redelivery. `token` is the
    /// Verification Token, `wall` the time of day.
    pub(super) fn compose(self, app: &AppSpec, token: &str, wall: Duration, rng: &mut StdRng) -> Composed {
        let event_id = self.event_id.clone().unwrap_or_else(|| format!("{:032x}", rng.random::<u128>()));
        let mut created = wall;
        let (event_type, event) = match &self.payload {
            Payload::Message(message) => {
                let message_id = self.message_id.clone().unwrap_or_else(|| format!("om_{:032x}", rng.random::<u128>()));
                created = message.created_ms.map_or(wall, Duration::from_millis);
                match self.v1 {
                    true => ("message", message.event_v1(app, &message_id)),
                    false => ("im.message.receive_v1", message.event(app, &message_id, wall)),
                }
            }
            Payload::Event { event_type, event } => (event_type.as_str(), event.clone()),
            Payload::Raw(bytes) => return Composed::new(bytes.clone(), self),
        };
        let envelope = if self.v1 {
            envelope_v1([&app.app_id, token], &event_id, event_type, event, created)
        } else {
            // The one event whose time is in microseconds.
            let create_time =
                if event_type == "card.action.trigger" { created.as_micros() } else { created.as_millis() };
            let header = EnvelopeHeader {
                event_id: &event_id,
                event_type,
                create_time: create_time.to_string(),
                token,
                app_id: &app.app_id,
                tenant_key: TENANT_KEY,
            };
            let envelope = Envelope { schema: "2.0", header, event };
            if self.patch.is_none() {
                return Composed::new(serde_json::to_vec(&envelope).unwrap_or_default(), self);
            }
            json!(envelope)
        };
        let mut patched = envelope;
        if let Some(patch) = &self.patch {
            merge(&mut patched, patch);
        }
        Composed::new(patched.to_string().into_bytes(), self)
    }
}

/// The time is in seconds with a fraction there.
fn envelope_v1(
    [app_id, token]: [&str; 2],
    event_id: &str,
    event_type: &str,
    mut event: Value,
    created: Duration,
) -> Value {
    merge(&mut event, &json!({ "type": event_type, "app_id": app_id, "tenant_key": TENANT_KEY }));
    let ts = format!("{}.{:07}", created.as_secs(), created.subsec_nanos() / 100);
    json!({ "ts": ts, "uuid": event_id, "token": token, "type": "event_callback", "event": event })
}

/// A push with fixed ids and payload.
#[derive(Debug)]
pub(super) struct Composed {
    pub(super) event_id: String,
    pub(super) event_type: String,
    pub(super) message_id: Option<String>,
    /// The member `event` of the envelope.
    pub(super) event: Value,
    /// A question that wants its answer at once and is never sent again.
    pub(super) callback: bool,
    payload: Vec<u8>,
    push: Push,
}

/// A frame as it was sent.
#[derive(Clone, Debug)]
pub(super) struct SentFrame {
    pub(super) frame: Frame,
    pub(super) unknown: Vec<u8>,
    /// Every part of the delivery has been sent with this frame.
    pub(super) completes: bool,
}

impl SentFrame {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = prost::Message::encode_to_vec(&self.frame);
        bytes.extend_from_slice(&self.unknown);
        bytes
    }
}

impl Composed {
    fn new(payload: Vec<u8>, push: Push) -> Self {
        let envelope: Value = serde_json::from_slice(&payload).unwrap_or_default();
        let text = |pointer: &str| envelope.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let event_type = text("/header/event_type").or_else(|| text("/event/type")).unwrap_or_default();
        Self {
            event_id: text("/header/event_id").or_else(|| text("/uuid")).unwrap_or_default(),
            callback: matches!(event_type.as_str(), "card.action.trigger" | "url.preview.get"),
            event_type,
            message_id: text("/event/message/message_id").or_else(|| text("/event/open_message_id")),
            event: envelope.get("event").cloned().unwrap_or_default(),
            payload,
            push,
        }
    }

    /// The envelope.
    pub(super) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The body of an old card callback that says the same, if this is a click (protocol section 17.6).
    pub(super) fn old_card(&self) -> Option<Vec<u8>> {
        if self.event_type != "card.action.trigger" {
            return None;
        }
        let at = |pointer: &str| self.event.pointer(pointer).cloned().unwrap_or_default();
        let body = json!({
            "open_id": at("/operator/open_id"),
            "user_id": at("/operator/user_id"),
            "tenant_key": at("/operator/tenant_key"),
            "open_message_id": at("/context/open_message_id"),
            "open_chat_id": at("/context/open_chat_id"),
            "token": at("/token"),
            "action": at("/action"),
        });
        Some(body.to_string().into_bytes())
    }

    pub(super) fn by_webhook(&self) -> bool {
        self.push.over == Some(Route::Webhook)
    }

    pub(super) fn gaps_ms(&self) -> &[u64] {
        &self.push.gaps_ms
    }

    pub(super) fn ws_cut(&self) -> &[usize] {
        &self.push.ws_cut
    }

    /// Seconds after which more copies follow.
    pub(super) fn again_after(&self) -> &[f64] {
        &self.push.again_after_s
    }

    /// The frames of one delivery.
    pub(super) fn frames(
        &self,
        service: i32,
        wall: Duration,
        last_seq_id: &mut u64,
        rng: &mut StdRng,
    ) -> Vec<SentFrame> {
        let bounds = self.bounds();
        let parts = bounds.len() - 1;
        let order = self.push.part_order.clone().unwrap_or_else(|| (0..parts).collect());
        let delivery = [
            ("message_id", uuid(rng)),
            ("trace_id", format!("{:032x}", rng.random::<u128>())),
            ("timestamp", wall.as_millis().to_string()),
            ("instance_id", format!("{:032x}", rng.random::<u128>())),
        ];
        let mut seen = vec![false; parts];
        let mut frames = Vec::with_capacity(order.len());
        for (position, &part) in order.iter().enumerate() {
            let payload = match (bounds.get(part), bounds.get(part + 1)) {
                (Some(&start), Some(&end)) => self.payload[start..end].to_vec(),
                _ => Vec::new(),
            };
            let complete_before = seen.iter().all(|seen| *seen);
            if let Some(seen) = seen.get_mut(part) {
                *seen = true;
            }
            *last_seq_id += 1;
            frames.push(SentFrame {
                frame: Frame {
                    seq_id: self.push.seq_id.unwrap_or(*last_seq_id),
                    log_id: self.push.log_id.unwrap_or_else(|| rng.next_u64()),
                    service: self.push.service.unwrap_or(service),
                    method: DATA,
                    headers: self.headers(position, part, parts, &delivery),
                    payload_encoding: self.push.payload_encoding.clone(),
                    payload_type: self.push.payload_type.clone(),
                    payload: Some(payload),
                    log_id_new: self.push.log_id_new.clone(),
                },
                unknown: self.push.unknown_fields.clone(),
                completes: complete_before || seen.iter().all(|seen| *seen),
            });
        }
        frames
    }

    /// Offsets of the beginning of each part, and of the end.
    fn bounds(&self) -> Vec<usize> {
        let len = self.payload.len();
        match &self.push.split_at {
            Some(offsets) => {
                let mut bounds: Vec<_> = offsets.iter().map(|offset| (*offset).min(len)).chain([0, len]).collect();
                bounds.sort_unstable();
                bounds
            }
            None => {
                let parts = self.push.parts.max(1);
                (0..=parts).map(|part| len * part / parts).collect()
            }
        }
    }

    fn headers(&self, position: usize, part: usize, parts: usize, delivery: &[(&str, String)]) -> Vec<Header> {
        let mut headers = vec![Header::new("type", "event"), Header::new("sum", parts.to_string())];
        headers.push(Header::new("seq", part.to_string()));
        headers.extend(delivery.iter().map(|(key, value)| Header::new(*key, value)));
        for change in self.push.headers.iter().filter(|change| change.position.is_none_or(|at| at == position)) {
            let existing = headers.iter().position(|header| header.key == change.key);
            match (existing, &change.value) {
                (Some(index), Some(value)) => headers[index].value.clone_from(value),
                (Some(index), None) => drop(headers.remove(index)),
                (None, Some(value)) => headers.push(Header::new(&change.key, value)),
                (None, None) => {}
            }
        }
        headers
    }
}

fn uuid(rng: &mut StdRng) -> String {
    let hex = format!("{:032x}", rng.random::<u128>());
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// RFC 7396.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in members {
        if value.is_null() {
            if let Some(target) = target.as_object_mut() {
                target.remove(name);
            }
        } else {
            merge(&mut target[name.as_str()], value);
        }
    }
}
