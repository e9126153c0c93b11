//! IAM credential reports: the rows of root users, each with the time of its report.

mod forms;
mod rows;
mod sample;
mod value;

pub(super) use forms::{read, text_of};
pub use sample::{DateBasis, ReportDate};
pub(super) use sample::{Key, Sample};
pub(super) use value::When;
