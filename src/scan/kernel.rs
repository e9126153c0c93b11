//! Chooses once, by what the CPU offers, how the pass over an object's bytes is made.

use std::sync::LazyLock;

use super::block::Portable;
use super::pass::{Noted, Pass};

/// Goes on with the pass: the state so far, the next blocks (64 at most) with the two bytes before them, and
/// where to note what is found in each. The answer has a bit for each block in which something may happen.
pub type Kernel = fn(&mut Pass, &[u8], &mut Noted) -> u64;

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

fn portable(pass: &mut Pass, around: &[u8], noted: &mut Noted) -> u64 {
    pass.advance::<Portable>(around, noted)
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "the features of each function are asked for before it is offered")]
mod x86 {
    use super::super::block::x86::{Avx2, Avx512};
    use super::{Kernel, Noted, Pass};

    pub(super) fn push(kernels: &mut Vec<(&'static str, Kernel)>) {
        let common = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("popcnt")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt");
        if common {
            // SAFETY: every feature that `avx2` enables has just been found.
            kernels.push(("avx2", |pass, around, noted| unsafe { avx2(pass, around, noted) }));
        }
        if common
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vpopcntdq")
            && is_x86_feature_detected!("vpclmulqdq")
        {
            // SAFETY: every feature that `avx512` enables has just been found.
            kernels.push(("avx512", |pass, around, noted| unsafe { avx512(pass, around, noted) }));
        }
    }

    #[target_feature(enable = "avx2,pclmulqdq,popcnt,bmi1,bmi2,lzcnt")]
    fn avx2(pass: &mut Pass, around: &[u8], noted: &mut Noted) -> u64 {
        pass.advance::<Avx2>(around, noted)
    }

    #[target_feature(
        enable = "avx512f,avx512bw,avx512vpopcntdq,vpclmulqdq,avx2,pclmulqdq,popcnt,bmi1,bmi2,lzcnt"
    )]
    fn avx512(pass: &mut Pass, around: &[u8], noted: &mut Noted) -> u64 {
        pass.advance_by_eights::<Avx512>(around, noted)
    }
}
