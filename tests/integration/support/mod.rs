//! What several test modules use.

pub(crate) mod cli;
pub(crate) mod faulty_disk;
pub(crate) mod feed;
pub(crate) mod http;
pub(crate) mod logs;
pub(crate) mod proxy;
pub(crate) mod readers;
pub(crate) mod s3;
pub(crate) mod seed;
pub(crate) mod signed;
pub(crate) mod sqs;
pub(crate) mod wait;
pub(crate) mod wire;
