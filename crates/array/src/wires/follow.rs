//! An effective matrix that follows small changes of its cells' conductances to first order, as long as it is measured to be
//! near enough.
//!
//! `W' = (W + W/G (G' - G)) s'/s`: a cell's own conductance counts by the voltages across it, and that of all others by how
//! far voltages and currents fall along lines of their mean conductances (`s`, see [`Approximation::MeanLines`]). The exact
//! gradient of every element for every cell would take more work than eliminating anew; what this one misses is measured
//! at each step, on two inputs that conjugate gradients solve from where they stood before.
//!
//! [`Approximation::MeanLines`]: super::Approximation::MeanLines

use neurohm_num::{Rows, Unwatched, Watch};

use super::check;
use super::iterate::{Start, System};
use super::linear::{Effective, LinearCrossbar};
use super::newton::Point;
use super::{WireError, Workspace};

/// Part of the change of a probe's voltages to which they are followed.
const PROBED: f64 = 1e-4;

/// An effective matrix, and what it needs to follow its cells.
#[derive(Clone, Debug)]
pub struct Followed {
    g: Vec<f64>,
    effective: Effective,
    shares: Shares,
    /// Voltages of bit-line nodes for each probe.
    probes: [Vec<f64>; 2],
}

/// Parts of currents and voltages that reach the ends of bit lines (of rows) and of word lines (of columns).
#[derive(Clone, Debug)]
struct Shares {
    rows: Vec<f64>,
    columns: Vec<f64>,
}

impl Shares {
    fn of(crossbar: &LinearCrossbar) -> Self {
        let (rows, columns) = crossbar.mean_shares();
        Self { rows, columns }
    }
}

/// Sources without a symmetry: all of one sign, and of both.
fn probe(number: usize, rows: usize) -> Vec<f64> {
    let turned = |i: usize, v: f64| if number == 1 && i.is_multiple_of(2) { -v } else { v };
    check::pattern(rows).into_iter().enumerate().map(|(i, v)| turned(i, v)).collect()
}

/// Currents of a probe for these cells, and voltages of its bit-line nodes.
fn currents(
    crossbar: &LinearCrossbar,
    number: usize,
    near: Option<&[f64]>,
) -> Result<(Vec<f64>, Vec<f64>), WireError> {
    let lines = [probe(number, crossbar.rows()), vec![0.0; crossbar.columns()]].concat();
    let mut system = System::new(crossbar);
    system.factor(crossbar.conductances());
    let start = Start { bit: near, left: PROBED, ..Start::default() };
    let (word, bit, _) = system.solve(&lines, &start, &Unwatched)?;
    let g: Vec<f64> = (0..crossbar.rows()).flat_map(|i| crossbar.conductances().row(i)).copied().collect();
    let i = g.iter().zip(word.iter().zip(&bit)).map(|(g, (w, b))| g * (w - b)).collect();
    let at = Point { word, bit, i, g, scale_v: 2.0 };
    Ok((check::out_currents(crossbar, &lines[crossbar.rows()..], &at), at.bit))
}

impl Followed {
    /// The exact effective matrix of an array, to be followed; none where it cannot be: lines without resistance or with
    /// almost none, or connected at both ends.
    ///
    /// # Errors
    /// As for [`LinearCrossbar::effective`].
    pub fn new(
        crossbar: &LinearCrossbar,
        workspace: &Workspace,
        watch: &dyn Watch,
    ) -> Result<(Effective, Option<Self>), WireError> {
        let effective = crossbar.effective(workspace, watch)?;
        if !crossbar.can_iterate_roughly() || !crossbar.has_mean_shares() {
            return Ok((effective, None));
        }
        let probes = [currents(crossbar, 0, None)?.1, currents(crossbar, 1, None)?.1];
        let g = (0..crossbar.rows()).flat_map(|i| crossbar.conductances().row(i)).copied().collect();
        let followed = Self { g, effective: effective.clone(), shares: Shares::of(crossbar), probes };
        Ok((effective, Some(followed)))
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        let numbers = [&self.g, &self.effective.w, &self.probes[0], &self.probes[1]].map(Vec::len);
        numbers.into_iter().sum::<usize>() * size_of::<f64>()
    }

