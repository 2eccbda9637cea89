//! Texts that are not shown.

/// A view of a secret: the app secret, the Encrypt Key, the Verification Token.
///
/// It has no `Debug` and no `Display`, so that nothing that holds one prints it by accident, and no `==`, whose time would
/// tell how much of a guess is right. The engine keeps its own copy in the storage, and overwrites it when the bot ends; on
/// the heap also when a bot is dropped before. To do the same with the text itself is up to its owner.
///
/// ```
/// use larkwire_core::{Config, Secret};
/// let config = Config { app_id: "cli_0123456789abcdef", app_secret: Secret::new("open sesame"), ..Config::default() };
/// assert!(!format!("{config:?}").contains("sesame"));
/// ```
/// ```compile_fail
/// println!("{:?}", larkwire_core::Secret::new("open sesame"));
/// ```
/// ```compile_fail
/// let _ = larkwire_core::Secret::new("open sesame") == larkwire_core::Secret::new("guess");
/// ```
// A copy of a view is no copy of the text.
#[derive(Clone, Copy)]
pub struct Secret<'a>(&'a str);

impl<'a> Secret<'a> {
    /// No secret.
    pub const EMPTY: Self = Self("");

    /// Wraps a text.
    pub const fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// The text itself.
    pub const fn expose(self) -> &'a str {
        self.0
    }
}
