//! One row of an inventory: what it says of an object, or why it says nothing.
//!
//! The manifest names the columns, in any order; key and size must be there. Keys are percent-encoded as S3 writes
//! them. A row outside of the prefix is passed over, a delete marker is counted, and versions other than the latest
//! are kept only where all versions are asked for. A row that does not fit the columns, or is of another bucket, is
//! an error.

use super::manifest::Columns;
use crate::source::ReadClass;
use crate::source::s3::entry::{Entry, archived};
use csv::ByteRecord;
use jiff::Timestamp;
use percent_encoding::percent_decode;
use serde::{Deserialize, Serialize};

/// One version of one object. The order of the fields is the order of a listing: by key, the latest version
/// first, the others by age.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) key: String,
    /// Overwritten or deleted since.
    superseded: bool,
    /// Grows with age.
    age: u64,
    version_id: Option<String>,
    size: u64,
    etag: Option<String>,
    archived: Option<String>,
    class: ReadClass,
    unreadable_key: bool,
}

/// What a row is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    Row(Row),
    /// A delete marker.
    Deleted,
    /// Not asked for: another prefix, or an earlier version.
    Other,
}

/// What rows are read for.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) columns: Columns,
    /// The bucket that the inventory is of.
    pub(super) bucket: &'a str,
    pub(super) prefix: &'a str,
    pub(super) all_versions: bool,
}

impl Reader<'_> {
    /// Reads a row. Fails, in words, where it is broken.
    pub(super) fn read(&self, record: &ByteRecord) -> Result<Read, String> {
        let Columns { count, .. } = self.columns;
        if record.len() != count {
            return Err(format!("it has {} columns in place of {count}", record.len()));
        }
        let text = |column: usize, name: &str| {
            std::str::from_utf8(record.get(column).unwrap_or_default())
                .map_err(|_| format!("its {name} is not UTF-8"))
        };
        let maybe = |column: Option<usize>, name: &str| {
            let text = column.map(|column| text(column, name)).transpose()?;
            Ok::<_, String>(text.filter(|text| !text.is_empty()))
        };
        let bucket = maybe(self.columns.bucket, "Bucket")?;
        if let Some(other) = bucket.filter(|bucket| *bucket != self.bucket) {
            return Err(format!("it is of bucket {other:?}"));
        }
        let listed = text(self.columns.key, "Key")?;
        if listed.is_empty() {
            return Err("it has no key".to_owned());
        }
        let key = decoded(listed);
        if !key.starts_with(self.prefix.as_bytes()) {
            return Ok(Read::Other);
        }
        let flag = |column, name| match maybe(column, name)? {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => Err(format!("its {name} is {text:?}")),
        };
        let latest = flag(self.columns.latest, "IsLatest")?.unwrap_or(true);
        if flag(self.columns.deleted, "IsDeleteMarker")? == Some(true) {
            return Ok(Read::Deleted);
        }
        if !latest && !self.all_versions {
            return Ok(Read::Other);
        }
        let size = text(self.columns.size, "Size")?;
        let size = size.parse().map_err(|_| format!("its Size is {size:?}"))?;
        let modified = match maybe(self.columns.modified, "LastModifiedDate")? {
            None => 0,
            Some(text) => {
                let time: Timestamp =
                    text.parse().map_err(|_| format!("its LastModifiedDate is {text:?}"))?;
                u64::try_from(time.as_millisecond()).unwrap_or(0)
            }
        };
        // As ListObjectVersions names the version of an object that is older than versioning.
        let version =
            || Ok::<_, String>(maybe(self.columns.version, "VersionId")?.unwrap_or("null").to_owned());
        let class = maybe(self.columns.class, "StorageClass")?;
        let (key, unreadable_key) = match String::from_utf8(key) {
            Ok(key) => (key, false),
            Err(_) => (listed.to_owned(), true),
        };
        Ok(Read::Row(Row {
            key,
            superseded: !latest,
            age: u64::MAX - modified,
            version_id: self.all_versions.then(version).transpose()?,
            size,
            etag: maybe(self.columns.etag, "ETag")?
                .map(|etag| etag.trim_matches('"').to_owned())
                .filter(|etag| !etag.is_empty()),
            archived: archived(class, None).or(cold_tier(maybe(self.columns.tier, "access tier")?)),
            class: ReadClass::of(class),
            unreadable_key,
        }))
    }
}

impl Row {
    /// Returns what it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::capacity);
        size_of::<Self>()
            + self.key.capacity()
            + text(&self.version_id)
            + text(&self.etag)
            + text(&self.archived)
    }

    pub(super) fn into_entry(self) -> Entry {
        Entry {
            key: self.key,
            size: self.size,
            etag: self.etag,
            version_id: self.version_id,
            archived: self.archived,
            class: self.class,
            // An inventory was made at one time, and holds nothing later.
            modified: None,
            unreadable_key: self.unreadable_key,
        }
    }
}

