//! CloudTrail's public keys, and what they say of a signature.
//!
//! `aws cloudtrail list-public-keys` prints the keys of a region: RSA, DER in PKCS#1 form, each with a
//! fingerprint and the time in which CloudTrail signs with it. A digest names the fingerprint of its key. AWS
//! does not say how a fingerprint follows from a key, so it is only compared, as aws-cli does. A key that is
//! no key is kept with its fault: the digests that name it can then say why they are not proven.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::der::modulus_bits;

/// RSA keys with fewer bits are refused: they can be broken.
const LEAST_BITS: usize = 1024;
/// RSA keys with more bits are refused: each signature would take long.
const MOST_BITS: usize = 8192;
/// How long after the end of its hour a digest may be signed.
const SIGNED_WITHIN: SignedDuration = SignedDuration::from_hours(2);

/// Keys by fingerprint.
#[derive(Clone, Debug, Default)]
pub struct PublicKeys {
    keys: HashMap<String, Vec<PublicKey>>,
    /// Fingerprints in the order in which they came.
    order: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
struct PublicKey {
    listed: Listed,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    der: Result<Vec<u8>, String>,
}

/// A key as `list-public-keys` prints it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    value: String,
    #[serde(default)]
    validity_start_time: Value,
    #[serde(default)]
    validity_end_time: Value,
    fingerprint: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    public_key_list: Vec<Listed>,
    #[serde(default)]
    next_token: Option<String>,
}

/// A list of keys that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyListError {
    /// Not what `aws cloudtrail list-public-keys` prints.
    #[error("not the output of `aws cloudtrail list-public-keys`")]
    NotAList(#[source] serde_json::Error),
    /// No key in it.
    #[error("it holds no key")]
    Empty,
    /// The last page names a further one.
    #[error("it is the first part of a longer list: its last page has a NextToken")]
    Unfinished,
}

/// What a signature is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureCheck {
    /// CloudTrail signed this.
    Valid,
    /// CloudTrail did not, with the reason.
    Invalid(String),
    /// No key is there to tell by. `other_keys`: keys of that time are there, and none of them fits.
    NoKey {
        /// The reason.
        why: String,
        /// Whether the list covers the time of signing.
        other_keys: bool,
    },
}

impl PublicKeys {
    /// Adds what `aws cloudtrail list-public-keys` printed: one document, or several pages one after another.
    /// Returns how many keys came.
    ///
    /// # Errors
    ///
    /// Fails where the text is no such list, where it holds no key, and where its last page names a further one.
    pub fn add_list(&mut self, text: &[u8]) -> Result<usize, KeyListError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let (mut count, mut more) = (0, false);
        for page in serde_json::Deserializer::from_slice(text).into_iter::<List>() {
            let page = page.map_err(KeyListError::NotAList)?;
            more = page.next_token.is_some_and(|token| !token.is_empty());
            for listed in page.public_key_list {
                count += 1;
                self.add(listed);
            }
        }
        match (count, more) {
            (_, true) => Err(KeyListError::Unfinished),
            (0, _) => Err(KeyListError::Empty),
            (count, _) => Ok(count),
        }
    }

    /// Adds one page of what CloudTrail answers, which may hold no key.
    ///
    /// # Errors
    ///
    /// Fails where the text is no such page.
    pub fn add_page(&mut self, text: &[u8]) -> Result<(), KeyListError> {
        let page: List = serde_json::from_slice(text).map_err(KeyListError::NotAList)?;
        page.public_key_list.into_iter().for_each(|listed| self.add(listed));
        Ok(())
    }

    /// Returns how many fingerprints there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    fn add(&mut self, listed: Listed) {
        let (from, to) = (time(&listed.validity_start_time), time(&listed.validity_end_time));
        let der = STANDARD
            .decode(listed.value.trim())
            .map_err(|error| format!("it is not Base64: {error}"))
            .and_then(|der| usable(&der).map(|()| der));
        let key = PublicKey { from, to, der, listed };
        let same = self.keys.entry(key.listed.fingerprint.clone()).or_default();
        if same.is_empty() {
            self.order.push(key.listed.fingerprint.clone());
        }
        if !same.contains(&key) {
            same.push(key);
        }
    }

    /// Returns whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns whether there is a key of this fingerprint.
    pub fn contains(&self, fingerprint: &str) -> bool {
        self.keys.contains_key(fingerprint)
    }

    /// Returns the list as `aws cloudtrail list-public-keys` prints it.
    pub fn to_json(&self) -> Value {
        let listed: Vec<&Listed> = self
            .order
            .iter()
            .filter_map(|name| self.keys.get(name))
            .flatten()
            .map(|key| &key.listed)
            .collect();
        serde_json::json!({ "PublicKeyList": listed })
    }

    /// Checks an RSA signature (PKCS#1 v1.5, SHA-256) in hexadecimal digits over `text` by the key of this
    /// fingerprint. `signed` is the time of signing, where it is known.
    pub fn check(
        &self,
        fingerprint: &str,
        signed: Option<Timestamp>,
        text: &[u8],
        signature: &str,
    ) -> SignatureCheck {
        let Some(same) = self.keys.get(fingerprint) else {
            let other_keys = self.keys.values().flatten().any(|key| key.signs_at(signed));
            return SignatureCheck::NoKey {
                why: format!("there is no public key with fingerprint {fingerprint:?} in the list"),
                other_keys,
            };
        };
        let Some(key) = same.iter().find(|key| key.signs_at(signed)) else {
            let why = format!(
                "the key with fingerprint {fingerprint:?} did not sign at that time: it is of {}",
                same.iter().map(PublicKey::validity).collect::<Vec<_>>().join(", ")
            );
            return SignatureCheck::NoKey { why, other_keys: true };
        };
        let der = match &key.der {
            Ok(der) => der,
            Err(why) => {
                let why = format!("the key with fingerprint {fingerprint:?} cannot be used: {why}");
                return SignatureCheck::NoKey { why, other_keys: false };
            }
        };
        let Some(signature) = crate::hex::unhex(signature.trim()) else {
            return SignatureCheck::Invalid("the signature is not hexadecimal digits".into());
        };
        let key = ring::signature::UnparsedPublicKey::new(
            &ring::signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
            der,
        );
        match key.verify(text, &signature) {
            Ok(()) => SignatureCheck::Valid,
            Err(ring::error::Unspecified) => {
                SignatureCheck::Invalid("the signature is not that of the key which it names".into())
            }
        }
    }
}

