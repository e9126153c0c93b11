//! Documents in documents: at the places where containers hold their events, and as elements of arrays.
//!
//! The values at the ends of a container's paths are collected from minified text, and each is read like a
//! document: an object or an array as it is, a string after decoding. A [`Walker`] of its own walks over each
//! and hands its events to the same receiver. The text between events is examined for a further one. A text
//! that holds no event, but could by its bytes, is noted as suspect; the caller decides whether that is
//! reported, since another place may have the event.

use std::collections::HashMap;
use std::hash::Hash;

use super::containers::{self, Path, below_each, below_member};
use super::cursor::{Cursor, Fault};
use super::keys::{Key, each_element, each_member};
use super::suspicion;
use super::walker::{Read, Unread, Walk, Walker};
use crate::json::parse::parse_plain;

/// Levels of containers that are read. Each level of strings in strings doubles the backslashes, so that
/// nothing real goes this deep.
const DEPTH: usize = 8;

impl Walker<'_, '_> {
    /// Reads the places of a document that is no event, given as minified text.
    pub(super) fn places_of(&mut self, text: &str) -> Read {
        let mut members = Vec::new();
        each_member(text, |key, value| {
            if let Key::Place(name) = Key::of(key.as_bytes()) {
                members.push((name, value));
            }
        });
        let mut leaves = Vec::new();
        for ((name, value), twice) in members.iter().zip(twice(&members)) {
            collect(value, &containers::below(name), twice, &mut leaves);
        }
        self.leaves(text, leaves)
    }

    /// Reads the ends of these ways from a value, given as minified text.
    pub(super) fn ways_from(&mut self, text: &str, ways: &[Path]) -> Read {
        let mut leaves = Vec::new();
        collect(text, ways, false, &mut leaves);
        self.leaves(text, leaves)
    }

    /// Reads the values at places in a text, and examines the rest of the text for another event.
    fn leaves(&mut self, text: &str, leaves: Vec<(&str, bool)>) -> Read {
        let mut seen: HashMap<&str, Read> = HashMap::new();
        let mut rest = text;
        let mut found = Read::Nothing;
        for (leaf, twice) in leaves {
            // An event that stands there twice, as `message` and as `event.original`, is one.
            let read = match seen.get(leaf) {
                Some(&read) => read,
                None => {
                    let before = self.twice;
                    self.twice |= twice;
                    let read = self.leaf(leaf);
                    self.twice = before;
                    read
                }
            };
            seen.insert(leaf, read);
            match read {
                Read::Events => found = Read::Events,
                Read::Suspect if found == Read::Nothing => {
                    found = Read::Suspect;
                    continue;
                }
                _ => continue,
            }
            // The leaves stand in the text in this order.
            if let Some((before, behind)) = rest.split_once(leaf) {
                self.beside_events(before);
                rest = behind;
            }
        }
        if found == Read::Events {
            self.beside_events(rest);
        }
        found
    }

    fn beside_events(&mut self, text: &str) {
        if suspicion::holds_another_event(text.as_bytes()) {
            self.pend(suspicion::NOT_READ, None);
        }
    }

    /// Reads the value at a place like a document.
    pub(super) fn leaf(&mut self, value: &str) -> Read {
        match value.as_bytes().first() {
            Some(b'{' | b'[') => self.nested(value.as_bytes(), None),
            Some(b'"') => match parse_plain(value).as_str() {
                Some(text) => {
                    let text =
                        text.trim_matches(|char: char| char.is_ascii_whitespace() || char == '\u{feff}');
                    match text.as_bytes().first() {
                        Some(b'{' | b'[') => self.nested(text.as_bytes(), None),
                        _ if suspicion::holds_event(text.as_bytes()) => Read::Suspect,
                        _ => Read::Nothing,
                    }
                }
                None => Read::Nothing,
            },
            _ => Read::Nothing,
        }
    }

    /// Walks over the document between two positions, which is broken.
    pub(super) fn broken_document(&mut self, start: usize, end: usize) -> Read {
        // The copy is needed because the walker of the text borrows this one.
        let text = self.cursor.slice(start, end).to_owned();
        self.nested(&text, Some(start))
    }

