//! Memory that all bots of a thread share: a read or a write borrows it for one poll, so that an idle stream holds none
//! and a busy one takes all that is there at once.

use std::cell::RefCell;

/// The most that one read takes. A read costs nearly the same whatever it brings.
pub(crate) const SIZE: usize = 128 * 1024;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Lends memory of this thread. What is left in it lies there until somebody overwrites it: secrets are wiped by whoever
/// wrote them.
pub(crate) fn with<R>(borrow: impl FnOnce(&mut [u8]) -> R) -> R {
    // A thread that ends has none any more.
    let spare = SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten();
    let mut bytes = spare.unwrap_or_else(|| vec![0; SIZE]);
    let result = borrow(&mut bytes);
    let _ = SPARE.try_with(|spare| spare.borrow_mut().push(bytes));
    result
}

#[cfg(test)]
mod tests {
    use super::{SIZE, with};

    #[test]
    fn it_is_the_same_memory_again_and_another_one_while_it_is_lent() {
        with(|outer| {
            outer[0] = 7;
            with(|inner| assert_eq!((inner.len(), inner[0]), (SIZE, 0)));
        });
        with(|first| with(|second| assert_eq!(u32::from(first[0]) + u32::from(second[0]), 7)));
    }
}
