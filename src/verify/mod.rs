//! Whether logs are what CloudTrail delivered, by the digests that it signs.
//!
//! Verification has two passes. The first takes every digest file, in the order of keys: its signature is checked
//! by CloudTrail's public key, its link by the digest before it, and the logs that it names go into an index on
//! disk. Behind the last digest it is known which digests are sound and which times they prove. The second pass
//! takes the SHA-256 of every log, in any order, and says what it is: as delivered, changed, in no digest, or of a
//! time that nothing proves. What digests name and nobody brought is missing. Neither pass holds the logs' names
//! in memory, and both are fed by a run: nothing here reads an object.

mod alone;
mod chain;
mod der;
pub mod digest;
mod digests;
mod index;
pub mod keys;
mod logs;
pub mod place;
pub mod problems;
mod result;
mod spans;
#[cfg(test)]
#[path = "../../tests/integration/support/signed.rs"]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub use chain::Trust;
pub use result::{DigestCounts, LogCounts, MissingLog, RunFacts, SCHEMA, Trail, Unknown, Verification};
pub use spans::{Span, Unproven};

use crate::key::KeyInfo;
use crate::key::days::TimeRange;
use crate::key::selection::KeySelection;
use chain::Chain;
use digest::Hash;
use index::Index;
use keys::PublicKeys;
use place::aws_part;
use problems::{IntegrityProblem, Line, NoteKind};
use spans::Spans;

/// A digest that should be there by now: up to an hour of logs, and time to deliver it.
const LATE: SignedDuration = SignedDuration::from_hours(2);

/// Gives CloudTrail's public keys.
pub trait KeySource {
    /// Returns the keys of a region, and among them the one of this fingerprint if it can be had. `signed`: when the
    /// key was used, where that is known.
    ///
    /// # Errors
    ///
    /// Says why the keys cannot be had.
    fn keys(
        &mut self,
        region: &str,
        fingerprint: &str,
        signed: Option<Timestamp>,
    ) -> Result<Arc<PublicKeys>, String>;
}

/// A list that is there from the start.
impl KeySource for Arc<PublicKeys> {
    fn keys(&mut self, _: &str, _: &str, _: Option<Timestamp>) -> Result<Arc<PublicKeys>, String> {
        Ok(Self::clone(self))
    }
}

/// A digest file as it was read.
#[derive(Clone, Copy, Debug)]
pub struct DigestFile<'d> {
    /// The object, as findings name it.
    pub uri: &'d str,
    /// Inflated.
    pub contents: &'d [u8],
    /// Metadata of the S3 object: `signature`, and for a backfill digest `backfill-generation-timestamp`.
    pub signature: Option<&'d str>,
    /// When a backfill digest was made.
    pub generated: Option<&'d str>,
}

/// A log as it was read.
#[derive(Clone, Copy, Debug)]
pub struct LogObject<'l> {
    /// The object, as findings name it.
    pub uri: &'l str,
    /// What the key tells.
    pub key: Option<&'l Arc<KeyInfo>>,
    /// SHA-256 of the bytes that the first gzip member inflates to; `None` where the member does not inflate.
    pub hash: Option<Hash>,
    /// Whether something follows the first gzip member.
    pub trailing: bool,
}

/// What a log proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogVerdict {
    /// As CloudTrail delivered it.
    Verified,
    /// Not as CloudTrail delivered it, with the reason.
    Mismatch(String),
    /// In no digest, though digests prove its time.
    NotInDigest,
    /// The log is of a time that no sound digest proves.
    Unverified(String),
}

/// Takes digests and logs, and keeps what they prove.
pub struct Verifier {
    keys: Box<dyn KeySource + Send>,
    range: TimeRange,
    scope: Arc<KeySelection>,
    now: Timestamp,
    chains: BTreeMap<ChainId, (u32, Chain)>,
    trails: Vec<(ChainId, Spans)>,
    /// What stands before `AWSLogs/`.
    roots: Vec<String>,
    /// By digest number.
    worth: Vec<Worth>,
    /// Places where a digest is that is not part of a chain.
    aside: HashSet<String>,
    index: Index,
    result: Verification,
    tell_all: bool,
    /// Logs in other buckets were looked for.
    followed: bool,
    finished: bool,
}

