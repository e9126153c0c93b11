//! `ocsf`: events of the Open Cybersecurity Schema Framework 1.8.0, one a line.
//!
//! By default a finding is a Detection Finding with the activity as its evidence. Where a lake holds activity
//! only, the same facts go out as Authentication (sign-ins) or API Activity (everything else). The objects
//! that several classes share are written by `parts`. The record's own text goes out as `raw_data`.

use std::fmt;
use std::str::FromStr;

use super::hec::is_sign_in;
use super::time::millis;
use super::write::{Name, Object};
use super::{Format, FormatError, record};
use crate::finding::{Finding, IdentityKind, Outcome, Severity};
use crate::json::Value;

mod parts;

const VERSION: &str = "1.8.0";

/// The OCSF classes that findings become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OcsfClass {
    /// Detection Finding, 2004.
    #[default]
    Finding,
    /// Authentication, 3002, or API Activity, 6003.
    Activity,
}

impl OcsfClass {
    /// Both choices, in the order in which help texts list them.
    pub const ALL: &[OcsfClass] = &[OcsfClass::Finding, OcsfClass::Activity];

    /// Returns the name as written on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            OcsfClass::Finding => "finding",
            OcsfClass::Activity => "activity",
        }
    }
}

impl fmt::Display for OcsfClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that no choice of OCSF classes has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is neither 'finding' nor 'activity'")]
pub struct UnknownOcsfClass(String);

impl FromStr for OcsfClass {
    type Err = UnknownOcsfClass;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|class| class.as_str() == text)
            .ok_or_else(|| UnknownOcsfClass(text.to_owned()))
    }
}

/// The format of OCSF events.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ocsf {
    class: OcsfClass,
}

impl Ocsf {
    /// Returns the format of events of these classes.
    pub fn new(class: OcsfClass) -> Self {
        Self { class }
    }
}

impl Format for Ocsf {
    fn needs_record(&self) -> bool {
        true
    }

    fn header(&self, _out: &mut Vec<u8>) {}

    fn write(&self, finding: &Finding, out: &mut Vec<u8>) -> Result<(), FormatError> {
        let (record, original) = record::of(finding)?;
        let source = Source { finding, record: &record };
        Object::write(out, |event| {
            match self.class {
                OcsfClass::Finding => detection(source, event),
                OcsfClass::Activity if is_sign_in(finding) => authentication(source, event),
                OcsfClass::Activity => api_activity(source, event),
            }
            event.str("raw_data", original);
        });
        out.push(b'\n');
        Ok(())
    }
}

/// The finding and the record that an event is written from.
#[derive(Clone, Copy)]
struct Source<'s> {
    finding: &'s Finding,
    record: &'s Value<'s>,
}

impl Source<'_> {
    fn operation(&self) -> &str {
        self.finding.event.name.as_deref().unwrap_or("unknown")
    }

    /// Returns milliseconds since 1970, or 0 where the record has no readable time, since the schema wants
    /// one.
    fn time(&self) -> i64 {
        self.finding.time.as_deref().and_then(millis).unwrap_or(0)
    }
}

/// The identifiers that open an event of any class.
struct Class {
    uid: i64,
    name: &'static str,
    category_uid: i64,
    category: &'static str,
}

fn classify(class: &Class, activity: (i64, &str), time: i64, event: &mut Object<'_>) {
    event.int("activity_id", activity.0);
    event.str("activity_name", activity.1);
    event.int("category_uid", class.category_uid);
    event.str("category_name", class.category);
    event.int("class_uid", class.uid);
    event.str("class_name", class.name);
    event.int("type_uid", class.uid * 100 + activity.0);
    event.str("type_name", &format!("{}: {}", class.name, activity.1));
    event.int("time", time);
    event.int("timezone_offset", 0);
}

fn detection(source: Source<'_>, event: &mut Object<'_>) {
    const CLASS: Class =
        Class { uid: 2004, name: "Detection Finding", category_uid: 2, category: "Findings" };
    let finding = source.finding;
    let actor = match finding.identity.kind {
        IdentityKind::AssumeRootCaller => {
            finding.identity.arn.clone().unwrap_or_else(|| "an unknown caller".into())
        }
        _ => format!("root of account {}", finding.account_id.as_deref().unwrap_or("unknown")),
    };
    let title = format!("{} by {actor}", source.operation());
    classify(&CLASS, (1, "Create"), source.time(), event);
    let (severity_id, severity) = match finding.severity {
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    };
    event.int("severity_id", severity_id);
    event.str("severity", severity);
    event.int("status_id", 1);
    event.str("status", "New");
    event.bool("is_alert", true);
    event.str("message", &format!("{title}: {}", Name(finding.outcome)));
    event.object("metadata", |metadata| {
        metadata.str("version", VERSION);
        metadata.plain("uid", finding.id);
        metadata.str_opt("original_time", finding.time.as_deref());
        metadata.object("product", |product| {
            product.str("name", "roottrail");
            product.str("vendor_name", "roottrail");
        });
        metadata.strs("profiles", ["cloud"]);
    });
    event.object("finding_info", |info| {
        info.plain("uid", finding.id);
        info.str("title", &title);
        info.int("created_time", source.time());
        if let Some(rule) = finding.rules.first() {
            info.object("analytic", |analytic| parts::rule(rule, analytic));
        }
        info.objects("related_analytics", finding.rules.iter().skip(1), |analytic, rule| {
            parts::rule(rule, analytic);
        });
        info.objects("attacks", &finding.attack, |attack, technique| parts::attack(technique, attack));
        info.strs("data_sources", [&finding.evidence.uri]);
    });
    event.objects("evidences", [source], |evidence, source| {
        evidence.object("actor", |actor| parts::actor(source, actor));
        evidence.object("api", |api| parts::api(source, api));
        evidence.object("src_endpoint", |endpoint| parts::src_endpoint(source, endpoint));
        evidence.object("http_request", |request| parts::http_request(source, request));
        evidence.object("user", |user| parts::user(source, user));
        evidence.object("tls", |tls| parts::tls(source, tls));
        evidence.object("data", |data| parts::verdict(source, data));
    });
    event.object("cloud", |cloud| parts::cloud(source, cloud));
    parts::observables(source, "evidences.", event);
}

