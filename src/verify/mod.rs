//! Whether logs are what CloudTrail delivered, by the digests that it signs.
//!
//! Verification has two passes. The first takes every digest file, in the order of keys: its signature is checked
//! by CloudTrail's public key, its link by the digest before it, and the logs that it names go into an index on
//! disk. Behind the last digest it is known which digests are sound and which times they prove. The second pass
//! takes the SHA-256 of every log, in any order, and says what it is: as delivered, changed, in no digest, or of a
//! time that nothing proves. What digests name and nobody brought is missing. Neither pass holds the logs' names
//! in memory, and both are fed by a run: nothing here reads an object.

mod chain;
pub mod digest;
mod index;
pub mod keys;
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
pub use result::{Account, DigestCounts, LogCounts, MissingLog, RunFacts, SCHEMA, Trail, Unknown};
pub use spans::{Span, Unproven};

use crate::key::days::TimeRange;
use crate::key::selection::KeySelection;
use crate::key::{KeyInfo, key_info};
use chain::{Chain, Link, Refusal, Settled};
use digest::{Digest, Hash};
use index::{By, Index, Named};
use keys::{PublicKeys, SignatureCheck};
use place::{DigestName, aws_part, delivered, file_name};
use problems::{Line, NoteKind, ProblemKind};
use spans::Spans;

/// A digest that should be there by now: up to an hour of logs, and time to deliver it.
const LATE: SignedDuration = SignedDuration::from_hours(2);

/// Gives CloudTrail's public keys.
pub trait KeySource {
    /// Checks a signature in hexadecimal digits over `text`, by the key of this fingerprint in a region. `signed`:
    /// when it was signed, where that is known.
    fn check(
        &mut self,
        region: &str,
        fingerprint: &str,
        signed: Option<Timestamp>,
        text: &[u8],
        signature: &str,
    ) -> SignatureCheck;
}

/// A list that is there from the start.
impl KeySource for PublicKeys {
    fn check(
        &mut self,
        _: &str,
        fingerprint: &str,
        signed: Option<Timestamp>,
        text: &[u8],
        signature: &str,
    ) -> SignatureCheck {
        Self::check(self, fingerprint, signed, text, signature)
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
    /// Of the bytes that the first gzip member inflates to; `None` where it does not inflate.
    pub hash: Option<Hash>,
    /// Whether something follows the first gzip member.
    pub trailing: bool,
}

/// What a log proved to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogVerdict {
    /// As CloudTrail delivered it.
    Verified,
    /// Not as CloudTrail delivered it, with the reason.
    Mismatch(String),
    /// In no digest, though digests prove its time.
    NotInDigest,
    /// Of a time that no sound digest proves.
    Unverified(String),
}

