//! How buckets, prefixes and keys are written: `s3://bucket/prefix` in, `s3://bucket/key` out.
//!
//! A prefix is taken literally. A text that is no such URI but looks like a bucket, an ARN or a URL of S3 is an error
//! that names what was probably meant. Keys are written so that nothing in them reaches a terminal raw or forges a
//! line of a report: control characters and `%` are percent-encoded, and the encoding can be undone.

use crate::text::is_unprintable;
use percent_encoding::percent_decode_str;
use std::fmt::{self, Write};

/// A bucket and the prefix below it, as named on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Uri {
    /// The bucket's name, or an access point's ARN or alias.
    pub bucket: String,
    /// What every key must start with; may be empty. Taken literally, as aws-cli does.
    pub prefix: String,
}

/// Why a text is not an S3 URI.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum S3UriError {
    /// Another scheme.
    #[error("{0:?} does not start with s3://")]
    Scheme(String),
    /// `s3://` alone, or `s3:///key`.
    #[error("{0:?} names no bucket: write s3://bucket or s3://bucket/prefix")]
    NoBucket(String),
    /// A character that no bucket name has.
    #[error("{0:?} is not a bucket name")]
    BucketName(String),
    /// An access point of several buckets in as many regions.
    #[error("{0} is a multi-Region access point, which only SigV4a signs for: name one of its buckets")]
    MultiRegion(String),
    /// An ARN of something else than a bucket's access point.
    #[error("{0} is no access point; those are arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME{hint}", hint = meant(.1))]
    Arn(String, Option<String>),
}

/// Returns what was probably meant.
fn meant(uri: &Option<String>) -> String {
    uri.as_ref().map(|uri| format!("; did you mean {uri}?")).unwrap_or_default()
}

impl S3Uri {
    /// Returns whether `text` is meant as an S3 URI at all.
    pub fn is_s3(text: &str) -> bool {
        text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("s3://"))
    }

    /// Reads `s3://bucket[/prefix]`.
    ///
    /// # Errors
    ///
    /// Fails where the text is no such URI, and says what was probably meant.
    pub fn parse(text: &str) -> Result<Self, S3UriError> {
        if !Self::is_s3(text) {
            return Err(S3UriError::Scheme(text.to_owned()));
        }
        let rest = &text[5..];
        let split = if rest.starts_with("arn:") { arn_end(rest)? } else { rest.find('/') };
        let (bucket, prefix) = split.map_or((rest, ""), |at| (&rest[..at], &rest[at + 1..]));
        if bucket.is_empty() {
            return Err(S3UriError::NoBucket(text.to_owned()));
        }
        let allowed = |byte: u8| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'.' | b'-' | b'_')
                || (bucket.starts_with("arn:") && matches!(byte, b':' | b'/'))
        };
        if !bucket.bytes().all(allowed) {
            return Err(S3UriError::BucketName(bucket.to_owned()));
        }
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }

    /// Returns whether it names an access point, which has a host of its own.
    pub(super) fn is_access_point(&self) -> bool {
        self.bucket.starts_with("arn:")
    }

    /// Returns the URI of one key of this bucket, as findings and errors name it.
    pub fn of_key(&self, key: &str) -> String {
        let mut uri = String::with_capacity(6 + self.bucket.len() + key.len());
        uri.push_str("s3://");
        uri.push_str(&self.bucket);
        uri.push('/');
        push_encoded(&mut uri, key);
        uri
    }

    /// Returns the URI of another prefix of this bucket.
    pub(super) fn with_prefix(&self, prefix: String) -> String {
        Self { prefix, ..self.clone() }.to_string()
    }

    /// Returns the key behind a URI that [`S3Uri::of_key`] made.
    pub fn key_of(&self, uri: &str) -> Option<String> {
        let encoded = uri.strip_prefix("s3://")?.strip_prefix(&self.bucket)?.strip_prefix('/')?;
        percent_decode_str(encoded).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    }
}

/// Returns where the ARN of an access point ends, if a prefix follows it. Its own parts stand behind slashes or colons,
/// as for aws-cli: `…:accesspoint/NAME`, `…:accesspoint:NAME`, `…:outpost/ID/accesspoint/NAME`.
fn arn_end(rest: &str) -> Result<Option<usize>, S3UriError> {
    let mut parts = rest.splitn(6, ':');
    let (service, region) = (parts.nth(2).unwrap_or_default(), parts.next().unwrap_or_default());
    let (_account, resource) = (parts.next(), parts.next().unwrap_or_default());
    let names = match (service, resource.split([':', '/']).next().unwrap_or_default()) {
        ("s3", "accesspoint") => 2,
        ("s3-outposts", "outpost") => 4,
        _ => {
            let bucket = (service == "s3" && region.is_empty() && !resource.is_empty())
                .then(|| format!("s3://{resource}"));
            return Err(S3UriError::Arn(rest.to_owned(), bucket));
        }
    };
    let base = rest.len() - resource.len();
    let mut ends = resource.match_indices([':', '/']).map(|(at, _)| at).skip(names - 1);
    let end = ends.next();
    let mut named = resource[..end.unwrap_or(resource.len())].split([':', '/']);
    let (named, last) = (named.clone().count(), named.next_back().unwrap_or_default());
    if named < names || last.is_empty() {
        return Err(S3UriError::Arn(rest.to_owned(), None));
    }
    if region.is_empty() {
        return Err(S3UriError::MultiRegion(rest[..base + end.unwrap_or(resource.len())].to_owned()));
    }
    Ok(end.map(|end| base + end))
}

