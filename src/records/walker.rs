//! The state of a walk, and the ways in which events, and values that are none, leave it.
//!
//! A [`Walker`] moves a cursor over the values of an object and hands each event to an [`Elements`]. A nested
//! document has a walker of its own with the same receiver. A value that should be an event and is none is
//! malformed if the object has events; before the first event it is only noted as [pending](Walk::pending),
//! since an object without any event is reported once, as a whole. [`Walk`] is the result: whether there were
//! events, and the faults.

use std::ops::Range;

use super::boundary::Found;
use super::containers::Path;
use super::cursor::{Cursor, Fault};
use super::foreign::Foreign;
use super::keys::{Keys, begins_as_event};
use super::opening::Document;
use crate::json::minify::Repairs;

/// One event, as it stands in the object or in a string of the object.
#[derive(Clone, Copy, Debug)]
pub struct Element<'t> {
    /// The index of the event: among the elements of arrays, `null` ones included, and among the events of
    /// containers.
    pub index: u64,
    /// The whole text of the event.
    pub text: &'t [u8],
    /// Whether the event must be parsed: all others cannot concern root.
    pub candidate: bool,
    /// The event's `eventTime`, where it is plainly spelled.
    pub time: Option<&'t [u8; 20]>,
    /// The repairs in the container that held the event.
    pub repairs: Repairs,
    /// Whether the event lacks a key that events have and holds that key further in. Unless it concerns root,
    /// the event in it has not been read.
    pub doubtful: bool,
    /// Whether a container has another value under the same key, so that not every reader sees the event.
    pub twice: bool,
}

/// The receiver of the elements.
pub trait Elements {
    /// Takes an element that is an object.
    fn element(&mut self, element: Element<'_>);

    /// Takes an element that is not a readable record.
    fn malformed(&mut self, index: u64, what: &'static str);
}

/// The result of a walk over an object.
#[derive(Debug, Default)]
pub struct Walk {
    /// Whether any value had the shape of events, an empty `Records` included.
    pub events: bool,
    /// Whether there was any byte but white space.
    pub any: bool,
    /// The first structural fault, where there is one. Elements before it are complete.
    pub fault: Option<Fault>,
    /// The faults of further documents, up to a thousand.
    pub further: Vec<Fault>,
    /// The format of an object that is no log, in which nothing was read.
    pub foreign: Option<Foreign>,
    /// The reason why an object without events is no proof that there are none.
    pub unread: Option<Unread>,
    /// Values in the place of events before the first event. Such values count if an event follows.
    pub(super) pending: Vec<Pending>,
}

/// A value that was read and not judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// The value is no JSON.
    Broken(Fault),
    /// By its bytes the value could hold an event.
    Suspect(Fault),
}

impl std::fmt::Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Broken(fault) | Self::Suspect(fault)) = self;
        fault.fmt(f)
    }
}

impl std::error::Error for Unread {}

/// The result of reading a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Events, or what should be one, were handed over.
    Events,
    /// No event was found, and there could be one.
    Suspect,
    /// No event was found, and there can be none.
    Nothing,
}

/// A value in the place of an event, before the first event.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) index: u64,
    pub(super) what: &'static str,
    /// The reason to report the value in an object without events; `None`: there is none.
    pub(super) unread: Option<Unread>,
}

/// Values before the first event that are noted.
const PENDING: usize = 1 << 16;

pub(super) const NOT_AN_OBJECT: &str = "an element that is not an object";

/// The kind of an array's elements.
#[derive(Clone, Copy, Debug)]
pub(super) enum Array<'p> {
    /// Elements of CloudTrail's own `Records`: each is an event.
    Records,
    /// Elements that hold events at the ends of these ways.
    Container {
        ways: &'p [Path],
        /// The name of an element without an event, where each must have one.
        without: Option<&'static str>,
    },
    /// Elements of a bare array, each of which is looked at.
    Loose,
    /// Elements beside the events, this many arrays deep.
    Beside(usize),
}

/// The facts about an object, member by member.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) keys: Keys,
    /// Whether its elements have been walked, so that its text is gone.
    pub(super) streams: bool,
    /// Whether it has had `Records`.
    pub(super) records: bool,
}

