//! Crossbars of devices with equations, in time: what pulses on the lines do to every cell.
//!
//! Lines have resistance and no capacitance, so that at every instant the network is the one of `newton`, whose cells are
//! implicit steps of their devices: a step of time is solved for all node voltages and all states together. What has
//! capacitors is a circuit (`neurohm_circuit`), which solves small arrays like this one too.

use neurohm_device::compact::CellBank;
use neurohm_num::{Rows, Watch};

use super::cell::{Access, Branch, Place};
use super::linear::LinearCrossbar;
use super::newton::{Cells, Newton, Point};
use super::{WireError, Wires, Workspace, check};

/// Error of node voltages in a step of time, as a part of the largest one: far below what states resolve.
const ENOUGH: f64 = 1e-10;

/// How far voltages may bend within a step, as a part of the largest one: devices take them to be linear in time.
const BENT: f64 = 2e-3;

/// Change of a voltage within the iteration of one step, as a part of the largest one, below which a device is not asked again:
/// its slope tells, with an error in its current of about the square of this over what its current's exponent is.
const SETTLED: f64 = 2e-6;

/// Newton's steps until a shorter step of time is tried.
const PATIENCE: u32 = 12;

/// Tolerance of the states in a step of time, of their scale: writes end at bounds or are verified.
const TOLERANCE: f64 = 1e-4;

/// First step after the lines were driven, as a part of the whole time, and the shortest one.
const FIRST: f64 = 1e-3;
const SHORTEST: f64 = 1e-14;

/// Most steps of time until lines are driven to other voltages.
const STEPS: u32 = 1_000_000;

/// Steps that find the voltage between a device and what is in series with it.
const INNER_STEPS: u32 = 200;

/// Devices between word lines and bit lines. Voltages are against ground, word lines driven at their first cell and bit lines
/// held behind their last one, as in [`LinearCrossbar`].
pub struct DynamicCrossbar<'a> {
    rows: usize,
    columns: usize,
    wires: Wires,
    cells: DeviceCells,
    workspace: &'a Workspace,
}

/// What passed while lines were held at their voltages.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Passed {
    /// Time, s.
    pub t_s: f64,
    /// Energy from all lines, J: of cells, wires and what stands at their ends.
    pub energy_j: f64,
    /// Steps of time.
    pub steps: u32,
    /// Steps that were too long and tried again.
    pub rejected: u32,
}

impl Passed {
    /// Adds what passed afterwards.
    pub fn add(&mut self, more: Self) {
        self.t_s += more.t_s;
        self.energy_j += more.energy_j;
        self.steps += more.steps;
        self.rejected += more.rejected;
    }
}

/// Voltages and currents at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instant {
    /// Current into the end of each bit line, A.
    pub currents: Vec<f64>,
    /// Voltage of each cell's word-line node, V; rows x columns.
    pub word_v: Vec<f64>,
    /// Voltage of each cell's bit-line node, V; rows x columns.
    pub bit_v: Vec<f64>,
    /// Current of each cell from its word line to its bit line, A; rows x columns.
    pub cells_a: Vec<f64>,
}

impl<'a> DynamicCrossbar<'a> {
    /// One device of `bank` in each cell, row by row, each with `access` in series, at the ambient temperature `t_k`, K.
    ///
    /// # Errors
    /// Another number of devices than cells, resistances that are negative, infinite or not numbers, parameters of the
    /// selectors that are out of range, and threshold selectors, which are devices of their own in time.
    pub fn new(
        bank: Box<dyn CellBank>,
        (rows, columns): (usize, usize),
        wires: Wires,
        access: Access,
        t_k: f64,
        workspace: &'a Workspace,
    ) -> Result<Self, WireError> {
        if !(1..=65536).contains(&rows) || !(1..=65536).contains(&columns) {
            return Err(WireError::Size { rows, columns });
        }
        if bank.len() != rows * columns {
            return Err(WireError::Devices { devices: bank.len(), rows, columns });
        }
        wires.check()?;
        access.check()?;
        if [wires.word_ohm, wires.bit_ohm, wires.driver_ohm, wires.sense_ohm].contains(&f64::INFINITY) {
            let instead = "give segments, drivers and sense amplifiers finite resistances";
            return Err(WireError::NotInTime { what: "cut lines", instead });
        }
        if let Access::Threshold { .. } = access {
            let instead = "take an exponential selector, a diode or a transistor";
            return Err(WireError::NotInTime { what: "threshold selectors", instead });
        }
        let count = rows * columns;
        let mut bank = bank;
        bank.set_tolerance(TOLERANCE);
        let cells = DeviceCells {
            bank,
            columns,
            access,
            t_k,
            dt_s: 0.0,
            t_s: 0.0,
            rows_on: vec![true; rows],
            settled_v: 0.0,
            across: vec![0.0; count],
            started: vec![0.0; count],
            seen: vec![0.0; count],
            device: Currents::of(count),
            series: Currents::of(count),
        };
        Ok(Self { rows, columns, wires, cells, workspace })
    }

