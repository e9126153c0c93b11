//! `manifest.json` of an S3 Inventory: which bucket it lists, when, in which files and with which columns.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// The part of a manifest that is used.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    /// The bucket whose objects are listed.
    pub(super) source_bucket: String,
    /// `CSV`, `ORC` or `Parquet`.
    file_format: String,
    /// `Bucket, Key, VersionId, …`
    file_schema: String,
    /// Milliseconds since 1970, as text.
    creation_timestamp: Option<Value>,
    pub(super) files: Vec<DataFile>,
}

/// One file of rows.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct DataFile {
    /// In the bucket that the inventory was written to.
    pub(super) key: String,
    pub(super) size: Option<u64>,
    #[serde(rename = "MD5checksum")]
    pub(super) md5: Option<String>,
}

/// Which column holds what, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// How many there are.
    pub(super) count: usize,
    pub(super) bucket: Option<usize>,
    pub(super) key: usize,
    pub(super) size: usize,
    pub(super) version: Option<usize>,
    pub(super) latest: Option<usize>,
    pub(super) deleted: Option<usize>,
    pub(super) modified: Option<usize>,
    pub(super) etag: Option<usize>,
    pub(super) class: Option<usize>,
    pub(super) tier: Option<usize>,
}

impl Manifest {
    /// Reads a manifest. Fails, in words, at what is no manifest and at formats other than CSV.
    pub(super) fn parse(json: &[u8]) -> Result<(Self, Columns), String> {
        let manifest: Self = serde_json::from_slice(json)
            .map_err(|error| format!("it is not the manifest.json of an S3 Inventory: {error}"))?;
        if !manifest.file_format.eq_ignore_ascii_case("csv") {
            return Err(format!(
                "its files are in {} format, and only CSV is read: set the inventory's output format to CSV",
                manifest.file_format
            ));
        }
        let columns = Columns::parse(&manifest.file_schema)?;
        Ok((manifest, columns))
    }

    /// Returns when S3 began to write the inventory.
    pub(super) fn created(&self) -> Option<Timestamp> {
        let millis = match self.creation_timestamp.as_ref()? {
            Value::String(text) => text.parse().ok()?,
            number => number.as_i64()?,
        };
        Timestamp::from_millisecond(millis).ok()
    }
}

impl Columns {
    fn parse(schema: &str) -> Result<Self, String> {
        let names: Vec<&str> = schema.split(',').map(str::trim).collect();
        let find = |name: &str| names.iter().position(|column| column.eq_ignore_ascii_case(name));
        let need = |name: &str| {
            find(name).ok_or_else(|| {
                format!("it has no column {name}, only {schema}: add it to the inventory's optional fields")
            })
        };
        Ok(Self {
            count: names.len(),
            bucket: find("Bucket"),
            key: need("Key")?,
            size: need("Size")?,
            version: find("VersionId"),
            latest: find("IsLatest"),
            deleted: find("IsDeleteMarker"),
            modified: find("LastModifiedDate"),
            etag: find("ETag"),
            class: find("StorageClass"),
            tier: find("IntelligentTieringAccessTier"),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn manifest(format: &str, schema: &str) -> String {
        format!(
            r#"{{"sourceBucket":"trail","destinationBucket":"arn:aws:s3:::inventories","version":"2016-11-30",
            "creationTimestamp":"1763424000000","fileFormat":"{format}","fileSchema":"{schema}",
            "files":[{{"key":"trail/all/data/1.csv.gz","size":2147,"MD5checksum":"f11166069f1990abeb9c97ace9cdfabc"}}]}}"#
        )
    }

    #[test]
    fn a_manifest_names_files_columns_and_its_time() {
        let text = manifest("CSV", "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, ETag");
        let (manifest, columns) = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(manifest.source_bucket, "trail");
        assert_eq!(manifest.created().unwrap().to_string(), "2025-11-18T00:00:00Z");
        assert_eq!(manifest.files[0].size, Some(2147));
        assert_eq!((columns.count, columns.key, columns.size), (7, 1, 5));
        assert_eq!((columns.version, columns.etag, columns.class), (Some(2), Some(6), None));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (text, words) in [
            (manifest("Parquet", "message s3.inventory {}"), "in Parquet format, and only CSV"),
            (manifest("ORC", "struct<bucket:string>"), "in ORC format, and only CSV"),
            (manifest("CSV", "Bucket, Key, ETag"), "no column Size"),
            ("{}".to_owned(), "not the manifest.json"),
        ] {
            let error = Manifest::parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    proptest! {
        /// Whatever the bytes, they are a manifest with the columns that rows need, or an error that says why.
        #[test]
        fn any_bytes_are_a_manifest_or_say_why(
            schema in "(Bucket|Key|Size|ETag|VersionId|, ?|[a-z]){0,12}",
            cut in 0..400_usize,
            flipped in any::<(u16, u8)>(),
        ) {
            let mut bytes = manifest("CSV", &schema).into_bytes();
            bytes.truncate(bytes.len().saturating_sub(cut / 20 * (cut % 20)));
            if let Some(byte) = bytes.get_mut(usize::from(flipped.0)) {
                *byte ^= flipped.1;
            }
            match Manifest::parse(&bytes) {
                Ok((_, columns)) => prop_assert!(columns.key < columns.count && columns.size < columns.count),
                Err(why) => prop_assert!(!why.is_empty()),
            }
        }
    }
}
