//! Products of cells that do not obey Ohm's law, as a few products of matrices.
//!
//! The current of a cell of conductance `G` at an input `x` is expanded in currents at a few chosen inputs:
//!
//! ```text
//! I(G, x) = sum_k I(G, x_k) phi_k(x)
//! ```
//!
//! so that a crossbar's outputs are `sum_k phi_k(x) W_k`, one GEMM a term, `W_k` holding the cells' true currents at `x_k`.
//! Inputs and conductances that stand for the others are picked one after the other where what is left is largest (a
//! cross approximation with complete pivoting: Goreinov, Tyrtyshnikov and Zamarashkin, recalled). A law that separates into
//! `G f(x)` has one term and is exact; a selector in series takes some four to twenty. Where a DAC has few levels and nothing
//! is added to its voltages, `phi_k` is known at these levels exactly; else it is interpolated between 256 or 2048 of them.
//!
//! What is left is measured, at levels and conductances that took no part, and must stay below [`CURRENT_BOUND`] of the
//! current of the largest conductance at full voltage.
//!
//! Inputs below zero give the negative current of their magnitude: a bidirectional cell does, and for one that conducts one
//! way only (a diode, a transistor) chips apply them in a phase of their own and subtract. Noise of a cell's conductance
//! shows in its current by `dI/dG` at that input, to first order in the noise; its variance is expanded in the same way.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};

use neurohm_device::Nonidealities;

use crate::ArrayError;
use crate::cells::{Cells, Drive};
use crate::chip::{ChipSpec, ReadNoise};
use crate::converter::Dac;

/// What is left of a current, as a part of the largest.
pub(crate) const CURRENT_BOUND: f64 = 1e-4;
/// What is left of the square of `(G + G0) dI/dG`, as a part of the largest.
const VARIANCE_BOUND: f64 = 1e-3;
/// `G0` as a part of the largest conductance: cells that hardly conduct follow their conductance most, and have least of it.
const FAINT: f64 = 3e-3;
/// Most products that stand for one.
const MOST_TERMS: usize = 127;
/// Most levels of a DAC, above zero, that are taken one by one.
const MOST_LEVELS: usize = 255;
/// Pieces that any input lies in one of: few where they do, many where cells bend sharply.
const PIECES: [usize; 2] = [256, 2048];
/// Conductances that those which stand for the others are chosen from, and as many that the result is measured at; up to
/// twice as many.
const CHOICE: usize = 48;
/// Halvings of the range of conductances.
const DEEPEST: u32 = 22;

/// Functions of the input, tabulated: odd or even in it, and zero at zero.
#[derive(Clone, Debug)]
pub(crate) struct Basis {
    /// Codes times this are places in the tables.
    per_code: f32,
    /// Whether codes are places, and nothing lies in between.
    whole: bool,
    odd: bool,
    tables: Vec<Vec<f32>>,
}

impl Basis {
    /// Values of function `k` at these codes.
    pub(crate) fn expand(&self, k: usize, codes: &[f32], out: &mut [f32]) {
        let table = &self.tables[k];
        let signed = |value: f32, code: f32| if self.odd && code < 0.0 { -value } else { value };
        if self.whole {
            let last = table.len() - 1;
            for (out, code) in out.iter_mut().zip(codes) {
                *out = signed(table[(code.abs() as usize).min(last)], *code);
            }
            return;
        }
        // Four points around the place; one lies behind the last piece.
        let pieces = table.len() - 2;
        for (out, code) in out.iter_mut().zip(codes) {
            let place = (code.abs() * self.per_code).min(pieces as f32);
            let first = (place as usize).min(pieces - 1);
            let t = place - first as f32;
            let before =
                if first == 0 { if self.odd { -table[1] } else { table[1] } } else { table[first - 1] };
            let (a, b, c) = (table[first], table[first + 1], table[first + 2]);
            let value = -t * (t - 1.0) * (t - 2.0) / 6.0 * before
                + (t + 1.0) * (t - 1.0) * (t - 2.0) / 2.0 * a
                - (t + 1.0) * t * (t - 2.0) / 2.0 * b
                + (t + 1.0) * t * (t - 1.0) / 6.0 * c;
            *out = signed(value, *code);
        }
    }
}

