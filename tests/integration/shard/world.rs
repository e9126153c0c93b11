//! A trail with all that can go wrong, on disk and in S3, and the program run over it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::cli::{Done, Folder, command};
use crate::support::logs::{gzip, key, records, root, user};
use crate::support::s3::{ACCESS_KEY, Bucket, Objects, SECRET_KEY, Server};
use serde_json::Value;

/// Outputs that are compared, with the options that make them. The coverage is the last.
const OUTPUTS: [(&str, &str); 8] = [
    ("--also", "table:"),
    ("--also", "csv:"),
    ("--also", "ecs:"),
    ("--also", "ocsf:"),
    ("--also", "hec:"),
    ("--also", "bulk:"),
    ("--errors", ""),
    ("--coverage", ""),
];

/// Where shards and scans are run.
pub(super) struct World<'w> {
    pub(super) folder: &'w Folder,
    pub(super) server: &'w Server,
}

impl World<'_> {
    pub(super) fn command(&self) -> Command {
        let mut command = command();
        command
            .current_dir(self.folder.path())
            .env("AWS_ENDPOINT_URL_S3", self.server.url())
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .env("AWS_REGION", "us-east-1");
        command
    }

    pub(super) fn run(&self, args: &[&str]) -> Done {
        Done::of(self.command().args(args).output().unwrap())
    }

    /// What `shard status` says.
    pub(super) fn status(&self, plan: &str) -> Value {
        let done = self.run(&["shard", "status", "--plan", plan, "--format", "json"]);
        serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"))
    }

    /// The number of shards.
    pub(super) fn shards(&self, plan: &str) -> usize {
        usize::try_from(self.status(plan)["shards"].as_u64().unwrap()).unwrap()
    }

    /// Runs a scan, or a collection, with all outputs. Returns these, but for times and arguments.
    pub(super) fn outputs(&self, name: &str, args: &[&str], manifest: bool) -> (i32, Vec<String>) {
        let at = |n: usize| self.folder.at(format!("{name}.{n}"));
        let mut command = self.command();
        command.args(args).args(["-q", "-o"]).arg(at(0));
        for (n, (option, prefix)) in OUTPUTS.iter().enumerate() {
            command.arg(option).arg(format!("{prefix}{}", at(n + 1).display()));
        }
        let coverage = OUTPUTS.len();
        let (summary, hashes) = (coverage + 1, coverage + 2);
        command.arg("--summary").arg(at(summary));
        if manifest {
            command.arg("--manifest").arg(at(hashes));
        }
        let done = Done::of(command.output().unwrap());
        let read =
            |path: PathBuf| fs::read_to_string(&path).unwrap_or_else(|error| panic!("{error}: {done:?}"));
        let mut texts: Vec<String> = (0..coverage).map(|n| read(at(n))).collect();
        let mut coverage: Value = serde_json::from_str(&read(at(coverage))).unwrap();
        let mut summary: Value = serde_json::from_str(&read(at(summary))).unwrap();
        for json in [&mut coverage, &mut summary] {
            for field in ["arguments", "elapsed_seconds", "latency_ms"] {
                json.as_object_mut().unwrap().remove(field);
            }
            texts.push(json.to_string());
        }
        if manifest {
            let objects =
                read(at(hashes)).lines().filter(|line| line.contains(r#""type":"object""#)).collect();
            texts.push(objects);
        }
        (done.code, texts)
    }
}

/// A small trail with all that can go wrong: copies across days and regions, copies that differ, damaged and broken
/// objects, names that are no logs, digests.
fn trail(put: &mut dyn FnMut(&str, Vec<u8>)) {
    let mut n = 0;
    for region in ["eu-west-1", "us-east-1"] {
        for day in 1..=4 {
            for object in 0..6 {
                n += 1;
                // Each event is in two regions, and every third object repeats one of the day before.
                let id = u64::from(day * 10 + object);
                let mut events = vec![root(id), user(1000 + n), root(500 + n)];
                if object % 3 == 0 {
                    events.push(root(id - 10 + 1));
                }
                if object == 4 && region == "us-east-1" {
                    events[0] = root(id).replace("ListUsers", "GetUser");
                }
                put(&key("CloudTrail", region, day, object), gzip(records(events)));
            }
        }
        let cut = gzip(records([root(31), root(7000 + n)]));
        put(&key("CloudTrail", region, 2, 8), cut[..cut.len() - 6].to_vec());
        put(&key("CloudTrail", region, 3, 9), b"no gzip".to_vec());
        put(&key("CloudTrail-Digest", region, 3, 1), gzip("{}"));
    }
    put("AWSLogs/111122223333/CloudTrail/us-east-1/2026/02/03/notes.pdf", b"x".to_vec());
    put("other/late.json", records([root(12), root(41)]).into_bytes());
    put("other/old.zip", b"PK\x03\x04".to_vec());
}

/// Runs a test with the trail, and with a bucket for plans and parts.
pub(super) fn world(test: impl FnOnce(&World<'_>)) {
    let (folder, server, objects) = (Folder::new(), Server::start(), Objects::default());
    trail(&mut |key, bytes| {
        folder.put(Path::new("logs").join(key), &bytes);
        objects.put(key, bytes);
    });
    server.put("trail", Bucket::new(objects));
    server.change("trail", |bucket| {
        bucket.unreadable.push(key("CloudTrail", "us-east-1", 1, 2));
        bucket.vanished.insert(key("CloudTrail", "us-east-1", 4, 3));
    });
    server.put("work", Bucket::new(Objects::default()));
    test(&World { folder: &folder, server: &server });
}

/// A worker for one shard, named as Kubernetes names it.
pub(super) fn run_shard(world: &World<'_>, plan: &str, shard: usize) -> Command {
    let mut command = world.command();
    command.args(["shard", "run", "-q", "--plan", plan]).env("JOB_COMPLETION_INDEX", shard.to_string());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Starts a worker for one shard.
pub(super) fn start(world: &World<'_>, plan: &str, shard: usize) -> Child {
    run_shard(world, plan, shard).spawn().unwrap()
}
