//! The value tree of one record.

use std::borrow::Cow;

/// A JSON value whose strings are decoded and whose numbers keep their text.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// The number's own text: no range, no rounding.
    Number(Cow<'a, str>),
    /// A decoded string. A lone surrogate is U+FFFD here.
    String(Cow<'a, str>),
    /// `[…]`
    Array(Vec<Value<'a>>),
    /// `{…}`, in text order, duplicates kept.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
    /// A value nested deeper than roottrail looks, as text.
    Deep(&'a str),
}

impl<'a> Value<'a> {
    /// The member of an object. Of duplicate keys the last counts, as for most JSON readers.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.member(key.as_bytes())
    }

    /// The same by the bytes of the key.
    pub(crate) fn member(&self, key: &[u8]) -> Option<&Value<'a>> {
        match self {
            Value::Object(members) => {
                members.iter().rev().find(|(name, _)| name.as_bytes() == key).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The value at a path of object keys.
    pub fn at(&self, path: &[&str]) -> Option<&Value<'a>> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text of the string at a path of object keys.
    pub fn str_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path)?.as_str()
    }

    /// Whether this is JSON's `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}
