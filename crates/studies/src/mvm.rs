//! `mvm`: how far analog matrix products are from exact ones.
//!
//! The error of a product is `||y - y0|| / ||y0||` for one input vector, `y` from the chip and `y0` the same
//! product in floating point (Euclidean norms). Random weights and inputs are the hard case: a trained
//! network's errors average out over layers and classes, these do not.

use neurohm_array::{AnalogMatrix, ChipSpec, SettingError, Tally};
use neurohm_num::{Key, Purpose, Rows, RowsMut, quantity, stats};
use neurohm_study::record::{Axis, Better, Cell, Column, Line, Map, Series, Table};
use neurohm_study::{Inputs, Outcome, Run, Study, StudyError};
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The study.
pub struct Mvm;

/// How random weights or inputs are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Standard normal.
    Gaussian,
    /// Evenly between -1 and 1.
    Uniform,
}

/// What `mvm` can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MvmConfig {
    /// Rows and columns of the matrix that the figure of merit is measured on.
    pub size: usize,
    /// Rows and columns of the matrices in the figure over size.
    pub sizes: Vec<usize>,
    /// Input vectors a matrix.
    pub vectors: usize,
    /// How weights are drawn.
    pub weights: Distribution,
    /// How inputs are drawn.
    pub inputs: Distribution,
    /// When the figure of merit is measured, after programming.
    #[serde(with = "quantity::second")]
    #[schemars(with = "String")]
    pub at: f64,
    /// Times after programming in the figure over time.
    #[serde(with = "quantity::vec_second")]
    #[schemars(with = "Vec<String>")]
    pub times: Vec<f64>,
    /// Bits of both converters in the figure over converter bits. A chip without gets the default chip's.
    pub bits: Vec<u32>,
}

const DAY: f64 = 86_400.0;
/// The times that the issue of drift is told at: 20 s, 1 h, 1 day, 1 month, 1 year.
pub(crate) const TIMES: [f64; 5] = [20.0, 3_600.0, DAY, 30.0 * DAY, 365.0 * DAY];
/// Side of the largest block of a matrix that is drawn as a map.
const MAP: usize = 64;

impl Default for MvmConfig {
    fn default() -> Self {
        Self {
            size: 256,
            sizes: vec![32, 64, 128, 256, 512],
            vectors: 64,
            weights: Distribution::Gaussian,
            inputs: Distribution::Gaussian,
            at: DAY,
            times: TIMES.to_vec(),
            bits: vec![4, 5, 6, 7, 8, 10],
        }
    }
}

impl Study for Mvm {
    const NAME: &'static str = "mvm";
    const REVISION: u32 = 1;
    type Config = MvmConfig;
    type Shared = ();