/// Keys are URL-encoded as in forms: `+` is a blank.
fn decoded(listed: &str) -> Vec<u8> {
    percent_decode(listed.replace('+', " ").as_bytes()).collect()
}

/// Returns the tiers of INTELLIGENT_TIERING that want a restore first.
fn cold_tier(tier: Option<&str>) -> Option<String> {
    let cold = |tier: &&str| matches!(tier.trim_end_matches("_ACCESS"), "ARCHIVE" | "DEEP_ARCHIVE");
    tier.filter(cold).map(|tier| format!("INTELLIGENT_TIERING, {tier}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COLUMNS: Columns = Columns {
        count: 9,
        bucket: Some(0),
        key: 1,
        version: Some(2),
        latest: Some(3),
        deleted: Some(4),
        size: 5,
        modified: Some(6),
        etag: Some(7),
        class: Some(8),
        tier: None,
    };

    fn read(all_versions: bool, fields: [&str; 9]) -> Result<Read, String> {
        let reader = Reader { columns: COLUMNS, bucket: "trail", prefix: "AWSLogs/", all_versions };
        reader.read(&ByteRecord::from(&fields[..]))
    }

    const SOUND: [&str; 9] = [
        "trail",
        "AWSLogs/a+b%2Bc",
        "v1",
        "true",
        "false",
        "10",
        "2025-11-18T00:00:00.000Z",
        "e",
        "STANDARD",
    ];

    fn with(column: usize, text: &'static str) -> [&'static str; 9] {
        let mut fields = SOUND;
        fields[column] = text;
        fields
    }

    fn row(read: Result<Read, String>) -> Row {
        match read.unwrap() {
            Read::Row(row) => row,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rows_name_objects() {
        let one = row(read(false, SOUND));
        assert_eq!((one.key.as_str(), one.size, one.version_id.as_deref()), ("AWSLogs/a b+c", 10, None));
        assert_eq!(row(read(true, SOUND)).version_id.as_deref(), Some("v1"));
        assert_eq!(row(read(true, with(2, ""))).version_id.as_deref(), Some("null"));
        assert_eq!(row(read(false, with(8, "GLACIER"))).archived.as_deref(), Some("GLACIER"));
        assert_eq!(row(read(false, with(8, "GLACIER_IR"))).class, ReadClass::InstantRetrieval);
        let odd = row(read(false, with(1, "AWSLogs/%FF")));
        assert_eq!((odd.key.as_str(), odd.unreadable_key), ("AWSLogs/%FF", true));
        assert_eq!(read(false, with(1, "other/x")), Ok(Read::Other));
        assert_eq!(read(false, with(3, "false")), Ok(Read::Other));
        assert_eq!(read(false, with(4, "true")), Ok(Read::Deleted));
        assert_eq!(cold_tier(Some("DEEP_ARCHIVE")).as_deref(), Some("INTELLIGENT_TIERING, DEEP_ARCHIVE"));
        assert_eq!(cold_tier(Some("FREQUENT")), None);
    }

    #[test]
    fn versions_come_the_newest_first() {
        let latest = row(read(true, SOUND));
        let older = row(read(true, with(3, "false")));
        let mut oldest = with(3, "false");
        oldest[6] = "2024-01-01T00:00:00Z";
        let oldest = row(read(true, oldest));
        assert!(latest < older && older < oldest);
    }

    #[test]
    fn broken_rows_say_why() {
        for (column, text, words) in [
            (0, "elsewhere", "of bucket \"elsewhere\""),
            (1, "", "no key"),
            (3, "maybe", "IsLatest is \"maybe\""),
            (5, "-1", "Size is \"-1\""),
            (6, "yesterday", "LastModifiedDate"),
        ] {
            let error = read(false, with(column, text)).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let reader = Reader { columns: COLUMNS, bucket: "trail", prefix: "", all_versions: false };
        let short = reader.read(&ByteRecord::from(vec!["trail", "k"])).unwrap_err();
        assert_eq!(short, "it has 2 columns in place of 9");
    }

    proptest! {
        /// Whatever stands in a row, it is an object, left out or an error that says why.
        #[test]
        fn any_row_is_read_or_says_why(
            fields in prop::collection::vec("(true|false|-?[0-9]{1,20}|trail|AWSLogs/[%+a-z]{0,9}|\\PC{0,9})", 0..12),
            all_versions: bool,
        ) {
            let reader = Reader { columns: COLUMNS, bucket: "trail", prefix: "AWSLogs/", all_versions };
            match reader.read(&ByteRecord::from(&fields[..])) {
                Ok(Read::Row(row)) => prop_assert!(fields.len() == 9 && row.key.starts_with("AWSLogs/")),
                Ok(_) => prop_assert_eq!(fields.len(), 9),
                Err(why) => prop_assert!(!why.is_empty()),
            }
        }
    }
}
