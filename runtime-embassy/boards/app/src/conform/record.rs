//! What is said over the control channel, both ways: records of fields.
//!
//! ```text
//! record: field … 0 0        field: its length (two bytes, the larger first), then name=value
//! ```

use embassy_net::tcp::{TcpReader, TcpWriter};

/// The other end is gone, or says what is no record.
#[derive(Debug)]
pub(super) struct Gone;

/// Room for one record.
#[derive(Debug)]
pub(super) struct Record<const N: usize> {
    /// The fields, a line end of the kind that no text has behind each: NUL.
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Record<N> {
    pub(super) const EMPTY: Self = Self { bytes: [0; N], len: 0 };

    /// The value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let text = core::str::from_utf8(self.bytes.get(..self.len)?).ok()?;
        text.split('\0').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
    }

    /// The value of a field, or nothing.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    pub(super) fn number<T: core::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// The values of all fields of this name.
    pub(super) fn all<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        let text = core::str::from_utf8(self.bytes.get(..self.len).unwrap_or_default()).unwrap_or_default();
        text.split('\0').filter_map(move |field| field.strip_prefix(name)?.strip_prefix('='))
    }

    pub(super) fn copy(&mut self, other: &Self) {
        self.len = 0;
        if let (Some(room), Some(bytes)) = (self.bytes.get_mut(..other.len), other.bytes.get(..other.len)) {
            room.copy_from_slice(bytes);
            self.len = other.len;
        }
    }

    /// Waits for the next record; one that has no room is no record.
    pub(super) async fn read(&mut self, from: &mut TcpReader<'_>) -> Result<(), Gone> {
        self.len = 0;
        loop {
            let mut len = [0; 2];
            read_exact(from, &mut len).await?;
            let len = usize::from(u16::from_be_bytes(len));
            if len == 0 {
                return Ok(());
            }
            let (field, end) = self
                .bytes
                .get_mut(self.len..)
                .and_then(|room| room.split_at_mut_checked(len))
                .and_then(|(field, rest)| Some((field, rest.first_mut()?)))
                .ok_or(Gone)?;
            read_exact(from, field).await?;
            *end = 0;
            self.len = self.len.saturating_add(len).saturating_add(1);
        }
    }
}

async fn read_exact(from: &mut TcpReader<'_>, mut room: &mut [u8]) -> Result<(), Gone> {
    while !room.is_empty() {
        match from.read(room).await {
            Ok(len) if len > 0 => room = room.get_mut(len..).ok_or(Gone)?,
            _ => return Err(Gone),
        }
    }
    Ok(())
}

/// Where records go. That nobody listens any more is heard by whoever reads.
pub(super) struct Out<'a>(pub(super) TcpWriter<'a>);

impl Out<'_> {
    pub(super) async fn field(&mut self, name: &str, value: &str) {
        let Ok(len) = u16::try_from(name.len().saturating_add(1).saturating_add(value.len())) else { return };
        for bytes in [&len.to_be_bytes(), name.as_bytes(), b"=", value.as_bytes()] {
            self.write(bytes).await;
        }
    }

    /// A field that may be unknown.
    pub(super) async fn known(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.field(name, value).await;
        }
    }

    /// Ends the record.
    pub(super) async fn end(&mut self) {
        self.write(&[0, 0]).await;
    }

    pub(super) async fn flush(&mut self) {
        let _ = self.0.flush().await;
    }

    async fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let Ok(len) = self.0.write(bytes).await else { return };
            bytes = bytes.get(len..).unwrap_or_default();
        }
    }
}
