//! What a user meets at the command line: exit codes, outputs, messages, odd names, hostile names.

use crate::support::cli::{Done, Folder, command, feed, lines, roottrail, scan, scan_with};
use crate::support::logs::{gzip, id, key, records, root, user};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A folder with one file that holds one root event.
fn one_finding() -> Folder {
    let folder = Folder::new();
    folder.put("a.json", records([root(1), user(2)]));
    folder
}

#[test]
fn a_complete_run_ends_with_0() {
    let done = roottrail(["scan", "sample-logs"]);
    assert_eq!((done.code, lines(&done.stdout).len()), (0, 42));
    for words in [
        "objects   118 listed: 84 scanned, 34 skipped (25 digest, 1 insight,\n          8 other name), 0 failed",
        "records   421 scanned, 43 of root",
        "findings  42 written (11 critical, 11 high, 13 medium, 7 low), 1 duplicate,\n          0 filtered",
        "console password               14        2        -        -       16",
        "records/s",
    ] {
        assert!(done.stderr.contains(words), "{words:?} in {}", done.stderr);
    }
}

#[test]
fn findings_end_with_10_where_asked_for() {
    let folder = one_finding();
    let with = |option: &str| scan([folder.path().as_os_str(), option.as_ref()]).code;
    // A root access key was used: critical.
    for (option, code) in [
        ("--fail-on-findings", 10),
        ("--fail-on-findings=low", 10),
        ("--fail-on-findings=critical", 10),
        ("-v", 0),
    ] {
        assert_eq!(with(option), code, "{option}");
    }
    let low = Folder::new();
    low.put("a.json", records([root(1).replace("AKIA", "ASIA")]));
    for (option, code) in [("--fail-on-findings", 10), ("--fail-on-findings=medium", 0)] {
        assert_eq!(scan([low.path().as_os_str(), option.as_ref()]).code, code, "{option}");
    }
    // What a filter hides does not fail, and what is missing outweighs what was found.
    let hidden = ["--fail-on-findings", "--event-name", "ConsoleLogin"];
    assert_eq!(scan([folder.path().to_str().unwrap()].into_iter().chain(hidden)).code, 0);
    folder.put("b.json", "broken");
    assert_eq!(with("--fail-on-findings"), 3);
}

#[test]
fn nothing_to_read_ends_with_5() {
    let folder = Folder::new();
    let empty = scan([folder.path()]);
    assert_eq!((empty.code, empty.objects()), (5, [0, 0, 0]));
    assert!(empty.stderr.contains("NOTHING READ"), "{}", empty.stderr);
    folder.put("notes.txt", "x");
    folder.put(key("CloudTrail-Digest", "us-east-1", 3, 1), "x");
    assert_eq!(scan([folder.path()]).code, 5);
    folder.put(key("CloudTrail", "us-east-1", 3, 1), gzip(records([root(1)])));
    assert_eq!(scan([folder.path()]).code, 0);
    let options = ["--account", "444455556666"].map(OsStr::new);
    let left_out = scan([folder.path().as_os_str()].into_iter().chain(options));
    assert_eq!((left_out.code, left_out.objects()), (5, [1, 0, 0]));
}

#[test]
fn of_several_sources_an_empty_one_is_named() {
    let [full, empty] = [Folder::new(), Folder::new()];
    full.put("a.json", records([root(1)]));
    let both = scan([full.path(), empty.path()]);
    let warning = |of: &Folder| format!("warning: {}: no object in scope", of.path().display());
    assert_eq!((both.code, both.objects()), (0, [0, 1, 0]));
    assert!(both.stderr.contains(&warning(&empty)), "{}", both.stderr);
    assert!(!both.stderr.contains(&warning(&full)), "{}", both.stderr);
    let quiet = scan([full.path().as_os_str(), empty.path().as_os_str(), OsStr::new("-q")]);
    assert_eq!((quiet.code, quiet.stderr.as_str()), (0, ""));
}

