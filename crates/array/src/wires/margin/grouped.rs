//! Arrays of any cells, their unselected lines in groups of neighbours.
//!
//! `k` neighbouring word lines at one voltage are one line of `k` segments in parallel, and its cells with `l` neighbouring bit lines
//! are `k l` cells in parallel, in the middle of the group. What a group leaves out is how voltages bend across it, of second
//! order in its size.
//!
//! Newton's iteration with a line search on the co-content (Millar 1951), as for whole arrays. A step is eliminated node by node on
//! conductances, with each pivot the sum of what hangs on its node: nothing is subtracted, so lines that are held by no more than
//! the leakage of selectors keep their digits.

use neurohm_num::Watch;

use super::{Place, ReadArray, Scheme};
use crate::wires::{Access, WireError};

/// Newton steps at most.
const STEPS: u32 = 200;

/// Cells in parallel between two nodes.
struct Cells {
    word: usize,
    bit: usize,
    count: f64,
    g: f64,
    /// Whether transistors are on, or switches are.
    on: bool,
    /// Voltage across a memristor.
    inner: f64,
    /// Voltage of the bit-line node as a gate sees it.
    seen_v: f64,
}

/// The circuit.
struct Net {
    nodes: usize,
    /// Largest difference between numbers of joined nodes.
    band: usize,
    wires: Vec<(usize, usize, f64)>,
    /// What holds a node: conductance, voltage.
    ends: Vec<(usize, f64, f64)>,
    cells: Vec<Cells>,
    /// The selected cell, where there is one.
    selected: Option<usize>,
    /// Of these nodes the voltage is given.
    fixed: Vec<Option<f64>>,
}

/// Sizes of groups of `count` lines: the selected one alone, others in at most `groups`.
fn sizes(count: usize, groups: usize) -> Vec<usize> {
    let others = count - 1;
    let groups = others.min(groups.max(1));
    let mut sizes = vec![1];
    sizes.extend((0..groups).map(|i| (i + 1) * others / groups - i * others / groups));
    sizes
}

/// What holds the lines.
struct Held {
    /// Of the selected word line and the others, V; others float where there is none.
    word_v: (f64, Option<f64>),
    /// Of bit lines that are not the selected one, V and ohm.
    bit: Option<(f64, f64)>,
}

impl Net {
    fn new(
        of: &ReadArray,
        wires: Option<[f64; 2]>,
        held: &Held,
        [others_s, cell_s]: [f64; 2],
        groups: usize,
    ) -> Self {
        let groups = if wires.is_some() { groups } else { 1 };
        // The first row is the selected one, and the last column.
        let rows = sizes(of.rows, groups);
        let mut columns = sizes(of.columns, groups);
        columns.reverse();
        let (m, n) = (rows.len(), columns.len());
        // Without resistance a line is one node.
        let word = |i: usize, j: usize| if wires.is_some() { j * 2 * m + 2 * i } else { i };
        let bit = |i: usize, j: usize| if wires.is_some() { j * 2 * m + 2 * i + 1 } else { m + j };
        let nodes = if wires.is_some() { 2 * m * n } else { m + n };
        let [word_ohm, bit_ohm] = wires.unwrap_or([0.0; 2]);
        let mut net = Self {
            nodes,
            band: if wires.is_some() { 2 * m } else { nodes },
            wires: Vec::new(),
            ends: Vec::new(),
            cells: Vec::new(),
            selected: None,
            fixed: vec![None; nodes],
        };
        for (i, k) in rows.iter().enumerate() {
            let lines = *k as f64;
            for j in 0..n {
                if wires.is_some() && j > 0 {
                    let segments = 0.5 * (columns[j - 1] + columns[j]) as f64;
                    net.wires.push((word(i, j - 1), word(i, j), lines / (word_ohm * segments)));
                }
                let selected = i == 0 && j + 1 == n;
                if selected {
                    net.selected = Some(net.cells.len());
                }
                net.cells.push(Cells {
                    word: word(i, j),
                    bit: bit(i, j),
                    count: lines * columns[j] as f64,
                    g: if selected { cell_s } else { others_s },
                    on: i == 0 && matches!(of.law.access, Access::Transistor { .. }),
                    inner: 0.0,
                    seen_v: 0.0,
                });
            }
            let volts = if i == 0 { Some(held.word_v.0) } else { held.word_v.1 };
            if let Some(volts) = volts {
                let segments = 0.5 * (columns[0] + 1) as f64;
                net.hold(word(i, 0), lines, word_ohm * segments + of.driver_ohm, volts);
            }
        }
        for (j, l) in columns.iter().enumerate() {
            let lines = *l as f64;
            for i in 1..m {
                if wires.is_some() {
                    let segments = 0.5 * (rows[i - 1] + rows[i]) as f64;
                    net.wires.push((bit(i - 1, j), bit(i, j), lines / (bit_ohm * segments)));
                }
            }
            let end = if j + 1 == n { Some((0.0, of.sense_ohm)) } else { held.bit };
            if let Some((volts, ohm)) = end {
                let segments = 0.5 * (rows[m - 1] + 1) as f64;
                net.hold(bit(m - 1, j), lines, bit_ohm * segments + ohm, volts);
            }
        }
        net
    }

