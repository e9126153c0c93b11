//! Writes JSON text into a byte buffer, leaving out objects and arrays that would hold nothing.
//!
//! [`Object`] writes members straight into the output buffer, without a tree in between. An object that turns
//! out empty is cut off again together with its key. Strings are escaped in a pass of their own, which takes
//! strings without escapes, and records inside documents, faster than the general way. Values that an index
//! would refuse or change, such as huge numbers and deep nesting, become text.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;

use serde::Serialize;

use crate::json::Value;

/// Levels of nesting, after which values become text. Elasticsearch refuses a document whose `flattened`
/// field is nested more than 20 deep.
const MAX_DEPTH: usize = 16;

/// Appends `text` as a JSON string.
pub(super) fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(text, out);
    out.push(b'"');
}

/// Appends `text` as the inside of a JSON string.
fn escaped(text: &str, out: &mut Vec<u8>) {
    const QUOTED: u8 = 1;
    const CONTROL: u8 = 2;
    let bytes = text.as_bytes();
    // Most strings need no escape, and this pass over them takes many bytes at a time.
    let kinds = bytes.iter().fold(0, |kinds, byte| {
        let quoted = u8::from(*byte == b'"') | u8::from(*byte == b'\\');
        kinds | quoted | if *byte < 0x20 { CONTROL } else { 0 }
    });
    match kinds {
        0 => out.extend_from_slice(bytes),
        QUOTED => escaped_quotes(bytes, out),
        _ => escaped_control(bytes, out),
    }
}

/// Appends a text in which only quotes and backslashes need escapes, as a record inside a document. Every
/// tenth byte is a quote, so a branch would often be mispredicted: the backslash is always written, and
/// overwritten where none is needed.
fn escaped_quotes(bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + 2 * bytes.len(), 0);
    let target = &mut out[start..];
    let mut at = 0;
    for byte in bytes {
        target[at] = b'\\';
        at += usize::from(*byte == b'"') | usize::from(*byte == b'\\');
        target[at] = *byte;
        at += 1;
    }
    out.truncate(start + at);
}

fn escaped_control(bytes: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=0x1f => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&[b'0' + (byte >> 4), HEX[usize::from(byte & 15)]]);
            }
            _ => out.push(*byte),
        }
    }
}

/// Appends a record's value as JSON. A value that is nested too deep becomes a string of its text.
pub(super) fn value(value: &Value<'_>, out: &mut Vec<u8>) {
    nested_value(value, MAX_DEPTH, out);
}

fn nested_value(value: &Value<'_>, levels: usize, out: &mut Vec<u8>) {
    match value {
        Value::Array(_) | Value::Object(_) if levels == 0 => {
            let mut text = Vec::new();
            // The reader of records has a limit of its own, so that this cannot overflow the stack.
            nested_value(value, usize::MAX, &mut text);
            string(&String::from_utf8_lossy(&text), out);
        }
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(text) => number(text, out),
        Value::String(text) => string(text, out),
        Value::Deep(text) => string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                nested_value(item, levels - 1, out);
            }
            out.push(b']');
        }
        Value::Object(members) => {
            out.push(b'{');
            for (index, (key, member)) in members.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                string(&index_key(key), out);
                out.push(b':');
                nested_value(member, levels - 1, out);
            }
            out.push(b'}');
        }
    }
}

/// Appends a number that readers agree on as a number. Other numbers (1e400, a thousand digits) would make an
/// index refuse the document or change the value, so they become text.
fn number(text: &str, out: &mut Vec<u8>) {
    const SURELY_FINITE: usize = 300;
    let exponent = text.contains(['e', 'E']);
    let finite = !exponent || text.parse::<f64>().is_ok_and(f64::is_finite);
    if finite && text.len() <= SURELY_FINITE {
        out.extend_from_slice(text.as_bytes());
    } else {
        string(text, out);
    }
}

/// Replaces NUL in a key: Elasticsearch keeps NUL for itself in the keys of a flattened field and refuses
/// documents that use it.
fn index_key(key: &str) -> Cow<'_, str> {
    if key.as_bytes().contains(&0) { key.replace('\0', "\u{fffd}").into() } else { key.into() }
}

/// The name that an enumeration's value has in a finding.
pub(super) struct Name<T>(pub(super) T);

impl<T: Serialize> fmt::Display for Name<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.serialize(f)
    }
}

/// An object being written, with keys of the program's own that need no escaping.
#[derive(Debug)]
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
}

