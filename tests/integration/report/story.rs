//! What `sample-logs` tell, and what is read and refused.

use serde_json::{Value, json};

use super::{finding, lines_of, report, sign_in};
use crate::support::cli::{Folder, roottrail};
use crate::support::logs::gzip;

const VICTIM: &str = "111122223333";

/// A scan of `sample-logs` in a folder, with its summary.
fn scanned() -> Folder {
    let folder = Folder::new();
    let (out, summary) = (folder.at("findings"), folder.at("summary"));
    let done = roottrail([
        "scan",
        "sample-logs",
        "-o",
        out.to_str().unwrap(),
        "--summary",
        summary.to_str().unwrap(),
    ]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    folder
}

fn session<'r>(report: &'r Value, kind: &str, account: &str) -> &'r Value {
    let mut all = report["sessions"].as_array().unwrap().iter();
    all.find(|one| one["kind"] == kind && one["account_id"] == account).unwrap_or_else(|| panic!("no {kind}"))
}

#[test]
fn sample_logs_tell_the_incident() {
    let folder = scanned();
    let path = |name: &str| folder.at(name).to_str().unwrap().to_owned();
    let (report, done) = report(&folder, &[&path("findings"), "--summary", &path("summary")]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let steps: Vec<String> = report["episodes"][0]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| {
            format!("{} {}", &step["start"].as_str().unwrap()[11..19], step["title"].as_str().unwrap())
        })
        .collect();
    let expected = [
        "02:11:04 A sign-in as root failed",
        "02:21:33 A reset of root's password was requested",
        "03:02:41 Root signed in to the console without MFA",
        "03:03:20 Calls that only read",
        "03:06:12 Root's MFA device was removed",
        "03:06:40 An MFA device was registered for root",
        "03:09:15 Root removed an MFA device, a user's or one of unknown owner",
        "03:11:50 Root made an access key for itself",
        "03:16:27 A trail was stopped",
        "04:14:52 Calls that only read, with an access key",
    ];
    assert_eq!(steps[..expected.len()], expected);
    assert_eq!(report["episodes"][0]["steps"][0]["count"], 11);
    let first_use = report["episodes"][0]["steps"][9]["note"].as_str().unwrap();
    assert_eq!(
        first_use,
        "first use of the key that root made at 2025-11-18T03:11:50Z, 1 hour 3 minutes later"
    );
    let before = report["episodes"][0]["notes"][0].as_str().unwrap();
    assert_eq!(before, "198.51.100.87 was seen before, first at 2025-10-27T23:41:06Z");
    for word in ["What happened (1 of 6)", "Root made an access key for itself", "The study's measures"] {
        assert!(done.stdout.contains(word), "{word}\n{}", done.stdout);
    }
    assert!(done.stdout.lines().all(|line| line.chars().count() <= 120), "{}", done.stdout);
}

