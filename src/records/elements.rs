//! The elements of arrays.
//!
//! [`Array`] says what the elements are. The elements of `Records` are handed over many at a time, as long as
//! each begins as an event. The elements of a bare array are looked at one by one, and may be events,
//! containers or strings that hold an event. The elements of a container's array are read at the ends of its
//! paths. In an array beside the events, nothing is read, but each value is examined for an event that was
//! missed. An element that breaks costs only itself if a new line or document shows where to go on.

use super::boundary::Found;
use super::containers::Path;
use super::cursor::Fault;
use super::keys::{Keys, begins_as_event, ends_as_event};
use super::opening::{ANOTHER, SWALLOWED};
use super::walker::{Array, Element, NOT_AN_OBJECT, Read, Unread, Walker};
use crate::json::minify::{Repairs, minify};

/// Depth to which arrays in arrays are walked; deeper ones are held as values.
const DEEP: usize = 64;

/// Returns whether an object is an event beyond doubt. Kept out of the loop over records, most of which begin as
/// events.
#[cold]
#[inline(never)]
fn is_event(text: &[u8]) -> bool {
    ends_as_event(text) || Keys::of(text).is_some_and(|keys| keys.is_event())
}

impl Walker<'_, '_> {
    pub(super) fn array(&mut self, array: Array<'_>) -> Result<(), Fault> {
        self.cursor.advance(1);
        if self.token() == Some(b']') {
            self.cursor.advance(1);
            // An empty export is `[]` alone.
            self.walk.events |= matches!(array, Array::Records | Array::Loose);
            return Ok(());
        }
        let mut comma_missing = false;
        loop {
            let first = self.token();
            match (first, array) {
                (Some(b'{'), _) if self.another_begins() => return Err(self.cursor.fault(ANOTHER)),
                (Some(b'{'), Array::Records) => self.records()?,
                (Some(b'{'), Array::Loose) => self.element()?,
                (Some(b'{'), Array::Container { ways, without }) => self.contained(ways, without)?,
                (Some(b'[' | b'"'), Array::Container { ways, without: None }) => {
                    self.contained(ways, None)?
                }
                (Some(b'['), Array::Beside(depth)) if depth < DEEP => self.array(Array::Beside(depth + 1))?,
                (Some(_), Array::Beside(_)) => {
                    self.value_beside()?;
                    self.cursor.pin(None);
                }
                (Some(b'n'), Array::Container { .. }) | (Some(_), Array::Container { without: None, .. }) => {
                    self.cursor.value()?;
                }
                (Some(b'n'), _) => {
                    self.cursor.value()?;
                    self.index += 1;
                }
                (Some(first), _) => self.no_object(first, array)?,
                (None, _) => return Err(self.cursor.fault("unexpected end inside an array")),
            }
            match self.token() {
                Some(b',') => self.cursor.advance(1),
                Some(b']') => {
                    self.cursor.advance(1);
                    return Ok(());
                }
                // The elements behind a missing comma can still be read; the object counts as broken.
                Some(b'{') if self.another_begins() => return Err(self.cursor.fault(ANOTHER)),
                Some(b'{') => {
                    if !std::mem::replace(&mut comma_missing, true) {
                        self.note(self.cursor.fault("expected a comma between elements"));
                    }
                }
                Some(_) => return Err(self.cursor.fault("expected a comma or a closing bracket")),
                None => return Err(self.cursor.fault("unexpected end inside an array")),
            }
        }
    }

    /// Reads an element where an object should be. In a bare array it may be a string that holds an event.
    fn no_object(&mut self, first: u8, array: Array<'_>) -> Result<(), Fault> {
        let start = self.cursor.at();
        self.cursor.pin(Some(start));
        self.cursor.value()?;
        if first != b'"' || !matches!(array, Array::Loose) || !self.string(start) {
            match self.depth {
                0 => self.malformed(NOT_AN_OBJECT),
                _ => self.no_event_here(start),
            }
        }
        self.cursor.pin(None);
        Ok(())
    }

