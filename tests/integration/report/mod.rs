//! `roottrail report`: from findings files to what they tell together.

mod hostile;
mod story;
mod study;

use serde_json::{Value, json};

use crate::support::cli::{Done, Folder, roottrail, schemas};

/// Runs a report with `--json` and validates what it wrote.
fn report(folder: &Folder, args: &[&str]) -> (Value, Done) {
    let place = folder.at("report.json");
    let path = place.to_str().unwrap();
    let done = roottrail(["report"].iter().chain(args).chain(&["--json", path, "--force"]));
    let text = std::fs::read_to_string(&place).unwrap_or_else(|error| panic!("{error}: {}", done.stderr));
    let value: Value = serde_json::from_str(&text).unwrap();
    schemas().check("report", &value);
    (value, done)
}

/// A finding of `scan`, with everything that a report looks at.
fn finding(n: u64, account: &str, time: &str, event: &str) -> Value {
    json!({
        "schema": "roottrail.finding/1", "id": format!("{n:032x}"), "time": time, "account_id": account,
        "recipient_account_id": account, "region": "us-east-1", "severity": "medium", "attempt": false,
        "rules": ["root-activity"], "attack": [],
        "event": {"id": format!("e-{n}"), "name": event, "source": "iam.amazonaws.com", "type": "AwsApiCall",
            "category": "Management", "version": "1.11", "read_only": false, "request_id": null,
            "shared_event_id": null},
        "outcome": "success", "error_code": null, "error_message": null,
        "identity": {"kind": "root_user", "type": "Root", "arn": format!("arn:aws:iam::{account}:root"),
            "principal_id": account, "user_name": null, "invoked_by": null, "issuer_arn": null},
        "credential": {"type": "unknown", "basis": null, "access_key_id": null, "session_created": null},
        "mfa": {"status": "unknown", "evidence": null, "device": null, "conflict": false,
            "raw": {"MFAUsed": null, "MFAIdentifier": null, "mfaAuthenticated": null}},
        "source": {"address": "203.0.113.7", "ip": "203.0.113.7", "user_agent": "aws-cli/2.17", "vpc_endpoint": null,
            "tls_version": null},
        "session": {"id": null},
        "evidence": {"uri": "s3://b/k.json.gz", "etag": null, "version_id": null, "sha256": null, "record_index": n,
            "integrity": "unverified", "damaged": false, "conflict_with": null}
    })
}

/// A sign-in to the console.
fn sign_in(n: u64, account: &str, time: &str, mfa: bool) -> Value {
    let mut one = finding(n, account, time, "ConsoleLogin");
    one["event"]["source"] = json!("signin.amazonaws.com");
    one["event"]["type"] = json!("AwsConsoleSignIn");
    one["credential"]["type"] = json!("console_password");
    one["mfa"]["status"] = json!(if mfa { "used" } else { "not_used" });
    one["session"]["id"] = json!(format!("{account}/{time}"));
    one
}

/// A call with a root access key.
fn by_key(n: u64, account: &str, time: &str, key: &str) -> Value {
    let mut one = finding(n, account, time, "ListUsers");
    one["credential"]["type"] = json!("long_term_access_key");
    one["credential"]["access_key_id"] = json!(key);
    one["mfa"]["status"] = json!("not_used");
    one
}

fn lines_of(findings: &[Value]) -> String {
    findings.iter().map(|finding| format!("{finding}\n")).collect()
}
