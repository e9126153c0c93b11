//! The outermost keys of an object, which decide whether it is an event or may hold some.
//!
//! [`Key::of`] classifies one key: the two keys that every event has, other keys of events, and the first
//! steps to the places of containers. [`Keys`] gathers them for one object. An object with `userIdentity` and
//! a further key of an event is an event beyond doubt. Nearly every record begins as CloudTrail writes it,
//! and [`begins_as_event`] sees that without looking at keys.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::containers;
use super::cursor::Cursor;
use super::suspicion;
use crate::json::minify::minify;
use crate::json::parse::parse_plain;

/// A key, as far as it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The key `eventVersion`.
    Version,
    /// The key `userIdentity`.
    Identity,
    /// Another key that events have.
    OfEvent,
    /// The first step to a place where containers have events.
    Place(&'static str),
    Other,
}

impl Key {
    /// Classifies a key, given with its quotes.
    pub(super) fn of(quoted: &[u8]) -> Self {
        if quoted.contains(&b'\\') {
            let mut text = String::new();
            return match minify(quoted, &mut text) {
                Ok(_) => parse_plain(&text).as_str().map_or(Key::Other, |key| Self::named(key.as_bytes())),
                // A text that is no key by the grammar decides nothing.
                Err(_malformed) => Key::Other,
            };
        }
        Self::named(&quoted[1..quoted.len() - 1])
    }

    fn named(key: &[u8]) -> Self {
        match key {
            b"eventVersion" => Key::Version,
            b"userIdentity" => Key::Identity,
            b"eventName" | b"eventSource" | b"eventID" | b"eventType" => Key::OfEvent,
            _ => containers::named(key).map_or(Key::Other, Key::Place),
        }
    }
}

/// The keys that an object has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Keys {
    version: bool,
    identity: bool,
    of_event: bool,
    /// Whether there is a place where a container would have events.
    pub(super) place: bool,
}

impl Keys {
    pub(super) fn see(&mut self, key: Key) {
        match key {
            Key::Version => self.version = true,
            Key::Identity => self.identity = true,
            Key::OfEvent => self.of_event = true,
            Key::Place(_) => self.place = true,
            Key::Other => {}
        }
    }

    /// Returns whether the object is an event beyond doubt. Everything in an event is its own, whatever it
    /// looks like.
    pub(super) fn is_event(&self) -> bool {
        self.identity && (self.version || self.of_event)
    }

    /// Returns whether the object is an event if it holds no other.
    pub(super) fn may_be_event(&self) -> bool {
        self.identity || self.version || self.of_event
    }

    /// Returns whether an object with these keys, and this text, seems to hold an event in a place that is
    /// not read.
    pub(super) fn hides_event(&self, text: &[u8]) -> bool {
        suspicion::hidden(text, self.version, self.identity)
    }

    /// Returns the keys of a complete object, up to the one that makes it an event; `None` where it is no
    /// JSON.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let mut keys = Self::default();
        let mut cursor = Cursor::whole(text);
        cursor.advance(1);
        if cursor.next_token() == Some(b'}') {
            return Some(keys);
        }
        loop {
            let start = (cursor.next_token() == Some(b'"')).then_some(cursor.at())?;
            cursor.string().ok()?;
            keys.see(Key::of(cursor.slice(start, cursor.at())));
            if cursor.next_token() != Some(b':') {
                return None;
            }
            if keys.is_event() {
                return Some(keys);
            }
            cursor.advance(1);
            cursor.next_token();
            cursor.value().ok()?;
            match cursor.next_token()? {
                b',' => cursor.advance(1),
                b'}' => return Some(keys),
                _ => return None,
            }
        }
    }
}

