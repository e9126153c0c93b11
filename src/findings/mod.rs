//! Findings files, read line by line: what `ship`, `report` and their like have in common.

mod lines;
mod open;

pub use lines::{LONGEST_LINE, LineFault, Lines};
pub use open::{Kind, kind_of, open};
