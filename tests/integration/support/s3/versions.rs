//! Versioned listing: every body of a key, the newest first, and delete markers.

use super::objects::etag_of;
use super::store::{Bucket, encode, past};
use bytes::Bytes;
use s3s::dto::{
    CommonPrefix, DeleteMarkerEntry, ETag, ListObjectVersionsInput, ListObjectVersionsOutput, ObjectVersion,
};

/// `v0` is the oldest.
pub(super) fn version_body(bucket: &Bucket, key: &str, version: &str) -> Option<Bytes> {
    let (found, bodies, _) = bucket.keys.next_versions(key)?;
    let at: usize = version.strip_prefix('v')?.parse().ok()?;
    (found == key).then(|| bodies.into_iter().rev().nth(at))?
}

pub(super) fn list_versions(bucket: &Bucket, input: &ListObjectVersionsInput) -> ListObjectVersionsOutput {
    let prefix = input.prefix.clone().unwrap_or_default();
    let encoding = input.encoding_type.as_ref();
    let most = usize::try_from(input.max_keys.unwrap_or(1000)).unwrap().min(bucket.page);
    let marker = input.key_marker.clone().unwrap_or_default();
    // Versions of the marker's key before this one were on the page before.
    let mut skip = input.version_id_marker.clone();
    let mut from = match (&input.delimiter, &skip) {
        (Some(delimiter), None) if marker.ends_with(delimiter.as_str()) && !marker.is_empty() => {
            past(&marker)
        }
        (_, None) if !marker.is_empty() => format!("{marker}\0"),
        _ => marker,
    };
    if from < prefix {
        from.clone_from(&prefix);
    }
    let mut output = ListObjectVersionsOutput {
        encoding_type: input.encoding_type.clone(),
        is_truncated: Some(false),
        ..Default::default()
    };
    let (mut versions, mut common, mut markers) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = (String::new(), None);
    'keys: while let Some((key, bodies, deleted)) =
        bucket.keys.next_versions(&from).filter(|(key, ..)| key.starts_with(&prefix))
    {
        if versions.len() + common.len() == most {
            output.is_truncated = Some(true);
            break;
        }
        let rest = &key[prefix.len()..];
        let cut = input.delimiter.as_deref().and_then(|d| Some(rest.find(d)? + d.len()));
        if let Some(cut) = cut {
            let folder = &key[..prefix.len() + cut];
            from = past(folder);
            last = (folder.to_owned(), None);
            common.push(CommonPrefix { prefix: Some(encode(folder, encoding)) });
            continue;
        }
        if deleted && skip.is_none() {
            let key = Some(encode(&key, encoding));
            markers.push(DeleteMarkerEntry { key, is_latest: Some(true), ..Default::default() });
        }
        let count = bodies.len();
        for (at, body) in bodies.into_iter().enumerate() {
            let id = format!("v{}", count - 1 - at);
            if let Some(marker) = &skip {
                if *marker == id {
                    skip = None;
                }
                continue;
            }
            if versions.len() + common.len() == most {
                output.is_truncated = Some(true);
                break 'keys;
            }
            last = (key.clone(), Some(id.clone()));
            versions.push(ObjectVersion {
                key: Some(encode(&key, encoding)),
                version_id: Some(id),
                size: Some(i64::try_from(body.len()).unwrap()),
                e_tag: Some(ETag::Strong(etag_of(&body))),
                ..Default::default()
            });
        }
        from = format!("{key}\0");
    }
    if output.is_truncated == Some(true) {
        output.next_key_marker = Some(encode(&last.0, encoding));
        output.next_version_id_marker = last.1;
    }
    output.versions = Some(versions);
    output.common_prefixes = Some(common);
    output.delete_markers = Some(markers);
    output
}
