//! From a record's checked text to its value tree.
//!
//! simd-json does the work where its answer is exact. simd-json refuses numbers out of range and lone
//! surrogates, and rounds fractions; records with those take the plain way, which any grammatical text
//! passes. Both ways give the same tree (see the tests), so that no verdict depends on which one ran. A text
//! longer than any event takes the plain way too, with a bound on the values in its tree: containers beyond
//! the bound stay text, but the members that events have are read within a bound of their own.
//!
//! The plain way stays roottrail's own: the tree is bounded, each number keeps its text, and serde_json is slower.
//! `benches/stages` counts 190 MiB/s with serde_json, 267 with simd-json and 343 by the plain way.

use std::borrow::Cow;

use simd_json::{Node, StaticNode};

use super::minify::number_len;
use super::value::Value;

/// Containers nested deeper than this are kept as text.
pub const MAX_DEPTH: usize = 64;

/// Bytes of a long text, above CloudTrail's limit of 1 MB an event. A long text takes the plain way, which
/// needs less memory.
const LONG: usize = 2 << 20;
/// Values in the tree of a long text. A container beyond them stays text.
const MOST: usize = 1 << 20;

/// Values in each of the members that events have, where a record has too many other members.
const OF_EVENT: usize = 10_000;

/// The members that CloudTrail's events have, by its documentation.
const EVENT: [&str; 28] = [
    "additionalEventData",
    "addendum",
    "apiVersion",
    "awsRegion",
    "edgeDeviceDetails",
    "errorCode",
    "errorMessage",
    "eventCategory",
    "eventID",
    "eventName",
    "eventSource",
    "eventTime",
    "eventType",
    "eventVersion",
    "managementEvent",
    "readOnly",
    "recipientAccountId",
    "requestID",
    "requestParameters",
    "resources",
    "responseElements",
    "serviceEventDetails",
    "sessionCredentialFromConsole",
    "sharedEventID",
    "sourceIPAddress",
    "tlsDetails",
    "userAgent",
    "userIdentity",
];

/// Buffers that one parse after another uses.
#[derive(Default)]
pub struct Scratch {
    text: Vec<u8>,
    buffers: simd_json::Buffers,
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

/// Returns the tree of `text`, which must be the output of [`super::minify::minify`].
pub fn parse<'a>(text: &'a str, scratch: &'a mut Scratch) -> Value<'a> {
    // simd-json keeps buffers of up to ten times the text.
    if text.len() > LONG {
        return Plain { text, at: 0, left: MOST }.value(0);
    }
    scratch.text.clear();
    scratch.text.extend_from_slice(text.as_bytes());
    match simd_json::to_tape_with_buffers(&mut scratch.text, &mut scratch.buffers) {
        Ok(tape) => {
            let mut nodes = tape.0.into_iter();
            from_tape(&mut nodes, 0).unwrap_or_else(|| parse_plain(text))
        }
        Err(_refused) => parse_plain(text),
    }
}

/// Builds a tree from simd-json's tape. Returns `None` where the plain way must decide.
fn from_tape<'a>(nodes: &mut impl Iterator<Item = Node<'a>>, depth: usize) -> Option<Value<'a>> {
    Some(match nodes.next()? {
        Node::String(text) => Value::String(Cow::Borrowed(text)),
        Node::Static(StaticNode::Null) => Value::Null,
        Node::Static(StaticNode::Bool(value)) => Value::Bool(value),
        // `-0` comes as 0, without its text.
        Node::Static(StaticNode::I64(0)) => return None,
        Node::Static(StaticNode::I64(number)) => Value::Number(Cow::Owned(number.to_string())),
        Node::Static(StaticNode::U64(0)) => return None,
        Node::Static(StaticNode::U64(number)) => Value::Number(Cow::Owned(number.to_string())),
        Node::Static(_) => return None,
        Node::Object { .. } | Node::Array { .. } if depth >= MAX_DEPTH => return None,
        Node::Object { len, .. } => {
            let mut members = Vec::with_capacity(len);
            for _ in 0..len {
                let Node::String(key) = nodes.next()? else { return None };
                members.push((Cow::Borrowed(key), from_tape(nodes, depth + 1)?));
            }
            Value::Object(members)
        }
        Node::Array { len, .. } => {
            let mut elements = Vec::with_capacity(len);
            for _ in 0..len {
                elements.push(from_tape(nodes, depth + 1)?);
            }
            Value::Array(elements)
        }
    })
}

/// Returns the tree of `text`, which must be the output of [`super::minify::minify`]. Any grammatical text
/// passes.
pub fn parse_plain(text: &str) -> Value<'_> {
    Plain { text, at: 0, left: usize::MAX }.value(0)
}

/// Walks a text that is known to be one minified JSON value, so that nothing is checked twice.
struct Plain<'a> {
    text: &'a str,
    at: usize,
    /// Values that the tree may still take.
    left: usize,
}

