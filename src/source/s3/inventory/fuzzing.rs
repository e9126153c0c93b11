//! What `fuzz/` asks of the readers of an inventory.

use csv::ByteRecord;

use super::manifest::Manifest;
use super::rows::{Read, Reader};

/// Reads a manifest, and then rows by its columns.
///
/// # Panics
///
/// Panics where a row is read in two ways, or where one outside of the prefix is kept.
pub fn inventory(manifest: &[u8], rows: &[u8]) {
    let Ok((manifest, columns)) = Manifest::parse(manifest) else { return };
    let _created = manifest.created();
    let mut reader =
        Reader { columns, bucket: &manifest.source_bucket, prefix: "AWSLogs/", all_versions: true };
    let mut csv = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(rows);
    let mut record = ByteRecord::new();
    while let Ok(true) = csv.read_byte_record(&mut record) {
        reader.all_versions = true;
        let all = reader.read(&record);
        reader.all_versions = false;
        let latest = reader.read(&record);
        match (all, latest) {
            (Ok(Read::Row(row)), Ok(Read::Row(_) | Read::Other)) => {
                let entry = row.clone().into_entry();
                let text = serde_json::to_string(&row).unwrap();
                assert_eq!(serde_json::from_str::<super::rows::Row>(&text).unwrap(), row);
                assert!(row.bytes() >= row.key.len(), "{entry:?}");
            }
            // What tells versions apart is read only where all of them are asked for: a row may fail there first, or
            // only there.
            (Err(_), Err(_) | Ok(Read::Row(_) | Read::Other)) => {}
            (all, latest) => assert_eq!(all, latest),
        }
    }
}
