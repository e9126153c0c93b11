//! The program as a user runs it, with everything that it writes checked against its own schemas and books.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::wait::until;

/// The one certificate that is trusted. Reading the hundreds that a system trusts takes half the time of a short run.
pub(crate) const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/certificate.pem");

/// The program, in an environment without anything of the user's.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roottrail"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command
        .env_remove("NO_COLOR")
        .env("HOME", "/nonexistent")
        .env("SSL_CERT_FILE", CERTIFICATE)
        .env_remove("SSL_CERT_DIR")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null());
    command
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it ends by itself"),
            stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }
}

/// Runs the program.
pub(crate) fn roottrail<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Done {
    Done::of(command().args(args).output().unwrap())
}

/// Runs a command with this on standard input.
pub(crate) fn feed(mut command: Command, stdin: &[u8]) -> Done {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let stdin = stdin.to_vec();
    let writer = std::thread::spawn(move || {
        // A program that has seen enough need not read on.
        let _closed = pipe.write_all(&stdin);
    });
    let done = Done::of(child.wait_with_output().unwrap());
    writer.join().unwrap();
    done
}

/// A scan with everything that it wrote.
#[derive(Debug)]
pub(crate) struct Scan {
    pub(crate) code: i32,
    /// The findings as they were written.
    pub(crate) text: String,
    pub(crate) findings: Vec<Value>,
    pub(crate) errors: Vec<Value>,
    pub(crate) summary: Value,
    pub(crate) stderr: String,
}

impl Scan {
    /// `skipped`, `scanned`, `failed`.
    pub(crate) fn objects(&self) -> [u64; 3] {
        ["skipped", "scanned", "failed"].map(|name| self.summary["objects"][name].as_u64().unwrap())
    }

    /// `scanned`, `matched`, `malformed`.
    pub(crate) fn records(&self) -> [u64; 3] {
        ["scanned", "matched", "malformed"].map(|name| self.summary["records"][name].as_u64().unwrap())
    }

    /// `written`, `duplicates`, `filtered`.
    pub(crate) fn counts(&self) -> [u64; 3] {
        ["written", "duplicates", "filtered"].map(|name| self.summary["findings"][name].as_u64().unwrap())
    }

    /// The `kind` of each error line.
    pub(crate) fn kinds(&self) -> Vec<&str> {
        self.errors.iter().map(|error| error["kind"].as_str().unwrap()).collect()
    }

    /// One field of each finding.
    pub(crate) fn each(&self, pointer: &str) -> Vec<&Value> {
        self.findings.iter().map(|finding| finding.pointer(pointer).unwrap()).collect()
    }

    /// The event ids of the findings.
    pub(crate) fn ids(&self) -> Vec<&str> {
        self.each("/event/id").into_iter().map(|id| id.as_str().unwrap()).collect()
    }
}

/// Scans, and checks all that any scan must keep to.
pub(crate) fn scan<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Scan {
    scan_with(command(), args, b"")
}

/// Scans with a command of the test's own and something on standard input, with the checks of [`scan`].
pub(crate) fn scan_with<S: AsRef<OsStr>>(
    mut command: Command,
    args: impl IntoIterator<Item = S>,
    stdin: &[u8],
) -> Scan {
    let beside = tempfile::tempdir().unwrap();
    let (errors, summary) = (beside.path().join("errors"), beside.path().join("summary"));
    let coverage = beside.path().join("coverage");
    command.arg("scan").args(args);
    command.arg("--errors").arg(&errors).arg("--summary").arg(&summary);
    command.arg("--coverage").arg(&coverage);
    let done = feed(command, stdin);
    let read = |path: &Path| {
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{error}: {}", done.stderr))
    };
    let (errors, summary, coverage) = (read(&errors), read(&summary), read(&coverage));
    let schemas = schemas();
    let scan = Scan {
        code: done.code,
        findings: lines(&done.stdout),
        text: done.stdout,
        errors: lines(&errors),
        summary: serde_json::from_str(&summary).unwrap(),
        stderr: done.stderr,
    };
    for finding in &scan.findings {
        schemas.check("finding", finding);
    }
    for error in &scan.errors {
        schemas.check("error", error);
    }
    schemas.check("summary", &scan.summary);
    schemas.check("coverage", &serde_json::from_str(&coverage).unwrap());
    balanced(&scan);
    scan
}

