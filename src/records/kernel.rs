//! Chooses once, by what the CPU offers, how record boundaries are found.

use std::sync::LazyLock;

use super::block::Portable;
use super::boundary::{Boundary, Each, Kernel};

/// Returns the fastest way on this machine.
pub fn best() -> Kernel {
    static BEST: LazyLock<Kernel> =
        LazyLock::new(|| all().pop().map_or(portable as Kernel, |(_, kernel)| kernel));
    *BEST
}

/// Returns every way that this machine has, the fastest last, with its name.
pub fn all() -> Vec<(&'static str, Kernel)> {
    let mut kernels: Vec<(&'static str, Kernel)> = vec![("portable", portable)];
    #[cfg(target_arch = "x86_64")]
    x86::push(&mut kernels);
    kernels
}

fn portable(boundary: &mut Boundary, text: &[u8], last: bool, ahead: usize, each: Each<'_>) -> Option<usize> {
    boundary.advance::<Portable>(text, last, ahead, each)
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "the features of each function are asked for before it is offered")]
mod x86 {
    use super::{Boundary, Each};
    use crate::records::block::x86::{Avx2, Avx512};
    use crate::records::boundary::Kernel;
    use crate::records::pass::{Noted, Pass, Way};

    impl Way for Avx2 {
        #[inline(always)]
        fn advance(pass: &mut Pass, around: &[u8], noted: &mut Noted) -> u64 {
            pass.one_by_one::<Self>(around, noted)
        }
    }

    impl Way for Avx512 {
        #[inline(always)]
        fn advance(pass: &mut Pass, around: &[u8], noted: &mut Noted) -> u64 {
            // SAFETY: only `avx512`, which has the same features, makes the pass in this way.
            unsafe { avx512_pass(pass, around, noted) }
        }
    }

    pub(super) fn push(kernels: &mut Vec<(&'static str, Kernel)>) {
        let common = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt");
        if common {
            // SAFETY: every feature that `avx2` enables has just been found.
            kernels.push(("avx2", |boundary, text, last, ahead, each| unsafe {
                avx2(boundary, text, last, ahead, each)
            }));
        }
        if common
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vbmi")
            && is_x86_feature_detected!("avx512vpopcntdq")
            && is_x86_feature_detected!("vpclmulqdq")
        {
            // SAFETY: every feature that `avx512` enables has just been found.
            kernels.push(("avx512", |boundary, text, last, ahead, each| unsafe {
                avx512(boundary, text, last, ahead, each)
            }));
        }
    }

    #[target_feature(enable = "avx2,pclmulqdq,popcnt,bmi1,bmi2,lzcnt")]
    fn avx2(boundary: &mut Boundary, text: &[u8], last: bool, ahead: usize, each: Each<'_>) -> Option<usize> {
        boundary.advance::<Avx2>(text, last, ahead, each)
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vbmi,avx512vpopcntdq,vpclmulqdq,avx2,pclmulqdq,popcnt,bmi1,bmi2,lzcnt"
    )]
    fn avx512(
        boundary: &mut Boundary,
        text: &[u8],
        last: bool,
        ahead: usize,
        each: Each<'_>,
    ) -> Option<usize> {
        boundary.advance::<Avx512>(text, last, ahead, each)
    }

    // The pass is a function of its own: a loop without calls around it keeps its constants in registers.
    #[target_feature(
        enable = "avx512f,avx512bw,avx512vbmi,avx512vpopcntdq,vpclmulqdq,avx2,pclmulqdq,popcnt,bmi1,bmi2,lzcnt"
    )]
    #[inline(never)]
    fn avx512_pass(pass: &mut Pass, around: &[u8], noted: &mut Noted) -> u64 {
        pass.by_eights::<Avx512>(around, noted)
    }
}
