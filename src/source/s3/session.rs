//! The connection to S3: runtime, HTTP and TLS, endpoint, region, credentials. A session is built once for a run.
//!
//! All S3 sources of a run share one session, and with it connections, credentials and the state of access. The
//! session reads the configuration as aws-cli does, checks certificates and credentials before the first request, and
//! ends the run there with a message where one of them is missing. It counts requests, keeps notes for the end of the
//! run, and passes what cannot wait to a listener. Dropping the last handle ends the runtime without waiting for
//! requests that are on their way.

use super::access::Access;
use super::buffers::BufferPool;
use super::credentials::{CachedCredentials, CredentialsHandle};
use super::options::S3Options;
use super::profiles::{Profiles, meant};
use super::whole::Proof;
use crate::error::{Fatal, start};
use crate::net::client;
use crate::net::client::Http;
use crate::net::route::proxy_variable;
use crate::net::tls::{ca_bundle, tls_config};
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{AppName, Builder, IdentityCache, SharedHttpClient, StalledStreamProtectionConfig};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::{ProxyConfig, ProxyError};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::HttpConnectorSettings;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use http::Uri;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::{Handle, Runtime};

/// Where a bucket is looked for when nothing names a region; S3 then says where it really is.
pub(super) const FALLBACK_REGION: &str = "us-east-1";

/// Requests made so far, tries included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// ListObjectsV2 and its kin.
    pub list: u64,
    /// GetObject.
    pub get: u64,
    /// Requests of both kinds that were repetitions.
    pub retries: u64,
}

/// Counts requests from many tasks.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) list: AtomicU64,
    pub(super) get: AtomicU64,
    pub(super) retries: AtomicU64,
    /// Answers that asked to slow down.
    pub(super) slow_downs: AtomicU64,
    /// Deletions in a versioned bucket.
    pub(super) delete_markers: AtomicU64,
}

/// A runtime, an HTTP client and credentials, shared by all S3 sources of a run.
#[derive(Clone)]
pub struct S3Session(Arc<Inner>);

struct Inner {
    /// `None` only while dropping.
    runtime: Option<Runtime>,
    handle: Handle,
    options: S3Options,
    config: Builder,
    region: Option<Region>,
    endpoint: Option<String>,
    credentials: Option<Arc<CachedCredentials>>,
    /// For GETs without the SDK.
    http: Option<Http>,
    counters: Arc<Counters>,
    buffers: BufferPool,
    access: Access,
    notes: Mutex<Vec<String>>,
    listener: Mutex<Option<Listener>>,
    /// Whether the run has said that an answer takes long.
    said_slow: AtomicBool,
}

/// An answer that takes longer than this lets people wonder.
pub(super) const SOON: Duration = Duration::from_secs(5);

/// Listens to what happens.
type Listener = Box<dyn Fn(&str) + Send + Sync>;

impl Drop for Inner {
    fn drop(&mut self) {
        // Never waits: a GET that hangs must not hold the exit.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for S3Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Session")
            .field("region", &self.0.region)
            .field("endpoint", &self.0.endpoint)
            .finish_non_exhaustive()
    }
}

impl S3Session {
    /// Starts the runtime, reads the configuration and fetches the first credentials.
    ///
    /// # Errors
    ///
    /// Fails where there are no credentials, or where a certificate file cannot be used.
    pub fn start(options: &S3Options) -> Result<Self, Fatal> {
        Self::begin(options, None)
    }

