//! The OCSF objects that events of several classes share.
//!
//! Each function writes the members of one object into the object that the caller has opened. A function
//! reads the record where OCSF has a field for its values, and the finding for the verdicts. Values that are
//! not there are left out.

use super::Source;
use crate::finding::{CredentialType, IdentityKind, MfaDevice, MfaStatus};
use crate::format::time::millis;
use crate::format::write::Object;
use crate::json::Value;

/// Writes one of roottrail's rules.
pub(super) fn rule(id: &str, analytic: &mut Object<'_>) {
    analytic.str("uid", id);
    analytic.str("name", id);
    analytic.int("type_id", 1);
    analytic.str("type", "Rule");
}

/// Writes an ATT&CK technique, `T1531` or `T1078.004`.
pub(super) fn attack(technique: &str, attack: &mut Object<'_>) {
    let parent = technique.split('.').next().unwrap_or(technique);
    attack.object("technique", |object| object.str("uid", parent));
    if parent != technique {
        attack.object("sub_technique", |object| object.str("uid", technique));
    }
}

/// Writes who acted, and in which session.
pub(super) fn actor(source: Source<'_>, actor: &mut Object<'_>) {
    let credential = &source.finding.credential;
    actor.object("user", |object| user(source, object));
    actor.object("session", |session| {
        session.str_opt("uid", source.finding.session.id.as_deref());
        session.str_opt("credential_uid", credential.access_key_id.as_deref());
        if let Some(created) = credential.session_created.as_deref().and_then(millis) {
            session.int("created_time", created);
        }
        session.str_opt("issuer", source.finding.identity.issuer_arn.as_deref());
        is_mfa(source, session);
    });
    actor.str_opt("app_name", source.finding.identity.invoked_by.as_deref());
}

/// Writes whether MFA was used, where that is known. Unknown is not false.
pub(super) fn is_mfa(source: Source<'_>, object: &mut Object<'_>) {
    match source.finding.mfa.status {
        Some(MfaStatus::Used) => object.bool("is_mfa", true),
        Some(MfaStatus::NotUsed) => object.bool("is_mfa", false),
        Some(MfaStatus::NotApplicable | MfaStatus::Unknown) | None => {}
    }
}

/// Writes the identity. The schema names root as an example of type 2, Admin.
pub(super) fn user(source: Source<'_>, user: &mut Object<'_>) {
    let finding = source.finding;
    let identity = &finding.identity;
    let is_root = identity.kind != IdentityKind::AssumeRootCaller;
    user.str_opt("type", identity.type_.as_deref());
    user.int("type_id", if is_root { 2 } else { 99 });
    user.str_opt("name", identity.user_name.as_deref().or(is_root.then_some("root")));
    user.str_opt("uid", identity.arn.as_deref());
    user.str_opt("uid_alt", identity.principal_id.as_deref());
    user.object("account", |object| account(source, object));
    user.objects("programmatic_credentials", &finding.credential.access_key_id, |credential, key| {
        credential.str("uid", key);
        credential.str("type", "AWS access key");
    });
}

fn account(source: Source<'_>, account: &mut Object<'_>) {
    if let Some(uid) = source.finding.account_id.as_deref() {
        account.str("uid", uid);
        account.int("type_id", 10);
        account.str("type", "AWS Account");
    }
}

/// Writes the call.
pub(super) fn api(source: Source<'_>, api: &mut Object<'_>) {
    let finding = source.finding;
    api.str("operation", source.operation());
    api.str_opt("version", source.record.get("apiVersion").and_then(Value::as_str));
    api.object("service", |service| service.str_opt("name", finding.event.source.as_deref()));
    // The schema wants an identifier in every request.
    if let Some(uid) = finding.event.request_id.as_deref().filter(|uid| !uid.is_empty()) {
        api.object("request", |request| {
            request.str("uid", uid);
            if let Some(data) = source.record.get("requestParameters") {
                request.value("data", data);
            }
        });
    }
    api.object("response", |response| {
        response.str_opt("error", finding.error_code.as_deref());
        response.str_opt("error_message", finding.error_message.as_deref());
        if let Some(data) = source.record.get("responseElements") {
            response.value("data", data);
        }
    });
}

