//! Persistence in IAM: users, roles, grants, the password policy.

use super::example::call;
use super::rule::short::{HIGH, api};
use super::{Example, Rule};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-user-created",
        title: "Root created a user",
        tried: "Root tried to create a user",
        attack: &["T1136.003"],
        reason: "A new user is a way back in that needs no root.",
        next: "Check who ordered it; look for keys, passwords and policies given to it.",
        events: &[api("iam", "CreateUser")],
        example: Example {
            matching: call!("iam", "CreateUser", r#""requestParameters":{"userName":"backup"}"#),
            other: call!("iam", "GetUser", r#""readOnly":true"#),
        },
        ..HIGH
    },
    Rule {
        id: "root-role-created-or-opened",
        title: "Root created a role or changed who may assume it",
        tried: "Root tried to create a role or to change who may assume it",
        attack: &["T1136.003", "T1098.003"],
        reason: "A role that another account may assume is a way back in that needs no root.",
        next: "Read the trust policy in requestParameters; remove principals that you do not know.",
        events: &[api("iam", "CreateRole"), api("iam", "UpdateAssumeRolePolicy")],
        example: Example {
            matching: call!("iam", "UpdateAssumeRolePolicy"),
            other: call!("iam", "CreateServiceLinkedRole"),
        },
        ..HIGH
    },
    Rule {
        id: "root-permissions-granted",
        title: "Root granted permissions",
        tried: "Root tried to grant permissions",
        attack: &["T1098.003"],
        reason: "Permissions given to a user, group or role outlive root's session.",
        next: "Read what was granted to whom; take it back if nobody ordered it.",
        events: &[
            api("iam", "Attach*Policy"),
            api("iam", "Put*Policy"),
            api("iam", "AddUserToGroup"),
            api("iam", "CreatePolicyVersion"),
            api("iam", "SetDefaultPolicyVersion"),
            api("iam", "Delete*PermissionsBoundary"),
        ],
        example: Example {
            matching: call!("iam", "AttachUserPolicy"),
            other: call!("iam", "DetachUserPolicy"),
        },
        ..HIGH
    },
    Rule {
        id: "root-password-policy-changed",
        title: "The password policy was changed",
        tried: "Root tried to change the password policy",
        attack: &["T1098.003", "T1556"],
        reason: "Without the policy, users may have short passwords that never expire.",
        next: "Compare it with the policy that should be there.",
        events: &[api("iam", "UpdateAccountPasswordPolicy"), api("iam", "DeleteAccountPasswordPolicy")],
        example: Example {
            matching: call!("iam", "DeleteAccountPasswordPolicy"),
            other: call!("iam", "GetAccountPasswordPolicy", r#""readOnly":true"#),
        },
        ..HIGH
    },
];
