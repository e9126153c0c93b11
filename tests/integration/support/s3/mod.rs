//! An S3 server in this process: HTTP, signatures checked, S3's true listing order, ETags, ranges and
//! conditions, uploads in pieces; with keys that vanish, denials, other regions, and faults on the wire.

mod fault;
mod objects;
mod server;
mod store;
mod uploads;
mod versions;

pub(crate) use fault::{Fault, Op};
pub(crate) use objects::{Keys, Meta, Objects, etag_of};
pub(crate) use server::{ACCESS_KEY, EXPIRED_KEY, SECRET_KEY, Server, keys};
pub(crate) use store::Bucket;
