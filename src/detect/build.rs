//! From a record and its verdict to a finding.
//!
//! The builder asks the decision table for its verdict, copies the record's fields into a [`Finding`] and
//! lets the rules rank it. The finding's id is a hash of the account and the event's id, so that copies of
//! one event have one id in every run; a record without an id is hashed whole. A record that has a key twice
//! is judged by each of its readings, up to a limit. Where the readings differ, the finding is of the first
//! reading that concerns root and carries a rule that says so.

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use crate::finding::{
    Credential, Event, Evidence, Finding, FindingId, Identity, Integrity, Mfa, MfaRaw, Outcome, SCHEMA,
    Session, Severity, Source,
};
use crate::json::parse::parse_plain;
use crate::json::readings::{Readings, has_duplicates};
use crate::json::{Value, plain};
use crate::judge::{Record, Verdict, verdict};
use crate::object::ObjectRef;
use crate::rules;

/// The place of a record.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The object that holds the record.
    pub object: &'a ObjectRef,
    /// The record's index in the object, from 0.
    pub record_index: u64,
}

/// Judges a record and builds its finding. Returns `None` where the record is neither root's nor a call of
/// `AssumeRoot`.
///
/// `text` is the record's own JSON, without insignificant whitespace. A record that has a key twice is judged
/// by each of its readings. If any reading is root's, there is a finding; if the readings differ, the finding
/// says so.
pub fn examine(record: &Value<'_>, text: Box<RawValue>, place: &Place<'_>) -> Option<Finding> {
    let mut finding = match judge(record, text.get(), place) {
        Judged::Plain(finding) => finding?,
        Judged::Ambiguous(finding) => finding,
        Judged::Unsure => return None,
    };
    with_record(&mut finding, text);
    Some(finding)
}

/// Gives a finding its record, on which the weight of a rule can depend.
pub(super) fn with_record(finding: &mut Finding, text: Box<RawValue>) {
    finding.cloudtrail = Some(text);
    rules::rank(finding);
}

/// The verdict over a record's readings.
pub(super) enum Judged {
    /// All readings agree.
    Plain(Option<Finding>),
    /// The readings differ, and at least one of them is a finding.
    Ambiguous(Finding),
    /// The readings that were judged give no finding, and there are more.
    Unsure,
}

/// Readings of a record that are judged: of one of usual length, and of a long one.
const READINGS: [usize; 2] = [256, 8];
/// Bytes of a long record, which are more than any event of CloudTrail's has.
const LONG: usize = 1 << 20;

/// Judges a record by each of its readings. The findings lack the record's text.
pub(super) fn judge(record: &Value<'_>, text: &str, place: &Place<'_>) -> Judged {
    if !has_duplicates(record) {
        return Judged::Plain(one_reading(record, text, place));
    }
    let most = READINGS[usize::from(text.len() > LONG)];
    let mut readings = Readings::of(record);
    let mut usual = None;
    let (mut found, mut differ) = (None, false);
    for (n, reading) in readings.by_ref().take(most).enumerate() {
        let finding = one_reading(&reading, text, place);
        // The readings are compared as they would be written.
        let written = finding.as_ref().and_then(|finding| serde_json::to_string(finding).ok());
        if n == 0 {
            usual = Some(written);
        } else {
            differ |= usual.as_ref() != Some(&written);
        }
        found = found.or(finding);
    }
    let more = readings.next().is_some();
    match found {
        Some(mut finding) if differ || more => {
            rules::add(&mut finding, rules::AMBIGUOUS_RECORD);
            Judged::Ambiguous(finding)
        }
        None if more => Judged::Unsure,
        found => Judged::Plain(found),
    }
}

