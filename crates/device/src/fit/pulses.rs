//! Pulse laws from traces of conductance or weight after each pulse, and predictions of such traces.
//!
//! A law's mean trace, w <- w + s step(w), is fitted to the measured ones; what is left gives the spread. Laws are ranked
//! by their error on pulses that the fit did not see. The weight w runs from -1 to 1 over the range of the data.

mod laws;

use neurohm_num::fit::{Combination, Estimate, Options, Starts, multi_start};
use neurohm_num::quantity::{self, Dimension};
use neurohm_num::{Key, Watch, stats};

use super::{MeasurementError, rms};
use crate::predict::Prediction;
use crate::{CellArray, CellSpec, DeviceSpec, Pulse, PulseTable, TableStimulus};
use laws::Law;

/// Laws that are tried if none is asked for.
pub const CANDIDATES: &[&str] =
    &["constant_step", "linear_step", "soft_bounds", "exp_step", "pow_step", "piecewise_step"];

/// Part of the pulses, or of the repeats, that the ranking is fitted to.
const SEEN: f64 = 0.7;
/// Robust standard deviations beyond which a value is no measurement.
const FAR: f64 = 50.0;
/// Interquartile ranges beyond which even the end of a trace is none.
const BEYOND: f64 = 1000.0;
/// Knots of a table.
const KNOTS: usize = 21;

/// A trace: values after each pulse.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Conductance in S, or weight, after each pulse.
    pub values: Vec<f64>,
    /// Whether the pulse before each value was up; that of the first value does not count.
    pub up: Vec<bool>,
}

/// Traces of one device or of several alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Train {
    traces: Vec<Trace>,
}

impl Train {
    /// Traces from a column of pulses up and one of pulses down, each a trace of its own.
    ///
    /// # Errors
    /// Fewer than ten values, values that are not finite or do not change.
    pub fn up_down(up: Vec<f64>, down: Vec<f64>) -> Result<Train, MeasurementError> {
        let one = |values: Vec<f64>, up: bool| Trace { up: vec![up; values.len()], values };
        let name = |trace: usize, row: usize| {
            format!("row {} of column `{}`", row + 1, if trace == 0 { "up" } else { "down" })
        };
        Train::named(vec![one(up, true), one(down, false)], &name)
    }

    /// Traces from a column of values and one of polarities (positive up, negative down); a new trace begins wherever
    /// `repeat` changes.
    ///
    /// # Errors
    /// Columns of different lengths, a polarity of 0, and as [`up_down`](Self::up_down).
    pub fn signed(
        values: &[f64],
        polarity: &[f64],
        repeat: Option<&[f64]>,
    ) -> Result<Train, MeasurementError> {
        let n = values.len();
        if polarity.len() != n || repeat.is_some_and(|r| r.len() != n) {
            return Err(MeasurementError::Data("each value needs its polarity (and repeat)".to_owned()));
        }
        let mut traces: Vec<Trace> = Vec::new();
        let mut first_rows = Vec::new();
        for row in 0..n {
            let sign = polarity[row];
            if sign == 0.0 || !sign.is_finite() {
                return Err(MeasurementError::Data(format!(
                    "the polarity of row {} is {sign}: write 1 for up, -1 for down",
                    row + 1
                )));
            }
            let begins = row == 0 || repeat.is_some_and(|r| r[row] != r[row - 1]);
            if begins {
                first_rows.push(row);
                traces.push(Trace { values: Vec::new(), up: Vec::new() });
            }
            if let Some(trace) = traces.last_mut() {
                trace.values.push(values[row]);
                trace.up.push(sign > 0.0);
            }
        }
        let name = |trace: usize, k: usize| format!("the value of row {}", first_rows[trace] + k + 1);
        Train::named(traces, &name)
    }

    /// Traces as they are.
    ///
    /// # Errors
    /// As [`up_down`](Self::up_down).
    pub fn new(traces: Vec<Trace>) -> Result<Train, MeasurementError> {
        Train::named(traces, &|trace, k| format!("value {} of trace {}", k + 1, trace + 1))
    }

