//! Whether standard output was there when the program began.
//!
//! Before `main`, Rust's runtime opens `/dev/null` in the place of a standard stream that is closed, so that
//! no file comes to stand there by chance. The findings of such a run would go nowhere, and nobody would
//! know.
#![cfg_attr(
    target_os = "linux",
    allow(unsafe_code, reason = "only what runs before Rust's runtime can see it; what runs is safe")
)]

use std::sync::atomic::{AtomicBool, Ordering};

static CLOSED: AtomicBool = AtomicBool::new(false);

/// Returns whether the program was started with standard output closed (`>&-`).
pub(super) fn was_closed() -> bool {
    CLOSED.load(Ordering::Relaxed)
}

#[cfg(target_os = "linux")]
extern "C" fn look() {
    let there = rustix::io::fcntl_getfd(rustix::stdio::stdout());
    CLOSED.store(there == Err(rustix::io::Errno::BADF), Ordering::Relaxed);
}

// SAFETY: the C library calls what stands in this section, with arguments that `look` does not take, before `main`;
// it makes one system call and stores a flag.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;
