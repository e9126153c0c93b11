//! One CloudTrail event of the sample: its fields and its JSON text, in the order in which AWS writes them.
//!
//! [`Event::new`] fills in a successful API call, and the caller changes the fields that differ.
//! [`Event::json`] writes the text and leaves out what AWS leaves out. The functions below write
//! `userIdentity` of each kind of caller. The story that the events tell is in other files.

use crate::rng::Rng;
use std::fmt::Write as _;

/// The characters of the random end of an object's name.
pub(crate) const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The part of the event in the sample, counted for the README.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// `userIdentity.type` Root, by a person or a program.
    RootUser,
    /// A service acting with root's forward access session.
    RootViaService,
    /// A root session that `AssumeRoot` opened.
    RootAssumed,
    /// The `AssumeRoot` call itself: not root, but it opens a root session.
    AssumeRootCaller,
    /// An event that names or mentions root, and is not root's.
    LookAlike,
    /// Everyday activity.
    Ordinary,
}

/// An event before it is written; empty or `None` fields are left out where AWS leaves them out.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) class: Class,
    pub(crate) version: &'static str,
    pub(crate) account: &'static str,
    pub(crate) region: &'static str,
    pub(crate) time: String,
    /// `userIdentity`, as JSON.
    pub(crate) identity: String,
    pub(crate) source: &'static str,
    pub(crate) name: &'static str,
    pub(crate) address: String,
    pub(crate) agent: &'static str,
    pub(crate) error_code: &'static str,
    pub(crate) error_message: String,
    /// `requestParameters`, as JSON; so are the next three.
    pub(crate) request: String,
    pub(crate) response: String,
    pub(crate) additional: String,
    pub(crate) resources: String,
    pub(crate) request_id: String,
    pub(crate) event_id: String,
    pub(crate) read_only: bool,
    pub(crate) event_type: &'static str,
    pub(crate) from_console: bool,
}

impl Event {
    /// Returns a successful API call with the ids drawn from `rng`; the caller changes the fields that
    /// differ.
    pub(crate) fn new(
        rng: &mut Rng,
        account: &'static str,
        region: &'static str,
        time: &str,
        source: &'static str,
        name: &'static str,
    ) -> Self {
        let (mut request_id, mut event_id) = (String::new(), String::new());
        if source == "s3.amazonaws.com" {
            rng.write_text(&mut request_id, b"0123456789ABCDEFGHJKMNPQRSTVWXYZ", 16);
        } else {
            rng.write_uuid(&mut request_id);
        }
        rng.write_uuid(&mut event_id);
        Self {
            class: Class::Ordinary,
            version: version(source),
            account,
            region,
            time: time.to_owned(),
            identity: String::new(),
            source,
            name,
            address: String::new(),
            agent: "",
            error_code: "",
            error_message: String::new(),
            request: "null".to_owned(),
            response: "null".to_owned(),
            additional: String::new(),
            resources: String::new(),
            request_id,
            event_id,
            read_only: is_read_only(name),
            event_type: "AwsApiCall",
            from_console: false,
        }
    }

    /// Returns the event as CloudTrail writes it, on one line.
    pub(crate) fn json(&self) -> String {
        let mut out = String::with_capacity(1500);
        let text = |value: &str| serde_json::Value::from(value).to_string();
        let mut put = |name: &str, value: &str| {
            if !value.is_empty() {
                let comma = if out.is_empty() { '{' } else { ',' };
                write!(out, "{comma}\"{name}\":{value}").expect("a String takes every write");
            }
        };
        let sign_in = self.source == "signin.amazonaws.com";
        let optional = |value: &str| if value.is_empty() { String::new() } else { text(value) };
        put("eventVersion", &text(self.version));
        put("userIdentity", &self.identity);
        put("eventTime", &text(&self.time));
        put("eventSource", &text(self.source));
        put("eventName", &text(self.name));
        put("awsRegion", &text(self.region));
        put("sourceIPAddress", &text(&self.address));
        put("userAgent", &text(self.agent));
        put("errorCode", &optional(self.error_code));
        put("errorMessage", &optional(&self.error_message));
        put("requestParameters", &self.request);
        put("responseElements", &self.response);
        put("additionalEventData", &self.additional);
        // Sign-in events and events of services have no request of their own.
        if !sign_in && self.event_type == "AwsApiCall" {
            put("requestID", &text(&self.request_id));
        }
        put("eventID", &text(&self.event_id));
        put("readOnly", if self.read_only { "true" } else { "false" });
        put("resources", &self.resources);
        put("eventType", &text(self.event_type));
        put("managementEvent", "true");
        put("recipientAccountId", &text(self.account));
        put("eventCategory", "\"Management\"");
        // A service calling another shows no TLS connection of a client.
        if !self.address.ends_with(".amazonaws.com") && self.address != "AWS Internal" {
            let host = match self.source.strip_suffix(".amazonaws.com").unwrap_or(self.source) {
                "signin" => format!("{}.signin.aws.amazon.com", self.region),
                "iam" => "iam.amazonaws.com".to_owned(),
                service => format!("{service}.{}.amazonaws.com", self.region),
            };
            let cipher = "\"tlsVersion\":\"TLSv1.3\",\"cipherSuite\":\"TLS_AES_128_GCM_SHA256\"";
            put("tlsDetails", &format!("{{{cipher},\"clientProvidedHostHeader\":\"{host}\"}}"));
        }
        if self.from_console {
            put("sessionCredentialFromConsole", "\"true\"");
        }
        out.push('}');
        out
    }
}

