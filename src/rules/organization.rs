//! The organization: an account that joins one, and one that loses its hold on its accounts.

use super::example::call;
use super::rule::short::{CRITICAL, HIGH, api, only};
use super::{Api, Case, Example, Rule};

/// The places where a call and its response name the type of a policy.
const POLICY_TYPE: &[&str] = &[
    "requestParameters.policyType",
    "requestParameters.type",
    "responseElements.policy.policySummary.type",
    "responseElements.policySummary.type",
];

/// Returns whether a policy may limit accounts. Most calls name the policy by its id alone, so a policy
/// counts unless it is known to be of another kind.
fn may_limit_accounts(case: &Case<'_>) -> bool {
    let mut types = POLICY_TYPE.iter().filter_map(|path| case.record.filled(path)).peekable();
    types.peek().is_none()
        || types.any(|kind| {
            ["SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"]
                .iter()
                .any(|known| kind.eq_ignore_ascii_case(known))
        })
}

const fn of_policies(name: &'static str) -> Api {
    only(
        "organizations",
        name,
        "the record names no type of policy, or a service or resource control policy",
        may_limit_accounts,
    )
}

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "root-handshake-accepted",
        title: "Root accepted a handshake of AWS Organizations",
        tried: "Root tried to accept a handshake of AWS Organizations",
        attack: &["T1666", "T1098.003"],
        reason: "An account that joins a stranger's organization is under it: its management account can act as root here.",
        next: "Read the handshake and who sent it; leave the organization if nobody ordered it.",
        events: &[api("organizations", "AcceptHandshake")],
        example: Example {
            matching: call!(
                "organizations",
                "AcceptHandshake",
                r#""requestParameters":{"handshakeId":"h-1"}"#
            ),
            other: call!("organizations", "DeclineHandshake", r#""requestParameters":{"handshakeId":"h-1"}"#),
        },
        ..CRITICAL
    },
    Rule {
        id: "root-organization-changed",
        title: "The organization's hold on its accounts was changed",
        tried: "Root tried to change the organization's hold on its accounts",
        attack: &["T1666", "T1098.003"],
        reason: "Accounts that leave, policies that no longer limit them, and administrators elsewhere end central control.",
        next: "Compare accounts, policies and delegated administrators with what they should be.",
        events: &[
            api("organizations", "RemoveAccountFromOrganization"),
            api("organizations", "DeleteOrganization"),
            of_policies("DetachPolicy"),
            of_policies("DeletePolicy"),
            of_policies("UpdatePolicy"),
            of_policies("DisablePolicyType"),
            api("organizations", "MoveAccount"),
            api("organizations", "RegisterDelegatedAdministrator"),
            api("organizations", "DeregisterDelegatedAdministrator"),
            api("organizations", "DisableAWSServiceAccess"),
            api("organizations", "PutResourcePolicy"),
            api("organizations", "InviteOrganizationToTransferResponsibility"),
        ],
        example: Example {
            matching: call!(
                "organizations",
                "DetachPolicy",
                r#""requestParameters":{"policyId":"p-examplepolicyid111","targetId":"444455556666"}"#
            ),
            other: call!(
                "organizations",
                "DisablePolicyType",
                r#""requestParameters":{"rootId":"r-1","policyType":"TAG_POLICY"}"#
            ),
        },
        ..HIGH
    },
];
