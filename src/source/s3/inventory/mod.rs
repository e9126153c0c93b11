//! S3 Inventory in place of listing.
//!
//! The files that a `manifest.json` names are fetched one after another and compared with the sizes and sums that the
//! manifest gives. Their rows come in no order, so that the sorter spills them to temporary files and merges them,
//! and what is in scope is handed over page by page as a listing would hand it over. Rows that cannot be read, and
//! files that are not what the manifest says, are items of the run that failed. What was delivered after the
//! inventory was written is not in it, and a note says so.

mod download;
#[cfg(fuzzing)]
pub(super) mod fuzzing;
mod manifest;
mod rows;
mod sort;

use super::bucket::Bucket;
use super::entry::{Entry, Listed};
use super::errors::{Remedy, RequestError};
use super::fetch::fetch;
use super::list::range::ListScope;
use super::session::S3Session;
use super::uri::S3Uri;
use crate::bounded;
use crate::cancel::Cancel;
use crate::error::start;
use crate::error::{ErrorKind, Fatal};
use crate::inflate::{MAGIC, Peek, starts_gzip};
use csv::ByteRecord;
use flate2::bufread::MultiGzDecoder;
use futures_util::future::{Either, select};
use jiff::Timestamp;
use manifest::{Columns, DataFile, Manifest};
use rows::{Read, Reader};
use sort::Sorter;
use std::cell::Cell;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::mpsc::Sender;

/// Keys handed over at once, as in a page of a listing.
const PAGE: usize = 1000;
/// No row is longer: a key has 1024 bytes, each of which may take three characters.
const LONGEST_ROW: usize = 1 << 20;

/// Bytes of a manifest at most. A file of rows takes some two hundred.
const MANIFEST: u64 = 64 << 20;

/// One inventory of one bucket.
#[derive(Debug)]
pub struct Inventory {
    manifest: Manifest,
    columns: Columns,
    place: Place,
    /// As given.
    name: String,
}

/// Where the manifest lies.
#[derive(Debug)]
enum Place {
    /// The prefix is the manifest's key.
    S3(Bucket),
    Disk(PathBuf),
}

/// The receiver of the listing is gone.
struct Gone;

impl S3Session {
    /// Reads `s3://bucket/path/manifest.json`, or a manifest on disk.
    ///
    /// # Errors
    ///
    /// Fails where the file cannot be read, is no manifest, or names files in another format than CSV.
    pub fn inventory(&self, location: &OsStr) -> Result<Arc<Inventory>, Fatal> {
        let name = location.to_string_lossy().into_owned();
        let refused = |why: String| start(format!("cannot use the inventory {name}: {why}"));
        let (place, json) = if S3Uri::is_s3(&name) {
            let uri = S3Uri::parse(&name).map_err(|error| refused(error.to_string()))?;
            let entry = Entry { key: uri.prefix.clone(), ..Entry::default() };
            let bucket = self.locate(&uri)?;
            let fetched = self.handle().block_on(fetch(&bucket, &entry, false, &mut 0));
            let fetched = fetched.map_err(|failure| refused(failure.to_string()))?;
            if let Some(failure) = fetched.broken {
                return Err(refused(failure.to_string()));
            }
            (Place::S3(bucket), fetched.bytes)
        } else {
            let json = regular(Path::new(location)).and_then(|file| bounded::read(file, MANIFEST));
            let json = json.map_err(|error| refused(error.to_string()))?;
            (Place::Disk(location.into()), json)
        };
        let (manifest, columns) = Manifest::parse(&json).map_err(refused)?;
        Ok(Arc::new(Inventory { manifest, columns, place, name }))
    }
}

impl Inventory {
    /// Returns the bucket whose objects it lists.
    pub fn bucket(&self) -> &str {
        &self.manifest.source_bucket
    }

    /// Returns when S3 began to write it, where it says so. What came later may be missing.
    pub fn created(&self) -> Option<Timestamp> {
        self.manifest.created()
    }

