//! What S3 asks for requests and bytes. All prices stand in this file; they change together with [`AS_OF`].
//!
//! Source: <https://aws.amazon.com/s3/pricing/>, US East (N. Virginia). The page fills its tables in by script, so
//! the numbers were compared with what cost tools have from the AWS Price List API and with price guides of 2026.

use crate::source::ReadClass;

/// When the prices were looked up, and for which region.
pub const AS_OF: &str = "2026-11-22, us-east-1";
/// A thousand LIST requests, US dollars, whatever class the objects are in.
pub const LIST_PER_THOUSAND: f64 = 0.005;
/// A GB (10^9 bytes) to a place outside of AWS, US dollars, for the first 10 TB of a month; nothing within the
/// bucket's region.
pub const OUT_PER_GB: f64 = 0.09;

/// Returns the price of a thousand GET requests, in US dollars.
pub const fn get_per_thousand(class: ReadClass) -> f64 {
    match class {
        ReadClass::Standard => 0.0004,
        ReadClass::InfrequentAccess => 0.001,
        ReadClass::InstantRetrieval => 0.01,
    }
}

/// Returns the price of a GB (10^9 bytes) read, in US dollars, wherever the bytes go.
pub const fn retrieval_per_gb(class: ReadClass) -> f64 {
    match class {
        ReadClass::Standard => 0.0,
        ReadClass::InfrequentAccess => 0.01,
        ReadClass::InstantRetrieval => 0.03,
    }
}

/// GETs a second that one prefix serves before S3 asks to slow down.
pub const GETS_PER_SECOND_AND_PREFIX: f64 = 5_500.0;
/// GETs a second assumed where nothing was measured: 100 in flight at 40 ms each.
pub const ASSUMED_GETS_PER_SECOND: f64 = 2_500.0;
/// Stored bytes a second assumed where nothing was measured, on two cores.
pub const ASSUMED_BYTES_PER_SECOND: f64 = 50e6;
