//! Tests of the whole room.

mod limits;
mod matrix;
mod property;
mod study;
mod world;
