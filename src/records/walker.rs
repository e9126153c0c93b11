//! The state of a walk, and how events, and what is none, leave it.

use std::ops::Range;

use super::boundary::Found;
use super::containers::Path;
use super::cursor::{Cursor, Fault};
use super::foreign::Foreign;
use super::keys::{Keys, begins_as_event};
use super::opening::Document;
use crate::json::minify::Repairs;

/// One event, as it stands in the object, or in a string of it.
#[derive(Clone, Copy, Debug)]
pub struct Element<'t> {
    /// Its place: among the elements of arrays, `null` ones included, and among the events of containers.
    pub index: u64,
    /// Its whole text.
    pub text: &'t [u8],
    /// Whether it must be parsed: all others cannot concern root.
    pub candidate: bool,
    /// Its `eventTime`, where that is plainly spelled.
    pub time: Option<&'t [u8]>,
    /// What was repaired in the container that held it.
    pub repairs: Repairs,
    /// It lacks a key that events have and holds that key further in: where it does not concern root, the event
    /// in it has not been read.
    pub doubtful: bool,
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
    /// It is no log: nothing in it was read.
    pub foreign: Option<Foreign>,
    /// Of an object without events: why that is no proof that there are none.
    pub unread: Option<Unread>,
    /// What stands where events should, before the first one. It counts where an event follows.
    pub(super) pending: Vec<Pending>,
}

/// Something that was read and not judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It is no JSON.
    Broken(Fault),
    /// By its bytes it could hold an event.
    Suspect(Fault),
}

impl std::fmt::Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Broken(fault) | Self::Suspect(fault)) = self;
        fault.fmt(f)
    }
}

impl std::error::Error for Unread {}

/// What came of reading a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Events, or what should be one, were handed over.
    Events,
    /// No event was found, and there could be one.
    Suspect,
    /// There is none.
    Nothing,
}

/// See [`Walk::pending`].
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) index: u64,
    pub(super) what: &'static str,
    /// `None`: without an event it means nothing.
    pub(super) unread: Option<Unread>,
}

/// So many values before the first event are told of.
const PENDING: usize = 1 << 16;

pub(super) const NOT_AN_OBJECT: &str = "an element that is not an object";

/// What the elements of an array are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Array<'p> {
    /// CloudTrail's own: every element is an event.
    Records,
    /// Each one holds events at the ends of these ways.
    Container {
        ways: &'p [Path],
        /// What one is that holds none, where each must.
        without: Option<&'static str>,
    },
    /// Bare: each one shows what it is.
    Loose,
    /// Nothing to read, so many arrays deep.
    Beside(usize),
}

/// What is known of an object, member by member.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) keys: Keys,
    /// Its elements have been walked: its text is not there any more.
    pub(super) streams: bool,
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
    /// The line begins with a time stamp, as those of CloudWatch's export tasks do.
    pub(super) stamped: bool,
    /// What is being read.
    pub(super) document: Document,
    /// Bytes that were read again behind breaks.
    pub(super) read_again: u64,
    /// How many containers this is in.
    pub(super) depth: usize,
    /// What was repaired in them.
    pub(super) repairs: Repairs,
    /// What stands beside the elements of the document and could be an event, where none of them is.
    pub(super) beside: Option<Unread>,
    /// Room for the minified text of one element after another.
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
            beside: None,
            text: String::new(),
        }
    }
}

impl Walker<'_, '_> {
    /// The byte behind white space.
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
            time: found.time.map(|at| &text[at..at + 20]),
            repairs: self.repairs,
            doubtful,
        });
        self.handed_over();
    }

    fn handed_over(&mut self) {
        self.walk.events = true;
        self.judged += 1;
        self.index += 1;
    }

    /// Something stands where an event should.
    pub(super) fn malformed(&mut self, what: &'static str) {
        self.to.malformed(self.index, what);
        self.judged += 1;
        self.index += 1;
    }

    /// The same, in an object that may turn out to have no events at all.
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

    /// Reads with what was repaired on the way there.
    pub(super) fn repaired<T>(&mut self, repairs: Repairs, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.repairs;
        self.repairs.add(repairs);
        let value = read(self);
        self.repairs = before;
        value
    }

    /// Whether a text is one event and nothing else, in CloudTrail's own spelling; hands it over if so.
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
            time: found.time.map(|at| &text[at..at + 20]),
            repairs: self.repairs,
            doubtful: false,
        });
        self.handed_over();
        true
    }
}
