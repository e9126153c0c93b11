//! Findings files, read line by line: what `ship`, `report` and their like have in common.

mod lines;
mod open;

pub use lines::{FindingLines, LONGEST_LINE, LineFault};
pub use open::{LineKind, kind_of, open, open_file};
