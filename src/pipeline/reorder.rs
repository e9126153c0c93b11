//! Reports back in input order.
//!
//! Workers send several reports at a time, in order, but not all of them neighbours: a large object between
//! them may have been taken before, or is still to be taken. Each lot waits under the place of its first
//! report. The next report in order is the first of the lot that waits under its place; the rest of that lot
//! then waits under the place of its new first report.

use std::collections::BTreeMap;
use std::{mem, vec};

use crate::scan::report::Report;

/// The reports that wait for earlier ones.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    /// The lot that the last report came from.
    present: vec::IntoIter<Report>,
    /// The other lots, by the place of the first report of each.
    early: BTreeMap<u64, vec::IntoIter<Report>>,
    head: u64,
}

impl Reorder {
    /// Adds the reports of one worker, in rising order.
    pub(super) fn add(&mut self, reports: Vec<Report>) {
        self.keep(reports.into_iter());
    }

    /// Returns the next report in order, if it is there.
    pub(super) fn next(&mut self) -> Option<Report> {
        if self.present.as_slice().first().is_none_or(|report| report.seq != self.head) {
            let lot = self.early.remove(&self.head)?;
            let left = mem::replace(&mut self.present, lot);
            self.keep(left);
        }
        self.head += 1;
        self.present.next()
    }

    /// Returns the place of the first report that was not handed out.
    pub(super) fn head(&self) -> u64 {
        self.head
    }

    fn keep(&mut self, lot: vec::IntoIter<Report>) {
        if let Some(first) = lot.as_slice().first() {
            self.early.insert(first.seq, lot);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::key::Skip;
    use crate::object::ObjectRef;

    fn lot(places: &[u64]) -> Vec<Report> {
        let report =
            |&seq: &u64| Report { seq, ..Report::skipped(&Arc::new(ObjectRef::default()), Skip::Digest) };
        places.iter().map(report).collect()
    }

    fn ready(reorder: &mut Reorder) -> Vec<u64> {
        std::iter::from_fn(|| reorder.next()).map(|report| report.seq).collect()
    }

    #[test]
    fn lots_with_holes_come_out_in_order() {
        let mut reorder = Reorder::default();
        reorder.add(lot(&[2, 4, 5]));
        assert!(ready(&mut reorder).is_empty());
        reorder.add(lot(&[0, 1]));
        assert_eq!((ready(&mut reorder), reorder.head()), (vec![0, 1, 2], 3));
        reorder.add(lot(&[]));
        reorder.add(lot(&[6]));
        assert_eq!((ready(&mut reorder), reorder.head()), (vec![], 3));
        reorder.add(lot(&[3]));
        assert_eq!((ready(&mut reorder), reorder.head()), (vec![3, 4, 5, 6], 7));
    }

    proptest::proptest! {
        /// All reports come out in order, however they are spread over workers and whenever the workers send.
        #[test]
        fn any_spread_comes_out_in_order(
            workers in proptest::collection::vec((0_usize..3, proptest::bool::ANY), 0..60)
        ) {
            let mut reorder = Reorder::default();
            let mut held = [Vec::new(), Vec::new(), Vec::new()];
            let mut out = Vec::new();
            for (place, (worker, send)) in (0..).zip(&workers) {
                held[*worker].push(place);
                if *send {
                    reorder.add(lot(&std::mem::take(&mut held[*worker])));
                    out.extend(ready(&mut reorder));
                }
            }
            for places in held {
                reorder.add(lot(&places));
            }
            out.extend(ready(&mut reorder));
            proptest::prop_assert_eq!(out, (0..workers.len() as u64).collect::<Vec<_>>());
        }
    }
}
