//! One CloudTrail record to one ECS document: the field map of Elastic's `aws.cloudtrail` data stream.
//!
//! Elastic's ingest pipeline is the reference, so that its rules and dashboards read our documents as their
//! own. The cluster adds what only a cluster can know: the location of an address, the parts of a user agent,
//! and `event.ingested`. Values that an index would refuse (an object where a keyword belongs, a host name
//! where an address belongs) are left out of their field; `event.original` has them all.

use std::net::IpAddr;

use super::fields::Fields;
use super::{Dataset, category, java};
use crate::format::time::write_iso_millis;
use crate::format::write::Object;
use crate::json::Value;

/// Bytes of the longest term that an index takes. Longer parameters are kept as text only, as in Elastic's
/// pipeline.
const MAX_FLATTENED: usize = 32_766;

/// The tag that makes Elastic's own pipeline keep `event.original`.
const KEEP_ORIGINAL: &str = "preserve_original_event";

/// The tag of a record without a readable time: a data stream refuses documents without `@timestamp`.
const NO_TIME: &str = "roottrail_no_event_time";

/// Writes the fields of a record, which must be pruned as by [`crate::format::record`].
pub(super) fn record(record: &Value<'_>, original: &str, dataset: &Dataset, doc: &mut Object<'_>) {
    let record = &Fields::of(record);
    let timed = timestamp(record, doc);
    doc.object("ecs", |ecs| ecs.str("version", "8.11.0"));
    doc.object("data_stream", |stream| {
        stream.str("type", "logs");
        stream.str("dataset", dataset.as_str());
        stream.str("namespace", "default");
    });
    doc.strs("tags", [KEEP_ORIGINAL, NO_TIME].into_iter().take(if timed { 1 } else { 2 }));
    let parameters = Parameters::of(record);
    event(record, original, &parameters, doc);
    doc.object("cloud", |cloud| {
        cloud.object("account", |account| {
            scalar(account, "id", record.user_identity.and_then(|identity| identity.get("accountId")))
        });
        scalar(cloud, "region", record.aws_region);
    });
    user(record, &parameters, doc);
    source(record, doc);
    doc.object("user_agent", |agent| scalar(agent, "original", record.user_agent));
    tls(record, doc);
    doc.object("aws", |aws| aws.object("cloudtrail", |trail| cloudtrail(record, &parameters, trail)));
}

/// The four members of a record that are stored both as text and as an object.
struct Parameters<'r, 'a> {
    request: Stored<'r, 'a>,
    response: Stored<'r, 'a>,
    additional: Stored<'r, 'a>,
    service: Stored<'r, 'a>,
}

struct Stored<'r, 'a> {
    value: Option<&'r Value<'a>>,
    text: String,
}

impl<'r, 'a> Parameters<'r, 'a> {
    fn of(record: &Fields<'r, 'a>) -> Self {
        Self {
            request: Stored::new(record.request_parameters),
            response: Stored::new(record.response_elements),
            additional: Stored::new(record.additional_event_data),
            service: Stored::new(record.service_event_details),
        }
    }
}

impl<'r, 'a> Stored<'r, 'a> {
    fn new(value: Option<&'r Value<'a>>) -> Self {
        let mut text = String::new();
        if let Some(value) = value {
            text.reserve(256);
            java::write(value, &mut text);
        }
        Self { value, text }
    }

    /// Returns the value, where it is an object small enough for a `flattened` field.
    fn flattened(&self) -> Option<&'r Value<'a>> {
        self.value.filter(|value| matches!(value, Value::Object(_)) && self.text.len() < MAX_FLATTENED)
    }

    fn at(&self, path: &[&str]) -> Option<&'r Value<'a>> {
        self.flattened()?.at(path)
    }
}

/// Writes the time. Returns whether the record has a readable one.
fn timestamp(record: &Fields<'_, '_>, doc: &mut Object<'_>) -> bool {
    let out = doc.key("@timestamp");
    out.push(b'"');
    let timed = record.event_time.and_then(Value::as_str).is_some_and(|time| write_iso_millis(time, out));
    if !timed {
        out.extend_from_slice(b"1970-01-01T00:00:00.000Z");
    }
    out.push(b'"');
    timed
}