/// Account and region of digests, their trail and its region, backfill or not, and where they lie.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ChainId {
    root: u32,
    account: String,
    region: String,
    trail: String,
    home: String,
    backfill: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    Open,
    Valid,
    Invalid,
    Unverified,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("digests", &self.worth.len()).finish_non_exhaustive()
    }
}

impl Verifier {
    /// Returns a verifier of the logs of a time. `scope`: the keys that will be listed, so that what is not among them
    /// does not count as missing. `tell_all`: what is sound is noted as well.
    pub fn new(
        keys: Box<dyn KeySource + Send>,
        range: TimeRange,
        scope: Arc<KeySelection>,
        now: Timestamp,
        tell_all: bool,
    ) -> Self {
        Self {
            keys,
            range,
            scope,
            now,
            chains: BTreeMap::new(),
            trails: Vec::new(),
            roots: Vec::new(),
            worth: Vec::new(),
            aside: HashSet::new(),
            index: Index::default(),
            result: Verification::default(),
            tell_all,
            followed: false,
            finished: false,
        }
    }

    /// Ends the verification: names what is missing, and the times that are proven. `whole`: everything was
    /// listed, so that what was not seen is not there.
    ///
    /// # Errors
    ///
    /// Fails where a temporary file cannot be written or read back.
    pub fn finish(&mut self, whole: bool) -> io::Result<&mut Verification> {
        if !std::mem::replace(&mut self.finished, true) {
            if whole {
                self.missing_logs()?;
            }
            self.times();
        }
        Ok(&mut self.result)
    }

    fn times(&mut self) {
        let late = self.now.checked_sub(LATE).unwrap_or(self.now);
        let end = self.range.end.map_or(late, |end| end.min(late));
        let mut trails: BTreeMap<(String, String, String), Spans> = BTreeMap::new();
        for (id, spans) in &self.trails {
            let trail = (id.account.clone(), id.region.clone(), id.trail.clone());
            trails.entry(trail).or_default().join(spans.clone());
        }
        for ((account_id, region, trail), spans) in trails {
            let (proven, unproven) = spans.judge(self.range.start, end);
            let proven = proven
                .into_iter()
                .map(|(start, stop)| (start, self.range.end.map_or(stop, |end| stop.min(end))))
                .filter(|(start, stop)| start < stop)
                .collect();
            self.result.trails.push(Trail { account_id, region, trail, proven, unproven });
        }
    }

    fn break_off(&mut self, trail: u32, why: &str) {
        if let Some((_, spans)) = self.trails.get_mut(trail as usize) {
            spans.broken(why.to_owned());
        }
    }

    fn holes(&mut self, spans: &[(u32, Span)], why: &'static str) {
        for (trail, span) in spans {
            if let Some((_, spans)) = self.trails.get_mut(*trail as usize) {
                spans.hole(*span, why);
            }
        }
    }

    /// Returns whether the time in a log's name is one that was asked for.
    fn in_time(&self, time: Option<Timestamp>) -> bool {
        time.is_none_or(|time| {
            self.range.start.is_none_or(|start| time >= start) && self.range.end.is_none_or(|end| time < end)
        })
    }

    fn in_range(&self, (start, end): Span) -> bool {
        self.range.end.is_none_or(|limit| start < limit) && self.range.start.is_none_or(|limit| end > limit)
    }

    fn root_of(&mut self, uri: &str, key: &str) -> u32 {
        let root = match aws_part(uri) {
            Some(part) => &uri[..uri.len() - part.len()],
            None => uri.strip_suffix(key).unwrap_or(""),
        };
        let at = self.roots.iter().rposition(|known| known == root).unwrap_or_else(|| {
            self.roots.push(root.to_owned());
            self.roots.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    fn problem(
        &mut self,
        kind: IntegrityProblem,
        uri: &str,
        detail: String,
        failure: bool,
    ) -> io::Result<()> {
        self.result.failures += u64::from(failure);
        self.result.problems.push(&Line { kind, uri: uri.to_owned(), detail })
    }

    fn note(&mut self, kind: NoteKind, uri: &str, detail: String) -> io::Result<()> {
        self.result.notes.push(&Line { kind, uri: uri.to_owned(), detail })
    }
}
