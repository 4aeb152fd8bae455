//! The field's usual approximations of an array's effective matrix, by name, so that their error can be measured on any
//! array.
//!
//! All take time and memory in proportion to the number of cells. Below a difficulty chi of about 0.1 some of them are good;
//! [`LinearCrossbar::error_of`] says how good on a given array.

use neurohm_num::Watch;

use super::{Effective, Ends, LinearCrossbar, WireError, Wires, Workspace};

/// An approximation of an effective matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Approximation {
    /// No wires at all: `W = G^T`.
    NoWires,
    /// Each cell in series with the segments of its own path, as if it were alone: `1 / W = 1 / G + r_word (j + 1) +
    /// r_bit (rows - i)` (path lengths as in MNSIM; Jeong et al. 2018).
    OwnPath,
    /// Voltages fall along a word line and currents along a bit line as they would in one of the array's mean conductances:
    /// `W = diag(b) G^T diag(a)`, first order in the conductances along each line (the decoupled model of mean rows and
    /// columns).
    MeanLines,
}

impl Approximation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::NoWires, Self::OwnPath, Self::MeanLines];

    /// What it takes for what it is, in words.
    pub fn about(self) -> &'static str {
        match self {
            Self::NoWires => "no wires at all",
            Self::OwnPath => "each cell in series with its own path alone",
            Self::MeanLines => "each line as one of mean conductances, to first order",
        }
    }

    /// Its name in requests and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoWires => "no_wires",
            Self::OwnPath => "own_path",
            Self::MeanLines => "mean_lines",
        }
    }
}

/// How far an approximation is from the exact effective matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ApproximationError {
    /// Root of the mean squared difference of elements, as a part of the root of their mean square.
    pub rms: f64,
    /// Largest difference of an element, as a part of the largest element.
    pub largest: f64,
    /// Difference of the sum of all currents for equal voltages, as a part of it; positive where the approximation gives more.
    pub sum: f64,
}

impl LinearCrossbar<'_> {
    /// The effective matrix by an approximation.
    ///
    /// # Errors
    /// Lines that are connected at both ends, or cut: the approximations know neither.
    pub fn approximate(&self, by: Approximation) -> Result<Effective, WireError> {
        let (m, n, wires) = (self.rows(), self.columns(), self.wires());
        if !self.has_mean_shares() {
            return Err(WireError::NotApproximated { by: by.name() });
        }
        let g = |i: usize, j: usize| self.conductances().row(i)[j];
        let mut w = vec![0.0; m * n];
        match by {
            Approximation::NoWires => (0..m * n).for_each(|k| w[k] = g(k % m, k / m)),
            Approximation::OwnPath => {
                for (k, w) in w.iter_mut().enumerate() {
                    let (i, j) = (k % m, k / m);
                    let path = wires.driver_ohm
                        + wires.word_ohm * (j + 1) as f64
                        + wires.bit_ohm * (m - i) as f64
                        + wires.sense_ohm;
                    *w = g(i, j) / (1.0 + g(i, j) * path);
                }
            }
            Approximation::MeanLines => {
                let (rows, columns) = self.mean_shares();
                (0..m * n).for_each(|k| w[k] = g(k % m, k / m) * rows[k % m] * columns[k / m]);
            }
        }
        Ok(Effective { w, rows: m, columns: n })
    }

    /// Whether its lines are such as approximations know: connected at one end, and nowhere cut.
    pub(super) fn has_mean_shares(&self) -> bool {
        let Wires { word_ohm, bit_ohm, driver_ohm, sense_ohm, drivers, grounds } = self.wires();
        let cut = [word_ohm, bit_ohm, driver_ohm, sense_ohm].contains(&f64::INFINITY);
        drivers == Ends::One && grounds == Ends::One && !cut
    }

    /// Which part of a current into a bit line leaves at its ground, for each row; and which part of a source's voltage is there,
    /// for each column: along lines of the array's mean conductances, to first order in these.
    pub(super) fn mean_shares(&self) -> (Vec<f64>, Vec<f64>) {
        let (m, n, wires) = (self.rows(), self.columns(), self.wires());
        let mut row_means = vec![0.0; m];
        let mut column_means = vec![0.0; n];
        for (i, mean) in row_means.iter_mut().enumerate() {
            for (g, column) in self.conductances().row(i).iter().zip(&mut column_means) {
                *mean += g / n as f64;
                *column += g / m as f64;
            }
        }
        // From the open end of each line to its terminal.
        column_means.reverse();
        let rows = shares(&row_means, wires.bit_ohm, wires.sense_ohm);
        let mut columns = shares(&column_means, wires.word_ohm, wires.driver_ohm);
        columns.reverse();
        (rows, columns)
    }

    /// How far an approximation is from the exact matrix of this array, which is computed for it.
    ///
    /// # Errors
    /// As [`Self::approximate`] and [`Self::effective`].
    pub fn error_of(
        &self,
        by: Approximation,
        workspace: &Workspace,
        watch: &dyn Watch,
    ) -> Result<ApproximationError, WireError> {
        let near = self.approximate(by)?;
        Ok(near.error_against(&self.effective(workspace, watch)?))
    }
}

impl Effective {
    /// How far this matrix, of an approximation, is from the exact one of the same array. An array that conducts nothing has no
    /// error where this conducts nothing either.
    pub fn error_against(&self, exact: &Effective) -> ApproximationError {
        let largest = exact.w.iter().fold(f64::MIN_POSITIVE, |t, w| t.max(*w));
        let pairs = || self.w.iter().zip(&exact.w);
        // Of elements as parts of the largest: squares of small conductances underflow.
        let square = |x: f64| (x / largest) * (x / largest);
        let whole: f64 = exact.w.iter().map(|w| square(*w)).sum::<f64>().max(f64::MIN_POSITIVE);
        let sum: f64 = exact.w.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        ApproximationError {
            rms: (pairs().map(|(a, b)| square(a - b)).sum::<f64>() / whole).sqrt(),
            largest: pairs().fold(0.0f64, |t, (a, b)| t.max((a - b).abs())) / largest,
            sum: pairs().map(|(a, b)| a - b).sum::<f64>() / sum,
        }
    }
}

/// For each place on a line from its open end on, which part of a current that enters there leaves at the terminal, and by
/// reciprocity which part of the terminal's voltage is there. To first order in the conductances to the side: `(1 + r sum
/// of those behind times how far) / (1 + the same for the terminal)`.
fn shares(g: &[f64], segment_ohm: f64, end_ohm: f64) -> Vec<f64> {
    let n = g.len();
    // Resistance between two places, the terminal behind the last one included.
    let apart =
        |from: usize, to: usize| segment_ohm * (to - from) as f64 + if to == n { end_ohm } else { 0.0 };
    let at = |place: usize| 1.0 + (0..place).map(|k| g[k] * apart(k, place)).sum::<f64>();
    let end = at(n);
    (0..n).map(|place| at(place) / end).collect()
}