    /// Starts a session with a listener from the beginning, as [`S3Session::on_event`] sets one later.
    ///
    /// # Errors
    ///
    /// Fails as [`S3Session::start`] does.
    pub fn start_telling(
        options: &S3Options,
        listener: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, Fatal> {
        Self::begin(options, Some(Box::new(listener)))
    }

    fn begin(options: &S3Options, listener: Option<Listener>) -> Result<Self, Fatal> {
        let profiles = Profiles::load();
        if options.keys.is_none()
            && !options.no_sign_request
            && let Some((name, who)) = meant(options.profile.as_deref())
            && let Some(why) = profiles.missing(&name, who)
        {
            return Err(start(why));
        }
        let pem = ca_bundle(options.ca_bundle.clone())?;
        let http = http_client(pem.as_deref())?;
        // Without credentials there is nothing to sign.
        let plain = !options.no_sign_request && !options.sdk_only;
        let direct = plain.then(|| tls_config(pem.as_deref())).transpose()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8)))
            .thread_name("s3")
            .enable_all()
            .build()
            .map_err(|error| start(format!("cannot start the threads for S3: {error}")))?;
        let handle = runtime.handle().clone();
        let (config, region, endpoint, credentials) = handle.block_on(load(options, &profiles, http));
        let direct = direct.map(|config| client::http(config, options.connect_timeout));
        let session = Self(Arc::new(Inner {
            runtime: Some(runtime),
            handle,
            options: options.clone(),
            config,
            region,
            endpoint,
            credentials,
            http: direct,
            counters: Arc::default(),
            buffers: BufferPool::default(),
            access: Access::default(),
            notes: Mutex::default(),
            listener: Mutex::new(listener),
            said_slow: AtomicBool::new(false),
        }));
        if let Some(credentials) = &session.0.credentials {
            let where_to = session.whereabouts(None);
            let check = session.patiently("where credentials come from", credentials.check(&where_to));
            session.0.handle.block_on(check).map_err(start)?;
        }
        Ok(session)
    }

    /// Requests made so far by all sources of this session.
    pub fn requests(&self) -> Requests {
        let counters = &self.0.counters;
        Requests {
            list: counters.list.load(Ordering::Relaxed),
            get: counters.get.load(Ordering::Relaxed),
            retries: counters.retries.load(Ordering::Relaxed),
        }
    }

    /// Returns whether access was lost in the course of the run, and did not come back.
    pub fn access_lost(&self) -> bool {
        self.0.access.state().over.is_some()
    }

    /// Returns what the user should know and is no error, such as a listing that had to be done in another way.
    /// Forgets them.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.0.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Calls `listener` at once, from any thread, with what holds the run up, such as access that is lost.
    /// Without one it is among the notes.
    pub fn on_event(&self, listener: impl Fn(&str) + Send + Sync + 'static) {
        *self.0.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(listener));
    }

    pub(super) fn tell(&self, text: &str) {
        match &*self.0.listener.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(listener) => listener(text),
            None => self.note(text.to_owned()),
        }
    }

    /// Waits for an answer, and says so where it does not come soon.
    pub(super) async fn patiently<T>(&self, whom: &str, answer: impl Future<Output = T>) -> T {
        let mut answer = std::pin::pin!(answer);
        match tokio::time::timeout(SOON, &mut answer).await {
            Ok(answer) => answer,
            Err(_) => {
                self.say_slow(whom);
                answer.await
            }
        }
    }

    /// Says, once, that an answer lets wait.
    pub(super) fn say_slow(&self, whom: &str) {
        if !self.0.said_slow.swap(true, Ordering::Relaxed) {
            self.tell(&format!("no answer from {whom} for {} s; still waiting", SOON.as_secs()));
        }
    }

    /// Returns who is asked, for messages.
    pub(super) fn server(&self) -> &str {
        self.0.endpoint.as_deref().unwrap_or("S3")
    }

    /// Adds a note, where the run has not made it before.
    pub(super) fn note_once(&self, text: String) {
        let mut notes = self.0.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.contains(&text) {
            notes.push(text);
        }
    }

    pub(super) fn note(&self, text: String) {
        let mut notes = self.0.notes.lock().unwrap_or_else(PoisonError::into_inner);
        // A thousand accounts must not make a thousand notes.
        if notes.len() < 20 {
            notes.push(text);
        }
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.0.handle
    }

    /// Returns the configuration of clients, but for the region.
    pub(super) fn config(&self) -> &Builder {
        &self.0.config
    }

    /// Returns the configured region.
    pub(super) fn region(&self) -> Option<&Region> {
        self.0.region.as_ref()
    }

    /// Returns the client for GETs without the SDK, where that may be.
    pub(super) fn http(&self) -> Option<&Http> {
        self.0.http.as_ref()
    }

    pub(super) fn options(&self) -> &S3Options {
        &self.0.options
    }

    /// Returns the buffers of bodies that were read.
    pub(super) fn buffers(&self) -> &BufferPool {
        &self.0.buffers
    }

    pub(super) fn counters(&self) -> &Arc<Counters> {
        &self.0.counters
    }

    pub(super) fn access(&self) -> &Access {
        &self.0.access
    }

    pub(super) fn credentials(&self) -> Option<&Arc<CachedCredentials>> {
        self.0.credentials.as_ref()
    }

    pub(super) fn whereabouts(&self, region: Option<&Region>) -> String {
        let region = match region.or(self.0.region.as_ref()) {
            Some(region) => region.to_string(),
            None => format!("{FALLBACK_REGION} (none configured)"),
        };
        let endpoint = self.0.endpoint.as_deref().unwrap_or("AWS");
        format!("region: {region}; endpoint: {endpoint}")
    }
}

