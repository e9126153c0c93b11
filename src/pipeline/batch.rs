//! One of many runs in a row that share what they know of copies: the objects that a queue has announced.

use std::fmt;

use super::ledger::Ledger;
use super::{Driven, Observer, drive};
use crate::dedupe::Dedupe;
use crate::error::Fatal;
use crate::filter::Keep;
use crate::output::sink::Sink;
use crate::rules::TrustedNetworks;
use crate::scan::options::ScanOptions;
use crate::source::Source;
use crate::summary::Summary;

/// A run over objects that were announced, whose copies are held against those of the runs before it.
pub(crate) struct BatchRun<'r> {
    /// The sources of objects, in output order.
    pub(crate) sources: Vec<Box<dyn Source>>,
    /// The options of reading.
    pub(crate) options: &'r ScanOptions,
    /// What earlier runs have written.
    pub(crate) dedupe: &'r mut Dedupe,
    /// The networks that root is expected from.
    pub(crate) trusted: &'r TrustedNetworks,
    /// The filter of findings.
    pub(crate) keep: &'r dyn Keep,
    /// The receiver of findings and errors.
    pub(crate) sink: &'r mut dyn Sink,
    /// The observer of the run.
    pub(crate) observer: &'r mut dyn Observer,
}

impl fmt::Debug for BatchRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchRun").field("sources", &self.sources).finish_non_exhaustive()
    }
}

impl BatchRun<'_> {
    /// Reads everything, until the options' flag stops the run.
    ///
    /// # Errors
    ///
    /// Fails where the sink does, and where the account does not add up.
    pub(crate) fn execute(self) -> Result<Summary, Fatal> {
        let Self { sources, options, dedupe, trusted, keep, sink, observer } = self;
        let mut ledger = Ledger::new(trusted, keep, sink, None)?.knowing(std::mem::take(dedupe));
        let Driven { result, listed, elapsed, .. } = drive(sources, options, None, &mut ledger, observer);
        *dedupe = ledger.take_known();
        ledger.finish(result, listed, elapsed)
    }
}
