//! Roles behind a second factor: a profile with `role_arn` and `mfa_serial`, which the SDK passes over. Whoever sits at the
//! terminal is asked for the code, as by aws-cli; where nobody does, the run says so and ends.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use aws_sdk_sts::error::DisplayErrorContext;

use super::options::AskCode;
use super::profiles::Profiles;

/// What a role asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MfaRole {
    pub(super) profile: String,
    role: String,
    serial: String,
    external_id: Option<String>,
    session_name: String,
    seconds: Option<i32>,
}

impl MfaRole {
    /// Returns the role of a profile, where it asks for a second factor.
    pub(super) fn of(profiles: &Profiles, profile: &str) -> Option<Self> {
        let setting = |key| profiles.setting(profile, key).map(str::to_owned);
        Some(Self {
            profile: profile.to_owned(),
            role: setting("role_arn")?,
            serial: setting("mfa_serial")?,
            external_id: setting("external_id"),
            session_name: setting("role_session_name").unwrap_or_else(|| "roottrail".to_owned()),
            seconds: setting("duration_seconds").and_then(|seconds| seconds.parse().ok()),
        })
    }
}

/// Assumes the role with a code that somebody types.
#[derive(Debug)]
pub(super) struct WithCode {
    pub(super) role: MfaRole,
    pub(super) ask: Option<AskCode>,
    pub(super) base: SdkConfig,
    /// Who assumes it.
    pub(super) source: SharedCredentialsProvider,
}

impl WithCode {
    async fn assume(&self) -> provider::Result {
        let MfaRole { profile, role, serial, .. } = &self.role;
        let Some(ask) = &self.ask else {
            let text = format!(
                "profile {profile:?} asks for the code of {serial} (mfa_serial), and there is no terminal"
            );
            return Err(CredentialsError::invalid_configuration(text));
        };
        let Some(code) = (ask.0)(serial).filter(|code| !code.is_empty()) else {
            let text =
                format!("no code of {serial} was given, which profile {profile:?} asks for (mfa_serial)");
            return Err(CredentialsError::invalid_configuration(text));
        };
        let config =
            aws_sdk_sts::config::Builder::from(&self.base).credentials_provider(self.source.clone()).build();
        let answer = aws_sdk_sts::Client::from_conf(config)
            .assume_role()
            .role_arn(role)
            .role_session_name(&self.role.session_name)
            .serial_number(serial)
            .token_code(code)
            .set_external_id(self.role.external_id.clone())
            .set_duration_seconds(self.role.seconds)
            .send()
            .await
            .map_err(|error| {
                let text = format!("role {role} of profile {profile:?}: {}", DisplayErrorContext(&error));
                CredentialsError::provider_error(text)
            })?;
        let Some(keys) = answer.credentials else {
            return Err(CredentialsError::provider_error("STS sent no credentials"));
        };
        let end = u64::try_from(keys.expiration.secs()).unwrap_or_default();
        Ok(Credentials::new(
            keys.access_key_id,
            keys.secret_access_key,
            Some(keys.session_token),
            Some(std::time::UNIX_EPOCH + Duration::from_secs(end)),
            "AssumeRoleWithMfa",
        ))
    }
}

impl ProvideCredentials for WithCode {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.assume())
    }
}