/// See the module.
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
    account: Account,
    tell_all: bool,
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
    /// A verifier of the logs of a time. `scope`: the keys that will be listed, so that what is not among them
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
            account: Account::default(),
            tell_all,
            finished: false,
        }
    }

    /// Takes the next digest, in the order of keys.
    ///
    /// # Errors
    ///
    /// Fails where a temporary file cannot be written.
    pub fn digest(&mut self, file: &DigestFile<'_>) -> io::Result<()> {
        let digest = match Digest::parse(file.contents) {
            Ok(digest) => digest,
            Err(error) => {
                let why = crate::error::chain(&error);
                return self.bad_digest(file.uri, ProblemKind::DigestMalformed, why);
            }
        };
        if let Some(why) = moved(file.uri, &digest) {
            return self.bad_digest(file.uri, ProblemKind::DigestMoved, why);
        }
        let Some(name) = DigestName::parse(&digest.key) else {
            let why = format!("its own name for itself, {:?}, is no digest's", &*digest.key);
            return self.bad_digest(file.uri, ProblemKind::DigestMalformed, why);
        };
        if name.backfill && file.generated.is_none() && file.signature.is_some() {
            let why = "a backfill digest without backfill-generation-timestamp in its metadata".to_owned();
            return self.bad_digest(file.uri, ProblemKind::DigestMalformed, why);
        }
        let generated = file.generated.map(str::parse::<Timestamp>);
        let signed = match (name.backfill, generated) {
            (false, _) => Some(digest.end),
            (true, Some(Ok(generated))) => Some(generated),
            (true, Some(Err(_))) => {
                let why = "its backfill-generation-timestamp is no time".to_owned();
                return self.bad_digest(file.uri, ProblemKind::DigestMalformed, why);
            }
            (true, None) => None,
        };
        let root = self.root_of(file.uri, &digest.key);
        let id = ChainId {
            root,
            account: name.account,
            region: name.region,
            trail: name.trail,
            home: name.home,
            backfill: name.backfill,
        };
        let own = file
            .signature
            .map(|signature| self.check(&id.region, &digest.fingerprint, signed, &digest.to_sign, signature));
        let number = u32::try_from(self.worth.len()).map_err(|_| io::Error::other("too many digests"))?;
        let place = aws_part(&digest.key).unwrap_or(&digest.key).to_owned();
        let link = Link {
            number,
            uri: file.uri.to_owned(),
            place: place.clone(),
            start: digest.start,
            end: digest.end,
            hash: digest.hash,
            to_sign: if own.is_none() { digest.to_sign.clone() } else { String::new() },
            fingerprint: digest.fingerprint.to_string(),
            signed,
            previous: digest.previous.clone(),
            signature: file.signature.map(str::to_owned),
            own,
            next: None,
            lacks: None,
        };
        let (trail, mut chain) = self.chains.remove(&id).unwrap_or_else(|| {
            let trail = u32::try_from(self.trails.len()).unwrap_or(u32::MAX);
            self.trails.push((id.clone(), Spans::default()));
            (trail, Chain::default())
        });
        let pushed = {
            let (keys, aside, range, scope) = (&mut self.keys, &self.aside, self.range, &self.scope);
            let region = id.region.clone();
            chain.push(
                link,
                &mut |last: &Link, signature: &str| {
                    check(&mut **keys, &region, &last.fingerprint, last.signed, &last.to_sign, signature)
                },
                &|previous| {
                    let place = aws_part(&previous.key).unwrap_or(&previous.key);
                    let named = DigestName::parse(place);
                    let before = named.is_some_and(|name| range.start.is_some_and(|start| name.end <= start));
                    before || aside.contains(place) || !scope.in_scope(place, key_info(place).as_deref())
                },
            )
        };
        match pushed {
            Ok(()) => {
                self.worth.push(Worth::Open);
                let by = By { digest: number, trail, root, span: (digest.start, digest.end) };
                self.index.add(&digest, by)?;
                if let Some((_, spans)) = self.trails.get_mut(trail as usize) {
                    note_accounts(spans, &id.account, &digest);
                }
                if self.in_range((digest.start, digest.end)) && replicated(file.uri, &digest) {
                    let detail = format!("it was delivered to s3://{}/{}", digest.bucket, digest.key);
                    self.note(NoteKind::DigestReplicated, file.uri, detail)?;
                }
                let settled = chain.settle(false);
                self.chains.insert(id, (trail, chain));
                self.settled(trail, settled)
            }
            Err(Refusal::Twice) => {
                self.chains.insert(id, (trail, chain));
                self.note(
                    NoteKind::DigestTwice,
                    file.uri,
                    "the same digest is there more than once".to_owned(),
                )
            }
            Err(Refusal::Invalid(kind, why)) => {
                self.chains.insert(id, (trail, chain));
                self.bad_digest(file.uri, kind, why)
            }
        }
    }

    /// Notes a digest that could not be read, with the reason. `damaged`: its bytes are there, and are no digest.
    ///
    /// # Errors
    ///
    /// Fails where a temporary file cannot be written.
    pub fn unread_digest(&mut self, uri: &str, damaged: bool, why: String) -> io::Result<()> {
        if damaged {
            return self.bad_digest(uri, ProblemKind::DigestMalformed, why);
        }
        self.put_aside(uri);
        self.account.digests.unverified += 1;
        self.account.unread += 1;
        self.problem(ProblemKind::DigestUnread, uri, why, false)
    }

    /// Judges what could not be judged before the last digest was there.
    ///
    /// # Errors
    ///
    /// Fails where a temporary file cannot be written.
    pub fn digests_done(&mut self) -> io::Result<()> {
        for (_, (trail, mut chain)) in std::mem::take(&mut self.chains) {
            let settled = chain.settle(true);
            self.settled(trail, settled)?;
        }
        Ok(())
    }

    /// Says what a log is. To be asked once all digests are there.
    ///
    /// # Errors
    ///
    /// Fails where a temporary file cannot be written or read back.
    pub fn log(&mut self, log: &LogObject<'_>) -> io::Result<LogVerdict> {
        if DigestName::parse(log.uri).is_some() {
            return Ok(LogVerdict::Unverified("it is a digest".to_owned()));
        }
        let named = self.named(log)?;
        let judged: Vec<&Named> = named.iter().filter(|named| self.in_range(named.by.span)).collect();
        if let Some(twice) = judged.get(1) {
            let detail =
                format!("named {} times, the last time by digests up to {}", judged.len(), twice.by.span.1);
            self.note(NoteKind::LogNamedTwice, log.uri, detail)?;
        }
        let verdict = self.verdict(log, &judged);
        let time = delivered(log.uri);
        let in_range = time.is_none_or(|time| {
            self.range.start.is_none_or(|start| time >= start) && self.range.end.is_none_or(|end| time < end)
        });
        // What is no delivery of CloudTrail's, such as an export beside the trail, is no concern of digests.
        if judged.is_empty() && (!in_range || log.key.is_none()) {
            return Ok(verdict);
        }
        let counts = &mut self.account.logs;
        match &verdict {
            LogVerdict::Verified => {
                counts.valid += 1;
                if self.tell_all {
                    self.note(NoteKind::LogValid, log.uri, String::new())?;
                }
            }
            LogVerdict::Mismatch(why) => {
                counts.mismatch += 1;
                let spans: Vec<(u32, Span)> =
                    judged.iter().map(|named| (named.by.trail, named.by.span)).collect();
                self.problem(ProblemKind::LogMismatch, log.uri, why.clone(), true)?;
                self.holes(&spans, "a log of this time was changed");
            }
            LogVerdict::NotInDigest => {
                counts.not_in_digest += 1;
                let why = "no digest names it, though digests prove its time".to_owned();
                self.problem(ProblemKind::LogNotInDigest, log.uri, why, true)?;
            }
            LogVerdict::Unverified(why) => {
                counts.unverified += 1;
                self.account.unknown(log.key.map(Arc::as_ref), time);
                if self.tell_all {
                    self.note(NoteKind::LogUnverified, log.uri, why.clone())?;
                }
            }
        }
        Ok(verdict)
    }

    /// Notes a log that could not be read, with the reason.
    ///
    /// # Errors
    ///
    /// Fails where a temporary file cannot be written or read back.
    pub fn unread_log(&mut self, uri: &str, why: String) -> io::Result<()> {
        let key = key_info(uri);
        let log = LogObject { uri, key: key.as_ref(), hash: None, trailing: false };
        let spans: Vec<(u32, Span)> =
            self.named(&log)?.iter().map(|named| (named.by.trail, named.by.span)).collect();
        self.holes(&spans, "a log of this time could not be read");
        self.account.unread += 1;
        self.account.logs.unverified += 1;
        self.problem(ProblemKind::LogUnread, uri, why, false)
    }

    /// Notes a log that an earlier run verified and that is there as it was.
    ///
    /// # Errors
    ///
    /// Fails where a temporary file cannot be read back.
    pub fn known_log(&mut self, uri: &str) -> io::Result<()> {
        let key = key_info(uri);
        let log = LogObject { uri, key: key.as_ref(), hash: None, trailing: false };
        let named = self.named(&log)?;
        let sound =
            named.iter().any(|named| self.in_range(named.by.span) && self.worth_of(named) == Worth::Valid);
        if sound {
            self.account.logs.valid += 1;
        } else {
            self.account.logs.unverified += 1;
            self.account.unknown(key.as_deref(), delivered(uri));
        }
        Ok(())
    }

    /// Everything was read: names what is missing, and the times that are proven. `whole`: everything was listed,
    /// so that what was not seen is not there.
    ///
    /// # Errors
    ///
    /// Fails where a temporary file cannot be written or read back.
    pub fn finish(&mut self, whole: bool) -> io::Result<&mut Account> {
        if !std::mem::replace(&mut self.finished, true) {
            if whole {
                self.missing_logs()?;
            }
            self.times();
        }
        Ok(&mut self.account)
    }

    /// What was found up to now.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The other buckets that digests name logs in.
    pub fn other_buckets(&self) -> Vec<String> {
        self.account.other_buckets.iter().cloned().collect()
    }

    fn named(&mut self, log: &LogObject<'_>) -> io::Result<Vec<Named>> {
        let place = aws_part(log.uri);
        let same = |named: &Named| match (place, named.name.starts_with("AWSLogs/")) {
            (Some(place), true) => place == named.name,
            (Some(_), false) => log.uri.ends_with(&*named.name),
            // A copy out of its folders has its name only.
            (None, _) => true,
        };
        let mut found = Vec::new();
        let mut days = vec![log.key.cloned()];
        if log.key.is_some() {
            days.push(None);
        }
        for day in days {
            for named in self.index.load(&day)?.named(log.uri).iter().filter(|named| same(named)) {
                found.push(named.clone());
            }
        }
        for named in &found {
            self.index.see(named.id);
        }
        Ok(found)
    }

    fn worth_of(&self, named: &Named) -> Worth {
        self.worth.get(named.by.digest as usize).copied().unwrap_or(Worth::Open)
    }

    fn verdict(&self, log: &LogObject<'_>, judged: &[&Named]) -> LogVerdict {
        let sound: Vec<&&Named> =
            judged.iter().filter(|named| self.worth_of(named) == Worth::Valid).collect();
        let counted: Vec<&&Named> = if sound.is_empty() {
            judged.iter().filter(|named| self.worth_of(named) != Worth::Invalid).collect()
        } else {
            sound.clone()
        };
        if !counted.is_empty() {
            let Some(hash) = log.hash else {
                return LogVerdict::Mismatch(
                    "it does not inflate, and what CloudTrail delivered does".to_owned(),
                );
            };
            if log.trailing {
                return LogVerdict::Mismatch(
                    "bytes follow the gzip member that CloudTrail delivered".to_owned(),
                );
            }
            if !counted.iter().any(|named| named.hash == hash) {
                let expected = counted.first().map_or([0; 32], |named| named.hash);
                return LogVerdict::Mismatch(format!(
                    "its SHA-256 is {}, and the digest says {}",
                    crate::hex::hex(&hash),
                    crate::hex::hex(&expected)
                ));
            }
        }
        if !sound.is_empty() {
            return LogVerdict::Verified;
        }
        if !judged.is_empty() {
            return LogVerdict::Unverified("only digests that are not proven name it".to_owned());
        }
        let (Some(key), Some(time)) = (log.key, delivered(log.uri)) else {
            return LogVerdict::Unverified(
                "its name tells neither account nor time, and no digest names it".to_owned(),
            );
        };
        // Network activity and the like may be left out of digests.
        if !file_name(log.uri).contains("_CloudTrail_") {
            return LogVerdict::Unverified(
                "its name is not that of a log of management or data events".to_owned(),
            );
        }
        let covered = self.trails.iter().any(|(id, spans)| {
            id.region == key.region && spans.accounts.contains(&key.account) && spans.cover(time)
        });
        if covered {
            return LogVerdict::NotInDigest;
        }
        LogVerdict::Unverified("no sound digest is of its time".to_owned())
    }

    fn missing_logs(&mut self) -> io::Result<()> {
        for day in self.index.days() {
            let loaded = self.index.load(&day)?;
            for same in loaded.all() {
                if same.iter().any(|named| self.index.was_seen(named.id)) {
                    continue;
                }
                let Some(named) = same
                    .iter()
                    .find(|named| self.in_range(named.by.span) && self.worth_of(named) != Worth::Invalid)
                else {
                    continue;
                };
                self.missing_log(named)?;
            }
        }
        Ok(())
    }

    fn missing_log(&mut self, named: &Named) -> io::Result<()> {
        let info = key_info(&named.name);
        let root = self.roots.get(named.by.root as usize).map_or("", String::as_str);
        // A key as listings have it.
        let prefix =
            root.strip_prefix("s3://").map_or(root, |rest| rest.split_once('/').map_or("", |(_, key)| key));
        let path = format!("{prefix}{}", named.name);
        if !self.scope.in_scope(&path, info.as_deref()) {
            return Ok(());
        }
        let spans = [(named.by.trail, named.by.span)];
        if named.elsewhere {
            let bucket = self.index.bucket(named.bucket).to_owned();
            let uri = format!("s3://{bucket}/{}", named.name);
            self.holes(&spans, "a log of this time is named in another bucket, which was not read");
            let detail = "named in another bucket than its digest, and not looked for there".to_owned();
            self.account.other_buckets.insert(bucket);
            self.account.logs.unverified += 1;
            return self.note(NoteKind::OtherBucket, &uri, detail);
        }
        let uri = format!("{root}{}", named.name);
        self.account.logs.missing += 1;
        self.account.missing_log(&uri, info.as_deref(), delivered(&named.name));
        self.holes(&spans, "a log of this time is missing");
        let proven = if self.worth_of(named) == Worth::Valid { "" } else { ", which is not proven itself" };
        let why = format!("the digest up to {} names it{proven}", named.by.span.1);
        self.problem(ProblemKind::LogMissing, &uri, why, true)
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
            self.account.trails.push(Trail { account_id, region, trail, proven, unproven });
        }
    }

    fn settled(&mut self, trail: u32, settled: Vec<Settled>) -> io::Result<()> {
        for Settled { link, trust } in settled {
            let worth = match &trust {
                Trust::Valid => Worth::Valid,
                Trust::Invalid(..) => Worth::Invalid,
                Trust::Unverified { .. } => Worth::Unverified,
            };
            if let Some(open) = self.worth.get_mut(link.number as usize) {
                *open = worth;
            }
            if worth == Worth::Invalid {
                self.aside.insert(link.place.clone());
            }
            if !self.in_range((link.start, link.end)) {
                continue;
            }
            self.judged(trail, &link, &trust)?;
        }
        Ok(())
    }

    fn judged(&mut self, trail: u32, link: &Link, trust: &Trust) -> io::Result<()> {
        let span = (link.start, link.end);
        if let Some(place) = &link.lacks
            && !matches!(trust, Trust::Invalid(..))
        {
            let root = self.trails.get(trail as usize).map_or(0, |(id, _)| id.root);
            let root = self.roots.get(root as usize).map_or("", String::as_str);
            let uri = format!("{root}{place}");
            self.account.digests.missing += 1;
            if let Some((_, spans)) = self.trails.get_mut(trail as usize) {
                spans.broken("a digest of this time is missing".to_owned());
            }
            let why = format!(
                "{} names it as the digest before it (where older ones are left out on purpose, --start says so)",
                link.uri
            );
            self.problem(ProblemKind::DigestMissing, &uri, why, true)?;
        }
        match trust {
            Trust::Valid => {
                self.account.digests.valid += 1;
                let begins = link.previous.is_none();
                if let Some((_, spans)) = self.trails.get_mut(trail as usize) {
                    spans.valid(span, begins);
                }
                if begins {
                    let detail = format!("a chain of digests begins here, at {}", link.start);
                    self.note(NoteKind::ChainBegins, &link.uri, detail)?;
                }
                if self.tell_all {
                    self.note(NoteKind::DigestValid, &link.uri, String::new())?;
                }
                Ok(())
            }
            Trust::Invalid(kind, why) => {
                self.account.digests.invalid += 1;
                self.break_off(trail, "a digest of this time is invalid");
                self.problem(*kind, &link.uri, why.clone(), true)
            }
            Trust::Unverified { kind, why, failure } => {
                self.account.digests.unverified += 1;
                self.break_off(trail, "a digest of this time cannot be verified");
                self.account.unread += u64::from(*kind == ProblemKind::DigestNoKey && !*failure);
                self.problem(*kind, &link.uri, why.clone(), *failure)
            }
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

    fn bad_digest(&mut self, uri: &str, kind: ProblemKind, why: String) -> io::Result<()> {
        self.put_aside(uri);
        if DigestName::parse(uri)
            .is_some_and(|name| !self.in_range((name.end - SignedDuration::from_hours(1), name.end)))
        {
            return Ok(());
        }
        if let Some(name) = DigestName::parse(uri)
            && let Some(trail) = self.trails.iter().rposition(|(id, _)| {
                id.account == name.account
                    && id.region == name.region
                    && id.trail == name.trail
                    && id.backfill == name.backfill
            })
        {
            let trail = u32::try_from(trail).unwrap_or(u32::MAX);
            self.break_off(trail, "a digest of this time is invalid");
        }
        self.account.digests.invalid += 1;
        self.problem(kind, uri, why, true)
    }

    fn put_aside(&mut self, uri: &str) {
        let path = aws_part(uri).unwrap_or_else(|| file_name(uri));
        self.aside.insert(path.to_owned());
    }

    fn check(
        &mut self,
        region: &str,
        fingerprint: &str,
        signed: Option<Timestamp>,
        text: &str,
        signature: &str,
    ) -> SignatureCheck {
        check(&mut *self.keys, region, fingerprint, signed, text, signature)
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

    fn problem(&mut self, kind: ProblemKind, uri: &str, detail: String, failure: bool) -> io::Result<()> {
        self.account.failures += u64::from(failure);
        self.account.problems.push(&Line { kind, uri: uri.to_owned(), detail })
    }

    fn note(&mut self, kind: NoteKind, uri: &str, detail: String) -> io::Result<()> {
        self.account.notes.push(&Line { kind, uri: uri.to_owned(), detail })
    }
}

fn check(
    keys: &mut dyn KeySource,
    region: &str,
    fingerprint: &str,
    signed: Option<Timestamp>,
    text: &str,
    signature: &str,
) -> SignatureCheck {
    match keys.check(region, fingerprint, signed, text.as_bytes(), signature) {
        SignatureCheck::NoKey { why, other_keys } => SignatureCheck::NoKey {
            why: format!("{why}; digests of {region} are signed with keys of that region"),
            other_keys,
        },
        check => check,
    }
}

/// Whether a digest lies where it does not belong. Another bucket or prefix is no such place.
fn moved(uri: &str, digest: &Digest<'_>) -> Option<String> {
    let same = match (aws_part(uri), aws_part(&digest.key)) {
        (Some(here), Some(there)) => here == there,
        _ => file_name(uri) == file_name(&digest.key),
    };
    (!same).then(|| format!("it was delivered to s3://{}/{}", digest.bucket, digest.key))
}

/// Whether a digest in S3 lies under another bucket or prefix. On disk it always does.
fn replicated(uri: &str, digest: &Digest<'_>) -> bool {
    uri.strip_prefix("s3://").is_some_and(|place| {
        place.strip_prefix(&*digest.bucket).and_then(|rest| rest.strip_prefix('/')) != Some(&*digest.key)
    })
}

/// The accounts whose logs a trail's digests name: an organization's trail has those of its members.
fn note_accounts(spans: &mut Spans, own: &str, digest: &Digest<'_>) {
    const MOST: usize = 10_000;
    if !spans.accounts.contains(own) {
        spans.accounts.insert(own.to_owned());
    }
    let mut last = String::new();
    for log in &digest.logs {
        let account = file_name(&log.key).split('_').next().unwrap_or_default();
        if account != last
            && account.len() == 12
            && spans.accounts.len() < MOST
            && !spans.accounts.contains(account)
        {
            spans.accounts.insert(account.to_owned());
        }
        account.clone_into(&mut last);
    }
}
