//! Credentials: the SDK's default chain, a role on top of it where asked for, and one cache for the run.
//!
//! All clients of a session ask the same cache. Credentials are fetched again two minutes before their end, by one
//! task while the others wait. Where a server calls credentials expired before that, the cache drops them and the
//! chain is built again from the start, so that a new `aws sso login` or a rewritten credentials file is seen.
//! Profiles that the SDK does not know are handled here: those of `aws login`, and roles that want a code from a
//! second factor. An error names the profile, where credentials were looked for, and what to do.

use super::login::{self, Login};
use super::options::S3Options;
use super::profiles::{Profiles, meant};
use super::second_factor::{MfaRole, WithCode};
use crate::error::chain;
use crate::text::one_line;
use aws_config::SdkConfig;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// New credentials are fetched this long before the old ones end.
const EARLY: Duration = Duration::from_secs(120);
/// Some sources hand out the same credentials until they end: no need to ask before each request.
const SOON: Duration = Duration::from_secs(5);
/// A chain that answers at all answers within this; a role behind SSO takes a few seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// The run's credentials.
#[derive(Debug)]
pub(super) struct CachedCredentials {
    options: S3Options,
    /// Region, HTTP client and timeouts for calls to STS, SSO and the like.
    base: SdkConfig,
    held: Mutex<Option<Held>>,
    /// One refresh at a time; the provider is kept, as it may hold a session of its own.
    provider: tokio::sync::Mutex<Option<SharedCredentialsProvider>>,
}

/// Credentials, and when they were fetched.
#[derive(Debug)]
struct Held {
    credentials: Credentials,
    fetched: Instant,
}

impl CachedCredentials {
    pub(super) fn new(options: &S3Options, base: SdkConfig) -> Self {
        Self {
            options: options.clone(),
            base,
            held: Mutex::new(None),
            provider: tokio::sync::Mutex::new(None),
        }
    }

    /// Returns region, HTTP client and timeouts for calls to other services.
    pub(super) fn base(&self) -> &SdkConfig {
        &self.base
    }

    /// Returns the credentials to sign with now.
    pub(super) async fn current(&self) -> provider::Result {
        self.get().await
    }

    /// Credentials that are good for a while yet.
    async fn get(&self) -> provider::Result {
        match self.fresh(EARLY) {
            Some(held) => Ok(held),
            // Boxed: a request is larger than it needs to be with all of the chain in its future.
            None => Box::pin(self.fetch()).await,
        }
    }

    async fn fetch(&self) -> provider::Result {
        let mut provider = self.provider.lock().await;
        // Another task may have fetched them while this one waited.
        if let Some(held) = self.fresh(EARLY) {
            return Ok(held);
        }
        let source = match &*provider {
            Some(source) => source.clone(),
            None => provider.insert(self.build().await).clone(),
        };
        let fetched = tokio::time::timeout(PATIENCE, source.provide_credentials())
            .await
            .unwrap_or_else(|_| Err(CredentialsError::provider_timed_out(PATIENCE)));
        match fetched {
            Ok(credentials) => {
                *self.lock() = Some(Held { credentials: credentials.clone(), fetched: Instant::now() });
                Ok(credentials)
            }
            // Better the old ones to their last second than none.
            Err(error) => self.fresh(Duration::ZERO).ok_or(error),
        }
    }

