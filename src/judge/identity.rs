//! Is it root, and in which of its forms? Rows R1 to R8, N1 and N2.

use super::record::is_root_arn;
use super::table::{Facts, Row};
use crate::finding::IdentityKind;

/// What the first part of the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A federated session that root issued.
    Federated,
    /// Root, in a form that the second part tells.
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
const ASSUMED_ROOT: &str = "userIdentity.sessionContext.assumedRoot";

/// The console's own services: behind them is a human, and the address is the human's.
pub(super) const CONSOLE_PROXIES: &[&str] = &["signin.amazonaws.com", "console.amazonaws.com"];

/// The events that only root's password recovery writes.
pub(super) const RECOVERY: &[&str] = &["PasswordRecoveryRequested", "PasswordRecoveryCompleted"];

/// Is it root at all?
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
        // Some pipelines write it in lower case.
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
        condition: "no type, and a password recovery, which AWS records only for root",
        paths: &[TYPE, "eventSource", "eventName"],
        decide: |facts| {
            let record = &facts.record;
            (record.filled(TYPE).is_none()
                && record.is_any("eventSource", &["signin.amazonaws.com"])
                && record.is_event(RECOVERY))
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

/// Root, in which form?
pub(super) static FORM: &[Row<IdentityKind>] = &[
    Row {
        id: "R5",
        condition: "the type is AWSAccount: another account's root",
        paths: &[TYPE],
        decide: |facts| facts.record.is_any(TYPE, &["AWSAccount"]).then_some(IdentityKind::RootCrossAccount),
    },
    Row {
        id: "R6",
        condition: "the session came from AssumeRoot",
        paths: &[ASSUMED_ROOT],
        decide: |facts| facts.record.is_true(ASSUMED_ROOT).then_some(IdentityKind::RootAssumeRootSession),
    },
    Row {
        id: "R7",
        condition: "a service acts for root: an AwsServiceEvent, or invoked by something other than the console",
        paths: &["eventType", INVOKED_BY],
        decide: |facts| {
            let record = &facts.record;
            (record.is_any("eventType", &["AwsServiceEvent"])
                || (record.filled(INVOKED_BY).is_some() && !record.is_any(INVOKED_BY, CONSOLE_PROXIES)))
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

/// Both parts: who acted, and the rows that say so.
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
