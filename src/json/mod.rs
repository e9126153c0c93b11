//! Reading the JSON of one record: the grammar check, the value tree, the canonical form.

pub mod canonical;
pub mod minify;
pub mod parse;
pub mod value;

pub use value::Value;
