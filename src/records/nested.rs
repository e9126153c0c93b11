//! Whole documents as the elements of an array, as `jq -s` puts those of several files into one.

use super::cursor::{Cursor, Fault};
use super::document::{Walk, Walker};
use super::opening::Document;

impl Walker<'_, '_> {
    /// Walks over the document between two positions. The answer is how many places its elements take.
    pub(super) fn inner_document(&mut self, start: usize, end: usize) -> Result<u64, Fault> {
        let Self { cursor, to, index, .. } = self;
        let mut inner = Cursor::whole(cursor.slice(start, end));
        let mut walker = Walker {
            cursor: &mut inner,
            to: *to,
            walk: Walk::default(),
            index: *index,
            odd: Vec::new(),
            line: 0,
            document: Document::default(),
            read_again: 0,
        };
        let walked = walker.values();
        let (walk, places) = (walker.walk, walker.index - *index);
        self.walk.events |= walk.events;
        let faults = walk.fault.into_iter().chain(walk.further).chain(walked.err());
        for fault in faults {
            self.note(Fault { offset: start + fault.offset, ..fault });
        }
        Ok(places)
    }
}