fn authentication(source: Source<'_>, event: &mut Object<'_>) {
    const CLASS: Class = Class {
        uid: 3002,
        name: "Authentication",
        category_uid: 3,
        category: "Identity & Access Management",
    };
    classify(&CLASS, (1, "Logon"), source.time(), event);
    common_activity(source, event);
    parts::is_mfa(source, event);
    parts::auth_factors(source, event);
    event.object("user", |user| parts::user(source, user));
    event.object("service", |service| {
        service.str("name", source.finding.event.source.as_deref().unwrap_or("signin.amazonaws.com"));
    });
    let login_to = source.record.str_at(&["additionalEventData", "LoginTo"]);
    event.object("dst_endpoint", |endpoint| endpoint.str_opt("svc_name", login_to));
}

fn api_activity(source: Source<'_>, event: &mut Object<'_>) {
    const CLASS: Class =
        Class { uid: 6003, name: "API Activity", category_uid: 6, category: "Application Activity" };
    classify(&CLASS, activity(source), source.time(), event);
    common_activity(source, event);
}

/// Writes the members that the two activity classes share.
fn common_activity(source: Source<'_>, event: &mut Object<'_>) {
    let finding = source.finding;
    event.int("severity_id", 1);
    event.str("severity", "Informational");
    let (status_id, status) = match finding.outcome {
        Outcome::Success => (1, "Success"),
        Outcome::Failure => (2, "Failure"),
    };
    event.int("status_id", status_id);
    event.str("status", status);
    event.str_opt("status_code", finding.error_code.as_deref());
    event.str_opt("status_detail", finding.error_message.as_deref());
    event.object("metadata", |metadata| {
        metadata.str("version", VERSION);
        metadata.str("uid", finding.event.id.as_deref().unwrap_or(&finding.id.to_string()));
        metadata.str_opt("original_time", finding.time.as_deref());
        metadata.str("log_provider", "CloudTrail");
        metadata.str_opt("event_code", finding.event.kind.as_deref());
        metadata.plain("correlation_uid", finding.id);
        metadata.object("product", |product| {
            product.str("name", "CloudTrail");
            product.str("vendor_name", "AWS");
            product.str_opt("version", finding.event.version.as_deref());
            product.object("feature", |feature| feature.str_opt("name", finding.event.category.as_deref()));
        });
        metadata.strs("profiles", ["cloud"]);
    });
    event.object("actor", |actor| parts::actor(source, actor));
    event.object("api", |api| parts::api(source, api));
    event.object("src_endpoint", |endpoint| parts::src_endpoint(source, endpoint));
    event.object("http_request", |request| parts::http_request(source, request));
    event.object("cloud", |cloud| parts::cloud(source, cloud));
    parts::observables(source, "", event);
    event.object("unmapped", |unmapped| {
        unmapped.object("roottrail", |verdict| parts::verdict(source, verdict));
        for key in
            ["additionalEventData", "serviceEventDetails", "resources", "sharedEventID", "vpcEndpointId"]
        {
            if let Some(value) = source.record.get(key) {
                unmapped.value(key, value);
            }
        }
    });
}

/// Returns the activity of an API call, by `readOnly` and the verb that its name begins with.
fn activity(source: Source<'_>) -> (i64, &'static str) {
    const VERBS: &[(&str, (i64, &str))] = &[
        ("Create", (1, "Create")),
        ("Run", (1, "Create")),
        ("Get", (2, "Read")),
        ("List", (2, "Read")),
        ("Describe", (2, "Read")),
        ("Head", (2, "Read")),
        ("Lookup", (2, "Read")),
        ("Attach", (3, "Update")),
        ("Change", (3, "Update")),
        ("Enable", (3, "Update")),
        ("Modify", (3, "Update")),
        ("Put", (3, "Update")),
        ("Set", (3, "Update")),
        ("Update", (3, "Update")),
        ("Deactivate", (3, "Update")),
        ("Detach", (3, "Update")),
        ("Disable", (3, "Update")),
        ("Delete", (4, "Delete")),
        ("Terminate", (4, "Delete")),
    ];
    let by_verb = VERBS.iter().find(|(verb, _)| source.operation().starts_with(verb));
    match by_verb {
        Some((_, activity)) => *activity,
        None if source.finding.event.read_only == Some(true) => (2, "Read"),
        None => (99, "Other"),
    }
}
