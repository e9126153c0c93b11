//! Whether root acted, and in which form: rows R1 to R8, N1 and N2.
//!
//! The first part of the table tells root from everybody else: by the issuer of the session, by the type of the
//! identity, by its ARN, or by an event that AWS's sign-in records for root only. The second part tells in which form
//! root acted: as another account's root, in a session of `AssumeRoot`, through a service, or in person. In each part
//! the first row that holds decides. A name alone never makes root: an IAM user may be called `root`.

use super::record::{Record, account_in_arn, is_root_arn, same_account};
use super::table::{Facts, Row};
use crate::finding::IdentityKind;

/// What the first part of the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A federated session that root issued.
    Federated,
    /// Root, in a form that the second part decides.
    Root,
    /// Not root: who called `AssumeRoot`.
    Caller,
    /// Not root.
    NotRoot,
}

const TYPE: &str = "userIdentity.type";
const ARN: &str = "userIdentity.arn";
const ISSUER_TYPE: &str = "userIdentity.sessionContext.sessionIssuer.type";
const ISSUER_ARN: &str = "userIdentity.sessionContext.sessionIssuer.arn";
const INVOKED_BY: &str = "userIdentity.invokedBy";
const ADDRESS: &str = "sourceIPAddress";
const RECIPIENT: &str = "recipientAccountId";
const ASSUMED_ROOT: &str = "userIdentity.sessionContext.assumedRoot";

/// The console's own services: behind them is a human, and the address is the human's.
pub(super) const CONSOLE_PROXIES: &[&str] = &["signin.amazonaws.com", "console.amazonaws.com"];

/// The server through which agents call AWS: behind it is a person's session, and no address of that person.
pub(crate) const AGENT_PROXY: &str = "aws-mcp.amazonaws.com";

/// The suffix of AWS's own hosts. Console pages of some services write such a name beside their user's address.
const AWS_INTERNAL: &str = "AWS Internal";

/// The events that only root's password recovery writes.
pub(super) const RECOVERY: &[&str] = &["PasswordRecoveryRequested", "PasswordRecoveryCompleted"];

/// The sign-in events that exist for root only, so that they need not name it.
const ROOT_ONLY: &[&str] = &["PasswordRecoveryRequested", "PasswordRecoveryCompleted", "EmailUpdated"];

/// The rows that tell whether root acted at all.
pub(super) static STANDING: &[Row<Standing>] = &[
    Row {
        id: "R1",
        condition: "the session was issued by root, and the caller itself is not of type Root",
        paths: &[ISSUER_TYPE, ISSUER_ARN, TYPE],
        decide: |facts| {
            let record = &facts.record;
            let issued_by_root = record.is_any(ISSUER_TYPE, &["Root"])
                || (record.is_any(TYPE, &["FederatedUser"])
                    && record.text(ISSUER_ARN).is_some_and(is_root_arn));
            (issued_by_root && !record.is_any(TYPE, &["Root"])).then_some(Standing::Federated)
        },
    },
    Row {
        id: "R2",
        condition: "the type is Root",
        paths: &[TYPE],
        // Some pipelines write the type in lower case.
        decide: |facts| facts.record.is_any(TYPE, &["Root"]).then_some(Standing::Root),
    },
    Row {
        id: "R3",
        condition: "the ARN is an account's root, whatever the type says",
        paths: &[ARN],
        decide: |facts| facts.record.text(ARN).is_some_and(is_root_arn).then_some(Standing::Root),
    },
    Row {
        id: "R4",
        condition: "userIdentity names nobody, and it is a password recovery or a change of the e-mail address, which AWS's sign-in records for root only",
        paths: &[TYPE, ARN, "eventSource", "eventName"],
        decide: |facts| {
            let record = &facts.record;
            let nobody = record.filled(ARN).is_none()
                && record.filled(TYPE).is_none_or(|kind| kind.trim().eq_ignore_ascii_case("Unknown"));
            (nobody && record.is_any("eventSource", &["signin.amazonaws.com"]) && record.is_event(ROOT_ONLY))
                .then_some(Standing::Root)
        },
    },
    Row {
        id: "N1",
        condition: "not root, but it calls AssumeRoot",
        paths: &["eventName", "eventSource"],
        decide: |facts| {
            (facts.record.is_event(&["AssumeRoot"])
                && facts.record.is_any("eventSource", &["sts.amazonaws.com"]))
            .then_some(Standing::Caller)
        },
    },
    Row {
        id: "N2",
        condition: "nothing names root as the actor",
        paths: &[],
        decide: |_| Some(Standing::NotRoot),
    },
];

/// The rows that tell in which form root acted.
pub(super) static FORM: &[Row<IdentityKind>] = &[
    Row {
        id: "R5",
        condition: "the type is AWSAccount, and the ARN is not of the account that the record was written for: another account's root",
        paths: &[TYPE, ARN, RECIPIENT],
        decide: |facts| {
            let record = &facts.record;
            (record.is_any(TYPE, &["AWSAccount"]) && !is_own_arn(record))
                .then_some(IdentityKind::RootCrossAccount)
        },
    },
    Row {
        id: "R6",
        condition: "the session came from AssumeRoot",
        paths: &[ASSUMED_ROOT],
        decide: |facts| facts.record.is_true(ASSUMED_ROOT).then_some(IdentityKind::RootAssumeRootSession),
    },
    Row {
        id: "R7",
        condition: "a service acts for root: an AwsServiceEvent, or invokedBy names a service. The console, the server for agents and an AWS Internal that has an IP address are none, nor are the sign-ins of a directory",
        paths: &["eventType", INVOKED_BY, ADDRESS, "eventSource", "eventName"],
        decide: |facts| {
            let record = &facts.record;
            (!record.is_directory_sign_in()
                && (record.is_any("eventType", &["AwsServiceEvent"]) || is_invoked_by_a_service(record)))
            .then_some(IdentityKind::RootViaService)
        },
    },
    Row {
        id: "R8",
        condition: "otherwise root itself",
        paths: &[],
        decide: |_| Some(IdentityKind::RootUser),
    },
];

/// Returns whether the ARN is that of the account whose trail has the record.
fn is_own_arn(record: &Record<'_>) -> bool {
    record
        .text(ARN)
        .and_then(account_in_arn)
        .or_else(|| record.filled("userIdentity.accountId"))
        .zip(record.filled(RECIPIENT))
        .is_some_and(|(arn, recipient)| same_account(arn, recipient))
}

fn is_invoked_by_a_service(record: &Record<'_>) -> bool {
    let Some(by) = record.filled(INVOKED_BY).map(str::trim) else { return false };
    let is = |name: &str| by.eq_ignore_ascii_case(name);
    let a_person = CONSOLE_PROXIES.iter().any(|name| is(name))
        || is(AGENT_PROXY)
        || (is(AWS_INTERNAL) && record.address().is_some());
    !a_person
}

/// Returns who acted, by both parts, and the rows that say so.
pub(super) fn identity(facts: &Facts<'_>) -> (Option<IdentityKind>, &'static str, Option<&'static str>) {
    match super::table::first(STANDING, facts) {
        Some((row, Standing::Federated)) => (Some(IdentityKind::RootFederated), row.id, None),
        Some((row, Standing::Caller)) => (Some(IdentityKind::AssumeRootCaller), row.id, None),
        Some((row, Standing::Root)) => match super::table::first(FORM, facts) {
            Some((form, kind)) => (Some(kind), row.id, Some(form.id)),
            None => (Some(IdentityKind::RootUser), row.id, None),
        },
        Some((row, Standing::NotRoot)) => (None, row.id, None),
        None => (None, "N2", None),
    }
}