    pub(super) fn check(&self, bucket: &Bucket) -> Result<(), Fatal> {
        if bucket.uri.bucket != self.bucket() {
            let (other, wanted) = (self.bucket(), &bucket.uri.bucket);
            return Err(start(format!(
                "the inventory {} is of bucket {other:?}, not of {wanted:?}",
                self.name
            )));
        }
        if bucket.session.options().all_versions && self.columns.version.is_none() {
            return Err(start(format!(
                "the inventory {} lists current versions only: all versions are read from an inventory that was \
                 set up for all versions, or without one",
                self.name
            )));
        }
        Ok(())
    }

    /// Hands over what of the bucket's prefix is in scope, in key order. Blocks; ends when nobody listens.
    pub(super) fn list(&self, bucket: &Bucket, scope: &ListScope, out: &Sender<Listed>) {
        let work = Work { inventory: self, bucket, scope, out };
        // Whoever stopped listening knows why.
        let _ended_early = work.run();
    }

    /// Returns the file's own name, for messages.
    fn uri(&self, file: &DataFile) -> String {
        match &self.place {
            Place::S3(bucket) => bucket.uri.of_key(&file.key),
            Place::Disk(_) => self.beside(file).display().to_string(),
        }
    }

    /// Returns where the file lies beside a manifest on disk: in S3's own layout, `data` is a neighbour of the folder
    /// with the date; or all files lie together.
    fn beside(&self, file: &DataFile) -> PathBuf {
        let Place::Disk(manifest) = &self.place else { return PathBuf::new() };
        let name = file.key.rsplit('/').next().unwrap_or_default();
        let folder = manifest.parent().unwrap_or(Path::new(""));
        let together = folder.join(name);
        if together.exists() { together } else { folder.join("..").join("data").join(name) }
    }

    /// Opens a file that is what the manifest says it is.
    async fn open(&self, file: &DataFile) -> Result<File, RequestError> {
        match &self.place {
            Place::S3(bucket) => match download::download(bucket, file, &file.key).await {
                // The inventory was copied, or its prefix ends in a slash, which S3 doubles in keys only.
                Err(failure) if nothing_there(&failure) => {
                    let beside = neighbour(&bucket.uri.prefix, file);
                    let beside = download::download(bucket, file, &beside).await;
                    beside.map_err(|other| if nothing_there(&other) { failure } else { other })
                }
                downloaded => downloaded,
            },
            Place::Disk(_) => {
                let failed = |error: io::Error| RequestError::of(ErrorKind::Io, Remedy::Final, error);
                let mut opened = regular(&self.beside(file)).map_err(failed)?;
                match download::differs(&mut opened, file).map_err(failed)? {
                    None => Ok(opened),
                    Some(why) => Err(RequestError::new(ErrorKind::Other, Remedy::Final, why)),
                }
            }
        }
    }
}

struct Work<'a> {
    inventory: &'a Inventory,
    bucket: &'a Bucket,
    scope: &'a ListScope,
    out: &'a Sender<Listed>,
}