fn event(record: &Fields<'_, '_>, original: &str, parameters: &Parameters<'_, '_>, doc: &mut Object<'_>) {
    let name = record.event_name.and_then(Value::as_str).unwrap_or_default();
    let (category, types) = category::of(name);
    doc.object("event", |event| {
        event.str("kind", "event");
        scalar(event, "id", record.event_id);
        scalar(event, "action", record.event_name);
        scalar(event, "provider", record.event_source);
        event.strs("category", category);
        event.strs("type", types);
        event.str("outcome", &outcome(record, name, parameters));
        event.str("original", original);
    });
}

fn outcome(record: &Fields<'_, '_>, name: &str, parameters: &Parameters<'_, '_>) -> String {
    let signed_in = parameters.response.at(&["ConsoleLogin"]).and_then(Value::as_str);
    match signed_in.filter(|_| name == "ConsoleLogin") {
        Some(result) => result.to_lowercase(),
        None if record.error_code.is_some() || record.error_message.is_some() => "failure".into(),
        None => "success".into(),
    }
}

fn user(record: &Fields<'_, '_>, parameters: &Parameters<'_, '_>, doc: &mut Object<'_>) {
    let identity = record.user_identity;
    let own_name = identity.and_then(|identity| identity.get("userName"));
    let issuer_name =
        identity.and_then(|identity| identity.at(&["sessionContext", "sessionIssuer", "userName"]));
    let request = &parameters.request;
    let (target, renamed) = (request.at(&["userName"]), request.at(&["newUserName"]));
    doc.object("user", |user| {
        scalar(user, "id", identity.and_then(|identity| identity.get("principalId")));
        scalar(user, "name", own_name.or(issuer_name));
        user.object("target", |user| {
            scalar(user, "id", parameters.response.at(&["user", "userId"]));
            scalar(user, "name", target);
        });
        user.object("changes", |changes| scalar(changes, "name", renamed));
    });
    doc.object("group", |group| {
        scalar(group, "id", parameters.response.at(&["group", "groupId"]));
        scalar(group, "name", request.at(&["groupName"]));
    });
    let mut related: Vec<&str> = Vec::new();
    for name in [own_name, target, renamed].into_iter().flatten().filter_map(Value::as_str) {
        if !related.contains(&name) {
            related.push(name);
        }
    }
    doc.object("related", |object| object.strs("user", related));
}

fn source(record: &Fields<'_, '_>, doc: &mut Object<'_>) {
    let address = record.source_ip_address;
    // One host name in an `ip` field makes the index refuse the whole document.
    let ip = address.and_then(Value::as_str).filter(|text| text.parse::<IpAddr>().is_ok());
    doc.object("source", |source| {
        scalar(source, "address", address);
        source.str_opt("ip", ip);
    });
}

fn tls(record: &Fields<'_, '_>, doc: &mut Object<'_>) {
    let Some(details) = record.tls_details else { return };
    let details = |key| details.get(key);
    let version = details("tlsVersion").and_then(Value::as_str).and_then(|text| text.split_once('v'));
    doc.object("tls", |tls| {
        if let Some((protocol, version)) = version {
            tls.str("version_protocol", &protocol.to_lowercase());
            tls.str("version", version);
        }
        scalar(tls, "cipher", details("cipherSuite"));
        tls.object("client", |client| scalar(client, "server_name", details("clientProvidedHostHeader")));
    });
}

