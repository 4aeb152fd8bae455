//! The circuit engine against ngspice, closed forms and properties that must hold.
//!
//! One program: linking one a file took longer than the tests.

mod common;
mod errors;
mod linear;
mod models;
mod ngspice;
mod nonlinear;
mod relaxation;
mod spice;
mod waveform;