    fn title(&self) -> &'static str {
        "Matrix products"
    }
    fn about(&self) -> &'static str {
        "How far is a product that the chip computes from the exact one? Random matrices are programmed and \
         multiplied with random vectors; the error is ||y - y0|| / ||y0|| for each vector, against a \
         floating-point product, as mean and spread over vectors, and with its interval over chips. Drawn over \
         time since programming, matrix size and converter bits, forward and transposed."
    }
    fn merit(&self) -> &'static str {
        "error"
    }
    /// A twentieth, or what the converters alone cost where that is more.
    fn target(&self, _merit: &str, ideal: f64) -> f64 {
        (1.25 * ideal).max(0.05)
    }
    fn uses(&self, _config: &MvmConfig) -> &'static [&'static str] {
        crate::ALL_SECTIONS
    }
    fn idle(&self, _config: &MvmConfig) -> &'static [(&'static str, &'static str)] {
        &[("mapping.bias", "the matrix of this study has no biases")]
    }
    fn full(&self) -> MvmConfig {
        let day_by_day = [60.0, 600.0, 6.0 * 3_600.0, 7.0 * DAY, 180.0 * DAY];
        let mut times: Vec<f64> = TIMES.into_iter().chain(day_by_day).collect();
        times.sort_by(f64::total_cmp);
        MvmConfig {
            size: 512,
            sizes: vec![16, 32, 64, 128, 256, 512, 1024],
            vectors: 256,
            times,
            bits: (3..=12).collect(),
            ..MvmConfig::default()
        }
    }
    fn smoke(&self) -> MvmConfig {
        MvmConfig {
            size: 24,
            sizes: vec![8, 24],
            vectors: 4,
            at: 3_600.0,
            times: vec![20.0, 3_600.0],
            bits: vec![4, 8],
            ..MvmConfig::default()
        }
    }
    fn check(&self, c: &MvmConfig) -> Result<(), SettingError> {
        let sizes = c.sizes.iter().enumerate().map(|(i, n)| (format!("sizes[{i}]"), n));
        for (path, n) in sizes.chain([("size".to_string(), &c.size)]) {
            if !(1..=8192).contains(n) {
                return Err(SettingError::value(path, format!("a size of {n} is outside 1 to 8192")));
            }
        }
        if !(2..=100_000).contains(&c.vectors) {
            let message = format!("vectors = {} is outside 2 to 100000", c.vectors);
            return Err(SettingError::value("vectors", message));
        }
        if let Some(i) = c.bits.iter().position(|b| !(2..=22).contains(b)) {
            let message = format!("{} converter bits are outside 2 to 22", c.bits[i]);
            return Err(SettingError::value(format!("bits[{i}]"), message));
        }
        crate::check_times(c.at, &c.times)
    }
    fn horizon_s(&self, c: &MvmConfig) -> Option<f64> {
        Some(c.times.iter().copied().fold(c.at, f64::max))
    }
    fn prepares_by_seed(&self) -> bool {
        false
    }
    fn work(&self, c: &MvmConfig, _shared: &(), _chip: &ChipSpec, merit_only: bool) -> u64 {
        let figures = if merit_only { 0 } else { c.bits.len() + c.sizes.len() };
        (crate::instants(c.at, &c.times, merit_only).len() + figures) as u64
    }
    fn prepare(&self, _config: &MvmConfig, _inputs: &dyn Inputs, _run: &Run<'_>) -> Result<(), StudyError> {
        Ok(())
    }

    fn trial(
        &self,
        c: &MvmConfig,
        _shared: &(),
        chip: &ChipSpec,
        run: &Run<'_>,
    ) -> Result<Outcome, StudyError> {
        let mut out = Outcome::default();
        let mut tally = Tally::default();
        let case = Case::draw(c, c.size, run.key);
        let mut matrix = case.program(chip, run.key)?;
        let mut elapsed = 0.0;
        let mut over_time = Vec::new();
        for t in crate::instants(c.at, &c.times, run.merit_only) {
            matrix.advance(t - elapsed)?;
            elapsed = t;
            matrix.read()?;
            run.step(1)?;
            if run.merit_only && t < c.at {
                continue;
            }
            let (y, counted) = case.forward(&matrix)?;
            tally += counted;
            let errors = relative_errors(&y, &case.y, c.size);
            if t == c.at {
                let (x, counted) = case.transposed(&matrix)?;
                tally += counted;
                merits(&mut out, &errors, &relative_errors(&x, &case.xt, c.size), t);
                if !run.merit_only {
                    maps(&mut out, &case, &matrix, &y, t)?;
                }
            }
            over_time.push((t, errors));
        }
        tally += matrix.events();
        out.limits.insert("error".into(), [0.0, f64::INFINITY]);
        out.tally = tally.named().into_iter().map(|(k, v)| (k.to_string(), v)).collect();
        if run.merit_only {
            return Ok(out);
        }

        let at = quantity::format(c.at, quantity::Dimension::Second);
        if !c.times.is_empty() {
            let at_time = |p: &(f64, Vec<f64>)| c.times.contains(&p.0);
            let points: Vec<_> = over_time.into_iter().filter(at_time).collect();
            let caption = format!(
                "Relative error of a {0} x {0} product against time since programming: the mean over vectors, and \
                 the vector that 95 of 100 stay below.",
                c.size
            );
            out.series.push(figure("error_over_time", caption, "time since programming", "s", &points));
        }
        if !c.bits.is_empty() {
            let points = c.bits.par_iter().map(|&bits| {
                let mut chip = chip.clone();
                chip.set_converter_bits(Some(bits), Some(bits));
                let errors = case.errors_at(&chip, run.key, c.at)?;
                run.step(1)?;
                Ok((f64::from(bits), errors))
            });
            let points: Vec<_> = points.collect::<Result<_, StudyError>>()?;
            let caption =
                format!("Relative error {at} after programming against the bits of both converters.");
            out.series.push(figure("error_over_bits", caption, "converter bits", "1", &points));
        }
        if !c.sizes.is_empty() {
            let points = c.sizes.par_iter().map(|&size| {
                let case = Case::draw(c, size, run.key);
                let mut matrix = case.program(chip, run.key)?;
                matrix.advance(c.at)?;
                matrix.read()?;
                let errors = relative_errors(&case.forward(&matrix)?.0, &case.y, size);
                run.step(1)?;
                Ok((size, matrix.tiles(), matrix.devices(), errors))
            });
            let points: Vec<_> = points.collect::<Result<_, StudyError>>()?;
            let caption =
                format!("Relative error {at} after programming against the rows and columns of the matrix.");
            let line: Vec<_> = points.iter().map(|p| (p.0 as f64, p.3.clone())).collect();
            out.series.push(figure("error_over_size", caption, "rows and columns", "1", &line));
            out.tables.push(sizes_table(&points, &at));
        }
        for s in &out.series {
            out.limits.insert(s.name.clone(), [0.0, f64::INFINITY]);
        }
        Ok(out)
    }
}

