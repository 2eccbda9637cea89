//! Frames going out: the ack made from a received frame, new frames, the ping (protocol sections 4.2, 6 and 8.1).

use core::ops::Range;

use super::fields::{BYTES, Fields, Value};
use super::{
    Frame, HEADERS, KEY, LOG_ID, LOG_ID_NEW, METHOD, Missing, PAYLOAD, PAYLOAD_ENCODING, PAYLOAD_TYPE, SEQ_ID, SERVICE,
    VALUE, header_members,
};
use crate::wire::writer::Writer;

impl Frame<'_> {
    /// How many bytes [`write_ack`](Self::write_ack) appends: asked before an event is taken, so that there is room.
    pub fn ack_len(&self, biz_rt_ms: u64, payload: &[u8]) -> usize {
        let mut w = Writer::counting();
        self.write_ack(&mut w, biz_rt_ms, payload);
        w.len()
    }

    /// Appends the ack: this frame with its payload replaced and a header `biz_rt` added (protocol section 8.1).
    ///
    /// `biz_rt_ms` is the time from the frame's arrival to this write, in milliseconds; `payload` is the JSON of
    /// protocol section 8.2. Everything else goes back byte for byte as received, unknown fields included. From
    /// ascending input the ack is ascending, from any other the new fields are appended (section 4.2). Fields 1 to 4
    /// that were missing are written as 0, keys and values of headers as empty.
    pub fn write_ack(&self, w: &mut Writer<'_>, biz_rt_ms: u64, payload: &[u8]) {
        if let Some(plan) = self.ack_plan() {
            return plan.write(self.bytes, w, biz_rt_ms, payload);
        }
        self.write_ack_with(w, biz_rt_ms, |w| w.bytes(payload));
    }

    /// How the ack is made of the message, where that is a matter of copying: everywhere but in odd frames, and those of
    /// 4 GiB.
    pub(crate) fn ack_plan(&self) -> Option<AckPlan> {
        let (payload_start, payload_end) = self.cuts.payload?;
        // A payload that was overridden, or one before an unknown field of the same number, would be in the way.
        let is_plain = self.ascending && self.missing.count() == 0 && !self.cuts.payload_repeated;
        (is_plain && payload_end == self.cuts.payload_end && self.payload.is_some()).then_some(AckPlan {
            len: u32::try_from(self.bytes.len()).ok()?,
            headers_end: u32::try_from(self.cuts.headers_end).ok()?,
            payload_start: u32::try_from(payload_start).ok()?,
            payload_end: u32::try_from(payload_end).ok()?,
        })
    }

    /// As [`write_ack`](Self::write_ack), for a payload that is written piece by piece; `payload` is called twice and
    /// writes the same both times.
    pub fn write_ack_with(&self, w: &mut Writer<'_>, biz_rt_ms: u64, payload: impl Fn(&mut Writer<'_>)) {
        let mut due = 0;
        let mut fields = Fields::new(self.bytes);
        while let Ok(Some(field)) = fields.next_field() {
            if self.ascending && due < field.number {
                self.write_added(w, due..field.number, biz_rt_ms, &payload);
                due = field.number;
            }
            match (field.number, field.value) {
                (PAYLOAD, Value::Bytes(_)) => {}
                (HEADERS, Value::Bytes(inner)) if self.missing.header_members > 0 && lacks_member(inner) => {
                    write_completed(w, inner);
                }
                _ => w.bytes(self.bytes.get(field.start..field.end).unwrap_or_default()),
            }
        }
        self.write_added(w, due..u32::MAX, biz_rt_ms, &payload);
    }

    /// Appends the frame with an empty payload: its head, which [`decode`](Frame::decode) reads again when the ack
    /// follows later.
    pub fn write_head(&self, w: &mut Writer<'_>) {
        let mut fields = Fields::new(self.bytes);
        while let Ok(Some(field)) = fields.next_field() {
            match (field.number, field.value) {
                // Kept in its place: where fields stand decides where the ack's own fields go.
                (PAYLOAD, Value::Bytes(_)) => write_bytes_field(w, PAYLOAD, b""),
                _ => w.bytes(self.bytes.get(field.start..field.end).unwrap_or_default()),
            }
        }
    }

    /// What the ack adds among these field numbers.
    fn write_added(&self, w: &mut Writer<'_>, numbers: Range<u32>, biz_rt_ms: u64, payload: &impl Fn(&mut Writer<'_>)) {
        let Missing { seq_id, log_id, service, method, .. } = self.missing;
        for (number, missing) in [(SEQ_ID, seq_id), (LOG_ID, log_id), (SERVICE, service), (METHOD, method)] {
            if missing && numbers.contains(&number) {
                write_varint_field(w, number, 0);
            }
        }
        if numbers.contains(&HEADERS) {
            write_biz_rt(w, biz_rt_ms);
        }
        if numbers.contains(&PAYLOAD) {
            write_field_with(w, PAYLOAD, payload);
        }
    }
}

