//! An organization with six kinds of accounts.

use serde_json::{Value, json};

use crate::posture::organization::{Directory, Scp, ScpVerdict, read};
use crate::posture::policy::verdict::Memory;

/// The management account; a member below the root; one in the unit PROD; one in TEAM, a unit of PROD; one in
/// the unit TEST; an account outside.
pub(super) const ACCOUNTS: [&str; 6] =
    ["444455556666", "111111111111", "222222222222", "333333333333", "555555555555", "999988887777"];
pub(super) const ROOT: &str = "r-ab12";
pub(super) const PROD: &str = "ou-ab12-prod0001";
pub(super) const TEAM: &str = "ou-ab12-team0001";
pub(super) const TEST: &str = "ou-ab12-test0001";

/// Policies with what they are attached to.
pub(super) type Attached = Vec<(Value, Vec<&'static str>)>;

/// Returns the organization as aws-cli prints it.
pub(super) fn organization() -> Directory {
    let arn = |rest: &str| format!("arn:aws:organizations::{}:{rest}", ACCOUNTS[0]);
    let account = |id: &str| json!({"Id": id, "Arn": arn(&format!("account/o-a1b2c3d4e5/{id}")), "Name": id});
    let accounts: Vec<Value> = ACCOUNTS[..5].iter().map(|id| account(id)).collect();
    let root = json!({"Id": ROOT, "Arn": arn(&format!("root/o-a1b2c3d4e5/{ROOT}")), "Name": "Root",
        "PolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}]});
    let mut directory = Directory::default();
    let mut take = |file: &str, value: Value| {
        assert_eq!(read(&mut directory, file, &value.to_string()), []);
    };
    take("accounts.json", json!({"Accounts": accounts}));
    take("roots.json", json!({"Roots": [root]}));
    take(&format!("units-{ROOT}.json"), json!({"OrganizationalUnits": [{"Id": PROD}, {"Id": TEST}]}));
    take(&format!("units-{PROD}.json"), json!({"OrganizationalUnits": [{"Id": TEAM}]}));
    for (account, parent) in ACCOUNTS.into_iter().zip([ROOT, ROOT, PROD, TEAM, TEST]) {
        take(&format!("list-parents-{account}.json"), json!({"Parents": [{"Id": parent}]}));
    }
    directory
}

/// Returns the organization with these policies. `full_access`: what `FullAWSAccess` is attached to, where that is
/// said.
pub(super) fn with(policies: &Attached, full_access: Option<&[&str]>) -> Directory {
    let mut directory = organization();
    for (number, (document, targets)) in policies.iter().enumerate() {
        let id = format!("p-policy{number:04}");
        let summary = json!({"Id": id, "Name": format!("policy {number}"), "Type": "SERVICE_CONTROL_POLICY"});
        let policy = json!({"Policy": {"PolicySummary": summary, "Content": document.to_string()}});
        read(&mut directory, &format!("{id}.json"), &policy.to_string());
        let targets: Vec<Value> = targets.iter().map(|id| json!({"TargetId": id})).collect();
        assert_eq!(
            read(&mut directory, &format!("targets-{id}.json"), &json!({"Targets": targets}).to_string()),
            []
        );
    }
    if let Some(targets) = full_access {
        let targets: Vec<Value> = targets.iter().map(|id| json!({"TargetId": id})).collect();
        let text = json!({"Targets": targets}).to_string();
        assert_eq!(read(&mut directory, "targets-p-FullAWSAccess.json", &text), []);
    }
    directory.settle();
    directory
}

pub(super) fn verdicts(directory: &Directory) -> [Scp; 6] {
    let now = "2025-11-19T00:00:00Z".parse().unwrap();
    let memory = Memory::default();
    ACCOUNTS.map(|account| directory.verdict(account, &format!("arn:aws:iam::{account}:root"), now, &memory))
}

/// Returns one letter for each verdict: Denied, without Mfa, from Elsewhere, Not, Unknown.
pub(super) fn letters(scps: &[Scp; 6]) -> String {
    let letter = |scp: &Scp| match scp.verdict {
        ScpVerdict::RootDenied => 'D',
        ScpVerdict::RootWithoutMfaDenied => 'M',
        ScpVerdict::RootFromElsewhereDenied => 'E',
        ScpVerdict::NotDenied => 'N',
        ScpVerdict::Unknown => 'U',
    };
    scps.iter().map(letter).collect()
}
