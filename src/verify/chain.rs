//! The chain of digests of one trail and region: which of them are CloudTrail's, and which are missing.
//!
//! Digests come in the order of their names, which is that of time. Each names the one before it, with hash and
//! signature, so a digest is judged twice: by its own signature, where its metadata is at hand, and by what its
//! successor says. What the successor says counts as far as that is sound itself. A digest without a signature
//! of its own waits for its successor, and with it those before it that hang on its word; nothing else is held.
//! The newest digest of a chain has no successor: without its metadata it stays unverified.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::KeySource;
use super::alone::{Checked, Question};
use super::digest::{Hash, Previous};
use super::keys::SignatureCheck;
use super::place::DigestName;
use super::problems::IntegrityProblem;

/// What a digest's word is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The digest is CloudTrail's.
    Valid,
    /// The digest is not CloudTrail's, or was changed since.
    Invalid(IntegrityProblem, String),
    /// The worth is not known. `failure`: though it should be.
    Unverified {
        /// As a problem.
        kind: IntegrityProblem,
        /// The reason.
        why: String,
        /// Whether this is a sign of tampering: a key of that time that is not CloudTrail's.
        failure: bool,
    },
}

/// A digest that is read and stands in its place.
#[derive(Clone, Debug)]
pub(super) struct Link {
    /// Counted over all digests.
    pub(super) number: u32,
    pub(super) uri: String,
    /// `digestS3Object` from `AWSLogs/` on.
    pub(super) place: String,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    pub(super) hash: Hash,
    /// What CloudTrail signs; empty where `own` says already what that is worth.
    pub(super) to_sign: String,
    pub(super) fingerprint: String,
    /// When it was signed, where that is known.
    pub(super) signed: Option<Timestamp>,
    pub(super) previous: Option<Previous>,
    /// The signature in the metadata.
    pub(super) signature: Option<String>,
    pub(super) own: Option<SignatureCheck>,
    /// A signature that a digest behind it names, where that was read together with it.
    pub(super) ahead: Option<Checked>,
    pub(super) next: Option<Next>,
    /// The digest before it is not there: its place.
    pub(super) lacks: Option<String>,
}

/// What the digest behind one says of it.
#[derive(Clone, Debug)]
pub(super) struct Next {
    hash_matches: bool,
    signature_differs: bool,
    /// The signature that it names, checked, where the digest has none of its own.
    check: Option<SignatureCheck>,
}

/// A digest whose worth is known.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) link: Link,
    pub(super) trust: Trust,
}

/// Why a digest cannot stand behind the one before it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The very file is there already.
    Twice,
    Invalid(IntegrityProblem, String),
}

/// The chain of one trail and region: the digests that wait for their successor, and the last one.
#[derive(Debug, Default)]
pub(super) struct Chain {
    open: VecDeque<Link>,
    /// The last digest, whether open or not.
    last: Option<Last>,
}

#[derive(Clone, Debug)]
struct Last {
    place: String,
    end: Timestamp,
    hash: Hash,
    uri: String,
}

impl Chain {
    /// Adds the next digest. `check` checks a signature over the text of the last one; `is_there` says whether
    /// a digest that is not the last one is there nevertheless, or need not be.
    pub(super) fn push(
        &mut self,
        mut link: Link,
        check_last: &mut dyn FnMut(&Link, &str) -> SignatureCheck,
        is_there: &dyn Fn(&Previous) -> bool,
    ) -> Result<(), Refusal> {
        if let Some(last) = &self.last
            && last.place == link.place
        {
            if last.hash == link.hash {
                return Err(Refusal::Twice);
            }
            let why = format!("{} has the same place and another content", last.uri);
            return Err(Refusal::Invalid(IntegrityProblem::DigestChainBroken, why));
        }
        let mut next = Next { hash_matches: true, signature_differs: false, check: None };
        if let Some(previous) = &link.previous {
            let place = super::place::aws_part(&previous.key).unwrap_or(&previous.key);
            let named_end = DigestName::parse(place).map(|name| name.end);
            if place == link.place || named_end.is_some_and(|end| end >= link.end) {
                let why = format!("it names {place} as the digest before it, which is not before it");
                return Err(Refusal::Invalid(IntegrityProblem::DigestChainBroken, why));
            }
            match &self.last {
                Some(last) if last.place == place => {
                    next.hash_matches = last.hash == previous.hash;
                    if let Some(back) = self.open.back() {
                        let own = back.signature.as_deref();
                        next.signature_differs = own
                            .is_some_and(|own| !own.trim().eq_ignore_ascii_case(previous.signature.trim()));
                        next.check = back.own.is_none().then(|| check_last(back, &previous.signature));
                    }
                }
                // The chain passes by what was taken for its last digest.
                Some(last) if named_end.is_some_and(|end| end <= last.end) => {
                    let why = format!("it names {place} as the digest before it, and not {}", last.uri);
                    return Err(Refusal::Invalid(IntegrityProblem::DigestChainBroken, why));
                }
                _ if is_there(previous) => {}
                _ => link.lacks = Some(place.to_owned()),
            }
        }
        if let Some(last) = &self.last
            && link.start < last.end
        {
            let why = format!("it begins at {}, before the end of {} at {}", link.start, last.uri, last.end);
            return Err(Refusal::Invalid(IntegrityProblem::DigestOverlap, why));
        }
        if let Some(back) = self.open.back_mut() {
            back.next = Some(next);
        }
        self.last =
            Some(Last { place: link.place.clone(), end: link.end, hash: link.hash, uri: link.uri.clone() });
        self.open.push_back(link);
        Ok(())
    }

