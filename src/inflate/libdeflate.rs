//! The one call into libdeflate that inflates a whole deflate stream at once.
#![allow(
    unsafe_code,
    reason = "twice the speed of zlib-rs, in what is most of a scan's time (benches/README.md); the safe \
              wrapper crate neither tells where a stream ends, which several members in one object need, nor \
              leaves the CRC for later"
)]

use std::ffi::c_void;
use std::ptr::NonNull;

use libdeflate_sys::{
    libdeflate_alloc_decompressor, libdeflate_decompressor, libdeflate_deflate_decompress_ex,
    libdeflate_free_decompressor, libdeflate_result_LIBDEFLATE_SUCCESS,
};

/// Tables of about 11 KB that one thread uses for one member after another.
#[derive(Debug)]
pub(super) struct Decompressor(NonNull<libdeflate_decompressor>);

// SAFETY: libdeflate keeps no thread-bound state; a decompressor may be used by one thread at a time,
// which `&mut self` ensures.
unsafe impl Send for Decompressor {}

impl Decompressor {
    /// Returns a decompressor; `None` where memory is short.
    pub(super) fn new() -> Option<Self> {
        // SAFETY: takes no arguments; null is handled.
        NonNull::new(unsafe { libdeflate_alloc_decompressor() }).map(Self)
    }

    /// Inflates the stream that `input` begins with into `out`. Returns the bytes read and written; `None`
    /// where the stream is damaged or does not fit.
    pub(super) fn deflated(&mut self, input: &[u8], out: &mut [u8]) -> Option<(usize, usize)> {
        let (mut read, mut written) = (0, 0);
        // SAFETY: both pointers come from slices and go with their lengths; libdeflate reads and writes
        // inside them only, and writes the two counts, which live until after the call.
        let result = unsafe {
            libdeflate_deflate_decompress_ex(
                self.0.as_ptr(),
                input.as_ptr().cast::<c_void>(),
                input.len(),
                out.as_mut_ptr().cast::<c_void>(),
                out.len(),
                &raw mut read,
                &raw mut written,
            )
        };
        (result == libdeflate_result_LIBDEFLATE_SUCCESS).then_some((read, written))
    }
}

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `libdeflate_alloc_decompressor` and is freed once.
        unsafe { libdeflate_free_decompressor(self.0.as_ptr()) }
    }
}
