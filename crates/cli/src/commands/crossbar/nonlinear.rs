//! Arrays of cells that do not obey Ohm's law.

use neurohm::array::wires::{LinearCrossbar, Workspace};
use neurohm::num::{Rows, Watch};
use neurohm::study::{ArrayFile, Arrays};

use super::cells::Nonlinear;
use super::solve::{NewtonSteps, Solved, put};
use crate::failure::Failure;

/// Solves for all inputs, `batch` of them at a time, and writes the voltages of all nodes where `nodes` says where to.
pub fn solve(
    crossbar: &LinearCrossbar,
    cells: &Nonlinear,
    inputs: Rows<f64>,
    batch: usize,
    nodes: Option<&mut Arrays>,
    watch: &dyn Watch,
) -> Result<Solved, Failure> {
    let workspace = Workspace::default();
    let (rows, columns, sets) = (crossbar.rows(), crossbar.columns(), inputs.rows());
    let array = cells.crossbar(crossbar)?;
    let shape = [rows, columns, sets];
    let mut files = match nodes {
        Some(arrays) => {
            vec![arrays.begin("word_line_v.npy", &shape)?, arrays.begin("bit_line_v.npy", &shape)?]
        }
        None => Vec::new(),
    };
    watch.begin("solving", Some(sets as u64));
    let mut solved = Solved { currents: Vec::with_capacity(sets * columns), ..Solved::default() };
    let mut newton = NewtonSteps::default();
    for first in (0..sets).step_by(batch) {
        let count = batch.min(sets - first);
        let found =
            array.solve(inputs.slice(first, count), &workspace, watch).map_err(|e| e.counted_from(first))?;
        for (file, planes) in files.iter_mut().zip([&found.word_v, &found.bit_v]) {
            put(file, planes, shape, first)?;
        }
        solved.currents.extend_from_slice(&found.currents);
        solved.checks.worst(found.kcl, found.balance, count);
        solved.checks.reciprocity = solved.checks.reciprocity.or(found.reciprocity);
        newton.steps += found.steps.iter().map(|s| u64::from(*s)).sum::<u64>();
        newton.most = newton.most.max(found.steps.iter().copied().max().unwrap_or(0));
        newton.switched_on = newton.switched_on.max(found.switched_on.iter().copied().max().unwrap_or(0));
    }
    files.into_iter().try_for_each(ArrayFile::end)?;
    solved.newton = Some(newton);
    Ok(solved)
}
