//! `roottrail posture`, as a user runs it.

use crate::support::cli::{Done, Folder, command, feed, roottrail, schemas};
use serde_json::Value;

const REPORTS: &str = "sample-logs/credential-reports";

fn assessment(args: &[&str]) -> (Value, Done) {
    let done = roottrail([&["posture", "-f", "json"], args].concat());
    let value: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{}", done.stderr));
    schemas().check("posture", &value);
    assert_eq!(value["exit_code"], done.code);
    assert_eq!(value["complete"], value["problems"].as_array().unwrap().is_empty());
    (value, done)
}

fn violations(value: &Value) -> Vec<u64> {
    value["practices"].as_array().unwrap().iter().map(|one| one["violations"].as_u64().unwrap()).collect()
}

#[test]
fn the_sample_reports_show_what_happened() {
    let (value, done) = assessment(&[REPORTS]);
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    // Use, keys, MFA, hardware, old keys.
    assert_eq!(violations(&value), [3, 1, 0, 0, 0]);
    assert_eq!(value["inputs"]["samples"], 6);
    let days: Vec<(&str, u64, u64)> = value["dates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| {
            let count = |name: &str| day["violations"][name].as_u64().unwrap();
            (day["date"].as_str().unwrap(), count("root_use"), count("root_mfa"))
        })
        .collect();
    assert_eq!(days, [("2025-11-12", 0, 1), ("2025-11-19", 3, 0)]);
    let (early, _) = assessment(&[REPORTS, "--as-of", "2025-11-15"]);
    assert_eq!(violations(&early), [0, 0, 1, 1, 0]);
    assert_eq!(early["inputs"]["later_than_as_of"], 3);
    let (day, _) = assessment(&[REPORTS, "--recent", "cis"]);
    // The day of the report begins a day after the sign-in of the 18th at 03:02.
    assert_eq!(violations(&day)[0], 1);
    assert_eq!(assessment(&[REPORTS, "--recent", "netskope"]).0["options"]["recent_seconds"], 86400);
}

#[test]
fn the_table_fits_eighty_columns_and_csv_is_a_line_an_account() {
    let folder = Folder::new();
    let findings = folder.at("findings.ndjson");
    assert_eq!(roottrail(["scan", "sample-logs", "-q", "-o", findings.to_str().unwrap()]).code, 0);
    let findings = findings.to_str().unwrap();
    let table = roottrail(["posture", REPORTS, "--findings", findings]);
    assert_eq!((table.code, table.stderr.as_str()), (0, ""));
    for line in table.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(line.is_ascii(), "{line}");
    }
    for part in [
        "Root is not used          1.7        3 of 3  100.0           3  100.0",
        "111122223333  2025-11-19  2025-11-18 ! 1 !",
        "held against 42 findings",
        ": 0 disagreements",
    ] {
        assert!(table.stdout.contains(part), "{part}: {}", table.stdout);
    }
    let csv = roottrail(["posture", REPORTS, "-f", "csv"]);
    let mut reader = csv::Reader::from_reader(csv.stdout.as_bytes());
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!((rows.len(), header.get(0)), (3, Some("account_id")));
    assert!(rows.iter().all(|row| row.len() == header.len()));
    let out = folder.at("posture.json");
    let to = out.to_str().unwrap();
    let written = roottrail(["posture", REPORTS, "-f", "json", "-o", to]);
    assert_eq!((written.code, written.stdout.as_str()), (0, ""));
    assert_eq!(std::fs::read_to_string(&out).unwrap(), roottrail(["posture", REPORTS, "-f", "json"]).stdout);
    assert_eq!(roottrail(["posture", REPORTS, "-o", to]).code, 1, "an output that exists is left alone");
    assert_eq!(roottrail(["posture", REPORTS, "-o", to, "--force"]).code, 0);
}

