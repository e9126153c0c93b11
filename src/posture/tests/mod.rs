//! Tests of the whole room.

mod matrix;
mod property;
mod study;
mod world;
