//! Where and why a text is not what it should be.

use std::fmt;

use crate::json::minify::SyntaxError;

/// The place and the reason of a text's first departure from what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The offset in the inflated object.
    pub offset: usize,
    /// The class, which decides how to go on.
    pub kind: FaultKind,
    /// What stood at the offset, or should have.
    pub what: &'static str,
}

/// The class of a [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The grammar does not allow what stands there.
    Syntax,
    /// A value has no end: the search for an end went on as far as there are bytes.
    Unterminated,
    /// A value is longer than [`MAX_VALUE`](super::cursor::MAX_VALUE).
    TooLong,
}

impl Fault {
    /// Returns a fault of the grammar at a place.
    pub(super) fn syntax(offset: usize, what: &'static str) -> Self {
        Self { offset, kind: FaultKind::Syntax, what }
    }

    /// Returns what the grammar check found in the text at `start`.
    pub(super) fn of_syntax(start: usize, error: &SyntaxError) -> Self {
        let kind = if error.unterminated { FaultKind::Unterminated } else { FaultKind::Syntax };
        Self { offset: start + error.offset, kind, what: error.what }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {} of the inflated object", self.what, self.offset)
    }
}

impl std::error::Error for Fault {}
