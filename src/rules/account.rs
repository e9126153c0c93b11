//! The account itself: closed, taken out of its organization, its contacts changed.

use super::example::call;
use super::rule::short::{CRITICAL, MEDIUM, api};
use super::{Example, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-account-closed",
        title: "An account was closed",
        tried: "Root tried to close an account",
        attack: &["T1531"],
        reason: "Everything in the account stops, and is deleted for good after 90 days.",
        next: "Reopen it through AWS Support within 90 days if nobody ordered it.",
        events: &[api("", "CloseAccount")],
        example: Example {
            matching: call!(
                "organizations",
                "CloseAccount",
                r#""requestParameters":{"accountId":"444455556666"}"#
            ),
            other: call!("organizations", "DescribeAccount", r#""readOnly":true"#),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-organization-left",
        title: "The account left its organization",
        tried: "Root tried to take the account out of its organization",
        attack: &["T1531", "T1666"],
        reason: "Its service control policies, central logging and central billing end.",
        next: "Invite the account back; read what it did once it was free of the organization's limits.",
        events: &[api("", "LeaveOrganization")],
        example: Example {
            matching: call!("organizations", "LeaveOrganization"),
            other: call!("organizations", "DescribeOrganization", r#""readOnly":true"#),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-contacts-changed",
        title: "The account's contacts were changed",
        tried: "Root tried to change the account's contacts",
        attack: &["T1098"],
        reason: "AWS's security notices and recovery calls go to these contacts.",
        next: "Compare them with the ones you know, and put them back.",
        events: &[
            api("", "PutAlternateContact"),
            api("", "DeleteAlternateContact"),
            api("", "PutContactInformation"),
            api("", "SetContactAddress"),
        ],
        example: Example {
            matching: call!("account", "PutAlternateContact"),
            other: call!("account", "GetAlternateContact", r#""readOnly":true"#),
        },
        ..MEDIUM
    },
    Rule {
        id: "root-region-enabled",
        title: "A region was enabled",
        tried: "Root tried to enable a region",
        attack: &["T1535"],
        reason: "A region that nobody uses is one that nobody watches.",
        next: "Look at everything that was made there; disable the region if nobody ordered it.",
        events: &[api("account", "EnableRegion")],
        example: Example {
            matching: call!("account", "EnableRegion", r#""requestParameters":{"RegionName":"af-south-1"}"#),
            other: call!("account", "ListRegions", r#""readOnly":true"#),
        },
        ..MEDIUM
    },
];
