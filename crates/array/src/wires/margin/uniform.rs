//! Arrays of equal linear cells, exactly.
//!
//! With `w` and `b` the voltages of the word- and bit-line nodes, `G` the conductance of a cell, `r` that of a segment, Kirchhoff's
//! law reads `G (w - b) + Lw w / rw = s` along each word line and `G (b - w) + Lb b / rb = t` along each bit line, where `L` is
//! the matrix of a chain with one end open and the other one behind a segment and what holds the line. `Lb` is the same for all
//! bit lines and acts on row numbers alone, so its eigenvectors part the array into one ladder a mode: with eigenvalue `l`,
//! `y = l / rb`, a ladder of shunts `s = G y / (G + y)` and segments `rw`. Voltages along a ladder of `n` nodes with an open end
//! fall as `cosh(t (n - 1/2 - j))` with `cosh t = 1 + s rw / 2`, put into Kirchhoff's law of an inner node. All terms of what
//! follows from that are positive: nothing cancels, and an array takes a time that grows with its rows alone.
//!
//! Eigenvectors of a chain of `m` nodes, counted from the open end: `cos(q (i + 1/2))`, eigenvalue `4 sin^2(q / 2)`, with
//! `tan(m q) tan(q / 2) = f / (2 - f)`, `f` being the conductance to what holds the line as a part of a segment's: 0 where it
//! floats, 1 where nothing is in series. Found by putting the cosine into the equation of the held end; one root lies in
//! each `(p pi / m, (p + 1/2) pi / m)`.
//!
//! Lines, and the cell, that differ from the others are conductances added at a port: for the three of them a system of three
//! equations.

use libm::{asinh, cos, cosh, exp, expm1, sin, sinh};

use super::{ReadArray, Scheme};

/// Lines of an array that are all held, or all left open, in the same way.
struct Lines {
    rows: usize,
    columns: usize,
    cell_s: f64,
    word_ohm: f64,
    bit_ohm: f64,
    /// In series with what holds word lines, `None` where they float.
    driver_ohm: Option<f64>,
    /// In series with what holds bit lines.
    ground_ohm: Option<f64>,
}

/// Voltages at three ports for a current of 1 A into each: between the first node of the first word line and ground, between the
/// last node of the last bit line and ground, and across the cell at both; and for 1 V at the driver of every word line.
#[derive(Default)]
struct Ports {
    z: [[f64; 3]; 3],
    driven: [f64; 3],
    /// Of the port between the first two, where all lines float: across it and, by the cell's port, across the cell.
    through: [f64; 2],
}

/// A port in one mode: currents into its ladder's first and last node, and into the bit lines there.
#[derive(Clone, Copy)]
struct Port {
    first: f64,
    last: f64,
    direct: f64,
}

impl Lines {
    /// The cosine's argument for one node, of mode `p`.
    fn angle(&self, p: usize) -> f64 {
        let m = self.rows as f64;
        let f = self.ground_ohm.map_or(0.0, |ohm| self.bit_ohm / (self.bit_ohm + ohm));
        let from = p as f64 * std::f64::consts::PI / m;
        if f == 0.0 {
            return from;
        }
        if f == 1.0 {
            return (p as f64 + 0.5) * std::f64::consts::PI / (m + 0.5);
        }
        let (mut low, mut high) = (0.0, 0.5 * std::f64::consts::PI / m);
        for _ in 0..200 {
            let d = 0.5 * (low + high);
            if d == low || d == high {
                break;
            }
            let half = 0.5 * (from + d);
            if (2.0 - f) * sin(m * d) * sin(half) < f * cos(m * d) * cos(half) { low = d } else { high = d }
        }
        from + 0.5 * (low + high)
    }

    fn ports(&self) -> Ports {
        let mut sum = Ports::default();
        (0..self.rows).for_each(|p| self.mode(p, &mut sum));
        sum
    }

    fn mode(&self, p: usize, sum: &mut Ports) {
        let (m, g, angle) = (self.rows as f64, self.cell_s, self.angle(p));
        let half = sin(0.5 * angle);
        let y = 4.0 * half * half / self.bit_ohm;
        // The eigenvector's length, its first and last entry and the sum of all.
        let square = if angle > 0.0 { 0.5 * m + sin(2.0 * m * angle) / (4.0 * sin(angle)) } else { m };
        let norm = 1.0 / square.sqrt();
        let (top, bottom) = (cos(0.5 * angle) * norm, cos(angle * (m - 0.5)) * norm);
        let total = if angle > 0.0 { sin(m * angle) / (2.0 * half) * norm } else { m * norm };

        let (shunt, direct) = (g * (y / (g + y)), 1.0 / (g + y));
        let hold = self.driver_ohm.map_or(0.0, |ohm| 1.0 / (self.word_ohm + ohm));
        let [near, across, far] = self.ladder(shunt, hold);
        let ports = [
            Port { first: top, last: 0.0, direct: 0.0 },
            Port { first: 0.0, last: bottom * g * direct, direct: bottom },
            Port { first: 0.0, last: top * y * direct, direct: -top },
        ];
        let drive = Port { first: hold * total, last: 0.0, direct: 0.0 };
        let through = Port { first: top, last: -ports[1].last, direct: -bottom };
        let z = |a: &Port, b: &Port| {
            a.first * b.first * near
                + (a.first * b.last + a.last * b.first) * across
                + a.last * b.last * far
                + a.direct * b.direct * direct
        };
        for (row, a) in sum.z.iter_mut().zip(&ports) {
            row.iter_mut().zip(&ports).for_each(|(sum, b)| *sum += z(a, b));
        }
        sum.driven.iter_mut().zip(&ports).for_each(|(sum, a)| *sum += z(a, &drive));
        sum.through[0] += z(&through, &through);
        sum.through[1] += z(&through, &ports[2]);
    }

