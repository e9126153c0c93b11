//! A trail to scan, on disk or in S3, and the real program to scan it with.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::support::logs::gzip;
use crate::support::s3::{ACCESS_KEY, Bucket, Fault, Objects, Op, SECRET_KEY, Server};
use crate::support::wait::until_running;

pub(super) const ACCOUNT: &str = "111122223333";

/// Random enough, and the same for the same seed.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

pub(super) fn event(id: u64, root: bool, note: &str) -> String {
    let identity = if root {
        format!(
            r#"{{"type":"Root","principalId":"{ACCOUNT}","arn":"arn:aws:iam::{ACCOUNT}:root","accountId":"{ACCOUNT}","accessKeyId":"AKIAZZZZZZZZEXAMPLE1"}}"#
        )
    } else {
        format!(r#"{{"type":"IAMUser","arn":"arn:aws:iam::{ACCOUNT}:user/b","accountId":"{ACCOUNT}"}}"#)
    };
    format!(
        r#"{{"eventVersion":"1.11","userIdentity":{identity},"eventTime":"2026-02-0{}T04:05:06Z","eventSource":"iam.amazonaws.com","eventName":"ListUsers","awsRegion":"us-east-1","requestParameters":{{"note":"{note}"}},"eventID":"20000000-0000-4000-8000-{id:012}","eventType":"AwsApiCall","recipientAccountId":"{ACCOUNT}"}}"#,
        1 + id % 7,
    )
}

pub(super) fn log(events: &[String]) -> Vec<u8> {
    let text = format!(r#"{{"Records":[{}]}}"#, events.join(","));
    gzip(text)
}

pub(super) fn key(region: &str, day: u32, name: &str) -> String {
    format!(
        "AWSLogs/{ACCOUNT}/CloudTrail/{region}/2026/02/{day:02}/{ACCOUNT}_CloudTrail_{region}_202602{day:02}T{name}.json.gz"
    )
}

/// The last of all keys: it is looked at, and is no log.
const LAST: &str = "notes.txt";
/// More GETs left than any test counts down from: the server answers all.
const ALL: u64 = u64::MAX / 2;

/// Objects of eight days and two regions: with findings, copies of events, differing copies, digests, and
/// some that are broken.
pub(super) fn trail(objects: u64) -> Vec<(String, Vec<u8>)> {
    let mut random = Random(0x5eed);
    let mut all = Vec::new();
    for n in 0..objects {
        let region = if n % 2 == 0 { "us-east-1" } else { "eu-west-1" };
        let day = u32::try_from(1 + n * 8 / objects).unwrap();
        let mut events: Vec<String> = (0..4 + random.below(40))
            .map(|i| event(100 * n + i, random.below(12) == 0, &"x".repeat(random.below(400) as usize)))
            .collect();
        if n % 9 == 0 && n > 0 {
            events.push(event(100 * (n - 9) + 98, true, "copy"));
        }
        if n % 9 == 0 {
            events.push(event(100 * n + 98, true, if n % 27 == 0 { "copy" } else { "another" }));
        }
        let mut body = log(&events);
        if n % 41 == 40 {
            body.truncate(body.len() / 2);
        }
        all.push((key(region, day, &format!("{:04}Z_{n:016}", n % 1440)), body));
        if n % 50 == 0 {
            let digest =
                format!("AWSLogs/{ACCOUNT}/CloudTrail-Digest/{region}/2026/02/{day:02}/d{n}.json.gz");
            all.push((digest, b"{}".to_vec()));
        }
    }
    all.push((LAST.into(), b"not a log".to_vec()));
    all
}

/// Where the trail lies.
pub(super) enum Place {
    Disk(PathBuf),
    S3(Server),
}

pub(super) struct World {
    pub(super) place: Place,
    pub(super) folder: tempfile::TempDir,
    /// GETs that the server still answers.
    gets_left: Arc<AtomicU64>,
}

impl World {
    pub(super) fn disk(trail: &[(String, Vec<u8>)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = Self { place: Place::Disk(folder.path().join("src")), folder, gets_left: Arc::default() };
        world.put(trail);
        world
    }

    pub(super) fn s3(trail: &[(String, Vec<u8>)]) -> Self {
        let server = Server::start();
        let gets_left = Arc::new(AtomicU64::new(u64::MAX));
        let left = gets_left.clone();
        server.faults(move |asked| {
            // Several parts of a run may read all that there is but for this, which is the last of all keys.
            let last = asked.key == LAST && left.load(Ordering::SeqCst) < ALL;
            let take = |left: u64| left.checked_sub(1);
            let held =
                asked.op == Op::Get && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_err();
            (held || last).then_some(Fault::Held)
        });
        let world = Self { place: Place::S3(server), folder: tempfile::tempdir().unwrap(), gets_left };
        world.put(trail);
        world
    }

    /// From now on the server answers this many GETs, never one for the last key, and holds the others: a run that has
    /// that to read goes on for ever, however fast or slow the machine is.
    pub(super) fn let_pass(&self, gets: u64) {
        self.gets_left.store(gets, Ordering::SeqCst);
    }

    /// Answers all GETs again.
    pub(super) fn let_all_pass(&self) {
        self.let_pass(u64::MAX);
    }

    /// As soon as this many GETs were answered, the others are held until the run has saved its state.
    pub(super) fn let_pass_after_a_save(&self, gets: u64) {
        let Place::S3(server) = &self.place else { unreachable!("a disk has no GETs") };
        let (passed, state) = (AtomicU64::new(0), self.path("state"));
        server.faults(move |asked| {
            if asked.op != Op::Get || state.exists() {
                passed.store(0, Ordering::SeqCst);
                return None;
            }
            let count = |passed: u64| (passed < gets).then_some(passed + 1);
            let held = passed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, count).is_err();
            held.then_some(Fault::Held)
        });
    }

    /// GETs that were asked for so far.
    pub(super) fn gets_asked(&self) -> usize {
        let Place::S3(server) = &self.place else { unreachable!("a disk has no GETs") };
        server.asked(Op::Get)
    }

    /// Waits until the run has saved its state, with findings.
    pub(super) fn wait_for_save(&self, child: &mut Child) {
        until_running(child, "a save with findings", || {
            // A checkpoint is put in place whole, so that what is there can be read.
            serde_json::from_str::<serde_json::Value>(&self.read("state"))
                .is_ok_and(|state| state["state"]["summary"]["findings"][0].as_u64() > Some(0))
        });
    }

    /// All objects that there are: on disk further ones, in S3 instead of those before.
    pub(super) fn put(&self, trail: &[(String, Vec<u8>)]) {
        match &self.place {
            Place::Disk(root) => {
                for (key, body) in trail {
                    let path = root.join(key);
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, body).unwrap();
                }
            }
            Place::S3(server) => {
                let objects = Objects::default();
                for (key, body) in trail {
                    objects.put(key, body.clone());
                }
                server.put("trail", Bucket::new(objects));
            }
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// `roottrail scan` of the trail.
    pub(super) fn scan(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_roottrail"));
        self.finish(&mut command, arguments);
        command
    }

    fn finish(&self, command: &mut Command, arguments: &[&str]) {
        command.arg("scan").current_dir(self.folder.path()).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        match &self.place {
            Place::Disk(_) => {
                command.arg("src");
            }
            Place::S3(server) => {
                command.arg("s3://trail").args(["--endpoint-url", &server.url(), "--concurrency", "16"]);
                command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
                command.env("AWS_REGION", "us-east-1").env("AWS_EC2_METADATA_DISABLED", "true");
            }
        }
        command.args(["--threads", "2"]).args(arguments);
    }

    /// Returns the command of a scan where a file cannot grow beyond `kib`, as on a disk that is full.
    pub(super) fn scan_limited(&self, kib: u64, arguments: &[&str]) -> Command {
        let mut command = Command::new("sh");
        let program = env!("CARGO_BIN_EXE_roottrail");
        command.args(["-c", &format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", 2 * kib), program]);
        self.finish(&mut command, arguments);
        command
    }
}

pub(super) fn run(command: &mut Command) -> (i32, String) {
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code().unwrap_or(-1), String::from_utf8_lossy(&stderr).into_owned())
}

pub(super) use crate::support::cli::signal;
pub(super) use crate::support::seed::seed;