impl<'a> Plain<'a> {
    fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn value(&mut self, depth: usize) -> Value<'a> {
        let (start, left) = (self.at, self.left);
        let value = self.whole_value(depth);
        // The record itself must be in the tree, without the members that are too many.
        if self.left > 0 || depth == 0 || !matches!(value, Value::Array(_) | Value::Object(_)) {
            self.left = self.left.saturating_sub(1);
            return value;
        }
        drop(value);
        (self.at, self.left) = (start, left.saturating_sub(1));
        Value::Deep(self.deep())
    }

    fn whole_value(&mut self, depth: usize) -> Value<'a> {
        match self.byte() {
            b'{' | b'[' if depth >= MAX_DEPTH => Value::Deep(self.deep()),
            b'{' => {
                // Records have some twenty members, and objects in them a handful. A bomb has millions of
                // small objects, whose spare room must not add up.
                let long = self.text.len() > LONG;
                let mut members = match depth {
                    _ if long => Vec::new(),
                    0 => Vec::with_capacity(24),
                    _ => Vec::with_capacity(6),
                };
                self.at += 1;
                while self.byte() == b'"' && (self.left > 0 || depth == 0) {
                    let key = self.string();
                    self.at += 1; // the colon
                    let beyond = self.left == 0;
                    if beyond && EVENT.contains(&&*key) {
                        self.left = OF_EVENT;
                    }
                    let value = self.value(depth + 1);
                    if beyond {
                        self.left = 0;
                        self.beyond(&mut members, key, value);
                    } else {
                        members.push((key, value));
                    }
                    self.at += usize::from(self.byte() == b',');
                }
                self.at += 1;
                if long {
                    members.shrink_to_fit();
                }
                Value::Object(members)
            }
            b'[' => {
                let mut elements = Vec::new();
                self.at += 1;
                while !matches!(self.byte(), b']' | 0) && self.left > 0 {
                    elements.push(self.value(depth + 1));
                    self.at += usize::from(self.byte() == b',');
                }
                self.at += 1;
                if self.text.len() > LONG {
                    elements.shrink_to_fit();
                }
                Value::Array(elements)
            }
            b'"' => Value::String(self.string()),
            b't' => self.word(4, Value::Bool(true)),
            b'f' => self.word(5, Value::Bool(false)),
            b'n' => self.word(4, Value::Null),
            _ => {
                let rest = &self.text[self.at..];
                let len = number_len(rest.as_bytes()).unwrap_or(rest.len());
                self.at += len;
                Value::Number(Cow::Borrowed(&rest[..len]))
            }
        }
    }

    /// Adds a member of a record that has more members than any event. A member that events have counts, the
    /// last one where there are several. The whole text stands for all others, so that it distinguishes this
    /// record from others.
    fn beyond(&self, members: &mut Vec<(Cow<'a, str>, Value<'a>)>, key: Cow<'a, str>, value: Value<'a>) {
        if members.last().is_none_or(|(key, _)| !key.is_empty()) {
            members.push((Cow::Borrowed(""), Value::Deep(self.text)));
        }
        if EVENT.contains(&&*key) {
            members.retain(|(name, _)| *name != key);
            members.insert(0, (key, value));
        }
    }

    fn word(&mut self, len: usize, value: Value<'a>) -> Value<'a> {
        self.at += len;
        value
    }

    /// Returns the text of a container, found by counting brackets outside strings.
    fn deep(&mut self) -> &'a str {
        let start = self.at;
        let mut depth = 0_usize;
        loop {
            match self.byte() {
                b'"' => {
                    self.string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                0 => break,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                break;
            }
        }
        &self.text[start..self.at]
    }

    fn string(&mut self) -> Cow<'a, str> {
        let rest = &self.text[self.at + 1..];
        let end = memchr::memchr2(b'"', b'\\', rest.as_bytes()).unwrap_or(rest.len());
        if rest.as_bytes().get(end) != Some(&b'\\') {
            self.at += end + 2;
            return Cow::Borrowed(&rest[..end]);
        }
        let mut decoded = rest[..end].to_owned();
        let mut chars = rest[end..].char_indices();
        while let Some((offset, char)) = chars.next() {
            match char {
                '"' => {
                    self.at += 1 + end + offset + 1;
                    break;
                }
                '\\' => match chars.next().map_or('\\', |(_, escape)| escape) {
                    'b' => decoded.push('\u{8}'),
                    'f' => decoded.push('\u{c}'),
                    'n' => decoded.push('\n'),
                    'r' => decoded.push('\r'),
                    't' => decoded.push('\t'),
                    'u' => {
                        let tail = chars.as_str();
                        let (char, used) = unicode_escape(tail);
                        decoded.push(char);
                        chars.nth(used - 1);
                    }
                    other => decoded.push(other),
                },
                other => decoded.push(other),
            }
        }
        Cow::Owned(decoded)
    }
}

/// Returns the character of `XXXX` or `XXXX\uXXXX`, and the number of characters read.
fn unicode_escape(tail: &str) -> (char, usize) {
    let unit = |at: usize| tail.get(at..at + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let first = unit(0).unwrap_or(0xFFFD);
    if (0xD800..0xDC00).contains(&first)
        && tail.get(4..6) == Some("\\u")
        && let Some(second) = unit(6).filter(|unit| (0xDC00..0xE000).contains(unit))
    {
        let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 10);
    }
    (char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 4)
}

#[cfg(test)]
mod tests;
