//! How large a number of a description may be. The limits are far outside of what any device does; they catch a
//! wrong unit or a slip in an exponent, and keep the kernels' single precision away from infinity.

use neurohm_num::quantity::{self, Dimension};

/// Shortest and longest time, s: a femtosecond, thirty thousand years.
const TIMES: [f64; 2] = [1e-15, 1e12];
/// Largest number in a curve.
const LARGEST: f64 = 1e30;
/// How far a conductance may stray, in units of the device's largest one.
const STRAY: f64 = 10.0;
/// Largest exponent of a power-law drift. Phase-change memory has 0.05 to 0.1.
const STEEPEST: f64 = 1.0;

/// A number without a unit, as messages show it.
pub(crate) fn plain(v: f64) -> String {
    quantity::format(v, Dimension::Ratio)
}

pub(crate) fn siemens(v: f64) -> String {
    quantity::format(v, Dimension::Siemens)
}

fn seconds(v: f64) -> String {
    quantity::format(v, Dimension::Second)
}

/// What is wrong with a time.
pub(crate) fn time(v: f64) -> Option<String> {
    let [shortest, longest] = TIMES;
    (!(shortest..=longest).contains(&v))
        .then(|| format!("is {}; it must lie between {} and {longest:e} s", seconds(v), seconds(shortest)))
}

/// What is wrong with a conductance that a law is scaled by.
pub(crate) fn unit(v: f64) -> Option<String> {
    (!(1e-30..=1e6).contains(&v)).then(|| format!("is {}; it must lie between 1e-30 S and 1 MS", siemens(v)))
}

/// What is wrong with a number of a curve.
pub(crate) fn curve(v: f64) -> Option<String> {
    (!(-LARGEST..=LARGEST).contains(&v))
        .then(|| format!("holds {}; the numbers of a curve lie between -1e30 and 1e30", plain(v)))
}

/// What is wrong with a conductance that a device's own one changes by.
pub(crate) fn stray(v: f64, g_max_s: f64) -> Option<String> {
    let largest = STRAY * g_max_s;
    (!(-largest..=largest).contains(&v)).then(|| {
        format!(
            "comes to {}, more than {STRAY} times g_max = {}; check its unit",
            siemens(v),
            siemens(g_max_s)
        )
    })
}

/// What is wrong with a drift exponent.
pub(crate) fn exponent(v: f64) -> Option<String> {
    (!(0.0..=STEEPEST).contains(&v))
        .then(|| format!("comes to {}; drift exponents lie between 0 and {STEEPEST}", plain(v)))
}

/// G / g_max from almost nothing to all: where curves are looked at.
pub(crate) fn levels() -> impl Iterator<Item = f64> {
    (0..=64).map(|i| if i == 0 { 1e-3 } else { f64::from(i) / 64.0 })
}

/// What is wrong with an absolute temperature.
pub(crate) fn temperature(v: f64) -> Option<String> {
    (!(1.0..=2000.0).contains(&v))
        .then(|| format!("is {}; it must lie between 1 K and 2000 K", quantity::format(v, Dimension::Kelvin)))
}

fn electron_volts(v: f64) -> String {
    quantity::format(v, Dimension::ElectronVolt)
}

/// What is wrong with the energy of a barrier.
pub(crate) fn energy_ev(v: f64) -> Option<String> {
    (!(0.0..=20.0).contains(&v))
        .then(|| format!("comes to {}; barriers lie between 0 and 20 eV", electron_volts(v)))
}

/// What is wrong with a width on the scale of energies.
pub(crate) fn width_ev(v: f64) -> Option<String> {
    (!(1e-6..=1e6).contains(&v))
        .then(|| format!("is {}; it must lie between 1 ueV and 1 MeV", electron_volts(v)))
}

/// What is wrong with the standard deviation of a logarithm.
pub(crate) fn log_spread(v: f64) -> Option<String> {
    (!(0.0..=10.0).contains(&v)).then(|| format!("is {}; it must lie between 0 and 10", plain(v)))
}