fn cloudtrail(record: &Fields<'_, '_>, parameters: &Parameters<'_, '_>, trail: &mut Object<'_>) {
    for (field, value) in [
        ("event_version", record.event_version),
        ("event_category", record.event_category),
        ("event_type", record.event_type),
        ("api_version", record.api_version),
        ("request_id", record.request_id),
        ("recipient_account_id", record.recipient_account_id),
        ("shared_event_id", record.shared_event_id),
        ("vpc_endpoint_id", record.vpc_endpoint_id),
        ("management_event", record.management_event),
        ("error_code", record.error_code),
        ("error_message", record.error_message),
    ] {
        scalar(trail, field, value);
    }
    match record.read_only {
        Some(Value::Bool(value)) => trail.bool("read_only", *value),
        Some(Value::String(text)) if text == "true" || text == "false" => {
            trail.bool("read_only", text == "true")
        }
        _ => {}
    }
    match record.session_credential_from_console {
        Some(Value::Bool(value)) => {
            trail.str("session_credential_from_console", if *value { "true" } else { "false" });
        }
        other => scalar(trail, "session_credential_from_console", other),
    }
    identity(record, trail);
    for (field, stored) in [
        ("request_parameters", &parameters.request),
        ("response_elements", &parameters.response),
        ("additional_eventdata", &parameters.additional),
        ("service_event_details", &parameters.service),
    ] {
        trail.str_opt(field, Some(&stored.text));
    }
    trail.object("flattened", |flattened| {
        for (field, stored) in [
            ("request_parameters", &parameters.request),
            ("response_elements", &parameters.response),
            ("additional_eventdata", &parameters.additional),
            ("service_event_details", &parameters.service),
        ] {
            if let Some(value) = stored.flattened() {
                flattened.value(field, value);
            }
        }
    });
    resources(record, trail);
    if record.event_name.and_then(Value::as_str) == Some("ConsoleLogin") {
        console_login(&parameters.additional, trail);
    }
}

fn identity(record: &Fields<'_, '_>, trail: &mut Object<'_>) {
    let Some(identity) = record.user_identity else { return };
    trail.object("user_identity", |user| {
        for (field, key) in
            [("type", "type"), ("arn", "arn"), ("access_key_id", "accessKeyId"), ("invoked_by", "invokedBy")]
        {
            scalar(user, field, identity.get(key));
        }
        user.object("session_context", |session| {
            let attribute = |key| identity.at(&["sessionContext", "attributes", key]);
            scalar(session, "mfa_authenticated", attribute("mfaAuthenticated"));
            let mut created = Vec::new();
            if attribute("creationDate")
                .and_then(Value::as_str)
                .is_some_and(|time| write_iso_millis(time, &mut created))
            {
                session.str_opt("creation_date", std::str::from_utf8(&created).ok());
            }
            session.object("session_issuer", |issuer| {
                for (field, key) in [
                    ("type", "type"),
                    ("principal_id", "principalId"),
                    ("arn", "arn"),
                    ("account_id", "accountId"),
                ] {
                    scalar(issuer, field, identity.at(&["sessionContext", "sessionIssuer", key]));
                }
            });
        });
    });
}

fn resources(record: &Fields<'_, '_>, trail: &mut Object<'_>) {
    let Some(Value::Array(items)) = record.resources else { return };
    let mut distinct: Vec<[Option<&str>; 3]> = Vec::new();
    for item in items {
        let text = |key| item.get(key).and_then(Value::as_str);
        let resource = [text("ARN").or_else(|| text("arn")), text("accountId"), text("type")];
        if resource.iter().any(Option::is_some) && !distinct.contains(&resource) {
            distinct.push(resource);
        }
    }
    trail.objects("resources", distinct, |object, [arn, account, kind]| {
        object.str_opt("arn", arn);
        object.str_opt("account_id", account);
        object.str_opt("type", kind);
    });
}

fn console_login(additional: &Stored<'_, '_>, trail: &mut Object<'_>) {
    trail.object("console_login", |login| {
        login.object("additional_eventdata", |data| {
            if let Some(mobile) = additional.at(&["MobileVersion"]) {
                data.bool("mobile_version", mobile.as_str() != Some("No"));
            }
            scalar(data, "login_to", additional.at(&["LoginTo"]));
            if let Some(mfa) = additional.at(&["MFAUsed"]) {
                data.bool("mfa_used", mfa.as_str() != Some("No"));
            }
        });
    });
}

/// Writes a keyword field, which takes strings, numbers and booleans; an index refuses a document that has an
/// object there.
fn scalar(object: &mut Object<'_>, field: &str, value: Option<&Value<'_>>) {
    if let Some(value @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) = value {
        object.value(field, value);
    }
}
