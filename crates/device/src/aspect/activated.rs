//! Retention over time and temperature: relaxation with the logarithm of time, and thermally activated loss.

use neurohm_num::quantity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::compact::constants::K_B_EV;
use crate::law::Curve;
use crate::limits;

/// Two mechanisms whose barriers rise as they proceed, so that both go with the logarithm of time.
///
/// A front xi (eV) climbs over barriers that begin at an energy E: d xi / dt = (kT / t0) exp(-(E + xi) / kT) with the
/// attempt time t0, so at constant temperature
///
/// xi(t, T) = kT ln(1 + (t / t0) exp(-E / kT)).
///
/// This is the collective relaxation of Le Gallo et al. (Adv. Electron. Mater. 4:1700627, 2018), here for two
/// barriers. Over steps of temperature exp(xi / kT) grows by (dt / t0) exp(-E / kT) in each.
///
/// Relaxation: with c = xi(t, T) / xi(t_ref, temperature_ref) the conductance becomes
/// R = max(0, G + c shift(G) + sqrt(c) spread(G) z), z standard normal. Drift and variance grow alike, as they do where
/// many small steps add up.
/// Loss: of R remains the fraction exp(-(xi_loss / width) exp(rate_spread y)), y standard normal, with the barrier
/// energy + energy_slope x + energy_bend x^2 at x = G / g_max.
///
/// Each device and programming has one z and one y. In measured ReRAM the deviations at two ages a decade apart are
/// correlated by 0.5 to 0.8 and not by 1, so the moments at one age are right and a single device's path is too smooth.
/// Barrier and attempt time can only be told apart by measurements at several temperatures and several times.
/// Found for the ReRAM sets of Levy (RRAM-Relaxation-Master-Model, MIT): 0.01 s to 1e5 s at room temperature, 100 to
/// 260 C for 1.2 to 2 h.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Activated {
    /// Attempt time t0, s. An inverse phonon frequency, about 0.1 ps, where nothing else is known.
    #[serde(with = "quantity::second", rename = "attempt_time")]
    #[schemars(with = "String")]
    pub attempt_time_s: f64,
    /// Time at which shift and spread are given, s.
    #[serde(with = "quantity::second", rename = "t_ref")]
    #[schemars(with = "String")]
    pub t_ref_s: f64,
    /// Temperature at which shift and spread are given, K.
    #[serde(with = "quantity::kelvin", rename = "temperature_ref")]
    #[schemars(with = "String")]
    pub temperature_ref_k: f64,
    /// Barrier at which relaxation begins, eV.
    #[serde(with = "quantity::electron_volt", rename = "relaxation_energy")]
    #[schemars(with = "String")]
    pub relaxation_energy_ev: f64,
    /// What a curve's value of 1 means at `fitted_g_max`, S.
    #[serde(rename = "unit", with = "quantity::siemens")]
    #[schemars(with = "String")]
    pub unit_s: f64,
    /// Largest conductance of the device that was fitted, S; shift and spread grow with g_max / fitted_g_max.
    #[serde(rename = "fitted_g_max", with = "quantity::siemens")]
    #[schemars(with = "String")]
    pub fitted_g_max_s: f64,
    /// Mean shift in `unit` over the programmed G / g_max at the reference, which is held at its value for 1 beyond 1.
    pub shift: Curve,
    /// Standard deviation in `unit` over the programmed G / g_max at the reference.
    pub spread: Curve,
    /// Loss of the programmed state by heat; none if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<ThermalLoss>,
    /// First age that was measured, s.
    #[serde(
        default,
        with = "quantity::option_second",
        rename = "known_from",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub known_from_s: Option<f64>,
    /// Last age that was measured, s.
    #[serde(
        default,
        with = "quantity::option_second",
        rename = "known_to",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub known_to_s: Option<f64>,
    /// Lowest temperature that was measured, K.
    #[serde(
        default,
        with = "quantity::option_kelvin",
        rename = "coldest",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub coldest_k: Option<f64>,
    /// Highest temperature that was measured, K.
    #[serde(
        default,
        with = "quantity::option_kelvin",
        rename = "hottest",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub hottest_k: Option<f64>,
}

/// Thermally activated loss of the conductance, see [`Activated`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThermalLoss {
    /// Barrier of the lowest conductance, eV.
    #[serde(with = "quantity::electron_volt", rename = "energy")]
    #[schemars(with = "String")]
    pub energy_ev: f64,
    /// Rise of the barrier to the highest conductance, linear part, eV.
    #[serde(default, with = "quantity::electron_volt", rename = "energy_slope")]
    #[schemars(with = "String")]
    pub energy_slope_ev: f64,
    /// Rise of the barrier to the highest conductance, quadratic part, eV.
    #[serde(default, with = "quantity::electron_volt", rename = "energy_bend")]
    #[schemars(with = "String")]
    pub energy_bend_ev: f64,
    /// Advance of the front that takes all but 1 / e of a median device, eV.
    #[serde(with = "quantity::electron_volt", rename = "width")]
    #[schemars(with = "String")]
    pub width_ev: f64,
    /// Standard deviation, from device to device and programming, of the logarithm of the rate.
    #[serde(with = "quantity::ratio")]
    #[schemars(with = "f64")]
    pub rate_spread: f64,
}