pub(super) struct Walker<'w, 'c> {
    pub(super) cursor: &'w mut Cursor<'c>,
    pub(super) to: &'w mut dyn Elements,
    pub(super) walk: Walk,
    pub(super) index: u64,
    /// Events and malformed elements that have been handed over.
    pub(super) judged: u64,
    /// The last start of a line among the white space between tokens.
    pub(super) line: usize,
    /// Whether the line begins with a time stamp, as those of CloudWatch's export tasks do.
    pub(super) stamped: bool,
    /// The document that is being read.
    pub(super) document: Document,
    /// Bytes that were read again behind breaks.
    pub(super) read_again: u64,
    /// The number of containers around the text.
    pub(super) depth: usize,
    /// The repairs in these containers.
    pub(super) repairs: Repairs,
    /// See [`Element::twice`].
    pub(super) twice: bool,
    /// The value beside the elements of the document that could be an event, where none of the elements is.
    pub(super) beside: Option<Unread>,
    /// The buffer for the minified text of one element after another.
    pub(super) text: String,
}

impl<'w, 'c> Walker<'w, 'c> {
    pub(super) fn new(cursor: &'w mut Cursor<'c>, to: &'w mut dyn Elements) -> Self {
        Self {
            cursor,
            to,
            walk: Walk::default(),
            index: 0,
            judged: 0,
            line: 0,
            stamped: false,
            document: Document::default(),
            read_again: 0,
            depth: 0,
            repairs: Repairs::default(),
            twice: false,
            beside: None,
            text: String::new(),
        }
    }
}

impl Walker<'_, '_> {
    /// Returns the byte behind white space.
    #[inline]
    pub(super) fn token(&mut self) -> Option<u8> {
        loop {
            match self.cursor.peek()? {
                b'\n' => {
                    self.cursor.advance(1);
                    self.line = self.cursor.at();
                }
                b' ' | b'\t' | b'\r' => self.cursor.advance(1),
                byte => return Some(byte),
            }
        }
    }

    /// Hands over the event between two positions, and what was found in it.
    pub(super) fn event(&mut self, place: Range<usize>, found: Found, doubtful: bool) {
        let text = self.cursor.slice(place.start, place.end);
        self.to.element(Element {
            index: self.index,
            text,
            candidate: found.candidate || doubtful,
            time: found.time_in(text),
            repairs: self.repairs,
            doubtful,
            twice: self.twice,
        });
        self.handed_over();
    }

    fn handed_over(&mut self) {
        self.walk.events = true;
        self.judged += 1;
        self.index += 1;
    }

    /// Reports a value in the place of an event.
    pub(super) fn malformed(&mut self, what: &'static str) {
        self.to.malformed(self.index, what);
        self.judged += 1;
        self.index += 1;
    }

    /// Reports a value in the place of an event, once the object is known to have events.
    pub(super) fn pend(&mut self, what: &'static str, unread: Option<Unread>) {
        if if self.depth == 0 { self.walk.events } else { self.judged > 0 } {
            self.malformed(what);
            return;
        }
        if self.walk.pending.len() < PENDING {
            self.walk.pending.push(Pending { index: self.index, what, unread });
        }
        self.index += 1;
    }

    /// Reads with the repairs on the way to the text.
    pub(super) fn repaired<T>(&mut self, repairs: Repairs, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.repairs;
        self.repairs.add(repairs);
        let value = read(self);
        self.repairs = before;
        value
    }

    /// Hands over a text that is one event and nothing else, in CloudTrail's own spelling. Returns whether it
    /// was.
    pub(super) fn plain_event(&mut self, text: &[u8]) -> bool {
        if !begins_as_event(text) {
            return false;
        }
        let mut cursor = Cursor::whole(text);
        let Ok(found) = cursor.object() else { return false };
        if found.end < text.len() {
            return false;
        }
        self.to.element(Element {
            index: self.index,
            text,
            candidate: found.candidate,
            time: found.time_in(text),
            repairs: self.repairs,
            doubtful: false,
            twice: self.twice,
        });
        self.handed_over();
        true
    }
}
