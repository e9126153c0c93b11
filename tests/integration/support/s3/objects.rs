//! The objects of a bucket: kept in memory, or made on the fly.

use bytes::Bytes;
use md5::{Digest, Md5};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Bound;
use std::sync::RwLock;

/// One listed object.
#[derive(Clone, Debug)]
pub(crate) struct Meta {
    pub(crate) key: String,
    pub(crate) size: u64,
    pub(crate) etag: String,
    /// The storage class, where it is not STANDARD.
    pub(crate) class: Option<&'static str>,
    pub(crate) restored: bool,
}

/// The objects of a bucket, in byte order of their keys. May be made on the fly.
pub(crate) trait Keys: Send + Sync + 'static {
    /// The first object at or after `from`.
    fn next(&self, from: &str) -> Option<Meta>;
    fn body(&self, key: &str) -> Option<Bytes>;

    /// Puts an object, unless there is one of this key. Returns whether it was put.
    fn put_new(&self, _key: &str, _body: Bytes) -> bool {
        false
    }

    /// The first key at or after `from` with its bodies, the newest first, and whether it is deleted.
    fn next_versions(&self, from: &str) -> Option<(String, Vec<Bytes>, bool)> {
        let key = self.next(from)?.key;
        let body = self.body(&key)?;
        Some((key, vec![body], false))
    }
}

/// The quoted-less ETag of a body: its MD5.
pub(crate) fn etag_of(body: &[u8]) -> String {
    let mut text = String::new();
    for byte in Md5::digest(body) {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}

/// An object in memory.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) body: Bytes,
    pub(crate) class: Option<&'static str>,
    pub(crate) restored: bool,
    /// Earlier bodies, the oldest first.
    pub(crate) older: Vec<Bytes>,
    /// A delete marker lies on top.
    pub(crate) deleted: bool,
}

/// Objects in memory.
#[derive(Debug, Default)]
pub(crate) struct Objects(RwLock<BTreeMap<String, Stored>>);

impl Objects {
    pub(crate) fn put(&self, key: &str, body: impl Into<Bytes>) {
        self.put_class(key, body, None, false);
    }

    pub(crate) fn put_class(
        &self,
        key: &str,
        body: impl Into<Bytes>,
        class: Option<&'static str>,
        restored: bool,
    ) {
        let mut objects = self.0.write().unwrap();
        let older = objects.remove(key).map(|old| [old.older, vec![old.body]].concat()).unwrap_or_default();
        let stored = Stored { body: body.into(), class, restored, older, deleted: false };
        objects.insert(key.to_owned(), stored);
    }

    pub(crate) fn delete(&self, key: &str) {
        self.0.write().unwrap().get_mut(key).unwrap().deleted = true;
    }
}

impl Keys for Objects {
    fn next(&self, from: &str) -> Option<Meta> {
        let objects = self.0.read().unwrap();
        let mut at = objects.range::<str, _>((Bound::Included(from), Bound::Unbounded));
        let (key, stored) = at.find(|(_, stored)| !stored.deleted)?;
        Some(Meta {
            key: key.clone(),
            size: stored.body.len() as u64,
            etag: etag_of(&stored.body),
            class: stored.class,
            restored: stored.restored,
        })
    }

    fn body(&self, key: &str) -> Option<Bytes> {
        Some(self.0.read().unwrap().get(key)?.body.clone())
    }

    fn put_new(&self, key: &str, body: Bytes) -> bool {
        let mut objects = self.0.write().unwrap();
        if objects.contains_key(key) {
            return false;
        }
        let stored = Stored { body, class: None, restored: false, older: Vec::new(), deleted: false };
        objects.insert(key.to_owned(), stored);
        true
    }

    fn next_versions(&self, from: &str) -> Option<(String, Vec<Bytes>, bool)> {
        let objects = self.0.read().unwrap();
        let (key, stored) = objects.range::<str, _>((Bound::Included(from), Bound::Unbounded)).next()?;
        let bodies = std::iter::once(&stored.body).chain(stored.older.iter().rev());
        Some((key.clone(), bodies.cloned().collect(), stored.deleted))
    }
}
