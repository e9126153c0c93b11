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

    #[derive(Default)]
    struct Heard {
        /// Index, text and doubt.
        elements: Vec<(u64, String, bool)>,
        twice: Vec<bool>,
        malformed: Vec<u64>,
    }

    impl Elements for Heard {
        fn element(&mut self, element: Element<'_>) {
            let text = String::from_utf8(element.text.to_vec()).unwrap();
            self.elements.push((element.index, text, element.doubtful));
            self.twice.push(element.twice);
        }

        fn malformed(&mut self, index: u64, _what: &'static str) {
            self.malformed.push(index);
        }
    }

    /// `E` is an event, and `S` a string with one.
    fn heard(text: &str) -> (Heard, Walk) {
        let quoted = format!("\"{}\"", EVENT.replace('"', "\\\""));
        let text = text.replace('E', EVENT).replace('S', &quoted);
        let mut heard = Heard::default();
        let walked = walk(&mut Cursor::whole(text.as_bytes()), &mut heard);
        (heard, walked)
    }

    const EVENT: &str = r#"{"eventVersion":"1.08","userIdentity":{"type":"Root"},"eventID":"a"}"#;

    #[test]
    fn values_of_all_kinds_are_told_apart() {
        for (text, elements, malformed, events) in [
            ("", &[][..], &[][..], false),
            (" \n\t\u{feff}", &[], &[], false),
            ("null", &[], &[], false),
            ("{\"a\":1}", &[], &[], false),
            ("{\"Records\":[]}", &[], &[], true),
            ("E", &[0], &[], true),
            ("\u{feff}E\n \u{feff}E", &[0, 1], &[], true),
            ("null E", &[0], &[], true),
            ("7 E", &[1], &[0], true),
            ("\"x\" E", &[1], &[0], true),
            ("S", &[0], &[], true),
            ("\"x\" S", &[1], &[0], true),
            ("{\"userIdentity\":{},\"detail\":E}", &[0], &[1], true),
            ("2026-01-15T03:02:01Z E\n2026-01-15T03:02:02Z E", &[0, 1], &[], true),
            ("[E,7,null,E]", &[0, 3], &[1], true),
            ("{\"Records\":[E,E]}E", &[0, 1, 2], &[], true),
            ("{\"detail\":E}", &[0], &[], true),
        ] {
            let (heard, walked) = heard(text);
            let indices: Vec<u64> = heard.elements.iter().map(|(index, ..)| *index).collect();
            assert_eq!((&indices[..], &heard.malformed[..]), (elements, malformed), "{text}");
            assert!(heard.elements.iter().all(|(_, text, doubtful)| text == EVENT && !doubtful), "{text}");
            assert_eq!((walked.events, walked.fault.is_some()), (events, false), "{text}");
            assert_eq!(walked.any, !text.trim_matches(['\u{feff}', ' ', '\n', '\t']).is_empty(), "{text}");
            assert!(walked.unread.is_none() && walked.foreign.is_none(), "{text}");
        }
    }

    #[test]
    fn what_could_be_an_event_is_no_proof_that_there_is_none() {
        let hidden = r#"{"eventVersion":"1","userIdentity":{"type":"Root"}}"#;
        for text in ["{\"x\":H}", "\"of userIdentity\"", "{\"x\":\"userIdentity\"}"] {
            let (heard, walked) = heard(&text.replace('H', hidden));
            assert!(heard.elements.is_empty() && walked.unread.is_some() && !walked.events, "{text}");
        }
        for (records, malformed) in [("", &[0][..]), ("E", &[1])] {
            let text = format!("{{\"Records\":[{records}],\"x\":H}}").replace('H', hidden);
            assert_eq!(heard(&text).0.malformed, malformed, "{text}");
        }
        let (heard, _) = heard(r#"{"userIdentity":{"type":"IAMUser"},"x":{"eventVersion":"1"}}"#);
        assert!(matches!(heard.elements[..], [(0, _, true)]), "{:?}", heard.elements);
    }

    #[test]
    fn a_document_knows_nothing_of_the_one_before() {
        let (heard, _) = heard("{\"detail\":1,\"detail\":E}\nE");
        assert_eq!(heard.twice, [true, false]);
    }

    #[test]
    fn an_object_over_several_lines_follows_the_grammar() {
        let event = "{\"eventVersion\":\"1\",\n\"userIdentity\":{\"type\":\"Root\"},\"x\":\"a,b\"}";
        let (sound, walked) = heard(event);
        assert_eq!((sound.elements.len(), walked.fault.is_some()), (1, false));
        let (broken, walked) = heard(&event.replace("\"x\":", "\"x\" "));
        assert_eq!((broken.elements.len(), walked.fault.is_some()), (0, true));
        for (text, fault) in [("{\"a\":1 2}", true), ("\"a\nb\"", true), ("{\"a\":1}", false)] {
            assert_eq!(heard(text).1.fault.is_some(), fault, "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_named() {
        // No byte order mark begins so.
        let (_, walked) = heard("\u{fffd}");
        assert!(walked.any && walked.fault.is_some());
        let mut to = Heard::default();
        let walked = walk(&mut Cursor::whole(b"PK\x03\x04\x14\0\0\0{}"), &mut to);
        assert!(walked.any && walked.foreign.is_some() && to.elements.is_empty());
    }

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
