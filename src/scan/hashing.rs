//! The report of an object that verification reads.

use std::io::BufRead;
use std::time::Instant;

use super::contents::{DigestContents, Uncompressed};
use super::options::ScanOptions;
use super::report::{ObjectOutcome, Report};
use crate::error::{ErrorKind, ObjectError, Stage};
use crate::inflate::{Buffers, FirstMember, first_member, hash_bytes};
use crate::records::cursor::Break;
use crate::source::Metadata;

/// Bytes that a digest file may inflate to: CloudTrail's have a few hundred bytes for each log of one hour.
const DIGEST: u64 = 64 << 20;

/// Returns the report of an object that was hashed.
pub(super) fn hashed(mut report: Report, member: Result<FirstMember, Break>, start: Instant) -> Report {
    report.uncompressed = Uncompressed::of(&member);
    report.times.inflate = Some(start.elapsed());
    match member {
        Ok(member) => report.bytes_uncompressed = member.bytes,
        Err(broken) => fail(&mut report, broken),
    }
    report
}

/// Returns the report of a digest file that is in memory.
pub(super) fn digest(
    report: Report,
    stored: &[u8],
    options: &ScanOptions,
    buffers: &mut Buffers,
    start: Instant,
) -> Report {
    let mut bytes = Vec::new();
    let member =
        hash_bytes(stored, limit(options), &options.cancel, buffers, |all| bytes.extend_from_slice(all));
    digested(report, member, bytes, start)
}

/// Returns the report of a digest file that is read piece by piece.
pub(super) fn digest_of(
    report: Report,
    reader: impl BufRead,
    options: &ScanOptions,
    start: Instant,
) -> Report {
    let mut bytes = Vec::new();
    let member =
        first_member(reader, limit(options), &options.cancel, |piece| bytes.extend_from_slice(piece));
    digested(report, member, bytes, start)
}

fn limit(options: &ScanOptions) -> u64 {
    options.max_object_size.min(DIGEST)
}

fn digested(report: Report, member: Result<FirstMember, Break>, bytes: Vec<u8>, start: Instant) -> Report {
    let trailing = member.as_ref().is_ok_and(|member| member.trailing);
    let mut report = hashed(report, member, start);
    if trailing {
        let cause = "bytes follow the gzip member of a digest".into();
        fail(&mut report, Break { stage: Stage::Inflate, kind: ErrorKind::CorruptGzip, cause });
    }
    if report.outcome == ObjectOutcome::Scanned {
        report.digest = Some(DigestContents { bytes, spilled: None, metadata: Metadata::default() });
    }
    report
}

fn fail(report: &mut Report, broken: Break) {
    let uri = report.object.uri.clone();
    report.errors.push(ObjectError::new(uri, broken.stage, broken.kind, broken.cause));
    report.damaged = true;
    report.outcome = ObjectOutcome::Failed;
}