/// Weights, inputs and exact products of one matrix.
struct Case {
    size: usize,
    w: Vec<f32>,
    x: Vec<f32>,
    d: Vec<f32>,
    /// Inputs of the same kind as `x` and `d` that converters take their ranges from: not those judged.
    calibration: [Vec<f32>; 2],
    /// x W
    y: Vec<f32>,
    /// d W'
    xt: Vec<f32>,
}

impl Case {
    fn draw(c: &MvmConfig, size: usize, key: Key) -> Self {
        let key = key.child("case", size as u64);
        let fill = |name: &str, how: Distribution, n: usize| {
            let stream = key.child(name, 0).stream(Purpose::Data, 0);
            let mut v = vec![0.0f32; n];
            match how {
                Distribution::Gaussian => stream.fill_normal(0, &mut v),
                Distribution::Uniform => {
                    stream.fill_uniform(0, &mut v);
                    v.iter_mut().for_each(|u| *u = 2.0 * *u - 1.0);
                }
            }
            v
        };
        let w = fill("weights", c.weights, size * size);
        let x = fill("inputs", c.inputs, c.vectors * size);
        let d = fill("errors", c.inputs, c.vectors * size);
        let calibration = ["inputs to calibrate on", "errors to calibrate on"]
            .map(|name| fill(name, c.inputs, c.vectors * size));
        let mut case = Self {
            size,
            w,
            x,
            d,
            calibration,
            y: vec![0.0; c.vectors * size],
            xt: vec![0.0; c.vectors * size],
        };
        for (r, (y, xt)) in case.y.chunks_exact_mut(size).zip(case.xt.chunks_exact_mut(size)).enumerate() {
            let x = &case.x[r * size..(r + 1) * size];
            let d = &case.d[r * size..(r + 1) * size];
            // In double precision and in a fixed order: the reference has no error to speak of.
            let mut sums = vec![0.0f64; size];
            for (i, row) in case.w.chunks_exact(size).enumerate() {
                let (xi, mut dot) = (f64::from(x[i]), 0.0);
                for (j, &w) in row.iter().enumerate() {
                    sums[j] += xi * f64::from(w);
                    dot += f64::from(d[j]) * f64::from(w);
                }
                xt[i] = dot as f32;
            }
            y.iter_mut().zip(&sums).for_each(|(y, s)| *y = *s as f32);
        }
        case
    }
}

