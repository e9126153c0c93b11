//! One object: from its stored bytes to a report of its records and findings.
//!
//! A [`Worker`] reads one item after another and keeps its buffers. An object in memory, and a file small
//! enough to be read into memory, is inflated from there; anything larger, or of unknown size, is streamed.
//! The walk over the records runs inside the inflater's callback, so that no object is held inflated if it
//! need not be. A body that may have been damaged on the network is fetched again before it counts as broken.
//! Every failure, a panic included, becomes an error in the [`Report`].

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::candidates::Batch;
use super::interruptible::Waiting;
use super::report::{ObjectOutcome, Report};
use crate::records::cursor::{Break, Cursor, Fault, FaultKind};
use crate::records::document::{Unread, Walk, walk};
use crate::records::foreign::Foreign;
use sha2::{Digest as _, Sha256};

use super::contents::Uncompressed;
use super::hashing;
use super::options::{Job, ScanOptions};
use super::pairs::{Pairs, hashed};
use crate::cancel::Cancel;
use crate::error::{ErrorKind, ObjectError, Stage};
use crate::inflate::{
    Buffers, Checked, ENOUGH, Inflated, Unhashed, check_bytes, first_member, inflate_bytes, inflate_stream,
    may_be_log,
};
use crate::key::Skip;
use crate::object::ObjectRef;
use crate::source::folder::Folder;
use crate::source::{Body, Content, Item};

/// Size up to which files are read into memory before they are inflated; larger ones are streamed.
const READ_WHOLE: u64 = 24 << 20;

/// The buffers of one worker, used for one object after another.
#[derive(Debug, Default)]
pub struct Worker {
    stored: Vec<u8>,
    buffers: Buffers,
    batch: Batch,
    folder: Folder,
    pairs: Pairs,
}

impl Worker {
    /// Reads one item. Never fails and never panics: failures are in the report.
    pub fn scan(&mut self, item: Item, options: &ScanOptions) -> Report {
        let (report, unhashed) = self.read(item, options);
        match unhashed {
            Some(unhashed) => hashed(report, unhashed, &mut self.buffers),
            None => report,
        }
    }

    /// Reads one item as [`Worker::scan`] does, but leaves the hash to [`Worker::hash`].
    pub(crate) fn read(&mut self, item: Item, options: &ScanOptions) -> (Report, Option<Unhashed>) {
        let Item { seq, object, content, lease } = item;
        let object = Arc::new(object);
        let result = catch_unwind(AssertUnwindSafe(|| self.scan_content(&object, content, options)));
        let mut report = result.unwrap_or_else(|panic| {
            // Buffers may be half-used; the next object starts with fresh ones.
            *self = Self { pairs: std::mem::take(&mut self.pairs), ..Self::default() };
            let what = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("unknown");
            let what = format!("internal error, please report: {what}");
            let error = ObjectError::new(object.uri.clone(), Stage::Parse, ErrorKind::Other, what);
            Report::failed(&object, error)
        });
        report.seq = seq;
        report.lease = lease;
        (report, self.buffers.take_unhashed())
    }

    /// Hands over a report that [`Worker::read`] returned, as [`Pairs::add`] does.
    pub(crate) fn hash(&mut self, report: Report, unhashed: Option<Unhashed>, to: &mut Vec<Report>) {
        self.pairs.add(report, unhashed, &mut self.buffers, to);
    }

    /// Returns whether a report waits.
    pub(crate) fn has_waiting(&self) -> bool {
        self.pairs.has_waiting()
    }

    /// Hands over the report that waits.
    pub(crate) fn settle(&mut self, to: &mut Vec<Report>) {
        self.pairs.settle(&mut self.buffers, to);
    }

    /// Moves an object's findings out of memory.
    pub(crate) fn spill(&self, report: &mut Report) {
        let findings = report.findings.spill(&self.batch.spill_file);
        let digest = report.digest.as_mut().map_or(Ok(()), |digest| digest.spill(&self.batch.spill_file));
        if let Err(error) = findings.and(digest) {
            report.note_spill(&error);
        }
    }

