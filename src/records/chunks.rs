//! The bytes of an object that come piece by piece, and how they can end.

use crate::error::{ErrorKind, Stage};

/// Where the bytes of a windowed object come from.
pub trait Chunks {
    /// Appends some more bytes. `Ok(false)`: the object ends here, whole.
    fn more(&mut self, window: &mut Vec<u8>) -> Result<bool, Break>;
}

/// Why an object's bytes end early.
#[derive(Debug)]
pub struct Break {
    /// The step that failed.
    pub stage: Stage,
    /// The class of the failure.
    pub kind: ErrorKind,
    /// The cause.
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}
