//! The shapes that events come in, and the walk over their elements.
//!
//! An object is a sequence of JSON values: one CloudTrail document, one event a line, an array, an
//! EventBridge envelope, the output of `lookup-events`, or several of them one after another.

use super::cursor::{Cursor, Fault};
use super::opening::{ANOTHER, Document, SWALLOWED};
pub use super::shape::Shape;
use super::shape::{Key, Keys, is_document, is_event, is_event_text, shape_of};
use crate::json::minify::minify;

/// One element, as it stands in the object.
#[derive(Clone, Copy, Debug)]
pub struct Element<'t> {
    /// Its place among the object's elements, `null` ones included.
    pub index: u64,
    /// Its whole text.
    pub text: &'t [u8],
    /// How it holds its event.
    pub shape: Shape,
    /// Whether it must be parsed: all others cannot concern root.
    pub candidate: bool,
    /// Its `eventTime`, where that is plainly spelled.
    pub time: Option<&'t [u8]>,
}

/// Who is told of the elements.
pub trait Elements {
    /// An element that is an object.
    fn element(&mut self, element: Element<'_>);

    /// An element that is not a readable record.
    fn malformed(&mut self, index: u64, what: &'static str);
}

/// What a walk found out about the object.
#[derive(Debug, Default)]
pub struct Walk {
    /// Whether any value had the shape of events, an empty `Records` included.
    pub events: bool,
    /// Whether there was any byte but white space.
    pub any: bool,
    /// The first structural fault, where there is one. Elements before it are complete.
    pub fault: Option<Fault>,
    /// Those of further documents, up to a thousand.
    pub further: Vec<Fault>,
}

/// Walks over all values of an object.
pub fn walk(cursor: &mut Cursor<'_>, to: &mut dyn Elements) -> Walk {
    let walk = Walk::default();
    let mut walker = Walker {
        cursor,
        to,
        walk,
        index: 0,
        odd: Vec::new(),
        line: 0,
        document: Document::default(),
        read_again: 0,
    };
    walker.cursor.byte_order_mark();
    walker.line = walker.cursor.at();
    if let Err(fault) = walker.values() {
        walker.note(fault);
    }
    if walker.walk.events {
        for index in walker.odd {
            walker.to.malformed(index, NOT_AN_OBJECT);
        }
    }
    walker.walk
}

/// So many values before the first event are told of.
const ODD: usize = 1 << 16;

const NOT_AN_OBJECT: &str = "an element that is not an object";

pub(super) struct Walker<'w, 'c> {
    pub(super) cursor: &'w mut Cursor<'c>,
    pub(super) to: &'w mut dyn Elements,
    pub(super) walk: Walk,
    pub(super) index: u64,
    /// The places of values at the top that are neither events nor objects, before the first event. Where an
    /// event follows, they stand where one should.
    pub(super) odd: Vec<u64>,
    /// The last start of a line among the white space between tokens.
    pub(super) line: usize,
    /// What is being read.
    pub(super) document: Document,
    /// Bytes that were read again behind breaks.
    pub(super) read_again: u64,
}

impl Walker<'_, '_> {
    /// The byte behind white space.
    #[inline]
    fn token(&mut self) -> Option<u8> {
        loop {
            match self.cursor.peek()? {
                b'\n' => {
                    self.cursor.pass(1);
                    self.line = self.cursor.at();
                }
                b' ' | b'\t' | b'\r' => self.cursor.pass(1),
                byte => return Some(byte),
            }
        }
    }

    pub(super) fn values(&mut self) -> Result<(), Fault> {
        while let Some(byte) = self.token() {
            self.walk.any = true;
            match byte {
                b'{' => self.object()?,
                b'[' => {
                    self.document = Document::default();
                    self.array(Array::Loose)?;
                }
                _ => self.other_value()?,
            }
        }
        Ok(())
    }

    /// What is neither an object nor an array: a string that is an event, or none.
    fn other_value(&mut self) -> Result<(), Fault> {
        let start = self.cursor.at();
        let null = self.cursor.peek() == Some(b'n');
        self.cursor.set_keep(Some(start));
        let value = self.cursor.value();
        // No string goes on in the next line: this one lacks its end.
        let cut = self.cursor.slice(start, self.cursor.at()).contains(&b'\n');
        let cut = cut.then_some(Fault { offset: start, what: "unterminated string" });
        if let Some(fault) = value.err().or(cut) {
            self.give_up_line(start, fault)?;
        } else if !null {
            if !self.event_text(start) {
                if self.walk.events {
                    self.to.malformed(self.index, NOT_AN_OBJECT);
                } else if self.odd.len() < ODD {
                    self.odd.push(self.index);
                }
            }
            self.index += 1;
        }
        self.cursor.set_keep(None);
        Ok(())
    }

    /// Hands over the value that begins at `start` and ends here, if it is a string that is an event.
    fn event_text(&mut self, start: usize) -> bool {
        let text = self.cursor.slice(start, self.cursor.at());
        let is_event = is_event_text(text);
        if is_event {
            self.walk.events = true;
            let element =
                Element { index: self.index, text, shape: Shape::Text, candidate: true, time: None };
            self.to.element(element);
        }
        is_event
    }

    /// A value `{…}` at the top: a document with its elements inside, or an element itself.
    fn object(&mut self) -> Result<(), Fault> {
        let start = self.cursor.at();
        self.cursor.set_keep(Some(start));
        self.document = Document::at(start, self.walk.events || self.index > 0);
        let mut keys = Keys::default();
        let walked = self.members(&mut keys);
        let end = self.cursor.at();
        if keys.elements {
            self.walk.events = true;
            let went_on = walked.or_else(|fault| self.give_up_document(fault));
            self.cursor.set_keep(None);
            return went_on;
        }
        let whole = match walked {
            Ok(()) => self.whole_object(start, end, &keys),
            Err(fault) => Err(fault),
        };
        if let Err(fault) = whole {
            self.give_up_line(start, fault)?;
        }
        self.cursor.set_keep(None);
        Ok(())
    }

    fn whole_object(&mut self, start: usize, end: usize, keys: &Keys) -> Result<(), Fault> {
        let text = self.cursor.slice(start, end);
        let Some(shape) = keys.shape() else {
            // Nothing in it is an event, so nothing else will look at its grammar.
            return minify(text, &mut String::new())
                .map(|_repairs| ())
                .map_err(|error| Fault { offset: start + error.offset, what: error.what });
        };
        if text.contains(&b'\n') {
            minify(text, &mut String::new())
                .map_err(|error| Fault { offset: start + error.offset, what: error.what })?;
        }
        let mut inner = Cursor::whole(text);
        let found = inner.object()?;
        self.walk.events = true;
        self.to.element(Element {
            index: self.index,
            text,
            shape,
            candidate: found.candidate || shape == Shape::Lookup,
            time: found.time.map(|at| &text[at..at + 20]),
        });
        self.index += 1;
        Ok(())
    }

    /// The members of an object; `Records` and `Events` are walked, all else is passed over.
    fn members(&mut self, keys: &mut Keys) -> Result<(), Fault> {
        let start = self.cursor.at();
        let mut first_key = self.line == start;
        self.cursor.pass(1);
        if self.token() == Some(b'}') {
            self.cursor.pass(1);
            return Ok(());
        }
        loop {
            let key = self.key(keys.elements)?;
            if std::mem::take(&mut first_key) && matches!(key, Key::Records | Key::Events) {
                self.note_opening(start);
            }
            let first = self.token();
            if first == Some(b'{') && self.another_begins() {
                return Err(self.cursor.fault(ANOTHER));
            }
            match (key, first) {
                (Key::Records, Some(b'[')) => {
                    keys.elements = true;
                    self.cursor.set_keep(None);
                    self.array(Array::Records)?;
                }
                (Key::Records, Some(b'n')) => {
                    keys.elements = true;
                    self.cursor.value()?;
                }
                (Key::Records, Some(_)) => {
                    keys.elements = true;
                    self.to.malformed(self.index, "Records is not an array");
                    self.index += 1;
                    self.cursor.value()?;
                }
                (Key::Events, Some(b'[')) => {
                    keys.elements = true;
                    self.cursor.set_keep(None);
                    self.array(Array::Lookup)?;
                }
                (key, first) => {
                    let start = self.cursor.at();
                    // What lacks its end seems to hold lines that are to be looked at again.
                    let may_lack_end = keys.elements && first != Some(b'[');
                    if may_lack_end {
                        self.cursor.set_keep(Some(start));
                    }
                    self.cursor.value()?;
                    keys.see(key, first, || is_event(self.cursor.slice(start, self.cursor.at())));
                    if may_lack_end {
                        if self.document.holds_another(self.cursor.slice(start, self.cursor.at())) {
                            return Err(Fault { offset: start, what: SWALLOWED });
                        }
                        self.cursor.set_keep(None);
                    }
                }
            }
            match self.token() {
                Some(b',') => self.cursor.pass(1),
                Some(b'}') => {
                    self.cursor.pass(1);
                    return Ok(());
                }
                _ => return Err(self.cursor.fault("expected a comma or a closing brace")),
            }
        }
    }

    fn key(&mut self, drop_before: bool) -> Result<Key, Fault> {
        let quote = self.token();
        let start = self.cursor.at();
        if quote != Some(b'"') {
            return Err(self.cursor.fault("expected a key in quotes"));
        }
        if drop_before {
            self.cursor.set_keep(Some(start));
        }
        self.cursor.string()?;
        let key = Key::of(self.cursor.slice(start, self.cursor.at()));
        if self.token() != Some(b':') {
            return Err(self.cursor.fault("expected a colon"));
        }
        self.cursor.pass(1);
        if drop_before {
            self.cursor.set_keep(None);
        }
        Ok(key)
    }

    fn array(&mut self, array: Array) -> Result<(), Fault> {
        self.cursor.pass(1);
        if self.token() == Some(b']') {
            self.cursor.pass(1);
            // `[]` alone is what an empty export looks like.
            self.walk.events = true;
            return Ok(());
        }
        let mut comma_missing = false;
        loop {
            let mut places = 1;
            match self.token() {
                Some(b'{') if self.another_begins() => return Err(self.cursor.fault(ANOTHER)),
                Some(b'{') if matches!(array, Array::Records) => self.records()?,
                Some(b'{') => places = self.element(array)?,
                Some(b'n') => self.cursor.value()?,
                Some(first) => {
                    let start = self.cursor.at();
                    let text = first == b'"' && matches!(array, Array::Loose);
                    self.cursor.set_keep((first == b'"').then_some(start));
                    self.cursor.value()?;
                    if !text || !self.event_text(start) {
                        self.to.malformed(self.index, NOT_AN_OBJECT);
                    }
                    self.cursor.set_keep(None);
                }
                None => return Err(self.cursor.fault("unexpected end inside an array")),
            }
            self.index += places;
            match self.token() {
                Some(b',') => self.cursor.pass(1),
                Some(b']') => {
                    self.cursor.pass(1);
                    return Ok(());
                }
                // What follows can still be read; the object counts as broken.
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

    /// The records of a CloudTrail document from the one that begins here, as far as only a comma parts them.
    fn records(&mut self) -> Result<(), Fault> {
        let Self { cursor, to, index, document, .. } = self;
        let (first, mut done, mut swallows) = (*index, 0, None);
        let walked = cursor.objects(|start, text, found| {
            if document.swallows_another(text) {
                swallows = Some(start);
                return false;
            }
            let time = found.time.map(|at| &text[at..at + 20]);
            let index = first + done;
            to.element(Element { index, text, shape: Shape::Event, candidate: found.candidate, time });
            done += 1;
            true
        });
        if let Some(start) = swallows {
            *index += done;
            cursor.set_keep(Some(start));
            return Err(Fault { offset: start, what: SWALLOWED });
        }
        // It is left at the last one, or at the one that has no end.
        *index += done - u64::from(walked.is_ok());
        walked
    }

    /// How many places it takes is the answer.
    fn element(&mut self, array: Array) -> Result<u64, Fault> {
        let start = self.cursor.at();
        let found = self.cursor.object()?;
        if self.document.swallows_another(self.cursor.slice(start, found.end)) {
            self.cursor.set_keep(Some(start));
            return Err(Fault { offset: start, what: SWALLOWED });
        }
        let text = self.cursor.slice(start, found.end);
        let shape = shape_of(text);
        let lookup = matches!(array, Array::Lookup);
        if lookup && shape != Some(Shape::Lookup) {
            self.to.malformed(self.index, "an element of Events without CloudTrailEvent");
            return Ok(1);
        }
        if shape.is_none() && is_document(text) {
            return self.inner_document(start, found.end);
        }
        self.walk.events |= shape.is_some();
        let shape = shape.unwrap_or(Shape::Event);
        self.to.element(Element {
            index: self.index,
            text,
            shape,
            candidate: found.candidate || shape == Shape::Lookup,
            time: found.time.map(|at| &text[at - start..at - start + 20]),
        });
        Ok(1)
    }
}

#[derive(Clone, Copy, Debug)]
enum Array {
    /// CloudTrail's own: every element is an event.
    Records,
    /// `lookup-events`: every element holds an event in a string.
    Lookup,
    /// Bare: each element shows what it is.
    Loose,
}
