//! The members of an object: arrays in which it has its events are walked, all others are passed over.
//!
//! [`Walker::members`] reads key by key. A key may be the first step to a place where documents have events;
//! if the value there is an array, its elements are walked one by one, and the text of the document before it
//! is released. From then on the document streams: every other member is examined by itself, and dropped. A
//! document without such an array is passed over, and its text is kept for its reader.

use super::containers::{self, Path, Step, below_each, below_member};
use super::cursor::Fault;
use super::keys::Key;
use super::opening::{ANOTHER, SWALLOWED};
use super::suspicion::holds_event;
use super::walker::{Array, Members, Read, Walker};
use crate::json::minify::minify;

/// The level of an object in a document.
#[derive(Clone, Copy, Debug)]
enum Level<'p> {
    Outermost,
    /// An object further in, with the ways on from it.
    Inside(&'p [Path]),
}

impl Level<'_> {
    fn below(self, name: &str) -> Vec<Path> {
        match self {
            Level::Outermost => containers::below(name),
            Level::Inside(ways) => below_member(ways, name),
        }
    }
}

const NOT_LOOKED_UP: &str = "an element of Events without CloudTrailEvent";

impl Walker<'_, '_> {
    /// Walks over the members of the document that begins here.
    pub(super) fn members(&mut self, members: &mut Members) -> Result<(), Fault> {
        self.members_of(Level::Outermost, members)
    }