impl Case {
    fn program(&self, chip: &ChipSpec, key: Key) -> Result<AnalogMatrix, StudyError> {
        let weights = rows(&self.w, self.size, self.size)?;
        let mut matrix = AnalogMatrix::program(weights, chip, key.child("matrix", self.size as u64))?;
        if chip.needs_calibration() {
            matrix.read()?;
            matrix.calibrate(rows(&self.calibration[0], self.vectors(), self.size)?)?;
            matrix.calibrate_transposed(rows(&self.calibration[1], self.vectors(), self.size)?)?;
        }
        Ok(matrix)
    }

    fn vectors(&self) -> usize {
        self.x.len() / self.size
    }

    fn forward(&self, matrix: &AnalogMatrix) -> Result<(Vec<f32>, Tally), StudyError> {
        let mut y = vec![0.0; self.y.len()];
        let mut out = rows_mut(&mut y, self.vectors(), self.size)?;
        let tally = matrix.forward(rows(&self.x, self.vectors(), self.size)?, &mut out, 0)?;
        Ok((y, tally))
    }

    fn transposed(&self, matrix: &AnalogMatrix) -> Result<(Vec<f32>, Tally), StudyError> {
        let mut x = vec![0.0; self.xt.len()];
        let mut out = rows_mut(&mut x, self.vectors(), self.size)?;
        let tally = matrix.transpose(rows(&self.d, self.vectors(), self.size)?, &mut out, 0)?;
        Ok((x, tally))
    }

    fn errors_at(&self, chip: &ChipSpec, key: Key, t: f64) -> Result<Vec<f64>, StudyError> {
        let mut matrix = self.program(chip, key)?;
        matrix.advance(t)?;
        matrix.read()?;
        Ok(relative_errors(&self.forward(&matrix)?.0, &self.y, self.size))
    }
}

fn rows(data: &[f32], rows: usize, cols: usize) -> Result<Rows<'_>, StudyError> {
    Rows::new(data, rows, cols).map_err(StudyError::study)
}

fn rows_mut(data: &mut [f32], rows: usize, cols: usize) -> Result<RowsMut<'_>, StudyError> {
    RowsMut::new(data, rows, cols).map_err(StudyError::study)
}

/// `||y - y0|| / ||y0||` of each row.
fn relative_errors(y: &[f32], y0: &[f32], width: usize) -> Vec<f64> {
    let error = |(y, y0): (&[f32], &[f32])| {
        let (mut difference, mut norm) = (0.0f64, 0.0f64);
        for (a, b) in y.iter().zip(y0) {
            difference += (f64::from(*a) - f64::from(*b)).powi(2);
            norm += f64::from(*b).powi(2);
        }
        if difference == 0.0 { 0.0 } else { (difference / norm).sqrt() }
    };
    y.chunks_exact(width).zip(y0.chunks_exact(width)).map(error).collect()
}

fn merits(out: &mut Outcome, forward: &[f64], transposed: &[f64], t: f64) {
    let at = quantity::format(t, quantity::Dimension::Second);
    let lower = Some(Better::Lower);
    let mut put =
        |name: &str, value: f64, better, about: String| out.measure(name, value, "1", better, about);
    put(
        "error",
        stats::mean(forward),
        lower,
        format!("relative error of y = x W {at} after programming, mean over vectors"),
    );
    put(
        "error_spread",
        stats::sd(forward),
        None,
        "standard deviation of that error over vectors".to_string(),
    );
    put(
        "error_transposed",
        stats::mean(transposed),
        lower,
        format!("relative error of x = d W' (backwards through the same devices) {at} after programming"),
    );
    put(
        "error_transposed_spread",
        stats::sd(transposed),
        None,
        "standard deviation of the transposed product's error over vectors".to_string(),
    );
}

