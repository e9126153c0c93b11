//! `roottrail explain`: events found wherever they lie, by an event's or a finding's id.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::cli::{Folder, roottrail};
use crate::support::logs::{id, records, root};

/// The sign-in that opens the door in sample-logs.
const SIGN_IN: &str = "0b79bd68-8240-4415-b339-31119d2fe104";

fn explained(args: &[&str]) -> String {
    let done = roottrail(std::iter::once("explain").chain(args.iter().copied()));
    assert_eq!(done.code, 0, "{args:?}: {}", done.stderr);
    done.stdout
}

fn findings(folder: &Path, format: &str) -> (String, Vec<Value>) {
    let path = folder.join(format);
    let path = path.to_str().unwrap().to_owned();
    let done = roottrail(["scan", "sample-logs", "-q", "-f", format, "-o", &path]);
    assert_eq!(done.code, 0);
    let lines = fs::read_to_string(&path).unwrap();
    let lines = lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    (path, lines)
}

#[test]
fn an_event_is_found_in_a_directory_in_its_object_and_in_the_findings() {
    let folder = tempfile::tempdir().unwrap();
    let (path, lines) = findings(folder.path(), "ndjson");
    let finding = lines.iter().find(|line| line["event"]["id"] == SIGN_IN).unwrap();
    let (id, uri) = (finding["id"].as_str().unwrap(), finding["evidence"]["uri"].as_str().unwrap());
    let expected = explained(&[uri, "--event-id", SIGN_IN]);
    assert!(expected.contains("verdict: root, as root_user (R2, R8)"), "{expected}");
    for args in [[uri, "--id", id], [&path, "--id", id], [&path, "--event-id", SIGN_IN]] {
        assert_eq!(explained(&args), expected, "{args:?}");
    }
    for args in [["sample-logs", "--id", id], ["sample-logs", "--event-id", SIGN_IN]] {
        let text = explained(&args);
        assert_eq!(
            text.split_once('\n').unwrap(),
            (format!("in {uri}").as_str(), expected.as_str()),
            "{args:?}"
        );
    }
}

#[test]
fn a_gzipped_file_of_findings_and_one_without_records_say_what_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    let (path, lines) = findings(folder.path(), "ndjson");
    let id = lines[0]["id"].as_str().unwrap();
    let gz = format!("{path}.gz");
    fs::write(&gz, crate::support::logs::gzip(fs::read(&path).unwrap())).unwrap();
    assert_eq!(explained(&[&gz, "--id", id]), explained(&[&path, "--id", id]));

    let bare = folder.path().join("bare");
    let done = roottrail([
        "scan".as_ref(),
        "sample-logs".as_ref(),
        "-q".as_ref(),
        "--no-raw".as_ref(),
        "-o".as_ref(),
        bare.as_os_str(),
    ]);
    assert_eq!(done.code, 0);
    let bare = bare.to_str().unwrap();
    assert_eq!(explained(&[bare, "--id", id]), explained(&[&path, "--id", id]));

    // The record has gone since.
    let text = fs::read_to_string(bare).unwrap().replace("sample-logs/", "gone/");
    fs::write(bare, text).unwrap();
    let done = roottrail(["explain", bare, "--id", id]);
    assert_eq!(done.code, 1, "{}", done.stderr);
    assert!(done.stderr.contains("is not in the file; it lies in gone/AWSLogs/"), "{}", done.stderr);
}

#[test]
fn a_finding_is_explained_alike_from_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let (path, lines) = findings(folder.path(), "ndjson");
    let finding = lines.iter().find(|line| line["event"]["id"] == SIGN_IN).unwrap();
    let id = finding["id"].as_str().unwrap();
    let expected = explained(&[&path, "--id", id]);
    for format in ["ocsf", "csv", "ecs", "hec", "bulk"] {
        let (path, _) = findings(folder.path(), format);
        for by in [["--id", id], ["--event-id", SIGN_IN]] {
            // Containers of events have places of their own.
            let unnumbered = |text: &str| text.split_once(": ").unwrap().1.to_owned();
            assert_eq!(
                unnumbered(&explained(&[&path, by[0], by[1]])),
                unnumbered(&expected),
                "{format} {by:?}"
            );
        }
    }
}

#[test]
fn all_findings_of_a_table_are_explained_from_their_logs() {
    let folder = tempfile::tempdir().unwrap();
    let (csv, _) = findings(folder.path(), "csv");
    let (ocsf, lines) = findings(folder.path(), "ocsf");
    let from_csv = explained(&[&csv]);
    assert_eq!(from_csv.matches("verdict: ").count(), lines.len());
    assert_eq!(from_csv, explained(&[&ocsf]));
    // A table that names itself as the place of its records leads nowhere.
    let text =
        "time,severity,account_id,uri,record_index,event_id,id\n,low,1,TABLE,0,e,f\n".replace("TABLE", &csv);
    fs::write(&csv, text).unwrap();
    let done = roottrail(["explain", &csv]);
    assert!(done.code == 1 && done.stderr.contains("it lies in"), "{}", done.stderr);
}

#[test]
fn a_percent_encoded_path_leads_to_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let event = r#"{"eventID":"e-1","userIdentity":{"type":"Root"},"eventName":"ListUsers"}"#;
    fs::write(folder.path().join("a b%\u{202e}.json"), event).unwrap();
    let uri = format!("{}/a b%25%E2%80%AE.json", folder.path().display());
    assert!(explained(&[&uri]).contains("verdict: root"));
}

#[test]
fn a_directory_needs_an_id_and_an_id_that_is_nowhere_is_said() {
    let done = roottrail(["explain", "sample-logs"]);
    assert!(done.code == 2 && done.stderr.contains("--event-id"), "{}", done.stderr);
    let done = roottrail(["explain", "sample-logs", "--event-id", "nowhere"]);
    assert_eq!(done.code, 5);
}

#[test]
fn only_near_misses_are_shown_unless_asked_and_no_line_is_wide() {
    let short = explained(&["sample-logs", "--event-id", SIGN_IN]);
    let long = explained(&["sample-logs", "--event-id", SIGN_IN, "-v"]);
    let unfolded = short.replace("\n      ", " ");
    assert!(unfolded.contains("root-console-login-with-mfa: the event fits, but not so"), "{short}");
    assert!(
        !short.contains("root-access-key-created") && long.contains("root-access-key-created"),
        "{short}"
    );
    for line in long.lines().filter(|line| line.contains(' ') && !line.starts_with("in ")) {
        assert!(line.chars().count() <= 80 || !line.trim().contains(' '), "{line}");
    }
}

/// Wherever it lies: what is asked for may be in the part that is missing.
#[test]
fn a_file_that_is_cut_is_named() {
    let folder = Folder::new();
    let whole = records([root(1), root(2)]);
    folder.put("a.json", records([root(3)]));
    let cut = folder.put("cut.json", &whole[..whole.len() - 30]);
    let place = folder.path().to_str().unwrap();
    let cut = cut.to_str().unwrap();
    for (args, code, named) in [
        (&[cut][..], 3, true),
        (&[cut, "--event-id", &id(1)], 3, true),
        (&[place, "--event-id", &id(1)], 3, true),
        (&[place, "--event-id", &id(2)], 3, true),
        // It lies in a file that is whole.
        (&[place, "--event-id", &id(3)], 0, false),
    ] {
        let done = roottrail(std::iter::once("explain").chain(args.iter().copied()));
        assert_eq!(done.stderr.contains("is cut or damaged"), named, "{args:?}: {}", done.stderr);
        assert_eq!(done.code, code, "{args:?}: {}", done.stderr);
    }
}