    fn members_of(&mut self, level: Level<'_>, members: &mut Members) -> Result<(), Fault> {
        let start = self.cursor.at();
        let outermost = matches!(level, Level::Outermost);
        let mut first_key = self.line == start && outermost;
        self.cursor.advance(1);
        if self.token() == Some(b'}') {
            self.cursor.advance(1);
            return Ok(());
        }
        loop {
            self.token();
            let key_at = self.cursor.at();
            let key = self.key(members.streams)?;
            if std::mem::take(&mut first_key) && matches!(key, Key::Place(_)) {
                self.note_opening(start);
            }
            let first = self.token();
            if first == Some(b'{') && self.another_begins() {
                return Err(self.cursor.fault(ANOTHER));
            }
            let streamed = match key {
                Key::Place(name) if !members.keys.is_event() => {
                    self.streamed(level, name, first, (start, key_at), members)?
                }
                _ => false,
            };
            if !streamed {
                if outermost {
                    members.keys.see(key);
                }
                match members.streams {
                    true => self.member_beside(key, first)?,
                    false => self.cursor.value()?,
                }
            }
            match self.token() {
                Some(b',') => self.cursor.advance(1),
                Some(b'}') => {
                    self.cursor.advance(1);
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
            self.cursor.pin(Some(start));
        }
        self.cursor.string()?;
        let text = self.cursor.slice(start, self.cursor.at());
        let key = Key::of(text);
        // Where the text is let go, the key is the last that is seen of an event beside the elements.
        let names_event = (drop_before && (matches!(key, Key::Version | Key::Identity) || holds_event(text)))
            .then(|| text.to_owned());
        if self.token() != Some(b':') {
            return Err(self.cursor.fault("expected a colon"));
        }
        self.cursor.advance(1);
        if let Some(name) = names_event {
            let opens: &[u8] = if self.token() == Some(b'{') { b":{" } else { b":1" };
            let spelled = if key == Key::Identity { br#""userIdentity""# } else { &name[..] };
            self.beside(&[spelled, opens].concat(), start);
        }
        if drop_before {
            self.cursor.pin(None);
        }
        Ok(key)
    }

    /// Walks over the elements of the member that begins here, if it is one in which a document has its
    /// events. Returns `false` otherwise, without having passed over anything.
    fn streamed(
        &mut self,
        level: Level<'_>,
        name: &'static str,
        first: Option<u8>,
        head: (usize, usize),
        members: &mut Members,
    ) -> Result<bool, Fault> {
        let records = name == "Records" && matches!(level, Level::Outermost);
        if records {
            self.twice |= std::mem::replace(&mut members.records, true);
        }
        match first {
            Some(b'[') if records => {
                self.stream(head, members)?;
                self.array(Array::Records)?;
                // The member alone makes this a CloudTrail document, whatever it holds.
                self.walk.events = true;
            }
            Some(b'n') if records => {
                self.stream(head, members)?;
                self.walk.events = true;
                self.cursor.value()?;
            }
            Some(_) if records => {
                self.stream(head, members)?;
                self.walk.events = true;
                self.malformed("Records is not an array");
                self.cursor.value()?;
            }
            Some(b'[') => {
                let ways = below_each(&level.below(name));
                if ways.is_empty() {
                    return Ok(false);
                }
                self.stream(head, members)?;
                let lookup = name == "Events";
                self.walk.events |= lookup;
                self.array(Array::Container { ways: &ways, without: lookup.then_some(NOT_LOOKED_UP) })?;
            }
            Some(b'{') => {
                let mut ways = level.below(name);
                ways.retain(|way| matches!(way, [Step::Member(_), ..]) && way.contains(&Step::Each));
                if ways.is_empty() {
                    return Ok(false);
                }
                self.stream(head, members)?;
                self.members_of(Level::Inside(&ways), members)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Releases the text of the document from here on. The text before the elements is read now.
    fn stream(&mut self, (start, key_at): (usize, usize), members: &mut Members) -> Result<(), Fault> {
        if !std::mem::replace(&mut members.streams, true) {
            let before = self.cursor.slice(start, key_at);
            if before.contains(&b':') {
                let before = [before, &br#""":null}"#[..]].concat();
                self.part(&before, start)?;
            }
        }
        self.cursor.pin(None);
        Ok(())
    }

    /// Reads a member of a document whose elements are walked.
    fn member_beside(&mut self, key: Key, first: Option<u8>) -> Result<(), Fault> {
        if first == Some(b'[') {
            return self.array(Array::Beside(0));
        }
        let start = self.cursor.at();
        self.value_beside()?;
        if let (Key::Place(name), Some(b'"' | b'{')) = (key, first) {
            let value = self.cursor.slice(start, self.cursor.at());
            let text = [br#"{""#, name.as_bytes(), br#"":"#, value, b"}"].concat();
            let mut minified = String::new();
            // The grammar of the value has just been checked.
            if let Ok(repairs) = minify(&text, &mut minified) {
                self.repaired(repairs, |walker| walker.places_of(&minified));
            }
        }
        self.cursor.pin(None);
        Ok(())
    }

    /// Passes over a value beside the elements of a document, and keeps its bytes.
    pub(super) fn value_beside(&mut self) -> Result<(), Fault> {
        let start = self.cursor.at();
        self.cursor.pin(Some(start));
        self.cursor.value()?;
        // A value without an end seems to hold the lines behind it, which must be read again.
        if self.document.holds_another(self.cursor.slice(start, self.cursor.at())) {
            return Err(Fault::syntax(start, SWALLOWED));
        }
        let value = self.cursor.slice(start, self.cursor.at());
        if value.len() > 1 {
            let mut minified = String::new();
            minify(value, &mut minified).map_err(|error| Fault::of_syntax(start, &error))?;
            self.beside(minified.as_bytes(), start);
        }
        Ok(())
    }

    /// Reads a part of a document, made whole: the places in it are read, the rest is examined.
    fn part(&mut self, text: &[u8], start: usize) -> Result<(), Fault> {
        let mut minified = String::new();
        let repairs = minify(text, &mut minified).map_err(|error| Fault::of_syntax(start, &error))?;
        if self.repaired(repairs, |walker| walker.places_of(&minified)) != Read::Events {
            self.beside(minified.as_bytes(), start);
        }
        Ok(())
    }
}