/// Returns the HTTP client of the SDK.
fn http_client(pem: Option<&[u8]>) -> Result<SharedHttpClient, Fatal> {
    let mut context = TlsContext::builder();
    if let Some(pem) = pem {
        context = context.with_trust_store(TrustStore::empty().with_pem_certificate(pem));
    }
    let context = context.build().map_err(|error| start(format!("cannot set up TLS: {error}")))?;
    let proxies = proxies()?;
    let connector = move |settings: Option<&HttpConnectorSettings>, parts: Option<&RuntimeComponents>| {
        let mut builder = Connector::builder();
        builder.set_connector_settings(settings.cloned());
        builder.set_sleep_impl(parts.and_then(RuntimeComponents::sleep_impl));
        if let Some(proxies) = proxies.clone() {
            builder = builder.proxy_config(proxies);
        }
        let builder = builder.tls_provider(Provider::Rustls(CryptoMode::Ring));
        builder.tls_context(context.clone()).build()
    };
    Ok(aws_smithy_http_client::Builder::new().build_with_connector_fn(connector))
}

/// Returns the proxies of the SDK. Its own reading of the environment takes ALL_PROXY for a scheme that has no
/// proxy of its own, which aws-cli does not.
fn proxies() -> Result<Option<ProxyConfig>, Fatal> {
    let one = |name: &str, config: fn(Uri) -> Result<ProxyConfig, ProxyError>| {
        let value = proxy_variable(name);
        let url = if value.contains("://") { value } else { format!("http://{value}") };
        // The value may hold a password, and the cause repeats it.
        let config = url.parse().ok().and_then(|url| config(url).ok());
        let config = config.ok_or_else(|| start(format!("{name} is not the address of an HTTP proxy")))?;
        Ok(Some(config.no_proxy(proxy_variable("NO_PROXY"))))
    };
    match ["HTTP_PROXY", "HTTPS_PROXY"].map(|name| proxy_variable(name).is_empty()) {
        [true, true] => Ok(None),
        [false, false] => Ok(Some(ProxyConfig::from_env())),
        [false, true] => one("HTTP_PROXY", ProxyConfig::http),
        [true, false] => one("HTTPS_PROXY", ProxyConfig::https),
    }
}

type Loaded = (Builder, Option<Region>, Option<String>, Option<Arc<CachedCredentials>>);

async fn load(options: &S3Options, profiles: &Profiles, http: SharedHttpClient) -> Loaded {
    let mut profile_region = ProfileFileRegionProvider::builder();
    // The SDK knows no AWS_DEFAULT_PROFILE.
    let variable = || meant(None).map(|(name, _)| name).filter(|name| name != "default");
    let profile = options.profile.clone().or_else(variable);
    if let Some(profile) = &profile {
        profile_region = profile_region.profile_name(profile);
    }
    // The SDK's own chain would go on to ask the instance metadata service, which costs seconds where there
    // is none, for an answer that S3 gives anyway.
    let region = RegionProviderChain::first_try(options.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new())
        .or_else(profile_region.build())
        .region()
        .await;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.read_timeout)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region.clone().unwrap_or(Region::from_static(FALLBACK_REGION)))
        .http_client(http)
        .timeout_config(timeouts)
        .app_name(AppName::new("roottrail").expect("letters only"))
        .no_credentials();
    if let Some(profile) = &profile {
        loader = loader.profile_name(profile);
    }
    let base: SdkConfig = loader.load().await;
    let mut config = Builder::from(&base)
        // Every object and every page has its own retry loop: the SDK's shares one budget of 100 retries
        // and never repeats a body that breaks.
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .identity_cache(IdentityCache::no_cache())
        .interceptor(Proof { stall: options.read_timeout, drip: options.drip });
    if let Some(url) = &options.endpoint_url {
        config = config.endpoint_url(url);
    }
    let endpoint = options.endpoint_url.clone().or_else(|| configured_endpoint(&base));
    if path_style(options, profiles, endpoint.is_some()) {
        config = config.force_path_style(true);
    }
    let credentials = (!options.no_sign_request).then(|| Arc::new(CachedCredentials::new(options, base)));
    if let Some(credentials) = &credentials {
        config = config.credentials_provider(CredentialsHandle(credentials.clone()));
    }
    (config, region, endpoint, credentials)
}

/// Returns the configured endpoint, for messages only: the SDK resolves the service's own setting itself.
fn configured_endpoint(base: &SdkConfig) -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    variable("AWS_ENDPOINT_URL_S3").or_else(|| base.endpoint_url().map(str::to_owned))
}

/// Returns whether the bucket stands in the path, as aws-cli decides it: a custom endpoint is asked for `host/bucket`
/// unless virtual hosting is asked for, AWS for `bucket.host` unless the path is.
fn path_style(options: &S3Options, profiles: &Profiles, custom_endpoint: bool) -> bool {
    let variable = std::env::var("AWS_S3_ADDRESSING_STYLE").ok().filter(|value| !value.is_empty());
    let profile = meant(options.profile.as_deref()).map_or_else(|| "default".to_owned(), |(name, _)| name);
    let style = variable.or_else(|| profiles.setting(&profile, "s3.addressing_style").map(str::to_owned));
    options.force_path_style
        || match style.as_deref() {
            Some("path") => true,
            Some("virtual") => false,
            _ => custom_endpoint,
        }
}
