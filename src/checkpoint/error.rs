//! The reasons why a checkpoint cannot be used.

/// The reason why a checkpoint cannot be used. No file has been changed then.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The checkpoint cannot be read.
    #[error("cannot read the checkpoint {path}")]
    Read {
        /// The file.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The checkpoint cannot be written.
    #[error("cannot write the checkpoint: {path}")]
    Write {
        /// The file.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The checkpoint is not what was written.
    #[error("the checkpoint {path} is damaged: {why}; --force starts over")]
    Damaged {
        /// The file.
        path: String,
        /// The evidence of the damage.
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
    /// Another process uses the checkpoint.
    #[error("another roottrail is using the checkpoint {path}")]
    Locked {
        /// The file.
        path: String,
    },
    /// The checkpoint exists, and no option says to go on with it.
    #[error("the checkpoint {path} exists; --resume goes on with it, --force starts over")]
    Exists {
        /// The file.
        path: String,
    },
    /// The checkpoint belongs to another run.
    #[error("the checkpoint {path} belongs to another run; changed: {}", changes.join(", "))]
    Changed {
        /// The file.
        path: String,
        /// The options that differ, with their old and new values.
        changes: Vec<String>,
    },
}
