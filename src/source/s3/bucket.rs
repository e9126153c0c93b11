//! One bucket: found in its region, and the way to ask for what is in it.
//!
//! One list request tells whether the bucket exists and answers. Where S3 names another region, the request follows
//! there, a few times at most. A server that asks to slow down, fails for the moment or denies the prefix ends
//! nothing here: the listing tries longer, and reports its failure as an item. Every other refusal ends the run, with
//! what was tried and what to do.

use super::direct::Direct;
use super::errors::{Remedy, RequestError};
use super::options::S3Options;
use super::session::{FALLBACK_REGION, S3Session};
use super::uri::S3Uri;
use crate::error::{ErrorKind, Fatal, start};
use crate::net::route::host_of;
use aws_config::Region;
use aws_credential_types::Credentials;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Builder, ResponseChecksumValidation};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::RequestPayer;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

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
        if let Some(http) = self.session.http().cloned() {
            let no_checksum = self.session.credentials().is_some_and(|credentials| {
                credentials.base().response_checksum_validation()
                    == Some(ResponseChecksumValidation::WhenRequired)
            });
            self.direct = Direct::of(&self.client, &self.uri.bucket, &http, no_checksum).await;
        }
        self
    }

    /// Returns a list request with what every one of a run has in common.
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

impl S3Session {
    /// Returns what a client for a bucket in `region` goes by; all of a session share their connections.
    fn config_for(&self, uri: &S3Uri, region: &Region) -> Builder {
        let config = self.config().clone().region(region.clone());
        // An access point has a host of its own, whatever the endpoint.
        if uri.is_access_point() { config.force_path_style(false) } else { config }
    }

    /// Finds the bucket's region and makes sure that it exists and answers.
    pub(super) fn locate(&self, uri: &S3Uri) -> Result<Bucket, Fatal> {
        self.try_to_locate(uri).map_err(|(_, fatal)| fatal)
    }

    /// Does as [`S3Session::locate`], and says of which kind a failure is.
    pub(super) fn try_to_locate(&self, uri: &S3Uri) -> Result<Bucket, (ErrorKind, Fatal)> {
        self.handle().block_on(self.patiently(self.server(), self.locate_async(uri)))
    }

    async fn locate_async(&self, uri: &S3Uri) -> Result<Bucket, (ErrorKind, Fatal)> {
        let fallback = Region::from_static(FALLBACK_REGION);
        let mut region = self.region().cloned().unwrap_or(fallback);
        let mut hops = 0;
        let mut tries = 0;
        loop {
            let bucket = Bucket {
                client: Client::from_conf(self.config_for(uri, &region).build()),
                // A checksum of the whole says nothing of parts of objects.
                part_client: Client::from_conf(
                    self.config_for(uri, &region)
                        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
                        .build(),
                ),
                uri: uri.clone(),
                direct: None,
                session: self.clone(),
            };
            self.counters().list.fetch_add(1, Ordering::Relaxed);
            let request = bucket.list().max_keys(1).set_prefix(Some(uri.prefix.clone()));
            let Err(error) = request.send().await else { return Ok(bucket.with_direct().await) };
            let failure = RequestError::from_sdk(error);
            tries += 1;
            match (failure.remedy, &failure.region) {
                (Remedy::Elsewhere, Some(elsewhere)) if hops < 3 && elsewhere != region.as_ref() => {
                    hops += 1;
                    region = Region::new(elsewhere.clone());
                }
                // The listing itself tries longer and reports the failure as an item.
                (Remedy::SlowDown, _) => return Ok(bucket.with_direct().await),
                (Remedy::Retry, _) if failure.status.is_some() => return Ok(bucket.with_direct().await),
                (Remedy::Retry, _) if tries < 3 => tokio::time::sleep(Duration::from_millis(200)).await,
                // Denied for this prefix: the keys of others may still be readable, so it is no reason not to
                // start, unless the caller is not known to S3 at all.
                (_, _) if failure.code.as_deref() == Some("AccessDenied") => {
                    return Ok(bucket.with_direct().await);
                }
                _ => return Err((failure.kind, self.refused(uri, &region, &failure).await)),
            }
        }
    }

    /// Returns the host that is asked for a bucket.
    async fn host(&self, uri: &S3Uri, region: &Region) -> Option<String> {
        let minute = PresigningConfig::expires_in(Duration::from_secs(60)).ok()?;
        let client = Client::from_conf(
            self.config_for(uri, region)
                // Nothing is sent: the address is all that is asked for.
                .credentials_provider(Credentials::new("-", "-", None, None, "none"))
                .build(),
        );
        let request = client.get_object().bucket(&uri.bucket).key("k").presigned(minute).await;
        let url: http::Uri = request.ok()?.uri().parse().ok()?;
        host_of(&url).map(str::to_owned)
    }

    async fn refused(&self, uri: &S3Uri, region: &Region, failure: &RequestError) -> Fatal {
        let bucket = &uri.bucket;
        let what = match failure.kind {
            ErrorKind::NotFound => format!("there is no bucket {bucket:?}"),
            ErrorKind::Connection | ErrorKind::Timeout => match self.host(uri, region).await {
                Some(host) => format!("cannot reach {host} for bucket {bucket:?}"),
                None => format!("cannot reach S3 for bucket {bucket:?}"),
            },
            _ => format!("S3 refuses the first look into bucket {bucket:?}"),
        };
        let to_do = match failure.kind {
            ErrorKind::NotFound => "\n  to do: check the name; aws s3 ls lists the buckets of an account",
            ErrorKind::Connection | ErrorKind::Timeout => {
                "\n  to do: check the endpoint, the proxy and the network"
            }
            _ => "",
        };
        start(format!("{what}: {failure}\n  {}{to_do}", self.whereabouts(Some(region))))
    }
}
