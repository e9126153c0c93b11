//! Uploads in pieces, which become an object when they are completed.

use bytes::Bytes;
use s3s::{S3Result, s3_error};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};

/// All uploads of a server.
#[derive(Debug, Default)]
pub(crate) struct Uploads(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    begun: usize,
    pieces: usize,
    open: HashMap<String, BTreeMap<i32, Bytes>>,
}

impl Uploads {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Uploads that were begun.
    pub(crate) fn begun(&self) -> usize {
        self.state().begun
    }

    /// Pieces that were taken.
    pub(crate) fn pieces(&self) -> usize {
        self.state().pieces
    }

    /// Uploads that were neither completed nor given up.
    pub(crate) fn open(&self) -> usize {
        self.state().open.len()
    }

    pub(super) fn begin(&self) -> String {
        let mut state = self.state();
        state.begun += 1;
        let name = format!("upload-{}", state.begun);
        state.open.insert(name.clone(), BTreeMap::new());
        name
    }

    pub(super) fn piece(&self, upload: &str, number: i32, body: Bytes) -> S3Result<()> {
        let mut state = self.state();
        state.pieces += 1;
        let pieces = state.open.get_mut(upload).ok_or_else(|| s3_error!(NoSuchUpload, "no such upload"))?;
        pieces.insert(number, body);
        Ok(())
    }

    /// The bytes of these pieces of an upload, one after another.
    pub(super) fn whole(&self, upload: &str, numbers: &[i32]) -> S3Result<Bytes> {
        let state = self.state();
        let pieces = state.open.get(upload).ok_or_else(|| s3_error!(NoSuchUpload, "no such upload"))?;
        let mut whole = Vec::new();
        for number in numbers {
            whole.extend_from_slice(
                pieces.get(number).ok_or_else(|| s3_error!(InvalidPart, "no such piece"))?,
            );
        }
        Ok(whole.into())
    }

    pub(super) fn close(&self, upload: &str) -> S3Result<()> {
        self.state().open.remove(upload).map(drop).ok_or_else(|| s3_error!(NoSuchUpload, "no such upload"))
    }
}
