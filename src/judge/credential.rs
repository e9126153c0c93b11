//! Which credential a root event was made with: rows C1 to C12.
//!
//! The rows are tried in order, and the first that holds decides. Identities whose form already names the credential
//! come first: a federated session, a session of `AssumeRoot`, a service. Then come the events of password recovery
//! and sign-in, and what AWS itself writes of a console session. A long-term access key stands before the user agent,
//! which anybody can make up; the user agent and the prefix of a temporary key decide last. Each ruling names what
//! decided it.

use super::identity::{CONSOLE_PROXIES, RECOVERY};
use super::table::Row;
use crate::finding::{CredentialBasis as Basis, CredentialType as Type, IdentityKind};

/// A credential type and what decided it.
pub(super) type Ruling = (Type, Option<Basis>);

const KEY: &str = "userIdentity.accessKeyId";
const ATTRIBUTES: &str = "userIdentity.sessionContext.attributes";
const INVOKED_BY: &str = "userIdentity.invokedBy";
const FROM_CONSOLE: &[&str] = &[
    "sessionCredentialFromConsole",
    "userIdentity.sessionContext.sessionCredentialFromConsole",
    "userIdentity.sessionContext.attributes.sessionCredentialFromConsole",
];

/// User agents of the console and its backends.
const CONSOLE_AGENTS: &[&str] = &[
    "console.amazonaws.com",
    "signin.amazonaws.com",
    "console.ec2.amazonaws.com",
    "S3Console/",
    "EC2ConsoleFrontend",
    "AWS CloudWatch Console",
    "AWSCloudTrail,",
    "aws-internal/",
    "AWS Internal",
    "Coral/",
    "Mozilla/",
];

fn by_identity(found: Option<IdentityKind>, kind: IdentityKind, said: Type) -> Option<Ruling> {
    (found == Some(kind)).then_some((said, Some(Basis::Identity)))
}

/// The credential of a root event.
pub(super) static CREDENTIAL: &[Row<Ruling>] = &[
    Row {
        id: "C1",
        condition: "a federated session that root issued",
        paths: &[
            "userIdentity.sessionContext.sessionIssuer.type",
            "userIdentity.sessionContext.sessionIssuer.arn",
        ],
        decide: |facts| by_identity(facts.identity, IdentityKind::RootFederated, Type::FederationToken),
    },
    Row {
        id: "C2",
        condition: "a session from AssumeRoot",
        paths: &["userIdentity.sessionContext.assumedRoot"],
        decide: |facts| by_identity(facts.identity, IdentityKind::RootAssumeRootSession, Type::AssumeRoot),
    },
    Row {
        id: "C3",
        condition: "a service acts for root (forward access session)",
        paths: &["eventType", INVOKED_BY],
        decide: |facts| by_identity(facts.identity, IdentityKind::RootViaService, Type::AwsService),
    },
    Row {
        id: "C4",
        condition: "password recovery: an e-mail flow, nobody is signed in",
        paths: &["eventName"],
        decide: |facts| facts.record.is_event(RECOVERY).then_some((Type::None, Some(Basis::Event))),
    },
    Row {
        id: "C5",
        condition: "a sign-in event",
        paths: &["eventType", "eventSource", "eventName"],
        decide: |facts| {
            let record = &facts.record;
            let said = match record.event_name() {
                _ if !record.is_sign_in() => return None,
                // Root's passkeys are a second factor: the password is always involved.
                "ConsoleLogin" | "CheckMfa" => Type::ConsolePassword,
                "ExternalIdPDirectoryLogin"
                | "UserAuthentication"
                | "CredentialChallenge"
                | "CredentialVerification" => Type::Unknown,
                _ if record.is_any("eventType", &["AwsConsoleSignIn"]) => Type::ConsoleSession,
                _ => return None,
            };
            Some((said, Some(Basis::Event)))
        },
    },
    Row {
        id: "C6",
        condition: "the session's credentials came from the console (CloudShell sets this, too)",
        paths: FROM_CONSOLE,
        decide: |facts| {
            FROM_CONSOLE
                .iter()
                .any(|path| facts.record.is_true(path))
                .then_some((Type::ConsoleSession, Some(Basis::SessionCredentialFromConsole)))
        },
    },
    Row {
        id: "C7",
        condition: "invoked by the console",
        paths: &[INVOKED_BY],
        decide: |facts| {
            facts
                .record
                .is_any(INVOKED_BY, CONSOLE_PROXIES)
                .then_some((Type::ConsoleSession, Some(Basis::InvokedBy)))
        },
    },
    Row {
        id: "C8",
        condition: "the type of the event is AwsConsoleAction",
        paths: &["eventType"],
        decide: |facts| {
            facts
                .record
                .is_any("eventType", &["AwsConsoleAction"])
                .then_some((Type::ConsoleSession, Some(Basis::EventType)))
        },
    },
    Row {
        id: "C9",
        condition: "the access key is a long-term one (AKIA…), which no user agent can disguise",
        paths: &[KEY],
        decide: |facts| {
            facts
                .record
                .text(KEY)
                .is_some_and(|key| key.starts_with("AKIA"))
                .then_some((Type::LongTermAccessKey, Some(Basis::AccessKeyId)))
        },
    },
    Row {
        id: "C10",
        condition: "the user agent is the console's or a browser's, and the credentials are temporary",
        paths: &["userAgent", KEY, ATTRIBUTES],
        decide: |facts| {
            let record = &facts.record;
            let agent = record.text("userAgent").unwrap_or_default();
            let agent = agent.strip_prefix('[').unwrap_or(agent);
            let temporary =
                record.text(KEY).is_some_and(|key| key.starts_with("ASIA")) || record.is_object(ATTRIBUTES);
            (temporary && CONSOLE_AGENTS.iter().any(|known| agent.starts_with(known)))
                .then_some((Type::ConsoleSession, Some(Basis::UserAgent)))
        },
    },
    Row {
        id: "C11",
        condition: "the access key is temporary (ASIA…), or the session has attributes",
        paths: &[KEY, ATTRIBUTES],
        decide: |facts| {
            let record = &facts.record;
            if record.text(KEY).is_some_and(|key| key.starts_with("ASIA")) {
                Some((Type::TemporaryCredentials, Some(Basis::AccessKeyId)))
            } else if record.is_object(ATTRIBUTES) {
                Some((Type::TemporaryCredentials, Some(Basis::SessionContext)))
            } else {
                None
            }
        },
    },
    Row {
        id: "C12",
        condition: "the record does not tell",
        paths: &[],
        decide: |_| Some((Type::Unknown, None)),
    },
];
