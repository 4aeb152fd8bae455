//! Whether the currents of a whole batch are solutions, at the price of one: a linear circuit answers a weighted sum of inputs
//! with the same sum of their currents (the idea of Freivalds, 1977, with weights that are not drawn).

use neurohm_num::{Rows, Watch};

use super::WireError;
use super::check;
use super::linear::{Eliminated, LinearCrossbar};

/// Properties of the currents of a batch of inputs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verified {
    /// Kirchhoff's current law: the largest sum of currents at a node, as a part of what its conductances would carry at the
    /// voltages around it.
    pub kcl: f64,
    /// The largest difference between what the cells of a bit line give and the current that was found for it, as a part of
    /// the largest current; less what rounding explains.
    pub balance: f64,
    /// The difference between what sources send into grounds and what grounds send into sources, as a part of either.
    pub reciprocity: f64,
}

/// Voltages below which currents have lost digits to the smallest numbers that there are, V.
const FAINTEST: f64 = 1e-280;

/// The weighted sum of all inputs, and that of their currents. Weights bring all inputs to a similar size, so that none hides
/// behind a stronger one.
fn together(inputs: Rows<f64>, currents: &[f64], columns: usize) -> (Vec<f64>, Vec<f64>) {
    let weights = check::pattern(inputs.rows());
    let (mut v, mut i) = (vec![0.0; inputs.cols()], vec![0.0; columns]);
    for (input, weight) in weights.into_iter().enumerate() {
        let row = inputs.row(input);
        let top = row.iter().fold(0.0f64, |t, v| t.max(v.abs()));
        if top > FAINTEST {
            v.iter_mut().zip(row).for_each(|(sum, v)| *sum += weight * (v / top));
            let found = &currents[input * columns..(input + 1) * columns];
            i.iter_mut().zip(found).for_each(|(sum, i)| *sum += weight * (i / top));
        }
    }
    (v, i)
}

impl Eliminated<'_> {
    /// Holds the currents that were found for a batch (inputs x columns, A) against Kirchhoff's law at all nodes, and the
    /// effective matrix against reciprocity.
    ///
    /// # Errors
    /// Other numbers of voltages or currents, or a solution that breaks Kirchhoff's law by more than rounding explains.
    pub fn verify(&self, inputs: Rows<f64>, currents: &[f64]) -> Result<Verified, WireError> {
        let crossbar = self.crossbar();
        let (v, i) = crossbar.together(inputs, currents)?;
        let terminals = [v, vec![0.0; crossbar.columns()]].concat();
        let (word, bit) = self.voltages(&terminals);
        let lines = Rows::new(&terminals, 1, terminals.len()).map_err(|_| crossbar.size())?;
        let (kcl, balance) = check::kirchhoff(&crossbar, lines, &i, &word, &bit)?;
        Ok(Verified { kcl, balance, reciprocity: self.reciprocity() })
    }
}

impl LinearCrossbar<'_> {
    /// The same without an elimination that can be walked back: node voltages come from conjugate gradients, which know nothing
    /// of how the currents were found. See [`Self::can_iterate`].
    ///
    /// # Errors
    /// As for [`Self::iterate`], and other numbers of voltages or currents.
    pub fn verify(
        &self,
        inputs: Rows<f64>,
        currents: &[f64],
        watch: &dyn Watch,
    ) -> Result<Verified, WireError> {
        let (v, i) = self.together(inputs, currents)?;
        let one = |values| Rows::new(values, 1, self.rows()).map_err(|_| self.size());
        let (solution, _) = self.iterate(one(&v)?, watch)?;
        let terminals = [&v[..], &vec![0.0; self.columns()]].concat();
        let lines = Rows::new(&terminals, 1, terminals.len()).map_err(|_| self.size())?;
        let (kcl, balance) = check::kirchhoff(self, lines, &i, &solution.word_v, &solution.bit_v)?;
        Ok(Verified { kcl, balance, reciprocity: self.iterated_reciprocity(&v, &i, watch)? })
    }

    fn together(&self, inputs: Rows<f64>, currents: &[f64]) -> Result<(Vec<f64>, Vec<f64>), WireError> {
        check::inputs("word lines", self.rows(), inputs)?;
        let (expected, found) = (inputs.rows() * self.columns(), currents.len());
        if expected != found {
            return Err(WireError::Voltages { what: "currents of bit lines", expected, found });
        }
        Ok(together(inputs, currents, self.columns()))
    }
}

#[cfg(test)]
mod tests {
    use neurohm_num::{Key, Purpose, Unwatched};

    use super::super::{Ends, Wires, Workspace};
    use super::*;

    fn array(m: usize, n: usize) -> (Vec<f64>, Vec<f64>) {
        let stream = Key::root(5).stream(Purpose::Data, 0);
        let u = |k: usize| f64::from(stream.uniform(k as u64));
        let g = (0..m * n).map(|k| 1e-5 + 1e-3 * u(k)).collect();
        (g, (0..4 * m).map(|k| 0.4 * u(m * n + k) - 0.2).collect())
    }

    #[test]
    fn both_ways_accept_the_currents_of_a_batch_and_find_one_that_is_wrong() {
        let (m, n) = (37, 23);
        let (g, mut v) = array(m, n);
        // A weak input is not hidden by strong ones.
        v[m..2 * m].iter_mut().for_each(|v| *v *= 1e-6);
        v[2 * m..3 * m].iter_mut().for_each(|v| *v *= 1e-309);
        let inputs = Rows::new(&v, 4, m).unwrap();
        let workspace = Workspace::default();
        for drivers in [Ends::One, Ends::Both] {
            let wires = Wires { drivers, driver_ohm: 20.0, ..Wires::new(2.0, 1.0) };
            let crossbar = LinearCrossbar::new(Rows::new(&g, m, n).unwrap(), wires).unwrap();
            let eliminated = crossbar.eliminate(&workspace, &Unwatched).unwrap();
            let currents = eliminated.effective().currents(inputs).unwrap();
            let near = eliminated.verify(inputs, &currents).unwrap();
            let far = crossbar.verify(inputs, &currents, &Unwatched).unwrap();
            for found in [near, far] {
                assert!(found.kcl < 1e-12 && found.balance < 1e-11 && found.reciprocity < 1e-11, "{found:?}");
            }
            let mut wrong = currents;
            wrong[n + 3] *= 1.0 + 1e-6;
            let limit = |found: Result<Verified, WireError>| matches!(found, Err(WireError::Residual { .. }));
            assert!(limit(eliminated.verify(inputs, &wrong)));
            assert!(limit(crossbar.verify(inputs, &wrong, &Unwatched)));
            assert!(matches!(
                eliminated.verify(inputs, &wrong[1..]),
                Err(WireError::Voltages { expected: 92, found: 91, .. })
            ));
        }
    }

    #[test]
    fn an_array_in_which_nothing_is_driven_is_verified() {
        let (g, _) = array(3, 4);
        let crossbar = LinearCrossbar::new(Rows::new(&g, 3, 4).unwrap(), Wires::new(1.0, 1.0)).unwrap();
        let zeros = [0.0; 6];
        let found = crossbar.verify(Rows::new(&zeros, 2, 3).unwrap(), &[0.0; 8], &Unwatched).unwrap();
        assert_eq!((found.kcl, found.balance), (0.0, 0.0));
    }
}
