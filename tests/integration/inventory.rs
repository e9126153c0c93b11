//! `--inventory`: an S3 Inventory in place of a listing.

use crate::bucket::{scan_bucket, signed};
use crate::support::cli::{Done, Folder, Scan, feed, lines};
use crate::support::logs::{gzip, id, key, records, root, user};
use crate::support::s3::{Bucket, Fault, Objects, Op, Server, etag_of};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

pub(crate) const MANIFEST: &str = "lists/trail/all/2026-02-10T01-00Z/manifest.json";
const SCHEMA: &str =
    "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass";

/// One row, all fields quoted as S3 does.
fn row(fields: [&str; 9]) -> String {
    fields.map(|field| format!("\"{field}\"")).join(",") + "\n"
}

fn encoded(key: &str) -> String {
    const KEPT: &AsciiSet =
        &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b' ');
    utf8_percent_encode(key, KEPT).to_string().replace(' ', "+")
}

/// The row of the only version of an object.
fn current(key: &str, body: &[u8], class: &str) -> String {
    let (key, size) = (encoded(key), body.len().to_string());
    row(["trail", &key, "", "true", "false", &size, "2026-02-09T00:00:00.000Z", &etag_of(body), class])
}

/// An inventory as S3 writes it: the files, and the manifest that names them.
pub(crate) struct Inventory {
    files: Vec<(String, Vec<u8>)>,
    manifest: Value,
}

impl Inventory {
    fn of(files: &[String]) -> Self {
        let files: Vec<(String, Vec<u8>)> = files
            .iter()
            .enumerate()
            .map(|(n, rows)| (format!("lists/trail/all/data/{n:08}.csv.gz"), gzip(rows)))
            .collect();
        let named: Vec<Value> = files
            .iter()
            .map(|(key, body)| json!({"key": key, "size": body.len(), "MD5checksum": etag_of(body)}))
            .collect();
        let manifest = json!({
            "sourceBucket": "trail", "destinationBucket": "arn:aws:s3:::lists", "version": "2016-11-30",
            "creationTimestamp": "1770685200000", "fileFormat": "CSV", "fileSchema": SCHEMA, "files": named,
        });
        Self { files, manifest }
    }

    /// Puts it into a bucket of its own.
    pub(crate) fn put(&self, server: &Server) {
        let objects = Objects::default();
        for (key, body) in &self.files {
            objects.put(key, body.clone());
        }
        objects.put(MANIFEST, self.manifest.to_string());
        server.put("lists", Bucket::new(objects));
    }
}

fn with_inventory(server: &Server, args: &[&str]) -> Scan {
    let manifest = format!("s3://lists/{MANIFEST}");
    scan_bucket(server, &[args, &["--inventory", &manifest]].concat())
}

/// Of an ordinary trail: the objects, and their inventory in two files of no order.
pub(crate) fn trail() -> (Objects, Inventory) {
    let objects = Objects::default();
    let mut files = [String::new(), String::new()];
    let mut n = 0;
    let mut put = |key: &str, body: Vec<u8>| {
        n += 1;
        files[n % 2].insert_str(0, &current(key, &body, "STANDARD"));
        objects.put(key, body);
    };
    let mut event = 0;
    for region in ["us-east-1", "eu-west-1"] {
        for day in 1..=4 {
            for object in 0..10 {
                event += 1;
                let body = gzip(records([user(event), root(event / 2)]));
                put(&key("CloudTrail", region, day, object), body);
            }
        }
    }
    put(&key("CloudTrail-Digest", "us-east-1", 3, 1), b"digest".to_vec());
    put("AWSLogs/111122223333/Config/us-east-1/2026/2/3/c.json.gz", b"config".to_vec());
    put("exports/a b+c%2F \u{fc}.json", records([root(1000)]).into_bytes());
    put("exports/", Vec::new());
    put("notes.txt", b"notes".to_vec());
    (objects, Inventory::of(&files))
}

#[test]
fn an_inventory_gives_what_a_listing_gives() {
    let server = Server::start();
    let (objects, inventory) = trail();
    server.put("trail", Bucket::new(objects));
    inventory.put(&server);
    for args in [
        &["s3://trail"][..],
        &["s3://trail/AWSLogs/111122223333/CloudTrail/us"],
        &["s3://trail", "--start", "2026-02-03", "--end", "2026-02-04", "--key-slack", "0"],
        &["s3://trail", "--trail-region", "eu-west-1", "--account", "444455556666"],
        &["s3://trail/exports/", "s3://trail/AWSLogs/", "--exclude-key", "*/01/*"],
    ] {
        let listed = scan_bucket(&server, args);
        server.take_asked();
        let found = with_inventory(&server, args);
        assert_eq!((found.code, found.text), (listed.code, listed.text), "{args:?}: {}", found.stderr);
        for part in ["objects", "records", "findings", "bytes", "coverage"] {
            assert_eq!(found.summary[part], listed.summary[part], "{args:?}: {part}");
        }
        let lists = server.take_asked().iter().filter(|one| one.op == Op::List).count();
        let looks = 1 + args.iter().filter(|arg| arg.starts_with("s3://")).count();
        assert_eq!(lists, looks, "no more than a look at each bucket");
        assert!(
            found.stderr.contains("of 2026-02-10T01:00:00Z: what was delivered later"),
            "{}",
            found.stderr
        );
    }
}

