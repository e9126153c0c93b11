//! The shapes that events come in, and the walk over their elements.
//!
//! An object is a sequence of JSON values: one CloudTrail document, one event a line, an array, an
//! EventBridge envelope, the output of `lookup-events`, or several of them one after another.

use super::cursor::{Cursor, Fault};
pub use super::shape::Shape;
use super::shape::{Key, Keys, is_event, is_event_text, shape_of};
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
}

/// Walks over all values of an object.
pub fn walk(cursor: &mut Cursor<'_>, to: &mut dyn Elements) -> Walk {
    let mut walker = Walker { cursor, to, walk: Walk::default(), index: 0 };
    walker.cursor.byte_order_mark();
    if let Err(fault) = walker.values() {
        walker.note(fault);
    }
    walker.walk
}

struct Walker<'w, 'c> {
    cursor: &'w mut Cursor<'c>,
    to: &'w mut dyn Elements,
    walk: Walk,
    index: u64,
}

impl Walker<'_, '_> {
    fn note(&mut self, fault: Fault) {
        self.walk.fault.get_or_insert(fault);
    }

    fn values(&mut self) -> Result<(), Fault> {
        while let Some(byte) = self.cursor.next_token() {
            self.walk.any = true;
            match byte {
                b'{' => self.object()?,
                b'[' => self.array(Array::Loose)?,
                _ => self.other_value()?,
            }
        }
        Ok(())
    }

    /// What is neither an object nor an array: a string that is an event, or nothing of interest.
    fn other_value(&mut self) -> Result<(), Fault> {
        let start = self.cursor.at();
        self.cursor.set_keep(Some(start));
        let value = self.cursor.value();
        // No string goes on in the next line: this one lacks its end.
        let cut = self.cursor.slice(start, self.cursor.at()).contains(&b'\n');
        let cut = cut.then_some(Fault { offset: start, what: "unterminated string" });
        if let Some(fault) = value.err().or(cut) {
            self.give_up_line(start, fault)?;
        } else if self.event_text(start) {
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

    /// A broken line costs only itself, where another begins behind it; otherwise it ends the object.
    fn give_up_line(&mut self, start: usize, fault: Fault) -> Result<(), Fault> {
        if fault.what.starts_with("a single value") || !self.cursor.resume_at_line_after(start) {
            return Err(fault);
        }
        self.to.malformed(self.index, fault.what);
        self.index += 1;
        Ok(())
    }

    /// A value `{…}` at the top: a document with its elements inside, or an element itself.
    fn object(&mut self) -> Result<(), Fault> {
        let start = self.cursor.at();
        self.cursor.set_keep(Some(start));
        let mut keys = Keys::default();
        let walked = self.members(&mut keys);
        let end = self.cursor.at();
        if keys.elements {
            self.cursor.set_keep(None);
            self.walk.events = true;
            return walked;
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
        self.cursor.pass(1);
        if self.cursor.next_token() == Some(b'}') {
            self.cursor.pass(1);
            return Ok(());
        }
        loop {
            let key = self.key(keys.elements)?;
            let first = self.cursor.next_token();
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
                    self.cursor.value()?;
                    keys.see(key, first, || is_event(self.cursor.slice(start, self.cursor.at())));
                }
            }
            match self.cursor.next_token() {
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
        let quote = self.cursor.next_token();
        let start = self.cursor.at();
        if quote != Some(b'"') {
            return Err(self.cursor.fault("expected a key in quotes"));
        }
        if drop_before {
            self.cursor.set_keep(Some(start));
        }
        self.cursor.string()?;
        let key = Key::of(self.cursor.slice(start, self.cursor.at()));
        if self.cursor.next_token() != Some(b':') {
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
        if self.cursor.next_token() == Some(b']') {
            self.cursor.pass(1);
            // `[]` alone is what an empty export looks like.
            self.walk.events = true;
            return Ok(());
        }
        loop {
            match self.cursor.next_token() {
                Some(b'{') if matches!(array, Array::Records) => self.records()?,
                Some(b'{') => self.element(array)?,
                Some(b'n') => self.cursor.value()?,
                Some(first) => {
                    let start = self.cursor.at();
                    let text = first == b'"' && matches!(array, Array::Loose);
                    self.cursor.set_keep(text.then_some(start));
                    self.cursor.value()?;
                    if !text || !self.event_text(start) {
                        self.to.malformed(self.index, "an element that is not an object");
                    }
                    self.cursor.set_keep(None);
                }
                None => return Err(self.cursor.fault("unexpected end inside an array")),
            }
            self.index += 1;
            match self.cursor.next_token() {
                Some(b',') => self.cursor.pass(1),
                Some(b']') => {
                    self.cursor.pass(1);
                    return Ok(());
                }
                // What follows can still be read; the object counts as broken.
                Some(b'{') => self.note(self.cursor.fault("expected a comma between elements")),
                Some(_) => return Err(self.cursor.fault("expected a comma or a closing bracket")),
                None => return Err(self.cursor.fault("unexpected end inside an array")),
            }
        }
    }

    /// The records of a CloudTrail document from the one that begins here, as far as only a comma parts them.
    fn records(&mut self) -> Result<(), Fault> {
        let (to, index) = (&mut *self.to, self.index);
        let mut done = 0;
        let walked = self.cursor.objects(|text, found| {
            let time = found.time.map(|at| &text[at..at + 20]);
            let index = index + done;
            to.element(Element { index, text, shape: Shape::Event, candidate: found.candidate, time });
            done += 1;
        });
        // It is left at the last one, or at the one that has no end.
        self.index = index + done - u64::from(walked.is_ok());
        walked
    }

    fn element(&mut self, array: Array) -> Result<(), Fault> {
        let start = self.cursor.at();
        let found = self.cursor.object()?;
        let text = self.cursor.slice(start, found.end);
        let shape = shape_of(text);
        let lookup = matches!(array, Array::Lookup);
        if lookup && shape != Some(Shape::Lookup) {
            self.to.malformed(self.index, "an element of Events without CloudTrailEvent");
            return Ok(());
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
        Ok(())
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