impl ThermalLoss {
    /// Barrier at x = G / g_max, eV.
    pub fn barrier_ev(&self, x: f64) -> f64 {
        let x = x.clamp(0.0, 1.0);
        self.energy_ev + x * (self.energy_slope_ev + x * self.energy_bend_ev)
    }
}

/// The front over a barrier after `dt_s` more at temperature `t_k`, eV.
pub(crate) fn climb(front_ev: f64, barrier_ev: f64, attempt_s: f64, dt_s: f64, t_k: f64) -> f64 {
    if dt_s <= 0.0 {
        return front_ev;
    }
    let kt = K_B_EV * t_k;
    let (a, b) = (front_ev / kt, libm::log(dt_s / attempt_s) - barrier_ev / kt);
    kt * (a.max(b) + libm::log1p(libm::exp(-(a - b).abs())))
}

impl Activated {
    /// Front of relaxation at the reference, eV.
    pub(crate) fn reference_ev(&self) -> f64 {
        let barrier = self.relaxation_energy_ev;
        climb(0.0, barrier, self.attempt_time_s, self.t_ref_s, self.temperature_ref_k)
    }

    /// Sets the relaxation's shift and the loss that all devices share to `factor` of themselves.
    pub(super) fn scale_mean(&mut self, factor: f64) {
        self.shift = self.shift.scaled(factor);
        match &mut self.loss {
            Some(loss) if factor > 0.0 => loss.width_ev = (loss.width_ev / factor).clamp(1e-6, 1e6),
            loss => *loss = None,
        }
    }

    pub(super) fn scale_spread(&mut self, factor: f64) {
        self.spread = self.spread.scaled(factor);
        if let Some(loss) = &mut self.loss {
            loss.rate_spread *= factor;
        }
    }

    pub(super) fn has_mean(&self) -> bool {
        !self.shift.is_zero() || self.loss.is_some()
    }

    pub(super) fn has_spread(&self) -> bool {
        !self.spread.is_zero() || self.loss.as_ref().is_some_and(|l| l.rate_spread > 0.0)
    }

    pub(super) fn problem(&self, g_max_s: f64) -> Option<(String, String)> {
        let at = |field: &str, problem: Option<String>| {
            problem.map(|p| (format!("retention.activated.{field}"), p))
        };
        let scale = self.unit_s * g_max_s / self.fitted_g_max_s;
        let curve = |curve: &Curve| {
            let far = || limits::levels().find_map(|x| limits::stray(scale * curve.value(x), g_max_s));
            curve.problem().or_else(far)
        };
        let energy = |v: f64| limits::energy_ev(v);
        let loss = |l: &ThermalLoss| {
            let barrier = || limits::levels().find_map(|x| energy(l.barrier_ev(x)));
            at("loss.energy", energy(l.energy_ev).or_else(barrier))
                .or_else(|| at("loss.width", limits::width_ev(l.width_ev)))
                .or_else(|| at("loss.rate_spread", limits::log_spread(l.rate_spread)))
        };
        let ordered = |low: Option<f64>, high: Option<f64>| {
            let crossed = low.zip(high).is_some_and(|(low, high)| low > high);
            crossed.then(|| "lies above the other end of what was measured".to_owned())
        };
        at("attempt_time", limits::time(self.attempt_time_s))
            .or_else(|| at("t_ref", limits::time(self.t_ref_s)))
            .or_else(|| at("temperature_ref", limits::temperature(self.temperature_ref_k)))
            .or_else(|| at("relaxation_energy", energy(self.relaxation_energy_ev)))
            .or_else(|| at("relaxation_energy", self.unreached()))
            .or_else(|| at("unit", limits::unit(self.unit_s)))
            .or_else(|| at("fitted_g_max", limits::unit(self.fitted_g_max_s)))
            .or_else(|| at("shift", curve(&self.shift)))
            .or_else(|| at("spread", curve(&self.spread)))
            .or_else(|| self.loss.as_ref().and_then(loss))
            .or_else(|| at("known_from", self.known_from_s.and_then(limits::time)))
            .or_else(|| at("known_to", self.known_to_s.and_then(limits::time)))
            .or_else(|| at("known_from", ordered(self.known_from_s, self.known_to_s)))
            .or_else(|| at("coldest", self.coldest_k.and_then(limits::temperature)))
            .or_else(|| at("hottest", self.hottest_k.and_then(limits::temperature)))
            .or_else(|| at("coldest", ordered(self.coldest_k, self.hottest_k)))
    }

    fn unreached(&self) -> Option<String> {
        (self.reference_ev() < 1e-9).then(|| {
            "is so high that nothing relaxes by t_ref at temperature_ref; shift and spread would mean nothing"
                .to_owned()
        })
    }
}
