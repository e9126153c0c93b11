//! A digest file: what it says, and the text that CloudTrail signs for it.
//!
//! CloudTrail writes one each hour for each trail and region: the hashes of the logs that it delivered in that
//! hour, and name, hash and signature of the digest before. The signature is not in the file but in the metadata
//! of its S3 object. It covers four lines: `digestEndTime`, `bucket/key`, the SHA-256 of the inflated file, and
//! the signature before, or `null` where a chain begins.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use sha2::{Digest as _, Sha256};

use crate::hex::{hex, unhex};

/// SHA-256 of inflated bytes.
pub type Hash = [u8; 32];

/// A digest, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest<'d> {
    /// `awsAccountId`
    pub account: Option<Cow<'d, str>>,
    /// `digestStartTime`
    pub start: Timestamp,
    /// `digestEndTime`
    pub end: Timestamp,
    /// `digestS3Bucket`
    pub bucket: Cow<'d, str>,
    /// `digestS3Object`
    pub key: Cow<'d, str>,
    /// `digestPublicKeyFingerprint`
    pub fingerprint: Cow<'d, str>,
    /// The digest before; `None` where a chain begins.
    pub previous: Option<Previous>,
    /// `logFiles`
    pub logs: Vec<LogFile<'d>>,
    /// SHA-256 of this file, inflated.
    pub hash: Hash,
    /// What CloudTrail signs.
    pub to_sign: String,
}

/// The digest before another one, as that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// `previousDigestS3Bucket`
    pub bucket: String,
    /// `previousDigestS3Object`
    pub key: String,
    /// `previousDigestHashValue`
    pub hash: Hash,
    /// `previousDigestSignature`
    pub signature: String,
}

/// A log that a digest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile<'d> {
    /// `s3Bucket`
    pub bucket: Cow<'d, str>,
    /// `s3Object`
    pub key: Cow<'d, str>,
    /// `hashValue`, of the inflated file.
    pub hash: Hash,
}

