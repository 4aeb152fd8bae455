//! The analog product and chips from outside, and arrays against what was not written here.
//!
//! One program: linking one a file took longer than the tests.

mod bias;
mod bit_serial;
mod cells;
mod chip;
mod common;
mod damaged_chips;
mod drift;
mod dynamic;
mod faults;
mod pair;
mod product;
mod slices;
mod spice;
mod wires;
