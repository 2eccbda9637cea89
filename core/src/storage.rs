//! Memory that belongs to the caller: bytes in a [`Region`], tables in [`Slots`].
//!
//! Everything is sized at construction, nothing from the wire. On a board both are slices (`fixed`); with feature
//! `alloc` they may grow to a cap (`growable`), so that a thousand idle bots on a host hold little.

#[cfg(feature = "alloc")]
use alloc::vec::Vec;

use zeroize::Zeroize as _;

/// Bytes given to the bot for one purpose.
pub struct Region<'s>(Bytes<'s>);

enum Bytes<'s> {
    Fixed(&'s mut [u8]),
    #[cfg(feature = "alloc")]
    Growable {
        bytes: Wiped,
        cap: usize,
    },
}

/// Bytes on the heap that are overwritten before others get them.
#[cfg(feature = "alloc")]
struct Wiped(Vec<u8>);

#[cfg(feature = "alloc")]
impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<'s> Region<'s> {
    /// A region of exactly these bytes.
    pub fn fixed(bytes: &'s mut [u8]) -> Self {
        Self(Bytes::Fixed(bytes))
    }

    /// A region that starts empty and grows on the heap to at most `cap` bytes.
    #[cfg(feature = "alloc")]
    pub fn growable(cap: usize) -> Self {
        Self(Bytes::Growable { bytes: Wiped(Vec::new()), cap })
    }

    /// The most bytes this region can hold.
    pub fn cap(&self) -> usize {
        match &self.0 {
            Bytes::Fixed(bytes) => bytes.len(),
            #[cfg(feature = "alloc")]
            Bytes::Growable { cap, .. } => *cap,
        }
    }

    /// Makes `bytes()` at least `len` long; `false` when that is beyond the cap.
    pub(crate) fn ensure(&mut self, len: usize) -> bool {
        match &mut self.0 {
            Bytes::Fixed(bytes) => len <= bytes.len(),
            #[cfg(feature = "alloc")]
            Bytes::Growable { bytes: Wiped(bytes), cap } => {
                if len > bytes.len() && len <= *cap {
                    // Doubling keeps the copying linear.
                    let len = len.max(256).next_power_of_two().min(*cap);
                    if len > bytes.capacity() {
                        let mut wider = Vec::with_capacity(len);
                        wider.extend_from_slice(bytes);
                        // Else the heap would move the bytes, and leave them where they were.
                        bytes.zeroize();
                        *bytes = wider;
                    }
                    bytes.resize(len, 0);
                }
                len <= bytes.len()
            }
        }
    }

    /// Gives memory beyond `retained` bytes back; only for a region whose contents are no longer needed.
    #[cfg_attr(not(feature = "alloc"), allow(unused_variables, reason = "only the heap can take memory back"))]
    pub(crate) fn relax(&mut self, retained: usize) {
        match &mut self.0 {
            Bytes::Fixed(_) => {}
            #[cfg(feature = "alloc")]
            Bytes::Growable { bytes: Wiped(bytes), .. } => {
                if let Some(spare) = bytes.get_mut(retained..) {
                    spare.zeroize();
                    bytes.truncate(retained);
                    bytes.shrink_to_fit();
                }
            }
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Fixed(bytes) => bytes,
            #[cfg(feature = "alloc")]
            Bytes::Growable { bytes: Wiped(bytes), .. } => bytes,
        }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.0 {
            Bytes::Fixed(bytes) => bytes,
            #[cfg(feature = "alloc")]
            Bytes::Growable { bytes: Wiped(bytes), .. } => bytes,
        }
    }

    /// Overwrites all of it.
    pub(crate) fn wipe_all(&mut self) {
        self.bytes_mut().zeroize();
    }

    /// The bytes `start..end`, empty when that lies outside.
    pub(crate) fn slice(&self, start: usize, end: usize) -> &[u8] {
        self.bytes().get(start..end).unwrap_or_default()
    }

    /// Moves the bytes `start..end` down to `to`; `to` is at most `start`.
    pub(crate) fn move_down(&mut self, start: usize, end: usize, to: usize) {
        let by = start.saturating_sub(to);
        // Written so that the compiler sees that nothing here can be out of bounds.
        if let Some(bytes) = self.bytes_mut().get_mut(to..end)
            && by > 0
            && by <= bytes.len()
        {
            bytes.copy_within(by.., 0);
        }
    }
}

/// A region for what must not outlive its use: it knows how much of it was written, and overwrites that when it is told
/// to, in a way that no compiler leaves out. On the heap every region is overwritten when it is moved, made smaller or
/// dropped; slices have no `Drop`, since a bot that has one could not be borrowed for as long as its own memory, as boards
/// do.
pub(crate) struct SecretRegion<'s> {
    region: Region<'s>,
    /// What was asked room for since it was last overwritten.
    dirty: usize,
}

impl<'s> SecretRegion<'s> {
    pub(crate) fn new(region: Region<'s>) -> Self {
        Self { region, dirty: 0 }
    }

    /// As [`Region::ensure`]. Whoever writes asks for room first, so that it is known what to overwrite.
    pub(crate) fn ensure(&mut self, len: usize) -> bool {
        let has_room = self.region.ensure(len);
        if has_room {
            self.dirty = self.dirty.max(len);
        }
        has_room
    }

    /// As [`Region::relax`], and overwritten.
    pub(crate) fn relax(&mut self, retained: usize) {
        self.wipe();
        self.region.relax(retained);
    }

