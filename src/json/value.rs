//! The value tree of one record.

use std::borrow::Cow;

/// A JSON value whose strings are decoded and whose numbers keep their text.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number as its own text: no range, no rounding.
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
    /// Returns the member of an object. The last of duplicate keys counts, as for most JSON readers.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        self.member(key.as_bytes())
    }

    /// Returns the member of an object by the bytes of its key.
    pub(crate) fn member(&self, key: &[u8]) -> Option<&Value<'a>> {
        match self {
            Value::Object(members) => {
                members.iter().rev().find(|(name, _)| name.as_bytes() == key).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// Returns the value at a path of object keys.
    pub fn at(&self, path: &[&str]) -> Option<&Value<'a>> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    /// Returns the text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the text of the string at a path of object keys.
    pub fn str_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path)?.as_str()
    }

    /// Returns whether this is JSON's `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}
