//! The options of S3 sources, with aws-cli's names.
//!
//! [`Args`] are flattened into every command that reads from S3. A [`Session`] opens one prefix after
//! another. The connection to S3 starts with the first prefix, so that a scan of files needs no network and
//! no credentials. All sources of a run share one session, and with it the limits on requests and memory.

use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use roottrail::key::selection::KeySelection;
use roottrail::printable::without_userinfo;
use roottrail::source::Source;
use roottrail::source::s3::{AskCode, Inventory, S3Options, S3Session, S3Source, S3Uri};

use jiff::{SignedDuration, Timestamp};

use super::values::{how_many, parse_span, size};
use super::{UsageError, terminal};

/// Options of S3 sources.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "AWS")]
#[group(skip)]
pub(super) struct Args {
    /// A profile of the AWS configuration files
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// The region to ask first; a bucket elsewhere is followed
    #[arg(long, value_name = "NAME")]
    region: Option<String>,

    /// Another S3 service
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,

    /// Send requests without a signature, for public buckets
    #[arg(long)]
    no_sign_request: bool,

    /// Pay for requests to a requester-pays bucket
    #[arg(long, value_name = "requester", num_args = 0..=1, require_equals = false, default_missing_value = "requester", value_parser = ["requester"])]
    request_payer: Option<String>,

    /// Trust the certificates of this PEM file in place of the system's
    #[arg(long, value_name = "FILE")]
    ca_bundle: Option<PathBuf>,

    /// Assume this role first
    #[arg(long, value_name = "ARN")]
    assume_role_arn: Option<String>,

    /// The external id that the role asks for
    #[arg(long, value_name = "ID", requires = "assume_role_arn")]
    external_id: Option<String>,

    /// Name the bucket in the path, not in the host
    #[arg(long)]
    force_path_style: bool,

    /// Refuse a bucket that does not belong to this account
    #[arg(long, value_name = "ID")]
    expected_bucket_owner: Option<String>,

    /// Read overwritten and deleted objects of a versioned bucket too
    #[arg(long)]
    all_versions: bool,

    /// Take what there is from an S3 Inventory in CSV format, in place of listing its bucket:
    /// s3://bucket/path/manifest.json, or a manifest on disk
    #[arg(long, value_name = "MANIFEST")]
    inventory: Option<OsString>,

    /// How long to wait for access that was lost in the middle of a run, before all that is left fails
    #[arg(long, value_name = "SPAN", default_value = "15m", value_parser = parse_span)]
    access_wait: SignedDuration,

    /// Listings at the same time
    #[arg(long, value_name = "N", value_parser = how_many, default_value = "16", help_heading = "Performance")]
    list_concurrency: NonZeroUsize,

    /// What fetched objects may take in memory; one larger than this is still read, alone
    #[arg(long, value_name = "SIZE", default_value = "128MiB", value_parser = size, help_heading = "Performance")]
    max_memory: u64,

    /// Objects fetched at the same time [default: as many as bring more]
    #[arg(long, value_name = "N", value_parser = how_many, help_heading = "Performance")]
    concurrency: Option<NonZeroUsize>,
}

impl Args {
    /// Refuses an endpoint with a user name or password: a command line is for all to see, and S3 would not
    /// look at them.
    fn check(&self) -> Result<(), UsageError> {
        match &self.endpoint_url {
            Some(url) if without_userinfo(url) != *url => {
                Err(UsageError("--endpoint-url must not hold a name or a password: keys come from the environment or a profile".into()))
            }
            _ => Ok(()),
        }
    }

    /// Starts a session, whatever the sources are.
    pub(super) fn start(&self) -> anyhow::Result<S3Session> {
        self.check()?;
        Ok(S3Session::start_telling(&self.options(), voice(false))?)
    }

    /// Returns whether overwritten and deleted objects are read too.
    pub(super) fn all_versions(&self) -> bool {
        self.all_versions
    }

    /// Returns the manifest of the inventory, if there is one.
    pub(super) fn inventory(&self) -> Option<&OsStr> {
        self.inventory.as_deref()
    }

