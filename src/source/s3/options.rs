//! What a user may say about how S3 is reached. Plain data, no SDK types.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// An access key.
#[derive(Clone)]
pub struct S3Keys {
    /// `AKIA…` or `ASIA…`.
    pub access_key_id: String,
    /// The secret; never shown.
    pub secret_access_key: String,
    /// For `ASIA…` keys.
    pub session_token: Option<String>,
}

impl fmt::Debug for S3Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Keys").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Asks whoever is there for the code of a device, by its serial number or ARN. `None`: nobody is, or has none.
#[derive(Clone)]
pub struct AskCode(pub Arc<Ask>);

/// Takes a device's serial number, and returns the code.
pub type Ask = dyn Fn(&str) -> Option<String> + Send + Sync;

impl fmt::Debug for AskCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AskCode")
    }
}

/// How to reach S3 and how hard to work it.
#[derive(Clone, Debug)]
pub struct S3Options {
    /// `--profile`; else `AWS_PROFILE`, else `default`.
    pub profile: Option<String>,
    /// `--region`; else `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's. The bucket's own is found anyway.
    pub region: Option<String>,
    /// `--endpoint-url`, for S3 only; else `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, the profile's.
    pub endpoint_url: Option<String>,
    /// Keys given by the calling program, in place of everything that the SDK would look through.
    pub keys: Option<S3Keys>,
    /// For profiles with `mfa_serial`.
    pub ask: Option<AskCode>,
    /// `--no-sign-request`: for public buckets.
    pub no_sign_request: bool,
    /// `--request-payer`: the caller pays.
    pub request_payer: bool,
    /// `--ca-bundle`, a PEM file that replaces the system's certificates; else `AWS_CA_BUNDLE`.
    pub ca_bundle: Option<PathBuf>,
    /// `--assume-role-arn`.
    pub assume_role_arn: Option<String>,
    /// `--external-id`, for the role.
    pub external_id: Option<String>,
    /// `--force-path-style`: `endpoint/bucket/key` in place of `bucket.endpoint/key`.
    pub force_path_style: bool,
    /// `--expected-bucket-owner`: a bucket of another account is refused by S3.
    pub expected_bucket_owner: Option<String>,
    /// `--all-versions`: overwritten and deleted objects too.
    pub all_versions: bool,
    /// Let the SDK do the GETs too, at several times the CPU: for comparison.
    pub sdk_only: bool,
    /// `--concurrency`: GETs in flight at most. `None`: as many as bring something.
    pub concurrency: Option<usize>,
    /// `--list-concurrency`: LISTs in flight.
    pub list_concurrency: usize,
    /// Bytes of bodies that may be held or on their way. One body above it is still admitted alone.
    pub max_memory: u64,
    /// Objects that may be under way past the first unfinished one.
    pub window: u64,
    /// Tries for one object or one page, the first included.
    pub attempts: u32,
    /// The first wait between two tries, doubled with each.
    pub retry_base: Duration,
    /// How long to wait for access that was lost in the middle of a run, before all that is left fails.
    pub access_wait: Duration,
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for an answer to begin, and for each further piece of it.
    pub read_timeout: Duration,
    /// How long a body may come at less than 1 KiB a second.
    pub drip: Duration,
}

impl Default for S3Options {
    fn default() -> Self {
        Self {
            profile: None,
            region: None,
            endpoint_url: None,
            keys: None,
            ask: None,
            no_sign_request: false,
            request_payer: false,
            ca_bundle: None,
            assume_role_arn: None,
            external_id: None,
            force_path_style: false,
            expected_bucket_owner: None,
            all_versions: false,
            sdk_only: false,
            concurrency: None,
            list_concurrency: 16,
            max_memory: 128 << 20,
            window: 4096,
            attempts: 10,
            retry_base: Duration::from_millis(100),
            access_wait: Duration::from_secs(15 * 60),
            connect_timeout: Duration::from_millis(3_100),
            read_timeout: Duration::from_secs(15),
            drip: Duration::from_secs(60),
        }
    }
}
