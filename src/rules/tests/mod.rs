//! Tests of the rules: their own examples, near misses, ranking, and what peers would have raised.

mod coverage;
mod names;
mod near;
mod peers;
mod tables;
