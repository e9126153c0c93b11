//! Tests of the whole: the decision table row by row, and the findings built from it.

mod finding;
mod table;