    fn scan_content(&mut self, object: &Arc<ObjectRef>, content: Content, options: &ScanOptions) -> Report {
        match content {
            Content::Skipped(skip) => Report::skipped(object, skip),
            Content::Failed(error) => Report::failed(object, error),
            Content::File(path) => {
                let path = path.as_deref().unwrap_or(Path::new(&object.uri));
                let mut report = self.scan_file(object, path, options);
                if let Some(digest) = &mut report.digest
                    && let Err(error) = digest.read_beside(path)
                {
                    report.errors.push(error);
                }
                report
            }
            Content::Pipe(path) => self.scan_waiting(object, || File::open(path), options),
            Content::Stdin => self.scan_waiting(object, || Ok(io::stdin()), options),
            Content::Body(body) if object.unsure && is_no_log(&*body) => {
                Report::skipped(object, Skip::OtherName)
            }
            Content::Body(mut body) => loop {
                let stored = body.bytes();
                let mut report = self.scan_bytes(object, stored, options);
                if let Some(digest) = &mut report.digest {
                    digest.metadata = body.metadata();
                }
                report.times.get = Some(Duration::from_millis(body.get_ms()));
                if let Some(error) = body.cut_short() {
                    report.cut_short(error);
                    // The hash of a beginning would be no evidence of the object.
                    report.sha256 = None;
                    report.uncompressed = None;
                    self.buffers.forget_unhashed();
                    return report;
                }
                if !report.damaged_in_transit() {
                    return report;
                }
                // A body that was cut or flipped on its way is fetched again before it counts as broken.
                match body.again() {
                    Ok(true) => {}
                    Ok(false) => return report,
                    Err(error) => {
                        report.errors.push(error);
                        return report;
                    }
                }
            },
        }
    }

    fn scan_file(&mut self, object: &Arc<ObjectRef>, path: &Path, options: &ScanOptions) -> Report {
        let mut file = match self.folder.open(path) {
            Ok(file) => file,
            Err(error) => return unreadable(object, error),
        };
        if object.unsure {
            let mut first = [0; ENOUGH];
            let read = read_at_least(&mut file, &mut first, ENOUGH).and_then(|n| file.rewind().map(|()| n));
            match read {
                Ok(n) if may_be_log(&first[..n]) => {}
                Ok(_) => return Report::skipped(object, Skip::OtherName),
                Err(error) => return unreadable(object, error),
            }
        }
        // Files of the operating system's own (`/proc`) have contents but no size.
        if !(1..=READ_WHOLE).contains(&object.size) {
            let mut report = self.scan_reader(object, file, options);
            if options.job == Job::ScanAndHash && report.uncompressed.is_none() {
                // A file this large is read twice: hashing beside the threads that inflate it would hold them
                // up.
                let file = self.folder.open(path).map(|file| BufReader::with_capacity(256 << 10, file));
                report.uncompressed = file.ok().and_then(|file| Uncompressed::of_reader(file, options));
            }
            return report;
        }
        let listed = usize::try_from(object.size).unwrap_or(usize::MAX);
        let mut stored = std::mem::take(&mut self.stored);
        // The room for one byte more shows whether the file has grown since it was listed.
        if stored.len() <= listed {
            stored.resize(listed + 1, 0);
        }
        let report = match read_at_least(&mut file, &mut stored[..=listed], listed) {
            Ok(read) if read <= listed => self.scan_bytes(object, &stored[..read], options),
            Ok(read) => self.scan_reader(object, stored[..read].chain(file), options),
            Err(error) => unreadable(object, error),
        };
        self.stored = stored;
        report
    }

    /// Reads an input that may have nothing to read for a long time.
    fn scan_waiting<R: Read>(
        &mut self,
        object: &Arc<ObjectRef>,
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        options: &ScanOptions,
    ) -> Report {
        match Waiting::on(open, &options.cancel) {
            Ok(reader) => self.scan_reader(object, reader, options),
            Err(error) => unreadable(object, error),
        }
    }