impl<'o> Object<'o> {
    /// Writes one whole object, empty or not.
    pub(super) fn write(out: &'o mut Vec<u8>, members: impl FnOnce(&mut Object<'_>)) {
        out.push(b'{');
        let mut object = Object { out: &mut *out, empty: true };
        members(&mut object);
        out.push(b'}');
    }

    /// Writes a key and hands out the buffer for its value, which the caller must write.
    pub(super) fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Writes a string.
    pub(super) fn str(&mut self, key: &str, text: &str) {
        string(text, self.key(key));
    }

    /// Writes a string that is there and not empty.
    pub(super) fn str_opt(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.str(key, text);
        }
    }

    /// Writes the name of an enumeration's value.
    pub(super) fn name(&mut self, key: &str, value: impl Serialize) {
        self.plain(key, Name(value));
    }

    /// Writes a text that is known to need no escapes.
    pub(super) fn plain(&mut self, key: &str, text: impl fmt::Display) {
        let out = self.key(key);
        write!(out, "\"{text}\"").expect("a Vec takes every byte");
    }

    /// Writes the name of an enumeration's value, where there is one.
    pub(super) fn name_opt(&mut self, key: &str, value: Option<impl Serialize>) {
        if let Some(value) = value {
            self.name(key, value);
        }
    }

    /// Writes a boolean.
    pub(super) fn bool(&mut self, key: &str, value: bool) {
        let text: &[u8] = if value { b"true" } else { b"false" };
        self.key(key).extend_from_slice(text);
    }

    /// Writes a whole number.
    pub(super) fn int(&mut self, key: &str, value: i64) {
        write!(self.key(key), "{value}").expect("a Vec takes every byte");
    }

    /// Writes a value of the record.
    pub(super) fn value(&mut self, key: &str, member: &Value<'_>) {
        value(member, self.key(key));
    }

    /// Writes JSON text as it is.
    pub(super) fn raw(&mut self, key: &str, json: &str) {
        self.key(key).extend_from_slice(json.as_bytes());
    }

    /// Writes the members of another object, given as its JSON text, which must have some.
    pub(super) fn members(&mut self, object: &str) {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        self.out.extend_from_slice(&object.as_bytes()[1..object.len() - 1]);
    }

    /// Writes an array of strings, where there are any.
    pub(super) fn strs<S: AsRef<str>>(&mut self, key: &str, items: impl IntoIterator<Item = S>) {
        let mut items = items.into_iter();
        let Some(first) = items.next() else { return };
        let out = self.key(key);
        out.push(b'[');
        string(first.as_ref(), out);
        for item in items {
            out.push(b',');
            string(item.as_ref(), out);
        }
        out.push(b']');
    }

    /// Writes an object, left out where `members` writes nothing.
    pub(super) fn object(&mut self, key: &str, members: impl FnOnce(&mut Object<'_>)) {
        let (start, was_empty) = (self.out.len(), self.empty);
        self.key(key).push(b'{');
        let mut inner = Object { out: &mut *self.out, empty: true };
        members(&mut inner);
        if inner.empty {
            self.out.truncate(start);
            self.empty = was_empty;
        } else {
            self.out.push(b'}');
        }
    }

    /// Writes an array of objects, left out where there are none.
    pub(super) fn objects<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut members: impl FnMut(&mut Object<'_>, T),
    ) {
        let mut items = items.into_iter().peekable();
        if items.peek().is_none() {
            return;
        }
        let out = self.key(key);
        out.push(b'[');
        for (index, item) in items.enumerate() {
            if index > 0 {
                out.push(b',');
            }
            Object::write(out, |object| members(object, item));
        }
        out.push(b']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_agree_with_serde_json() {
        let every: String = (0..=0x100u32).filter_map(char::from_u32).chain("😀\u{fffd}".chars()).collect();
        for text in [&every[..], &every[0x20..], "plain", "", "\"\\\"", "\n"] {
            let mut out = b"before".to_vec();
            string(text, &mut out);
            let read: String = serde_json::from_slice(&out[6..]).unwrap();
            assert_eq!(read, text);
            assert!(!out.contains(&b'\n'));
        }
    }

    #[test]
    fn deep_values_become_text() {
        let text = format!("{}7{}", "[".repeat(40), "]".repeat(40));
        let mut out = Vec::new();
        value(&crate::json::parse::parse_plain(&text), &mut out);
        let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let inner = (0..MAX_DEPTH).fold(&read, |value, _| &value[0]);
        assert_eq!(inner.as_str(), Some(&text[MAX_DEPTH..text.len() - MAX_DEPTH]));
    }

    #[test]
    fn objects_that_hold_nothing_are_left_out() {
        let mut out = Vec::new();
        Object::write(&mut out, |root| {
            root.object("a", |a| a.object("b", |b| b.str_opt("c", None)));
            root.strs::<&str>("d", []);
            root.int("e", -5);
            root.object("f", |f| f.bool("g", true));
            root.objects("h", [1, 2], |object, n| object.int("n", n));
        });
        assert_eq!(out, br#"{"e":-5,"f":{"g":true},"h":[{"n":1},{"n":2}]}"#);
    }
}
