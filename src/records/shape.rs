//! What the keys of an object tell of how it holds its event.

use std::ops::Range;

use super::cursor::Cursor;
use crate::json::minify::minify;
use crate::json::parse::parse_plain;

/// How an element holds its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The element is the event.
    Event,
    /// EventBridge: the event is the element's `detail`.
    Envelope,
    /// `lookup-events`: the event is the string `CloudTrailEvent`.
    Lookup,
    /// `lookup-events --query 'Events[].CloudTrailEvent'`: the element is a string, and that is the event.
    Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Records,
    Events,
    Detail,
    CloudTrailEvent,
    /// A key that only an event has.
    OfEvent,
    Other,
}

impl Key {
    /// `quoted`: the key's text with its quotes.
    pub(crate) fn of(quoted: &[u8]) -> Self {
        if quoted.contains(&b'\\') {
            let mut text = String::new();
            return match minify(quoted, &mut text) {
                Ok(_) => parse_plain(&text).as_str().map_or(Key::Other, |key| Self::named(key.as_bytes())),
                // Not a key by the grammar: none that means anything here.
                Err(_malformed) => Key::Other,
            };
        }
        Self::named(&quoted[1..quoted.len() - 1])
    }

    fn named(key: &[u8]) -> Self {
        match key {
            b"Records" => Key::Records,
            b"Events" => Key::Events,
            b"detail" => Key::Detail,
            b"CloudTrailEvent" => Key::CloudTrailEvent,
            b"eventVersion" | b"eventName" | b"eventSource" | b"userIdentity" | b"eventID" | b"eventType" => {
                Key::OfEvent
            }
            _ => Key::Other,
        }
    }
}

/// What the keys of an object tell of its shape.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// Its elements have been walked.
    pub(crate) elements: bool,
    event: bool,
    envelope: bool,
    lookup: bool,
}

impl Keys {
    pub(crate) fn see(&mut self, key: Key, first: Option<u8>, is_event: impl FnOnce() -> bool) {
        match (key, first) {
            (Key::OfEvent, _) => self.event = true,
            (Key::Detail, Some(b'{')) => self.envelope = is_event(),
            (Key::CloudTrailEvent, Some(b'"')) => self.lookup = true,
            _ => {}
        }
    }

    pub(crate) fn shape(&self) -> Option<Shape> {
        match self {
            Keys { event: true, .. } => Some(Shape::Event),
            Keys { lookup: true, .. } => Some(Shape::Lookup),
            Keys { envelope: true, .. } => Some(Shape::Envelope),
            _ => None,
        }
    }
}

/// Whether a complete object has a key that only an event has.
pub(crate) fn is_event(text: &[u8]) -> bool {
    let mut event = false;
    each_member(text, |key, _, _| {
        event = key == Key::OfEvent;
        !event
    });
    event
}

/// Whether a complete object is a document that holds its events inside.
pub(crate) fn is_document(text: &[u8]) -> bool {
    let mut document = false;
    each_member(text, |key, start, _| {
        document = matches!(key, Key::Records | Key::Events) && text.get(start) == Some(&b'[');
        !document
    });
    document
}

/// Whether a complete string is the text of an event.
pub(crate) fn is_event_text(quoted: &[u8]) -> bool {
    let mut text = String::new();
    quoted.starts_with(b"\"{")
        && minify(quoted, &mut text).is_ok()
        && parse_plain(&text).as_str().is_some_and(|text| is_event(text.as_bytes()))
}

/// The shape of a complete object; `None` where it holds no event.
pub(crate) fn shape_of(text: &[u8]) -> Option<Shape> {
    let mut keys = Keys::default();
    each_member(text, |key, start, end| {
        keys.see(key, text.get(start).copied(), || is_event(&text[start..end]));
        // No other key could change an event's shape.
        !keys.event
    });
    keys.shape()
}

/// Where the event stands in the text of an element, which is complete. Of duplicate keys the last counts.
pub(crate) fn event_range(text: &[u8], shape: Shape) -> Option<Range<usize>> {
    let wanted = match shape {
        Shape::Event | Shape::Text => return Some(0..text.len()),
        Shape::Envelope => Key::Detail,
        Shape::Lookup => Key::CloudTrailEvent,
    };
    let mut range = None;
    each_member(text, |key, start, end| {
        if key == wanted {
            range = Some(start..end);
        }
        true
    });
    range
}

/// Tells `to` of the members of a complete object, as long as it says `true` and the structure holds.
fn each_member(text: &[u8], mut to: impl FnMut(Key, usize, usize) -> bool) {
    let mut cursor = Cursor::whole(text);
    cursor.pass(1);
    while cursor.next_token() == Some(b'"') {
        let start = cursor.at();
        if cursor.string().is_err() {
            return;
        }
        let key = Key::of(cursor.slice(start, cursor.at()));
        if cursor.next_token() != Some(b':') {
            return;
        }
        cursor.pass(1);
        cursor.next_token();
        let start = cursor.at();
        if cursor.value().is_err() || !to(key, start, cursor.at()) || cursor.next_token() != Some(b',') {
            return;
        }
        cursor.pass(1);
    }
}
