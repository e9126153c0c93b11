//! Whether two records are equal as JSON values, by a fingerprint of their canonical form.
//!
//! The canonical form leaves out what does not matter: key order, white space, escapes and the spelling of
//! numbers. The form is hashed as it is written, in pieces of at most 64 KiB. SHA-256 is used, not a faster
//! hash: who can forge a log could also forge a collision, and a copy that collides is dropped.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::value::Value;

/// A hash that equal JSON values share; different values share it with a chance of 2⁻¹²⁸.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u128);

impl Fingerprint {
    /// Returns a fingerprint of which only the first half is known, as in checkpoints of version 1.
    pub(crate) fn half(first: u64) -> Self {
        Self(u128::from(first) << 64)
    }

    /// Returns the first half.
    pub(crate) fn first_half(self) -> Self {
        Self(self.0 >> 64 << 64)
    }

    /// Returns whether both are of equal values, as far as they are known.
    pub(crate) fn fits(self, other: Self) -> bool {
        let halved = |print: Self| print == print.first_half();
        self == other || (self.first_half() == other.first_half() && (halved(self) || halved(other)))
    }
}

/// Returns the fingerprint of a record. `text` is its minified text, for what the tree cannot hold.
pub fn fingerprint(record: &Value<'_>, text: &str) -> Fingerprint {
    let mut canonical = Canonical::default();
    write_canonical(record, &mut canonical);
    canonical.pass_on();
    let Canonical { mut hash, replaced, .. } = canonical;
    // All lone surrogates are U+FFFD in the tree, so records that have any are compared by text.
    if replaced && has_lone_surrogate(text) {
        hash.update(text.as_bytes());
    }
    first_bytes(hash)
}

/// Returns the fingerprint of a text as it is spelled, which no record's value has.
pub fn fingerprint_of_text(text: &str) -> Fingerprint {
    first_bytes(Sha256::new().chain_update("text").chain_update(text))
}

fn first_bytes(hash: Sha256) -> Fingerprint {
    let mut first = [0; 16];
    first.copy_from_slice(&hash.finalize()[..16]);
    Fingerprint(u128::from_be_bytes(first))
}

/// Bytes of the canonical form that are held before they are hashed.
const HELD: usize = 64 << 10;

#[derive(Default)]
struct Canonical {
    text: String,
    hash: Sha256,
    /// Whether the form has U+FFFD in it.
    replaced: bool,
}

impl Canonical {
    fn push(&mut self, char: char) {
        if self.text.len() >= HELD {
            self.pass_on();
        }
        self.text.push(char);
    }

    fn push_str(&mut self, text: &str) {
        if self.text.len() + text.len() > HELD {
            self.pass_on();
        }
        if text.len() > HELD {
            self.replaced |= text.contains(char::REPLACEMENT_CHARACTER);
            self.hash.update(text.as_bytes());
        } else {
            self.text.push_str(text);
        }
    }

    fn pass_on(&mut self) {
        self.replaced |= self.text.contains(char::REPLACEMENT_CHARACTER);
        self.hash.update(self.text.as_bytes());
        self.text.clear();
    }
}

impl std::fmt::Write for Canonical {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.push_str(text);
        Ok(())
    }
}

/// Returns whether a string of the text escapes half of a surrogate pair.
fn has_lone_surrogate(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some(at) = memchr::memchr(b'\\', rest) {
        rest = &rest[at..];
        let passed = match escaped_unit(rest) {
            Some(0xd800..=0xdbff) if matches!(escaped_unit(&rest[6..]), Some(0xdc00..=0xdfff)) => 12,
            Some(0xd800..=0xdfff) => return true,
            Some(_) => 6,
            None => 2,
        };
        rest = &rest[passed..];
    }
    false
}

