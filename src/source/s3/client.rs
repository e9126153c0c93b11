//! The connection to S3: runtime, HTTP and TLS, endpoint, region, credentials. Built once for a run.

use super::access::Access;
use super::credentials::{CachedCredentials, CredentialsHandle};
use super::direct::{self, Direct, Http};
use super::errors::{Failure, Verdict};
use super::options::S3Options;
use super::spare::Spare;
use super::tls::{behind_proxy, ca_bundle, http_client, tls_config};
use super::uri::S3Uri;
use crate::error::{ErrorKind, Fatal};
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::region::ProfileFileRegionProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{
    AppName, Builder, IdentityCache, ResponseChecksumValidation, SharedHttpClient,
    StalledStreamProtectionConfig,
};
use aws_sdk_s3::types::RequestPayer;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::{Handle, Runtime};

/// Where a bucket is looked for when nothing names a region; S3 then says where it really is.
const FALLBACK_REGION: &str = "us-east-1";

/// Requests made so far, tries included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Requests {
    /// ListObjectsV2 and its kin.
    pub list: u64,
    /// GetObject.
    pub get: u64,
    /// Those of both that were repetitions.
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
    spare: Spare,
    access: Access,
    notes: Mutex<Vec<String>>,
    listener: Mutex<Option<Listener>>,
}

/// Is told what happens.
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
    /// Fails where there are none, or where a certificate file cannot be used.
    pub fn start(options: &S3Options) -> Result<Self, Fatal> {
        let pem = ca_bundle(options)?;
        let http = http_client(pem.as_deref())?;
        // A proxy is the SDK's business, and without credentials there is nothing to sign.
        let plain = !options.no_sign_request && !options.sdk_only && !behind_proxy();
        let direct = plain.then(|| tls_config(pem.as_deref())).transpose()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8)))
            .thread_name("roottrail-s3")
            .enable_all()
            .build()
            .map_err(|error| start(format!("cannot start the threads for S3: {error}")))?;
        let handle = runtime.handle().clone();
        let (config, region, endpoint, credentials) = handle.block_on(load(options, http));
        let direct = direct.map(|config| direct::http(config, options.connect_timeout));
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
            spare: Spare::default(),
            access: Access::default(),
            notes: Mutex::default(),
            listener: Mutex::default(),
        }));
        if let Some(credentials) = &session.0.credentials {
            let where_to = session.whereabouts(None);
            session.0.handle.block_on(credentials.check(&where_to)).map_err(start)?;
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

    /// What the user should know and is no error, such as a listing that had to be done in another way.
    /// Forgets them.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.0.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has `listener` told at once, from any thread, of what holds the run up, such as access that is lost.
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

    pub(super) fn options(&self) -> &S3Options {
        &self.0.options
    }

    /// Memory of bodies that were read.
    pub(super) fn spare(&self) -> &Spare {
        &self.0.spare
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

    /// A client for `region`; all of a session share their connections.
    fn client(&self, region: &Region) -> Client {
        Client::from_conf(self.0.config.clone().region(region.clone()).build())
    }

    /// The same for parts of objects, where a checksum of the whole does not apply.
    fn part_client(&self, region: &Region) -> Client {
        let config = self.0.config.clone().region(region.clone());
        Client::from_conf(
            config.response_checksum_validation(ResponseChecksumValidation::WhenRequired).build(),
        )
    }

    /// Finds the bucket's region and makes sure that it exists and answers.
    pub(super) fn locate(&self, uri: &S3Uri) -> Result<Bucket, Fatal> {
        self.0.handle.block_on(self.locate_async(uri))
    }

    async fn locate_async(&self, uri: &S3Uri) -> Result<Bucket, Fatal> {
        let fallback = Region::from_static(FALLBACK_REGION);
        let mut region = self.0.region.clone().unwrap_or(fallback);
        let mut hops = 0;
        let mut tries = 0;
        loop {
            let bucket = Bucket {
                client: self.client(&region),
                part_client: self.part_client(&region),
                uri: uri.clone(),
                direct: None,
                session: self.clone(),
            };
            self.0.counters.list.fetch_add(1, Ordering::Relaxed);
            let request = bucket.list().max_keys(1).set_prefix(Some(uri.prefix.clone()));
            let Err(error) = request.send().await else { return Ok(bucket.with_direct().await) };
            let failure = Failure::from_sdk(&error);
            tries += 1;
            match (failure.verdict, &failure.region) {
                (Verdict::Elsewhere, Some(elsewhere)) if hops < 3 && elsewhere != region.as_ref() => {
                    hops += 1;
                    region = Region::new(elsewhere.clone());
                }
                // The listing itself tries longer and reports the failure as an item.
                (Verdict::SlowDown, _) => return Ok(bucket.with_direct().await),
                (Verdict::Retry, _) if failure.status.is_some() => return Ok(bucket.with_direct().await),
                (Verdict::Retry, _) if tries < 3 => tokio::time::sleep(Duration::from_millis(200)).await,
                // Denied for this prefix: the keys of others may still be readable, so it is no reason not to
                // start, unless the caller is not known to S3 at all.
                (_, _) if failure.code.as_deref() == Some("AccessDenied") => {
                    return Ok(bucket.with_direct().await);
                }
                _ => return Err(self.refused(uri, &region, &failure)),
            }
        }
    }

    fn refused(&self, uri: &S3Uri, region: &Region, failure: &Failure) -> Fatal {
        let bucket = &uri.bucket;
        let what = match failure.kind {
            ErrorKind::NotFound => format!("there is no bucket {bucket:?}"),
            ErrorKind::Connection | ErrorKind::Timeout => format!("cannot reach S3 for bucket {bucket:?}"),
            _ => format!("S3 refuses the first look into bucket {bucket:?}"),
        };
        start(format!("{what}: {failure}\n  {}", self.whereabouts(Some(region))))
    }

    fn whereabouts(&self, region: Option<&Region>) -> String {
        let region = match region.or(self.0.region.as_ref()) {
            Some(region) => region.to_string(),
            None => format!("{FALLBACK_REGION} (none configured)"),
        };
        let endpoint = self.0.endpoint.as_deref().unwrap_or("AWS");
        format!("region: {region}; endpoint: {endpoint}")
    }
}

/// What keeps a run from starting.
pub(super) fn start(message: String) -> Fatal {
    Fatal::Start { message }
}

/// One bucket in its region.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    pub(super) client: Client,
    pub(super) part_client: Client,
    pub(super) uri: S3Uri,
    /// The short way to a GET, where there is one.
    pub(super) direct: Option<Arc<Direct>>,
    /// Keeps the runtime alive.
    pub(super) session: S3Session,
}