    /// The same, where the user's own words for the value `k` of a trace are known.
    fn named(traces: Vec<Trace>, name: &dyn Fn(usize, usize) -> String) -> Result<Train, MeasurementError> {
        let error = |text: String| Err(MeasurementError::Data(text));
        for (number, trace) in traces.iter().enumerate() {
            if trace.values.len() < 10 || trace.up.len() != trace.values.len() {
                let n = trace.values.len();
                return error(format!("trace {} has {n} values: at least ten are needed", number + 1));
            }
            if let Some(row) = trace.values.iter().position(|v| !v.is_finite()) {
                return error(format!("{} is {}", name(number, row), trace.values[row]));
            }
        }
        let train = Train { traces };
        let (low, high) = train.range();
        if low.partial_cmp(&high) != Some(std::cmp::Ordering::Less) {
            return error("the values do not change".to_owned());
        }
        if let Some((trace, k, beside)) = train.outlier() {
            return error(format!(
                "{} is {}, and its neighbours are about {beside}: no step of a device is so long beside its others; \
                 correct it, or leave out what was read wrongly",
                name(trace, k),
                train.traces[trace].values[k]
            ));
        }
        Ok(train)
    }

    /// The traces.
    pub fn traces(&self) -> &[Trace] {
        &self.traces
    }

    /// The first value that was read wrongly, with what its neighbours are: more than [`FAR`] robust standard deviations
    /// of an increment from the median of the two values on either side, and four interquartile ranges of all values.
    /// Near the end of a trace most neighbours are on one side, of which an abrupt pulse may have parted the value: there
    /// it is [`BEYOND`] such ranges.
    fn outlier(&self) -> Option<(usize, usize, f64)> {
        let median = |values: &[f64]| stats::quantile(values, 0.5);
        let all: Vec<f64> = self.traces.iter().flat_map(|t| t.values.iter().copied()).collect();
        let whole = self.range();
        let range = match (stats::quantile(&all, 0.25)?, stats::quantile(&all, 0.75)?) {
            (low, high) if high > low => high - low,
            _ => whole.1 - whole.0,
        };
        for (number, trace) in self.traces.iter().enumerate() {
            let v = &trace.values;
            let moves: Vec<f64> = v.windows(2).map(|w| (w[1] - w[0]).abs()).collect();
            // Of a normal distribution the median of the size is 0.6745 standard deviations.
            let sd = median(&moves)? / 0.6745;
            for k in 0..v.len() {
                let beside: Vec<f64> =
                    (k.saturating_sub(2)..v.len().min(k + 3)).filter(|i| *i != k).map(|i| v[i]).collect();
                let beside = median(&beside)?;
                let end = k < 2 || k + 2 >= v.len();
                let far = (FAR * sd).max(if end { BEYOND } else { 4.0 } * range);
                if (v[k] - beside).abs() > far {
                    return Some((number, k, beside));
                }
            }
        }
        None
    }

    fn range(&self) -> (f64, f64) {
        let all = self.traces.iter().flat_map(|t| &t.values);
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)))
    }

    /// How many values of each trace are for the ranking's fit: of three and more repeats the first ones, else the
    /// beginnings of all.
    fn seen(&self) -> (Vec<usize>, String) {
        let n = self.traces.len();
        if n >= 4 {
            let kept = ((SEEN * n as f64) as usize).clamp(1, n - 1);
            let seen = self
                .traces
                .iter()
                .enumerate()
                .map(|(k, t)| if k < kept { t.values.len() } else { 0 })
                .collect();
            return (seen, format!("the last {} of {n} traces", n - kept));
        }
        let seen = self.traces.iter().map(|t| (SEEN * t.values.len() as f64) as usize).collect();
        (seen, format!("the last {:.0} % of the pulses of each trace", 100.0 * (1.0 - SEEN)))
    }
}

/// What to fit and how.
#[derive(Clone, Debug, PartialEq)]
pub struct PulseOptions {
    /// Laws by name; empty for [`CANDIDATES`].
    pub laws: Vec<String>,
    /// Which conductances the smallest and the largest value stand for, S: for weights, which have no unit. None where
    /// values are conductances.
    pub range_s: Option<(f64, f64)>,
    /// Starts drawn for each law.
    pub starts: usize,
    /// What the starts grow from.
    pub key: Key,
    /// Name of the device.
    pub name: String,
    /// What the data are called: the file's name.
    pub label: String,
}

