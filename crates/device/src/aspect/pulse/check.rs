//! What a pulse law's parameters must be.

use super::{Accumulate, Drive, MOST_STIMULI, Pulse, PulseTable, SecondOrder, Steps, TableBounds};
use crate::limits::{self, plain};

/// Path and description of what is wrong, if anything is.
pub(crate) type Problem = Option<(String, String)>;

/// Largest number of knots in a table.
const MOST_KNOTS: usize = 1 << 16;

/// A number between two others, both included.
fn within(field: &str, v: f64, low: f64, high: f64) -> Problem {
    (!(low..=high).contains(&v)).then(|| {
        (field.to_owned(), format!("is {}; it must lie between {} and {}", plain(v), plain(low), plain(high)))
    })
}

fn all(ranges: &[(&str, f64, f64, f64)]) -> Problem {
    ranges.iter().find_map(|(field, v, low, high)| within(field, *v, *low, *high))
}

fn drive(field: &str, drive: Option<&Drive>) -> Problem {
    drive.and_then(Drive::problem).map(|p| (field.to_owned(), p))
}

fn steps(s: &Steps) -> Problem {
    let range = s.w_max - s.w_min;
    all(&[("steps.w_min", s.w_min, -1e6, 1e6), ("steps.w_max", s.w_max, -1e6, 1e6)])
        .or_else(|| {
            let problem = format!("is {}; it must lie above w_min = {}", plain(s.w_max), plain(s.w_min));
            // Written so that NaN is a problem too.
            (range.is_nan() || range < 1e-9).then(|| ("steps.w_max".to_owned(), problem))
        })
        .or_else(|| {
            all(&[
                ("steps.step", s.step, 1e-9 * range, range),
                ("steps.up_down", s.up_down, -1.0, 1.0),
                ("steps.c2c", s.c2c, 0.0, 1e4),
                ("steps.write_noise", s.write_noise, 0.0, 10.0 * range / s.step),
                ("steps.d2d.step", s.d2d.step, 0.0, 10.0),
                ("steps.d2d.up_down", s.d2d.up_down, 0.0, 10.0),
                ("steps.d2d.w_max", s.d2d.w_max, 0.0, 10.0),
                ("steps.d2d.w_min", s.d2d.w_min, 0.0, 10.0),
                ("steps.shape", s.shape, 0.0, 1.0),
            ])
        })
        .or_else(|| drive("steps.up", s.up.as_ref()))
        .or_else(|| drive("steps.down", s.down.as_ref()))
}

/// Laws whose steps vanish at bounds of their own divide by them.
fn signed(s: &Steps) -> Problem {
    if s.w_min < 0.0 && s.w_max > 0.0 {
        return None;
    }
    let problem = format!(
        "is {}; this law divides by both ends, so w_min must be negative and w_max positive",
        plain(if s.w_max > 0.0 { s.w_min } else { s.w_max })
    );
    Some((if s.w_max > 0.0 { "steps.w_min" } else { "steps.w_max" }.to_owned(), problem))
}

fn knots(field: &str, values: &[f64], low: f64) -> Problem {
    if !(2..=MOST_KNOTS).contains(&values.len()) {
        let problem = format!("has {} knots; two to {MOST_KNOTS} make a curve", values.len());
        return Some((field.to_owned(), problem));
    }
    values.iter().find_map(|v| within(field, *v, low, 1e6))
}

fn accumulate(a: &Accumulate, g_max_s: f64) -> Problem {
    let stray = |field: &str, v: f64| limits::stray(v, g_max_s).map(|p| (field.to_owned(), p));
    all(&[("memory", a.memory, 1e-3, 1e6), ("m_mean", a.m_mean, -1.0, 1.0), ("m_sd", a.m_sd, -1.0, 1.0)])
        .or_else(|| stray("c_mean", a.c_mean_s))
        .or_else(|| stray("a_mean", a.a_mean_s))
        .or_else(|| stray("c_sd", a.c_sd_s))
        .or_else(|| stray("a_sd", a.a_sd_s))
        .or_else(|| {
            all(&[
                ("g_low", a.g_low_s, 0.0, g_max_s),
                ("reset_g", a.reset_g_s, 0.0, g_max_s),
                ("reset_sd", a.reset_sd_s, 0.0, g_max_s),
            ])
        })
        .or_else(|| drive("set", a.set.as_ref()))
        .or_else(|| drive("reset", a.reset.as_ref()))
}

fn second_order(law: &SecondOrder) -> Problem {
    steps(&law.steps)
        .or_else(|| signed(&law.steps))
        .or_else(|| {
            let problem = "must be 0: the hidden state takes its place".to_owned();
            (law.steps.write_noise != 0.0).then(|| ("steps.write_noise".to_owned(), problem))
        })
        .or_else(|| limits::time(law.tau_s).map(|p| ("tau".to_owned(), p)))
        .or_else(|| {
            all(&[
                ("facilitation", law.facilitation, 0.0, 1e6),
                ("rise", law.rise, 0.0, 1e6),
                ("prime", law.prime, 0.0, 1e6),
            ])
        })
}

