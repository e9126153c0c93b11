//! One line of a findings file, as far as a report looks at it, and what of it becomes a row.
//!
//! Only the members that a report needs are deserialized, borrowed from the line where they hold no escapes. The
//! record itself is parsed only where the finding does not say enough: for the credentials that a call issued, and
//! for what a call that changes something was about. Every text is cut to a limit on its way into the row. A line
//! that is no finding is counted, and the first one is named.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::row::Row;
use super::time::seconds;
use crate::finding::{CredentialType, FindingId, IdentityKind, MfaDevice, MfaStatus, Outcome, Severity};
use crate::json::Value;
use crate::json::parse::parse_plain;
use crate::judge::Record;
use crate::text::table::inert;

/// Characters that are kept of a text, of a user agent, and of a place.
const SHORT: usize = 128;
const LONG: usize = 256;
const PLACE: usize = 2048;
/// Parameters of a request that are shown, and characters of each.
const PARAMETERS: usize = 4;
const PARAMETER: usize = 64;

/// A text that is borrowed from the line where it has no escapes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

type Maybe<'a> = Option<Text<'a>>;

/// The members of a finding that a report looks at.
#[derive(Debug, Deserialize)]
pub(super) struct Seen<'a> {
    #[serde(borrow)]
    pub(super) schema: Text<'a>,
    pub(super) id: FindingId,
    #[serde(borrow)]
    time: Maybe<'a>,
    #[serde(borrow)]
    account_id: Maybe<'a>,
    #[serde(borrow)]
    recipient_account_id: Maybe<'a>,
    #[serde(borrow)]
    region: Maybe<'a>,
    severity: Severity,
    #[serde(borrow)]
    rules: Vec<Text<'a>>,
    #[serde(borrow)]
    event: Event<'a>,
    outcome: Outcome,
    #[serde(borrow)]
    error_code: Maybe<'a>,
    #[serde(borrow)]
    error_message: Maybe<'a>,
    #[serde(borrow)]
    identity: Identity<'a>,
    #[serde(borrow)]
    credential: Credential<'a>,
    mfa: Mfa,
    #[serde(borrow)]
    source: Source<'a>,
    #[serde(borrow)]
    session: Session<'a>,
    #[serde(borrow)]
    evidence: Evidence<'a>,
    #[serde(borrow, default)]
    pub(super) cloudtrail: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    name: Maybe<'a>,
    #[serde(borrow)]
    source: Maybe<'a>,
    read_only: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Identity<'a> {
    kind: IdentityKind,
    #[serde(borrow)]
    arn: Maybe<'a>,
    #[serde(borrow)]
    invoked_by: Maybe<'a>,
}

#[derive(Debug, Deserialize)]
struct Credential<'a> {
    #[serde(rename = "type")]
    kind: Option<CredentialType>,
    #[serde(borrow)]
    access_key_id: Maybe<'a>,
    #[serde(borrow)]
    session_created: Maybe<'a>,
}

#[derive(Debug, Deserialize)]
struct Mfa {
    status: Option<MfaStatus>,
    device: Option<MfaDevice>,
}

#[derive(Debug, Deserialize)]
struct Source<'a> {
    #[serde(borrow)]
    address: Maybe<'a>,
    #[serde(borrow)]
    user_agent: Maybe<'a>,
}

#[derive(Debug, Deserialize)]
struct Session<'a> {
    #[serde(borrow)]
    id: Maybe<'a>,
}

#[derive(Debug, Deserialize)]
struct Evidence<'a> {
    #[serde(borrow)]
    uri: Text<'a>,
    record_index: u64,
    damaged: bool,
    #[serde(borrow)]
    conflict_with: Maybe<'a>,
}

/// How a credential came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Issuer {
    /// `GetSessionToken` by root.
    SessionToken,
    /// `AssumeRoot`, by whom the finding names.
    AssumeRoot,
    /// `CreateAccessKey` by root for itself.
    AccessKey,
}