#[test]
fn versions_are_kept_apart() {
    let server = Server::start();
    let objects = Objects::default();
    let (first, second, gone) = (records([root(1)]), records([root(2)]), records([root(3)]));
    objects.put("x/a.json", first.clone());
    objects.put("x/a.json", second.clone());
    objects.put("x/b.json", gone.clone());
    objects.delete("x/b.json");
    server.put("trail", Bucket::new(objects));
    let version = |key, version, latest, time, body: &str| {
        let size = body.len().to_string();
        row(["trail", key, version, latest, "false", &size, time, &etag_of(body.as_bytes()), "STANDARD"])
    };
    let rows = [
        version("x/a.json", "v0", "false", "2026-02-01T00:00:00.000Z", &first),
        row(["trail", "x/b.json", "v9", "true", "true", "", "2026-02-03T00:00:00.000Z", "", ""]),
        version("x/b.json", "v0", "false", "2026-02-02T00:00:00.000Z", &gone),
        version("x/a.json", "v1", "true", "2026-02-02T00:00:00.000Z", &second),
    ];
    Inventory::of(&[rows.concat()]).put(&server);

    let latest = with_inventory(&server, &["s3://trail"]);
    assert_eq!((latest.code, latest.ids()), (0, vec![&*id(2)]), "{}", latest.stderr);
    assert_eq!(latest.each("/evidence/version_id"), [&Value::Null]);

    let all = with_inventory(&server, &["s3://trail", "--all-versions"]);
    assert_eq!((all.code, all.ids()), (0, vec![&*id(2), &id(1), &id(3)]), "{}", all.stderr);
    assert_eq!(all.each("/evidence/version_id"), ["v1", "v0", "v0"]);
    assert_eq!(all.text, scan_bucket(&server, &["s3://trail", "--all-versions"]).text);
    assert!(all.stderr.contains("1 delete markers"), "{}", all.stderr);
}

#[test]
fn archived_and_vanished_objects_fail_as_they_do_when_listed() {
    let server = Server::start();
    let objects = Objects::default();
    let body = records([root(1)]);
    objects.put("a.json", body.clone());
    objects.put_class("c.json", body.clone(), Some("DEEP_ARCHIVE"), false);
    server.put("trail", Bucket::new(objects));
    let row = |key, class| current(key, body.as_bytes(), class);
    let files = [row("c.json", "DEEP_ARCHIVE") + &row("b.json", "STANDARD") + &row("a.json", "GLACIER_IR")];
    Inventory::of(&files).put(&server);
    let found = with_inventory(&server, &["s3://trail"]);
    assert_eq!((found.code, found.kinds(), found.objects()), (3, vec!["not_found", "archived"], [0, 1, 2]));
    let asked = server.take_asked();
    assert!(!asked.iter().any(|one| one.op == Op::Get && one.key == "c.json"));
}

#[test]
fn what_is_broken_in_an_inventory_is_reported_and_the_rest_is_read() {
    let server = Server::start();
    let objects = Objects::default();
    let body = records([root(1)]);
    for name in ["a", "b", "c", "d"] {
        objects.put(&format!("{name}.json"), body.clone());
    }
    server.put("trail", Bucket::new(objects));
    let good = |key| current(key, body.as_bytes(), "STANDARD");
    let broken = good("b.json") + "\"trail\",\"x\"\n" + &good("a.json").replace("\"true\"", "\"perhaps\"");
    let mut inventory =
        Inventory::of(&[broken, good("a.json"), good("c.json"), good("d.json"), good("d.json")]);
    // Damaged, shorter than said, cut with a manifest that agrees, and missing.
    inventory.files[1].1[12] ^= 1;
    inventory.files[2].1.push(0);
    let cut = &mut inventory.files[3].1;
    cut.truncate(cut.len() - 30);
    inventory.manifest["files"][3]["size"] = json!(cut.len());
    inventory.manifest["files"][3].as_object_mut().unwrap().remove("MD5checksum");
    inventory.files.pop();
    inventory.put(&server);

    let found = with_inventory(&server, &["s3://trail"]);
    assert_eq!((found.code, found.ids(), found.objects()), (3, vec![&*id(1)], [0, 1, 6]), "{}", found.stderr);
    let of = |n: usize| format!("s3://lists/lists/trail/all/data/{n:08}.csv.gz");
    let expected = [
        (format!("{}#2", of(0)), "other", "row 2: it has 2 columns in place of 9"),
        (format!("{}#3", of(0)), "other", "row 3: its IsLatest is \"perhaps\""),
        (of(1), "other", "by the manifest"),
        (of(2), "other", "by the manifest"),
        (of(3), "io", "after 0 rows"),
        (of(4), "not_found", "NoSuchKey"),
    ];
    assert_eq!(found.errors.len(), expected.len());
    for (error, (uri, kind, words)) in found.errors.iter().zip(expected) {
        assert_eq!((error["uri"].as_str(), error["kind"].as_str()), (Some(&*uri), Some(kind)));
        assert_eq!(error["stage"], "list");
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
    }
}