/// Writes where the call came from. The schema wants some name, so a source that is no address is named as a
/// service.
pub(super) fn src_endpoint(source: Source<'_>, endpoint: &mut Object<'_>) {
    let origin = &source.finding.source;
    match (&origin.ip, &origin.address) {
        (Some(ip), _) => endpoint.str("ip", ip),
        (None, Some(address)) if !address.is_empty() => endpoint.str("svc_name", address),
        _ => endpoint.str("svc_name", "unknown"),
    }
    endpoint.str_opt("uid", origin.vpc_endpoint.as_deref());
}

/// Writes the user agent.
pub(super) fn http_request(source: Source<'_>, request: &mut Object<'_>) {
    request.str_opt("user_agent", source.finding.source.user_agent.as_deref());
}

/// Writes the TLS session.
pub(super) fn tls(source: Source<'_>, tls: &mut Object<'_>) {
    let Some(version) = source.finding.source.tls_version.as_deref() else { return };
    tls.str("version", version.strip_prefix("TLSv").unwrap_or(version));
    tls.str_opt("cipher", source.record.str_at(&["tlsDetails", "cipherSuite"]));
    tls.str_opt("sni", source.record.str_at(&["tlsDetails", "clientProvidedHostHeader"]));
}

/// Writes the account and the region.
pub(super) fn cloud(source: Source<'_>, cloud: &mut Object<'_>) {
    cloud.str("provider", "AWS");
    cloud.str_opt("region", source.finding.region.as_deref());
    cloud.object("account", |object| account(source, object));
}

/// Writes the factors that a sign-in was proved with.
pub(super) fn auth_factors(source: Source<'_>, event: &mut Object<'_>) {
    let finding = source.finding;
    let password =
        (finding.credential.kind == Some(CredentialType::ConsolePassword)).then_some((11, "Password"));
    let used = finding.mfa.status == Some(MfaStatus::Used);
    let device = finding.mfa.device.filter(|_| used).map(|device| match device {
        MfaDevice::Virtual => (7, "OTP"),
        MfaDevice::Fido => (9, "U2F"),
        MfaDevice::HardwareTotp => (6, "Hardware Token"),
        MfaDevice::Sms => (1, "SMS"),
        MfaDevice::Multiple | MfaDevice::Unknown => (0, "Unknown"),
    });
    event.objects("auth_factors", [password, device].into_iter().flatten(), |factor, (id, name)| {
        factor.int("factor_type_id", id);
        factor.str("factor_type", name);
    });
}

/// Writes the values that analysts pivot on.
pub(super) fn observables(source: Source<'_>, prefix: &str, event: &mut Object<'_>) {
    let ip = source.finding.source.ip.as_deref();
    let key = source.finding.credential.access_key_id.as_deref();
    let found = [
        ("src_endpoint.ip", 2, "IP Address", ip),
        ("actor.user.programmatic_credentials.uid", 19, "User Credential ID", key),
    ];
    let found = found.into_iter().filter_map(|(path, id, kind, value)| Some((path, id, kind, value?)));
    event.objects("observables", found, |observable, (path, id, kind, value)| {
        observable.str("name", &format!("{prefix}{path}"));
        observable.int("type_id", id);
        observable.str("type", kind);
        observable.str("value", value);
    });
}

/// Writes the verdicts for which OCSF has no word.
pub(super) fn verdict(source: Source<'_>, data: &mut Object<'_>) {
    let finding = source.finding;
    data.str("schema", &finding.schema);
    data.plain("finding_id", finding.id);
    data.name("severity", finding.severity);
    data.strs("rules", &finding.rules);
    data.name("outcome", finding.outcome);
    data.str_opt("addendum", finding.event.addendum.as_deref());
    data.name("identity_kind", finding.identity.kind);
    data.name_opt("credential_type", finding.credential.kind);
    data.name_opt("mfa_status", finding.mfa.status);
    data.name_opt("mfa_evidence", finding.mfa.evidence);
    data.name_opt("mfa_device", finding.mfa.device);
    data.str("uri", &finding.evidence.uri);
    data.int("record_index", i64::try_from(finding.evidence.record_index).unwrap_or(i64::MAX));
    data.name("integrity", finding.evidence.integrity);
    data.bool("damaged", finding.evidence.damaged);
    data.str_opt("conflict_with", finding.evidence.conflict_with.as_deref());
}