    /// Voltages of a ladder: at its first node for a current there, at its last one for that, and at the last one for a current
    /// there. Where nothing holds it, against its last node: currents into it then sum to zero.
    fn ladder(&self, shunt: f64, hold: f64) -> [f64; 3] {
        let (n, r) = (self.columns as f64, self.word_ohm);
        let along = r * (n - 1.0);
        if shunt == 0.0 {
            return if hold == 0.0 {
                [along, 0.0, 0.0]
            } else {
                [1.0 / hold, 1.0 / hold, 1.0 / hold + along]
            };
        }
        let t = 2.0 * asinh(0.5 * (shunt * r).sqrt());
        let (rest, all) = (1.0 + exp(-(2.0 * n - 1.0) * t), -expm1(-2.0 * n * t));
        // What the first node sees of the ladder, what is left of its voltage at the last one, and the square of that less 1.
        let right = 2.0 * sinh(0.5 * t) / r * exp(0.5 * t) * all / rest;
        let kept = 2.0 * cosh(0.5 * t) * exp(-(n - 0.5) * t) / rest;
        let gone = all * -expm1(-2.0 * (n - 1.0) * t) / (rest * rest);
        let near = 1.0 / (right + hold);
        [near, near * kept, near * (1.0 + hold / right * gone)]
    }
}

/// Currents into the sense amplifier of the selected cell, A, for each of its conductances.
pub(super) fn currents<const N: usize>(
    of: &ReadArray,
    [word_ohm, bit_ohm]: [f64; 2],
    scheme: Scheme,
    volts: f64,
    others_s: f64,
    cells_s: [f64; N],
) -> [f64; N] {
    let lines = |driver_ohm, ground_ohm| Lines {
        rows: of.rows,
        columns: of.columns,
        cell_s: others_s,
        word_ohm,
        bit_ohm,
        driver_ohm,
        ground_ohm,
    };
    let Some([word, bit]) = scheme.others() else {
        let Ports { z, through: [both, cell], .. } = lines(None, None).ports();
        return cells_s.map(|cell_s| {
            // A conductance added across the cell: less between the terminals.
            let more_s = cell_s - others_s;
            let between = both - cell * (cell * more_s / (1.0 + more_s * z[2][2]));
            volts / (word_ohm + of.driver_ohm + between + bit_ohm + of.sense_ohm)
        });
    };
    let ground_ohm = if scheme == Scheme::Row { of.sense_ohm } else { of.driver_ohm };
    let Ports { z, driven, .. } = lines(Some(of.driver_ohm), Some(ground_ohm)).ports();
    // Against the voltage of the other bit lines.
    let (word_v, bit_v) = (word * volts, bit * volts);
    let first_s = 1.0 / (word_ohm + of.driver_ohm);
    let (last_s, others_last_s) = (1.0 / (bit_ohm + of.sense_ohm), 1.0 / (bit_ohm + ground_ohm));
    let into = [first_s * (volts - word_v), -last_s * bit_v, 0.0];
    cells_s.map(|cell_s| {
        let added = [0.0, last_s - others_last_s, cell_s - others_s];
        let mut matrix = [[0.0; 3]; 3];
        let mut v = [0.0; 3];
        for k in 0..3 {
            v[k] = driven[k] * (word_v - bit_v) + (0..3).map(|l| z[k][l] * into[l]).sum::<f64>();
            for l in 0..3 {
                matrix[k][l] = z[k][l] * added[l] + if k == l { 1.0 } else { 0.0 };
            }
        }
        last_s * (solve3(matrix, v)[1] + bit_v)
    })
}

/// Current of the last bit line with every word line at `volts`, A.
pub(super) fn product(of: &ReadArray, [word_ohm, bit_ohm]: [f64; 2], volts: f64, cell_s: f64) -> f64 {
    let lines = Lines {
        rows: of.rows,
        columns: of.columns,
        cell_s,
        word_ohm,
        bit_ohm,
        driver_ohm: Some(of.driver_ohm),
        ground_ohm: Some(of.sense_ohm),
    };
    lines.ports().driven[1] * volts / (bit_ohm + of.sense_ohm)
}

/// Gauss' elimination with row exchanges.
fn solve3(mut a: [[f64; 3]; 3], mut b: [f64; 3]) -> [f64; 3] {
    for k in 0..3 {
        let pivot = (k..3).max_by(|i, j| a[*i][k].abs().total_cmp(&a[*j][k].abs())).unwrap_or(k);
        a.swap(k, pivot);
        b.swap(k, pivot);
        for i in k + 1..3 {
            let factor = a[i][k] / a[k][k];
            for j in k..3 {
                a[i][j] -= factor * a[k][j];
            }
            b[i] -= factor * b[k];
        }
    }
    for k in (0..3).rev() {
        let known: f64 = (k + 1..3).map(|j| a[k][j] * b[j]).sum();
        b[k] = (b[k] - known) / a[k][k];
    }
    b
}
