//! Files under a log's name that are no logs: recognised by their first bytes, with advice for the reader.
//!
//! [`Foreign::of`] compares the first bytes with the magic numbers of archives and of other formats, and then
//! with the look of tables, base64 and wide text. An archive could hold logs, so it is kept apart from the
//! rest. JSON, and anything unknown, is none of these: the walk reads it and says what is wrong with it.

use std::fmt;

use memchr::memmem;

/// Bytes that [`Foreign::of`] needs.
pub(crate) const TOLD_BY: usize = 512;

/// A format in which no events are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// An archive or a compressed file that roottrail does not unpack.
    Archive(&'static str),
    /// Another format: its name, and what to do.
    Other(String),
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(name) => write!(f, "{name}: unpack it first"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Foreign {}

/// Archives and their first bytes.
const ARCHIVES: [(&[u8], &str); 14] = [
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"PK\x07\x08", "a zip archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!\x1a\x07", "a rar archive"),
    (b"\xfd7zXZ\0", "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"\x04\x22\x4d\x18", "an lz4 file"),
    (b"\xff\x06\0\0sNaPpY", "a snappy file"),
    (b"LZIP\x01", "an lzip file"),
    (b"\x5d\0\0", "an lzma file"),
    (b"\x1f\x9d", "a file packed by compress"),
    (b"MSCF\0\0\0\0", "a cabinet archive"),
    (b"070701", "a cpio archive"),
];

/// Returns the archive that begins with these bytes.
pub(crate) fn archive(first: &[u8]) -> Option<&'static str> {
    // A tar file begins with the name of its first file; every tar since 1988 has `ustar` at this place.
    if first.get(257..262) == Some(b"ustar") {
        return Some("a tar archive");
    }
    let found = ARCHIVES.iter().find(|(magic, _)| first.starts_with(magic)).map(|(_, name)| *name)?;
    // Three letters could begin a text, so the level and the magic of a block must follow.
    let bzip2 = matches!(first.get(3), Some(b'1'..=b'9')) && first.get(4..7) == Some(b"1AY");
    (!first.starts_with(b"BZh") || bzip2).then_some(found)
}

impl Foreign {
    /// Returns the format that begins with these bytes; `None`: JSON, or nothing that is known.
    pub(crate) fn of(first: &[u8]) -> Option<Self> {
        if let Some(name) = archive(first) {
            return Some(Self::Archive(name));
        }
        let text = first.trim_ascii_start();
        if matches!(text.first(), None | Some(b'{' | b'[')) && !is_wide(text) {
            return None;
        }
        let begins = |beginning: &str| {
            text.get(..beginning.len()).is_some_and(|text| text.eq_ignore_ascii_case(beginning.as_bytes()))
        };
        let named = |text: &str| Some(Self::Other(text.to_owned()));
        match () {
            () if text.starts_with(b"PAR1") => {
                named("Parquet: no columns are read; scan the logs that it was made of")
            }
            () if text.starts_with(b"ORC") => {
                named("ORC: no columns are read; scan the logs that it was made of")
            }
            () if text.starts_with(b"Obj\x01") => named("Avro: scan the logs that it was made of"),
            () if text.starts_with(b"SQLite format 3\0") => {
                named("an SQLite database: export its records as JSON")
            }
            () if begins("version https://git-lfs") => {
                named("a Git LFS pointer in place of the file: fetch it first (git lfs pull)")
            }
            () if begins("<!doctype html") || begins("<html") => {
                named("HTML, a page in place of a log: was it downloaded whole, and signed in?")
            }
            () if begins("<?xml") || begins("<error>") => Some(Self::Other(xml(text))),
            () if text.starts_with(&[0xff, 0xfe, 0, 0]) || text.starts_with(&[0, 0, 0xfe, 0xff]) => {
                named("UTF-32: convert it to UTF-8 first")
            }
            () if is_wide(text) => named("UTF-16 without a byte order mark: convert it to UTF-8 first"),
            () if is_table(text) => {
                named("a table (CSV or the like): scan the logs that it was made of, or export JSON")
            }
            () if is_base64(text) => named("base64: decode it first (base64 -d)"),
            () if text.starts_with(b"-----BEGIN ") => named("PEM or PGP: decrypt or decode it first"),
            () => None,
        }
    }
}

/// Returns what an XML text is. S3 and its like answer errors in XML, and a download may have kept the
/// answer.
fn xml(text: &[u8]) -> String {
    let code = memmem::find(text, b"<Code>").and_then(|at| {
        let code: String = text[at + 6..]
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric())
            .take(64)
            .map(|&byte| char::from(byte))
            .collect();
        (!code.is_empty()).then_some(code)
    });
    match code {
        Some(code) => format!("XML, an error page ({code}) in place of the object: fetch it again"),
        None => "XML, not a log".to_owned(),
    }
}

