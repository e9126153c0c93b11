//! The same input gives the same bytes in the same order, whatever the threads.

use crate::support::cli::{Done, Folder, command, lines, scan};
use crate::support::logs::{gzip, id, key, records, root, user};
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

fn with_threads(folder: &Folder, threads: &str) -> crate::support::cli::Scan {
    scan([folder.path().as_os_str(), "--threads".as_ref(), threads.as_ref()])
}

/// Objects of very different sizes, findings in all of them, copies across them, and broken ones between.
#[test]
fn bytes_do_not_depend_on_threads() {
    let folder = Folder::new();
    let mut n = 0;
    for object in 0..120_u32 {
        let size = match object % 40 {
            0 => 700,
            1..=5 => 60,
            _ => 3,
        };
        let events: Vec<String> = (0..size)
            .map(|_| {
                n += 1;
                match n % 7 {
                    0 => root(n),
                    1 => root(n / 50),
                    2 => root(n / 60).replace("203.0.113.7", "198.51.100.1"),
                    _ => user(n),
                }
            })
            .collect();
        let mut bytes = gzip(records(events));
        if object % 17 == 3 {
            bytes.truncate(bytes.len() * 3 / 4);
        }
        folder.put(key("CloudTrail", "us-east-1", 1 + object % 28, object), bytes);
    }
    let one = with_threads(&folder, "1");
    assert_eq!((one.code, one.objects()), (3, [0, 113, 7]));
    assert!(one.findings.len() > 300 && one.counts()[1] > 150, "{:?}", one.counts());
    for threads in ["2", "8"] {
        let other = with_threads(&folder, threads);
        assert!(other.text == one.text, "{threads} threads write other bytes");
        assert_eq!(other.errors, one.errors);
        for part in ["objects", "records", "findings", "bytes", "coverage"] {
            assert_eq!(other.summary[part], one.summary[part], "{threads} threads: {part}");
        }
    }
}

/// A call by root with a long answer: a thousand of them are more than findings may hold in memory.
fn long(n: u64) -> String {
    let answer = format!(r#""responseElements":{{"x":"{}"}}"#, "x".repeat(30_000));
    root(n).replace(r#""responseElements":null"#, &answer)
}

/// One object whose findings are more than fit in memory; they wait in a file, and others behind them.
#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn findings_that_wait_in_a_file_keep_their_order() {
    let folder = Folder::new();
    folder.put("a.json.gz", gzip(records((0..600).map(long))));
    folder.put("b.json.gz", gzip(records((600..660).map(long))));
    for n in 0..50 {
        folder.put(format!("c{n:02}.json"), records([root(660 + n)]));
    }
    assert_eq!(with_threads(&folder, "8").ids(), (0..710).map(id).collect::<Vec<_>>());
}

/// Where there is no file for them to wait in, they wait in memory, and the run says so.
#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn findings_that_find_no_file_are_held() {
    let folder = Folder::new();
    folder.put("a.json.gz", gzip(records((0..600).map(long))));
    let mut command = command();
    command.env("TMPDIR", folder.at("none")).args(["scan", "--threads", "2"]).arg(folder.path());
    let done = Done::of(command.output().unwrap());
    assert_eq!(done.stdout.lines().count(), 600, "{}", done.stderr);
    let told = done.stderr.matches("findings stay in memory").count();
    assert!(done.code == 3 && (1..5).contains(&told), "{}", done.stderr);
}