    fn fresh(&self, margin: Duration) -> Option<Credentials> {
        let held = self.lock();
        let Held { credentials, fetched } = held.as_ref()?;
        let margin = if fetched.elapsed() < SOON { margin.min(SOON) } else { margin };
        let good = credentials.expiry().is_none_or(|end| end > SystemTime::now() + margin);
        good.then(|| credentials.clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets credentials that a server called expired, and reads files and environment again.
    /// `Ok(true)`: there are others now.
    pub(super) async fn renew(&self) -> Result<bool, CredentialsError> {
        let old = self.lock().take();
        *self.provider.lock().await = None;
        let new = self.get().await?;
        let same = old.is_some_and(|Held { credentials: old, .. }| {
            old.access_key_id() == new.access_key_id() && old.session_token() == new.session_token()
        });
        Ok(!same)
    }

    async fn build(&self) -> SharedCredentialsProvider {
        let chain = match &self.options.keys {
            Some(keys) => SharedCredentialsProvider::new(Credentials::new(
                &keys.access_key_id,
                &keys.secret_access_key,
                keys.session_token.clone(),
                None,
                "roottrail",
            )),
            None => self.default_chain().await,
        };
        let Some(role) = &self.options.assume_role_arn else { return chain };
        let mut assume = AssumeRoleProvider::builder(role).configure(&self.base).session_name("roottrail");
        if let Some(id) = &self.options.external_id {
            assume = assume.external_id(id);
        }
        SharedCredentialsProvider::new(assume.build_from_provider(chain).await)
    }

    async fn default_chain(&self) -> SharedCredentialsProvider {
        let config = ProviderConfig::without_region()
            .with_region(self.base.region().cloned())
            .with_behavior_version(Some(aws_config::BehaviorVersion::latest()));
        let config = match self.base.http_client() {
            Some(client) => config.with_http_client(client),
            None => config,
        };
        // Where there is no instance metadata service its address swallows packets: without these bounds a
        // start without credentials takes a quarter of a minute to fail.
        let metadata = imds::Client::builder()
            .configure(&config)
            .max_attempts(2)
            .connect_timeout(Duration::from_secs(1))
            .read_timeout(Duration::from_secs(1))
            .operation_timeout(Duration::from_secs(3))
            .build();
        if let Some(login) = self.login() {
            return SharedCredentialsProvider::new(login);
        }
        if let Some(role) = self.mfa_role() {
            let source = self.source_of(&role, &config, &metadata);
            let (ask, base) = (self.options.ask.clone(), self.base.clone());
            return SharedCredentialsProvider::new(WithCode { role, ask, base, source });
        }
        let Some(profile) = &self.options.profile else {
            let name = profile_name(&self.options);
            let has_role = Profiles::load().setting(&name, "role_arn").is_some();
            let mut builder = DefaultCredentialsChain::builder()
                .region(self.base.region().cloned())
                .imds_client(metadata)
                .configure(config.clone());
            // The SDK would insist on a default profile that is named.
            if name != "default" {
                builder = builder.profile_name(&name);
            }
            let rest = builder.build().await;
            let keys = EnvironmentVariableCredentialsProvider::new();
            if has_role {
                return SharedCredentialsProvider::new(rest);
            }
            // As for aws-cli, the token of a pod stands above a profile with keys, and below one with a role.
            let token = WebIdentityTokenCredentialsProvider::builder().configure(&config).build();
            return SharedCredentialsProvider::new(
                CredentialsProviderChain::first_try("Environment", keys)
                    .or_else("WebIdentityToken", token)
                    .or_else("Default", rest),
            );
        };
        // A profile that was asked for stands above keys and tokens of the environment, as for aws-cli. One without
        // credentials still has those of the machine.
        let named =
            ProfileFileCredentialsProvider::builder().configure(&config).profile_name(profile).build();
        let container = EcsCredentialsProvider::builder().configure(&config).build();
        let machine = ImdsCredentialsProvider::builder().configure(&config).imds_client(metadata).build();
        SharedCredentialsProvider::new(
            CredentialsProviderChain::first_try("Profile", named)
                .or_else("EcsContainer", container)
                .or_else("Ec2InstanceMetadata", machine),
        )
    }

    /// Returns the login of the profile, where keys in the environment do not come first.
    fn login(&self) -> Option<Login> {
        let profile = profile_name(&self.options);
        let session = Profiles::load().setting(&profile, "login_session")?.to_owned();
        (!self.keys_come_first()).then(|| Login { profile, session, cache: login::cache() })
    }

    /// Returns whether keys in the environment stand above the profile, which nobody has asked for.
    fn keys_come_first(&self) -> bool {
        let keys = || std::env::var_os("AWS_ACCESS_KEY_ID").is_some_and(|key| !key.is_empty());
        self.options.profile.is_none() && keys()
    }

    /// Returns the role that is to be assumed with a code: that of the profile, where keys in the environment do not come first.
    fn mfa_role(&self) -> Option<MfaRole> {
        if self.keys_come_first() {
            return None;
        }
        MfaRole::of(&Profiles::load(), &profile_name(&self.options))
    }

    /// Returns who assumes such a role.
    fn source_of(
        &self,
        role: &MfaRole,
        config: &ProviderConfig,
        metadata: &imds::Client,
    ) -> SharedCredentialsProvider {
        let profiles = Profiles::load();
        let setting = |key| profiles.setting(&role.profile, key);
        match (setting("source_profile"), setting("credential_source")) {
            (_, Some("Environment")) => {
                SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new())
            }
            (_, Some("EcsContainer")) => {
                SharedCredentialsProvider::new(EcsCredentialsProvider::builder().configure(config).build())
            }
            (_, Some(_)) => SharedCredentialsProvider::new(
                ImdsCredentialsProvider::builder().configure(config).imds_client(metadata.clone()).build(),
            ),
            // A profile that is its own source has the keys beside the role.
            (source, None) if source.is_none_or(|source| source == role.profile) => {
                SharedCredentialsProvider::new(Credentials::new(
                    setting("aws_access_key_id").unwrap_or_default(),
                    setting("aws_secret_access_key").unwrap_or_default(),
                    setting("aws_session_token").map(str::to_owned),
                    None,
                    "Profile",
                ))
            }
            (source, None) => SharedCredentialsProvider::new(
                ProfileFileCredentialsProvider::builder()
                    .configure(config)
                    .profile_name(source.unwrap_or_default())
                    .build(),
            ),
        }
    }

    /// Returns why there are none, where they were looked for, and what to do. `where_to`: what they are for.
    fn explain(&self, error: &CredentialsError, where_to: &str) -> String {
        let (profile, login) = match meant(self.options.profile.as_deref()) {
            Some((name, who)) => {
                (format!("profile {name:?} ({who})"), format!("aws sso login --profile {name}"))
            }
            None => ("profile \"default\"".to_owned(), "aws sso login".to_owned()),
        };
        let profiles = Profiles::load();
        let named = profile_name(&self.options);
        let second_factor = match profiles.setting(&named, "mfa_serial") {
            Some(_) => format!(
                "\n  profile {named:?} asks for MFA (mfa_serial): run it on a terminal, or let aws-cli ask, with a \
                 profile of\n    credential_process = aws configure export-credentials --profile {named} --format process"
            ),
            None => String::new(),
        };
        let role = match &self.options.assume_role_arn {
            Some(role) => format!("; then role {role} through STS"),
            None => String::new(),
        };
        // Where no place has any, the SDK has nothing to add but that each has none.
        let what = match error {
            CredentialsError::CredentialsNotLoaded(_) => "no AWS credentials found".to_owned(),
            error => format!("the AWS credentials cannot be used: {}", one_line(&chain(error))),
        };
        format!(
            "{what}\n  tried: environment (AWS_ACCESS_KEY_ID); {profile} with its keys, SSO session, role or \
             process; web identity token; container (ECS, EKS); instance metadata (EC2 IMDS){role}\n  to do: {login}; or \
             --profile NAME; or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or --no-sign-request for a public \
             bucket\n  {where_to}{second_factor}",
        )
    }

    /// Fetches the first credentials, or says why there are none.
    pub(super) async fn check(&self, where_to: &str) -> Result<(), String> {
        self.get().await.map(drop).map_err(|error| self.explain(&error, where_to))
    }
}

/// Returns the profile that counts.
fn profile_name(options: &S3Options) -> String {
    meant(options.profile.as_deref()).map_or_else(|| "default".to_owned(), |(name, _)| name)
}

/// What the SDK's clients hold.
#[derive(Clone, Debug)]
pub(super) struct CredentialsHandle(pub(super) std::sync::Arc<CachedCredentials>);

impl ProvideCredentials for CredentialsHandle {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        match self.0.fresh(EARLY) {
            Some(held) => future::ProvideCredentials::ready(Ok(held)),
            None => future::ProvideCredentials::new(self.0.get()),
        }
    }
}