fn figure(name: &str, caption: String, x: &str, unit: &str, points: &[(f64, Vec<f64>)]) -> Series {
    let line = |name: &str, of: &dyn Fn(&[f64]) -> f64| {
        Line::new(name, points.iter().map(|p| p.0).collect(), points.iter().map(|p| of(&p.1)).collect())
    };
    Series {
        name: name.to_string(),
        caption,
        x: Axis { label: x.to_string(), unit: unit.to_string(), log: x != "converter bits" },
        y: Axis::logarithmic("relative error", "1"),
        lines: vec![
            line("mean", &stats::mean),
            line("95 of 100 vectors below", &|e| stats::quantile(e, 0.95).unwrap_or(f64::NAN)),
        ],
    }
}

fn sizes_table(points: &[(usize, usize, u64, Vec<f64>)], at: &str) -> Table {
    let column = |name: &str| Column { name: name.to_string(), unit: String::new() };
    let row = |(size, tiles, devices, errors): &(usize, usize, u64, Vec<f64>)| {
        [*size as f64, *tiles as f64, *devices as f64, stats::mean(errors), stats::sd(errors)]
            .map(Cell::Number)
            .to_vec()
    };
    Table {
        name: "sizes".to_string(),
        caption: format!(
            "Square matrices on the chip, and the error of their products {at} after programming."
        ),
        columns: ["rows and columns", "crossbars", "devices", "relative error", "spread over vectors"]
            .map(column)
            .to_vec(),
        rows: points.iter().map(row).collect(),
    }
}

/// What the chip made of the weights, and where products are wrong.
fn maps(out: &mut Outcome, case: &Case, matrix: &AnalogMatrix, y: &[f32], t: f64) -> Result<(), StudyError> {
    let n = case.size;
    let side = n.min(MAP);
    let mut stored = vec![0.0; n * n];
    matrix.weights(&mut rows_mut(&mut stored, n, n)?)?;
    let largest = case.w.iter().fold(0.0f32, |m, w| m.max(w.abs()));
    let at = quantity::format(t, quantity::Dimension::Second);
    let block = |rows: usize, cols: usize, value: &dyn Fn(usize) -> f32| -> Vec<f32> {
        (0..rows).flat_map(|r| (0..cols).map(move |c| r * n + c)).map(value).collect()
    };
    out.maps.push(Map {
        name: "weight_error".to_string(),
        caption: format!("Stored minus wanted weight {at} after programming; the first rows and columns."),
        rows: side,
        cols: side,
        values: block(side, side, &|i| 100.0 * (stored[i] - case.w[i]) / largest),
        label: "error of the weight, of the largest weight".to_string(),
        unit: "%".to_string(),
        diverging: true,
        axes: None,
        half: Vec::new(),
    });
    let vectors = case.vectors().min(MAP);
    let size =
        (case.y.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / case.y.len() as f64).sqrt() as f32;
    out.maps.push(Map {
        name: "product_error".to_string(),
        caption: format!(
            "Error of single outputs {at} after programming: an input vector a row, an output a column."
        ),
        rows: vectors,
        cols: side,
        values: block(vectors, side, &|i| 100.0 * (y[i] - case.y[i]) / size),
        label: "error of the output, of the outputs' root mean square".to_string(),
        unit: "%".to_string(),
        diverging: true,
        axes: None,
        half: Vec::new(),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use neurohm_array::gemm;

    #[test]
    fn errors_are_norms_of_differences_over_norms() {
        let e = relative_errors(&[3.0, 5.0, 1.0, 0.0], &[3.0, 4.0, 1.0, 0.0], 2);
        assert_eq!(e, vec![0.2, 0.0]);
    }

    #[test]
    fn exact_products_are_those_of_the_gemm() {
        let c = MvmConfig { vectors: 3, ..MvmConfig::default() };
        let case = Case::draw(&c, 17, Key::root(1));
        let mut y = vec![0.0; 3 * 17];
        gemm(
            Rows::new(&case.x, 3, 17).unwrap(),
            Rows::new(&case.w, 17, 17).unwrap(),
            &mut RowsMut::new(&mut y, 3, 17).unwrap(),
            0.0,
        );
        for e in relative_errors(&y, &case.y, 17) {
            assert!(e < 1e-6, "{e}");
        }
    }
}