/// A credential that a finding's call issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issue {
    pub(super) by: Issuer,
    pub(super) time: Option<i64>,
    pub(super) id: FindingId,
    /// The account of the caller.
    pub(super) account: String,
    /// The caller's ARN, for `AssumeRoot`.
    pub(super) actor: String,
    /// The caller's own access key.
    pub(super) with_key: String,
    /// The task policy, for `AssumeRoot`.
    pub(super) policy: String,
    /// When the caller's session was created.
    pub(super) session: Option<i64>,
}

/// What became of one line.
pub(super) struct Made {
    /// The access key that the call issued.
    pub(super) issued: Option<(String, Issue)>,
    /// The row's severity and time.
    pub(super) severity: Severity,
    pub(super) time: Option<i64>,
}

fn text<'t>(text: &'t Maybe<'_>, most: usize) -> Cow<'t, str> {
    text.as_ref().map_or(Cow::Borrowed(""), |text| inert(&text.0, most))
}

impl Seen<'_> {
    /// Returns whether the line is a finding by its own word.
    pub(super) fn is_finding(&self) -> bool {
        self.schema.0 == crate::finding::SCHEMA
    }

    /// Appends the row of this finding.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Made {
        let account = text(
            if self.account_id.is_some() { &self.account_id } else { &self.recipient_account_id },
            SHORT,
        );
        let time = self.time.as_ref().and_then(|time| seconds(&time.0));
        let failed = self.outcome == Outcome::Failure;
        let event = text(&self.event.name, SHORT);
        let service = text(&self.event.source, SHORT);
        let service = service.split(".amazonaws.com").next().unwrap_or_default();
        let root = self.identity.kind != IdentityKind::AssumeRootCaller;
        let issuer = match (&*event, root) {
            _ if failed => None,
            ("GetSessionToken", true) => Some(Issuer::SessionToken),
            ("AssumeRoot", _) => Some(Issuer::AssumeRoot),
            ("CreateAccessKey", true) => Some(Issuer::AccessKey),
            _ => None,
        };
        let session =
            self.credential.session_created.as_ref().and_then(|time| seconds(&time.0)).or_else(|| {
                let id = &self.session.id.as_ref()?.0;
                seconds(id.rsplit_once('/')?.1)
            });
        let (mut request, mut issued) = (String::new(), None);
        if (issuer.is_some() || self.event.read_only != Some(true))
            && let Some(raw) = self.cloudtrail
        {
            let tree = parse_plain(raw.get());
            let record = Record::new(&tree);
            request = parameters(&record);
            issued = issuer.and_then(|by| self.issue(by, &record, &account, time, session));
        }
        let mut rules = String::new();
        for rule in self.rules.iter().take(32) {
            if !rules.is_empty() {
                rules.push(' ');
            }
            rules.push_str(&inert(&rule.0, SHORT).replace(' ', "_"));
        }
        let error = match text(&self.error_code, SHORT) {
            code if code.is_empty() => text(&self.error_message, SHORT),
            code => code,
        };
        let actor = if root { Cow::Borrowed("") } else { text(&self.identity.arn, LONG) };
        let row = Row {
            account: &account,
            time,
            id: self.id,
            severity: self.severity,
            identity: self.identity.kind,
            credential: self.credential.kind,
            mfa: self.mfa.status,
            device: self.mfa.device,
            failed,
            read_only: self.event.read_only,
            damaged: self.evidence.damaged,
            record_index: self.evidence.record_index,
            session,
            organization: organization_of(&self.evidence.uri.0, &account),
            recipient: &text(&self.recipient_account_id, SHORT),
            region: &text(&self.region, SHORT),
            event: &event,
            service,
            error: &error,
            access_key: &text(&self.credential.access_key_id, SHORT),
            address: &text(&self.source.address, SHORT),
            agent: &text(&self.source.user_agent, LONG),
            rules: &rules,
            uri: &inert(&self.evidence.uri.0, PLACE),
            actor: &actor,
            request: &request,
            invoked_by: &text(&self.identity.invoked_by, SHORT),
            conflict: &text(&self.evidence.conflict_with, PLACE),
        };
        row.encode(out);
        Made { issued, severity: self.severity, time }
    }

    /// Returns the credential that the call issued, by its response.
    fn issue(
        &self,
        by: Issuer,
        record: &Record<'_>,
        account: &str,
        time: Option<i64>,
        session: Option<i64>,
    ) -> Option<(String, Issue)> {
        let key = match by {
            Issuer::AccessKey => {
                // For a user it is that user's key, and no credential of root's.
                let user = record.filled("requestParameters.userName");
                if user.is_some_and(|user| user != "AWS ROOT USER") {
                    return None;
                }
                record.filled("responseElements.accessKey.accessKeyId")?
            }
            Issuer::SessionToken | Issuer::AssumeRoot => {
                record.filled("responseElements.credentials.accessKeyId")?
            }
        };
        let issue = Issue {
            by,
            time,
            id: self.id,
            account: account.to_owned(),
            actor: text(&self.identity.arn, LONG).into_owned(),
            with_key: text(&self.credential.access_key_id, SHORT).into_owned(),
            policy: inert(record.filled("requestParameters.taskPolicyArn.arn").unwrap_or_default(), LONG)
                .into_owned(),
            session,
        };
        Some((inert(key, SHORT).into_owned(), issue))
    }
}

