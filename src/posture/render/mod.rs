//! The assessment as text: a table for people, and CSV.

mod csv;
mod table;

pub use csv::csv;
pub use table::table;
