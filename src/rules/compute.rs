//! Compute and network abuse.

use super::example::call;
use super::rule::short::{HIGH, MEDIUM, api};
use super::{Example, Rule};
use crate::json::Value;

/// The rules that EC2 reports in its response.
const ADDED: &str = "responseElements.securityGroupRuleSet";

/// Levels that are searched for an open address range; AWS nests it four levels deep.
const SEARCH_DEPTH: u32 = 16;

fn is_open_to_all(value: &Value<'_>, depth: u32) -> bool {
    match value {
        Value::String(text) => matches!(text.trim(), "0.0.0.0/0" | "::/0"),
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
        tried: "Root tried to open a security group to the internet",
        attack: &["T1562.007"],
        when: "the request holds 0.0.0.0/0 or ::/0, or leaves its parameters out and the response shows no narrower range",
        reason: "Machines behind it can be reached from everywhere.",
        next: "Revoke the rule; look for connections to the machines behind it.",
        events: &[api("ec2", "AuthorizeSecurityGroupIngress"), api("ec2", "ModifySecurityGroupRules")],
        holds: |case| {
            let open =
                |path: &str| case.record.value(path).is_some_and(|value| is_open_to_all(value, SEARCH_DEPTH));
            open("requestParameters")
                || (case.record.parameters_are_omitted()
                    && (open(ADDED) || !case.record.holds_something(ADDED)))
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
        tried: "Root tried to start instances",
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
    Rule {
        id: "root-remote-command",
        title: "Root sent a command to a machine, or opened a session on it",
        tried: "Root tried to send a command to a machine, or to open a session on it",
        attack: &["T1651", "T1021.007"],
        reason: "Whoever runs a command on a machine has its data and its role's credentials.",
        next: "Read the command and its output in Systems Manager; look at what the machine did next.",
        events: &[
            api("ssm", "SendCommand"),
            api("ssm", "StartSession"),
            api("ssm", "ResumeSession"),
            api("ssm", "StartAutomationExecution"),
            api("ssm", "CreateAssociation"),
            api("ecs", "ExecuteCommand"),
            api("ec2-instance-connect", "SendSSHPublicKey"),
            api("ec2-instance-connect", "SendSerialConsoleSSHPublicKey"),
        ],
        example: Example {
            matching: call!("ssm", "SendCommand"),
            other: call!("ssm", "ListCommands", r#""readOnly":true"#),
        },
        ..HIGH
    },
    Rule {
        id: "root-agent-tool-called",
        title: "An agent called a tool that can write, as root",
        tried: "An agent tried to call a tool that can write, as root",
        reason: "Root's power is in the hands of a program that decides by itself; the caller's own address is not recorded.",
        next: "Ask who lets an agent work as root; read what it called, and give it a role of its own.",
        events: &[api("aws-mcp", "CallReadWriteTool")],
        example: Example {
            matching: call!("aws-mcp", "CallReadWriteTool"),
            other: call!("aws-mcp", "CallReadOnlyTool", r#""readOnly":true"#),
        },
        ..MEDIUM
    },
];