/// Why a file is no digest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// Not JSON, or a field is missing or of another type.
    #[error("it is no digest")]
    Json(#[from] serde_json::Error),
    /// A field holds what it cannot.
    #[error("{field} is {value:?}")]
    Field {
        /// The field.
        field: &'static str,
        /// The beginning of what it holds.
        value: String,
    },
    /// Another algorithm than CloudTrail's.
    #[error("{field} is {value:?}, and CloudTrail uses {expected}")]
    Algorithm {
        /// The field.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// The previous digest is named in part.
    #[error("it names the digest before in part: {0} is missing")]
    HalfLinked(&'static str),
    /// The hour ends before it begins.
    #[error("its time ends at {end}, which is not after its start at {start}")]
    NoTime {
        /// The start.
        start: Timestamp,
        /// The end.
        end: Timestamp,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw<'d> {
    #[serde(borrow)]
    aws_account_id: Option<Cow<'d, str>>,
    digest_start_time: Cow<'d, str>,
    digest_end_time: Cow<'d, str>,
    #[serde(rename = "digestS3Bucket")]
    digest_bucket: Cow<'d, str>,
    #[serde(rename = "digestS3Object")]
    digest_object: Cow<'d, str>,
    digest_public_key_fingerprint: Cow<'d, str>,
    digest_signature_algorithm: Option<Cow<'d, str>>,
    #[serde(rename = "previousDigestS3Bucket")]
    previous_bucket: Option<Cow<'d, str>>,
    #[serde(rename = "previousDigestS3Object")]
    previous_object: Option<Cow<'d, str>>,
    previous_digest_hash_value: Option<Cow<'d, str>>,
    previous_digest_hash_algorithm: Option<Cow<'d, str>>,
    // A chain's beginning says null; a file that says nothing is no digest.
    #[serde(deserialize_with = "present")]
    previous_digest_signature: Option<Cow<'d, str>>,
    log_files: Option<Vec<RawLog<'d>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawLog<'d> {
    #[serde(borrow, rename = "s3Bucket")]
    bucket: Cow<'d, str>,
    #[serde(rename = "s3Object")]
    object: Cow<'d, str>,
    hash_value: Cow<'d, str>,
    hash_algorithm: Option<Cow<'d, str>>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    Option::deserialize(deserializer)
}

impl<'d> Digest<'d> {
    /// Takes apart an inflated digest file.
    ///
    /// # Errors
    ///
    /// Fails where the bytes are no digest, where a time or a hash is none, where an algorithm is not
    /// CloudTrail's, and where the previous digest is named in part.
    pub fn parse(bytes: &'d [u8]) -> Result<Self, DigestError> {
        let raw: Raw<'d> = serde_json::from_slice(bytes)?;
        algorithm("digestSignatureAlgorithm", raw.digest_signature_algorithm.as_deref(), "SHA256withRSA")?;
        let start = time("digestStartTime", &raw.digest_start_time)?;
        let end = time("digestEndTime", &raw.digest_end_time)?;
        if end <= start {
            return Err(DigestError::NoTime { start, end });
        }
        let digest_hash: Hash = Sha256::digest(bytes).into();
        let signature = raw.previous_digest_signature.as_deref();
        let to_sign = format!(
            "{}\n{}/{}\n{}\n{}",
            raw.digest_end_time,
            raw.digest_bucket,
            raw.digest_object,
            hex(&digest_hash),
            signature.unwrap_or("null")
        );
        let previous = previous(&raw)?;
        let logs = raw.log_files.unwrap_or_default().into_iter().map(log).collect::<Result<_, _>>()?;
        Ok(Self {
            account: raw.aws_account_id,
            start,
            end,
            bucket: raw.digest_bucket,
            key: raw.digest_object,
            fingerprint: raw.digest_public_key_fingerprint,
            previous,
            logs,
            hash: digest_hash,
            to_sign,
        })
    }
}

fn previous(raw: &Raw<'_>) -> Result<Option<Previous>, DigestError> {
    let (bucket, key) = (raw.previous_bucket.as_deref(), raw.previous_object.as_deref());
    let (value, signature) =
        (raw.previous_digest_hash_value.as_deref(), raw.previous_digest_signature.as_deref());
    if (bucket, key, value, signature) == (None, None, None, None) {
        return Ok(None);
    }
    algorithm("previousDigestHashAlgorithm", raw.previous_digest_hash_algorithm.as_deref(), "SHA-256")?;
    let all = |field, value: Option<&str>| value.map(str::to_owned).ok_or(DigestError::HalfLinked(field));
    Ok(Some(Previous {
        bucket: all("previousDigestS3Bucket", bucket)?,
        key: all("previousDigestS3Object", key)?,
        hash: hash("previousDigestHashValue", &all("previousDigestHashValue", value)?)?,
        signature: all("previousDigestSignature", signature)?,
    }))
}

fn log(raw: RawLog<'_>) -> Result<LogFile<'_>, DigestError> {
    algorithm("logFiles[].hashAlgorithm", raw.hash_algorithm.as_deref(), "SHA-256")?;
    let hash = hash("logFiles[].hashValue", &raw.hash_value)?;
    Ok(LogFile { bucket: raw.bucket, key: raw.object, hash })
}

fn algorithm(field: &'static str, value: Option<&str>, expected: &'static str) -> Result<(), DigestError> {
    match value {
        Some(value) if value != expected => {
            Err(DigestError::Algorithm { field, value: beginning(value), expected })
        }
        _ => Ok(()),
    }
}

fn time(field: &'static str, text: &str) -> Result<Timestamp, DigestError> {
    text.parse().map_err(|_no_time| DigestError::Field { field, value: beginning(text) })
}

fn hash(field: &'static str, text: &str) -> Result<Hash, DigestError> {
    unhex(text)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| DigestError::Field { field, value: beginning(text) })
}

fn beginning(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = r#"{"awsAccountId":"111122223333","digestStartTime":"2024-05-01T00:00:00Z","digestEndTime":"20240501T010000Z","digestS3Bucket":"b","digestS3Object":"c","digestPublicKeyFingerprint":"f","digestSignatureAlgorithm":"SHA256withRSA","newestEventTime":null,"oldestEventTime":null,"previousDigestS3Bucket":null,"previousDigestS3Object":null,"previousDigestHashValue":null,"previousDigestHashAlgorithm":null,"previousDigestSignature":null,"logFiles":[]}"#;

    fn linked() -> String {
        let hash = "ab".repeat(32);
        EMPTY
            .replace(r#"previousDigestS3Bucket":null"#, r#"previousDigestS3Bucket":"p""#)
            .replace(r#"previousDigestS3Object":null"#, r#"previousDigestS3Object":"q""#)
            .replace(r#"previousDigestHashValue":null"#, &format!(r#"previousDigestHashValue":"{hash}""#))
            .replace(r#"previousDigestHashAlgorithm":null"#, r#"previousDigestHashAlgorithm":"SHA-256""#)
            .replace(r#"previousDigestSignature":null"#, r#"previousDigestSignature":"00ff""#)
    }

    #[test]
    fn the_signed_text_has_the_times_own_spelling_and_null_where_a_chain_begins() {
        let hash = hex(&Sha256::digest(EMPTY));
        let digest = Digest::parse(EMPTY.as_bytes()).unwrap();
        assert_eq!(digest.to_sign, format!("20240501T010000Z\nb/c\n{hash}\nnull"));
        assert_eq!((digest.previous.is_none(), digest.logs.len()), (true, 0));
        let linked = linked();
        let digest = Digest::parse(linked.as_bytes()).unwrap();
        assert!(digest.to_sign.ends_with("\n00ff"), "{}", digest.to_sign);
        assert_eq!(digest.previous.unwrap().key, "q");
    }

    #[test]
    fn what_is_no_digest_says_why() {
        let cases = [
            (EMPTY.replace("SHA256withRSA", "SHA1withRSA"), "SHA1withRSA"),
            (EMPTY.replace("2024-05-01T00:00:00Z", "yesterday"), "digestStartTime"),
            (EMPTY.replace("20240501T010000Z", "2024-05-01T00:00:00Z"), "not after its start"),
            (EMPTY.replace(r#","previousDigestSignature":null"#, ""), "no digest"),
            (EMPTY.replace(r#""digestS3Bucket":"b","#, ""), "no digest"),
            (linked().replace(r#""q""#, "null"), "previousDigestS3Object is missing"),
            (linked().replace("SHA-256", "MD5"), "MD5"),
            (linked().replace("abab", "xyxy"), "previousDigestHashValue"),
            (
                EMPTY.replace(
                    "[]",
                    r#"[{"s3Bucket":"b","s3Object":"o","hashValue":"00","hashAlgorithm":"SHA-256"}]"#,
                ),
                "hashValue",
            ),
            (
                EMPTY.replace(
                    "[]",
                    r#"[{"s3Bucket":"b","s3Object":"o","hashValue":"00","hashAlgorithm":"SHA-1"}]"#,
                ),
                "SHA-1",
            ),
            (EMPTY.replace(r#""logFiles":[]"#, r#""logFiles":[],"logFiles":[]"#), "no digest"),
            ("{{{".into(), "no digest"),
            (String::new(), "no digest"),
        ];
        for (text, why) in cases {
            let error = Digest::parse(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{error:?} in place of {why:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_change_of_a_digest_is_read_or_refused(at in 0_usize..800, byte in proptest::num::u8::ANY) {
            let mut bytes = linked().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _read = Digest::parse(&bytes);
        }
    }
}