impl Bucket {
    async fn with_direct(mut self) -> Self {
        if let Some(http) = self.session.0.http.clone() {
            self.direct = Direct::of(&self, &http).await;
        }
        self
    }

    /// A list request with what every one of a run has in common.
    pub(super) fn list(
        &self,
    ) -> aws_sdk_s3::operation::list_objects_v2::builders::ListObjectsV2FluentBuilder {
        let options = self.session.options();
        self.client
            .list_objects_v2()
            .bucket(&self.uri.bucket)
            // Keys may hold characters that XML cannot.
            .encoding_type(aws_sdk_s3::types::EncodingType::Url)
            .set_request_payer(payer(options))
            .set_expected_bucket_owner(options.expected_bucket_owner.clone())
    }
}

pub(super) fn payer(options: &S3Options) -> Option<RequestPayer> {
    options.request_payer.then_some(RequestPayer::Requester)
}

type Loaded = (Builder, Option<Region>, Option<String>, Option<Arc<CachedCredentials>>);

async fn load(options: &S3Options, http: SharedHttpClient) -> Loaded {
    let mut profile_region = ProfileFileRegionProvider::builder();
    if let Some(profile) = &options.profile {
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
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    let base: SdkConfig = loader.load().await;
    let mut config = Builder::from(&base)
        // Every object and every page has its own retry loop: the SDK's shares one budget of 100 retries
        // and never repeats a body that breaks.
        .retry_config(RetryConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .identity_cache(IdentityCache::no_cache());
    if let Some(url) = &options.endpoint_url {
        config = config.endpoint_url(url);
    }
    let endpoint = options.endpoint_url.clone().or_else(|| configured_endpoint(&base));
    if options.force_path_style || endpoint.as_deref().is_some_and(needs_path_style) {
        config = config.force_path_style(true);
    }
    let credentials = (!options.no_sign_request).then(|| Arc::new(CachedCredentials::new(options, base)));
    if let Some(credentials) = &credentials {
        config = config.credentials_provider(CredentialsHandle(credentials.clone()));
    }
    (config, region, endpoint, credentials)
}

/// For messages only; the SDK resolves the service's own setting itself.
fn configured_endpoint(base: &SdkConfig) -> Option<String> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    variable("AWS_ENDPOINT_URL_S3").or_else(|| base.endpoint_url().map(str::to_owned))
}

/// A host without a dot has no subdomains for buckets.
fn needs_path_style(endpoint: &str) -> bool {
    let host = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let host = host.split(['/', ':']).next().unwrap_or(host);
    !host.is_empty() && !host.contains('.') && !host.starts_with('[')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_label_hosts_need_path_style() {
        for (endpoint, needed) in [
            ("http://localhost:9000", true),
            ("http://minio:9000/", true),
            ("http://127.0.0.1:9000", false),
            ("https://s3.example.org", false),
        ] {
            assert_eq!(needs_path_style(endpoint), needed, "{endpoint}");
        }
    }
}
