//! What S3 asks for requests. The one place with prices; change the date with them.

/// Where the prices are from: the S3 pricing page, Standard storage class, us-east-1.
pub const AS_OF: &str = "2025-01-01, us-east-1";
/// A thousand LIST requests, US dollars.
pub const LIST_PER_THOUSAND: f64 = 0.005;
/// A thousand GET requests, US dollars.
pub const GET_PER_THOUSAND: f64 = 0.0004;
/// A GB (10^9 bytes) to a place outside of AWS, US dollars; nothing within the bucket's region.
pub const OUT_PER_GB: f64 = 0.09;

/// GETs a second that one prefix serves before it asks to slow down.
pub const GETS_PER_SECOND_AND_PREFIX: f64 = 5_500.0;
/// GETs a second assumed where nothing was measured: 100 in flight at 40 ms each.
pub const ASSUMED_GETS_PER_SECOND: f64 = 2_500.0;
/// Stored bytes a second assumed where nothing was measured, on two cores.
pub const ASSUMED_BYTES_PER_SECOND: f64 = 50e6;