    /// Word lines.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bit lines.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The same devices in the same states.
    #[must_use]
    pub fn copy(&self) -> Self {
        let cells = DeviceCells {
            bank: self.cells.bank.snapshot(),
            rows_on: self.cells.rows_on.clone(),
            across: self.cells.across.clone(),
            started: self.cells.started.clone(),
            seen: self.cells.seen.clone(),
            device: self.cells.device.clone(),
            series: self.cells.series.clone(),
            ..self.cells
        };
        Self { cells, ..*self }
    }

    /// What is in series with each device.
    pub fn access(&self) -> Access {
        self.cells.access
    }

    /// Voltage across each device, V, right after the lines were driven last ([`Self::hold`]), before anything moved.
    pub fn started_v(&self) -> &[f64] {
        &self.cells.started
    }

    /// Turns the transistors of these rows on and of all others off.
    ///
    /// # Errors
    /// Another number of rows, or cells without transistors.
    pub fn select(&mut self, rows_on: &[bool]) -> Result<(), WireError> {
        if !self.cells.sees_ground() {
            return Err(WireError::NoGates);
        }
        if rows_on.len() != self.rows {
            let (what, expected, found) = ("rows of gates", self.rows, rows_on.len());
            return Err(WireError::Voltages { what, expected, found });
        }
        self.cells.rows_on.copy_from_slice(rows_on);
        Ok(())
    }

    /// States of all devices, row by row.
    pub fn states(&self) -> &[f64] {
        self.cells.bank.state()
    }

    /// Conductance of every device at `read_v` V across it, S, rows x columns, as contacts of its own would measure it; nothing
    /// moves.
    ///
    /// # Errors
    /// A device without an answer.
    pub fn conductances(&mut self, read_v: f64) -> Result<Vec<f64>, WireError> {
        let v = vec![read_v; self.rows * self.columns];
        let mut i = vec![0.0; v.len()];
        (self.cells.dt_s, self.cells.t_s) = (0.0, 0.0);
        self.cells.bank.solve(&v, self.cells.t_k, 0.0, &mut i, &mut []).map_err(|e| self.cells.failed(e))?;
        Ok(i.into_iter().map(|i| i / read_v).collect())
    }

    /// Voltages and currents for these voltages of all lines, V (those of the word lines, and behind them those at which the bit
    /// lines are held), as the devices stand; nothing moves.
    ///
    /// # Errors
    /// Another number of voltages than lines, one that is not finite, a device without an answer, a solution that breaks
    /// Kirchhoff's law, or the watch.
    pub fn read(&mut self, lines: &[f64], watch: &dyn Watch) -> Result<Instant, WireError> {
        let mut newton = self.newton(lines, watch)?;
        let mut at = Point::default();
        self.cells.settled_v = 0.0;
        (self.cells.dt_s, self.cells.t_s) = (0.0, 0.0);
        newton.solve(&mut self.cells, lines, &mut at)?;
        self.instant(lines, at)
    }

    /// Drives all lines to these voltages at once, V (as for [`Self::read`]), and holds them for `t_s` s while devices follow
    /// their equations.
    ///
    /// # Errors
    /// As for [`Self::read`], and a device that cannot be followed however short the step. Devices then stand where they
    /// were at the last good step.
    pub fn hold(&mut self, lines: &[f64], t_s: f64, watch: &dyn Watch) -> Result<Passed, WireError> {
        let mut newton = self.newton(lines, watch)?;
        let mut at = Point::default();
        let patient = newton.patience;
        let mut network = |cells: &mut DeviceCells| {
            newton.patience = if cells.dt_s > 0.0 { PATIENCE } else { patient };
            newton.solve(cells, lines, &mut at)?;
            Ok(power_w(lines, cells.columns, &at.i))
        };
        let top = lines.iter().fold(0.0f64, |t, v| t.max(v.abs()));
        self.cells.follow(&mut network, top, t_s, watch)
    }