    fn scan_bytes(&mut self, object: &Arc<ObjectRef>, stored: &[u8], options: &ScanOptions) -> Report {
        let start = Instant::now();
        let mut report = Report::new(object);
        report.bytes_compressed = stored.len() as u64;
        report.sha256 = options.sha256.then(|| Sha256::digest(stored).into());
        self.buffers.set_hashes(matches!(options.job, Job::ScanAndHash | Job::Hash));
        match options.job {
            Job::Scan | Job::ScanAndHash => {}
            Job::Hash => {
                let (limit, cancel) = (options.max_object_size, &options.cancel);
                let member = match check_bytes(stored, limit, cancel, &mut self.buffers) {
                    Ok(Checked::Unhashed(bytes)) => {
                        report.bytes_uncompressed = bytes;
                        report.times.inflate = Some(start.elapsed());
                        return report;
                    }
                    Ok(Checked::Hashed(member)) => Ok(member),
                    Err(broken) => Err(broken),
                };
                return hashing::hashed(report, member, start);
            }
            Job::Digest => return hashing::digest(report, stored, options, &mut self.buffers, start),
        }
        let batch = &mut self.batch;
        let limit = options.max_object_size;
        let overlap = options.threads > 1;
        let (walked, inflated) =
            inflate_bytes(stored, limit, overlap, &options.cancel, &mut self.buffers, |cursor| {
                report.forget();
                read_records(cursor, batch, &mut report, options)
            });
        if options.job == Job::ScanAndHash && !self.buffers.has_unhashed() {
            report.uncompressed = Uncompressed::of_reader(stored, options);
        }
        finish(report, walked, inflated, start)
    }

    fn scan_reader(
        &mut self,
        object: &Arc<ObjectRef>,
        reader: impl Read + Send,
        options: &ScanOptions,
    ) -> Report {
        let start = Instant::now();
        let mut report = Report::new(object);
        let hash = options.sha256.then(Sha256::new);
        let mut counted = Counted { reader, bytes: 0, hash, cancel: &options.cancel };
        if matches!(options.job, Job::Hash | Job::Digest) {
            let reader = BufReader::with_capacity(256 << 10, &mut counted);
            let mut report = if options.job == Job::Digest {
                hashing::digest_of(report, reader, options, start)
            } else {
                let hashed = first_member(reader, options.max_object_size, &options.cancel, |_| {});
                hashing::hashed(report, hashed, start)
            };
            report.bytes_compressed = counted.bytes;
            return report;
        }
        let batch = &mut self.batch;
        let (walked, inflated) = inflate_stream(
            BufReader::with_capacity(256 << 10, &mut counted),
            options.max_object_size,
            options.threads > 1,
            &options.cancel,
            |cursor| read_records(cursor, batch, &mut report, options),
        );
        // The bytes behind a break belong to the object as well.
        let whole = counted.hash.is_some() && io::copy(&mut counted, &mut io::sink()).is_ok();
        report.bytes_compressed = counted.bytes;
        report.sha256 = counted.hash.filter(|_| whole).map(|hash| hash.finalize().into());
        finish(report, walked, inflated, start)
    }
}

/// Returns whether the first bytes of a body show that it is no log. The beginning of a body that was cut off
/// proves nothing.
fn is_no_log(body: &dyn Body) -> bool {
    let first = &body.bytes()[..body.bytes().len().min(ENOUGH)];
    !may_be_log(first) && (first.len() == ENOUGH || !body.is_cut_short())
}

fn unreadable(object: &Arc<ObjectRef>, error: io::Error) -> Report {
    let kind = ErrorKind::of_io(&error);
    Report::failed(object, ObjectError::new(object.uri.clone(), Stage::Read, kind, error))
}