/// Where a message is cut to make its ack, so that the frame need not be read again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckPlan {
    /// Bytes of the message.
    len: u32,
    headers_end: u32,
    payload_start: u32,
    payload_end: u32,
}

impl AckPlan {
    /// Whether this may be the plan of `message`.
    pub(crate) fn is_of(&self, message: &[u8]) -> bool {
        self.len as usize == message.len()
    }

    /// Bytes that [`write`](Self::write) appends.
    pub(crate) fn written_len(&self, biz_rt_ms: u64, payload: &[u8]) -> usize {
        // Two header members, of tag, length and content, and the same around both.
        let header =
            2_usize.saturating_add(2).saturating_add(BIZ_RT.len()).saturating_add(2).saturating_add(digits(biz_rt_ms));
        let payload = 1_usize.saturating_add(varint_len(payload.len() as u64)).saturating_add(payload.len());
        let kept = self.len.saturating_sub(self.payload_end.saturating_sub(self.payload_start)) as usize;
        kept.saturating_add(header).saturating_add(payload)
    }

    /// Appends the ack, as [`Frame::write_ack`] does.
    pub(crate) fn write(&self, message: &[u8], w: &mut Writer<'_>, biz_rt_ms: u64, payload: &[u8]) {
        let (head, rest) = message.split_at_checked(self.headers_end as usize).unwrap_or_default();
        w.bytes(head);
        write_biz_rt(w, biz_rt_ms);
        let between = self.payload_start.saturating_sub(self.headers_end) as usize;
        w.bytes(rest.get(..between).unwrap_or_default());
        write_bytes_field(w, PAYLOAD, payload);
        w.bytes(message.get(self.payload_end as usize..).unwrap_or_default());
    }
}

/// A frame made here: pings, and what the fake platform sends.
#[derive(Clone, Copy, Default)]
pub struct NewFrame<'a> {
    /// Field 1, SeqID.
    pub seq_id: u64,
    /// Field 2, LogID.
    pub log_id: u64,
    /// Field 3: the `service_id` of the connection.
    pub service: i32,
    /// Field 4: 0 control, 1 data.
    pub method: i32,
    /// Field 5, in this order: keys and values.
    pub headers: &'a [(&'a str, &'a str)],
    /// Field 6; `Some` and empty is written with length 0, `None` not at all. The same holds for fields 7 to 9.
    pub payload_encoding: Option<&'a [u8]>,
    /// Field 7.
    pub payload_type: Option<&'a [u8]>,
    /// Field 8.
    pub payload: Option<&'a [u8]>,
    /// Field 9, LogIDNew.
    pub log_id_new: Option<&'a [u8]>,
}

