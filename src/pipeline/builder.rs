//! A scan with defaults for all that nobody wants to fill in.

use std::fmt;
use std::path::PathBuf;

use super::Run;
use crate::cancel::Cancel;
use crate::error::{Fatal, ObjectError};
use crate::filter::Filter;
use crate::finding::Finding;
use crate::rules::TrustedNetworks;
use crate::scan::options::ScanOptions;
use crate::source::Source;
use crate::source::disk::DiskSource;
use crate::summary::Summary;

/// What is done with an object or a record that cannot be read.
type OnError<'s> = Box<dyn FnMut(&ObjectError) + 's>;

/// A scan of files, directories and other sources, which hands each finding to a closure.
///
/// The findings come in input order, whatever the number of threads, and without duplicates. What cannot be read never
/// stops the rest: [`Scan::on_error`] sees it, and the [`Summary`] counts it ([`Summary::complete`]).
///
/// ```
/// let mut by_account = std::collections::BTreeMap::new();
/// let summary = roottrail::Scan::new().source("sample-logs").run(|finding| {
///     *by_account.entry(finding.account_id).or_insert(0) += 1;
/// })?;
/// assert_eq!(by_account.values().sum::<u64>(), summary.findings.written);
/// assert!(summary.complete());
/// # Ok::<(), roottrail::error::Fatal>(())
/// ```
#[derive(Default)]
#[must_use = "nothing is read before `run`"]
pub struct Scan<'s> {
    sources: Vec<Box<dyn Source>>,
    options: ScanOptions,
    trusted: TrustedNetworks,
    filter: Filter,
    on_error: Option<OnError<'s>>,
}

impl fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("sources", &self.sources)
            .field("options", &self.options)
            .field("filter", &self.filter)
            .finish_non_exhaustive()
    }
}

impl<'s> Scan<'s> {
    /// Returns a scan of nothing, with a worker for each core and 2 GiB as the limit of one object.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file or a directory, which is read behind the sources before it.
    pub fn source(self, path: impl Into<PathBuf>) -> Self {
        self.source_of(DiskSource::new(path))
    }

    /// Adds a source that is set up already: a directory with a scope of its own, a bucket, or a source of the caller's.
    pub fn source_of(mut self, source: impl Source + 'static) -> Self {
        self.sources.push(Box::new(source));
        self
    }

    /// Sets the conditions that findings must meet. The summary counts those that do not.
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }

    /// Sets the networks that root is expected from.
    pub fn trusted(mut self, networks: TrustedNetworks) -> Self {
        self.trusted = networks;
        self
    }

    /// Sets the number of worker threads, at least one.
    pub fn threads(mut self, threads: usize) -> Self {
        self.options.threads = threads.max(1);
        self
    }

    /// Sets the number of bytes that one object may inflate to.
    pub fn max_object_size(mut self, bytes: u64) -> Self {
        self.options.max_object_size = bytes;
        self
    }

    /// Sets the flag that stops the scan.
    pub fn cancel(mut self, cancel: &Cancel) -> Self {
        self.options.cancel = cancel.clone();
        self
    }

    /// Sets what is done with the name and the cause of each object or record that cannot be read.
    pub fn on_error(mut self, each: impl FnMut(&ObjectError) + 's) -> Self {
        self.on_error = Some(Box::new(each));
        self
    }

    /// Reads everything and hands each finding to the closure, on the calling thread.
    ///
    /// # Errors
    ///
    /// Fails where no thread can be started, where a temporary file for findings that wait cannot be written, and where
    /// the account does not add up. What cannot be read is no error of this kind.
    pub fn run(self, mut each: impl FnMut(Finding)) -> Result<Summary, Fatal> {
        let Self { sources, options, trusted, filter, mut on_error } = self;
        let mut sink = |read: Result<Finding, &ObjectError>| {
            match read {
                Ok(finding) => each(finding),
                Err(error) => {
                    if let Some(on_error) = &mut on_error {
                        on_error(error);
                    }
                }
            }
            Ok(())
        };
        Run {
            sources,
            options: &options,
            checkpoint: None,
            trusted: &trusted,
            keep: &filter,
            sink: &mut sink,
            observer: &mut (),
        }
        .execute()
    }
}
