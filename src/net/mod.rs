//! What S3 and `ship` share of the network.

pub(crate) mod backoff;
#[cfg(feature = "s3")]
pub(crate) mod client;
pub(crate) mod route;
pub(crate) mod tls;
