//! Constants of nature (CODATA 2018; those of the SI are exact).

/// Elementary charge, C.
pub const Q: f64 = 1.602_176_634e-19;
/// Boltzmann's constant, J/K.
pub const K_B: f64 = 1.380_649e-23;
/// Boltzmann's constant, eV/K.
pub const K_B_EV: f64 = K_B / Q;
/// Vacuum permittivity, F/m.
pub const EPSILON_0: f64 = 8.854_187_812_8e-12;
/// Bohr magneton, J/T.
pub const BOHR_MAGNETON: f64 = 9.274_010_078_3e-24;
/// Euler's constant.
pub const EULER: f64 = 0.577_215_664_901_532_9;
/// Planck's constant, J s.
pub const PLANCK: f64 = 6.626_070_15e-34;
/// Mass of the electron, kg.
pub const ELECTRON_MASS: f64 = 9.109_383_701_5e-31;