fn one_reading(record: &Value<'_>, text: &str, place: &Place<'_>) -> Option<Finding> {
    let verdict = verdict(record);
    let kind = verdict.identity?;
    let view = Record::new(record);
    let owned = |path: &str| view.text(path).map(str::to_owned);

    let key_account = place.object.key.as_ref().map(|key| key.account.as_str());
    let own_account = view.filled("userIdentity.accountId");
    let recipient = view.filled("recipientAccountId").or(own_account).or(key_account);
    let account = view.account().or_else(|| view.filled("recipientAccountId")).or(key_account);
    let created = owned("userIdentity.sessionContext.attributes.creationDate");
    let address = owned("sourceIPAddress");

    let mut finding = Finding {
        schema: SCHEMA.into(),
        id: event_id(recipient, view.filled("eventID").unwrap_or(text), None),
        time: owned("eventTime"),
        account_id: account.map(str::to_owned),
        recipient_account_id: recipient.map(str::to_owned),
        region: owned("awsRegion"),
        severity: Severity::Low,
        attempt: verdict.outcome == Outcome::Failure,
        rules: Vec::new(),
        attack: Vec::new(),
        event: event(&view),
        outcome: verdict.outcome,
        error_code: owned("errorCode"),
        error_message: owned("errorMessage"),
        identity: Identity {
            kind,
            type_: owned("userIdentity.type"),
            arn: owned("userIdentity.arn"),
            principal_id: owned("userIdentity.principalId"),
            user_name: owned("userIdentity.userName"),
            invoked_by: owned("userIdentity.invokedBy"),
            issuer_arn: owned("userIdentity.sessionContext.sessionIssuer.arn"),
        },
        credential: Credential {
            kind: verdict.credential,
            basis: verdict.basis,
            // A console sign-in has an empty string here, which is no key.
            access_key_id: view.filled("userIdentity.accessKeyId").map(str::to_owned),
            session_created: created.clone(),
        },
        mfa: mfa(&view, &verdict),
        source: Source {
            ip: address.clone().filter(|address| address.parse::<std::net::IpAddr>().is_ok()),
            address,
            user_agent: owned("userAgent"),
            vpc_endpoint: owned("vpcEndpointId"),
            tls_version: owned("tlsDetails.tlsVersion"),
        },
        session: Session { id: session_id(&view, account, created.as_deref()) },
        evidence: Evidence {
            uri: place.object.uri.clone(),
            etag: place.object.etag.clone(),
            version_id: place.object.version_id.clone(),
            sha256: None,
            record_index: place.record_index,
            integrity: Integrity::Unverified,
            damaged: false,
            conflict_with: None,
        },
        cloudtrail: None,
    };
    rules::apply(&view, &verdict, &mut finding);
    Some(finding)
}

/// Returns the id of a copy that differs from the first one: a hash that includes the record's text, so it
/// must be taken before `--no-raw` removes the text.
pub fn conflicting_id(finding: &Finding) -> FindingId {
    let text = finding.cloudtrail.as_deref().map_or("", RawValue::get);
    let id = finding.event.id.as_deref().filter(|id| !id.trim().is_empty()).unwrap_or(text);
    event_id(finding.recipient_account_id.as_deref(), id, Some(text))
}

/// Returns the id of the event that this one amends, where CloudTrail's addendum names it. The id depends on
/// the record's text, so it must be taken before `--no-raw` removes the text.
pub fn amended_id(finding: &Finding) -> Option<FindingId> {
    let record = parse_plain(finding.cloudtrail.as_deref()?.get());
    let original = Record::new(&record).filled("addendum.originalEventID")?;
    Some(event_id(finding.recipient_account_id.as_deref(), original, None))
}

fn event_id(recipient: Option<&str>, event: &str, text: Option<&str>) -> FindingId {
    let mut hash = Sha256::new();
    hash.update(recipient.unwrap_or_default());
    hash.update("|");
    hash.update(event);
    if let Some(text) = text {
        hash.update("|");
        hash.update(text);
    }
    let digest = hash.finalize();
    let number = digest.iter().take(16).fold(0u128, |number, byte| (number << 8) | u128::from(*byte));
    FindingId(number)
}

fn event(view: &Record<'_>) -> Event {
    let owned = |path: &str| view.text(path).map(str::to_owned);
    Event {
        id: owned("eventID"),
        name: owned("eventName"),
        source: owned("eventSource"),
        kind: owned("eventType"),
        category: owned("eventCategory"),
        version: owned("eventVersion"),
        read_only: view.only_reads(),
        request_id: owned("requestID"),
        shared_event_id: owned("sharedEventID"),
        addendum: owned("addendum.reason"),
    }
}

fn mfa(view: &Record<'_>, verdict: &Verdict) -> Mfa {
    let raw = |path: &str| view.value(path).map_or(serde_json::Value::Null, plain);
    Mfa {
        status: verdict.mfa,
        evidence: verdict.evidence,
        device: verdict.device,
        conflict: verdict.conflict,
        raw: MfaRaw {
            mfa_used: raw("additionalEventData.MFAUsed"),
            mfa_identifier: raw("additionalEventData.MFAIdentifier"),
            mfa_authenticated: raw("userIdentity.sessionContext.attributes.mfaAuthenticated"),
        },
    }
}

fn session_id(view: &Record<'_>, account: Option<&str>, created: Option<&str>) -> Option<String> {
    let start = match created.filter(|created| !created.is_empty()) {
        Some(created) => created,
        None if view.is_event(&["ConsoleLogin"]) && view.is_sign_in() => view.filled("eventTime")?,
        None => return None,
    };
    Some(format!("{}/{start}", account?))
}