/// Reads until `enough` bytes are there or the file ends, with as few calls as can be.
fn read_at_least(file: &mut File, stored: &mut [u8], enough: usize) -> io::Result<usize> {
    let mut read = 0;
    while read < enough {
        match file.read(&mut stored[read..]) {
            Ok(0) => break,
            Ok(n) => read += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

fn read_records(
    cursor: &mut Cursor<'_>,
    batch: &mut Batch,
    report: &mut Report,
    options: &ScanOptions,
) -> (Walk, Option<Break>) {
    let walk = walk(cursor, &mut batch.start(report, options));
    (walk, cursor.take_break())
}

fn finish(
    mut report: Report,
    walked: Result<(Walk, Option<Break>), Break>,
    inflated: Inflated,
    start: Instant,
) -> Report {
    report.bytes_uncompressed = inflated.bytes;
    report.times.inflate = Some(inflated.time);
    report.times.scan = Some(start.elapsed().saturating_sub(inflated.time));
    let uri = || report.object.uri.clone();
    let (walk, broken) = match walked {
        Ok((walk, broken)) => (walk, broken),
        Err(broken) => (Walk::default(), Some(broken)),
    };
    let faulty = |fault: Fault| {
        let kind = match fault.kind {
            FaultKind::TooLong => ErrorKind::TooLarge,
            FaultKind::Syntax | FaultKind::Unterminated => ErrorKind::InvalidJson,
        };
        ObjectError::new(uri(), Stage::Parse, kind, fault)
    };
    let mut further: Vec<ObjectError> = walk.further.into_iter().map(faulty).collect();
    if broken.is_some() {
        // The last fault is only what the break looks like.
        further.pop();
    }
    let error = match (broken, walk.fault) {
        (Some(broken), _) => Some(ObjectError::new(uri(), broken.stage, broken.kind, broken.cause)),
        (None, _) if let Some(foreign) = walk.foreign => {
            // Damage on the network never makes bytes look like an archive.
            let stage = if matches!(foreign, Foreign::Archive(_)) { Stage::Inflate } else { Stage::Parse };
            Some(ObjectError::new(uri(), stage, ErrorKind::InvalidJson, foreign))
        }
        (None, Some(fault)) if fault.offset == 0 && fault.what == "expected a value" => {
            let cause = format!("not JSON, nor anything else that is known ({fault})");
            Some(ObjectError::new(uri(), Stage::Parse, ErrorKind::InvalidJson, cause))
        }
        (None, Some(fault)) => Some(faulty(fault)),
        (None, None) if let Some(unread) = walk.unread => {
            let kind = match unread {
                Unread::Broken(_) => ErrorKind::InvalidJson,
                Unread::Suspect(_) => ErrorKind::NotCloudtrail,
            };
            Some(ObjectError::new(uri(), Stage::Parse, kind, unread))
        }
        (None, None) if !walk.any => {
            Some(ObjectError::new(uri(), Stage::Parse, ErrorKind::Empty, "no bytes where a log should be"))
        }
        (None, None) => None,
    };
    match error {
        Some(mut error) => {
            error.findings_salvaged = report.findings.len();
            report.damaged = true;
            report.errors.push(error);
            report.errors.extend(further);
            report.outcome = ObjectOutcome::Failed;
        }
        None if !walk.events => report.outcome = ObjectOutcome::Skipped(Skip::NotCloudtrail),
        None => report.outcome = ObjectOutcome::Scanned,
    }
    report
}

struct Counted<'c, R> {
    reader: R,
    bytes: u64,
    hash: Option<Sha256>,
    cancel: &'c Cancel,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        // Hashing goes to the end of a file, however long it is.
        if self.cancel.is_set() {
            return Err(io::Error::other("interrupted"));
        }
        let n = self.reader.read(buf)?;
        self.bytes += n as u64;
        if let Some(hash) = &mut self.hash {
            hash.update(&buf[..n]);
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_whatever_it_was_when_it_was_listed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let text = br#"{"Records":[{"eventName":"ListUsers","userIdentity":{"type":"Root"}}]}"#;
        std::fs::write(&path, text).unwrap();
        let options = ScanOptions {
            max_object_size: 1 << 20,
            sha256: true,
            job: Job::Scan,
            threads: 1,
            cancel: Cancel::default(),
        };
        let length = text.len() as u64;
        let mut worker = Worker::default();
        let mut scan = |size| {
            let object = ObjectRef { uri: path.display().to_string(), size, ..ObjectRef::default() };
            let report =
                worker.scan(Item { seq: 0, object, content: Content::File(None), lease: None }, &options);
            (report.outcome, report.records.matched, report.bytes_compressed, report.sha256)
        };
        let hash = Some(Sha256::digest(text).into());
        for size in [length, length - 1, length + 1, 1, 0, 10 * length, READ_WHOLE, READ_WHOLE + 1] {
            assert_eq!(scan(size), (ObjectOutcome::Scanned, 1, length, hash), "{size}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(scan(length), (ObjectOutcome::Failed, 0, 0, None));
        std::fs::create_dir(&path).unwrap();
        assert_eq!(scan(length).0, ObjectOutcome::Failed);
    }
}