    /// Drives every device by contacts of its own, without any line, to these voltages, V, rows x columns, and holds them for
    /// `t_s` s.
    ///
    /// # Errors
    /// As for [`Self::hold`].
    pub fn hold_each(&mut self, v: &[f64], t_s: f64, watch: &dyn Watch) -> Result<Passed, WireError> {
        let count = self.rows * self.columns;
        let each = Rows::new(v, 1, count).map_err(|_| {
            let (expected, found) = (count, v.len());
            WireError::Voltages { what: "cells", expected, found }
        })?;
        check::inputs("cells", count, each)?;
        let mut contacts = |cells: &mut DeviceCells| {
            cells.across.copy_from_slice(v);
            cells.solve_devices()?;
            Ok(v.iter().zip(&cells.device.i).map(|(v, i)| v * i).sum())
        };
        let top = v.iter().fold(0.0f64, |t, v| t.max(v.abs()));
        self.cells.follow(&mut contacts, top, t_s, watch)
    }

    fn newton<'b>(&self, lines: &[f64], watch: &'b dyn Watch) -> Result<Newton<'b>, WireError>
    where
        'a: 'b,
    {
        let size = |_| WireError::Size { rows: self.rows, columns: self.columns };
        let all = Rows::new(lines, 1, lines.len()).map_err(size)?;
        check::inputs("lines", self.rows + self.columns, all)?;
        let none = vec![0.0; self.rows * self.columns];
        let none = Rows::new(&none, self.rows, self.columns).map_err(size)?;
        let crossbar = LinearCrossbar::linearised(none, none, self.wires);
        Ok(Newton::new(&crossbar, ENOUGH, self.workspace, watch))
    }

    fn instant(&self, lines: &[f64], at: Point) -> Result<Instant, WireError> {
        let size = |_| WireError::Size { rows: self.rows, columns: self.columns };
        let g = Rows::new(&at.g, self.rows, self.columns).map_err(size)?;
        let crossbar = LinearCrossbar::linearised(g, g, self.wires);
        let currents = check::out_currents(&crossbar, &lines[self.rows..], &at);
        check::kirchhoff_of(&crossbar, lines, &currents, &at)?;
        Ok(Instant { currents, word_v: at.word, bit_v: at.bit, cells_a: at.i })
    }
}

/// What lines at these voltages give, W, for the currents of the cells between them.
fn power_w(lines: &[f64], columns: usize, i: &[f64]) -> f64 {
    let (words, bits) = lines.split_at(lines.len() - columns);
    let row = |(word, i): (&f64, &[f64])| i.iter().zip(bits).map(|(i, bit)| i * (word - bit)).sum::<f64>();
    words.iter().zip(i.chunks_exact(columns)).map(row).sum()
}

/// Currents of all cells and how they follow their voltages.
#[derive(Clone)]
struct Currents {
    i: Vec<f64>,
    g: Vec<f64>,
}

impl Currents {
    fn of(count: usize) -> Self {
        Self { i: vec![0.0; count], g: vec![0.0; count] }
    }
}

/// Devices of a bank, each with something in series, that make a step of time.
struct DeviceCells {
    bank: Box<dyn CellBank>,
    columns: usize,
    access: Access,
    t_k: f64,
    /// Length of the step that is being solved, s; 0 for an instant.
    dt_s: f64,
    /// When it begins, s after the lines were driven.
    t_s: f64,
    rows_on: Vec<bool>,
    /// Change of a voltage below which a device is not asked again, V.
    settled_v: f64,
    /// Voltage across each device, V: where its step was solved last.
    across: Vec<f64>,
    /// The same right after the lines were driven last.
    started: Vec<f64>,
    /// Voltage of each cell's bit-line node as a gate sees it.
    seen: Vec<f64>,
    device: Currents,
    series: Currents,
}

impl DeviceCells {
    fn sees_ground(&self) -> bool {
        matches!(self.access, Access::Transistor { .. })
    }

    fn failed(&self, (cell, source): (usize, neurohm_device::compact::ModelError)) -> WireError {
        let (row, column) = (cell / self.columns, cell % self.columns);
        WireError::Device { row, column, t_s: self.t_s, source }
    }