#[test]
fn reports_are_held_against_findings() {
    let folder = Folder::new();
    let findings = folder.at("findings.ndjson");
    assert_eq!(roottrail(["scan", "sample-logs", "-q", "-o", findings.to_str().unwrap()]).code, 0);
    let (old, _) = assessment(&[REPORTS, "--as-of", "2025-11-15", "--findings", findings.to_str().unwrap()]);
    let kinds: Vec<&str> = old["findings"]["mismatches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["report_older_than_logs"; 3]);
    // A report of the day after that knows nothing of the sign-in and of the key.
    let text = std::fs::read_to_string(format!("{REPORTS}/111122223333-2025-11-12.csv")).unwrap();
    folder.put("reports/111122223333-2025-11-19.csv", &text);
    let packed = crate::support::logs::gzip(std::fs::read(&findings).unwrap());
    let packed = folder.put("findings.gz", packed);
    let (stale, done) =
        assessment(&[folder.at("reports").to_str().unwrap(), "--findings", packed.to_str().unwrap()]);
    assert_eq!(done.code, 0, "{}", done.stderr);
    let found: Vec<(&str, &str)> = stale["findings"]["mismatches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["account_id"].as_str().unwrap(), one["kind"].as_str().unwrap()))
        .collect();
    assert_eq!(
        found,
        [
            ("111122223333", "never_used_in_report"),
            ("111122223333", "key_not_in_report"),
            ("444455556666", "no_report"),
            ("999988887777", "no_report"),
        ]
    );
}

#[test]
fn exit_codes_say_how_it_ended() {
    let folder = Folder::new();
    let bad = folder.put("bad.csv", "user,arn,mfa_active\n<root_account>,nowhere,true\n");
    let (bad, empty) = (bad.to_str().unwrap(), folder.at("empty"));
    std::fs::create_dir(&empty).unwrap();
    let code = |args: &[&str]| roottrail([&["posture"], args].concat()).code;
    assert_eq!(code(&[REPORTS]), 0);
    assert_eq!(code(&[REPORTS, "--fail-on-violations"]), 10);
    let clean = format!("{REPORTS}/444455556666-2025-11-12.csv");
    assert_eq!(code(&[&clean, "--fail-on-violations"]), 0);
    assert_eq!(code(&[REPORTS, bad, "--fail-on-violations"]), 3);
    assert_eq!(code(&[empty.to_str().unwrap()]), 5);
    assert_eq!(code(&["/no/such/report.csv"]), 1);
    assert_eq!(code(&[REPORTS, "--findings", "/no/such/findings"]), 1);
    for usage in
        [&[][..], &[REPORTS, "--as-of", "soon"], &[REPORTS, "--recent", "often"], &[REPORTS, "-f", "xml"]]
    {
        assert_eq!(code(usage), 2, "{usage:?}");
    }
    let named = roottrail(["posture", REPORTS, bad]);
    assert!(named.stderr.contains(&format!("{bad}:1: columns are missing: ")), "{}", named.stderr);
    assert!(named.stderr.contains(&format!("{bad}:2: the root user's ARN \"nowhere\"")), "{}", named.stderr);
    assert!(named.stdout.contains("3 accounts"), "the rest is judged: {}", named.stdout);
    assert_eq!(roottrail(["posture", REPORTS, bad, "-q"]).stderr, "");
}

#[test]
fn a_report_may_come_from_a_pipe_and_its_texts_stay_texts() {
    let text = std::fs::read(format!("{REPORTS}/111122223333-2025-11-19.csv")).unwrap();
    let mut piped = command();
    piped.args(["posture", "-", "--as-of", "2025-11-19T06:00:00Z", "-f", "json"]);
    let done = feed(piped, &text);
    let value: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!((done.code, value["accounts"][0]["report"]["basis"].as_str()), (0, Some("as_of")));
    let folder = Folder::new();
    let accounts = serde_json::json!({"Accounts": [{"Id": "111122223333", "Name": "=cmd\u{1b}[2J\u{202e}"}]});
    let accounts = folder.put("accounts.json", accounts.to_string());
    let hostile = folder.put("x\u{1b}[31m.csv", "user,arn,mfa_active\n<root_account>,\u{1b}[2J,true\n");
    let files = [accounts.to_str().unwrap(), hostile.to_str().unwrap()];
    for format in ["table", "csv", "json"] {
        let done = roottrail(["posture", REPORTS, files[1], "--organizations", files[0], "-f", format]);
        assert_eq!(done.code, 3);
        for text in [&done.stdout, &done.stderr] {
            assert!(
                !text.contains('\u{1b}') && (format != "table" || !text.contains('\u{202e}')),
                "{text:?}"
            );
        }
        assert!(format != "csv" || done.stdout.contains("\"'=cmd"), "{}", done.stdout);
    }
}

#[test]
fn policies_and_devices_decide_what_is_proven() {
    let folder = Folder::new();
    let arn = |rest: &str| format!("arn:aws:organizations::444455556666:{rest}");
    let put = |name: &str, value: Value| folder.put(name, value.to_string()).to_str().unwrap().to_owned();
    let accounts = put(
        "accounts.json",
        serde_json::json!({"Accounts": [
        {"Id": "444455556666", "Arn": arn("account/o-a1b2c3d4e5/444455556666"), "Name": "management"},
        {"Id": "999988887777", "Arn": arn("account/o-a1b2c3d4e5/999988887777"), "Name": "production"}]}),
    );
    let bare = |account: &str| {
        let text = std::fs::read_to_string(format!("{REPORTS}/{account}-2025-11-12.csv")).unwrap();
        folder.put(format!("reports/{account}-2025-11-12.csv"), text.replacen(",true,", ",false,", 1))
    };
    for account in ["111122223333", "444455556666", "999988887777"] {
        bare(account);
    }
    let reports = folder.at("reports");
    let reports = reports.to_str().unwrap();
    let status = |value: &Value| -> Vec<String> {
        let accounts = value["accounts"].as_array().unwrap();
        accounts.iter().map(|one| one["checks"]["root_mfa"]["status"].as_str().unwrap().to_owned()).collect()
    };
    let (alone, _) = assessment(&[reports]);
    assert_eq!(status(&alone), ["violation", "violation", "violation"]);
    let (member, _) = assessment(&[reports, "--organizations", &accounts]);
    assert_eq!(status(&member), ["violation", "violation", "unproven"]);
    assert_eq!(member["practices"][2]["account_level"], 3);
    // A folder of documents with a mapping.
    put(
        "scp/root-mfa.json",
        serde_json::json!({"Version": "2012-10-17", "Statement": [{"Sid": "RootMfa",
        "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {
            "BoolIfExists": {"aws:MultiFactorAuthPresent": "false"},
            "StringLike": {"aws:PrincipalArn": ["arn:aws:iam::*:root"]}}}]}),
    );
    put(
        "scp/targets.json",
        serde_json::json!({
        "organization": "o-a1b2c3d4e5", "management_account": "444455556666",
        "targets": {"root-mfa.json": ["r-ab12"], "FullAWSAccess": ["r-ab12", "999988887777"]},
        "parents": {"999988887777": "r-ab12", "444455556666": "r-ab12"}}),
    );
    let scp = folder.at("scp");
    let scp = scp.to_str().unwrap();
    let (known, done) = assessment(&[reports, "--organizations", &accounts, "--scp", scp]);
    assert_eq!(done.stderr, "");
    assert_eq!(status(&known), ["violation", "violation", "mitigated"]);
    let verdict = &known["accounts"][2]["scp"];
    assert_eq!(
        (verdict["verdict"].as_str(), verdict["proof"][0]["sid"].as_str()),
        (Some("root_without_mfa_denied"), Some("RootMfa"))
    );
    assert_eq!(known["accounts"][1]["scp"]["verdict"], "not_denied", "never the management account");
    assert!(!known["scp_limits"].as_array().unwrap().is_empty());
    // A policy that lets access keys pass makes up for nothing.
    put(
        "scp/root-mfa.json",
        serde_json::json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny",
        "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}}]}),
    );
    let (passing, _) = assessment(&[reports, "--organizations", &accounts, "--scp", scp]);
    assert_eq!(status(&passing), ["violation", "violation", "violation"]);
    assert_eq!(passing["accounts"][2]["scp"]["open"]["credential"], "access_key");
    // Devices: virtual, and none that is.
    let devices = put(
        "devices.json",
        serde_json::json!({"VirtualMFADevices": [{
        "SerialNumber": "arn:aws:iam::999988887777:mfa/root-account-mfa-device", "EnableDate": "2022-09-01T00:00:00Z",
        "User": {"Arn": "arn:aws:iam::999988887777:root"}}]}),
    );
    let none = put("devices-444455556666.json", serde_json::json!({"VirtualMFADevices": []}));
    let (kinds, _) = assessment(&[REPORTS, "--virtual-mfa", &devices, "--virtual-mfa", &none]);
    let hardware: Vec<&str> = kinds["accounts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["checks"]["root_hardware_mfa"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(hardware, ["unknown", "pass", "violation"]);
}
