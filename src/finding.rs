//! The finding: the public output record, schema `roottrail.finding/1`.
//!
//! A [`Finding`] is one root event with its verdicts: who acted, with which credential, with MFA or without,
//! and the field that proves each answer. Fields serialize in the order in which the structs declare them,
//! and every key is always present, with `null` for what is not known.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error as _, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// The name of the schema, in every finding.
pub const SCHEMA: &str = "roottrail.finding/1";

/// The severity of a finding, in rising order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth keeping, not worth waking up for.
    Low,
    /// Root acted: ask why.
    Medium,
    /// A step that attackers take, or that should be rare.
    High,
    /// Act now.
    Critical,
}

/// The relation of the acting identity to root (decision table, rows R1 to R8, N1, N2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum IdentityKind {
    /// The root user itself.
    RootUser,
    /// A session that `AssumeRoot` opened in a member account.
    RootAssumeRootSession,
    /// An AWS service that acts with root's forward access session.
    RootViaService,
    /// A federated session that root issued.
    RootFederated,
    /// Another account's root.
    RootCrossAccount,
    /// Not root: who called `AssumeRoot`.
    AssumeRootCaller,
}

/// The credential behind the call (rows C1 to C12).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialType {
    /// The password, given at a sign-in.
    ConsolePassword,
    /// A console session.
    ConsoleSession,
    /// An access key, `AKIA…`.
    LongTermAccessKey,
    /// Temporary credentials, `ASIA…`.
    TemporaryCredentials,
    /// Temporary credentials that GetSessionToken issued. Known only by correlation.
    StsSessionToken,
    /// Credentials that GetFederationToken issued.
    FederationToken,
    /// Credentials that AssumeRoot issued.
    AssumeRoot,
    /// A service's forward access session.
    AwsService,
    /// Nobody signed in (password recovery by e-mail).
    None,
    /// The record does not say.
    Unknown,
}

/// The fact that decided the credential type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum CredentialBasis {
    /// The kind of identity.
    Identity,
    /// The event's name and source.
    Event,
    /// `sessionCredentialFromConsole`.
    SessionCredentialFromConsole,
    /// `userIdentity.invokedBy`.
    InvokedBy,
    /// `eventType`.
    EventType,
    /// The prefix of `userIdentity.accessKeyId`.
    AccessKeyId,
    /// `userAgent`.
    UserAgent,
    /// The presence of `sessionContext.attributes`.
    SessionContext,
}

/// Whether MFA was used (rows M1 to M9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MfaStatus {
    /// The record says that MFA was used.
    Used,
    /// The record says that MFA was not used.
    NotUsed,
    /// The question does not arise.
    NotApplicable,
    /// The record does not say.
    Unknown,
}

/// The field that proves the MFA verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum MfaEvidence {
    /// The field of sign-in events.
    #[serde(rename = "additionalEventData.MFAUsed")]
    MfaUsed,
    /// The field of sign-in events that name only the device.
    #[serde(rename = "additionalEventData.MFAIdentifier")]
    MfaIdentifier,
    /// The field of all other events.
    #[serde(rename = "userIdentity.sessionContext.attributes.mfaAuthenticated")]
    MfaAuthenticated,
    /// The field of management events that are enriched with the context of their request.
    #[serde(rename = "eventContext.requestContext.aws:MultiFactorAuthPresent")]
    RequestContext,
    /// The parameter of GetSessionToken.
    #[serde(rename = "requestParameters.serialNumber")]
    SerialNumber,
    /// The credential's type: a long-term key cannot carry MFA.
    #[serde(rename = "credential_type")]
    CredentialType,
}

/// The kind of MFA device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MfaDevice {
    /// An authenticator app.
    Virtual,
    /// A security key or a passkey.
    Fido,
    /// A hardware token.
    HardwareTotp,
    /// Text messages.
    Sms,
    /// Several devices, one of which was asked for.
    Multiple,
    /// A device of a kind that the record does not name.
    Unknown,
}

/// Whether the action succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The action succeeded.
    Success,
    /// The action was refused or failed.
    Failure,
}

/// The verdict of digests on the object that held the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Integrity {
    /// Not checked, or of a time that no digest proves.
    Unverified,
    /// The object is as CloudTrail delivered it.
    Verified,
    /// The object is not as CloudTrail delivered it.
    Mismatch,
    /// No digest names the object, though digests prove its time.
    NotInDigest,
}

/// A finding's identifier: 128 bits, 32 hexadecimal digits in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingId(pub u128);

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Serialize for FindingId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FindingId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16)
            .ok()
            .filter(|_| text.len() == 32)
            .map(FindingId)
            .ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&text), &"32 hexadecimal digits"))
    }
}