    /// The matrix of the same lines with other cells to first order, and its error: that of the probes' currents, r.m.s., as a
    /// part of the r.m.s. current of the one whose voltages have one sign. None where that is more than `tolerance`.
    ///
    /// # Errors
    /// Another number of cells.
    pub fn follow(
        &self,
        crossbar: &LinearCrossbar,
        tolerance: f64,
    ) -> Result<Option<(Effective, f64)>, WireError> {
        let (m, n) = (self.effective.rows, self.effective.columns);
        if (crossbar.rows(), crossbar.columns()) != (m, n) {
            let (expected, found) = (m * n, crossbar.rows() * crossbar.columns());
            return Err(WireError::Voltages { what: "cells", expected, found });
        }
        let now = Shares::of(crossbar);
        let ratio =
            |now: &[f64], then: &[f64]| -> Vec<f64> { now.iter().zip(then).map(|(a, b)| a / b).collect() };
        let rows = ratio(&now.rows, &self.shares.rows);
        let columns = ratio(&now.columns, &self.shares.columns);
        let mut w = self.effective.w.clone();
        for i in 0..m {
            let (then, now) = (&self.g[i * n..(i + 1) * n], crossbar.conductances().row(i));
            for (j, (then, now)) in then.iter().zip(now).enumerate() {
                let w = &mut w[j * m + i];
                // Where a cell lets less pass than others send around it, or nothing, its own part is what the lines say.
                let own = self.shares.rows[i] * self.shares.columns[j];
                let slope = if *then > 0.0 && *w <= *then { *w / then } else { own };
                *w = (*w + slope * (now - then)) * rows[i] * columns[j];
            }
        }
        let near = Effective { w, rows: m, columns: n };
        let mut scale = 0.0;
        let mut error = 0.0f64;
        for (number, bit) in self.probes.iter().enumerate() {
            let (exact, _) = currents(crossbar, number, Some(bit))?;
            let v = probe(number, m);
            let found = near.currents(Rows::new(&v, 1, m).map_err(|_| crossbar.size())?)?;
            let square = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
            if number == 0 {
                scale = square(&mut exact.iter().copied());
            }
            let apart = square(&mut found.iter().zip(&exact).map(|(a, b)| a - b));
            // What is not a number is no small error.
            error = if apart > error || apart.is_nan() { apart } else { error };
        }
        let part = if scale > 0.0 { error / scale } else { error };
        Ok((part <= tolerance).then_some((near, part)))
    }
}

#[cfg(test)]
mod tests {
    use neurohm_num::{Key, Purpose};

    use super::super::{Ends, Wires};
    use super::*;

    const M: usize = 48;
    const N: usize = 40;

    fn random(key: u64) -> impl Fn(usize) -> f64 {
        let stream = Key::root(key).stream(Purpose::Data, 0);
        move |k| f64::from(stream.uniform(k as u64))
    }

    /// Cells, and the same after a drift that differs from cell to cell.
    fn drifted(by: f64) -> [Vec<f64>; 2] {
        let (first, second) = (random(1), random(2));
        let then: Vec<f64> = (0..M * N).map(|k| 1e-6 + 3e-5 * first(k)).collect();
        let now = then.iter().enumerate().map(|(k, g)| g * (1.0 - by * (0.5 + second(k)))).collect();
        [then, now]
    }

