//! Rules that no single record can decide: the run adds them (see [`add`](super::add)).

use super::example::call;
use super::rule::short::{CRITICAL, HIGH, MEDIUM};
use super::{Example, Rule, Scope};

/// The rule of two copies of one event that differ.
pub const CONFLICTING_COPIES: &str = "conflicting-event-copies";
/// The rule of two copies of one event that differ where CloudTrail says why.
pub const AMENDED_COPY: &str = "event-copy-amended";
/// The rule of a record that has a key twice and whose readings differ.
pub const AMBIGUOUS_RECORD: &str = "ambiguous-record";
/// The rule of a success from an address that is not on the list.
pub const UNTRUSTED_ADDRESS: &str = "root-from-untrusted-address";
/// The rule of a log that is not what CloudTrail delivered.
pub const LOG_TAMPERED: &str = "log-tampered";

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: CONFLICTING_COPIES,
        title: "Two copies of one event differ",
        lowered: &[],
        attack: &["T1565.001", "T1070"],
        when: "an earlier object holds another record with the same recipientAccountId and eventID, and neither has an addendum",
        reason: "CloudTrail writes an event in two ways only with an addendum: one of these copies was changed.",
        next: "Compare both copies (evidence.uri, evidence.conflict_with); verify their objects against the digests.",
        scope: Scope::Run,
        example: Example {
            matching: call!("iam", "CreateUser", r#""errorCode":"AccessDenied","eventID":"e-1""#),
            other: call!("iam", "CreateUser", r#""eventID":"e-1""#),
        },
        ..CRITICAL
    },
    Rule {
        id: AMENDED_COPY,
        title: "CloudTrail wrote an event again, with more in it",
        lowered: &[],
        when: "an earlier object holds another record of the event, and one of the two has an addendum that says why",
        reason: "Both copies are CloudTrail's own; the later one may say more, also of whether the action succeeded.",
        next: "Read both copies (evidence.uri, evidence.conflict_with) and what the addendum names; verify them against the digests.",
        scope: Scope::Run,
        example: Example {
            matching: call!(
                "iam",
                "CreateUser",
                r#""eventID":"e-1","addendum":{"reason":"UPDATED_DATA","updatedFields":"responseElements","originalEventID":"e-1"}"#
            ),
            other: call!("iam", "CreateUser", r#""eventID":"e-1""#),
        },
        ..MEDIUM
    },
    Rule {
        id: AMBIGUOUS_RECORD,
        title: "A record says different things to different readers",
        lowered: &[],
        attack: &["T1565.001", "T1070"],
        when: "a key on the way to the verdict (userIdentity, type, arn, detail, CloudTrailEvent, eventID, …) is there twice, and the finding depends on which one counts",
        reason: "CloudTrail never writes a key twice: the record was changed, so that some programs see another event.",
        next: "Read the record's own text; verify its object against the digests, and look for another copy of the event.",
        scope: Scope::Run,
        example: Example {
            matching: call!("iam", "CreateUser", r#""userIdentity":{"type":"IAMUser","userName":"alice"}"#),
            other: call!("iam", "CreateUser"),
        },
        ..HIGH
    },
    Rule {
        id: LOG_TAMPERED,
        title: "The log that holds the event was tampered with",
        lowered: &[],
        attack: &["T1565.001", "T1070"],
        when: "--verify-digests is given, and the log is not what its digest says, or no digest names it in a time that digests prove",
        reason: "CloudTrail signs the hash of every log: this one was changed or put there by somebody else.",
        next: "Trust neither the event nor what is missing beside it; run `roottrail verify`, and look for the sound copy in versions and replicas of the bucket.",
        scope: Scope::Run,
        example: Example {
            matching: call!("iam", "ListUsers", r#""eventID":"e-1""#),
            other: call!("iam", "ListUsers", r#""eventID":"e-2""#),
        },
        ..CRITICAL
    },
    Rule {
        id: UNTRUSTED_ADDRESS,
        title: "Root acted from an untrusted address",
        lowered: &[],
        when: "--trusted-ip is given, root succeeded, and sourceIPAddress is neither in it nor AWS's own (AWS Internal, or a service's host name other than aws-mcp.amazonaws.com)",
        reason: "A list of addresses is the limit that works for root: a success from elsewhere is not its owner.",
        next: "Find whose address it is; unless it is a forgotten office or VPN, treat root as taken.",
        scope: Scope::Run,
        example: Example {
            matching: call!("ec2", "CreateVpc"),
            other: call!("ec2", "CreateVpc", r#""errorCode":"AccessDenied""#),
        },
        ..HIGH
    },
];