/// Returns whether every other byte is zero, as in Latin text in UTF-16.
fn is_wide(text: &[u8]) -> bool {
    let zeros = |odd: usize| {
        text.len() >= 8 && text[..8].iter().enumerate().all(|(at, byte)| (*byte == 0) == (at % 2 == odd))
    };
    zeros(0) || zeros(1)
}

/// Returns whether the first line has the names of columns.
fn is_table(text: &[u8]) -> bool {
    let line = text.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let names = |separator: u8| {
        let columns: Vec<&[u8]> = line.split(|&byte| byte == separator).collect();
        // The last name may be cut.
        columns.len() > 2
            && columns.iter().all(|column| {
                let name = column.trim_ascii();
                let name = name.strip_prefix(b"\"").unwrap_or(name);
                let name = name.strip_suffix(b"\"").unwrap_or(name);
                name.first().is_some_and(|first| first.is_ascii_alphabetic() || b"_@".contains(first))
                    && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.-@ ()/".contains(byte))
            })
    };
    names(b',') || names(b'\t') || names(b';') || names(b'|')
}

fn is_base64(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    let known = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=-_\r\n".contains(byte);
    text.len() >= 40 && text.iter().all(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(first: &[u8]) -> String {
        Foreign::of(first).map_or_else(String::new, |foreign| foreign.to_string())
    }

    #[test]
    fn formats_are_named_by_their_first_bytes() {
        let tar = [&[b'a'; 257][..], b"ustar\x0000"].concat();
        let wide: Vec<u8> = "{\"eventVersion\":1}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let other: Vec<u8> = "[{}, {}]".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (first, words) in [
            (&b"PK\x03\x04\x14"[..], "a zip archive: unpack it first"),
            (b"BZh91AY&SY", "a bzip2 file: unpack it first"),
            (b"\xfd7zXZ\0\0", "an xz file: unpack it first"),
            (&tar, "a tar archive: unpack it first"),
            (b"7z\xbc\xaf\x27\x1c\0", "a 7z archive"),
            (b"PAR1\x15", "Parquet"),
            (b"\n <!DOCTYPE HTML>", "HTML"),
            (
                b"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code>",
                "XML, an error page (AccessDenied)",
            ),
            (b"<?xml version=\"1.0\"?><plist>", "XML, not a log"),
            (b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer"),
            (b"H4sIAAAAAAAA/8tIzcnJVyjPL8pJUQQAlRmFGwwAAAAxYQ==", "base64"),
            (b"\"eventversion\",\"useridentity\",\"eventtime\"\n\"1.08\"", "a table"),
            (b"eventTime,eventName,userIdentity.type\n2026", "a table"),
            (b"time\tname\twho\n", "a table"),
            (&wide, "UTF-16 without a byte order mark"),
            (&other, "UTF-16 without a byte order mark"),
            (b"\xff\xfe\0\0{\0\0\0", "UTF-32"),
        ] {
            assert!(named(first).starts_with(words), "{}: {words}", named(first));
        }
        for first in [
            &b""[..],
            b"{}",
            b" [1,2]",
            b"{\"a\":1}",
            b"\"{\\\"eventVersion\\\":\\\"1.08\\\",\\\"a\\\":1,\\\"b\\\":2}\"",
            b"2026-01-15T03:02:01.000Z {\"a\":1,\"b\":2,\"c\":3}",
            b"BZhang, who wrote this",
            b"hello",
            b"1,2,3",
            b"null",
            b"\xef\xbb\xbf{}",
        ] {
            assert_eq!(named(first), "", "{}", first.escape_ascii());
        }
    }
}
