//! The bytes of an object that come piece by piece, and how they can end.

use crate::error::{ErrorKind, Stage};

/// A source of bytes that come in windows.
pub trait Chunks {
    /// Appends some bytes. Returns `false` at the end of a whole object.
    ///
    /// # Errors
    ///
    /// Fails where the bytes end early.
    fn more(&mut self, window: &mut Vec<u8>) -> Result<bool, Break>;
}

/// The reason why an object's bytes end early.
#[derive(Debug)]
pub struct Break {
    /// The step that failed.
    pub stage: Stage,
    /// The class of the failure.
    pub kind: ErrorKind,
    /// The cause.
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}