/// One root event, judged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Always [`SCHEMA`].
    pub schema: Cow<'static, str>,
    /// Stable across runs, trails and resumes.
    pub id: FindingId,
    /// `eventTime`, as in the record.
    pub time: Option<String>,
    /// The account whose root acted.
    pub account_id: Option<String>,
    /// `recipientAccountId`, or what stands in for it.
    pub recipient_account_id: Option<String>,
    /// `awsRegion`.
    pub region: Option<String>,
    /// The highest severity among the rules that hold.
    pub severity: Severity,
    /// Whether the action failed.
    pub attempt: bool,
    /// Every rule that holds, most severe first.
    pub rules: Vec<Cow<'static, str>>,
    /// The ATT&CK techniques of those rules.
    pub attack: Vec<Cow<'static, str>>,
    /// The event.
    pub event: Event,
    /// Whether the action succeeded.
    pub outcome: Outcome,
    /// `errorCode`.
    pub error_code: Option<String>,
    /// `errorMessage`.
    pub error_message: Option<String>,
    /// The identity that acted.
    pub identity: Identity,
    /// The credential behind the call.
    pub credential: Credential,
    /// Whether MFA was used.
    pub mfa: Mfa,
    /// Where the call came from.
    pub source: Source,
    /// The session that the call belongs to.
    pub session: Session,
    /// Where the record stands.
    pub evidence: Evidence,
    /// The record's own JSON text; left out with `--no-raw`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cloudtrail: Option<Box<RawValue>>,
}

/// The event's own names.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Event {
    /// `eventID`
    pub id: Option<String>,
    /// `eventName`
    pub name: Option<String>,
    /// `eventSource`
    pub source: Option<String>,
    /// `eventType`
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// `eventCategory`
    pub category: Option<String>,
    /// `eventVersion`
    pub version: Option<String>,
    /// `readOnly`
    pub read_only: Option<bool>,
    /// `requestID`
    pub request_id: Option<String>,
    /// `sharedEventID`
    pub shared_event_id: Option<String>,
    /// `addendum.reason`: why the event came late, or again with more in it.
    pub addendum: Option<String>,
}

/// The identity that acted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// The verdict.
    pub kind: IdentityKind,
    /// `userIdentity.type`
    #[serde(rename = "type")]
    pub type_: Option<String>,
    /// `userIdentity.arn`
    pub arn: Option<String>,
    /// `userIdentity.principalId`
    pub principal_id: Option<String>,
    /// `userIdentity.userName`: for root the account alias, where one is set.
    pub user_name: Option<String>,
    /// `userIdentity.invokedBy`
    pub invoked_by: Option<String>,
    /// `userIdentity.sessionContext.sessionIssuer.arn`
    pub issuer_arn: Option<String>,
}

/// The credential behind the call.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Credential {
    /// `None` for [`IdentityKind::AssumeRootCaller`].
    #[serde(rename = "type")]
    pub kind: Option<CredentialType>,
    /// The fact that decided the type.
    pub basis: Option<CredentialBasis>,
    /// `userIdentity.accessKeyId`
    pub access_key_id: Option<String>,
    /// `userIdentity.sessionContext.attributes.creationDate`
    pub session_created: Option<String>,
}

/// Whether MFA was used, and what proves it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Mfa {
    /// `None` for [`IdentityKind::AssumeRootCaller`].
    pub status: Option<MfaStatus>,
    /// The field that proves the status.
    pub evidence: Option<MfaEvidence>,
    /// The kind of device.
    pub device: Option<MfaDevice>,
    /// Whether two fields disagree.
    pub conflict: bool,
    /// The fields as they stand in the record.
    pub raw: MfaRaw,
}

/// The MFA fields as they stand in the record.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MfaRaw {
    /// `additionalEventData.MFAUsed`
    #[serde(rename = "MFAUsed")]
    pub mfa_used: serde_json::Value,
    /// `additionalEventData.MFAIdentifier`
    #[serde(rename = "MFAIdentifier")]
    pub mfa_identifier: serde_json::Value,
    /// `userIdentity.sessionContext.attributes.mfaAuthenticated`
    #[serde(rename = "mfaAuthenticated")]
    pub mfa_authenticated: serde_json::Value,
}

/// Where the call came from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Source {
    /// `sourceIPAddress`: an IP, a service's host name, or `AWS Internal`.
    pub address: Option<String>,
    /// `sourceIPAddress`, where it is an IP address.
    pub ip: Option<String>,
    /// `userAgent`
    pub user_agent: Option<String>,
    /// `vpcEndpointId`
    pub vpc_endpoint: Option<String>,
    /// `tlsDetails.tlsVersion`
    pub tls_version: Option<String>,
}

/// The session that the call belongs to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Session {
    /// `account_id/creationDate`; for a sign-in, `account_id` and the time of the sign-in.
    pub id: Option<String>,
}

/// Where the record stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// The object.
    pub uri: String,
    /// The object's ETag; S3 only.
    pub etag: Option<String>,
    /// The object's version; versioned listings only.
    pub version_id: Option<String>,
    /// The object's SHA-256, where it was asked for.
    pub sha256: Option<String>,
    /// The record's place in the object, from 0.
    pub record_index: u64,
    /// The verdict of digests on the object.
    pub integrity: Integrity,
    /// Whether the object broke.
    pub damaged: bool,
    /// The object with the first, different copy of the same event.
    pub conflict_with: Option<String>,
}