fn bounds(b: &TableBounds, most: f64) -> Problem {
    all(&[
        ("bounds.low_d2d", b.low_d2d, 0.0, most),
        ("bounds.low_c2c", b.low_c2c, 0.0, most),
        ("bounds.high_d2d", b.high_d2d, 0.0, most),
        ("bounds.high_c2c", b.high_c2c, 0.0, most),
    ])
}

fn table(t: &PulseTable, g_max_s: f64) -> Problem {
    if let Some(p) = limits::unit(t.unit_s) {
        return Some(("unit".to_owned(), p));
    }
    if !(1..=MOST_STIMULI).contains(&t.stimuli.len()) {
        let problem = format!("has {} stimuli; one to {MOST_STIMULI} are possible", t.stimuli.len());
        return Some(("stimuli".to_owned(), problem));
    }
    if let Some(p) = t.bounds.as_ref().and_then(|b| bounds(b, g_max_s / t.unit_s)) {
        return Some(p);
    }
    t.stimuli.iter().enumerate().find_map(|(i, s)| {
        let at = |field: &str| format!("stimuli[{i}].{field}");
        let stray = |field: &str, values: &[f64]| {
            let problem = values.iter().find_map(|v| limits::stray(v * t.unit_s, g_max_s));
            problem.map(|p| (at(field), p))
        };
        knots(&at("mean"), &s.mean, -1e6)
            .or_else(|| if s.spread.is_empty() { None } else { knots(&at("spread"), &s.spread, 0.0) })
            .or_else(|| stray("mean", &s.mean))
            .or_else(|| stray("spread", &s.spread))
            .or_else(|| within(&at("d2d"), s.d2d, 0.0, 10.0))
            .or_else(|| within(&at("cycle"), s.cycle, 0.0, 10.0))
            .or_else(|| drive(&at("voltage"), s.drive().as_ref()))
    })
}

pub(super) fn problem(law: &Pulse, g_min_s: f64, g_max_s: f64) -> Problem {
    let own = match law {
        Pulse::ConstantStep { steps: s } => steps(s),
        Pulse::LinearStep { steps: s, gamma_up, gamma_down, gamma_d2d, .. } => {
            steps(s).or_else(|| signed(s)).or_else(|| {
                all(&[
                    ("gamma_up", *gamma_up, -10.0, 10.0),
                    ("gamma_down", *gamma_down, -10.0, 10.0),
                    ("gamma_d2d", *gamma_d2d, 0.0, 10.0),
                ])
            })
        }
        Pulse::SoftBounds { steps: s, .. } => steps(s).or_else(|| signed(s)),
        Pulse::SoftBoundsReference { steps: s, reference, reference_d2d, .. } => {
            let range = s.w_max - s.w_min;
            steps(s).or_else(|| signed(s)).or_else(|| {
                all(&[
                    ("reference", *reference, -10.0 * range, 10.0 * range),
                    ("reference_d2d", *reference_d2d, 0.0, 10.0 * range),
                ])
            })
        }
        Pulse::ExpStep { steps: s, a_up, a_down, gamma_up, gamma_down, a, b, noise_offset, noise_slope } => {
            steps(s).or_else(|| {
                all(&[
                    ("a_up", *a_up, -1e6, 1e6),
                    ("a_down", *a_down, -1e6, 1e6),
                    ("gamma_up", *gamma_up, -1e3, 1e3),
                    ("gamma_down", *gamma_down, -1e3, 1e3),
                    ("a", *a, -1e3, 1e3),
                    ("b", *b, -1e3, 1e3),
                    ("noise_offset", *noise_offset, 0.0, s.w_max - s.w_min),
                    ("noise_slope", *noise_slope, 0.0, 1e3),
                ])
            })
        }
        Pulse::PowStep { steps: s, gamma_up, gamma_down, gamma_d2d } => steps(s).or_else(|| {
            all(&[
                ("gamma_up", *gamma_up, 0.0, 100.0),
                ("gamma_down", *gamma_down, 0.0, 100.0),
                ("gamma_d2d", *gamma_d2d, 0.0, 10.0),
            ])
        }),
        Pulse::PiecewiseStep { steps: s, up, down } => {
            steps(s).or_else(|| knots("up", up, -1e6)).or_else(|| knots("down", down, -1e6))
        }
        Pulse::Accumulate(a) => accumulate(a, g_max_s).or_else(|| {
            let (low, min) = (limits::siemens(a.g_low_s), limits::siemens(g_min_s));
            let below = a.g_low_s < g_min_s;
            below.then(|| ("g_low".to_owned(), format!("is {low}; it cannot lie below g_min = {min}")))
        }),
        Pulse::SecondOrder(law) => second_order(law),
        Pulse::Table(t) => table(t, g_max_s),
    };
    own.map(|(field, problem)| (format!("pulse.{}.{field}", law.law()), problem))
}
