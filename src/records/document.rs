//! The walk over an object's documents, and over the events in them.
//!
//! An object is a sequence of JSON values: CloudTrail documents, events, one a line, arrays of either, and
//! the documents of log platforms. Large values are never held: the array in which a document has its events
//! is walked element by element (`members`, `elements`). The other places where an element or a whole
//! document may hold events are looked up in the closed list of places (`containers`) and read by a walk of
//! their own (`nested`). A value that is passed over and could be evidence by its bytes is reported
//! (`suspicion`): as a malformed record where the object has events, else as the object's error.

use super::cursor::{Cursor, Fault, FaultKind};
use super::foreign::{self, Foreign};
use super::opening::Document;
use super::suspicion;
use super::walker::{Array, Members, NOT_AN_OBJECT, Read, Walker};
pub use super::walker::{Element, Elements, Unread, Walk};
use crate::json::minify::{Repairs, SyntaxError, minify};

/// Walks over all values of an object.
pub fn walk(cursor: &mut Cursor<'_>, to: &mut dyn Elements) -> Walk {
    if let Some(foreign) = Foreign::of(cursor.ahead(foreign::TOLD_BY)) {
        return Walk { any: true, foreign: Some(foreign), ..Walk::default() };
    }
    let mut walker = Walker::new(cursor, to);
    if let Err(fault) = walker.values() {
        walker.note(fault);
    }
    let Walker { mut walk, to, .. } = walker;
    let pending = std::mem::take(&mut walk.pending);
    if walk.events {
        pending.iter().for_each(|pending| to.malformed(pending.index, pending.what));
    } else {
        walk.unread = pending.into_iter().find_map(|pending| pending.unread);
    }
    walk
}

impl Walker<'_, '_> {
    pub(super) fn values(&mut self) -> Result<(), Fault> {
        while let Some(byte) = self.token() {
            // Files that were joined keep their byte order marks.
            if byte == 0xef && self.cursor.begins_with("\u{feff}".as_bytes()) {
                let first_of_line = self.line == self.cursor.at();
                self.cursor.advance(3);
                self.line = if first_of_line { self.cursor.at() } else { self.line };
                continue;
            }
            self.walk.any = true;
            self.stamped = byte.is_ascii_digit() && self.pass_time_stamp();
            match if self.stamped { self.cursor.peek() } else { Some(byte) } {
                Some(b'{') => self.object()?,
                Some(b'[') => {
                    self.document = Document::default();
                    self.array(Array::Loose)?;
                }
                _ => self.other_value()?,
            }
        }
        Ok(())
    }

    /// Passes over a time stamp and the space behind it, if an object follows. Returns whether it did.
    fn pass_time_stamp(&mut self) -> bool {
        /// Bytes of a time stamp with nanoseconds, and some more.
        const LONGEST: usize = 40;
        let Some(length) = time_stamp(self.cursor.ahead(LONGEST)) else { return false };
        self.cursor.advance(length);
        true
    }

    /// Reads a value that is neither an object nor an array: a string may hold an event.
    fn other_value(&mut self) -> Result<(), Fault> {
        let start = self.cursor.at();
        let first = self.cursor.peek();
        self.cursor.pin(Some(start));
        let value = self.cursor.value();
        // A string with a line break lacks its end, since no string goes over lines.
        let cut = self.cursor.slice(start, self.cursor.at()).contains(&b'\n');
        let cut = cut.then_some(Fault {
            offset: start,
            kind: FaultKind::Unterminated,
            what: "unterminated string",
        });
        if let Some(fault) = value.err().or(cut) {
            self.give_up_line(start, fault)?;
        } else if first != Some(b'n') && !self.string(start) {
            self.no_event_here(start);
        }
        self.cursor.pin(None);
        Ok(())
    }

    /// Reads the value that begins at `start` and ends here, if it is a string. Returns whether there is an
    /// event in it.
    pub(super) fn string(&mut self, start: usize) -> bool {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        let value = self.cursor.slice(start, self.cursor.at());
        let judged = value.first() == Some(&b'"')
            && match minify(value, &mut text) {
                Ok(repairs) => self.repaired(repairs, |walker| walker.leaf(&text)) == Read::Events,
                Err(_malformed) => false,
            };
        self.text = text;
        judged
    }

