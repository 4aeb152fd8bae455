//! Cells that differ: parameters of a model that scatter from device to device and from cycle to cycle.

use std::collections::BTreeMap;

use neurohm_num::{Key, Purpose, quantity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{At, CompactModel, Equations, MAX_STATES, ModelError, Parameters, Response};

/// How one parameter scatters: it is multiplied by exp(d2d z1 + c2c z2) with standard normal z1 (one a device) and z2
/// (one a device and cycle), so its median stays and it keeps its sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParameterSpread {
    /// Standard deviation of its logarithm from device to device.
    #[serde(default, with = "quantity::ratio", skip_serializing_if = "is_zero")]
    #[schemars(with = "f64")]
    pub d2d: f64,
    /// Standard deviation of its logarithm from cycle to cycle.
    #[serde(default, with = "quantity::ratio", skip_serializing_if = "is_zero")]
    #[schemars(with = "f64")]
    pub c2c: f64,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl ParameterSpread {
    pub(crate) fn problem(&self) -> Option<(&'static str, String)> {
        [("d2d", self.d2d), ("c2c", self.c2c)].into_iter().find(|(_, s)| !(0.0..=3.0).contains(s)).map(
            |(kind, s)| (kind, format!("is {s}; the standard deviation of a logarithm lies between 0 and 3")),
        )
    }
}

/// Most draws for a cell whose parameters, each scattered for itself, contradict each other (on above off).
const DRAWS: u64 = 32;

/// A model whose cells have parameters of their own. A cycle begins whenever the voltage turns positive.
#[derive(Clone)]
pub struct Spread<M> {
    model: M,
    scatter: Vec<(String, ParameterSpread)>,
}

/// A cell with its own parameters.
#[derive(Clone)]
pub struct Varied<M: CompactModel> {
    /// The parameters of the present cycle.
    model: M,
    cell: M::Cell,
    positive: bool,
    /// The model's own count of cycles.
    inner: u32,
}

impl<M: CompactModel + Parameters> Spread<M> {
    /// Cells of `model` whose parameters scatter.
    pub fn new(model: M, scatter: &BTreeMap<String, ParameterSpread>) -> Spread<M> {
        Spread { model, scatter: scatter.iter().map(|(name, s)| (name.clone(), *s)).collect() }
    }

    /// The model of the cell that `key` belongs to, in its `cycle`.
    fn vary(&self, key: Key, cycle: u64) -> M {
        if self.scatter.is_empty() {
            return self.model.clone();
        }
        let values: BTreeMap<_, _> = self.model.parameters().into_iter().map(|p| (p.name, p)).collect();
        for draw in 0..DRAWS {
            let d2d = key.stream(Purpose::DeviceSpread, draw);
            let c2c = key.stream(Purpose::Cycle, cycle * DRAWS + draw);
            let mut model = self.model.clone();
            for (n, (name, spread)) in self.scatter.iter().enumerate() {
                let Some(p) = values.get(name.as_str()) else { continue };
                let [d2d, c2c] =
                    [(spread.d2d, d2d), (spread.c2c, c2c)].map(|(s, z)| s * f64::from(z.normal(n as u64)));
                let factor = libm::exp(d2d + c2c);
                model.set_parameter(name, (p.value * factor).clamp(p.low, p.high));
            }
            if model.fault().is_none() {
                return model;
            }
        }
        self.model.clone()
    }
}

impl<M: CompactModel + Parameters> CompactModel for Spread<M> {
    const N: usize = M::N;
    const H: usize = M::H;
    type Cell = Varied<M>;

    fn draw(&self, key: Key, id: u64) -> Varied<M> {
        let model = self.vary(key, 0);
        let cell = model.draw(key, id);
        Varied { model, cell, positive: false, inner: 0 }
    }

    fn initial(&self, own: &Varied<M>, x: &mut [f64]) {
        own.model.initial(&own.cell, x);
    }

    fn eval(&self, own: &Varied<M>, at: At, guess: &mut f64) -> Result<Response, ModelError> {
        own.model.eval(&own.cell, at, guess)
    }

    fn bounds(&self, own: &Varied<M>, low: &mut [f64], high: &mut [f64]) {
        own.model.bounds(&own.cell, low, high);
    }

    fn scale(&self, own: &Varied<M>, x: &mut [f64]) {
        own.model.scale(&own.cell, x);
    }

    fn noise(&self, own: &Varied<M>, x: &[f64], v: f64, i_a: f64, t_k: f64, strength: &mut [f64]) -> bool {
        own.model.noise(&own.cell, x, v, i_a, t_k, strength)
    }

    fn spice(&self, own: &Varied<M>) -> Result<Equations, &'static str> {
        own.model.spice(&own.cell)
    }

    fn chance(&self) -> Option<&'static str> {
        self.model.chance()
    }

    fn jump(&self, own: &mut Varied<M>, x: &mut [f64], channel: usize, nth: u32, key: Key, id: u64) {
        own.model.jump(&mut own.cell, x, channel, nth, key, id);
    }

    fn accept(
        &self,
        own: &mut Varied<M>,
        before: &[f64],
        x: &mut [f64],
        v: f64,
        cycle: &mut u32,
        key: Key,
        id: u64,
    ) -> bool {
        let begins = v > 0.0 && !own.positive;
        if v != 0.0 {
            own.positive = v > 0.0;
        }
        let redrawn = begins && self.scatter.iter().any(|(_, s)| s.c2c > 0.0);
        if redrawn {
            *cycle = cycle.wrapping_add(1);
            own.model = self.vary(key, u64::from(*cycle));
            // A state that the new parameters do not allow moves to the nearest that they do.
            let (mut low, mut high) = ([0.0; MAX_STATES], [0.0; MAX_STATES]);
            own.model.bounds(&own.cell, &mut low[..M::N], &mut high[..M::N]);
            for ((x, low), high) in x.iter_mut().zip(low).zip(high) {
                *x = x.max(low).min(high);
            }
        }
        own.model.accept(&mut own.cell, before, x, v, &mut own.inner, key, id) || redrawn
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Bank, CellBank, Drive, StanfordPku, Vteam, Waveform, drive};
    use super::*;

    fn spread(entries: &[(&str, f64, f64)]) -> BTreeMap<String, ParameterSpread> {
        entries
            .iter()
            .map(|(name, d2d, c2c)| ((*name).to_owned(), ParameterSpread { d2d: *d2d, c2c: *c2c }))
            .collect()
    }

    /// Mean and standard deviation.
    fn moments(values: &[f64]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        (mean, (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt())
    }

    #[test]
    fn devices_differ_as_told_and_stay_the_same_devices() {
        // At rest a VTEAM cell in its off state has its own R_off.
        let model = Vteam { w_initial_m: 3e-9, ..Vteam::memtorch() };
        let n = 4000;
        let varied = Spread::new(model, &spread(&[("r_off", 0.1, 0.0)]));
        let mut bank = Bank::new(varied, n, Key::root(5));
        let (v, mut i, mut g) = (vec![0.01; n], vec![0.0; n], vec![0.0; n]);
        bank.solve(&v, 300.0, 0.0, &mut i, &mut g).unwrap();
        let ln_r: Vec<f64> = g.iter().map(|g| -g.ln()).collect();
        let (mean, sd) = moments(&ln_r);
        let error = 0.1 / (n as f64).sqrt();
        assert!((mean - 1e3_f64.ln()).abs() < 4.0 * error, "{mean}");
        assert!((sd / 0.1 - 1.0).abs() < 4.0 / (2.0 * n as f64).sqrt(), "{sd}");
        bank.accept(&v);
        let before = g.clone();
        bank.solve(&vec![-0.01; n], 300.0, 1e-9, &mut i, &mut g).unwrap();
        bank.accept(&vec![-0.01; n]);
        bank.solve(&v, 300.0, 1e-9, &mut i, &mut g).unwrap();
        assert_eq!(before, g);
    }

    #[test]
    fn cycles_differ_within_one_device() {
        // The current at the top of each positive half wave, too small to move anything.
        let varied = Spread::new(StanfordPku::v1(), &spread(&[("i0", 0.0, 0.2)]));
        let mut bank = Bank::new(varied, 1, Key::root(2));
        let waveform = Waveform::Sine { amplitude_v: 0.1, frequency_hz: 1.0, offset_v: 0.0 };
        let cycles = 400;
        let how = Drive { waveform: &waveform, t_end_s: f64::from(cycles), t_k: 298.0, max_step_s: 0.05 };
        let trace = drive(&mut bank, &how).unwrap();
        let mut tops = vec![0.0_f64; cycles as usize];
        for (t, i) in trace.t_s.iter().zip(&trace.i_a) {
            let cycle = (*t as usize).min(cycles as usize - 1);
            tops[cycle] = tops[cycle].max(*i);
        }
        let (_, sd) = moments(&tops.iter().map(|i| i.ln()).collect::<Vec<_>>());
        assert!((sd / 0.2 - 1.0).abs() < 4.0 / (2.0 * f64::from(cycles)).sqrt(), "{sd}");
    }

    #[test]
    fn contradictions_are_drawn_again() {
        // R_on and R_off are close: scattered apart, they would cross in a third of the cells.
        let model = Vteam { r_on_ohm: 900.0, ..Vteam::memtorch() };
        let varied = Spread::new(model, &spread(&[("r_on", 0.2, 0.0), ("r_off", 0.2, 0.0)]));
        for cell in 0..500 {
            let key = Key::root(1).child("cell", cell);
            assert_eq!(varied.vary(key, 0).fault(), None);
        }
    }
}