    /// Overwrites whatever was written.
    pub(crate) fn wipe(&mut self) {
        if let Some(bytes) = self.region.bytes_mut().get_mut(..self.dirty) {
            bytes.zeroize();
        }
        self.dirty = 0;
    }
}

impl<'s> core::ops::Deref for SecretRegion<'s> {
    type Target = Region<'s>;

    fn deref(&self) -> &Region<'s> {
        &self.region
    }
}

impl core::ops::DerefMut for SecretRegion<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.region
    }
}

impl core::fmt::Debug for SecretRegion<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.region.fmt(f)
    }
}

impl core::fmt::Debug for Region<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // The contents may be a secret.
        write!(f, "Region({} bytes)", self.cap())
    }
}

/// A table given to the bot, of entries it fills itself.
pub struct Slots<'s, T>(Entries<'s, T>);

enum Entries<'s, T> {
    Fixed(&'s mut [T]),
    #[cfg(feature = "alloc")]
    Growable {
        entries: Vec<T>,
        cap: usize,
        make: fn() -> T,
    },
}

impl<'s, T> Slots<'s, T> {
    /// A table of exactly these entries.
    pub fn fixed(entries: &'s mut [T]) -> Self {
        Self(Entries::Fixed(entries))
    }

    /// A table that starts empty and grows on the heap to at most `cap` entries, each made by `make`.
    #[cfg(feature = "alloc")]
    pub fn growable_with(cap: usize, make: fn() -> T) -> Self {
        Self(Entries::Growable { entries: Vec::new(), cap, make })
    }

    /// A table that starts empty and grows on the heap to at most `cap` entries.
    #[cfg(feature = "alloc")]
    pub fn growable(cap: usize) -> Self
    where
        T: Default,
    {
        Self::growable_with(cap, T::default)
    }

    /// The most entries this table can hold.
    pub fn cap(&self) -> usize {
        match &self.0 {
            Entries::Fixed(entries) => entries.len(),
            #[cfg(feature = "alloc")]
            Entries::Growable { cap, .. } => *cap,
        }
    }

    /// Makes the table at least `len` entries long; `false` when that is beyond the cap.
    pub(crate) fn ensure(&mut self, len: usize) -> bool {
        match &mut self.0 {
            Entries::Fixed(entries) => len <= entries.len(),
            #[cfg(feature = "alloc")]
            Entries::Growable { entries, cap, make } => {
                if len > entries.len() && len <= *cap {
                    entries.resize_with(len, *make);
                }
                len <= entries.len()
            }
        }
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        match &self.0 {
            Entries::Fixed(entries) => entries,
            #[cfg(feature = "alloc")]
            Entries::Growable { entries, .. } => entries,
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match &mut self.0 {
            Entries::Fixed(entries) => entries,
            #[cfg(feature = "alloc")]
            Entries::Growable { entries, .. } => entries,
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<&T> {
        self.as_slice().get(index)
    }

    pub(crate) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.as_mut_slice().get_mut(index)
    }

    /// The first entry that `free` accepts; grows the table by one when none does.
    pub(crate) fn find_free(&mut self, free: impl Fn(&T) -> bool) -> Option<usize> {
        if let Some(index) = self.as_slice().iter().position(free) {
            return Some(index);
        }
        let index = self.as_slice().len();
        self.ensure(index.saturating_add(1)).then_some(index)
    }
}

impl<T> core::fmt::Debug for Slots<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Slots({} entries)", self.cap())
    }
}

#[cfg(test)]
mod tests {
    use super::{Region, SecretRegion};

    fn write(region: &mut SecretRegion<'_>, text: &[u8]) {
        assert!(region.ensure(text.len()));
        region.bytes_mut()[..text.len()].copy_from_slice(text);
    }

    #[test]
    fn a_secret_region_is_overwritten_when_told() {
        let mut room = [b'.'; 16];
        let mut region = SecretRegion::new(Region::fixed(&mut room));
        write(&mut region, b"a secret");
        write(&mut region, b"short");
        region.wipe();
        assert_eq!(region.bytes(), b"\0\0\0\0\0\0\0\0........", "as far as it was used");
        write(&mut region, b"short");
        assert!(!region.ensure(17), "no room, nothing written");
        region.wipe();
        assert_eq!(region.bytes(), b"\0\0\0\0\0\0\0\0........");
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn a_secret_region_that_grows_keeps_its_bytes() {
        let mut region = SecretRegion::new(Region::growable(1000));
        write(&mut region, b"a secret");
        assert!(region.ensure(600) && !region.ensure(1001));
        assert_eq!((&region.bytes()[..8], region.bytes().len()), (b"a secret".as_slice(), 1000));
        region.relax(64);
        assert_eq!(region.bytes(), [0; 64]);
    }

    #[test]
    fn bytes_move_down_within_their_region_and_nowhere_else() {
        let moved = |start, end, to| {
            let mut bytes = *b"0123456789";
            Region::fixed(&mut bytes).move_down(start, end, to);
            bytes
        };
        assert_eq!(&moved(4, 8, 1), b"0456756789");
        assert_eq!(&moved(1, 10, 0), b"1234567899");
        assert_eq!(&moved(4, 4, 1), b"0123456789");
        assert_eq!(&moved(4, 8, 4), b"0123456789");
        assert_eq!(&moved(4, 11, 1), b"0123456789");
    }
}
