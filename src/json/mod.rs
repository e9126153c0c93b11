//! Reading the JSON of one record: the grammar check, the value tree, the canonical form.

pub mod canonical;
pub mod minify;
pub mod parse;
mod plain;
pub mod readings;
pub mod value;

pub use plain::plain;
pub use value::Value;
