//! A prefix listed by many requests at once, in one order.

mod ask;
mod node;
mod page;
mod progress;
pub(crate) mod range;
pub(crate) mod tree;
mod work;