    /// Hands out, in order, the digests whose worth is known by now. `ended`: no further one comes.
    pub(super) fn settle(&mut self, ended: bool) -> Vec<Settled> {
        // From the newest to the oldest: each hangs on those behind it.
        let mut worth: Vec<Option<Trust>> = vec![None; self.open.len()];
        for at in (0..self.open.len()).rev() {
            let behind = worth.get(at + 1).and_then(Option::as_ref);
            worth[at] = self.open[at].trust(behind, ended);
        }
        // The last one is still to be judged by its successor, which may say that it was changed.
        let known = worth.iter().take_while(|trust| trust.is_some()).count();
        let ready = if ended { known } else { known.min(self.open.len().saturating_sub(1)) };
        self.open
            .drain(..ready)
            .zip(worth)
            .filter_map(|(link, trust)| Some(Settled { link, trust: trust? }))
            .collect()
    }
}

impl Link {
    /// Checks a signature over this digest, unless that was done ahead.
    pub(super) fn check(&self, keys: &mut dyn KeySource, region: &str, signature: &str) -> SignatureCheck {
        if let Some(ahead) = &self.ahead
            && ahead.signature == signature
        {
            return ahead.check.clone();
        }
        let question = Question {
            keys: keys.keys(region, &self.fingerprint, self.signed),
            region,
            fingerprint: &self.fingerprint,
            signed: self.signed,
            text: &self.to_sign,
            signature,
        };
        question.answer()
    }

    /// Returns what the digest is worth, or `None` where that is not known yet.
    fn trust(&self, behind: Option<&Trust>, ended: bool) -> Option<Trust> {
        let unverified = |why: &str| {
            let kind = IntegrityProblem::DigestUnverified;
            Some(Trust::Unverified { kind, why: why.to_owned(), failure: false })
        };
        let Some(next) = &self.next else {
            return match &self.own {
                Some(own) => Some(of_check(own)),
                None if ended => unverified(
                    "its signature is in the metadata of the S3 object, which is not at hand, and no later digest \
                     names it",
                ),
                None => None,
            };
        };
        let (check, borrowed) = match (&self.own, &next.check) {
            (Some(own), _) => (own, false),
            (None, Some(check)) => (check, true),
            (None, None) => {
                return unverified(
                    "its signature is in the metadata of the S3 object, which is not at hand, and the digest that \
                     would name it is missing",
                );
            }
        };
        match of_check(check) {
            Trust::Valid if next.hash_matches && !next.signature_differs => Some(Trust::Valid),
            Trust::Valid => Some(match behind? {
                Trust::Valid => {
                    let why = if next.hash_matches { "signature" } else { "SHA-256" };
                    let why = format!("its {why} is not the one that its successor names");
                    Trust::Invalid(IntegrityProblem::DigestHashMismatch, why)
                }
                _ => Trust::Valid,
            }),
            Trust::Invalid(..) if borrowed => match behind? {
                Trust::Valid => {
                    let (kind, why) = if next.hash_matches {
                        (
                            IntegrityProblem::DigestSignatureInvalid,
                            "the signature that its successor names is not its own",
                        )
                    } else {
                        (
                            IntegrityProblem::DigestHashMismatch,
                            "its SHA-256 is not the one that its successor names",
                        )
                    };
                    Some(Trust::Invalid(kind, why.to_owned()))
                }
                _ => unverified("the digest that names its signature is not proven itself"),
            },
            trust => Some(trust),
        }
    }
}

fn of_check(check: &SignatureCheck) -> Trust {
    match check {
        SignatureCheck::Valid => Trust::Valid,
        SignatureCheck::Invalid(why) => Trust::Invalid(IntegrityProblem::DigestSignatureInvalid, why.clone()),
        SignatureCheck::NoKey { why, other_keys } => {
            Trust::Unverified { kind: IntegrityProblem::DigestNoKey, why: why.clone(), failure: *other_keys }
        }
    }
}