#[test]
fn sessions_are_joined_with_what_opened_them() {
    let folder = scanned();
    let (report, _) = report(&folder, &[folder.at("findings").to_str().unwrap()]);
    let console = session(&report, "console_session", VICTIM);
    assert_eq!(console["sign_in"]["time"], "2025-11-18T03:02:41Z");
    assert_eq!((&console["mfa"], &console["events"]), (&json!("not_used"), &json!(10)));
    let security_key = session(&report, "console_session", "444455556666");
    // The call after the sign-in inherits its device.
    assert_eq!((&security_key["mfa"], &security_key["device"]), (&json!("used"), &json!("fido")));
    // And a finding that is listed what its session knows.
    let findings = || report["findings"].as_array().unwrap().iter();
    let listed = |event: &str, account: &str| {
        let mut all = findings().filter(|one| one["event"] == event && one["account_id"] == account);
        all.next_back().unwrap_or_else(|| panic!("no {event}"))
    };
    let removal = listed("iam:DeactivateMFADevice", "444455556666");
    assert_eq!((&removal["mfa"], &removal["device"]), (&json!("used"), &json!("fido")));
    assert_eq!(removal["session"], security_key["id"]);
    let with_token: Vec<&Value> = findings()
        .filter(|one| one["session"] == session(&report, "sts_session_token", VICTIM)["id"])
        .map(|one| &one["credential"])
        .collect();
    assert_eq!(with_token, ["sts_session_token"; 2]);
    let key = session(&report, "long_term_access_key", VICTIM);
    assert_eq!(key["opened_by"]["event"], "CreateAccessKey");
    assert_eq!(key["opened_by"]["time"], "2025-11-18T03:11:50Z");
    let denied: Vec<&str> = key["denied"]["listed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["value"].as_str().unwrap())
        .collect();
    assert_eq!(denied.len(), 3, "{denied:?}");
    let token = session(&report, "sts_session_token", VICTIM);
    assert_eq!(token["opened_by"]["event"], "GetSessionToken");
    assert_eq!(token["opened_by"]["access_key_id"], key["access_keys"]["listed"][0]["value"]);
    let assumed = session(&report, "assume_root", "999988887777");
    assert_eq!(assumed["opened_by"]["account_id"], "444455556666");
    assert!(assumed["opened_by"]["actor"].as_str().unwrap().ends_with("user/dana"));
    assert!(assumed["opened_by"]["task_policy"].as_str().unwrap().ends_with("S3UnlockBucketPolicy"));
    assert_eq!(assumed["mfa"], "not_applicable");
    assert_eq!(report["study"]["sign_ins_refused"], 13);
    // A session that AssumeRoot opened is no use of the account's own root credentials.
    assert_eq!(report["accounts"].as_array().unwrap().iter().filter(|one| one["uses"] == 1).count(), 3);
    assert_eq!(report["keys"][0]["age_days"], 0);
}

#[test]
fn files_in_any_order_twice_and_gzipped_give_one_report() {
    let folder = scanned();
    let text = std::fs::read_to_string(folder.at("findings")).unwrap();
    let (head, tail) = text.split_at(text.match_indices('\n').nth(19).unwrap().0 + 1);
    folder.put("a", gzip(head));
    folder.put(
        "b.gz",
        [gzip(&tail[..tail.find('\n').unwrap() + 1]), gzip(&tail[tail.find('\n').unwrap() + 1..])].concat(),
    );
    let path = |name: &str| folder.at(name).to_str().unwrap().to_owned();
    let bare = |mut value: Value| {
        let duplicates = value["totals"]["duplicates"].take();
        value["inputs"] = json!(null);
        (value, duplicates)
    };
    let (whole, none) = bare(report(&folder, &[&path("findings")]).0);
    let (parts, _) = bare(report(&folder, &[&path("b.gz"), &path("a")]).0);
    let (twice, all) = bare(report(&folder, &[&path("a"), &path("findings"), &path("b.gz")]).0);
    assert_eq!((none, all), (json!(0), json!(42)));
    assert_eq!(whole, parts);
    assert_eq!(whole, twice);
}

#[test]
fn other_files_are_refused_by_name_and_the_rest_is_read() {
    let folder = scanned();
    let good = folder.at("findings");
    for (format, word) in [
        ("csv", "CSV (scan -f csv)"),
        ("ecs", "ECS documents (scan -f ecs)"),
        ("ocsf", "OCSF (scan -f ocsf)"),
        ("hec", "Splunk envelopes (scan -f hec)"),
        ("bulk", "requests for _bulk (scan -f bulk)"),
    ] {
        let other = folder.at(format);
        roottrail(["scan", "sample-logs", "-f", format, "-o", other.to_str().unwrap()]);
        let (report, done) = report(&folder, &[other.to_str().unwrap(), good.to_str().unwrap()]);
        assert_eq!(done.code, 3, "{format}");
        assert!(
            done.stderr.contains(word) && done.stderr.contains(other.to_str().unwrap()),
            "{}",
            done.stderr
        );
        assert_eq!(report["totals"]["findings"], 42, "{format}");
    }
    let cut = folder.put("cut", &gzip(std::fs::read(&good).unwrap())[..9000]);
    let (report, done) = report(&folder, &[cut.to_str().unwrap()]);
    assert!(done.code == 3 && report["totals"]["findings"].as_u64().unwrap() > 5, "{}", done.stderr);
    let missing = roottrail(["report", folder.at("missing").to_str().unwrap()]);
    assert!(missing.code == 1 && missing.stderr.contains("missing"), "{}", missing.stderr);
    let folder_itself = roottrail(["report", folder.path().to_str().unwrap()]);
    assert!(
        folder_itself.code == 1 && folder_itself.stderr.contains("is a directory"),
        "{}",
        folder_itself.stderr
    );
    let over = roottrail(["report", good.to_str().unwrap(), "--json", good.to_str().unwrap()]);
    assert_eq!(over.code, 2, "{}", over.stderr);
    folder.put("empty", "");
    let (empty, done) = super::report(&folder, &[folder.at("empty").to_str().unwrap()]);
    assert_eq!((done.code, &empty["period"]), (0, &json!(null)));
}

#[test]
fn outputs_that_exist_are_replaced_only_by_force() {
    let folder = Folder::new();
    let findings = folder.put("f", lines_of(&[sign_in(1, VICTIM, "2026-02-03T04:00:00Z", true)]));
    for option in ["--json", "--markdown", "--html"] {
        let place = folder.put(option, "mine");
        let run = |more: &[&str]| {
            let named = ["report", findings.to_str().unwrap(), option, place.to_str().unwrap()];
            roottrail(named.iter().chain(more))
        };
        let refused = run(&[]);
        assert_eq!((refused.code, refused.stdout.as_str()), (1, ""), "{option}");
        assert!(refused.stderr.contains("it exists; --force replaces it"), "{}", refused.stderr);
        assert_eq!(std::fs::read_to_string(&place).unwrap(), "mine");
        assert_eq!(run(&["--force"]).code, 0);
        assert_ne!(std::fs::read_to_string(&place).unwrap(), "mine");
    }
}

#[test]
fn days_that_were_not_read_whole_stand_in_the_page() {
    let folder = Folder::new();
    let day = "AWSLogs/111122223333/CloudTrail/us-east-1/2025/11/18";
    folder.put(format!("logs/{day}/111122223333_CloudTrail_us-east-1_20251118T0445Z_a.json.gz"), "no gzip");
    let path = |name: &str| folder.at(name).to_str().unwrap().to_owned();
    let (logs, findings, summary, page) = (path("logs"), path("f"), path("s"), path("p"));
    assert_eq!(roottrail(["scan", &logs, "-o", &findings, "--summary", &summary]).code, 3);
    let (report, done) = report(&folder, &[&findings, "--summary", &summary, "--html", &page]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    assert_eq!(report["coverage"]["lines"][0]["failed_days"], json!(["2025-11-18"]));
    let page = std::fs::read_to_string(page).unwrap();
    let cell = "class=\"failed\"><title>2025-11-18: not all could be read; 0 records</title>";
    assert!(page.contains(cell));
}

#[test]
fn a_session_token_of_another_account_links_nothing() {
    let folder = Folder::new();
    let mut issuing = finding(1, VICTIM, "2026-02-03T04:00:00Z", "GetSessionToken");
    issuing["cloudtrail"] = json!({"responseElements": {"credentials": {"accessKeyId": "ASIAEXAMPLE"}}, "requestParameters": null});
    let mut used = finding(2, "444455556666", "2026-02-03T04:10:00Z", "ListUsers");
    used["credential"] = json!({"type": "temporary_credentials", "basis": null, "access_key_id": "ASIAEXAMPLE",
        "session_created": "2026-02-03T04:00:00Z"});
    used["session"]["id"] = json!("444455556666/2026-02-03T04:00:00Z");
    let mut own = used.clone();
    own["id"] = json!(format!("{:032x}", 3));
    own["account_id"] = json!(VICTIM);
    folder.put("f", lines_of(&[issuing, used, own]));
    let (report, _) = report(&folder, &[folder.at("f").to_str().unwrap()]);
    assert_eq!(session(&report, "temporary_credentials", "444455556666")["opened_by"], json!(null));
    assert_eq!(session(&report, "sts_session_token", VICTIM)["opened_by"]["event"], "GetSessionToken");
}

#[test]
fn a_refused_sign_in_opens_no_session_and_a_key_rests() {
    let folder = Folder::new();
    let mut refused = sign_in(1, VICTIM, "2026-02-03T04:00:00Z", true);
    refused["outcome"] = json!("failure");
    let key = |n, time: &str| super::by_key(n, VICTIM, time, "AKIAEXAMPLE");
    folder.put(
        "f",
        lines_of(&[
            refused,
            key(2, "2026-02-04T00:00:00Z"),
            key(3, "2026-02-04T12:00:00Z"),
            key(4, "2026-02-05T00:00:01Z"),
        ]),
    );
    let (report, _) = report(&folder, &[folder.at("f").to_str().unwrap()]);
    let events: Vec<&Value> =
        report["sessions"].as_array().unwrap().iter().map(|one| &one["events"]).collect();
    assert_eq!(events, [2, 1]);
    assert_eq!(report["study"]["uses"], 1);
}

#[test]
fn a_posture_stands_beside_the_findings() {
    let folder = scanned();
    let path = |name: &str| folder.at(name).to_str().unwrap().to_owned();
    let made =
        roottrail(["posture", "sample-logs/credential-reports", "--format", "json", "-o", &path("posture")]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let args = [path("findings"), "--posture".into(), path("posture"), "--html".into(), path("page")];
    let (report, done) = report(&folder, &args.each_ref().map(String::as_str));
    assert_eq!(done.code, 0, "{}", done.stderr);
    let posture: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.at("posture")).unwrap()).unwrap();
    let of = |value: &Value| -> Vec<(Value, Value)> {
        let practices = value["practices"].as_array().unwrap();
        practices.iter().map(|one| (one["check"].clone(), one["violations"].clone())).collect()
    };
    assert!(of(&posture).len() >= 4);
    assert_eq!(of(&report["posture"]), of(&posture));
    let page = std::fs::read_to_string(folder.at("page")).unwrap();
    for practice in posture["practices"].as_array().unwrap() {
        let title = practice["title"].as_str().unwrap().replace('\'', "&#x27;");
        assert!(page.contains(&title), "{practice}");
    }
    assert!(page.contains("id=\"chart-posture\"") && page.contains("id=\"posture-accounts\""));
}