/// The first source keeps the others waiting, with findings from more objects than the process may open files.
#[test]
#[cfg(unix)]
fn findings_of_many_objects_wait_in_few_files() {
    const OBJECTS: u64 = 100;
    let folder = Folder::new();
    for n in 0..OBJECTS {
        folder.put(format!("{n:04}.json"), records((n * 10..n * 10 + 10).map(|event| root(event + 1))));
    }
    let mut limited = Command::new("sh");
    limited.args(["-c", r#"ulimit -n 64; exec "$0" "$@""#, env!("CARGO_BIN_EXE_roottrail")]);
    // One worker waits at the first source. The other comes to the last once it has read all between them.
    let work = Folder::new();
    let last = work.at("pipe");
    assert!(Command::new("mkfifo").arg(&last).status().unwrap().success());
    limited.args(["scan", "-", "--threads", "2"]).arg(folder.path()).arg(&last);
    let mut child =
        limited.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = child.stdin.take().unwrap();
    let late = thread::spawn(move || {
        // Opening a pipe waits until somebody opens its other end.
        let mut last = OpenOptions::new().write(true).open(last).unwrap();
        first.write_all(root(0).as_bytes()).unwrap();
        last.write_all(root(OBJECTS * 10 + 1).as_bytes()).unwrap();
    });
    let done = Done::of(child.wait_with_output().unwrap());
    late.join().unwrap();
    let ids: Vec<_> =
        lines(&done.stdout).iter().map(|line| line["event"]["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(ids, (0..=OBJECTS * 10 + 1).map(id).collect::<Vec<_>>());
}

/// Values that many JSON libraries refuse survive the file as well.
#[test]
#[ignore = "takes long: .ci/checks/45-kills"]
fn odd_values_wait_in_a_file_unchanged() {
    let odd = r#"[1e400,1.50,"\ud800\u001b",[[[{}]]],123456789012345678901234567890]"#;
    let folder = Folder::new();
    let event = |n| long(n).replace(r#""requestParameters":null"#, &format!(r#""requestParameters":{odd}"#));
    folder.put("a.json.gz", gzip(records((0..600).map(event))));
    let done = crate::support::cli::roottrail(["scan".as_ref(), folder.path().as_os_str()]);
    assert_eq!((done.code, done.stdout.lines().count()), (0, 600), "{}", done.stderr);
    assert_eq!(done.stdout.matches(odd).count(), 600);
}

#[test]
fn keys_come_in_byte_order_and_folders_sort_as_name_slash() {
    let folder = Folder::new();
    // `-` and `.` sort before `/`, `0` behind it: the order that a bucket with these keys has.
    let names = [
        "B.json",
        "a-b.json",
        "a-b/x.json",
        "a.json",
        "a/b/c.json",
        "a/b.json",
        "a/x.json",
        "a0.json",
        "aé.json",
        "b.json",
        "é.json",
    ];
    let mut sorted = names;
    sorted.sort_unstable();
    for (n, name) in sorted.iter().enumerate() {
        folder.put(name, records([root(n as u64)]));
    }
    let found = scan([folder.path()]);
    let got: Vec<String> = found
        .each("/evidence/uri")
        .into_iter()
        .map(|uri| {
            uri.as_str().unwrap().strip_prefix(&format!("{}/", folder.path().display())).unwrap().to_owned()
        })
        .collect();
    assert_eq!(got, sorted);
}

#[test]
fn sources_come_as_given() {
    let folder = Folder::new();
    let paths = [3, 1, 2].map(|n| folder.put(format!("{n}.json"), records([root(n)])));
    assert_eq!(scan(&paths).ids(), [id(3), id(1), id(2)]);
    let mut list: Vec<OsString> = paths.iter().map(OsString::from).collect();
    list.reverse();
    assert_eq!(scan(list).ids(), [id(2), id(1), id(3)]);
}

#[test]
fn records_come_by_index() {
    let folder = Folder::new();
    folder.put("a.json", records((0..600).map(|n| if n % 3 == 0 { user(n) } else { root(n) })));
    for threads in ["1", "8"] {
        let found = with_threads(&folder, threads);
        let indices: Vec<u64> =
            found.each("/evidence/record_index").into_iter().map(|index| index.as_u64().unwrap()).collect();
        assert_eq!(indices, (0..600).filter(|n| n % 3 != 0).collect::<Vec<_>>());
    }
}
