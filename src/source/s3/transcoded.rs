//! Servers that inflate bodies on their way ("transcoding"): what comes is JSON where gzip was listed, of another
//! length, with another ETag or none. Nothing of what S3 says of the stored bytes can be held against it, so that its
//! content has to prove that it is whole.

use serde::de::IgnoredAny;

use super::answer::Head;
use super::entry::Entry;

/// Returns whether an answer to a GET of a whole object may be the inflated one: it lies there as gzip, and what comes has
/// another length or ETag.
pub(super) fn suspected(entry: &Entry, head: &Head) -> bool {
    let named =
        entry.key.len() > 3 && entry.key.as_bytes()[entry.key.len() - 3..].eq_ignore_ascii_case(b".gz");
    let listed = entry.etag.is_some() || entry.size > 0;
    let alike = head.length == Some(entry.size)
        && (entry.etag.is_none() || head.etag.as_deref().map(tag) == entry.etag.as_deref());
    listed && !alike && head.range.is_none() && (named || head.gzip)
}

/// Returns an ETag without its quotes, and without the sign of a weak one.
pub(super) fn tag(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"')
}

/// Returns whether a body begins as JSON does.
pub(super) fn begins_as_json(body: &[u8]) -> bool {
    matches!(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start().first(), Some(b'{' | b'['))
}

/// Returns whether a body is JSON to its end: one document, or several.
pub(super) fn is_sound(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut documents = serde_json::Deserializer::from_slice(body).into_iter::<IgnoredAny>();
    begins_as_json(body) && documents.all(|document| document.is_ok())
}

/// Returns the reason why a body that was inflated on its way is not believed.
pub(super) fn unsound(entry: &Entry, got: usize) -> String {
    format!(
        "the server inflates bodies on their way (transcoding): in place of {} stored bytes came {got} that are no whole \
         JSON",
        entry.size
    )
}

/// Returns what the user should know of such a body.
pub(super) fn note(bucket: &str) -> String {
    format!(
        "{bucket}: the server inflates bodies on their way (transcoding); they are whole JSON, and no checksum or ETag \
         of theirs can be compared"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Metadata;
    use crate::source::s3::answer::Checksum;

    fn head(length: Option<u64>, etag: Option<&str>, gzip: bool) -> Head {
        Head {
            length,
            range: None,
            etag: etag.map(str::to_owned),
            kms: false,
            gzip,
            checksum: Checksum::None,
            metadata: Metadata::default(),
        }
    }

    #[test]
    fn only_gzip_that_comes_in_another_length_or_with_another_etag_is_suspected() {
        let entry =
            |key: &str| Entry { key: key.into(), size: 10, etag: Some("a".into()), ..Entry::default() };
        for (key, length, etag, gzip, expected) in [
            ("x.json.gz", Some(10), Some("\"a\""), false, false),
            ("x.json.gz", Some(10), Some("W/\"a\""), true, false),
            ("x.json.GZ", Some(30), None, false, true),
            ("x.json.gz", None, Some("\"a\""), false, true),
            ("x.json.gz", Some(10), Some("\"b\""), false, true),
            ("x", Some(30), Some("\"b\""), false, false),
            ("x", Some(30), Some("\"b\""), true, true),
        ] {
            assert_eq!(
                suspected(&entry(key), &head(length, etag, gzip)),
                expected,
                "{key} {length:?} {etag:?}"
            );
        }
    }

    #[test]
    fn json_must_be_whole() {
        for (body, sound) in [
            ("{\"Records\":[]}", true),
            ("\u{feff} {\"a\":1}\n{\"b\":2}\n", true),
            ("[1e400]", true),
            ("{\"Records\":[", false),
            ("{} x", false),
            ("", false),
            ("x", false),
        ] {
            assert_eq!(is_sound(body.as_bytes()), sound, "{body}");
        }
    }
}