impl PublicKey {
    fn signs_at(&self, signed: Option<Timestamp>) -> bool {
        let Some(signed) = signed else { return true };
        let last = signed.checked_add(SIGNED_WITHIN).unwrap_or(signed);
        self.from.is_none_or(|from| from <= last) && self.to.is_none_or(|to| to >= signed)
    }

    fn validity(&self) -> String {
        let text = |time: Option<Timestamp>| time.map_or_else(|| "…".to_owned(), |time| time.to_string());
        format!("{} to {}", text(self.from), text(self.to))
    }
}

/// Reads a time, which aws-cli prints as text or, in version 1, as seconds.
fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(seconds) => {
            let millis = seconds.as_f64()? * 1000.0;
            // Saturates at the ends, and jiff refuses what lies outside of its years.
            Timestamp::from_millisecond(millis as i64).ok()
        }
        _ => None,
    }
}

/// Returns whether DER is an RSA public key in PKCS#1 form (RFC 8017, A.1.1) of a length that is neither too weak nor
/// too slow.
fn usable(der: &[u8]) -> Result<(), String> {
    let bits = modulus_bits(der).ok_or("it is not an RSA public key in PKCS#1 DER")?;
    if bits < LEAST_BITS {
        return Err(format!("its {bits} bits are too weak (at least {LEAST_BITS})"));
    }
    if bits > MOST_BITS {
        return Err(format!("its {bits} bits are too many (at most {MOST_BITS})"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::testing::{FINGERPRINT, OTHER_FINGERPRINT, Signer, key_list};

    fn list(value: &str, from: &str, to: &str) -> String {
        format!(
            r#"{{"PublicKeyList":[{{"Value":"{value}","ValidityStartTime":{from},"ValidityEndTime":{to},"Fingerprint":"{FINGERPRINT}"}}]}}"#
        )
    }

    fn check(list: &str, signed: &str) -> SignatureCheck {
        let mut keys = PublicKeys::default();
        keys.add_list(list.as_bytes()).unwrap();
        let signer = Signer::trusted();
        keys.check(FINGERPRINT, Some(signed.parse().unwrap()), b"text", &signer.sign(b"text"))
    }

    /// Returns a key of so many bits that nobody can sign with.
    fn der(bits: usize) -> Vec<u8> {
        let number = |bytes: &[u8]| {
            let mut all = vec![0x02, 0x82];
            all.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
            all.extend(bytes);
            all
        };
        let mut modulus = vec![0xff; bits / 8 + 1];
        modulus[0] = 0;
        let body = [number(&modulus), vec![2, 3, 1, 0, 1]].concat();
        let mut all = vec![0x30, 0x82];
        all.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
        all.extend(body);
        all
    }

    #[test]
    fn a_key_counts_in_its_time_whatever_the_spelling_of_that_is() {
        let value = STANDARD.encode(Signer::trusted().public_key());
        for (from, to) in [
            (r#""2024-01-01T00:00:00Z""#, r#""2024-12-31T00:00:00+01:00""#),
            ("1704067200", "1735599600.5"),
            ("null", "null"),
        ] {
            assert_eq!(
                check(&list(&value, from, to), "2024-05-01T00:00:00Z"),
                SignatureCheck::Valid,
                "{from}"
            );
        }
        let list = list(&value, r#""2024-05-01T00:00:00Z""#, r#""2024-05-02T00:00:00Z""#);
        for (signed, valid) in [
            ("2024-04-30T21:59:59Z", false),
            ("2024-04-30T22:00:00Z", true),
            ("2024-05-02T00:00:00Z", true),
            ("2024-05-02T00:00:01Z", false),
        ] {
            let is_valid = check(&list, signed) == SignatureCheck::Valid;
            assert_eq!(is_valid, valid, "{signed}");
        }
    }

    #[test]
    fn keys_that_are_weak_slow_or_none_are_named_and_refused() {
        let value = |der: &[u8]| STANDARD.encode(der);
        for (value, why) in [
            (value(&der(512)), "its 512 bits are too weak"),
            (value(&der(16384)), "its 16384 bits are too many"),
            (value(b"\x30"), "not an RSA public key"),
            (value(&[der(2048), vec![0]].concat()), "not an RSA public key"),
            (value(b"\x30\x84\xff\xff\xff\xff\x02"), "not an RSA public key"),
            ("%%".into(), "not Base64"),
            (String::new(), "not an RSA public key"),
        ] {
            match check(&list(&value, "null", "null"), "2024-05-01T00:00:00Z") {
                SignatureCheck::NoKey { why: found, .. } => assert!(found.contains(why), "{found}"),
                other => panic!("{other:?} for {why}"),
            }
        }
        assert!(usable(&der(1024)).is_ok() && usable(&der(8192)).is_ok());
    }

    #[test]
    fn signatures_that_are_not_the_keys_are_refused() {
        let mut keys = PublicKeys::default();
        keys.add_list(key_list().as_bytes()).unwrap();
        let (ours, theirs) = (Signer::trusted(), Signer::other());
        let check = |fingerprint: &str, signature: &str| keys.check(fingerprint, None, b"text", signature);
        assert_eq!(check(FINGERPRINT, &ours.sign(b"text")), SignatureCheck::Valid);
        assert_eq!(check(FINGERPRINT, &ours.sign(b"text").to_uppercase()), SignatureCheck::Valid);
        for signature in [
            theirs.sign(b"text"),
            ours.sign(b"texts"),
            String::new(),
            "0".into(),
            "zz".into(),
            "00".repeat(100_000),
        ] {
            assert!(matches!(check(FINGERPRINT, &signature), SignatureCheck::Invalid(_)), "{signature:.9}");
        }
        let unknown = check(OTHER_FINGERPRINT, &theirs.sign(b"text"));
        assert!(matches!(unknown, SignatureCheck::NoKey { other_keys: true, .. }), "{unknown:?}");
    }

    #[test]
    fn lists_come_in_pages_and_are_saved_as_they_came() {
        let page = |token: &str| key_list().replacen('{', &format!(r#"{{"NextToken":{token},"#), 1);
        let mut keys = PublicKeys::default();
        let pages = format!("\u{feff}{}\n{}", page(r#""more""#), page("null"));
        assert_eq!(keys.add_list(pages.as_bytes()).unwrap(), 2);
        let mut again = PublicKeys::default();
        assert_eq!(again.add_list(keys.to_json().to_string().as_bytes()).unwrap(), 1, "one key, twice");
        assert!(matches!(keys.add_list(page(r#""more""#).as_bytes()), Err(KeyListError::Unfinished)));
        assert!(matches!(keys.add_list(br#"{"PublicKeyList":[]}"#), Err(KeyListError::Empty)));
        for text in ["", "[]", "{}", "{\"PublicKeyList\":[{}]}", "x"] {
            assert!(keys.add_list(text.as_bytes()).is_err(), "{text}");
        }
        let many: Vec<String> =
            (0..5000).map(|n| format!(r#"{{"Value":"AA==","Fingerprint":"{n}"}}"#)).collect();
        let many = format!(r#"{{"PublicKeyList":[{}]}}"#, many.join(","));
        assert_eq!(keys.add_list(many.as_bytes()).unwrap(), 5000);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_a_key_or_none(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64)) {
            let _bits = modulus_bits(&bytes);
            let _list = PublicKeys::default().add_list(&bytes);
        }
    }
}
