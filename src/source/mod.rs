//! Where objects come from.
//!
//! A source lists objects in the order of the output and may deliver them in another order: each item carries its
//! place. An item is a path that a worker opens, a body that has been fetched, a reason to skip, or an error; a
//! source has no error of its own after its start. `Feed` is what a source needs of the run: the next place, the way
//! to the workers, what earlier runs have read, and the flag that says stop. A `Body` can fetch its bytes again where
//! the first ones turn out to be damaged.

pub mod disk;
pub(crate) mod folder;
#[cfg(feature = "s3")]
pub mod s3;

use crate::cancel::Cancel;
use crate::error::{ErrorKind, ObjectError, Stage};
use crate::history::listing::History;
use crate::key::Skip;
use crate::object::ObjectRef;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// One entry of a listing, on its way to a worker.
#[derive(Debug)]
pub struct Item {
    /// The entry's place in the output, counted from 0 over the whole run, without holes.
    pub seq: u64,
    /// What it is called.
    pub object: ObjectRef,
    /// What there is to read.
    pub content: Content,
    /// Frees the place of this item in its source's window when dropped.
    pub lease: Option<Lease>,
}

/// What there is to read of an entry.
#[derive(Debug)]
pub enum Content {
    /// A file; the worker opens and reads it. `None`: at the object's URI, which is the path unless that holds
    /// bytes that are not UTF-8.
    File(Option<PathBuf>),
    /// A pipe or a device that the user named: to open and to read it may take long.
    Pipe(PathBuf),
    /// Standard input, one document.
    Stdin,
    /// A body that came over the network, and the way to get it again.
    Body(Box<dyn Body>),
    /// Counted, not read.
    Skipped(Skip),
    /// Could not be listed or fetched.
    Failed(ObjectError),
}

/// Returns why an archive is not read. It could hold logs.
pub(crate) fn archive(uri: &str) -> ObjectError {
    let text = format!("{}: unpack it first", crate::key::archive_named(uri).unwrap_or("an archive"));
    ObjectError::new(uri, Stage::Inflate, ErrorKind::InvalidJson, text)
}

/// What a scan would do with an entry, as far as listing tells.
#[derive(Debug)]
pub enum ListedOnly {
    /// Fetch and read it.
    Readable(ReadClass),
    /// Count it.
    Skipped(Skip),
    /// Report it.
    Failed(ObjectError),
}

/// What S3 asks for reading an object, by its storage class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ReadClass {
    /// Requests only: STANDARD, INTELLIGENT_TIERING, what was restored from an archive, and files on disk.
    #[default]
    Standard,
    /// Requests, and each byte: STANDARD_IA and ONEZONE_IA.
    InfrequentAccess,
    /// Read at once at higher prices: GLACIER_IR.
    InstantRetrieval,
}

impl ReadClass {
    /// Reads S3's name of a storage class; unknown ones count as STANDARD.
    pub fn of(storage_class: Option<&str>) -> Self {
        match storage_class {
            Some("STANDARD_IA" | "ONEZONE_IA") => Self::InfrequentAccess,
            Some("GLACIER_IR") => Self::InstantRetrieval,
            _ => Self::Standard,
        }
    }
}

/// Metadata of an object that only digests have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `signature`: over the digest, in hexadecimal digits.
    pub signature: Option<String>,
    /// `backfill-generation-timestamp`: when a backfill digest was made.
    pub generated: Option<String>,
}

impl Metadata {
    /// Takes it from wherever metadata is, by the names of S3's headers.
    pub(crate) fn of(get: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            signature: get("x-amz-meta-signature"),
            generated: get("x-amz-meta-backfill-generation-timestamp"),
        }
    }
}

/// A fetched object. Its bytes may turn out cut short or damaged, which only inflating shows.
pub trait Body: Send + fmt::Debug {
    /// Returns the bytes of the latest fetch.
    fn bytes(&self) -> &[u8];

    /// Fetches again after the bytes proved damaged. Blocks the worker. `Ok(false)`: no tries left,
    /// the bytes are as before.
    fn again(&mut self) -> Result<bool, ObjectError>;

    /// Returns an error where the bytes are only the beginning of the object and every try is used up. The worker
    /// judges what they hold and reports this error, however sound the beginning looks.
    fn cut_short(&mut self) -> Option<ObjectError> {
        None
    }

    /// Returns what digests have beside their bytes.
    fn metadata(&self) -> Metadata {
        Metadata::default()
    }

    /// Returns whether [`Body::cut_short`] has an error.
    fn is_cut_short(&self) -> bool {
        false
    }

    /// Milliseconds that the fetch took, all tries together.
    fn get_ms(&self) -> u64;
}

/// Something that is held for what happens when it is dropped.
pub struct Lease(#[expect(dead_code, reason = "held for its Drop")] Box<dyn Send>);

impl Lease {
    /// Holds `guard` until the item has been scanned and written.
    pub fn new(guard: impl Send + 'static) -> Self {
        Self(Box::new(guard))
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lease")
    }
}

/// Where a source delivers. Implemented by the pipeline.
pub trait Feed: Sync {
    /// Hands an item over, blocking while too many wait. `false`: the run is over, stop.
    fn push(&self, item: Item) -> bool;

    /// Hands over without blocking; the source bounds what is under way by its own leases.
    fn push_now(&self, item: Item) -> bool;

    /// Returns the first place in the output that is not finished yet.
    fn head(&self) -> u64;

    /// Returns what earlier runs have read, where the run has a checkpoint. A source asks before it fetches, and
    /// leaves out what is known: it gets no number.
    fn history(&self) -> Option<&History> {
        None
    }
}

/// A place that objects come from.
pub trait Source: Send + fmt::Debug {
    /// Delivers every entry exactly once, numbered from `first`, and returns the next free number.
    /// Listing errors are items like any other.
    fn run(&mut self, first: u64, feed: &dyn Feed, cancel: &Cancel) -> u64;
}
