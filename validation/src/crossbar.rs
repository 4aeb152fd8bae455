//! Arrays that are asked of several tools, and how far two answers are apart.

use neurohm_array::wires::{
    CellLaw, Effective, LinearCrossbar, NonlinearCrossbar, NonlinearSolution, Saved, Solution, Wires,
    Workspace,
};
use neurohm_num::{Key, Purpose, Rows, Unwatched};

use crate::Result;

/// An array: its cells lie evenly in their logarithms between `ohm`'s, a part of them is open.
#[derive(Clone, Copy, Debug)]
pub struct Problem {
    pub rows: usize,
    pub columns: usize,
    pub inputs: usize,
    pub word_ohm: f64,
    pub bit_ohm: f64,
    /// Smallest and largest resistance of a cell.
    pub ohm: [f64; 2],
    pub open: f64,
    /// Smallest and largest voltage of a source.
    pub volt: [f64; 2],
}

impl Problem {
    /// Cells of 1 to 100 kohm, 1 ohm a segment, one input of 0 to 0.3 V.
    pub const fn new(rows: usize, columns: usize) -> Self {
        Self {
            rows,
            columns,
            inputs: 1,
            word_ohm: 1.0,
            bit_ohm: 1.0,
            ohm: [1e3, 1e5],
            open: 0.0,
            volt: [0.0, 0.3],
        }
    }

    pub const fn wires(self, word_ohm: f64, bit_ohm: f64) -> Self {
        Self { word_ohm, bit_ohm, ..self }
    }
}

/// A problem with its numbers.
pub struct Array {
    pub problem: Problem,
    /// Resistances, ohm, rows x columns.
    pub r: Vec<f64>,
    g: Vec<f64>,
    /// Voltages, V, inputs x rows.
    pub v: Vec<f64>,
    workspace: Workspace,
}

impl Array {
    pub fn new(problem: Problem) -> Self {
        let Problem { rows, columns, inputs, ohm, open, volt, .. } = problem;
        let stream = Key::root(17).child("crossbar", (rows * columns) as u64).stream(Purpose::Data, 0);
        let uniform = |element: usize| f64::from(stream.uniform(element as u64));
        let cells = rows * columns;
        let cell = |e: usize| {
            if uniform(e) < open {
                f64::INFINITY
            } else {
                ohm[0] * (ohm[1] / ohm[0]).powf(uniform(cells + e))
            }
        };
        let r: Vec<f64> = (0..cells).map(cell).collect();
        let g = r.iter().map(|r| 1.0 / r).collect();
        let v = (0..rows * inputs).map(|e| volt[0] + (volt[1] - volt[0]) * uniform(2 * cells + e)).collect();
        Self { problem, r, g, v, workspace: Workspace::default() }
    }

    /// Voltages as rows x inputs.
    pub fn v_by_line(&self) -> Vec<f64> {
        let Problem { rows, inputs, .. } = self.problem;
        (0..rows * inputs).map(|e| self.v[e % inputs * rows + e / inputs]).collect()
    }

    fn crossbar(&self) -> Result<LinearCrossbar<'_>> {
        let Problem { rows, columns, word_ohm, bit_ohm, .. } = self.problem;
        Ok(LinearCrossbar::new(Rows::new(&self.g, rows, columns)?, Wires::new(word_ohm, bit_ohm))?)
    }

    fn inputs(&self) -> Result<Rows<'_, f64>> {
        Ok(Rows::new(&self.v, self.problem.inputs, self.problem.rows)?)
    }

    /// Currents and node voltages.
    pub fn solution(&self) -> Result<Solution> {
        Ok(self.crossbar()?.eliminate(&self.workspace, &Unwatched)?.solve(self.inputs()?)?)
    }

    /// Currents alone.
    pub fn currents(&self) -> Result<(Effective, Vec<f64>)> {
        let effective = self.crossbar()?.effective(&self.workspace, &Unwatched)?;
        let currents = effective.currents(self.inputs()?)?;
        Ok((effective, currents))
    }

    /// Currents by the faster way.
    pub fn faster_currents(&self) -> Result<Vec<f64>> {
        Ok(self.crossbar()?.currents(self.inputs()?, &self.workspace, &Unwatched)?)
    }

    pub fn difficulty(&self) -> Result<f64> {
        Ok(self.crossbar()?.difficulty())
    }

    fn of_law(&self, law: CellLaw) -> Result<NonlinearCrossbar<'_>> {
        let linear = self.crossbar()?;
        Ok(NonlinearCrossbar::new(linear.conductances(), linear.wires(), law)?)
    }

    /// Currents and node voltages of the array with cells of a law.
    pub fn nonlinear(&self, law: CellLaw) -> Result<NonlinearSolution> {
        Ok(self.of_law(law)?.solve(self.inputs()?, &self.workspace, &Unwatched)?)
    }

    pub fn nonlinear_netlist(&self, law: CellLaw, saved: Saved) -> Result<String> {
        Ok(self.of_law(law)?.spice(self.inputs()?, saved, &self.workspace, &Unwatched)?)
    }

    pub fn netlist(&self, saved: Saved) -> Result<String> {
        Ok(self.crossbar()?.spice(self.inputs()?, saved)?)
    }
}

/// Largest difference of currents as a part of the largest of `b`.
pub fn relative(a: &[f64], b: &[f64]) -> f64 {
    apart(a, b) / b.iter().fold(f64::MIN_POSITIVE, |top, x| top.max(x.abs()))
}

/// Largest difference; not a number where the lengths differ or either is none.
pub fn apart(a: &[f64], b: &[f64]) -> f64 {
    if a.len() != b.len() {
        return f64::NAN;
    }
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |top, x| if x <= top { top } else { x })
}
