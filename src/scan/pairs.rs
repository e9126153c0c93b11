//! Hashes of inflated objects, two at a time.
//!
//! The processor takes two SHA-256 side by side at little more than the cost of one. A report that is to be hashed
//! therefore waits for the next one: both are hashed as far as the shorter one goes, and the longer one waits on. Where
//! the buffers that a waiting report holds are wanted, or no other report comes, its hash is taken alone.

use super::contents::Uncompressed;
use super::report::Report;
use crate::inflate::{Buffers, Unhashed};

/// The report that waits for another one.
#[derive(Debug, Default)]
pub(super) struct Pairs(Option<(Report, Unhashed)>);

impl Pairs {
    /// Hands over a report, together with another one that waited for it. One that is to be hashed may have to wait
    /// for the next.
    pub(super) fn add(
        &mut self,
        report: Report,
        unhashed: Option<Unhashed>,
        buffers: &mut Buffers,
        to: &mut Vec<Report>,
    ) {
        let Some(mut unhashed) = unhashed else { return to.push(report) };
        let Some((other, mut waits)) = self.0.take() else {
            self.0 = Some((report, unhashed));
            if buffers.are_wanted() {
                self.settle(buffers, to);
            }
            return;
        };
        waits.with(&mut unhashed);
        for (report, unhashed) in [(other, waits), (report, unhashed)] {
            if unhashed.is_done() {
                to.push(hashed(report, unhashed, buffers));
            } else {
                self.0 = Some((report, unhashed));
            }
        }
    }

    /// Returns whether a report waits.
    pub(super) fn has_waiting(&self) -> bool {
        self.0.is_some()
    }

    /// Hands over the report that waits.
    pub(super) fn settle(&mut self, buffers: &mut Buffers, to: &mut Vec<Report>) {
        if let Some((report, unhashed)) = self.0.take() {
            to.push(hashed(report, unhashed, buffers));
        }
    }
}

/// Returns a report with its hash.
pub(super) fn hashed(mut report: Report, unhashed: Unhashed, buffers: &mut Buffers) -> Report {
    report.uncompressed = Some(Uncompressed::Whole(buffers.finish(unhashed)));
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectRef;
    use crate::scan::options::{Job, ScanOptions};
    use crate::scan::worker::Worker;
    use crate::source::{Content, Item};

    /// Reports wait for each other's hashes; each comes out once, with the hash that it has by itself.
    #[test]
    fn hashes_in_pairs_are_those_of_single_objects() {
        let folder = tempfile::tempdir().unwrap();
        let record = r#"{"eventName":"ListUsers","userIdentity":{"type":"Root"}}"#;
        let items = |count: u64| {
            (0..count).map(|seq| {
                let path = folder.path().join(format!("{seq}.json.gz"));
                let records = vec![record; 1 + (seq as usize * 37) % 200].join(",");
                let text = format!(r#"{{"Records":[{records}]}}"#);
                let stored = match seq % 5 {
                    // Neither a text that is not compressed nor two members are inflated as a whole.
                    3 => text.into_bytes(),
                    4 => [gzip(&text), gzip("\n")].concat(),
                    _ => gzip(&text),
                };
                let size = stored.len() as u64;
                std::fs::write(&path, stored).unwrap();
                let object = ObjectRef { uri: path.display().to_string(), size, ..ObjectRef::default() };
                Item { seq, object, content: Content::File(None), lease: None }
            })
        };
        for job in [Job::ScanAndHash, Job::Hash] {
            let options = ScanOptions { job, threads: 1, ..ScanOptions::default() };
            let (mut alone, mut paired) = (Worker::default(), Worker::default());
            let expected: Vec<_> = items(23).map(|item| alone.scan(item, &options)).collect();
            let mut reports = Vec::new();
            for item in items(23) {
                let (report, unhashed) = paired.read(item, &options);
                paired.hash(report, unhashed, &mut reports);
                assert!(reports.len() + usize::from(paired.has_waiting()) > 0);
            }
            assert!(reports.len() >= 22, "one waits at most");
            paired.settle(&mut reports);
            reports.sort_by_key(|report| report.seq);
            assert_eq!(reports.len(), expected.len());
            for (report, expected) in reports.iter().zip(&expected) {
                assert_eq!(report.seq, expected.seq);
                assert!(
                    matches!(report.uncompressed, Some(Uncompressed::Whole(_))),
                    "{job:?} {}",
                    report.seq
                );
                assert_eq!(report.uncompressed, expected.uncompressed, "{job:?} {}", report.seq);
                assert_eq!(report.bytes_uncompressed, expected.bytes_uncompressed);
            }
        }
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }
}
