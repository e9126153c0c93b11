//! Where outputs stand: what is in their way, what comes in their way, and what becomes of them where a reader goes.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::cli::{Done, Folder, command, lines};
use crate::support::logs::{gzip, records, root};
use serde_json::Value;

/// A folder of input with many findings.
fn many() -> Folder {
    let folder = Folder::new();
    for n in 0..20 {
        folder.put(format!("{n:02}.json.gz"), gzip(records((0..50).map(|i| root(n * 50 + i)))));
    }
    folder
}

fn one() -> Folder {
    let folder = Folder::new();
    folder.put("a.json", records([root(1)]));
    folder
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Runs in a folder, so that names can be short.
fn run_in(work: &Folder, args: &[&str]) -> Done {
    Done::of(command().current_dir(work.path()).args(args).output().unwrap())
}

/// With other outputs the run goes on to its end, and says so truly.
#[test]
fn a_reader_that_goes_cuts_no_other_output() {
    let (input, work) = (many(), Folder::new());
    let source = input.path().to_str().unwrap();
    let mut child = command()
        .current_dir(work.path())
        .args([
            "scan",
            source,
            "-q",
            "--also",
            "csv:all.csv",
            "--summary",
            "summary",
            "--manifest",
            "manifest",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read_to_string(work.at("all.csv")).unwrap().lines().count(), 1001);
    let summary: Value = serde_json::from_slice(&fs::read(work.at("summary")).unwrap()).unwrap();
    assert_eq!((&summary["complete"], &summary["findings"]["written"]), (&true.into(), &1000.into()));
    let manifest = lines(&fs::read_to_string(work.at("manifest")).unwrap());
    assert_eq!(manifest.last().unwrap()["complete"], true);

    // Only an account of it: that is of the whole run as well.
    let mut child = command()
        .args(["scan", source, "-q", "--summary", work.at("only").to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let summary: Value = serde_json::from_slice(&fs::read(work.at("only")).unwrap()).unwrap();
    assert_eq!((&summary["complete"], &summary["exit_code"]), (&true.into(), &0.into()));
}

#[test]
fn a_named_pipe_whose_reader_goes_is_an_error() {
    let input = many();
    let source = input.path().to_str().unwrap();
    for option in ["-o", "--also"] {
        let work = Folder::new();
        fifo(&work.at("pipe"));
        let place = if option == "-o" { "pipe" } else { "csv:pipe" };
        let child = command()
            .current_dir(work.path())
            .args(["scan", source, "-q", option, place, "--summary", "summary"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        fs::File::open(work.at("pipe")).unwrap().read_exact(&mut [0; 100]).unwrap();
        let done = Done::of(child.wait_with_output().unwrap());
        assert_eq!(done.code, 1, "{option}");
        assert!(done.stderr.contains("cannot write pipe"), "{}", done.stderr);
        assert!(!work.at("summary").exists(), "a run that was cut has no account");
    }
}

#[test]
fn standard_output_that_is_closed_is_an_error() {
    let (input, work) = (one(), Folder::new());
    let binary = env!("CARGO_BIN_EXE_roottrail");
    let run = |rest: &str| {
        let source = input.path().display();
        let script = format!("exec {binary} {rest} >&-").replace("SOURCE", &source.to_string());
        Done::of(Command::new("sh").current_dir(work.path()).args(["-c", &script]).output().unwrap())
    };
    for rest in ["scan SOURCE -q", "scan SOURCE -q -o out --also csv:-", "plan SOURCE", "rules"] {
        let done = run(rest);
        assert_eq!(
            (done.code, done.stderr.as_str()),
            (1, "roottrail: standard output is closed\n"),
            "{rest}"
        );
    }
    assert_eq!(run("scan SOURCE -q -o out").code, 0);
    // A stream that leads nowhere is not closed.
    let null = fs::OpenOptions::new().read(true).write(true).open("/dev/null").unwrap();
    let scan = command().arg("scan").arg(input.path()).stdout(null).output().unwrap();
    assert_eq!(scan.status.code(), Some(0));
}

/// What stands at a name that only the program itself uses is not written to.
#[test]
fn nothing_is_written_through_what_stands_in_the_way() {
    let input = one();
    let source = input.path().to_str().unwrap();
    let ways: [(&str, &[&str]); 4] = [
        (".o.roottrail-unfinished", &["-o", "o"]),
        (".o.roottrail-partial", &["-o", "o", "--checkpoint", "c"]),
        (".c.roottrail-partial", &["-o", "o", "--checkpoint", "c"]),
        (".c.roottrail-lock", &["-o", "o", "--checkpoint", "c"]),
    ];
    for (name, outputs) in ways {
        for what in ["link", "loose link", "second name", "pipe"] {
            let work = Folder::new();
            work.put("victim", "precious");
            match what {
                "link" => symlink("victim", work.at(name)).unwrap(),
                "loose link" => symlink("nowhere", work.at(name)).unwrap(),
                "second name" => fs::hard_link(work.at("victim"), work.at(name)).unwrap(),
                _ => fifo(&work.at(name)),
            }
            let done = run_in(&work, &[&["scan", source, "-q"], outputs].concat());
            assert_eq!(done.code, 1, "{name}, {what}");
            assert!(done.stderr.contains(name), "{name}, {what}: {}", done.stderr);
            assert_eq!(fs::read(work.at("victim")).unwrap(), b"precious", "{name}, {what}");
            assert!(!work.at("nowhere").exists(), "{name}, {what}");
        }
    }
    // A checkpoint that is to be gone on with, as well.
    let work = Folder::new();
    assert_eq!(run_in(&work, &["scan", source, "-q", "-o", "o", "--checkpoint", "c"]).code, 0);
    fs::rename(work.at("c"), work.at("elsewhere")).unwrap();
    symlink("elsewhere", work.at("c")).unwrap();
    let done = run_in(&work, &["scan", source, "-q", "-o", "o2", "--checkpoint", "c", "--resume"]);
    assert_eq!(done.code, 1, "{}", done.stderr);
}

#[test]
fn a_file_that_appears_during_the_run_is_not_replaced() {
    let work = Folder::new();
    for durable in [false, true] {
        let (input, out) = (format!("in-{durable}"), format!("out-{durable}"));
        fifo(&work.at(&input));
        let mut args = vec!["scan", &input, "-q", "-o", &out];
        args.extend(durable.then_some(["--checkpoint", "c"]).into_iter().flatten());
        let child = command().current_dir(work.path()).args(&args).stderr(Stdio::piped()).spawn().unwrap();
        // The run waits for the pipe's other end, and its outputs are open by then.
        let pipe = fs::OpenOptions::new().write(true).open(work.at(&input)).unwrap();
        work.put(&out, "precious");
        std::io::Write::write_all(&mut &pipe, root(1).as_bytes()).unwrap();
        drop(pipe);
        let done = Done::of(child.wait_with_output().unwrap());
        assert_eq!(done.code, 1, "{durable}: {}", done.stderr);
        assert_eq!(fs::read(work.at(&out)).unwrap(), b"precious");
        let kind = if durable { "partial" } else { "unfinished" };
        let partial = format!(".{out}.roottrail-{kind}");
        assert!(done.stderr.contains(&partial) && done.stderr.contains("--force"), "{}", done.stderr);
        assert_eq!(lines(&fs::read_to_string(work.at(partial)).unwrap()).len(), 1);
    }
}

#[test]
fn outputs_have_the_mode_of_the_old_file_or_of_any_new_one() {
    let (input, work) = (one(), Folder::new());
    let source = input.path().to_str().unwrap();
    let mode = |name: &str| fs::metadata(work.at(name)).unwrap().mode() & 0o777;
    work.put("old", "");
    fs::set_permissions(work.at("old"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(run_in(&work, &["scan", source, "-q", "-o", "old", "--force"]).code, 0);
    assert_eq!(mode("old"), 0o640);
    let script = format!(
        "umask 027; exec {} scan {source} -q -o new --errors errors --checkpoint c",
        env!("CARGO_BIN_EXE_roottrail")
    );
    assert!(Command::new("sh").current_dir(work.path()).args(["-c", &script]).status().unwrap().success());
    assert_eq!((mode("new"), mode("errors"), mode("c")), (0o640, 0o640, 0o600));
    let script = format!(
        "umask 077; {0} shard plan -q {source} --into p && exec {0} shard run -q --plan p/plan.json --index 0",
        env!("CARGO_BIN_EXE_roottrail")
    );
    assert!(Command::new("sh").current_dir(work.path()).args(["-c", &script]).status().unwrap().success());
    assert_eq!((mode("p/plan.json"), mode("p/parts/part-00000.ndjson.gz")), (0o600, 0o600));
}

#[test]
fn what_is_read_is_not_written_to() {
    let work = Folder::new();
    let evidence = records([root(1)]);
    work.put("in/a.json", &evidence);
    work.put("in/b.json", &evidence);
    fs::hard_link(work.at("in/b.json"), work.at("twin")).unwrap();
    work.put("list", "in/a.json\n");
    let cases: [&[&str]; 15] = [
        &["scan", "in/a.json", "-o", "x", "--errors", "in/a.json"],
        &["scan", "in", "-o", "in/a.json"],
        &["scan", "in", "-o", "twin"],
        &["scan", "in/b.json", "--also", "csv:twin"],
        &["scan", "in", "-o", "x", "--checkpoint", "in/a.json"],
        &["scan", "--objects-from", "list", "--summary", "list"],
        &["scan", "in", "-o", "z", "--checkpoint", ".z.roottrail-partial"],
        &["scan", "in", "-o", "z", "--errors", ".z.roottrail-unfinished"],
        &["scan", "in", "-o", "z", "--checkpoint", "c", "--manifest", ".c.roottrail-lock"],
        &["scan", "in/a.json", "-o", "x", "--verify-digests", "--save-public-keys", "in/a.json"],
        &["verify", "in", "-o", "in/a.json"],
        &["verify", "in", "-o", "x", "--errors", "twin"],
        &["verify", "in", "--save-public-keys", "in/a.json"],
        &["posture", "in/a.json", "-o", "in/a.json"],
        &["posture", "in", "-o", "in/b.json"],
    ];
    for case in cases {
        let done = run_in(&work, &[case, &["-q", "--force"]].concat());
        assert_eq!(done.code, 2, "{case:?}: {}", done.stderr);
        assert!(done.stderr.contains("name another file"), "{case:?}: {}", done.stderr);
        assert!(!work.at("x").exists() && !work.at("z").exists(), "{case:?}");
    }
    let stdin = fs::File::open(work.at("in/a.json")).unwrap();
    let done = command()
        .current_dir(work.path())
        .args(["scan", "-", "-q", "--force", "-o", "in/a.json"])
        .stdin(stdin)
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(2));
    for name in ["in/a.json", "in/b.json", "twin"] {
        assert_eq!(fs::read_to_string(work.at(name)).unwrap(), evidence, "{name}");
    }
    // Beside what is read, and not read itself.
    assert_eq!(run_in(&work, &["scan", "in", "-q", "-o", "in/findings.out"]).code, 0);
}

#[test]
fn what_a_killed_run_left_is_named_and_removed() {
    let work = Folder::new();
    fifo(&work.at("in"));
    let mut child =
        command().current_dir(work.path()).args(["scan", "in", "-q", "-o", "out"]).spawn().unwrap();
    // The run has opened its outputs by the time that it reads.
    let pipe = fs::OpenOptions::new().write(true).open(work.at("in")).unwrap();
    work.put("log.json", records([root(1)]));
    let run = || run_in(&work, &["scan", "log.json", "-o", "out", "--progress", "never"]);
    let busy = run();
    assert_eq!(busy.code, 1);
    assert!(busy.stderr.contains("another roottrail is writing it"), "{}", busy.stderr);
    child.kill().unwrap();
    child.wait().unwrap();
    drop(pipe);
    assert!(work.at(".out.roottrail-unfinished").exists());
    let done = run();
    assert_eq!(done.code, 0, "{}", done.stderr);
    let told = "removed .out.roottrail-unfinished, which a killed run had left";
    assert!(
        done.stderr.contains(told) || done.stderr.contains("./.out.roottrail-unfinished"),
        "{}",
        done.stderr
    );
    assert!(!work.at(".out.roottrail-unfinished").exists());
    assert_eq!(lines(&fs::read_to_string(work.at("out")).unwrap()).len(), 1);
}