    fn hold(&mut self, node: usize, lines: f64, ohm: f64, volts: f64) {
        if ohm == 0.0 {
            self.fixed[node] = Some(volts);
        } else {
            self.ends.push((node, lines / ohm, volts));
        }
    }

    /// Sums of currents out of the nodes, A, and the slopes of the cells, S.
    fn currents(&mut self, of: &ReadArray, u: &[f64], slopes: &mut [f64], out: &mut [f64]) {
        out.fill(0.0);
        for (a, b, g) in &self.wires {
            let i = g * (u[*a] - u[*b]);
            out[*a] += i;
            out[*b] -= i;
        }
        for (node, g, volts) in &self.ends {
            out[*node] += g * (u[*node] - volts);
        }
        for (cell, slope) in self.cells.iter_mut().zip(slopes) {
            let place = Place { word_v: u[cell.word], bit_v: u[cell.bit], seen_v: cell.seen_v, on: cell.on };
            let branch = of.law.branch(cell.g, &place, &mut cell.inner);
            out[cell.word] += cell.count * branch.i;
            out[cell.bit] -= cell.count * branch.i;
            *slope = cell.count * branch.g;
        }
        for (out, fixed) in out.iter_mut().zip(&self.fixed) {
            if fixed.is_some() {
                *out = 0.0;
            }
        }
    }

    /// The Newton step for these sums and slopes.
    fn step(&self, slopes: &[f64], out: &[f64], band: &mut Band) -> Vec<f64> {
        band.clear();
        let cells = self.cells.iter().zip(slopes).map(|(c, g)| (c.word, c.bit, *g));
        for (a, b, g) in self.wires.iter().copied().chain(cells) {
            match (self.fixed[a], self.fixed[b]) {
                (None, None) => band.join(a, b, g),
                (None, Some(_)) => band.ground[a] += g,
                (Some(_), None) => band.ground[b] += g,
                (Some(_), Some(_)) => {}
            }
        }
        self.ends.iter().for_each(|(node, g, _)| band.ground[*node] += g);
        let mut step: Vec<f64> = out.iter().map(|i| -i).collect();
        band.solve(&mut step);
        step
    }

    /// Voltages of all nodes, from those given.
    fn newton(
        &mut self,
        of: &ReadArray,
        u: &mut [f64],
        scale_v: f64,
        watch: &dyn Watch,
    ) -> Result<(), WireError> {
        let mut band = Band::new(self.nodes, self.band);
        let mut slopes = vec![0.0; self.cells.len()];
        let (mut out, mut tried) = (vec![0.0; self.nodes], vec![0.0; self.nodes]);
        let mut before = f64::INFINITY;
        for _ in 0..STEPS {
            watch.step(0)?;
            if of.law.sees_ground() {
                self.cells.iter_mut().for_each(|c| c.seen_v = u[c.bit]);
            }
            self.currents(of, u, &mut slopes, &mut out);
            let step = self.step(&slopes, &out, &mut band);
            let moved = step.iter().fold(0.0f64, |t, v| t.max(v.abs())) / scale_v;
            let downhill = |out: &[f64]| out.iter().zip(&step).map(|(i, v)| i * v).sum::<f64>();
            let start = downhill(&out);
            // Steps that small have slopes of rounding alone.
            let length = if moved > 1e-7 && start < 0.0 {
                shortened(start, |length| {
                    tried.iter_mut().zip(u.iter().zip(&step)).for_each(|(t, (u, v))| *t = u + length * v);
                    self.currents(of, &tried, &mut slopes, &mut out);
                    downhill(&out)
                })
            } else {
                1.0
            };
            u.iter_mut().zip(&step).for_each(|(u, v)| *u += length * v);
            let ends = moved <= 1e-13 || (moved < 1e-9 && moved > 0.5 * before);
            if length == 1.0 && ends {
                return Ok(());
            }
            before = moved;
        }
        Err(WireError::NotConverged { steps: STEPS, left: before })
    }

