//! What a server says of a batch, and of each item in it.

use std::sync::Arc;

use super::dead::Refusal;
use super::http::{Broken, Client, Reply};
use super::input::Line;

/// What is sent, judged and, if need be, sent again by itself: a document or an event.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Wire bytes, whole lines.
    pub(super) payload: Vec<u8>,
    /// Where it comes from.
    pub(super) line: Arc<Line>,
    /// The finding.
    pub(super) id: String,
    /// Which part of the finding, where it is sent in parts.
    pub(super) part: Option<&'static str>,
}

/// A part's name, where a finding is sent in parts, and its wire bytes.
pub(super) type Part = (Option<&'static str>, Vec<u8>);

/// What an answer says of one item.
#[derive(Debug)]
pub(super) enum ItemResult {
    /// Taken.
    Delivered,
    /// Was there before.
    AlreadyThere,
    /// Not taken, but may be the next time.
    Again(String),
    /// Never will be taken.
    Refused(Refusal),
    /// None of the findings will be taken until somebody acts.
    Stop(String),
}

/// The answer to a batch.
#[derive(Debug)]
pub(super) struct Sent {
    /// One for each item, in order.
    pub(super) verdicts: Vec<ItemResult>,
    /// Where the server will say later that the batch is safe: under this number.
    pub(super) ack: Option<u64>,
    /// The server asks for patience.
    pub(super) slow: Option<String>,
}

/// Why a batch has no answer for each item.
#[derive(Debug)]
pub(super) enum Failure {
    /// Send it again, after a pause.
    Again {
        /// What happened.
        reason: String,
        /// The server's `Retry-After`.
        after: Option<std::time::Duration>,
    },
    /// Too large, or spoilt by an unnamed item: send it in halves.
    Split(Refusal),
    /// One item spoilt the batch.
    Spoilt(usize, Refusal),
    /// No batch will be taken until somebody acts.
    Stop(String),
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Connection(reason) => Failure::Again { reason, after: None },
            Broken::Final(reason) => Failure::Stop(reason),
        }
    }
}

/// Returns what a status of a whole request means for every kind of server. `None` where its body must be read.
pub(super) fn by_status(client: &Client, reply: &Reply) -> Option<Failure> {
    match reply.status {
        200..=299 | 400 => None,
        408 | 429 | 500..=599 => {
            Some(Failure::Again { reason: client.excerpt(reply), after: reply.retry_after })
        }
        413 => Some(Failure::Split(Refusal {
            status: Some(413),
            kind: "too_large".into(),
            reason: client.excerpt(reply),
        })),
        _ => Some(Failure::Stop(client.excerpt(reply))),
    }
}
