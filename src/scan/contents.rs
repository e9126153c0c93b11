//! What verification reads of an object: the SHA-256 of its inflated bytes, or the bytes of a digest file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::options::ScanOptions;
use super::spill_file::{Piece, SpillFile};
use crate::error::{ErrorKind, ObjectError, Stage};
use crate::inflate::{FirstMember, first_member};
use crate::records::cursor::Break;
use crate::source::Metadata;

/// Bytes that the answer to a HEAD request may have.
const BESIDE: u64 = 1 << 20;

/// The inflated bytes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncompressed {
    /// The first gzip member, or all of an object that is not gzip.
    Whole(FirstMember),
    /// The object does not inflate.
    Damaged,
}

impl Uncompressed {
    /// Hashes the bytes of a reader; `None` where the reader fails or has too many.
    pub(super) fn of_reader(reader: impl BufRead, options: &ScanOptions) -> Option<Self> {
        Self::of(&first_member(reader, options.max_object_size, &options.cancel, |_| {}))
    }

    pub(super) fn of(member: &Result<FirstMember, Break>) -> Option<Self> {
        match member {
            Ok(member) => Some(Self::Whole(*member)),
            Err(broken) => (broken.kind == ErrorKind::CorruptGzip).then_some(Self::Damaged),
        }
    }
}

/// A digest file, inflated.
#[derive(Debug)]
pub struct DigestContents {
    pub(super) bytes: Vec<u8>,
    pub(super) spilled: Option<Piece>,
    /// The metadata that S3 stores with the object.
    pub metadata: Metadata,
}

/// The part of `aws s3api head-object` that is of use here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HeadObject {
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

impl DigestContents {
    /// Returns the inflated bytes.
    ///
    /// # Errors
    ///
    /// Fails where the temporary file that holds the bytes cannot be read back.
    pub fn bytes(&self) -> io::Result<Cow<'_, [u8]>> {
        let Some(piece) = &self.spilled else { return Ok((&*self.bytes).into()) };
        let mut bytes = Vec::new();
        piece.read().read_to_end(&mut bytes)?;
        Ok(bytes.into())
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Moves the bytes out of memory.
    pub(super) fn spill(&mut self, spill_file: &SpillFile) -> io::Result<()> {
        if !self.bytes.is_empty() {
            self.spilled = Some(spill_file.append(|file| file.write_all(&self.bytes))?);
            self.bytes = Vec::new();
        }
        Ok(())
    }

    /// Reads the answer to a HEAD that lies beside a copy of a digest: `NAME.head.json`.
    pub(super) fn read_beside(&mut self, path: &Path) -> Result<(), ObjectError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".head.json");
        let path = PathBuf::from(name);
        let failed = |kind, cause: Box<dyn std::error::Error + Send + Sync>| {
            ObjectError::new(crate::source::disk::uri(&path), Stage::Read, kind, cause)
        };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(ErrorKind::Io, error.into())),
        };
        let mut text = Vec::new();
        file.take(BESIDE).read_to_end(&mut text).map_err(|error| failed(ErrorKind::Io, error.into()))?;
        let head: HeadObject =
            serde_json::from_slice(&text).map_err(|error| failed(ErrorKind::InvalidJson, error.into()))?;
        self.metadata = Metadata::of(|name| head.metadata.get(name.strip_prefix("x-amz-meta-")?).cloned());
        Ok(())
    }
}
