//! Compute and network abuse.

use super::example::call;
use super::rule::short::{MEDIUM, api};
use super::{Example, Rule};
use crate::json::Value;

/// How deep an open address range is looked for; AWS nests it four levels deep.
const SEARCH_DEPTH: u32 = 16;

fn is_open_to_all(value: &Value<'_>, depth: u32) -> bool {
    match value {
        Value::String(text) => text == "0.0.0.0/0" || text == "::/0",
        Value::Array(items) if depth > 0 => items.iter().any(|item| is_open_to_all(item, depth - 1)),
        Value::Object(members) if depth > 0 => {
            members.iter().any(|(_, value)| is_open_to_all(value, depth - 1))
        }
        _ => false,
    }
}

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-security-group-opened",
        title: "A security group was opened to the internet",
        attack: &["T1562.007"],
        when: "the request holds 0.0.0.0/0 or ::/0",
        reason: "Machines behind it can be reached from everywhere.",
        next: "Revoke the rule; look for connections to the machines behind it.",
        events: &[api("ec2", "AuthorizeSecurityGroupIngress")],
        holds: |case| {
            case.record.value("requestParameters").is_some_and(|value| is_open_to_all(value, SEARCH_DEPTH))
        },
        example: Example {
            matching: call!(
                "ec2",
                "AuthorizeSecurityGroupIngress",
                r#""requestParameters":{"ipPermissions":{"items":[{"ipRanges":{"items":[{"cidrIp":"0.0.0.0/0"}]}}]}}"#
            ),
            other: call!(
                "ec2",
                "AuthorizeSecurityGroupIngress",
                r#""requestParameters":{"ipPermissions":{"items":[{"ipRanges":{"items":[{"cidrIp":"198.51.100.0/24"}]}}]}}"#
            ),
        },
        ..MEDIUM
    },
    Rule {
        id: "root-instances-started",
        title: "Root started instances",
        attack: &["T1578.002"],
        reason: "New machines mine coins, or reach what only this network reaches.",
        next: "Check size, number and region; stop what nobody ordered, and keep its disk.",
        events: &[api("ec2", "RunInstances")],
        example: Example {
            matching: call!("ec2", "RunInstances"),
            other: call!("ec2", "DescribeInstances", r#""readOnly":true"#),
        },
        ..MEDIUM
    },
];
