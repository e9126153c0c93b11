//! RSA public keys in DER, as far as their length goes.

/// Returns the modulus's length in bits. The key is `SEQUENCE { modulus INTEGER, publicExponent INTEGER }` alone.
pub(super) fn modulus_bits(der: &[u8]) -> Option<usize> {
    let (body, rest) = element(der, 0x30)?;
    let (modulus, exponent) = element(body, 0x02)?;
    let (exponent, behind) = element(exponent, 0x02)?;
    if !rest.is_empty() || !behind.is_empty() || exponent.is_empty() {
        return None;
    }
    let modulus = match modulus {
        [0, rest @ ..] => rest,
        [first, ..] if *first < 0x80 => modulus,
        _ => return None,
    };
    let first = modulus.first().filter(|first| **first != 0)?;
    Some(modulus.len() * 8 - first.leading_zeros() as usize)
}

/// Returns an element of this tag that `der` begins with, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}
