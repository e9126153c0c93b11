//! Reading the JSON of one record: a value tree that keeps number texts, and the canonical form.

pub mod value;

pub use value::Value;
