//! Service control policies: what they leave a root user.
//!
//! [`verdict::judge`] takes the policies that reach an account and asks, for every way in which its root user
//! can make a request ([`request`]), which statements apply ([`condition`]) and whether any action on any
//! resource is then allowed at each level and denied by none ([`leftover`], [`search`]).

pub(super) mod condition;
pub(super) mod document;
pub(super) mod glob;
mod leftover;
mod origin;
pub(super) mod request;
mod search;
pub(super) mod verdict;
