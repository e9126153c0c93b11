//! Policies by accounts, with verdicts worked out by hand.
//!
//! Each case is an organization with its policies and the verdict on one account. Verdicts were worked out by hand
//! from AWS's rules of evaluation, and not taken from the program. Cases that differ in one statement stand side by
//! side.

use serde_json::{Value, json};

use super::world::{ACCOUNTS, PROD, ROOT, TEAM, TEST, letters, verdicts, with};
use crate::posture::organization::ScpVerdict;

/// Returns a document with one Deny.
fn deny(statement: Value) -> Value {
    let mut whole = json!({"Sid": "Deny", "Effect": "Deny"});
    whole.as_object_mut().unwrap().extend(statement.as_object().unwrap().clone());
    json!({"Version": "2012-10-17", "Statement": [whole]})
}

/// Returns a Deny of everything under a condition.
fn deny_if(condition: Value) -> Value {
    deny(json!({"Action": "*", "Resource": "*", "Condition": condition}))
}

const ROOT_ARN: &str = "arn:aws:iam::*:root";

#[test]
fn verdicts_are_those_worked_out_by_hand() {
    let root = || json!({"aws:PrincipalArn": ROOT_ARN});
    let offices = || json!({"aws:SourceIp": ["192.0.2.0/24", "2001:db8::/32"]});
    // The name, the document, what it is attached to, and the verdicts on the management account, a member
    // below the root, one in PROD, one in TEAM below it, one in TEST, and an account outside.
    let at_root = vec![ROOT];
    let rows: Vec<(&str, Value, Vec<&'static str>, &str)> = vec![
        // Denied whole.
        (
            "everything, to everybody",
            deny(json!({"Action": "*", "Resource": "*"})),
            at_root.clone(),
            "NDDDDN",
        ),
        ("root by StringLike", deny_if(json!({"StringLike": root()})), at_root.clone(), "NDDDDN"),
        ("root by ArnLike", deny_if(json!({"ArnLike": root()})), at_root.clone(), "NDDDDN"),
        (
            "root by ArnEquals, which takes wildcards",
            deny_if(json!({"ArnEquals": root()})),
            at_root.clone(),
            "NDDDDN",
        ),
        (
            "root by PrincipalType",
            deny_if(json!({"StringEquals": {"aws:PrincipalType": "Account"}})),
            at_root.clone(),
            "NDDDDN",
        ),
        (
            "key and operator in other letters",
            deny_if(json!({"stringlike": {"AWS:principalARN": ROOT_ARN}})),
            at_root.clone(),
            "NDDDDN",
        ),
        (
            "all but a role, which root is not",
            deny_if(json!({"StringNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/admin"}})),
            at_root.clone(),
            "NDDDDN",
        ),
        (
            "actions that are everything together",
            deny(json!({"Action": ["*:*"], "Resource": ["*"]})),
            at_root.clone(),
            "NDDDDN",
        ),
        ("in one unit", deny_if(json!({"StringLike": root()})), vec![PROD], "NNDDNN"),
        ("in a unit of a unit", deny_if(json!({"StringLike": root()})), vec![TEAM], "NNNDNN"),
        ("in another unit", deny_if(json!({"StringLike": root()})), vec![TEST], "NNNNDN"),
        ("of one account", deny_if(json!({"StringLike": root()})), vec![ACCOUNTS[2]], "NNDNNN"),
        (
            "of the management account, to no effect",
            deny_if(json!({"StringLike": root()})),
            vec![ACCOUNTS[0]],
            "NNNNNN",
        ),
        (
            "one account's root by its whole ARN",
            deny_if(json!({"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::222222222222:root"}})),
            at_root.clone(),
            "NNDNNN",
        ),
        (
            "by a variable",
            deny_if(
                json!({"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::${aws:PrincipalAccount}:root"}}),
            ),
            at_root.clone(),
            "NDDDDN",
        ),
        (
            "by organization",
            deny_if(json!({"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}})),
            at_root.clone(),
            "NDDDDN",
        ),
        (
            "by the unit's path",
            deny_if(
                json!({"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": "o-a1b2c3d4e5/r-ab12/ou-ab12-prod0001/*"}}),
            ),
            at_root.clone(),
            "NNDDNN",
        ),
        (
            "since a date that has passed",
            deny_if(
                json!({"DateGreaterThan": {"aws:CurrentTime": "2025-01-01T00:00:00Z"}, "StringLike": root()}),
            ),
            at_root.clone(),
            "NDDDDN",
        ),
        (
            "MFA present or not, both named",
            deny_if(json!({"BoolIfExists": {"aws:MultiFactorAuthPresent": ["true", "false"]}})),
            at_root.clone(),
            "NDDDDN",
        ),
        // Without MFA.
        (
            "the study's own",
            deny_if(json!({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}, "StringLike": root()})),
            at_root.clone(),
            "NMMMMN",
        ),
        (
            "false without quotes",
            deny_if(json!({"BoolIfExists": {"aws:MultiFactorAuthPresent": false}})),
            at_root.clone(),
            "NMMMMN",
        ),
        (
            "without a principal",
            deny_if(json!({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}})),
            vec![TEST],
            "NNNNMN",
        ),
        (
            "StringNotEquals holds where the key is missing",
            deny_if(json!({"StringNotEquals": {"aws:MultiFactorAuthPresent": "true"}})),
            at_root.clone(),
            "NMMMMN",
        ),
        (
            "no age of MFA",
            deny_if(json!({"Null": {"aws:MultiFactorAuthAge": "true"}})),
            at_root.clone(),
            "NMMMMN",
        ),
        (
            "ForAllValues holds where the key is missing",
            deny_if(json!({"ForAllValues:Bool": {"aws:MultiFactorAuthPresent": "false"}})),
            at_root.clone(),
            "NMMMMN",
        ),
        // Traps: Bool lets access keys pass, Null lets sessions pass.
        (
            "Bool: a missing key passes",
            deny_if(json!({"Bool": {"aws:MultiFactorAuthPresent": "false"}})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "Null: a session without MFA passes",
            deny_if(json!({"Null": {"aws:MultiFactorAuthPresent": "true"}})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "ForAnyValue fails where the key is missing",
            deny_if(json!({"ForAnyValue:Bool": {"aws:MultiFactorAuthPresent": "false"}})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "MFA denied in place of its lack",
            deny_if(json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "StringEquals takes no wildcard",
            deny_if(json!({"StringEquals": root()})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "users, not root",
            deny_if(json!({"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"}})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "PrincipalType has no Root",
            deny_if(json!({"StringEquals": {"aws:PrincipalType": "Root"}})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "another partition",
            deny_if(json!({"ArnLike": {"aws:PrincipalArn": "arn:aws-cn:iam::*:root"}})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "root has no user name",
            deny_if(json!({"StringLike": {"aws:username": "*"}})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "root has no tags",
            deny_if(json!({"StringEquals": {"aws:PrincipalTag/team": "ops"}})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "services only",
            deny_if(json!({"Bool": {"aws:PrincipalIsAWSService": "true"}})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "Bool and Null, a statement each",
            json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}},
            {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"Null": {"aws:MultiFactorAuthPresent": "true"}}}]}),
            at_root.clone(),
            "NMMMMN",
        ),
        (
            "MFA asked for everything but what enrols a device",
            deny(json!({"NotAction": ["iam:CreateVirtualMFADevice", "iam:EnableMFADevice"], "Resource": "*",
                "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}})),
            at_root.clone(),
            "NNNNNN",
        ),
        // From elsewhere.
        ("NotIpAddress", deny_if(json!({"NotIpAddress": offices()})), at_root.clone(), "NEEEEN"),
        (
            "the study's allow list",
            deny_if(
                json!({"NotIpAddressIfExists": {"aws:SourceIp": ["192.0.2.0/24"], "aws:VpcSourceIp": ["10.0.0.0/8"]}, "StringLike": root()}),
            ),
            at_root.clone(),
            "NEEEEN",
        ),
        (
            "NotIpAddress and MFA: one of the two is enough",
            deny_if(
                json!({"NotIpAddress": offices(), "BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}),
            ),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "a list that holds everything",
            deny_if(json!({"NotIpAddress": {"aws:SourceIp": ["0.0.0.0/0", "::/0"]}})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "a list of unwanted addresses",
            deny_if(json!({"IpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "the internet, not VPC endpoints",
            deny_if(json!({"IpAddress": {"aws:SourceIp": ["0.0.0.0/0", "::/0"]}})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "all but one VPC endpoint",
            deny_if(json!({"StringNotEqualsIfExists": {"aws:SourceVpce": "vpce-0123456789"}})),
            at_root.clone(),
            "NEEEEN",
        ),
        // Some actions, some resources.
        (
            "one action",
            deny(json!({"Action": "iam:CreateAccessKey", "Resource": "*"})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "NotAction leaves some",
            deny(json!({"NotAction": ["iam:*", "sts:GetSessionToken"], "Resource": "*"})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "NotResource leaves some",
            deny(json!({"Action": "*", "NotResource": "arn:aws:s3:::logs/*"})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "ARNs are not all resources",
            deny(json!({"Action": "*", "Resource": "arn:*"})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "NotAction and its actions together",
            json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "NotAction": "IAM:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]}),
            at_root.clone(),
            "NDDDDN",
        ),
        (
            "NotAction and half of its actions",
            json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "iam:Get*", "Resource": "*"}]}),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "NotResource and its resources together",
            json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:s3:::logs/*"},
            {"Effect": "Deny", "Action": "*", "Resource": "arn:aws:s3:::logs/*"}]}),
            at_root.clone(),
            "NDDDDN",
        ),
        (
            "what the caller chooses: a Region",
            deny_if(json!({"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}})),
            at_root.clone(),
            "NNNNNN",
        ),
        (
            "every Region",
            deny_if(json!({"StringLike": {"aws:RequestedRegion": "*"}})),
            at_root.clone(),
            "NDDDDN",
        ),
        // Not known.
        (
            "a key that nobody knows",
            deny_if(json!({"StringEquals": {"aws:SomethingNew": "x"}})),
            at_root.clone(),
            "NUUUUN",
        ),
        ("an operator that nobody knows", deny_if(json!({"StringRhymesWith": root()})), vec![PROD], "NNUUNN"),
        (
            "a Principal",
            deny(json!({"Principal": "*", "Action": "*", "Resource": "*"})),
            at_root.clone(),
            "NUUUUN",
        ),
        (
            "two Regions that exclude each other",
            json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}},
            {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}}]}),
            at_root.clone(),
            "NUUUUN",
        ),
    ];
    assert!(rows.len() >= 40);
    let mut wrong = Vec::new();
    for (name, document, targets, expected) in rows {
        let got = verdicts(&with(&vec![(document, targets)], None));
        if letters(&got) != expected {
            wrong.push(format!("{name}: {} in place of {expected}", letters(&got)));
        }
        for scp in &got {
            let denied = !matches!(scp.verdict, ScpVerdict::NotDenied | ScpVerdict::Unknown);
            assert_eq!(denied, !scp.proof.is_empty(), "{name}: a denial has its proof, and nothing else has");
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn without_an_allow_at_every_level_everything_is_denied() {
    let nothing = Vec::new();
    let all = [ROOT, PROD, TEAM, TEST, ACCOUNTS[1], ACCOUNTS[2], ACCOUNTS[3], ACCOUNTS[4]];
    assert_eq!(letters(&verdicts(&with(&nothing, Some(&all)))), "NNNNNN");
    let but = |left_out: &str| all.into_iter().filter(|one| *one != left_out).collect::<Vec<_>>();
    for (detached, expected) in
        [(ROOT, "NDDDDN"), (PROD, "NNDDNN"), (TEAM, "NNNDNN"), (ACCOUNTS[4], "NNNNDN")]
    {
        let got = verdicts(&with(&nothing, Some(&but(detached))));
        assert_eq!(letters(&got), expected, "{detached}");
        let proof = got.iter().flat_map(|scp| &scp.proof).next().unwrap();
        assert_eq!((proof.target.as_str(), proof.statement), (detached, None));
    }
    // An allow list in the place of FullAWSAccess leaves what it names.
    let list =
        json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}});
    let got = verdicts(&with(&vec![(list.clone(), vec![PROD])], Some(&but(PROD))));
    assert_eq!(letters(&got), "NNNNNN");
    assert_eq!(got[2].open.as_ref().unwrap().action.as_deref(), Some("s3:a"));
    // Two lists with nothing in common leave nothing.
    let other = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}});
    let two: Vec<&str> = all.into_iter().filter(|one| ![PROD, TEAM].contains(one)).collect();
    let got = verdicts(&with(&vec![(list, vec![PROD]), (other, vec![TEAM])], Some(&two)));
    assert_eq!(letters(&got), "NNNDNN");
}

#[test]
fn what_is_said_of_policies_decides_what_is_known() {
    let summary =
        json!({"Policies": [{"Id": "p-abcd1234", "Name": "one", "Type": "SERVICE_CONTROL_POLICY"}]});
    let take = |files: &[(&str, Value)]| {
        let mut directory = super::world::organization();
        for (file, value) in files {
            let problems = crate::posture::organization::read(&mut directory, file, &value.to_string());
            assert_eq!(problems, []);
        }
        directory.settle();
        letters(&verdicts(&directory))
    };
    let targets = ("targets-p-abcd1234.json", json!({"Targets": [{"TargetId": PROD}]}));
    let text = ("p-abcd1234.json", deny(json!({"Action": "*", "Resource": "*"})));
    assert_eq!(take(&[]), "NUUUUN", "no policies are given");
    assert_eq!(take(&[("policies.json", summary.clone())]), "NUUUUN", "attached to who knows what");
    assert_eq!(take(&[("policies.json", summary.clone()), targets.clone()]), "NNUUNN", "says who knows what");
    assert_eq!(take(&[("policies.json", summary.clone()), text.clone()]), "NUUUUN");
    assert_eq!(take(&[("policies.json", summary), targets.clone(), text.clone()]), "NNDDNN");
    assert_eq!(take(&[text, targets]), "NNDDNN");
    let resource =
        json!({"Policies": [{"Id": "p-rcp12345", "Name": "rcp", "Type": "RESOURCE_CONTROL_POLICY"}]});
    assert_eq!(take(&[("policies.json", resource)]), "NNNNNN", "a policy of another kind");
    let off = json!({"Roots": [{"Id": ROOT, "Arn": "arn:aws:organizations::444455556666:root/o-a1b2c3d4e5/r-ab12", "PolicyTypes": []}]});
    let all = json!({"Policies": [{"PolicySummary": {"Id": "p-abcd1234", "Type": "SERVICE_CONTROL_POLICY"},
        "Content": deny(json!({"Action": "*", "Resource": "*"})).to_string(), "Targets": [{"TargetId": ROOT}]}]});
    assert_eq!(take(&[("policies.json", all.clone())]), "NDDDDN", "all in one document");
    assert_eq!(take(&[("policies.json", all), ("roots.json", off)]), "NNNNNN", "switched off");
}
