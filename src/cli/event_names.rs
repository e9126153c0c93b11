//! Which of the event names that were asked for came along: a name that never does may be misspelled.

use std::sync::atomic::{AtomicBool, Ordering};

use roottrail::filter::{Filter, Keep};
use roottrail::finding::Finding;

/// A filter that notes which names it met.
#[derive(Debug)]
pub(super) struct Watched<'f> {
    filter: &'f Filter,
    met: Vec<AtomicBool>,
}

impl<'f> Watched<'f> {
    pub(super) fn new(filter: &'f Filter) -> Self {
        Self { filter, met: filter.event_names.iter().map(|_| AtomicBool::new(false)).collect() }
    }

    /// Returns the names that no event had.
    pub(super) fn never_met(&self) -> impl Iterator<Item = &str> {
        let names = self.filter.event_names.iter().zip(&self.met);
        names.filter(|(_, met)| !met.load(Ordering::Relaxed)).map(|(name, _)| name.as_str())
    }
}

impl Keep for Watched<'_> {
    fn keeps(&self, finding: &Finding) -> bool {
        if let Some(name) = finding.event.name.as_deref() {
            for (wanted, met) in self.filter.event_names.iter().zip(&self.met) {
                if wanted.eq_ignore_ascii_case(name) {
                    met.store(true, Ordering::Relaxed);
                }
            }
        }
        self.filter.keeps(finding)
    }
}
