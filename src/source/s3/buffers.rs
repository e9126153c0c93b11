//! Memory of large bodies, used again: the system takes longer to find fresh pages than a body takes to copy.

use std::sync::{Mutex, PoisonError};

/// Smaller ones the allocator keeps by itself.
const LARGE: usize = 128 << 10;
/// What is kept at most. Few wait at a time: a body that begins takes what one that was read has left.
const KEPT: usize = 16 << 20;

/// Buffers of bodies that were read, kept for the next ones.
#[derive(Debug, Default)]
pub(super) struct BufferPool(Mutex<Vec<Vec<u8>>>);

impl BufferPool {
    /// Returns an empty buffer with room for `size` bytes.
    pub(super) fn take(&self, size: usize) -> Vec<u8> {
        if size >= LARGE {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            // Room for much more than is asked for would count for nothing in the budget.
            let fits = |bytes: &Vec<u8>| (size..=size.saturating_mul(2)).contains(&bytes.capacity());
            if let Some(at) = kept.iter().position(fits) {
                return kept.swap_remove(at);
            }
        }
        Vec::with_capacity(size)
    }

    /// Takes memory back that is not needed any more.
    pub(super) fn give(&self, mut bytes: Vec<u8>) {
        let room = bytes.capacity();
        if !(LARGE..=KEPT).contains(&room) {
            return;
        }
        bytes.clear();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push(bytes);
        let mut held: usize = kept.iter().map(Vec::capacity).sum();
        while held > KEPT {
            held -= kept.remove(0).capacity();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_kept_within_bounds_and_used_where_it_fits() {
        let spare = BufferPool::default();
        let one = spare.take(5 << 20);
        let place = one.as_ptr();
        spare.give(one);
        let others = [1 << 20, 6 << 20].map(|size| spare.take(size));
        assert!(others.iter().all(|other| other.as_ptr() != place), "far too large, and too small");
        let again = spare.take(4 << 20);
        assert_eq!((again.as_ptr(), again.len()), (place, 0));
        for _ in 0..9 {
            spare.give(Vec::with_capacity(3 << 20));
        }
        spare.give(Vec::with_capacity(17 << 20));
        spare.give(Vec::with_capacity(1000));
        assert_eq!(spare.0.lock().unwrap().len(), 5);
    }
}