impl Work<'_> {
    fn run(&self) -> Result<(), Gone> {
        self.note();
        let handle = self.bucket.session.handle();
        let mut sorter = Sorter::default();
        for file in &self.inventory.manifest.files {
            let opened = handle.block_on(async {
                match select(pin!(self.inventory.open(file)), pin!(self.out.closed())).await {
                    Either::Left((opened, _)) => Ok(opened),
                    Either::Right(((), _)) => Err(Gone),
                }
            })?;
            match opened {
                Ok(opened) => self.read(file, opened, &mut sorter)?,
                Err(failure) => self.failed(self.inventory.uri(file), failure)?,
            }
        }
        let mut page = Vec::with_capacity(PAGE);
        let sorted = match sorter.finish() {
            Ok(sorted) => sorted,
            Err(error) => return self.unsorted(error),
        };
        for row in sorted {
            match row {
                Ok(row) => page.push(row.into_entry()),
                Err(error) => {
                    self.send(Listed::Page(page))?;
                    return self.unsorted(error);
                }
            }
            if page.len() == PAGE {
                self.send(Listed::Page(std::mem::replace(&mut page, Vec::with_capacity(PAGE))))?;
            }
        }
        self.send(Listed::Page(page))
    }

    fn note(&self) {
        let Inventory { name, .. } = self.inventory;
        let time = self.inventory.created().map_or("an unknown time".to_owned(), |time| time.to_string());
        self.bucket.session.note(format!(
            "the objects are those of the inventory {name} of {time}: what was delivered later is not in it"
        ));
    }

    /// Sorts in the rows of one file.
    fn read(&self, file: &DataFile, opened: File, sorter: &mut Sorter) -> Result<(), Gone> {
        let uri = self.inventory.uri(file);
        let reader = Reader {
            columns: self.inventory.columns,
            bucket: self.inventory.bucket(),
            prefix: &self.bucket.uri.prefix,
            all_versions: self.bucket.session.options().all_versions,
        };
        let left = Rc::new(Cell::new(LONGEST_ROW));
        let input = match rows_of(opened) {
            Ok(input) => Bounded { input, left: left.clone() },
            Err(error) => return self.failed(uri, RequestError::of(ErrorKind::Io, Remedy::Final, error)),
        };
        let mut csv = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(input);
        let mut record = ByteRecord::new();
        let mut number = 0_u64;
        loop {
            left.set(LONGEST_ROW);
            match csv.read_byte_record(&mut record) {
                Ok(true) => number += 1,
                Ok(false) => return Ok(()),
                Err(error) => {
                    let failure = RequestError::of(ErrorKind::Io, Remedy::Final, error)
                        .context(format_args!("after {number} rows"));
                    return self.failed(uri, failure);
                }
            }
            match reader.read(&record) {
                Ok(Read::Row(row)) if self.scope.admits_key(&row.key) => {
                    if let Err(error) = sorter.push(row) {
                        return self.unsorted(error);
                    }
                }
                Ok(Read::Deleted) if reader.all_versions => {
                    self.bucket.session.counters().delete_markers.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Read::Row(_) | Read::Deleted | Read::Other) => {}
                Err(why) => {
                    let failure =
                        RequestError::new(ErrorKind::Other, Remedy::Final, format!("row {number}: {why}"));
                    self.failed(format!("{uri}#{number}"), failure)?;
                }
            }
            if number.is_multiple_of(1000) && self.out.is_closed() {
                return Err(Gone);
            }
        }
    }

    fn unsorted(&self, error: io::Error) -> Result<(), Gone> {
        let failure = RequestError::of(ErrorKind::Io, Remedy::Final, error)
            .context("cannot sort the inventory in the folder for temporary files");
        self.failed(self.inventory.name.clone(), failure)?;
        Err(Gone)
    }

    fn failed(&self, uri: String, failure: RequestError) -> Result<(), Gone> {
        self.send(Listed::Failed { uri, failure })
    }

    fn send(&self, listed: Listed) -> Result<(), Gone> {
        self.out.blocking_send(listed).map_err(|_| Gone)
    }
}

/// Opens a file. Anything else could keep the run waiting, or never end.
fn regular(path: &Path) -> io::Result<File> {
    if std::fs::metadata(path)?.is_file() {
        return File::open(path);
    }
    Err(io::Error::other(format!("{} is no regular file", path.display())))
}

/// Returns whether a failure may mean that nothing is there: without leave to list, S3 denies what does not exist.
fn nothing_there(failure: &RequestError) -> bool {
    matches!(failure.kind, ErrorKind::NotFound | ErrorKind::AccessDenied)
}

/// Returns the key of a file in S3's own layout: `data` is a neighbour of the manifest's folder.
fn neighbour(manifest: &str, file: &DataFile) -> String {
    let above = manifest.rsplitn(3, '/').nth(2).map_or_else(String::new, |above| format!("{above}/"));
    format!("{above}data/{}", file.key.rsplit('/').next().unwrap_or_default())
}

/// Returns the rows behind gzip, or plain ones.
fn rows_of(file: File) -> io::Result<Box<dyn io::Read>> {
    let mut file = Peek::new(BufReader::with_capacity(1 << 16, file), &Cancel::new());
    let gzip = starts_gzip(file.peek(MAGIC.len())?);
    Ok(if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

/// Fails where a row does not end: the CSV reader would keep all of it.
struct Bounded<R> {
    input: R,
    left: Rc<Cell<usize>>,
}

impl<R: io::Read> io::Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.get() == 0 {
            return Err(io::Error::other("a row has no end"));
        }
        let read = self.input.read(buffer)?;
        self.left.set(self.left.get().saturating_sub(read));
        Ok(read)
    }
}
