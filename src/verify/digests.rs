//! The first pass: digests come in, take their place in a chain, and are judged.
//!
//! Digests come in the order of time, as their names sort. [`super::alone`] says what each of them tells by itself.
//! [`super::chain`] holds it against the digest after it, and says what it is worth as soon as that is known. What a
//! sound digest says of its logs goes into the index, by day. What is wrong becomes a problem, and the time around it
//! is not proven.

use std::io;

use jiff::SignedDuration;
use rayon::ThreadPool;

use super::alone::{self, Alone, Checked};
use super::chain::{Chain, Link, Refusal, Settled, Trust};
use super::digest::Digest;
use super::index::By;
use super::place::{DigestName, aws_part, file_name};
use super::problems::{IntegrityProblem, NoteKind};
use super::spans::Spans;
use super::{ChainId, DigestFile, Verifier, Worth};
use crate::key::key_info;
use crate::key::layout::is_account;

impl Verifier {
    /// Takes the next digest, in the order of keys.
    ///
    /// # Errors
    ///
    /// Fails where a temporary file cannot be written.
    pub fn digest(&mut self, file: &DigestFile<'_>) -> io::Result<()> {
        self.digests(std::slice::from_ref(file), None)
    }

    /// Takes the next digests, in the order of keys, with the same result as one after another. The threads of the
    /// pool share the work that each of the digests makes by itself.
    pub(crate) fn digests(&mut self, files: &[DigestFile<'_>], pool: Option<&ThreadPool>) -> io::Result<()> {
        for (file, (one, checked)) in files.iter().zip(alone::read(files, &mut *self.keys, pool)) {
            match one {
                Ok(one) => self.put(file, one, checked)?,
                Err((kind, why)) => self.bad_digest(file.uri, kind, why)?,
            }
        }
        Ok(())
    }

    /// Puts a digest in its place in a chain.
    fn put(&mut self, file: &DigestFile<'_>, one: Alone<'_>, checked: Option<Checked>) -> io::Result<()> {
        let Alone { digest, name, signed } = one;
        let root = self.root_of(file.uri, &digest.key);
        let id = ChainId {
            root,
            account: name.account,
            region: name.region,
            trail: name.trail,
            home: name.home,
            backfill: name.backfill,
        };
        let (own, ahead) = match file.signature {
            Some(_) => (checked.map(|own| own.check), None),
            None => (None, checked),
        };
        let number = u32::try_from(self.worth.len()).map_err(|_| io::Error::other("too many digests"))?;
        let place = alone::place(&digest.key).to_owned();
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
            ahead,
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
                &mut |last: &Link, signature: &str| last.check(&mut **keys, &region, signature),
                &|previous| {
                    let place = alone::place(&previous.key);
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
            return self.bad_digest(uri, IntegrityProblem::DigestMalformed, why);
        }
        self.put_aside(uri);
        self.result.digests.unverified += 1;
        self.result.unread += 1;
        self.problem(IntegrityProblem::DigestUnread, uri, why, false)
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
            self.result.digests.missing += 1;
            if let Some((_, spans)) = self.trails.get_mut(trail as usize) {
                spans.broken("a digest of this time is missing".to_owned());
            }
            let why = format!(
                "{} names it as the digest before it (where older ones are left out on purpose, --start says so)",
                link.uri
            );
            self.problem(IntegrityProblem::DigestMissing, &uri, why, true)?;
        }
        match trust {
            Trust::Valid => {
                self.result.digests.valid += 1;
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
                self.result.digests.invalid += 1;
                self.break_off(trail, "a digest of this time is invalid");
                self.problem(*kind, &link.uri, why.clone(), true)
            }
            Trust::Unverified { kind, why, failure } => {
                self.result.digests.unverified += 1;
                self.break_off(trail, "a digest of this time cannot be verified");
                self.result.unread += u64::from(*kind == IntegrityProblem::DigestNoKey && !*failure);
                self.problem(*kind, &link.uri, why.clone(), *failure)
            }
        }
    }

    fn bad_digest(&mut self, uri: &str, kind: IntegrityProblem, why: String) -> io::Result<()> {
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
        self.result.digests.invalid += 1;
        self.problem(kind, uri, why, true)
    }

    fn put_aside(&mut self, uri: &str) {
        let path = aws_part(uri).unwrap_or_else(|| file_name(uri));
        self.aside.insert(path.to_owned());
    }
}

/// Returns whether a digest in S3 lies under another bucket or prefix. On disk it always does.
fn replicated(uri: &str, digest: &Digest<'_>) -> bool {
    uri.strip_prefix("s3://").is_some_and(|place| {
        place.strip_prefix(&*digest.bucket).and_then(|rest| rest.strip_prefix('/')) != Some(&*digest.key)
    })
}

/// Notes the accounts whose logs a trail's digests name: an organization's trail has logs of its members.
fn note_accounts(spans: &mut Spans, own: &str, digest: &Digest<'_>) {
    const MOST: usize = 10_000;
    if !spans.accounts.contains(own) {
        spans.accounts.insert(own.to_owned());
    }
    let mut last = String::new();
    for log in &digest.logs {
        let account = file_name(&log.key).split('_').next().unwrap_or_default();
        if account != last
            && is_account(account)
            && spans.accounts.len() < MOST
            && !spans.accounts.contains(account)
        {
            spans.accounts.insert(account.to_owned());
        }
        account.clone_into(&mut last);
    }
}
