//! Whether an object whose name says nothing is a log, by its first bytes.

use super::layers::is_wrapped;
use crate::records::foreign;

/// Bytes that [`may_be_log`] needs.
pub(crate) const ENOUGH: usize = foreign::TOLD_BY;

/// Returns whether these are the first bytes of a log, or of an archive, which could hold logs. An object
/// that begins with more white space than [`ENOUGH`] is read.
pub(crate) fn may_be_log(first: &[u8]) -> bool {
    let text = first.strip_prefix("\u{feff}".as_bytes()).unwrap_or(first).trim_ascii_start();
    is_wrapped(first)
        || foreign::archive(first).is_some()
        || matches!(text.first(), Some(b'{' | b'['))
        || (text.is_empty() && first.len() >= ENOUGH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_known_by_their_beginning() {
        let blank = [b' '; ENOUGH];
        for first in [
            &b"{"[..],
            b"\r\n [1",
            b"\xef\xbb\xbf {",
            b"\x1f\x8b\x08",
            b"\x28\xb5\x2f\xfd",
            b"\xff\xfe{\0",
            b"PK\x03\x04",
            &blank,
        ] {
            assert!(may_be_log(first), "{}", first.escape_ascii());
        }
        for first in [&b""[..], b"  ", b"2026-01-15 INFO {", b"\x7fELF", b"hello", b"\"x\""] {
            assert!(!may_be_log(first), "{}", first.escape_ascii());
        }
    }
}