    fn array(g: &[f64], ohm: f64) -> LinearCrossbar<'_> {
        LinearCrossbar::new(Rows::new(g, M, N).unwrap(), Wires::new(ohm, ohm)).unwrap()
    }

    fn largest(a: &[f64], b: &[f64]) -> f64 {
        let top = b.iter().fold(0.0f64, |t, v| t.max(v.abs()));
        a.iter().zip(b).fold(0.0f64, |t, (a, b)| t.max((a - b).abs())) / top
    }

    #[test]
    fn a_drifted_array_is_followed_far_nearer_than_its_wires_cost_and_the_error_is_measured() {
        let workspace = Workspace::default();
        for (ohm, by) in [(1.0, 0.05), (5.0, 0.2), (20.0, 0.1)] {
            let [then, now] = drifted(by);
            let (before, followed) = Followed::new(&array(&then, ohm), &workspace, &Unwatched).unwrap();
            let (near, error) = followed.unwrap().follow(&array(&now, ohm), 1.0).unwrap().unwrap();
            let exact = array(&now, ohm).effective(&workspace, &Unwatched).unwrap();
            // Against the plainest rule: each element in proportion to its cell.
            let plain: Vec<f64> = (before.w.iter().enumerate())
                .map(|(k, w)| w * now[k % M * N + k / M] / then[k % M * N + k / M])
                .collect();
            let (mine, theirs) = (largest(&near.w, &exact.w), largest(&plain, &exact.w));
            assert!(mine < 0.3 * theirs, "{ohm} ohm, {by}: {mine:.1e} against {theirs:.1e}");
            // What was measured is what inputs that nobody probed see.
            let stream = random(9);
            let v: Vec<f64> = (0..M).map(stream).collect();
            let inputs = Rows::new(&v, 1, M).unwrap();
            let (a, b) = (near.currents(inputs).unwrap(), exact.currents(inputs).unwrap());
            let square = |x: &mut dyn Iterator<Item = f64>| x.map(|x| x * x).sum::<f64>().sqrt();
            let seen = square(&mut a.iter().zip(&b).map(|(a, b)| a - b)) / square(&mut b.iter().copied());
            assert!(
                seen < 3.0 * error && error < 3.0 * seen,
                "{ohm} ohm, {by}: measured {error:.1e}, seen {seen:.1e}"
            );
        }
    }

    #[test]
    fn the_error_falls_with_the_change_and_with_the_wires() {
        let workspace = Workspace::default();
        let error = |ohm: f64, by: f64| {
            let [then, now] = drifted(by);
            let (_, followed) = Followed::new(&array(&then, ohm), &workspace, &Unwatched).unwrap();
            followed.unwrap().follow(&array(&now, ohm), 1.0).unwrap().unwrap().1
        };
        let [much, less_drift, less_ohm] = [error(10.0, 0.2), error(10.0, 0.02), error(1.0, 0.2)];
        assert!(much < 5e-3, "{much:.1e}");
        assert!(
            less_drift < 0.15 * much && less_ohm < 0.15 * much,
            "{less_drift:.1e} {less_ohm:.1e} {much:.1e}"
        );
    }

    #[test]
    fn past_the_tolerance_it_asks_for_a_new_elimination() {
        let [then, now] = drifted(0.5);
        let (exact, followed) =
            Followed::new(&array(&then, 20.0), &Workspace::default(), &Unwatched).unwrap();
        let followed = followed.unwrap();
        assert!(followed.follow(&array(&now, 20.0), 1e-6).unwrap().is_none());
        // Unchanged cells are followed to the bit.
        let (same, error) = followed.follow(&array(&then, 20.0), 1e-9).unwrap().unwrap();
        assert!(largest(&same.w, &exact.w) < 1e-15 && error < 1e-12, "{error:.1e}");
    }

    #[test]
    fn open_cells_and_lines_are_followed_too() {
        // A whole word line, a whole bit line and single cells conduct nothing, before or after.
        let [mut then, mut now] = drifted(0.1);
        for k in 0..M * N {
            let (i, j) = (k / N, k % N);
            if i == 3 || j == 5 || k % 7 == 0 {
                then[k] = 0.0;
            }
            if i == 3 || j == 8 || k % 11 == 0 {
                now[k] = 0.0;
            }
        }
        let (_, followed) = Followed::new(&array(&then, 5.0), &Workspace::default(), &Unwatched).unwrap();
        let (near, error) = followed.unwrap().follow(&array(&now, 5.0), 1.0).unwrap().unwrap();
        let exact = array(&now, 5.0).effective(&Workspace::default(), &Unwatched).unwrap();
        let apart = largest(&near.w, &exact.w);
        assert!(apart < 0.05 && error < 0.02, "{apart:.1e} {error:.1e}");
    }

    #[test]
    fn lines_that_mean_lines_do_not_know_are_not_followed() {
        let [g, _] = drifted(0.1);
        let rows = || Rows::new(&g, M, N).unwrap();
        for wires in [Wires { drivers: Ends::Both, ..Wires::new(1.0, 1.0) }, Wires::new(0.0, 1.0)] {
            let crossbar = LinearCrossbar::new(rows(), wires).unwrap();
            assert!(Followed::new(&crossbar, &Workspace::default(), &Unwatched).unwrap().1.is_none());
        }
    }
}