    fn options(&self) -> S3Options {
        S3Options {
            profile: self.profile.clone(),
            region: self.region.clone(),
            endpoint_url: self.endpoint_url.clone(),
            ask: terminal::can_ask()
                .then(|| AskCode(Arc::new(|device| terminal::ask(&format!("MFA code for {device}: "))))),
            no_sign_request: self.no_sign_request,
            request_payer: self.request_payer.is_some(),
            ca_bundle: self.ca_bundle.clone(),
            assume_role_arn: self.assume_role_arn.clone(),
            external_id: self.external_id.clone(),
            force_path_style: self.force_path_style,
            expected_bucket_owner: self.expected_bucket_owner.clone(),
            all_versions: self.all_versions,
            // A span is never negative.
            access_wait: Duration::try_from(self.access_wait).unwrap_or_default(),
            list_concurrency: self.list_concurrency.get(),
            max_memory: self.max_memory,
            concurrency: self.concurrency.map(NonZeroUsize::get),
            ..S3Options::default()
        }
    }
}

/// A session that opens S3 sources. Nothing is started before the first one: a scan of files needs no
/// network.
#[derive(Debug)]
pub(super) struct Session<'a> {
    args: &'a Args,
    keys: Arc<KeySelection>,
    quiet: bool,
    started: Option<S3Session>,
    inventory: Option<Arc<Inventory>>,
    /// Whether a source was in the inventory's bucket.
    inventory_used: bool,
}

impl<'a> Session<'a> {
    pub(super) fn new(args: &'a Args, keys: Arc<KeySelection>, quiet: bool) -> Self {
        Self { args, keys, quiet, started: None, inventory: None, inventory_used: false }
    }

    /// Opens one prefix. Fails where the bucket cannot be reached at all.
    pub(super) fn open(&mut self, uri: &str) -> anyhow::Result<Box<dyn Source>> {
        Ok(Box::new(self.prefix(uri)?))
    }

    /// Returns what all sources of the run share, once there is one.
    pub(super) fn started(&self) -> Option<&S3Session> {
        self.started.as_ref()
    }

    /// Opens one prefix.
    pub(super) fn prefix(&mut self, uri: &str) -> anyhow::Result<S3Source> {
        let keys = Arc::clone(&self.keys);
        self.prefix_within(uri, keys)
    }

    /// Opens one prefix, with a scope of its own.
    pub(super) fn prefix_within(&mut self, uri: &str, keys: Arc<KeySelection>) -> anyhow::Result<S3Source> {
        let uri = S3Uri::parse(uri).map_err(|error| UsageError(error.to_string()))?;
        self.args.check()?;
        let session = match &self.started {
            Some(session) => session,
            None => self.started.insert(S3Session::start_telling(&self.args.options(), voice(self.quiet))?),
        };
        if let (None, Some(location)) = (&self.inventory, &self.args.inventory) {
            self.inventory = Some(session.inventory(location)?);
        }
        let source = session.open(&uri)?.within(keys);
        match &self.inventory {
            Some(inventory) if inventory.bucket() == uri.bucket => {
                self.inventory_used = true;
                Ok(source.from_inventory(Arc::clone(inventory))?)
            }
            _ => Ok(source),
        }
    }

    /// Returns the time of the inventory, if there is one. Fails where no source is in its bucket, so it must
    /// be called once all sources are open.
    pub(super) fn inventory_time(&self) -> anyhow::Result<Option<Timestamp>> {
        match (&self.inventory, &self.args.inventory) {
            (Some(inventory), _) if !self.inventory_used => {
                let text = format!("--inventory is of s3://{}, and no source is in it", inventory.bucket());
                Err(UsageError(text).into())
            }
            (None, Some(_)) => Err(UsageError("--inventory needs a source s3://bucket".into()).into()),
            (inventory, _) => Ok(inventory.as_ref().and_then(|inventory| inventory.created())),
        }
    }
}

/// Says what happens before a run has a voice of its own.
fn voice(quiet: bool) -> impl Fn(&str) + Send + Sync + 'static {
    move |text| {
        if !quiet {
            terminal::line(&format!("roottrail: {}", terminal::plain(text)));
        }
    }
}

/// Returns the identity that reads, for the manifest; `null` where there is nobody to ask.
pub(super) fn identity(session: &S3Session) -> serde_json::Value {
    match session.caller() {
        None => serde_json::Value::Null,
        Some(Ok(caller)) => serde_json::json!({
            "account": caller.account, "arn": caller.arn, "user_id": caller.user_id,
        }),
        Some(Err(why)) => serde_json::json!({"unknown": why}),
    }
}
