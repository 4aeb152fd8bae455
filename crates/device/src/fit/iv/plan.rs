//! Which parameters of a model are fitted, how they move, and where they start.

use neurohm_num::fit::{Estimate, Variable, Verdict};
use neurohm_num::quantity::{self, Dimension};

use super::{Fitted, Loop, sets};
use crate::compact::{Dynamic, Mixture, Parameters, Yakopcic};

/// The forms of a model that are tried: the published sets where they differ in more than numbers.
pub(super) fn variants(model: &str) -> Vec<Dynamic> {
    let Some(first) = sets(model).next() else { return Vec::new() };
    match first {
        Dynamic::Vteam(m) => [Mixture::Linear, Mixture::Exponential]
            .map(|resistance| Dynamic::Vteam(crate::compact::Vteam { resistance, ..m.clone() }))
            .into(),
        Dynamic::Yakopcic(m) => {
            [1.0, -1.0].map(|eta| Dynamic::Yakopcic(Yakopcic { eta, ..m.clone() })).into()
        }
        Dynamic::MeanMetastableSwitch(_) => vec![first],
        // What chance decides no residual can follow.
        _ => {
            let repeats = |d: &Dynamic| d.holds_chance(1.0).is_ok_and(|chance| !chance);
            let (steady, random): (Vec<_>, Vec<_>) = sets(model).partition(repeats);
            if steady.is_empty() { random } else { steady }
        }
    }
}

/// A model with its free parameters.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    base: Dynamic,
    pub variables: Vec<Variable>,
    names: Vec<&'static str>,
    held: Vec<(&'static str, String)>,
}

/// What the loop says of the sizes of things.
struct Sizes {
    /// Largest conductance and smallest at voltages above a fifth of the largest, S.
    g_high: f64,
    g_low: f64,
    /// Largest voltages up and down as positive numbers, V.
    up: f64,
    down: f64,
    /// Largest current, A.
    current: f64,
    /// Length of a cycle, s.
    period: f64,
}

impl Sizes {
    fn of(data: &Loop, sign: f64) -> Sizes {
        let largest = data.v.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let mut g: Vec<f64> = data
            .v
            .iter()
            .zip(&data.i_a)
            .filter(|(v, i)| v.abs() > 0.2 * largest && *v * *i > 0.0)
            .map(|(v, i)| i / v)
            .collect();
        g.sort_by(f64::total_cmp);
        let current = data.full_scale_a();
        let usual = current / largest;
        let (g_low, g_high) = match (g.first(), g.last()) {
            (Some(a), Some(b)) => (a.max(1e-4 * b), *b),
            _ => (0.1 * usual, usual),
        };
        let reach = |s: f64| data.v.iter().fold(0.0_f64, |m, v| m.max(s * sign * v)).max(0.05 * largest);
        let took = data.t_s.last().zip(data.t_s.first()).map_or(1.0, |(b, a)| b - a);
        let (up, down) = (reach(1.0), reach(-1.0));
        Sizes { g_high, g_low, up, down, current, period: took / data.cycles as f64 }
    }
}

impl Plan {
    /// The free parameters of `base` with sizes taken from the loop, whose voltages and currents are multiplied by `sign`.
    pub fn new(base: Dynamic, data: &Loop, sign: f64) -> Plan {
        let sizes = Sizes::of(data, sign);
        let mut plan = Plan { base, variables: Vec::new(), names: Vec::new(), held: Vec::new() };
        for p in plan.base.parameters() {
            let fixed = |plan: &mut Plan, why: &str| plan.held.push((p.name, why.to_owned()));
            match known(&plan.base, p.name, &sizes) {
                Some(How::Log(start, low, high)) => {
                    let sign = if p.high <= 0.0 { -1.0 } else { 1.0 };
                    // Bounds are those of the model, kept within what a logarithm and a search can reach.
                    let (small, large) = (1e-4 * low.min(start), 1e4 * high.max(start));
                    let (a, b) = if sign > 0.0 {
                        (p.low.max(small), p.high.min(large))
                    } else {
                        (p.low.max(-large), p.high.min(-small))
                    };
                    let (from, to) = if sign > 0.0 { (low, high) } else { (-high, -low) };
                    let start = (sign * start).clamp(a, b);
                    plan.variables.push(Variable::log(p.name, start, a, b).within(from, to));
                    plan.names.push(p.name);
                }
                Some(How::Linear(start, low, high)) => {
                    let (low, high) = (low.max(p.low), high.min(p.high));
                    plan.variables.push(Variable::linear(p.name, start.clamp(low, high), low, high));
                    plan.names.push(p.name);
                }
                Some(How::Fixed(why)) => fixed(&mut plan, why),
                None => {
                    // Of other models: what has a sign moves by its logarithm around the published value.
                    let unit = p.low >= 0.0 && p.high <= 1.0 || p.name.contains("initial");
                    let size = p.value.abs();
                    if unit && p.high - p.low < 10.0 && p.high > p.low {
                        plan.variables.push(Variable::linear(p.name, p.value, p.low, p.high));
                    } else if size > 0.0 && p.low < p.high {
                        let ends = [p.value * 1e-3, p.value * 1e3];
                        let low = ends[0].min(ends[1]).max(p.low);
                        let high = ends[0].max(ends[1]).min(p.high);
                        let ends = [p.value / 5.0, p.value * 5.0];
                        let (a, b) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
                        plan.variables.push(Variable::log(p.name, p.value, low, high).within(a, b));
                    } else {
                        fixed(&mut plan, "was held at 0, as published");
                        continue;
                    }
                    plan.names.push(p.name);
                }
            }
        }
        plan
    }