    /// The step of all devices to the voltages across them.
    fn solve_devices(&mut self) -> Result<(), WireError> {
        let Currents { i, g } = &mut self.device;
        self.bank.solve(&self.across, self.t_k, self.dt_s, i, g).map_err(|e| self.failed(e))
    }

    /// The same for devices in series with others, to the voltages `v` across both: both carry the same current.
    fn solve_series(&mut self, word: &[f64], bit: &[f64]) -> Result<(), WireError> {
        // Both voltages have the sign of the sum, and the difference of currents grows with the device's.
        let whole = |k: usize| word[k] - bit[k];
        let mut between: Vec<(f64, f64)> =
            (0..word.len()).map(|k| (whole(k).min(0.0), whole(k).max(0.0))).collect();
        self.across.iter_mut().zip(&between).for_each(|(u, (low, high))| *u = u.clamp(*low, *high));
        let mut left = 0.0;
        for _ in 0..INNER_STEPS {
            self.solve_devices()?;
            left = 0.0f64;
            let mut next = self.across.clone();
            for (k, next) in next.iter_mut().enumerate() {
                let u = self.across[k];
                let on = self.rows_on[k / self.columns];
                let place = Place { word_v: word[k], bit_v: bit[k], seen_v: self.seen[k], on };
                let series = self.access.branch(whole(k) - u, &place).unwrap_or(Branch { i: 0.0, g: 0.0 });
                (self.series.i[k], self.series.g[k]) = (series.i, series.g);
                let apart = self.device.i[k] - series.i;
                let (low, high) = &mut between[k];
                if apart > 0.0 {
                    *high = u;
                } else {
                    *low = u;
                }
                let newton = u - apart / (self.device.g[k].max(0.0) + series.g);
                *next = if newton >= *low && newton <= *high { newton } else { 0.5 * (*low + *high) };
                let scale = whole(k).abs().max(f64::MIN_POSITIVE);
                left = left.max((*next - u).abs() / scale);
            }
            if left <= 1e-13 {
                return Ok(());
            }
            self.across = next;
        }
        Err(WireError::NotConverged { steps: INNER_STEPS, left })
    }

    /// Follows the devices for `t_s` s under a network, which solves the step that is set and gives its power, W. Voltages are
    /// not above `top`.
    fn follow(
        &mut self,
        network: &mut dyn FnMut(&mut Self) -> Result<f64, WireError>,
        top: f64,
        t_s: f64,
        watch: &dyn Watch,
    ) -> Result<Passed, WireError> {
        self.settled_v = SETTLED * top;
        let mut passed = Passed::default();
        let shortest = SHORTEST * t_s;
        let mut power = self.instant(network, 0.0)?;
        self.started.copy_from_slice(&self.across);
        let mut wish = FIRST * t_s;
        let mut pace = Pace::new(&self.across, BENT * top.max(f64::MIN_POSITIVE));
        let mut to_event = None;
        while passed.t_s < t_s {
            watch.step(0)?;
            if passed.steps + passed.rejected >= STEPS {
                return Err(WireError::TooManySteps { steps: STEPS, t_s: passed.t_s, of_s: t_s });
            }
            let left = t_s - passed.t_s;
            let h = to_event.unwrap_or(wish).max(shortest);
            let lands = h >= 0.999 * left;
            // Two halves rather than a step and a sliver.
            let h = if lands { left } else { h.min(0.5 * left.max(h)) };
            (self.dt_s, self.t_s) = (h, passed.t_s);
            let end = match network(self) {
                Ok(end) => end,
                Err(WireError::Cancelled) => return Err(WireError::Cancelled),
                // Devices that switch faster than any step can tell: the voltages stay for that step, and follow after it.
                Err(_) if h <= shortest => {
                    self.across.copy_from_slice(&pace.from);
                    self.solve_devices()?;
                    self.bank.accept(&self.across);
                    passed.energy_j += power * h;
                    passed.t_s += h;
                    passed.steps += 1;
                    power = self.instant(network, passed.t_s)?;
                    pace = Pace::new(&self.across, pace.tolerance_v);
                    continue;
                }
                Err(_) => {
                    passed.rejected += 1;
                    (wish, to_event) = (0.25 * h, None);
                    continue;
                }
            };
            let error = self.bank.error().max(pace.bent(&self.across, h));
            let stretch = 0.9 * libm::cbrt(1.0 / error.max(1e-9));
            if error > 1.0 && h > shortest {
                passed.rejected += 1;
                (wish, to_event) = (h * stretch.clamp(0.1, 0.9), None);
                continue;
            }
            if let Some(at) = self.bank.first_event().filter(|at| *at < h * (1.0 - 1e-9) && h > shortest) {
                to_event = Some(at);
                continue;
            }
            self.bank.accept(&self.across);
            passed.energy_j += 0.5 * (power + end) * h;
            passed.t_s = if lands { t_s } else { passed.t_s + h };
            passed.steps += 1;
            if to_event.take().is_some() {
                // A jump of a device moves every voltage at once.
                power = self.instant(network, passed.t_s)?;
                pace = Pace::new(&self.across, pace.tolerance_v);
            } else {
                power = end;
                pace.accept(&self.across, h);
                wish = h * stretch.clamp(0.2, 4.0);
            }
        }
        Ok(passed)
    }