    /// Voltages of all nodes at rest, with threshold selectors turned on that a rising voltage would, the most strained first.
    fn solve(&mut self, of: &ReadArray, scale_v: f64, watch: &dyn Watch) -> Result<Vec<f64>, WireError> {
        let mut u: Vec<f64> = self.fixed.iter().map(|v| v.unwrap_or(0.0)).collect();
        let Access::Threshold { threshold_v, hold_a, .. } = of.law.access else {
            self.newton(of, &mut u, scale_v, watch)?;
            return Ok(u);
        };
        for _ in 0..2 * self.cells.len() + 1 {
            self.newton(of, &mut u, scale_v, watch)?;
            let across = |c: &Cells| (u[c.word] - u[c.bit] - c.inner).abs() / threshold_v;
            let strain = |c: &Cells| if c.on || c.g == 0.0 { 0.0 } else { across(c) };
            let most = self.cells.iter().map(strain).fold(0.0, f64::max);
            let turn: Vec<usize> = if most > 1.0 {
                let strained = |c: &Cells| strain(c) > 1.0 && strain(c) >= 0.98 * most;
                (0..self.cells.len()).filter(|k| strained(&self.cells[*k])).collect()
            } else {
                let held = |c: &Cells| {
                    let place = Place { word_v: u[c.word], bit_v: u[c.bit], seen_v: c.seen_v, on: c.on };
                    of.law.branch(c.g, &place, &mut c.inner.clone()).i.abs() >= hold_a
                };
                (0..self.cells.len()).filter(|k| self.cells[*k].on && !held(&self.cells[*k])).collect()
            };
            if turn.is_empty() {
                return Ok(u);
            }
            turn.into_iter().for_each(|k| self.cells[k].on = most > 1.0);
        }
        Err(WireError::Oscillates { input: 0 })
    }

    /// Current out of the bit line of the selected cell, A: the sum of what its cells give.
    fn sensed(&self, of: &ReadArray, u: &[f64]) -> f64 {
        let Some(selected) = self.selected else { return 0.0 };
        // Its bit line is the last one, a cell a row, and cells are listed by rows.
        let columns = selected + 1;
        let column = self.cells.iter().skip(selected).step_by(columns);
        column
            .map(|c| {
                let place = Place { word_v: u[c.word], bit_v: u[c.bit], seen_v: c.seen_v, on: c.on };
                c.count * of.law.branch(c.g, &place, &mut c.inner.clone()).i
            })
            .sum()
    }
}

/// How much of a step to take on which the co-content falls with `start` at first: all of it if it still falls there, else where its
/// slope has shrunk to a tenth.
fn shortened(start: f64, mut slope: impl FnMut(f64) -> f64) -> f64 {
    let (mut length, mut low, mut high) = (1.0, (0.0, start), None);
    loop {
        let here = slope(length);
        if here.abs() <= 0.1 * start.abs() || (here < 0.0 && length == 1.0) {
            return length;
        }
        if here < 0.0 {
            low = (length, here);
        } else {
            high = Some((length, here));
        }
        let Some((top, above)) = high.filter(|(top, _)| top - low.0 > 1e-6 * top) else { return length };
        let secant = if above.is_finite() { low.1 / (low.1 - above) } else { 0.5 };
        length = low.0 + (top - low.0) * secant.clamp(0.05, 0.95);
    }
}