/// Returns the UTF-16 unit of the `\uXXXX` that begins here.
fn escaped_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Writes every value so that no two different values have the same bytes: strings carry their length.
fn write_canonical(value: &Value<'_>, out: &mut Canonical) {
    match value {
        Value::Null => out.push('n'),
        Value::Bool(true) => out.push('t'),
        Value::Bool(false) => out.push('f'),
        Value::Number(text) => write_number(text, out),
        Value::String(text) => write_string('s', text, out),
        // The spelling of a value deeper than any verdict looks is its value.
        Value::Deep(text) => write_string('d', text, out),
        Value::Array(elements) => {
            out.push('[');
            for element in elements {
                write_canonical(element, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().enumerate().collect();
            // The last of duplicate keys counts, so the sort puts it first and the others are dropped.
            sorted.sort_by(|(i, (a, _)), (j, (b, _))| a.cmp(b).then(j.cmp(i)));
            sorted.dedup_by(|(_, (later, _)), (_, (first, _))| later == first);
            out.push('{');
            for (_, (key, value)) in sorted {
                write_string('k', key, out);
                write_canonical(value, out);
            }
            out.push('}');
        }
    }
}

fn write_string(mark: char, text: &str, out: &mut Canonical) {
    // Writing to a String cannot fail.
    let _infallible = write!(out, "{mark}{}:", text.len());
    out.push_str(text);
}

/// Writes `-12.50e3` as `#-125e2`: the digits without zeros at either end, and the power of ten of the last
/// one.
fn write_number(text: &str, out: &mut Canonical) {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = [whole, fraction].concat();
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        out.push_str("#0");
        return;
    }
    let dropped = digits.len() - digits.trim_end_matches('0').len();
    // A number with an exponent beyond i64 is compared by its text.
    match exponent.parse::<i64>().ok().and_then(|power| {
        power.checked_sub(i64::try_from(fraction.len()).ok()?)?.checked_add(i64::try_from(dropped).ok()?)
    }) {
        Some(power) => {
            let _infallible = write!(out, "#{sign}{significant}e{power};");
        }
        None => write_string('#', text, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::minify::minify;
    use crate::json::parse::parse_plain;

    fn of(text: &str) -> Fingerprint {
        let mut minified = String::new();
        minify(text.as_bytes(), &mut minified).unwrap();
        fingerprint(&parse_plain(&minified), &minified)
    }

    #[test]
    fn a_half_fits_what_begins_with_it() {
        let whole = Fingerprint(7 << 64 | 9);
        assert!(whole.fits(whole) && whole.fits(Fingerprint::half(7)) && Fingerprint::half(7).fits(whole));
        for other in [Fingerprint(7 << 64 | 8), Fingerprint::half(6), Fingerprint(9)] {
            assert!(!whole.fits(other) && !other.fits(whole), "{other:?}");
        }
    }

    #[test]
    fn equal_values_are_equal() {
        for (a, b) in [
            (r#"{"a":1,"b":[2,{"c":null}]}"#, r#"{ "b":[2.0,{"c":null}], "\u0061":1e0 }"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            ("100", "1e2"),
            ("0.10", "1e-1"),
            ("0", "-0.0e5"),
            (r#""\/""#, r#""/""#),
            ("[\"\u{fffd}\"]", r#"[ "\ufffd" ]"#),
            (r#"["\ud83d\ude00\\ud800","\ufffd"]"#, "[\"\u{1f600}\\\\ud800\",\"\u{fffd}\"]"),
        ] {
            assert_eq!(of(a), of(b), "{a} {b}");
        }
    }

    #[test]
    fn different_values_differ() {
        for (a, b) in [
            (r#"{"a":1}"#, r#"{"a":"1"}"#),
            (r#"{"a":[]}"#, r#"{"a":{}}"#),
            ("123456789012345678901", "123456789012345678902"),
            ("1e400", "1e401"),
            ("1", "-1"),
            (r#"["ab","c"]"#, r#"["a","bc"]"#),
            (r#""\ud800""#, r#""\ud801""#),
            (r#""\ud800\ud800\udc00""#, r#""\ud801\ud800\udc00""#),
            (r#""\udc00""#, r#""\ufffd""#),
            ("[1,2]", "[12]"),
            ("null", "false"),
        ] {
            assert_ne!(of(a), of(b), "{a} {b}");
        }
    }
}
