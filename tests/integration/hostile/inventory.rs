//! Inventories that lie: an inventory stands in place of the list, so its files must be what its manifest says.

use super::ways::{failures, options, source};
use super::{Reply, Request, honest, keys, object, roottrail_on, scan_it};
use crate::support::logs::gzip;
use crate::support::s3::etag_of;
use crate::support::wire::serve;

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const DATA: &str = "data/1.csv.gz";

/// The rows of all objects, each changed.
fn rows(change: impl Fn(Row) -> Row) -> Vec<u8> {
    let rows = keys().into_iter().map(|key| {
        let body = object(&key);
        let row = Row { bucket: "trail".into(), key, size: body.len().to_string(), etag: etag_of(&body) };
        let Row { bucket, key, size, etag } = change(row);
        format!("\"{bucket}\",\"{key}\",\"1\",\"true\",\"false\",\"{size}\",\"{etag}\"\n")
    });
    gzip(rows.collect::<String>())
}

struct Row {
    bucket: String,
    key: String,
    size: String,
    etag: String,
}

pub(super) fn data() -> Vec<u8> {
    rows(|row| row)
}

/// The manifest of a file of rows.
pub(super) fn manifest(data: &[u8]) -> Vec<u8> {
    let manifest = serde_json::json!({
        "sourceBucket": "trail", "destinationBucket": "arn:aws:s3:::lists", "version": "2016-11-30",
        "creationTimestamp": "1770685200000", "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, ETag",
        "files": [{"key": DATA, "size": data.len(), "MD5checksum": etag_of(data)}],
    });
    manifest.to_string().into()
}

/// How a file is sent whose rows are sound, or the rows of a sound file.
enum Lie {
    Sent(fn(Vec<u8>) -> Reply),
    Rows(fn(Row) -> Row),
}

/// A lie a line: what fails of a scan, and of a plan, which sees the lists only.
const LIES: &[(&str, Lie, usize, usize)] = &[
    ("none", Lie::Sent(|body| Reply::Sized(body, Vec::new())), 0, 0),
    ("cut", Lie::Sent(|body| Reply::Until(body[..body.len() / 2].to_vec())), 1, 1),
    ("endless", Lie::Sent(|body| Reply::Endless(body, vec![0; 1 << 20], 10_000)), 1, 1),
    ("other bytes", Lie::Sent(|body| Reply::Sized(vec![b'x'; body.len()], Vec::new())), 1, 1),
    ("another bucket", Lie::Rows(|row| Row { bucket: "other".into(), ..row }), 4, 4),
    ("no name", Lie::Rows(|row| Row { key: String::new(), ..row }), 4, 4),
    ("an absurd size", Lie::Rows(|row| Row { size: "-1".into(), ..row }), 4, 4),
    ("a smaller size", Lie::Rows(|row| Row { size: "20".into(), ..row }), 4, 0),
    ("a larger size", Lie::Rows(|row| Row { size: "200000".into(), ..row }), 4, 0),
    ("another ETag", Lie::Rows(|row| Row { etag: "0123456789abcdef0123456789abcdef".into(), ..row }), 4, 0),
];

fn lists(lie: &'static Lie) -> impl Fn(&Request) -> Reply {
    move |request| {
        let file = match lie {
            Lie::Sent(_) => data(),
            Lie::Rows(change) => rows(change),
        };
        match (request.key.as_str(), lie) {
            ("", _) => honest(request).reply(),
            (MANIFEST, _) => Reply::Sized(manifest(&file), Vec::new()),
            (DATA, Lie::Sent(send)) => send(file),
            (DATA, Lie::Rows(_)) => Reply::Sized(file, Vec::new()),
            (key, _) => {
                let body = object(key);
                let etag = format!("\"{}\"", etag_of(&body));
                Reply::Sized(body, vec![("ETag", etag)])
            }
        }
    }
}

#[test]
fn the_files_of_an_inventory_are_bounded_and_compared() {
    for (name, lie, by_scan, by_plan) in LIES {
        let url = serve(lists(lie));
        for (all_versions, plan) in [(false, false), (false, true), (true, false), (true, true)] {
            let source = source(&options(url.clone(), all_versions), true).unwrap();
            let (failed, sound) = failures(source, plan);
            let name = format!("{name}, versions {all_versions}, plan {plan}");
            let expected = if plan { *by_plan } else { *by_scan };
            assert_eq!(failed.len(), expected, "{name}: {failed:?}");
            assert_eq!(sound, if expected == 0 { 4 } else { 0 }, "{name}");
        }
    }
}

#[test]
fn an_inventory_that_is_cut_is_an_incomplete_run() {
    let url = serve(lists(&LIES[1].1));
    for more in [&[][..], &["--all-versions"]] {
        let args = [&["s3://trail", "--inventory", "s3://lists/manifest.json"], more].concat();
        let scan = scan_it(&url, &args);
        assert_eq!((scan.code, scan.findings.len()), (3, 0), "{more:?}: {}", scan.stderr);
        assert_eq!(scan.errors.len(), 1, "{more:?}: {:?}", scan.errors);
        let plan = roottrail_on(&url, &[&["plan"], &args[..]].concat());
        assert_eq!(plan.code, 3, "{more:?}: {}", plan.stderr);
    }
}
