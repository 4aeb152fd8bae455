//! Numerical kernels on slices: serial, without allocation in their inner loops, free of any graph.

pub mod activation;
pub mod broadcast;
pub mod conv;
mod gather;
pub mod layout;
pub mod nest;
pub mod norm;
pub mod pool;
pub mod range;
pub mod reduce;
pub mod scratch;