    /// Walks over a text. `place` is its position in the object; a text without one was a string, which may
    /// be anything and mostly is no JSON.
    pub(super) fn nested(&mut self, text: &[u8], place: Option<usize>) -> Read {
        if self.plain_event(text) {
            return Read::Events;
        }
        if self.depth >= DEPTH {
            return if suspicion::holds_event(text) { Read::Suspect } else { Read::Nothing };
        }
        let mut inner = Cursor::whole(text);
        let Self { to, index, depth, repairs, twice, .. } = self;
        let mut walker = Walker::new(&mut inner, *to);
        (walker.index, walker.depth, walker.repairs) = (*index, *depth + 1, *repairs);
        walker.twice = *twice;
        if let Err(fault) = walker.values() {
            walker.note(fault);
        }
        let Walker { walk: Walk { events, fault, further, pending, .. }, index, judged, .. } = walker;
        let faults = fault.into_iter().chain(further);
        let mut found = Read::Nothing;
        if judged > 0 {
            found = Read::Events;
            pending.iter().for_each(|pending| self.to.malformed(pending.index, pending.what));
            (self.index, self.judged) = (index, self.judged + judged);
            self.walk.events |= events;
        } else if pending.iter().any(|pending| pending.unread.is_some()) {
            // The caller decides whether this is reported: another place may have the event.
            found = Read::Suspect;
        }
        for Fault { offset, kind, what } in faults {
            match place {
                Some(start) => self.note(Fault { offset: start + offset, kind, what }),
                // A text that began as an event and breaks off is a broken event.
                None if found == Read::Events || suspicion::holds_event(text) => {
                    self.walk.events = true;
                    self.malformed(what);
                }
                None => continue,
            }
            found = Read::Events;
        }
        found
    }

    /// Reports a text that could hold an event and in which none was read. Returns `false` where it could
    /// not.
    pub(super) fn settle(&mut self, read: Read, text: &[u8], offset: usize) -> bool {
        let suspect = (read == Read::Suspect).then_some(suspicion::NOT_READ);
        if read != Read::Events {
            let Some(what) = suspicion::unread(text).or(suspect) else { return false };
            self.pend(what, Some(Unread::Suspect(Fault::syntax(offset, what))));
        }
        true
    }

    /// Notes a text beside the elements of a document.
    pub(super) fn beside(&mut self, text: &[u8], offset: usize) {
        if suspicion::holds_another_event(text) {
            let what = suspicion::NOT_READ;
            self.pend(what, Some(Unread::Suspect(Fault::syntax(offset, what))));
        } else if self.beside.is_none() {
            self.beside = suspicion::unread(text).map(|what| Unread::Suspect(Fault::syntax(offset, what)));
        }
    }
}

/// Returns for each member whether another one has its name and another value.
fn twice<N: Eq + Hash>(members: &[(N, &str)]) -> Vec<bool> {
    let mut values: HashMap<&N, (&str, bool)> = HashMap::new();
    for (name, value) in members {
        let (first, differ) = values.entry(name).or_insert((*value, false));
        *differ |= first != value;
    }
    members.iter().map(|(name, _)| values[name].1).collect()
}

/// Collects the values at the ends of ways, in their order in the minified text, and whether another value stands
/// under a key of the way.
fn collect<'t>(text: &'t str, ways: &[Path], above: bool, leaves: &mut Vec<(&'t str, bool)>) {
    let array = text.starts_with('[');
    let elements = if array { below_each(ways) } else { Vec::new() };
    // `results` has objects in one format and rows in another: a row is not read as an array of documents.
    if ways.iter().any(|way| way.is_empty()) && elements.is_empty() {
        leaves.push((text, above));
    }
    if !elements.is_empty() {
        each_element(text, |element| collect(element, &elements, above, leaves));
        return;
    }
    if text.starts_with('{') && ways.iter().any(|way| !way.is_empty()) {
        let mut members = Vec::new();
        each_member(text, |key, value| {
            let name = parse_plain(key).as_str().unwrap_or_default().to_owned();
            if !below_member(ways, &name).is_empty() {
                members.push((name, value));
            }
        });
        for ((name, value), twice) in members.iter().zip(twice(&members)) {
            collect(value, &below_member(ways, name), above || twice, leaves);
        }
    }
}