/// A function of conductance and input as a sum of products.
#[derive(Clone, Debug)]
pub(crate) struct Curve {
    pub basis: Basis,
    /// Conductances, S, rising from 0.
    knots: Vec<f64>,
    /// At each knot the value of each term.
    values: Vec<f32>,
    terms: usize,
    /// What is left, as measured; as a part of the largest current.
    pub left: f64,
}

impl Curve {
    pub(crate) fn terms(&self) -> usize {
        self.terms
    }

    /// Every term of a cell of conductance `g`, S: the values at the knots around it and the part of the second.
    #[inline]
    pub(crate) fn at(&self, g: f32) -> (&[f32], &[f32], f32) {
        let g = f64::from(g);
        let after = self.knots.partition_point(|knot| *knot <= g).clamp(1, self.knots.len() - 1);
        let (a, b) = (self.knots[after - 1], self.knots[after]);
        let part = ((g - a) / (b - a)).clamp(0.0, 1.0);
        let values = &self.values[(after - 1) * self.terms..(after + 1) * self.terms];
        let (a, b) = values.split_at(self.terms);
        (a, b, part as f32)
    }
}

/// The inputs at which functions are known.
struct Grid {
    /// Inputs as parts of the full one, rising, above 0.
    x: Vec<f64>,
    whole: bool,
    per_code: f32,
    /// Value of the full input as a code.
    full: f64,
}

impl Grid {
    fn of(dac: &Dac, input_noise: f64, pieces: usize) -> Self {
        let largest = dac.largest_drive().map(f64::from);
        let full = largest.unwrap_or(1.0);
        match largest {
            Some(levels) if levels as usize <= MOST_LEVELS && input_noise == 0.0 => {
                let x = (1..=levels as usize).map(|l| l as f64 / levels).collect();
                Self { x, whole: true, per_code: 1.0, full }
            }
            _ => {
                // Noise leaves the range of the converter.
                let top = 1.0 + 6.0 * input_noise;
                let step = top / pieces as f64;
                let x = (1..=pieces + 1).map(|l| l as f64 * step).collect();
                Self { x, whole: false, per_code: (1.0 / (step * full)) as f32, full }
            }
        }
    }

    fn basis(&self, odd: bool, functions: Vec<Vec<f64>>) -> Basis {
        let table =
            |values: Vec<f64>| std::iter::once(0.0).chain(values.into_iter().map(|v| v as f32)).collect();
        let tables = functions.into_iter().map(table).collect();
        Basis { per_code: self.per_code, whole: self.whole, odd, tables }
    }
}

/// All that a response follows from.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    cells: Cells,
    dac: Dac,
    input_noise: f64,
    read_v: f64,
    g_min_s: f64,
    g_max_s: f64,
    top_s: f64,
    noisy: bool,
}

/// The last few responses: every layer of a network, and every chip of a study, asks for the same one.
static LAST: Mutex<Vec<(Asked, Arc<Response>)>> = Mutex::new(Vec::new());

/// How many.
const KEPT: usize = 4;

/// What cells of a chip do.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// Currents, in units of what a full weight adds at full voltage.
    pub current: Curve,
    /// Codes of the read voltages of inputs, where these are not in proportion and no noise is added.
    pub voltage: Option<Basis>,
    /// Squares of `(G + faint) dI/dG` in the same units, where some noise is redrawn.
    pub noise: Option<Curve>,
    /// A small conductance, S.
    pub faint_s: f64,
    /// Codes of the read voltages of inputs, where noise is added to these.
    pub bend: Option<Basis>,
    /// Largest conductance that it is made for, S.
    pub top_s: f64,
    /// Current of a full weight at full voltage, as a conductance, S.
    pub full_s: f64,
}

impl Response {
    /// For a chip as it is programmed; `None` where cells are linear.
    pub(crate) fn at_first(chip: &ChipSpec) -> Result<Option<Arc<Self>>, ArrayError> {
        let noise = chip.nonidealities().iter().any(|n| n.path.starts_with("device.noise"));
        Self::of(chip, 0.0, noise && matches!(chip.read.noise, ReadNoise::Split { .. }))
    }