/// Returns the record version, which differs from service to service, as in real trails.
fn version(source: &str) -> &'static str {
    match source {
        "elasticloadbalancing.amazonaws.com" | "sts.amazonaws.com" => "1.08",
        "logs.amazonaws.com" | "lambda.amazonaws.com" => "1.09",
        "ec2.amazonaws.com" | "monitoring.amazonaws.com" => "1.10",
        _ => "1.11",
    }
}

/// Returns whether a call by this name only reads, which the names of AWS's operations show.
fn is_read_only(name: &str) -> bool {
    let reading = ["Describe", "Get", "List", "Lookup", "Head", "Decrypt", "AssumeRole", "GenerateDataKey"];
    name != "GetSessionToken" && reading.iter().any(|start| name.starts_with(start))
}

/// Returns `userIdentity` of root signing in, without a key.
pub(crate) fn root_sign_in(account: &str) -> String {
    root_with_key(account, "")
}

/// Returns `userIdentity` of root using the long-term access key `key`.
pub(crate) fn root_with_key(account: &str, key: &str) -> String {
    format!(
        r#"{{"type":"Root","principalId":"{account}","arn":"arn:aws:iam::{account}:root","accountId":"{account}","accessKeyId":"{key}"}}"#
    )
}

/// Returns `userIdentity` of root in a session: `more` is put behind the attributes, such as
/// `,"assumedRoot":"true"`, and `last` behind the session, such as `,"invokedBy":"ec2.amazonaws.com"`.
pub(crate) fn root_in_session(
    account: &str,
    key: &str,
    created: &str,
    mfa: bool,
    more: &str,
    last: &str,
) -> String {
    let start = root_with_key(account, key);
    let start = start.trim_end_matches('}');
    format!(
        r#"{start},"sessionContext":{{"attributes":{{"creationDate":"{created}","mfaAuthenticated":"{mfa}"}}{more}}}{last}}}"#
    )
}

/// Returns `userIdentity` of an IAM user with an access key.
pub(crate) fn iam_user(account: &str, principal: &str, name: &str, key: &str) -> String {
    format!(
        r#"{{"type":"IAMUser","principalId":"{principal}","arn":"arn:aws:iam::{account}:user/{name}","accountId":"{account}","accessKeyId":"{key}","userName":"{name}"}}"#
    )
}

/// Returns `userIdentity` of a role's session.
pub(crate) fn role_session(
    account: &str,
    principal: &str,
    role: &str,
    session: &str,
    key: &str,
    created: &str,
) -> String {
    format!(
        r#"{{"type":"AssumedRole","principalId":"{principal}:{session}","arn":"arn:aws:sts::{account}:assumed-role/{role}/{session}","accountId":"{account}","accessKeyId":"{key}","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"{principal}","arn":"arn:aws:iam::{account}:role/{role}","accountId":"{account}","userName":"{role}"}},"attributes":{{"creationDate":"{created}","mfaAuthenticated":"false"}}}}}}"#
    )
}

/// Returns `userIdentity` of an AWS service.
pub(crate) fn service(host: &str) -> String {
    format!(r#"{{"type":"AWSService","invokedBy":"{host}"}}"#)
}