#[test]
fn what_is_missing_or_broken_ends_with_3() {
    let folder = one_finding();
    // What is typed must be there: nothing is read of the rest either.
    for sources in [vec![folder.path(), &folder.at("missing.json")], vec![&folder.at("missing")]] {
        let done =
            roottrail(["scan".as_ref()].into_iter().chain(sources.iter().map(|path| path.as_os_str())));
        assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{}", done.stderr);
        assert!(done.stderr.contains("/missing") && done.stderr.contains("No such file"), "{}", done.stderr);
        assert!(!done.stderr.contains("INCOMPLETE"), "{}", done.stderr);
    }
}

#[test]
fn usage_errors_end_with_2_before_anything_is_touched() {
    let folder = one_finding();
    let out = folder.at("out");
    let cases: &[&[&str]] = &[
        &["scan"],
        &["scan", "sample-logs", "--no-such-option"],
        &["scan", "sample-logs", "-f", "xml"],
        &["scan", "sample-logs", "--also", "csv"],
        &["scan", "sample-logs", "--also", "xml:file"],
        &["scan", "sample-logs", "--threads", "0"],
        &["scan", "sample-logs", "--max-object-size", "lots"],
        &["scan", "sample-logs", "--max-object-size", "0"],
        &["scan", "sample-logs", "-q", "-v"],
        &["scan", "sample-logs", "--no-raw", "-f", "ecs"],
        &["scan", "sample-logs", "--no-raw", "--also", "hec:OUT"],
        &["scan", "sample-logs", "--fail-on-findings=bad"],
        &["scan", "sample-logs", "--progress", "sometimes"],
        &["scan", "sample-logs", "--external-id", "x"],
        &["scan", "-", "-"],
        &["scan", "-", "--objects-from", "-"],
        &["scan", "s3://"],
        &["rules", "no-such-rule"],
        &["schema", "everything"],
        &["no-such-command"],
        &[],
    ];
    for case in cases {
        let case: Vec<String> = case.iter().map(|arg| arg.replace("OUT", out.to_str().unwrap())).collect();
        let mut args = case.clone();
        if args.first().is_some_and(|arg| arg == "scan") {
            args.extend(["-o".into(), out.to_str().unwrap().into()]);
        }
        let done = feed_nothing(&args);
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{case:?}: {}", done.stderr);
        assert!(!done.stderr.is_empty() && !done.stderr.contains("panicked"), "{case:?}");
        assert!(!out.exists(), "{case:?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "temporary files are left");
}

fn feed_nothing<S: AsRef<OsStr>>(args: &[S]) -> Done {
    let mut command = command();
    command.args(args);
    feed(command, b"")
}

#[test]
fn help_and_version_go_to_standard_output() {
    for args in [&["--help"][..], &["scan", "--help"], &["scan", "-h"], &["--version"], &["help", "rules"]] {
        let done = roottrail(args);
        assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{args:?}");
        assert!(done.stdout.to_lowercase().contains("root"), "{args:?}");
    }
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let folder = Folder::new();
    for n in 0..20 {
        folder.put(format!("{n:02}.json.gz"), gzip(records((0..400).map(|i| root(n * 400 + i)))));
    }
    for wanted in [0, 1, 300] {
        // A scan that takes more than five seconds would speak of its progress.
        let scan = vec!["scan", folder.path().to_str().unwrap(), "--progress", "never"];
        for command_line in [scan, vec!["rules", "--format", "json"]] {
            let mut child =
                command().args(&command_line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut reader = BufReader::with_capacity(64, child.stdout.take().unwrap());
            for _ in 0..wanted {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
            }
            drop(reader);
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{command_line:?}");
            assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{command_line:?} after {wanted} lines");
        }
    }
}

#[test]
fn output_that_cannot_be_written_ends_with_1() {
    let folder = one_finding();
    let source = folder.path().to_str().unwrap();
    let missing = folder.at("no/such/folder/out");
    for option in ["-o", "--errors", "--summary"] {
        let done = roottrail(["scan", source, option, missing.to_str().unwrap()]);
        assert_eq!((done.code, done.stdout.as_str()), (1, ""), "{option}");
        assert!(done.stderr.contains(&format!("cannot write {}", missing.display())), "{}", done.stderr);
        let done = roottrail(["scan", source, option, source]);
        assert_eq!(done.code, 1, "{option}");
        assert!(done.stderr.contains("is a directory"), "{}", done.stderr);
        let done = roottrail(["scan", source, option, "/dev/full"]);
        // Nothing is written to an error file where there is no error.
        assert_eq!(done.code == 1, option != "--errors", "{option}: {}", done.stderr);
    }
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command().args(["scan", source]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write standard output"));
}

#[test]
fn files_that_exist_are_replaced_only_with_force() {
    let folder = one_finding();
    let work = Folder::new();
    let source = folder.path().to_str().unwrap();
    for option in ["-o", "--errors", "--summary"] {
        let path = work.put("there", "precious");
        let with = |more: &[&str]| {
            roottrail(
                ["scan", source, option, path.to_str().unwrap()]
                    .iter()
                    .chain(more)
                    .copied()
                    .collect::<Vec<_>>(),
            )
        };
        let refused = with(&[]);
        assert_eq!(refused.code, 1, "{option}");
        assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        assert_eq!(with(&["--force"]).code, 0, "{option}");
        assert_ne!(fs::read(&path).unwrap(), b"precious");
    }
    assert_eq!(fs::read_dir(work.path()).unwrap().count(), 1, "temporary files are left");
}

/// Two outputs in one place: one of them would be lost.
#[test]
fn outputs_must_have_places_of_their_own() {
    let folder = one_finding();
    let work = Folder::new();
    let (source, out) = (folder.path().to_str().unwrap(), work.at("out"));
    let out = out.to_str().unwrap();
    let dotted = format!("{}/./out", work.path().display());
    for options in [
        vec!["-o", out, "--errors", out],
        vec!["-o", out, "--summary", &dotted],
        vec!["--errors", out, "--summary", out],
        vec!["-o", out, "--also", &format!("csv:{out}")],
    ] {
        let done = roottrail(["scan", source].iter().chain(&options).copied().collect::<Vec<_>>());
        assert_eq!(done.code, 2, "{options:?}: {}", done.stderr);
        assert_eq!(fs::read_dir(work.path()).unwrap().count(), 0, "{options:?}");
    }
    assert_eq!(roottrail(["scan", source, "-o", "/dev/null", "--errors", "/dev/null"]).code, 0);
}

/// `-` is standard output, which takes findings and nothing else.
#[test]
fn a_dash_is_standard_output() {
    let folder = one_finding();
    let source = folder.path().to_str().unwrap();
    let work = Folder::new();
    let in_work = |args: &[&str]| {
        let mut command = command();
        command.current_dir(work.path()).args(["scan", source]).args(args);
        feed(command, b"")
    };
    let files = || {
        let names = fs::read_dir(work.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    };
    let plain = in_work(&[]);
    let dash = in_work(&["-o", "-"]);
    assert_eq!((dash.code, &dash.stdout), (0, &plain.stdout), "{}", dash.stderr);
    assert_eq!(lines(&dash.stdout).len(), 1);
    assert_eq!(in_work(&["--output=-", "--force"]).stdout, plain.stdout);
    for (args, says) in [
        (&["-o", "-", "--also", "csv:-"][..], "one format"),
        (&["--also", "csv:-"], "one format"),
        (&["-o", "out", "--also", "csv:-", "--also", "hec:-"], "one format"),
        (&["-o", "out", "--errors", "-"], "--errors needs a file"),
        (&["-o", "-", "--errors", "-"], "--errors needs a file"),
        (&["-o", "out", "--summary", "-"], "--summary needs a file"),
        (&["-o", "out", "--coverage", "-"], "--coverage needs a file"),
        (&["-o", "out", "--manifest", "-"], "--manifest needs a file"),
        (&["-o", "-", "--checkpoint", "state"], "--checkpoint needs"),
        (&["-o", "out", "--also", "csv:-", "--checkpoint", "state"], "--checkpoint needs"),
        (&["-o", "out", "--checkpoint", "-"], "--checkpoint needs"),
        (&["-o", "out", "--checkpoint", "./out"], "two outputs"),
        (&["-o", "out", "--errors", "state", "--checkpoint", "state"], "two outputs"),
        (&["-o", "out", "--coverage", "out"], "two outputs"),
        (&["-o", "out", "--manifest", "out"], "two outputs"),
    ] {
        let done = in_work(args);
        assert_eq!((done.code, done.stdout.as_str()), (2, ""), "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains(says), "{args:?}: {}", done.stderr);
        assert_eq!(files(), [""; 0], "{args:?}");
    }
    let both = in_work(&["-o", "out", "--also", "csv:-", "--manifest", "manifest"]);
    assert_eq!(both.code, 0, "{}", both.stderr);
    assert!(both.stdout.lines().count() == 2 && both.stdout.contains("root-activity"), "{}", both.stdout);
    assert_eq!(files(), ["manifest", "out"]);
    assert_eq!(lines(&fs::read_to_string(work.at("out")).unwrap()).len(), 1);
    // The manifest says what is in files: others can compare nothing else.
    let manifest = lines(&fs::read_to_string(work.at("manifest")).unwrap());
    let outputs: Vec<_> = manifest.iter().filter(|line| line["type"] == "output").collect();
    assert!(outputs.len() == 1 && outputs[0]["path"] == "out", "{outputs:?}");
    // A file of this name can still be had.
    assert_eq!(in_work(&["-o", "./-"]).code, 0);
    assert_eq!(fs::read_to_string(work.at("-")).unwrap(), plain.stdout);
}

#[test]
fn a_replaced_file_keeps_nothing_of_the_old_one_and_a_link_stays_a_link() {
    let folder = one_finding();
    let work = Folder::new();
    let real = work.put("real", "x".repeat(100_000));
    let link = work.at("link");
    symlink(&real, &link).unwrap();
    let done = roottrail([
        "scan".as_ref(),
        folder.path().as_os_str(),
        "--force".as_ref(),
        "-o".as_ref(),
        link.as_os_str(),
    ]);
    assert_eq!((done.code, done.stdout.as_str()), (0, ""));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(lines(&fs::read_to_string(&real).unwrap()).len(), 1);
    // Others may read it as they may read any file that this user creates.
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(&real), mode(&folder.at("a.json")));
}

#[test]
fn devices_and_pipes_are_written_to_as_they_are() {
    let folder = one_finding();
    let source = folder.path().to_str().unwrap();
    for force in [false, true] {
        let mut args = vec!["scan", source, "-o", "/dev/null", "--summary", "/dev/null"];
        args.extend(force.then_some("--force"));
        let done = roottrail(args);
        assert_eq!((done.code, done.stdout.as_str()), (0, ""));
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
    let work = Folder::new();
    let fifo = work.at("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let mut child = command().args(["scan", source, "-o", fifo.to_str().unwrap(), "-q"]).spawn().unwrap();
    let mut text = String::new();
    fs::File::open(&fifo).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(lines(&text).len(), 1);
    // A pipe that was named is an output like a file: what its reader did not take is not written.
    let many = Folder::new();
    many.put("a.json", records((0..4000).map(root)));
    let mut child = command()
        .args(["scan", many.path().to_str().unwrap(), "-o", fifo.to_str().unwrap()])
        .spawn()
        .unwrap();
    fs::File::open(&fifo).unwrap().read_exact(&mut [0; 10]).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn quiet_says_only_what_ends_the_run() {
    let folder = one_finding();
    folder.put("b.json", "broken");
    let source = folder.path().to_str().unwrap();
    let done = roottrail(["scan", source, "-q"]);
    assert_eq!((done.code, done.stderr.as_str(), lines(&done.stdout).len()), (3, "", 1));
    let warned = ["scan", source, "--trail-region", "eu-west-1"];
    assert!(roottrail(warned).stderr.contains("leaves out us-east-1"));
    assert_eq!(roottrail(warned.iter().copied().chain(["-q"])).stderr, "");
    let fatal = roottrail(["scan", source, "-q", "-o", "/no/such/folder/x"]);
    assert!(fatal.code == 1 && fatal.stderr.contains("cannot write"), "{}", fatal.stderr);
}

#[test]
fn colour_and_progress_do_as_options_say() {
    let folder = one_finding();
    let source = folder.path().to_str().unwrap();
    let stderr = |args: &[&str], no_color: Option<&str>| {
        let mut command = command();
        command.args(["scan", source]).args(args);
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        feed(command, b"").stderr
    };
    assert!(stderr(&["--color", "always"], None).contains("\x1b[1;31m1 critical\x1b[0m"));
    assert!(stderr(&["--color", "always"], Some("1")).contains('\x1b'), "the option was given later");
    for (args, no_color) in [
        (&["--color", "never"][..], None),
        (&[][..], None),
        (&[][..], Some("1")),
        (&["--progress", "plain"][..], None),
    ] {
        assert!(!stderr(args, no_color).contains('\x1b'), "{args:?}");
    }
}

/// Without a terminal, a line tells every five seconds that the run goes on.
#[test]
fn a_long_run_says_that_it_goes_on() {
    let mut child = command()
        .args(["scan", "sample-logs", "-", "-o", "/dev/null"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.take().unwrap();
    let mut line = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    assert!(line.starts_with("roottrail: 118 of 119 objects, 421 records, 42 findings, 0 failed"), "{line}");
    assert!(line.contains(" so far, ETA ") && !line.contains("p99"), "{line}");
    drop(stdin);
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "nothing came on standard input");
}

/// In the order of time, whatever the threads; and only a table.
#[test]
fn a_table_is_sorted_by_time_and_nothing_else_is() {
    let table = |more: &[&str]| {
        let args = ["scan", "sample-logs", "-q", "-f", "table"];
        let done = roottrail(args.iter().chain(more));
        assert_eq!(done.code, 0, "{more:?}: {}", done.stderr);
        done.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let (mut logs, sorted) = (table(&[]), table(&["--sort", "time"]));
    assert_eq!(sorted.first(), logs.first(), "the heading comes first");
    // Lines of one moment keep the order of the logs, which a stable sort keeps as well.
    logs[1..].sort_by(|a, b| a[..19].cmp(&b[..19]));
    assert_eq!(sorted, logs);
    assert_eq!(table(&["--sort", "time", "--threads", "1"]), sorted);
    for (args, code, words) in [
        (&["-f", "ndjson"][..], 2, "--sort time is for tables (-f table): ndjson"),
        (&[], 2, "--sort time is for tables (-f table): ndjson"),
        (&["-f", "csv"], 2, "csv is written in the order of the logs"),
        (&["-f", "table", "-o", "x", "--checkpoint", "y"], 2, "cannot be used with"),
    ] {
        let done = roottrail(["scan", "sample-logs", "-q", "--sort", "time"].iter().chain(args));
        assert!(done.code == code && done.stderr.contains(words), "{args:?}: {}", done.stderr);
    }
}

#[test]
fn errors_are_shown_up_to_a_hundred_or_all() {
    let folder = Folder::new();
    for n in 0..130 {
        folder.put(format!("{n:03}.json"), "broken");
    }
    let some = scan([folder.path()]);
    let shown = |text: &str| text.matches("(expected a value").count();
    assert_eq!((some.code, some.errors.len(), shown(&some.stderr)), (3, 130, 100));
    assert!(some.stderr.contains("30 more errors"), "{}", some.stderr);
    let all = scan([folder.path().as_os_str(), "-v".as_ref()]);
    assert_eq!(shown(&all.stderr), 130);
}

#[test]
fn sources_can_come_from_a_list() {
    let folder = Folder::new();
    let [one, two, three] = [1, 2, 3].map(|n| folder.put(format!("{n} é.json"), records([root(n)])));
    let text = format!("{}\r\n\n{}\n{}", three.display(), one.display(), folder.at("missing").display());
    let list = folder.put("list", &text);
    let found = scan([two.as_os_str(), "--objects-from".as_ref(), list.as_os_str()]);
    assert_eq!((found.code, found.ids()), (3, vec![&*id(2), &id(3), &id(1)]));
    let stdin = scan_with(command(), ["--objects-from", "-"], text.as_bytes());
    assert_eq!((stdin.code, stdin.ids()), (3, vec![&*id(3), &id(1)]));
    let none = scan_with(command(), ["--objects-from", "-"], b"\n");
    assert_eq!((none.code, none.objects()), (5, [0, 0, 0]));
    let missing = roottrail(["scan", "--objects-from", "/no/such/list"]);
    assert!(missing.code == 1 && missing.stderr.contains("cannot read /no/such/list"), "{}", missing.stderr);
}

#[test]
fn names_that_are_no_text_are_read_and_encoded() {
    let folder = Folder::new();
    let name = OsStr::from_bytes(b"a\xff%41.json");
    folder.put(Path::new("sub").join(name), records([root(1)]));
    let uri = format!("{}/sub/a%FF%41.json", folder.path().display());
    assert_eq!(scan([folder.path()]).each("/evidence/uri"), [&*uri]);
    assert_eq!(scan([folder.at("sub").join(name)]).each("/evidence/uri"), [&*uri]);
    let list = [folder.at("sub").join(name).as_os_str().as_bytes(), b"\n"].concat();
    assert_eq!(scan_with(command(), ["--objects-from", "-"], &list).each("/evidence/uri"), [&*uri]);
}

#[test]
fn paths_are_named_as_they_were_given() {
    let folder = one_finding();
    for (given, uri) in
        [("./", "./a.json"), (".", "./a.json"), ("a.json", "a.json"), ("./a.json", "./a.json")]
    {
        let mut command = command();
        command.current_dir(folder.path());
        assert_eq!(scan_with(command, [given], b"").each("/evidence/uri"), [uri], "{given}");
    }
}

#[test]
fn links_are_followed_and_loops_survived() {
    let folder = Folder::new();
    folder.put("logs/a.json", records([root(1)]));
    let outside = Folder::new();
    outside.put("b.json", records([root(2)]));
    symlink(outside.path(), folder.at("logs/outside")).unwrap();
    symlink(outside.at("b.json"), folder.at("logs/z.json")).unwrap();
    symlink(folder.path(), folder.at("logs/loop")).unwrap();
    symlink("self", folder.at("logs/self")).unwrap();
    symlink("nowhere.txt", folder.at("logs/dangling.txt")).unwrap();
    let found = scan([folder.path()]);
    assert_eq!((found.code, found.objects(), found.counts()), (0, [3, 3, 0], [2, 1, 0]), "{}", found.stderr);
    assert!(found.stderr.contains("1 link loop"), "{}", found.stderr);
    // A link that should lead to a log and does not could hide one.
    symlink("nowhere.json", folder.at("logs/dangling.json")).unwrap();
    let found = scan([folder.path()]);
    assert_eq!((found.code, found.kinds(), found.counts()[0]), (3, vec!["not_found"], 2));
}

#[test]
fn what_is_neither_file_nor_folder_is_reported_and_not_waited_for() {
    let folder = one_finding();
    assert!(Command::new("mkfifo").arg(folder.at("pipe.json")).status().unwrap().success());
    assert!(Command::new("mkfifo").arg(folder.at("pipe.txt")).status().unwrap().success());
    let found = scan([folder.path()]);
    assert_eq!((found.code, found.kinds(), found.objects()), (3, vec!["io"], [1, 1, 1]));
}

#[test]
fn files_and_folders_that_may_not_be_read_are_reported() {
    let folder = one_finding();
    folder.put("locked/b.json", records([root(2)]));
    let file = folder.put("c.json", records([root(3)]));
    let lock = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    lock(&folder.at("locked"), 0o000);
    lock(&file, 0o000);
    lock(folder.path(), 0o755);
    // Root may read everything, so it becomes nobody, who needs a program in a place of their own.
    let beside = Folder::new();
    let program = beside.at("roottrail");
    let mut command = if fs::metadata("/proc/self").unwrap().uid() == 0 {
        fs::copy(env!("CARGO_BIN_EXE_roottrail"), &program).unwrap();
        lock(beside.path(), 0o755);
        // A program that another test starts meanwhile has the copy open for writing until it runs.
        let busy = |error: &io::Error| error.kind() == io::ErrorKind::ExecutableFileBusy;
        while Command::new(&program).arg("--version").output().is_err_and(|error| busy(&error)) {
            std::thread::yield_now();
        }
        let mut command = Command::new(&program);
        command.uid(65534).gid(65534).current_dir("/");
        command
    } else {
        command()
    };
    command.args(["scan"]).arg(folder.path());
    let done = feed(command, b"");
    lock(&folder.at("locked"), 0o755);
    assert_eq!((done.code, lines(&done.stdout).len()), (3, 1), "{}", done.stderr);
    assert!(done.stderr.contains("c.json: read: Permission denied"), "{}", done.stderr);
    assert!(done.stderr.contains("locked: list: Permission denied"), "{}", done.stderr);
}

/// Names and records come from whoever can write to a bucket.
#[test]
fn hostile_names_and_records_reach_no_terminal_and_forge_no_line() {
    let forged = "\u{1b}[2J\nroottrail: all is well\r\u{9b}31m\u{202e}";
    let folder = Folder::new();
    folder.put(format!("a{forged}.json"), "broken");
    let escaped = r"\u001b[2J\nroottrail: all is well\r\u009b31m\u202e";
    folder.put(
        format!("b{forged}.json"),
        records([root(1)
            .replace("aws-cli", escaped)
            .replace("ListUsers", escaped)
            .replace(r#""readOnly""#, &format!(r#""errorMessage":"{escaped}","readOnly""#))]),
    );
    // Raw control characters in a string are no JSON, but no reason to miss root either.
    folder.put(format!("c{forged}.json"), records([root(2).replace("aws-cli", forged)]));
    let harmless = |text: &str, what: &str| {
        assert!(!text.contains(['\u{1b}', '\r', '\u{9b}', '\u{202e}']), "{what}: {text:?}");
        assert!(!text.lines().any(|line| line.starts_with("roottrail: all")), "{what}: {text:?}");
    };
    let found = scan([folder.path()]);
    assert_eq!((found.code, found.findings.len(), found.errors.len()), (3, 2, 2));
    harmless(&found.stderr, "standard error");
    assert!(found.findings[0]["evidence"]["uri"].as_str().unwrap().contains("all is well"));
    for name in ["b", "c"] {
        let path = folder.at(format!("{name}{forged}.json"));
        let done = roottrail(["explain".as_ref(), path.as_os_str()]);
        assert_eq!(done.code, 0, "{}", done.stderr);
        harmless(&done.stdout, "explain");
    }
    for args in [
        vec!["scan".to_owned(), format!("{}/{forged}.json", folder.path().display())],
        vec!["scan".to_owned(), "sample-logs".to_owned(), "-o".to_owned(), format!("/no/such/{forged}")],
        vec!["explain".to_owned(), format!("/no/such/{forged}")],
        vec![
            "scan".to_owned(),
            "sample-logs".to_owned(),
            "--objects-from".to_owned(),
            format!("/no/{forged}"),
        ],
    ] {
        let done = feed_nothing(&args);
        assert!(done.code == 1 || done.code == 3, "{args:?}");
        harmless(&done.stderr, &format!("{args:?}"));
    }
}

#[test]
fn the_manifest_has_the_size_of_what_came_down_a_pipe() {
    // What is behind a break is hashed as well.
    for stored in [gzip(records([root(1)])), [gzip(records([root(1)])), vec![b'x'; 1 << 20]].concat()] {
        let work = Folder::new();
        let mut command = command();
        command.args(["scan", "-", "-o"]).arg(work.at("out")).arg("--manifest").arg(work.at("manifest"));
        feed(command, &stored);
        let manifest = lines(&std::fs::read_to_string(work.at("manifest")).unwrap());
        let object = manifest.iter().find(|line| line["type"] == "object").unwrap();
        assert_eq!(object["size"], stored.len());
    }
}
