//! What a digest file tells by itself, and what its signature is worth: the part of the first pass that takes the time.
//!
//! Digests come several at a time. Each is parsed, and its place is compared with the one that it names. Its signature
//! is in its metadata, or else in the digest behind it, which nearly always is among those that came with it. Keys are
//! asked for in the order of digests, so that the same digests lead to the same requests. Parsing and checking
//! signatures need nothing of each other, and are shared out among threads; [`super::digests`] then puts one digest
//! after another in its place.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use rayon::ThreadPool;
use rayon::prelude::*;

use super::digest::Digest;
use super::keys::{PublicKeys, SignatureCheck};
use super::place::{DigestName, aws_part, file_name};
use super::problems::IntegrityProblem;
use super::{DigestFile, KeySource};

/// Digests that a thread takes at least: handing over fewer would cost more than judging them.
const SHARE: usize = 8;

/// A digest that is one, and lies where it belongs.
#[derive(Debug)]
pub(super) struct Alone<'d> {
    pub(super) digest: Digest<'d>,
    pub(super) name: DigestName,
    /// When it was signed, where that is known.
    pub(super) signed: Option<Timestamp>,
}

/// Why a file is no digest, or none of this place.
pub(super) type NoDigest = (IntegrityProblem, String);

/// A signature that was checked.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    /// In hexadecimal digits, as it was found.
    pub(super) signature: String,
    pub(super) check: SignatureCheck,
}

/// Takes digests apart and checks the signatures that are at hand, on the threads of a pool where there is one.
pub(super) fn read<'d>(
    files: &[DigestFile<'d>],
    keys: &mut dyn KeySource,
    pool: Option<&ThreadPool>,
) -> Vec<(Result<Alone<'d>, NoDigest>, Option<Checked>)> {
    let read = on_all(pool, files, Alone::of);
    let named: HashMap<&str, &str> = read
        .iter()
        .flatten()
        .filter_map(|one| one.digest.previous.as_ref())
        .map(|before| (place(&before.key), &*before.signature))
        .collect();
    let questions: Vec<Option<Question<'_>>> = read
        .iter()
        .zip(files)
        .map(|(one, file)| {
            let one = one.as_ref().ok()?;
            let signature = file.signature.or_else(|| named.get(place(&one.digest.key)).copied())?;
            Some(Question::of(keys, one, signature))
        })
        .collect();
    let answers = on_all(pool, &questions, |question| {
        question.as_ref().map(|of| Checked { signature: of.signature.to_owned(), check: of.answer() })
    });
    read.into_iter().zip(answers).collect()
}

/// Returns what `work` makes of each item, in their order.
fn on_all<T: Sync, R: Send>(pool: Option<&ThreadPool>, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    match pool {
        Some(pool) => pool.install(|| items.par_iter().with_min_len(SHARE).map(&work).collect()),
        None => items.iter().map(work).collect(),
    }
}

/// Returns the part of a key that copies of a bucket leave as it is.
pub(super) fn place(key: &str) -> &str {
    aws_part(key).unwrap_or(key)
}

impl<'d> Alone<'d> {
    fn of(file: &DigestFile<'d>) -> Result<Self, NoDigest> {
        let malformed = |why| (IntegrityProblem::DigestMalformed, why);
        let digest = Digest::parse(file.contents).map_err(|error| malformed(crate::error::chain(&error)))?;
        if let Some(why) = moved(file.uri, &digest) {
            return Err((IntegrityProblem::DigestMoved, why));
        }
        let Some(name) = DigestName::parse(&digest.key) else {
            return Err(malformed(format!("its own name for itself, {:?}, is no digest's", &*digest.key)));
        };
        if name.backfill && file.generated.is_none() && file.signature.is_some() {
            let why = "a backfill digest without backfill-generation-timestamp in its metadata";
            return Err(malformed(why.to_owned()));
        }
        let signed = match file.generated.map(str::parse::<Timestamp>) {
            _ if !name.backfill => Some(digest.end),
            Some(Ok(generated)) => Some(generated),
            Some(Err(_)) => {
                return Err(malformed("its backfill-generation-timestamp is no time".to_owned()));
            }
            None => None,
        };
        Ok(Self { digest, name, signed })
    }
}

/// Returns whether a digest lies where it does not belong. Another bucket or prefix is no such place.
fn moved(uri: &str, digest: &Digest<'_>) -> Option<String> {
    let same = match (aws_part(uri), aws_part(&digest.key)) {
        (Some(here), Some(there)) => here == there,
        _ => file_name(uri) == file_name(&digest.key),
    };
    (!same).then(|| format!("it was delivered to s3://{}/{}", digest.bucket, digest.key))
}

/// A signature that is to be checked, and what with.
pub(super) struct Question<'q> {
    pub(super) keys: Result<Arc<PublicKeys>, String>,
    pub(super) region: &'q str,
    pub(super) fingerprint: &'q str,
    pub(super) signed: Option<Timestamp>,
    pub(super) text: &'q str,
    pub(super) signature: &'q str,
}

impl<'q> Question<'q> {
    fn of(keys: &mut dyn KeySource, one: &'q Alone<'_>, signature: &'q str) -> Self {
        let (region, fingerprint) = (&*one.name.region, &*one.digest.fingerprint);
        Self {
            keys: keys.keys(region, fingerprint, one.signed),
            region,
            fingerprint,
            signed: one.signed,
            text: &one.digest.to_sign,
            signature,
        }
    }

    pub(super) fn answer(&self) -> SignatureCheck {
        let Self { keys, region, fingerprint, signed, text, signature } = self;
        let check = match keys {
            Ok(keys) => keys.check(fingerprint, *signed, text.as_bytes(), signature),
            Err(why) => SignatureCheck::NoKey {
                why: format!("the public keys of {region} cannot be had: {why}"),
                other_keys: false,
            },
        };
        match check {
            SignatureCheck::NoKey { why, other_keys } => SignatureCheck::NoKey {
                why: format!("{why}; digests of {region} are signed with keys of that region"),
                other_keys,
            },
            check => check,
        }
    }
}