    /// Reports the value that begins at `start` and ends here, in which no event was read.
    pub(super) fn no_event_here(&mut self, start: usize) {
        let value = self.cursor.slice(start, self.cursor.at());
        let unread = suspicion::unread(value).map(|what| Unread::Suspect(Fault::syntax(start, what)));
        self.pend(NOT_AN_OBJECT, unread);
    }

    /// Reads a value `{…}` at the top: a document with its elements inside, or an event itself.
    fn object(&mut self) -> Result<(), Fault> {
        let start = self.cursor.at();
        self.cursor.pin(Some(start));
        self.document = Document::at(start, self.walk.events || self.index > 0);
        self.beside = None;
        let judged = self.judged;
        let (mut members, twice) = (Members::default(), self.twice);
        let walked = self.members(&mut members);
        self.twice = twice;
        let end = self.cursor.at();
        if members.streams {
            let went_on = walked.or_else(|fault| self.give_up_document(fault));
            self.cursor.pin(None);
            if let Some(unread) = self.beside.take().filter(|_| self.judged == judged) {
                self.pend(suspicion::NOT_READ, Some(unread));
            }
            return went_on;
        }
        if let Err(fault) = walked.and_then(|()| self.whole_object(start, end, &members)) {
            self.give_up_line(start, fault)?;
        }
        self.cursor.pin(None);
        Ok(())
    }

    fn whole_object(&mut self, start: usize, end: usize, members: &Members) -> Result<(), Fault> {
        let syntax = |error: SyntaxError| Fault::of_syntax(start, &error);
        let Self { cursor, text: minified, .. } = self;
        let text = cursor.slice(start, end);
        let is_event = members.keys.is_event();
        // No other check looks at the grammar of an object that is no event, and no string of an event goes
        // over lines.
        let mut repairs = Repairs::default();
        if !is_event || text.contains(&b'\n') {
            minified.clear();
            repairs = minify(text, minified).map_err(syntax)?;
        }
        if !is_event {
            let minified = std::mem::take(&mut self.text);
            let read = self.repaired(repairs, |walker| walker.places_of(&minified));
            if read == Read::Events || !members.keys.may_be_event() {
                self.settle(read, minified.as_bytes(), start);
                self.text = minified;
                return Ok(());
            }
            self.text = minified;
        }
        let text = self.cursor.slice(start, end);
        let doubtful = !is_event && members.keys.hides_event(text);
        let found = Cursor::whole(text).object()?;
        self.event(start..end, found, doubtful);
        Ok(())
    }
}

/// Returns the length of the time stamp and the space before an object, as in `2026-01-15T03:02:01.000Z {`.
fn time_stamp(text: &[u8]) -> Option<usize> {
    const FORM: &[u8; 19] = b"0000-00-00T00:00:00";
    let (time, rest) = text.split_first_chunk::<19>()?;
    let fits = time.iter().zip(FORM).all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == form,
    });
    let fraction = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let rest = rest[fraction..].strip_prefix(b"Z").filter(|_| fits)?;
    let spaces = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let behind = &rest[spaces..];
    (spaces > 0 && behind.first() == Some(&b'{')).then(|| text.len() - behind.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stamps_stand_before_objects() {
        for (text, length) in [
            ("2026-01-15T03:02:01.000Z {\"a\":1}", Some(25)),
            ("2026-01-15T03:02:01Z\t {", Some(22)),
            ("2026-01-15T03:02:01.000Z{", None),
            ("2026-01-15T03:02:01.000Z [", None),
            ("2026-01-15T03:02:01.000 {", None),
            ("2026-01-15 03:02:01Z {", None),
            ("2026-01-1", None),
            ("12345", None),
        ] {
            assert_eq!(time_stamp(text.as_bytes()), length, "{text}");
        }
    }
}