#[test]
fn data_files_survive_faults_on_the_way() {
    let server = Server::start();
    let (objects, inventory) = trail();
    server.put("trail", Bucket::new(objects));
    inventory.put(&server);
    let listed = scan_bucket(&server, &["s3://trail"]);
    for fault in [Fault::Cut, Fault::Shorten, Fault::BitFlip] {
        server.take_asked();
        server.faults(move |asked| (asked.key.contains("/data/") && asked.attempt == 1).then_some(fault));
        let found = with_inventory(&server, &["s3://trail"]);
        assert_eq!((found.code, found.text), (0, listed.text.clone()), "{fault:?}: {}", found.stderr);
        assert!(server.take_asked().iter().any(|one| one.key.contains("/data/") && one.attempt == 2));
    }
}

fn refused(server: &Server, args: &[&str]) -> Done {
    let mut command = signed();
    command.args(args).args(["--endpoint-url", &server.url()]);
    feed(command, b"")
}

#[test]
fn inventories_that_cannot_be_used_stop_the_start() {
    let server = Server::start();
    server.put("trail", Bucket::new(Objects::default()));
    server.put("other", Bucket::new(Objects::default()));
    let mut inventory = Inventory::of(&[]);
    let name = format!("s3://lists/{MANIFEST}");
    inventory.put(&server);
    for (args, code, words) in [
        (&["scan", "s3://other", "--inventory", &name][..], 2, "is of s3://trail, and no source is in it"),
        (&["scan", "sample-logs", "--inventory", &name], 2, "needs a source s3://bucket"),
        (&["plan", "s3://other", "--inventory", &name], 2, "is of s3://trail"),
        (&["scan", "s3://trail", "--inventory", "s3://lists/none.json"], 1, "NoSuchKey"),
        (&["scan", "s3://trail", "--inventory", "/no/such/manifest.json"], 1, "No such file"),
        (&["scan", "s3://trail", "--inventory", "Cargo.toml"], 1, "not the manifest.json"),
    ] {
        let done = refused(&server, args);
        assert_eq!(done.code, code, "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains(words), "{words:?} in {}", done.stderr);
    }
    inventory.manifest["fileFormat"] = json!("Parquet");
    inventory.put(&server);
    let done = refused(&server, &["scan", "s3://trail", "--inventory", &name]);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("in Parquet format, and only CSV is read"), "{}", done.stderr);
    inventory.manifest["fileFormat"] = json!("CSV");
    inventory.manifest["fileSchema"] = json!("Bucket, Key, Size");
    inventory.put(&server);
    let done = refused(&server, &["scan", "s3://trail", "--all-versions", "--inventory", &name]);
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("lists current versions only"), "{}", done.stderr);
}

#[test]
fn an_inventory_that_was_copied_is_found_beside_its_manifest() {
    let server = Server::start();
    let (objects, mut inventory) = trail();
    server.put("trail", Bucket::new(objects));
    inventory.put(&server);
    let listed = scan_bucket(&server, &["s3://trail"]);
    // The files lie where they lay, but the manifest names a place that is gone.
    for file in inventory.manifest["files"].as_array_mut().unwrap() {
        file["key"] = json!(format!("before//{}", file["key"].as_str().unwrap()));
    }
    inventory.put(&server);
    let found = with_inventory(&server, &["s3://trail"]);
    assert_eq!((found.code, found.text), (0, listed.text), "{}", found.stderr);
}