impl NewFrame<'_> {
    /// Appends the frame in ascending order of field numbers, zeros of fields 1 to 4 included (protocol section 4.2).
    pub fn write(&self, w: &mut Writer<'_>) {
        write_varint_field(w, SEQ_ID, self.seq_id);
        write_varint_field(w, LOG_ID, self.log_id);
        write_varint_field(w, SERVICE, i64::from(self.service).cast_unsigned());
        write_varint_field(w, METHOD, i64::from(self.method).cast_unsigned());
        for (key, value) in self.headers {
            write_header(w, key.as_bytes(), value.as_bytes());
        }
        let optional = [
            (PAYLOAD_ENCODING, self.payload_encoding),
            (PAYLOAD_TYPE, self.payload_type),
            (PAYLOAD, self.payload),
            (LOG_ID_NEW, self.log_id_new),
        ];
        for (number, value) in optional {
            if let Some(value) = value {
                write_bytes_field(w, number, value);
            }
        }
    }

    /// How many bytes [`write`](Self::write) appends.
    #[expect(clippy::len_without_is_empty, reason = "fields 1 to 4 are always written")]
    pub fn len(&self) -> usize {
        let mut w = Writer::counting();
        self.write(&mut w);
        w.len()
    }
}

/// Appends the ping of protocol section 6: control, all zero but `service`, one header `type: ping`.
pub fn write_ping(w: &mut Writer<'_>, service: i32) {
    NewFrame { service, headers: &[("type", "ping")], ..NewFrame::default() }.write(w);
}

fn lacks_member(inner: &[u8]) -> bool {
    let (key, value) = header_members(inner).unwrap_or_default();
    key.is_none() || value.is_none()
}

/// A received header with the members it lacks: the key before, the value after what came.
fn write_completed(w: &mut Writer<'_>, inner: &[u8]) {
    let (key, value) = header_members(inner).unwrap_or_default();
    write_field_with(w, HEADERS, |w| {
        if key.is_none() {
            write_bytes_field(w, KEY, b"");
        }
        w.bytes(inner);
        if value.is_none() {
            write_bytes_field(w, VALUE, b"");
        }
    });
}

const BIZ_RT: &[u8] = b"biz_rt";

fn write_biz_rt(w: &mut Writer<'_>, ms: u64) {
    // At most 20 digits, so that no length here takes a second byte.
    let digits = digits(ms) as u64;
    let header = (BIZ_RT.len() as u64).saturating_add(4).saturating_add(digits);
    write_varint(w, u64::from((HEADERS << 3) | BYTES));
    write_varint(w, header);
    write_bytes_field(w, KEY, BIZ_RT);
    write_varint(w, u64::from((VALUE << 3) | BYTES));
    write_varint(w, digits);
    w.decimal(ms);
}

/// Decimal digits of a number.
fn digits(value: u64) -> usize {
    let (mut digits, mut bound) = (1_usize, 10_u64);
    while value >= bound && digits < 20 {
        digits = digits.saturating_add(1);
        bound = bound.saturating_mul(10);
    }
    digits
}

fn varint_len(value: u64) -> usize {
    // Seven bits a byte.
    (value | 1).ilog2().wrapping_div(7).saturating_add(1) as usize
}

fn write_header(w: &mut Writer<'_>, key: &[u8], value: &[u8]) {
    write_field_with(w, HEADERS, |w| {
        write_bytes_field(w, KEY, key);
        write_bytes_field(w, VALUE, value);
    });
}

fn write_field_with(w: &mut Writer<'_>, number: u32, content: impl Fn(&mut Writer<'_>)) {
    let mut counted = Writer::counting();
    content(&mut counted);
    write_varint(w, u64::from((number << 3) | BYTES));
    write_varint(w, counted.len() as u64);
    content(w);
}

fn write_varint_field(w: &mut Writer<'_>, number: u32, value: u64) {
    write_varint(w, u64::from(number << 3));
    write_varint(w, value);
}

fn write_bytes_field(w: &mut Writer<'_>, number: u32, value: &[u8]) {
    write_varint(w, u64::from((number << 3) | BYTES));
    write_varint(w, value.len() as u64);
    w.bytes(value);
}

fn write_varint(w: &mut Writer<'_>, mut value: u64) {
    while value >= 0x80 {
        w.byte(value as u8 | 0x80);
        value >>= 7;
    }
    w.byte(value as u8);
}
