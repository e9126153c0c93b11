//! Where reading goes on behind a break.
//!
//! A value that breaks ends the object, but for two cases in which the start of the next value is beyond
//! doubt. After a broken event on a line of its own, the next line is read if it begins with a brace. After a
//! document with its elements inside, all on one line so far, the next line is read if it begins as the
//! document did: with a brace and, as the first key, `"Records"` or `"Events"`. A line that begins otherwise
//! may be the inside of the broken value. A record from there might be none, because the parameters of a
//! request can look like one.

use std::mem;

use super::cursor::{Fault, FaultKind};
use super::opening::OPENING;
use super::walker::{Unread, Walker};

/// Faults that are reported one by one.
const FAULTS: usize = 1000;
/// Bytes that are read again at most, which takes a second or two. A break may show only at the end of the
/// object, so that reading again from the line behind each break would never end.
const READ_AGAIN: u64 = 8 << 30;
impl Walker<'_, '_> {
    pub(super) fn note(&mut self, fault: Fault) {
        if self.walk.fault.is_none() {
            self.walk.fault = Some(fault);
        } else if self.walk.further.len() < FAULTS {
            self.walk.further.push(fault);
        }
    }

    /// Goes on behind a broken line, if another line begins there; otherwise the line ends the object.
    pub(super) fn give_up_line(&mut self, start: usize, fault: Fault) -> Result<(), Fault> {
        let read = self.read_up_to(&fault);
        // Lines of an export task begin with a time stamp of this century.
        let opening: &[u8] = if self.stamped { b"20" } else { b"{" };
        if fault.kind == FaultKind::TooLong || !self.go_on_behind(start, opening, read) {
            return Err(fault);
        }
        self.pend(fault.what, Some(Unread::Broken(fault)));
        Ok(())
    }

    /// Goes on behind a broken document, if another document begins there.
    pub(super) fn give_up_document(&mut self, fault: Fault) -> Result<(), Fault> {
        if !self.another_begins() {
            let opening = mem::take(&mut self.document.opening);
            let (from, read) = (self.cursor.kept(), self.read_up_to(&fault));
            if opening.is_empty() || !self.go_on_behind(from, &opening, read) {
                return Err(fault);
            }
        }
        self.note(fault);
        Ok(())
    }

    fn go_on_behind(&mut self, position: usize, opening: &[u8], read: usize) -> bool {
        if !self.cursor.resume_at_line_after(position, opening) {
            return false;
        }
        self.line = self.cursor.at();
        self.read_again += read.saturating_sub(self.line) as u64;
        self.read_again <= READ_AGAIN
    }

    /// Returns how far the reading went that ended in a fault.
    fn read_up_to(&self, fault: &Fault) -> usize {
        match fault.kind {
            FaultKind::Unterminated | FaultKind::TooLong => self.cursor.loaded(),
            FaultKind::Syntax => self.cursor.at(),
        }
    }

    /// Notes how the document begins, up to its first key, which has just been read.
    pub(super) fn note_opening(&mut self, start: usize) {
        let text = self.cursor.slice(start, self.cursor.at());
        let key = text.iter().rposition(|&byte| byte == b'"').map_or(text, |quote| &text[..=quote]);
        if key.len() <= OPENING && !key.contains(&b'\n') {
            self.document.opening.extend_from_slice(key);
        }
    }

    /// Returns whether the present document is cut and another one begins here.
    #[inline]
    pub(super) fn another_begins(&mut self) -> bool {
        !self.document.opening.is_empty() && self.line > self.document.start && self.is_opening()
    }

    #[cold]
    fn is_opening(&mut self) -> bool {
        let opening = mem::take(&mut self.document.opening);
        let another = self.line == self.cursor.at() && self.cursor.begins_with(&opening);
        if another {
            self.document.opening = opening;
        }
        // A document over several lines cannot be recognised by how it begins.
        another
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::cursor::Cursor;
    use crate::records::walker::{Element, Elements};

    #[derive(Default)]
    struct Count(u64, u64);

    impl Elements for Count {
        fn element(&mut self, _element: Element<'_>) {
            self.0 += 1;
        }

        fn malformed(&mut self, _index: u64, _what: &'static str) {
            self.1 += 1;
        }
    }

    /// Returns elements, broken lines and faults of a text, with this much read again before.
    fn read(text: &str, read_again: u64) -> (u64, u64, usize) {
        let (mut to, mut cursor) = (Count::default(), Cursor::whole(text.as_bytes()));
        let mut walker = Walker::new(&mut cursor, &mut to);
        walker.read_again = read_again;
        if let Err(fault) = walker.values() {
            walker.note(fault);
        }
        let pending = walker.walk.pending.len() as u64;
        let faults = usize::from(walker.walk.fault.is_some()) + walker.walk.further.len();
        let broken = to.1 + pending;
        (to.0, broken, faults)
    }

    /// Each line looks as if it went on to the end of the object.
    #[test]
    fn reading_again_comes_to_an_end() {
        let documents = "{\"Records\":[{},{\n".repeat(50);
        assert_eq!(read(&documents, 0), (50, 0, 50));
        let few = (documents.len() * 10) as u64;
        let (elements, _, faults) = read(&documents, READ_AGAIN - few);
        assert!((11..20).contains(&elements) && faults == elements as usize, "{elements} {faults}");
        let lines = "{\"a\":{\n".repeat(50);
        assert_eq!(read(&lines, 0), (0, 49, 1));
        let (_, malformed, faults) = read(&lines, READ_AGAIN - (lines.len() * 10) as u64);
        assert!((10..20).contains(&malformed) && faults == 1, "{malformed} {faults}");
    }

    #[test]
    fn the_faults_that_are_kept_are_bounded() {
        let (elements, _, faults) = read(&"{\"Records\":[{},x\n".repeat(3000), 0);
        assert_eq!((elements, faults), (3000, 1 + FAULTS));
    }
}