    /// For conductances up to `most_s`, with or without noise of single reads; `None` where cells are linear.
    pub(crate) fn of(chip: &ChipSpec, most_s: f64, noisy: bool) -> Result<Option<Arc<Self>>, ArrayError> {
        if chip.cells.are_linear() {
            return Ok(None);
        }
        let device = chip.device.statistics()?;
        let mut top_s = 1.25 * device.g_max_s;
        while top_s < most_s {
            top_s *= 1.25;
        }
        let asked = Asked {
            cells: chip.cells.clone(),
            dac: chip.dac.clone(),
            input_noise: chip.input_noise,
            read_v: chip.read.voltage_v,
            g_min_s: device.g_min_s,
            g_max_s: device.g_max_s,
            top_s,
            noisy,
        };
        // Held while one is found, so that others wait for it instead of finding it too.
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, found)) = last.iter().find(|(of, _)| *of == asked) {
            return Ok(Some(found.clone()));
        }
        let found = Self::find(&asked, PIECES[0]).or_else(|_| Self::find(&asked, PIECES[1]));
        let found = Arc::new(found?);
        if last.len() == KEPT {
            last.remove(0);
        }
        last.push((asked, found.clone()));
        Ok(Some(found))
    }

    fn find(asked: &Asked, pieces: usize) -> Result<Self, ArrayError> {
        let Asked { ref cells, read_v, g_min_s, g_max_s, top_s, noisy, .. } = *asked;
        let law = cells.law();
        let grid = Grid::of(&asked.dac, asked.input_noise, pieces);
        // Neighbours are asked for one after the other, so each begins where the last one ended.
        let last = Cell::new(0.0);
        let cell = |g: f64, v: f64| {
            let mut guess = last.get();
            let found = law.alone_from(g, v, &mut guess);
            last.set(guess);
            found
        };
        let current = |g: f64, v: f64| cell(g, v).current_a;
        let largest = current(g_max_s, read_v);
        let full_s = (largest - current(g_min_s, read_v)) / read_v;
        let volt = |x: f64| match cells.drive {
            Drive::Even => x * read_v,
            Drive::Predistorted => even(|v| current(g_max_s, v), x * largest, read_v),
        };
        // Noise is on voltages: where there is any, the levels bend in front of it.
        let bends = cells.drive == Drive::Predistorted && asked.input_noise > 0.0;
        let bend = bends.then(|| {
            let step = grid.full / pieces as f64;
            let codes = (1..=pieces + 1).map(|l| grid.full * volt(l as f64 * step / grid.full) / read_v);
            let tables = vec![std::iter::once(0.0).chain(codes.map(|v| v as f32)).collect()];
            Basis { per_code: (1.0 / step) as f32, whole: false, odd: true, tables }
        });
        let applied = |x: f64| if bends { x * read_v } else { volt(x) };
        let unit = 1.0 / (full_s * read_v);
        let limit = CURRENT_BOUND * largest * unit;
        let place = |what: &'static str, left: f64| ArrayError::Response {
            what,
            left,
            bound: if what == "currents" { CURRENT_BOUND } else { VARIANCE_BOUND },
        };
        let found = expand(&grid, true, [top_s, limit], &|g, x| unit * current(g, applied(x)));
        let (functions, current) = found.map_err(|left| place("currents", left / limit * CURRENT_BOUND))?;
        // Codes of the voltages that inputs stand for, where they are others than the inputs'.
        let voltage = (cells.drive == Drive::Predistorted && !bends)
            .then(|| grid.basis(true, vec![grid.x.iter().map(|x| grid.full * volt(*x) / read_v).collect()]));
        let left = current.left * CURRENT_BOUND;
        let current = Curve { basis: grid.basis(true, scaled(functions, grid.full)), left, ..current };
        let noise = if noisy {
            let square = |g: f64, x: f64| {
                ((g + FAINT * g_max_s) * cell(g, applied(x)).per_conductance_v * unit).powi(2)
            };
            let top = grid.x.iter().map(|x| square(0.0, *x).max(square(g_max_s, *x)));
            let limit = VARIANCE_BOUND * top.fold(0.0, f64::max);
            let found = expand(&grid, false, [top_s, limit], &square);
            let (functions, noise) = found.map_err(|left| place("noise", left / limit * VARIANCE_BOUND))?;
            Some(Curve { basis: grid.basis(false, scaled(functions, grid.full.powi(2))), ..noise })
        } else {
            None
        };
        Ok(Self { current, voltage, noise, faint_s: FAINT * g_max_s, bend, top_s, full_s })
    }

    /// What each term weighs at full voltage.
    pub(crate) fn at_full(&self, full_code: f32) -> Vec<f32> {
        let mut value = [0.0];
        (0..self.current.terms)
            .map(|k| {
                self.current.basis.expand(k, &[full_code], &mut value);
                value[0] / full_code
            })
            .collect()
    }

    /// Terms of the noise.
    pub(crate) fn noise_terms(&self) -> usize {
        self.noise.as_ref().map_or(0, Curve::terms)
    }

    /// Numbers that it holds.
    pub(crate) fn floats(&self) -> usize {
        let curve = |c: &Curve| c.values.len() + 2 * c.knots.len();
        curve(&self.current) + self.noise.as_ref().map_or(0, curve)
    }
}

