//! The digests of one day: 24 hours of the stand-alone account's trail in us-east-1, signed with the tests' key, which
//! everybody knows. The list of public keys is what `aws cloudtrail list-public-keys` would print of it.

use crate::bucket::Object;
use crate::story::VICTIM;
use anyhow::{Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const BUCKET: &str = "example-security-archive";
const REGION: &str = "us-east-1";
const FINGERPRINT: &str = "6f34e776f5b137ae98c7d884df73beaf";
const DAY: &str = "2025-11-18T00:00:00Z";
const KEY: &[u8] = include_bytes!("../../../../../tests/data/signing/trusted.pk8");

/// The public key's list, the digests, and what stands beside the newest: in S3 its signature is metadata of the
/// object, which a copy on disk has lost.
///
/// # Errors
///
/// Fails where the key is none (a mistake in the tests' data).
pub(crate) fn signed(objects: &[Object]) -> Result<Vec<Object>> {
    let key = RsaKeyPair::from_pkcs8(KEY).map_err(|why| anyhow!("the tests' key: {why}"))?;
    let mut made = vec![file("signing/public.keys".to_owned(), &public_keys(&key))];
    let (mut start, mut previous): (Timestamp, Option<Previous>) = (DAY.parse()?, None);
    for _ in 0..24 {
        let end = start.checked_add(SignedDuration::from_hours(1))?;
        let (digest, link) = hour(&key, objects, (start, end), previous.as_ref())?;
        made.push(digest);
        (start, previous) = (end, Some(link));
    }
    if let Some(newest) = previous {
        let head =
            json!({"Metadata": {"signature": newest.signature, "signature-algorithm": "SHA256withRSA"}});
        made.push(file(format!("{}.head.json", newest.key), &head));
    }
    Ok(made)
}

/// What a digest says of the one before it.
struct Previous {
    key: String,
    hash: String,
    signature: String,
}

fn hour(
    key: &RsaKeyPair,
    objects: &[Object],
    (start, end): (Timestamp, Timestamp),
    previous: Option<&Previous>,
) -> Result<(Object, Previous)> {
    let delivered = format!("{VICTIM}_CloudTrail_{REGION}_{}", start.strftime("%Y%m%dT%H"));
    let logs: Vec<&Object> =
        objects.iter().filter(|object| object.key.contains(&format!("/{delivered}"))).collect();
    let name = format!(
        "AWSLogs/{VICTIM}/CloudTrail-Digest/{REGION}/{}/{VICTIM}_CloudTrail-Digest_{REGION}_security-archive_{REGION}_{}.json.gz",
        end.strftime("%Y/%m/%d"),
        end.strftime("%Y%m%dT%H%M%SZ")
    );
    let digest = json!({
        "awsAccountId": VICTIM,
        "digestStartTime": start.to_string(),
        "digestEndTime": end.to_string(),
        "digestS3Bucket": BUCKET,
        "digestS3Object": name,
        "digestPublicKeyFingerprint": FINGERPRINT,
        "digestSignatureAlgorithm": "SHA256withRSA",
        "newestEventTime": logs.iter().map(|log| log.span.1.as_str()).max(),
        "oldestEventTime": logs.iter().map(|log| log.span.0.as_str()).min(),
        "previousDigestS3Bucket": previous.map(|_| BUCKET),
        "previousDigestS3Object": previous.map(|previous| &previous.key),
        "previousDigestHashValue": previous.map(|previous| &previous.hash),
        "previousDigestHashAlgorithm": previous.map(|_| "SHA-256"),
        "previousDigestSignature": previous.map(|previous| &previous.signature),
        "logFiles": logs.iter().map(|log| json!({
            "s3Bucket": BUCKET,
            "s3Object": log.key,
            "hashValue": sha256(&log.text),
            "hashAlgorithm": "SHA-256",
            "newestEventTime": log.span.1,
            "oldestEventTime": log.span.0,
        })).collect::<Vec<_>>(),
    });
    let digest = file(name.clone(), &digest);
    let hash = sha256(&digest.text);
    let before = previous.map_or("null", |previous| &previous.signature);
    let text = format!("{end}\n{BUCKET}/{name}\n{hash}\n{before}");
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
        .map_err(|_unspecified| anyhow!("the tests' key does not sign"))?;
    Ok((digest, Previous { key: name, hash, signature: hex(&signature) }))
}

fn public_keys(key: &RsaKeyPair) -> Value {
    json!({"PublicKeyList": [{
        "Value": STANDARD.encode(key.public_key().as_ref()),
        "ValidityStartTime": "2025-11-01T00:00:00+00:00",
        "ValidityEndTime": "2025-12-01T00:00:00+00:00",
        "Fingerprint": FINGERPRINT,
    }]})
}

fn file(key: String, json: &Value) -> Object {
    Object { key, text: json.to_string(), records: 0, span: Default::default() }
}

fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
