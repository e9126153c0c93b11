//! An added Deny only takes away.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::{ACCOUNTS, PROD, ROOT, TEAM, TEST, verdicts, with};
use crate::posture::policy::verdict::Fact;

fn condition() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => Just(json!({})),
        2 => Just(json!({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}})),
        1 => Just(json!({"Bool": {"aws:MultiFactorAuthPresent": "false"}})),
        1 => Just(json!({"Null": {"aws:MultiFactorAuthPresent": "true"}})),
        2 => Just(json!({"StringLike": {"aws:PrincipalArn": "arn:aws:iam::*:root"}})),
        1 => Just(json!({"StringEquals": {"aws:PrincipalArn": "arn:aws:iam::*:root"}})),
        2 => Just(json!({"NotIpAddress": {"aws:SourceIp": ["192.0.2.0/24"]}})),
        1 => Just(json!({"NotIpAddressIfExists": {"aws:SourceIp": "192.0.2.0/24", "aws:VpcSourceIp": "10.0.0.0/8"}})),
        1 => Just(json!({"IpAddress": {"aws:SourceIp": ["0.0.0.0/1"]}})),
        1 => Just(json!({"NotIpAddress": {"aws:SourceIp": ["0.0.0.0/0"]}})),
        1 => Just(json!({"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}})),
        1 => Just(json!({"StringEquals": {"aws:SomethingNew": "x"}})),
        1 => Just(json!({"StringNotEquals": {"aws:SourceVpce": "vpce-0123456789"}})),
    ]
}

fn actions() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        4 => Just(("Action", json!("*"))),
        1 => Just(("Action", json!("iam:*"))),
        1 => Just(("Action", json!(["s3:Get*", "*:List*"]))),
        1 => Just(("NotAction", json!("iam:*"))),
        1 => Just(("NotAction", json!(["iam:*", "sts:*"]))),
    ]
}

fn resources() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        5 => Just(("Resource", json!("*"))),
        1 => Just(("Resource", json!("arn:aws:s3:::logs/*"))),
        1 => Just(("NotResource", json!("arn:aws:s3:::logs/*"))),
    ]
}

fn statement(effect: &'static str) -> impl Strategy<Value = Value> {
    (condition(), actions(), resources()).prop_map(move |(condition, actions, resources)| {
        let mut statement = json!({"Effect": effect, "Condition": condition});
        statement[actions.0] = actions.1;
        statement[resources.0] = resources.1;
        json!({"Version": "2012-10-17", "Statement": [statement]})
    })
}

fn target() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::select(vec![vec![ROOT], vec![PROD], vec![TEAM], vec![TEST], vec![ACCOUNTS[2], TEST]])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn an_added_deny_never_turns_denied_into_not_denied(
        denies in prop::collection::vec((statement("Deny"), target()), 0..4),
        allow in prop::option::of((statement("Allow"), target())),
        added in (statement("Deny"), target()),
        detached in prop::option::of(0_usize..4),
    ) {
        let all = [ROOT, PROD, TEAM, TEST, ACCOUNTS[1], ACCOUNTS[2], ACCOUNTS[3], ACCOUNTS[4]];
        let full: Vec<&str> =
            all.into_iter().enumerate().filter(|(at, _)| Some(*at) != detached).map(|(_, id)| id).collect();
        let mut policies = denies;
        policies.extend(allow);
        let before = verdicts(&with(&policies, Some(&full)));
        policies.push(added);
        let after = verdicts(&with(&policies, Some(&full)));
        for (before, after) in before.iter().zip(&after) {
            let facts = [
                (before.root, after.root),
                (before.without_mfa, after.without_mfa),
                (before.from_elsewhere, after.from_elsewhere),
            ];
            for (before, after) in facts {
                prop_assert!(!(before == Fact::Denied && after == Fact::NotDenied));
            }
            // What holds for all requests holds for some.
            prop_assert!(after.root != Fact::Denied || after.without_mfa == Fact::Denied);
            prop_assert!(after.root != Fact::Denied || after.from_elsewhere == Fact::Denied);
            prop_assert!(after.without_mfa != Fact::NotDenied || after.root == Fact::NotDenied);
        }
    }
}
