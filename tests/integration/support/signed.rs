//! Buckets with signed digests, made with keys of the tests' own, and whole until somebody changes them.

#![allow(dead_code, reason = "the library's own tests and the integration tests use parts of it")]

use std::collections::BTreeMap;
use std::io::Write as _;

use jiff::{SignedDuration, Timestamp};
use ring::signature::KeyPair as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The fingerprint of the key that CloudTrail would sign with.
pub(crate) const FINGERPRINT: &str = "6f34e776f5b137ae98c7d884df73beaf";
/// The fingerprint of a forger's key.
pub(crate) const OTHER_FINGERPRINT: &str = "0123456789abcdef0123456789abcdef";

/// Who signs.
pub(crate) struct Signer(ring::signature::RsaKeyPair);

impl Signer {
    pub(crate) fn trusted() -> Self {
        Self(
            ring::signature::RsaKeyPair::from_pkcs8(include_bytes!("../../data/signing/trusted.pk8"))
                .unwrap(),
        )
    }

    pub(crate) fn other() -> Self {
        Self(ring::signature::RsaKeyPair::from_pkcs8(include_bytes!("../../data/signing/other.pk8")).unwrap())
    }

    /// PKCS#1 v1.5 with SHA-256, in hexadecimal digits.
    pub(crate) fn sign(&self, text: &[u8]) -> String {
        let mut signature = vec![0; self.0.public().modulus_len()];
        let random = ring::rand::SystemRandom::new();
        self.0.sign(&ring::signature::RSA_PKCS1_SHA256, &random, text, &mut signature).unwrap();
        hex(&signature)
    }

    /// DER, PKCS#1.
    pub(crate) fn public_key(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }
}

