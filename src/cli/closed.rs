//! Arguments with a closed list of values: the list stands in help, man pages and completions, and a mistyped
//! value is answered with the nearest one.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};

use super::words::{Choice, UnknownWord, parse_rule};
use roottrail::rules::{self, Rule};

/// Reads a value of a closed list.
#[derive(Clone)]
pub(super) struct Closed<T> {
    read: fn(&str) -> Result<T, UnknownWord>,
    names: fn() -> Vec<String>,
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Closed<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        TypedValueParser::parse_ref(&self.read, command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.names)().into_iter().map(PossibleValue::new)))
    }
}

/// Returns a reader of the values of an enumeration.
pub(super) fn choice<T: Choice + Send + Sync>() -> Closed<T> {
    Closed { read: T::parse, names: || T::ALL.iter().map(|value| value.name()).collect() }
}

/// Returns a reader of rule ids.
pub(super) fn rule() -> Closed<&'static Rule> {
    Closed { read: parse_rule, names: || rules::all().map(|rule| rule.id.to_owned()).collect() }
}

/// Returns a reader of values that the library reads from text, with all their names.
pub(super) fn named<T: Clone + Send + Sync + 'static>(
    read: fn(&str) -> Result<T, UnknownWord>,
    names: fn() -> Vec<String>,
) -> Closed<T> {
    Closed { read, names }
}
