//! The linear solve behind every Newton iteration: assembled entry by entry, factored when it changed, solved often.
//!
//! Callers know `clear`, `add`, `factor` and `solve` alone, so that a sparse matrix can stand here unnoticed.

/// A square matrix and its last factorisation (LU, partial pivoting), which outlives the next assembly.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matrix {
    n: usize,
    entries: Vec<f64>,
    /// What `lu` was made from, to see whether the entries changed; empty where there is no factorisation.
    factored: Vec<f64>,
    lu: Vec<f64>,
    pivots: Vec<usize>,
    factorisations: u64,
}

impl Matrix {
    /// All zero, `n` rows.
    pub fn clear(&mut self, n: usize) {
        self.n = n;
        self.entries.clear();
        self.entries.resize(n * n, 0.0);
    }

    /// Adds to one entry.
    pub fn add(&mut self, row: usize, column: usize, value: f64) {
        self.entries[row * self.n + column] += value;
    }

    /// Factors what was assembled, unless it is what was factored last.
    ///
    /// # Errors
    /// The unknown that no equation determines.
    pub fn factor(&mut self) -> Result<(), usize> {
        if !self.factored.is_empty() && self.factored == self.entries {
            return Ok(());
        }
        let n = self.n;
        self.factored.clear();
        self.lu.clone_from(&self.entries);
        self.pivots.clear();
        self.factorisations += 1;
        for k in 0..n {
            let largest = (0..n).map(|r| self.entries[r * n + k].abs()).fold(0.0, f64::max);
            let mut p = k;
            for r in k + 1..n {
                if self.lu[r * n + k].abs() > self.lu[p * n + k].abs() {
                    p = r;
                }
            }
            let pivot = self.lu[p * n + k];
            // What cancellation leaves of an undetermined column is a rounding error of its largest entry.
            if !pivot.is_finite() || pivot.abs() <= 4.0 * f64::EPSILON * largest {
                return Err(k);
            }
            self.pivots.push(p);
            if p != k {
                for c in 0..n {
                    self.lu.swap(k * n + c, p * n + c);
                }
            }
            let (above, below) = self.lu.split_at_mut((k + 1) * n);
            let head = &above[k * n..];
            for row in below.chunks_exact_mut(n) {
                if row[k] != 0.0 {
                    let factor = row[k] / pivot;
                    row[k] = factor;
                    for c in k + 1..n {
                        row[c] -= factor * head[c];
                    }
                }
            }
        }
        self.factored.clone_from(&self.entries);
        Ok(())
    }

    /// Solves with the last factorisation, in place.
    pub fn solve(&self, b: &mut [f64]) {
        let n = self.n;
        for (k, &p) in self.pivots.iter().enumerate() {
            b.swap(k, p);
        }
        for r in 1..n {
            let sum: f64 = (0..r).map(|c| self.lu[r * n + c] * b[c]).sum();
            b[r] -= sum;
        }
        for r in (0..n).rev() {
            let sum: f64 = (r + 1..n).map(|c| self.lu[r * n + c] * b[c]).sum();
            b[r] = (b[r] - sum) / self.lu[r * n + r];
        }
    }

    /// How many factorisations were made.
    pub fn factorisations(&self) -> u64 {
        self.factorisations
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assembled(n: usize, entries: &[f64]) -> Matrix {
        let mut m = Matrix::default();
        m.clear(n);
        for (at, &value) in entries.iter().enumerate() {
            m.add(at / n, at % n, value);
        }
        m
    }

    proptest! {
        #[test]
        fn a_solution_satisfies_its_equations(entries in prop::collection::vec(-1.0..1.0f64, 36), b in prop::collection::vec(-1.0..1.0f64, 6)) {
            let mut m = assembled(6, &entries);
            for k in 0..6 {
                m.add(k, (k + 1) % 6, 8.0); // dominant off the diagonal: nothing works without pivoting
            }
            m.factor().unwrap();
            let mut x = b.clone();
            m.solve(&mut x);
            for r in 0..6 {
                let product: f64 = (0..6).map(|c| m.entries[r * 6 + c] * x[c]).sum();
                prop_assert!((product - b[r]).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn an_unchanged_matrix_is_factored_once() {
        let mut m = assembled(2, &[2.0, 1.0, 1.0, 3.0]);
        m.factor().unwrap();
        m.clear(2);
        for (r, c, v) in [(0, 0, 2.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, 3.0)] {
            m.add(r, c, v);
        }
        m.factor().unwrap();
        assert_eq!(m.factorisations(), 1);
        m.add(1, 1, 1.0);
        m.factor().unwrap();
        assert_eq!(m.factorisations(), 2);
    }

    #[test]
    fn an_undetermined_unknown_is_named() {
        assert_eq!(assembled(3, &[1.0, 0.0, -1.0, 0.0, 5.0, 0.0, -1.0, 0.0, 1.0]).factor(), Err(2));
        // After a failure nothing is left that looks like a factorisation.
        let mut m = assembled(1, &[0.0]);
        assert_eq!(m.factor(), Err(0));
        assert_eq!(m.factor(), Err(0));
    }
}