/// What `aws cloudtrail list-public-keys` would print of the trusted key.
pub(crate) fn key_list() -> String {
    use base64::Engine as _;
    let value = base64::engine::general_purpose::STANDARD.encode(Signer::trusted().public_key());
    json!({"PublicKeyList": [{
        "Value": value,
        "ValidityStartTime": "2020-01-01T00:00:00+00:00",
        "ValidityEndTime": "2030-01-01T00:00:00+00:00",
        "Fingerprint": FINGERPRINT,
    }]})
    .to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// One gzip member.
pub(crate) fn gzipped(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// An object of a bucket.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    /// Metadata of the S3 object.
    pub(crate) metadata: BTreeMap<String, String>,
}

/// The objects of a bucket, by key.
pub(crate) type Files = BTreeMap<String, File>;

/// A trail of one account and region, whose digests are made hour after hour.
pub(crate) struct Trail {
    pub(crate) account: String,
    /// Whose logs they are, where that is another one.
    pub(crate) member: Option<String>,
    pub(crate) region: String,
    pub(crate) name: String,
    pub(crate) home: String,
    pub(crate) bucket: String,
    pub(crate) log_bucket: String,
    /// `p/`, or nothing.
    pub(crate) prefix: String,
    /// `o-abc123/`, or nothing.
    pub(crate) organization: String,
    /// Where the next digest begins.
    pub(crate) at: Timestamp,
    pub(crate) signer: Signer,
    pub(crate) fingerprint: String,
    /// Bucket, key, hash and signature of the last digest.
    pub(crate) previous: Option<[String; 4]>,
    pub(crate) backfill: bool,
    /// Numbers the logs.
    pub(crate) logs: u32,
}

impl Trail {
    /// A trail of account 111122223333 in us-east-1, from midnight of 2024-05-01 on.
    pub(crate) fn new() -> Self {
        Self::of("111122223333", "us-east-1", "trail")
    }

    pub(crate) fn of(account: &str, region: &str, name: &str) -> Self {
        Self {
            account: account.into(),
            member: None,
            region: region.into(),
            name: name.into(),
            home: "us-east-1".into(),
            bucket: "logs".into(),
            log_bucket: "logs".into(),
            prefix: String::new(),
            organization: String::new(),
            at: "2024-05-01T00:00:00Z".parse().unwrap(),
            signer: Signer::trusted(),
            fingerprint: FINGERPRINT.into(),
            previous: None,
            backfill: false,
            // Two trails of one region never deliver files of one name.
            logs: 1000 * u32::try_from(name.len()).unwrap(),
        }
    }

    fn folder(&self, account: &str, kind: &str, time: Timestamp) -> String {
        format!(
            "{}AWSLogs/{}{account}/{kind}/{}/{}/{account}_{kind}_{}",
            self.prefix,
            self.organization,
            self.region,
            time.strftime("%Y/%m/%d"),
            self.region
        )
    }

    /// The key of the digest that ends then.
    pub(crate) fn digest_key(&self, end: Timestamp) -> String {
        let folder = self.folder(&self.account, "CloudTrail-Digest", end);
        let end = end.strftime("%Y%m%dT%H%M%SZ");
        let backfill = if self.backfill { "_backfill" } else { "" };
        format!("{folder}_{}_{}_{end}{backfill}.json.gz", self.name, self.home)
    }

    /// An hour: its logs, minutes apart, and the digest that names them. Returns the digest's key.
    pub(crate) fn hour<T: AsRef<str>>(
        &mut self,
        files: &mut Files,
        logs: impl IntoIterator<Item = T>,
    ) -> String {
        self.hour_with(files, logs, |_| {})
    }

    /// Writes an hour as [`hour`](Self::hour) does, with a change of the digest before it is signed.
    pub(crate) fn hour_with<T: AsRef<str>>(
        &mut self,
        files: &mut Files,
        logs: impl IntoIterator<Item = T>,
        change: impl FnOnce(&mut Value),
    ) -> String {
        let mut named = Vec::new();
        for (n, text) in (0_i64..).zip(logs) {
            let time = self.at + SignedDuration::from_mins(5 * (n % 11));
            let account = self.member.clone().unwrap_or_else(|| self.account.clone());
            let folder = self.folder(&account, "CloudTrail", time);
            let key = format!("{folder}_{}_{:016}.json.gz", time.strftime("%Y%m%dT%H%MZ"), self.logs);
            self.logs += 1;
            let text = text.as_ref().as_bytes();
            named.push(json!({
                "s3Bucket": self.log_bucket, "s3Object": key, "hashValue": sha256(text), "hashAlgorithm": "SHA-256",
                "newestEventTime": time.to_string(), "oldestEventTime": time.to_string(),
            }));
            files.insert(key, File { bytes: gzipped(text), metadata: BTreeMap::new() });
        }
        self.digest(files, named, change)
    }

    /// A digest of the next hour over these entries.
    pub(crate) fn digest(
        &mut self,
        files: &mut Files,
        named: Vec<Value>,
        change: impl FnOnce(&mut Value),
    ) -> String {
        let end = self.at + SignedDuration::from_hours(1);
        let key = self.digest_key(end);
        let previous = |at: usize| self.previous.as_ref().map(|previous| previous[at].clone());
        let mut digest = json!({
            "awsAccountId": self.account,
            "digestStartTime": self.at.to_string(),
            "digestEndTime": end.to_string(),
            "digestS3Bucket": self.bucket,
            "digestS3Object": key,
            "digestPublicKeyFingerprint": self.fingerprint,
            "digestSignatureAlgorithm": "SHA256withRSA",
            "newestEventTime": null,
            "oldestEventTime": null,
            "previousDigestS3Bucket": previous(0),
            "previousDigestS3Object": previous(1),
            "previousDigestHashValue": previous(2),
            "previousDigestHashAlgorithm": self.previous.as_ref().map(|_| "SHA-256"),
            "previousDigestSignature": previous(3),
            "logFiles": named,
        });
        change(&mut digest);
        let text = digest.to_string();
        let signature = sign(&self.signer, &digest, text.as_bytes());
        let mut metadata: BTreeMap<String, String> =
            [("signature", signature.clone()), ("signature-algorithm", "SHA256withRSA".into())]
                .map(|(name, value)| (name.to_owned(), value))
                .into();
        if self.backfill {
            metadata.insert("backfill-generation-timestamp".into(), "2024-05-03T00:00:00Z".into());
        }
        files.insert(key.clone(), File { bytes: gzipped(text.as_bytes()), metadata });
        self.previous = Some([self.bucket.clone(), key.clone(), sha256(text.as_bytes()), signature]);
        self.at = end;
        key
    }

    /// The trail is off for hours, and then begins a new chain.
    pub(crate) fn pause(&mut self, hours: i64) {
        self.at += SignedDuration::from_hours(hours);
        self.previous = None;
    }
}

/// The signature over a digest's text.
pub(crate) fn sign(signer: &Signer, digest: &Value, text: &[u8]) -> String {
    let field = |name: &str| digest[name].as_str().unwrap_or("null").to_owned();
    let to_sign = format!(
        "{}\n{}/{}\n{}\n{}",
        field("digestEndTime"),
        field("digestS3Bucket"),
        field("digestS3Object"),
        sha256(text),
        field("previousDigestSignature")
    );
    signer.sign(to_sign.as_bytes())
}

/// What a gzipped object inflates to.
pub(crate) fn text_of(file: &File) -> Vec<u8> {
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::MultiGzDecoder::new(&*file.bytes), &mut text).unwrap();
    text
}

/// Changes a digest and leaves its signature as it is, or signs it again.
pub(crate) fn change_digest(file: &mut File, again: Option<&Signer>, change: impl FnOnce(&mut Value)) {
    let mut digest: Value = serde_json::from_slice(&text_of(file)).unwrap();
    change(&mut digest);
    let text = digest.to_string();
    file.bytes = gzipped(text.as_bytes());
    if let Some(signer) = again {
        file.metadata.insert("signature".into(), sign(signer, &digest, text.as_bytes()));
    }
}

/// Puts a bucket on disk below a folder, with the answers to HEADs beside its digests.
pub(crate) fn put_on_disk(files: &Files, folder: &std::path::Path) {
    for (key, file) in files {
        let path = folder.join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &file.bytes).unwrap();
        if !file.metadata.is_empty() {
            let head = json!({"ContentLength": file.bytes.len(), "Metadata": file.metadata});
            std::fs::write(format!("{}.head.json", path.display()), head.to_string()).unwrap();
        }
    }
}