/// Conductances between nodes whose numbers are at most `band` apart, and to ground.
struct Band {
    band: usize,
    /// To the `band` next nodes, of every node.
    next: Vec<f64>,
    ground: Vec<f64>,
    /// Of every node what hangs on it.
    all: Vec<f64>,
}

impl Band {
    fn new(nodes: usize, band: usize) -> Self {
        Self { band, next: vec![0.0; nodes * band], ground: vec![0.0; nodes], all: vec![0.0; nodes] }
    }

    fn clear(&mut self) {
        self.next.fill(0.0);
        self.ground.fill(0.0);
    }

    fn join(&mut self, a: usize, b: usize, g: f64) {
        let (a, b) = (a.min(b), a.max(b));
        self.next[a * self.band + b - a - 1] += g;
    }

    /// Voltages for currents into the nodes, in place. A node that nothing joins stays where it is.
    fn solve(&mut self, i: &mut [f64]) {
        let (nodes, band) = (self.ground.len(), self.band);
        for k in 0..nodes {
            let reach = band.min(nodes - k - 1);
            let (row, below) = self.next[k * band..].split_at_mut(band);
            let row = &row[..reach];
            let all = row.iter().sum::<f64>() + self.ground[k];
            self.all[k] = all;
            if all == 0.0 {
                continue;
            }
            for (a, to) in row.iter().enumerate().filter(|(_, g)| **g > 0.0) {
                let part = to / all;
                let node = k + 1 + a;
                self.ground[node] += part * self.ground[k];
                i[node] += part * i[k];
                let start = a * band;
                for (sum, g) in below[start..start + reach - a - 1].iter_mut().zip(&row[a + 1..]) {
                    *sum += part * g;
                }
            }
        }
        for k in (0..nodes).rev() {
            let reach = band.min(nodes - k - 1);
            let row = &self.next[k * band..k * band + reach];
            let known: f64 = row.iter().zip(&i[k + 1..]).map(|(g, v)| g * v).sum();
            i[k] = if self.all[k] > 0.0 { (i[k] + known) / self.all[k] } else { 0.0 };
        }
    }
}

/// Current into the sense amplifier of the selected cell, A.
pub(super) fn current(
    of: &ReadArray,
    wires: Option<[f64; 2]>,
    scheme: Scheme,
    volts: f64,
    [others_s, cell_s]: [f64; 2],
    groups: usize,
    watch: &dyn Watch,
) -> Result<f64, WireError> {
    let ohm = if scheme == Scheme::Row { of.sense_ohm } else { of.driver_ohm };
    let others = scheme.others();
    let held = Held {
        word_v: (volts, others.map(|[word, _]| word * volts)),
        bit: others.map(|[_, bit]| (bit * volts, ohm)),
    };
    let mut net = Net::new(of, wires, &held, [others_s, cell_s], groups);
    let u = net.solve(of, volts, watch)?;
    let never = net.selected.filter(|k| of.has_switches() && cell_s == of.low_s && !net.cells[*k].on);
    if let (Some(k), Access::Threshold { threshold_v, .. }) = (never, of.law.access) {
        let cell = &net.cells[k];
        let across_v = (u[cell.word] - u[cell.bit] - cell.inner).abs();
        let (row, column) = (0, of.columns - 1);
        return Err(WireError::NeverOn { inputs: vec![0], of: 1, row, column, across_v, threshold_v });
    }
    Ok(net.sensed(of, &u))
}

/// Current of the last bit line with every word line at `volts`, A.
pub(super) fn product(
    of: &ReadArray,
    wires: Option<[f64; 2]>,
    volts: f64,
    cell_s: f64,
    groups: usize,
    watch: &dyn Watch,
) -> Result<f64, WireError> {
    let held = Held { word_v: (volts, Some(volts)), bit: Some((0.0, of.sense_ohm)) };
    let mut net = Net::new(of, wires, &held, [cell_s; 2], groups);
    if matches!(of.law.access, Access::Transistor { .. }) {
        net.cells.iter_mut().for_each(|c| c.on = true);
    }
    let u = net.solve(of, volts, watch)?;
    Ok(net.sensed(of, &u))
}
