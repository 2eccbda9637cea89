//! Texts that are not shown.

use std::sync::Arc;

use zeroize::Zeroizing;

/// A secret: it has no `Debug`, no `Display` and no `==`, and its bytes are overwritten when its last clone is dropped.
/// Clones share them.
///
/// ```
/// use larkwire_tokio::Secret;
/// assert_eq!(Secret::new("open sesame").expose(), "open sesame");
/// ```
/// ```compile_fail
/// println!("{:?}", larkwire_tokio::Secret::new("open sesame"));
/// ```
/// ```compile_fail
/// let _ = larkwire_tokio::Secret::new("open sesame") == larkwire_tokio::Secret::new("guess");
/// ```
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes a text; a `String` is not copied.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(text.into())))
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Without white space around it, as people paste it; for the engine.
    pub(crate) fn trimmed(&self) -> larkwire_core::Secret<'_> {
        larkwire_core::Secret::new(self.expose().trim())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<&String> for Secret {
    fn from(text: &String) -> Self {
        Self::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}
