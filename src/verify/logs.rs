//! The second pass: what each log is by the digests that name it, and what nobody brought.
//!
//! A log is looked up in the index of its day under its name. The hash of a sound digest decides whether the log is
//! as it was delivered; a log that digests prove the time of and none of them names was put there by somebody else.
//! At the end, logs that sound digests name and that were not seen are missing, unless they lie outside of what was
//! listed. Logs in other buckets are only named, or looked for where the run follows them.

use std::io;
use std::sync::Arc;

use super::index::Named;
use super::place::{DigestName, aws_part, delivered, file_name};
use super::problems::{IntegrityProblem, NoteKind};
use super::spans::Span;
use super::{LogObject, LogVerdict, Verifier, Worth};
use crate::key::key_info;

impl Verifier {
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
        let in_range = self.in_time(time);
        // What is no delivery of CloudTrail's, such as an export beside the trail, is no concern of digests.
        if judged.is_empty() && (!in_range || log.key.is_none()) {
            return Ok(verdict);
        }
        let counts = &mut self.result.logs;
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
                self.problem(IntegrityProblem::LogMismatch, log.uri, why.clone(), true)?;
                self.holes(&spans, "a log of this time was changed");
            }
            LogVerdict::NotInDigest => {
                counts.not_in_digest += 1;
                let why = "no digest names it, though digests prove its time".to_owned();
                self.problem(IntegrityProblem::LogNotInDigest, log.uri, why, true)?;
            }
            LogVerdict::Unverified(why) => {
                counts.unverified += 1;
                self.result.unknown(log.key.map(Arc::as_ref), time);
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
        self.result.unread += 1;
        self.result.logs.unverified += 1;
        self.problem(IntegrityProblem::LogUnread, uri, why, false)
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
        let time = delivered(uri);
        if !self.in_time(time) && !named.iter().any(|named| self.in_range(named.by.span)) {
            return Ok(());
        }
        let sound =
            named.iter().any(|named| self.in_range(named.by.span) && self.worth_of(named) == Worth::Valid);
        if sound {
            self.result.logs.valid += 1;
            self.result.known += 1;
        } else {
            self.result.logs.unverified += 1;
            self.result.unknown(key.as_deref(), time);
        }
        Ok(())
    }

    fn named(&mut self, log: &LogObject<'_>) -> io::Result<Vec<Named>> {
        let place = aws_part(log.uri);
        let same = |named: &Named| match (place, aws_part(&named.name)) {
            (Some(place), Some(part)) => place == part,
            (Some(_), None) => log.uri.ends_with(&*named.name),
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

    /// Returns the logs that sound digests name in another bucket than their own and that were not seen, of the
    /// account, region and day with this number; `None` behind the last one. Whoever asks looks for them there.
    ///
    /// # Errors
    ///
    /// Fails where a temporary file cannot be read back.
    pub fn elsewhere(&mut self, day: usize) -> io::Result<Option<Vec<String>>> {
        self.followed = true;
        let Some(day) = self.index.day(day) else { return Ok(None) };
        let loaded = self.index.load(&day)?;
        let wanted = |named: &&Named| {
            named.elsewhere
                && self.in_range(named.by.span)
                && self.worth_of(named) == Worth::Valid
                && !self.index.was_seen(named.id)
        };
        let mut uris: Vec<String> = loaded
            .all()
            .into_iter()
            .flatten()
            .filter(wanted)
            .map(|named| self.uri_elsewhere(named))
            .collect();
        uris.dedup();
        Ok(Some(uris))
    }

    fn uri_elsewhere(&self, named: &Named) -> String {
        format!("s3://{}/{}", self.index.bucket(named.bucket), named.name)
    }

    pub(super) fn missing_logs(&mut self) -> io::Result<()> {
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
        if named.elsewhere && !self.followed {
            let uri = self.uri_elsewhere(named);
            self.holes(&spans, "a log of this time is named in another bucket, which was not read");
            let detail = "named in another bucket than its digest, and not looked for there".to_owned();
            self.result.other_buckets.insert(self.index.bucket(named.bucket).to_owned());
            self.result.logs.unverified += 1;
            return self.note(NoteKind::OtherBucket, &uri, detail);
        }
        let uri = match named.elsewhere {
            true => self.uri_elsewhere(named),
            false => format!("{root}{}", named.name),
        };
        self.result.logs.missing += 1;
        self.result.missing_log(&uri, info.as_deref(), delivered(&named.name));
        self.holes(&spans, "a log of this time is missing");
        let proven = if self.worth_of(named) == Worth::Valid { "" } else { ", which is not proven itself" };
        let why = format!("the digest up to {} names it{proven}", named.by.span.1);
        self.problem(IntegrityProblem::LogMissing, &uri, why, true)
    }
}