fn balanced(scan: &Scan) {
    assert_eq!(scan.summary["exit_code"], scan.code);
    let ([skipped, scanned, failed], [_, matched, malformed]) = (scan.objects(), scan.records());
    let [written, duplicates, filtered] = scan.counts();
    assert_eq!(scan.summary["objects"]["listed"], skipped + scanned + failed);
    assert_eq!(matched, written + duplicates + filtered);
    assert_eq!(written, scan.findings.len() as u64);
    let of_records = scan.errors.iter().filter(|error| !error["record_index"].is_null()).count() as u64;
    assert!(malformed == 0 || of_records > 0, "malformed records without a line");
    assert!(scan.errors.len() as u64 >= failed + of_records, "a failed object without a line");
    let complete = scan.errors.is_empty();
    assert_eq!(scan.summary["complete"], complete);
    assert_eq!(scan.code == 3, !complete);
    let covered = |name: &str| {
        let days = scan.summary["coverage"].as_array().unwrap();
        days.iter().map(|day| day[name].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(covered("objects"), scanned + failed);
    assert_eq!(covered("records"), scan.records()[0]);
}

/// Whole lines, each of them JSON without a control character.
pub(crate) fn lines(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "half a line: {:?}", text.lines().last());
    let line = |line: &str| {
        assert!(!line.contains(|char: char| char < ' '), "{line:?}");
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
    };
    text.split_terminator('\n').map(line).collect()
}

/// What `roottrail schema` prints.
pub(crate) struct Schemas(Vec<(&'static str, jsonschema::Validator)>);

/// All that `roottrail schema` knows.
pub(crate) const SCHEMAS: [&str; 11] = [
    "finding",
    "error",
    "summary",
    "coverage",
    "manifest",
    "checkpoint",
    "verify",
    "report",
    "posture",
    "shard-plan",
    "part",
];

pub(crate) fn schemas() -> &'static Schemas {
    static VALIDATORS: OnceLock<Schemas> = OnceLock::new();
    VALIDATORS.get_or_init(|| {
        Schemas(SCHEMAS.map(|what| (what, jsonschema::draft202012::new(&schema(what)).unwrap())).into())
    })
}

/// One schema, as printed.
pub(crate) fn schema(what: &str) -> Value {
    let done = roottrail(["schema", what]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    serde_json::from_str(&done.stdout).unwrap()
}

impl Schemas {
    fn of(&self, what: &str) -> &jsonschema::Validator {
        &self.0.iter().find(|(name, _)| *name == what).unwrap().1
    }

    /// Fails where this is not as the schema says.
    pub(crate) fn check(&self, what: &str, value: &Value) {
        holds(self.of(what), value);
    }

    /// Whether a schema takes this.
    pub(crate) fn takes(&self, what: &str, value: &Value) -> bool {
        self.of(what).is_valid(value)
    }
}

fn holds(schema: &jsonschema::Validator, value: &Value) {
    let faults: Vec<String> =
        schema.iter_errors(value).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{faults:?} in {value}");
}

/// Sends a signal, once the program is ready to take it in order. Before that it would just die.
pub(crate) fn signal(child: &Child, name: &str) {
    let number = if name == "INT" { 2 } else { 15 };
    let caught = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        Some(u64::from_str_radix(mask.trim(), 16).unwrap() >> (number - 1) & 1 == 1)
    };
    let started = Instant::now();
    // Where there is no /proc, a while must do.
    until("ready for signals", || caught().unwrap_or(started.elapsed() > Duration::from_secs(2)));
    let kill = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

/// A folder of the test's own.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The path of something in it.
    pub(crate) fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file, and the folders above it.
    pub(crate) fn put(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }
}