    /// Reads the records of a CloudTrail document from here on, as long as only commas part them.
    fn records(&mut self) -> Result<(), Fault> {
        let Self { cursor, to, index, document, repairs, twice, .. } = self;
        let (first, mut done, mut swallows, mut other) = (*index, 0, None, None);
        let walked = cursor.objects(|start, text, found| {
            if document.swallows_another(text) {
                swallows = Some(start);
                return false;
            }
            if !begins_as_event(text) && !is_event(text) {
                other = Some((start, start + found.end, found.candidate));
                return false;
            }
            let (index, candidate, time) = (first + done, found.candidate, found.time_in(text));
            let (repairs, twice) = (*repairs, *twice);
            to.element(Element { index, text, candidate, time, repairs, doubtful: false, twice });
            done += 1;
            true
        });
        self.index += done;
        self.judged += done;
        if let Some(start) = swallows {
            self.cursor.pin(Some(start));
            return Err(Fault::syntax(start, SWALLOWED));
        }
        if let Some((start, end, candidate)) = other {
            self.other_record(start, end, candidate);
        }
        walked
    }

    /// Reads an element of `Records` that is not clearly an event.
    fn other_record(&mut self, start: usize, end: usize, candidate: bool) {
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        match minify(self.cursor.slice(start, end), &mut text) {
            Err(error) => self.malformed(error.what),
            Ok(repairs) => {
                // Every element has its place, whatever it is.
                let read = self.repaired(repairs, |walker| walker.nested(text.as_bytes(), None));
                if !self.settle(read, text.as_bytes(), start) {
                    self.no_event(&text, repairs, candidate);
                }
            }
        }
        self.text = text;
    }

    /// Hands over a record that has nothing of an event. Judging it does no harm.
    fn no_event(&mut self, text: &str, repairs: Repairs, candidate: bool) {
        let text = text.as_bytes();
        let (index, twice) = (self.index, self.twice);
        self.to.element(Element { index, text, candidate, time: None, repairs, doubtful: false, twice });
        self.judged += 1;
        self.index += 1;
    }

    /// Reads an element of a bare array.
    fn element(&mut self) -> Result<(), Fault> {
        let start = self.cursor.at();
        let found = self.cursor.object()?;
        let text = self.cursor.slice(start, found.end);
        if self.document.swallows_another(text) {
            self.cursor.pin(Some(start));
            return Err(Fault::syntax(start, SWALLOWED));
        }
        let text = self.cursor.slice(start, found.end);
        let begins = begins_as_event(text);
        let keys = if begins { None } else { Keys::of(text) };
        if begins || keys.is_some_and(|keys| keys.is_event()) {
            let time = found.time.map(|at| at - start);
            self.event(start..found.end, Found { end: found.end - start, time, ..found }, false);
            return Ok(());
        }
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        match minify(self.cursor.slice(start, found.end), &mut text) {
            Err(error) => {
                // A broken element is read as far as it goes.
                if self.broken_document(start, found.end) != Read::Events {
                    self.note(Fault::of_syntax(start, &error));
                }
            }
            Ok(repairs) => {
                let read = self.repaired(repairs, |walker| walker.nested(text.as_bytes(), None));
                if !self.settle(read, text.as_bytes(), start) && !keys.is_some_and(|keys| keys.place) {
                    self.no_event(&text, repairs, found.candidate);
                }
            }
        }
        self.text = text;
        Ok(())
    }

    /// Reads an element of an array in which a container has its events.
    fn contained(&mut self, ways: &[Path], without: Option<&'static str>) -> Result<(), Fault> {
        let start = self.cursor.at();
        self.cursor.pin(Some(start));
        self.cursor.value()?;
        let end = self.cursor.at();
        if self.document.swallows_another(self.cursor.slice(start, end)) {
            return Err(Fault::syntax(start, SWALLOWED));
        }
        let mut text = std::mem::take(&mut self.text);
        text.clear();
        match minify(self.cursor.slice(start, end), &mut text) {
            Err(error) => {
                let fault = Fault::of_syntax(start, &error);
                self.pend(error.what, Some(Unread::Broken(fault)));
            }
            Ok(repairs) => {
                let read = self.repaired(repairs, |walker| walker.ways_from(&text, ways));
                match without {
                    Some(what) if read != Read::Events => self.malformed(what),
                    _ => {
                        self.settle(read, text.as_bytes(), start);
                    }
                }
            }
        }
        self.text = text;
        self.cursor.pin(None);
        Ok(())
    }
}