/// Returns the first few parameters of a request, as `name=value`.
fn parameters(record: &Record<'_>) -> String {
    let (mut shown, mut count) = (String::new(), 0);
    let Some(Value::Object(members)) = record.value("requestParameters") else { return shown };
    for (name, value) in members {
        let value = match value {
            Value::String(text) | Value::Number(text) => text.as_ref(),
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            _ => continue,
        };
        if count == PARAMETERS {
            shown.push_str(", …");
            break;
        }
        count += 1;
        if !shown.is_empty() {
            shown.push_str(", ");
        }
        shown.push_str(&format!("{}={}", inert(name, PARAMETER), inert(value, PARAMETER)));
    }
    shown
}

/// Returns the organization in the key of an object of this account: `AWSLogs/o-…/ACCOUNT/`.
fn organization_of<'u>(uri: &'u str, account: &str) -> &'u str {
    let mut parts = uri.rsplit('/');
    while let Some(part) = parts.next() {
        if part == account && !account.is_empty() {
            let mut before = parts.clone();
            if let Some(id) = before.next().filter(|id| is_organization(id)) {
                return id;
            }
        }
    }
    ""
}

/// Returns whether this has the form of an organization's id.
pub(super) fn is_organization(id: &str) -> bool {
    id.strip_prefix("o-").is_some_and(|rest| {
        (10..=32).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organizations_stand_before_the_account_in_a_key() {
        let account = "111122223333";
        for (uri, id) in [
            ("s3://b/AWSLogs/o-a1b2c3d4e5/111122223333/CloudTrail/us-east-1/2025/x.json.gz", "o-a1b2c3d4e5"),
            ("s3://b/o-a1b2c3d4e5/AWSLogs/o-a1b2c3d4e5/111122223333/CloudTrail/x.gz", "o-a1b2c3d4e5"),
            ("s3://b/AWSLogs/111122223333/CloudTrail/us-east-1/x.json.gz", ""),
            ("s3://b/AWSLogs/o-a1b2c3d4e5/444455556666/CloudTrail/x.json.gz", ""),
            ("o-a1b2c3d4e5", ""),
            ("s3://b/o-<script>/111122223333/x", ""),
        ] {
            assert_eq!(organization_of(uri, account), id, "{uri}");
        }
    }

    #[test]
    fn a_request_is_shown_by_its_first_parameters() {
        let tree = parse_plain(
            r#"{"requestParameters":{"a":"x","list":[1],"n":1e400,"on":true,"b":"\u001b[31m","c":"y","d":"z"}}"#,
        );
        assert_eq!(parameters(&Record::new(&tree)), "a=x, n=1e400, on=true, b=\\u{1b}[31m, …");
        assert_eq!(parameters(&Record::new(&parse_plain(r#"{"requestParameters":null}"#))), "");
    }
}
