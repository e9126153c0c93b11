//! The beginning of a document, by which the beginning of the next one is recognised.

use std::mem;

use crate::json::minify::minify;

/// Bytes of the longest beginning, white space included, by which another document is recognised.
pub(super) const OPENING: usize = 64;

/// Bytes of a long element. Few are longer.
const LONG: usize = 4096;

pub(super) const SWALLOWED: &str = "a value that runs into another document";
pub(super) const ANOTHER: &str = "another document begins inside this one";

/// The facts about a document that are needed to find the next one.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) start: usize,
    /// The beginning of the document, as long as the document may stand on one line; otherwise empty.
    pub(super) opening: Vec<u8>,
    /// Whether something stands before the document, so that the object is likely to hold several.
    one_of_many: bool,
    /// Whether the first element has been read.
    begun: bool,
}

impl Document {
    pub(super) fn at(start: usize, one_of_many: bool) -> Self {
        Self { start, one_of_many, ..Self::default() }
    }

    /// Returns whether a text that seems to be a value holds the start of another document. A string or an
    /// object without its end seems to go on through later lines.
    #[inline]
    pub(super) fn holds_another(&mut self, text: &[u8]) -> bool {
        !self.opening.is_empty() && self.another_line_begins(text)
    }

    #[inline(never)]
    fn another_line_begins(&mut self, text: &[u8]) -> bool {
        match memchr::memchr(b'\n', text) {
            Some(line) => self.is_broken_at(text, line + 1),
            None => false,
        }
    }

    /// Returns whether an element holds the start of another document. Examining every element would cost up
    /// to six in a hundred of the time of a scan where the object is a single document, as CloudTrail
    /// delivers it. There, only the first element, which shows whether the document stands on one line, and
    /// long ones are examined.
    #[inline]
    pub(super) fn swallows_another(&mut self, text: &[u8]) -> bool {
        let first = !mem::replace(&mut self.begun, true);
        (self.one_of_many || first || text.len() > LONG) && self.holds_another(text)
    }

    #[cold]
    fn is_broken_at(&mut self, text: &[u8], line: usize) -> bool {
        let rest = &text[line..];
        let another = match text.first() {
            // No string goes over lines: this one seems to end within the opening.
            Some(b'"') => self.opening.starts_with(rest),
            _ => rest.starts_with(&self.opening) && minify(text, &mut String::new()).is_err(),
        };
        if !another {
            // The document goes over several lines.
            self.opening.clear();
        }
        another
    }
}
