//! Why a checkpoint cannot be used.

/// Why a checkpoint cannot be used. Nothing has been touched then.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be read.
    #[error("cannot read the checkpoint {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It cannot be written.
    #[error("cannot write the checkpoint: {path}")]
    Write {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what was written.
    #[error("the checkpoint {path} is damaged: {why}; --force starts anew")]
    Damaged {
        /// The file.
        path: String,
        /// How that shows.
        why: String,
    },
    /// A later version of roottrail wrote it.
    #[error("the checkpoint {path} was written by a newer roottrail ({format}); use that one")]
    Newer {
        /// The file.
        path: String,
        /// The format that it names.
        format: String,
    },
    /// Another process uses it.
    #[error("another roottrail is using the checkpoint {path}")]
    Locked {
        /// The file.
        path: String,
    },
    /// It exists, and nothing says to go on with it.
    #[error("the checkpoint {path} exists; --resume goes on with it, --force starts anew")]
    Exists {
        /// The file.
        path: String,
    },
    /// It belongs to another run.
    #[error("the checkpoint {path} belongs to another run; changed: {}", changes.join(", "))]
    Changed {
        /// The file.
        path: String,
        /// Options, with what they were and are.
        changes: Vec<String>,
    },
}
