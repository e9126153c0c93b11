//! Signature Version 4 for GETs: no body, headers only. The key of the day is kept, so that a signature costs
//! three short hashes.

use crate::hex::push_hex;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

/// The hash of no body.
pub(super) const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Signs for one region.
pub(super) struct Signer {
    region: String,
    key: Mutex<Option<DayKey>>,
}

impl std::fmt::Debug for Signer {
    // The key stays out of it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("region", &self.region).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct DayKey {
    access_key: String,
    day: String,
    key: [u8; 32],
}

impl Signer {
    pub(super) fn new(region: String) -> Self {
        Self { region, key: Mutex::new(None) }
    }

    /// Returns the `Authorization` of a GET. `time` is `20240501T120000Z`; `headers` are in order, lower case.
    pub(super) fn authorization(
        &self,
        access_key: &str,
        secret: &str,
        time: &str,
        path: &str,
        query: &str,
        headers: &[(&str, &str)],
    ) -> String {
        let day = &time[..8];
        let mut names = String::with_capacity(128);
        let mut request = String::with_capacity(512);
        for part in ["GET\n", path, "\n", query, "\n"] {
            request.push_str(part);
        }
        for (n, (name, value)) in headers.iter().enumerate() {
            for part in [name, ":", value.trim(), "\n"] {
                request.push_str(part);
            }
            if n > 0 {
                names.push(';');
            }
            names.push_str(name);
        }
        for part in ["\n", &names, "\n", EMPTY] {
            request.push_str(part);
        }
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        let mut text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n");
        push_hex(&mut text, &Sha256::digest(request.as_bytes()));
        let signature = hmac(&self.key_of(access_key, secret, day), text.as_bytes());
        let mut value =
            format!("AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature=");
        push_hex(&mut value, &signature);
        value
    }

    fn key_of(&self, access_key: &str, secret: &str, day: &str) -> [u8; 32] {
        let mut held = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = held.as_ref().filter(|held| held.day == day && held.access_key == access_key) {
            return held.key;
        }
        let of_day = hmac(format!("AWS4{secret}").as_bytes(), day.as_bytes());
        let of_region = hmac(&of_day, self.region.as_bytes());
        let key = hmac(&hmac(&of_region, b"s3"), b"aws4_request");
        *held = Some(DayKey { access_key: access_key.to_owned(), day: day.to_owned(), key });
        key
    }
}

/// Returns the HMAC-SHA256 of `data`.
pub(super) fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(data);
    mac.finalize().into_bytes().into()
}

/// Appends a key as a path: everything but unreserved characters and `/` is encoded once, as S3 demands.
pub(super) fn push_path(out: &mut String, key: &str) {
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(byte.into())
            }
            // Writing to a String cannot fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the S3 API reference, "Signature Calculations for the Authorization Header".
    #[test]
    fn the_example_of_the_reference_is_signed_as_printed_there() {
        let signer = Signer::new("us-east-1".into());
        let headers = [
            ("host", "examplebucket.s3.amazonaws.com"),
            ("range", "bytes=0-9"),
            ("x-amz-content-sha256", EMPTY),
            ("x-amz-date", "20130524T000000Z"),
        ];
        for _ in 0..2 {
            let value = signer.authorization(
                "AKIAIOSFODNN7EXAMPLE",
                "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "20130524T000000Z",
                "/test.txt",
                "",
                &headers,
            );
            assert_eq!(
                value,
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
                 SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, \
                 Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
            );
        }
    }

    #[test]
    fn keys_are_encoded_once() {
        let mut path = String::from("/");
        push_path(&mut path, "a b/ü+%.json");
        assert_eq!(path, "/a%20b/%C3%BC%2B%25.json");
    }
}