#[test]
fn a_manifest_on_disk_has_its_files_beside_it() {
    let server = Server::start();
    let (objects, inventory) = trail();
    server.put("trail", Bucket::new(objects));
    let listed = scan_bucket(&server, &["s3://trail"]);
    // As `aws s3 sync` copies it, and all in one folder.
    for (manifest, data) in [("2026-02-10T01-00Z/manifest.json", "data"), ("manifest.json", ".")] {
        let folder = Folder::new();
        let manifest = folder.put(manifest, inventory.manifest.to_string());
        for (key, body) in &inventory.files {
            folder.put(format!("{data}/{}", key.rsplit('/').next().unwrap()), body);
        }
        let found = scan_bucket(&server, &["s3://trail", "--inventory", manifest.to_str().unwrap()]);
        assert_eq!((found.code, found.text), (0, listed.text.clone()), "{}", found.stderr);
    }
}

#[test]
fn a_plan_by_inventory_makes_no_listing_and_knows_the_prices_of_classes() {
    let server = Server::start();
    server.put("trail", Bucket::new(Objects::default()));
    let body = [b'x'; 1000];
    let class = |region, class| current(&key("CloudTrail", region, 1, 1), &body, class);
    let files =
        [class("us-east-1", "STANDARD"), class("eu-west-1", "GLACIER_IR"), class("eu-west-2", "GLACIER")];
    Inventory::of(&files).put(&server);
    let name = format!("s3://lists/{MANIFEST}");
    let done = refused(&server, &["plan", "s3://trail", "--format", "json", "--inventory", &name]);
    assert_eq!(done.code, 3, "{}", done.stderr);
    let plan: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((&plan["readable"]["objects"], &plan["archived"]["objects"]), (&json!(2), &json!(1)));
    let near = |name: &str, cost: f64| {
        let found = plan["cost_usd"][name].as_f64().unwrap();
        assert!((found - cost).abs() < 1e-12, "{name} {found}");
    };
    // A look at each of the two buckets.
    assert_eq!(plan["requests"]["list"], 2);
    near("requests", 2.0 * 0.005e-3 + 0.0004e-3 + 0.01e-3);
    near("retrieval", 1000.0 * 0.03e-9);
    assert!(done.stderr.contains("what was delivered later is not in it"), "{}", done.stderr);
}

#[test]
fn a_run_goes_on_with_its_inventory_and_a_later_run_may_have_a_newer_one() {
    let server = Server::start();
    let (objects, inventory) = trail();
    server.put("trail", Bucket::new(objects));
    let (work, data) = (Folder::new(), Folder::new());
    let write = |name: &str, inventory: &Inventory| {
        for (key, body) in &inventory.files {
            data.put(format!("{name}/{}", key.rsplit('/').next().unwrap()), body);
        }
        data.put(format!("{name}/manifest.json"), inventory.manifest.to_string())
    };
    let old = write("old", &inventory);
    let late = (key("CloudTrail", "us-east-1", 2, 500), gzip(records([root(5000)])));
    let mut newer = Inventory { files: inventory.files.clone(), manifest: inventory.manifest.clone() };
    let rows = gzip(current(&late.0, &late.1, "STANDARD"));
    newer.manifest["files"]
        .as_array_mut()
        .unwrap()
        .push(json!({"key": "x/data/9.csv.gz", "size": rows.len()}));
    newer.files.push(("9.csv.gz".into(), rows));
    let new = write("new", &newer);
    server.change("trail", |bucket| {
        let (objects, _) = trail();
        objects.put(&late.0, late.1.clone());
        *bucket = Bucket::new(objects);
    });
    let scan = |out: &str, inventory: &std::path::Path, more: &[&str]| {
        let mut command = signed();
        command.args(["scan", "s3://trail", "--endpoint-url", &server.url(), "--resume", "--checkpoint"]);
        command
            .arg(work.at("state"))
            .arg("-o")
            .arg(work.at(out))
            .arg("--inventory")
            .arg(inventory)
            .args(more);
        let done = feed(command, b"");
        (done.code, done.stderr)
    };
    let read = |out: &str| std::fs::read_to_string(work.at(out)).unwrap();

    server.faults(|asked| {
        let late = asked.op == Op::Get && asked.key.contains("/us-east-1/2026/02/03/");
        late.then_some(Fault::Held)
    });
    let (code, stderr) = scan("one", &old, &["--max-duration", "1s"]);
    assert_eq!(code, 130, "{stderr}");
    server.faults(|_| None);
    let (code, stderr) = scan("one", &new, &[]);
    assert_eq!(code, 2, "{stderr}");
    assert!(stderr.contains("changed: --inventory"), "{stderr}");
    let (code, stderr) = scan("one", &old, &[]);
    assert_eq!(code, 0, "{stderr}");
    assert!(!read("one").contains(&id(5000)));
    let whole = scan_bucket(&server, &["s3://trail", "--inventory", old.to_str().unwrap()]);
    assert_eq!(read("one"), whole.text);

    let (code, stderr) = scan("two", &new, &[]);
    assert_eq!(code, 0, "{stderr}");
    let found = lines(&read("two"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["event"]["id"], id(5000));
}