/// Returns whether an object begins as CloudTrail writes its events, which is enough to know one. The check
/// runs for every record.
#[inline]
pub(super) fn begins_as_event(text: &[u8]) -> bool {
    const VERSION: u128 = u128::from_ne_bytes(*br#"{"eventVersion":"#);
    const IDENTITY: u128 = u128::from_ne_bytes(*br#","userIdentity":"#);
    let Some(head) = text.first_chunk::<38>() else { return false };
    let sixteen = |at: usize| head[at..].first_chunk().map(|bytes| u128::from_ne_bytes(*bytes));
    // The version is like `1.08`, or as short as `1.0`.
    let end = if head[21] == b'"' { 21 } else { 20 };
    head[16] == b'"' && head[end] == b'"' && sixteen(0) == Some(VERSION) && sixteen(end + 1) == Some(IDENTITY)
}

/// Returns whether a complete object ends as an event with sorted keys does: with `userIdentity` and few other
/// members, as the outermost ones. The check spares most of the walk of [`Keys::of`].
pub(super) fn ends_as_event(text: &[u8]) -> bool {
    static NAMES: LazyLock<[Finder<'static>; 2]> =
        LazyLock::new(|| [r#""eventVersion":"#, r#","userIdentity":"#].map(Finder::new));
    let [version, identity] = &*NAMES;
    let Some(at) = identity.find(text) else { return false };
    let mut cursor = Cursor::whole(text);
    cursor.advance(at);
    while cursor.peek() == Some(b',') {
        cursor.advance(1);
        if cursor.peek() != Some(b'"') || cursor.string().is_err() || cursor.peek() != Some(b':') {
            return false;
        }
        cursor.advance(1);
        if cursor.value().is_err() {
            return false;
        }
    }
    // Only the outermost object ends where the text does.
    cursor.peek() == Some(b'}') && cursor.at() + 1 == text.len() && version.find(&text[..at]).is_some()
}

/// Calls `to` with the members of a complete object in minified text: each one's key with its quotes, and its
/// value.
pub(super) fn each_member<'t>(text: &'t str, mut to: impl FnMut(&'t str, &'t str)) {
    let mut cursor = Cursor::whole(text.as_bytes());
    cursor.advance(1);
    while cursor.peek() == Some(b'"') {
        let start = cursor.at();
        let key = cursor.string().is_ok().then_some(start..cursor.at());
        cursor.advance(1);
        let start = cursor.at();
        let value = cursor.value().is_ok().then_some(start..cursor.at());
        // Minified text follows the grammar.
        let (Some(key), Some(value)) = (key, value) else { return };
        to(&text[key], &text[value]);
        cursor.advance(1);
    }
}

/// Calls `to` with the elements of a complete array in minified text.
pub(super) fn each_element<'t>(text: &'t str, mut to: impl FnMut(&'t str)) {
    let mut cursor = Cursor::whole(text.as_bytes());
    cursor.advance(1);
    while !matches!(cursor.peek(), None | Some(b']')) {
        let start = cursor.at();
        if cursor.value().is_err() {
            return;
        }
        to(&text[start..cursor.at()]);
        let comma = cursor.peek() == Some(b',');
        cursor.advance(usize::from(comma));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_known_by_how_they_begin() {
        for (text, begins) in [
            (r#"{"eventVersion":"1.08","userIdentity":{"type":"Root"}}"#, true),
            (r#"{"eventVersion":"1.0","userIdentity":null}"#, true),
            (r#"{"eventVersion":"1.08","userIdentity2":{}}"#, false),
            (r#"{"eventVersion":"1.08", "userIdentity":{}}"#, false),
            (r#"{"eventVersion":"1.08","event":{"userIdentity":{}}}"#, false),
            (r#"{"eventVersion":"1.08""#, false),
            ("{}", false),
        ] {
            assert_eq!(begins_as_event(text.as_bytes()), begins, "{text}");
            if begins {
                assert!(Keys::of(text.as_bytes()).unwrap().is_event(), "{text}");
            }
        }
    }

    #[test]
    fn sorted_events_are_known_by_how_they_end() {
        for (text, ends) in [
            (r#"{"a":[1],"eventVersion":"1.08","userIdentity":{"type":"Root"}}"#, true),
            (r#"{"eventVersion":"1.08","userIdentity":{},"z":"}","zz":[{}]}"#, true),
            (r#"{"a":{"eventVersion":"1.08","userIdentity":{}}}"#, false),
            (r#"{"a":{"eventVersion":"1.08","userIdentity":{}},"userIdentity":{}}"#, false),
            (r#"{"a":[{"eventVersion":"1.08","userIdentity":{}}],"z":{}}"#, false),
            (r#"{"eventVersion":"1.08","userIdentity":{}"#, false),
            (r#"{"eventVersion":"1.08","userIdentity":{},}"#, false),
            (r#"{"eventVersion":"1.08","userIdentity":{},z:1}"#, false),
            (r#"{"a":"\"eventVersion\":","userIdentity":{}}"#, false),
            (r#"{"a":1,"userIdentity":{}}"#, false),
        ] {
            assert_eq!(ends_as_event(text.as_bytes()), ends, "{text}");
            if ends {
                assert!(Keys::of(text.as_bytes()).unwrap().is_event(), "{text}");
            }
        }
    }

    #[test]
    fn keys_tell_what_an_object_is() {
        let keys = |text: &str| Keys::of(text.as_bytes());
        for (text, event, maybe, place) in [
            (r#"{"a":[{"eventName":1}], "userIdentity":{},"eventID":"x"}"#, true, true, false),
            (r#"{"\u0065ventVersion":"1","userIdentity":{}"#, true, true, false),
            (r#"{"userIdentity":{}}"#, false, true, false),
            (r#"{"eventVersion":"1","message":""}"#, false, true, true),
            (r#"{"Records":[]}"#, false, false, true),
            (r#"{"a":{"eventVersion":1,"userIdentity":{}}}"#, false, false, false),
            ("{ }", false, false, false),
        ] {
            let keys = keys(text).unwrap();
            assert_eq!((keys.is_event(), keys.may_be_event(), keys.place), (event, maybe, place), "{text}");
        }
        for broken in ["{a:1}", r#"{"a"}"#, r#"{"a":1 "b":2}"#, r#"{"a":nil}"#, r#"{"a":1,}"#, r#"{"a":"#] {
            assert_eq!(keys(broken), None, "{broken}");
        }
    }

    #[test]
    fn members_and_elements_of_minified_text() {
        let mut seen = Vec::new();
        each_member(r#"{"a":[1,"}"],"b":{"c":null},"":-1e5}"#, |key, value| {
            seen.push(format!("{key}{value}"))
        });
        assert_eq!(seen, [r#""a"[1,"}"]"#, r#""b"{"c":null}"#, r#"""-1e5"#]);
        seen.clear();
        each_element(r#"[[1,"]"],{"c":null},true,""]"#, |element| seen.push(element.to_owned()));
        assert_eq!(seen, [r#"[1,"]"]"#, r#"{"c":null}"#, "true", r#""""#]);
        each_member("{}", |_, _| panic!("no member"));
        each_element("[]", |_| panic!("no element"));
    }
}
