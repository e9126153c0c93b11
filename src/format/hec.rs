//! `hec`: event envelopes for Splunk's HTTP Event Collector, two lines a finding.
//!
//! The record goes out unchanged as `aws:cloudtrail`, so that Splunk's own add-on maps it. The finding, which
//! has another shape, goes out as `roottrail:finding` with the field names of Splunk's Common Information
//! Model. Both lines carry the event's time and the finding's id, which relates one to the other.

use std::borrow::Cow;

use serde::Serialize;

use super::time::millis;
use super::write::{Name, Object};
use super::{Format, FormatError};
use crate::finding::{
    Credential, Event, Evidence, Finding, FindingId, Identity, IdentityKind, Mfa, MfaStatus, Outcome,
    Session, Severity, Source,
};

/// The format of HTTP Event Collector envelopes.
#[derive(Clone, Debug, Default)]
pub struct Hec {
    index: Option<String>,
}

impl Hec {
    /// Returns the format of envelopes for `index`, or for the token's default index.
    pub fn new(index: Option<String>) -> Self {
        Self { index }
    }

    fn envelope(&self, finding: &Finding, sourcetype: &str, envelope: &mut Object<'_>) {
        if let Some(time) = finding.time.as_deref().and_then(millis).filter(|time| *time >= 0) {
            // Splunk refuses exponents, so the time has plain digits.
            envelope.raw("time", &format!("{}.{:03}", time / 1000, time % 1000));
        }
        envelope.str("host", "roottrail");
        envelope.str("source", &finding.evidence.uri);
        envelope.str("sourcetype", sourcetype);
        envelope.str_opt("index", self.index.as_deref());
        // Splunk takes only strings as indexed fields.
        envelope.object("fields", |fields| {
            fields.plain("finding_id", finding.id);
            fields.name("severity", finding.severity);
            fields.name_opt("mfa", finding.mfa.status);
        });
    }
}

impl Format for Hec {
    fn needs_record(&self) -> bool {
        true
    }

    fn header(&self, _out: &mut Vec<u8>) {}

    fn write(&self, finding: &Finding, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let id = || finding.id.to_string();
        let record = finding.cloudtrail.as_deref().ok_or_else(|| FormatError::NoRecord { id: id() })?;
        let body = serde_json::to_string(&Bare::of(finding))
            .map_err(|source| FormatError::Json { id: id(), source })?;
        Object::write(out, |envelope| {
            self.envelope(finding, "aws:cloudtrail", envelope);
            envelope.raw("event", record.get());
        });
        out.push(b'\n');
        Object::write(out, |envelope| {
            self.envelope(finding, "roottrail:finding", envelope);
            envelope.object("event", |event| {
                event.members(&body);
                common_model(finding, event);
            });
        });
        out.push(b'\n');
        Ok(())
    }
}

/// A finding without its record, which travels in an envelope of its own.
#[derive(Serialize)]
struct Bare<'f> {
    schema: &'f str,
    id: FindingId,
    time: &'f Option<String>,
    account_id: &'f Option<String>,
    recipient_account_id: &'f Option<String>,
    region: &'f Option<String>,
    severity: Severity,
    attempt: bool,
    rules: &'f [Cow<'static, str>],
    attack: &'f [Cow<'static, str>],
    event: &'f Event,
    outcome: Outcome,
    error_code: &'f Option<String>,
    error_message: &'f Option<String>,
    identity: &'f Identity,
    credential: &'f Credential,
    mfa: &'f Mfa,
    source: &'f Source,
    session: &'f Session,
    evidence: &'f Evidence,
}

impl<'f> Bare<'f> {
    fn of(finding: &'f Finding) -> Self {
        // The finding is taken apart whole, so that a new member cannot be forgotten here.
        let Finding {
            schema,
            id,
            time,
            account_id,
            recipient_account_id,
            region,
            severity,
            attempt,
            rules,
            attack,
            event,
            outcome,
            error_code,
            error_message,
            identity,
            credential,
            mfa,
            source,
            session,
            evidence,
            cloudtrail: _,
        } = finding;
        Self {
            schema,
            id: *id,
            time,
            account_id,
            recipient_account_id,
            region,
            severity: *severity,
            attempt: *attempt,
            rules,
            attack,
            event,
            outcome: *outcome,
            error_code,
            error_message,
            identity,
            credential,
            mfa,
            source,
            session,
            evidence,
        }
    }
}

/// Writes the fields of Splunk's data models: Authentication for sign-ins, Change for everything else.
fn common_model(finding: &Finding, event: &mut Object<'_>) {
    let name = finding.event.name.as_deref().unwrap_or_default();
    let outcome = Name(finding.outcome).to_string();
    event.str_opt("app", finding.event.kind.as_deref());
    event.str_opt("dest", finding.event.source.as_deref());
    event.str_opt("signature", finding.event.name.as_deref());
    event.str_opt("src", finding.source.address.as_deref());
    event.str_opt("src_ip", finding.source.ip.as_deref());
    let root = (finding.identity.kind != IdentityKind::AssumeRootCaller).then_some("root");
    event.str_opt("user", finding.identity.user_name.as_deref().or(root).or(finding.identity.arn.as_deref()));
    event.str_opt("user_id", finding.identity.principal_id.as_deref());
    event.str_opt("user_type", finding.identity.type_.as_deref());
    event.str_opt("reason", finding.error_message.as_deref());
    event.str_opt("vendor_account", finding.account_id.as_deref());
    event.str_opt("vendor_region", finding.region.as_deref());
    event.str("vendor_product", "AWS CloudTrail");
    if is_sign_in(finding) {
        event.str("action", &outcome);
        let method = match finding.mfa.status {
            Some(MfaStatus::Used) => "password+mfa",
            Some(MfaStatus::NotUsed) => "password",
            _ => "unknown",
        };
        event.str("authentication_method", method);
    } else {
        event.str("action", change(name, finding.event.read_only));
        event.str("command", name);
        event.str("status", &outcome);
        event.str_opt("result", finding.error_code.as_deref());
        let source = finding.event.source.as_deref();
        if matches!(source, Some("iam.amazonaws.com" | "sts.amazonaws.com" | "signin.amazonaws.com")) {
            event.str("change_type", "AAA");
        }
    }
}

/// Returns whether the event is an attempt to sign in.
pub(super) fn is_sign_in(finding: &Finding) -> bool {
    matches!(
        finding.event.name.as_deref(),
        Some(
            "ConsoleLogin"
                | "CheckMfa"
                | "UserAuthentication"
                | "CredentialChallenge"
                | "CredentialVerification"
                | "ExternalIdPDirectoryLogin"
        )
    )
}

/// Returns what a call does, in the words of the Change data model.
fn change(event_name: &str, read_only: Option<bool>) -> &'static str {
    const VERBS: &[(&str, &str)] = &[
        ("Create", "created"),
        ("Run", "created"),
        ("Delete", "deleted"),
        ("Terminate", "deleted"),
        ("Get", "read"),
        ("List", "read"),
        ("Describe", "read"),
        ("Head", "read"),
        ("Lookup", "read"),
    ];
    match VERBS.iter().find(|(verb, _)| event_name.starts_with(verb)) {
        Some((_, action)) => action,
        None if read_only == Some(true) => "read",
        None => "modified",
    }
}