impl fmt::Display for S3Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix.is_empty() {
            return write!(f, "s3://{}", self.bucket);
        }
        f.write_str(&self.of_key(&self.prefix))
    }
}

/// Percent-encodes what a terminal or a line of text must not hold. `%` is encoded too, so that two keys
/// never share one URI.
fn push_encoded(out: &mut String, key: &str) {
    if key.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'%') {
        out.push_str(key);
        return;
    }
    let mut utf8 = [0; 4];
    for ch in key.chars() {
        if ch == '%' || is_unprintable(ch) {
            for byte in ch.encode_utf8(&mut utf8).bytes() {
                // Writing to a String cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.push(ch);
        }
    }
}

/// Undoes `encoding-type=url`, under which S3 also writes a blank as `+`. `None`: not UTF-8.
pub(super) fn decode_listed(text: &str) -> Option<String> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Some(text.to_owned());
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_prefixes_are_split_at_the_first_slash() {
        for (text, bucket, prefix) in [
            ("s3://trail", "trail", ""),
            ("s3://trail/", "trail", ""),
            ("S3://trail/AWSLogs/1", "trail", "AWSLogs/1"),
            ("s3://trail//odd", "trail", "/odd"),
            ("s3://trail/a%20b", "trail", "a%20b"),
            (
                "s3://arn:aws:s3:eu-west-1:111122223333:accesspoint/ap/AWSLogs/",
                "arn:aws:s3:eu-west-1:111122223333:accesspoint/ap",
                "AWSLogs/",
            ),
            (
                "s3://arn:aws:s3:eu-west-1:111122223333:accesspoint:ap/AWSLogs/a:b",
                "arn:aws:s3:eu-west-1:111122223333:accesspoint:ap",
                "AWSLogs/a:b",
            ),
            (
                "s3://arn:aws-cn:s3:cn-north-1:111122223333:accesspoint:ap",
                "arn:aws-cn:s3:cn-north-1:111122223333:accesspoint:ap",
                "",
            ),
            (
                "s3://arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-01ac5d28a6a232904/accesspoint/ap/AWSLogs",
                "arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-01ac5d28a6a232904/accesspoint/ap",
                "AWSLogs",
            ),
            (
                "s3://arn:aws:s3-outposts:us-west-2:111122223333:outpost:op-01ac5d28a6a232904:accesspoint:ap",
                "arn:aws:s3-outposts:us-west-2:111122223333:outpost:op-01ac5d28a6a232904:accesspoint:ap",
                "",
            ),
        ] {
            let uri = S3Uri::parse(text).unwrap();
            assert_eq!((uri.bucket.as_str(), uri.prefix.as_str()), (bucket, prefix), "{text}");
        }
        assert_eq!(S3Uri::parse("s3:///key"), Err(S3UriError::NoBucket("s3:///key".into())));
        assert!(matches!(S3Uri::parse("file:///x"), Err(S3UriError::Scheme(_))));
        assert!(matches!(S3Uri::parse("s3://a b/x"), Err(S3UriError::BucketName(_))));
        for (text, words) in [
            (
                "s3://arn:aws:s3::111122223333:accesspoint/mfzwi23gnjvgw.mrap/AWSLogs",
                "multi-Region access point",
            ),
            ("s3://arn:aws:s3::111122223333:accesspoint:mfzwi23gnjvgw.mrap", "multi-Region access point"),
            ("s3://arn:aws:s3:::trail/AWSLogs", "did you mean s3://trail/AWSLogs?"),
            ("s3://arn:aws:s3:eu-west-1:111122223333:accesspoint", "is no access point"),
            ("s3://arn:aws:s3:eu-west-1:111122223333:accesspoint/", "is no access point"),
            ("s3://arn:aws:s3-object-lambda:eu-west-1:111122223333:accesspoint/ap", "is no access point"),
            ("s3://arn:aws:s3-outposts:us-west-2:111122223333:outpost/op-1", "is no access point"),
        ] {
            let error = S3Uri::parse(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn keys_cannot_forge_lines_or_each_other() {
        let uri = S3Uri::parse("s3://b").unwrap();
        for key in ["a b/ü.json", "a\n%0A%", ""] {
            assert_eq!(uri.key_of(&uri.of_key(key)).as_deref(), Some(key));
        }
        assert_eq!(uri.of_key("a b/ü.json"), "s3://b/a b/ü.json");
        assert_eq!(uri.of_key("a\n\u{1b}[31m\u{202e}x%0A"), "s3://b/a%0A%1B[31m%E2%80%AEx%250A");
    }

    #[test]
    fn listed_keys_are_decoded() {
        assert_eq!(decode_listed("a/b.json").as_deref(), Some("a/b.json"));
        assert_eq!(decode_listed("a+b%2Bc%0A%C3%BC").as_deref(), Some("a b+c\nü"));
        assert_eq!(decode_listed("%FF"), None);
    }
}