    /// The model with these values of the variables.
    pub fn with(&self, values: &[f64]) -> Result<Dynamic, String> {
        let mut out = self.base.clone();
        for (name, value) in self.names.iter().zip(values) {
            out.set_parameter(name, *value);
        }
        match out.fault() {
            Some((field, problem)) => Err(format!("{field} {problem}")),
            None => Ok(out),
        }
    }

    /// The plan with one variable no longer free, at `value`.
    pub fn hold(&self, variable: usize, value: f64) -> Plan {
        let mut out = self.clone();
        let v = out.variables.remove(variable);
        let name = out.names.remove(variable);
        out.base.set_parameter(name, value);
        let dimension =
            self.base.parameters().iter().find(|p| p.name == name).map_or(Dimension::Ratio, |p| p.dimension);
        let shown = quantity::format(quantity::rounded(value, 5), dimension);
        let which =
            if value == v.start { "its default" } else { "where the fit stood, since its default is worse" };
        out.held.push((name, format!("is not determined by the data and was held at {shown}, {which}")));
        out
    }

    /// All parameters with their verdicts.
    pub fn report(&self, model: &Dynamic, estimates: &[Estimate]) -> Vec<Fitted> {
        let one = |p: crate::compact::Parameter| {
            let estimate = estimates.iter().find(|e| e.name == p.name);
            let held = match estimate.map(|e| e.verdict) {
                Some(Verdict::Determined) => None,
                Some(Verdict::NotDetermined) => Some("is not determined by the data".to_owned()),
                Some(Verdict::AtLow | Verdict::AtHigh) => Some(
                    "ran against its bound: the data want more of it than the model or the search allows"
                        .to_owned(),
                ),
                None => self.held.iter().find(|(name, _)| *name == p.name).map(|(_, why)| why.clone()),
            };
            let interval95 = estimate.filter(|_| held.is_none()).and_then(|e| e.interval95);
            Fitted { name: p.name, dimension: p.dimension, value: p.value, interval95, held }
        };
        model.parameters().into_iter().map(one).collect()
    }
}

/// How a parameter of a known model moves.
enum How {
    /// By its logarithm: start, and where starts are drawn from, as magnitudes.
    Log(f64, f64, f64),
    /// As it is: start, low, high.
    Linear(f64, f64, f64),
    /// Not at all, for this reason.
    Fixed(&'static str),
}

fn known(model: &Dynamic, name: &str, s: &Sizes) -> Option<How> {
    use How::{Fixed, Linear, Log};
    let (r_on, r_off) = (1.0 / s.g_high, 1.0 / s.g_low);
    let resistance = |name: &str| match name {
        "r_on" => Some(Log(r_on, 0.1 * r_on, 2.0 * r_on)),
        "r_off" => Some(Log(2.0 * r_off, 0.5 * r_off, 50.0 * r_off)),
        _ => None,
    };
    let rate = 1.0 / s.period;
    match model {
        Dynamic::Vteam(m) => {
            let (width, speed) = (m.w_off_m - m.w_on_m, (m.w_off_m - m.w_on_m) * rate);
            resistance(name).or(match name {
                "w_on" | "w_off" => Some(Fixed("was held: a loop does not tell lengths")),
                "w_initial" => Some(Linear(m.w_on_m + 0.5 * width, m.w_on_m, m.w_off_m)),
                "k_off" | "k_on" => Some(Log(10.0 * speed, 0.1 * speed, 1e4 * speed)),
                "v_off" => Some(Log(0.3 * s.up, 0.02 * s.up, s.up)),
                "v_on" => Some(Log(0.3 * s.down, 0.02 * s.down, s.down)),
                "alpha_off" | "alpha_on" => Some(Log(2.0, 0.5, 8.0)),
                _ => None,
            })
        }
        Dynamic::Yakopcic(_) => match name {
            "a1" | "a2" => Some(Log(s.current, 0.1 * s.current, 1e3 * s.current)),
            "b" => Some(Log(1.0 / s.up.max(s.down), 0.03 / s.up.max(s.down), 5.0 / s.up.max(s.down))),
            "vp" => Some(Log(0.3 * s.up, 0.02 * s.up, s.up)),
            "vn" => Some(Log(0.3 * s.down, 0.02 * s.down, s.down)),
            "ap" => Some(Log(10.0 * rate / s.up, 0.1 * rate / s.up, 1e4 * rate / s.up)),
            "an" => Some(Log(10.0 * rate / s.down, 0.1 * rate / s.down, 1e4 * rate / s.down)),
            "xp" | "xn" => Some(Linear(0.3, 0.0, 0.9999)),
            "alpha_p" | "alpha_n" => Some(Log(1.0, 0.2, 20.0)),
            "eta" => Some(Fixed("was set to the polarity that fits better")),
            "x_initial" => Some(Linear(0.2, 0.0, 1.0)),
            _ => None,
        },
        Dynamic::MeanMetastableSwitch(_) => {
            let largest = s.up.max(s.down);
            resistance(name).or(match name {
                "v_on" => Some(Linear(0.5 * s.up, 0.0, 3.0 * largest)),
                "v_off" => Some(Linear(0.5 * s.down, 0.0, 3.0 * largest)),
                "tau" => Some(Log(0.01 / rate, 1e-5 / rate, 1.0 / rate)),
                "phi" => Some(Linear(0.8, 0.0, 1.0)),
                "alpha_f" | "alpha_r" => Some(Log(0.1 * s.current, 1e-4 * s.current, 3.0 * s.current)),
                "beta_f" | "beta_r" => Some(Log(3.0 / largest, 0.5 / largest, 15.0 / largest)),
                "x_initial" => Some(Linear(0.2, 0.0, 1.0)),
                _ => None,
            })
        }
        _ => None,
    }
}
