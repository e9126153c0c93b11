//! What the nodes of a listing have to do, hand over and share.

use super::ask::Token;
use super::progress::Progress;
use super::range::{ListScope, Range};
use crate::source::s3::bucket::Bucket;
use crate::source::s3::entry::{Entry, Listed};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use tokio::sync::mpsc::UnboundedSender;

/// What a node has to do.
#[derive(Debug)]
pub(crate) enum Work {
    /// Nothing: these keys are listed already.
    Ready(Vec<Entry>),
    /// Look what is in it.
    Folder { prefix: String, goes_on: Option<Box<GoesOn>> },
    /// List it.
    Range(Range),
}

/// The further pages of a folder.
#[derive(Debug)]
pub(crate) struct GoesOn {
    pub(crate) token: Token,
    pub(crate) progress: Progress,
}

/// What a node hands over.
#[derive(Debug)]
pub(crate) enum Piece {
    Listed(Listed),
    /// All is said. A queue that closes without it belongs to a task that broke.
    End,
}

/// Nodes to put behind the one with this number.
pub(crate) struct Split {
    pub(crate) id: u64,
    pub(crate) works: Vec<Work>,
}

/// What all nodes share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) bucket: Bucket,
    pub(crate) scope: Arc<ListScope>,
    pub(crate) splits: UnboundedSender<Split>,
    /// Listed keys in all queues.
    pub(crate) waiting: AtomicU64,
    /// Lists that could run beside those that do.
    pub(crate) idle: AtomicUsize,
    pub(crate) looks: AtomicU64,
    pub(crate) today: String,
}