impl Default for PulseOptions {
    fn default() -> Self {
        PulseOptions {
            laws: Vec::new(),
            range_s: None,
            starts: 100,
            key: Key::root(1).child("fit", 1),
            name: "fitted".to_owned(),
            label: "measurements".to_owned(),
        }
    }
}

/// A law fitted to traces. Errors are relative to the range of the data.
#[derive(Clone, Debug, PartialEq)]
pub struct PulseFit {
    /// The law's name.
    pub law: &'static str,
    /// The description.
    pub device: DeviceSpec,
    /// The law's numbers, and the state that each trace begins with.
    pub estimates: Vec<Estimate>,
    /// Combinations that the data leave open.
    pub undetermined: Vec<Combination>,
    /// RMS difference of the traces and the mean trace.
    pub rms_relative: f64,
    /// The same on pulses not seen, fitted to the others: what noise leaves of it is `noise_relative` at least.
    pub held_out_relative: f64,
    /// Which pulses those were.
    pub held_out: String,
    /// Noise of a single value that no pulse remembers: the variance of increments, less that of the steps.
    pub noise_relative: f64,
    /// Scatter of a single step, from how the variance of increments grows with the number of pulses.
    pub c2c_relative: f64,
    /// The mean traces, in the data's unit.
    pub mean: Vec<Vec<f64>>,
}

/// Fits laws to traces; the one of least held-out error comes first.
///
/// # Errors
/// A law of no such name, weights without a range of conductance, a fit that fails, `watch`.
pub fn fit_pulses(
    data: &Train,
    options: &PulseOptions,
    watch: &dyn Watch,
) -> Result<Vec<PulseFit>, MeasurementError> {
    let names: Vec<&str> = if options.laws.is_empty() {
        CANDIDATES.to_vec()
    } else {
        options.laws.iter().map(String::as_str).collect()
    };
    let (low, high) = data.range();
    let range_s = match options.range_s {
        Some((a, b)) if a >= 0.0 && b > a && b.is_finite() => (a, b),
        Some((a, b)) => {
            return Err(MeasurementError::Data(format!("a range of conductance from {a} to {b} S")));
        }
        None if low < 0.0 => {
            return Err(MeasurementError::Data(format!(
                "the values run from {low} to {high}, so they are weights and no conductances: say which conductances \
                 these stand for, `--range 1uS,50uS` for one"
            )));
        }
        None => (low, high),
    };
    let mut out = Vec::new();
    for name in names {
        watch.begin(&format!("fitting {name}"), None);
        let Some(law) = Law::ALL.into_iter().find(|l| l.name() == name) else {
            let known = CANDIDATES.join(", ");
            return Err(MeasurementError::Data(format!(
                "no law that can be fitted is called `{name}` (there are {known})"
            )));
        };
        out.push(fit_law(data, law, range_s, options, watch)?);
    }
    out.sort_by(|a, b| a.held_out_relative.total_cmp(&b.held_out_relative));
    Ok(out)
}