    /// The voltages at an instant, where they jump and states stay: the power.
    fn instant(
        &mut self,
        network: &mut dyn FnMut(&mut Self) -> Result<f64, WireError>,
        t_s: f64,
    ) -> Result<f64, WireError> {
        (self.dt_s, self.t_s) = (0.0, t_s);
        let power = network(self)?;
        self.bank.accept(&self.across);
        Ok(power)
    }
}

/// How voltages went, so that it is known how far from a straight line a step bends them.
struct Pace {
    tolerance_v: f64,
    from: Vec<f64>,
    /// The voltages before, and how long ago, s.
    before: Option<(Vec<f64>, f64)>,
}

impl Pace {
    fn new(at: &[f64], tolerance_v: f64) -> Self {
        Self { tolerance_v, from: at.to_vec(), before: None }
    }

    /// How far the voltages of a step of `h` s to `v` lie from a straight line within it, over what is tolerated. The distance
    /// from where the last step pointed is the curvature times `h (h + last) / 2`; within a step a straight line is off by
    /// the curvature times `h^2 / 8`.
    fn bent(&self, v: &[f64], h: f64) -> f64 {
        let most = match &self.before {
            None => v.iter().zip(&self.from).fold(0.0f64, |t, (v, f)| t.max((v - f).abs())) / 4.0,
            Some((before, last)) => {
                let ratio = h / last;
                let points = |(v, (f, b)): (&f64, (&f64, &f64))| (v - f - ratio * (f - b)).abs();
                let most = v.iter().zip(self.from.iter().zip(before)).map(points).fold(0.0, f64::max);
                most * h / (4.0 * (h + last))
            }
        };
        most / self.tolerance_v
    }

    fn accept(&mut self, v: &[f64], h: f64) {
        let mut old = self.before.take().map_or_else(|| self.from.clone(), |(before, _)| before);
        std::mem::swap(&mut old, &mut self.from);
        self.from.copy_from_slice(v);
        self.before = Some((old, h));
    }
}

impl Cells for DeviceCells {
    fn begin(&mut self, _word: &[f64], bit: &[f64]) {
        if self.sees_ground() {
            self.seen.copy_from_slice(bit);
        }
    }

    fn branches(&mut self, word: &[f64], bit: &[f64], i: &mut [f64], g: &mut [f64]) -> Result<(), WireError> {
        if self.access == Access::None {
            for (u, (w, b)) in self.across.iter_mut().zip(word.iter().zip(bit)) {
                if (w - b - *u).abs() > self.settled_v {
                    *u = w - b;
                }
            }
            self.solve_devices()?;
            for k in 0..i.len() {
                g[k] = self.device.g[k].max(0.0);
                i[k] = self.device.i[k] + g[k] * (word[k] - bit[k] - self.across[k]);
            }
            return Ok(());
        }
        self.solve_series(word, bit)?;
        for k in 0..i.len() {
            let (device, series) = (self.device.g[k].max(0.0), self.series.g[k]);
            // Of the two currents that of the smaller slope is the less sensitive to what is left.
            i[k] = if device < series { self.device.i[k] } else { self.series.i[k] };
            g[k] = if device + series > 0.0 { device * (series / (device + series)) } else { 0.0 };
        }
        Ok(())
    }

    fn lags(&self) -> bool {
        self.sees_ground()
    }
}
