//! Chooses once, by what the CPU offers, how record boundaries are found.

use std::sync::LazyLock;

use super::block::Portable;
use super::boundary::{Boundary, Found};

/// Goes on through a record from its opening brace: the state so far, all bytes that are there, and whether
/// there will be no more. `None`: the record does not end in these bytes.
pub type Kernel = fn(&mut Boundary, &[u8], bool) -> Option<Found>;

/// The fastest way on this machine.
pub fn best() -> Kernel {
    static BEST: LazyLock<Kernel> =
        LazyLock::new(|| all().pop().map_or(portable as Kernel, |(_, kernel)| kernel));
    *BEST
}

/// Every way that this machine has, the fastest last, with its name.
pub fn all() -> Vec<(&'static str, Kernel)> {
    let mut kernels: Vec<(&'static str, Kernel)> = vec![("portable", portable)];
    #[cfg(target_arch = "x86_64")]
    x86::push(&mut kernels);
    kernels
}

fn portable(boundary: &mut Boundary, text: &[u8], last: bool) -> Option<Found> {
    boundary.advance::<Portable>(text, last)
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "the features of each function are asked for before it is offered")]
mod x86 {
    use super::super::block::x86::{Avx2, Avx512};
    use super::{Boundary, Found, Kernel};

    pub(super) fn push(kernels: &mut Vec<(&'static str, Kernel)>) {
        let common = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt");
        if common {
            // SAFETY: every feature that `avx2` enables has just been found.
            kernels.push(("avx2", |boundary, text, last| unsafe { avx2(boundary, text, last) }));
        }
        if common && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
            // SAFETY: every feature that `avx512` enables has just been found.
            kernels.push(("avx512", |boundary, text, last| unsafe { avx512(boundary, text, last) }));
        }
    }

    #[target_feature(enable = "avx2,pclmulqdq,popcnt,bmi1,bmi2,lzcnt")]
    fn avx2(boundary: &mut Boundary, text: &[u8], last: bool) -> Option<Found> {
        boundary.advance::<Avx2>(text, last)
    }

    #[target_feature(enable = "avx512f,avx512bw,avx2,pclmulqdq,popcnt,bmi1,bmi2,lzcnt")]
    fn avx512(boundary: &mut Boundary, text: &[u8], last: bool) -> Option<Found> {
        boundary.advance::<Avx512>(text, last)
    }
}