fn fit_law(
    data: &Train,
    law: Law,
    range_s: (f64, f64),
    options: &PulseOptions,
    watch: &dyn Watch,
) -> Result<PulseFit, MeasurementError> {
    let (low, high) = data.range();
    let (middle, half) = (0.5 * (low + high), 0.5 * (high - low));
    let traces: Vec<(Vec<f64>, &[bool])> = data
        .traces
        .iter()
        .map(|t| (t.values.iter().map(|v| (v - middle) / half).collect(), t.up.as_slice()))
        .collect();
    let longest = traces.iter().map(|t| t.1.len()).max().unwrap_or(1);
    let firsts: Vec<f64> = traces.iter().map(|t| t.0[0]).collect();
    // Conductances do not fall below 0, wherever a law would like its bound.
    let floor = -1.0 - 2.0 * range_s.0 / (range_s.1 - range_s.0);
    let variables = law.variables(longest, &firsts, floor);
    let own = variables.len() - traces.len();
    let (seen, held_out) = data.seen();
    let fit = |counts: &[usize], given: Vec<Vec<f64>>, drawn: usize| {
        let total = counts.iter().sum();
        let residuals = |p: &[f64], r: &mut [f64]| {
            let mut r = r.iter_mut();
            for (((values, up), count), start) in traces.iter().zip(counts).zip(&p[own..]) {
                law.walk(&p[..own], *start, &up[..*count], |k, w| {
                    if let Some(r) = r.next() {
                        *r = w - values[k];
                    }
                });
            }
            Ok(())
        };
        let how = Options { tolerance: 1e-8, series: true, evaluations: 3000, ..Options::default() };
        let starts = Starts { given, drawn, refined: 4, key: options.key.child(law.name(), 0) };
        multi_start(&variables, total, &residuals, &how, &starts, watch)
            .map_err(|e| MeasurementError::of(law.name(), e))
    };
    let mean = |p: &[f64]| -> Vec<Vec<f64>> {
        let one = |((_, up), start): (&(Vec<f64>, &[bool]), &f64)| {
            let mut out = Vec::with_capacity(up.len());
            law.walk(&p[..own], *start, up, |_, w| out.push(w));
            out
        };
        traces.iter().zip(&p[own..]).map(one).collect()
    };
    let first = fit(&seen, Vec::new(), options.starts)?;
    let predicted = mean(&first.values());
    let unseen = predicted
        .iter()
        .zip(&traces)
        .zip(&seen)
        .flat_map(|((m, t), seen)| m.iter().zip(&t.0).skip(*seen).map(|(a, b)| 0.5 * (a - b)));
    let held_out_relative = rms(unseen);
    let all: Vec<usize> = traces.iter().map(|t| t.1.len()).collect();
    let whole = fit(&all, vec![first.values()], options.starts)?;
    let values = whole.values();
    let fitted = mean(&values);
    let rms_relative = rms(whole.residuals.iter().map(|r| 0.5 * r));

    // What the mean trace leaves, over lags: scatter of steps grows with the lag, noise of reads does not.
    let left: Vec<Vec<f64>> = fitted
        .iter()
        .zip(&traces)
        .map(|(m, (values, _))| m.iter().zip(values).map(|(m, v)| v - m).collect())
        .collect();
    let (noise, scatter) = spread(&left);
    let moves = fitted.iter().flat_map(|m| m.windows(2).map(|w| (w[1] - w[0]) * (w[1] - w[0])));
    let (steps, count) = moves.fold((0.0, 0.0_f64), |(s, n), d| (s + d, n + 1.0));
    let count = count.max(1.0);
    let step = (steps / count).sqrt();
    let pulse = law.pulse(&values[..own], longest, if step > 0.0 { scatter / step } else { 0.0 }, noise);
    let bounds = law.bounds(&values[..own]);
    let conductance = |w: f64| range_s.0 + 0.5 * (w + 1.0) * (range_s.1 - range_s.0);
    let cell = CellSpec {
        write: None,
        pulse: Some(pulse),
        retention: None,
        noise: None,
        endurance: None,
        faults: None,
        g_min_s: conductance(bounds.0).max(0.0),
        g_max_s: conductance(bounds.1),
    };
    let siemens = |g: f64| quantity::format(quantity::rounded(g, 4), Dimension::Siemens);
    let pulses: usize = all.iter().sum();
    let device = DeviceSpec {
        name: options.name.clone(),
        title: format!("{} fitted to {}", law.name(), options.label),
        class: "memristor".to_owned(),
        source: format!(
            "Fit of {} to {}: {pulses} pulses in {} trace(s); RMS error of the mean trace {:.2} % of the range, {:.2} % \
             on pulses not fitted ({held_out}).",
            law.name(),
            options.label,
            traces.len(),
            100.0 * rms_relative,
            100.0 * held_out_relative
        ),
        differences: options
            .range_s
            .map(|(a, b)| {
                format!(
                    "The data are weights from {low} to {high}; that these are {} and {} was said by the user.",
                    siemens(a),
                    siemens(b)
                )
            })
            .into_iter()
            .collect(),
        valid_range: format!(
            "Trains of up to {longest} pulses of one kind each way between {} and {}; nothing was measured beyond, nor \
             how devices differ.",
            siemens(range_s.0),
            siemens(range_s.1)
        ),
        valid: Default::default(),
        compact: None,
        operation: None,
        spread: Default::default(),
        cell: Some(cell),
    };
    device.validate()?;
    let mean = fitted.iter().map(|m| m.iter().map(|w| middle + half * w).collect()).collect();
    Ok(PulseFit {
        law: law.name(),
        device,
        estimates: whole.estimates,
        undetermined: whole.undetermined,
        rms_relative,
        held_out_relative,
        held_out,
        noise_relative: 0.5 * noise,
        c2c_relative: 0.5 * scatter,
        mean,
    })
}

