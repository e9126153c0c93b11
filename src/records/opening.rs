//! How a document begins, which tells where the next one does.

use std::mem;

use crate::json::minify::minify;

/// The longest beginning, white space included, that another document is known by.
pub(super) const OPENING: usize = 64;

/// Few elements are longer.
const LONG: usize = 4096;

pub(super) const SWALLOWED: &str = "a value that runs into another document";
pub(super) const ANOTHER: &str = "another document begins inside this one";

/// What must be known of a document to tell where the next one begins.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) start: usize,
    /// How it begins, as long as it may be one that stands on one line; or empty.
    pub(super) opening: Vec<u8>,
    /// Something stands before it, so that the object is likely to hold several.
    one_of_many: bool,
    /// Its first element has been read.
    begun: bool,
}

impl Document {
    pub(super) fn at(start: usize, one_of_many: bool) -> Self {
        Self { start, one_of_many, ..Self::default() }
    }

    /// Whether what seems to be a value holds the start of another document. Where a string lacks its
    /// end, or an object, those of later lines are taken for them.
    #[inline]
    pub(super) fn holds_another(&mut self, text: &[u8]) -> bool {
        if self.opening.is_empty() {
            return false;
        }
        match memchr::memchr(b'\n', text) {
            Some(line) => self.is_broken_at(text, line + 1),
            None => false,
        }
    }

    /// The same of an element. To look through each of the only document of an object, which is what
    /// CloudTrail delivers, would cost up to six in a hundred of the time of a scan. Its first element
    /// tells whether it stands on one line, and one that holds the next document is probably long.
    #[inline]
    pub(super) fn swallows_another(&mut self, text: &[u8]) -> bool {
        let first = !mem::replace(&mut self.begun, true);
        (self.one_of_many || first || text.len() > LONG) && self.holds_another(text)
    }

    #[cold]
    fn is_broken_at(&mut self, text: &[u8], line: usize) -> bool {
        let rest = &text[line..];
        let another = match text.first() {
            // No string goes over lines. This one seems to end within the opening.
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
