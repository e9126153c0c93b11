//! An inventory stands in place of the list: its files must be what its manifest says, and its objects what it says
//! of them.

use super::*;
use serde_json::{Value, json};

const MANIFEST: &str = "manifest.json";
const DATA: &str = "data/1.csv.gz";

fn data() -> Vec<u8> {
    let row = |key: &String| {
        let body = object(key);
        format!("\"trail\",\"{key}\",\"{}\",\"{}\"\n", body.len(), etag_of(&body))
    };
    gzip(keys().iter().map(row).collect::<String>())
}

fn manifest(data: &[u8]) -> Value {
    json!({
        "sourceBucket": "trail", "destinationBucket": "arn:aws:s3:::lists", "version": "2016-11-30",
        "creationTimestamp": "1770685200000", "fileFormat": "CSV", "fileSchema": "Bucket, Key, Size, ETag",
        "files": [{"key": DATA, "size": data.len(), "MD5checksum": etag_of(data)}],
    })
}

type Bytes = fn(Vec<u8>) -> Reply;

fn sized(body: Vec<u8>) -> Reply {
    Reply::Sized(body, Vec::new())
}

/// What a server sends for one of the files. One a line.
const FILES: &[(&str, &str, Bytes)] = &[
    ("cut", DATA, |body| Reply::Until(body[..body.len() / 2].to_vec())),
    ("cut behind a whole file", DATA, |body| Reply::Until([&body[..], &body[..9]].concat())),
    ("endless", DATA, |body| Reply::Endless(body, vec![0; 1 << 20], 10_000)),
    ("other bytes", DATA, |body| sized(vec![b'x'; body.len()])),
    ("nothing", DATA, |_| sized(Vec::new())),
    ("cut", MANIFEST, |body| Reply::Until(body[..body.len() - 1].to_vec())),
    ("endless", MANIFEST, |body| Reply::Endless(body, vec![b' '; 1 << 20], 10_000)),
    ("something behind it", MANIFEST, |body| sized([&body[..], b"{}"].concat())),
    ("nothing", MANIFEST, |_| sized(Vec::new())),
];

/// What a manifest says that is not so.
const LIES: &[(&str, fn(&mut Value))] = &[
    ("a size", |manifest| manifest["files"][0]["size"] = json!(7)),
    ("a size below zero", |manifest| manifest["files"][0]["size"] = json!(-1)),
    ("a checksum", |manifest| {
        manifest["files"][0]["MD5checksum"] = json!("0123456789abcdef0123456789abcdef")
    }),
    ("another bucket", |manifest| manifest["sourceBucket"] = json!("elsewhere")),
    ("no files", |manifest| drop(manifest.as_object_mut().unwrap().remove("files"))),
    ("a file that is not there", |manifest| manifest["files"][0]["key"] = json!("data/2.csv.gz")),
];

/// Runs `scan` and `plan` over the inventory.
fn runs(reply: impl Fn(&str) -> Option<Reply> + Clone + Send + Sync + 'static) -> [(i32, usize, String); 2] {
    let url = serve(move |request| match request.key.as_str() {
        "" => honest(request).reply(),
        key => reply(key).unwrap_or_else(|| match key {
            MANIFEST => sized(manifest(&data()).to_string().into()),
            DATA => sized(data()),
            key if keys().iter().any(|one| one == key) => sized(object(key)),
            _ => Reply::Until(Vec::new()),
        }),
    });
    let args = ["s3://trail", "--inventory", "s3://lists/manifest.json"];
    let scan = scan_it(&url, &args);
    let plan = roottrail_on(&url, &[&["plan"], &args[..]].concat());
    [(scan.code, scan.findings.len(), scan.stderr), (plan.code, 0, plan.stderr)]
}

#[test]
fn a_sound_inventory_is_taken() {
    let [scan, plan] = runs(|_| None);
    assert_eq!((scan.0, scan.1), (0, 4), "{}", scan.2);
    assert_eq!(plan.0, 0, "{}", plan.2);
}

#[test]
fn the_files_of_an_inventory_are_bounded_and_compared() {
    for (name, file, bytes) in FILES {
        let body = if *file == DATA { data() } else { manifest(&data()).to_string().into() };
        let began = Instant::now();
        for (code, findings, stderr) in runs(move |key| (key == *file).then(|| bytes(body.clone()))) {
            assert!([1, 3].contains(&code) && findings == 0, "{file}, {name}: {code} {findings} {stderr}");
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{file}, {name}");
    }
    for (name, lie) in LIES {
        let mut said = manifest(&data());
        lie(&mut said);
        for (code, findings, stderr) in
            runs(move |key| (key == MANIFEST).then(|| sized(said.to_string().into())))
        {
            assert!([1, 2, 3].contains(&code) && findings == 0, "{name}: {code} {findings} {stderr}");
        }
    }
}

/// The listed size and ETag are those of the inventory.
#[test]
fn the_objects_of_an_inventory_are_the_listed_ones() {
    for (name, get, why) in GETS.iter().filter(|(name, ..)| *name != "drip") {
        let url = serve(move |request| match request.key.as_str() {
            "" => honest(request).reply(),
            MANIFEST => sized(manifest(&data()).to_string().into()),
            DATA => sized(data()),
            key => get(object(key)),
        });
        let scan = scan_it(&url, &["s3://trail", "--inventory", "s3://lists/manifest.json"]);
        assert_eq!((scan.code, scan.errors.len()), (3, 4), "{name}: {} {:?}", scan.stderr, scan.errors);
        for error in &scan.errors {
            assert!(error["message"].as_str().unwrap().contains(why), "{name}: {error}");
        }
    }
}