/// Standard deviations of reads and of steps, from what the mean traces leave: the variance of its increments over k
/// pulses is 2 noise^2 + k scatter^2. The slope is taken over long lags, since noise may have a memory of a few pulses.
fn spread(left: &[Vec<f64>]) -> (f64, f64) {
    let variance = |k: usize| {
        let all = left.iter().flat_map(|x| x.iter().zip(x.iter().skip(k)).map(|(a, b)| (b - a) * (b - a)));
        let (sum, count) = all.fold((0.0, 0.0), |(s, n), d| (s + d, n + 1.0_f64));
        sum / count.max(1.0)
    };
    let longest = left.iter().map(Vec::len).max().unwrap_or(0);
    let (near, far) = ((longest / 40).max(1), (longest / 10).max(2));
    let scatter = ((variance(far) - variance(near)) / (far - near).max(1) as f64).max(0.0);
    let noise = (0.5 * (variance(1) - scatter)).max(0.0);
    (noise.sqrt(), scatter.sqrt())
}

impl PulseFit {
    /// The same as a table: mean and spread of a step over the conductance, without a law behind it.
    ///
    /// # Errors
    /// A description without pulses, which a fit never makes.
    pub fn table(&self) -> Result<DeviceSpec, MeasurementError> {
        let mut device = self.device.clone();
        let nothing = || MeasurementError::Data("the description has no pulses".to_owned());
        let cell = device.cell.as_mut().ok_or_else(nothing)?;
        let law = Law::ALL.into_iter().find(|l| l.name() == self.law).ok_or_else(nothing)?;
        let values: Vec<f64> = self.estimates.iter().map(|e| e.value).collect();
        let (a, b) = law.bounds(&values);
        let unit_s = (cell.g_max_s - cell.g_min_s) / (b - a);
        let knot = |k: usize| a + (b - a) * k as f64 / (KNOTS - 1) as f64;
        let stimulus = |name: &str, up: bool| TableStimulus {
            name: name.to_owned(),
            voltage_v: None,
            width_s: None,
            mean: (0..KNOTS).map(|k| law.step(&values, knot(k), up)).collect(),
            spread: vec![2.0 * self.c2c_relative; 2],
            d2d: 0.0,
            cycle: 0.0,
        };
        cell.pulse = Some(Pulse::Table(PulseTable {
            unit_s,
            bounds: None,
            stimuli: vec![stimulus("up", true), stimulus("down", false)],
        }));
        device.title = format!("Steps fitted to {}", self.device.title);
        device.validate()?;
        Ok(device)
    }
}

/// What `cells` cells of a device do under a sequence of pulses from `initial_s`; `stimuli` are the law's numbers (0 up, 1
/// down for the step laws).
///
/// # Errors
/// No pulse law, a conductance or stimulus that the device does not know, no cell, `watch`.
pub fn predict_pulses(
    device: &DeviceSpec,
    initial_s: f64,
    stimuli: &[u16],
    cells: usize,
    key: Key,
    watch: &dyn Watch,
) -> Result<Prediction, MeasurementError> {
    if cells == 0 {
        return Err(MeasurementError::Data("a prediction needs at least one cell".to_owned()));
    }
    let mut array = CellArray::new(device.statistics()?, cells, key)?;
    array.set(&vec![initial_s as f32; cells])?;
    let mut g = vec![0.0_f32; cells];
    let mut out = Prediction::default();
    for stimulus in stimuli {
        array.pulse_all(*stimulus, 1)?;
        array.conductances(&mut g)?;
        let n = cells as f64;
        let mean = g.iter().map(|g| f64::from(*g)).sum::<f64>() / n;
        let square = g.iter().map(|g| (f64::from(*g) - mean) * (f64::from(*g) - mean)).sum::<f64>();
        out.mean_s.push(mean);
        out.std_s.push((square / (n - 1.0).max(1.0)).sqrt());
        watch.step(1)?;
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