fn scaled(functions: Vec<Vec<f64>>, factor: f64) -> Vec<Vec<f64>> {
    functions.into_iter().map(|f| f.into_iter().map(|v| v * factor).collect()).collect()
}

/// The voltage at which a rising current is `wanted`, by bisection; `full_v` gives about the largest.
fn even(current: impl Fn(f64) -> f64, wanted: f64, full_v: f64) -> f64 {
    let (mut low, mut high) = (0.0, full_v);
    while current(high) < wanted && high < 16.0 * full_v {
        high *= 1.125;
    }
    // To the last digit or two.
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if current(middle) < wanted { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// A function of conductance (S) and input as a sum of products: the functions of the input at the points of `grid`, and
/// the rest with an empty basis. It is odd or even in the input. Or what is left of it where that is above `limit`.
fn expand(
    grid: &Grid,
    odd: bool,
    [top_s, limit]: [f64; 2],
    function: &dyn Fn(f64, f64) -> f64,
) -> Result<(Vec<Vec<f64>>, Curve), f64> {
    let points = grid.x.len();
    let mut shown: Vec<f64> = (1..=8).map(|part| grid.x[(part * points).div_ceil(8) - 1]).collect();
    let mut left = f64::INFINITY;
    for _ in 0..3 {
        let knots = knots(top_s, 0.3 * limit, &shown, function);
        // Some of the knots are enough to choose from.
        let stride = (knots.len() / CHOICE).max(1);
        let some = knots.iter().step_by(stride).chain(knots.last());
        let rows: Vec<Vec<f64>> = some.map(|g| grid.x.iter().map(|x| function(*g, *x)).collect()).collect();
        let picks = pick(rows.clone(), 0.3 * limit)?;
        let functions = cardinal(&rows, &picks);
        let terms = picks.len();
        let chosen =
            |g: &f64| -> Vec<f32> { picks.iter().map(|(_, c)| function(*g, grid.x[*c]) as f32).collect() };
        let values = knots.iter().flat_map(chosen).collect();
        let curve = Curve { basis: grid.basis(odd, Vec::new()), knots, values, terms, left: 0.0 };
        let (worst, at) = measure(grid, &functions, &curve, function);
        left = worst;
        if worst <= limit {
            return Ok((functions, Curve { left: worst / limit, ..curve }));
        }
        // Again with conductances that show what the chosen inputs, and the worst, ask for.
        shown.extend(picks.iter().map(|(_, c)| grid.x[*c]));
        shown.push(at);
    }
    Err(left)
}

/// Conductances between which the function is straight to `tolerance` at the inputs `shown`; a jump is enclosed.
fn knots(top_s: f64, tolerance: f64, shown: &[f64], function: &dyn Fn(f64, f64) -> f64) -> Vec<f64> {
    let at = |g: f64| -> Vec<f64> { shown.iter().map(|x| function(g, *x)).collect() };
    let begin: Vec<f64> = (0..=8).map(|part| top_s * f64::from(part) / 8.0).collect();
    let mut found = vec![0.0];
    for pair in begin.windows(2) {
        let mut open = vec![(pair[0], at(pair[0]), pair[1], at(pair[1]), 3)];
        while let Some((a, of_a, b, of_b, depth)) = open.pop() {
            let middle = 0.5 * (a + b);
            let of_middle = at(middle);
            let straight = of_middle
                .iter()
                .zip(of_a.iter().zip(&of_b))
                .all(|(m, (a, b))| (m - 0.5 * (a + b)).abs() <= tolerance);
            if straight || depth >= DEEPEST {
                found.push(b);
            } else {
                open.push((middle, of_middle.clone(), b, of_b, depth + 1));
                open.push((a, of_a, middle, of_middle, depth + 1));
            }
        }
    }
    found
}

/// Rows and columns that stand for all, in the order of picking; what is left of every other is at most `tolerance`. Or what
/// is left after [`MOST_TERMS`].
fn pick(mut rest: Vec<Vec<f64>>, tolerance: f64) -> Result<Vec<(usize, usize)>, f64> {
    let mut picks = Vec::new();
    loop {
        let (mut largest, mut place) = (0.0, (0, 0));
        for (r, row) in rest.iter().enumerate() {
            for (c, value) in row.iter().enumerate() {
                if value.abs() > largest {
                    (largest, place) = (value.abs(), (r, c));
                }
            }
        }
        if largest <= tolerance {
            return Ok(picks);
        }
        if picks.len() == MOST_TERMS {
            return Err(largest);
        }
        picks.push(place);
        let pivot = rest[place.0].clone();
        for row in &mut rest {
            let factor = row[place.1] / pivot[place.1];
            row.iter_mut().zip(&pivot).for_each(|(v, p)| *v -= factor * p);
            // Exactly, so that it is not picked again.
            row[place.1] = 0.0;
        }
    }
}

/// Functions of the columns, one a pick, that give every picked row from its values in the picked columns.
fn cardinal(rows: &[Vec<f64>], picks: &[(usize, usize)]) -> Vec<Vec<f64>> {
    let n = picks.len();
    let columns = rows.first().map_or(0, Vec::len);
    // A phi = R, by elimination in the order of picking, whose pivots were the largest.
    let mut a: Vec<Vec<f64>> =
        picks.iter().map(|(r, _)| picks.iter().map(|(_, c)| rows[*r][*c]).collect()).collect();
    let mut phi: Vec<Vec<f64>> = picks.iter().map(|(r, _)| rows[*r].clone()).collect();
    for k in 0..n {
        let (upper, lower) = a.split_at_mut(k + 1);
        let (right, below) = phi.split_at_mut(k + 1);
        for (row, values) in lower.iter_mut().zip(below) {
            let factor = row[k] / upper[k][k];
            (k..n).for_each(|c| row[c] -= factor * upper[k][c]);
            values.iter_mut().zip(&right[k]).for_each(|(v, p)| *v -= factor * p);
        }
    }
    for k in (0..n).rev() {
        for later in k + 1..n {
            let (right, below) = phi.split_at_mut(later);
            right[k].iter_mut().zip(&below[0]).for_each(|(v, p)| *v -= a[k][later] * p);
        }
        (0..columns).for_each(|c| phi[k][c] /= a[k][k]);
    }
    phi
}

/// The largest difference between a function and its sum of products, and the input where it is: halfway between knots, and
/// where inputs lie between points of the grid, halfway between these.
fn measure(
    grid: &Grid,
    functions: &[Vec<f64>],
    curve: &Curve,
    function: &dyn Fn(f64, f64) -> f64,
) -> (f64, f64) {
    let basis = grid.basis(curve.basis.odd, functions.to_vec());
    let inputs: Vec<f64> = if grid.whole {
        grid.x.clone()
    } else {
        let step = grid.x[0];
        (0..grid.x.len() - 1).map(|piece| (piece as f64 + 0.5) * step).collect()
    };
    let code = |x: &f64| if grid.whole { (x * grid.full).round() } else { x * grid.full };
    let codes: Vec<f32> = inputs.iter().map(|x| code(x) as f32).collect();
    let mut phi = vec![0.0; codes.len()];
    let by_term: Vec<Vec<f32>> = (0..functions.len())
        .map(|k| {
            basis.expand(k, &codes, &mut phi);
            phi.clone()
        })
        .collect();
    let top = curve.knots.last().copied().unwrap_or(0.0);
    let (mut worst, mut place) = (0.0, 0.0);
    let stride = ((curve.knots.len() - 1) / CHOICE).max(1);
    for pair in curve.knots.windows(2).step_by(stride) {
        // What is left of a jump in between is a matter of the last digits of a conductance.
        if pair[1] - pair[0] < 1e-6 * top {
            continue;
        }
        let g = 0.5 * (pair[0] + pair[1]);
        let (a, b, part) = curve.at(g as f32);
        for (l, x) in inputs.iter().enumerate() {
            let sum: f64 = (0..functions.len())
                .map(|k| f64::from(a[k] + part * (b[k] - a[k])) * f64::from(by_term[k][l]))
                .sum();
            let apart = (sum - function(g, *x)).abs();
            if apart.is_nan() || apart > worst {
                (worst, place) = (apart, *x);
            }
        }
    }
    (worst, place)
}
